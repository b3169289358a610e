package sbom

import (
	_ "embed"
	"strings"
	"sync"
)

// licenseIDs are the ids of licences and exceptions of version 3.29 of
// https://spdx.org/licenses, one a line.
//
//go:embed licenseids.txt
var licenseIDs string

// knownLicenses gives ids as SPDX writes them, by those in lower case.
var knownLicenses = sync.OnceValue(func() map[string]string {
	all := make(map[string]string, 1000)
	for id := range strings.Lines(licenseIDs) {
		id = strings.TrimSpace(id)
		all[strings.ToLower(id)] = id
	}
	return all
})

// licenseID is the id of a licence as SPDX writes it; empty if it is not on the
// list.
func licenseID(s string) string { return knownLicenses()[strings.ToLower(s)] }

// expression reads an SPDX licence expression, and returns it as SPDX writes it;
// see https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/. It is
// false for anything else.
func expression(s string) (string, bool) {
	p := expressionParser{tokens: strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(s))}
	if !p.operands(0) || p.at != len(p.tokens) {
		return "", false
	}
	text := strings.Join(p.tokens, " ")
	return strings.NewReplacer("( ", "(", " )", ")").Replace(text), true
}

type expressionParser struct {
	tokens []string
	at     int
}

// maxExpressionDepth bounds parentheses in parentheses.
const maxExpressionDepth = 50

// operands reads licences between operators.
func (p *expressionParser) operands(depth int) bool {
	if depth > maxExpressionDepth {
		return false
	}
	for {
		if !p.operand(depth) {
			return false
		}
		switch p.upper() {
		case "AND", "OR":
			p.tokens[p.at] = p.upper()
			p.at++
		default:
			return true
		}
	}
}

func (p *expressionParser) upper() string {
	if p.at == len(p.tokens) {
		return ""
	}
	return strings.ToUpper(p.tokens[p.at])
}

func (p *expressionParser) operand(depth int) bool {
	switch t := p.upper(); t {
	case "", ")", "AND", "OR", "WITH":
		return false
	case "(":
		p.at++
		if !p.operands(depth+1) || p.upper() != ")" {
			return false
		}
		p.at++
		return true
	}
	if !p.license() {
		return false
	}
	if p.upper() != "WITH" {
		return true
	}
	p.tokens[p.at] = "WITH"
	p.at++
	return p.upper() != "" && p.license()
}

func (p *expressionParser) license() bool {
	t := p.tokens[p.at]
	id, later := strings.CutSuffix(t, "+")
	switch known := licenseID(t); {
	case known != "":
		p.tokens[p.at] = known
	case later && licenseID(id) != "":
		p.tokens[p.at] = licenseID(id) + "+"
	case isLicenseRef(t):
	default:
		return false
	}
	p.at++
	return true
}

// isLicenseRef is true for the name of a licence that a document defines.
func isLicenseRef(s string) bool {
	if rest, ok := strings.CutPrefix(s, "DocumentRef-"); ok {
		doc, ref, found := strings.Cut(rest, ":")
		if !found || !isIDString(doc) {
			return false
		}
		s = ref
	}
	rest, ok := strings.CutPrefix(s, "LicenseRef-")
	return ok && isIDString(rest)
}

// isIDString is true for what SPDX allows in ids: letters, digits, "." and "-".
func isIDString(s string) bool {
	for i := range len(s) {
		if !isIDByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isIDByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-'
}

// splitAnd takes apart what applies together: "A AND (B OR C)" is "A" and "B OR
// C". Anything else stays as it is.
func splitAnd(s string) []string {
	fields := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(s))
	var parts []string
	depth, start := 0, 0
	take := func(end int) {
		part := fields[start:end]
		if len(part) > 2 && part[0] == "(" && closes(part) == len(part)-1 {
			part = part[1 : len(part)-1]
		}
		parts = append(parts, strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(part, " ")))
	}
	for i, f := range fields {
		switch {
		case f == "(":
			depth++
		case f == ")":
			depth--
		case depth == 0 && f == "OR", depth < 0:
			return []string{s}
		case depth == 0 && f == "AND":
			take(i)
			start = i + 1
		}
	}
	if start == 0 || start == len(fields) {
		return []string{s}
	}
	take(len(fields))
	return parts
}

// closes is the index of the parenthesis that closes the first one.
func closes(tokens []string) int {
	depth := 0
	for i, t := range tokens {
		switch t {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
