package policies

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"
	"go.yaml.in/yaml/v3"
)

// parseConfigDecl is parse_config(parser, text) of conftest: it parses text as
// "json", "yaml" or "toml". A YAML text with several documents gives a list.
var parseConfigDecl = &rego.Function{
	Name:        "parse_config",
	Description: "Parses text as json, yaml or toml.",
	Decl:        types.NewFunction(types.Args(types.S, types.S), types.A),
	Memoize:     true,
}

func parseConfigBuiltin() *ast.Builtin {
	return &ast.Builtin{Name: parseConfigDecl.Name, Description: parseConfigDecl.Description, Decl: parseConfigDecl.Decl}
}

func parseConfigFunc() func(*rego.Rego) {
	return rego.Function2(parseConfigDecl, func(_ rego.BuiltinContext, parser, text *ast.Term) (*ast.Term, error) {
		p, ok1 := parser.Value.(ast.String)
		s, ok2 := text.Value.(ast.String)
		if !ok1 || !ok2 {
			return nil, errors.New("parse_config: want two strings, the parser and the text")
		}
		v, err := parseConfig(string(p), string(s))
		if err != nil {
			return nil, fmt.Errorf("parse_config: %w", err)
		}
		return ast.NewTerm(v), nil
	})
}

func parseConfig(parser, text string) (ast.Value, error) {
	if len(text) > limits.MaxYAMLBytes {
		return nil, fmt.Errorf("the text is larger than the limit of %d MiB", limits.MaxYAMLBytes>>20)
	}
	switch strings.ToLower(parser) {
	case "json":
		return jsonValue([]byte(text))
	case "yaml", "yml":
		return parseYAML([]byte(text))
	case "toml":
		var x map[string]any
		if _, err := toml.Decode(text, &x); err != nil {
			return nil, err
		}
		b, err := json.Marshal(x)
		if err != nil {
			return nil, err
		}
		return jsonValue(b)
	}
	return nil, fmt.Errorf("unknown parser %q: want json, yaml or toml", parser)
}

func parseYAML(text []byte) (ast.Value, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var docs []any
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		b, err := yaml.Marshal(&n)
		if err != nil {
			return nil, err
		}
		var x any
		if err := util.Unmarshal(b, &x); err != nil {
			return nil, err
		}
		docs = append(docs, x)
	}
	if len(docs) == 1 {
		return ast.InterfaceToValue(docs[0])
	}
	return ast.InterfaceToValue(docs)
}
