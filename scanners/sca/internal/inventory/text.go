package inventory

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// PlainText removes what editors add: byte order marks, UTF-16 and carriage
// returns. Line numbers stay what they are.
func PlainText(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	}
	if order != nil {
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i+1 < len(data); i += 2 {
			units = append(units, order.Uint16(data[i:]))
		}
		data = []byte(string(utf16.Decode(units)))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(data, '\r') < 0 {
		return data
	}
	return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
}

// CheckText refuses binary files, and files that a merge has left half done:
// those name the packages of both sides, or neither.
func CheckText(data []byte) error {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return fmt.Errorf("it is a binary file: there is a zero byte at offset %d", i)
	}
	i := bytes.Index(data, []byte("\n<<<<<<< ")) + 1
	if (i > 0 || bytes.HasPrefix(data, []byte("<<<<<<< "))) && bytes.Contains(data[i:], []byte("\n>>>>>>> ")) {
		return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: 1 + bytes.Count(data[:i], []byte("\n")), Reason: "it has an unresolved merge conflict"}
	}
	return nil
}

// checkNesting refuses brackets that nest so deeply that a recursive parser
// would run out of stack. Brackets in the strings of JSON and TOML do not
// count.
func checkNesting(data []byte) error {
	depth := 0
	quote, triple := byte(0), false
	tripled := func(i int) bool {
		return i+2 < len(data) && data[i+1] == data[i] && data[i+2] == data[i]
	}
	for i := 0; i < len(data); i++ {
		c := data[i]
		if quote != 0 {
			switch {
			case c == '\\' && quote == '"':
				i++
			case c == quote && triple:
				if tripled(i) {
					quote, triple = 0, false
					i += 2
				}
			case c == quote, c == '\n' && !triple:
				quote = 0
			}
			continue
		}
		switch c {
		case '"', '\'':
			quote = c
			if tripled(i) {
				triple = true
				i += 2
			}
		case '[', '{':
			if depth++; depth > limits.MaxNesting {
				return fmt.Errorf("it nests deeper than %d levels", limits.MaxNesting)
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return nil
}

// lineIndex finds the line of an offset.
type lineIndex []int

func newLineIndex(data []byte) lineIndex {
	starts := lineIndex{0}
	for i, c := range data {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func (l lineIndex) line(offset int64) int {
	lo, hi := 0, len(l)
	for lo < hi {
		mid := (lo + hi) / 2
		if int64(l[mid]) <= offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// indent counts the leading spaces.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// some joins the first few names, and says how many more there are.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// UniqueInOrder drops all but the first of equal texts.
func UniqueInOrder(list []string) []string {
	seen := map[string]bool{}
	var unique []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			unique = append(unique, s)
		}
	}
	return unique
}
