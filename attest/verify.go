package attest

import (
	"context"
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// predicateProvenance starts the types of SLSA provenance of all versions.
const predicateProvenance = "https://slsa.dev/provenance/"

// clockSkew is how far ahead of ours the clock of a signer may be.
const clockSkew = 5 * time.Minute

// Step is a step of the verification of an attestation. The first seven are those
// of https://slsa.dev/spec/v1.2/verifying-vsa, in its order.
type Step string

// The steps.
const (
	StepSignature    Step = "signature"
	StepSubject      Step = "subject"
	StepPredicate    Step = "predicate-type"
	StepVerifier     Step = "verifier"
	StepResource     Step = "resource-uri"
	StepResult       Step = "result"
	StepLevels       Step = "levels"
	StepAge          Step = "age"
	StepPolicyDigest Step = "policy-digest"
	// StepFormat comes before all others: it is no attestation at all.
	StepFormat Step = "format"
)

// Artifact is what attestations are looked for.
type Artifact struct {
	// Digest may be empty if there are Others.
	Digest Digest
	// Others identify it in another way, as "algorithm:value", such as
	// gce_image_id:8970095005306000053; usually empty. Each must be that of a
	// subject too.
	Others []string
	// ResourceURIs are where it comes from, as a summary may call it; may be
	// empty.
	ResourceURIs []string
}

// check reports an artifact that nothing identifies.
func (a Artifact) check() error {
	for _, other := range a.Others {
		if algorithm, value, ok := strings.Cut(other, ":"); !ok || algorithm == "" || value == "" {
			return fmt.Errorf("%.100q is no digest: want algorithm:value", other)
		}
	}
	if a.Digest == "" && len(a.Others) > 0 {
		return nil
	}
	_, err := ParseDigest(string(a.Digest))
	return err
}

// isSubject reports whether a statement is about the artifact.
func (a Artifact) isSubject(s Statement) bool {
	if a.Digest != "" && !s.Has(a.Digest) || a.Digest == "" && len(a.Others) == 0 {
		return false
	}
	for _, other := range a.Others {
		algorithm, value, _ := strings.Cut(other, ":")
		if !slices.ContainsFunc(s.Subject, func(r ResourceDescriptor) bool { return value != "" && r.Digest[algorithm] == value }) {
			return false
		}
	}
	return true
}

// Signed is what a [BundleVerifier] knows of a bundle that it verified.
type Signed struct {
	// Issuer and Subject are those of the certificate; empty if a key signed.
	Issuer, Subject string
	// Times are the trusted times of the signature; may be empty for a key.
	Times []time.Time
}

// BundleVerifier verifies sigstore bundles against trusted roots: certificates,
// transparency logs, timestamps and the signature of the envelope.
type BundleVerifier interface {
	// VerifyBundle verifies the bundle with at least so many log entries and
	// timestamps. The signer is the key, or if it is nil whoever has the
	// certificate.
	VerifyBundle(bundle []byte, key *PublicKey, logEntries, timestamps int) (Signed, error)
}

// Verifier decides whether an artifact has the attestations that a policy asks
// for. It is safe for concurrent use.
type Verifier struct {
	policy  Policy
	bundles BundleVerifier
	now     func() time.Time
}

// NewVerifier makes a verifier, or says everything that is wrong with the policy.
// Bundles may be nil if the policy needs neither certificates, logs nor timestamps.
func NewVerifier(p Policy, bundles BundleVerifier, now func() time.Time) (*Verifier, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	for _, a := range p.Authorities {
		if bundles == nil && (a.Identity != nil || a.LogEntries+a.Timestamps > 0) {
			return nil, fmt.Errorf("the authority %q needs a trusted root", a.Name)
		}
	}
	return &Verifier{p, bundles, now}, nil
}

// Summary says what was verified about an artifact. Only a [Verifier] makes one that
// passes; the zero value does not.
type Summary struct {
	passed bool
	// Subject is the digest of the artifact.
	Subject Digest `json:"subject"`
	// Requirements are those of the policy, in its order.
	Requirements []RequirementResult `json:"requirements"`
}

// Passed reports whether all requirements are met.
func (s Summary) Passed() bool { return s.passed }

// RequirementResult is what became of a requirement.
type RequirementResult struct {
	PredicateType string `json:"predicate_type"`
	Met           bool   `json:"met"`
	// Reason says in a sentence why it is met or not, and what to do.
	Reason string `json:"reason"`
	// Verified are the attestations that count.
	Verified []Verified `json:"verified"`
	// Refused are those of the predicate type that do not, and why.
	Refused []Refusal `json:"refused"`
}

// Verified is an attestation that passed all steps.
type Verified struct {
	Origin string `json:"origin"`
	// Digest is that of the envelope or bundle.
	Digest Digest `json:"digest"`
	// Authority is the name of who signed, and Signer the key id or the
	// subject of the certificate.
	Authority string `json:"authority"`
	Signer    string `json:"signer"`
	// Time is when it was made, as far as is known.
	Time      time.Time `json:"time,omitzero"`
	Statement Statement `json:"statement"`
}

// Refusal is an attestation that does not count.
type Refusal struct {
	Origin string `json:"origin"`
	Digest Digest `json:"digest"`
	// Step is the first that failed for the authority that came furthest.
	Step Step `json:"step"`
	// Reason is a clause.
	Reason string `json:"reason"`
}

// stepError is an error of a step.
type stepError struct {
	step Step
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }

func failed(step Step, format string, args ...any) *stepError {
	return &stepError{step, fmt.Errorf(format, args...)}
}

// Verify looks at each attestation for each requirement. What is refused is in the
// summary with the reason; an error means that nothing can be said at all.
func (v *Verifier) Verify(ctx context.Context, artifact Artifact, found []Attestation) (Summary, error) {
	if err := artifact.check(); err != nil {
		return Summary{}, fmt.Errorf("verify: %w", err)
	}
	if len(found) > limits.MaxAttestations {
		return Summary{}, fmt.Errorf("verify %s: it has %d attestations, the limit is %d", artifact.Digest, len(found), limits.MaxAttestations)
	}
	docs := make([]document, len(found))
	for i, a := range found {
		docs[i] = read(a)
	}
	s := Summary{Subject: artifact.Digest, passed: true}
	for _, r := range v.policy.Require {
		if err := ctx.Err(); err != nil {
			return Summary{}, err
		}
		result := v.require(r, artifact, docs)
		s.passed = s.passed && result.Met
		s.Requirements = append(s.Requirements, result)
	}
	return s, nil
}

// document is an attestation that was parsed, and not verified.
type document struct {
	Attestation
	bundle    *Bundle // nil for a bare envelope
	envelope  Envelope
	statement Statement
	err       error // it is no attestation of a statement
}

func read(a Attestation) document {
	d := document{Attestation: a}
	if a.isBundle() {
		b, err := ParseBundle(a.Bytes)
		if err != nil {
			d.err = err
			return d
		}
		if b.Envelope == nil {
			d.err = errors.New("the bundle signs a blob, not a statement")
			return d
		}
		d.bundle, d.envelope = &b, *b.Envelope
	} else if d.envelope, d.err = ParseEnvelope(a.Bytes); d.err != nil {
		return d
	}
	d.statement, d.err = d.envelope.Statement()
	return d
}

// Parse reads what the attestation says, without verifying anything.
func (a Attestation) Parse() (Envelope, Statement, error) {
	d := read(a)
	return d.envelope, d.statement, d.err
}

func (v *Verifier) require(r Requirement, artifact Artifact, docs []document) RequirementResult {
	out := RequirementResult{PredicateType: r.PredicateType, Verified: []Verified{}, Refused: []Refusal{}}
	signers := map[string]bool{}
	others := 0
	for _, d := range docs {
		if d.err != nil {
			out.Refused = append(out.Refused, Refusal{d.Origin, d.Digest(), StepFormat, d.err.Error()})
			continue
		}
		// The type is not verified yet, but the same bytes are below.
		if d.statement.PredicateType != r.PredicateType {
			others++
			continue
		}
		good, err := v.anyAuthority(r, artifact, d)
		if err != nil {
			out.Refused = append(out.Refused, Refusal{d.Origin, d.Digest(), err.step, err.Error()})
			continue
		}
		signers[good.Authority] = true
		out.Verified = append(out.Verified, good)
	}
	want := max(r.Threshold, 1)
	out.Met = len(signers) >= want
	out.Reason = reason(out, want, len(signers), others)
	return out
}

func reason(r RequirementResult, want, have, others int) string {
	switch {
	case r.Met && want == 1:
		return "attested by " + r.Verified[0].Authority
	case r.Met:
		return fmt.Sprintf("attested by %d authorities, %d are needed", have, want)
	case have > 0:
		return fmt.Sprintf("attested by %d authorities, %d are needed", have, want)
	case len(r.Refused) == 0 && others == 0:
		return "there is no attestation"
	case len(r.Refused) == 0:
		return fmt.Sprintf("none of the %d attestations is of this type", others)
	case len(r.Refused) == 1:
		return "the only attestation does not count: " + r.Refused[0].Reason
	}
	return fmt.Sprintf("none of the %d attestations counts; the first: %s", len(r.Refused), r.Refused[0].Reason)
}

// order is how far an attestation came, to name the most telling reason.
var order = []Step{StepFormat, StepSignature, StepSubject, StepPredicate, StepVerifier, StepResource, StepResult, StepLevels, StepAge, StepPolicyDigest}

func (v *Verifier) anyAuthority(r Requirement, artifact Artifact, d document) (Verified, *stepError) {
	var furthest *stepError
	for _, a := range v.policy.Authorities {
		if !slices.Contains(r.Authorities, a.Name) {
			continue
		}
		good, err := v.one(r, a, artifact, d)
		if err == nil {
			return good, nil
		}
		if furthest == nil || slices.Index(order, err.step) > slices.Index(order, furthest.step) {
			furthest = err
		}
	}
	return Verified{}, furthest
}

func (v *Verifier) one(r Requirement, a Authority, artifact Artifact, d document) (Verified, *stepError) {
	signer, signed, err := v.signature(a, d)
	if err != nil {
		return Verified{}, err
	}
	if !artifact.isSubject(d.statement) {
		return Verified{}, failed(StepSubject, "it is about %s, not about this artifact", names(d.statement.Subject))
	}
	good := Verified{Origin: d.Origin, Digest: d.Digest(), Authority: a.Name, Signer: signer, Statement: d.statement}
	if len(signed.Times) > 0 {
		good.Time = slices.MinFunc(signed.Times, time.Time.Compare)
	}
	switch {
	case r.PredicateType == PredicateVSA:
		made, err := v.summary(r, a, artifact, d, good.Time)
		if err != nil {
			return Verified{}, err
		}
		good.Time = made
		return good, nil
	case strings.HasPrefix(r.PredicateType, predicateProvenance):
		if err := builder(a, d.statement); err != nil {
			return Verified{}, err
		}
	}
	if r.MaxAge > 0 {
		if good.Time.IsZero() {
			return Verified{}, failed(StepAge, "it has no trusted timestamp, so its age is not known")
		}
		if err := v.age(good.Time, r.MaxAge); err != nil {
			return Verified{}, err
		}
	}
	return good, nil
}

// signature finds out whether the authority signed, and when.
func (v *Verifier) signature(a Authority, d document) (signer string, signed Signed, _ *stepError) {
	if a.Identity != nil {
		if d.bundle == nil || !d.bundle.Certificate {
			return "", signed, failed(StepSignature, "it has no certificate, which %s needs", a.Name)
		}
		signed, err := v.bundles.VerifyBundle(d.Bytes, nil, a.LogEntries, a.Timestamps)
		if err != nil {
			return "", signed, failed(StepSignature, "the certificate or the signature does not verify: %w", err)
		}
		if !a.Identity.Matches(signed.Issuer, signed.Subject) {
			return "", signed, failed(StepSignature, "it is signed by %q, whom %q vouches for, and not by %s", signed.Subject, signed.Issuer, a.Name)
		}
		return signed.Subject, signed, nil
	}
	if d.bundle != nil && d.bundle.Certificate {
		return "", signed, failed(StepSignature, "it is signed with a certificate, and %s has a key", a.Name)
	}
	message := PAE(d.envelope.PayloadType, d.envelope.Payload)
	for _, k := range a.Keys {
		if !slices.ContainsFunc(d.envelope.Signatures, func(s Signature) bool { return k.Verify(message, s.Sig) == nil }) {
			continue
		}
		if k.Revoked != "" {
			return "", signed, failed(StepSignature, "the key %s of %s is revoked: %s", k.ID(), a.Name, k.Revoked)
		}
		if a.LogEntries+a.Timestamps > 0 {
			if d.bundle == nil {
				return "", signed, failed(StepSignature, "it is a bare envelope, without the log entry or timestamp that %s needs", a.Name)
			}
			var err error
			if signed, err = v.bundles.VerifyBundle(d.Bytes, &k.PublicKey, a.LogEntries, a.Timestamps); err != nil {
				return "", signed, failed(StepSignature, "the log entry or timestamp does not verify: %w", err)
			}
		}
		times := signed.Times
		if len(times) == 0 {
			times = []time.Time{v.now()}
		}
		for _, t := range times {
			if t.Before(k.NotBefore) || !k.NotAfter.IsZero() && t.After(k.NotAfter) {
				return "", signed, failed(StepSignature, "the key %s of %s does not count at %s", k.ID(), a.Name, t.UTC().Format(time.RFC3339))
			}
		}
		return k.ID(), signed, nil
	}
	return "", signed, failed(StepSignature, "no key of %s made the signature", a.Name)
}

// summary checks what a verification summary says, and returns when it was made.
func (v *Verifier) summary(r Requirement, a Authority, artifact Artifact, d document, signed time.Time) (time.Time, *stepError) {
	s, err := ParseVSA(d.statement)
	if err != nil {
		return time.Time{}, failed(StepPredicate, "%w", err)
	}
	if !slices.Contains(a.Verifiers, s.Verifier.ID) {
		return time.Time{}, failed(StepVerifier, "it speaks for the verifier %q, for which %s may not sign", s.Verifier.ID, a.Name)
	}
	uris := r.Summary.ResourceURIs
	if len(uris) == 0 {
		uris = artifact.ResourceURIs
	}
	if !slices.Contains(uris, s.ResourceURI) {
		return time.Time{}, failed(StepResource, "it is about the artifact as %q, expected is %s", s.ResourceURI, quoted(uris))
	}
	if s.VerificationResult != ResultPassed {
		return time.Time{}, failed(StepResult, "the result is %s", s.VerificationResult)
	}
	for _, level := range r.Summary.Levels {
		if !hasLevel(s.VerifiedLevels, level) {
			return time.Time{}, failed(StepLevels, "the level %s is not among those it has: %s", level, strings.Join(s.VerifiedLevels, ", "))
		}
	}
	if s.TimeVerified.IsZero() {
		return time.Time{}, failed(StepAge, "it does not say when it was made")
	}
	if !signed.IsZero() && s.TimeVerified.After(signed.Add(clockSkew)) {
		return time.Time{}, failed(StepAge, "it says it was made at %s, after it was signed at %s", s.TimeVerified.UTC().Format(time.RFC3339), signed.UTC().Format(time.RFC3339))
	}
	if err := v.age(s.TimeVerified, r.MaxAge); err != nil {
		return time.Time{}, err
	}
	if allowed := r.Summary.PolicyDigests; len(allowed) > 0 && !slices.Contains(allowed, s.Policy.SHA256()) {
		return time.Time{}, failed(StepPolicyDigest, "it was judged by the policy %q, which is not an allowed one", s.Policy.SHA256())
	}
	return s.TimeVerified, nil
}

func (v *Verifier) age(made time.Time, limit time.Duration) *stepError {
	age := v.now().Sub(made)
	switch {
	case age > limit:
		return failed(StepAge, "it was made at %s, %s ago, and may be %s old", made.UTC().Format(time.RFC3339), age.Round(time.Minute), limit)
	case age < -clockSkew:
		return failed(StepAge, "it was made at %s, which is in the future", made.UTC().Format(time.RFC3339))
	}
	return nil
}

// hasLevel reports whether a level is among those verified, or a higher one of its
// track.
//
// https://slsa.dev/spec/v1.2/verifying-vsa
func hasLevel(have []string, want string) bool {
	track, n, ok := slsaLevel(want)
	for _, level := range have {
		if level == want {
			return true
		}
		if t, m, good := slsaLevel(level); ok && good && t == track && m >= n {
			return true
		}
	}
	return false
}

// slsaLevel splits SLSA_BUILD_LEVEL_3 into its track and number.
func slsaLevel(s string) (track string, n int, ok bool) {
	track, digit, found := strings.Cut(s, "_LEVEL_")
	if !found || !strings.HasPrefix(track, "SLSA_") || len(digit) != 1 || digit[0] < '0' || digit[0] > '9' {
		return "", 0, false
	}
	return track, int(digit[0] - '0'), true
}

// builder checks that the authority may speak for the builder of a provenance.
func builder(a Authority, s Statement) *stepError {
	var p struct {
		RunDetails struct {
			Builder struct {
				ID string `json:"id"`
			} `json:"builder"`
		} `json:"runDetails"`
		Builder struct { // of version 0.2
			ID string `json:"id"`
		} `json:"builder"`
	}
	if err := jsonv2.Unmarshal(s.Predicate, &p, jsontext.AllowDuplicateNames(false)); err != nil {
		return failed(StepPredicate, "the predicate is not a provenance: %w", err)
	}
	id := p.RunDetails.Builder.ID
	if s.PredicateType != predicateProvenance+"v1" {
		id = p.Builder.ID
	}
	if !slices.Contains(a.Verifiers, id) {
		return failed(StepVerifier, "it speaks for the builder %q, for which %s may not sign", id, a.Name)
	}
	return nil
}

func names(subject []ResourceDescriptor) string {
	var out []string
	for _, r := range subject {
		d := string(r.SHA256())
		for _, algorithm := range slices.Sorted(maps.Keys(r.Digest)) {
			if d == "" {
				d = algorithm + ":" + r.Digest[algorithm]
			}
		}
		out = append(out, d)
	}
	if len(out) > 3 {
		out = append(out[:3], fmt.Sprintf("%d more", len(out)-3))
	}
	return strings.Join(out, ", ")
}

func quoted(list []string) string {
	if len(list) == 0 {
		return "none: give the resource URI"
	}
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%q", s))
	}
	return strings.Join(out, " or ")
}
