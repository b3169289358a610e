package inventory

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
)

// parseHelm reads Chart.yaml and Chart.lock, and requirements.yaml and .lock of
// Helm 2; see https://helm.sh/docs/topics/charts.
func parseHelm(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	if !isYAMLMap(root) {
		return inv, errors.New("it is no map, so it is nothing of a Helm chart")
	}
	isLock := path.Ext(f.Path) == ".lock"
	asked := map[string]string{}
	locked := map[string]bool{}
	for _, p := range slices.Sorted(maps.Keys(f.Others)) {
		if p == f.Path || path.Dir(p) != path.Dir(f.Path) {
			continue
		}
		other, err := yamlTree(PlainText(f.Others[p].Data))
		if err != nil {
			continue // said where it is scanned itself
		}
		for d := range yamlItems(yamlField(other, "dependencies")) {
			name := yamlText(yamlField(d, "name"))
			asked[name], locked[name] = yamlText(yamlField(d, "version")), true
		}
	}
	for d := range yamlItems(yamlField(root, "dependencies")) {
		name, version := yamlText(yamlField(d, "name")), yamlText(yamlField(d, "version"))
		if name == "" {
			inv.gap(gatehouse.GapUnresolved, d.Line, "", "a dependency has no name")
			continue
		}
		if !isLock && locked[name] {
			continue // the lockfile says which version
		}
		p := Package{Eco: Helm, Name: name, Version: version, Line: d.Line, Direct: true, Scope: gatehouse.ScopeRuntime, Requirement: version}
		switch {
		case isLock:
			p.Requirement = asked[name]
		case !exactRef().MatchString(version):
			p.Version = "" // a range
		}
		helmOrigin(&p, yamlText(yamlField(d, "repository")), yamlField(d, "condition"))
		inv.add(p)
	}
	return inv, nil
}

func helmOrigin(p *Package, repository string, condition *yaml.Node) {
	if condition != nil {
		p.Scope = gatehouse.ScopeOptional
	}
	switch {
	case repository == "", strings.HasPrefix(repository, "file://"):
		p.FirstParty = true // in charts/, and read there
	default:
		// A repository may give another chart under the same version.
		p.Origin = &gatehouse.Origin{Kind: "registry", URL: redactURL(repository)}
	}
}
