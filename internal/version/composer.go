package version

import (
	"regexp"
	"strings"
)

// composer is a version as Composer's VersionParser normalises it, in the
// order of PHP's version_compare.
type composer struct{ parts []composerPart }

type composerPart struct {
	rank   int
	number string // if the rank is that of numbers
}

// The ranks of PHP's version_compare, where "#" is any number.
const (
	rankDev = iota
	rankAlpha
	rankBeta
	rankRC
	rankNumber
	rankPatch
)

var (
	composerTail    = `[._-]?(?:(stable|beta|b|rc|alpha|a|patch|pl|p)((?:[.-]?[0-9]+)*))?([.-]?dev)?$`
	composerRelease = regexp.MustCompile(`^v?([0-9]{1,5})(\.[0-9]+)?(\.[0-9]+)?(\.[0-9]+)?` + composerTail)
	composerDate    = regexp.MustCompile(`^v?([0-9]{4}(?:[.:-]?[0-9]{2}){1,6}(?:[.:-]?[0-9]{1,3}){0,2})` + composerTail)
	composerBranch  = regexp.MustCompile(`^v?([0-9]+)(\.(?:[0-9]+|[x*]))?(\.(?:[0-9]+|[x*]))?(\.(?:[0-9]+|[x*]))?-dev$`)
	someNumber      = regexp.MustCompile(`[0-9]+`)
)

// branchNumber stands for "x" in the name of a branch.
const branchNumber = "9999999"

// parseComposer reads a version. The name of a branch ("dev-main") has no
// place in the order.
func parseComposer(s string) (Version, error) {
	s = strings.ToLower(s)
	if i := strings.Index(s, " as "); i > 0 {
		s = s[:i]
	}
	s, _, _ = strings.Cut(s, "@") // the stability that is asked for
	s, _, _ = strings.Cut(s, "+")
	v := &composer{}
	if m := composerRelease.FindStringSubmatch(s); m != nil {
		for _, part := range m[1:5] {
			v.parts = append(v.parts, composerPart{rankNumber, number(strings.TrimPrefix(part, "."))})
		}
		return v.tail(m[5:]), nil
	}
	if m := composerDate.FindStringSubmatch(s); m != nil {
		for _, n := range someNumber.FindAllString(m[1], -1) {
			v.parts = append(v.parts, composerPart{rankNumber, number(n)})
		}
		return v.tail(m[2:]), nil
	}
	if m := composerBranch.FindStringSubmatch(s); m != nil {
		wild := false
		for _, part := range m[1:5] {
			n := strings.TrimPrefix(part, ".")
			wild = wild || !isNumber(n)
			if wild {
				n = branchNumber
			}
			v.parts = append(v.parts, composerPart{rankNumber, number(n)})
		}
		v.parts = append(v.parts, composerPart{rank: rankDev})
		return v, nil
	}
	return nil, errNoVersion
}

// tail adds stability, its numbers, and "dev".
func (v *composer) tail(m []string) *composer {
	ranks := map[string]int{"alpha": rankAlpha, "a": rankAlpha, "beta": rankBeta, "b": rankBeta, "rc": rankRC, "patch": rankPatch, "pl": rankPatch, "p": rankPatch}
	if rank, ok := ranks[m[0]]; ok {
		v.parts = append(v.parts, composerPart{rank: rank})
		for _, n := range someNumber.FindAllString(m[1], -1) {
			v.parts = append(v.parts, composerPart{rankNumber, number(n)})
		}
	}
	if m[2] != "" {
		v.parts = append(v.parts, composerPart{rank: rankDev})
	}
	return v
}

func (v *composer) Compare(o Version) int {
	w := o.(*composer)
	for i := range min(len(v.parts), len(w.parts)) {
		a, b := v.parts[i], w.parts[i]
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		if n := compareNumbers(a.number, b.number); n != 0 {
			return n
		}
	}
	// Of two with the same start, one that goes on with a number or a patch is
	// newer, and one that goes on with a stability is older.
	switch {
	case len(v.parts) > len(w.parts):
		return rest(v.parts[len(w.parts)])
	case len(v.parts) < len(w.parts):
		return -rest(w.parts[len(v.parts)])
	}
	return 0
}

func rest(p composerPart) int {
	if p.rank < rankNumber {
		return -1
	}
	return 1
}
