// Package secrets finds credentials in text.
//
// Every file but media is read, whatever its name or directory: text as it is
// and what is encoded in it, the entries of archives, the texts of documents and
// databases, the strings of binaries; see package internal/views. See the rules in package internal/rules and the
// search in package internal/match. A secret is redacted where it is found:
// neither a finding nor an error holds it.
//
// # Limitations
//
// Images, fonts, audio and video are skipped with a reason. Encodings are undone
// up to three levels deep. Columns count bytes of the text in UTF-8. Lines end
// with a line feed.
package secrets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/known"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// version changes with the results that the code of this package gives.
const version = "5"

// Name is the name of the scanner.
const Name = "secrets"

// Options configures the scanner.
type Options struct {
	// Key makes the fingerprints of secrets unguessable: they are HMAC-SHA-256
	// under this key, so only who has the key can check a guess against a
	// report. It has 16 bytes or more, and must stay the same for
	// fingerprints in waivers to stay valid.
	//
	// Without a key, fingerprints come from PBKDF2 with a salt that everybody
	// knows. A guess then costs about a millisecond, which protects a random
	// token but not a weak password.
	Key []byte
	// Rules are files of rules in the TOML format of gitleaks. They come on
	// top of the built-in ones; see package internal/rules.
	Rules []File
	// Read returns the file that extend.path of a file of rules names; nil if
	// there is none.
	Read func(path string) ([]byte, error)
	// Known are lists of known secrets, which are reported as suppressed; see
	// package internal/known for the formats.
	Known []File
	// VendoredSuppressions makes comments such as gitleaks:allow count in
	// vendored trees too.
	VendoredSuppressions bool
}

// File is a file of the configuration.
type File struct {
	// Name is for messages.
	Name string
	Data []byte
}

// New returns the scanner.
func New(o Options) (*gatehouse.Scanner, error) {
	s, err := newScanner(o)
	if err != nil {
		return nil, err
	}
	canaries := usable(s.rules)
	if len(canaries) == 0 {
		return nil, errors.New("rules for secrets: all rules that show that the scanner works are disabled; leave one of github-pat and private-key")
	}
	exprs := make([]match.Rule, len(s.rules))
	for i := range s.rules {
		exprs[i] = s.rules[i].For()
	}
	if s.matcher, err = match.New(exprs); err != nil {
		return nil, err
	}
	return &gatehouse.Scanner{
		Name:          Name,
		Doc:           "Credentials in text: tokens, passwords and private keys\n\nThe secret is masked in all output. Its fingerprint is a keyed hash.",
		Reads:         "all files but images, fonts, audio and video",
		Version:       version,
		RulesDigest:   rules.Digest(s.rules),
		OptionsDigest: fmt.Sprintf("%s %s %t", s.identity.digest(), s.known.Digest(), s.vendored),
		Rules:         documented(s.rules),
		Want:          func(gatehouse.FileInfo) gatehouse.Want { return gatehouse.Want{Scan: true} },
		ScanFile:      s.scanFile,
		Hidden:        true,
		Canaries:      canaries,
	}, nil
}

// newScanner reads the options, but makes no matcher.
func newScanner(o Options) (*scanner, error) {
	id, err := newIdentity(o.Key)
	if err != nil {
		return nil, err
	}
	all, err := rules.Builtin()
	if err != nil {
		return nil, err
	}
	for _, f := range o.Rules {
		if all, err = rules.Add(all, f.Name, f.Data, o.Read); err != nil {
			return nil, fmt.Errorf("rules for secrets: %w", err)
		}
	}
	s := &scanner{rules: all, identity: id, known: &known.List{}, vendored: o.VendoredSuppressions, required: map[string]bool{}}
	for _, f := range o.Known {
		if err := s.known.Add(f.Name, f.Data); err != nil {
			return nil, fmt.Errorf("known secrets: %w", err)
		}
	}
	for i := range all {
		if all[i].Expr == nil {
			s.byPath = append(s.byPath, i)
		}
		for _, q := range all[i].Required {
			s.required[q.Rule] = true
		}
		s.composed = s.composed || all[i].Hidden || len(all[i].Required) > 0
	}
	return s, nil
}

const fix = "Revoke the credential at its issuer, replace it, and load the new one from a secret store or the environment; deleting the line is not enough."

// usable returns a sample that a rule finds; the samples are assembled, so that
// no token stands in the program.
func usable(all []rules.Rule) []gatehouse.Canary {
	for _, c := range []gatehouse.Canary{
		{Name: "a GitHub token in a settings file", Path: "settings.env", Rule: "github-pat", Data: func() []byte {
			return []byte("TOKEN=" + strings.Join([]string{"gh", "p", "_"}, "") + strings.Repeat("c4nA", 9) + "\n")
		}},
		{Name: "a private key", Path: "key.txt", Rule: "private-key", Data: func() []byte {
			line := strings.Join([]string{"-----", " RSA PRIVATE KEY-----\n"}, "%s")
			body := strings.Repeat("MIIc4nAryIs+no/KeyAtAll0", 5)
			return fmt.Appendf(nil, line+"%s\n"+line, "BEGIN", body, "END")
		}},
	} {
		// A rule of a user may be narrower than the built-in one.
		if slices.ContainsFunc(all, func(r rules.Rule) bool { return r.ID == c.Rule && r.Source != rules.User }) {
			return []gatehouse.Canary{c}
		}
	}
	return nil
}

type scanner struct {
	rules    []rules.Rule
	matcher  *match.Matcher
	identity identity
	// byPath are the rules that go by the path alone.
	byPath []int
	// required are ids of rules that others require, and composed is set if
	// there are any.
	required map[string]bool
	composed bool
	known    *known.List
	// vendored is set if comments in vendored trees count.
	vendored bool
	versions versions
}

// documented describes the rules, each id once.
func documented(all []rules.Rule) []gatehouse.Rule {
	var out []gatehouse.Rule
	for _, r := range all {
		if len(out) > 0 && out[len(out)-1].ID == r.ID {
			continue // the same sort of secret, from another source
		}
		out = append(out, gatehouse.Rule{
			ID: r.ID, Title: r.Title, Kind: gatehouse.KindSecret, Severity: r.Severity,
			Description: "A credential in a file can be used by everybody who can read the file, and stays in the history of the repository.",
			Fix:         fix,
		})
	}
	return out
}

func (s *scanner) scanFile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	r := reporter{scanner: s, file: f, pass: p, fingerprints: map[string]string{}}
	if err := r.reportPath(f); err != nil {
		return fmt.Errorf("look for secrets: %w", err)
	}
	skip, err := views.Walk(ctx, f.Path, f.Data, func(v *views.View) error { return s.look(ctx, v, &r) }, p.Gap)
	if err != nil && !errors.Is(err, errTooMany) {
		return fmt.Errorf("look for secrets: %w", err)
	}
	if err != nil {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapTooMany, Reason: fmt.Sprintf(
			"more than %d secrets in one file, the rest is not reported; exclude the file if it is generated", limits.MaxFindingsPerFile)})
	}
	if skip != "" {
		p.Skip(skip)
	}
	return nil
}

var errTooMany = errors.New("too many secrets")

// look reports the secrets in one view of a file.
func (s *scanner) look(ctx context.Context, v *views.View, r *reporter) error {
	matches, all, err := s.findIn(ctx, v, r.file)
	if err != nil {
		return err
	}
	if err := r.report(ctx, v, settle(s.rules, s.complete(v, matches))); err != nil {
		return err
	}
	if !all {
		return errTooMany
	}
	return nil
}

// search is what looks for matches; see [match.Matcher.Find].
type search func(wants func(rule int) bool, found func(match.Match) bool) error

// find returns the matches that are not told to be no secrets. All is false if
// it gave up because there are too many.
func (s *scanner) find(ctx context.Context, v *views.View) (matches []match.Match, all bool, err error) {
	return s.accepted(v, func(wants func(int) bool, found func(match.Match) bool) error {
		return s.matcher.Find(ctx, v.Text, wants, found)
	})
}

// accepted is find with another search.
func (s *scanner) accepted(v *views.View, search search) (matches []match.Match, all bool, err error) {
	path, text := v.Path, v.Text
	var failed error
	wants := func(rule int) bool {
		only := s.rules[rule].Path
		if s.rules[rule].Expr == nil || only == nil {
			return s.rules[rule].Expr != nil
		}
		ok, err := only.MatchString(path)
		if err != nil {
			failed = err
		}
		return ok
	}
	all = true
	err = search(wants, func(m match.Match) bool {
		why, err := s.rules[m.Rule].Refuses(&rules.Text{Path: path, All: text, Whole: m.Whole, Secret: m.Secret})
		if err != nil {
			failed = err
			return false
		}
		if why != "" {
			return true
		}
		if armor(text[m.Whole.Start:m.Whole.End]) != "" {
			// The lines around an armored key are part of it for people.
			m.Secret = m.Whole
		}
		if !v.Adds(m.Secret.Start, m.Secret.End) {
			return true
		}
		// Twice the limit, as overlapping matches are settled later.
		if all = len(matches) < 2*limits.MaxFindingsPerFile; all {
			matches = append(matches, m)
		}
		return all
	})
	return matches, all, cmp.Or(failed, err)
}

// reporter turns the matches of one file into findings.
type reporter struct {
	scanner      *scanner
	file         *gatehouse.File
	pass         *gatehouse.Pass
	fingerprints map[string]string // which are slow to make
	seen         map[place]bool
	reported     int
}

// place is where a secret was seen.
type place struct {
	path, fingerprint string
	line              int
}

// report adds the matches in a view, which are sorted by place.
func (r *reporter) report(ctx context.Context, v *views.View, matches []settled) error {
	for _, m := range matches {
		if err := ctx.Err(); err != nil {
			return err
		}
		rule := &r.scanner.rules[m.Rule]
		whole, secret := v.Text[m.Whole.Start:m.Whole.End], v.Text[m.Secret.Start:m.Secret.End]
		at := v.Place(m.Secret.Start)
		fingerprint, err := r.fingerprint(rule.ID, secret)
		if err != nil {
			return err
		}
		here := place{v.Path, fingerprint, at.Line}
		if v.Derived && r.seen[here] {
			continue
		}
		if r.reported++; r.reported > limits.MaxFindingsPerFile {
			return errTooMany
		}
		if r.seen == nil {
			r.seen = map[place]bool{}
		}
		r.seen[here] = true
		location := gatehouse.Location{Line: at.Line, Column: at.Column}
		if end := v.Place(max(m.Secret.End-1, m.Secret.Start)); end.Line > at.Line {
			location.EndLine = end.Line
		}
		text := &rules.Text{Path: v.Path, All: v.Text, Whole: m.Whole, Secret: m.Secret}
		confidence, why := rule.Judge(text)
		k := known.Secret{Texts: m.texts(v.Text), Fingerprint: fingerprint, Path: v.Path, Line: v.Place(m.Whole.Start).Line, Rules: m.ids}
		suppressed, note := r.scanner.suppressed(text, &k, location)
		suppressedIn, err := r.scanner.suppressedIn(rule, text, &k)
		if err != nil {
			return err
		}
		if note != "" {
			why += "; " + note
		}
		shown := redact(rule, whole, secret)
		message := fmt.Sprintf("This looks like a credential (%s): %s", rule.Title, shown)
		if at.Within != "" {
			message += ", in " + at.Within
		}
		r.pass.Report(gatehouse.Finding{
			Rule:        rule.ID,
			Kind:        gatehouse.KindSecret,
			Severity:    rule.Severity,
			Title:       rule.Title,
			Message:     message,
			Location:    location,
			Fix:         fix,
			Fingerprint: fingerprint,
			Suppressed:  suppressed,
			Secret: &gatehouse.Secret{Redacted: shown, Category: rule.Category, Within: at.Within, Confidence: confidence, Why: why,
				SuppressedIn: suppressedIn},
		})
	}
	return nil
}

// reportPath reports a file that is a secret by its name.
func (r *reporter) reportPath(f *gatehouse.File) error {
	for _, i := range r.scanner.byPath {
		rule := &r.scanner.rules[i]
		if ok, err := rule.Path.MatchString(f.Path); err != nil {
			return err
		} else if !ok {
			continue
		}
		if allowed, err := rule.AllowsPath(f.Path); err != nil || allowed {
			return err
		}
		fingerprint, err := r.fingerprint(rule.ID, f.Data)
		if err != nil {
			return err
		}
		k := known.Secret{Texts: [][]byte{f.Data}, Fingerprint: fingerprint, Path: f.Path, Rules: []string{rule.ID}}
		var suppressed *gatehouse.Suppression
		if e, ok := r.scanner.known.Find(&k); ok {
			by := byKnown(e)
			suppressed = &by
		}
		suppressedIn, err := r.scanner.suppressedIn(rule, &rules.Text{Path: f.Path}, &k)
		if err != nil {
			return err
		}
		r.pass.Report(gatehouse.Finding{
			Rule: rule.ID, Kind: gatehouse.KindSecret, Severity: rule.Severity, Title: rule.Title, Fix: fix, Fingerprint: fingerprint,
			Message:    fmt.Sprintf("This file is a credential by its name (%s)", rule.Title),
			Suppressed: suppressed,
			Secret: &gatehouse.Secret{Redacted: "the whole file", Category: rule.Category, SuppressedIn: suppressedIn,
				Confidence: gatehouse.ConfidenceMedium, Why: "its name says so; its content was not judged"},
		})
	}
	return nil
}

func (r *reporter) fingerprint(rule string, secret []byte) (string, error) {
	name := rule + "\x00" + string(secret)
	if f, ok := r.fingerprints[name]; ok {
		return f, nil
	}
	f, err := r.scanner.identity.fingerprint(rule, secret)
	if err == nil {
		r.fingerprints[name] = f
	}
	return f, err
}
