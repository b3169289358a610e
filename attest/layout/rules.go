package layout

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// rule is an artifact rule: the specification, 4.3.3.
type rule struct {
	kind    string
	text    string
	pattern *regexp.Regexp
	// name is the pattern itself, for REQUIRE.
	name string
	// The rest is that of MATCH.
	source, destination string // prefixes, empty or ending in "/"
	products            bool   // with products, not materials
	from                string
}

func parseRule(words []string) (rule, error) {
	r := rule{text: strings.Join(words, " ")}
	bad := fmt.Errorf("the rule %.200q is none: want ALLOW, DISALLOW, CREATE, DELETE, MODIFY or REQUIRE with a pattern, or MATCH pattern [IN prefix] WITH MATERIALS|PRODUCTS [IN prefix] FROM step", r.text)
	if len(words) < 2 {
		return r, bad
	}
	r.kind, r.name = strings.ToLower(words[0]), path.Clean(words[1])
	var err error
	if r.pattern, err = glob(r.name); err != nil {
		return r, fmt.Errorf("the rule %.200q: %w", r.text, err)
	}
	rest := words[2:]
	switch r.kind {
	case "allow", "disallow", "create", "delete", "modify", "require":
		if len(rest) > 0 {
			return r, bad
		}
		return r, nil
	case "match":
	default:
		return r, bad
	}
	next := func(word string) (string, bool) {
		if len(rest) < 2 || !strings.EqualFold(rest[0], word) {
			return "", false
		}
		value := rest[1]
		rest = rest[2:]
		return value, true
	}
	if prefix, ok := next("in"); ok {
		r.source = withSlash(prefix)
	}
	with, ok := next("with")
	if !ok || !strings.EqualFold(with, "products") && !strings.EqualFold(with, "materials") {
		return r, bad
	}
	r.products = strings.EqualFold(with, "products")
	if prefix, ok := next("in"); ok {
		r.destination = withSlash(prefix)
	}
	if r.from, ok = next("from"); !ok || len(rest) > 0 {
		return r, bad
	}
	return r, nil
}

func withSlash(prefix string) string {
	if prefix == "" {
		return ""
	}
	return strings.TrimSuffix(path.Clean(prefix), "/") + "/"
}

// glob reads a pattern in which * stands for any characters, slashes too, ? for one,
// and [a-z] and [!a-z] for one of some, as fnmatch of Python does.
func glob(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			end := strings.IndexByte(pattern[i+1:], ']')
			if end <= 0 {
				return nil, fmt.Errorf("the pattern %.100q has a [ that is not closed, or an empty class", pattern)
			}
			class := pattern[i+1 : i+1+end]
			b.WriteByte('[')
			if rest, ok := strings.CutPrefix(class, "!"); ok {
				b.WriteByte('^')
				class = rest
			}
			b.WriteString(strings.NewReplacer(`\`, `\\`, `^`, `\^`, `[`, `\[`).Replace(class))
			b.WriteByte(']')
			i += 1 + end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
		i++
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("the pattern %.100q cannot be read", pattern)
	}
	return re, nil
}

// apply goes through the rules of a step for its materials or its products. Links has
// one link for each step. The error says what is not allowed.
func apply(rules []rule, link Link, products bool, links map[string]Link) error {
	materials, made := cleaned(link.Materials), cleaned(link.Products)
	artifacts, what := materials, "material"
	if products {
		artifacts, what = made, "product"
	}
	queue := map[string]bool{}
	for name := range artifacts {
		queue[name] = true
	}
	for _, r := range rules {
		switch r.kind {
		case "require":
			if !queue[r.name] {
				return fmt.Errorf("the %s %q is required, and is not there or already taken by a rule before", what, r.name)
			}
			continue
		case "disallow":
			for _, name := range slices.Sorted(maps.Keys(queue)) {
				if r.pattern.MatchString(name) {
					return fmt.Errorf("the %s %q is not allowed by the rule %q, and no rule before takes it", what, name, r.text)
				}
			}
			continue
		}
		for name := range queue {
			if r.takes(name, artifacts, materials, made, links) {
				delete(queue, name)
			}
		}
	}
	return nil
}

func (r rule) takes(name string, artifacts, materials, products map[string]Digests, links map[string]Link) bool {
	if r.kind == "match" {
		return r.matches(name, artifacts[name], links)
	}
	if !r.pattern.MatchString(name) {
		return false
	}
	before, wasThere := materials[name]
	after, isThere := products[name]
	switch r.kind {
	case "allow":
		return true
	case "create":
		return isThere && !wasThere
	case "delete":
		return wasThere && !isThere
	case "modify":
		return wasThere && isThere && !maps.Equal(before, after)
	}
	return false
}

func (r rule) matches(name string, digests Digests, links map[string]Link) bool {
	base := strings.TrimPrefix(name, r.source)
	if !r.pattern.MatchString(base) {
		return false
	}
	other := links[r.from].Materials
	if r.products {
		other = links[r.from].Products
	}
	there, ok := cleaned(other)[path.Join(r.destination, base)]
	return ok && len(digests) > 0 && maps.Equal(digests, there)
}

// cleaned has the paths in one form. Of two that mean the same file none is there: it
// would not be known which counts.
func cleaned(in map[string]Digests) map[string]Digests {
	out := make(map[string]Digests, len(in))
	twice := map[string]bool{}
	for name, d := range in {
		name = path.Clean(name)
		if _, ok := out[name]; ok {
			twice[name] = true
		}
		out[name] = d
	}
	for name := range twice {
		out[name] = nil // matches nothing, and DISALLOW still sees it
	}
	return out
}

// endsClosed reports whether the last rule forbids what no rule before takes.
func endsClosed(rules []rule) bool {
	return len(rules) > 0 && rules[len(rules)-1].kind == "disallow" && rules[len(rules)-1].name == "*"
}
