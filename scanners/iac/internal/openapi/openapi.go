// Package openapi reads descriptions of HTTP interfaces (OpenAPI 2, which was
// called Swagger, and 3) into the model that checks see.
// https://spec.openapis.org/oas/latest.html
package openapi

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// File is one description. Lines are 1-based.
type File struct {
	Version string `json:"version"`
	// Servers are the addresses of the interface, with the scheme.
	Servers []Value  `json:"servers"`
	Schemes []Scheme `json:"schemes"`
	// Security is what an operation needs that does not say so itself.
	Security   Security    `json:"security"`
	Operations []Operation `json:"operations"`
	PathsLine  int         `json:"paths_line"`
	// Elsewhere are the paths that other files describe.
	Elsewhere []Value `json:"-"`
}

// Value is a text and its place.
type Value struct {
	Text string `json:"text"`
	Line int    `json:"line"`
}

// Scheme is a way to prove who calls.
type Scheme struct {
	Name   string `json:"name"`
	Line   int    `json:"line"`
	Type   string `json:"type"`   // "apiKey", "http", "oauth2" ..., "basic" is http
	Scheme string `json:"scheme"` // of http, in lower case
	In     string `json:"in"`     // of apiKey
	// Flows are those of OAuth, by their names in OpenAPI 3.
	Flows []string `json:"flows"`
	URLs  []Value  `json:"urls"`
}

// Security is a requirement.
type Security struct {
	// Given is true if the description says something, and Optional if what it
	// says lets callers in who prove nothing.
	Given    bool    `json:"given"`
	Optional bool    `json:"optional"`
	Line     int     `json:"line"`
	Names    []Value `json:"names"`
}

// Operation is a method of a path.
type Operation struct {
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Line     int      `json:"line"`
	Security Security `json:"security"`
}

// Is reports whether a document is a description.
func Is(doc *yaml.Node) bool {
	return (strings.HasPrefix(document.String(doc, "openapi"), "3.") || document.String(doc, "swagger") == "2.0") &&
		(document.Get(doc, "paths") != nil || document.Get(doc, "components") != nil || document.Get(doc, "info") != nil || document.Get(doc, "webhooks") != nil)
}

// Read reads a document whose aliases are written out.
func Read(doc *yaml.Node) (*File, error) {
	f := &File{Version: document.String(doc, "openapi") + document.String(doc, "swagger"), Security: security(document.Get(doc, "security"))}
	f.servers(doc)
	schemes := document.Get(doc, "securityDefinitions")
	if components := document.Get(doc, "components"); components != nil {
		schemes = document.Get(components, "securitySchemes")
	}
	each(schemes, func(k, v *yaml.Node) { f.Schemes = append(f.Schemes, scheme(k, v)) })
	paths := document.Get(doc, "paths")
	if paths == nil || paths.ShortTag() == "!!null" {
		return f, nil
	}
	if paths.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: paths is no mapping", paths.Line)
	}
	f.PathsLine = paths.Line
	each(paths, func(k, v *yaml.Node) {
		if strings.HasPrefix(k.Value, "x-") {
			return
		}
		if ref := document.String(v, "$ref"); ref != "" && !strings.HasPrefix(ref, "#") {
			f.Elsewhere = append(f.Elsewhere, Value{ref, k.Line})
		}
		for _, method := range []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"} {
			if op := document.Get(v, method); op != nil {
				o := Operation{Method: method, Path: k.Value, Line: op.Line, Security: security(document.Get(op, "security"))}
				f.Operations = append(f.Operations, o)
			}
		}
	})
	return f, nil
}

func (f *File) servers(doc *yaml.Node) {
	if servers := document.Get(doc, "servers"); servers != nil && servers.Kind == yaml.SequenceNode {
		for _, s := range servers.Content {
			if url := document.Get(s, "url"); url != nil {
				f.Servers = append(f.Servers, Value{url.Value, url.Line})
			}
		}
	}
	host := document.String(doc, "host")
	if host == "" {
		host = "*" // that which serves the description
	}
	if schemes := document.Get(doc, "schemes"); schemes != nil && schemes.Kind == yaml.SequenceNode {
		for _, s := range schemes.Content {
			s = document.Resolve(s)
			f.Servers = append(f.Servers, Value{s.Value + "://" + host + document.String(doc, "basePath"), s.Line})
		}
	}
}

func scheme(k, n *yaml.Node) Scheme {
	s := Scheme{Name: k.Value, Line: k.Line, Type: document.String(n, "type"), Scheme: strings.ToLower(document.String(n, "scheme")), In: document.String(n, "in")}
	if s.Type == "basic" {
		s.Type, s.Scheme = "http", "basic"
	}
	urls := func(n *yaml.Node) {
		for _, key := range []string{"authorizationUrl", "tokenUrl", "refreshUrl"} {
			if u := document.Get(n, key); u != nil {
				s.URLs = append(s.URLs, Value{u.Value, u.Line})
			}
		}
	}
	urls(n)
	switch flow := document.String(n, "flow"); flow {
	case "":
	case "accessCode":
		s.Flows = append(s.Flows, "authorizationCode")
	case "application":
		s.Flows = append(s.Flows, "clientCredentials")
	default:
		s.Flows = append(s.Flows, flow)
	}
	each(document.Get(n, "flows"), func(k, v *yaml.Node) {
		s.Flows = append(s.Flows, k.Value)
		urls(v)
	})
	return s
}

func security(n *yaml.Node) Security {
	if n == nil || n.Kind != yaml.SequenceNode {
		return Security{}
	}
	s := Security{Given: true, Optional: len(n.Content) == 0, Line: n.Line}
	for _, c := range n.Content {
		c = document.Resolve(c)
		if c.Kind == yaml.MappingNode && len(c.Content) == 0 {
			s.Optional = true
		}
		each(c, func(k, _ *yaml.Node) { s.Names = append(s.Names, Value{k.Value, k.Line}) })
	}
	return s
}

func each(n *yaml.Node, f func(k, v *yaml.Node)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(document.Resolve(n.Content[i]), document.Resolve(n.Content[i+1]))
	}
}
