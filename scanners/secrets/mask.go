package secrets

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// credentials are user and password of a URL, or a token in their place.
var credentials = regexp.MustCompile(`(://)[^\s/@"'<>]+@`)

// unmaskable stands for a text that could not be searched.
const unmaskable = "(left out, as it could not be searched for secrets)"

// Mask returns a function that masks what the rules find in a text, and the
// credentials of URLs. It is for messages that quote what was scanned, such as
// the error of a parser. The rules are made ready when it is first needed. It
// is safe for concurrent use.
func Mask() func(text string) string {
	ready := sync.OnceValues(func() (*scanner, error) {
		all, err := rules.Builtin()
		if err != nil {
			return nil, err
		}
		exprs := make([]match.Rule, len(all))
		for i := range all {
			exprs[i] = all[i].For()
		}
		matcher, err := match.New(exprs)
		return &scanner{rules: all, matcher: matcher}, err
	})
	return func(text string) string {
		if text == "" {
			return ""
		}
		s, err := ready()
		if err != nil {
			return unmaskable
		}
		text = credentials.ReplaceAllString(text, "$1***@")
		matches, all, err := s.find(context.Background(), &views.View{Path: "message.txt", Text: []byte(text)})
		if err != nil || !all {
			return unmaskable
		}
		slices.SortFunc(matches, func(a, b match.Match) int { return a.Secret.Start - b.Secret.Start })
		var out strings.Builder
		at := 0
		for _, m := range matches {
			if m.Secret.End <= at {
				continue
			}
			out.WriteString(text[at:max(at, m.Secret.Start)])
			out.WriteString("***")
			at = m.Secret.End
		}
		out.WriteString(text[at:])
		return out.String()
	}
}
