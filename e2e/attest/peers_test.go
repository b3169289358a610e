package attest_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign/fakesigstore"
)

// peers are the tools of others, each as a module and the package of its command.
var peers = []struct{ name, module, version, command string }{
	{"cosign", "github.com/sigstore/cosign/v3", "v3.1.3", "cmd/cosign"},
	{"slsa-verifier", "github.com/slsa-framework/slsa-verifier/v2", "v2.7.1", "cli/slsa-verifier"},
}

const (
	typeVSA    = "https://slsa.dev/verification_summary/v1"
	verifierID = "https://github.com/gatehouse-sec/gatehouse"
	passed     = "GATEHOUSE_POLICY_PASSED"
)

// noServices is a signing configuration without a log or a timestamp authority.
const noServices = `{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"}}`

// programs are the paths of the commands by their names.
var programs = map[string]string{}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gatehouse-e2e-")
	if err == nil {
		err = build(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func build(dir string) error {
	programs["gatehouse"] = filepath.Join(dir, "gatehouse")
	if err := goBuild("../..", programs["gatehouse"], "./cmd/gatehouse", "GOEXPERIMENT=jsonv2", "GOFLAGS="); err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	for _, p := range peers {
		home := filepath.Join(cache, "gatehouse-e2e", p.name+"-"+p.version)
		programs[p.name] = filepath.Join(home, p.name)
		if _, err := os.Stat(programs[p.name]); err == nil {
			continue
		}
		if err := os.MkdirAll(home, 0o755); err != nil {
			return err
		}
		mod := fmt.Sprintf("module peer\n\ngo 1.26\n\nrequire %s %s\n", p.module, p.version)
		if err := os.WriteFile(filepath.Join(home, "go.mod"), []byte(mod), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "building %s %s, once\n", p.name, p.version)
		made := programs[p.name] + ".new"
		if err := goBuild(home, made, p.module+"/"+p.command, "GOEXPERIMENT=", "GOFLAGS=-mod=mod"); err != nil {
			return err
		}
		if err := os.Rename(made, programs[p.name]); err != nil {
			return err
		}
	}
	return nil
}

func goBuild(dir, out, pkg string, env ...string) error {
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, b)
	}
	return nil
}

// shell is a directory in which commands run, all with one password.
type shell struct {
	t   testing.TB
	dir string
}

func newShell(t *testing.T) shell {
	t.Helper()
	s := shell{t, t.TempDir()}
	s.write("app.txt", "hello\n")
	s.write("other.txt", "something else\n")
	return s
}

func (s shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s shell) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// try runs a command; its exit code is 0 or not.
func (s shell) try(name string, args ...string) (string, bool) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), programs[name], args...)
	cmd.Dir = s.dir
	// No proxy, and a home without anything in it: what is not on the loopback
	// interface is not reached.
	cmd.Env = []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "GATEHOUSE_PASSWORD=pw", "COSIGN_PASSWORD=pw", "HTTPS_PROXY=http://127.0.0.1:1"}
	b, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		s.t.Fatal(err)
	}
	return string(b), err == nil
}

func (s shell) accepts(name string, args ...string) string {
	s.t.Helper()
	out, ok := s.try(name, args...)
	if !ok {
		s.t.Errorf("%s %s fails:\n%s", name, strings.Join(args, " "), out)
	}
	return out
}

// refuses wants a command to fail, and to say so with one of the words: a command
// that fails because a flag is wrong proves nothing.
func (s shell) refuses(because, name string, args ...string) {
	s.t.Helper()
	out, ok := s.try(name, args...)
	if ok || !strings.Contains(strings.ToLower(out), strings.ToLower(because)) {
		s.t.Errorf("%s %s: success %v, want a refusal with %q:\n%s", name, strings.Join(args, " "), ok, because, out)
	}
}

// attest makes a key pair and attests what is named.
func (s shell) attest(target string, more ...string) {
	s.t.Helper()
	if _, err := os.Stat(filepath.Join(s.dir, "release.key")); err != nil {
		s.accepts("gatehouse", "key", "generate", "--output-prefix", "release")
		s.accepts("gatehouse", "key", "generate", "--output-prefix", "another")
	}
	s.accepts("gatehouse", append([]string{"attest", target, "--key", "release.key", "--scanners", "secrets"}, more...)...)
}

// fail makes the verdict FAIL.
func (s shell) fail(target string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Join(s.dir, "deny"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.write("deny/deny.rego", "package main\n\ndeny contains \"no\" if true\n")
	s.refuses("is no pass", "gatehouse", "attest", target, "--key", "release.key", "--scanners", "secrets", "--policy", "deny")
}

func tampered(text string) string { return strings.Replace(text, `"payload":"ey`, `"payload":"eY`, 1) }

func TestCosignFile(t *testing.T) {
	s := newShell(t)
	s.attest("app.txt")
	verify := func(bundle, key, predicate, file string) []string {
		return []string{"verify-blob-attestation", "--key", key, "--insecure-ignore-tlog", "--type", predicate, "--bundle", bundle, file}
	}
	const bundle = "attestations/app.txt.vsa.sigstore.json"
	s.accepts("cosign", verify(bundle, "release.pub", typeVSA, "app.txt")...)
	s.write("tampered.json", tampered(s.read(bundle)))
	s.refuses("signature", "cosign", verify("tampered.json", "release.pub", typeVSA, "app.txt")...)
	s.refuses("digest", "cosign", verify(bundle, "release.pub", typeVSA, "other.txt")...)
	s.refuses("signature", "cosign", verify(bundle, "another.pub", typeVSA, "app.txt")...)
	s.refuses("predicate type", "cosign", verify(bundle, "release.pub", "https://example.com/other", "app.txt")...)
	s.fail("app.txt")
	verdict := s.read("attestations/app.txt.verdict.json")
	s.refuses("unexpected end of JSON", "cosign", verify("attestations/app.txt.verdict.json", "release.pub", typeVSA, "app.txt")...)
	// Not even as a bundle, into which anybody could put it.
	s.write("bundled.json", `{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {"publicKey": {"hint": "x"}}, "dsseEnvelope": `+verdict+`}`)
	s.refuses("unsupported media type", "cosign", verify("bundled.json", "release.pub", typeVSA, "app.txt")...)
}

func TestSLSAVerifier(t *testing.T) {
	s := newShell(t)
	s.attest("app.txt", "--resource-uri", "https://dl.example/app.txt")
	digest := func(file string) string {
		h, _, err := v1.SHA256(strings.NewReader(s.read(file)))
		if err != nil {
			t.Fatal(err)
		}
		return h.String()
	}
	verify := func(change ...string) []string {
		args := []string{"verify-vsa", "--subject-digest", digest("app.txt"), "--attestation-path", "attestations/app.txt.vsa.dsse.json",
			"--verifier-id", verifierID, "--resource-uri", "https://dl.example/app.txt", "--verified-level", passed, "--public-key-path", "release.pub"}
		for i := 0; i < len(change); i += 2 {
			for j := range args {
				if args[j] == change[i] {
					args[j+1] = change[i+1]
				}
			}
		}
		return args
	}
	s.accepts("slsa-verifier", verify()...)
	s.accepts("slsa-verifier", verify("--verified-level", "GATEHOUSE_SECRETS_CLEAN")...)
	s.write("tampered.json", tampered(s.read("attestations/app.txt.vsa.dsse.json")))
	s.refuses("signature", "slsa-verifier", verify("--attestation-path", "tampered.json")...)
	s.refuses("digest", "slsa-verifier", verify("--subject-digest", digest("other.txt"))...)
	s.refuses("signature", "slsa-verifier", verify("--public-key-path", "another.pub")...)
	s.refuses("verifier", "slsa-verifier", verify("--verifier-id", "https://example.com/other")...)
	s.refuses("resource", "slsa-verifier", verify("--resource-uri", "https://example.com/other")...)
	s.refuses("level", "slsa-verifier", verify("--verified-level", "GATEHOUSE_NOT_THERE")...)
	s.fail("app.txt")
	s.refuses("payload", "slsa-verifier", verify("--attestation-path", "attestations/app.txt.verdict.json")...)
}

// pushed is a registry with an index of two images, as a reference by tag, and the
// digests of index and images.
func pushed(t *testing.T, api bool) (string, []string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(api)))
	t.Cleanup(server.Close)
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var digests []string
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{Layer: tarOf(t)})
		if err != nil {
			t.Fatal(err)
		}
		h, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, h.String())
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	h, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return ref.Name(), append([]string{h.String()}, digests...)
}

// tarOf is a layer with one file.
func tarOf(t *testing.T) v1.Layer {
	t.Helper()
	layer, err := random.Layer(64, types.OCIUncompressedLayer)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err != nil || len(b) == 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return static.NewLayer(b, types.OCIUncompressedLayer)
}

func both(t *testing.T, f func(t *testing.T, api bool)) {
	t.Run("referrers API", func(t *testing.T) { f(t, true) })
	t.Run("fallback tag", func(t *testing.T) { f(t, false) })
}

func TestCosignImage(t *testing.T) {
	both(t, func(t *testing.T, api bool) {
		s := newShell(t)
		image, digests := pushed(t, api)
		repository := image[:strings.LastIndexByte(image, ':')]
		s.attest(image, "--also", "svr,test-result")
		verify := func(image, key, predicate string) []string {
			return []string{"verify-attestation", "--key", key, "--insecure-ignore-tlog", "--allow-http-registry", "--type", predicate, image}
		}
		for _, predicate := range []string{typeVSA, "https://in-toto.io/attestation/svr/v0.2", "https://in-toto.io/attestation/test-result/v0.1"} {
			s.accepts("cosign", verify(image, "release.pub", predicate)...)
			for _, d := range digests {
				s.accepts("cosign", verify(repository+"@"+d, "release.pub", predicate)...)
			}
		}
		s.refuses("signature", "cosign", verify(image, "another.pub", typeVSA)...)
		s.refuses("none of the attestations", "cosign", verify(image, "release.pub", "https://example.com/other")...)
		s.accepts("gatehouse", "verify", image, "--key", "release.pub")
		// Once more, and there are not more of them.
		s.attest(image)
		s.accepts("cosign", verify(image, "release.pub", typeVSA)...)
		// A verdict that is no pass leaves nothing that counts as a signature.
		other, _ := pushed(t, api)
		s.fail(other)
		s.refuses("no matching attestations", "cosign", verify(other, "release.pub", typeVSA)...)
		s.refuses("no signatures found", "cosign", "verify", "--key", "release.pub", "--insecure-ignore-tlog", "--allow-http-registry", other)
		s.fail(image)
		s.refuses("none of the attestations", "cosign", verify(image, "release.pub", typeVSA)...)
	})
}

// TestVulnerabilities attests lists of vulnerabilities in both forms; cosign reads its
// own as more than JSON.
func TestVulnerabilities(t *testing.T) {
	s := newShell(t)
	image, _ := pushed(t, true)
	report := &gatehouse.Report{
		Tool: gatehouse.Tool{Name: "gatehouse", Version: "1.0.0"},
		Findings: []gatehouse.Finding{{ID: "f", Rule: "CVE-2026-0001", Kind: gatehouse.KindVulnerability, Severity: gatehouse.SeverityHigh,
			Vulnerability: &gatehouse.Vulnerability{CVSS: 7.5, Package: gatehouse.Package{Purl: "pkg:npm/left@1.0.0"}}}},
		Databases: map[string]gatehouse.Database{"sca": {Digest: "sha256:" + strings.Repeat("d", 64), UpdatedAt: "2026-11-01T00:00:00Z"}},
		Coverage:  gatehouse.Coverage{Scanners: []gatehouse.ScannerCoverage{{Name: "sca", Status: gatehouse.StatusComplete}}},
	}
	verdict := &gatehouse.Verdict{Outcome: gatehouse.OutcomePass, Time: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)}
	s.accepts("gatehouse", "key", "generate", "--output-prefix", "release")
	for kind, predicate := range map[string]string{attest.KindCosignVuln: "vuln", attest.KindVulns: attest.PredicateVulns} {
		st, err := attest.NewResult(kind, report, verdict, attest.ResultOptions{Subject: []attest.ResourceDescriptor{{Digest: map[string]string{"sha256": strings.Repeat("a", 64)}}}})
		if err != nil {
			t.Fatal(err)
		}
		s.write(kind+".json", string(st.Predicate))
		s.accepts("gatehouse", "attest", image, "--key", "release.key", "--predicate", kind+".json", "--type", predicate)
		out := s.accepts("cosign", "verify-attestation", "--key", "release.pub", "--insecure-ignore-tlog", "--allow-http-registry", "--type", predicate, image)
		if !strings.Contains(out, `"payloadType":"application/vnd.in-toto+json"`) {
			t.Errorf("cosign prints no attestation:\n%s", out)
		}
	}
}

// TestCosignAttests has cosign attest, and gatehouse verify.
func TestCosignAttests(t *testing.T) {
	both(t, func(t *testing.T, api bool) {
		s := newShell(t)
		image, _ := pushed(t, api)
		s.accepts("cosign", "generate-key-pair")
		s.write("bom.json", `{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}`)
		s.write("signing.json", noServices)
		s.write("verify.yaml", "authorities:\n  - name: release\n    keys: [{file: cosign.pub}]\nrequire:\n  - predicate_type: cyclonedx\n    authorities: [release]\n")
		s.refuses("there is no attestation", "gatehouse", "verify", image, "--policy", "verify.yaml")
		s.accepts("cosign", "attest", "--key", "cosign.key", "--signing-config", "signing.json", "--allow-http-registry", "--type", "cyclonedx", "--predicate", "bom.json", "--yes", image)
		s.accepts("gatehouse", "verify", image, "--policy", "verify.yaml")
		s.accepts("gatehouse", "key", "generate", "--output-prefix", "another")
		s.write("cosign.pub", s.read("another.pub"))
		s.refuses("refused at step signature", "gatehouse", "verify", image, "--policy", "verify.yaml")
	})
}

// TestKeys has each sign with the key that the other made.
func TestKeys(t *testing.T) {
	s := newShell(t)
	s.accepts("cosign", "generate-key-pair")
	s.accepts("gatehouse", "attest", "app.txt", "--key", "cosign.key", "--scanners", "secrets")
	s.accepts("cosign", "verify-blob-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog", "--type", typeVSA, "--bundle", "attestations/app.txt.vsa.sigstore.json", "app.txt")
	s.accepts("gatehouse", "verify", "app.txt", "--key", "cosign.pub")
	if got := s.accepts("gatehouse", "key", "public", "cosign.key"); got != s.read("cosign.pub") {
		t.Errorf("the public key is\n%s\nwant\n%s", got, s.read("cosign.pub"))
	}
	s.accepts("gatehouse", "key", "generate", "--output-prefix", "ours")
	if got := s.accepts("cosign", "public-key", "--key", "ours.key"); !strings.Contains(got, strings.TrimSpace(s.read("ours.pub"))) {
		t.Errorf("cosign reads\n%s\nwant\n%s", got, s.read("ours.pub"))
	}
	s.write("signing.json", noServices)
	s.write("bom.json", `{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}`)
	s.accepts("cosign", "attest-blob", "--key", "ours.key", "--signing-config", "signing.json", "--type", "cyclonedx", "--predicate", "bom.json", "--bundle", "cosign.json", "--yes", "app.txt")
	s.write("verify.yaml", "authorities:\n  - name: release\n    keys: [{file: ours.pub}]\nrequire:\n  - predicate_type: cyclonedx\n    authorities: [release]\n")
	s.accepts("gatehouse", "verify", "app.txt", "--policy", "verify.yaml", "--attestation", "cosign.json")
}

// TestKeyless has gatehouse sign with an identity, and cosign verify it, against
// services on the loopback interface.
func TestKeyless(t *testing.T) {
	const issuer, subject = "https://token.actions.githubusercontent.com", "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"
	s := newShell(t)
	fake, err := fakesigstore.Start(issuer, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	root, err := fake.TrustedRoot()
	if err != nil {
		t.Fatal(err)
	}
	config, err := fake.SigningConfig()
	if err != nil {
		t.Fatal(err)
	}
	s.write("trusted_root.json", string(bytes.TrimSpace(root)))
	s.write("signing.json", string(config))
	s.write("token", fakesigstore.Token(subject))
	for log, how := range map[string][]string{
		"1": {"--fulcio-url", fake.URL, "--rekor-url", fake.URL},
		"2": {"--signing-config", "signing.json"},
	} {
		t.Run("log of version "+log, func(t *testing.T) {
			s := shell{t, s.dir}
			s.accepts("gatehouse", append([]string{"attest", "app.txt", "--keyless", "--identity-token", "token", "--scanners", "secrets"}, how...)...)
			verify := func(issuer, subject, file string) []string {
				return []string{"verify-blob-attestation", "--trusted-root", "trusted_root.json", "--insecure-ignore-sct", "--certificate-identity", subject,
					"--certificate-oidc-issuer", issuer, "--type", typeVSA, "--bundle", "attestations/app.txt.vsa.sigstore.json", file}
			}
			s.accepts("cosign", verify(issuer, subject, "app.txt")...)
			s.refuses("identit", "cosign", verify(issuer, "https://github.com/other", "app.txt")...)
			s.refuses("identit", "cosign", verify("https://example.com", subject, "app.txt")...)
			s.refuses("digest", "cosign", verify(issuer, subject, "other.txt")...)
		})
	}
}
