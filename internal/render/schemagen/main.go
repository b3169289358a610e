// Command schemagen writes the JSON Schema of the output format json. It must
// run in the directory of package render: descriptions are the comments in the
// source.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/render"
)

func main() {
	out := flag.String("o", "schema/report.schema.json", "file to write")
	flag.Parse()
	b, err := generate("../..", true)
	if err == nil {
		err = os.WriteFile(*out, b, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// generate reflects the Go types below root, the directory of the module. The
// published schema is open, because new fields do not change the version.
func generate(root string, open bool) ([]byte, error) {
	docs, err := comments(root, filepath.Join(root, "internal", "render"))
	if err != nil {
		return nil, err
	}
	r := &jsonschema.Reflector{AllowAdditionalProperties: open, Mapper: mapper,
		LookupComment: func(t reflect.Type, field string) string {
			if field != "" {
				return docs[t.Name()+"."+field]
			}
			return docs[t.Name()]
		}}
	s := r.Reflect(&render.Document{})
	s.ID = "https://github.com/gatehouse-sec/gatehouse/internal/render/schema/report.schema.json"
	s.Title = "gatehouse report and verdict, version 1"
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := json.Indent(&buf, b, "", "  "); err != nil {
		return nil, err
	}
	buf.WriteByte('\n')
	return buf.Bytes(), nil
}

// comments returns the comments of types ("Finding") and fields ("Finding.ID")
// of the packages in dirs.
func comments(dirs ...string) (map[string]string, error) {
	all := map[string]string{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("read comments: no Go file in %q: %v", dir, err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("read comments: %w", err)
			}
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.TYPE {
					continue
				}
				for _, spec := range g.Specs {
					addComments(all, g, spec.(*ast.TypeSpec))
				}
			}
		}
	}
	return all, nil
}

func addComments(all map[string]string, g *ast.GenDecl, t *ast.TypeSpec) {
	doc := t.Doc
	if doc == nil {
		doc = g.Doc
	}
	all[t.Name.Name] = plain(doc.Text())
	st, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		for _, n := range f.Names {
			all[t.Name.Name+"."+n.Name] = plain(f.Doc.Text())
		}
	}
}

// plain joins lines and removes the brackets of Go's documentation links.
func plain(s string) string {
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(strings.Fields(s), " "))
}

func mapper(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[gatehouse.Severity]():
		return enum(gatehouse.Severities())
	case reflect.TypeFor[gatehouse.Outcome]():
		return enum([]gatehouse.Outcome{gatehouse.OutcomePass, gatehouse.OutcomeFail, gatehouse.OutcomeIncomplete})
	case reflect.TypeFor[gatehouse.Kind]():
		return enum(gatehouse.Kinds())
	case reflect.TypeFor[gatehouse.GapCode]():
		return enum(gatehouse.GapCodes())
	case reflect.TypeFor[gatehouse.Status]():
		return enum([]gatehouse.Status{gatehouse.StatusComplete, gatehouse.StatusPartial, gatehouse.StatusFailed, gatehouse.StatusNotApplicable})
	case reflect.TypeFor[gatehouse.WaiverState]():
		return enum([]gatehouse.WaiverState{gatehouse.WaiverUsed, gatehouse.WaiverUnused, gatehouse.WaiverExpiring, gatehouse.WaiverExpired})
	case reflect.TypeFor[gatehouse.RawJSON]():
		return &jsonschema.Schema{Description: "Any JSON value."}
	}
	return nil
}

func enum[T any](values []T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, fmt.Sprint(v))
	}
	return s
}
