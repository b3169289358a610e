// Package serverless reads the configuration of the Serverless Framework
// (https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml)
// into the model that checks see.
package serverless

import (
	"errors"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// File is one configuration. Lines are 1-based.
type File struct {
	// Framework is the version of the framework that it asks for.
	Framework  Value       `json:"framework"`
	Statements []Statement `json:"statements"`
	Env        []Var       `json:"env"`
	// Origins are the sites that may call, from all rules of CORS.
	Origins []Origin `json:"origins"`
	// URLs are functions that have an address of their own.
	URLs []URL `json:"urls"`
	// Templates are the resources in the language of CloudFormation, and
	// Elsewhere the parts that lie in other files.
	Templates []*yaml.Node `json:"-"`
	Elsewhere []Value      `json:"-"`
}

// Value is a text and its place; the line is 0 if there is none.
type Value struct {
	Text string `json:"text"`
	Line int    `json:"line"`
}

// Statement is a statement of a policy.
type Statement struct {
	Owner     string   `json:"owner"` // function, or "provider"
	Line      int      `json:"line"`
	Effect    string   `json:"effect"`
	Actions   []string `json:"actions"`
	Resources []string `json:"resources"`
	NotAction bool     `json:"not_action"`
}

// Var is a variable of the environment.
type Var struct {
	Owner string `json:"owner"`
	Name  string `json:"name"`
	Value string `json:"value"`
	Line  int    `json:"line"`
}

// Origin is a site that may call.
type Origin struct {
	Owner string `json:"owner"`
	Text  string `json:"text"`
	Line  int    `json:"line"`
	// Credentials is true if cookies go along.
	Credentials bool `json:"credentials"`
}

// URL is the address of a function.
type URL struct {
	Owner      string `json:"owner"`
	Authorizer string `json:"authorizer"`
	Line       int    `json:"line"`
}

// IsName reports whether a file is named like a configuration.
func IsName(name string) bool {
	switch strings.ToLower(path.Base(name)) {
	case "serverless.yml", "serverless.yaml", "serverless.json":
		return true
	}
	return false
}

// Is reports whether a document is a configuration.
func Is(name string, doc *yaml.Node) bool {
	if IsName(name) {
		return doc.Kind != yaml.MappingNode || document.Get(doc, "service") != nil || document.Get(doc, "provider") != nil || document.Get(doc, "functions") != nil
	}
	return document.Get(doc, "service") != nil && document.Get(doc, "functions") != nil && document.String(doc, "provider", "name") != ""
}

// Read reads a document whose aliases are written out.
func Read(doc *yaml.Node) (*File, error) {
	if doc.Kind != yaml.MappingNode {
		return nil, errors.New("it is named like a configuration of the Serverless Framework, but is no mapping")
	}
	r := &reader{file: &File{}}
	if v := document.Get(doc, "frameworkVersion"); v != nil {
		r.file.Framework = Value{v.Value, v.Line}
	}
	if p := r.part(document.Get(doc, "provider")); p != nil {
		r.common("provider", p)
		for _, keys := range [][]string{{"iam", "role", "statements"}, {"iamRoleStatements"}} {
			r.statements("provider", at(p, keys...))
		}
		r.cors("provider", at(p, "httpApi", "cors"))
		r.cors("provider", at(p, "apiGateway", "cors"))
	}
	functions := r.part(document.Get(doc, "functions"))
	for _, group := range items(functions) {
		if group = r.part(group); group != nil {
			each(group, r.function)
		}
	}
	for _, part := range items(document.Get(doc, "resources")) {
		if part = r.part(part); part != nil && document.Get(part, "Resources") != nil {
			r.template(part)
		}
	}
	return r.file, nil
}

type reader struct{ file *File }

// template notes resources, unless they lie elsewhere.
func (r *reader) template(n *yaml.Node) {
	if resources := r.part(document.Get(n, "Resources")); resources != nil && resources.Kind == yaml.MappingNode && len(resources.Content) > 0 {
		r.file.Templates = append(r.file.Templates, n)
	}
}

// part is a part of the file; nil, and noted, if it is a reference to another.
func (r *reader) part(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "${") {
		r.file.Elsewhere = append(r.file.Elsewhere, Value{n.Value, n.Line})
		return nil
	}
	return n
}

func (r *reader) function(k, n *yaml.Node) {
	if n = r.part(n); n == nil {
		return
	}
	r.common(k.Value, n)
	r.statements(k.Value, document.Get(n, "iamRoleStatements"))
	if u := document.Get(n, "url"); u != nil && (u.Kind == yaml.MappingNode || u.Value == "true") {
		r.file.URLs = append(r.file.URLs, URL{Owner: k.Value, Authorizer: document.String(u, "authorizer"), Line: u.Line})
		r.cors(k.Value, document.Get(u, "cors"))
	}
	for _, event := range items(document.Get(n, "events")) {
		for _, kind := range []string{"http", "httpApi"} {
			r.cors(k.Value, at(event, kind, "cors"))
		}
	}
}

func (r *reader) common(owner string, n *yaml.Node) {
	each(r.part(document.Get(n, "environment")), func(k, v *yaml.Node) {
		if v.Kind == yaml.ScalarNode {
			r.file.Env = append(r.file.Env, Var{owner, k.Value, v.Value, k.Line})
		}
	})
}

func (r *reader) statements(owner string, n *yaml.Node) {
	for _, s := range items(r.part(n)) {
		if s = r.part(s); s == nil || s.Kind != yaml.MappingNode {
			continue
		}
		r.file.Statements = append(r.file.Statements, Statement{
			Owner: owner, Line: s.Line, Effect: document.String(s, "Effect"), Actions: texts(document.Get(s, "Action")),
			Resources: texts(document.Get(s, "Resource")), NotAction: document.Get(s, "NotAction") != nil,
		})
	}
}

func (r *reader) cors(owner string, n *yaml.Node) {
	if n == nil {
		return
	}
	add := func(text string, line int) {
		credentials := document.String(n, "allowCredentials") == "true"
		r.file.Origins = append(r.file.Origins, Origin{owner, text, line, credentials})
	}
	if n.Kind == yaml.ScalarNode {
		if n.Value == "true" {
			add("*", n.Line)
		}
		return
	}
	for _, key := range []string{"origin", "origins", "allowedOrigins"} {
		for _, o := range items(document.Get(n, key)) {
			add(o.Value, o.Line)
		}
	}
}

func at(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		if n == nil {
			return nil
		}
		n = document.Get(n, k)
	}
	return n
}

func texts(n *yaml.Node) []string {
	var all []string
	for _, i := range items(n) {
		if i.Kind == yaml.ScalarNode {
			all = append(all, i.Value)
		}
	}
	return all
}

// items are the elements of a list, or what stands for one.
func items(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.SequenceNode:
		all := make([]*yaml.Node, len(n.Content))
		for i, c := range n.Content {
			all[i] = document.Resolve(c)
		}
		return all
	}
	return []*yaml.Node{n}
}

func each(n *yaml.Node, f func(k, v *yaml.Node)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(document.Resolve(n.Content[i]), document.Resolve(n.Content[i+1]))
	}
}
