// Package secrets finds credentials in text.
//
// Every text file is read, whatever its name or directory; see the rules in
// package internal/rules and the search in package internal/match. A secret is
// redacted where it is found: neither a finding nor an error holds it.
//
// # Limitations
//
// Files that are not text are skipped with a reason. Secrets in archives, or
// encoded once more (a secret in base64), are not found. Columns count bytes of
// the text in UTF-8. Lines end with a line feed.
package secrets

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
)

// version changes with the results that the code of this package gives.
const version = "1"

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
}

// New returns the scanner.
func New(o Options) (*gatehouse.Scanner, error) {
	id, err := newIdentity(o.Key)
	if err != nil {
		return nil, err
	}
	all, err := rules.Builtin()
	if err != nil {
		return nil, err
	}
	s := &scanner{rules: all, identity: id}
	exprs := make([]match.Rule, len(all))
	documented := make([]gatehouse.Rule, len(all))
	for i, r := range all {
		exprs[i] = match.Rule{Expr: r.Expr, Group: r.Group}
		documented[i] = gatehouse.Rule{
			ID: r.ID, Title: r.Title, Kind: gatehouse.KindSecret, Severity: r.Severity,
			Description: "A credential in a file can be used by everybody who can read the file, and stays in the history of the repository.",
			Fix:         fix,
		}
	}
	if s.matcher, err = match.New(exprs); err != nil {
		return nil, err
	}
	return &gatehouse.Scanner{
		Name:          Name,
		Doc:           "Credentials in text: tokens, passwords and private keys\n\nThe secret is masked in all output. Its fingerprint is a keyed hash.",
		Reads:         "all text files",
		Version:       version,
		RulesDigest:   rules.Digest(all),
		OptionsDigest: id.digest(),
		Rules:         documented,
		Want:          func(gatehouse.FileInfo) gatehouse.Want { return gatehouse.Want{Scan: true} },
		ScanFile:      s.scanFile,
		Canaries: []gatehouse.Canary{{
			Name: "a GitHub token in a settings file",
			Path: "settings.env",
			Data: canary,
			Rule: "github-pat",
		}},
	}, nil
}

const fix = "Revoke the credential at its issuer, replace it, and load the new one from a secret store or the environment; deleting the line is not enough."

// canary assembles a token, so that none stands in the program.
func canary() []byte {
	return []byte("TOKEN=" + strings.Join([]string{"gh", "p", "_"}, "") + strings.Repeat("c4nA", 9) + "\n")
}

type scanner struct {
	rules    []rules.Rule
	matcher  *match.Matcher
	identity identity
}

func (s *scanner) scanFile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	text, skip := decode(f.Path, f.Data)
	if skip != "" {
		p.Skip(skip)
		return nil
	}
	matches, all, err := s.find(ctx, f.Path, text)
	if err != nil {
		return fmt.Errorf("look for secrets: %w", err)
	}
	matches = settle(s.rules, matches)
	if len(matches) > limits.MaxFindingsPerFile {
		matches, all = matches[:limits.MaxFindingsPerFile], false
	}
	if !all {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapTooMany, Reason: fmt.Sprintf(
			"more than %d secrets in one file, the rest is not reported; exclude the file if it is generated", limits.MaxFindingsPerFile)})
	}
	return s.report(ctx, text, matches, p)
}

// find returns the matches that no allow rule covers. All is false if it gave
// up because there are too many.
func (s *scanner) find(ctx context.Context, path string, text []byte) (matches []match.Match, all bool, err error) {
	wants := func(rule int) bool {
		only := s.rules[rule].Path
		return only == nil || only.MatchString(path)
	}
	all = true
	err = s.matcher.Find(ctx, text, wants, func(m match.Match) bool {
		whole, secret := text[m.Whole.Start:m.Whole.End], text[m.Secret.Start:m.Secret.End]
		if s.rules[m.Rule].Allows(whole, secret) {
			return true
		}
		if armor(whole) != "" {
			// The lines around an armored key are part of it for people.
			m.Secret = m.Whole
		}
		// Twice the limit, as overlapping matches are settled later.
		if all = len(matches) < 2*limits.MaxFindingsPerFile; all {
			matches = append(matches, m)
		}
		return all
	})
	return matches, all, err
}

// report turns matches, which are sorted by place, into findings.
func (s *scanner) report(ctx context.Context, text []byte, matches []match.Match, p *gatehouse.Pass) error {
	known := map[string]string{} // fingerprints are slow to make
	at := position{text: text, line: 1}
	for _, m := range matches {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("look for secrets: %w", err)
		}
		r := &s.rules[m.Rule]
		whole, secret := text[m.Whole.Start:m.Whole.End], text[m.Secret.Start:m.Secret.End]
		name := r.ID + "\x00" + string(secret)
		fingerprint, ok := known[name]
		if !ok {
			var err error
			if fingerprint, err = s.identity.fingerprint(r.ID, secret); err != nil {
				return err
			}
			known[name] = fingerprint
		}
		shown := redact(r, whole, secret)
		p.Report(gatehouse.Finding{
			Rule:        r.ID,
			Kind:        gatehouse.KindSecret,
			Severity:    r.Severity,
			Title:       r.Title,
			Message:     fmt.Sprintf("This looks like a credential (%s): %s", r.Title, shown),
			Location:    at.locate(m.Secret),
			Fix:         fix,
			Fingerprint: fingerprint,
			Secret:      &gatehouse.Secret{Redacted: shown, Category: r.Category},
		})
	}
	return nil
}

// position turns offsets, which must not go back, into lines and columns.
type position struct {
	text []byte
	// offset was reached; it is on the line, which starts at start.
	offset, line, start int
}

func (p *position) locate(s match.Span) gatehouse.Location {
	passed := p.text[p.offset:s.Start]
	if n := bytes.Count(passed, []byte("\n")); n > 0 {
		p.line += n
		p.start = p.offset + bytes.LastIndexByte(passed, '\n') + 1
	}
	p.offset = s.Start
	l := gatehouse.Location{Line: p.line, Column: s.Start - p.start + 1}
	if n := bytes.Count(p.text[s.Start:s.End], []byte("\n")); n > 0 {
		l.EndLine = p.line + n
	}
	return l
}
