package iac

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/kustomize"
)

const (
	// maxKustomizeBytes bounds the files that are kept until all that
	// kustomizations may refer to are read. The others are looked at alone.
	maxKustomizeBytes = 64 << 20
	// maxKustomizeContext bounds the other files that generators can read.
	maxKustomizeContext = 5000
)

// kustomizeGroup makes one group of all kustomizations and the documents
// beside and below them, but for those that belong to a chart. Which of them are
// patches is known only when they are read.
func kustomizeGroup(files []gatehouse.FileInfo, charts []gatehouse.Group) (gatehouse.Group, bool) {
	g := gatehouse.Group{Type: typeKustomize, Dir: "."}
	var dirs []string
	for _, f := range files {
		if kustomize.IsFile(f.Path) {
			dirs = append(dirs, path.Dir(f.Path))
		}
	}
	if len(dirs) == 0 {
		return g, false
	}
	inChart := map[string]bool{}
	for _, c := range charts {
		for _, p := range c.Owned {
			inChart[p] = true
		}
	}
	beside := func(name string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return dir == "." || strings.HasPrefix(name, dir+"/") })
	}
	kept := int64(0)
	for _, f := range files {
		document := kustomize.IsFile(f.Path) || isDocument(f.Path) && !isTerraform(f.Path)
		most := int64(maxContextBytes)
		if document { // definitions of custom resources are large
			most = limits.MaxGroupFileBytes
		}
		if f.Bytes > most || kept+f.Bytes > maxKustomizeBytes {
			continue
		}
		switch {
		case document && !inChart[f.Path] && !hidden(f.Path) && beside(f.Path):
			g.Owned = append(g.Owned, f.Path)
		case document || beside(f.Path) && len(g.Context) < maxKustomizeContext:
			g.Context = append(g.Context, f.Path)
		default:
			continue
		}
		kept += f.Bytes
	}
	return g, true
}

// hidden reports whether a file is below a directory such as .github.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, "/") || strings.Contains(path.Dir(name), "/.")
}

// scanKustomizations looks at what kustomizations deploy, and at the files
// that none of them uses.
func (s *scanner) scanKustomizations(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	files := make(map[string][]byte, len(g.Files))
	for name, f := range g.Files {
		files[name] = f.Data
	}
	tree := kustomize.Find(files)
	owned := map[string]bool{}
	for _, name := range g.Owned {
		owned[name] = true
	}
	if len(tree.Used) > 0 {
		s.prove(typeKubernetes, p)
	}
	found := newVariants()
	ignores := s.kustomizeIgnores(tree, files)
	loose, err := tree.Build(ctx, func(b kustomize.Build) error {
		out := s.heeding(found.of("in the build of "+b.Dir), ignores)
		for _, o := range b.Objects {
			if !isKubernetes(o.Node) {
				continue
			}
			m := manifest{typ: typeKustomize, path: o.Path, place: tree.Place}
			if err := s.scanManifest(ctx, o.Node, m, out); err != nil {
				return err
			}
		}
		return nil
	})
	found.report(p)
	if err != nil {
		return err // what was found until then counts
	}
	if err := s.scanRemotes(ctx, files, owned, s.heeding(newOnce(p), ignores)); err != nil {
		return err
	}
	s.reportIgnores(p, ignores, nil)
	for _, problem := range tree.Problems {
		if problem.Failed && owned[problem.Path] {
			p.FailFile(problem.Path, problem.Reason)
			continue
		}
		p.Gap(gatehouse.Gap{Code: problem.Code, Path: problem.Path, Line: problem.Line, Entry: problem.Entry, Reason: problem.Reason})
	}
	for _, name := range g.Owned {
		f := g.Files[name]
		if f == nil || tree.Used[name] && !slices.Contains(loose, name) {
			continue
		}
		if !want(f.FileInfo).Scan {
			continue // a file named Kustomization that is something else
		}
		p.File(name, func(p *gatehouse.Pass) error { return s.scanFile(ctx, f, p) })
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// scanRemotes judges what kustomizations take from elsewhere.
func (s *scanner) scanRemotes(ctx context.Context, files map[string][]byte, owned map[string]bool, out reporter) error {
	for _, name := range slices.Sorted(maps.Keys(owned)) {
		if !kustomize.IsFile(name) {
			continue
		}
		docs, err := document.Parse(files[name])
		if err != nil || len(docs) == 0 {
			continue // the tree has told
		}
		remotes := kustomize.Remotes(docs[0])
		if len(remotes) == 0 {
			continue
		}
		value, err := ast.InterfaceToValue(map[string]any{"remotes": remotes})
		if err != nil {
			return fmt.Errorf("make the input of checks: %w", err)
		}
		if err := s.evaluate(ctx, subject{typ: typeKustomize, input: checks.GitOps, value: value, path: name, line: 1}, out); err != nil {
			return err
		}
	}
	return nil
}

// kustomizeIgnores are the requests in files that kustomizations use; in others
// they are heeded by who looks at the file.
func (s *scanner) kustomizeIgnores(tree *kustomize.Tree, files map[string][]byte) *ignore.Set {
	ignores := ignore.NewSet(s.now)
	for _, name := range slices.Sorted(maps.Keys(tree.Used)) {
		if docs, err := document.Parse(files[name]); err == nil && isDocument(name) {
			ignores.YAML(name, files[name], docs, false)
		}
	}
	return ignores
}
