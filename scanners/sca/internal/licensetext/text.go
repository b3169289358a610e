package licensetext

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// text is a text as words, each of which belongs to a licence or not yet.
type text struct {
	data  []byte
	words []word
}

type word struct {
	start, end int
	hash       uint32
	taken      bool // belongs to a licence
	claim      bool // is in a line that claims a copyright
}

func newText(data []byte) *text {
	t := &text{data: data}
	for start := 0; start < len(data); {
		end := len(data)
		if i := bytes.IndexByte(data[start:], '\n'); i >= 0 {
			end = start + i
		}
		claim := claims(data[start:end])
		for _, w := range wordsOf(data[start:end]) {
			t.words = append(t.words, word{start: start + w.start, end: start + w.end, hash: w.hash, claim: claim})
		}
		start = end + 1
	}
	return t
}

// claims reports whether a line says who has the copyright.
func claims(line []byte) bool {
	low := bytes.TrimLeft(bytes.ToLower(line), " \t*#/-;>|.")
	return bytes.HasPrefix(low, []byte("copyright")) && !bytes.HasPrefix(low, []byte("copyright notice")) && !bytes.HasPrefix(low, []byte("copyright holder")) ||
		bytes.HasPrefix(low, []byte("(c)")) || bytes.HasPrefix(low, []byte("©")) || bytes.HasPrefix(low, []byte("all rights reserved"))
}

// wordsOf are the runs of ASCII letters and digits, in lower case: other
// characters are mostly quotation marks and dashes that word processors make.
func wordsOf(line []byte) []word {
	var out []word
	for i := 0; i < len(line); {
		if !letter(line[i]) {
			i++
			continue
		}
		hash, n := firstWord(line[i:])
		out = append(out, word{start: i, end: i + n, hash: hash})
		i += n
	}
	return out
}

// firstWord is the hash of the word at the beginning of s, and its length.
func firstWord[S string | []byte](s S) (hash uint32, n int) {
	hash = fnvOffset
	for n < len(s) && letter(s[n]) {
		c := s[n]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		hash = (hash ^ uint32(c)) * fnvPrime
		n++
	}
	return hash, n
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// The parameters of FNV-1a with 32 bits; see
// https://datatracker.ietf.org/doc/html/draft-eastlake-fnv.
const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

// run is how many words in a row make a passage.
const run = 3

// passage is the hash of words in a row, from theirs.
func passage(a, b, c uint32) uint32 {
	h := (a*fnvPrime ^ b) * fnvPrime
	h = (h ^ c) * fnvPrime
	return h ^ h>>15
}

// passages are those of the words that belong to no licence yet, sorted.
func (t *text) passages() []uint32 {
	var have []uint32
	t.eachPassage(func(h uint32, _ int) { have = append(have, h) })
	return sortedUnique(have)
}

// allPassages are those of all words, sorted.
func (t *text) allPassages() []uint32 {
	var have []uint32
	for i := run; i <= len(t.words); i++ {
		have = append(have, t.passage(i-run))
	}
	return sortedUnique(have)
}

// passage is the hash of the passage that starts with a word.
func (t *text) passage(first int) uint32 {
	return passage(t.words[first].hash, t.words[first+1].hash, t.words[first+2].hash)
}

func (t *text) eachPassage(do func(hash uint32, first int)) {
	free := 0
	for i := range t.words {
		if free++; t.words[i].taken {
			free = 0
		}
		if free >= run {
			do(t.passage(i+1-run), i+1-run)
		}
	}
}

// within are the words from one byte to another.
func (t *text) within(start, end int) []word {
	byStart := func(w word, at int) int { return w.start - at }
	first, _ := slices.BinarySearchFunc(t.words, start, byStart)
	last, _ := slices.BinarySearchFunc(t.words, end, byStart)
	return t.words[first:max(first, last)]
}

func (t *text) count(start, end int) int { return len(t.within(start, end)) }

// take gives the words from one byte to another to a licence, if most of them
// are free.
func (t *text) take(start, end int) bool {
	words := t.within(start, end)
	free := 0
	for i := range words {
		if !words[i].taken {
			free++
		}
	}
	if 2*free <= len(words) {
		return false
	}
	for i := range words {
		words[i].taken = true
	}
	return true
}

// span says from which byte to which words that belong to no licence yet have
// the passages, and how many these are.
func (t *text) span(hashes []uint32) (start, end, free int) {
	t.eachPassage(func(h uint32, first int) {
		if _, ok := slices.BinarySearch(hashes, h); !ok {
			return
		}
		if free == 0 {
			start = t.words[first].start
		}
		end = t.words[first+run-1].end
		free++
	})
	return start, end, free
}

// covered is the share of the words from one byte to another that are in one of
// the passages.
func (t *text) covered(hashes []uint32, start, end int) float64 {
	part := text{words: t.within(start, end)}
	all, in, last := 0, 0, 0
	for i := range part.words {
		if !part.words[i].claim {
			all++
		}
		if i+run > len(part.words) {
			continue
		}
		if _, ok := slices.BinarySearch(hashes, part.passage(i)); ok {
			in += i + run - max(last, i)
			last = i + run
		}
	}
	return min(1, float64(in)/float64(max(all, 1)))
}

// takePassages gives the passages to a licence.
func (t *text) takePassages(hashes []uint32) {
	var taken []int
	t.eachPassage(func(h uint32, first int) {
		if _, ok := slices.BinarySearch(hashes, h); ok {
			taken = append(taken, first)
		}
	})
	for _, first := range taken {
		for i := first; i < first+run; i++ {
			t.words[i].taken = true
		}
	}
}

// known is the share of the words that belong to a licence.
func (t *text) known() float64 {
	all, taken := 0, 0
	for _, w := range t.words {
		switch {
		case w.taken:
			all++
			taken++
		case !w.claim:
			all++
		}
	}
	if taken == 0 {
		return 0
	}
	return float64(taken) / float64(all)
}

type tag struct {
	text string
	at   int
}

// spdxTag is a licence named as https://spdx.dev/learn/handling-license-info
// asks for.
var spdxTag = regexp.MustCompile(`(?m)SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+:() \t-]+)`)

// tags are the licences that the text names, and the words of these lines are
// taken.
func (t *text) tags() []tag {
	var found []tag
	for _, m := range spdxTag.FindAllSubmatchIndex(t.data, -1) {
		if id := strings.TrimSpace(string(t.data[m[2]:m[3]])); id != "" {
			found = append(found, tag{id, m[0]})
			t.take(m[0], m[1])
		}
	}
	return found
}

func hashRuns(runs [][]uint32) []uint32 {
	var hashes []uint32
	for _, words := range runs {
		for i := run; i <= len(words); i++ {
			hashes = append(hashes, passage(words[i-3], words[i-2], words[i-1]))
		}
	}
	return hashes
}

// patternRuns are the words of a pattern that follow each other in each text
// that matches it, outside and inside of groups: groups and places for any
// words interrupt them. For the syntax see
// https://pkg.go.dev/github.com/google/licensecheck.
func patternRuns(pattern string) (outside, inside [][]uint32) {
	depth := 0
	var current []uint32
	end := func() {
		if len(current) >= run {
			if depth == 0 {
				outside = append(outside, current)
			} else {
				inside = append(inside, current)
			}
		}
		current = nil
	}
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, "//**"):
			_, after, _ := strings.Cut(rest, "**//")
			i = len(pattern) - len(after)
		case strings.HasPrefix(rest, "(("):
			end()
			depth++
			i += 2
		case strings.HasPrefix(rest, "))"):
			end()
			depth--
			i += 2
		case strings.HasPrefix(rest, "||"):
			end()
			i += 2
		case strings.HasPrefix(rest, "__"):
			end()
			_, after, _ := strings.Cut(rest[2:], "__")
			i = len(pattern) - len(after)
		case letter(rest[0]):
			hash, n := firstWord(rest)
			current = append(current, hash)
			i += n
		default:
			i++
		}
	}
	end()
	return outside, inside
}
