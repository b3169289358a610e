package config

import (
	"strings"
)

// parseIgnore reads .gitignore, .dockerignore and the like. It gives one
// document: a list with one element, the list of all lines, so that a policy
// judges them together. Each has a Kind (Empty, Comment, Path, NegatedPath), a
// Value (without "#", "!" and escapes) and an Original, as conftest calls them.
func parseIgnore(data []byte) ([]document, error) {
	lines, err := textLines("ignore file", data)
	if err != nil {
		return nil, err
	}
	entries := make([]*value, len(lines))
	for i, raw := range lines {
		kind, text := "Path", strings.TrimRight(raw, " \t")
		if strings.HasSuffix(text, `\`) && len(text) < len(raw) {
			text += raw[len(text) : len(text)+1] // an escaped blank
		}
		switch {
		case strings.TrimSpace(raw) == "":
			kind, text = "Empty", ""
		case raw[0] == '#':
			kind, text = "Comment", strings.TrimSpace(raw[1:])
		case raw[0] == '!':
			kind, text = "NegatedPath", unescaped(text[1:])
		default:
			text = unescaped(text)
		}
		entries[i] = at(i+1, 1, map[string]*value{
			"Kind": at(i+1, 1, kind), "Value": at(i+1, 1, text), "Original": at(i+1, 1, raw),
		})
	}
	return []document{{line: 1, content: at(1, 1, []*value{at(1, 1, entries)})}}, nil
}

// unescaped drops backslashes that stand before another character.
func unescaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseCodeowners reads the file that says who must review what. It gives one
// document {"entries": [{"pattern", "owners"}]}, as conftest does; an entry
// below a section of GitLab ("[Docs][2] @group") also has "section", and owners
// of the section if it has none itself.
// See https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
// and https://docs.gitlab.com/user/project/codeowners/reference/.
func parseCodeowners(data []byte) ([]document, error) {
	lines, err := textLines("CODEOWNERS", data)
	if err != nil {
		return nil, err
	}
	entries := []*value{}
	section := ""
	var inherited []*value
	for i, raw := range lines {
		line := i + 1
		words := ownerWords(line, raw)
		if len(words) == 0 {
			continue
		}
		first, _ := words[0].content.(string)
		if strings.HasPrefix(first, "[") || strings.HasPrefix(first, "^[") {
			name, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(raw), "^"), "["), "]")
			if !ok {
				return nil, invalid("CODEOWNERS", line, "a section has no closing bracket")
			}
			section, inherited = name, nil
			for _, w := range ownerWords(line, raw) {
				if text, _ := w.content.(string); strings.Contains(text, "@") && strings.Contains(rest, text) {
					inherited = append(inherited, w)
				}
			}
			continue
		}
		owners := append([]*value{}, words[1:]...)
		entry := map[string]*value{"pattern": words[0]}
		if section != "" {
			entry["section"] = at(line, 1, section)
			if len(owners) == 0 {
				owners = append(owners, inherited...)
			}
		}
		entry["owners"] = at(line, 1, owners)
		entries = append(entries, at(line, words[0].column, entry))
	}
	return []document{{line: 1, content: at(1, 1, map[string]*value{"entries": at(1, 1, entries)})}}, nil
}

// ownerWords are the words of a line up to a comment. A backslash keeps the
// character behind it.
func ownerWords(line int, raw string) []*value {
	var words []*value
	for i := 0; i < len(raw); {
		if raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\r' {
			i++
			continue
		}
		if raw[i] == '#' {
			break
		}
		start := i
		for i < len(raw) && raw[i] != ' ' && raw[i] != '\t' && raw[i] != '\r' {
			if raw[i] == '\\' && i+1 < len(raw) {
				i++
			}
			i++
		}
		words = append(words, at(line, start+1, raw[start:i]))
	}
	return words
}
