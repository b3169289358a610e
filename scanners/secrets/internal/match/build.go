package match

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/automaton"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/factor"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/follow"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/screen"
)

// New analyses the rules.
func New(rules []Rule) (*Matcher, error) {
	m := &Matcher{rules: make([]rule, len(rules)), screenAfter: screenAfter, maxGiven: maxGiven}
	m.states.New = func() any { return &states{windows: make([]window, len(rules))} }
	var patterns []string
	number := map[string]int{}
	add := func(pattern string, u use) {
		n, ok := number[pattern]
		if !ok {
			n = len(patterns)
			number[pattern] = n
			patterns = append(patterns, pattern)
			m.uses = append(m.uses, nil)
		}
		m.uses[n] = append(m.uses[n], u)
	}
	factors, err := analyze(rules)
	if err != nil {
		return nil, err
	}
	for i, r := range rules {
		if r.Expr == nil {
			continue
		}
		f := factors[i]
		rl := &m.rules[i]
		rl.Rule, rl.factor = r, f
		rl.check = sync.OnceValue(func() *follow.Check {
			if f.Rest == nil {
				return nil
			}
			if c := follow.New(f.Rest); !c.Trivial() {
				return c
			}
			return nil
		})
		rl.screen = sync.OnceValue(func() *screening { return screenOf(r.Expr.String()) })
		rl.bytes = sync.OnceValue(func() factor.ByteSet { return factor.Bytes(r.Expr.String()) })
		if f.Literals == nil {
			m.whole = append(m.whole, i)
		}
		if f.First {
			rl.headed = lazy.Make(func() string { return `\A(?:` + behindLead(r.Expr.String(), &f.Lead) + `)` })
		}
		probe, probed := f.Probe()
		if probed {
			m.probes = max(m.probes, probe.At+1)
		}
		for _, l := range f.Literals {
			rl.longest = max(rl.longest, len(l))
			u := use{rule: i, bytes: len(l), probe: probe, probed: probed}
			if f.CaseSensitive {
				u.exact = l
			}
			add(strings.ToLower(l), u)
			rl.gated = rl.gated || !containsKeyword(l, r.Keywords)
		}
		rl.back = f.Left
		rl.back.Fixed += (utf8.UTFMax - 1) * rl.longest
		rl.gated = len(r.Keywords) > 0 && (rl.gated || f.Literals == nil)
		if rl.gated {
			for _, k := range r.Keywords {
				add(strings.ToLower(k), use{rule: i, keyword: true})
			}
		}
	}
	for i := range m.uses {
		for k := range m.uses[i] {
			m.uses[i][k].number = int32(len(m.all))
			m.all = append(m.all, &m.uses[i][k])
		}
	}
	m.automaton, err = automaton.Compile(patterns)
	return m, err
}

// behindLead is the text of an expression without its lead. It is cut out of the
// text if that is seen to give the same: to print a tree takes milliseconds if
// it has large classes without regard to case.
func behindLead(expr string, lead *factor.Lead) string {
	if lead.Max == 0 && !lead.Boundary {
		return expr
	}
	flags := leadingFlags.FindString(expr)
	for _, end := range []string{"}?", `\b`} {
		if _, rest, ok := strings.Cut(expr[len(flags):], end); ok {
			if tree, err := syntax.Parse(flags+rest, syntax.Perl); err == nil && tree.Equal(lead.Expr) {
				return flags + rest
			}
		}
	}
	return lead.Expr.String()
}

var leadingFlags = regexp.MustCompile(`^(?:\(\?[imsU]+\))?`)

// screenOf returns nil if there is no screen.
func screenOf(expr string) *screening {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil // the factor would have failed too
	}
	sc := screen.New(re)
	if sc == nil {
		return nil
	}
	longest, bounded := screen.Longest(re)
	if !bounded {
		longest = -1
	}
	return &screening{sc, longest}
}

// analyze finds the factors of all rules, on all cores.
func analyze(rules []Rule) ([]factor.Factor, error) {
	factors, errs := make([]factor.Factor, len(rules)), make([]error, len(rules))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(rules) {
					return
				}
				if rules[i].Expr == nil {
					continue
				}
				var err error
				if factors[i], err = factor.Analyze(rules[i].Expr.String()); err != nil {
					errs[i] = fmt.Errorf("rule %d: %w", i, err)
				}
			}
		})
	}
	wg.Wait()
	return factors, errors.Join(errs...)
}

func containsKeyword(literal string, keywords []string) bool {
	return slices.ContainsFunc(keywords, func(k string) bool { return strings.Contains(strings.ToLower(literal), strings.ToLower(k)) })
}
