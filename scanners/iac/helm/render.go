package helm

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/template"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	helmchart "helm.sh/helm/v4/pkg/chart"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

const (
	// maxIncludes bounds how deeply includes nest. Helm allows 1,000 of the
	// same name.
	maxIncludes = 1000
	// maxTpl bounds how deeply tpl calls nest; each clones all templates.
	maxTpl = 50
	// maxRendered bounds the text of one template. Kubernetes refuses objects
	// over 1.5 MiB (the default of etcd's --max-request-bytes).
	maxRendered = 16 << 20
)

// source is a template and the values it sees.
type source struct {
	text     string
	values   map[string]any
	basePath string
}

// renderer renders the templates of one chart and its dependencies.
type renderer struct {
	ctx      context.Context //nolint:containedctx // one rendering, one context
	includes int             // that are running
	tpls     int
}

// renderAll renders each template on its own.
func renderAll(ctx context.Context, c *chart.Chart, values common.Values, paths map[string]string) (manifests []Manifest, problems []Problem) {
	sources := map[string]source{}
	collect(c, sources, values)
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	// Templates of the outer chart come last, so that what they define wins.
	sort.Slice(names, func(i, j int) bool {
		a, b := strings.Count(names[i], "/"), strings.Count(names[j], "/")
		if a != b {
			return a > b
		}
		return names[i] > names[j]
	})
	fail := func(name string, err error) {
		problems = append(problems, Problem{Code: gatehouse.GapParse, Path: paths[name], Entry: name, Failed: true,
			Reason: "the template cannot be rendered: " + explain(err) + hint(err, sources)})
	}
	r := &renderer{ctx: ctx}
	root := template.New("gatehouse").Option("missingkey=zero")
	root.Funcs(functions()).Funcs(r.late(root))
	parsed := names[:0:0]
	for _, name := range names {
		if _, err := parse(root.New(name), sources[name].text); err != nil {
			fail(name, err)
			continue
		}
		parsed = append(parsed, name)
	}
	parsed = slices.DeleteFunc(parsed, func(name string) bool {
		return strings.HasPrefix(path.Base(name), "_") || path.Base(name) == "NOTES.txt"
	})
	for i, name := range parsed {
		if t := root.Lookup(name); t != nil && t.Tree != nil {
			mark(i, sources[name].text, t.Tree.Root)
		}
	}
	for i, name := range parsed {
		s := sources[name]
		s.values["Template"] = map[string]any{"Name": name, "BasePath": s.basePath}
		r.includes, r.tpls = 0, 0
		text, err := r.execute(root, name, s.values)
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil
			}
			fail(name, err)
			continue
		}
		text, lines := unmark(i, text)
		if strings.TrimSpace(text) != "" {
			manifests = append(manifests, Manifest{Path: paths[name], Text: []byte(text), Lines: lines})
		}
	}
	return manifests, problems
}

// control finds the actions that nest.
var control = regexp.MustCompile(`\{\{-?\s*(if|with|range|block|define|else\s+(?:if|with)|end)\b`)

// parse adds a template, unless it nests so deeply that the recursive parser
// could run out of stack.
func parse(t *template.Template, text string) (*template.Template, error) {
	depth, chained := 0, 0
	for _, m := range control.FindAllStringSubmatch(text, -1) {
		switch {
		case m[1] == "end":
			depth = max(0, depth-1)
		case strings.HasPrefix(m[1], "else"):
			chained++ // each nests in the one before
		default:
			depth++
		}
		if depth > limits.MaxNesting || chained > 10*limits.MaxNesting {
			return nil, fmt.Errorf("it nests deeper than the limit of %d levels", limits.MaxNesting)
		}
	}
	return t.Parse(text)
}

// collect gathers the templates of a chart and its dependencies. A chart sees
// its own part of the values.
func collect(c *chart.Chart, sources map[string]source, parent common.Values) map[string]any {
	accessor, err := helmchart.NewAccessor(c)
	if err != nil {
		return nil // a chart of the loader always has one
	}
	metadata := accessor.MetadataAsMap()
	metadata["IsRoot"] = accessor.IsRoot()
	subcharts := map[string]any{}
	own := map[string]any{
		"Chart": metadata, "Files": newFiles(c.Files), "Release": parent["Release"],
		"Capabilities": parent["Capabilities"], "Values": common.Values{}, "Subcharts": subcharts,
	}
	if accessor.IsRoot() {
		own["Values"] = parent["Values"]
	} else if values, err := parent.Table("Values." + c.Name()); err == nil {
		own["Values"] = values
	}
	for _, sub := range c.Dependencies() {
		subcharts[sub.Name()] = collect(sub, sources, own)
	}
	base := c.ChartFullPath()
	for _, t := range c.Templates {
		if t == nil || accessor.IsLibraryChart() && !strings.HasPrefix(path.Base(t.Name), "_") {
			continue
		}
		sources[path.Join(base, t.Name)] = source{text: string(t.Data), values: own, basePath: path.Join(base, "templates")}
	}
	return own
}

// execute renders a template within bounds.
func (r *renderer) execute(t *template.Template, name string, values any) (_ string, err error) {
	defer func() {
		if p := recover(); p != nil { // template functions panic on odd values
			err = fmt.Errorf("%v", p)
		}
	}()
	w := &writer{ctx: r.ctx}
	if err := t.ExecuteTemplate(w, name, values); err != nil {
		return "", err
	}
	// A value that is missing prints so, whatever the option says.
	return strings.ReplaceAll(w.text.String(), "<no value>", ""), nil
}

type writer struct {
	ctx  context.Context //nolint:containedctx // one rendering, one context
	text strings.Builder
}

func (w *writer) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if w.text.Len()+len(b) > maxRendered {
		return 0, fmt.Errorf("it gives more than the limit of %d bytes", maxRendered)
	}
	return w.text.Write(b)
}

// late are the functions that need the templates.
func (r *renderer) late(t *template.Template) template.FuncMap {
	return template.FuncMap{
		"include": func(name string, data any) (string, error) {
			if r.includes++; r.includes > maxIncludes {
				return "", fmt.Errorf("includes nest deeper than %d", maxIncludes)
			}
			defer func() { r.includes-- }()
			text, err := r.execute(t, name, data)
			return withoutMarks(text), err
		},
		"tpl": func(text string, data any) (string, error) {
			if r.tpls++; r.tpls > maxTpl {
				return "", fmt.Errorf("calls of tpl nest deeper than %d", maxTpl)
			}
			defer func() { r.tpls-- }()
			clone, err := t.Clone()
			if err != nil {
				return "", err
			}
			clone.Option("missingkey=zero").Funcs(r.late(clone))
			const name = "tpl"
			if _, err := parse(clone.New(name), text); err != nil {
				return "", err
			}
			text, err = r.execute(clone, name, data)
			return withoutMarks(text), err
		},
	}
}

// valueName finds the values that a line of a template takes.
var valueName = regexp.MustCompile(`\.Values((?:\.[A-Za-z_]\w*)+)`)

// hint says which value may be missing, if the line of the error takes one.
func hint(err error, sources map[string]source) string {
	exec, ok := errors.AsType[template.ExecError](err)
	if !ok {
		return ""
	}
	// "template: chart/templates/x.yaml:3:5: executing …"; of nested ones the
	// innermost counts.
	places := errorPlace.FindAllStringSubmatch(exec.Error(), -1)
	if len(places) == 0 {
		return ""
	}
	last := places[len(places)-1]
	line, err := strconv.Atoi(last[2])
	text := strings.Split(sources[last[1]].text, "\n")
	if err != nil || line < 1 || line > len(text) {
		return ""
	}
	var names []string
	for _, m := range valueName.FindAllStringSubmatch(text[line-1], -1) {
		if name := strings.TrimPrefix(m[1], "."); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "; give the values that it needs under iac.helm in gatehouse.yaml, or with --helm-values"
	}
	return fmt.Sprintf("; it takes the value %s: give it under iac.helm in gatehouse.yaml, or with --helm-set", strings.Join(names, " or "))
}

var errorPlace = regexp.MustCompile(`template: ([^\s:]+):(\d+):\d+: executing`)

// explain is the innermost message of an error of a template, with its place.
func explain(err error) string {
	place := ""
	if exec, ok := errors.AsType[template.ExecError](err); ok {
		// "template: chart/templates/x.yaml:3:5: executing …"
		if rest, ok := strings.CutPrefix(exec.Error(), "template: "); ok {
			place, _, _ = strings.Cut(rest, ": ")
			place += ": "
		}
	}
	msg := strings.Join(strings.Fields(err.Error()), " ")
	if i := strings.LastIndex(msg, "error calling "); i >= 0 {
		msg = place + msg[i:]
	}
	return strings.TrimSuffix(strings.TrimPrefix(msg, "template: "), ".")
}
