package admission

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
	"github.com/gatehouse-sec/gatehouse/internal/strictyaml"
)

// Mode is what a policy does with what it objects to. The zero value denies.
type Mode int

// The modes.
const (
	// Enforce denies.
	Enforce Mode = iota
	// Warn admits, and tells the user.
	Warn
	// Audit admits, and only writes it down.
	Audit
)

// Policy is one rule for some images in some namespaces.
type Policy struct {
	Name string
	// Namespaces are those it is about, and Except those it is not; names with
	// * for any text. Empty Namespaces means all.
	Namespaces, Except []string
	// Images are patterns of registry/repository: * is any text without a
	// slash, and a last /** is all below. Never empty.
	Images []string
	Mode   Mode
	// Verify is what must be attested; nil if only Digests count.
	Verify *attest.Policy
	// Digests are good without an attestation, such as those of others' images
	// that somebody looked at.
	Digests []attest.Digest
	// AllowTags admits pods whose images have tags; what runs may then not be
	// what was verified.
	AllowTags bool
}

// Config is all that the webhook does.
type Config struct {
	Policies []Policy
	// Custom are kinds of custom resources with pods in them.
	Custom []CustomPath
	// TrustedRoot is the path of a trusted root; empty if none is needed.
	TrustedRoot string
	// CacheFor is how long a verified digest stays verified, and RetryAfter how
	// long one that is not does. Grace is how much longer the first counts if
	// its registry does not answer.
	CacheFor, RetryAfter, Grace time.Duration
	// PlainHTTP allows registries without TLS.
	PlainHTTP bool
	// RegistryCA is the path of certificates of authorities that registries are
	// believed by, besides those of the system; empty for none.
	RegistryCA string
	// Exceptions are those whose signatures were verified, over or not.
	Exceptions []Exception
}

// document is a configuration in YAML.
type document struct {
	Version  int              `yaml:"version"`
	Policies []policyDocument `yaml:"policies"`
	Custom   []struct {
		Group string `yaml:"group"`
		Kind  string `yaml:"kind"`
		Path  string `yaml:"path"`
	} `yaml:"custom_resources"`
	TrustedRoot string `yaml:"trusted_root"`
	Cache       struct {
		For   string `yaml:"for"`
		Retry string `yaml:"retry_after"`
		Grace string `yaml:"grace"`
	} `yaml:"cache"`
	PlainHTTP  bool   `yaml:"plain_http"`
	RegistryCA string `yaml:"registry_ca"`
	Exceptions struct {
		Keys  []string `yaml:"keys"`
		Files []string `yaml:"files"`
	} `yaml:"exceptions"`
}

type policyDocument struct {
	Name       string `yaml:"name"`
	Namespaces struct {
		Include []string `yaml:"include"`
		Exclude []string `yaml:"exclude"`
	} `yaml:"namespaces"`
	Images    []string               `yaml:"images"`
	Mode      string                 `yaml:"mode"`
	Verify    *attest.PolicyDocument `yaml:"verify"`
	Digests   []string               `yaml:"digests"`
	AllowTags bool                   `yaml:"allow_tags"`
}

// The default times of the cache.
const (
	defaultCacheFor   = 10 * time.Minute
	defaultRetryAfter = 10 * time.Second
	defaultGrace      = 0
)

// ParseConfig reads a configuration in YAML. Keys are read with readFile. Everything
// that is wrong is said at once; unknown keys are errors.
func ParseConfig(name string, data []byte, readFile func(string) ([]byte, error)) (*Config, error) {
	var d document
	if err := strictyaml.Decode(name, data, &d); err != nil {
		return nil, err
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(name+": "+format, args...)) }
	if d.Version != 1 {
		bad("version is %d, want 1", d.Version)
	}
	c := &Config{TrustedRoot: d.TrustedRoot, PlainHTTP: d.PlainHTTP, RegistryCA: d.RegistryCA, CacheFor: defaultCacheFor, RetryAfter: defaultRetryAfter, Grace: defaultGrace}
	for _, t := range []struct {
		key, text string
		to        *time.Duration
	}{{"cache.for", d.Cache.For, &c.CacheFor}, {"cache.retry_after", d.Cache.Retry, &c.RetryAfter}, {"cache.grace", d.Cache.Grace, &c.Grace}} {
		if t.text == "" {
			continue
		}
		v, err := attest.ParseAge(t.text)
		if err != nil {
			bad("%s: %w", t.key, err)
		}
		*t.to = v
	}
	for _, r := range d.Custom {
		if r.Kind == "" || r.Path == "" {
			bad("a custom resource needs kind and path, such as spec.template.spec")
		}
		c.Custom = append(c.Custom, CustomPath(r))
	}
	exceptions, err := d.exceptions(readFile)
	if err != nil {
		bad("exceptions: %w", err)
	}
	c.Exceptions = exceptions
	if len(d.Policies) == 0 {
		bad("there is no policy, so every image would be denied")
	}
	seen := map[string]bool{}
	for i, p := range d.Policies {
		policy, err := p.policy(name, readFile)
		switch {
		case p.Name == "":
			bad("policy %d has no name", i+1)
		case seen[p.Name]:
			bad("the policy %q is there twice", p.Name)
		}
		seen[p.Name] = true
		if err != nil {
			errs = append(errs, err)
		}
		if p.Verify != nil && p.Verify.TrustedRoot != "" {
			bad("the policy %q names a trusted root of its own; name the one of all policies beside them", p.Name)
		}
		c.Policies = append(c.Policies, policy)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// exceptions reads those that are named, and verifies who signed them.
func (d *document) exceptions(readFile func(string) ([]byte, error)) ([]Exception, error) {
	if len(d.Exceptions.Files) > 0 && len(d.Exceptions.Keys) == 0 {
		return nil, errors.New("there is no key that may sign them")
	}
	var keys []attest.PublicKey
	var out []Exception
	for _, name := range d.Exceptions.Keys {
		text, err := readFile(name)
		if err != nil {
			return nil, err
		}
		key, err := attest.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		keys = append(keys, key)
	}
	for _, name := range d.Exceptions.Files {
		text, err := readFile(name)
		if err != nil {
			return nil, err
		}
		e, err := ParseException(text, keys)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, e)
	}
	return out, nil
}

func (p policyDocument) policy(name string, readFile func(string) ([]byte, error)) (Policy, error) {
	out := Policy{Name: p.Name, Namespaces: p.Namespaces.Include, Except: p.Namespaces.Exclude, Images: p.Images, AllowTags: p.AllowTags}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: the policy %q "+format, append([]any{name, p.Name}, args...)...))
	}
	switch p.Mode {
	case "", "enforce":
	case "warn":
		out.Mode = Warn
	case "audit":
		out.Mode = Audit
	default:
		bad("has the mode %q, want enforce, warn or audit", p.Mode)
	}
	if len(p.Images) == 0 {
		bad(`is about no image; for all, write images: ["**"]`)
	}
	for _, pattern := range slices.Concat(p.Images, p.Namespaces.Include, p.Namespaces.Exclude) {
		if _, err := path.Match(strings.TrimSuffix(pattern, "**"), ""); err != nil || pattern == "" || strings.Contains(strings.TrimSuffix(pattern, "**"), "**") {
			bad("has the pattern %q: * stands for any text without a slash, and ** may only be at the end", pattern)
		}
	}
	for _, pattern := range p.Images {
		if pattern == "**" {
			continue
		}
		host, _, ok := strings.Cut(pattern, "/")
		if !ok || !strings.ContainsAny(host, ".:*") && host != "localhost" {
			bad("has the pattern %q without a registry; for Docker Hub, write index.docker.io/library/nginx", pattern)
		}
		if strings.Contains(pattern, "@") || strings.LastIndexByte(pattern, ':') > strings.IndexByte(pattern, '/') {
			bad("has the pattern %q with a tag or digest; patterns are about repositories", pattern)
		}
	}
	if p.Verify == nil && len(p.Digests) == 0 {
		bad("asks for nothing: give it verify or digests")
	}
	if p.Verify != nil {
		v, err := p.Verify.Policy(fmt.Sprintf("%s: the policy %q", name, p.Name), readFile)
		if err != nil {
			errs = append(errs, err)
		}
		out.Verify = &v
	}
	for _, text := range p.Digests {
		d, err := attest.ParseDigest(text)
		if err != nil {
			bad("has a digest that is none: %w", err)
		}
		out.Digests = append(out.Digests, d)
	}
	return out, errors.Join(errs...)
}

// about reports whether the policy is about an image in a namespace.
func (p *Policy) about(namespace string, img registry.Image) bool {
	any := func(patterns []string, text string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, text) })
	}
	return (len(p.Namespaces) == 0 || any(p.Namespaces, namespace)) && !any(p.Except, namespace) && any(p.Images, img.Name())
}

// matches compares whole parts between slashes, so that a pattern for one repository
// does not match one whose name starts the same.
func matches(pattern, text string) bool {
	if pattern == "**" {
		return true
	}
	want, got := strings.Split(pattern, "/"), strings.Split(text, "/")
	if want[len(want)-1] == "**" {
		want = want[:len(want)-1]
		if len(got) <= len(want) {
			return false
		}
		got = got[:len(want)]
	}
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], got[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
