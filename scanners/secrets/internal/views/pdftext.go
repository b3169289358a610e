package views

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

var (
	toUnicode = regexp.MustCompile(`/ToUnicode\s+(\d{1,9})\s+\d+\s+R`)
	fontsHere = regexp.MustCompile(`/Font\s*<<([^>]*)>>`)
	fontsAt   = regexp.MustCompile(`/Font\s+(\d{1,9})\s+\d+\s+R`)
	fontName  = regexp.MustCompile(`/([^\s/<>\[\]()]+)\s+(\d{1,9})\s+\d+\s+R`)
)

// maxAlternatives bounds how many fonts of the same name are tried.
const maxAlternatives = 4

// findFonts finds the maps of characters of fonts, by the names by which pages
// use them. Names mean something within a page only; where two pages mean
// different fonts, both are tried.
func (p *pdf) findFonts() {
	add := func(list []byte) {
		for _, m := range fontName.FindAllSubmatch(list, -1) {
			id, _ := strconv.Atoi(string(m[2]))
			u := toUnicode.FindSubmatch(p.dicts[id])
			if u == nil {
				continue
			}
			to, _ := strconv.Atoi(string(u[1]))
			n := string(m[1])
			if f := p.fonts[n]; len(f) < maxAlternatives && !slices.Contains(f, to) {
				p.fonts[n] = append(f, to)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.dicts)) {
		for _, m := range fontsHere.FindAllSubmatch(p.dicts[id], -1) {
			add(m[1])
		}
		for _, m := range fontsAt.FindAllSubmatch(p.dicts[id], -1) {
			at, _ := strconv.Atoi(string(m[1]))
			add(p.dicts[at])
		}
	}
}

// charMap says which characters the codes of a font stand for; see ISO 32000-1,
// section 9.10.3.
type charMap struct {
	width  int // bytes of a code
	ranges []charRange
}

type charRange struct {
	low, high uint32
	to        []byte // in UTF-8; its last character is that of low
}

var (
	mapBlock = regexp.MustCompile(`(?s)begin(bfchar|bfrange)(.*?)end(?:bfchar|bfrange)`)
	mapToken = regexp.MustCompile(`<[0-9A-Fa-f\s]*>|\[|\]`)
)

// mapFor reads the map of a font, once.
func (p *pdf) mapFor(id int) (*charMap, error) {
	if m, ok := p.maps[id]; ok {
		return m, nil
	}
	c := &charMap{width: 1}
	p.maps[id] = c
	i, ok := p.byID[id]
	if !ok {
		return c, nil
	}
	data, _, _, err := p.read(&p.streams[i])
	if err != nil {
		return nil, err
	}
	for _, block := range mapBlock.FindAllSubmatch(data, -1) {
		c.add(string(block[1]), mapToken.FindAll(block[2], -1))
	}
	slices.SortStableFunc(c.ranges, func(a, b charRange) int { return cmp.Compare(a.low, b.low) })
	return c, nil
}

func (c *charMap) add(kind string, tokens [][]byte) {
	next := func() []byte {
		if len(tokens) == 0 {
			return nil
		}
		t := tokens[0]
		tokens = tokens[1:]
		return t
	}
	for len(tokens) > 0 {
		low, n := code(next())
		high := low
		if kind == "bfrange" {
			high, _ = code(next())
		}
		c.width = max(c.width, min(n, 2))
		to := next()
		if len(to) == 0 || to[0] != '[' {
			c.ranges = append(c.ranges, charRange{low, high, text16(to)})
			continue
		}
		for to = next(); len(to) > 0 && to[0] != ']'; to = next() {
			c.ranges = append(c.ranges, charRange{low, low, text16(to)})
			low++
		}
	}
}

func unhexToken(token []byte) []byte {
	digits := bytes.Join(bytes.Fields(bytes.Trim(token, "<>")), nil)
	if len(digits)%2 == 1 {
		digits = append(slices.Clip(digits), '0')
	}
	out, _ := hex.AppendDecode(nil, digits)
	return out
}

func code(token []byte) (n uint32, width int) {
	b := unhexToken(token)
	for _, c := range b[:min(len(b), 4)] {
		n = n<<8 | uint32(c)
	}
	return n, len(b)
}

// text16 is text of a few characters.
func text16(token []byte) []byte {
	b := unhexToken(token)
	return fromUTF16(b[:min(len(b), 16)], binary.BigEndian)
}

// append adds the characters of a string that a page shows.
func (c *charMap) append(out, s []byte) []byte {
	if c == nil || len(c.ranges) == 0 {
		return append(out, s...)
	}
	for ; len(s) >= c.width; s = s[c.width:] {
		n := uint32(s[0])
		if c.width == 2 {
			n = n<<8 | uint32(s[1])
		}
		i, ok := slices.BinarySearchFunc(c.ranges, n, func(r charRange, n uint32) int { return cmp.Compare(r.low, n) })
		if !ok {
			i--
		}
		if i < 0 || n > c.ranges[i].high {
			if c.width == 1 {
				out = append(out, s[0])
			}
			continue
		}
		r := c.ranges[i]
		last, size := utf8.DecodeLastRune(r.to)
		out = append(out, r.to[:len(r.to)-size]...)
		if size > 0 {
			out = utf8.AppendRune(out, last+rune(n-r.low))
		}
	}
	return out
}

// isContent reports whether a stream shows text.
func isContent(data []byte) bool {
	return bytes.Contains(data, []byte("BT")) && bytes.Contains(data, []byte("ET")) && (bytes.Contains(data, []byte("Tj")) || bytes.Contains(data, []byte("TJ")))
}

// text hands the text of a page on. Where a page does not say whether there is
// space between two pieces of a line, both are tried.
func (p *pdf) text(src source, content []byte) error {
	derived := false
	for pick := range maxAlternatives {
		for _, gap := range []string{"", " "} {
			s := shower{p: p, pick: pick, gap: gap, most: 4*len(content) + 4096}
			if err := s.run(content); err != nil {
				return err
			}
			if p.w.unpacked += int64(len(s.out)); p.w.unpacked > p.w.maxUnpacked {
				_, err := (&meter{w: p.w, src: src, r: bytes.NewReader(nil)}).Read(nil)
				return err
			}
			v := &View{Path: src.path, Text: s.out, Derived: derived, entry: src.entry, origin: src.origin, levels: src.levels}
			if err := p.w.text(v, 0); err != nil {
				return err
			}
			derived = true
			if !s.gaps {
				if pick+1 >= s.fonts {
					return nil
				}
				break
			}
			if gap == " " && pick+1 >= s.fonts {
				return nil
			}
		}
	}
	return nil
}

// shower runs the operators of a page that show text; see ISO 32000-1, section
// 9.4.
type shower struct {
	p    *pdf
	pick int    // which of the fonts of a name
	gap  string // between pieces of a line
	most int    // bytes of out

	out   []byte
	gaps  bool // there are pieces of a line
	fonts int  // the most fonts that a name has
	font  *charMap
	// moved is set if the place was set since the last text. A line is what has
	// the same height, on the same part of the page.
	moved       bool
	height      float64
	part        string
	shown       float64
	partOfShown string
}

func (s *shower) run(content []byte) error {
	var operands [][]byte // strings, names and numbers since the last operator
	var array [][]byte    // of TJ
	inArray := false
	for len(content) > 0 && len(s.out) < s.most {
		var t []byte
		t, content = nextToken(content)
		switch {
		case len(t) == 0:
			return nil
		case t[0] == '[':
			inArray, array = true, array[:0]
		case t[0] == ']':
			inArray = false
		case inArray:
			array = append(array, t)
		case t[0] == '(' || t[0] == '<' || t[0] == '/' || t[0] == '-' || t[0] == '+' || t[0] == '.' || '0' <= t[0] && t[0] <= '9':
			if operands = append(operands, t); len(operands) > 32 {
				operands = operands[1:]
			}
		default:
			if err := s.operator(string(t), operands, array); err != nil {
				return err
			}
			operands, array = operands[:0], array[:0]
		}
	}
	return nil
}

func (s *shower) operator(op string, operands, array [][]byte) error {
	last := func(back int) []byte {
		if back > len(operands) {
			return nil
		}
		return operands[len(operands)-back]
	}
	switch op {
	case "Tf":
		s.font = nil
		if f := s.p.fonts[string(bytes.TrimPrefix(last(2), []byte("/")))]; len(f) > 0 {
			s.fonts = max(s.fonts, len(f))
			m, err := s.p.mapFor(f[min(s.pick, len(f)-1)])
			if err != nil {
				return err
			}
			s.font = m
		}
	case "cm":
		s.part = string(last(1))
	case "BT":
		s.height, s.moved = 0, true
	case "Td", "TD":
		s.height, s.moved = s.height+number(last(1)), true
	case "Tm":
		s.height, s.moved = number(last(1)), true
	case "T*":
		s.nextLine()
	case "Tj":
		s.show(last(1))
	case "'", `"`:
		s.nextLine()
		s.show(last(1))
	case "TJ":
		// A step back of a fifth of the size of the font or more is a space.
		const space = -200
		for _, t := range array {
			if t[0] == '(' || t[0] == '<' {
				s.show(t)
			} else if number(t) <= space {
				s.out = append(s.out, ' ')
			}
		}
	}
	return nil
}

// nextLine goes down, how far does not matter.
func (s *shower) nextLine() { s.height, s.moved = s.height-1, true }

func number(token []byte) float64 {
	n, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return 0
	}
	return n
}

func (s *shower) show(token []byte) {
	if len(token) == 0 || token[0] != '<' && token[0] != '(' {
		return
	}
	if s.moved && len(s.out) > 0 {
		const same = 0.01
		if d := s.height - s.shown; s.part == s.partOfShown && -same < d && d < same {
			s.gaps = true
			s.out = append(s.out, s.gap...)
		} else {
			s.out = append(s.out, '\n')
		}
	}
	s.moved, s.shown, s.partOfShown = false, s.height, s.part
	if token[0] == '<' {
		s.out = s.font.append(s.out, unhexToken(token))
	} else {
		s.out = s.font.append(s.out, unescapePDF(token[1:]))
	}
}

const (
	pdfSpace = "\x00\t\n\f\r "
	pdfEnd   = pdfSpace + "()<>[]{}/%"
)

// nextToken takes a token off a page: a string with its parentheses, but for the
// last, a hexadecimal string, a name, a bracket, or a word.
func nextToken(b []byte) (token, rest []byte) {
	for {
		b = bytes.TrimLeft(b, pdfSpace)
		if len(b) == 0 {
			return nil, nil
		}
		if b[0] != '%' {
			break
		}
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			return nil, nil
		}
		b = b[i:]
	}
	switch b[0] {
	case '(':
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '(':
				depth++
			case ')':
				if depth--; depth == 0 {
					return b[:i], b[i+1:]
				}
			}
		}
		return b, nil
	case '<':
		if len(b) > 1 && b[1] == '<' {
			return []byte("{"), b[2:]
		}
		if i := bytes.IndexByte(b, '>'); i >= 0 {
			return b[:i+1], b[i+1:]
		}
		return b, nil
	case '[', ']', '{', '}', '>', ')':
		return b[:1], b[1:]
	}
	n := 1
	for n < len(b) && bytes.IndexByte([]byte(pdfEnd), b[n]) < 0 {
		n++
	}
	return b[:n], b[n:]
}

// unescapePDF undoes the escapes of a string; see ISO 32000-1, table 3.
func unescapePDF(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch c := s[i]; {
		case '0' <= c && c <= '7':
			n := 0
			for k := 0; k < 3 && i < len(s) && '0' <= s[i] && s[i] <= '7'; k++ {
				n = n*8 + int(s[i]-'0')
				i++
			}
			i--
			out = append(out, byte(n))
		case c == '\r' || c == '\n':
			if c == '\r' && i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
		default:
			if k := bytes.IndexByte([]byte("nrtbf"), c); k >= 0 {
				c = "\n\r\t\b\f"[k]
			}
			out = append(out, c)
		}
	}
	return out
}
