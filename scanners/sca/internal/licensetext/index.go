package licensetext

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/licensecheck"
)

// texts has licences that are common and often changed, and those that
// licensecheck has no pattern of. A file is named after the SPDX id. They are
// the texts of https://spdx.org/licenses without titles and copyrights.
//
//go:embed texts/*.txt
var texts embed.FS

// index finds the licences that a text may have.
type index struct {
	sketches []sketch
	// sketched has for each hash of a sketch the sketches, by number.
	sketched map[uint32][]int32
	urls     *licensecheck.Scanner
}

// sketch stands for a stretch of a licence that a text may have: the smallest
// hashes of its passages.
type sketch struct {
	license *license
	size    int // hashes
	words   int // of the stretch
	// least is the number of hashes from which on the licence is tried.
	least int
}

const (
	// sketchSize is the most hashes of a sketch.
	sketchSize = 32
	// leastPassages is how many passages outside of groups tell a pattern; with
	// fewer, those inside count as well.
	leastPassages = 30
	// longRun is from how many words on a stretch inside of a group has a sketch
	// of its own: the notice that stands for a whole licence is such a choice.
	longRun = 20
	// leastSimilarPassages is how many passages outside of groups a pattern must
	// have to be told by them alone. Patterns with fewer have mostly choices.
	leastSimilarPassages = 120
)

func newIndex(all []licensecheck.License) (*index, error) {
	x := &index{sketched: map[uint32][]int32{}}
	var urls []licensecheck.License
	for _, l := range all {
		if l.URL != "" {
			urls = append(urls, licensecheck.License{ID: l.ID, URL: l.URL})
			continue
		}
		outside, inside := patternRuns(l.LRE)
		hashes := hashRuns(outside)
		k := &license{id: currentID(l.ID), pattern: l.LRE}
		if len(hashes) >= leastSimilarPassages {
			k.passages = func() []uint32 { return sortedUnique(hashRuns(outside)) }
		}
		if len(hashes) < leastPassages {
			hashes = append(hashes, hashRuns(inside)...)
		}
		x.add(k, hashes, leastHits)
		for _, words := range inside {
			if len(words) >= longRun {
				x.add(k, hashRuns([][]uint32{words}), leastHitsOfRun)
			}
		}
	}
	files, err := texts.ReadDir("texts")
	if err != nil {
		return nil, fmt.Errorf("texts of licences: %w", err)
	}
	for _, f := range files {
		data, err := texts.ReadFile("texts/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("texts of licences: %w", err)
		}
		hashes := newText(data).allPassages()
		k := &license{id: strings.TrimSuffix(f.Name(), ".txt"), passages: func() []uint32 { return hashes }}
		x.add(k, hashes, leastHitsOfRun)
	}
	// A scanner needs at least one pattern.
	urls = append(urls, licensecheck.License{ID: "none", LRE: "gatehouse matches no such text"})
	if x.urls, err = licensecheck.NewScanner(urls); err != nil {
		return nil, fmt.Errorf("addresses of licences: %w", err)
	}
	return x, nil
}

// add makes a sketch of the passages.
func (x *index) add(l *license, hashes []uint32, share float64) {
	words := len(hashes)
	if words == 0 {
		return
	}
	hashes = smallest(hashes)
	for _, h := range hashes {
		x.sketched[h] = append(x.sketched[h], int32(len(x.sketches)))
	}
	x.sketches = append(x.sketches, sketch{license: l, size: len(hashes), words: words, least: max(1, int(share*float64(len(hashes))))})
}

// smallest are the least hashes, each once, at most sketchSize.
func smallest(hashes []uint32) []uint32 {
	least := make([]uint32, 0, sketchSize+1)
	for _, h := range hashes {
		if len(least) == sketchSize && h >= least[sketchSize-1] {
			continue
		}
		if i, ok := slices.BinarySearch(least, h); !ok {
			least = slices.Insert(least, i, h)
			least = least[:min(sketchSize, len(least))]
		}
	}
	return least
}

// candidate is a licence that a text may have, and about how many words of it.
type candidate struct {
	license *license
	words   int
}

// candidates are those of which the text has enough, most words first.
func (x *index) candidates(have []uint32) []candidate {
	hits := make([]int, len(x.sketches))
	for _, h := range have {
		for _, k := range x.sketched[h] {
			hits[k]++
		}
	}
	words := map[*license]int{}
	for k, n := range hits {
		if s := &x.sketches[k]; n >= s.least {
			words[s.license] = max(words[s.license], n*s.words/s.size)
		}
	}
	out := make([]candidate, 0, len(words))
	for l, n := range words {
		out = append(out, candidate{l, n})
	}
	slices.SortFunc(out, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.words, a.words), cmp.Compare(a.license.id, b.license.id), cmp.Compare(len(a.license.pattern), len(b.license.pattern)))
	})
	return out
}

// license is a licence, and what its texts have in common.
type license struct {
	id string
	// pattern is empty if the licence can only be told by its passages.
	pattern string
	// passages are hashes of the words that follow each other in its text,
	// sorted, each once; nil if they do not tell the licence.
	passages func() []uint32

	once    sync.Once
	scanner *licensecheck.Scanner
	err     error
}

// match finds the licence. The pattern is compiled when it is first needed: all
// together take seconds.
func (l *license) match(text []byte) ([]licensecheck.Match, error) {
	if l.pattern == "" {
		return nil, nil
	}
	l.once.Do(func() { l.scanner, l.err = licensecheck.NewScanner([]licensecheck.License{{ID: l.id, LRE: l.pattern}}) })
	if l.err != nil {
		return nil, fmt.Errorf("pattern of the licence %s: %w", l.id, l.err)
	}
	return l.scanner.Scan(text).Match, nil
}

func sortedUnique(hashes []uint32) []uint32 {
	slices.Sort(hashes)
	return slices.Compact(hashes)
}
