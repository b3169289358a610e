package sbom

import (
	"bytes"
	"encoding/base64"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// ErrNoSBOM is the error for a document that is none, such as JSON of any other
// kind.
var ErrNoSBOM = errors.New("it is neither CycloneDX nor SPDX")

// Error is a document that cannot be read.
type Error struct {
	// Line is 1-based; 0 if it is not known.
	Line int
	// Reason is a clause without a period.
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// Read reads CycloneDX in JSON or XML, SPDX 2 in JSON or as tag-value, or SPDX 3
// in JSON-LD, also inside the "sbom" of an answer of GitHub, or the predicate of an
// in-toto statement, in an envelope or not, whose signature is not verified. What was read before an error is returned with it.
func Read(data []byte) (*Document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	d := &Document{}
	r := &reader{doc: d, data: data, edges: map[edge]bool{}}
	var err error
	switch kind(data) {
	case "{":
		err = r.json(data, 0, 0)
	case "<":
		err = r.xml()
	case "tag":
		err = r.tagValue()
	case "yaml", "rdf":
		err = errors.New("SPDX in this syntax is not read: write it as JSON, for example with the tools of https://github.com/spdx/tools-java")
	default:
		err = ErrNoSBOM
	}
	r.finish()
	return d, err
}

// Is reports whether a document is, or means to be, one that [Read] reads.
func Is(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch kind(data) {
	case "{":
		// A document that is cut off is one all the same.
		form, _, err := jsonForm(data)
		return form != "" || err != nil && (bytes.Contains(data, []byte(`"bomFormat"`)) || bytes.Contains(data, []byte(`"spdxVersion"`)) || bytes.Contains(data, []byte(`"SPDXID"`)))
	case "<":
		return bytes.Contains(data[:min(len(data), 64<<10)], []byte("cyclonedx.org/schema/bom"))
	case "tag", "yaml", "rdf":
		return true
	}
	return false
}

// kind says by its first bytes what a document may be.
func kind(data []byte) string {
	head := data[:min(len(data), 64<<10)]
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return ""
	case trimmed[0] == '{':
		return "{"
	case trimmed[0] == '<':
		if bytes.Contains(head, []byte("spdx.org/rdf")) {
			return "rdf"
		}
		return "<"
	}
	for line := range bytes.Lines(head) {
		switch line := bytes.TrimSpace(line); {
		case bytes.HasPrefix(line, []byte("SPDXVersion:")):
			return "tag"
		case bytes.HasPrefix(line, []byte("spdxVersion:")):
			return "yaml"
		}
	}
	return ""
}

// reader reads one document.
type reader struct {
	doc   *Document
	data  []byte // the whole document
	lines lineCounter

	roots    []string // ids that the document describes
	edges    map[edge]bool
	full     bool              // there are more edges
	scopes   bool              // some edge has a scope
	composed string            // what it says of a composition that is incomplete
	licenses map[string]string // names of licences that the document defines
}

// edge says that one component needs another.
type edge struct {
	from, to string
	scope    gatehouse.Scope
}

// The most of what may come from a stranger.
const (
	maxNested     = 32      // components in components, and documents in documents
	maxComponents = 500_000 // of one document
	maxEdges      = 1_000_000
	maxProblems   = 50
)

func (r *reader) problem(line int, entry, reason string) {
	if len(r.doc.Problems) == maxProblems {
		r.doc.Problems = append(r.doc.Problems, Problem{Reason: "there are more problems than are listed"})
	}
	if len(r.doc.Problems) <= maxProblems {
		r.doc.Problems = append(r.doc.Problems, Problem{Line: line, Entry: strings.Clone(entry), Reason: reason})
	}
}

func (r *reader) need(from, to string, scope gatehouse.Scope) {
	if from == to {
		return
	}
	if len(r.edges) == maxEdges {
		r.full = true
		return
	}
	r.edges[edge{from, to, scope}] = true
	r.scopes = r.scopes || scope != ""
}

func (r *reader) add(c Component) error {
	if len(r.doc.Components) >= maxComponents {
		return &Error{c.Line, fmt.Sprintf("it has more than %d components", maxComponents)}
	}
	r.doc.Components = append(r.doc.Components, c)
	return nil
}

// lineCounter counts lines up to offsets that rise.
type lineCounter struct{ offset, lines int }

func (l *lineCounter) at(data []byte, offset int) int {
	offset = min(max(offset, 0), len(data))
	if offset < l.offset {
		*l = lineCounter{}
	}
	l.lines += bytes.Count(data[l.offset:offset], []byte("\n"))
	l.offset = offset
	return l.lines + 1
}

// lenient takes bytes that are no UTF-8: an odd name of a licence must not hide a
// package.
var lenient = jsontext.AllowInvalidUTF8(true)

// jsonForm says by its keys what a JSON document is.
func jsonForm(data []byte) (form, version string, err error) {
	within := ""
	err = eachField(data, 0, func(key string, v jsontext.Value, _ int) error {
		switch key {
		case "bomFormat":
			form = "cyclonedx"
		case "spdxVersion":
			form = "spdx"
			version = textOf(v)
		case "specVersion":
			version = textOf(v)
		case "@context":
			if bytes.Contains(v, []byte("spdx.org/rdf/3")) {
				form = "spdx3"
			}
		case "sbom", "predicate":
			if v.Kind() == '{' {
				within = key
			}
		case "payloadType":
			if textOf(v) == "application/vnd.in-toto+json" {
				within = "payload"
			}
		}
		return nil
	})
	if form == "" {
		form = within
	}
	return form, version, err
}

// json reads a document that starts at an offset of the whole one.
func (r *reader) json(data []byte, offset, depth int) error {
	form, version, err := jsonForm(data)
	if err != nil {
		return r.jsonError(err, offset)
	}
	d := r.doc
	d.Syntax, d.Spec = "JSON", strings.TrimPrefix(version, "SPDX-")
	field := func(string, jsontext.Value, int) error { return nil }
	switch form {
	case "cyclonedx":
		d.Format = "CycloneDX"
		field = r.cycloneDXField
	case "spdx":
		d.Format = "SPDX"
		field = r.spdxField
	case "spdx3":
		d.Format, d.Syntax, d.Spec = "SPDX", "JSON-LD", "3.0"
		return r.spdx3(data, offset)
	case "sbom", "predicate":
		if depth == maxNested {
			return ErrNoSBOM
		}
		field = func(key string, v jsontext.Value, at int) error {
			if key == form {
				return r.json(v, at, depth+1)
			}
			return nil
		}
	case "payload":
		if depth == maxNested {
			return ErrNoSBOM
		}
		r.doc.unverified = true
		field = func(key string, v jsontext.Value, _ int) error {
			if key != form {
				return nil
			}
			payload, err := base64.StdEncoding.DecodeString(textOf(v))
			if err != nil {
				return &Error{Reason: "the payload of the envelope is not base64"}
			}
			r.data, r.lines = payload, lineCounter{}
			return r.json(payload, 0, depth+1)
		}
	default:
		return ErrNoSBOM
	}
	return r.jsonError(eachField(data, offset, field), offset)
}

// jsonError says on which line the syntax is wrong.
func (r *reader) jsonError(err error, offset int) error {
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		reason := s.Err.Error()
		if s.JSONPointer != "" {
			reason += fmt.Sprintf(" in %s", clip(string(s.JSONPointer)))
		}
		return &Error{r.lines.at(r.data, offset+int(s.ByteOffset)), "it is no valid JSON: " + reason}
	}
	return err
}

// eachField calls a function for each field of an object, with the offset of the
// value if the object itself is at offset.
func eachField(data []byte, offset int, f func(key string, v jsontext.Value, at int) error) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), lenient)
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '{' {
		return ErrNoSBOM
	}
	for dec.PeekKind() == '"' {
		k, err := dec.ReadToken()
		if err != nil {
			return err
		}
		key := k.String()
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := f(key, v, offset+int(dec.InputOffset())-len(v)); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if rest := bytes.TrimSpace(data[dec.InputOffset():]); len(rest) > 0 {
		return &jsontext.SyntacticError{ByteOffset: dec.InputOffset(), Err: errors.New("there is more after the end")}
	}
	return nil
}

// eachItem calls a function for each item of an array.
func eachItem(data jsontext.Value, offset int, f func(v jsontext.Value, at int) error) error {
	if data.Kind() != '[' {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), lenient)
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := f(v, offset+int(dec.InputOffset())-len(v)); err != nil {
			return err
		}
	}
	return nil
}

// decode reads a part of a document; what is not of the right type is a problem.
func (r *reader) decode(v jsontext.Value, at int, what string, to any) bool {
	err := json.Unmarshal(v, to, lenient)
	if err == nil {
		return true
	}
	reason := "it is not what the specification says"
	if s, ok := errors.AsType[*json.SemanticError](err); ok && s.JSONPointer != "" {
		reason = fmt.Sprintf("%s is a %s, and not what the specification says", clip(string(s.JSONPointer)), s.JSONKind)
	}
	r.problem(r.lines.at(r.data, at), what, "this "+what+" is left out: "+reason)
	return false
}

func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// text is a string; numbers and truth values are taken as they are written.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	v := jsontext.Value(b)
	switch v.Kind() {
	case '"':
		s, err := jsontext.AppendUnquote(nil, b)
		*t = text(s)
		if _, ok := errors.AsType[*jsontext.SyntacticError](err); ok && len(s) > 0 {
			return nil // bytes that are no UTF-8
		}
		return err
	case '0', 't', 'f':
		*t = text(b)
	case 'n':
	default:
		return errors.New("no text")
	}
	return nil
}

func textOf(v jsontext.Value) string {
	var t text
	if t.UnmarshalJSON(v) != nil {
		return ""
	}
	return string(t)
}

// said is a text of SPDX that says something.
func said(t text) string {
	s := strings.TrimSpace(string(t))
	if s == noAssertion || s == "NONE" {
		return ""
	}
	return s
}

// finish puts together what the parts of the document say about each other.
func (r *reader) finish() {
	d := r.doc
	if r.full {
		r.problem(0, "", fmt.Sprintf("it has more than %d edges between components; the others are left out", maxEdges))
	}
	r.nameLicenses()
	r.takeRoot()
	r.checkIDs()
	byID := d.byID()
	needs := map[string][]edge{}
	for e := range r.edges {
		if byID[e.from] != nil && byID[e.to] != nil {
			needs[e.from] = append(needs[e.from], e)
		}
	}
	for from, list := range needs {
		c := byID[from]
		for _, e := range list {
			c.DependsOn = append(c.DependsOn, e.to)
		}
		c.DependsOn = sortUnique(c.DependsOn)
	}
	r.markDirect(byID)
	if r.scopes {
		markScopes(d, byID, needs)
	}
	if len(d.Incomplete) == 0 && r.composed != "" {
		d.Incomplete = []string{r.composed}
	}
	d.Incomplete = sortUnique(d.Incomplete)
	d.Producers = slices.DeleteFunc(sortUnique(d.Producers), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// takeRoot takes the one thing that the document is about from the components.
// If it lists nothing else, it is a component like others.
func (r *reader) takeRoot() {
	d := r.doc
	if d.Root != nil {
		if len(d.Components) == 0 && d.Root.Purl != "" {
			d.Components = []Component{*d.Root}
			d.Root = nil
		}
		return
	}
	r.roots = sortUnique(r.roots)
	if len(r.roots) != 1 {
		return
	}
	i := slices.IndexFunc(d.Components, func(c Component) bool { return c.ID == r.roots[0] })
	packages := 0
	for k := range d.Components {
		if d.Components[k].IsPackage() {
			packages++
		}
	}
	if i < 0 || packages == 1 && d.Components[i].IsPackage() {
		return
	}
	root := d.Components[i]
	d.Root, d.Components = &root, slices.Delete(d.Components, i, i+1)
}

// checkIDs makes ids unique.
func (r *reader) checkIDs() {
	seen := map[string]bool{}
	if r.doc.Root != nil {
		seen[r.doc.Root.ID] = true
	}
	for i := range r.doc.Components {
		c := &r.doc.Components[i]
		if c.ID != "" && seen[c.ID] {
			r.problem(c.Line, c.ID, fmt.Sprintf("the id %q is that of two components, so what needs which of them is not known; give each its own", clip(c.ID)))
			c.ID = ""
		}
		seen[c.ID] = true
	}
}

// markDirect marks what the root needs, itself or through something that is no
// package, such as a lockfile.
func (r *reader) markDirect(byID map[string]*Component) {
	root := r.doc.Root
	if root == nil {
		return
	}
	seen := map[string]bool{root.ID: true}
	queue := []*Component{root}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		for _, id := range c.DependsOn {
			to := byID[id]
			if seen[id] || to == nil || to.Type == "operating-system" {
				continue
			}
			seen[id] = true
			if to.IsPackage() {
				to.Direct = true
			} else {
				queue = append(queue, to)
			}
		}
	}
}

// markScopes says what is needed only for something that is not shipped, for
// documents that say it of some edges.
func markScopes(d *Document, byID map[string]*Component, needs map[string][]edge) {
	if d.Root == nil {
		return
	}
	reach := func(follow func(edge) bool) map[string]bool {
		seen := map[string]bool{d.Root.ID: true}
		queue := []string{d.Root.ID}
		for len(queue) > 0 {
			id := queue[0]
			queue = queue[1:]
			for _, e := range needs[id] {
				if !seen[e.to] && follow(e) {
					seen[e.to] = true
					queue = append(queue, e.to)
				}
			}
		}
		return seen
	}
	shipped := reach(func(e edge) bool { return !isDev(e.scope) })
	all := reach(func(edge) bool { return true })
	scopes := map[string]map[gatehouse.Scope]bool{}
	for _, list := range needs {
		for _, e := range list {
			if scopes[e.to] == nil {
				scopes[e.to] = map[gatehouse.Scope]bool{}
			}
			scopes[e.to][e.scope] = true
		}
	}
	for id, c := range byID {
		if c == d.Root || c.Scope != "" {
			continue
		}
		if len(scopes[id]) == 1 {
			for s := range scopes[id] {
				c.Scope = s
			}
		}
		if all[id] && !shipped[id] {
			c.Dev = true
			if c.Scope == "" {
				c.Scope = gatehouse.ScopeDev
			}
		}
	}
}

// isDev is true for what is not part of what is shipped.
func isDev(s gatehouse.Scope) bool {
	return s == gatehouse.ScopeDev || s == gatehouse.ScopeTest || s == gatehouse.ScopeBuild
}

// hashOf writes a hash as reports do, from the names of CycloneDX or SPDX; empty
// if it is none.
func hashOf(algorithm, sum string) string {
	name := strings.ToLower(strings.TrimSpace(algorithm))
	if rest, ok := strings.CutPrefix(name, "sha-"); ok {
		name = "sha" + rest
	}
	if rest, ok := strings.CutPrefix(name, "sha3_"); ok {
		name = "sha3-" + rest
	}
	sum = strings.ToLower(strings.TrimSpace(sum))
	for i := range len(sum) {
		if c := sum[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	if sum == "" || hashNames[name] == "" {
		return ""
	}
	return name + ":" + sum
}
