package rules

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
)

// TestUnreal judges values beside which, or in which, it stands that they are no
// secrets, and one like each that may be one.
func TestUnreal(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	m := matcher(t, all)
	// best is how sure any rule is about the text; "" if none reports it.
	best := func(path, text string) gatehouse.Confidence {
		var best gatehouse.Confidence
		err := m.Find(t.Context(), []byte(text), func(int) bool { return true }, func(found match.Match) bool {
			r := &all[found.Rule]
			in := &Text{Path: path, All: []byte(text), Whole: found.Whole, Secret: found.Secret}
			why, err := r.Refuses(in)
			if err != nil {
				t.Fatal(err)
			}
			if why != "" {
				return true
			}
			if c, _ := r.Judge(in); best == "" || best == gatehouse.ConfidenceLow {
				best = c
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return best
	}
	value := "Vq8" + "Zt4mWk2Rx7Pn5Ld9Hb3"
	hash := strings.Repeat("4f9a1c7e", 8)
	for _, tt := range []struct {
		name, path, text string
		want             gatehouse.Confidence
	}{
		{"a key", "a.go", `apiKey: "` + value + `",`, gatehouse.ConfidenceMedium},
		{"a comment says fake", "a.go", `apiKey: "` + value + `", // Fake token for testing.`, gatehouse.ConfidenceLow},
		{"a comment says dummy", "a.py", `api_key = "` + value + `"  # a dummy key`, gatehouse.ConfidenceLow},
		{"the comment of another line", "a.py", `api_key = "` + value + "\"\n# a dummy key\n", gatehouse.ConfidenceMedium},
		{"a comment says more", "a.py", `api_key = "` + value + `"  # replaces the dummy key`, gatehouse.ConfidenceMedium},
		{"a host", "a.go", `APIGroup: "scheduling.k8s.io",`, ""},
		{"a selector", "a.go", `aliveSignersKey = "signer.alive=true"`, ""},
		{"the tag of an image", "a.yaml", "image: registry.k8s.io/kube-apiserver:" + hash[:32], ""},
		{"the hash of a configuration", "a.go", `AuthConfigHash: "` + hash + `",`, ""},
		{"a hexadecimal key", "a.go", `AuthConfigKey: "` + "9f3b1c7e5d8a2046" + `e1b7c3f58d0a6294",`, gatehouse.ConfidenceMedium},
		{"a node of GitHub", "a.json", `"Secret":"LA_kw` + `DOCsUTCM75TTQL"`, ""},
		{"no password and a masked name", "a.go", `git+https://xxxx:x-oauth-` + `basic@github.com/acme/shop`, ""},
		{"a comparison", "a.js", "one pass: `d===t?a:b`, or", ""},
		{"it says invalid", "a.go", `tokenContent: "header.invalid_base64!@#.signature",`, ""},
	} {
		if got := best(tt.path, tt.text); got != tt.want {
			t.Errorf("%s: %q, want %q, in %s", tt.name, got, tt.want, tt.text)
		}
	}
}
