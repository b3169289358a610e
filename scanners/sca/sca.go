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
package sca

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/licensetext"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/similar"
)

// Name is the name of the scanner.
const Name = "sca"

// resultVersion changes with each change of the code that gives other results.
const resultVersion = "13"

// New returns the scanner. Without a database (nil) it lists components only,
// and each file with packages gets a gap that says why: a sentence with the
// next step; if it is empty, that there is none and how to get one. An error
// means that the database cannot be relied on. The files of sboms are bills of
// materials, whatever their names are.
func New(db Database, why string, sboms ...string) (*gatehouse.Scanner, error) {
	s := &scanner{sboms: sboms}
	sc := &gatehouse.Scanner{
		Name: Name,
		Doc: "Dependencies with known vulnerabilities\n\n" +
			"Reads lockfiles and manifests, lists the packages they name, and matches each against the vulnerability database.",
		Reads:     "lockfiles and manifests of package managers, bills of materials, texts of licences",
		Version:   resultVersion,
		Want:      s.want,
		ScanFile:  s.scanFile,
		Groups:    s.groups,
		ScanGroup: s.scanGroup,
	}
	if db == nil {
		s.why = cmp.Or(strings.TrimRight(strings.Join(strings.Fields(why), " "), "."),
			"there is no vulnerability database; run `gatehouse db import --osv DIR` or `gatehouse db pull REF`")
		sc.OptionsDigest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(append(sboms, s.why), "\x00"))))
		return sc, nil
	}
	if len(sboms) > 0 {
		sc.OptionsDigest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(sboms, "\x00"))))
	}
	s.matcher = newMatcher(db)
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
	sboms   []string // paths of bills of materials that have other names

	licenses licensetext.Classifier
}

func (s *scanner) want(f gatehouse.FileInfo) gatehouse.Want {
	if is, _ := s.isSBOM(f.Path); is {
		return wantSBOM(f)
	}
	if _, kind := ospkg.Locate(f.Path); kind != "" {
		return gatehouse.Want{Scan: true}
	}
	format := inventory.FormatOf(f.Path)
	if format == nil && path.Base(f.Path) != inventory.PomFile {
		if inventory.InstalledOf(f.Path, f.Bytes, f.Mode) != nil {
			return gatehouse.Want{Scan: true}
		}
		text := isLicenseFile(f)
		return gatehouse.Want{Scan: text, Aside: text}
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
	systemGroup   = "system"
)

// groups puts each lockfile together with the manifests whose dependencies it
// locks, all pom.xml together, the databases of packages of each operating
// system with what says which it is, and finds the manifests without a lockfile.
func (s *scanner) groups(files []gatehouse.FileInfo) []gatehouse.Group {
	files = slices.DeleteFunc(slices.Clone(files), func(f gatehouse.FileInfo) bool { is, _ := s.isSBOM(f.Path); return is })
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
		switch format := inventory.FormatOf(f.Path); {
		case path.Base(f.Path) == inventory.PomFile && installedIn(f.Path) == "":
			maven.Owned = append(maven.Owned, f.Path)
		case format != nil && format.Manifest != "" && installedIn(f.Path) == "" && f.Bytes <= limits.MaxGroupFileBytes:
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
			kind := inventory.ManifestOf(f.Path)
			if kind == nil || inventory.InstalledOf(f.Path, f.Bytes, f.Mode) != nil {
				continue
			}
			locks := kind.LockedBy(path.Dir(f.Path), dirs)
			if slices.ContainsFunc(locks, func(l string) bool {
				return inventory.FormatOf(l) != nil && inventory.FormatOf(l).Manifest == path.Base(f.Path)
			}) {
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
	all = append(all, systemGroups(files)...)
	return append(all, licenseGroups(files)...)
}

// coveredManifests gives for each lockfile the manifests that it covers: those
// beside it, and those below it that have no lockfile nearer.
func coveredManifests(files []gatehouse.FileInfo) map[string][]string {
	locks := map[string][]string{} // by path of the manifest beside them
	manifests := map[string]bool{} // base names
	for _, f := range files {
		if format := inventory.FormatOf(f.Path); format != nil && format.Manifest != "" {
			beside := path.Join(path.Dir(f.Path), format.Manifest)
			locks[beside] = append(locks[beside], f.Path)
			manifests[format.Manifest] = true
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
			kind := inventory.ManifestOf(base)
			if len(found) > 0 || dir == "." || kind == nil || !kind.Ancestors {
				break
			}
		}
	}
	return covered
}

func (s *scanner) scanFile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	if is, _ := s.isSBOM(f.Path); is {
		return s.scanSBOM(ctx, f, p)
	}
	lock := &inventory.Lockfile{Path: f.Path, Data: inventory.PlainText(f.Data)}
	if path.Base(f.Path) == inventory.PomFile {
		return s.scanPoms(ctx, map[string]*gatehouse.File{f.Path: f}, []string{f.Path}, p)
	}
	if format := inventory.FormatOf(f.Path); format != nil {
		if format.Binary {
			_, err := inventory.Safely(&inventory.Lockfile{Path: f.Path, Data: f.Data}, format.Parse)
			return err
		}
		return s.scan(ctx, lock, format.Parse, p)
	}
	if kind := inventory.InstalledOf(f.Path, f.Bytes, f.Mode); kind != nil {
		inv, err := inventory.Safely(&inventory.Lockfile{Path: f.Path, Data: f.Data}, kind.Parse)
		if errs := s.report(ctx, f.Path, managerOf(f.Path, nil), inv, p); err == nil {
			err = errs
		}
		return err
	}
	if isLicenseFile(f.FileInfo) {
		of, _ := owner(f.Path)
		return s.scanLicense(f, of, p)
	}
	return nil
}

func (s *scanner) scanGroup(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	switch g.Type {
	case mavenGroup:
		return s.scanPoms(ctx, g.Files, g.Owned, p)
	case systemGroup:
		return s.scanSystem(ctx, g, p)
	case licenseGroup:
		return s.scanLicenses(g, p)
	}
	if len(g.Owned) != 1 {
		return fmt.Errorf("a group of type %q has %d files instead of 1", g.Type, len(g.Owned))
	}
	f := g.Files[g.Owned[0]]
	if f == nil {
		return nil // already a failure in the coverage
	}
	lock := &inventory.Lockfile{Path: f.Path, Data: inventory.PlainText(f.Data), Others: g.Files}
	if g.Type == manifestGroup {
		return s.scan(ctx, lock, inventory.ScanManifest, p)
	}
	return s.scan(ctx, lock, inventory.FormatOf(f.Path).Parse, p)
}

func (s *scanner) scanPoms(ctx context.Context, files map[string]*gatehouse.File, owned []string, p *gatehouse.Pass) error {
	return inventory.ReadPoms(files, owned, p.FailFile, func(at string, inv inventory.Inventory) error { return s.report(ctx, at, managerOf(at, nil), inv, p) })
}

// scan parses a file, reports its components, and matches them.
func (s *scanner) scan(ctx context.Context, f *inventory.Lockfile, parse func(*inventory.Lockfile) (inventory.Inventory, error), p *gatehouse.Pass) error {
	if err := inventory.CheckText(f.Data); err != nil {
		return err
	}
	inv, err := inventory.Safely(f, parse)
	if err == nil {
		inventory.CheckManifests(f, &inv)
	}
	// What was understood before an error is kept: each finding counts.
	if errs := s.report(ctx, f.Path, managerOf(f.Path, f.Data), inv, p); err == nil {
		err = errs
	}
	return err
}

// report reports what a file names, which the package manager wrote.
func (s *scanner) report(ctx context.Context, file string, by *manager, inv inventory.Inventory, p *gatehouse.Pass) error {
	inv.Normalise()
	if inv.Skip != "" {
		p.Skip(inv.Skip)
		return nil
	}
	for _, gap := range inv.Gaps {
		gap.Path = cmp.Or(gap.Path, file)
		p.Gap(gap)
	}
	in := &place{file, inventory.NewGraph(inv.Packages), by}
	counts := map[*inventory.Ecosystem]int{}
	for i := range inv.Packages {
		if k := &inv.Packages[i]; !k.FirstParty {
			counts[k.Eco]++
		}
	}
	unwatched, err := s.unwatched(counts)
	if err != nil {
		return err
	}
	total := 0
	for eco, n := range counts {
		if unwatched[eco] != "" {
			delete(counts, eco)
			continue
		}
		total += n
	}
	var blind map[*inventory.Ecosystem]bool
	if s.matcher != nil {
		if blind, err = s.reportBlind(file, counts, p); err != nil {
			return err
		}
	} else if total > 0 {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapDatabase, Path: file, Reason: fmt.Sprintf("%s not matched: %s", count(total), s.why)})
	}
	for i := range inv.Packages {
		k := &inv.Packages[i]
		if k.FirstParty {
			continue
		}
		c := k.Component(in.graph.ByID)
		c.Location.Path = file
		c.Unmatched = unwatched[k.Eco]
		if k.Unmatched != "" && c.Unmatched == "" && s.matcher != nil && !blind[k.Eco] {
			known, err := s.matcher.about(k.Eco, k.Name)
			if err != nil {
				return databaseError(err)
			}
			if len(known.list) == 0 { // otherwise it is a gap
				c.Unmatched = "there are no advisories about that name, and " + k.Unmatched
			}
		}
		c.Similar = similar.To(k.Eco.Purl, k.Name)
		p.AddComponent(c)
	}
	if s.matcher == nil {
		return nil
	}
	for i := range inv.Packages {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k := &inv.Packages[i]
		if k.FirstParty || blind[k.Eco] || unwatched[k.Eco] != "" {
			continue
		}
		if err := s.matchOne(in, k, p); err != nil {
			return err
		}
	}
	return nil
}

// unwatched says why there are no advisories for the ecosystems of delivery
// among those that occur.
func (s *scanner) unwatched(counts map[*inventory.Ecosystem]int) (map[*inventory.Ecosystem]string, error) {
	why := map[*inventory.Ecosystem]string{}
	for eco := range counts {
		if !eco.Delivery() {
			continue
		}
		covered := false
		if s.matcher != nil {
			var err error
			if covered, err = s.matcher.covers(eco); err != nil {
				return nil, databaseError(err)
			}
		}
		switch {
		case eco.Database == "":
			why[eco] = "no source has advisories for " + eco.Label
		case s.matcher == nil:
			why[eco] = "there is no vulnerability database"
		case !covered:
			why[eco] = "the vulnerability database has no advisories for " + eco.Label
		}
	}
	return why, nil
}

// reportBlind reports the ecosystems for which the database has nothing.
func (s *scanner) reportBlind(file string, counts map[*inventory.Ecosystem]int, p *gatehouse.Pass) (map[*inventory.Ecosystem]bool, error) {
	blind := map[*inventory.Ecosystem]bool{}
	var ecosystems []*inventory.Ecosystem
	for eco := range counts {
		ecosystems = append(ecosystems, eco)
	}
	slices.SortFunc(ecosystems, func(a, b *inventory.Ecosystem) int { return strings.Compare(a.Purl, b.Purl) })
	for _, eco := range ecosystems {
		ok, err := s.matcher.covers(eco)
		if err != nil {
			return nil, databaseError(err)
		}
		if ok {
			continue
		}
		blind[eco] = true
		reason := fmt.Sprintf("%s not matched: the vulnerability database has no advisories for %s; import or pull one that has", count(counts[eco]), eco.Label)
		if eco.Database == "" {
			reason = fmt.Sprintf("%s not matched: there are no advisories for %s", count(counts[eco]), eco.Label)
		}
		p.Gap(gatehouse.Gap{Code: gatehouse.GapDatabase, Path: file, Entry: eco.Purl, Reason: reason})
	}
	return blind, nil
}

func (s *scanner) matchOne(in *place, k *inventory.Package, p *gatehouse.Pass) error {
	hits, problems, err := s.matcher.match(k)
	if err != nil {
		return databaseError(err)
	}
	for _, problem := range problems {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapUnmatched, Path: in.file, Line: k.Line, Entry: k.Label(), Reason: problem.reason})
	}
	for _, group := range fold(hits) {
		f, err := s.matcher.finding(in, k, group)
		if err != nil {
			return databaseError(err)
		}
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
