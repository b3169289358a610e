package gatehouse

import "encoding/binary"

// Positions say where the values of a [Document] stand in its file: for each
// value in the order of the JSON text, what contains others before them, the
// line and the column as unsigned varints. Text, numbers and the like stand
// where they start, and objects and lists where their key does if they have
// one. It is a list of bytes because most are never asked for.
type Positions []byte

// Append adds the position of the next value; both are 1-based, columns count
// bytes, and 0 is unknown.
func (p Positions) Append(line, column int) Positions {
	return binary.AppendUvarint(binary.AppendUvarint(p, uint64(max(line, 0))), uint64(max(column, 0)))
}

// Next returns the first position and those that follow. Both numbers are 0 if
// there is none.
func (p Positions) Next() (line, column int, rest Positions) {
	l, n := binary.Uvarint(p)
	c, m := binary.Uvarint(p[max(n, 0):])
	if n <= 0 || m <= 0 {
		return 0, 0, nil
	}
	return int(l), int(c), p[n+m:]
}
