package sca

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// sample is a small lockfile that names one package.
type sample struct {
	eco  *inventory.Ecosystem
	path string
	text func(name, version string) string
}

var samples = []sample{
	{inventory.NPM, "package-lock.json", func(n, v string) string {
		return fmt.Sprintf(`{"lockfileVersion":3,"packages":{"":{"name":"canary"},"node_modules/%s":{"version":%q}}}`, n, v)
	}},
	{inventory.PyPI, "requirements.txt", func(n, v string) string { return n + "==" + v + "\n" }},
	{inventory.Golang, "go.mod", func(n, v string) string {
		return fmt.Sprintf("module canary.invalid/m\n\ngo 1.17\n\nrequire %s v%s\n", n, strings.TrimPrefix(v, "v"))
	}},
	{inventory.Cargo, "Cargo.lock", func(n, v string) string {
		return fmt.Sprintf("version = 3\n\n[[package]]\nname = %q\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n", n, v)
	}},
	{inventory.Gem, "Gemfile.lock", func(n, v string) string {
		return fmt.Sprintf("GEM\n  specs:\n    %s (%s)\n\nDEPENDENCIES\n  %[1]s\n", n, v)
	}},
	{inventory.Composer, "composer.lock", func(n, v string) string { return fmt.Sprintf(`{"packages":[{"name":%q,"version":%q}]}`, n, v) }},
	{inventory.Maven, "gradle.lockfile", func(n, v string) string { return fmt.Sprintf("%s:%s=runtimeClasspath\nempty=\n", n, v) }},
	{inventory.NuGet, "packages.config", func(n, v string) string {
		return fmt.Sprintf(`<packages><package id=%q version=%q/></packages>`, n, v)
	}},
	{inventory.Hex, "mix.lock", func(n, v string) string { return fmt.Sprintf("%%{\n  %q: {:hex, :%s, %q, \"\"},\n}\n", n, n, v) }},
	{inventory.Pub, "pubspec.lock", func(n, v string) string {
		return fmt.Sprintf("packages:\n  %s:\n    dependency: \"direct main\"\n    source: hosted\n    version: %q\n", n, v)
	}},
	{inventory.Conan, "conan.lock", func(n, v string) string { return fmt.Sprintf(`{"version":"0.5","requires":["%s/%s"]}`, n, v) }},
	{inventory.Swift, "Package.resolved", func(n, v string) string {
		return fmt.Sprintf(`{"version":2,"pins":[{"location":"https://%s","state":{"version":%q}}]}`, n, v)
	}},
	{inventory.Julia, "Manifest.toml", func(n, v string) string {
		return fmt.Sprintf("julia_version = \"1.10.0\"\nmanifest_format = \"2.0\"\n\n[[deps.%s]]\nuuid = \"00000000-0000-0000-0000-000000000001\"\nversion = %q\n", n, v)
	}},
}

// candidates bounds how many advisories of an ecosystem are tried. Nearly each
// gives an affected version.
const candidates = 200

// canariesOf makes a known-bad lockfile for each ecosystem that the database
// covers, out of the database itself: the first advisory for which a version
// can be named that it affects.
func canariesOf(db Database) ([]gatehouse.Canary, error) {
	var found []gatehouse.Canary
	covered := 0
	for _, s := range samples {
		tried := 0
		for a, err := range db.All(s.eco.Database) {
			if err != nil {
				return nil, err
			}
			if tried == 0 {
				covered++
			}
			if tried++; tried > candidates {
				break
			}
			v := affectedVersion(s.eco, a.Advisory)
			if v == "" || !plainName.MatchString(a.Package) {
				continue
			}
			text := s.text(a.Package, v)
			inv, err := inventory.Safely(&inventory.Lockfile{Path: s.path, Data: []byte(text)}, inventory.FormatOf(s.path).Parse)
			if err != nil || len(inv.Packages) == 0 {
				continue
			}
			found = append(found, gatehouse.Canary{
				Name: fmt.Sprintf("%s with %s %s", s.path, a.Package, v),
				Path: s.path,
				Data: func() []byte { return []byte(text) },
				Rule: a.ID,
			})
			break
		}
	}
	systems, err := checkSystems(db)
	switch {
	case err != nil:
		return nil, err
	case len(found) > 0 || covered == 0 && systems > 0:
		return found, nil
	case covered > 0:
		return nil, errors.New("no known-bad sample can be made from the vulnerability database, because no advisory in it names a version that it affects: the database is not usable; run `gatehouse db import` or `gatehouse db pull` again")
	}
	return nil, errors.New("the vulnerability database has no advisories for any package manager or operating system; run `gatehouse db import` or `gatehouse db pull` again")
}

// plainName excludes names that would not survive in a lockfile.
var plainName = regexp.MustCompile(`^@?[A-Za-z0-9][A-Za-z0-9._/:-]*$`)

var rangeVersion = regexp.MustCompile(`(<=|>=|==|=|<|>|~>|)\s*(v?[0-9][0-9A-Za-z.+-]*)`)

// affectedVersion names a version that the advisory affects; empty if none is
// found.
func affectedVersion(eco *inventory.Ecosystem, a vulndb.Advisory) string {
	c := compile(eco, a)
	if c.bad != nil {
		return ""
	}
	tries := []string{}
	for _, r := range a.VulnerableVersions {
		for _, m := range rangeVersion.FindAllStringSubmatch(r, -1) {
			if m[1] != "<" && m[1] != ">" {
				tries = append(tries, m[2])
			}
		}
	}
	tries = append(tries, "0.0.1", "0.1.0", "1.0.0")
	for _, t := range tries {
		if v, err := eco.Compare.Parse(t); err == nil && c.affects(v) && !strings.Contains(t, "+") {
			return t
		}
	}
	return ""
}
