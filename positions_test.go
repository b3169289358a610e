package gatehouse_test

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

func TestPositions(t *testing.T) {
	want := [][2]int{{1, 1}, {300, 0}, {0, 0}, {1 << 30, 200}}
	var p gatehouse.Positions
	for _, w := range want {
		p = p.Append(w[0], w[1])
	}
	for i, w := range want {
		var line, column int
		if line, column, p = p.Next(); line != w[0] || column != w[1] {
			t.Errorf("position %d: got %d:%d, want %d:%d", i, line, column, w[0], w[1])
		}
	}
	for _, p := range []gatehouse.Positions{nil, {0x80}, {1}, {1, 0x80}} {
		if line, column, rest := p.Next(); line != 0 || column != 0 || rest != nil {
			t.Errorf("%v: got %d:%d and %v, want none", p, line, column, rest)
		}
	}
}
