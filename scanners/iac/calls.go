package iac

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
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

// scanCalls looks at what files do when others of the same repository call
// them: it reports what is not found in the file alone.
func (s *scanner) scanCalls(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	pipes := map[string]*pipeline.Pipeline{} // by path in the repository
	full := func(name string) string { return path.Join(g.Dir, name) }
	for name, f := range g.Files {
		docs, err := document.Parse(f.Data)
		if err != nil || len(docs) != 1 {
			continue // a failure of the file
		}
		if pipe := pipeline.Read(name, docs[0]); pipe != nil && pipe.System == pipeline.GitHub {
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
		out := newOnce(p)
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
