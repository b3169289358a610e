package secrets

import (
	"cmp"
	"slices"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
)

// settled is a match with the ids of all rules that match there, its own first,
// and what these take as the secret.
type settled struct {
	match.Match
	ids     []string
	secrets []match.Span
}

// texts are the secret as each rule cuts it, without those that are less than
// half of it: who knows a small part does not know the whole.
func (s *settled) texts(text []byte) [][]byte {
	var out [][]byte
	for _, o := range s.secrets {
		if 2*(o.End-o.Start) >= s.Secret.End-s.Secret.Start {
			out = append(out, text[o.Start:o.End])
		}
	}
	return out
}

// settle sorts matches by place and keeps, where the secret of one lies within
// that of another, only the more specific of the two: the one whose rule fixes
// more of the secret, then the one that knows the provider, then the one with the higher severity, then the longer
// one, then the one whose rule comes first.
func settle(all []rules.Rule, matches []match.Match) []settled {
	preferred := func(a, b match.Match) int {
		ra, rb := &all[a.Rule], &all[b.Rule]
		return cmp.Or(
			cmp.Compare(specificity(rb), specificity(ra)),
			cmp.Compare(generic(ra), generic(rb)),
			cmp.Compare(rb.Source.Rank(), ra.Source.Rank()),
			cmp.Compare(rb.Severity, ra.Severity),
			cmp.Compare(b.Secret.End-b.Secret.Start, a.Secret.End-a.Secret.Start),
			cmp.Compare(a.Rule, b.Rule),
		)
	}
	slices.SortFunc(matches, func(a, b match.Match) int {
		return cmp.Or(
			cmp.Compare(a.Secret.Start, b.Secret.Start),
			cmp.Compare(b.Secret.End, a.Secret.End),
			cmp.Compare(a.Rule, b.Rule),
		)
	})
	// Matches that overlap form a cluster; within it the most preferred wins
	// over all that contain it or lie within it, then the next, and so on.
	var kept []settled
	for len(matches) > 0 {
		n, end := 1, matches[0].Secret.End
		for n < len(matches) && matches[n].Secret.Start < end {
			end = max(end, matches[n].Secret.End)
			n++
		}
		cluster := matches[:n]
		matches = matches[n:]
		slices.SortStableFunc(cluster, preferred)
		first := len(kept)
		for _, m := range cluster {
			i := slices.IndexFunc(kept[first:], func(k settled) bool { return nested(k.Secret, m.Secret) })
			if i < 0 {
				kept = append(kept, settled{Match: m})
				i = len(kept) - 1 - first
			}
			k := &kept[first+i]
			k.ids, k.secrets = append(k.ids, all[m.Rule].ID), append(k.secrets, m.Secret)
		}
		slices.SortFunc(kept[first:], func(a, b settled) int {
			return cmp.Or(cmp.Compare(a.Secret.Start, b.Secret.Start), cmp.Compare(a.Rule, b.Rule))
		})
	}
	return kept
}

// specificity is how much of the secret the rule fixes, so coarsely that two
// ways to write the same rule are the same.
func specificity(r *rules.Rule) int { return int(r.Specific() / 12) }

// generic is 1 for rules that know no provider.
func generic(r *rules.Rule) int {
	if r.Category == rules.Generic {
		return 1
	}
	return 0
}

func nested(a, b match.Span) bool {
	return a.Start <= b.Start && b.End <= a.End || b.Start <= a.Start && a.End <= b.End
}
