package screen

// determinize makes one state of each set of positions that may come next and
// of whether a match may have ended; nil if there are too many.
func (b *builder) determinize(whole fragment) *Screen {
	s := &Screen{}
	masks, high := b.columns(&s.class)
	words := (len(b.positions) + 63) / 64
	trim := func(t set) set { return t[:words] }

	first, last := trim(whole.first), trim(whole.last)
	number := map[string]int{}
	var name []byte
	type state struct {
		positions set
		ended     bool
	}
	var states []state
	add := func(positions set, ended bool) int {
		name = appendKey(name[:0], positions, ended)
		n, ok := number[string(name)]
		if !ok {
			n = len(states)
			number[string(name)] = n
			states = append(states, state{append(set(nil), positions...), ended})
		}
		return n
	}
	add(first, false) // a match may start anywhere, so first is in each state
	var edges []int
	scratch := make(set, words)
	for i := 0; i < len(states); i++ {
		if len(states) > maxStates {
			return nil
		}
		for c, mask := range masks {
			copy(scratch, first)
			ended := false
			for w := range scratch {
				hit := set{states[i].positions[w] & mask[w]}
				ended = ended || hit[0]&last[w] != 0
				hit.each(func(p int) {
					q := &b.positions[w<<6+p]
					scratch.or(trim(q.follow))
					if high[c] && q.wide {
						scratch.add(w<<6 + p) // more bytes of the character
					}
				})
			}
			edges = append(edges, add(scratch, ended))
		}
	}
	// States in which a match may have ended come last.
	rows := make([]uint32, len(states))
	row := uint32(0)
	for _, ended := range []bool{false, true} {
		if ended {
			s.accept = row
		}
		for i := range states {
			if states[i].ended == ended {
				rows[i] = row
				row += uint32(len(masks))
			}
		}
	}
	s.next = make([]uint32, row)
	for i := range states {
		for c := range masks {
			s.next[rows[i]+uint32(c)] = rows[edges[i*len(masks)+c]]
		}
	}
	return s
}
