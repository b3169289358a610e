package config

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/tmccombs/hcl2json/convert"
)

// parseHCL gives one document in the shape of hcl2json: a block is an object
// in a list below its type and labels, and an expression is a string "${…}".
func parseHCL(data []byte) ([]document, error) {
	if err := checkNesting("HCL", data); err != nil {
		return nil, err
	}
	file, diags := hclsyntax.ParseConfig(data, "", hcl.Pos{Line: 1, Column: 1})
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			line := 0
			if d.Subject != nil {
				line = d.Subject.Start.Line
			}
			return nil, invalid("HCL", line, d.Summary)
		}
	}
	out, err := convert.File(file, convert.Options{})
	if err != nil {
		return nil, invalid("HCL", 0, "it has no form in JSON, as when a block is given both with and without labels")
	}
	if !json.Valid(out) {
		return nil, fmt.Errorf("convert HCL: the result is not JSON")
	}
	return []document{{line: 1, content: json.RawMessage(out)}}, nil
}
