package sca

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// manager is a package manager: how one tells it what to change. In its texts
// {name} and {version} are those of the package, and {from} its present
// version.
type manager struct {
	// files are base names, in lower case, of what it writes; "*" at the start
	// stands for any text.
	files []string
	// manifest is where people write what they ask for; empty if the file
	// itself is that.
	manifest string
	// refresh makes the lockfile anew for one package; set asks for a version
	// of a direct dependency; override does so for a package that others need.
	refresh, set, override string
	// forces is true if an override overrules what others ask for; otherwise it
	// can only choose among what they allow.
	forces bool
	// elsewhere is true if the file only describes what is somewhere else, so
	// that nothing can be changed in it.
	elsewhere bool
}

// managers are found by the base name of a file; the first one that fits is
// taken. The commands are those of the manuals of each package manager.
var managers = []manager{
	{files: []string{"package-lock.json", "npm-shrinkwrap.json"}, forces: true, manifest: "package.json",
		refresh: "npm update {name}", set: "npm install {name}@{version}",
		override: `add "overrides": {"{name}": "{version}"} to package.json, then npm install`},
	{files: []string{"yarn.lock"}, forces: true, manifest: "package.json",
		refresh: "yarn upgrade {name}", set: "yarn upgrade {name}@{version}",
		override: `add "resolutions": {"{name}": "{version}"} to package.json, then yarn install`},
	{files: []string{"pnpm-lock.yaml", "pnpm-lock.yml"}, forces: true, manifest: "package.json",
		refresh: "pnpm update --depth Infinity {name}", set: "pnpm update {name}@{version}",
		override: `add "pnpm": {"overrides": {"{name}": "{version}"}} to package.json, then pnpm install`},
	{files: []string{"bun.lock"}, forces: true, manifest: "package.json",
		refresh: "bun update {name}", set: "bun add {name}@{version}",
		override: `add "overrides": {"{name}": "{version}"} to package.json, then bun install`},
	{files: []string{"package.json"}, set: "npm install {name}@{version}"},
	{files: []string{"deno.lock"}, manifest: "deno.json", refresh: "deno update {name}", set: "deno add npm:{name}@{version}"},
	{files: []string{"poetry.lock"}, manifest: "pyproject.toml",
		refresh: "poetry update {name}", set: `poetry add "{name}>={version}"`, override: `poetry add "{name}>={version}"`},
	{files: []string{"pdm.lock"}, forces: true, manifest: "pyproject.toml",
		refresh: "pdm update {name}", set: `pdm add "{name}>={version}"`,
		override: `add {name} = ">={version}" to [tool.pdm.resolution.overrides] in pyproject.toml, then pdm lock`},
	{files: []string{"uv.lock"}, forces: true, manifest: "pyproject.toml",
		refresh: "uv lock --upgrade-package {name}", set: `uv add "{name}>={version}"`,
		override: `add constraint-dependencies = ["{name}>={version}"] to [tool.uv] in pyproject.toml, then uv lock --upgrade-package {name}; if that fails, use override-dependencies`},
	{files: []string{"pipfile.lock"}, manifest: "Pipfile",
		refresh: "pipenv upgrade {name}", set: `pipenv upgrade "{name}>={version}"`, override: `pipenv upgrade "{name}>={version}"`},
	{files: []string{"*.txt"}, set: "write {name}=={version}; with pip-tools: pip-compile --upgrade-package {name}=={version}",
		override: "write {name}=={version}; with pip-tools: pip-compile --upgrade-package {name}=={version}"},
	{files: []string{"cargo.lock"}, manifest: "Cargo.toml",
		refresh: "cargo update -p {name}@{from} --precise {version}", set: "cargo add {name}@{version}, then cargo update -p {name}@{from}",
		override: "update those that need it, or point [patch.crates-io] in Cargo.toml at a release that you made of {name} {version}"},
	{files: []string{"go.mod"}, forces: true, set: "go get {name}@{version}", override: "go get {name}@{version}"},
	{files: []string{"gemfile.lock", "gems.locked"}, manifest: "Gemfile",
		refresh: "bundle update {name} --conservative", set: `write gem "{name}", ">= {version}" in the Gemfile, then bundle update {name} --conservative`,
		override: `add gem "{name}", ">= {version}" to the Gemfile, then bundle update {name} --conservative`},
	{files: []string{"composer.lock", "installed.json"}, manifest: "composer.json",
		refresh: "composer update {name} --with-dependencies", set: "composer require {name}:^{version} --with-dependencies",
		override: "composer update {name} --with {name}:{version} --with-all-dependencies; to keep it, composer require {name}:^{version}"},
	{files: []string{"pom.xml"}, forces: true, set: "write <version>{version}</version> for {name}", override: "add {name} with <version>{version}</version> to <dependencyManagement>"},
	{files: []string{"*gradle.lockfile", "*.lockfile"}, forces: true, manifest: "build.gradle",
		refresh: "gradle dependencies --update-locks {name}", set: `write "{name}:{version}" in the build script, then gradle dependencies --write-locks`,
		override: `add constraints { implementation("{name}:{version}") } to the dependencies of the build script, then gradle dependencies --write-locks`},
	{files: []string{"build.gradle", "build.gradle.kts"}, set: `write "{name}:{version}"`},
	{files: []string{"build.sbt.lock"}, forces: true, manifest: "build.sbt", set: "write the version {version} for {name} in build.sbt, then sbt dependencyLockWrite",
		override: "add {name} {version} to dependencyOverrides in build.sbt, then sbt dependencyLockWrite"},
	{files: []string{"packages.lock.json", "packages.*.lock.json"}, forces: true, manifest: "*.csproj",
		refresh: "dotnet restore --force-evaluate", set: "dotnet add package {name} --version {version}", override: "dotnet add package {name} --version {version}"},
	{files: []string{"packages.config"}, forces: true, set: "nuget update packages.config -Id {name} -Version {version}", override: "nuget install {name} -Version {version}"},
	{files: []string{"*.props"}, forces: true, set: `write Version="{version}" for {name}`, override: `add <PackageVersion Include="{name}" Version="{version}" />, with CentralPackageTransitivePinningEnabled`},
	{files: []string{"*.csproj", "*.fsproj", "*.vbproj", "*.deps.json"}, forces: true, set: "dotnet add package {name} --version {version}", override: "dotnet add package {name} --version {version}"},
	{files: []string{"paket.lock"}, manifest: "paket.dependencies", refresh: "paket update {name}", set: "paket update {name} --version {version}", override: "paket add {name} --version {version}"},
	{files: []string{"mix.lock"}, forces: true, manifest: "mix.exs",
		refresh: "mix deps.update {name}", set: `write {:{name}, "~> {version}"} in mix.exs, then mix deps.update {name}`,
		override: `add {:{name}, "~> {version}", override: true} to mix.exs, then mix deps.update {name}`},
	{files: []string{"pubspec.lock"}, forces: true, manifest: "pubspec.yaml",
		refresh: "dart pub upgrade {name}", set: "dart pub add {name}:^{version}", override: "add {name}: ^{version} to dependency_overrides in pubspec.yaml, then dart pub get"},
	{files: []string{"package.resolved"}, manifest: "Package.swift", refresh: "swift package update {name}", set: `write from: "{version}" for {name} in Package.swift, then swift package update`},
	{files: []string{"podfile.lock"}, manifest: "Podfile",
		refresh: "pod update {name}", set: `write pod '{name}', '~> {version}' in the Podfile, then pod update {name}`, override: `add pod '{name}', '~> {version}' to the Podfile, then pod update {name}`},
	{files: []string{"conan.lock"}, forces: true, manifest: "conanfile.py", set: "write {name}/{version} in the conanfile, then conan lock create .", override: `add requires("{name}/{version}", override=True) to conanfile.py, then conan lock create .`},
	{files: []string{"manifest.toml", "manifest-v*.toml", "juliamanifest.toml"}, manifest: "Project.toml", refresh: `julia --project -e 'import Pkg; Pkg.update("{name}")'`,
		set: `julia --project -e 'import Pkg; Pkg.add(name="{name}", version="{version}")'`, override: `add {name} = "{version}" to [compat] in Project.toml, then Pkg.update`},
	{files: []string{"renv.lock"}, set: `Rscript -e 'renv::install("{name}@{version}"); renv::snapshot()'`, override: `Rscript -e 'renv::install("{name}@{version}"); renv::snapshot()'`},
}

// yarnBerry is Yarn from version 2.
var yarnBerry = manager{forces: true, manifest: "package.json", refresh: "yarn up -R {name}", set: "yarn up {name}@{version}",
	override: `add "resolutions": {"{name}": "{version}"} to package.json, then yarn install`}

// managerOf returns the package manager whose file it is. One that is not known
// has no texts.
func managerOf(file string, data []byte) *manager {
	base := strings.ToLower(path.Base(file))
	for i := range managers {
		for _, pattern := range managers[i].files {
			if ok, _ := path.Match(pattern, base); !ok {
				continue
			}
			if base == "yarn.lock" && bytes.Contains(data[:min(len(data), 4096)], []byte("__metadata:")) {
				return &yarnBerry
			}
			return &managers[i]
		}
	}
	return &manager{}
}

// text fills in one of the texts of a manager; empty if it has none.
func fill(text string, p *inventory.Package, version string) string {
	if version != "" {
		version = p.Written(version)
	}
	return strings.NewReplacer("{name}", p.Name, "{version}", version, "{from}", p.Version).Replace(text)
}

// orGeneric is what to do in words if the command is not known.
func orGeneric(command string, p *inventory.Package, version string) string {
	if command != "" {
		return command
	}
	return fmt.Sprintf("move %s to %s with its package manager", p.Name, p.Written(version))
}
