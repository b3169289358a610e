package fix

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// context is how many lines a diff shows around a change, as diff -u does.
const context = 3

// diff is a unified diff that replaces lines, for patch -p1 and git apply.
// Lines have their ends.
func diff(name string, lines []string, edits map[int]Edit) string {
	if n := len(lines); n > 0 && lines[n-1] == "" {
		lines = lines[:n-1]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", name, name)
	changed := slices.Sorted(maps.Keys(edits))
	for len(changed) > 0 {
		n := 1
		for n < len(changed) && changed[n]-changed[n-1] <= 2*context {
			n++
		}
		first, last := max(1, changed[0]-context), min(len(lines), changed[n-1]+context)
		fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", first, last-first+1, first, last-first+1)
		for i := first; i <= last; {
			if _, ok := edits[i]; !ok {
				write(&b, ' ', lines[i-1])
				i++
				continue
			}
			// All old lines of a run come before the new ones.
			from := i
			for ; i <= last && edits[i] != (Edit{}); i++ {
				write(&b, '-', edits[i].Old)
			}
			for k := from; k < i; k++ {
				write(&b, '+', edits[k].New)
			}
		}
		changed = changed[n:]
	}
	return b.String()
}

func write(b *strings.Builder, mark byte, line string) {
	b.WriteByte(mark)
	b.WriteString(line)
	if !strings.HasSuffix(line, "\n") {
		b.WriteString("\n\\ No newline at end of file\n")
	}
}
