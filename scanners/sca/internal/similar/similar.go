// Package similar finds packages whose names differ so little from that of a
// well-known one that somebody may have meant that one: typosquats.
package similar

import (
	_ "embed" // the names
	"regexp"
	"strings"
	"sync"
)

// The names that many projects use, by purl type: "[type]", then one name a
// line. A name that is in the list is never similar to another.
//
//go:embed popular.txt
var popular string

// shortest is the length from which names are compared: of short names, nearly
// each pair is similar.
const shortest = 5

// index has the well-known names of one ecosystem.
type index struct {
	names map[string]bool
	// near has each name as it is compared, and without one letter.
	near map[string][]string
	// looks has each name by what it looks like; see looks.
	looks map[string]string
	// scopes has each scope by how it is compared: "@types".
	scopes map[string]string
}

// majors are the major versions at the end of Go modules: the same module.
var majors = regexp.MustCompile(`(?:/v|\.v)\d+$`)

var indexes = sync.OnceValue(func() map[string]*index {
	all := map[string]*index{}
	var in *index
	for line := range strings.Lines(popular) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			in = &index{map[string]bool{}, map[string][]string{}, map[string]string{}, map[string]string{}}
			all[strings.Trim(line, "[]")] = in
		default:
			in.names[line] = true
			if scope, _, ok := strings.Cut(line, "/"); ok && strings.HasPrefix(scope, "@") && len(scope) > shortest {
				in.scopes[plain(scope)] = scope
			}
			key := plain(line)
			if len(key) < shortest {
				continue
			}
			in.looks[looks(key)] = line
			in.near[key] = append(in.near[key], line)
			for i := range key {
				short := key[:i] + key[i+1:]
				in.near[short] = append(in.near[short], line)
			}
		}
	}
	return all
})

// To returns the well-known package that a name is similar to: the same but for
// separators, one letter more or less, another letter, or two letters that
// changed places. Empty if there is none, or the name is well known itself.
// A name that looks the same, with letters of another alphabet or digits, is
// similar, too. Names with a scope or namespace are compared only with such
// names, but for the types of npm; a package in a scope that is nearly a
// well-known one is similar to one in that scope.
func To(purlType, name string) string {
	in := indexes()[purlType]
	name = strings.ToLower(name) // registries compare names without case
	if purlType == "golang" {
		name = majors.ReplaceAllString(name, "")
	}
	if in == nil || in.names[name] {
		return ""
	}
	key := plain(name)
	if len(key) < shortest || len(key) > 64 {
		return ""
	}
	if found := in.find(key, key, name); found != "" {
		return found
	}
	for i := range key {
		if found := in.find(key[:i]+key[i+1:], key, name); found != "" {
			return found
		}
	}
	if known := in.looks[looks(name)]; known != "" {
		return known
	}
	return in.scoped(name)
}

// scoped returns what a name with a wrong scope, or with its scope as a part of
// the name, may have been meant for. Of npm's scopes, only @types has names that
// many people type so: "types-node".
func (in *index) scoped(name string) string {
	if scope, rest, ok := strings.Cut(name, "/"); ok {
		key := plain(scope)
		if !strings.HasPrefix(scope, "@") || len(key) <= shortest || in.scopes[key] == scope {
			return ""
		}
		meant := ""
		for near, known := range in.scopes {
			if oneStep(key, near) && (meant == "" || known < meant) {
				meant = known
			}
		}
		if meant == "" {
			return ""
		}
		return meant + "/" + rest
	}
	if in.scopes["@types"] == "" || !strings.HasPrefix(name, "types") {
		return ""
	}
	rest := strings.TrimLeft(strings.TrimPrefix(name, "types"), "-_.")
	if in.names["@types/"+rest] || in.names[rest] {
		return "@types/" + rest
	}
	return ""
}

// find returns a well-known name with the letters of part that is at most one
// step from key.
func (in *index) find(part, key, name string) string {
	for _, known := range in.near[part] {
		if other := plain(known); known != name && strings.Contains(known, "/") == strings.Contains(name, "/") && oneStep(key, other) {
			return known
		}
	}
	return ""
}

// plain leaves out the case and what separates words. A letter that is not of
// ASCII, such as one of another alphabet that looks the same, becomes one byte.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r == '.':
			return -1
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r > 127:
			return '?'
		}
		return r
	}, name)
}

// oneStep reports whether one insertion, deletion, substitution or exchange of
// neighbours, or none, makes b of a.
func oneStep(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		if i >= len(a)-1 || a[i+1:] == b[i+1:] {
			return true
		}
		return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}

// looks makes one of letters that look the same: of the Cyrillic and Greek
// alphabets, of full width, digits, and pairs of letters.
func looks(name string) string {
	return lookalikes.Replace(name)
}

var lookalikes = strings.NewReplacer(
	"-", "", "_", "", ".", "",
	"0", "o", "1", "l", "rn", "m", "vv", "w",
	"а", "a", "в", "b", "с", "c", "ԁ", "d", "е", "e", "ё", "e", "һ", "h", "і", "i", "ј", "j", "к", "k", "м", "m", "н", "h", "о", "o", "р", "p", "ԛ", "q",
	"ѕ", "s", "т", "t", "у", "y", "ѵ", "v", "ԝ", "w", "х", "x", "ӏ", "l",
	"α", "a", "β", "b", "ε", "e", "ι", "i", "κ", "k", "ν", "v", "ο", "o", "ρ", "p", "τ", "t", "υ", "u", "χ", "x",
	"ı", "i", "ɑ", "a", "ɡ", "g", "ℓ", "l", "ß", "ss",
	"ａ", "a", "ｂ", "b", "ｃ", "c", "ｄ", "d", "ｅ", "e", "ｆ", "f", "ｇ", "g", "ｈ", "h", "ｉ", "i", "ｊ", "j", "ｋ", "k", "ｌ", "l", "ｍ", "m",
	"ｎ", "n", "ｏ", "o", "ｐ", "p", "ｑ", "q", "ｒ", "r", "ｓ", "s", "ｔ", "t", "ｕ", "u", "ｖ", "v", "ｗ", "w", "ｘ", "x", "ｙ", "y", "ｚ", "z",
)
