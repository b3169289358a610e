package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Decision is the answer to a request. The zero value denies.
type Decision struct {
	Allowed bool
	// Message says why it is denied and what to do; empty if it is allowed.
	Message string
	// Warnings are shown to the user.
	Warnings []string
	// Audit are annotations for the audit log of the API server.
	Audit map[string]string
	// Patch pins images to digests; empty if nothing changes.
	Patch []Operation
}

// Operation is a step of a JSON patch (RFC 6902).
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Resolver finds out which digest a reference names now, and what is attested about
// it: first what is attached to it as it is done today, and only if that is not enough
// what is attached in older ways.
type Resolver interface {
	Resolve(ctx context.Context, p Puller, img registry.Image) (attest.Digest, error)
	Attestations(ctx context.Context, p Puller, img registry.Image, digest attest.Digest) ([]attest.Attestation, error)
	Older(ctx context.Context, p Puller, img registry.Image, digest attest.Digest) ([]attest.Attestation, error)
}

// Admitter answers requests. It is safe for concurrent use.
type Admitter struct {
	config   *Config
	parse    func(string) (registry.Image, error)
	resolver Resolver
	verified *verifications
	clock    Clock
}

// NewAdmitter makes an admitter. Bundles may be nil if no policy needs certificates.
func NewAdmitter(c *Config, parse func(string) (registry.Image, error), resolver Resolver, bundles attest.BundleVerifier, clock Clock) (*Admitter, error) {
	verified, err := newVerifications(c, resolver, bundles, clock)
	if err != nil {
		return nil, err
	}
	return &Admitter{config: c, parse: parse, resolver: resolver, verified: verified, clock: clock}, nil
}

// Validate decides about an object.
func (a *Admitter) Validate(ctx context.Context, r *Request) Decision {
	carriers, d := a.carriers(r)
	if carriers == nil {
		return d
	}
	d = Decision{Allowed: true, Audit: map[string]string{}}
	var denied []string
	done := map[string]bool{}
	for _, c := range carriers {
		if done[c.Image] {
			continue
		}
		done[c.Image] = true
		result := a.image(ctx, r, c)
		e := a.config.exception(r.Namespace, result.digest, a.clock())
		switch {
		case result.problem != "" && e != nil:
			d.Warnings = append(d.Warnings, fmt.Sprintf("an exception of %s until %s lets in what is denied otherwise (%s): %s", e.Approver, e.Expires.UTC().Format(time.RFC3339), e.Reason, result.problem))
			d.Audit["exception-"+fmt.Sprint(len(d.Audit)+1)] = fmt.Sprintf("%s in %s until %s, approved by %s: %s", e.Digest, e.Namespace, e.Expires.UTC().Format(time.RFC3339), e.Approver, e.Reason)
		case result.problem == "":
			d.Audit["image-"+fmt.Sprint(len(d.Audit)+1)] = result.said
		case result.mode == Enforce:
			denied = append(denied, result.problem)
		case result.mode == Warn:
			d.Warnings = append(d.Warnings, result.problem)
		default:
			d.Audit["would-deny-"+fmt.Sprint(len(d.Audit)+1)] = result.problem
		}
	}
	if len(denied) > 0 {
		d.Allowed = false
		d.Message = "gatehouse: " + strings.Join(denied, "; ")
	}
	return d
}

// Approve says which digest the image has that a pod in the namespace may run, and what
// it is called; what is only warned of is an error too.
func (a *Admitter) Approve(ctx context.Context, namespace, image string) (name string, digest attest.Digest, err error) {
	img, err := a.parse(image)
	if err != nil {
		return "", "", err
	}
	if img.Digest == "" {
		return "", "", fmt.Errorf("image %s has a tag, and may be another one when it is pulled: use its digest", img)
	}
	r := &Request{Kind: GroupVersionKind{Version: "v1", Kind: "Pod"}, Operation: "CREATE", Namespace: namespace}
	result := a.image(ctx, r, Carrier{Image: image})
	if result.problem != "" {
		return "", "", errors.New(result.problem)
	}
	return img.Name(), attest.Digest(img.Digest), nil
}

// Mutate pins the images of a pod to their digests. It decides nothing: what cannot be
// resolved stays as it is, and is denied when it is validated.
func (a *Admitter) Mutate(ctx context.Context, r *Request) Decision {
	d := Decision{Allowed: true}
	if r.Kind.Group != "" || r.Kind.Kind != "Pod" {
		return d
	}
	carriers, _ := a.carriers(r)
	for _, c := range carriers {
		img, err := a.parse(c.Image)
		if err != nil || img.Digest != "" || len(a.policies(r.Namespace, img)) == 0 {
			continue
		}
		digest, err := a.resolver.Resolve(ctx, c.puller(r), img)
		if err != nil {
			continue
		}
		d.Patch = append(d.Patch, Operation{"replace", c.Pointer, img.Name() + ":" + img.Tag + "@" + string(digest)})
	}
	return d
}

// carriers are the places with images to look at; nil if the decision is made without
// them.
func (a *Admitter) carriers(r *Request) ([]Carrier, Decision) {
	if r.Operation != "CREATE" && r.Operation != "UPDATE" {
		return nil, Decision{Allowed: true}
	}
	if r.SubResource != "" && r.SubResource != "ephemeralcontainers" {
		return nil, Decision{Allowed: true} // status, scale and such have no images
	}
	carriers, err := Carriers(r.Kind, r.Object, a.config.Custom)
	if errors.Is(err, errUnknownKind) {
		return nil, Decision{Message: fmt.Sprintf("gatehouse: %s: %v; name it under custom_resources, or take it out of the rules of the webhook", r.Kind, err)}
	}
	if err != nil {
		return nil, Decision{Message: fmt.Sprintf("gatehouse: %s %s/%s: %v", r.Kind, r.Namespace, r.Name, err)}
	}
	if len(carriers) > limits.MaxImagesOfObject {
		return nil, Decision{Message: fmt.Sprintf("gatehouse: the object has %d images, the limit is %d", len(carriers), limits.MaxImagesOfObject)}
	}
	if r.Operation == "UPDATE" && len(r.OldObject) > 0 {
		old, err := Carriers(r.Kind, r.OldObject, a.config.Custom)
		if err == nil {
			if carriers = newImages(carriers, old); len(carriers) == 0 {
				return nil, Decision{Allowed: true, Audit: map[string]string{"images": "unchanged"}}
			}
		}
	}
	return carriers, Decision{}
}

// puller is who pulls the image of a carrier in the object of a request.
func (c Carrier) puller(r *Request) Puller {
	p := c.Puller
	p.Namespace = r.Namespace
	return p
}

// policies are the places of those that are about an image in a namespace. If there is
// none, the registry of the image is not asked for anything.
func (a *Admitter) policies(namespace string, img registry.Image) []int {
	var out []int
	for i := range a.config.Policies {
		if a.config.Policies[i].about(namespace, img) {
			out = append(out, i)
		}
	}
	return out
}

// judged is what became of one image.
type judged struct {
	mode    Mode          // of the policy that objects
	problem string        // empty if it may be admitted
	said    string        // why it may
	digest  attest.Digest // empty if it is not known
}

// image judges one image by all policies that are about it; the strictest of those
// that object decides.
func (a *Admitter) image(ctx context.Context, r *Request, c Carrier) judged {
	img, err := a.parse(c.Image)
	if err != nil {
		return judged{problem: fmt.Sprintf("container %q: %v", c.Name, err)}
	}
	policies := a.policies(r.Namespace, img)
	if len(policies) == 0 {
		return judged{problem: fmt.Sprintf("image %s: no policy is about it, so nothing says whether it may run in the namespace %q", img, r.Namespace)}
	}
	digest := attest.Digest(img.Digest)
	isPod := r.Kind.Group == "" && r.Kind.Kind == "Pod"
	strictest := func(objects func(p *Policy) bool) (Mode, bool) {
		mode, found := Audit, false
		for _, i := range policies {
			if p := &a.config.Policies[i]; objects(p) {
				mode, found = min(mode, p.Mode), true
			}
		}
		return mode, found
	}
	if digest == "" {
		if mode, found := strictest(func(p *Policy) bool { return !p.AllowTags }); found && isPod && mode == Enforce {
			return judged{mode, fmt.Sprintf("image %s has a tag, and may be another one when it is pulled: use its digest, or let the mutating webhook pin it", img), "", ""}
		}
		if digest, err = a.resolver.Resolve(ctx, c.puller(r), img); err != nil {
			mode, _ := strictest(func(*Policy) bool { return true })
			return judged{mode, fmt.Sprintf("image %s: %v", img, err), "", ""}
		}
	}
	out := judged{mode: Audit, digest: digest}
	for _, i := range policies {
		p := &a.config.Policies[i]
		why, ok := a.verified.check(ctx, i, c.puller(r), img, digest)
		if ok {
			out.said = fmt.Sprintf("%s@%s: %s: %s", img.Name(), digest, p.Name, why)
			continue
		}
		if out.problem == "" || p.Mode < out.mode {
			out.mode = p.Mode
			out.problem = fmt.Sprintf("image %s: policy %q: %s. See: gatehouse verify %s@%s", img, p.Name, why, img.Name(), digest)
		}
	}
	return out
}

// good reports whether the digest is one of those that a policy lists.
func (p *Policy) good(d attest.Digest) bool { return slices.Contains(p.Digests, d) }
