package sca_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

func gapLines(r *gatehouse.Report) []string {
	var lines []string
	for _, g := range r.Coverage.Gaps {
		lines = append(lines, fmt.Sprintf("%s %s:%d %s: %s", g.Code, g.Path, g.Line, g.Entry, g.Reason))
	}
	return lines
}

// TestGaps lists what cannot be judged: each must be a gap or a failure that
// says so, and never silence.
func TestGaps(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		// want are parts of the gaps, one each, in the order of the report.
		want []string
	}{
		{"a range in requirements", map[string]string{"requirements.txt": "django>=3\nflask\nblack == 22.*\nok==1.0\n"},
			[]string{"unresolved requirements.txt:1 django: django is not pinned", ":2 flask: ", ":3 black: "}},
		{"requirements from elsewhere", map[string]string{"requirements.txt": "-e git+https://user:pw" + "@example.com/a/b.git#egg=b\nfoo @ https://example.com/foo-1.0.zip\nhttps://example.com/bar.whl\n-e .\n./local\n--index-url https://example.com\n-r ../../up.txt\n-r base.in\n-r requirements-more.txt\n-c constraints.txt\n"},
			[]string{"unmatched requirements.txt:1 git+https://example.com/a/b.git#egg=b: ", ":2 foo: ", ":3 https://example.com/bar.whl: ", ":7 ../../up.txt: the included file", ":8 base.in: the included file"}},
		{"no requirements at all", map[string]string{"requirements.txt": "The system shall be fast.\n"}, []string{"parse requirements.txt:1"}},
		{"package.json without lockfile", map[string]string{"web/package.json": `{"dependencies":{"a":"^1","b":"workspace:*"},"devDependencies":{"c":"*"}}`},
			[]string{"unresolved web/package.json:0 : dependencies are declared but not locked: a, c; run npm install"}},
		{"package.json with only its own parts", map[string]string{"package.json": `{"dependencies":{"b":"workspace:*"}}`}, nil},
		{"package.json below a lockfile", map[string]string{"package-lock.json": `{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0"}}}`, "a/b/package.json": `{"dependencies":{"a":"^1"}}`}, nil},
		{"pyproject", map[string]string{"pyproject.toml": "[project]\nname='a'\ndependencies=['x>=1','y']\n"}, []string{"not locked: x, y; run uv lock"}},
		{"poetry", map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\npython='^3'\nx='^1'\n"}, []string{"a dependency is declared but not locked: x"}},
		{"Pipfile", map[string]string{"Pipfile": "[packages]\nx='*'\n"}, []string{"pipenv lock"}},
		{"Gemfile", map[string]string{"Gemfile": "gem 'rails', '~> 7'\n"}, []string{"not locked: rails; run bundle lock"}},
		{"composer.json", map[string]string{"composer.json": `{"require":{"php":">=8","a/b":"^1"}}`}, []string{"not locked: a/b"}},
		{"composer.json for PHP only", map[string]string{"composer.json": `{"require":{"php":">=8","ext-json":"*"}}`}, nil},
		{"Cargo.toml", map[string]string{"Cargo.toml": "[package]\nname='a'\n[dependencies]\nserde='1'\nown={path='../own'}\n"}, []string{"not locked: serde; run cargo"}},
		{"Cargo.toml in a workspace", map[string]string{"Cargo.lock": "version = 3\n[[package]]\nname='serde'\nversion='1.0.0'\nsource='registry+https://github.com/rust-lang/crates.io-index'\n", "crates/a/Cargo.toml": "[dependencies]\nserde='1'\n"}, nil},
		{"gradle", map[string]string{"build.gradle": "dependencies {\n  implementation 'a.b:c:1.0'\n}\n"}, []string{"write-locks"}},
		{"gradle catalog", map[string]string{"gradle/libs.versions.toml": "[versions]\nk='1.9'\n[libraries]\na={module='org.a:b',version.ref='k'}\nc='org.c:d:1.0'\n", "app/build.gradle.kts": "dependencies {\n implementation(libs.a)\n}\n"},
			[]string{"app/build.gradle.kts:0 : a dependency is declared but not locked: libs.a", "gradle/libs.versions.toml:0 : dependencies are declared but not locked: org.a:b, org.c:d"}},
		{"gemspec", map[string]string{"a.gemspec": "Gem::Specification.new do |s|\n s.add_dependency 'rack', '~> 2'\nend\n"}, []string{"not locked: rack"}},
		{"an archive in the project", map[string]string{"package-lock.json": `{"lockfileVersion":1,"dependencies":{"lodash":{"version":"file:vendor/lodash.tgz"}}}`}, []string{"it is installed from an archive"}},
		{"pdm", map[string]string{"pyproject.toml": "[project]\ndependencies=['x']\n", "pdm.lock": "[metadata]\nlock_version='4.5'\n[[package]]\nname='x'\nversion='1'\ngroups=['default']\ndependencies=['y>=1']\n"}, nil},
		{"csproj", map[string]string{"a.csproj": `<Project><ItemGroup><PackageReference Include="X" Version="1.0.0" /></ItemGroup></Project>`}, []string{"packages.lock.json"}},
		{"mix, pub, pod, swift, sbt, conan, julia, setup.py", map[string]string{
			"1/mix.exs": "defp deps do\n [{:plug, \"~> 1.0\"}]\nend\n", "2/pubspec.yaml": "dependencies:\n  http: ^1.0\n  flutter:\n    sdk: flutter\n",
			"3/Podfile": "target 'A' do\n  pod 'Alamofire'\nend\n", "4/Package.swift": `.package(url: "https://github.com/apple/swift-nio", from: "2.0.0")`,
			"5/build.sbt": `libraryDependencies += "org" %% "lib" % "1.0"`, "6/conanfile.txt": "[requires]\nzlib/1.2.11\n",
			"7/Project.toml": "[deps]\nHTTP = \"cd3eb016-35fb-5094-929b-558a96fad6f3\"\n", "8/setup.py": "setup(install_requires=['requests'])\n"},
			[]string{"1/mix.exs", "2/pubspec.yaml", "3/Podfile", "4/Package.swift", "5/build.sbt", "6/conanfile.txt", "7/Project.toml", "8/setup.py"}},
		{"charts of which one is locked", map[string]string{"a/Chart.yaml": "name: a\nversion: 1.0.0\ndependencies:\n- name: x\n  version: ^1\n  repository: https://example.com\n", "a/Chart.lock": "dependencies:\n- name: x\n  version: 1.2.3\n  repository: https://example.com\n", "b/Chart.yaml": "name: b\nversion: 1.0.0\n"}, nil},
		{"a go.sum without go.mod", map[string]string{"a/go.mod": "module a.b/c\n", "b/go.sum": ""}, nil},
		{"the binary lockfile of bun", map[string]string{"bun.lockb": "#!/usr/bin/env bun\nbun-lockfile-format-v0\n\x00\x01"}, []string{"unresolved bun.lockb:0 : the binary lockfile of bun is not read, so its packages were not looked at; run bun install --save-text-lockfile"}},
		{"an installed gem", map[string]string{"vendor/bundle/ruby/3.2.0/specifications/a-1.0.gemspec": "Gem::Specification.new do |s|\n  s.name = \"a\"\n  s.version = \"1.0\"\n  s.add_runtime_dependency(%q<b>.freeze, [\">= 1\"])\nend\n"}, nil},
		{"a broken manifest", map[string]string{"package.json": "{"}, []string{"parse package.json:1"}},
		{"version that cannot be compared", map[string]string{"package-lock.json": `{"lockfileVersion":1,"dependencies":{"lodash":{"version":"git+ssh://git@example.com/lodash.git#abc"},"unknown":{"version":"git+ssh://x/y"}}}`},
			[]string{"unmatched package-lock.json:1 lodash@git+ssh://example.com/lodash.git#abc: there are advisories about lodash, but it is not installed from the npm registry"}},
		{"go version that cannot be compared", map[string]string{"Gemfile.lock": "GEM\n  specs:\n    rack (abc)\n\nDEPENDENCIES\n  rack\n"}, []string{`its version "abc" could not be compared`}},
		{"advisory that cannot be compared", map[string]string{"package-lock.json": `{"lockfileVersion":1,"dependencies":{"broken":{"version":"1.0.0"}}}`},
			[]string{"unmatched package-lock.json:1 broken@1.0.0: advisory CVE-BROKEN about broken could not be compared"}},
		{"first-party packages", map[string]string{"package-lock.json": `{"lockfileVersion":1,"dependencies":{"lodash":{"version":"file:../lodash"}}}`, "yarn.lock": "# yarn lockfile v1\n\n\"lodash@link:../x\":\n  version \"0.0.0\"\n"}, nil},
		{"a swift pin to a commit", map[string]string{"Package.resolved": `{"version":2,"pins":[{"location":"https://github.com/apple/swift-nio.git","state":{"revision":"abc"}}]}`}, []string{"pinned to a branch or a commit"}},
		{"mix from git", map[string]string{"mix.lock": "%{\n  \"plug\": {:git, \"https://example.com/plug.git\", \"abc\", []},\n  nonsense\n}\n"}, []string{"unmatched mix.lock:2 plug", "parse mix.lock:3"}},
		{"conan reference without version", map[string]string{"conan.lock": `{"version":"0.5","requires":["openssl"]}`}, []string{"the reference is not name/version"}},
		{"modules that are replaced elsewhere", map[string]string{
			"go.work": "go 1.24\n\nuse ./a\n\nreplace example.com/x => example.com/y v1.0.0\n", "b/go.work": "go 1.24\n\nuse ./a\n",
			"a/go.mod": "module a\n\ngo 1.24\n\nrequire (\n\texample.com/z v1.0.0\n\texample.com/w v1.0.0\n)\n\nreplace (\n\texample.com/z => ../../z\n\texample.com/w => ../w\n)\n"},
			[]string{`unresolved a/go.mod:6 example.com/z: example.com/z is replaced by the directory "../../z", which is not part of the target`, "unresolved go.work:5 example.com/x: example.com/x is replaced for all modules"}},
		{"old go.mod without go.sum", map[string]string{"go.mod": "module a\n\ngo 1.16\n\nrequire golang.org/x/text v0.14.0\n"}, []string{"there is no go.sum"}},
		{"nuget property and range", map[string]string{"Directory.Packages.props": `<Project><ItemGroup><PackageVersion Include="A" Version="$(X)"/><PackageVersion Include="B" Version="[1,2)"/></ItemGroup></Project>`},
			[]string{"A: the version \"$(X)\"", "B: the version \"[1,2)\" of B is a range"}},
		{"conda", map[string]string{"environment.yml": "dependencies:\n  - numpy\n  - pandas=2.0\n  - pip:\n    - django\n"},
			[]string{"database environment.yml:0 conda: 1 package was not matched: there are no advisories for conda", ":2 numpy: ", ":5 django: django is not pinned"}},
		{"not conda", map[string]string{"environment.yml": "name: production\nurl: x\n"}, nil},
		{"empty lockfiles", map[string]string{"yarn.lock": "", "package-lock.json": "{}", "go.mod": "\n", "Cargo.lock": "a = 1\n"},
			[]string{"parse Cargo.lock", "parse go.mod", "parse package-lock.json", "parse yarn.lock"}},
		{"merge conflict", map[string]string{"yarn.lock": "# yarn lockfile v1\n<<<<<<< HEAD\na@1:\n  version \"1\"\n=======\n>>>>>>> b\n"}, []string{"parse yarn.lock:2 : it has an unresolved merge conflict"}},
		{"a merge conflict at the start", map[string]string{"Gemfile.lock": "<<<<<<< HEAD\nGEM\n=======\n>>>>>>> b\n"}, []string{"parse Gemfile.lock:1 : it has an unresolved merge conflict"}},
		{"lockfiles of unknown versions", map[string]string{"a/pnpm-lock.yaml": "lockfileVersion: 3\npackages: {}\n", "b/pnpm-lock.yaml": "lockfileVersion: '12.0'\npkgs: {}\n",
			"c/package-lock.json": `{"lockfileVersion":9,"pkgs":{}}`, "d/Cargo.lock": "version = 99\n[[pkg]]\nname='a'\n"},
			[]string{"parse a/pnpm-lock.yaml", "parse b/pnpm-lock.yaml", "parse c/package-lock.json", "parse d/Cargo.lock"}},
		{"a lockfile that is damaged", map[string]string{"deno.lock": `{"npm":{"left-pad@1.0.0":{}}}`}, []string{"parse deno.lock:0 : it has no \"version\", so it is no lockfile of deno"}},
		{"lockfiles without what is asked for", map[string]string{
			"a/package.json": `{"name":"me","dependencies":{"a":"1","b":"npm:real@2","c":"workspace:*","me":"1"}}`, "a/yarn.lock": "# yarn lockfile v1\n\n\nreal@2:\n  version \"2.0.0\"\n",
			"b/package.json": `{"dependencies":{"a":"1"}}`, "b/pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters: {}\npackages: {}\n",
			"c/package.json": `{"dependencies":{"a":"1"}}`, "c/bun.lock": `{"lockfileVersion":1,"workspaces":{},"packages":{}}`,
			"d/pyproject.toml": "[project]\nname='me'\ndependencies=['A_b>=1']\noptional-dependencies={x=['me[y]']}\n", "d/uv.lock": "version = 1\n",
			"e/pyproject.toml": "[tool.poetry.dependencies]\npython='^3'\nx='^1'\n", "e/poetry.lock": "package = []\n[metadata]\nlock-version='2.0'\n",
			"f/Pipfile": "[packages]\nx='*'\n", "f/Pipfile.lock": `{"_meta":{},"default":{},"develop":{}}`,
			"g/composer.json": `{"require":{"a/b":"^1","c/d-implementation":"1"}}`, "g/composer.lock": `{"packages":[{"name":"c/d","version":"1.0","provide":{"c/d-implementation":"1"}}]}`,
			"h/Cargo.toml": "[workspace.dependencies]\nunused='1'\nown={path='own'}\nshort={package='long',version='1'}\n[dependencies]\na_b='1'\nown={workspace=true}\nshort.workspace=true\n", "h/Cargo.lock": "version = 4\n",
			"i/Gemfile": "gem 'rails'\ngem 'rack'\ngem 'x' if ENV['X']\n", "i/Gemfile.lock": "GEM\n  specs:\n\nDEPENDENCIES\n  rack\n",
			"j/pubspec.yaml": "dependencies:\n  http: ^1.0\n", "j/pubspec.lock": "sdks: {}\n",
			"k/a.csproj": `<Project><ItemGroup><PackageReference Include='A.B' Version='1.0.0' /></ItemGroup></Project>`, "k/packages.lock.json": `{"version":1,"dependencies":{}}`,
			"l/build.gradle": "dependencies {\n  implementation 'a.b:c:1.0'\n}\n", "l/gradle.lockfile": "empty=\n",
		}, []string{"a/package.json:0 : it asks for a, which a/yarn.lock does not have", "b/package.json:0 : it asks for a", "c/package.json:0 : it asks for a", "d/pyproject.toml:0 : it asks for a-b, ",
			"e/pyproject.toml:0 : it asks for x", "f/Pipfile:0 : it asks for x", "g/composer.json:0 : it asks for a/b,", "h/Cargo.toml:0 : it asks for a_b, long, which", "i/Gemfile:0 : it asks for rails,",
			"j/pubspec.yaml:0 : it asks for http", "k/a.csproj:0 : it asks for A.B", "l/build.gradle:0 : it asks for a.b:c"}},
		{"requirements that are no lockfile of the project", map[string]string{
			"a/pyproject.toml": "[project]\ndependencies=['django>=1', 'win; sys_platform==\"win32\"']\noptional-dependencies={x=['y']}\n", "a/requirements-docs.txt": "sphinx==7.0\n",
			"b/setup.py": "setup(install_requires=['django>=1', \"six\"])\n", "b/requirements-dev.txt": "six==1.0\n",
			"c/pyproject.toml": "[project]\ndependencies=['django>=1']\n", "requirements.txt": "Django==4.0\n",
			"d/setup.py": "setup(install_requires=read('requirements.txt'))\n", "d/requirements.txt": "six==1.0\n",
		}, []string{"a/pyproject.toml:0 : it asks for django, which a/requirements-docs.txt does not have", "b/setup.py:0 : it asks for django, which"}},
		{"dependencies that a program makes", map[string]string{"pyproject.toml": "[project]\nname='a'\ndynamic=['version','dependencies']\n"}, []string{"not locked: those that are dynamic"}},
		{"gradle in other words", map[string]string{"a/build.gradle": "dependencies {\n  implementation group: 'com.a', name: 'lib', version: '1.0'\n}\n",
			"b/build.gradle": "buildscript { dependencies { classpath 'com.a:lib:1.0' } }\n", "c/build.gradle": "dependencies {\n  implementation(\n    'com.a:lib:1.0'\n  )\n}\n",
			"d/build.gradle": "dependencies {\n  implementation 'com.a:lib:1.0'\n}\n", "d/Podfile.lockfile": "x\n",
			"e/build.gradle": "// 'com.a:lib:1.0'\nplugins { id 'java' }\nversion = '1.0'\n"},
			[]string{"a/build.gradle:0 : a dependency is declared but not locked: lib;", "b/build.gradle:0 : a dependency is declared but not locked: com.a:lib", "c/build.gradle", "d/build.gradle"}},
		{"csproj in other words", map[string]string{"a.csproj": `<Project><ItemGroup><PackageReference Include='X' Version='1.0.0' /><PackageReference Update="Y" Version="1" /></ItemGroup></Project>`}, []string{"not locked: X, Y"}},
		{"gems in a loop", map[string]string{"Gemfile": "# the gem is old\n%w[rails rake].each { |g| gem g }\n"}, []string{"not locked: g;"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := scannertest.Scan(t, newScanner(t, testDB()), c.files)
			got := gapLines(r)
			if len(got) != len(c.want) {
				t.Fatalf("%d gaps, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			}
			for i, want := range c.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("gap %d is %q, want %q in it", i, got[i], want)
				}
			}
			if len(r.Coverage.Gaps) > 0 && strings.Contains(strings.Join(got, ""), "pw"+"@") {
				t.Error("a password is in a gap")
			}
		})
	}
}

func TestPoms(t *testing.T) {
	files := map[string]string{
		"pom.xml": `<project><groupId>g</groupId><artifactId>root</artifactId><version>1</version>
<properties><v>2.14.1</v><loop>${loop}</loop></properties>
<dependencyManagement><dependencies>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>${v}</version></dependency>
<dependency><groupId>g</groupId><artifactId>bom</artifactId><version>1</version><type>pom</type><scope>import</scope></dependency>
<dependency><groupId>x</groupId><artifactId>foreign-bom</artifactId><version>9</version><type>pom</type><scope>import</scope></dependency>
</dependencies></dependencyManagement></project>`,
		"bom/pom.xml": `<project><groupId>g</groupId><artifactId>bom</artifactId><version>1</version>
<dependencyManagement><dependencies><dependency><groupId>a</groupId><artifactId>managed</artifactId><version>3.0</version></dependency></dependencies></dependencyManagement></project>`,
		"app/pom.xml": `<project><parent><groupId>g</groupId><artifactId>root</artifactId><version>1</version></parent><artifactId>app</artifactId>
<dependencies>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId></dependency>
<dependency><groupId>a</groupId><artifactId>managed</artifactId><scope>test</scope></dependency>
<dependency><groupId>g</groupId><artifactId>lib</artifactId><version>${project.version}</version></dependency>
<dependency><groupId>a</groupId><artifactId>looping</artifactId><version>${loop}</version></dependency>
<dependency><groupId>a</groupId><artifactId>unknown</artifactId></dependency>
<dependency><groupId>a</groupId><artifactId>range</artifactId><version>[1,2)</version></dependency>
</dependencies></project>`,
		"lib/pom.xml":    `<project><parent><groupId>org.other</groupId><artifactId>starter</artifactId><version>3</version><relativePath/></parent><groupId>g</groupId><artifactId>lib</artifactId></project>`,
		"circle/pom.xml": `<project><parent><groupId>c</groupId><artifactId>c</artifactId><version>1</version><relativePath>.</relativePath></parent><groupId>c</groupId><artifactId>c</artifactId></project>`,
		"broken/pom.xml": `<project><dependencies>`,
	}
	r := scannertest.Scan(t, newScanner(t, testDB()), files)
	var components []string
	for _, c := range r.Components {
		components = append(components, fmt.Sprintf("%s %s dev=%v", c.Location.Path, c.Purl, c.Dev))
	}
	want := []string{"app/pom.xml pkg:maven/a/managed@3.0 dev=true", "app/pom.xml pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1 dev=false"}
	if !slices.Equal(components, want) {
		t.Errorf("components %q, want %q", components, want)
	}
	if len(r.Findings) != 1 || r.Findings[0].Rule != "CVE-MVN" || r.Findings[0].Location.String() != "app/pom.xml:3" {
		t.Errorf("findings %+v", r.Findings)
	}
	gaps := strings.Join(gapLines(r), "\n")
	for _, want := range []string{
		`app/pom.xml:6 a:looping: the version "${loop}"`, "app/pom.xml:7 a:unknown: the version of a:unknown is not known: its version is that of x:foreign-bom 9",
		`app/pom.xml:8 a:range: the version "[1,2)"`, "lib/pom.xml:0 org.other:starter: the parent", "parse broken/pom.xml", "circle/pom.xml",
	} {
		if !strings.Contains(gaps, want) {
			t.Errorf("no gap with %q in:\n%s", want, gaps)
		}
	}
}

func TestNoDatabase(t *testing.T) {
	files := map[string]string{"requirements.txt": "django==3.1.4\nflask==1.0\n", "a/go.mod": "module a\n\ngo 1.20\n"}
	for _, c := range []struct{ why, want string }{
		{"", "2 packages were not matched: there is no vulnerability database; run `gatehouse db import --osv DIR` or `gatehouse db pull REF`"},
		{"it is\ncorrupt.", "2 packages were not matched: it is corrupt"},
	} {
		s, err := sca.New(nil, c.why)
		if err != nil {
			t.Fatal(err)
		}
		r := scannertest.Scan(t, s, files)
		if len(r.Coverage.Gaps) != 1 || r.Coverage.Gaps[0].Code != gatehouse.GapDatabase || r.Coverage.Gaps[0].Reason != c.want {
			t.Errorf("gaps %q, want %q", gapLines(r), c.want)
		}
		if len(r.Components) != 2 {
			t.Errorf("%d components", len(r.Components))
		}
	}
}

func TestDatabaseLacksEcosystem(t *testing.T) {
	db := &memoryDB{}
	db.add("npm", "lodash", vulndb.Advisory{ID: "CVE-1", VulnerableVersions: []string{"<4"}})
	r := scannertest.Scan(t, newScanner(t, db), map[string]string{"requirements.txt": "django==3.1.4\n"})
	if got := gapLines(r); len(got) != 1 || !strings.Contains(got[0], "database requirements.txt:0 pypi: 1 package was not matched: the vulnerability database has no advisories for PyPI") {
		t.Errorf("gaps %q", got)
	}
}

func TestDatabaseError(t *testing.T) {
	db := testDB()
	s := newScanner(t, db)
	s.Canaries = nil
	db.err = errors.New("disk on fire")
	r := scannertest.Scan(t, s, map[string]string{"requirements.txt": "django==3.1.4\n"})
	if got := gapLines(r); len(got) != 1 || !strings.Contains(got[0], "database requirements.txt:0 : disk on fire") {
		t.Errorf("gaps %q", got)
	}
}

// crashingDB crashes on the first look-up only.
type crashingDB struct {
	*memoryDB
	crashed bool
}

func (c *crashingDB) Advisories(ecosystem, name string) ([]vulndb.Advisory, error) {
	if !c.crashed {
		c.crashed = true
		panic("fault in the map")
	}
	return c.memoryDB.Advisories(ecosystem, name)
}

// TestDatabaseCrash: a crash must not look like no advisories to the next file.
func TestDatabaseCrash(t *testing.T) {
	s := newScanner(t, &crashingDB{memoryDB: testDB()})
	s.Canaries = nil
	r := scannertest.Scan(t, s, map[string]string{"a/requirements.txt": "django==3.1.4\n", "b/requirements.txt": "django==3.1.4\n"})
	if got := gapLines(r); len(got) != 2 || !strings.Contains(got[0], "fault in the map") || !strings.Contains(got[1], "fault in the map") {
		t.Errorf("gaps %q", got)
	}
}

func TestUnusableDatabase(t *testing.T) {
	for name, db := range map[string]*memoryDB{
		"empty":       {},
		"nothing":     {advisories: map[string]map[string][]vulndb.Advisory{"npm": {"a": {{ID: "X", VulnerableVersions: []string{">= nonsense"}}}}}},
		"other world": {advisories: map[string]map[string][]vulndb.Advisory{"debian 12": {"a": {{ID: "X", VulnerableVersions: []string{"nonsense ="}}}}}},
	} {
		if _, err := sca.New(db, ""); err == nil || !strings.Contains(err.Error(), "gatehouse db") {
			t.Errorf("%s: error %v, want one with the next step", name, err)
		}
	}
}

// TestUnmatchedIsCounted: a package from elsewhere whose name no advisory has
// is no gap, and is counted.
func TestUnmatchedIsCounted(t *testing.T) {
	r := scannertest.Scan(t, newScanner(t, testDB()), map[string]string{
		"Package.resolved": `{"version":2,"pins":[{"location":"https://github.com/nobody/nothing.git","state":{"revision":"abc"}}]}`,
		"mix.lock":         "%{\n  \"nothing\": {:git, \"https://example.com/nothing.git\", \"abc\", []},\n}\n",
	})
	if len(r.Coverage.Gaps) > 0 || len(r.Components) != 2 {
		t.Fatalf("gaps %q, components %+v", gapLines(r), r.Components)
	}
	for _, c := range r.Components {
		if !strings.HasPrefix(c.Unmatched, "there are no advisories about that name, and it is") {
			t.Errorf("%s: %q", c.Name, c.Unmatched)
		}
	}
	if got := r.Coverage.Scanners[0].Unmatched; got["swift"] != 1 || got["hex"] != 1 {
		t.Errorf("counted %v", got)
	}
}
