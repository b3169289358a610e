package attest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
)

const policyText = `trusted_root: root.json
authorities:
  - name: release
    verifiers: [https://ci.example/gate]
    keys:
      - file: release.pub
        not_after: 2026-12-31
  - name: ci
    identity:
      issuer: https://token.example
      subject_pattern: https://git.example/app/.*
require:
  - predicate_type: vsa
    authorities: [release]
    max_age: 7d
    levels: [GATEHOUSE_POLICY_PASSED]
  - predicate_type: cyclonedx
    authorities: [ci]
`

func TestParsePolicy(t *testing.T) {
	key := newSigner(t).public
	readFile := func(name string) ([]byte, error) {
		if name != "release.pub" {
			return nil, fmt.Errorf("open %s: %w", name, os.ErrNotExist)
		}
		return key.PEM(), nil
	}
	p, root, err := attest.ParsePolicy("verify.yaml", []byte(policyText), readFile)
	if err != nil {
		t.Fatal(err)
	}
	if root != "root.json" || p.Require[0].MaxAge != 7*24*time.Hour || p.Require[1].PredicateType != "https://cyclonedx.org/bom" || p.Authorities[1].LogEntries != 1 {
		t.Errorf("got %q, %+v", root, p)
	}
	if got := p.Authorities[0].Keys[0].NotAfter; !got.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the key ends at %s", got)
	}
	for name, tc := range map[string]struct{ old, with, want string }{
		"empty":             {policyText, "", "nothing is required"},
		"misspelt":          {"max_age", "max_ages", "max_age"},
		"no such key":       {"release.pub", "other.pub", "other.pub"},
		"wrong date":        {"2026-12-31", "soon", "not_after"},
		"wrong age":         {"7d", "7 days", "7 days"},
		"infinite age":      {"7d", "99999999999d", "not a duration"},
		"unknown type":      {"cyclonedx", "sbom", "sbom"},
		"levels of an SBOM": {"predicate_type: cyclonedx", "predicate_type: cyclonedx\n    levels: [X]", "for verification summaries"},
		"unused authority":  {"authorities: [ci]", "authorities: [release]", "not used"},
		"no log, no stamp":  {"  - name: ci\n", "  - name: ci\n    log_entries: 0\n", "neither a log entry"},
		"unknown identity":  {"issuer:", "issuers:", "issuer"},
		"policy digest":     {"max_age: 7d", "max_age: 7d\n    policy_digests: [abc]", "policy_digests"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(policyText, tc.old, tc.with, 1)
			if text == policyText {
				t.Fatalf("%q is not in the policy", tc.old)
			}
			if _, _, err := attest.ParsePolicy("verify.yaml", []byte(text), readFile); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "verify.yaml") {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}
