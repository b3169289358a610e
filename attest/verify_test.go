package attest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
)

// signer is a key of a test.
type signer struct {
	private *ecdsa.PrivateKey
	public  attest.PublicKey
}

func newSigner(t *testing.T) signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := attest.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return signer{private, public}
}

func (s signer) envelope(t *testing.T, payloadType string, payload []byte) attest.Envelope {
	t.Helper()
	sum := sha256.Sum256(attest.PAE(payloadType, payload))
	sig, err := ecdsa.SignASN1(rand.Reader, s.private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return attest.Envelope{PayloadType: payloadType, Payload: payload, Signatures: []attest.Signature{{Sig: sig}}}
}

// attestation is a statement that s signed, as a bare envelope.
func (s signer) attestation(t *testing.T, st attest.Statement) attest.Attestation {
	t.Helper()
	payload, err := st.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.envelope(t, attest.PayloadType, payload).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return attest.Attestation{Bytes: b, Origin: "test"}
}

func passing(t *testing.T, change func(*attest.VSAOptions, *gatehouse.Verdict)) attest.Statement {
	t.Helper()
	r, v := judged(t, gatehouse.OutcomePass, nil)
	o := options()
	if change != nil {
		change(&o, v)
	}
	s, err := attest.NewVSA(r, v, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func policyOf(s signer) attest.Policy {
	return attest.Policy{
		Authorities: []attest.Authority{{Name: "release", Keys: []attest.Key{{PublicKey: s.public}}, Verifiers: []string{"https://ci.example/gate"}}},
		Require: []attest.Requirement{{
			PredicateType: attest.PredicateVSA, Authorities: []string{"release"}, MaxAge: 24 * time.Hour,
			Summary: &attest.SummaryRequirement{Levels: []string{attest.LevelPassed, attest.LevelSecrets}, PolicyDigests: []attest.Digest{"sha256:" + someHex}},
		}},
	}
}

func artifact() attest.Artifact {
	return attest.Artifact{Digest: "sha256:" + someHex, ResourceURIs: []string{"pkg:oci/app?repository_url=registry.example/app"}}
}

func verify(t *testing.T, p attest.Policy, now time.Time, a attest.Artifact, found ...attest.Attestation) attest.Summary {
	t.Helper()
	v, err := attest.NewVerifier(p, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.Verify(t.Context(), a, found)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerify(t *testing.T) {
	s := newSigner(t)
	bundled, err := attest.KeyBundle(func() attest.Envelope {
		e, err := attest.ParseEnvelope(s.attestation(t, passing(t, nil)).Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}(), s.public)
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]attest.Attestation{
		"envelope": s.attestation(t, passing(t, nil)),
		"bundle":   {Bytes: bundled},
	} {
		t.Run(name, func(t *testing.T) {
			sum := verify(t, policyOf(s), noon.Add(time.Hour), artifact(), a)
			if !sum.Passed() {
				t.Fatalf("got %+v", sum.Requirements)
			}
			if good := sum.Requirements[0].Verified; len(good) != 1 || good[0].Authority != "release" || good[0].Signer != s.public.ID() || good[0].Digest != a.Digest() {
				t.Errorf("got %+v", good)
			}
		})
	}
}

// TestVerifyRefuses has, for each step, an attestation that passes all others.
// Guards against TM-18 and TM-21.
func TestVerifyRefuses(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	good := passing(t, nil)
	failedVerdict := func() attest.Statement {
		r, v := judged(t, gatehouse.OutcomeIncomplete, nil)
		st, err := attest.NewVSA(r, v, options())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}()
	edit := func(old, with string) attest.Attestation {
		payload, err := good.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(payload), old, with, 1)
		if changed == string(payload) {
			t.Fatalf("%q is not in %s", old, payload)
		}
		b, err := s.envelope(t, attest.PayloadType, []byte(changed)).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return attest.Attestation{Bytes: b}
	}
	tampered := func() attest.Attestation {
		e, err := attest.ParseEnvelope(s.attestation(t, failedVerdict).Bytes)
		if err != nil {
			t.Fatal(err)
		}
		e.Payload = []byte(strings.Replace(string(e.Payload), `"verificationResult":"FAILED"`, `"verificationResult":"PASSED"`, 1))
		b, _ := e.Marshal()
		return attest.Attestation{Bytes: b}
	}()
	otherType := func() attest.Attestation {
		payload, _ := good.Marshal()
		b, _ := s.envelope(t, "text/plain", payload).Marshal()
		return attest.Attestation{Bytes: b}
	}()
	hour := noon.Add(time.Hour)
	for name, tc := range map[string]struct {
		found    attest.Attestation
		now      time.Time
		artifact func(*attest.Artifact)
		policy   func(*attest.Policy)
		step     attest.Step
		want     string
	}{
		"no JSON":           {attest.Attestation{Bytes: []byte("x")}, hour, nil, nil, attest.StepFormat, "envelope"},
		"blob bundle":       {attest.Attestation{Bytes: []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""}},"messageSignature":{}}`)}, hour, nil, nil, attest.StepFormat, "blob"},
		"payload type":      {otherType, hour, nil, nil, attest.StepFormat, "text/plain"},
		"stranger":          {stranger.attestation(t, good), hour, nil, nil, attest.StepSignature, "no key of release"},
		"tampered":          {tampered, hour, nil, nil, attest.StepSignature, "no key of release"},
		"revoked":           {s.attestation(t, good), hour, nil, func(p *attest.Policy) { p.Authorities[0].Keys[0].Revoked = "it leaked" }, attest.StepSignature, "it leaked"},
		"key over":          {s.attestation(t, good), hour, nil, func(p *attest.Policy) { p.Authorities[0].Keys[0].NotAfter = noon }, attest.StepSignature, "does not count at"},
		"key not yet":       {s.attestation(t, good), hour, nil, func(p *attest.Policy) { p.Authorities[0].Keys[0].NotBefore = hour.Add(1) }, attest.StepSignature, "does not count at"},
		"other artifact":    {s.attestation(t, good), hour, func(a *attest.Artifact) { a.Digest = "sha256:" + attest.Digest(strings.Repeat("1", 64)) }, nil, attest.StepSubject, "not about this artifact"},
		"other verifier":    {s.attestation(t, passing(t, func(o *attest.VSAOptions, _ *gatehouse.Verdict) { o.VerifierID = "https://evil.example/gate" })), hour, nil, nil, attest.StepVerifier, "evil.example"},
		"prefix of URI":     {s.attestation(t, passing(t, func(o *attest.VSAOptions, _ *gatehouse.Verdict) { o.ResourceURI += "-evil" })), hour, nil, nil, attest.StepResource, "-evil"},
		"no URI expected":   {s.attestation(t, good), hour, func(a *attest.Artifact) { a.ResourceURIs = nil }, nil, attest.StepResource, "give the resource URI"},
		"not passed":        {s.attestation(t, failedVerdict), hour, nil, nil, attest.StepResult, "FAILED"},
		"unknown result":    {edit(`"verificationResult":"PASSED"`, `"verificationResult":"SOFTFAIL"`), hour, nil, nil, attest.StepPredicate, "SOFTFAIL"},
		"result in capital": {edit(`"verificationResult"`, `"VerificationResult"`), hour, nil, nil, attest.StepPredicate, "result"},
		"level missing":     {s.attestation(t, good), hour, nil, func(p *attest.Policy) { p.Require[0].Summary.Levels = []string{"SLSA_BUILD_LEVEL_1"} }, attest.StepLevels, "SLSA_BUILD_LEVEL_1"},
		"old":               {s.attestation(t, good), noon.Add(25 * time.Hour), nil, nil, attest.StepAge, "may be"},
		"from the future":   {s.attestation(t, good), noon.Add(-time.Hour), nil, nil, attest.StepAge, "future"},
		"without time":      {edit(`"timeVerified":"2026-11-02T12:00:00Z",`, ""), hour, nil, nil, attest.StepAge, "does not say when"},
		"other policy":      {s.attestation(t, good), hour, nil, func(p *attest.Policy) { p.Require[0].Summary.PolicyDigests[0] = "sha256:0" }, attest.StepPolicyDigest, "not an allowed one"},
	} {
		t.Run(name, func(t *testing.T) {
			p, a := policyOf(s), artifact()
			if tc.policy != nil {
				tc.policy(&p)
			}
			if tc.artifact != nil {
				tc.artifact(&a)
			}
			sum := verify(t, p, tc.now, a, tc.found)
			r := sum.Requirements[0]
			if sum.Passed() || r.Met || len(r.Verified) != 0 || len(r.Refused) != 1 {
				t.Fatalf("got %+v", sum)
			}
			if r.Refused[0].Step != tc.step || !strings.Contains(r.Refused[0].Reason, tc.want) {
				t.Errorf("got step %s: %s\nwant step %s with %q", r.Refused[0].Step, r.Refused[0].Reason, tc.step, tc.want)
			}
		})
	}
}

// TestVerifyNothing: what is missing never passes.
func TestVerifyNothing(t *testing.T) {
	if (attest.Summary{}).Passed() {
		t.Error("the zero summary passes")
	}
	s := newSigner(t)
	if sum := verify(t, policyOf(s), noon, artifact()); sum.Passed() || sum.Requirements[0].Reason != "there is no attestation" {
		t.Errorf("got %+v", sum)
	}
	other, err := attest.NewStatement(subject(), "https://spdx.dev/Document", struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if sum := verify(t, policyOf(s), noon, artifact(), s.attestation(t, other)); sum.Passed() || !strings.Contains(sum.Requirements[0].Reason, "of this type") {
		t.Errorf("an attestation of another type: got %+v", sum)
	}
	v, err := attest.NewVerifier(policyOf(s), nil, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := v.Verify(t.Context(), attest.Artifact{}, nil); err == nil || sum.Passed() {
		t.Error("an artifact without a digest passes")
	}
	if sum, err := v.Verify(t.Context(), artifact(), make([]attest.Attestation, 1000)); err == nil || sum.Passed() {
		t.Error("a thousand attestations are looked at")
	}
}

func TestThreshold(t *testing.T) {
	one, two := newSigner(t), newSigner(t)
	p := policyOf(one)
	p.Authorities = append(p.Authorities, attest.Authority{Name: "audit", Keys: []attest.Key{{PublicKey: two.public}}, Verifiers: p.Authorities[0].Verifiers})
	p.Require[0].Authorities = []string{"release", "audit"}
	p.Require[0].Threshold = 2
	st := passing(t, nil)
	if sum := verify(t, p, noon, artifact(), one.attestation(t, st), one.attestation(t, st)); sum.Passed() {
		t.Error("two signatures of one authority count as two")
	}
	if sum := verify(t, p, noon, artifact(), one.attestation(t, st), two.attestation(t, st)); !sum.Passed() {
		t.Errorf("got %+v", sum)
	}
}

func TestSLSALevels(t *testing.T) {
	s := newSigner(t)
	p := policyOf(s)
	st := passing(t, func(o *attest.VSAOptions, _ *gatehouse.Verdict) { o.SLSALevels = []string{"SLSA_BUILD_LEVEL_2"} })
	for level, want := range map[string]bool{
		"SLSA_BUILD_LEVEL_1": true, "SLSA_BUILD_LEVEL_2": true, "SLSA_BUILD_LEVEL_3": false, "SLSA_SOURCE_LEVEL_1": false,
		"SLSA_BUILD_LEVEL_": false, "GATEHOUSE_POLICY_PASSED": true, "GATEHOUSE_POLICY": false,
	} {
		p.Require[0].Summary.Levels = []string{level}
		if got := verify(t, p, noon, artifact(), s.attestation(t, st)).Passed(); got != want {
			t.Errorf("%s: got %v", level, got)
		}
	}
}

// bundles is a verifier of bundles that says what it is told to.
type bundles struct {
	signed attest.Signed
	err    error
}

func (b bundles) VerifyBundle([]byte, *attest.PublicKey, int, int) (attest.Signed, error) {
	return b.signed, b.err
}

func TestIdentity(t *testing.T) {
	s := newSigner(t)
	payload, err := passing(t, nil).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := s.envelope(t, attest.PayloadType, payload).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	bundle := attest.Attestation{Bytes: []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":"AA=="}},"dsseEnvelope":` + string(envelope) + `}`)}
	who := attest.Signed{Issuer: "https://issuer.example", Subject: "https://git.example/app/ci.yml@refs/heads/main", Times: []time.Time{noon}}
	for name, tc := range map[string]struct {
		identity attest.Identity
		bundles  bundles
		want     string // empty: it passes
	}{
		"exact":            {attest.Identity{Issuer: who.Issuer, Subject: who.Subject}, bundles{signed: who}, ""},
		"pattern":          {attest.Identity{Issuer: who.Issuer, SubjectPattern: `https://git\.example/app/.*@refs/heads/main`}, bundles{signed: who}, ""},
		"pattern is whole": {attest.Identity{Issuer: who.Issuer, SubjectPattern: `https://git\.example/app`}, bundles{signed: who}, "signed by"},
		"alternatives":     {attest.Identity{Issuer: who.Issuer, SubjectPattern: `x|https://git`}, bundles{signed: who}, "signed by"},
		"other issuer":     {attest.Identity{Issuer: "https://issuer.example.evil", Subject: who.Subject}, bundles{signed: who}, "signed by"},
		"no subject":       {attest.Identity{Issuer: who.Issuer, SubjectPattern: `.*`}, bundles{signed: attest.Signed{Issuer: who.Issuer}}, "signed by"},
		"does not verify":  {attest.Identity{Issuer: who.Issuer, Subject: who.Subject}, bundles{err: errors.New("no chain")}, "no chain"},
		"backdated":        {attest.Identity{Issuer: who.Issuer, Subject: who.Subject}, bundles{signed: attest.Signed{Issuer: who.Issuer, Subject: who.Subject, Times: []time.Time{noon.Add(-time.Hour)}}}, "after it was signed"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policyOf(s)
			p.Authorities[0].Keys, p.Authorities[0].Identity, p.Authorities[0].LogEntries = nil, &tc.identity, 1
			v, err := attest.NewVerifier(p, tc.bundles, func() time.Time { return noon })
			if err != nil {
				t.Fatal(err)
			}
			sum, err := v.Verify(t.Context(), artifact(), []attest.Attestation{bundle})
			if err != nil {
				t.Fatal(err)
			}
			if sum.Passed() != (tc.want == "") || !strings.Contains(sum.Requirements[0].Reason, tc.want) {
				t.Errorf("got %v: %s", sum.Passed(), sum.Requirements[0].Reason)
			}
			// The same envelope without its certificate is nobody's.
			if sum, err := v.Verify(t.Context(), artifact(), []attest.Attestation{{Bytes: envelope}}); err != nil || sum.Passed() {
				t.Errorf("a bare envelope: %v, %v", sum.Passed(), err)
			}
		})
	}
}

func TestPoliciesThatAreRefused(t *testing.T) {
	s := newSigner(t)
	for name, tc := range map[string]struct {
		change func(*attest.Policy)
		want   string
	}{
		"nothing required":  {func(p *attest.Policy) { p.Require = nil }, "nothing is required"},
		"nobody may":        {func(p *attest.Policy) { p.Require[0].Authorities = nil }, "names no authority"},
		"unknown authority": {func(p *attest.Policy) { p.Require[0].Authorities = []string{"release", "x"} }, `"x"`},
		"unused authority": {func(p *attest.Policy) {
			p.Authorities = append(p.Authorities, attest.Authority{Name: "x", Keys: []attest.Key{{PublicKey: newSigner(t).public}}})
		}, "not used"},
		"twice":              {func(p *attest.Policy) { p.Authorities = append(p.Authorities, p.Authorities[0]) }, "twice"},
		"no key":             {func(p *attest.Policy) { p.Authorities[0].Keys = nil }, "either keys or an identity"},
		"empty key":          {func(p *attest.Policy) { p.Authorities[0].Keys[0] = attest.Key{} }, "empty key"},
		"any verifier":       {func(p *attest.Policy) { p.Authorities[0].Verifiers = nil }, "could speak for any"},
		"no level":           {func(p *attest.Policy) { p.Require[0].Summary.Levels = nil }, "which levels"},
		"no summary":         {func(p *attest.Policy) { p.Require[0].Summary = nil }, "which levels"},
		"no age":             {func(p *attest.Policy) { p.Require[0].MaxAge = 0 }, "no maximum age"},
		"threshold too high": {func(p *attest.Policy) { p.Require[0].Threshold = 2 }, "wants 2 authorities"},
		"issuer missing": {func(p *attest.Policy) {
			p.Authorities[0].Keys, p.Authorities[0].Identity, p.Authorities[0].LogEntries = nil, &attest.Identity{Subject: "x"}, 1
		}, "issuer"},
		"no time": {func(p *attest.Policy) {
			p.Authorities[0].Keys, p.Authorities[0].Identity = nil, &attest.Identity{Subject: "x", Issuer: "y"}
		}, "neither a log entry"},
		"pattern broken": {func(p *attest.Policy) {
			p.Authorities[0].Keys, p.Authorities[0].Identity, p.Authorities[0].LogEntries = nil, &attest.Identity{SubjectPattern: "(", Issuer: "y"}, 1
		}, "regular expression"},
		"log without a root": {func(p *attest.Policy) { p.Authorities[0].LogEntries = 1 }, "trusted root"},
		"summary of an SBOM": {func(p *attest.Policy) { p.Require[0].PredicateType = "https://spdx.dev/Document" }, "which it is not"},
		"same key twice": {func(p *attest.Policy) {
			a := p.Authorities[0]
			a.Name = "b"
			p.Authorities = append(p.Authorities, a)
			p.Require[0].Authorities = []string{"release", "b"}
		}, "same key"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policyOf(s)
			tc.change(&p)
			if _, err := attest.NewVerifier(p, nil, time.Now); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestParseFile(t *testing.T) {
	a := newSigner(t).attestation(t, passing(t, nil)).Bytes
	for name, tc := range map[string]struct {
		text string
		n    int
		want string
	}{
		"one":       {string(a), 1, ""},
		"lines":     {string(a) + "\n" + string(a) + "\n", 2, ""},
		"empty":     {"", 0, "empty"},
		"blank":     {"\n \n", 0, "empty"},
		"cut":       {string(a) + "\n" + string(a[:50]), 0, "f:2"},
		"no object": {"[]", 0, "not a JSON object"},
		"too many":  {strings.Repeat("{}\n", 500), 0, "the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := attest.ParseFile("f", []byte(tc.text))
			if len(got) != tc.n || (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %d, %v", len(got), err)
			}
		})
	}
}
