// Package licensetext recognises licences by their texts.
//
// A licence is found in two ways. The patterns of
// github.com/google/licensecheck match a text exactly, but for the words that
// each licence leaves open: confidence 1. Texts that no pattern matches are
// compared with the passages of each licence: the confidence is the share that
// they have in common.
package licensetext

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/google/licensecheck"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Match is a licence that a text has.
type Match struct {
	// ID is an SPDX id or expression, or a name that starts with "LicenseRef-".
	ID string
	// Line is the 1-based line on which it starts.
	Line int
	// Confidence is 1 for the text of the licence itself, and less for one
	// that differs from it or only names it.
	Confidence float64
}

// Result is what a text says.
type Result struct {
	// Matches are in order of their lines, each id once; empty if no licence
	// is known that has such a text.
	Matches []Match
	// Known is the share of the words that belong to matches, 0 to 1. Lines
	// that claim a copyright do not count.
	Known float64
}

// Classifier recognises licences. The zero value is ready; the patterns are
// read when the first text is. Its methods may be called concurrently.
type Classifier struct {
	once  sync.Once
	index *index
	err   error
}

const (
	// leastHits is the share of the sketch of a licence from which on its
	// pattern is tried: with many choices, few words are in each text.
	leastHits = 0.25
	// leastHitsOfRun is that of a stretch without choices.
	leastHitsOfRun = 0.5
	// leastSimilar is the share of passages from which on a text counts as that
	// of a licence: below it, licences with a common ancestor look alike.
	leastSimilar = 0.85
	// leastDense is the share of the words from the first passage to the last
	// that must belong to the licence: otherwise they are gathered from others.
	leastDense = 0.4
	// tagged is the confidence of a licence that an SPDX-License-Identifier
	// names, and named that of one of which a text only has the address.
	tagged = 0.95
	named  = 0.5
)

// Classify finds the licences in a text. Of a text with more than
// [limits.MaxLicenseTextBytes] the rest counts as unknown. An error means that
// the patterns cannot be read.
func (c *Classifier) Classify(data []byte) (Result, error) {
	c.once.Do(func() { c.index, c.err = newIndex(licensecheck.BuiltinLicenses()) })
	if c.err != nil {
		return Result{}, c.err
	}
	t := newText(data[:min(len(data), limits.MaxLicenseTextBytes)])
	whole := c.index.candidates(t.passages())
	found, err := c.exact(t)
	if err != nil {
		return Result{}, err
	}
	found = append(found, similar(t, whole, &found)...)
	for _, tag := range t.tags() {
		found = append(found, stretch{id: tag.text, start: tag.at, end: tag.at, confidence: tagged})
	}
	for _, m := range c.index.urls.Scan(t.data).Match {
		if m.IsURL && t.take(m.Start, m.End) && len(found) == 0 {
			found = append(found, stretch{id: currentID(m.ID), start: m.Start, end: m.End, confidence: named})
		}
	}
	slices.SortStableFunc(found, func(a, b stretch) int { return cmp.Compare(a.start, b.start) })
	return Result{Matches: matches(data, found), Known: t.known() * float64(len(t.data)) / float64(max(len(data), 1))}, nil
}

// stretch is where a text has a licence.
type stretch struct {
	id         string
	start, end int
	confidence float64
}

// exact finds what patterns match. Where several match, the longest counts.
func (c *Classifier) exact(t *text) ([]stretch, error) {
	var found []stretch
	tried := map[*license]bool{}
	for {
		var hits []stretch
		most := 0
		for _, k := range c.index.candidates(t.passages()) {
			if tried[k.license] {
				continue
			}
			if 10*k.words < 7*most {
				break
			}
			most = max(most, k.words)
			tried[k.license] = true
			all, err := k.license.match(t.data)
			if err != nil {
				return nil, err
			}
			for _, m := range all {
				hits = append(hits, stretch{id: k.license.id, start: m.Start, end: m.End, confidence: 1})
			}
		}
		if most == 0 {
			return found, nil
		}
		slices.SortStableFunc(hits, func(a, b stretch) int {
			return cmp.Or(cmp.Compare(t.count(b.start, b.end), t.count(a.start, a.end)), cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id))
		})
		for _, h := range hits {
			if t.take(h.start, h.end) {
				found = append(found, h)
			}
		}
	}
}

// similar finds licences of which the text has most passages. One that patterns
// found within them is a part of it, and leaves exact.
func similar(t *text, candidates []candidate, exact *[]stretch) []stretch {
	type likeness struct {
		license *license
		common  int
		share   float64
	}
	var likely []likeness
	have := t.allPassages()
	for _, k := range candidates {
		if k.license.passages == nil {
			continue
		}
		passages := k.license.passages()
		common := 0
		for _, h := range passages {
			if _, ok := slices.BinarySearch(have, h); ok {
				common++
			}
		}
		if share := float64(common) / float64(len(passages)); share >= leastSimilar {
			likely = append(likely, likeness{k.license, common, share})
		}
	}
	// A licence that has another one in it has more words of the text.
	slices.SortStableFunc(likely, func(a, b likeness) int {
		return cmp.Or(cmp.Compare(b.share*float64(b.common), a.share*float64(a.common)), cmp.Compare(a.license.id, b.license.id))
	})
	var found []stretch
	for _, l := range likely {
		start, end, free := t.span(l.license.passages())
		if 2*free < l.common || t.covered(l.license.passages(), start, end) < leastDense {
			continue
		}
		part := func(s stretch) bool {
			return 2*t.count(s.start, s.end) < l.common && t.covered(l.license.passages(), s.start, s.end) >= leastSimilar
		}
		if slices.ContainsFunc(*exact, func(s stretch) bool { return s.start < end && start < s.end && !part(s) }) {
			continue
		}
		t.takePassages(l.license.passages())
		*exact = slices.DeleteFunc(*exact, part)
		found = append(found, stretch{id: l.license.id, start: start, end: end, confidence: min(l.share, 0.99)})
	}
	return found
}

// matches gives each id once, in order. The text of a licence explains how to
// allow later versions, and whoever does so says it before that text.
func matches(data []byte, found []stretch) []Match {
	var out []Match
	seen := map[string]bool{}
	for _, s := range found {
		if base, ok := strings.CutSuffix(s.id, "-or-later"); ok && seen[base+"-only"] {
			continue
		}
		if base, ok := strings.CutSuffix(s.id, "-only"); ok && seen[base+"-or-later"] {
			continue
		}
		if !seen[s.id] {
			seen[s.id] = true
			out = append(out, Match{ID: s.id, Line: 1 + bytes.Count(data[:s.start], []byte("\n")), Confidence: s.confidence})
		}
	}
	return out
}

// currentID is the SPDX id, or a LicenseRef, for an id of licensecheck.
func currentID(id string) string {
	switch id {
	case "AGPL-1.0", "AGPL-3.0", "GFDL-1.1", "GFDL-1.2", "GFDL-1.3", "GPL-1.0", "GPL-2.0", "GPL-3.0", "LGPL-2.0", "LGPL-2.1", "LGPL-3.0":
		return id + "-only" // the text alone allows no other version
	case "GPL-2.0-or-3.0":
		return "GPL-2.0-only OR GPL-3.0-only"
	case "CommonsClause":
		return "Commons-Clause"
	case "bzip2-1.0.5":
		return "bzip2-1.0.6"
	case "Aladdin-9":
		return "Aladdin"
	case "CC-BY-NC-SA-3.0-US":
		return "CC-BY-NC-SA-3.0"
	case "Anti996", "BSD-1-Clause-Clear", "BSD-3-Clause-NoTrademark", "GooglePatentClause", "GooglePatentsFile", "MIT-NoAd", "Net-SNMP", "Prosperity-3.0.0":
		return "LicenseRef-" + id
	}
	return id
}
