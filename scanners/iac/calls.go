package iac

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/pipeline"
)

// typeCalls is the type of groups of files that call each other.
const typeCalls = "pipeline-calls"

// callGroups makes a group of the workflows and actions of each repository. It
// owns none of them: what a file says by itself is found when it is scanned
// alone.
func callGroups(files []gatehouse.FileInfo) []gatehouse.Group {
	index := map[string]int{}
	var groups []gatehouse.Group
	for _, f := range files {
		dir, ok := pipeline.RepositoryOf(f.Path)
		if !ok {
			continue
		}
		i, seen := index[dir]
		if !seen {
			i = len(groups)
			index[dir] = i
			groups = append(groups, gatehouse.Group{Type: typeCalls, Dir: dir})
		}
		groups[i].Context = append(groups[i].Context, f.Path)
	}
	for _, f := range files {
		if !pipeline.IsActionFile(f.Path) {
			continue
		}
		for dir := path.Dir(f.Path); ; dir = path.Dir(dir) {
			if i, ok := index[dir]; ok {
				groups[i].Context = append(groups[i].Context, f.Path)
				break
			}
			if dir == "." || dir == "/" {
				break
			}
		}
	}
	return groups
}

// typeParts is the type of groups of a pipeline and the files it may include.
const typeParts = "pipeline-parts"

// maxParts bounds the files that are looked up for includes in one repository.
const maxParts = 5000

// partGroups makes a group of each file that is the start of a pipeline of
// GitLab or Azure, and the YAML files below its directory. It owns none.
func partGroups(files []gatehouse.FileInfo) []gatehouse.Group {
	var groups []gatehouse.Group
	for _, f := range files {
		if pipeline.IncludesParts(f.Path) {
			groups = append(groups, gatehouse.Group{Type: typeParts, Dir: path.Dir(f.Path), Context: []string{f.Path}})
		}
	}
	for i := range groups {
		g := &groups[i]
		for _, f := range files {
			below := g.Dir == "." || strings.HasPrefix(f.Path, g.Dir+"/")
			if ext := path.Ext(f.Path); below && (ext == ".yml" || ext == ".yaml") && f.Bytes <= maxContextBytes && f.Path != g.Context[0] && len(g.Context) < maxParts {
				g.Context = append(g.Context, f.Path)
			}
		}
	}
	return groups
}

// scanParts says which files a pipeline includes that are not there. What is in
// those that are is found when they are scanned alone.
func (s *scanner) scanParts(g *gatehouse.Group, p *gatehouse.Pass) error {
	start := g.Context[0]
	f := g.Files[start]
	if f == nil {
		return nil // a failure of the file
	}
	docs, err := document.Parse(f.Data)
	if err != nil {
		return nil // the same
	}
	for _, doc := range docs {
		pipe := pipeline.Read(start, doc)
		if pipe == nil {
			continue
		}
		for _, part := range pipe.Parts {
			if !slices.ContainsFunc(g.Context, func(name string) bool { return part.Names(start, name) }) {
				p.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: start, Line: part.Line,
					Reason: fmt.Sprintf("it includes %q, which is not in the target, so that part of the pipeline was not judged", part.Path)})
			}
		}
	}
	return nil
}

// scanCalls looks at what files do when others of the same repository call
// them: it reports what is not found in the file alone.
func (s *scanner) scanCalls(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	pipes := map[string]*pipeline.Pipeline{} // by path in the repository
	ignores := ignore.NewSet(s.now)
	full := func(name string) string { return path.Join(g.Dir, name) }
	for name, f := range g.Files {
		docs, err := document.Parse(f.Data)
		if err != nil || len(docs) != 1 {
			continue // a failure of the file
		}
		if pipe := pipeline.Read(name, docs[0]); pipe != nil && pipe.System == pipeline.GitHub {
			// What asks for them is counted when the file is scanned alone.
			ignores.YAML(name, f.Data, docs, false)
			pipes[strings.TrimPrefix(name, strings.TrimPrefix(g.Dir+"/", "./"))] = pipe
		}
	}
	called, gaps := pipeline.FollowCalls(pipes)
	for name, list := range gaps {
		for _, gap := range list {
			p.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: full(name), Line: gap.Line, Reason: gap.Reason})
		}
	}
	if len(called) > 0 {
		s.prove(typePipeline, p)
	}
	for _, c := range called {
		var alone, fromCallers recorder
		if err := s.scanPipeline(ctx, full(c.Path), pipes[c.Path], &alone); err != nil {
			return err
		}
		if err := s.scanPipeline(ctx, full(c.Path), c.Pipeline, &fromCallers); err != nil {
			return err
		}
		known := map[string]bool{}
		for _, f := range alone.findings {
			known[sameKey(f)] = true
		}
		out := s.heeding(newOnce(p), ignores)
		for _, f := range fromCallers.findings {
			if !known[sameKey(f)] {
				f.Message += " It is called by " + names(c.Callers) + "."
				out.Report(f)
			}
		}
	}
	return nil
}

// names lists paths, the first three if there are more.
func names(all []string) string {
	if len(all) > 3 {
		return strings.Join(all[:3], ", ") + " and others"
	}
	return strings.Join(all, ", ")
}

// sameKey is the same for two findings of one file that say the same.
func sameKey(f gatehouse.Finding) string {
	return fmt.Sprintf("%s\x00%d\x00%s", f.Rule, f.Location.Line, f.Message)
}
