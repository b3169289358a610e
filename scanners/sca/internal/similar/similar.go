// Package similar finds packages whose names differ so little from that of a
// well-known one that somebody may have meant that one: typosquats.
package similar

import (
	_ "embed" // the names
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
}

var indexes = sync.OnceValue(func() map[string]*index {
	all := map[string]*index{}
	var in *index
	for line := range strings.Lines(popular) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			in = &index{map[string]bool{}, map[string][]string{}}
			all[strings.Trim(line, "[]")] = in
		default:
			in.names[line] = true
			key := plain(line)
			if len(key) < shortest {
				continue
			}
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
// Names with a scope or namespace are compared only with such names.
func To(purlType, name string) string {
	in := indexes()[purlType]
	name = strings.ToLower(name) // registries compare names without case
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
