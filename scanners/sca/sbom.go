package sca

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
	"github.com/gatehouse-sec/gatehouse/internal/osvuln"
	"github.com/gatehouse-sec/gatehouse/sbom"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// Names of bills of materials: those that CycloneDX and SPDX recommend, and what
// tools write unless told otherwise; in lower case. The first are sure, the
// others may be of something else.
var (
	sureEnds    = []string{".cdx.json", ".cdx.xml", ".cdx", ".spdx", ".spdx.json", ".spdx3.json", ".spdx.yaml", ".spdx.yml", ".spdx.xml", ".spdx.rdf", ".spdx.rdf.xml"}
	likelyEnds  = []string{".bom.json", ".bom.xml", "-bom.json", "-bom.xml", ".sbom.json", ".sbom.xml", "-sbom.json", "-sbom.xml"}
	likelyNames = []string{"bom.json", "bom.xml", "sbom.json", "sbom.xml", "cyclonedx.json", "cyclonedx.xml", "spdx.json"}
)

// isSBOM reports whether a file is read as a bill of materials, and whether it
// can be nothing else.
func (s *scanner) isSBOM(p string) (is, sure bool) {
	base := strings.ToLower(path.Base(p))
	endsIn := func(ends []string) bool {
		return slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(base, end) })
	}
	if slices.Contains(s.sboms, p) || endsIn(sureEnds) {
		return true, true
	}
	return slices.Contains(likelyNames, base) || endsIn(likelyEnds), false
}

// wantSBOM leaves out what an installed package brings along, unless it is where
// https://peps.python.org/pep-0770/ puts what the package holds.
func wantSBOM(f gatehouse.FileInfo) gatehouse.Want {
	if dir := installedIn(f.Path); dir != "" && !strings.Contains(f.Path, ".dist-info/sboms/") {
		return gatehouse.Want{Skip: fmt.Sprintf("below %s: the bill of materials of an installed package is about where it was made", dir)}
	}
	return gatehouse.Want{Scan: true}
}

// described is the manager of what a bill of materials lists.
var described = manager{elsewhere: true}

// scanSBOM takes the packages of a bill of materials as those of a lockfile.
func (s *scanner) scanSBOM(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	doc, err := sbom.Read(inventory.PlainText(f.Data))
	if _, sure := s.isSBOM(f.Path); errors.Is(err, sbom.ErrNoSBOM) && !sure {
		p.Skip("no bill of materials, in spite of its name: " + err.Error())
		return nil
	}
	if e, ok := errors.AsType[*sbom.Error](err); ok {
		err = &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: e.Line, Reason: e.Reason}
	}
	if err != nil && doc.Format == "" {
		return err
	}
	in := &bill{doc: doc, pass: p, byID: map[string]*sbom.Component{}, unknown: map[string]*inventory.Ecosystem{}}
	in.note()
	in.read()
	// What was understood before an error is kept: each finding counts.
	errs := s.report(ctx, f.Path, &described, in.inv, p)
	for _, system := range in.systems {
		if errs == nil {
			errs = s.scanBilled(ctx, f.Path, system, p)
		}
	}
	return cmp.Or(err, errs)
}

// scanBilled matches the packages of an operating system that a bill of materials
// lists.
func (s *scanner) scanBilled(ctx context.Context, file string, b *billed, p *gatehouse.Pass) error {
	if b.release.ID == "" {
		system, _ := osvuln.Of(b.release, b.kind)
		for _, c := range system.Components(b.packages) {
			c.Location.Path = file
			p.AddComponent(c)
		}
		p.Gap(gatehouse.Gap{Code: gatehouse.GapUnmatched, Path: file, Entry: string(b.kind),
			Reason: fmt.Sprintf("%s not matched: the bill of materials does not say which operating system they are of; have its tool write the distro into package URLs, or list the operating system", count(len(b.packages)))})
		return nil
	}
	return s.matchSystem(ctx, b.release, b.kind, b.packages, slices.Repeat([]string{file}, len(b.packages)), p)
}

// bill is a bill of materials while it is read.
type bill struct {
	doc     *sbom.Document
	pass    *gatehouse.Pass
	inv     inventory.Inventory
	systems []*billed
	byID    map[string]*sbom.Component
	unknown map[string]*inventory.Ecosystem // by type of package URL
	gaps    map[gatehouse.GapCode]int
	// release is that of the operating system that the document lists.
	release ospkg.Release
}

// billed are the packages of one operating system.
type billed struct {
	release  ospkg.Release
	kind     ospkg.Kind
	packages []ospkg.Package
}

// note records the document, and what it does not say.
func (b *bill) note() {
	d := b.doc
	info := gatehouse.SBOM{Format: d.Format, Spec: d.Spec, Syntax: d.Syntax, Producers: d.Producers, Created: d.Created, Packages: d.Packages(), LeftOut: d.LeftOut()}
	if d.Root != nil {
		info.Subject = strings.TrimSpace(d.Root.Name + " " + d.Root.Version)
	}
	b.pass.AddSBOM(info)
	for _, problem := range d.Problems {
		b.pass.Gap(gatehouse.Gap{Code: gatehouse.GapParse, Line: problem.Line, Entry: problem.Entry, Reason: problem.Reason})
	}
	for _, text := range d.Incomplete {
		b.gap(gatehouse.GapUnresolved, 0, "", "the bill of materials is incomplete by its own account: "+text)
	}
	if d.Empty() && len(d.Incomplete) == 0 {
		b.pass.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Reason: "it lists no package, and does not say that there is none: its tool may have found nothing that it understands"})
	}
}

// mostBillGaps is how many gaps of one kind are told apart; the others are counted.
const mostBillGaps = 50

func (b *bill) gap(code gatehouse.GapCode, line int, entry, reason string) {
	if b.gaps == nil {
		b.gaps = map[gatehouse.GapCode]int{}
	}
	if b.gaps[code]++; b.gaps[code] <= mostBillGaps {
		b.pass.Gap(gatehouse.Gap{Code: code, Line: line, Entry: strings.Clone(entry), Reason: reason})
	}
}

// read sorts the components into packages of registries and of systems.
func (b *bill) read() {
	for i := range b.doc.Components {
		c := &b.doc.Components[i]
		if c.ID != "" {
			b.byID[c.ID] = c
		}
		if c.Type == "operating-system" && b.release.ID == "" {
			b.release = releaseNamed(c.Name, c.Version)
		}
	}
	for i := range b.doc.Components {
		if c := &b.doc.Components[i]; c.IsPackage() {
			b.component(i, c)
		}
	}
	b.checkSources()
	for code, n := range b.gaps {
		if n > mostBillGaps {
			b.pass.Gap(gatehouse.Gap{Code: code, Entry: "more", Reason: fmt.Sprintf("%d more entries have the same problem as others of this file", n-mostBillGaps)})
		}
	}
}

func (b *bill) component(i int, c *sbom.Component) {
	label := strings.TrimSuffix(c.Name+"@"+c.Version, "@")
	if c.Purl == "" {
		b.gap(gatehouse.GapUnmatched, c.Line, label, "it has no package URL, so it is not known what it is and it was not matched; have the tool that made the bill of materials write one")
		return
	}
	p, err := parsePurl(c.Purl)
	if err != nil {
		b.gap(gatehouse.GapParse, c.Line, label, fmt.Sprintf("its package URL %q cannot be read, so it was not matched: %v", c.Purl, err))
		return
	}
	version := cmp.Or(p.Version, c.Version)
	if kind := systemKinds[p.Type]; kind != "" {
		b.system(kind, p, c)
		return
	}
	eco, name := inventory.OfPurl(p)
	if eco == nil {
		eco = b.unknown[p.Type]
		if eco == nil {
			eco = inventory.Unknown(p.Type)
			b.unknown[p.Type] = eco
		}
	}
	if strings.EqualFold(c.Name, name) {
		name = c.Name // package URLs of some types are in lower case
	}
	k := inventory.Package{ID: cmp.Or(c.ID, fmt.Sprintf("#%d", i)), Eco: eco, Name: name, Version: version, Line: c.Line,
		Direct: c.Direct, Dev: c.Dev, Scope: c.Scope, Licenses: c.Licenses, Hashes: c.Hashes, DependsOn: c.DependsOn}
	switch {
	case noVersions[strings.ToLower(version)]:
		k.Version = ""
	case inventory.IsRange(version):
		k.Version, k.Requirement = "", version
		b.gap(gatehouse.GapUnresolved, c.Line, name, fmt.Sprintf("it names the range %q and no version: make the bill of materials from a lockfile or of what is installed", version))
	}
	b.inv.Packages = append(b.inv.Packages, k)
}

// parsePurl reads a package URL. Many tools leave out the uuid that those of Julia
// must have.
func parsePurl(s string) (packageurl.PackageURL, error) {
	p, err := packageurl.FromString(s)
	if err != nil && strings.HasPrefix(s, "pkg:julia/") && !strings.Contains(s, "?") {
		return packageurl.FromString(s + "?uuid=unknown")
	}
	return p, err
}

// noVersions are what tools write where they know none.
var noVersions = map[string]bool{"unknown": true, "noassertion": true, "none": true, "(devel)": true, "latest": true, "unspecified": true, "n/a": true}

// systemKinds are the types of package URLs of operating systems that are matched.
var systemKinds = map[string]ospkg.Kind{"deb": ospkg.Dpkg, "apk": ospkg.APK, "rpm": ospkg.RPM}

// system adds a package of an operating system.
func (b *bill) system(kind ospkg.Kind, p packageurl.PackageURL, c *sbom.Component) {
	q := p.Qualifiers.Map()
	k := ospkg.Package{Name: p.Name, Version: cmp.Or(p.Version, c.Version), Arch: q["arch"], Licenses: c.Licenses, Hashes: c.Hashes, Line: c.Line, Module: cmp.Or(c.Module, q["rpmmod"])}
	if e := q["epoch"]; kind == ospkg.RPM && e != "" && e != "0" && !strings.Contains(k.Version, ":") {
		k.Version = e + ":" + k.Version
	}
	if k.Version == "" {
		b.gap(gatehouse.GapUnmatched, c.Line, p.Name, "it has no version, so it was not matched")
		return
	}
	k.Source, k.SourceVersion = sourceOf(cmp.Or(c.Source, q["upstream"]))
	k.SourceVersion = cmp.Or(k.SourceVersion, k.Version)
	for _, id := range c.DependsOn {
		if to := b.byID[id]; to != nil {
			if tp, err := packageurl.FromString(to.Purl); err == nil {
				k.DependsOn = append(k.DependsOn, tp.Name)
			}
		}
	}
	release := b.release
	if distro := q["distro"]; distro != "" {
		id, version := distro, ""
		if i := strings.LastIndexByte(distro, '-'); i > 0 {
			id, version = distro[:i], distro[i+1:]
		}
		release = releaseNamed(id, version)
		if release.Version == "" || release.Version[0] < '0' || release.Version[0] > '9' {
			release.Version, release.Codename = "", cmp.Or(version, id)
			release.ID = p.Namespace
		}
	} else if release.ID == "" && p.Namespace != "" {
		release = releaseNamed(p.Namespace, "")
	}
	i := slices.IndexFunc(b.systems, func(s *billed) bool {
		return s.kind == kind && s.release.ID == release.ID && s.release.Version == release.Version && s.release.Codename == release.Codename
	})
	if i < 0 {
		i = len(b.systems)
		b.systems = append(b.systems, &billed{release: release, kind: kind})
	}
	b.systems[i].packages = append(b.systems[i].packages, k)
}

// checkSources makes sure that source packages are known where advisories are
// about them. A tool that writes them leaves out those with the name of the
// package; one that writes none does not know them. A package of rpm has the
// version of its source.
func (b *bill) checkSources() {
	for _, s := range b.systems {
		if s.kind != ospkg.RPM && !slices.ContainsFunc(s.packages, func(p ospkg.Package) bool { return p.Source != "" }) {
			b.gap(gatehouse.GapUnmatched, 0, string(s.kind), "it does not say from which source packages its packages of the operating system were built, and advisories are about those: problems of packages with another name than their source are missing; have its tool write them (upstream in package URLs)")
		}
		for i := range s.packages {
			s.packages[i].Source = cmp.Or(s.packages[i].Source, s.packages[i].Name)
		}
	}
}

// sourceOf reads "name version", "name@version" of syft, or the name of a source
// package of rpm.
func sourceOf(s string) (name, version string) {
	if rpm, ok := strings.CutSuffix(s, ".src.rpm"); ok {
		if i := strings.LastIndexByte(rpm, '-'); i > 0 {
			if k := strings.LastIndexByte(rpm[:i], '-'); k > 0 {
				return rpm[:k], rpm[k+1:]
			}
		}
	}
	if name, version, ok := strings.Cut(s, " "); ok {
		return name, strings.TrimSpace(version)
	}
	name, version, _ = strings.Cut(s, "@")
	return name, version
}

// distributions are the names that tools give to what os-release calls otherwise.
var distributions = map[string]string{
	"redhat": "rhel", "red hat": "rhel", "oracle": "ol", "oraclelinux": "ol", "amazon": "amzn", "amazonlinux": "amzn", "alma": "almalinux", "rockylinux": "rocky",
	"opensuse.leap": "opensuse-leap", "opensuse leap": "opensuse-leap", "opensuse.tumbleweed": "opensuse-tumbleweed", "suse linux enterprise server": "sles", "suse": "sles",
	"cbl-mariner": "mariner",
}

func releaseNamed(name, version string) ospkg.Release {
	id := strings.ToLower(strings.TrimSpace(name))
	if other := distributions[id]; other != "" {
		id = other
	}
	return ospkg.Release{ID: id, Version: strings.TrimSpace(version)}
}
