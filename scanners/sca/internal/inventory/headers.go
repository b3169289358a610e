package inventory

import "strings"

// headers are the fields of a text in the form of an e-mail, as Python, R,
// Debian and Java write them: the names in lower case, with the line of each.
type headers struct {
	values map[string][]string
	lines  map[string]int
}

func (h *headers) get(name string) string {
	if v := h.values[strings.ToLower(name)]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (h *headers) line(name string) int { return h.lines[strings.ToLower(name)] }

// readHeaders reads up to the first empty line. A line that starts with a blank
// continues the one before.
func readHeaders(data []byte) headers {
	h := headers{values: map[string][]string{}, lines: map[string]int{}}
	n, last := 0, ""
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if v := h.values[last]; len(v) > 0 {
				// Java breaks lines anywhere, and the others between words.
				v[len(v)-1] += "\n" + line[1:]
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		last = strings.ToLower(strings.TrimSpace(name))
		h.values[last] = append(h.values[last], strings.TrimSpace(value))
		if h.lines[last] == 0 {
			h.lines[last] = n
		}
	}
	return h
}
