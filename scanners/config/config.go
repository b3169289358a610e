// Package config parses configuration files into documents, for policies that
// judge configuration itself.
//
// The shapes are those that policies written for conftest expect: a mapping is
// an object, HCL is what hcl2json makes of it, a Dockerfile is an array of
// commands, and so on; each format says more in its file.
//
// # Limitations
//
// Templates are not rendered: a file that is one is skipped. A key that is
// given twice is an error where the format does not define which one counts,
// because different readers take different ones.
package config

import (
	"context"
	"fmt"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// version changes with the results that the code of this package gives.
const version = "2"

// New returns the scanner. It finds no problems and so has no rules; it only
// adds documents.
func New() *gatehouse.Scanner {
	return &gatehouse.Scanner{
		Name:     "config",
		Doc:      "Configuration files as documents for policies\n\nIt reports no problems itself.",
		Reads:    "YAML, JSON, TOML, HCL, INI, properties, dotenv, XML, Dockerfiles, ignore files and CODEOWNERS",
		Version:  version,
		Rules:    []gatehouse.Rule{},
		Want:     want,
		ScanFile: scanFile,
		Canaries: []gatehouse.Canary{{Name: "two YAML documents", Path: "canary.yaml", Documents: 2,
			Data: func() []byte { return []byte("a: &x {b: 1}\n---\nc: [true]\n") }}},
	}
}

func want(f gatehouse.FileInfo) gatehouse.Want {
	if formatOf(f.Path) != nil {
		return gatehouse.Want{Scan: true}
	}
	return gatehouse.Want{Skip: templateOf(f.Path)}
}

// document is one parsed document of a file.
type document struct {
	index, line int
	// content is nil if json and positions are what it would be encoded to.
	content   *value
	json      []byte
	positions gatehouse.Positions
}

// encode writes the content as JSON.
func (d *document) encode() error {
	if d.content == nil {
		return nil
	}
	var e encoder
	err := e.value(d.content, d.line, 1)
	d.json, d.positions = e.json, e.positions
	return err
}

func scanFile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	format := formatOf(f.Path)
	if format == nil {
		return fmt.Errorf("the format of %q is not known", f.Path)
	}
	if reason := templateContent(f.Path, f.Data); reason != "" {
		p.Skip(reason)
		return nil
	}
	if len(f.Data) > limits.MaxYAMLBytes {
		return &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf(
			"the file has %d bytes, more than the %d that are parsed as %s", len(f.Data), limits.MaxYAMLBytes, format.name)}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	docs, err := format.parse(f.Data)
	if err != nil {
		return err
	}
	// All or nothing: half a file would be judged as if it were whole.
	out := make([]gatehouse.Document, len(docs))
	for i, d := range docs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.encode(); err != nil {
			return invalid(format.name, d.line, "it cannot be written as JSON")
		}
		out[i] = gatehouse.Document{Format: format.name, Index: d.index, Line: d.line, JSON: d.json, Positions: d.positions}
	}
	for _, d := range out {
		p.AddDocument(d)
	}
	return nil
}

// invalid says that a file cannot be parsed. The reason must not quote the
// file, which may hold secrets; names of keys are all right.
func invalid(format string, line int, reason string) error {
	where := ""
	if line > 0 {
		where = fmt.Sprintf(" in line %d", line)
	}
	return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: line, Reason: fmt.Sprintf(
		"not valid %s%s: %s; repair the file or exclude it", format, where, reason)}
}

func tooDeep(format string, line int) error {
	return &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Line: line, Reason: fmt.Sprintf(
		"the %s nests more than %d levels", format, limits.MaxNesting)}
}
