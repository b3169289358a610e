package policies

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

func parse(t *testing.T, text string) []gatehouse.Waiver {
	t.Helper()
	w, err := ParseWaivers("waivers.yaml", []byte(text), WaiverOptions{Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// waiver is a waiver file with one entry; lines replace those of the same key.
func waiver(lines ...string) string {
	entry := map[string]string{"id": "w1", "kind": "vulnerability", "match": "[CVE-2020-8203]", "reason": "not reachable", "owner": "team-a", "expires": "2026-12-31"}
	for _, l := range lines {
		k, v, _ := strings.Cut(l, ": ")
		entry[k] = v
	}
	var b strings.Builder
	b.WriteString("version: 1\nwaivers:\n")
	sep := "  - "
	for _, k := range sortedKeys(entry) {
		if entry[k] != "" {
			fmt.Fprintf(&b, "%s%s: %s\n", sep, k, entry[k])
			sep = "    "
		}
	}
	return b.String()
}

func TestParseWaivers(t *testing.T) {
	got := parse(t, `# why
version: 1
waivers:
  - id: w1
    kind: secret
    match: [aws-access-key-id]
    scope:
      paths: ["docs/**"]
      fingerprints: [abc]
    reason: example
    owner: team-a
    ticket: SEC-1
    expires: 2026-12-31
  - {id: w2, kind: coverage, match: [parse], scope: {scanners: [sca]}, reason: r, owner: o, expires: "2027-11-25"}
  - {id: w3, kind: misconfiguration, match: ["AWS-*"], scope: {resources: ["module.a.*"]}, reason: r, owner: o, expires: 2020-01-01}
`)
	if len(got) != 3 {
		t.Fatalf("%d waivers", len(got))
	}
	w := got[0]
	if w.ID != "w1" || w.Kind != "secret" || !slices.Equal(w.Match, []string{"aws-access-key-id"}) || !slices.Equal(w.Scope.Paths, []string{"docs/**"}) ||
		w.Reason != "example" || w.Owner != "team-a" || w.Ticket != "SEC-1" || w.Location.String() != "waivers.yaml:4" ||
		!w.Expires.Equal(time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)) {
		t.Errorf("%+v", w)
	}
	if w := parse(t, "version: 1\nwaivers: []\n"); len(w) != 0 {
		t.Errorf("%v", w)
	}
}

func TestParseWaiversRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"waivers.yaml", "empty"}},
		{"not YAML", "a: [", []string{"waivers.yaml"}},
		{"not UTF-8", "version: 1\n# \xff\n", []string{"waivers.yaml:2: not valid UTF-8"}},
		{"list", "[]", []string{"must be a mapping"}},
		{"two documents", "version: 1\nwaivers: []\n---\nversion: 1\n", []string{"more than one"}},
		{"no version", "waivers: []\n", []string{`"version: 1" is missing`}},
		{"other version", "version: 2\nwaivers: []\n", []string{`waivers.yaml:1: unknown version "2"`}},
		{"no list", "version: 1\n", []string{`"waivers" is missing`}},
		{"misspelt list", "version: 1\nwaiver: []\n", []string{`waivers.yaml:2: unknown key "waiver"`, `did you mean "waivers"?`}},
		{"misspelt key", waiver("expire: 2026-12-31"), []string{`unknown key "expire"`, `did you mean "expires"?`, "waivers.yaml:3"}},
		{"misspelt scope", waiver("scope: {path: [a/b]}"), []string{`unknown key "path"`, `did you mean "paths"?`}},
		{"key twice", "version: 1\nversion: 1\nwaivers: []\n", []string{"twice"}},
		{"no id", waiver("id: "), []string{`"id" is missing`}},
		{"no kind", waiver("kind: "), []string{`waiver "w1": "kind" is missing`}},
		{"unknown kind", waiver("kind: vulnerabilities"), []string{`did you mean "vulnerability"?`}},
		{"no match", waiver("match: "), []string{`"match" is missing`}},
		{"empty match", waiver("match: []"), []string{`"match" is missing`}},
		{"match is a text", waiver("match: CVE-1"), []string{`"match" must be a list`}},
		{"no reason", waiver("reason: "), []string{`"reason" is missing`}},
		{"blank reason", waiver(`reason: "  "`), []string{`"reason" is missing`}},
		{"null owner", waiver("owner: null"), []string{`"owner" is missing`}},
		{"no expiry", waiver("expires: "), []string{`"expires" is missing`}},
		{"bad expiry", waiver("expires: next year"), []string{`"expires" is "next year": want a date such as 2027-02-25`}},
		{"never", waiver("expires: 2099-01-01"), []string{"may last until 2027-11-25 at most"}},
		{"same id", "version: 1\nwaivers:\n  - {id: a, kind: license, match: [GPL-3.0], reason: r, owner: o, expires: 2026-12-31}\n  - {id: a, kind: license, match: [GPL-2.0], reason: r, owner: o, expires: 2026-12-31}\n",
			[]string{`waivers.yaml:4: waiver "a": the id is already used in line 3`}},
		{"alias", "version: 1\nwaivers:\n  - {id: &x a, kind: license, match: [GPL-3.0], reason: *x, owner: o, expires: 2026-12-31}\n", []string{"YAML alias"}},
		{"match all", waiver(`match: ["*"]`, "scope: {paths: [a/b]}"), []string{`"*" covers everything`}},
		{"match nearly all", waiver(`match: ["*-*"]`, "scope: {paths: [a/b]}"), []string{`"*-*" covers everything`}},
		{"all resources", waiver("kind: misconfiguration", `match: ["AWS-*"]`, `scope: {resources: ["*"]}`), []string{`scope.resources has "*": it covers everything`}},
		{"a broken scanner", waiver("kind: coverage", "match: [canary]", "scope: {scanners: [sca]}"), []string{"known-bad sample"}},
		{"match all twice", waiver(`match: ["**"]`), []string{"covers everything"}},
		{"empty rule", waiver(`match: [""]`), []string{"covers everything"}},
		{"wildcard without scope", waiver(`match: ["CVE-*"]`), []string{"wildcard and no scope"}},
		{"empty scope list", waiver("scope: {paths: []}"), []string{`"scope.paths" is empty`}},
		{"purl without name", waiver(`scope: {purls: ["pkg:npm"]}`), []string{"name of the package is missing"}},
		{"purl without name 2", waiver(`scope: {purls: ["pkg:npm/@1.0"]}`), []string{"name of the package is missing"}},
		{"purl with wildcard", waiver(`scope: {purls: ["pkg:npm/*"]}`), []string{"no wildcards"}},
		{"not a purl", waiver(`scope: {purls: ["lodash"]}`), []string{`starts with "pkg:"`}},
		{"secret without scope", waiver("kind: secret"), []string{"needs scope.paths or scope.fingerprints"}},
		{"coverage without scope", waiver("kind: coverage", "match: [parse]"), []string{"needs scope.paths or scope.scanners"}},
		{"coverage of an unknown code", waiver("kind: coverage", "match: [pares]", "scope: {paths: [a]}"), []string{`"pares" is not a code of a gap; did you mean "parse"?`}},
		{"coverage of codes by wildcard", waiver("kind: coverage", `match: ["p*"]`, "scope: {paths: [a]}"), []string{"is not a code of a gap"}},
	}
	for _, g := range []string{"**", "*", "**/*", "*/**", "**/**", ".", "", "./", "/", "**/*.*", "{**,a}", "[a-zA-Z]**", "?**", "{a,**/*}", "**/", "/etc/x", "../x", "./a", "a/", "[", "{*,*/*,*/*/*}", "**/*[!39p]", "**/*e*", "{[a-zA-Y]*,[a-zA-Y]*/**}", "{a,b,c}**/**"} {
		tests = append(tests, struct {
			name, text string
			want       []string
		}{"path " + g, waiver(fmt.Sprintf("scope: {paths: [%q]}", g)), []string{fmt.Sprintf("scope.paths has %q", g)}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := ParseWaivers("waivers.yaml", []byte(tt.text), WaiverOptions{Now: testNow})
			if err == nil || w != nil {
				t.Fatalf("no error for\n%s", tt.text)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
		})
	}
	for _, g := range []string{"vendor/**", "**/*.md", "docs/*", "**/testdata/**", "a", "*.tf", "src/{a,b}/**", "[ab]c.txt"} {
		if _, err := ParseWaivers("w", []byte(waiver(fmt.Sprintf("scope: {paths: [%q]}", g))), WaiverOptions{Now: testNow}); err != nil {
			t.Errorf("%s: %v", g, err)
		}
	}
}

func TestWaiversApply(t *testing.T) {
	r := badReport()
	r.Coverage.Gaps = []gatehouse.Gap{
		{ID: "gap-1", Code: gatehouse.GapParse, Scanner: "sca", Path: "legacy/package-lock.json", Reason: "broken"},
		{ID: "gap-2", Code: gatehouse.GapDatabase, Scanner: "sca", Reason: "no data for pub"},
	}
	s := mustLoad(t, Options{Baseline: true})
	plain := mustDecide(t, s, r)
	tests := []struct {
		name   string
		waiver string
		// waived are findings, gaps or rules that are expected in Waived.
		waived []string
	}{
		{"by id", waiver(), []string{"CVE-2020-8203"}},
		{"by alias", waiver("match: [GHSA-CVE-2020-8203]"), []string{"CVE-2020-8203"}},
		{"by id and package", waiver(`scope: {purls: ["pkg:npm/lodash"]}`), []string{"CVE-2020-8203"}},
		{"by id and version", waiver(`scope: {purls: ["pkg:npm/lodash@4.17.15"]}`), []string{"CVE-2020-8203"}},
		{"other version", waiver(`scope: {purls: ["pkg:npm/lodash@4.17.16"]}`), nil},
		{"other package", waiver(`scope: {purls: ["pkg:npm/lodash-es"]}`), nil},
		{"path and package", waiver(`scope: {purls: ["pkg:npm/lodash"], paths: ["*.json"]}`), []string{"CVE-2020-8203"}},
		{"package, but another path", waiver(`scope: {purls: ["pkg:npm/lodash"], paths: ["app/*.json"]}`), nil},
		{"wildcard with scope", waiver(`match: ["CVE-*"]`, `scope: {paths: ["package-lock.json"]}`), []string{"CVE-2020-8203"}},
		{"other kind", waiver("kind: misconfiguration"), nil},
		{"secret by path", waiver("kind: secret", "match: [aws-access-key-id]", `scope: {paths: [".env"]}`), []string{"s1"}},
		{"secret by fingerprint", waiver("kind: secret", "match: [aws-access-key-id]", `scope: {fingerprints: [s1]}`), []string{"s1"}},
		{"misconfiguration by resource", waiver("kind: misconfiguration", "match: [AWS-0086]", "scope: {resources: [aws_s3_bucket.logs]}"), []string{"m1"}},
		{"misconfiguration of another resource", waiver("kind: misconfiguration", "match: [AWS-0086]", "scope: {resources: [aws_s3_bucket.log]}"), nil},
		{"misconfiguration by scanner", waiver("kind: misconfiguration", "match: [AWS-0086]", "scope: {scanners: [iac]}"), []string{"m1"}},
		{"licence of a component", waiver("kind: license", "match: [SSPL-1.0]", `scope: {purls: ["pkg:npm/lodash"]}`), []string{"gatehouse.baseline.licenses.deny"}},
		{"licence of another component", waiver("kind: license", "match: [SSPL-1.0]", `scope: {purls: ["pkg:npm/b"]}`), nil},
		{"policy rule by path", waiver("kind: policy", "match: [gatehouse.baseline.secrets.deny]", `scope: {paths: [".env"]}`), []string{"s1"}},
		{"policy rule by id", waiver("kind: policy", "match: [GH-SECRET-001]", `scope: {paths: [".env"]}`), []string{"s1"}},
		{"policy rule without scope does not turn it off", waiver("kind: policy", "match: [GH-SECRET-001]"), nil},
		{"policy rule about nothing in particular", waiver("kind: policy", "match: [GH-DB-001]"), []string{"gatehouse.baseline.database_age.deny"}},
		{"gap by path", waiver("kind: coverage", "match: [parse]", `scope: {paths: ["legacy/**"]}`), []string{"gap-1"}},
		{"gap by scanner", waiver("kind: coverage", "match: [database, parse]", "scope: {scanners: [sca]}"), []string{"gap-1", "gap-2"}},
		{"gap of another code", waiver("kind: coverage", "match: [unreadable]", "scope: {scanners: [sca]}"), nil},
		{"gap without path", waiver("kind: coverage", "match: [database]", `scope: {paths: ["legacy/**"]}`), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := mustDecide(t, s, r, parse(t, tt.waiver)...)
			var got []string
			for _, w := range v.Waived {
				if w.Waiver != "w1" {
					t.Errorf("waived by %q", w.Waiver)
				}
				switch {
				case w.Gap != nil:
					got = append(got, w.Gap.ID)
				case w.Violation.Finding != "":
					got = append(got, w.Violation.Finding)
				default:
					got = append(got, w.Violation.Rule)
				}
			}
			if !slices.Equal(got, tt.waived) {
				t.Errorf("waived %q, want %q", got, tt.waived)
			}
			if len(v.Violations)+len(v.Gaps)+len(v.Waived) != len(plain.Violations)+len(plain.Gaps) {
				t.Error("something was lost")
			}
			want := gatehouse.WaiverUsed
			if len(tt.waived) == 0 {
				want = gatehouse.WaiverUnused
			}
			if len(v.Waivers) != 1 || v.Waivers[0].State != want || v.Waivers[0].Matches != len(tt.waived) {
				t.Errorf("use %+v", v.Waivers)
			}
		})
	}
}

func TestWaiverStates(t *testing.T) {
	r := goodReport()
	r.Coverage.Gaps = []gatehouse.Gap{{ID: "gap-1", Code: gatehouse.GapParse, Scanner: "sca", Path: "a.json", Reason: "broken"}}
	s := mustLoad(t, Options{Baseline: true})
	text := "version: 1\nwaivers:\n"
	for id, expires := range map[string]string{"expired": "2026-11-24", "today": "2026-11-25", "soon": "2026-12-08", "later": "2026-12-10"} {
		text += fmt.Sprintf("  - {id: %s, kind: coverage, match: [parse], scope: {paths: [a.json]}, reason: r, owner: o, expires: %s}\n", id, expires)
	}
	text += "  - {id: unused, kind: coverage, match: [parse], scope: {paths: [b.json]}, reason: r, owner: o, expires: 2026-12-31}\n"
	all := parse(t, text)
	v := mustDecide(t, s, r, all...)
	want := map[string]gatehouse.WaiverState{"expired": gatehouse.WaiverExpired, "today": gatehouse.WaiverExpiring, "soon": gatehouse.WaiverExpiring,
		"later": gatehouse.WaiverUsed, "unused": gatehouse.WaiverUnused}
	for _, uses := range [][]gatehouse.WaiverUse{v.Waivers, MatchReport(r, all, testNow)} {
		if len(uses) != len(want) {
			t.Fatalf("%d uses", len(uses))
		}
		for i, u := range uses {
			matches := 1
			if u.ID == "unused" {
				matches = 0
			}
			if u.State != want[u.ID] || u.Matches != matches || u.ID != all[i].ID {
				t.Errorf("%s: %s, %d matches", u.ID, u.State, u.Matches)
			}
		}
	}
	if v.Outcome != gatehouse.OutcomePass {
		t.Errorf("outcome %v", v.Outcome)
	}
	// An expired waiver alone changes nothing, and so does one without expiry.
	for _, w := range all {
		if w.ID != "expired" {
			continue
		}
		never := w
		never.Expires = time.Time{}
		v := mustDecide(t, s, r, w, never)
		if v.Outcome != gatehouse.OutcomeIncomplete || len(v.Waived) > 0 || !strings.Contains(strings.Join(v.Reasons, " "), "expired") {
			t.Errorf("%v %v", v.Outcome, v.Reasons)
		}
	}
	// The last second counts.
	in, err := NewInput(r, time.Date(2026, 11, 25, 23, 59, 59, 999, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Decide(t.Context(), in, all); err != nil || !slices.ContainsFunc(got.Waivers, func(u gatehouse.WaiverUse) bool { return u.ID == "today" && u.State == gatehouse.WaiverExpiring }) {
		t.Errorf("%v %+v", err, got.Waivers)
	}
}

func TestSamePurl(t *testing.T) {
	for _, tt := range []struct {
		waiver, have string
		want         bool
	}{
		{"pkg:npm/%40scope/a", "pkg:npm/%40scope/a@1.0.0", true},
		{"pkg:npm/@scope/a@1.0.0", "pkg:npm/%40scope/a@1.0.0", true},
		{"pkg:npm/@scope/a", "pkg:npm/%40scope/b@1.0.0", false},
		{"pkg:deb/debian/curl", "pkg:deb/debian/curl@7.50?arch=i386#x", true},
		{"pkg:golang/github.com/a/b@v1.0.0", "pkg:golang/github.com/a/b@v1.0.1", false},
		{"pkg:npm/a", "", false},
	} {
		if got := samePurl(tt.waiver, tt.have); got != tt.want {
			t.Errorf("samePurl(%q, %q) = %v", tt.waiver, tt.have, got)
		}
	}
}

func TestLicenseChoices(t *testing.T) {
	for _, tt := range []struct {
		in       []string
		want     string
		readable bool
	}{
		{nil, "[]", true},
		{[]string{""}, "[]", true},
		{[]string{"MIT"}, "[[MIT]]", true},
		{[]string{"MIT OR Apache-2.0"}, "[[MIT] [Apache-2.0]]", true},
		{[]string{"MIT AND Apache-2.0"}, "[[MIT Apache-2.0]]", true},
		{[]string{"MIT or (A and B)"}, "[[MIT] [A B]]", true},
		{[]string{"(A OR B) AND (C OR D)"}, "[[A C] [A D] [B C] [B D]]", true},
		{[]string{"A OR B AND C"}, "[[A] [B C]]", true},
		{[]string{"GPL-2.0-only WITH Classpath-exception-2.0 OR MIT"}, "[[GPL-2.0-only WITH Classpath-exception-2.0] [MIT]]", true},
		{[]string{"GPL-2.0+", "MIT"}, "[[GPL-2.0-or-later MIT]]", true},
		{[]string{"gpl-2.0"}, "[[GPL-2.0-only]]", true},
		{[]string{"LGPL-2.1 OR MPL-1.1+"}, "[[LGPL-2.1-only] [MPL-1.1+]]", true},
		{[]string{"GPL-2.0 WITH Classpath-exception-2.0"}, "[[GPL-2.0-only WITH Classpath-exception-2.0]]", true},
		{[]string{"GPL-2.0-with-classpath-exception AND MIT"}, "[[GPL-2.0-only WITH Classpath-exception-2.0 MIT]]", true},
		{[]string{"MIT", "A OR B"}, "[[MIT A] [MIT B]]", true},
		{[]string{"SEE LICENSE IN x"}, "[[SEE LICENSE IN x]]", false},
		{[]string{"(MIT"}, "[[(MIT]]", false},
		{[]string{"MIT OR"}, "[[MIT OR]]", false},
		{[]string{"Apache License, Version 2.0"}, "[[Apache License, Version 2.0]]", false},
	} {
		got, readable := LicenseChoices(tt.in...)
		if fmt.Sprint(got) != tt.want || readable != tt.readable {
			t.Errorf("%q: %v %v", tt.in, got, readable)
		}
	}
	// Too many alternatives are taken as all together.
	all := strings.Repeat("(A OR B OR C) AND ", 10) + "D"
	if got, ok := LicenseChoices(all); len(got) != 1 && len(got) > maxLicenseChoices || !ok {
		t.Errorf("%d choices", len(got))
	}
	if _, ok := LicenseChoices(strings.Repeat("(", 1000) + "MIT" + strings.Repeat(")", 1000)); ok {
		t.Error("a deep expression is readable")
	}
}

// A secret in several places is one finding: a waiver by path must cover all of
// them, or a new copy elsewhere would pass unseen.
func TestWaiverCoversAllPlacesOfASecret(t *testing.T) {
	at := func(paths ...string) *gatehouse.Report {
		r := badReport()
		f := gatehouse.Finding{ID: "s9", Fingerprint: "s9", Rule: "github-pat", Kind: gatehouse.KindSecret, Scanner: "secrets", Secret: &gatehouse.Secret{Redacted: "*"}}
		for i, p := range paths {
			if l := (gatehouse.Location{Path: p, Line: 1}); i == 0 {
				f.Location = l
			} else {
				f.Also = append(f.Also, l)
			}
		}
		r.Findings = []gatehouse.Finding{f}
		return r
	}
	all := parse(t, waiver("kind: secret", "match: [github-pat]", `scope: {paths: ["docs/**", "test/a.env"]}`))
	for _, tt := range []struct {
		paths []string
		want  int
	}{
		{[]string{"docs/a.md"}, 1},
		{[]string{"docs/a.md", "docs/b.md", "test/a.env"}, 1},
		{[]string{"docs/a.md", "src/main.go"}, 0},
		{[]string{"src/main.go", "docs/a.md"}, 0},
	} {
		if got := MatchReport(at(tt.paths...), all, testNow)[0].Matches; got != tt.want {
			t.Errorf("%v: covered %d times, want %d", tt.paths, got, tt.want)
		}
	}
}
