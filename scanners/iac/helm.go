package iac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/helm"
)

// chartGroups makes a group of each chart that is not a dependency inside
// another one.
func chartGroups(files []gatehouse.FileInfo) []gatehouse.Group {
	charts := map[string]bool{}
	for _, f := range files {
		if path.Base(f.Path) == "Chart.yaml" {
			charts[path.Dir(f.Path)] = true
		}
	}
	var dirs []string
	index := map[string]int{}
	for _, f := range files { // sorted
		dir := path.Dir(f.Path)
		if path.Base(f.Path) == "Chart.yaml" && outerChart(charts, dir) == dir {
			index[dir] = len(dirs)
			dirs = append(dirs, dir)
		}
	}
	groups := make([]gatehouse.Group, len(dirs))
	for i, dir := range dirs {
		groups[i] = gatehouse.Group{Type: typeHelm, Dir: dir}
	}
	for _, f := range files {
		dir, ok := chartOf(charts, f.Path)
		if !ok {
			continue
		}
		g := &groups[index[dir]]
		rel := strings.TrimPrefix(f.Path, dir+"/")
		if dir == "." {
			rel = f.Path
		}
		switch {
		case isChartFile(rel):
			g.Owned = append(g.Owned, f.Path)
		case f.Bytes <= maxContextBytes && len(g.Context) < maxChartContext:
			g.Context = append(g.Context, f.Path) // for .Files.Get
		}
	}
	return groups
}

// maxChartContext bounds the files beside a chart that its templates can read.
// A chart at the root of a repository has the whole repository beside it.
const maxChartContext = 2000

// isChartFile reports whether a file is part of a chart, by its path in the
// chart. Others, such as a Dockerfile beside it, are what they are.
func isChartFile(rel string) bool {
	switch rel {
	case "Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json", "requirements.yaml", "requirements.lock", ".helmignore":
		return true
	}
	for _, dir := range []string{"templates/", "charts/", "crds/"} {
		if strings.HasPrefix(rel, dir) {
			return true
		}
	}
	return false
}

// chartOf finds the outermost chart that a file belongs to.
func chartOf(charts map[string]bool, name string) (string, bool) {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if charts[dir] {
			return outerChart(charts, dir), true
		}
		if dir == "." || dir == "/" {
			return "", false
		}
	}
}

// outerChart is the chart that a chart is a dependency of, at the end.
func outerChart(charts map[string]bool, dir string) string {
	for {
		parent := path.Dir(dir)
		if path.Base(parent) != "charts" || parent == "." || !charts[path.Dir(parent)] {
			return dir
		}
		dir = path.Dir(parent)
	}
}

// scanChart renders a chart with its own values and looks at the manifests.
func (s *scanner) scanChart(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	files := make(map[string][]byte, len(g.Files))
	for name, f := range g.Files {
		files[name] = f.Data
	}
	manifests, problems, err := helm.Render(ctx, g.Dir, files)
	if err != nil {
		return err
	}
	failed := map[string]bool{}
	for _, problem := range problems {
		if problem.Failed && problem.Path != "" && g.Files[problem.Path] != nil && !strings.HasSuffix(problem.Path, ".tgz") {
			failed[problem.Path] = true
			p.FailFile(problem.Path, problem.Reason)
			continue
		}
		at := problem.Path
		if at == "" {
			at = path.Join(g.Dir, "Chart.yaml")
		}
		p.Gap(gatehouse.Gap{Code: problem.Code, Path: at, Entry: problem.Entry, Reason: problem.Reason})
	}
	s.prove(typeKubernetes, p)
	out := newOnce(p)
	for _, m := range manifests {
		if err := s.scanRendered(ctx, m, out); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !failed[m.Path] {
				failed[m.Path] = true
				p.FailFile(m.Path, fmt.Sprintf("the rendered template cannot be read: %v", err))
			}
		}
	}
	return nil
}

// scanRendered looks at what one template gave.
func (s *scanner) scanRendered(ctx context.Context, m helm.Manifest, out reporter) error {
	if !hasSign("", m.Text) {
		return nil // a script, a fragment, a list of values
	}
	docs, err := document.Parse(m.Text)
	var errs []error
	for _, doc := range docs {
		if isKubernetes(doc) {
			errs = append(errs, s.scanManifest(ctx, doc, manifest{typ: typeHelm, path: m.Path, place: placeInTemplate(m)}, out))
		}
	}
	return errors.Join(append(errs, err)...)
}

// placeInTemplate moves a place in the rendered text to the line of the
// template that reads the same, if there is just one.
func placeInTemplate(m helm.Manifest) func(*gatehouse.Location) {
	if m.Template == nil && !strings.HasSuffix(m.Path, ".tgz") {
		return nil // not rendered
	}
	text := bytes.Split(m.Text, []byte("\n"))
	lines := map[string]int{} // 0: more than one
	for i, line := range bytes.Split(m.Template, []byte("\n")) {
		key := string(bytes.TrimSpace(line))
		if _, twice := lines[key]; twice {
			lines[key] = 0
		} else {
			lines[key] = i + 1
		}
	}
	find := func(line int) int {
		if line < 1 || line > len(text) {
			return 0
		}
		return lines[string(bytes.TrimSpace(text[line-1]))]
	}
	return func(loc *gatehouse.Location) {
		start, end := find(loc.Line), find(loc.EndLine)
		loc.Line, loc.EndLine = start, 0
		if start > 0 && end > start {
			loc.EndLine = end
		}
	}
}
