package config

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// textLines splits text into lines without their ends.
func textLines(format string, data []byte) ([]string, error) {
	if !utf8.Valid(data) {
		return nil, invalid(format, invalidLine(data), "it is not UTF-8")
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(text, "\n"), nil
}

// parseINI gives one document: an object of sections, each an object. Keys
// before the first section are in the section "DEFAULT". Numbers and booleans
// are typed. A later value of a key wins, and a line that is indented deeper
// than a key continues its value, as Python's configparser reads it.
func parseINI(data []byte) ([]document, error) {
	lines, err := textLines("INI", data)
	if err != nil {
		return nil, err
	}
	sections := map[string]map[string][]string{} // the lines of each value
	section, last, indent := "DEFAULT", "", 0
	for i, raw := range lines {
		line := strings.TrimSpace(raw)
		switch {
		case line == "":
			last = ""
			continue
		case line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			name, ok := strings.CutSuffix(cutComment(line), "]")
			if !ok {
				return nil, invalid("INI", i+1, "a section has no closing bracket")
			}
			section, last = strings.TrimSpace(name[1:]), ""
			if sections[section] == nil {
				sections[section] = map[string][]string{}
			}
			continue
		case last != "" && indentOf(raw) > indent:
			sections[section][last] = append(sections[section][last], line)
			continue
		}
		at := strings.IndexAny(line, "=:")
		key := line
		value := "true" // a key alone is a switch
		if at >= 0 {
			key, value = strings.TrimSpace(line[:at]), strings.TrimSpace(line[at+1:])
		}
		if key == "" {
			return nil, invalid("INI", i+1, "a value has no key")
		}
		if sections[section] == nil {
			sections[section] = map[string][]string{}
		}
		sections[section][key] = []string{unquote(cutComment(value))}
		last, indent = key, indentOf(raw)
	}
	out := map[string]map[string]any{}
	for name, keys := range sections {
		out[name] = map[string]any{}
		for k, v := range keys {
			out[name][k] = typed(strings.Join(v, "\n"))
		}
	}
	return []document{{line: 1, content: out}}, nil
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// cutComment cuts a comment that follows white space, unless the value is
// quoted.
func cutComment(v string) string {
	if v != "" && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 {
			return v[:end+2]
		}
		return v
	}
	for _, mark := range []string{" ;", " #", "\t;", "\t#"} {
		if i := strings.Index(v, mark); i >= 0 {
			v = v[:i]
		}
	}
	return strings.TrimSpace(v)
}

func unquote(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		return v[1 : len(v)-1]
	}
	return v
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func typed(v string) any {
	switch {
	case v == "true" || v == "false":
		return v == "true"
	case decimal.MatchString(v):
		if i, err := strconv.ParseInt(v, 10, 64); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil && strings.Contains(v, ".") {
			return f
		}
	}
	return v
}

// parseProperties gives one document: an object of strings; see
// https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Properties.html#load(java.io.Reader).
// References to other keys are not expanded. A later value of a key wins.
func parseProperties(data []byte) ([]document, error) {
	if !utf8.Valid(data) { // the historical encoding is ISO 8859-1
		runes := make([]rune, len(data))
		for i, b := range data {
			runes[i] = rune(b)
		}
		data = []byte(string(runes))
	}
	lines, err := textLines("properties", data)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i := 0; i < len(lines); i++ {
		line, number := strings.TrimLeft(lines[i], " \t\f"), i+1
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		var parts []string
		for continued(line) && i+1 < len(lines) {
			parts = append(parts, line[:len(line)-1])
			i++
			line = strings.TrimLeft(lines[i], " \t\f")
		}
		line = strings.Join(append(parts, line), "")
		end := keyEnd(line)
		rest := strings.TrimLeft(line[end:], " \t\f")
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = strings.TrimLeft(rest[1:], " \t\f")
		}
		key, ok1 := unescape(line[:end])
		value, ok2 := unescape(rest)
		if !ok1 || !ok2 {
			return nil, invalid("properties", number, `\u needs four hexadecimal digits`)
		}
		out[key] = value
	}
	return []document{{line: 1, content: out}}, nil
}

// continued reports whether the line ends in a backslash that is not escaped.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func keyEnd(line string) int {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			return i
		}
	}
	return len(line)
}

func unescape(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	var b strings.Builder
	var units []uint16 // of a run of \u escapes, for surrogate pairs
	flush := func() {
		b.WriteString(string(utf16.Decode(units)))
		units = units[:0]
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			flush()
			if s[i] != '\\' {
				b.WriteByte(s[i])
			}
			continue
		}
		i++
		if s[i] == 'u' {
			if i+4 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
			if err != nil {
				return "", false
			}
			units = append(units, uint16(n))
			i += 4
			continue
		}
		flush()
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		default:
			b.WriteByte(s[i])
		}
	}
	flush()
	return b.String(), true
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// parseDotenv gives one document: an object of strings. Variables in values
// are not expanded: a document depends on nothing but the file. A later value
// of a name wins.
func parseDotenv(data []byte) ([]document, error) {
	lines, err := textLines("dotenv", data)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i := 0; i < len(lines); i++ {
		line, number := strings.TrimSpace(lines[i]), i+1
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "export "); ok {
			line = strings.TrimSpace(rest)
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			name, value, ok = strings.Cut(line, ":")
		}
		if name = strings.TrimSpace(name); !ok || !envName.MatchString(name) {
			return nil, invalid("dotenv", number, "want NAME=value")
		}
		value = strings.TrimSpace(value)
		if value == "" || value[0] != '"' && value[0] != '\'' {
			out[name] = cutComment(value)
			continue
		}
		quote := value[0]
		part := value[1:]
		end := closing(part, quote)
		var parts []string
		for end < 0 && i+1 < len(lines) {
			parts = append(parts, part)
			i++
			part = lines[i]
			end = closing(part, quote)
		}
		if end < 0 {
			return nil, invalid("dotenv", number, "a quote is not closed")
		}
		if rest := strings.TrimSpace(part[end+1:]); rest != "" && rest[0] != '#' {
			return nil, invalid("dotenv", number, "there is something behind the closing quote")
		}
		body := strings.Join(append(parts, part[:end]), "\n")
		if quote == '"' {
			body = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\$`, "$").Replace(body)
		}
		out[name] = body
	}
	return []document{{line: 1, content: out}}, nil
}

// closing is the offset of the quote that closes s; -1 if there is none. In
// double quotes a backslash escapes it.
func closing(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == quote:
			return i
		}
	}
	return -1
}
