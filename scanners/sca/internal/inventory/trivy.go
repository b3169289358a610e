package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	conanlock "github.com/aquasecurity/trivy/pkg/dependency/parser/c/conan"
	publock "github.com/aquasecurity/trivy/pkg/dependency/parser/dart/pub"
	"github.com/aquasecurity/trivy/pkg/dependency/parser/dotnet/core_deps"
	gradlelock "github.com/aquasecurity/trivy/pkg/dependency/parser/gradle/lockfile"
	julialock "github.com/aquasecurity/trivy/pkg/dependency/parser/julia/manifest"
	"github.com/aquasecurity/trivy/pkg/dependency/parser/nodejs/bun"
	npmlock "github.com/aquasecurity/trivy/pkg/dependency/parser/nodejs/npm"
	nugetlock "github.com/aquasecurity/trivy/pkg/dependency/parser/nuget/lock"
	sbtlock "github.com/aquasecurity/trivy/pkg/dependency/parser/sbt/lockfile"
	pods "github.com/aquasecurity/trivy/pkg/dependency/parser/swift/cocoapods"
	swiftlock "github.com/aquasecurity/trivy/pkg/dependency/parser/swift/swift"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
	xio "github.com/aquasecurity/trivy/pkg/x/io"
)

// trivyParser is what the parsers of trivy have in common. They are pure
// functions of their input. What they leave out silently, the callers below
// report.
type trivyParser interface {
	Parse(context.Context, xio.ReadSeekerAt) ([]types.Package, []types.Dependency, error)
}

// readTrivy runs a parser of trivy.
func readTrivy(eco *Ecosystem, p trivyParser, data []byte) (Inventory, error) {
	var inv Inventory
	if err := checkNesting(data); err != nil {
		return inv, err
	}
	packages, deps, err := guarded(p, data)
	if err != nil {
		return inv, err
	}
	needs := make(map[string][]string, len(deps))
	for _, d := range deps {
		needs[d.ID] = append(needs[d.ID], d.DependsOn...)
	}
	for _, t := range packages {
		p := Package{ID: t.ID, Eco: eco, Name: t.Name, Version: t.Version,
			Dev: t.Dev, Direct: t.Relationship == types.RelationshipDirect,
			FirstParty: t.Relationship == types.RelationshipRoot || t.Relationship == types.RelationshipWorkspace,
			Licenses:   t.Licenses,
			DependsOn:  slices.Clone(needs[t.ID]),
		}
		for _, l := range t.Locations {
			if l.StartLine > 0 && (p.Line == 0 || l.StartLine < p.Line) {
				p.Line, p.EndLine = l.StartLine, l.EndLine
			}
		}
		for _, r := range t.ExternalReferences {
			// A package that npm links is a directory of the project.
			if t.Name != "" && eco == NPM && r.URL != "" && !strings.Contains(r.URL, ":") {
				p.FirstParty = true
			}
		}
		if p.Name == "" {
			inv.gap("unresolved", p.Line, "", "a package has no name")
			continue
		}
		inv.add(p)
	}
	return inv, nil
}

// guarded turns a crash of a parser into an error: some take an empty document
// for a full one.
func guarded(p trivyParser, data []byte) (packages []types.Package, deps []types.Dependency, err error) {
	defer func() {
		if r := recover(); r != nil {
			packages, deps, err = nil, nil, fmt.Errorf("the file is not what the parser expects: %v", r)
		}
	}()
	packages, deps, err = p.Parse(context.Background(), bytes.NewReader(data))
	if err != nil {
		return nil, nil, errors.New(shortError(err))
	}
	return packages, deps, nil
}

// shortError is an error of the parsers in one line.
func shortError(err error) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%v", err)), " ")
}

// need refuses a file without packages that lacks what each file of its format
// has: otherwise any text would be a lockfile without packages.
func (inv *Inventory) need(data []byte, marks ...string) error {
	if len(inv.Packages) > 0 || len(inv.Gaps) > 0 {
		return nil
	}
	for _, m := range marks {
		if bytes.Contains(data, []byte(m)) {
			return nil
		}
	}
	return fmt.Errorf("it names no packages and has none of the signs of its format (%s)", strings.Join(marks, ", "))
}

func newNpmParser() trivyParser   { return npmlock.NewParser() }
func newBunParser() trivyParser   { return bun.NewParser() }
func newNugetParser() trivyParser { return nugetlock.NewParser() }

func newDepsParser() trivyParser    { return core_deps.NewParser() }
func newConanParser() trivyParser   { return conanlock.NewParser() }
func newPubParser() trivyParser     { return publock.NewParser(false) }
func newSwiftParser() trivyParser   { return swiftlock.NewParser() }
func newPodsParser() trivyParser    { return pods.NewParser() }
func newJuliaParser() trivyParser   { return julialock.NewParser() }
func newGradleParser() trivyParser  { return gradlelock.NewParser() }
func newSbtLockParser() trivyParser { return sbtlock.NewParser() }
