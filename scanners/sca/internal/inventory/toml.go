package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-sec/gatehouse"
)

func decodeTOML(data []byte, v any) error {
	if err := checkNesting(data); err != nil {
		return err
	}
	if err := toml.Unmarshal(data, v); err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: p.Position.Line, Reason: "not valid TOML: " + strings.TrimRight(p.Message, ".")}
		}
		return fmt.Errorf("not valid TOML: %w", err)
	}
	return nil
}

// lockTree reads a lockfile that is a list of [[package]], refusing files that
// have no sign of being one. Nameless packages are gaps.
func lockTree(data []byte, inv *Inventory, list string, marks ...string) (root node, packages []node, err error) {
	if root, err = tomlTree(data); err != nil {
		return root, nil, err
	}
	all := root.get(list)
	known := all.count() > 0
	for _, m := range marks {
		known = known || root.get(m).exists()
	}
	switch {
	case !known:
		return root, nil, errors.New("it has neither packages nor the header of a lockfile")
	case all.exists() && !all.isList():
		return root, nil, &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: all.line(), Reason: fmt.Sprintf("%q is no list of tables", list)}
	}
	inv.tellRepeated(root)
	packages = make([]node, 0, all.count())
	for p := range all.children() {
		if !p.isMap() || p.get("name").text() == "" {
			inv.gap(gatehouse.GapUnresolved, p.line(), "", "a package has no name")
			continue
		}
		packages = append(packages, p)
	}
	inv.Packages = make([]Package, 0, len(packages))
	return root, packages, nil
}

// PythonName normalises a name as PEP 503 says.
func PythonName(s string) string {
	s = strings.TrimSpace(s)
	plain := true
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c >= 0x80 || c == '-' && i > 0 && s[i-1] == '-' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c == '-' || c == '_' || c == '.' {
			if i == 0 || s[i-1] != '-' && s[i-1] != '_' && s[i-1] != '.' {
				b.WriteByte('-')
			}
			continue
		}
		b.WriteByte(c)
	}
	return strings.ToLower(b.String())
}

func stringList(v any) []string {
	var list []string
	items, _ := v.([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

func values[K comparable, V any](m map[K]V) []V {
	list := make([]V, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	return list
}
