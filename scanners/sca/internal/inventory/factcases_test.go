package inventory

import "strings"

type factCase struct {
	path, text string
	others     map[string]string
}

const (
	// testSRI is the digest of nothing, and testHex the same in hex.
	testSRI    = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
	testSHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	testSHA1   = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	testCommit = "0123456789abcdef0123456789abcdef01234567"
)

// testLogin is a user and a password in a URL, which may not be shown.
var testLogin = strings.Join([]string{"user", "hidden"}, ":") + "@"

var factCases = []factCase{
	{path: "package-lock.json", text: `{
 "lockfileVersion": 3,
 "packages": {
  "": {
   "name": "app",
   "workspaces": ["packages/*"],
   "dependencies": {"a": "^1.0.0", "alias": "npm:real@^2", "@s/ws": "*"},
   "devDependencies": {"d": "~1"},
   "optionalDependencies": {"o": "1"}
  },
  "node_modules/@s/ws": {"resolved": "packages/ws", "link": true},
  "node_modules/a": {
   "version": "1.2.3",
   "resolved": "https://` + testLogin + `npm.example.com/repo/a/-/a-1.2.3.tgz?x=y",
   "integrity": "` + testSRI + `",
   "hasInstallScript": true, "deprecated": "use  b",
   "license": "MIT",
   "dependencies": {"d": "^1.5"}, "peerDependencies": {"p": ">=1"}
  },
  "node_modules/a/node_modules/d": {"version": "1.9.0", "resolved": "https://registry.npmjs.org/d/-/d-1.9.0.tgz"},
  "node_modules/alias": {"name": "real", "version": "2.0.0"},
  "node_modules/d": {"version": "1.0.0", "dev": true},
  "node_modules/g": {"version": "3.0.0", "resolved": "git+ssh://git@github.com/u/g.git#` + testCommit + `", "peer": true},
  "node_modules/o": {"version": "1.0.0", "optional": true, "resolved": "https://example.com/o.tgz"},
  "node_modules/p": {"version": "1.0.0", "devOptional": true},
  "packages/ws": {"name": "@s/ws", "version": "0.0.1", "dependencies": {"g": "github:u/g"}}
 }
}`, others: map[string]string{
		"package.json":             "{\n \"dependencies\": {\n  \"a\": \"^1.0.0\",\n  \"alias\": \"npm:real@^2\"\n },\n \"devDependencies\": {\n  \"d\": \"~1\"\n }\n}",
		"packages/ws/package.json": "{\"dependencies\": {\n \"g\": \"github:u/g\"\n}}",
	}},
	{path: "old/package-lock.json", text: `{
 "lockfileVersion": 1,
 "dependencies": {
  "a": {
   "version": "1.0.0", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz", "integrity": "` + testSRI + `",
   "requires": {"b": "^2"},
   "dependencies": {
    "b": {"version": "2.0.0", "bundled": true}
   }
  },
  "b": {"version": "1.0.0", "dev": true},
  "u": {"version": "https://` + testLogin + `example.com/u.tgz"}
 }
}`, others: map[string]string{"old/package.json": "{\"dependencies\":{\n\"a\":\"1\"}}"}},
	{path: "yarn.lock", text: `# yarn lockfile v1


a@^1.0.0, a@^1.1.0:
  version "1.2.0"
  resolved "https://registry.yarnpkg.com/a/-/a-1.2.0.tgz#` + testSHA1 + `"
  integrity ` + testSRI + `
  dependencies:
    b "^2"
  optionalDependencies:
    c "1"

b@^2:
  version "2.0.0"
  resolved "https://codeload.github.com/u/b/tar.gz/` + testCommit + `"

c@1:
  version "1.0.0"

"@s/d@npm:real@1":
  version "1.0.0"

e@u/e#main:
  version "1.0.0"
`, others: map[string]string{"package.json": "{\"dependencies\":{\"a\":\"^1.1.0\"},\n\"devDependencies\":{\"@s/d\":\"npm:real@1\"}}"}},
	{path: "berry/yarn.lock", text: `__metadata:
  version: 8
  cacheKey: 10c0

"a@npm:^1.0.0":
  version: 1.2.0
  resolution: "a@npm:1.2.0"
  dependencies:
    b: "npm:^2"
  checksum: 10c0/` + strings.Repeat("ab", 64) + `
  languageName: node
  linkType: hard

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  dependencies:
    a: "npm:^1.0.0"
  languageName: unknown
  linkType: soft

"b@npm:^2":
  version: 2.0.0
  resolution: "b@npm:2.0.0"
  languageName: node
  linkType: hard

"g@https://github.com/u/g.git#commit=` + testCommit + `":
  version: 1.0.0
  resolution: "g@https://github.com/u/g.git#commit=` + testCommit + `"
  languageName: node
  linkType: hard
`},
	{path: "pnpm-lock.yaml", text: `lockfileVersion: '9.0'

catalogs:
  default:
    b:
      specifier: ^2.0.0
      version: 2.0.0

overrides:
  c: ^1.5.0

importers:

  .:
    dependencies:
      a:
        specifier: ^1.0.0
        version: 1.2.0(b@2.0.0)
      alias:
        specifier: npm:real@^3
        version: real@3.0.0
      ws:
        specifier: workspace:*
        version: link:packages/ws

  packages/ws:
    devDependencies:
      b:
        specifier: 'catalog:'
        version: 2.0.0
    optionalDependencies:
      t:
        specifier: https://example.com/t.tgz
        version: https://example.com/t.tgz

packages:

  a@1.2.0:
    resolution: {integrity: ` + testSRI + `}
    deprecated: 'old: use b'
    peerDependencies:
      b: '>=2'

  b@2.0.0:
    resolution: {integrity: ` + testSRI + `}

  c@1.5.0:
    resolution: {integrity: ` + testSRI + `, tarball: https://registry.example.com/c/-/c-1.5.0.tgz}

  g@https://codeload.github.com/u/g/tar.gz/` + testCommit + `:
    resolution: {tarball: https://codeload.github.com/u/g/tar.gz/` + testCommit + `}
    version: 1.0.0

  real@3.0.0:
    resolution: {integrity: ` + testSRI + `}

  t@https://example.com/t.tgz:
    resolution: {tarball: https://example.com/t.tgz}
    version: 1.0.0

snapshots:

  a@1.2.0(b@2.0.0):
    dependencies:
      b: 2.0.0
      c: 1.5.0
    optionalDependencies:
      g: https://codeload.github.com/u/g/tar.gz/` + testCommit + `

  b@2.0.0: {}

  c@1.5.0: {}

  g@https://codeload.github.com/u/g/tar.gz/` + testCommit + `: {}

  real@3.0.0: {}

  t@https://example.com/t.tgz: {}
`, others: map[string]string{"package.json": "{\"dependencies\": {\n\"a\": \"^1.0.0\"}}", "packages/ws/package.json": "{\"devDependencies\": {\n\n\"b\": \"catalog:\"}}"}},
	{path: "five/pnpm-lock.yaml", text: "lockfileVersion: 5.4\n\nspecifiers:\n  a: ^1.0.0\n\ndependencies:\n  a: 1.2.0\n\npackages:\n\n  /a/1.2.0:\n    resolution: {integrity: " + testSRI + "}\n    requiresBuild: true\n    dependencies:\n      g: github.com/u/g/" + testCommit + "\n    dev: false\n\n  github.com/u/g/" + testCommit + ":\n    resolution: {tarball: https://codeload.github.com/u/g/tar.gz/" + testCommit + "}\n    name: g\n    version: 1.0.0\n    dev: false\n"},
	{path: "bun.lock", text: `{
  "lockfileVersion": 1,
  "workspaces": {
    "": { "name": "app", "dependencies": { "a": "^1" }, "devDependencies": { "b": "^2" } },
    "packages/ws": { "name": "ws", "dependencies": { "c": "github:u/c" } },
  },
  "packages": {
    "a": ["a@1.2.0", "", { "dependencies": { "b": "^1" } }, "` + testSRI + `"],
    "b": ["b@2.0.0", "https://npm.example.com/", {}, "` + testSRI + `"],
    "a/b": ["b@1.0.0", "", {}, "` + testSRI + `"],
    "c": ["c@github:u/c#` + testCommit + `", {}, "u-c"],
    "ws": ["ws@workspace:packages/ws"],
  },
}
`, others: map[string]string{"package.json": "{\"dependencies\": {\n\n\"a\": \"^1\"}}"}},
	{path: "Pipfile.lock", text: `{
 "_meta": {"sources": [{"name": "pypi", "url": "https://` + testLogin + `pypi.example.com/simple"}]},
 "default": {
  "a": {"hashes": ["sha256:` + testSHA256 + `"], "index": "pypi", "version": "==1.0"},
  "g": {"git": "https://` + testLogin + `github.com/u/g.git", "ref": "` + testCommit + `"},
  "own": {"path": ".", "editable": true}
 },
 "develop": {
  "d": {"version": "==2.0"}
 }
}`, others: map[string]string{"Pipfile": "[packages]\na = '>=1'\n[dev-packages]\nD = {version = '*'}\n"}},
	{path: "poetry.lock", text: `[[package]]
name = "A"
version = "1.0"
optional = false
groups = ["main", "dev"]
files = [
    {file = "a-1.0.tar.gz", hash = "sha256:` + testSHA256 + `"},
]

[package.dependencies]
b = {version = ">=2", markers = "python_version > '3'"}

[[package]]
name = "b"
version = "2.0"
optional = true
groups = ["main"]
files = []

[package.source]
type = "legacy"
url = "https://pypi.example.com/simple"
reference = "corp"

[[package]]
name = "g"
version = "0.1"
groups = ["test"]
files = []

[package.source]
type = "git"
url = "https://github.com/u/g.git"
reference = "main"
resolved_reference = "` + testCommit + `"

[metadata]
lock-version = "2.1"
`, others: map[string]string{"pyproject.toml": "[project]\ndependencies = [\n  \"a>=1,<2\",\n]\n\n[tool.poetry.group.test.dependencies]\ng = {git = \"https://github.com/u/g.git\"}\n"}},
	{path: "pdm.lock", text: "[metadata]\nlock_version = \"4.5\"\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\ngroups = [\"default\"]\ndependencies = [\n    \"b>=2; python_version > '3'\",\n]\nfiles = [\n    {file = \"a.whl\", hash = \"sha256:" + testSHA256 + "\"},\n]\n\n[[package]]\nname = \"b\"\nversion = \"2.0\"\ngroups = [\"default\", \"lint\"]\n"},
	{path: "uv.lock", text: `version = 1

[manifest]
members = ["app", "lib"]

[[package]]
name = "a"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [
    { name = "b" },
]
sdist = { url = "https://files/a.tar.gz", hash = "sha256:` + testSHA256 + `", size = 1 }
wheels = [
    { url = "https://files/a.whl", hash = "sha256:` + strings.Repeat("f", 64) + `" },
]

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "a" },
]

[package.dev-dependencies]
test = [
    { name = "t" },
]

[package.metadata]
requires-dist = [{ name = "a", specifier = ">=1" }]

[[package]]
name = "b"
version = "2.0"
source = { git = "https://` + testLogin + `github.com/u/b?rev=main#` + testCommit + `" }

[[package]]
name = "lib"
version = "0.1.0"
source = { editable = "libs/lib" }

[package.optional-dependencies]
x = [
    { name = "u" },
]

[[package]]
name = "t"
version = "3.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "u"
version = "4.0"
source = { url = "https://example.com/u.whl" }
`, others: map[string]string{"pyproject.toml": "[project]\nname = 'app'\ndependencies = ['a>=1']\n[dependency-groups]\ntest = ['t~=3.0']\n"}},
	{path: "pylock.toml", text: "lock-version = \"1.0\"\n\n[[packages]]\nname = \"a\"\nversion = \"1.0\"\nindex = \"https://pypi.org/simple\"\nwheels = [{name = \"a.whl\", hashes = {sha256 = \"" + testSHA256 + "\"}}]\n\n[[packages]]\nname = \"g\"\n[packages.vcs]\ntype = \"git\"\nurl = \"https://github.com/u/g\"\ncommit-id = \"" + testCommit + "\"\n"},
	{path: "requirements-dev.txt", text: "--index-url https://" + testLogin + "pypi.example.com/simple?x=y\na==1.0 \\\n    --hash=sha256:" + testSHA256 + " \\\n    --hash=sha256:" + strings.Repeat("f", 64) + "\nb[x]>=1,==2.0 ; python_version > '3'\n"},
	{path: "Cargo.lock", text: `version = 3

[[package]]
name = "a"
version = "1.2.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "` + testSHA256 + `"
dependencies = [
 "b 2.0.0",
]

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "a",
 "b 1.0.0",
 "c",
]

[[package]]
name = "b"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "b"
version = "2.0.0"
source = "git+https://` + testLogin + `github.com/u/b?branch=main#` + testCommit + `"

[[package]]
name = "c"
version = "1.0.0"
source = "sparse+https://cargo.example.com/index/"
`, others: map[string]string{"Cargo.toml": "[workspace]\nmembers = [\"app\"]\n[workspace.dependencies]\na = \"1\"\n", "app/Cargo.toml": "[package]\nname = \"app\"\n\n[dependencies]\na.workspace = true\n\n[build-dependencies]\nbb = { package = \"b\", version = \"1.0\" }\n\n[target.'cfg(unix)'.dev-dependencies]\nc = \"1\"\n"}},
	{path: "go.mod", text: "module m\n\ngo 1.24\n\nrequire (\n\ta.b/a v1.0.0\n\ta.b/f v1.0.0\n\ta.b/l v1.0.0\n\ta.b/t v1.0.0 // indirect\n)\n\nreplace a.b/f => x.y/fork v1.1.0\n\nreplace a.b/l => ./l\n\ntool a.b/t/cmd/t\n",
		others: map[string]string{"go.sum": "a.b/a v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\na.b/a v1.0.0/go.mod h1:x\nx.y/fork v1.1.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"}},
	{path: "Gemfile.lock", text: `GIT
  remote: https://` + testLogin + `github.com/u/g.git
  revision: ` + testCommit + `
  branch: main
  specs:
    g (0.1.0)

GEM
  remote: https://rubygems.org/
  specs:
    a (1.0.0)
      b (>= 2, < 3)
    b (2.0.0-java)
    t (1.0.0)

PLATFORMS
  ruby

DEPENDENCIES
  a (~> 1.0)
  g!
  t

CHECKSUMS
  a (1.0.0) sha256=` + testSHA256 + `

BUNDLED WITH
   2.5.0
`, others: map[string]string{"Gemfile": "source 'https://rubygems.org'\ngem 'a', '~> 1.0'\ngroup :test, :development do\n  if true\n    gem \"t\"\n  end\nend\ngem 'g', git: 'x', group: [:development]\n"}},
	{path: "composer.lock", text: `{
 "content-hash": "x",
 "packages": [
  {
   "name": "v/a", "version": "1.0.0",
   "source": {"type": "git", "url": "https://github.com/v/a.git", "reference": "` + testCommit + `"},
   "dist": {"type": "zip", "url": "https://api.github.com/x", "shasum": "` + testSHA1 + `"},
   "require": {"php": ">=8", "v/b": "^2"},
   "notification-url": "https://packagist.org/downloads/",
   "license": ["MIT", "GPL-2.0-only"],
   "abandoned": "v/new"
  },
  {"name": "v/b", "version": "2.0.0", "source": {"type": "git", "url": "https://` + testLogin + `git.example.com/b.git", "reference": "main"}, "abandoned": false}
 ],
 "packages-dev": [
  {"name": "v/d", "version": "1.0.0", "abandoned": true}
 ]
}`, others: map[string]string{"composer.json": "{\"require\": {\n\"v/a\": \"^1\"},\n\"require-dev\": {\n\"v/d\": \"*\"}}"}},
	{path: "gradle.lockfile", text: "# Gradle\ng:a:1.0=compileClasspath,testCompileClasspath\ng:b:1.0=testRuntimeClasspath\ng:c:1.0=annotationProcessor\ng:d:1.0=checkstyle\nempty=\n"},
	{path: "build.sbt.lock", text: `{"lockVersion": 1, "dependencies": [
 {"org": "g", "name": "a", "version": "1.0", "artifacts": [{"name": "a.jar", "hash": "sha1:` + testSHA1 + `"}], "configurations": ["compile", "test"]},
 {"org": "g", "name": "b", "version": "1.0", "configurations": ["test"]}
]}`},
	{path: "packages.lock.json", text: `{
 "version": 1,
 "dependencies": {
  "net8.0": {
   "A": {"type": "Direct", "requested": "[1.0.0, )", "resolved": "1.0.0", "contentHash": "` + testSRI[7:] + `", "dependencies": {"B": "2.0.0"}},
   "B": {"type": "Transitive", "resolved": "2.0.0"},
   "own": {"type": "Project"}
  }
 }
}`},
	{path: "packages.config", text: "<packages>\n <package id=\"A\" version=\"1.0.0\" allowedVersions=\"[1,2)\" />\n <package id=\"B\" version=\"1.0.0\" developmentDependency=\"true\" />\n</packages>"},
	{path: "app.deps.json", text: `{
 "runtimeTarget": {"name": ".NETCoreApp,Version=v8.0"},
 "targets": {".NETCoreApp,Version=v8.0": {
  "app/1.0.0": {"dependencies": {"A": "1.0.0"}},
  "A/1.0.0": {"dependencies": {"B": "2.0.0"}, "runtime": {"lib/a.dll": {}}},
  "B/2.0.0": {}
 }},
 "libraries": {
  "app/1.0.0": {"type": "project"},
  "A/1.0.0": {"type": "package", "sha512": "` + testSRI + `"},
  "B/2.0.0": {"type": "package"}
 }
}`},
	{path: "conan.lock", text: "{\n \"version\": \"0.5\",\n \"requires\": [\n  \"a/1.0#abc%1\",\n  \"b/2.0@user/stable\"\n ],\n \"build_requires\": [\"cmake/3.20\"]\n}"},
	{path: "mix.lock", text: "%{\n  \"a\": {:hex, :a, \"1.0.0\", \"" + strings.Repeat("f", 64) + "\", [:mix], [{:b, \"~> 2.0\", [hex: :b, repo: \"hexpm\", optional: false]}], \"hexpm\", \"" + testSHA256 + "\"},\n  \"b\": {:hex, :b, \"2.0.0\", \"" + testSHA256 + "\", [:mix], [], \"hexpm:corp\"},\n  \"g\": {:git, \"https://" + testLogin + "github.com/u/g.git\", \"" + testCommit + "\", []},\n}\n"},
	{path: "pubspec.lock", text: "packages:\n  a:\n    dependency: \"direct main\"\n    description:\n      name: a\n      sha256: " + testSHA256 + "\n      url: \"https://pub.dev\"\n    source: hosted\n    version: \"1.0.0\"\n  g:\n    dependency: \"direct dev\"\n    description:\n      path: \".\"\n      ref: main\n      resolved-ref: \"" + testCommit + "\"\n      url: \"https://github.com/u/g.git\"\n    source: git\n    version: \"0.1.0\"\n  own:\n    dependency: \"direct main\"\n    description:\n      path: \"../own\"\n    source: path\n    version: \"0.0.1\"\nsdks:\n  dart: \">=3.0.0\"\n",
		others: map[string]string{"pubspec.yaml": "dependencies:\n  a: ^1.0.0\ndev_dependencies:\n  g:\n    git: https://github.com/u/g.git\n"}},
	{path: "Package.resolved", text: `{
 "pins": [
  {"identity": "a", "kind": "remoteSourceControl", "location": "https://github.com/u/a.git", "state": {"revision": "` + testCommit + `", "version": "1.0.0"}},
  {"identity": "b", "kind": "remoteSourceControl", "location": "https://` + testLogin + `github.com/u/b", "state": {"branch": "main", "revision": "` + testCommit + `"}},
  {"identity": "c", "kind": "remoteSourceControl", "location": "git@github.com:u/c.git", "state": {"revision": "` + testCommit + `"}}
 ],
 "version": 2
}`},
	{path: "Podfile.lock", text: "PODS:\n  - A/Core (1.0):\n    - B (~> 2.0)\n  - B (2.1)\n  - G (0.1)\n\nDEPENDENCIES:\n  - A/Core (~> 1.0)\n  - G (from `https://github.com/u/G.git`, branch `main`)\n\nSPEC REPOS:\n  trunk:\n    - A\n    - B\n\nEXTERNAL SOURCES:\n  G:\n    :branch: main\n    :git: https://github.com/u/G.git\n\nCHECKOUT OPTIONS:\n  G:\n    :commit: " + testCommit + "\n    :git: https://github.com/u/G.git\n\nSPEC CHECKSUMS:\n  A: " + testSHA1 + "\n\nPODFILE CHECKSUM: x\n\nCOCOAPODS: 1.15.0\n"},
	{path: "Manifest.toml", text: "julia_version = \"1.10.0\"\nmanifest_format = \"2.0\"\n\n[[deps.A]]\ndeps = [\"Dates\"]\ngit-tree-sha1 = \"" + testSHA1 + "\"\nuuid = \"cd3eb016-35fb-5094-929b-558a96fad6f3\"\nversion = \"1.9.0\"\n\n[[deps.Dates]]\nuuid = \"ade2ca70-3891-5945-98fb-dc099432e06a\"\n\n[[deps.G]]\ngit-tree-sha1 = \"" + testSHA1 + "\"\nrepo-rev = \"main\"\nrepo-url = \"https://github.com/u/G.jl\"\nuuid = \"ade2ca70-3891-5945-98fb-dc099432e06b\"\nversion = \"0.1.0\"\n"},
}
