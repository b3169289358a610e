package checks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse"
)

// File is a file of Rego that a user wrote.
type File struct{ Name, Text string }

// denying are the names of rules that object, as conftest and trivy have them.
var denying = regexp.MustCompile(`^(deny|violation|warn)(_[a-zA-Z0-9_]+)?$`)

// Add adds the checks of a user that have a selector for one of the types; those
// without selectors if all is true, and then they apply to each of the types. It
// must be called before the set is used.
//
// Each rule whose name is deny, violation or warn, or starts with one of these
// and "_", is a check. Files without any are libraries. What the check is
// called, how severe it is and what it applies to say annotations
// ("# METADATA") or the rules __rego_metadata__ and __rego_input__, as trivy
// has them (https://trivy.dev/docs/latest/scanner/misconfiguration/custom/).
// Without any, as in conftest, the id is the name of the rule with its package,
// and the severity LOW for warn and HIGH for others.
//
// A file that cannot be compiled is an error that names the line.
func (s *Set) Add(files []File, types []Type, all bool) error {
	type rule struct{ pkg, name string }
	mine := map[rule]*Check{}
	var added []*Check
	h := sha256.New()
	fmt.Fprintln(h, s.Digest)
	for _, f := range files {
		fmt.Fprintf(h, "%q %d\n%s", f.Name, len(f.Text), f.Text)
		if _, dup := s.sources[f.Name]; dup {
			return fmt.Errorf("the file of checks %q is called like one that is built in; rename it", f.Name)
		}
		s.sources[f.Name] = f.Text
		m, err := s.parse(f.Name, true)
		if err != nil {
			return located(err)
		}
		meta, err := metadataOf(m)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", f.Name, m.Package.Location.Row, err)
		}
		library := true
		for _, r := range m.Rules {
			name := r.Head.Ref()[0].Value.(ast.Var)
			if !denying.MatchString(string(name)) || len(r.Head.Args) > 0 {
				continue
			}
			library = false
			if r.Head.RuleKind() != ast.MultiValue {
				return fmt.Errorf("%s:%d: %s must be a set; write \"%s contains msg if { … }\"", f.Name, r.Location.Row, name, name)
			}
			key := rule{strings.TrimPrefix(m.Package.Path.String(), "data."), string(name)}
			if c := mine[key]; c != nil {
				if !slices.Contains(c.files, f.Name) {
					c.files = append(c.files, f.Name)
				}
				continue
			}
			c, err := userCheck(f.Name, key.pkg, key.name, meta)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", f.Name, r.Location.Row, err)
			}
			mine[key] = c
			added = append(added, c)
		}
		if library {
			s.libs = append(s.libs, f.Name)
		}
	}
	s.Digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	added = slices.DeleteFunc(added, func(c *Check) bool {
		if len(c.Selectors) == 0 && all {
			for _, t := range types {
				c.Selectors = append(c.Selectors, Selector{Type: t})
			}
		}
		c.Selectors = slices.DeleteFunc(c.Selectors, func(sel Selector) bool { return !slices.Contains(types, sel.Type) })
		return len(c.Selectors) == 0
	})
	if err := s.validate(added); err != nil {
		return located(err)
	}
	for _, c := range added {
		if i := slices.IndexFunc(s.Checks, func(have *Check) bool { return have.ID == c.ID }); i >= 0 {
			return fmt.Errorf("%s: the id %q is also that of another check; give it one of its own", c.files[0], c.ID)
		}
		s.Checks = append(s.Checks, c)
		s.enter(c)
	}
	slices.SortFunc(s.Checks, func(a, b *Check) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

// parse parses a file. Checks are written in either version of Rego.
func (s *Set) parse(name string, annotations bool) (*ast.Module, error) {
	m, err := ast.ParseModuleWithOpts(name, s.sources[name], ast.ParserOptions{RegoVersion: ast.RegoV0, ProcessAnnotation: annotations})
	if err != nil && !strings.Contains(s.sources[name], "import rego.v1") {
		return ast.ParseModuleWithOpts(name, s.sources[name], ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: annotations})
	}
	return m, err
}

// validate compiles the checks and what they import.
func (s *Set) validate(checks []*Check) error {
	modules := map[string]*ast.Module{}
	names := s.imported(checks)
	for _, c := range checks {
		names = append(names, c.files...)
	}
	for _, name := range names {
		m, err := s.parse(name, false)
		if err != nil {
			return err
		}
		modules[name] = m
	}
	c := newCompiler()
	if c.Compile(modules); c.Failed() {
		return c.Errors
	}
	return nil
}

// located is the first of the errors of OPA, after its file and line.
func located(err error) error {
	var all ast.Errors
	if errors.As(err, &all) && len(all) > 0 && all[0].Location != nil {
		return fmt.Errorf("%s:%d: %s", all[0].Location.File, all[0].Location.Row, strings.Join(strings.Fields(all[0].Message), " "))
	}
	return err
}

// userMeta is what metadata of users can say.
type userMeta struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	userCustom
	Custom userCustom `json:"custom"` // of annotations
}

type userCustom struct {
	ID       string   `json:"id"`
	AVDID    string   `json:"avd_id"`
	Aliases  []string `json:"aliases"`
	Controls []string `json:"controls"`
	Severity string   `json:"severity"`
	Action   string   `json:"recommended_action"`
	Actions  string   `json:"recommended_actions"`
	URL      string   `json:"url"`
	Provider string   `json:"provider"`
	Service  string   `json:"service"`
	Input    struct {
		Selector []headerSelector `json:"selector"`
	} `json:"input"`
}

// metadataOf reads the metadata of a module: the annotations of its package, or
// rules as trivy had them before.
func metadataOf(m *ast.Module) (*userMeta, error) {
	meta := &userMeta{}
	for _, a := range m.Annotations {
		if a.Scope != "package" && a.Scope != "subpackages" {
			continue
		}
		meta.Title, meta.Description = a.Title, a.Description
		text, err := json.Marshal(a.Custom)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &meta.Custom); err != nil {
			return nil, fmt.Errorf("the annotations cannot be read: %w", err)
		}
	}
	for _, r := range m.Rules {
		var to any
		switch r.Head.Name {
		case "__rego_metadata__":
			to = meta
		case "__rego_input__":
			to = &meta.Custom.Input
		default:
			continue
		}
		if r.Head.Value == nil {
			continue
		}
		v, err := ast.JSON(r.Head.Value.Value)
		if err != nil {
			return nil, fmt.Errorf("%s must be written out: %w", r.Head.Name, err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, to); err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", r.Head.Name, err)
		}
	}
	return meta, nil
}

// userCheck makes the check of a rule.
func userCheck(file, pkg, rule string, meta *userMeta) (*Check, error) {
	first := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	old, custom := meta.userCustom, meta.Custom
	c := &Check{
		ID: first(first(custom.ID, old.ID), pkg+"."+rule), Title: oneLine(meta.Title), Description: strings.TrimSpace(meta.Description),
		Fix:      strings.TrimSpace(first(custom.Action+custom.Actions, old.Action+old.Actions)),
		Controls: append(custom.Controls, old.Controls...), Aliases: append(custom.Aliases, old.Aliases...),
		Provider: first(custom.Provider, old.Provider), Service: first(custom.Service, old.Service),
		pkg: pkg, rule: rule, files: []string{file},
	}
	if id := first(custom.ID, old.ID); id != "" && rule != "deny" {
		c.ID = id + "." + rule // one of several in the file
	}
	if c.Title == "" {
		c.Title = c.ID + " of " + path.Base(file)
	}
	for _, a := range []string{custom.AVDID, old.AVDID} {
		if a != "" && a != c.ID {
			c.Aliases = append(c.Aliases, a)
		}
	}
	if url := first(custom.URL, old.URL); url != "" {
		c.References = []string{url}
	}
	severity := first(custom.Severity, old.Severity)
	if severity == "" {
		severity = "HIGH"
		if strings.HasPrefix(rule, "warn") {
			severity = "LOW"
		}
	}
	var err error
	if c.Severity, err = gatehouse.ParseSeverity(severity); err != nil {
		return nil, err
	}
	for _, sel := range custom.Input.Selector {
		known := Type(sel.Type)
		switch known {
		case "defsec", "rbac": // names that trivy had
			known = map[Type]Type{"defsec": Cloud, "rbac": Kubernetes}[known]
		case Dockerfile, Kubernetes, Cloud, Pipeline:
		default:
			return nil, fmt.Errorf("the selector names the type %q, and not dockerfile, kubernetes, cloud or pipeline; for other files write a policy over documents", sel.Type)
		}
		s := Selector{Type: known}
		for _, st := range sel.Subtypes {
			s.Subtypes = append(s.Subtypes, Subtype(st))
		}
		c.Selectors = append(c.Selectors, s)
	}
	return c, nil
}
