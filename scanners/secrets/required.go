package secrets

import (
	"cmp"
	"slices"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// complete keeps the matches whose rules have all that they require near by,
// and leaves out those that count only for others.
func (s *scanner) complete(v *views.View, matches []match.Match) []match.Match {
	if !s.composed {
		return matches
	}
	places := map[string][]views.Place{} // by id of a rule that is required
	for _, m := range matches {
		if id := s.rules[m.Rule].ID; s.required[id] {
			places[id] = append(places[id], v.Place(m.Whole.Start))
		}
	}
	for _, p := range places {
		slices.SortFunc(p, func(a, b views.Place) int { return cmp.Compare(a.Line, b.Line) })
	}
	return slices.DeleteFunc(matches, func(m match.Match) bool {
		r := &s.rules[m.Rule]
		if r.Hidden {
			return true
		}
		here := v.Place(m.Whole.Start)
		for _, q := range r.Required {
			if !within(places[q.Rule], here, q.Lines, q.Columns) {
				return true
			}
		}
		return false
	})
}

// within reports whether one of the places, which are sorted by line, is near
// enough; a distance of -1 does not matter.
func within(places []views.Place, here views.Place, lines, columns int) bool {
	if lines < 0 && columns < 0 {
		return len(places) > 0
	}
	i := 0
	if lines >= 0 {
		i, _ = slices.BinarySearchFunc(places, here.Line-lines, func(p views.Place, line int) int { return cmp.Compare(p.Line, line) })
	}
	for ; i < len(places) && (lines < 0 || places[i].Line <= here.Line+lines); i++ {
		if d := places[i].Column - here.Column; columns < 0 || -columns <= d && d <= columns {
			return true
		}
	}
	return false
}
