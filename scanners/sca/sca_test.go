package sca_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// testDB has advisories for the packages of the tests in this package.
func testDB() *memoryDB {
	db := &memoryDB{details: map[string]vulndb.Detail{
		"CVE-2019-10744": {Title: "prototype pollution", Severity: gatehouse.SeverityCritical, References: []string{"https://example.com/a"},
			CVSS: map[string]vulndb.CVSS{"nvd": {V3Score: 9.1}}, Published: time.Date(2019, 7, 26, 0, 0, 0, 0, time.UTC)},
	}}
	vulnerable := func(eco, name, id string, versions ...string) {
		db.add(eco, name, vulndb.Advisory{ID: id, VulnerableVersions: versions, Source: vulndb.Source{ID: "osv", Name: "OSV"}})
	}
	db.add("npm", "lodash", vulndb.Advisory{ID: "CVE-2019-10744", Aliases: []string{"GHSA-jf85-cpcp-j695"},
		VulnerableVersions: []string{"<4.17.12"}, PatchedVersions: []string{"4.17.12"}, Source: vulndb.Source{ID: "ghsa", Name: "GitHub"}})
	db.add("npm", "lodash", vulndb.Advisory{ID: "GHSA-jf85-cpcp-j695", VulnerableVersions: []string{"<4.17.11"},
		Source: vulndb.Source{ID: "osv", Name: "OSV"}})
	vulnerable("npm", "flatmap-stream", "MAL-2018-1", ">=0.1.1, <0.1.2")
	vulnerable("pip", "django", "CVE-PIP", ">=3.0, <3.2")
	vulnerable("pip", "zope.interface", "CVE-DOTS", "<6")
	vulnerable("go", "golang.org/x/net", "CVE-GO", "<0.23.0")
	vulnerable("go", "stdlib", "CVE-STD", ">=1.21.0, <1.21.5")
	vulnerable("cargo", "time", "CVE-CARGO", "<0.2.23")
	vulnerable("rubygems", "rack", "CVE-GEM", "<2.0.8")
	vulnerable("composer", "symfony/http-kernel", "CVE-PHP", ">=5.0, <5.4.20")
	vulnerable("maven", "org.apache.logging.log4j:log4j-core", "CVE-MVN", ">=2.0-beta9, <2.15.0")
	vulnerable("nuget", "newtonsoft.json", "CVE-NET", "<13.0.1")
	vulnerable("erlang", "plug", "CVE-HEX", "<1.10.4")
	vulnerable("pub", "http", "CVE-PUB", "<0.13.3")
	vulnerable("conan", "openssl", "CVE-CONAN", "<3.0.8")
	vulnerable("swift", "github.com/apple/swift-nio", "CVE-SWIFT", "<2.40.0")
	vulnerable("cocoapods", "Alamofire", "CVE-POD", "<5.0.0")
	vulnerable("julia", "HTTP", "CVE-JULIA", "<1.10.0")
	vulnerable("npm", "broken", "CVE-BROKEN", ">= what")
	return db
}

func newScanner(t testing.TB, db sca.Database) *gatehouse.Scanner {
	t.Helper()
	s, err := sca.New(db, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// one is a lockfile with a vulnerable and a clean package.
type one struct {
	path, text string
	// rule is the advisory that must be found, at the line.
	rule string
	line int
	// purls are all components.
	purls []string
}

var everyFormat = []one{
	{"go.mod", "module a.b/c\n\ngo 1.20\n\nrequire (\n\tgolang.org/x/net v0.17.0\n\tgolang.org/x/text v0.14.0 // indirect\n)\n", "CVE-GO", 6,
		[]string{"pkg:golang/golang.org/x/net@v0.17.0", "pkg:golang/golang.org/x/text@v0.14.0"}},
	{"toolchain/go.mod", "module a.b/c\n\ngo 1.21.0\n\ntoolchain go1.21.3\n", "CVE-STD", 5, []string{"pkg:golang/stdlib@1.21.3"}},
	{"package-lock.json", `{
  "name": "app", "lockfileVersion": 3,
  "packages": {
    "": {"name": "app", "dependencies": {"lodash": "^4.0.0"}},
    "node_modules/lodash": {
      "version": "4.17.4",
      "license": "MIT"
    },
    "node_modules/@scope/left": {
      "version": "1.0.0"
    }
  }
}`, "CVE-2019-10744", 5, []string{"pkg:npm/%40scope/left@1.0.0", "pkg:npm/lodash@4.17.4"}},
	{"v1/package-lock.json", "{\n \"lockfileVersion\": 1,\n \"dependencies\": {\n  \"lodash\": {\n   \"version\": \"4.17.4\"\n  }\n }\n}", "CVE-2019-10744", 4, []string{"pkg:npm/lodash@4.17.4"}},
	{"old/npm-shrinkwrap.json", "{\n \"name\": \"a\",\n \"dependencies\": {\n  \"lodash\": {\n   \"version\": \"4.17.4\"\n  }\n }\n}", "CVE-2019-10744", 4, []string{"pkg:npm/lodash@4.17.4"}},
	{"yarn.lock", "# yarn lockfile v1\n\n\nexpress@^4.0.0:\n  version \"4.18.0\"\n  dependencies:\n    lodash \"^4.0.0\"\n\nlodash@^4.0.0, lodash@^4.17.0:\n  version \"4.17.4\"\n  resolved \"https://registry.yarnpkg.com/lodash/-/lodash-4.17.4.tgz#x\"\n", "CVE-2019-10744", 9,
		[]string{"pkg:npm/express@4.18.0", "pkg:npm/lodash@4.17.4"}},
	{"berry/yarn.lock", "__metadata:\n  version: 6\n\n\"app@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"app@workspace:.\"\n  linkType: soft\n\n\"lo@npm:lodash@^4.0.0\":\n  version: 4.17.4\n  resolution: \"lodash@npm:4.17.4\"\n  linkType: hard\n", "CVE-2019-10744", 9, []string{"pkg:npm/lodash@4.17.4"}},
	{"pnpm-lock.yaml", "lockfileVersion: '9.0'\n\nimporters:\n  .:\n    dependencies:\n      lodash:\n        specifier: ^4.0.0\n        version: 4.17.4\n\npackages:\n\n  '@scope/left@1.0.0':\n    resolution: {integrity: x}\n\n  lodash@4.17.4:\n    resolution: {integrity: x}\n\nsnapshots:\n\n  '@scope/left@1.0.0': {}\n\n  lodash@4.17.4:\n    dependencies:\n      '@scope/left': 1.0.0\n", "CVE-2019-10744", 15,
		[]string{"pkg:npm/%40scope/left@1.0.0", "pkg:npm/lodash@4.17.4"}},
	{"six/pnpm-lock.yaml", "lockfileVersion: '6.0'\n\ndevDependencies:\n  lodash:\n    specifier: ^4.0.0\n    version: 4.17.4\n\npackages:\n\n  /lodash@4.17.4:\n    resolution: {integrity: x}\n    dev: true\n", "CVE-2019-10744", 10, []string{"pkg:npm/lodash@4.17.4"}},
	{"five/pnpm-lock.yaml", "lockfileVersion: 5.4\n\ndependencies:\n  lodash: 4.17.4\n\npackages:\n\n  /@scope/left/1.0.0_lodash@4.17.4:\n    resolution: {integrity: x}\n\n  /lodash/4.17.4:\n    resolution: {integrity: x}\n", "CVE-2019-10744", 11,
		[]string{"pkg:npm/%40scope/left@1.0.0", "pkg:npm/lodash@4.17.4"}},
	{"bun.lock", "{\n  \"lockfileVersion\": 1,\n  \"workspaces\": {\n    \"\": { \"name\": \"app\", \"dependencies\": { \"lodash\": \"^4\" } },\n  },\n  \"packages\": {\n    \"lodash\": [\"lodash@4.17.4\", \"\", {}, \"sha512-x\"],\n  }\n}\n", "CVE-2019-10744", 7, []string{"pkg:npm/lodash@4.17.4"}},
	{"requirements.txt", "# comment\nDjango==3.1.4 \\\n    --hash=sha256:x ; python_version > '3'\nzope-interface[test] == 5.0  # via x\n", "CVE-PIP", 2, []string{"pkg:pypi/django@3.1.4", "pkg:pypi/zope-interface@5.0"}},
	{"requirements/dev.txt", "zope_interface===5.0\n", "CVE-DOTS", 1, []string{"pkg:pypi/zope-interface@5.0"}},
	{"Pipfile.lock", "{\n \"_meta\": {\"sources\": []},\n \"default\": {\n  \"django\": {\n   \"version\": \"==3.1.4\"\n  }\n },\n \"develop\": {\n  \"pytest\": {\"version\": \"==7.0\"}\n }\n}", "CVE-PIP", 4, []string{"pkg:pypi/django@3.1.4", "pkg:pypi/pytest@7.0"}},
	{"poetry.lock", "[[package]]\nname = \"Django\"\nversion = \"3.1.4\"\noptional = false\n\n[package.dependencies]\nsqlparse = \">=0.2\"\n\n[[package]]\nname = \"sqlparse\"\nversion = \"0.4\"\n\n[metadata]\nlock-version = \"2.0\"\n", "CVE-PIP", 1,
		[]string{"pkg:pypi/django@3.1.4", "pkg:pypi/sqlparse@0.4"}},
	{"uv.lock", "version = 1\n\n[[package]]\nname = \"app\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"django\" }]\n\n[[package]]\nname = \"django\"\nversion = \"3.1.4\"\nsource = { registry = \"https://pypi.org/simple\" }\n", "CVE-PIP", 9, []string{"pkg:pypi/django@3.1.4"}},
	{"pylock.toml", "lock-version = \"1.0\"\n\n[[packages]]\nname = \"django\"\nversion = \"3.1.4\"\n", "CVE-PIP", 3, []string{"pkg:pypi/django@3.1.4"}},
	{"Cargo.lock", "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"time\"]\n\n[[package]]\nname = \"time\"\nversion = \"0.1.40\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n", "CVE-CARGO", 8, []string{"pkg:cargo/time@0.1.40"}},
	{"Gemfile.lock", "PATH\n  remote: .\n  specs:\n    app (0.1.0)\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    rack (2.0.7)\n    sinatra (2.0.0)\n      rack (~> 2.0)\n\nDEPENDENCIES\n  app!\n  sinatra\n", "CVE-GEM", 9, []string{"pkg:gem/rack@2.0.7", "pkg:gem/sinatra@2.0.0"}},
	{"gems.locked", "GEM\n  specs:\n    rack (2.0.7-java)\n\nDEPENDENCIES\n  rack\n", "CVE-GEM", 3, []string{"pkg:gem/rack@2.0.7"}},
	{"composer.lock", "{\n \"packages\": [\n  {\n   \"name\": \"symfony/http-kernel\",\n   \"version\": \"v5.4.0\",\n   \"license\": [\"MIT\"]\n  }\n ],\n \"packages-dev\": []\n}", "CVE-PHP", 3, []string{"pkg:composer/symfony/http-kernel@v5.4.0"}},
	{"installed.json", "[\n  {\n   \"name\": \"symfony/http-kernel\",\n   \"version\": \"v5.4.0\"\n  }\n]", "CVE-PHP", 2, []string{"pkg:composer/symfony/http-kernel@v5.4.0"}},
	{"pom.xml", "<project>\n <groupId>a</groupId><artifactId>b</artifactId><version>1</version>\n <properties><l4j>2.14.1</l4j></properties>\n <dependencies>\n  <dependency>\n   <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>${l4j}</version>\n  </dependency>\n </dependencies>\n</project>\n", "CVE-MVN", 5,
		[]string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}},
	{"gradle.lockfile", "# Gradle\norg.apache.logging.log4j:log4j-core:2.14.1=runtimeClasspath\nempty=\n", "CVE-MVN", 2, []string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}},
	{"build.sbt.lock", "{\n \"lockVersion\": 1,\n \"dependencies\": [\n  {\n   \"org\": \"org.apache.logging.log4j\", \"name\": \"log4j-core\", \"version\": \"2.14.1\", \"configurations\": [\"test\"]\n  }\n ]\n}", "CVE-MVN", 4, []string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}},
	{"packages.lock.json", "{\n \"version\": 1,\n \"dependencies\": {\n  \"net6.0\": {\n   \"Newtonsoft.Json\": {\n    \"type\": \"Direct\", \"resolved\": \"12.0.3\"\n   }\n  }\n }\n}", "CVE-NET", 5, []string{"pkg:nuget/Newtonsoft.Json@12.0.3"}},
	{"packages.config", "<?xml version=\"1.0\"?>\n<packages>\n  <package id=\"Newtonsoft.Json\" version=\"12.0.3\" developmentDependency=\"true\" />\n</packages>\n", "CVE-NET", 3, []string{"pkg:nuget/Newtonsoft.Json@12.0.3"}},
	{"app.deps.json", "{\n \"runtimeTarget\": {\"name\": \"x\"},\n \"libraries\": {\n  \"App/1.0.0\": {\n   \"type\": \"project\"\n  },\n  \"Newtonsoft.Json/12.0.3\": {\n   \"type\": \"package\"\n  }\n }\n}", "CVE-NET", 7, []string{"pkg:nuget/Newtonsoft.Json@12.0.3"}},
	{"Directory.Packages.props", "<Project>\n <PropertyGroup><J>12.0.3</J></PropertyGroup>\n <ItemGroup>\n  <PackageVersion Include=\"Newtonsoft.Json\" Version=\"$(J)\" />\n </ItemGroup>\n</Project>", "CVE-NET", 4, []string{"pkg:nuget/Newtonsoft.Json@12.0.3"}},
	{"conan.lock", "{\n \"version\": \"0.5\",\n \"requires\": [\n  \"openssl/3.0.7#abc%1\"\n ],\n \"build_requires\": [\"cmake/3.20\"]\n}", "CVE-CONAN", 4, []string{"pkg:conan/cmake@3.20", "pkg:conan/openssl@3.0.7"}},
	{"mix.lock", "%{\n  \"plug\": {:hex, :plug, \"1.10.3\", \"abc\", [:mix], [{:mime, \"~> 1.0\", [hex: :mime, repo: \"hexpm\", optional: false]}], \"hexpm\", \"def\"},\n}\n", "CVE-HEX", 2, []string{"pkg:hex/plug@1.10.3"}},
	{"pubspec.lock", "packages:\n  http:\n    dependency: \"direct main\"\n    description: {name: http}\n    source: hosted\n    version: \"0.13.2\"\n  flutter:\n    dependency: \"direct main\"\n    description: flutter\n    source: sdk\n    version: \"0.0.0\"\nsdks:\n  dart: \">=2.0.0\"\n", "CVE-PUB", 2, []string{"pkg:pub/http@0.13.2"}},
	{"Package.resolved", "{\n \"version\": 2,\n \"pins\": [\n  {\n   \"identity\": \"swift-nio\", \"location\": \"https://github.com/apple/swift-nio.git\", \"state\": {\"revision\": \"x\", \"version\": \"2.39.0\"}\n  }\n ]\n}", "CVE-SWIFT", 4, []string{"pkg:swift/github.com/apple/swift-nio@2.39.0"}},
	{"Podfile.lock", "PODS:\n  - Alamofire (4.9.1)\n  - Other/Core (1.0):\n    - Alamofire\n\nDEPENDENCIES:\n  - Other/Core\n\nPODFILE CHECKSUM: x\n\nCOCOAPODS: 1.15.0\n", "CVE-POD", 2, []string{"pkg:cocoapods/Alamofire@4.9.1", "pkg:cocoapods/Other@1.0#Core"}},
	{"Manifest.toml", "julia_version = \"1.9.0\"\nmanifest_format = \"2.0\"\n\n[[deps.HTTP]]\nuuid = \"cd3eb016-35fb-5094-929b-558a96fad6f3\"\nversion = \"1.9.0\"\n", "CVE-JULIA", 4, []string{"pkg:julia/HTTP@1.9.0"}},
}

func TestEveryFormat(t *testing.T) {
	for _, c := range everyFormat {
		t.Run(c.path, func(t *testing.T) {
			r := scannertest.Scan(t, newScanner(t, testDB()), map[string]string{c.path: c.text})
			var purls, found []string
			for _, x := range r.Components {
				purls = append(purls, x.Purl)
				if x.Location.Path != c.path {
					t.Errorf("component at %s", x.Location)
				}
			}
			if !slices.Equal(purls, c.purls) {
				t.Errorf("components %q, want %q", purls, c.purls)
			}
			for _, f := range r.Findings {
				found = append(found, fmt.Sprintf("%s:%d", f.Rule, f.Location.Line))
			}
			if !slices.Contains(found, fmt.Sprintf("%s:%d", c.rule, c.line)) {
				t.Errorf("found %q, want %s at line %d", found, c.rule, c.line)
			}
			for _, g := range r.Coverage.Gaps {
				if !strings.HasPrefix(g.Reason, "the dependencies of the dependencies are not known") {
					t.Errorf("gap: %+v", g)
				}
			}
		})
	}
}

func TestContract(t *testing.T) {
	var fixtures []scannertest.Fixture
	for _, c := range everyFormat {
		fixtures = append(fixtures, scannertest.Fixture{Name: c.path, Files: map[string]string{c.path: c.text}, Finds: []string{c.rule}})
	}
	fixtures = append(fixtures,
		scannertest.Fixture{Name: "clean", Files: map[string]string{"yarn.lock": "# yarn lockfile v1\n\n\nlodash@^4.0.0:\n  version \"4.17.21\"\n"}},
		scannertest.Fixture{Name: "broken", Files: map[string]string{"Cargo.lock": "[[package]\n"}, Fails: "Cargo.lock"})
	scannertest.Accept(t, func() *gatehouse.Scanner { return newScanner(t, testDB()) }, fixtures...)
}

// The database of the program is one that the scanner can use.
var _ sca.Database = (*vulndb.DB)(nil)
