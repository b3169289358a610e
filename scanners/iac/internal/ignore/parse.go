package ignore

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// text is a file as requests see it.
type text struct {
	path     string
	lines    []string
	comments []comment // sorted by line
	// blocks are the things that can be part of each other: the last line of
	// what starts on a line.
	blocks  map[int]int
	outer   []Range // of the resources among them; empty if the file is one
	head    int     // lines that hold nothing but comments, at the top
	refused string  // why nothing in the file counts; empty if it does
}

// comment is one line of a comment.
type comment struct {
	line int
	text string // after the sign that starts it
	// alone is true if nothing else stands on the line.
	alone bool
	// below is the line that the comment is about: its own if something else
	// stands there, or else the first below that is no comment; 0 if that is
	// empty.
	below int
}

// The comments of other tools and of our own.
var (
	// https://trivy.dev/latest/docs/scanner/misconfiguration/#filtering
	trivyForm = regexp.MustCompile(`(?:^|[\s#/*])(trivy|tfsec):(\S+)`)
	// https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html
	checkovForm = regexp.MustCompile(`(?:^|\s)(checkov|bridgecrew):skip\s*=\s*([A-Za-z0-9_*,\s]*[A-Za-z0-9_*])\s*(?::\s*(.*))?$`)
	// https://docs.kics.io/latest/running-kics/#using_commands_on_scanned_files_as_comments
	kicsForm = regexp.MustCompile(`^\s*kics-scan\s+(ignore-line|ignore-block|ignore|(?:disable|enable)\s*=\s*\S.*)\s*$`)
	// https://github.com/hadolint/hadolint#inline-ignores
	hadolintForm = regexp.MustCompile(`^\s*hadolint\s+(global\s+)?ignore\s*=\s*([\w,\s-]*[\w])`)
	// https://docs.zizmor.sh/usage/#with-comments
	zizmorForm    = regexp.MustCompile(`(?:^|\s)zizmor:\s*ignore(?:\[([^\]]*)\])?\s*(.*)$`)
	gatehouseForm = regexp.MustCompile(`(?:^|\s)gatehouse:ignore\s+(\S+)\s*(.*)$`)
)

// add reads the comments of a file.
func (s *Set) add(t *text) {
	t.look()
	var all []*request
	for i := range t.comments {
		c := &t.comments[i]
		if !hasSign([]byte(c.text)) {
			continue
		}
		if len(all) > limits.MaxIgnores {
			r := t.request(c.line, "this comment, and all after it,", "*", "")
			r.wrong = fmt.Sprintf("the file has more than %d requests", limits.MaxIgnores)
			all = append(all, r)
			break
		}
		all = append(all, t.trivy(c)...)
		all = append(all, t.checkov(c)...)
		all = append(all, t.kics(c)...)
		all = append(all, t.hadolint(c)...)
		all = append(all, t.zizmor(c)...)
		all = append(all, t.own(c)...)
	}
	s.put(t.path, all)
}

func (s *Set) put(file string, all []*request) {
	if len(all) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[file] = append(s.files[file], all...)
}

func (t *text) request(line int, by, rule, reason string) *request {
	return &request{
		Ignore:  gatehouse.Ignore{By: by, Rule: rule, Reason: short(reason), Location: gatehouse.Location{Path: t.path, Line: line}},
		wrong:   t.refused,
		covered: map[string]bool{},
	}
}

// short cuts a text that people wrote.
func short(s string) string {
	const most = 200
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "*/"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// look says what each comment is about.
func (t *text) look() {
	for i := len(t.comments) - 1; i >= 0; i-- {
		c := &t.comments[i]
		switch {
		case !c.alone:
			c.below = c.line
		case i+1 < len(t.comments) && t.comments[i+1].line == c.line+1 && t.comments[i+1].alone:
			c.below = t.comments[i+1].below
		case c.line < len(t.lines) && strings.TrimSpace(t.lines[c.line]) != "":
			c.below = c.line + 1
		}
	}
	t.head = len(t.lines)
	for i, l := range t.lines {
		l = strings.TrimSpace(l)
		if l != "" && l != "---" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "//") && !strings.HasPrefix(l, "/*") && !strings.HasPrefix(l, "*") {
			t.head = i
			break
		}
	}
}

// at makes the request cover what starts on the line, with all that is in it.
func (t *text) at(r *request, line int) *request {
	if line == 0 {
		return r
	}
	r.block = line
	r.lines = append(r.lines, Range{line, max(line, t.blocks[line])})
	return r
}

// heads reports whether a comment stands above all else in the file.
func (t *text) heads(c *comment) bool { return c.alone && c.line <= t.head }

func (t *text) trivy(c *comment) []*request {
	var all []*request
	for _, m := range trivyForm.FindAllStringSubmatch(c.text, -1) {
		rules, sections, ok := trivySections(m[2])
		if !ok {
			continue
		}
		for _, rule := range rules {
			name, params, bad := parameters(rule)
			r := t.at(t.request(c.line, "the comment "+m[1]+":ignore", name, ""), c.below)
			if t.heads(c) {
				r.lines = append(r.lines, Range{0, 0}) // findings about the whole file
			}
			r.params, r.workspace, r.Expires = params, sections["ws"], sections["exp"]
			if _, err := time.Parse(time.DateOnly, r.Expires); r.Expires != "" && err != nil && r.wrong == "" {
				r.Expires, r.wrong = "", "its date "+r.Expires+" is none"
			}
			if bad && r.wrong == "" {
				r.wrong = "its parameters cannot be read; write [name=value]"
			}
			all = append(all, r)
		}
	}
	return all
}

// trivySections reads "ignore:ID:exp:2030-01-01:ws:prod", with the sections in
// any order.
func trivySections(s string) (rules []string, sections map[string]string, ok bool) {
	parts := outside(s, ':')
	sections = map[string]string{}
	for i := 0; i+1 < len(parts); i += 2 {
		if parts[i] == "ignore" {
			for _, rule := range outside(parts[i+1], ',') {
				if rule != "" {
					rules = append(rules, rule)
				}
			}
			continue
		}
		sections[parts[i]] = parts[i+1]
	}
	return rules, sections, len(rules) > 0
}

// outside splits at a sign that does not stand in brackets.
func outside(s string, sep byte) []string {
	var parts []string
	depth, start := 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '[':
			depth++
		case s[i] == ']':
			depth--
		case s[i] == sep && depth <= 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// parameters reads "ID[a.b=1,c=x]".
func parameters(s string) (name string, params map[string]string, bad bool) {
	name, rest, ok := strings.Cut(s, "[")
	if !ok {
		return name, nil, false
	}
	params = map[string]string{}
	for pair := range strings.SplitSeq(strings.TrimSuffix(rest, "]"), ",") {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return name, params, true
		}
		params[k] = v
	}
	return name, params, false
}

// checkov comments stand inside of what they are about.
func (t *text) checkov(c *comment) []*request {
	m := checkovForm.FindStringSubmatch(c.text)
	if m == nil {
		return nil
	}
	var all []*request
	for _, name := range fields(m[2]) {
		r := t.request(c.line, "the comment "+m[1]+":skip", name, m[3])
		t.within(r, c.line)
		all = append(all, r)
	}
	return all
}

// within makes the request cover the resource that is around the line.
func (t *text) within(r *request, line int) {
	if len(t.outer) == 0 {
		r.file = true
		return
	}
	for _, b := range t.outer {
		if b.has(line) {
			r.lines = append(r.lines, b)
		}
	}
	if len(r.lines) == 0 && r.wrong == "" {
		r.wrong = "it stands in no resource"
	}
}

func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

func (t *text) kics(c *comment) []*request {
	m := kicsForm.FindStringSubmatch(c.text)
	if m == nil {
		return nil
	}
	verb, list, _ := strings.Cut(m[1], "=")
	verb = strings.TrimSpace(verb)
	by := "the comment kics-scan " + verb
	switch verb {
	case "ignore-line":
		r := t.request(c.line, by, "*", "")
		if line := c.below; line > 0 {
			r.lines = []Range{{line, line}}
		}
		return []*request{r}
	case "ignore-block":
		return []*request{t.at(t.request(c.line, by, "*", ""), c.below)}
	}
	names := fields(list)
	if verb == "ignore" || verb == "enable" {
		names = []string{"*"}
	}
	var all []*request
	for _, name := range names {
		r := t.request(c.line, by, name, "")
		r.file = true
		switch {
		case r.wrong != "":
		case verb == "enable":
			r.wrong = "what it leaves out depends on queries that are not known here; name what is to be left out"
		case !t.heads(c):
			r.wrong = "it must stand above all else in the file"
		}
		all = append(all, r)
	}
	return all
}

func (t *text) hadolint(c *comment) []*request {
	m := hadolintForm.FindStringSubmatch(c.text)
	if m == nil {
		return nil
	}
	var all []*request
	for _, name := range fields(m[2]) {
		r := t.request(c.line, "the comment hadolint ignore", name, "")
		if m[1] != "" {
			r.By = "the comment hadolint global ignore"
			r.file = true
		} else {
			t.at(r, c.below)
		}
		all = append(all, r)
	}
	return all
}

// zizmor comments stand anywhere on the lines of a finding.
func (t *text) zizmor(c *comment) []*request {
	m := zizmorForm.FindStringSubmatch(c.text)
	if m == nil {
		return nil
	}
	names := fields(m[1])
	if len(names) == 0 {
		names = []string{"*"}
	}
	var all []*request
	for _, name := range names {
		r := t.request(c.line, "the comment zizmor: ignore", name, m[2])
		r.lines, r.touching = []Range{{c.line, c.line}}, true
		if name == "*" && r.wrong == "" {
			r.wrong = "it names no rule; write zizmor: ignore[rule]"
		}
		all = append(all, r)
	}
	return all
}

func (t *text) own(c *comment) []*request {
	m := gatehouseForm.FindStringSubmatch(c.text)
	if m == nil {
		return nil
	}
	var all []*request
	for _, name := range fields(m[1]) {
		r := t.at(t.request(c.line, "the comment gatehouse:ignore", name, m[2]), c.below)
		if t.heads(c) {
			r.lines = append(r.lines, Range{0, 0})
		}
		if r.Reason == "" && r.wrong == "" {
			r.wrong = "it gives no reason; write gatehouse:ignore RULE and why"
		}
		all = append(all, r)
	}
	return all
}
