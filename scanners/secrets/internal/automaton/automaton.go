// Package automaton finds all occurrences of many short strings in one pass
// over a text, without regard to the case of ASCII letters.
//
// It is the Aho-Corasick algorithm ("Efficient string matching: an aid to
// bibliographic search", CACM 18(6), 1975) with all failure transitions
// resolved, so that each byte of text costs one table look-up. Bytes that occur
// in no pattern share one column of the table, which keeps it in the cache. Both
// halves of a text are gone over at once. See decision 0008 for what else was
// tried.
package automaton

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Automaton is a compiled set of patterns. It is immutable.
type Automaton struct {
	class  [256]uint8 // byte to column
	stride uint32     // columns of the table
	next   []uint32   // row offset plus column to row offset
	// Rows from firstOut on are those where at least one pattern ends.
	firstOut uint32
	outs     [][]int32
	longest  int
}

// State is a position in the automaton between two calls of [Automaton.Scan].
// The zero value is the start of a text.
type State uint32

// Compile makes an automaton of patterns. Each must have at least one byte.
func Compile(patterns []string) (*Automaton, error) {
	a := &Automaton{}
	columns := 1
	for i, p := range patterns {
		if p == "" {
			return nil, fmt.Errorf("compile patterns: pattern %d is empty", i)
		}
		a.longest = max(a.longest, len(p))
		for j := range len(p) {
			if b := lower(p[j]); a.class[b] == 0 {
				if columns == 256 {
					return nil, errors.New("compile patterns: they use more than 255 different bytes")
				}
				a.class[b] = uint8(columns)
				columns++
			}
		}
	}
	for b := byte('A'); b <= 'Z'; b++ {
		a.class[b] = a.class[lower(b)]
	}
	a.stride = uint32(columns)

	total := 1
	for _, p := range patterns {
		total += len(p)
	}
	t := newTrie(columns, total)
	for i, p := range patterns {
		node := int32(0)
		for j := range len(p) {
			node = t.child(node, a.class[p[j]])
		}
		t.outs[node] = append(t.outs[node], int32(i))
	}
	order := t.resolve()

	// Rows without output come first, so that "does a pattern end here?" is
	// one comparison. The root has no output and stays row 0.
	rows := make([]int32, 0, len(order))
	for _, n := range order {
		if len(t.outs[n]) == 0 {
			rows = append(rows, n)
		}
	}
	a.firstOut = uint32(len(rows)) * a.stride
	for _, n := range order {
		if len(t.outs[n]) > 0 {
			rows = append(rows, n)
			slices.Sort(t.outs[n])
			a.outs = append(a.outs, t.outs[n])
		}
	}
	rowOf := make([]uint32, len(rows))
	for row, n := range rows {
		rowOf[n] = uint32(row) * a.stride
	}
	a.next = make([]uint32, len(rows)*columns)
	for row, n := range rows {
		for c := range columns {
			a.next[row*columns+c] = rowOf[t.next[int(n)*columns+c]]
		}
	}
	return a, nil
}

// Longest is the length of the longest pattern in bytes.
func (a *Automaton) Longest() int { return a.longest }

// Scan calls found for each end of a pattern in text, in order: with the
// number of the pattern and the offset behind its last byte. It returns the
// state for the text that follows.
func (a *Automaton) Scan(s State, text []byte, found func(pattern, end int)) State {
	if len(text) < minLanes+4*a.longest {
		return State(a.one(uint32(s), text, 0, found))
	}
	state := uint32(s)
	hits := hitsPool.Get().(*[2][]hit)
	defer hitsPool.Put(hits)
	for base := 0; base < len(text); base += lanesBytes {
		block := text[base:min(base+lanesBytes, len(text))]
		if len(block) < minLanes+4*a.longest {
			state = a.one(state, block, base, found)
			continue
		}
		state = a.two(state, block, base, hits, found)
	}
	return State(state)
}

// one goes over a text that starts at base.
func (a *Automaton) one(state uint32, text []byte, base int, found func(pattern, end int)) uint32 {
	next, firstOut := a.next, a.firstOut
	class := &a.class
	for i, b := range text {
		state = next[state+uint32(class[b])]
		if state >= firstOut {
			a.report(state, base+i+1, found)
		}
	}
	return state
}

func (a *Automaton) report(state uint32, end int, found func(pattern, end int)) {
	for _, p := range a.outs[(state-a.firstOut)/a.stride] {
		found(int(p), end)
	}
}

const (
	// lanesBytes is how much of a text is gone over at a time; the hits in it
	// are kept until it is done, 8 bytes for each byte of text at most.
	lanesBytes = 32 << 10
	// minLanes is the length from which two lanes pay.
	minLanes = 512
)

// hit is the state after a byte, where a pattern ends.
type hit struct{ state, at uint32 }

var hitsPool = sync.Pool{New: func() any { return new([2][]hit) }}

// two goes over both halves of a text at once. Each step of the automaton waits
// for the one before, so two that do not depend on each other take hardly longer
// than one.
//
// The second lane starts in state 0, as many bytes before the middle as the
// longest pattern has before its last one. A state is the longest end of the
// text that a pattern starts with; so from the middle on the lane has seen all
// that patterns which end there consist of, and reports the same.
func (a *Automaton) two(s0 uint32, text []byte, base int, hits *[2][]hit, found func(pattern, end int)) uint32 {
	back := a.longest - 1
	half := (len(text) + back) / 2
	t0, t1 := text[:half], text[half-back:][:half]
	for i := range hits {
		if cap(hits[i]) < half {
			hits[i] = make([]hit, lanesBytes/2+back)
		}
	}
	h0, h1 := hits[0][:half], hits[1][:half]
	n0, n1, s1 := 0, 0, uint32(0)
	next, firstOut := a.next, a.firstOut
	class := &a.class
	for i := range t0 {
		s0 = next[s0+uint32(class[t0[i]])]
		s1 = next[s1+uint32(class[t1[i]])]
		if s0 >= firstOut {
			h0[n0] = hit{s0, uint32(i)}
			n0++
		}
		if s1 >= firstOut {
			h1[n1] = hit{s1, uint32(i)}
			n1++
		}
	}
	for _, h := range h0[:n0] {
		a.report(h.state, base+int(h.at)+1, found)
	}
	for _, h := range h1[:n1] {
		if int(h.at) >= back { // the others are in the first half
			a.report(h.state, base+half-back+int(h.at)+1, found)
		}
	}
	done := 2*half - back
	return a.one(s1, text[done:], base+done, found)
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// trie is the automaton while it is built; -1 is no transition.
type trie struct {
	columns int
	next    []int32
	outs    [][]int32
}

// newTrie makes a trie of at most so many nodes.
func newTrie(columns, nodes int) *trie {
	t := &trie{columns: columns, next: make([]int32, 0, columns*nodes), outs: make([][]int32, 0, nodes)}
	t.grow()
	return t
}

func (t *trie) grow() int32 {
	for range t.columns {
		t.next = append(t.next, -1)
	}
	t.outs = append(t.outs, nil)
	return int32(len(t.outs) - 1)
}

func (t *trie) child(node int32, class uint8) int32 {
	i := int(node)*t.columns + int(class)
	if t.next[i] < 0 {
		n := t.grow()
		t.next[i] = n
	}
	return t.next[i]
}

// resolve replaces missing transitions by those of the longest proper suffix
// and returns the nodes in breadth-first order.
func (t *trie) resolve() []int32 {
	fail := make([]int32, len(t.outs))
	order := []int32{0}
	for c := range t.columns {
		if n := t.next[c]; n > 0 {
			order = append(order, n)
		} else {
			t.next[c] = 0
		}
	}
	for i := 1; i < len(order); i++ {
		node := int(order[i])
		f := int(fail[node])
		t.outs[node] = append(t.outs[node], t.outs[f]...)
		for c := range t.columns {
			at := node*t.columns + c
			byFail := t.next[f*t.columns+c]
			if n := t.next[at]; n >= 0 {
				fail[n] = byFail
				order = append(order, n)
			} else {
				t.next[at] = byFail
			}
		}
	}
	return order
}
