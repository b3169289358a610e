// Package sca finds dependencies with known vulnerabilities: it reads
// lockfiles and manifests of all common package managers, lists what they name
// as components, and matches each against a vulnerability database.
//
// What cannot be judged is said: a dependency that is not locked, an entry
// without a version, a version that cannot be compared, a registry for which
// the database has no advisories, no database at all.
//
// It reads nothing but the bytes it is given: no network, no environment, no
// package caches of the machine.
//
// # Logging
//
// Importing this package links github.com/aquasecurity/trivy/pkg/log, which
// makes a handler the default of log/slog that keeps all records and is not
// safe for concurrent use. A program must call [log/slog.SetDefault] with a
// handler of its own before it scans.
package sca

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Name is the name of the scanner.
const Name = "sca"

// resultVersion changes with each change of the code that gives other results.
const resultVersion = "4"

// New returns the scanner. Without a database (nil) it lists components only,
// and each file with packages gets a gap that says why: a sentence with the
// next step; if it is empty, that there is none and how to get one. An error
// means that the database cannot be relied on.
func New(db Database, why string) (*gatehouse.Scanner, error) {
	s := &scanner{}
	sc := &gatehouse.Scanner{
		Name: Name,
		Doc: "Dependencies with known vulnerabilities\n\n" +
			"Reads lockfiles and manifests, lists the packages they name, and matches each against the vulnerability database.",
		Reads:     "lockfiles and manifests of package managers",
		Version:   resultVersion,
		Want:      want,
		ScanFile:  s.scanFile,
		Groups:    groups,
		ScanGroup: s.scanGroup,
	}
	if db == nil {
		s.why = cmp.Or(strings.TrimRight(strings.Join(strings.Fields(why), " "), "."),
			"there is no vulnerability database; run `gatehouse db import --osv DIR` or `gatehouse db pull REF`")
		sc.OptionsDigest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s.why)))
		return sc, nil
	}
	s.matcher = &matcher{db: db}
	sc.DatabaseDigest = db.Info().Digest
	canaries, err := canariesOf(db)
	if err != nil {
		return nil, fmt.Errorf("sca: %w", err)
	}
	sc.Canaries = canaries
	return sc, nil
}

type scanner struct {
	matcher *matcher // nil without a database
	why     string   // there is none
}

func want(f gatehouse.FileInfo) gatehouse.Want {
	format := formatOf(f.Path)
	if format == nil && path.Base(f.Path) != pomFile {
		return gatehouse.Want{}
	}
	if dir := installedIn(f.Path); dir != "" {
		return gatehouse.Want{Skip: fmt.Sprintf("below %s: the lockfile of an installed package does not say what is installed", dir)}
	}
	return gatehouse.Want{Scan: true}
}

// installedIn names the directory of installed packages that a file is in;
// empty if it is in none.
func installedIn(p string) string {
	for _, dir := range []string{"node_modules", "bower_components", "vendor/bundle", "site-packages"} {
		if strings.Contains("/"+p, "/"+dir+"/") {
			return dir
		}
	}
	return ""
}

// Types of groups.
const (
	mavenGroup    = "maven"
	lockGroup     = "lockfile"
	manifestGroup = "manifest"
)

// groups puts each lockfile together with the manifests whose dependencies it
// locks, all pom.xml together, and finds the manifests without a lockfile.
func groups(files []gatehouse.FileInfo) []gatehouse.Group {
	dirs := map[string][]string{} // base names of each directory
	size := map[string]int64{}
	for _, f := range files {
		dir := path.Dir(f.Path)
		dirs[dir] = append(dirs[dir], path.Base(f.Path))
		size[f.Path] = f.Bytes
	}
	var all []gatehouse.Group
	maven := gatehouse.Group{Type: mavenGroup, Dir: "."}
	// The context is a bonus: it may not take the room of what must be there.
	room := int64(limits.MaxGroupBytes / 2)
	covered := coveredManifests(files)
	for _, f := range files {
		switch format := formatOf(f.Path); {
		case path.Base(f.Path) == pomFile && installedIn(f.Path) == "":
			maven.Owned = append(maven.Owned, f.Path)
		case format != nil && format.manifest != "" && installedIn(f.Path) == "" && f.Bytes <= limits.MaxGroupFileBytes:
			context := covered[f.Path]
			need := f.Bytes
			for _, c := range context {
				need += size[c]
			}
			if len(context) == 0 || need > room {
				continue
			}
			room -= need
			all = append(all, gatehouse.Group{Type: lockGroup, Dir: path.Dir(f.Path), Owned: []string{f.Path}, Context: context})
		case format == nil:
			kind := manifestOf(f.Path)
			if kind == nil {
				continue
			}
			locks := kind.lockedBy(path.Dir(f.Path), dirs)
			if slices.ContainsFunc(locks, func(l string) bool { return formatOf(l) != nil && formatOf(l).manifest == path.Base(f.Path) }) {
				continue // compared when the lockfile is looked at
			}
			need := f.Bytes
			for _, l := range locks {
				need += size[l]
			}
			if need > room {
				locks = nil
			}
			room -= need
			all = append(all, gatehouse.Group{Type: manifestGroup, Dir: path.Dir(f.Path), Owned: []string{f.Path}, Context: locks})
		}
	}
	if len(maven.Owned) > 0 {
		all = append(all, maven)
	}
	return all
}

// coveredManifests gives for each lockfile the manifests that it covers: those
// beside it, and those below it that have no lockfile nearer.
func coveredManifests(files []gatehouse.FileInfo) map[string][]string {
	locks := map[string][]string{} // by path of the manifest beside them
	manifests := map[string]bool{} // base names
	for _, f := range files {
		if format := formatOf(f.Path); format != nil && format.manifest != "" {
			beside := path.Join(path.Dir(f.Path), format.manifest)
			locks[beside] = append(locks[beside], f.Path)
			manifests[format.manifest] = true
		}
	}
	covered := map[string][]string{}
	for _, f := range files {
		base := path.Base(f.Path)
		if !manifests[base] || installedIn(f.Path) != "" {
			continue
		}
		for dir := path.Dir(f.Path); ; dir = path.Dir(dir) {
			found := locks[path.Join(dir, base)]
			for _, lock := range found {
				covered[lock] = append(covered[lock], f.Path)
			}
			// Only workspaces lock what is below.
			if len(found) > 0 || dir == "." || !manifestOf(base).ancestors {
				break
			}
		}
	}
	return covered
}

// lockedBy returns the lockfiles for manifests in dir, all from the nearest
// directory that has any.
func (k *manifestKind) lockedBy(dir string, dirs map[string][]string) []string {
	for ; ; dir = path.Dir(dir) {
		var locks []string
		for _, name := range dirs[dir] {
			if matchesAny(k.locks, name) {
				locks = append(locks, path.Join(dir, name))
			}
		}
		if len(locks) > 0 || dir == "." || !k.ancestors {
			return locks
		}
	}
}

func (s *scanner) scanFile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	lock := &lockfile{path: f.Path, data: plainText(f.Data)}
	if path.Base(f.Path) == pomFile {
		return s.scanPoms(ctx, map[string]*gatehouse.File{f.Path: f}, []string{f.Path}, p)
	}
	format := formatOf(f.Path)
	if format == nil {
		return nil
	}
	return s.scan(ctx, lock, format.parse, p)
}

func (s *scanner) scanGroup(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	if g.Type == mavenGroup {
		return s.scanPoms(ctx, g.Files, g.Owned, p)
	}
	if len(g.Owned) != 1 {
		return fmt.Errorf("a group of type %q has %d files instead of 1", g.Type, len(g.Owned))
	}
	f := g.Files[g.Owned[0]]
	if f == nil {
		return nil // already a failure in the coverage
	}
	lock := &lockfile{path: f.Path, data: plainText(f.Data), others: g.Files}
	if g.Type == manifestGroup {
		return s.scan(ctx, lock, scanManifest, p)
	}
	return s.scan(ctx, lock, formatOf(f.Path).parse, p)
}

// scan parses a file, reports its components, and matches them.
func (s *scanner) scan(ctx context.Context, f *lockfile, parse func(*lockfile) (inventory, error), p *gatehouse.Pass) error {
	if err := checkText(f.data); err != nil {
		return err
	}
	inv, err := safely(f, parse)
	if err == nil {
		checkManifests(f, &inv)
	}
	// What was understood before an error is kept: each finding counts.
	if errs := s.report(ctx, f.path, inv, p); err == nil {
		err = errs
	}
	return err
}

// safely keeps a crash of a parser to the file that caused it.
func safely(f *lockfile, parse func(*lockfile) (inventory, error)) (inv inventory, err error) {
	defer func() {
		if r := recover(); r != nil {
			inv, err = inventory{}, &gatehouse.Unscannable{Code: gatehouse.GapPanic, Reason: fmt.Sprintf("the parser crashed: %v", r)}
		}
	}()
	if len(strings.TrimSpace(string(f.data[:min(len(f.data), 4096)]))) == 0 && len(f.data) <= 4096 && mustHaveContent(f.path) {
		return inv, errors.New("it is empty")
	}
	return parse(f)
}

// mustHaveContent is false for files that mean something when they are empty.
func mustHaveContent(p string) bool {
	format := formatOf(p)
	return format != nil && format.eco != pypi && format.eco != maven
}

// report reports what a file names.
func (s *scanner) report(ctx context.Context, file string, inv inventory, p *gatehouse.Pass) error {
	inv.normalise()
	if inv.skip != "" {
		p.Skip(inv.skip)
		return nil
	}
	for _, gap := range inv.gaps {
		gap.Path = cmp.Or(gap.Path, file)
		p.Gap(gap)
	}
	g := newGraph(inv.packages)
	counts := map[*ecosystem]int{}
	for i := range inv.packages {
		k := &inv.packages[i]
		if k.firstParty {
			continue
		}
		counts[k.eco]++
		c := k.component(g.byID)
		c.Location.Path = file
		p.AddComponent(c)
	}
	if s.matcher == nil {
		total := 0
		for _, n := range counts {
			total += n
		}
		if total > 0 {
			p.Gap(gatehouse.Gap{Code: gatehouse.GapDatabase, Path: file, Reason: fmt.Sprintf("%s not matched: %s", count(total), s.why)})
		}
		return nil
	}
	blind, err := s.reportBlind(file, counts, p)
	if err != nil {
		return err
	}
	for i := range inv.packages {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k := &inv.packages[i]
		if k.firstParty || blind[k.eco] {
			continue
		}
		if err := s.matchOne(file, k, g, p); err != nil {
			return err
		}
	}
	return nil
}

// reportBlind reports the ecosystems for which the database has nothing.
func (s *scanner) reportBlind(file string, counts map[*ecosystem]int, p *gatehouse.Pass) (map[*ecosystem]bool, error) {
	blind := map[*ecosystem]bool{}
	var ecosystems []*ecosystem
	for eco := range counts {
		ecosystems = append(ecosystems, eco)
	}
	slices.SortFunc(ecosystems, func(a, b *ecosystem) int { return strings.Compare(a.purl, b.purl) })
	for _, eco := range ecosystems {
		ok, err := s.matcher.covers(eco)
		if err != nil {
			return nil, databaseError(err)
		}
		if ok {
			continue
		}
		blind[eco] = true
		reason := fmt.Sprintf("%s not matched: the vulnerability database has no advisories for %s; import or pull one that has", count(counts[eco]), eco.label)
		if eco.database == "" {
			reason = fmt.Sprintf("%s not matched: there are no advisories for %s", count(counts[eco]), eco.label)
		}
		p.Gap(gatehouse.Gap{Code: gatehouse.GapDatabase, Path: file, Entry: eco.purl, Reason: reason})
	}
	return blind, nil
}

func (s *scanner) matchOne(file string, k *pkg, g *graph, p *gatehouse.Pass) error {
	hits, problems, err := s.matcher.match(k)
	if err != nil {
		return databaseError(err)
	}
	for _, problem := range problems {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapUnmatched, Path: file, Line: k.line, Entry: k.label(), Reason: problem.reason})
	}
	for _, group := range fold(hits) {
		f, err := s.matcher.finding(k, group, g)
		if err != nil {
			return databaseError(err)
		}
		f.Location.Path = file
		p.Report(f)
	}
	return nil
}

func databaseError(err error) error {
	return &gatehouse.Unscannable{Code: gatehouse.GapDatabase, Reason: err.Error()}
}

// count is "1 package was" or "3 packages were".
func count(n int) string {
	if n == 1 {
		return "1 package was"
	}
	return fmt.Sprintf("%d packages were", n)
}
