package iac

import (
	"bytes"
	"context"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/arm"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/pipeline"
)

// scanDocuments looks at a YAML or JSON file, which may be anything.
func (s *scanner) scanDocuments(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	if !hasSign(f.Path, f.Data) && !s.hasFormatSign(f.Path, f.Data) {
		p.Skip("no sign of infrastructure or of a pipeline")
		return nil
	}
	docs, parseErr := document.Parse(f.Data)
	if parseErr != nil && arm.IsLikely(f.Data) {
		docs, parseErr = document.Parse(arm.WithoutComments(f.Data))
	}
	found := false
	ignores := ignore.NewSet(s.now)
	ignores.YAML(f.Path, f.Data, docs, false)
	out := s.heeding(newOnce(p), ignores)
	defer func() {
		if found {
			s.reportIgnores(p, ignores, nil)
		}
	}()
	for _, doc := range docs {
		switch {
		case isKubernetes(doc):
			if !found {
				s.prove(typeKubernetes, p)
			}
			found = true
			if line := unrendered(doc); line > 0 {
				p.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Line: line,
					Reason: "it is a template with values between {{ and }} that are not known here; render it, and check what that gives"})
			}
			if err := s.scanManifest(ctx, doc, manifest{typ: typeKubernetes, path: f.Path}, out); err != nil {
				return err
			}
			if pipe := pipeline.Read(f.Path, doc); pipe != nil {
				s.prove(typePipeline, p)
				if err := s.scanPipeline(ctx, f.Path, pipe, out); err != nil {
					return err
				}
			}
		case isCloudFormation(doc):
			found = true
			s.prove(typeCloudFormation, p)
			if len(docs) > 1 {
				p.Gap(gatehouse.Gap{Code: gatehouse.GapParse, Line: doc.Line,
					Reason: "a CloudFormation template must be the only document of its file; split the file"})
			}
			if err := s.scanTemplate(ctx, f, doc, out); err != nil {
				return err
			}
		default:
			if fm := s.formatOf(f.Path, doc); fm != nil {
				found = true
				s.prove(fm.typ, p)
				if err := fm.scan(ctx, f, doc, out); err != nil {
					return err
				}
				continue
			}
			pipe := pipeline.Read(f.Path, doc)
			if pipe == nil {
				continue
			}
			if installed(f.Path) {
				p.Skip("a pipeline of an installed package, which nothing runs here")
				return nil
			}
			if !found {
				s.prove(typePipeline, p)
			}
			found = true
			if err := s.scanPipeline(ctx, f.Path, pipe, out); err != nil {
				return err
			}
		}
	}
	if parseErr != nil {
		if !found && !hasOtherSign(f.Data) && !s.likelyFormat(f.Path, f.Data) && !pipeline.IsLikely(f.Path, f.Data) {
			// Words that pipelines have stand in other texts as well.
			p.Skip("no sign of infrastructure, and not in the form of a pipeline")
			return nil
		}
		if !found && installed(f.Path) && pipeline.IsLikely(f.Path, f.Data) && !hasOtherSign(f.Data) {
			p.Skip("a pipeline of an installed package, which nothing runs here")
			return nil
		}
		if line := templated(f.Data); line > 0 && hasOtherSign(f.Data) && !s.likelyFormat(f.Path, f.Data) && !pipeline.IsLikely(f.Path, f.Data) {
			p.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Line: line, Reason: "it is a template, and no YAML or JSON until its " +
				"values are filled in; render it, and check what that gives, or exclude it"})
			return nil
		}
		return parseErr // something in it looks like one of ours
	}
	if !found {
		p.Skip("no document of infrastructure, and no pipeline")
	}
	return nil
}

// placeholders are values that something else fills in before a file is read.
var placeholders = regexp.MustCompile(`(?m)(?:^|[^$])\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|^[ \t]*(?:- )?__[A-Z][A-Z0-9_]*__[ \t]*\r?$`)

// templated is the line of the first value that something else fills in; 0 if
// there is none.
func templated(data []byte) int {
	at := placeholders.FindIndex(data)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(data[:at[0]], []byte("\n"))
}

// installed reports whether a file belongs to a package that a package manager
// put there: systems read pipelines at the root of a repository only.
func installed(name string) bool {
	for dir := range strings.SplitSeq(path.Dir(name), "/") {
		if dir == "node_modules" || dir == "bower_components" || dir == "site-packages" {
			return true
		}
	}
	return false
}

// hasSign reports whether the text could be one of ours. It errs on the side of
// yes: keys may be written with escapes, or in UTF-16.
func hasSign(name string, data []byte) bool {
	return hasOtherSign(data) || pipeline.HasSign(name, data)
}

// hasOtherSign is hasSign without pipelines.
func hasOtherSign(data []byte) bool {
	if bytes.HasPrefix(data, []byte{0xFE, 0xFF}) || bytes.HasPrefix(data, []byte{0xFF, 0xFE}) {
		return true
	}
	kind := bytes.Contains(data, []byte("kind"))
	version := bytes.Contains(data, []byte("apiVersion"))
	resources := bytes.Contains(data, []byte("Resources"))
	if kind && version || resources {
		return true
	}
	return escapedKey(data)
}

// escapedKey reports whether a double-quoted string that stands where a key
// can stand has an escape that may hide a letter.
func escapedKey(data []byte) bool {
	for line := range bytes.Lines(data) {
		text := bytes.TrimLeft(line, " \t-{?,[")
		if len(text) == 0 || text[0] != '"' {
			continue
		}
		key, _, ok := bytes.Cut(text[1:], []byte(`"`))
		if i := bytes.IndexByte(key, '\\'); ok && i >= 0 && i+1 < len(key) && bytes.IndexByte([]byte("xuU"), key[i+1]) >= 0 {
			return true
		}
	}
	return false
}

func isKubernetes(doc *yaml.Node) bool {
	return document.String(doc, "apiVersion") != "" && document.String(doc, "kind") != ""
}

// isCloudFormation reports whether a document has resources whose types look
// like those of CloudFormation.
func isCloudFormation(doc *yaml.Node) bool {
	resources := document.Get(doc, "Resources")
	if resources == nil || resources.Kind != yaml.MappingNode {
		return false
	}
	if document.String(doc, "AWSTemplateFormatVersion") != "" {
		return true
	}
	for i := 0; i+1 < len(resources.Content); i += 2 {
		value := document.Resolve(resources.Content[i+1])
		if strings.Contains(document.String(value, "Type"), "::") || document.Get(value, "Fn::Transform") != nil ||
			strings.HasPrefix(document.Resolve(resources.Content[i]).Value, "Fn::") {
			return true
		}
	}
	return false
}

// unrendered is the line of a value such as {{ .Values.name }}, which YAML
// takes for a mapping with a mapping as its key; 0 if there is none.
func unrendered(doc *yaml.Node) int {
	line := 0
	walk(doc, func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
			if key := document.Resolve(n.Content[i]); key.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && line == 0 {
				line = max(key.Line, 1)
			}
		}
	})
	return line
}
