// Package scannertest is the contract that every scanner passes.
package scannertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-sec/gatehouse"
)

// Fixture is a target and what a scanner should make of it.
type Fixture struct {
	Name string
	// Files are contents by path.
	Files map[string]string
	// Finds are rules that the scanner must report at least once. If it is
	// empty, the target is clean: the scanner must scan at least one file of
	// it and report nothing.
	Finds []string
	// Fails is a path that the scanner must report as failed; may be empty.
	Fails string
	// Secrets are texts that must not be in the JSON of the report.
	Secrets []string
}

// Scan scans files, by path, with one scanner and returns the report.
func Scan(t testing.TB, s *gatehouse.Scanner, files map[string]string) *gatehouse.Report {
	t.Helper()
	fs := fstest.MapFS{}
	for name, data := range files {
		fs[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
	}
	target := &gatehouse.Target{Kind: gatehouse.TargetDir, Name: "target", FS: fs}
	r, err := gatehouse.Scan(context.WithoutCancel(t.Context()), target, []*gatehouse.Scanner{s}, gatehouse.ScanOptions{
		Tool: gatehouse.Tool{Name: "gatehouse", Version: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Accept checks the contract of the scanner that fresh returns. At least one
// fixture must be known bad and one known clean, unless the scanner reports no
// findings at all (Rules is empty but not nil).
func Accept(t *testing.T, fresh func() *gatehouse.Scanner, fixtures ...Fixture) {
	t.Helper()
	s := fresh()
	if err := gatehouse.Validate([]*gatehouse.Scanner{s}); err != nil {
		t.Fatal(err)
	}
	if again := fresh(); again.RulesDigest != s.RulesDigest || again.OptionsDigest != s.OptionsDigest {
		t.Error("two scanners with the same options have different digests")
	}
	silent := s.Rules != nil && len(s.Rules) == 0
	bad := slices.ContainsFunc(fixtures, func(f Fixture) bool { return len(f.Finds) > 0 })
	clean := slices.ContainsFunc(fixtures, func(f Fixture) bool { return len(f.Finds) == 0 && f.Fails == "" })
	if !clean || !bad && !silent {
		t.Fatal("the contract needs a fixture that is known bad and one that is known clean")
	}
	t.Run("canaries", func(t *testing.T) { canaries(t, s) })
	t.Run("cancel", func(t *testing.T) { cancelled(t, s, fixtures) })
	t.Run("hostile", func(t *testing.T) { hostile(t, s, fixtures) })
	for _, f := range fixtures {
		t.Run(f.Name, func(t *testing.T) { fixture(t, fresh, f) })
	}
}

// canaries relies on [gatehouse.Scan], which feeds them in every scan.
func canaries(t *testing.T, s *gatehouse.Scanner) {
	if len(s.Canaries) == 0 {
		t.Fatal("the scanner has no canary")
	}
	r := Scan(t, s, map[string]string{"empty": ""})
	if got := r.Coverage.Scanners[0].Canaries; got != len(s.Canaries) {
		t.Errorf("found %d of %d canaries: %v", got, len(s.Canaries), r.Coverage.Gaps)
	}
}

// cancelled calls the scanner with a context that has ended: it must return,
// whatever it returns.
func cancelled(t *testing.T, s *gatehouse.Scanner, fixtures []Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range fixtures {
		for name, data := range f.Files {
			file := &gatehouse.File{FileInfo: gatehouse.FileInfo{Path: name, Bytes: int64(len(data)), Mode: 0o644}, Data: []byte(data)}
			if !s.Want(file.FileInfo).Scan {
				continue
			}
			func() {
				// Reporting to a pass that no scan made may panic; that is not
				// what this checks.
				defer func() { _ = recover() }()
				_ = s.ScanFile(ctx, file, &gatehouse.Pass{})
			}()
		}
	}
}

// hostile scans broken versions of all fixtures under their own names. None may
// crash the scanner or vanish from the coverage.
func hostile(t *testing.T, s *gatehouse.Scanner, fixtures []Fixture) {
	breaks := map[string]func(string) string{
		"empty":     func(string) string { return "" },
		"space":     func(string) string { return " \n\t\n" },
		"truncated": func(d string) string { return d[:len(d)*2/3] },
		"twice":     func(d string) string { return d + d },
		"nul":       func(d string) string { return "\x00" + d },
		"binary":    func(string) string { return string(bytes.Repeat([]byte{0x7f, 0, 0xfe, 0xff, 1}, 500)) },
		"utf-8":     func(d string) string { return strings.ReplaceAll(d, "e", "\xff\xfe\xc3") },
		"utf-16":    func(d string) string { return "\xff\xfe" + strings.Join(strings.Split(d, ""), "\x00") + "\x00" },
		"crlf":      func(d string) string { return strings.ReplaceAll(d, "\n", "\r\n") },
		"bom":       func(d string) string { return "\ufeff" + d },
		"brackets":  func(string) string { return strings.Repeat("[", 100_000) },
		"braces":    func(string) string { return strings.Repeat(`{"a":`, 50_000) },
		"dashes":    func(string) string { return strings.Repeat("- ", 5_000) + "a" },
		"line":      func(d string) string { return strings.Repeat(strings.ReplaceAll(d, "\n", " "), 1+1<<20/(len(d)+1)) },
		"quotes":    func(d string) string { return strings.ReplaceAll(d, `"`, "") },
	}
	for how, f := range breaks {
		for _, fix := range fixtures {
			files := map[string]string{}
			for name, data := range fix.Files {
				files[name] = f(data)
			}
			r := Scan(t, s, files)
			for _, g := range r.Coverage.Gaps {
				if g.Code == gatehouse.GapPanic || g.Code == gatehouse.GapTimeout {
					t.Errorf("%s of %s: %s: %s", how, fix.Name, g.Path, g.Reason)
				}
			}
			wellFormed(t, s, r)
		}
	}
}

func fixture(t *testing.T, fresh func() *gatehouse.Scanner, f Fixture) {
	s := fresh()
	r := Scan(t, s, f.Files)
	wellFormed(t, s, r)
	first := encode(t, r)
	if second := encode(t, Scan(t, fresh(), f.Files)); first != second {
		t.Error("two scans of the same files give different reports")
	}
	rules := map[string]int{}
	for _, x := range r.Findings {
		rules[x.Rule]++
	}
	for _, want := range f.Finds {
		if rules[want] == 0 {
			t.Errorf("no finding of rule %q; found %v, gaps %v", want, rules, r.Coverage.Gaps)
		}
	}
	failed := false
	for _, c := range r.Coverage.Files {
		failed = failed || c.Path == f.Fails && len(c.Failed) > 0
	}
	switch {
	case f.Fails != "" && !failed:
		t.Errorf("%s was not reported as failed", f.Fails)
	case f.Fails == "" && len(f.Finds) == 0:
		if len(r.Findings) > 0 {
			t.Errorf("the target is clean, but %d findings: first %+v", len(r.Findings), r.Findings[0])
		}
		if r.Coverage.Scanners[0].Scanned == 0 {
			t.Errorf("clean because nothing was scanned: %+v", r.Coverage)
		}
		if len(r.Coverage.Gaps) > 0 {
			t.Errorf("the target is clean, but has gaps: %v", r.Coverage.Gaps)
		}
	}
	for i, secret := range f.Secrets {
		if secret == "" {
			t.Fatalf("secret %d of the fixture is empty", i)
		}
		if strings.Contains(first, secret) {
			t.Errorf("secret %d of the fixture is in the report", i)
		}
	}
}

// wellFormed checks what holds for every report.
func wellFormed(t *testing.T, s *gatehouse.Scanner, r *gatehouse.Report) {
	t.Helper()
	declared := map[string]bool{}
	for _, rule := range s.Rules {
		declared[rule.ID] = true
	}
	for _, f := range r.Findings {
		var bad []string
		check := func(ok bool, what string) {
			if !ok {
				bad = append(bad, what)
			}
		}
		check(f.Rule != "" && f.Title != "" && f.Message != "" && f.Fingerprint != "", "rule, title, message and fingerprint must be set")
		check(!strings.HasSuffix(f.Title, "."), "the title ends in a period")
		check(s.Rules == nil || declared[f.Rule], "the rule is not declared")
		check(slices.Contains(gatehouse.Kinds(), f.Kind), "the kind is not known")
		check((f.Secret != nil) == (f.Kind == gatehouse.KindSecret), "kind and secret disagree")
		check((f.Vulnerability != nil) == (f.Kind == gatehouse.KindVulnerability), "kind and vulnerability disagree")
		check((f.Misconfiguration != nil) == (f.Kind == gatehouse.KindMisconfiguration), "kind and misconfiguration disagree")
		check((f.License != nil) == (f.Kind == gatehouse.KindLicense), "kind and license disagree")
		check(f.Secret == nil || len(f.Secret.Redacted) <= 256, "the redacted secret is longer than 256 bytes")
		l := f.Location
		check(l.Path != "" && path.Clean(l.Path) == l.Path && !path.IsAbs(l.Path), "the path is not relative and clean")
		check(l.Line >= 0 && l.Column >= 0 && (l.EndLine == 0 || l.EndLine >= l.Line), "lines or columns are out of order")
		check(l.Line > 0 || l.Column == 0, "a column without a line")
		if len(bad) > 0 {
			t.Errorf("finding %s at %s: %s", f.Rule, l, strings.Join(bad, "; "))
		}
	}
	for _, g := range r.Coverage.Gaps {
		if g.Reason == "" || strings.HasSuffix(g.Reason, ".") || !slices.Contains(gatehouse.GapCodes(), g.Code) {
			t.Errorf("gap in %s: code %q, reason %q: want a known code and a sentence without a period", g.Path, g.Code, g.Reason)
		}
	}
	for _, d := range r.Documents {
		if !json.Valid(d.JSON) {
			t.Errorf("document %d of %s is not JSON", d.Index, d.Path)
		}
	}
}

// encode gives everything that leaves a scan, also the documents, whose content
// is a copy of the input and so left out.
func encode(t *testing.T, r *gatehouse.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(r); err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Documents {
		fmt.Fprintf(&b, "%s %s %d %d\n", d.Path, d.Format, d.Index, d.Line)
	}
	return b.String()
}
