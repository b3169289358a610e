package config

import (
	"math"
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
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	return strings.Split(text, "\n"), nil
}

// parseINI gives one document: an object of sections, each an object. Keys
// before the first section are in the section "DEFAULT". Numbers and booleans
// are typed as conftest types them. A later value of a key wins, and a line that
// is indented deeper than a key continues its value, as Python's configparser
// reads it.
func parseINI(data []byte) ([]document, error) {
	lines, err := textLines("INI", data)
	if err != nil {
		return nil, err
	}
	type key struct {
		line, column int
		text         []string // the lines of the value
	}
	type sectionOf struct {
		line int
		keys map[string]*key
	}
	sections := map[string]*sectionOf{}
	open := func(name string, line int) *sectionOf {
		if sections[name] == nil {
			sections[name] = &sectionOf{line, map[string]*key{}}
		}
		return sections[name]
	}
	section, indent := "DEFAULT", 0
	var last *key
	for i, raw := range lines {
		line := strings.TrimSpace(raw)
		switch {
		case line == "":
			last = nil
			continue
		case line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			name, ok := strings.CutSuffix(cutComment(line), "]")
			if !ok {
				return nil, invalid("INI", i+1, "a section has no closing bracket")
			}
			section, last = strings.TrimSpace(name[1:]), nil
			open(section, i+1)
			continue
		case last != nil && indentOf(raw) > indent:
			last.text = append(last.text, line)
			continue
		}
		end := strings.IndexAny(line, "=:")
		name, text, offset := line, "true", 0 // a key alone is a switch
		if end >= 0 {
			name, text = strings.TrimSpace(line[:end]), strings.TrimSpace(line[end+1:])
			offset = end + 1 + indentOf(line[end+1:])
		}
		if name == "" {
			return nil, invalid("INI", i+1, "a value has no key")
		}
		indent = indentOf(raw)
		last = &key{i + 1, indent + offset + 1, []string{unquote(cutComment(text))}}
		open(section, i+1).keys[name] = last
	}
	out := map[string]*value{}
	for name, s := range sections {
		keys := map[string]*value{}
		for k, v := range s.keys {
			keys[k] = at(v.line, v.column, typed(strings.Join(v.text, "\n")))
		}
		out[name] = at(s.line, 1, keys)
	}
	return []document{{line: 1, content: at(1, 1, out)}}, nil
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

// typed makes numbers and booleans of what strconv takes for one, as conftest
// does: 007 is 7, and t is true. Whole numbers keep all their digits.
func typed(v string) any {
	if i, err := strconv.ParseInt(v, 10, 64); err == nil {
		return i
	}
	if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f
	}
	if b, err := strconv.ParseBool(v); err == nil {
		return b
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
	out := map[string]*value{}
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
		first := len(line)
		if len(parts) > 0 {
			first = len(parts[0])
		}
		line = strings.Join(append(parts, line), "")
		end := keyEnd(line)
		rest := strings.TrimLeft(line[end:], " \t\f")
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = strings.TrimLeft(rest[1:], " \t\f")
		}
		key, ok1 := unescape(line[:end])
		text, ok2 := unescape(rest)
		if !ok1 || !ok2 {
			return nil, invalid("properties", number, `\u needs four hexadecimal digits`)
		}
		column := indentOf(lines[number-1]) + 1
		if offset := len(line) - len(rest); offset < first {
			column += offset
		}
		out[key] = at(number, column, text)
	}
	return []document{{line: 1, content: at(1, 1, out)}}, nil
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
	out := map[string]*value{}
	for i := 0; i < len(lines); i++ {
		line, number := strings.TrimSpace(lines[i]), i+1
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "export "); ok {
			line = strings.TrimSpace(rest)
		}
		name, text, ok := strings.Cut(line, "=")
		if !ok {
			name, text, ok = strings.Cut(line, ":")
		}
		if name = strings.TrimSpace(name); !ok || !envName.MatchString(name) {
			return nil, invalid("dotenv", number, "want NAME=value")
		}
		text = strings.TrimSpace(text)
		column := len(strings.TrimRight(lines[i], " \t\r")) - len(text) + 1
		if text == "" || text[0] != '"' && text[0] != '\'' {
			out[name] = at(number, column, cutComment(text))
			continue
		}
		quote := text[0]
		part := text[1:]
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
		out[name] = at(number, column, body)
	}
	return []document{{line: 1, content: at(1, 1, out)}}, nil
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
