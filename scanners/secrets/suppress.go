package secrets

import (
	"bytes"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/known"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
)

// comments ask that a secret on the same line does not count.
var comments = []string{"gitleaks:allow", "betterleaks:allow", "trufflehog:ignore"}

// vendored are directories of code that others wrote: what they allow
// themselves is not allowed here.
var vendored = map[string]bool{"vendor": true, "node_modules": true, "third_party": true, "bower_components": true}

func isVendored(path string) bool {
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '!' }) {
		if vendored[part] {
			return true
		}
	}
	return false
}

// byKnown is what asks for a suppression if a list of known secrets does.
func byKnown(e known.Entry) gatehouse.Suppression {
	return gatehouse.Suppression{By: "a list of known secrets", Location: gatehouse.Location{Path: e.Name, Line: e.Line}}
}

// suppressed says what asks that a secret does not count. If something does but
// may not, note says so, as a clause.
func (s *scanner) suppressed(t *rules.Text, secret *known.Secret, at gatehouse.Location) (by *gatehouse.Suppression, note string) {
	if e, ok := s.known.Find(secret); ok {
		by := byKnown(e)
		return &by, ""
	}
	line := t.Line()
	for _, c := range comments {
		if !bytes.Contains(line, []byte(c)) {
			continue
		}
		if isVendored(t.Path) && !s.vendored {
			return nil, "the comment " + c + " in a vendored tree does not count"
		}
		return &gatehouse.Suppression{By: "the comment " + c, Location: gatehouse.Location{Path: t.Path, Line: at.Line}}, ""
	}
	return nil, ""
}

// suppressedIn says the same of a secret that came with a commit, by commit.
func (s *scanner) suppressedIn(r *rules.Rule, t *rules.Text, secret *known.Secret) (map[string]gatehouse.Suppression, error) {
	allowed, err := r.AllowedIn(t)
	if err != nil {
		return nil, err
	}
	listed := s.known.Commits(secret)
	if len(allowed)+len(listed) == 0 {
		return nil, nil
	}
	in := make(map[string]gatehouse.Suppression, len(allowed)+len(listed))
	for c, a := range allowed {
		by := "an allow list for commits"
		if a.Description != "" {
			by += " (" + a.Description + ")"
		}
		in[c] = gatehouse.Suppression{By: by, Location: gatehouse.Location{Path: a.Name}}
	}
	for c, e := range listed {
		in[c] = byKnown(e)
	}
	return in, nil
}
