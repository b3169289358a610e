package iac

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// assemblyGroups finds the cloud assemblies that "cdk synth" writes: a manifest
// with the templates beside it, which are read as CloudFormation. Each must be
// there.
// https://docs.aws.amazon.com/cdk/v2/guide/deploy.html#deploy-how-synth-assembly
func assemblyGroups(files []gatehouse.FileInfo) []gatehouse.Group {
	manifests := map[string]int{} // by directory
	var groups []gatehouse.Group
	for _, f := range files {
		dir := path.Dir(f.Path)
		if base := path.Base(dir); path.Base(f.Path) == "manifest.json" && (base == "cdk.out" || strings.HasPrefix(base, "assembly-")) {
			manifests[dir] = len(groups)
			groups = append(groups, gatehouse.Group{Type: typeCDK, Dir: dir, Owned: []string{f.Path}})
		}
	}
	for _, f := range files {
		if i, ok := manifests[path.Dir(f.Path)]; ok && strings.HasSuffix(f.Path, ".template.json") {
			groups[i].Context = append(groups[i].Context, f.Path)
		}
	}
	return groups
}

// scanAssembly checks that the templates of all stacks of an assembly are
// there.
func (s *scanner) scanAssembly(_ context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	name := path.Join(g.Dir, "manifest.json")
	f := g.Files[name]
	if f == nil {
		return nil // it is a failure already
	}
	var manifest struct {
		Version   string
		Artifacts map[string]struct {
			Type       string
			Properties struct {
				TemplateFile  string `json:"templateFile"`
				DirectoryName string `json:"directoryName"`
			}
		}
	}
	if err := json.Unmarshal(f.Data, &manifest); err != nil {
		return fmt.Errorf("parse the manifest of the CDK: %w", err)
	}
	var missing []string
	for id, a := range manifest.Artifacts {
		if a.Type == "aws:cloudformation:stack" && g.Files[path.Join(g.Dir, a.Properties.TemplateFile)] == nil {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	for _, id := range missing {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: name, Entry: id,
			Reason: fmt.Sprintf("the template %q of the stack %s is not beside the manifest; run \"cdk synth\" again", manifest.Artifacts[id].Properties.TemplateFile, id)})
	}
	return nil
}
