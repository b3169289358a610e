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
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
)

// version changes with the results that the code of this package gives.
const version = "2"

// New returns the scanner. It finds no problems and so has no rules; it only
// adds documents.
func New() *gatehouse.Scanner { return newScanner(&parsing{}) }

// Options say how files are read that somebody named one by one.
type Options struct {
	// Parser is the format of all files, one of [Parsers]; empty means that
	// their names tell.
	Parser string
	// Named reports whether the user named a file, rather than a directory that
	// it is in. Such a file must give a document.
	Named func(path string) bool
	// Jsonnet evaluates a Jsonnet file to JSON. Nil skips such files: they are
	// programs.
	Jsonnet func(ctx context.Context, path string, data []byte) ([]byte, error)
}

// NewFor returns the scanner for named files. The error is for an unknown
// parser.
func NewFor(o Options) (*gatehouse.Scanner, error) {
	p := &parsing{Options: o}
	if o.Parser != "" {
		if p.format = formatNamed(o.Parser); p.format == nil {
			return nil, fmt.Errorf("there is no parser %q: want one of %s%s", o.Parser, strings.Join(Parsers(), ", "), nearest.Hint(o.Parser, Parsers()))
		}
	}
	return newScanner(p), nil
}

// parsing is how files are read.
type parsing struct {
	Options
	format *format // of all files; nil if their names tell
}

func newScanner(p *parsing) *gatehouse.Scanner {
	return &gatehouse.Scanner{
		Name:     "config",
		Doc:      "Configuration files as documents for policies\n\nIt reports no problems itself.",
		Reads:    "YAML, JSON, TOML, HCL, INI, properties, dotenv, XML, Dockerfiles, ignore files and CODEOWNERS",
		Version:  version,
		Rules:    []gatehouse.Rule{},
		Want:     p.want,
		ScanFile: p.scanFile,
		Canaries: []gatehouse.Canary{{Name: "two YAML documents", Path: canary, Documents: 2,
			Data: func() []byte { return []byte("a: &x {b: 1}\n---\nc: [true]\n") }}},
	}
}

// canary is the sample of the scanner, which is YAML whatever the parser.
const canary = "canary.yaml"

func (p *parsing) named(path string) bool { return p.Named != nil && p.Named(path) }

func (p *parsing) formatOf(path string) *format {
	if p.format != nil && path != canary {
		return p.format
	}
	return formatOf(path)
}

func (p *parsing) want(f gatehouse.FileInfo) gatehouse.Want {
	format := p.formatOf(f.Path)
	switch {
	case p.named(f.Path):
		return gatehouse.Want{Scan: true}
	case format == jsonnetFormat && p.Jsonnet == nil:
		return gatehouse.Want{Skip: "program that makes configuration; judge what it makes, or name it to gatehouse policy eval"}
	case format != nil:
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

func (p *parsing) scanFile(ctx context.Context, f *gatehouse.File, pass *gatehouse.Pass) error {
	format := p.formatOf(f.Path)
	if format == nil {
		return fmt.Errorf("the name does not tell the format; say which one it is with --parser: %s", strings.Join(Parsers(), ", "))
	}
	if reason := templateContent(f.Path, f.Data); reason != "" {
		if p.named(f.Path) {
			return fmt.Errorf("it is a %s, which is no document; render it and judge the result", reason)
		}
		pass.Skip(reason)
		return nil
	}
	if len(f.Data) > limits.MaxYAMLBytes {
		return &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf(
			"the file has %d bytes, more than the %d that are parsed as %s", len(f.Data), limits.MaxYAMLBytes, format.name)}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	docs, err := p.parse(ctx, format, f)
	if err != nil {
		return err
	}
	if len(docs) == 0 && p.named(f.Path) {
		return errors.New("it has no document, so nothing of it was judged")
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
		pass.AddDocument(d)
	}
	return nil
}

func (p *parsing) parse(ctx context.Context, format *format, f *gatehouse.File) ([]document, error) {
	if format != jsonnetFormat {
		return format.parse(f.Data)
	}
	if p.Jsonnet == nil {
		return nil, errors.New("it is a Jsonnet program, which is not run here; judge what it makes")
	}
	data, err := p.Jsonnet(ctx, f.Path, f.Data)
	if err != nil {
		return nil, err
	}
	if len(data) > limits.MaxYAMLBytes {
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf(
			"the Jsonnet makes %d bytes of JSON, more than the %d that are parsed", len(data), limits.MaxYAMLBytes)}
	}
	docs, err := parseJSON(data)
	for i := range docs {
		// The places are those of the JSON, which nobody has.
		docs[i].line, docs[i].positions = 1, nil
	}
	return docs, err
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
