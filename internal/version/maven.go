package version

import (
	"slices"
	"strings"
)

// mavenItem is a part of a Maven version, as ComparableVersion of Maven 3.9
// and 4 sees it: a number, a word, a word with a number ("rc1"), or a list.
type mavenItem struct {
	kind mavenKind
	// text is a number in digits, or a word.
	text string
	// digits is the number of a word with a number.
	digits string
	list   []*mavenItem
}

type mavenKind int

const (
	mavenNumber mavenKind = iota
	mavenWord
	mavenWordNumber
	mavenList
)

// mavenQualifiers are the words that are before or after a release, in their
// order; any other word is after all of them.
var mavenQualifiers = []string{"alpha", "beta", "milestone", "rc", "snapshot", "", "sp"}

// parseMaven reads a version. Maven itself would take any text, so that
// "${foo}" would be an old version.
func parseMaven(s string) (Version, error) {
	plain := true
	for i := range len(s) {
		plain = plain && (isDigit(s[i]) || isLetter(s[i]) || i > 0 && strings.ContainsRune("._+~-", rune(s[i])))
	}
	if !plain || !strings.ContainsAny(s, "0123456789") {
		return nil, errNoVersion
	}
	return newMaven(strings.ToLower(s)), nil
}

func newMaven(s string) *mavenItem {
	root := &mavenItem{kind: mavenList}
	stack := []*mavenItem{root}
	list := root
	add := func(i *mavenItem) { list.list = append(list.list, i) }
	push := func() {
		l := &mavenItem{kind: mavenList}
		add(l)
		list = l
		stack = append(stack, l)
	}
	start, digit, both := 0, false, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if i == start {
				add(&mavenItem{})
			} else {
				add(newMavenItem(s[start:i], both, digit))
			}
			both, start = false, i+1
		case c == '-':
			if i == start {
				add(&mavenItem{})
			} else {
				// X-1 is X1.
				if !digit && i+1 < len(s) && isDigit(s[i+1]) {
					both = true
					continue
				}
				add(newMavenItem(s[start:i], both, digit))
			}
			start = i + 1
			if len(list.list) > 0 {
				push()
			}
			both = false
		case isDigit(c):
			if !digit && i > start {
				both = true
				if len(list.list) > 0 {
					push()
				}
			}
			digit = true
		default:
			if digit && i > start {
				add(newMavenItem(s[start:i], both, true))
				start = i
				push()
				both = false
			}
			digit = false
		}
	}
	if len(s) > start {
		// .X is -X for each word X.
		if !digit && len(list.list) > 0 {
			push()
		}
		add(newMavenItem(s[start:], both, digit))
	}
	for _, l := range slices.Backward(stack) {
		l.normalise()
	}
	return root
}

func newMavenItem(s string, both, digit bool) *mavenItem {
	switch {
	case both:
		s = strings.ReplaceAll(s, "-", "")
		i := strings.IndexAny(s, "0123456789")
		word := s[:i]
		switch word {
		case "a":
			word = "alpha"
		case "b":
			word = "beta"
		case "m":
			word = "milestone"
		}
		return &mavenItem{kind: mavenWordNumber, text: mavenAlias(word), digits: number(s[i:])}
	case digit:
		return &mavenItem{text: number(s)}
	}
	return &mavenItem{kind: mavenWord, text: mavenAlias(s)}
}

func mavenAlias(word string) string {
	switch word {
	case "cr":
		return "rc"
	case "ga", "final", "release":
		return ""
	}
	return word
}

// normalise removes what means nothing: zeros and releases at the end, or
// before a word.
func (v *mavenItem) normalise() {
	for i := len(v.list) - 1; i >= 0; i-- {
		item := v.list[i]
		null := item.kind == mavenNumber && item.text == "" || item.kind == mavenWord && item.text == "" || item.kind == mavenList && len(item.list) == 0
		if !null {
			continue
		}
		remove := i == len(v.list)-1
		if !remove {
			switch next := v.list[i+1]; next.kind {
			case mavenWord:
				remove = true
			case mavenList:
				remove = len(next.list) > 0 && (next.list[0].kind == mavenWord || next.list[0].kind == mavenWordNumber)
			}
		}
		if remove {
			v.list = slices.Delete(v.list, i, i+1)
		}
	}
}

func (v *mavenItem) Compare(o Version) int { return v.compare(o.(*mavenItem)) }

// compare compares with an item, or with nothing at all (nil).
func (v *mavenItem) compare(o *mavenItem) int {
	if o == nil {
		return v.compareNothing()
	}
	switch v.kind {
	case mavenNumber:
		if o.kind == mavenNumber {
			return compareNumbers(v.text, o.text)
		}
		return 1
	case mavenWord, mavenWordNumber:
		switch o.kind {
		case mavenNumber, mavenList:
			return -1
		}
		if n := compareQualifiers(v.text, o.text); n != 0 {
			return n
		}
		if v.kind != o.kind {
			return int(v.kind) - int(o.kind)
		}
		return compareNumbers(v.digits, o.digits)
	}
	switch o.kind {
	case mavenNumber:
		return -1
	case mavenWord, mavenWordNumber:
		return 1
	}
	for i := range max(len(v.list), len(o.list)) {
		a, b := at(v.list, i, nil), at(o.list, i, nil)
		n := 0
		if a == nil {
			n = -b.compare(nil)
		} else {
			n = a.compare(b)
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

func (v *mavenItem) compareNothing() int {
	switch v.kind {
	case mavenNumber:
		return len(v.text)
	case mavenWord, mavenWordNumber:
		return compareQualifiers(v.text, "")
	}
	for _, i := range v.list {
		if n := i.compareNothing(); n != 0 {
			return n
		}
	}
	return 0
}

func compareQualifiers(a, b string) int {
	i, j := slices.Index(mavenQualifiers, a), slices.Index(mavenQualifiers, b)
	switch {
	case i < 0 && j < 0:
		return strings.Compare(a, b)
	case i < 0:
		return 1
	case j < 0:
		return -1
	}
	return i - j
}
