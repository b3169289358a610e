package iac

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	tf "github.com/aquasecurity/trivy/pkg/iac/terraform"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
)

// heeding passes on findings with what asks, where they are, that they do not
// count.
type heeding struct {
	reporter
	ignores *ignore.Set
	rule    func(id string) ignore.Rule
}

func (s *scanner) heeding(out reporter, ignores *ignore.Set) *heeding {
	return &heeding{reporter: out, ignores: ignores, rule: s.ruleNames}
}

func (h *heeding) Report(f gatehouse.Finding) {
	if f.Suppressed == nil {
		place := ignore.Place{Path: f.Location.Path, Line: f.Location.Line, LastLine: f.Location.EndLine}
		f.Suppressed = h.ignores.Find(h.rule(f.Rule), []ignore.Place{place}, findingKey(f), nil)
	}
	h.reporter.Report(f)
}

func findingKey(f gatehouse.Finding) string {
	return strings.Join([]string{f.Rule, f.Fingerprint, f.Location.String()}, "\x00")
}

// sets are all checks.
func (s *scanner) sets() []*checks.Set { return []*checks.Set{s.checks, s.pipelines, s.rules} }

// ruleNames are all names of a rule.
func (s *scanner) ruleNames(id string) ignore.Rule {
	for _, set := range s.sets() {
		i, ok := slices.BinarySearchFunc(set.Checks, id, func(c *checks.Check, id string) int { return strings.Compare(c.ID, id) })
		if ok {
			return ignore.Rule{ID: id, Aliases: set.Checks[i].Aliases}
		}
	}
	return ignore.Rule{ID: id}
}

// reportIgnores says what became of each request. place corrects where they
// stand; it may be nil.
func (s *scanner) reportIgnores(p *gatehouse.Pass, ignores *ignore.Set, place func(*gatehouse.Location)) {
	for _, i := range ignores.Report(func(name string) bool {
		return slices.ContainsFunc(s.sets(), func(set *checks.Set) bool {
			return slices.ContainsFunc(set.Checks, func(c *checks.Check) bool {
				return ignore.Matches(name, ignore.Rule{ID: c.ID, Aliases: c.Aliases})
			})
		})
	}) {
		if place != nil {
			place(&i.Location)
		}
		p.Ignore(i)
	}
}

// suppress says what asks that a result does not count: a request where it is,
// or where the thing is of which it is a part.
func (sub subject) suppress(r checks.Result, at gatehouse.Location, f gatehouse.Finding) *gatehouse.Suppression {
	if sub.ignores == nil {
		return nil
	}
	places := []ignore.Place{{Path: at.Path, Line: at.Line, LastLine: at.EndLine}}
	for _, p := range r.Parents {
		places = append(places, ignore.Place{Path: p.Path, Line: p.Line})
	}
	by := sub.ignores.Find(ignore.Rule{ID: r.Check.ID, Aliases: r.Check.Aliases}, places, findingKey(f), sub.values)
	if by != nil && sub.place != nil {
		sub.place(&by.Location)
	}
	return by
}

// blockValues finds the values of the blocks of a configuration.
func blockValues(modules tf.Modules) ignore.Values {
	return func(file string, line int, argument string) (string, bool) {
		found := ""
		var visit func(blocks []*tf.Block) bool
		visit = func(blocks []*tf.Block) bool {
			for _, b := range blocks {
				rng := b.GetMetadata().Range()
				if rng.GetFilename() != file || rng.GetStartLine() > line || rng.GetEndLine() < line {
					continue
				}
				if rng.GetStartLine() != line {
					if !visit(b.AllBlocks()) {
						return false
					}
					continue
				}
				// Of several instances, all must have the value.
				text, ok := valueText(b.GetValueByPath(argument))
				if !ok || found != "" && found != text {
					return false
				}
				found = text
			}
			return true
		}
		ok := true
		for _, m := range modules {
			ok = ok && visit(m.GetBlocks())
		}
		return found, ok && found != ""
	}
}

// valueText is a value as a request writes it.
func valueText(v cty.Value) (string, bool) {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || v.IsMarked() {
		return "", false
	}
	switch v.Type() {
	case cty.String:
		return v.AsString(), true
	case cty.Bool:
		return strconv.FormatBool(v.True()), true
	case cty.Number:
		return v.AsBigFloat().Text('f', -1), true
	}
	return "", false
}
