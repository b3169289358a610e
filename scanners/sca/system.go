package sca

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
	"github.com/gatehouse-sec/gatehouse/internal/osvuln"
)

// journal is what SQLite appends to the name of a database for the file with
// changes that are not in it yet.
const journal = "-wal"

// systemGroups puts the databases of packages below each root of an operating
// system together with the files that say which system it is.
func systemGroups(files []gatehouse.FileInfo) []gatehouse.Group {
	byRoot := map[string]*gatehouse.Group{}
	var all []*gatehouse.Group
	size := make(map[string]int64, len(files))
	for _, f := range files {
		size[f.Path] = f.Bytes
	}
	for _, f := range files {
		root, kind := ospkg.Locate(f.Path)
		if kind == "" {
			continue
		}
		g := byRoot[root]
		if g == nil {
			g = &gatehouse.Group{Type: systemGroup, Dir: root, Large: true}
			for _, p := range ospkg.ReleasePaths() {
				if p = path.Join(root, p); size[p] > 0 {
					g.Context = append(g.Context, p)
				}
			}
			byRoot[root], all = g, append(all, g)
		}
		g.Owned = append(g.Owned, f.Path)
		if size[f.Path+journal] > 0 {
			g.Context = append(g.Context, f.Path+journal)
		}
	}
	groups := make([]gatehouse.Group, len(all))
	for i, g := range all {
		groups[i] = *g
	}
	return groups
}

// scanSystem lists the packages of an operating system and matches them.
func (s *scanner) scanSystem(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	release := releaseOf(g)
	packages := map[ospkg.Kind][]ospkg.Package{}
	paths := map[ospkg.Kind][]string{} // of each package
	for _, file := range g.Owned {
		f := g.Files[file]
		if f == nil {
			continue // already a failure in the coverage
		}
		_, kind := ospkg.Locate(file)
		found, problems, err := ospkg.Parse(kind, f.Data)
		for _, problem := range problems {
			p.Gap(gatehouse.Gap{Code: gatehouse.GapParse, Path: file, Line: problem.Line, Entry: problem.Entry, Reason: problem.Reason})
		}
		if err != nil {
			p.FailFile(file, err.Error())
		}
		if slices.Contains(g.Context, file+journal) {
			p.Gap(gatehouse.Gap{Code: gatehouse.GapParse, Path: file + journal, Reason: fmt.Sprintf(
				"it holds changes that are not in %s yet and are not read; run any command of rpm on that system, such as rpm -qa, to write them there", path.Base(file))})
		}
		packages[kind] = append(packages[kind], found...)
		paths[kind] = append(paths[kind], slices.Repeat([]string{file}, len(found))...)
	}
	for _, kind := range []ospkg.Kind{ospkg.Dpkg, ospkg.APK, ospkg.RPM} {
		if len(packages[kind]) == 0 {
			continue
		}
		if err := s.matchSystem(ctx, release, kind, packages[kind], paths[kind], p); err != nil {
			return err
		}
	}
	return nil
}

// releaseOf reads the first file that says which system it is.
func releaseOf(g *gatehouse.Group) ospkg.Release {
	for _, name := range ospkg.ReleasePaths() {
		f := g.Files[path.Join(g.Dir, name)]
		if f == nil {
			continue
		}
		if r, err := ospkg.ParseRelease(name, f.Data); err == nil {
			return r
		}
	}
	return ospkg.Release{}
}

func (s *scanner) matchSystem(ctx context.Context, release ospkg.Release, kind ospkg.Kind, packages []ospkg.Package, paths []string, p *gatehouse.Pass) error {
	system, unknown := osvuln.Of(release, kind)
	for i, c := range system.Components(packages) {
		c.Location.Path = paths[i]
		p.AddComponent(c)
	}
	why := func(code gatehouse.GapCode, reason string) {
		p.Gap(gatehouse.Gap{Code: code, Path: paths[0], Entry: cmp.Or(system.Ecosystem, release.ID, string(kind)), Reason: reason})
	}
	n := count(len(packages)) + " not matched"
	switch {
	case unknown != nil:
		why(gatehouse.GapUnmatched, fmt.Sprintf("%s: %v; check them by other means and waive this", n, unknown))
		return nil
	case s.matcher == nil:
		why(gatehouse.GapDatabase, fmt.Sprintf("%s: %s", n, s.why))
		return nil
	}
	covered, err := system.Covers(s.matcher.db)
	if err != nil {
		return databaseError(err)
	}
	if !covered {
		why(gatehouse.GapDatabase, fmt.Sprintf("%s: the vulnerability database has no advisories for %s; import or pull one that has%s", n, system.Label, hint(system)))
		return nil
	}
	if end := system.EndOfLife(); end != "" && end < s.matcher.db.Info().UpdatedAt {
		why(gatehouse.GapUnmatched, fmt.Sprintf("%s reached its end of life on %s, and what was found since is not published for it: its advisories are complete up to then only; move to a release that is supported", system.Label, end))
	}
	result, err := system.Match(ctx, s.matcher.db, packages)
	for _, f := range result.Findings {
		f.Location.Path = paths[f.Package]
		p.Report(f.Finding)
	}
	for _, g := range result.Gaps {
		g.Path = paths[max(0, g.Package)]
		p.Gap(g.Gap)
	}
	if err != nil && ctx.Err() == nil {
		return databaseError(err)
	}
	return err
}

// hint says where advisories can be had that trivy-db keeps in a form of its
// own.
func hint(s *osvuln.System) string {
	if strings.HasPrefix(s.Ecosystem, "Red Hat ") {
		return " (trivy-db has those of Red Hat by content set, which is not read; `gatehouse db import` takes them as OSV)"
	}
	return ""
}

// checkSystems makes sure that the database finds a package that it calls
// affected, for each system that it covers: what a known-bad sample is for
// lockfiles. It returns how many it covers.
func checkSystems(db Database) (int, error) {
	covered := 0
	for _, name := range db.Systems() {
		system := osvuln.Named(name)
		if system == nil {
			continue
		}
		covered++
		ok, err := system.Finds(db)
		if err == nil && !ok {
			err = fmt.Errorf("the vulnerability database has advisories for %s, and finds none of the packages that they are about: it is not usable; run `gatehouse db import` or `gatehouse db pull` again", name)
		}
		if err != nil {
			return covered, err
		}
	}
	return covered, nil
}
