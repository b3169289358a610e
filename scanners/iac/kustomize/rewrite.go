package kustomize

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// rewriter resolves what a kustomization refers to, and takes out what is not
// there or is not done.
type rewriter struct {
	tree *Tree
	unit *unit
}

func (r *rewriter) gap(entry, format string, args ...any) {
	r.tree.Problems = append(r.tree.Problems, Problem{
		Code: gatehouse.GapUnresolved, Path: r.unit.file, Line: lineOf(r.unit.doc, entry), Entry: entry, Reason: fmt.Sprintf(format, args...),
	})
}

func (r *rewriter) rewrite() {
	k := &r.unit.k
	r.charts()
	r.resources(k.Resources)
	r.components(k.Components)
	for i := range k.ConfigMapGenerator {
		r.generator(&k.ConfigMapGenerator[i].KvPairSources, false)
	}
	for i := range k.SecretGenerator {
		r.generator(&k.SecretGenerator[i].KvPairSources, true)
	}
	r.plugins("generator", k.Generators)
	r.patches()
	r.replacements()
	r.plugins("transformer", k.Transformers)
	// These describe fields for kustomize, and deploy nothing.
	for _, e := range slices.Concat(k.Crds, k.Configurations, k.Validators, []string{k.OpenAPI["path"]}) {
		if _, p, _ := r.resolve(e); p != "" && !slices.ContainsFunc(r.unit.resources, func(x entry) bool { return x.file == p }) {
			r.tree.Used[p] = true
		}
	}
}

// resolve finds what an entry refers to: a kustomization, a file, or neither,
// for which it says why.
func (r *rewriter) resolve(entry string) (*unit, string, string) {
	if remote(entry) {
		return nil, "", "is remote, and nothing is downloaded; copy it into the target, for example with \"kustomize localize\""
	}
	p := path.Join(r.unit.dir, entry)
	if path.IsAbs(entry) || p == ".." || strings.HasPrefix(p, "../") {
		return nil, "", "is outside of the target, and is not read"
	}
	if u := r.tree.byDir[p]; u != nil {
		return u, "", ""
	}
	if _, ok := r.tree.files[p]; ok {
		return nil, p, ""
	}
	if looksRemote(entry) {
		return nil, "", "is not in the target; if it is remote: nothing is downloaded, so copy it into the target, for example with \"kustomize localize\""
	}
	return nil, "", "is not in the target, is excluded or too large, or is a directory without a kustomization that can be read"
}

// remote reports whether an entry can only be an address.
func remote(entry string) bool {
	return strings.Contains(entry, "://") || strings.HasPrefix(entry, "git@") || strings.HasPrefix(entry, "git::") || strings.Contains(entry, "?ref=")
}

// looksRemote reports whether an entry that is not there starts like a host.
func looksRemote(entry string) bool {
	host, _, more := strings.Cut(entry, "/")
	return more && strings.Contains(strings.Trim(host, "."), ".") || strings.Contains(entry, ":")
}

// file resolves an entry that must be a file with documents within bounds; ""
// if it is not.
func (r *rewriter) file(what, entry string) string {
	u, p, why := r.resolve(entry)
	if u != nil {
		why = "is a directory"
	}
	if why == "" {
		r.tree.Used[p] = true
		if _, err := document.Parse(r.tree.files[p]); err != nil {
			why = fmt.Sprintf("cannot be read (%v)", err)
		}
	}
	if why != "" {
		r.gap(entry, "the %s %q %s; what it changes is not known", what, entry, why)
		return ""
	}
	return p
}

func (r *rewriter) resources(entries []string) {
	for _, e := range entries {
		u, p, why := r.resolve(e)
		switch {
		case why != "":
			r.gap(e, "the resource %q %s; what it deploys is not looked at", e, why)
		case u != nil && u.component:
			r.gap(e, "%q is a component, which kustomize takes only from \"components\"; move it there", e)
		case u != nil:
			r.unit.resources = append(r.unit.resources, entry{unit: u})
		default:
			// If it cannot be read, that is said by the one who reads it alone.
			if _, err := document.Parse(r.tree.files[p]); err != nil {
				r.gap(e, "the resource %q cannot be read: %v", e, err)
				continue
			}
			r.tree.Used[p] = true
			r.unit.resources = append(r.unit.resources, entry{file: p})
		}
	}
}

func (r *rewriter) components(entries []string) {
	for _, e := range entries {
		u, _, why := r.resolve(e)
		switch {
		case why == "" && u == nil:
			why = "is a file"
		case why == "" && !u.component:
			why = "is not of the kind Component"
		}
		if why != "" {
			r.gap(e, "the component %q %s; what it changes is not known", e, why)
			continue
		}
		r.unit.components = append(r.unit.components, u)
	}
}

// charts takes out what only a run of helm could give.
func (r *rewriter) charts() {
	k := &r.unit.k
	home := "charts"
	if k.HelmGlobals != nil && k.HelmGlobals.ChartHome != "" {
		home = k.HelmGlobals.ChartHome
	}
	for _, c := range k.HelmCharts {
		chart := path.Join(r.unit.dir, home, c.Name)
		for _, f := range append([]string{c.ValuesFile}, c.AdditionalValuesFiles...) {
			if p := path.Join(r.unit.dir, f); f != "" && r.tree.files[p] != nil {
				r.tree.Used[p] = true
			}
		}
		if r.tree.files[path.Join(chart, "Chart.yaml")] != nil {
			r.gap(c.Name, "kustomize runs helm for the chart %q, which is not done here: %s is rendered and looked at on its own, without these values and patches; "+
				"name the values under iac.helm in gatehouse.yaml", c.Name, chart)
			continue
		}
		r.gap(c.Name, "kustomize runs helm for the chart %q, and no program is run and nothing downloaded; render it, and check what that gives", c.Name)
	}
}

// generator resolves the files of a generator. Files of secrets that are not
// there are the usual case, and no check reads what is in them.
func (r *rewriter) generator(s *types.KvPairSources, secret bool) {
	missing := func(entry, why string) {
		if !secret {
			r.gap(entry, "the file %q of a generator %s; its content is not looked at", entry, why)
		}
	}
	var files []string
	for _, e := range s.FileSources {
		key, name, ok := strings.Cut(e, "=")
		if !ok {
			key, name = path.Base(e), e
		}
		u, p, why := r.resolve(name)
		switch {
		case u != nil:
			missing(e, "is a directory")
		case why != "":
			missing(e, why)
		default:
			r.tree.Used[p] = true
			files = append(files, key+"="+p)
		}
	}
	var envs []string
	for _, e := range s.EnvSources {
		if u, p, why := r.resolve(e); why == "" && u == nil {
			r.tree.Used[p] = true
			envs = append(envs, p)
		} else {
			missing(e, why)
		}
	}
	s.FileSources, s.EnvSources, s.EnvSource = files, envs, ""
}

// patches makes one list of all patches.
func (r *rewriter) patches() {
	k := &r.unit.k
	var all []types.Patch
	for _, p := range k.PatchesStrategicMerge {
		all = append(all, r.fileOrText(string(p)))
	}
	k.Patches = r.each(append(append(all, k.PatchesJson6902...), k.Patches...))
}

// fileOrText tells patches that are files from those that are texts.
func (r *rewriter) fileOrText(p string) types.Patch {
	if strings.Contains(p, "\n") || strings.HasPrefix(strings.TrimSpace(p), "{") {
		return types.Patch{Patch: p}
	}
	return types.Patch{Path: p}
}

// each resolves patches, and leaves out those that cannot be read.
func (r *rewriter) each(all []types.Patch) (patches []types.Patch) {
	for _, p := range all {
		if p.Path != "" {
			if p.Path = r.file("patch", p.Path); p.Path == "" {
				continue
			}
		} else if _, err := document.Parse([]byte(p.Patch)); err != nil {
			r.gap("patches", "a patch in the kustomization cannot be read: %v", err)
			continue
		}
		patches = append(patches, p)
	}
	return patches
}

// replacements reads those that are in files.
func (r *rewriter) replacements() {
	k := &r.unit.k
	var all []types.ReplacementField
	for _, f := range k.Replacements {
		if f.Path == "" {
			all = append(all, f)
			continue
		}
		p := r.file("replacement", f.Path)
		if p == "" {
			continue
		}
		var many []types.Replacement
		var one types.Replacement
		if err := k8syaml.Unmarshal(r.tree.files[p], &many); err != nil {
			if k8syaml.Unmarshal(r.tree.files[p], &one) != nil {
				r.gap(f.Path, "the replacement %q cannot be read: %v", f.Path, err)
				continue
			}
			many = []types.Replacement{one}
		}
		for _, m := range many {
			all = append(all, types.ReplacementField{Replacement: m})
		}
	}
	k.Replacements = all
}

// plugins takes the built-in transformers, from files or texts.
func (r *rewriter) plugins(what string, entries []string) {
	for _, e := range entries {
		text := []byte(e)
		if !strings.Contains(e, "\n") {
			u, p, why := r.resolve(e)
			if u != nil {
				why = "is a directory"
				r.unit.generators = append(r.unit.generators, u)
			}
			if why != "" {
				r.gap(e, "the %s %q %s; what it makes is not looked at", what, e, why)
				continue
			}
			r.tree.Used[p] = true
			text = r.tree.files[p]
		}
		docs, err := document.Parse(text)
		if err != nil {
			r.gap(e, "a %s cannot be read: %v", what, err)
		}
		for _, doc := range docs {
			if err := r.plugin(what, doc); err != nil {
				r.gap(e, "the %s of kind %q %v; what it makes is not looked at", what, document.String(doc, "kind"), err)
			}
		}
	}
}

// plugin turns a built-in transformer into the field of a kustomization that
// does the same.
func (r *rewriter) plugin(what string, doc *yaml.Node) error {
	if what != "transformer" || document.String(doc, "apiVersion") != "builtin" {
		return errors.New("is a program or a function, and nothing is run")
	}
	text, err := yaml.Marshal(doc)
	if err != nil {
		return err
	}
	var c struct {
		types.Patch  `json:",inline"`
		Metadata     types.ObjectMeta  `json:"metadata"`
		Paths        []string          `json:"paths"`
		Patches      string            `json:"patches"`
		JSONOp       string            `json:"jsonOp"`
		ImageTag     types.Image       `json:"imageTag"`
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		Replica      types.Replica     `json:"replica"`
		Prefix       string            `json:"prefix"`
		Suffix       string            `json:"suffix"`
		Replacements []types.ReplacementField
	}
	if err := k8syaml.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	var k types.Kustomization
	switch document.String(doc, "kind") {
	case "PatchTransformer", "PatchJson6902Transformer":
		if c.Patch.Patch == "" {
			c.Patch.Patch = c.JSONOp
		}
		k.Patches = r.each([]types.Patch{c.Patch})
	case "PatchStrategicMergeTransformer":
		var all []types.Patch
		for _, p := range c.Paths {
			all = append(all, types.Patch{Path: p})
		}
		if c.Patches != "" {
			all = append(all, types.Patch{Patch: c.Patches})
		}
		k.Patches = r.each(all)
	case "ImageTagTransformer":
		k.Images = []types.Image{c.ImageTag}
	case "LabelTransformer":
		k.CommonLabels = c.Labels
	case "AnnotationsTransformer":
		k.CommonAnnotations = c.Annotations
	case "ReplicaCountTransformer":
		k.Replicas = []types.Replica{c.Replica}
	case "NamespaceTransformer":
		k.Namespace = c.Metadata.Namespace
	case "PrefixTransformer", "SuffixTransformer", "PrefixSuffixTransformer":
		k.NamePrefix, k.NameSuffix = c.Prefix, c.Suffix
	default:
		return errors.New("is not known")
	}
	r.unit.after = append(r.unit.after, k)
	return nil
}

// lineOf is the line before the first one of a text that stands in a document
// as a value, or for a value of one line its line; 0 if it does not.
func lineOf(doc *yaml.Node, value string) int {
	if doc.Kind == yaml.ScalarNode {
		if doc.Value == value {
			return doc.Line // a block starts on the next line
		}
		return 0
	}
	for _, child := range doc.Content {
		if line := lineOf(child, value); line > 0 {
			return line
		}
	}
	return 0
}
