package rules

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
)

//go:embed own
var ownFS embed.FS

// ownFile is a file of rules of our own: one for each provider.
type ownFile struct {
	// Provider is the category of the findings.
	Provider string
	Rules    []ownRule
}

// ownRule is a rule of our own, for what the other sources do not have.
type ownRule struct {
	ID, Title string
	Severity  gatehouse.Severity
	// Regex may name the group that is the secret "secret"; else it is the
	// first one that is not empty.
	Regex   string
	Path    string
	Entropy float64
	// Keywords are strings of which a file must have one; empty if it needs
	// none. Give them if the expression has no text of its own.
	Keywords []string
	// Judge names a check of the value; see judges.
	Judge string
	// Match are texts in which the rule finds something, and Clean texts in
	// which no rule does. In them {8}, {8:hex} and the like stand for random
	// characters, so that no sample of a secret stands in a file.
	Match, Clean []string
}

var ownFiles = sync.OnceValues(func() ([]ownFile, error) {
	names, err := fs.Glob(ownFS, "own/*.toml")
	if err != nil {
		return nil, err
	}
	out := make([]ownFile, len(names))
	for i, name := range names {
		data, err := ownFS.ReadFile(name)
		if err != nil {
			return nil, err
		}
		md, err := toml.Decode(string(data), &out[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if keys := md.Undecoded(); len(keys) > 0 || out[i].Provider == "" || len(out[i].Rules) == 0 {
			return nil, fmt.Errorf("%s: unknown keys %v, or no provider or rules", name, keys)
		}
	}
	return out, nil
})

func fromOwn() ([]Rule, error) {
	files, err := ownFiles()
	if err != nil {
		return nil, err
	}
	var out []Rule
	for _, f := range files {
		for _, o := range f.Rules {
			r := Rule{ID: o.ID, Title: o.Title, Category: f.Provider, Severity: o.Severity, Source: Own,
				Expr: lazy.New(o.Regex), Group: match.FirstGroup, Entropy: o.Entropy, Keywords: o.Keywords, Judged: true}
			if o.Path != "" {
				r.Path = lazy.New(o.Path)
			}
			if o.Judge != "" {
				r.doubt = doubts[o.Judge]
				if r.check = judges[o.Judge]; r.check == nil {
					return nil, fmt.Errorf("secret rule %q: there is no judge %q", o.ID, o.Judge)
				}
				if o.Judge == "jwk" {
					r.around = jwkBytes
				}
			}
			if strings.Contains(o.Regex, "(?P<secret>") {
				re, err := syntax.Parse(o.Regex, syntax.Perl)
				if err != nil {
					return nil, fmt.Errorf("secret rule %q: %w", o.ID, err)
				}
				r.Group = slices.Index(re.CapNames(), "secret")
			}
			r.prepare()
			out = append(out, r)
		}
	}
	return out, nil
}
