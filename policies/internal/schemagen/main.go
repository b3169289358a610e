// Command schemagen writes the JSON Schema of the input of report policies.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/policies"
	"github.com/invopop/jsonschema"
)

func main() {
	out := flag.String("o", "input.schema.json", "file to write")
	flag.Parse()
	b, err := generate()
	if err == nil {
		err = os.WriteFile(*out, b, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// generate reflects the Go types. Every object is closed, so that the type
// checker of OPA knows a wrong field.
func generate() ([]byte, error) {
	r := &jsonschema.Reflector{
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			switch t {
			case reflect.TypeFor[gatehouse.Severity]():
				return enum(gatehouse.Severities())
			case reflect.TypeFor[gatehouse.Kind]():
				return enum(gatehouse.Kinds())
			case reflect.TypeFor[gatehouse.GapCode]():
				return enum(gatehouse.GapCodes())
			case reflect.TypeFor[gatehouse.RawJSON]():
				return &jsonschema.Schema{} // anything
			case reflect.TypeFor[gatehouse.Status]():
				return enum([]gatehouse.Status{gatehouse.StatusComplete, gatehouse.StatusPartial, gatehouse.StatusFailed, gatehouse.StatusNotApplicable})
			}
			return nil
		},
	}
	s := r.Reflect(&policies.InputDocument{})
	s.ID = "https://github.com/gatehouse-sec/gatehouse/policies/input.schema.json"
	s.Title = "gatehouse policy input, version 1"
	s.Description = "What a report policy sees as input."
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

func enum[T any](values []T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, fmt.Sprint(v))
	}
	return s
}
