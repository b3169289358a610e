package lint_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/lint"
	"github.com/gatehouse-sec/gatehouse/attest/store"
)

const digest = "a948904f2f0f479b8a8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447"

// good is a statement that everybody accepts.
const good = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"` + digest + `"}}],` +
	`"predicateType":"https://slsa.dev/verification_summary/v1","predicate":{"verifier":{"id":"https://ci.example/gate","version":{"gate":"1"}},` +
	`"timeVerified":"2026-11-01T00:00:00Z","resourceUri":"pkg:oci/app?repository_url=registry.example/team/app","policy":{"uri":"https://ci.example/policy","digest":{"sha256":"` + digest + `"}},` +
	`"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3","GATEHOUSE_POLICY_PASSED"],"dependencyLevels":{"SLSA_BUILD_LEVEL_1":2},"slsaVersion":"1.2"}}`

func envelope(payloadType, statement string, signatures ...string) string {
	if len(signatures) == 0 {
		signatures = []string{`{"sig":"YWJj"}`}
	}
	return fmt.Sprintf(`{"payloadType":%q,"payload":%q,"signatures":[%s]}`, payloadType, base64.StdEncoding.EncodeToString([]byte(statement)), strings.Join(signatures, ","))
}

func bundle(mediaType, material, content string) string {
	return fmt.Sprintf(`{"mediaType":%q,"verificationMaterial":{%s},%s}`, mediaType, material, content)
}

// certificate is one on the curve, in the encoding of bundles.
func certificate(t *testing.T, curve elliptic.Curve) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(2e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"rawBytes":%q}`, base64.StdEncoding.EncodeToString(der))
}

func ids(r lint.Result, levels ...lint.Level) []string {
	var out []string
	for _, p := range r.Problems {
		if slices.Contains(levels, p.Level) {
			out = append(out, p.ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Each change of the good statement breaks one rule and no other.
func TestStatements(t *testing.T) {
	replace := func(old, replacement string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the good statement has no %s", old)
		}
		return strings.Replace(good, old, replacement, 1)
	}
	for _, test := range []struct{ rule, statement string }{
		{"", good},
		{"statement-json", "[]"},
		{"duplicate-key", replace(`"predicate":{`, `"predicate":{"resourceUri":"x:y",`)},
		{"duplicate-key", replace(`"subject":[`, `"subject":[],"subject":[`)},
		{"statement-type", replace("Statement/v1", "Statement/v2")},
		{"statement-v01", replace("Statement/v1", "Statement/v0.1")},
		{"unknown-field", replace(`"predicateType"`, `"predicate_type":"x","predicateType"`)},
		{"unknown-field", replace(`"name":"app"`, `"name":"app","purl":"x"`)},
		{"wrong-shape", replace(`"name":"app"`, `"name":1`)},
		{"no-sha256", replace(`"sha256"`, `"sha512_256"`)},
		{"digest-form", replace(digest, strings.ToUpper(digest))},
		{"no-predicate-type", replace(`"predicateType":"https://slsa.dev/verification_summary/v1",`, "")},
		{"predicate-object", `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + digest + `"}}],"predicateType":"x:y","predicate":[]}`},
		{"predicate-type-form", `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + digest + `"}}],"predicateType":"xy","predicate":{}}`},
		{"predicate-type-variant", `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + digest + `"}}],"predicateType":"https://spdx.dev/Document/v2.3","predicate":{}}`},
		{"big-integer", replace(`"slsaVersion"`, `"https://x.example/n":9007199254740993,"slsaVersion"`)},
		{"vsa-type", replace("https://slsa.dev/verification_summary/v1", "https://conforma.dev/verification_summary/v1")},
		{"vsa-shape", replace(`"SLSA_BUILD_LEVEL_1":2`, `"SLSA_BUILD_LEVEL_1":"2"`)},
		{"vsa-shape", replace(`"version":{"gate":"1"}`, `"version":"1"`)},
		{"vsa-shape", replace("2026-11-01T00:00:00Z", "yesterday")},
		{"vsa-required", replace(`"resourceUri":"pkg:oci/app?repository_url=registry.example/team/app",`, "")},
		{"vsa-required", replace(`"id":"https://ci.example/gate",`, "")},
		{"vsa-policy-uri", replace(`"uri":"https://ci.example/policy",`, "")},
		{"vsa-policy-digest", replace(`,"digest":{"sha256":"`+digest+`"}},"verificationResult"`, `},"verificationResult"`)},
		{"vsa-time", replace(`"timeVerified":"2026-11-01T00:00:00Z",`, "")},
		{"vsa-result", replace("PASSED", "SOFTFAIL")},
		{"vsa-level-form", replace("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_REPRODUCED")},
		{"vsa-level-form", replace("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_UNEVALUATED")},
		{"vsa-level-twice", replace("GATEHOUSE_POLICY_PASSED", "SLSA_BUILD_LEVEL_2")},
		{"vsa-failed-level", replace("GATEHOUSE_POLICY_PASSED", "FAILED")},
		{"vsa-resource-tag", replace("pkg:oci/app?", "pkg:oci/app@1.2?")},
		{"vsa-resource-tag", replace("pkg:oci/app?repository_url=registry.example/team/app", "registry.example/team/app:1.2")},
		{"vsa-input-digest", replace(`"slsaVersion"`, `"inputAttestations":[{"uri":"x:y"}],"slsaVersion"`)},
		{"vsa-extension-name", replace(`"slsaVersion"`, `"extra":1,"slsaVersion"`)},
		{"vsa-slsa-version", replace(`"1.2"`, `"v1"`)},
	} {
		r := lint.Attestation(attest.Attestation{Bytes: []byte(envelope(attest.PayloadType, test.statement))})
		got := strings.Join(ids(r, lint.Refused, lint.Misread, lint.Note), " ")
		if got != test.rule {
			t.Errorf("%s: got %q for %s", test.rule, got, test.statement)
		}
	}
}

// A failed summary is refused by who reads it, and counts for who does not.
func TestFailedSummary(t *testing.T) {
	failed := strings.Replace(strings.Replace(good, `"PASSED"`, `"FAILED"`, 1), `"SLSA_BUILD_LEVEL_3","GATEHOUSE_POLICY_PASSED"`, `"FAILED"`, 1)
	r := lint.Attestation(attest.Attestation{Bytes: []byte(envelope(attest.PayloadType, failed))})
	if got := ids(r, lint.Refused, lint.Misread); !slices.Equal(got, []string{"release-verdict-confusion", "vsa-failed"}) {
		t.Errorf("got %v", got)
	}
	if got := r.Status(lint.Cosign); got != "misreads" {
		t.Errorf("cosign: %s", got)
	}
	if got := r.Status(lint.SLSAVerifier); got != "refuses" {
		t.Errorf("slsa-verifier: %s", got)
	}
	r = lint.Attestation(attest.Attestation{Bytes: []byte(envelope(attest.VerdictType, failed))})
	if got := ids(r, lint.Refused, lint.Misread); !slices.Equal(got, []string{"payload-type", "vsa-failed"}) {
		t.Errorf("in an envelope of its own type: got %v", got)
	}
	if got := r.Status(lint.Cosign); got != "refuses" {
		t.Errorf("cosign: %s", got)
	}
}

func TestEnvelopesAndBundles(t *testing.T) {
	entry := `{"integratedTime":"1700000000","inclusionPromise":{},"inclusionProof":{}}`
	leaf := `"certificate":` + certificate(t, elliptic.P256())
	content := `"dsseEnvelope":` + envelope(attest.PayloadType, good)
	sound := leaf + `,"tlogEntries":[` + entry + `]`
	inURL := envelope(attest.PayloadType, good+"???>>>")
	inURL = strings.NewReplacer("Pz8/", "Pz8_", "Pj4+", "Pj4-", "/", "_", "+", "-").Replace(inURL)
	inURL = strings.ReplaceAll(inURL, "application_vnd.in-toto-json", attest.PayloadType)
	const v3 = attest.BundleMediaType
	for _, test := range []struct{ rules, file string }{
		{"bundle-form", bundle(v3, sound, content)},
		{"envelope-form", envelope(attest.PayloadType, good)},
		{"unsigned", good},
		{"not-json", `{"payload":`},
		{"not-json", "-----BEGIN"},
		{"not-attestation", `{"bomFormat":"CycloneDX"}`},
		{"bundle-form key-signed-bundle", bundle(v3, `"publicKey":{"hint":"x"}`, content)},
		{"bundle-form keyid", bundle(v3, sound, `"dsseEnvelope":`+envelope(attest.PayloadType, good, `{"keyid":"k","sig":"YWJj"}`))},
		{"bundle-form several-signatures", bundle(v3, sound, `"dsseEnvelope":`+envelope(attest.PayloadType, good, `{"sig":"YWJj"}`, `{"sig":"ZGVm"}`))},
		{"bundle-form no-signature", bundle(v3, sound, `"dsseEnvelope":`+envelope(attest.PayloadType, good, `{"sig":"?"}`))},
		{"bundle-form payload-type", bundle(v3, sound, `"dsseEnvelope":`+envelope("text/plain", good))},
		{"blob-signature", bundle(v3, sound, `"messageSignature":{}`)},
		{"bundle-form bundle-media-type", bundle("application/vnd.dev.sigstore.bundle.v0.4+json", sound, content)},
		{"bundle-form bundle-old", bundle("application/vnd.dev.sigstore.bundle+json;version=0.2", sound, content)},
		{"bundle-chain bundle-form", bundle(v3, `"x509CertificateChain":{"certificates":[`+certificate(t, elliptic.P256())+`]},"tlogEntries":[`+entry+`]`, content)},
		{"bundle-form bundle-material", bundle(v3, "", content)},
		{"bundle-form bundle-material", bundle(v3, `"publicKey":{},`+sound, content)},
		{"bundle-form log-no-proof", bundle(v3, leaf+`,"tlogEntries":[{"integratedTime":"1700000000","inclusionPromise":{}}]`, content)},
		{"bundle-form no-time", bundle(v3, leaf+`,"tlogEntries":[{"integratedTime":"0","inclusionProof":{}}]`, content)},
		{"bundle-form no-time", bundle(v3, leaf, content)},
		{"bundle-form too-many-entries", bundle(v3, leaf+`,"tlogEntries":[`+strings.Repeat(entry+",", 32)+entry+`]`, content)},
		{"bundle-form key-curve", bundle(v3, `"certificate":`+certificate(t, elliptic.P384())+`,"tlogEntries":[`+entry+`]`, content)},
		{"envelope-form payload-base64 statement-json", inURL},
		{"envelope-form payload-broken", strings.Replace(envelope(attest.PayloadType, good), `"payload":"`, `"payload":"?`, 1)},
		{"envelope-form payload-broken", envelope(attest.PayloadType, "")},
		{"duplicate-key envelope-form", strings.Replace(envelope(attest.PayloadType, good), "{", `{"payload":"",`, 1)},
	} {
		results, err := lint.File("f", []byte(test.file))
		if err != nil || len(results) != 1 {
			t.Errorf("%s: %d results: %v", test.rules, len(results), err)
			continue
		}
		if got := strings.Join(ids(results[0], lint.Refused, lint.Misread, lint.Note, lint.Form), " "); got != test.rules {
			t.Errorf("want %q, got %q", test.rules, got)
		}
	}
}

func TestImage(t *testing.T) {
	content := []byte(bundle(attest.BundleMediaType, `"publicKey":{"hint":"x"}`, `"dsseEnvelope":`+envelope(attest.PayloadType, good)))
	annotations := map[string]string{"dev.sigstore.bundle.predicateType": attest.PredicateVSA}
	sound := store.Referrer{ListedType: attest.BundleMediaType, Type: attest.BundleMediaType, LayerType: attest.BundleMediaType, Layers: 1, Bytes: 100,
		Annotations: annotations, ListedAnnotations: annotations, Content: content}
	for rule, change := range map[string]func(*store.Referrer){
		"":              func(*store.Referrer) {},
		"layer-count":   func(r *store.Referrer) { r.Layers = 2 },
		"layer-size":    func(r *store.Referrer) { r.Bytes = 11 << 20 },
		"artifact-type": func(r *store.Referrer) { r.Type = "application/vnd.oci.empty.v1+json" },
		"listed-type":   func(r *store.Referrer) { r.ListedType = "" },
		"annotations":   func(r *store.Referrer) { r.ListedAnnotations = nil },
	} {
		r := sound
		change(&r)
		results := lint.Image("registry.example/app", "sha256:"+digest, []store.Referrer{r})
		if len(results) != 1 {
			t.Fatalf("%s: %d results", rule, len(results))
		}
		if got := strings.Join(ids(results[0], lint.Refused, lint.Misread, lint.Note), " "); got != rule {
			t.Errorf("want %q, got %q", rule, got)
		}
	}
	other := attest.Digest("sha256:" + strings.Repeat("0", 64))
	if got := ids(lint.Image("i", other, []store.Referrer{sound})[0], lint.Refused); !slices.Equal(got, []string{"other-subject"}) {
		t.Errorf("another image: %v", got)
	}
	results := lint.Image("i", "sha256:"+digest, slices.Repeat([]store.Referrer{sound}, 51))
	last := results[len(results)-1]
	if got := ids(last, lint.Refused); len(results) != 52 || !slices.Equal(got, []string{"too-many-referrers"}) {
		t.Errorf("51 referrers: %d results, %v", len(results), got)
	}
	if last.Accepted([]lint.Consumer{lint.Kyverno}) || !last.Accepted([]lint.Consumer{lint.Cosign}) {
		t.Error("51 referrers concern Kyverno alone")
	}
}

// Nothing that anybody signed makes the linter panic, and what sigstore calls
// malformed is malformed here.
func TestConformance(t *testing.T) {
	root := os.Getenv("QUALITY_DATA")
	if root == "" {
		t.Skip("QUALITY_DATA is not set: the bundles of sigstore's conformance tests are not checked")
	}
	want := map[string]string{
		"bundle-unknown-version_fail":                   "bundle-media-type",
		"bundle-malformed-json_fail":                    "not-json",
		"intoto-missing-inclusion-proof_fail":           "log-no-proof",
		"rekor2-no-timestamp_fail":                      "no-time",
		"dsse-invalid-sig_fail":                         "",
		"rekor2-dsse-invalid-sig_fail":                  "",
		"intoto-set-outside-signing-cert-validity_fail": "",
		"intoto-expired-certificate_fail":               "",
	}
	seen := 0
	err := filepath.WalkDir(filepath.Join(root, "supplychain"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(d.Name(), ".sigstore.json") && !strings.Contains(d.Name(), ".jsonl") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		results, err := lint.File(path, data)
		if err != nil || len(results) == 0 {
			t.Errorf("%s: %d results: %v", path, len(results), err)
			return nil
		}
		if _, err := json.Marshal(results); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if rule, ok := want[filepath.Base(filepath.Dir(path))]; ok {
			seen++
			got := ids(results[0], lint.Refused, lint.Misread)
			if rule == "" && len(got) > 0 || rule != "" && !slices.Contains(got, rule) {
				t.Errorf("%s: want %q, got %v", path, rule, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(want) {
		t.Errorf("%d of %d bundles were found", seen, len(want))
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(envelope(attest.PayloadType, good)))
	f.Add([]byte(bundle(attest.BundleMediaType, `"publicKey":{}`, `"dsseEnvelope":`+envelope(attest.PayloadType, good))))
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, b []byte) {
		results, err := lint.File("f", b)
		if err != nil {
			if results != nil {
				t.Fatal("an error with results")
			}
			return
		}
		if len(results) != 1 || results[0].Form == "" || !results[0].Accepted([]lint.Consumer{lint.Gatehouse}) {
			return
		}
		// What is said to be accepted here is.
		if _, _, err := (attest.Attestation{Bytes: bytes.TrimSpace(b)}).Parse(); err != nil {
			t.Fatalf("no problem was found, but: %v", err)
		}
	})
}
