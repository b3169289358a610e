package inventory

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// isWorkflow reports whether a file is a workflow of GitHub or of a forge that
// runs the same.
func isWorkflow(name string) bool {
	dir := path.Dir(name)
	return path.Base(dir) == "workflows" && (strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml")) &&
		strings.Contains(" .github .gitea .forgejo ", " "+path.Base(path.Dir(dir))+" ")
}

// parseWorkflow reads a workflow or an action; see
// https://docs.github.com/actions/reference/workflow-syntax.
func parseWorkflow(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	jobs, runs := yamlField(root, "jobs"), yamlField(root, "runs")
	if !isYAMLMap(jobs) && !isYAMLMap(runs) {
		if isWorkflow(f.Path) {
			return inv, errors.New("it is no workflow: it has no jobs")
		}
		inv.Skip = "not an action: it runs nothing"
		return inv, nil
	}
	for _, job := range yamlPairs(jobs) {
		inv.addUses(yamlField(job, "uses"))
		inv.addJobImage(yamlField(job, "container"))
		for _, service := range yamlPairs(yamlField(job, "services")) {
			inv.addJobImage(service)
		}
		for step := range yamlItems(yamlField(job, "steps")) {
			inv.addUses(yamlField(step, "uses"))
		}
	}
	for step := range yamlItems(yamlField(runs, "steps")) {
		inv.addUses(yamlField(step, "uses"))
	}
	if image := yamlField(runs, "image"); strings.HasPrefix(yamlText(image), "docker://") {
		inv.addJobImage(image)
	}
	return inv, nil
}

// addJobImage adds an image that is written as text or as a map.
func (inv *Inventory) addJobImage(n *yaml.Node) {
	for _, key := range []string{"image", "name"} {
		if image := yamlField(n, key); image != nil {
			n = image
			break
		}
	}
	if text := yamlText(n); text != "" {
		inv.addImage(text, n.Line, gatehouse.ScopeBuild)
	}
}

var (
	// exactRef is a tag that names one version.
	exactRef = lazyregexp.New(`^v?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$`)
	// pinComment is the comment that says which version a commit is, as
	// Dependabot and Renovate write it.
	pinComment = lazyregexp.New(`^#+\s*(?:tag=|frozen:\s*|pin@|renovate:.*=|ratchet:\S*@)?(v?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?)\b`)
)

// addUses adds what a step or a job uses.
func (inv *Inventory) addUses(n *yaml.Node) {
	text := yamlText(n)
	switch {
	case text == "", strings.HasPrefix(text, "./"), strings.HasPrefix(text, "../"):
		return // part of the repository, and read there
	case strings.HasPrefix(text, "docker://"):
		inv.addImage(text, n.Line, gatehouse.ScopeBuild)
		return
	}
	name, ref, ok := strings.Cut(text, "@")
	parts := strings.SplitN(strings.TrimPrefix(name, "https://github.com/"), "/", 3)
	if !ok || ref == "" || len(parts) < 2 || parts[0] == "" || parts[1] == "" || strings.ContainsAny(text, "${} ") {
		inv.gap(gatehouse.GapParse, n.Line, text, fmt.Sprintf("%q is no action or workflow (owner/repository@ref)", text))
		return
	}
	p := Package{Eco: GitHubActions, Name: parts[0] + "/" + parts[1], Version: ref, Line: n.Line, Direct: true, Scope: gatehouse.ScopeBuild, Requirement: ref}
	p.Origin = repository("https://github.com/"+p.Name, ref)
	switch comment := pinComment().FindStringSubmatch(n.LineComment); {
	case p.Origin.Pinned && comment != nil:
		p.Version = comment[1]
	case p.Origin.Pinned:
		p.Unmatched = "it is pinned to a commit and no comment says which version that is; write it behind, as in \"# v1.2.3\""
	case !exactRef().MatchString(ref):
		p.Unmatched = fmt.Sprintf("%q is another version whenever somebody moves it; pin the full id of a commit, with its version as a comment", ref)
	}
	inv.add(p)
}
