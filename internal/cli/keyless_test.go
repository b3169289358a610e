package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest/sign/fakesigstore"
)

// TestKeyless attests with the identity of a CI job, and verifies with the trusted
// root alone.
func TestKeyless(t *testing.T) {
	const issuer = "https://token.actions.githubusercontent.com"
	fake, err := fakesigstore.Start(issuer, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	dir := t.TempDir()
	write := func(name string, data []byte, err error) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	trusted, err := fake.TrustedRoot()
	root := write("trusted_root.json", trusted, err)
	services, err := fake.SigningConfig()
	signing := write("signing_config.json", services, err)
	token := []byte(fakesigstore.Token("https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"))
	tokenFile := write("token", token, nil)
	app := filepath.Dir(write("app/index.html", []byte("<p>hello</p>\n"), nil))
	attestations := filepath.Join(dir, "attestations")
	run := func(env []string, args ...string) (int, string) {
		var out bytes.Buffer
		code := Run(t.Context(), args, env, nil, &out, &out)
		return code, out.String()
	}
	policy := func(subject, more string) string {
		return write("verify.yaml", []byte(`authorities:
  - name: ci
    identity: {issuer: `+issuer+`, subject_pattern: "`+subject+`"}
    verifiers: [https://github.com/gatehouse-sec/gatehouse]
`+more+`
require:
  - predicate_type: vsa
    authorities: [ci]
    levels: [GATEHOUSE_POLICY_PASSED]
    max_age: 1d
`), nil)
	}
	mine := "https://github.com/acme/shop/.*"
	for _, tc := range []struct {
		name, more string
		env, args  []string
	}{
		{"signing configuration, token in a file", "    timestamps: 1", nil, []string{"--signing-config", signing, "--identity-token", tokenFile}},
		{"addresses, token in the environment", "", []string{"SIGSTORE_ID_TOKEN=" + string(token)}, []string{"--fulcio-url", fake.URL, "--rekor-url", fake.URL}},
		{"timestamp instead of log", "    log_entries: 0\n    timestamps: 1", []string{"SIGSTORE_ID_TOKEN=" + string(token)},
			[]string{"--fulcio-url", fake.URL, "--rekor-url", "none", "--timestamp-url", fake.URL + fakesigstore.PathTimestamp}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out := run(tc.env, append([]string{"attest", app, "--keyless", "--scanners", "secrets", "--attestations", attestations}, tc.args...)...)
			if code != 0 {
				t.Fatalf("attest: %d\n%s", code, out)
			}
			if strings.Contains(out, string(token)) {
				t.Error("the token is printed")
			}
			verify := []string{"verify", app, "--attestations", attestations, "--trusted-root", root, "--policy"}
			if code, out := run(nil, append(verify, policy(mine, tc.more))...); code != 0 || !strings.Contains(out, "release.yml@refs/heads/main") {
				t.Errorf("verify: %d\n%s", code, out)
			}
			if code, out := run(nil, append(verify, policy("https://github.com/other/.*", tc.more))...); code != 1 || !strings.Contains(out, "refused at step signature") {
				t.Errorf("another identity: %d\n%s", code, out)
			}
		})
	}
}
