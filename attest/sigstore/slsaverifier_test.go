package sigstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sigstore"
)

// The cases of slsa-verifier are decided here as they are there, but for the two in
// which the hint for the key is wrong: DSSE says that it must not decide, and it does
// not here.
func TestSLSAVerifierCases(t *testing.T) {
	root := os.Getenv("QUALITY_DATA")
	if root == "" {
		t.Skip("QUALITY_DATA is not set: the cases of slsa-verifier are not decided")
	}
	dir := filepath.Join(root, "supplychain")
	read := func(parts ...string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(append([]string{dir}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var cases []struct{ Test, Name, Artifact, Expect string }
	if err := json.Unmarshal(read("slsa-verifier", "cases.json"), &cases); err != nil {
		t.Fatal(err)
	}
	text := func(quoted string) string { return strings.Trim(quoted, `"`) }
	decided := 0
	for _, c := range cases {
		name := text(c.Name)
		t.Run(name, func(t *testing.T) {
			want := c.Expect == "pass"
			var got attest.Summary
			switch {
			case c.Test == "Test_runVerifyGithubAttestation":
				artifact := text(c.Artifact)
				got = provenance(t, read("sigstore", "trusted-root-public-good.json"), read("slsa-verifier", "bcr", artifact),
					read("slsa-verifier", "bcr", artifact+".intoto.jsonl"), strings.Contains(name, "no builder id"))
			case c.Test == "Test_runVerifyVSA" && strings.Contains(name, "key id"):
				t.Skip("the hint for the key decides nothing here")
			case c.Test == "Test_runVerifyVSA":
				got = vsa(t, read("slsa-verifier", "vsa", "gce", "v1", "vsa_signing_public_key.pem"), read("slsa-verifier", "vsa", "gce", "v1", "gke-gce-pre.bcid-vsa.jsonl"))
			default:
				t.Fatalf("nobody knows how to decide cases of %s", c.Test)
			}
			decided++
			if got.Passed() != want {
				t.Errorf("passed is %v, want %v: %+v", got.Passed(), want, got.Requirements)
			}
		})
	}
	if decided < 6 {
		t.Errorf("only %d cases were decided", decided)
	}
}

// provenance asks for one of the two builders of the Bazel registry, each with the
// identity of its workflow; or for the generic one that slsa-verifier asks for if
// none is named.
func provenance(t *testing.T, trusted, artifact, attestation []byte, generic bool) attest.Summary {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }
	bundles, err := sigstore.NewVerifier(trusted, now)
	if err != nil {
		t.Fatal(err)
	}
	var p attest.Policy
	require := attest.Requirement{PredicateType: "https://slsa.dev/provenance/v1"}
	for name, id := range map[string]string{
		"publisher": "https://github.com/bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml@refs/tags/v0.0.1",
		"releaser":  "https://github.com/bazel-contrib/.github/.github/workflows/release_ruleset.yaml@refs/tags/v7.1.0",
	} {
		if generic {
			id = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/" + name + ".yml@refs/tags/v2.0.0"
		}
		p.Authorities = append(p.Authorities, attest.Authority{Name: name, LogEntries: 1, Verifiers: []string{id},
			Identity: &attest.Identity{Issuer: "https://token.actions.githubusercontent.com", Subject: id}})
		require.Authorities = append(require.Authorities, name)
	}
	p.Require = []attest.Requirement{require}
	sum := sha256.Sum256(artifact)
	return verify(t, p, bundles, now, attest.Artifact{Digest: attest.Digest("sha256:" + hex.EncodeToString(sum[:]))}, attestation)
}

func vsa(t *testing.T, key, attestation []byte) attest.Summary {
	t.Helper()
	public, err := attest.ParsePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2024, 6, 13, 0, 0, 0, 0, time.UTC) }
	const verifier = "https://bcid.corp.google.com/verifier/bcid_package_enforcer/v0.1"
	p := attest.Policy{
		Authorities: []attest.Authority{{Name: "bcid", Keys: []attest.Key{{PublicKey: public}}, Verifiers: []string{verifier}}},
		Require: []attest.Requirement{{PredicateType: attest.PredicateVSA, Authorities: []string{"bcid"}, MaxAge: 48 * time.Hour,
			Summary: &attest.SummaryRequirement{Levels: []string{"BCID_L1", "SLSA_BUILD_LEVEL_2"}}}},
	}
	artifact := attest.Artifact{Others: []string{"gce_image_id:8970095005306000053"},
		ResourceURIs: []string{"gce_image://gke-node-images:gke-12615-gke1418000-cos-101-17162-463-29-c-cgpv1-pre"}}
	for _, other := range [][]string{{"gce_image_id:8970095005306000054"}, {"gce_image_id:8970095005306000053", "x:1"}, {"other:8970095005306000053"}} {
		wrong := artifact
		wrong.Others = other
		if verify(t, p, nil, now, wrong, attestation).Passed() {
			t.Errorf("an artifact with the digests %v passes", other)
		}
	}
	return verify(t, p, nil, now, artifact, attestation)
}

func verify(t *testing.T, p attest.Policy, bundles attest.BundleVerifier, now func() time.Time, artifact attest.Artifact, attestation []byte) attest.Summary {
	t.Helper()
	v, err := attest.NewVerifier(p, bundles, now)
	if err != nil {
		t.Fatal(err)
	}
	found, err := attest.ParseFile("attestation", attestation)
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.Verify(t.Context(), artifact, found)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
