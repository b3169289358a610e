// Package rules holds what the secrets scanner looks for.
//
// The rules come from three places, all read at run time: the default
// configuration of gitleaks (github.com/zricethezav/gitleaks/v8/config, MIT),
// the built-in set of trivy (github.com/aquasecurity/trivy/pkg/fanal/secret,
// Apache-2.0), and the rules of our own below this directory. What the first
// two say about paths that need no look is not used: it leaves out tests,
// examples, vendored trees, lock files and Markdown, which are places where
// secrets do leak.
//
// Several rules may share an id: if two sources have one, both expressions are
// run, and where they match the same text one finding is made.
package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/factor"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
)

// Source is where a rule comes from.
type Source string

// Generic is the category of rules that know no provider.
const Generic = "generic"

// The sources of rules.
const (
	Own      Source = "gatehouse"
	Gitleaks Source = "gitleaks"
	Trivy    Source = "trivy"
	User     Source = "user"
)

// Rule is one sort of secret.
type Rule struct {
	ID       string
	Title    string
	Category string // the provider or sort
	Severity gatehouse.Severity
	Source   Source
	Tags     []string
	// Expr matches the secret, and Group is the number of the group that is
	// the secret itself; 0 is the whole match, [match.FirstGroup] the first
	// group that is not empty. Expr is nil if the path alone decides.
	Expr  *lazy.Regexp
	Group int
	// Entropy is what the secret must exceed, in bits for each character; 0 if
	// it does not matter.
	Entropy float64
	// Keywords are strings of which a file must have one, in any case; empty
	// if it needs none.
	Keywords []string
	// Path restricts the rule to some files; may be nil.
	Path *lazy.Regexp
	// Allow says what the rule must not report.
	Allow []*Allow
	// Required are rules that must match near by, and Hidden is set if matches
	// count only for that.
	Required []Required
	Hidden   bool
	// around is how far what judges a match looks beyond it and its lines.
	around int
	// Judged is set if values that are plainly no secrets are left out, as the
	// author of the rule did not mean them. It is not for rules of users.
	Judged bool

	// check says why a match is no secret, as a clause; may be nil.
	check func(*Text) string
	// doubt says what is doubtful about one that is not refused; may be nil.
	doubt func(*Text) string
	about func() about
}

// Required is a rule that must match near by; a distance of -1 does not matter.
type Required struct {
	Rule           string
	Lines, Columns int
}

// about is what the expression says about the secret.
type about struct {
	// starts are the public starts of the secret ("ghp_"), and fold is set if
	// they stand for any case; may be nil.
	starts []string
	fold   bool
	// bits says how much of the secret is fixed by the rule.
	bits float64
	// bare is set if matches need not hold any literal.
	bare bool
	err  error
}

// prepare sets what is derived from the expression, when it is first needed.
func (r *Rule) prepare() {
	expr, group := r.Expr, r.Group
	r.about = sync.OnceValue(func() (a about) {
		if expr == nil {
			return about{}
		}
		if f, err := factor.Analyze(expr.String()); err == nil {
			defer func() { a.bare = f.Literals == nil }()
		}
		if group == match.FirstGroup {
			group = 0
			if re, err := expr.Compiled(); err == nil && re.NumSubexp() == 1 {
				group = 1
			} else if err == nil && re.NumSubexp() > 1 {
				return about{bits: bitsOfAll(expr.String(), re.NumSubexp())}
			}
		}
		a.starts, a.fold, a.bits, a.err = factor.Starts(expr.String(), group)
		return a
	})
}

// bitsOfAll is the least that any of the groups fixes.
func bitsOfAll(expr string, groups int) float64 {
	least := -1.0
	for g := 1; g <= groups; g++ {
		if _, _, bits, err := factor.Starts(expr, g); err == nil && (least < 0 || bits < least) {
			least = bits
		}
	}
	return max(least, 0)
}

// Specific says how much of the secret is fixed by the rule, in bits. A rule
// with less than some letters knows its secret by the text around it only.
func (r *Rule) Specific() float64 { return r.about().bits }

// For is the rule as the matcher wants it.
func (r *Rule) For() match.Rule {
	return match.Rule{Expr: r.Expr, Group: r.Group, Keywords: r.Keywords}
}

// Builtin returns the built-in rules, sorted by id, then source.
func Builtin() ([]Rule, error) {
	var sets [3][]Rule
	var errs [3]error
	var wg sync.WaitGroup
	for i, from := range []func() ([]Rule, error){fromOwn, fromTrivy, fromGitleaks} {
		wg.Go(func() { sets[i], errs[i] = from() })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	all := slices.Concat(sets[:]...)
	order(all)
	return all, nil
}

// rank orders the sources: users know best, and the ids of trivy were first.
var rank = map[Source]int{User: 3, Own: 2, Trivy: 1}

// Rank orders the sources of rules that say equally much about a secret.
func (s Source) Rank() int { return rank[s] }

func order(all []Rule) {
	slices.SortStableFunc(all, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(rank[b.Source], rank[a.Source]))
	})
}

// Digest identifies the rules.
func Digest(rules []Rule) string {
	h := sha256.New()
	for _, r := range rules {
		fmt.Fprintf(h, "%q %q %q %q %s %d %v %t %t", r.ID, r.Title, r.Category, r.Source, r.Severity, r.Group, r.Entropy, r.Hidden, r.Judged)
		if r.Expr != nil {
			fmt.Fprintf(h, " expr %q", r.Expr.String())
		}
		if r.Path != nil {
			fmt.Fprintf(h, " path %q", r.Path.String())
		}
		for _, a := range r.Allow {
			fmt.Fprintf(h, " allow %s", a.describe())
		}
		fmt.Fprintf(h, " required %v keywords %q\n", r.Required, r.Keywords)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// title makes a title of one line without a period.
func title(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimRight(strings.TrimSpace(s), ".")
}
