package views

const (
	// windowBytes is how much decoded text is looked at at a time.
	windowBytes = 1 << 20
	// overlapBytes is how much of a window the next one repeats, so that what
	// lies across the border is whole in one of them. The longest secret is a
	// private key; RSA with 16,384 bits has 13 KB in PEM.
	overlapBytes = 64 << 10
	// maxPieces bounds the pieces of a window.
	maxPieces = 1 << 16
)

// builder puts a derived text together, from pieces of a parent, and hands it
// on in windows.
type builder struct {
	text   []byte
	pieces []piece
	// stretch is where the current stretch starts.
	stretch      int
	stretchPiece int
	// flushed is true if the current stretch began in an earlier window.
	flushed bool
	// own is where the part starts that the window before does not have.
	own int
	// flush is called with a window; more says that another one follows.
	flush func(b *builder, more bool) error
}

func (b *builder) reset() { *b = builder{text: b.text[:0], pieces: b.pieces[:0]} }

// begin starts a stretch, apart from the one before.
func (b *builder) begin() {
	b.stretch, b.stretchPiece, b.flushed = len(b.text), len(b.pieces), false
	if len(b.text) > 0 {
		b.piece(piece{num: 0, den: 1, how: surrounding, src: b.lastSource()})
		// No rule takes this for part of a value.
		b.text = append(b.text, "\n\x00\n"...)
	}
}

func (b *builder) lastSource() int {
	if n := len(b.pieces); n > 0 {
		return b.pieces[n-1].src
	}
	return 0
}

// drop takes the current stretch back, if none of it was handed on.
func (b *builder) drop() {
	if !b.flushed {
		b.text, b.pieces = b.text[:b.stretch], b.pieces[:b.stretchPiece]
	}
}

// piece starts a piece at the end of the text.
func (b *builder) piece(p piece) {
	p.at = len(b.text)
	if n := len(b.pieces); n > 0 {
		last := &b.pieces[n-1]
		if last.at == p.at {
			*last = p
			return
		}
		if last.how == p.how && last.num == p.num && last.den == p.den && p.num > 0 && p.src == last.src+(p.at-last.at)*p.num/p.den {
			return // goes on
		}
	}
	b.pieces = append(b.pieces, p)
}

// overlap is how much of a window of n bytes the next one repeats. Matches that
// start in the first half of it belong to the window, the others to the next.
func overlap(n int) int { return min(overlapBytes, n/2) }

// full hands the text on if the window is full, and keeps its end.
func (b *builder) full() error {
	if len(b.text) < windowBytes && len(b.pieces) < maxPieces {
		return nil
	}
	if err := b.flush(b, true); err != nil {
		return err
	}
	keep := overlap(len(b.text))
	b.own = keep - keep/2
	cut := len(b.text) - keep
	first := 0
	for first+1 < len(b.pieces) && b.pieces[first+1].at <= cut {
		first++
	}
	n := copy(b.text, b.text[cut:])
	b.text = b.text[:n]
	k := copy(b.pieces, b.pieces[first:])
	b.pieces = b.pieces[:k]
	for i := range b.pieces {
		p := &b.pieces[i]
		if p.at < cut {
			p.src += (cut - p.at) * p.num / p.den
			p.at = cut
		}
		p.at -= cut
	}
	b.stretch, b.stretchPiece, b.flushed = 0, 0, true
	return nil
}

// finish hands on what is left.
func (b *builder) finish() error {
	if len(b.text) == 0 {
		return nil
	}
	return b.flush(b, false)
}
