package sca

import (
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// lockfile is a file to parse, with the files that belong to it.
type lockfile struct {
	path string
	data []byte
	// others are the context of the file by path, such as the manifests whose
	// dependencies it locks; may be nil.
	others map[string]*gatehouse.File
}

// context returns the text of the other files that have the base name, those
// nearest to the root first.
func (f *lockfile) context(base string) [][]byte {
	var paths []string
	for p := range f.others {
		if path.Base(p) == base {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		if d := strings.Count(a, "/") - strings.Count(b, "/"); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var texts [][]byte
	for _, p := range paths {
		texts = append(texts, plainText(f.others[p].Data))
	}
	return texts
}

// format is a kind of file that names packages.
type format struct {
	// names are the base names, or patterns of [path.Match], in lower case.
	names []string
	eco   *ecosystem
	parse func(*lockfile) (inventory, error)
	// manifest is the base name of the manifests that say more about what the
	// lockfile holds; may be empty.
	manifest string
}

// formats are all files that are read, apart from pom.xml, whose files must be
// read together.
var formats = []format{
	{names: []string{"go.mod"}, eco: golang, parse: parseGoMod, manifest: "go.sum"},
	{names: []string{"go.work"}, eco: golang, parse: parseGoWork},
	{names: []string{"package-lock.json", "npm-shrinkwrap.json"}, eco: npm, parse: parseNpmLock, manifest: "package.json"},
	{names: []string{"yarn.lock"}, eco: npm, parse: parseYarnLock, manifest: "package.json"},
	{names: []string{"pnpm-lock.yaml", "pnpm-lock.yml"}, eco: npm, parse: parsePnpmLock, manifest: "package.json"},
	{names: []string{"bun.lock"}, eco: npm, parse: parseBunLock, manifest: "package.json"},
	{names: []string{requirementsPattern}, eco: pypi, parse: parseRequirements},
	{names: []string{"pipfile.lock"}, eco: pypi, parse: parsePipfileLock, manifest: "Pipfile"},
	{names: []string{"poetry.lock"}, eco: pypi, parse: parsePoetryLock, manifest: "pyproject.toml"},
	{names: []string{"pdm.lock"}, eco: pypi, parse: parsePoetryLock, manifest: "pyproject.toml"},
	{names: []string{"uv.lock"}, eco: pypi, parse: parseUVLock, manifest: "pyproject.toml"},
	{names: []string{"pylock.toml", "pylock.*.toml"}, eco: pypi, parse: parsePylock},
	{names: []string{"cargo.lock"}, eco: cargo, parse: parseCargoLock, manifest: "Cargo.toml"},
	{names: []string{"gemfile.lock", "gems.locked"}, eco: gem, parse: parseGemfileLock, manifest: "Gemfile"},
	{names: []string{"composer.lock"}, eco: composer, parse: parseComposerLock, manifest: "composer.json"},
	{names: []string{"installed.json"}, eco: composer, parse: parseComposerInstalled},
	{names: []string{"gradle.lockfile", "buildscript-gradle.lockfile", "*.gradle.lockfile"}, eco: maven, parse: parseGradleLock},
	{names: []string{"build.sbt.lock"}, eco: maven, parse: parseSbtLock},
	{names: []string{"packages.lock.json", "packages.*.lock.json"}, eco: nuget, parse: parseNugetLock},
	{names: []string{"packages.config", "packages.*.config"}, eco: nuget, parse: parseNugetConfig},
	{names: []string{"*.deps.json"}, eco: nuget, parse: parseDepsJSON},
	{names: []string{"directory.packages.props", "packages.props", "*.packages.props"}, eco: nuget, parse: parsePackagesProps},
	{names: []string{"conan.lock"}, eco: conan, parse: parseConanLock},
	{names: []string{"environment.yml", "environment.yaml"}, eco: conda, parse: parseCondaEnvironment},
	{names: []string{"mix.lock"}, eco: hex, parse: parseMixLock},
	{names: []string{"pubspec.lock"}, eco: pub, parse: parsePubspecLock, manifest: "pubspec.yaml"},
	{names: []string{"package.resolved"}, eco: swift, parse: parsePackageResolved},
	{names: []string{"podfile.lock"}, eco: cocoapods, parse: parsePodfileLock},
	{names: []string{"deno.lock", "conda-lock.yml", "conda-lock.yaml", "pixi.lock", "paket.lock", "rebar.lock", "cartfile.resolved", "renv.lock",
		"cpanfile.snapshot", "shard.lock", "stack.yaml.lock", "cabal.project.freeze", "gopkg.lock", "glide.lock"}, parse: parseUnread},
	{names: []string{"manifest.toml", "manifest-v*.toml", "juliamanifest.toml"}, eco: julia, parse: parseJuliaManifest},
}

// parseUnread is for lockfiles that are known by name only: their packages are
// part of the target, and nobody looked at them.
func parseUnread(*lockfile) (inventory, error) {
	return inventory{}, &gatehouse.Unscannable{Code: gatehouse.GapUnresolved,
		Reason: "lockfiles of this package manager are not read yet, so its packages were not looked at; check them by other means and waive this, or exclude the file"}
}

const pomFile = "pom.xml"

// formatsByName and formatsByPattern are formats, for each file of a target is
// looked up. In the second, each format has one pattern.
var formatsByName, formatsByPattern = indexFormats()

type patternFormat struct {
	pattern string
	suffix  string // what follows the last star: most names differ here
	format  *format
}

func indexFormats() (map[string]*format, []patternFormat) {
	byName := map[string]*format{}
	var byPattern []patternFormat
	for i := range formats {
		for _, name := range formats[i].names {
			if strings.Contains(name, "*") {
				byPattern = append(byPattern, patternFormat{name, name[strings.LastIndexByte(name, '*')+1:], &formats[i]})
				continue
			}
			byName[name] = &formats[i]
		}
	}
	return byName, byPattern
}

// formatOf returns the format that a file is read as, or nil.
func formatOf(name string) *format {
	base := strings.ToLower(path.Base(name))
	if f := formatsByName[base]; f != nil {
		return f
	}
	for _, p := range formatsByPattern {
		if !strings.HasSuffix(base, p.suffix) {
			continue
		}
		if ok, _ := path.Match(p.pattern, base); ok {
			return p.format
		}
	}
	if !strings.HasSuffix(base, ".txt") && !strings.HasSuffix(base, ".lockfile") {
		return nil
	}
	switch dir := strings.ToLower(path.Base(path.Dir(name))); {
	case isRequirements(name):
		return requirementsFormat()
	case strings.HasSuffix(base, ".lockfile") && (dir == "dependency-locks" || dir == "gradle"):
		return gradleFormat()
	}
	return nil
}

// requirementsPattern is the name that pip-tools and most projects give to
// requirements files.
const requirementsPattern = "*requirements*.txt"

// isRequirements reports whether a file is read as a requirements file: by its
// name, or as a text file in a directory of that name.
func isRequirements(name string) bool {
	base, dir := strings.ToLower(path.Base(name)), strings.ToLower(path.Base(path.Dir(name)))
	ok, _ := path.Match(requirementsPattern, base)
	return ok || strings.HasSuffix(base, ".txt") && (dir == "requirements" || dir == "requires")
}

func requirementsFormat() *format { return byParser(requirementsPattern) }
func gradleFormat() *format       { return byParser("gradle.lockfile") }

func byParser(name string) *format {
	for i := range formats {
		if slices.Contains(formats[i].names, name) {
			return &formats[i]
		}
	}
	return nil
}
