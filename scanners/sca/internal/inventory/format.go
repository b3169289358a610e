package inventory

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// Lockfile is a file to parse, with the files that belong to it.
type Lockfile struct {
	Path string
	Data []byte
	// Others are the context of the file by path, such as the manifests whose
	// dependencies it locks; may be nil.
	Others map[string]*gatehouse.File
}

// context returns the text of the other files that have the base name, those
// nearest to the root first.
func (f *Lockfile) context(base string) [][]byte {
	var paths []string
	for p := range f.Others {
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
		texts = append(texts, PlainText(f.Others[p].Data))
	}
	return texts
}

// Format is a kind of file that names packages.
type Format struct {
	// names are the base names, or patterns of [path.Match], in lower case.
	names []string
	eco   *Ecosystem
	Parse func(*Lockfile) (Inventory, error)
	// Manifest is the base name of the manifests that say more about what the
	// lockfile holds; may be empty.
	Manifest string
	// Binary is true if the content is no text.
	Binary bool
}

// formats are all files that are read, apart from pom.xml, whose files must be
// read together.
var formats = []Format{
	{names: []string{"go.mod"}, eco: Golang, Parse: parseGoMod, Manifest: "go.sum"},
	{names: []string{"go.work"}, eco: Golang, Parse: parseGoWork},
	{names: []string{"package-lock.json", "npm-shrinkwrap.json"}, eco: NPM, Parse: parseNpmLock, Manifest: "package.json"},
	{names: []string{"yarn.lock"}, eco: NPM, Parse: parseYarnLock, Manifest: "package.json"},
	{names: []string{"pnpm-lock.yaml", "pnpm-lock.yml"}, eco: NPM, Parse: parsePnpmLock, Manifest: "package.json"},
	{names: []string{"bun.lock"}, eco: NPM, Parse: parseBunLock, Manifest: "package.json"},
	{names: []string{requirementsPattern}, eco: PyPI, Parse: parseRequirements},
	{names: []string{"pipfile.lock"}, eco: PyPI, Parse: parsePipfileLock, Manifest: "Pipfile"},
	{names: []string{"poetry.lock"}, eco: PyPI, Parse: parsePoetryLock, Manifest: "pyproject.toml"},
	{names: []string{"pdm.lock"}, eco: PyPI, Parse: parsePoetryLock, Manifest: "pyproject.toml"},
	{names: []string{"uv.lock"}, eco: PyPI, Parse: parseUVLock, Manifest: "pyproject.toml"},
	{names: []string{"pylock.toml", "pylock.*.toml"}, eco: PyPI, Parse: parsePylock},
	{names: []string{"cargo.lock"}, eco: Cargo, Parse: parseCargoLock, Manifest: "Cargo.toml"},
	{names: []string{"gemfile.lock", "gems.locked"}, eco: Gem, Parse: parseGemfileLock, Manifest: "Gemfile"},
	{names: []string{"composer.lock"}, eco: Composer, Parse: parseComposerLock, Manifest: "composer.json"},
	{names: []string{"installed.json"}, eco: Composer, Parse: parseComposerInstalled},
	{names: []string{"gradle.lockfile", "buildscript-gradle.lockfile", "*.gradle.lockfile"}, eco: Maven, Parse: parseGradleLock},
	{names: []string{"build.sbt.lock"}, eco: Maven, Parse: parseSbtLock},
	{names: []string{"packages.lock.json", "packages.*.lock.json"}, eco: NuGet, Parse: parseNugetLock},
	{names: []string{"packages.config", "packages.*.config"}, eco: NuGet, Parse: parseNugetConfig},
	{names: []string{"*.deps.json"}, eco: NuGet, Parse: parseDepsJSON},
	{names: []string{"directory.packages.props", "packages.props", "*.packages.props"}, eco: NuGet, Parse: parsePackagesProps},
	{names: []string{"conan.lock"}, eco: Conan, Parse: parseConanLock},
	{names: []string{"environment.yml", "environment.yaml"}, eco: conda, Parse: parseCondaEnvironment},
	{names: []string{"mix.lock"}, eco: Hex, Parse: parseMixLock},
	{names: []string{"pubspec.lock"}, eco: Pub, Parse: parsePubspecLock, Manifest: "pubspec.yaml"},
	{names: []string{"package.resolved"}, eco: Swift, Parse: parsePackageResolved},
	{names: []string{"podfile.lock"}, eco: CocoaPods, Parse: parsePodfileLock},
	{names: []string{"renv.lock"}, eco: CRAN, Parse: parseRenvLock},
	{names: []string{"cabal.project.freeze", "cabal.*.project.freeze"}, eco: Hackage, Parse: parseCabalFreeze},
	{names: []string{"stack.yaml.lock", "stack*.yaml.lock"}, eco: Hackage, Parse: parseStackLock},
	{names: []string{"verification-metadata.xml"}, eco: Maven, Parse: parseVerification},
	{names: []string{"deno.lock"}, eco: NPM, Parse: parseDenoLock},
	{names: []string{"conda-lock.yml", "conda-lock.yaml", "*.conda-lock.yml"}, eco: conda, Parse: parseCondaLock},
	{names: []string{"pixi.lock"}, eco: conda, Parse: parsePixiLock},
	{names: []string{"paket.lock"}, eco: NuGet, Parse: parsePaketLock},
	{names: []string{"rebar.lock"}, eco: Hex, Parse: parseRebarLock},
	{names: []string{"cartfile.resolved"}, eco: Swift, Parse: parseCartfile},
	{names: []string{"cpanfile.snapshot"}, eco: CPAN, Parse: parseCpanSnapshot},
	{names: []string{"shard.lock"}, eco: Crystal, Parse: parseShardLock},
	{names: []string{"gopkg.lock"}, eco: Golang, Parse: parseGopkgLock},
	{names: []string{"glide.lock"}, eco: Golang, Parse: parseGlideLock},
	{names: []string{"*.opam.locked", "opam.locked"}, eco: Opam, Parse: parseOpamLocked},
	{names: []string{"luarocks.lock"}, eco: LuaRocks, Parse: parseLuaRocksLock},
	{names: []string{"vcpkg.json"}, eco: Vcpkg, Parse: parseVcpkg},
	{names: []string{"module.bazel.lock"}, eco: Bazel, Parse: parseBazelLock},
	{names: []string{"maven_install.json", "*_maven_install.json"}, eco: Maven, Parse: parseMavenInstall},
	{names: []string{"elm.json"}, eco: Elm, Parse: parseElm},
	{names: []string{"bun.lockb"}, eco: NPM, Parse: parseBunBinary, Binary: true},
	{names: []string{".terraform.lock.hcl"}, eco: Terraform, Parse: parseTerraformLock},
	{names: []string{"chart.yaml", "requirements.yaml"}, eco: Helm, Parse: parseHelm, Manifest: "Chart.lock"},
	{names: []string{"chart.lock", "requirements.lock"}, eco: Helm, Parse: parseHelm, Manifest: "Chart.yaml"},
	{names: []string{".pre-commit-config.yaml", ".pre-commit-config.yml"}, eco: GitHub, Parse: parsePreCommit},
	{names: []string{"flake.lock"}, eco: GitHub, Parse: parseFlakeLock},
	{names: []string{"manifest.toml", "manifest-v*.toml", "juliamanifest.toml"}, eco: Julia, Parse: parseJuliaManifest},
}

// PomFile is the base name of the manifests of Maven, which are read together.
const PomFile = "pom.xml"

// formatsByName and formatsByPattern are formats, for each file of a target is
// looked up. In the second, each format has one pattern.
var formatsByName, formatsByPattern = indexFormats()

type patternFormat struct {
	pattern string
	suffix  string // what follows the last star: most names differ here
	format  *Format
}

func indexFormats() (map[string]*Format, []patternFormat) {
	byName := map[string]*Format{}
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

// FormatOf returns the format that a file is read as, or nil.
func FormatOf(name string) *Format {
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
	if f := deliveryFormat(name); f != nil {
		return f
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

func requirementsFormat() *Format { return byParser(requirementsPattern) }
func gradleFormat() *Format       { return byParser("gradle.lockfile") }

func byParser(name string) *Format {
	for i := range formats {
		if slices.Contains(formats[i].names, name) {
			return &formats[i]
		}
	}
	return nil
}

// Safely keeps a crash of a parser to the file that caused it.
func Safely(f *Lockfile, parse func(*Lockfile) (Inventory, error)) (inv Inventory, err error) {
	defer func() {
		if r := recover(); r != nil {
			inv, err = Inventory{}, &gatehouse.Unscannable{Code: gatehouse.GapPanic, Reason: fmt.Sprintf("the parser crashed: %v", r)}
		}
	}()
	if len(strings.TrimSpace(string(f.Data[:min(len(f.Data), 4096)]))) == 0 && len(f.Data) <= 4096 && mustHaveContent(f.Path) {
		return inv, errors.New("it is empty")
	}
	inv, err = parse(f)
	if why := cutOff(f.Path, f.Data); why != "" && err == nil && inv.Skip == "" {
		inv.gap(gatehouse.GapParse, 0, "", why+", which its package manager always writes: it may be cut off, with packages missing; make it anew")
	}
	return inv, err
}

// mustHaveContent is false for files that mean something when they are empty.
func mustHaveContent(p string) bool {
	format := FormatOf(p)
	return format != nil && format.eco != PyPI && format.eco != Maven
}
