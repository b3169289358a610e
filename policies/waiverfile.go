package policies

import (
	"bytes"
	"errors"
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/breadth"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"go.yaml.in/yaml/v3"
)

// MaxWaiverLifetime is how far in the future a waiver may end unless
// [WaiverOptions] say otherwise. Security frameworks ask for a review of
// exceptions at least once a year (NIST SP 800-53 Rev. 5, CA-5 and RA-5).
const MaxWaiverLifetime = 366 * 24 * time.Hour

// WaiverOptions say how to read a waiver file.
type WaiverOptions struct {
	// Now is the evaluation time.
	Now time.Time
	// MaxLifetime is how far in the future a waiver may end. Zero means
	// [MaxWaiverLifetime].
	MaxLifetime time.Duration
}

var waiverKeys = []string{"id", "kind", "match", "scope", "reason", "owner", "ticket", "expires"}
var scopeKeys = []string{"paths", "purls", "resources", "fingerprints", "scanners"}

// WaiverKinds lists all kinds of waivers.
func WaiverKinds() []gatehouse.WaiverKind {
	var out []gatehouse.WaiverKind
	for _, k := range gatehouse.Kinds() {
		out = append(out, gatehouse.WaiverKind(k))
	}
	return append(out, gatehouse.WaiverPolicy, gatehouse.WaiverCoverage)
}

// ParseWaivers reads a waiver file. Name is for messages. An expired waiver is
// no error: it is reported as such and has no effect. The error joins all
// problems, each with its line.
func ParseWaivers(name string, data []byte, opts WaiverOptions) ([]gatehouse.Waiver, error) {
	if opts.MaxLifetime == 0 {
		opts.MaxLifetime = MaxWaiverLifetime
	}
	if opts.Now.IsZero() {
		return nil, fmt.Errorf("read waivers %q: the evaluation time is not set", name)
	}
	if len(data) > limits.MaxConfigBytes {
		return nil, fmt.Errorf("read waivers %q: the file is larger than the limit of %d MiB", name, limits.MaxConfigBytes>>20)
	}
	if i := invalidUTF8(data); i >= 0 {
		return nil, fmt.Errorf("read waivers: %s:%d: not valid UTF-8", name, 1+bytes.Count(data[:i], []byte("\n")))
	}
	p := &waiverParser{file: name, opts: opts}
	out := p.parse(data)
	if len(p.errs) > 0 {
		return nil, fmt.Errorf("read waivers: %w", errors.Join(p.errs...))
	}
	return out, nil
}

type waiverParser struct {
	file string
	opts WaiverOptions
	errs []error
}

func (p *waiverParser) bad(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.file, n.Line, fmt.Sprintf(format, args...)))
}

func (p *waiverParser) parse(data []byte) []gatehouse.Waiver {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if err == io.EOF {
			err = errors.New("the file is empty: want \"version: 1\" and \"waivers: []\"")
		}
		p.errs = append(p.errs, fmt.Errorf("%s: %w", p.file, err))
		return nil
	}
	if err := dec.Decode(&more); err != io.EOF {
		p.errs = append(p.errs, fmt.Errorf("%s: there is more than one YAML document", p.file))
		return nil
	}
	top := p.fields(doc.Content[0], "the file", []string{"version", "waivers"})
	if top == nil {
		return nil
	}
	switch v := top["version"]; {
	case v == nil:
		p.bad(&doc, "\"version: 1\" is missing")
	case v.Value != "1":
		p.bad(v, "unknown version %q: want 1", v.Value)
	}
	list := top["waivers"]
	if list == nil {
		p.bad(&doc, "\"waivers\" is missing")
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		p.bad(list, "\"waivers\" must be a list")
		return nil
	}
	if len(list.Content) > limits.MaxWaivers {
		p.bad(list, "%d waivers are more than the limit of %d", len(list.Content), limits.MaxWaivers)
		return nil
	}
	out := make([]gatehouse.Waiver, 0, len(list.Content))
	lines := map[string]int{}
	for _, n := range list.Content {
		w, ok := p.waiver(n)
		if !ok {
			continue
		}
		if at, twice := lines[w.ID]; twice && w.ID != "" {
			p.bad(n, "waiver %q: the id is already used in line %d", w.ID, at)
		}
		lines[w.ID] = n.Line
		out = append(out, w)
	}
	return out
}

// fields returns the values of a mapping by key, and refuses unknown and
// repeated keys, and aliases, which hide what they stand for.
func (p *waiverParser) fields(n *yaml.Node, what string, known []string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		p.bad(n, "%s must be a mapping with the keys %s", what, strings.Join(known, ", "))
		return nil
	}
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case !slices.Contains(known, k.Value):
			p.bad(k, "unknown key %q in %s%s", k.Value, what, nearest.Hint(k.Value, known))
			continue
		case out[k.Value] != nil:
			p.bad(k, "key %q is given twice in %s", k.Value, what)
		case v.Kind == yaml.AliasNode:
			p.bad(v, "key %q in %s is a YAML alias: write the value out", k.Value, what)
			continue
		}
		out[k.Value] = v
	}
	return out
}

func (p *waiverParser) waiver(n *yaml.Node) (gatehouse.Waiver, bool) {
	f := p.fields(n, "a waiver", waiverKeys)
	if f == nil {
		return gatehouse.Waiver{}, false
	}
	w := gatehouse.Waiver{Location: gatehouse.Location{Path: p.file, Line: n.Line}}
	if w.ID = p.text(f["id"], n, "a waiver", "id", true); w.ID == "" {
		return w, true
	}
	what := fmt.Sprintf("waiver %q", w.ID)
	w.Kind = gatehouse.WaiverKind(p.text(f["kind"], n, what, "kind", true))
	var kinds []string
	for _, k := range WaiverKinds() {
		kinds = append(kinds, string(k))
	}
	if w.Kind != "" && !slices.Contains(kinds, string(w.Kind)) {
		p.bad(f["kind"], "%s: unknown kind %q%s", what, w.Kind, nearest.Hint(string(w.Kind), kinds))
	}
	w.Match = p.list(f["match"], what, "match")
	if len(w.Match) == 0 {
		p.bad(n, "%s: \"match\" is missing: give the rule ids, policy rules or gap codes that it covers", what)
	}
	w.Reason = p.text(f["reason"], n, what, "reason", true)
	w.Owner = p.text(f["owner"], n, what, "owner", true)
	w.Ticket = p.text(f["ticket"], n, what, "ticket", false)
	w.Expires = p.expiry(f["expires"], n, what)
	if s := f["scope"]; s != nil {
		if sf := p.fields(s, "the scope of "+what, scopeKeys); sf != nil {
			for key, into := range map[string]*[]string{"paths": &w.Scope.Paths, "purls": &w.Scope.Purls, "resources": &w.Scope.Resources,
				"fingerprints": &w.Scope.Fingerprints, "scanners": &w.Scope.Scanners} {
				if sf[key] == nil {
					continue
				}
				if *into = p.list(sf[key], what, "scope."+key); len(*into) == 0 {
					p.bad(sf[key], "%s: \"scope.%s\" is empty: leave it out, or say where the waiver applies", what, key)
				}
			}
		}
	}
	for _, problem := range tooBroad(&w) {
		p.bad(n, "%s: %s", what, problem)
	}
	return w, true
}

func (p *waiverParser) text(n, parent *yaml.Node, what, key string, must bool) string {
	if n == nil || n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "" || n.Tag == "!!null" {
		if must {
			p.bad(parent, "%s: %q is missing", what, key)
		}
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		p.bad(n, "%s: %q must be a text", what, key)
		return ""
	}
	return strings.TrimSpace(n.Value)
}

func (p *waiverParser) list(n *yaml.Node, what, key string) []string {
	if n == nil || n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		p.bad(n, "%s: %q must be a list, such as [%s]", what, key, n.Value)
		return nil
	}
	var out []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			p.bad(item, "%s: %q must be a list of texts", what, key)
			continue
		}
		out = append(out, item.Value)
	}
	return out
}

// expiry is the last second of the day, in UTC.
func (p *waiverParser) expiry(n, parent *yaml.Node, what string) time.Time {
	s := p.text(n, parent, what, "expires", true)
	if s == "" {
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		p.bad(n, "%s: \"expires\" is %q: want a date such as %s", what, s, p.opts.Now.AddDate(0, 3, 0).Format(time.DateOnly))
		return time.Time{}
	}
	end := day.Add(24*time.Hour - time.Second)
	if latest := p.opts.Now.Add(p.opts.MaxLifetime).UTC(); end.After(latest) {
		p.bad(n, "%s: \"expires\" is %s, but a waiver may last until %s at most: choose a nearer date and review it then", what, s, latest.Add(-24*time.Hour).Format(time.DateOnly))
	}
	return end
}

// tooBroad says in which ways a waiver covers more than a person can have
// looked at.
func tooBroad(w *gatehouse.Waiver) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	scoped := len(w.Scope.Paths)+len(w.Scope.Purls)+len(w.Scope.Resources)+len(w.Scope.Fingerprints)+len(w.Scope.Scanners) > 0
	for _, m := range w.Match {
		switch {
		case w.Kind == gatehouse.WaiverCoverage && m == string(gatehouse.GapCanary):
			add("match %q: a scanner that misses its known-bad sample finds nothing that can be relied on; repair it, or leave it out of the scanners", m)
		case w.Kind == gatehouse.WaiverCoverage && !slices.Contains(gatehouse.GapCodes(), gatehouse.GapCode(m)):
			var codes []string
			for _, c := range gatehouse.GapCodes() {
				codes = append(codes, string(c))
			}
			add("match %q is not a code of a gap%s", m, nearest.Hint(m, codes))
		case !breadth.Text(m):
			add("match %q covers everything: name the rules", m)
		case strings.Contains(m, "*") && !scoped:
			add("match %q has a wildcard and no scope: name the rules, or narrow the scope", m)
		}
	}
	switch {
	case w.Kind == gatehouse.WaiverCoverage && len(w.Scope.Paths)+len(w.Scope.Scanners) == 0:
		add("a coverage waiver needs scope.paths or scope.scanners")
	case w.Kind == gatehouse.WaiverKind(gatehouse.KindSecret) && len(w.Scope.Paths)+len(w.Scope.Fingerprints) == 0:
		add("a waiver of secrets needs scope.paths or scope.fingerprints, or it covers every secret of that sort from now on")
	}
	for _, g := range w.Scope.Paths {
		if problem := badGlob(g); problem != "" {
			add("scope.paths has %q: %s", g, problem)
		}
	}
	for _, purl := range w.Scope.Purls {
		if problem := badPurl(purl); problem != "" {
			add("scope.purls has %q: %s", purl, problem)
		}
	}
	for key, list := range map[string][]string{"resources": w.Scope.Resources, "fingerprints": w.Scope.Fingerprints, "scanners": w.Scope.Scanners} {
		for _, s := range list {
			switch {
			case s == "" || strings.Contains(s, "*") && key != "resources":
				add("scope.%s has %q: name it in full", key, s)
			case !breadth.Text(s):
				add("scope.%s has %q: it covers everything: name resources", key, s)
			}
		}
	}
	slices.Sort(out)
	return out
}

func badGlob(g string) string {
	switch clean := strings.Trim(strings.TrimPrefix(g, "./"), "/"); {
	case clean == "" || clean == ".":
		return "it covers the whole target"
	case strings.HasPrefix(g, "/"), slices.Contains(strings.Split(g, "/"), ".."), strings.HasPrefix(g, "./"):
		return "paths are relative to the target, without \"./\" and \"..\""
	case strings.HasSuffix(g, "/"):
		return "it ends in \"/\" and so matches no file: write \"" + g + "**\""
	case !doublestar.ValidatePattern(g):
		return "it is not a valid pattern"
	}
	if !breadth.Glob(g) {
		return "it covers nearly everything: name directories or files"
	}
	return ""
}

func badPurl(s string) string {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return "a package URL starts with \"pkg:\""
	}
	base, _ := splitPurl(rest)
	kind, name, _ := strings.Cut(base, "/")
	switch {
	case strings.Contains(s, "*"):
		return "a package URL has no wildcards; leave out the version to cover all"
	case kind == "" || name == "" || strings.HasSuffix(name, "/"):
		return "the name of the package is missing"
	}
	return ""
}

// splitPurl returns a package URL without version, qualifiers and subpath, and
// the version.
func splitPurl(s string) (base, version string) {
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	if at := strings.LastIndexByte(s, '@'); at > strings.LastIndexByte(s, '/') {
		return s[:at], s[at+1:]
	}
	return s, ""
}
