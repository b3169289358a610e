// Package helm renders Helm charts as "helm template" does, without Helm's
// reach: no network, no cluster, no clock, no chance, and within bounds. A
// template that cannot be rendered does not keep the others from being
// rendered.
package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// Manifest is what one template, or one file of custom resource definitions,
// gave.
type Manifest struct {
	// Path is that of the template, relative to the target. Templates of a
	// packed dependency have the path of the archive.
	Path string
	Text []byte
	// Lines has for each line of Text the line of the template that it is from,
	// 0 if that is not known; nil if Text was not rendered.
	Lines []int
}

// Problem is something that could not be rendered.
type Problem struct {
	Code gatehouse.GapCode
	// Path is relative to the target.
	Path string
	// Entry names what in the file; may be empty.
	Entry  string
	Reason string
	// Failed is true if nothing of the file could be used.
	Failed bool
}

// Render renders the chart in dir for a release. files holds all files of the
// chart by their path relative to the target. The error is not nil if the
// chart as a whole could not be read.
func Render(ctx context.Context, dir string, files map[string][]byte, release Release) ([]Manifest, []Problem, error) {
	c, err := load(dir, files)
	if err != nil {
		return nil, nil, err
	}
	given, err := release.values()
	if err != nil {
		return nil, nil, err
	}
	capabilities, err := release.capabilities()
	if err != nil {
		return nil, nil, err
	}
	if err := chartutil.ProcessDependencies(c, given); err != nil {
		return nil, nil, fmt.Errorf("process the dependencies of the chart: %w", err)
	}
	values, err := util.ToRenderValuesWithSchemaValidation(c, given, release.options(), capabilities, true) // a schema may refer to the network
	if err != nil {
		return nil, nil, fmt.Errorf("merge the values of the chart: %w", err)
	}
	l := layout{dir: dir, files: files, paths: map[string]string{}}
	l.visit(c, dir)
	manifests, problems := renderAll(ctx, c, values, l.paths)
	problems = append(problems, l.problems...)
	for i := range manifests {
		if strings.HasSuffix(manifests[i].Path, ".tgz") {
			clear(manifests[i].Lines)
		}
	}
	for _, crd := range c.CRDObjects() {
		if p := l.file(crd.File.Data, path.Join(dir, crd.Name)); p != "" {
			manifests = append(manifests, Manifest{Path: p, Text: crd.File.Data})
		}
	}
	sort.SliceStable(manifests, func(i, j int) bool { return manifests[i].Path < manifests[j].Path })
	return manifests, problems, ctx.Err()
}

// load reads the chart. Files that Helm would parse are bounded first.
func load(dir string, files map[string][]byte) (*chart.Chart, error) {
	var buffered []*archive.BufferedFile
	ignored := readIgnores(dir, files)
	for _, name := range sorted(files) {
		rel := strings.TrimPrefix(name, dir+"/")
		if dir == "." {
			rel = name
		}
		data := files[name]
		if ignored.match(rel) {
			continue
		}
		switch base := path.Base(rel); {
		case strings.HasSuffix(base, ".tgz") && strings.Contains(rel, "charts/"):
			if err := checkArchive(data); err != nil {
				return nil, fmt.Errorf("unpack %q: %w", name, err)
			}
		case base == "Chart.yaml", base == "values.yaml", base == "Chart.lock", base == "requirements.yaml", base == "requirements.lock":
			if _, err := document.Parse(data); err != nil {
				return nil, fmt.Errorf("read %q: %w", name, err)
			}
		}
		buffered = append(buffered, &archive.BufferedFile{Name: rel, Data: data})
	}
	c, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	return c, nil
}

// checkArchive bounds what a packed dependency unpacks to, and the documents
// in it that Helm parses.
func checkArchive(data []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	limit := min(int64(len(data))*limits.MaxArchiveRatio, limits.MaxGroupBytes)
	t := tar.NewReader(io.LimitReader(z, limit+1))
	total := int64(0)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if total >= limit {
				return fmt.Errorf("it unpacks to more than %d bytes", limit)
			}
			return err
		}
		if total += h.Size; total > limit {
			return fmt.Errorf("it unpacks to more than %d bytes", limit)
		}
		switch base := path.Base(h.Name); {
		case strings.HasSuffix(base, ".tgz"):
			inner, err := io.ReadAll(t)
			if err != nil {
				return err
			}
			if err := checkArchive(inner); err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
		case base == "Chart.yaml", base == "values.yaml", base == "Chart.lock", base == "requirements.yaml", base == "requirements.lock":
			text, err := io.ReadAll(t)
			if err != nil {
				return err
			}
			if _, err := document.Parse(text); err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
		}
	}
}

// layout finds the files that charts and templates come from.
type layout struct {
	dir   string
	files map[string][]byte
	// paths are the paths relative to the target, by the full name of the
	// template: that is made of the names of charts, not of directories.
	paths    map[string]string
	problems []Problem
}

// visit notes the files of a chart in dir and of its dependencies. dir is empty
// if the chart is in an archive.
func (l *layout) visit(c *chart.Chart, dir string) {
	origin := path.Join(dir, "Chart.yaml")
	for _, t := range c.Templates {
		p := path.Join(dir, t.Name)
		if strings.HasSuffix(dir, ".tgz") {
			p, origin = dir, dir
		}
		l.paths[path.Join(c.ChartFullPath(), t.Name)] = p
	}
	for _, dep := range c.Metadata.Dependencies {
		if dep == nil || slices.ContainsFunc(c.Dependencies(), func(s *chart.Chart) bool { return s.Name() == dep.Name }) {
			continue
		}
		from := ""
		if dep.Repository != "" {
			from = fmt.Sprintf(" from %q", dep.Repository)
		}
		l.problems = append(l.problems, Problem{
			Code: gatehouse.GapUnresolved, Path: origin, Entry: dep.Name,
			Reason: fmt.Sprintf("the dependency %q %s%s of the chart %q is not in charts/, and nothing is downloaded; run \"helm dependency build\" before the scan, or disable the dependency in the values", dep.Name, dep.Version, from, c.Name()),
		})
	}
	for _, sub := range c.Dependencies() {
		l.visit(sub, l.home(sub, dir))
	}
}

// home is the directory or archive of a dependency of the chart in dir.
func (l *layout) home(sub *chart.Chart, dir string) string {
	if strings.HasSuffix(dir, ".tgz") {
		return dir
	}
	for _, raw := range sub.Raw {
		if raw.Name != "Chart.yaml" {
			continue
		}
		if p := l.file(raw.Data, ""); p != "" {
			return path.Dir(p)
		}
	}
	prefix := path.Join(dir, "charts") + "/"
	best := ""
	for name := range l.files {
		rest, ok := strings.CutPrefix(name, prefix)
		if ok && strings.HasSuffix(rest, ".tgz") && !strings.Contains(rest, "/") && strings.HasPrefix(rest, sub.Metadata.Name) && (best == "" || name < best) {
			best = name
		}
	}
	if best == "" { // an alias
		best = dir
	}
	return best
}

// file finds the file that holds exactly these bytes, in memory.
func (l *layout) file(data []byte, prefer string) string {
	if len(data) == 0 {
		return ""
	}
	if d := l.files[prefer]; len(d) > 0 && &d[0] == &data[0] {
		return prefer
	}
	for name, d := range l.files {
		if len(d) > 0 && &d[0] == &data[0] {
			return name
		}
	}
	return ""
}

func sorted(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
