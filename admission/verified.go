package admission

import (
	"container/list"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Clock tells the time.
type Clock func() time.Time

// verifications verifies each digest once for each policy, however many ask at the
// same time, and keeps the answer for a while.
type verifications struct {
	config    *Config
	resolver  Resolver
	verifiers []*attest.Verifier // by policy; nil if it asks for digests alone
	now       Clock
	slots     chan struct{} // bounds how many run

	mu      sync.Mutex
	answers map[answerKey]*list.Element // of *answer
	order   *list.List                  // the answers, the last used first
	running map[runKey]*run
}

// runKey is a verification that runs: others may have credentials that do more.
type runKey struct {
	answerKey
	puller string
}

// answerKey is what an answer is about. A summary names where the image comes from,
// so the repository belongs to it.
type answerKey struct {
	policy int
	name   string
	digest attest.Digest
}

type answer struct {
	key  answerKey
	why  string
	ok   bool
	made time.Time
	// until is when it ends; that of a good one is no later than the summary it
	// rests on.
	until time.Time
}

// run is a verification that others wait for.
type run struct {
	done chan struct{}
	answer
	err error
}

func newVerifications(c *Config, resolver Resolver, bundles attest.BundleVerifier, now Clock) (*verifications, error) {
	v := &verifications{
		config: c, resolver: resolver, now: now, verifiers: make([]*attest.Verifier, len(c.Policies)), slots: make(chan struct{}, limits.MaxVerifications),
		answers: map[answerKey]*list.Element{}, order: list.New(), running: map[runKey]*run{},
	}
	for i, p := range c.Policies {
		if p.Verify == nil {
			continue
		}
		verifier, err := attest.NewVerifier(*p.Verify, bundles, now)
		if err != nil {
			return nil, fmt.Errorf("the policy %q: %w", p.Name, err)
		}
		v.verifiers[i] = verifier
	}
	return v, nil
}

// check says whether the policy is content with the image, and why.
func (v *verifications) check(ctx context.Context, policy int, puller Puller, img registry.Image, digest attest.Digest) (why string, ok bool) {
	p := &v.config.Policies[policy]
	if p.good(digest) {
		return "its digest is listed", true
	}
	if p.Verify == nil {
		return "its digest " + string(digest) + " is not among those that are listed", false
	}
	key := answerKey{policy, img.Name(), digest}
	now := v.now()
	v.mu.Lock()
	old := v.answer(key)
	if old != nil && now.Before(old.until) {
		v.mu.Unlock()
		return old.why, old.ok
	}
	running := runKey{key, puller.key()}
	r := v.running[running]
	if r == nil {
		r = &run{done: make(chan struct{})}
		v.running[running] = r
		// It goes on when this request ends: others may wait for it, and the
		// API server asks again.
		go v.verify(context.WithoutCancel(ctx), running, puller, img, r)
	}
	v.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		return "it could not be verified in the time that the API server gives; try again", false
	}
	if r.err != nil {
		if old != nil && old.ok && now.Before(old.until.Add(v.config.Grace)) {
			return old.why + fmt.Sprintf(" (verified at %s; its registry does not answer now)", old.made.UTC().Format(time.RFC3339)), true
		}
		return r.err.Error(), false
	}
	return r.why, r.ok
}

// answer is what is known, or nil.
func (v *verifications) answer(key answerKey) *answer {
	e := v.answers[key]
	if e == nil {
		return nil
	}
	v.order.MoveToFront(e)
	return e.Value.(*answer)
}

func (v *verifications) verify(ctx context.Context, key runKey, puller Puller, img registry.Image, r *run) {
	ctx, cancel := context.WithTimeout(ctx, limits.VerificationTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // never an admission
			r.ok, r.err = false, fmt.Errorf("the verification failed: %v", p)
		}
		v.mu.Lock()
		delete(v.running, key)
		if r.err == nil {
			v.keep(&answer{key.answerKey, r.why, r.ok, r.made, r.until})
		}
		v.mu.Unlock()
		close(r.done)
	}()
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		r.err = fmt.Errorf("too many images are being verified; try again")
		return
	}
	found, err := v.resolver.Attestations(ctx, puller, img, key.digest)
	if err != nil {
		r.err = err
		return
	}
	uri := "pkg:oci/" + img.Repository[strings.LastIndexByte(img.Repository, '/')+1:] + "?repository_url=" + img.Name()
	artifact := attest.Artifact{Digest: key.digest, ResourceURIs: []string{uri}}
	summary, err := v.verifiers[key.policy].Verify(ctx, artifact, found)
	if err == nil && !summary.Passed() {
		var older []attest.Attestation
		if older, err = v.resolver.Older(ctx, puller, img, key.digest); err == nil && len(older) > 0 {
			summary, err = v.verifiers[key.policy].Verify(ctx, artifact, append(found, older...))
		}
	}
	if err != nil {
		r.err = err
		return
	}
	r.made, r.ok = v.now(), summary.Passed()
	var reasons []string
	for i, result := range summary.Requirements {
		if result.Met != r.ok {
			continue
		}
		reasons = append(reasons, result.PredicateType+": "+result.Reason)
		if r.ok {
			r.until = earlier(r.until, v.ends(key.policy, i, result))
		}
	}
	r.why = strings.Join(reasons, "; ")
	if !r.ok {
		r.until = r.made.Add(v.config.RetryAfter)
		return
	}
	r.until = earlier(r.until, r.made.Add(v.config.CacheFor))
}

// ends is when the youngest attestation of a requirement is too old; zero if age does
// not matter.
func (v *verifications) ends(policy, requirement int, result attest.RequirementResult) time.Time {
	age := v.config.Policies[policy].Verify.Require[requirement].MaxAge
	if age == 0 {
		return time.Time{}
	}
	var last time.Time
	for _, a := range result.Verified {
		if a.Time.After(last) {
			last = a.Time
		}
	}
	return last.Add(age)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// keep remembers an answer, and forgets the one that was not used for longest if there
// are too many.
func (v *verifications) keep(a *answer) {
	if e := v.answers[a.key]; e != nil {
		e.Value = a
		v.order.MoveToFront(e)
		return
	}
	v.answers[a.key] = v.order.PushFront(a)
	if v.order.Len() > limits.MaxVerifiedDigests {
		last := v.order.Back()
		v.order.Remove(last)
		delete(v.answers, last.Value.(*answer).key)
	}
}
