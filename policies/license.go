package policies

import (
	"slices"
	"strings"
)

// maxLicenseChoices bounds the alternatives of one expression. The longest
// expression in the SPDX examples has 4; n alternatives joined by AND multiply.
const maxLicenseChoices = 64

// LicenseChoices turns licences that apply together, each an SPDX licence
// expression or a name, into alternatives: whoever uses the package may pick
// one, and must keep all licences in it. "MIT OR (A AND B)" gives [[MIT], [A,
// B]]. An exception stays with its licence: "GPL-2.0-only WITH
// Classpath-exception-2.0". Deprecated ids become those that took their place:
// "GPL-2.0" is "GPL-2.0-only".
//
// A text that is not an expression counts as the name of one licence, and
// readable is false. More than 64 alternatives are taken as one that has every
// licence in it, which is the strictest reading. See
// https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/.
func LicenseChoices(licenses ...string) (choices [][]string, readable bool) {
	readable = true
	choices = [][]string{}
	for _, l := range licenses {
		l = strings.TrimSpace(l)
		if l == "" {
			continue
		}
		p := licenseParser{tokens: licenseTokens(l)}
		got, ok := p.or(0)
		if !ok || p.pos != len(p.tokens) {
			readable = false
			got = [][]string{{l}}
		}
		if len(choices) == 0 {
			choices = got
			continue
		}
		choices = bothLicenses(choices, got)
	}
	return choices, readable
}

func licenseTokens(s string) []string {
	return strings.Fields(licenseParens.Replace(s))
}

// licenseParens makes parentheses tokens of their own.
var licenseParens = strings.NewReplacer("(", " ( ", ")", " ) ")

type licenseParser struct {
	tokens []string
	pos    int
}

func (p *licenseParser) peek() string {
	if p.pos < len(p.tokens) {
		return p.tokens[p.pos]
	}
	return ""
}

func (p *licenseParser) accept(word string) bool {
	if strings.EqualFold(p.peek(), word) {
		p.pos++
		return true
	}
	return false
}

func (p *licenseParser) or(depth int) ([][]string, bool) {
	left, ok := p.and(depth)
	for ok && p.accept("OR") {
		var right [][]string
		right, ok = p.and(depth)
		left = append(left, right...)
		if len(left) > maxLicenseChoices {
			left = allLicenses(left)
		}
	}
	return left, ok
}

func (p *licenseParser) and(depth int) ([][]string, bool) {
	left, ok := p.one(depth)
	for ok && p.accept("AND") {
		var right [][]string
		right, ok = p.one(depth)
		left = bothLicenses(left, right)
	}
	return left, ok
}

func (p *licenseParser) one(depth int) ([][]string, bool) {
	if depth > 50 {
		return nil, false
	}
	if p.accept("(") {
		in, ok := p.or(depth + 1)
		return in, ok && p.accept(")")
	}
	id := p.peek()
	if !isLicenseID(id) {
		return nil, false
	}
	p.pos++
	id = currentLicense(id)
	if p.accept("WITH") {
		exception := p.peek()
		if !isLicenseID(exception) {
			return nil, false
		}
		p.pos++
		id += " WITH " + exception
	}
	return [][]string{{id}}, true
}

func isLicenseID(s string) bool {
	switch strings.ToUpper(s) {
	case "", "AND", "OR", "WITH":
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-.+:", r)) {
			return false
		}
	}
	return true
}

func bothLicenses(a, b [][]string) [][]string {
	if len(a)*len(b) > maxLicenseChoices {
		return allLicenses(append(slices.Clone(a), b...))
	}
	var out [][]string
	for _, x := range a {
		for _, y := range b {
			out = append(out, uniqueStrings(append(slices.Clone(x), y...)))
		}
	}
	return out
}

func allLicenses(choices [][]string) [][]string {
	return [][]string{uniqueStrings(slices.Concat(choices...))}
}

// uniqueStrings drops repetitions and keeps the order.
func uniqueStrings(in []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
