package iac

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/helm"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
)

// chartGroups makes a group of each chart that is not a dependency inside
// another one.
func (s *scanner) chartGroups(files []gatehouse.FileInfo) []gatehouse.Group {
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
	return append(groups, s.missingCharts(charts, files)...)
}

// missingCharts makes a group of each chart that is named, but not there.
func (s *scanner) missingCharts(charts map[string]bool, files []gatehouse.FileInfo) (groups []gatehouse.Group) {
	for _, r := range s.releases {
		if r.Chart != "" && !charts[r.Chart] && len(files) > 0 {
			charts[r.Chart] = true
			groups = append(groups, gatehouse.Group{Type: typeHelm, Dir: r.Chart, Context: []string{files[0].Path}})
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
	return isOtherValues(rel)
}

// otherValues are names of files of values beside those that a chart always has,
// such as "values-prod.yaml" and "prod.values.yml".
var otherValues = lazyregexp.New(`^(?:ci/|values/)?(?:values[-_.][^/]+|[^/]+[-_.]values)\.ya?ml$|^values/[^/]+\.ya?ml$`)

// isOtherValues reports whether a file of a chart is named like one with values
// that Helm reads only if the command line names it.
func isOtherValues(rel string) bool { return otherValues().MatchString(rel) }

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

// ChartRelease is one way in which a chart of the target is deployed.
type ChartRelease struct {
	// Chart is the directory of the chart, relative to the target; empty means
	// every chart that no other release names.
	Chart string
	// Label tells the release from others in messages, such as "with
	// prod.yaml"; may be empty.
	Label string
	helm.Release
}

func (r ChartRelease) digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", fmt.Sprint(r)))
	return hex.EncodeToString(sum[:])
}

// releasesOf are the ways in which the chart in dir is deployed.
func (s *scanner) releasesOf(dir string) []ChartRelease {
	var all, any []ChartRelease
	for _, r := range s.releases {
		switch r.Chart {
		case dir:
			all = append(all, r)
		case "":
			any = append(any, r)
		}
	}
	switch {
	case len(all) > 0:
		return all
	case len(any) > 0:
		return any
	}
	return []ChartRelease{{}}
}

// scanChart renders a chart for each of its releases and looks at the
// manifests.
func (s *scanner) scanChart(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	files := make(map[string][]byte, len(g.Files))
	for name, f := range g.Files {
		files[name] = f.Data
	}
	if len(g.Owned) == 0 { // see missingCharts
		p.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: g.Dir, Entry: "iac.helm",
			Reason: fmt.Sprintf("iac.helm names the chart %q, which is not in the target, or belongs to another chart; correct the path, which is relative to the target", g.Dir)})
		return nil
	}
	s.prove(typeKubernetes, p)
	found := newVariants()
	for name := range files {
		if reason := helm.Ignored(g.Dir, files, name); reason != "" && slices.Contains(g.Owned, name) {
			p.File(name, func(p *gatehouse.Pass) error { p.Skip(reason); return nil })
		}
	}
	if err := s.scanOtherValues(ctx, g, p); err != nil {
		return err
	}
	for _, r := range s.releasesOf(g.Dir) {
		if err := s.scanRelease(ctx, g, files, r, found, p); err != nil {
			return err
		}
	}
	found.report(p)
	return nil
}

// scanOtherValues says of which files of values the chart was not rendered with.
func (s *scanner) scanOtherValues(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	given := func(data []byte) bool {
		return slices.ContainsFunc(s.releasesOf(g.Dir), func(r ChartRelease) bool {
			return slices.ContainsFunc(r.Files, func(f helm.ValuesFile) bool { return bytes.Equal(f.Data, data) })
		})
	}
	for _, name := range g.Owned {
		f := g.Files[name]
		if f == nil || !isOtherValues(strings.TrimPrefix(name, g.Dir+"/")) || given(f.Data) {
			continue
		}
		p.File(name, func(p *gatehouse.Pass) error {
			if docs, err := document.Parse(f.Data); err == nil && slices.ContainsFunc(docs, isKubernetes) {
				return s.scanDocuments(ctx, f, p) // named like values, but something else
			}
			p.Skip(fmt.Sprintf("the chart was not rendered with these values; name %q and the file below iac.helm in gatehouse.yaml if it is deployed with them", g.Dir))
			return nil
		})
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// scanRelease renders a chart for one release.
func (s *scanner) scanRelease(ctx context.Context, g *gatehouse.Group, files map[string][]byte, r ChartRelease, found *variants, p *gatehouse.Pass) error {
	suffix := ""
	if r.Label != "" {
		suffix = " (" + r.Label + ")"
	}
	manifests, problems, err := helm.Render(ctx, g.Dir, files, r.Release)
	if err != nil {
		if suffix != "" {
			err = fmt.Errorf("%w%s", err, suffix)
		}
		return err
	}
	failed := map[string]bool{}
	for _, problem := range problems {
		if problem.Failed && problem.Path != "" && g.Files[problem.Path] != nil && !strings.HasSuffix(problem.Path, ".tgz") {
			failed[problem.Path] = true
			p.FailFile(problem.Path, problem.Reason+suffix)
			continue
		}
		at := problem.Path
		if at == "" {
			at = path.Join(g.Dir, "Chart.yaml")
		}
		p.Gap(gatehouse.Gap{Code: problem.Code, Path: at, Entry: problem.Entry, Reason: problem.Reason + suffix})
	}
	out := found.of(r.Label)
	for _, m := range manifests {
		ignores := ignore.NewSet(s.now)
		err := s.scanRendered(ctx, m, isSubchart(g.Dir, m.Path), ignores, out)
		s.reportIgnores(p, ignores, placeInTemplate(m))
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !failed[m.Path] {
				failed[m.Path] = true
				p.FailFile(m.Path, fmt.Sprintf("the rendered template cannot be read: %v%s", err, suffix))
			}
		}
	}
	return nil
}

// isSubchart reports whether a template is one of a chart that the chart in dir
// depends on.
func isSubchart(dir, template string) bool {
	return strings.HasPrefix(strings.TrimPrefix(template, dir+"/"), "charts/")
}

// scanRendered looks at what one template gave.
func (s *scanner) scanRendered(ctx context.Context, m helm.Manifest, subchart bool, ignores *ignore.Set, out reporter) error {
	if !hasSign("", m.Text) {
		return nil // a script, a fragment, a list of values
	}
	docs, err := document.Parse(m.Text)
	ignores.YAML(m.Path, m.Text, docs, subchart)
	var errs []error
	for _, doc := range docs {
		if isKubernetes(doc) {
			errs = append(errs, s.scanManifest(ctx, doc, manifest{typ: typeHelm, path: m.Path, place: placeInTemplate(m), ignores: ignores}, out))
		}
	}
	return errors.Join(append(errs, err)...)
}

// placeInTemplate moves a place in the rendered text to the line of the
// template that it is from.
func placeInTemplate(m helm.Manifest) func(*gatehouse.Location) {
	if m.Lines == nil {
		return nil // not rendered
	}
	find := func(line int) int {
		if line < 1 || line > len(m.Lines) {
			return 0
		}
		return m.Lines[line-1]
	}
	return func(loc *gatehouse.Location) {
		start, end := find(loc.Line), find(loc.EndLine)
		loc.Line, loc.EndLine = start, 0
		if start > 0 && end > start {
			loc.EndLine = end
		}
	}
}
