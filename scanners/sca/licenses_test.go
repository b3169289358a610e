package sca_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

func licenseText(t *testing.T, id string) string {
	t.Helper()
	b, err := os.ReadFile("internal/licensetext/texts/" + id + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return "Copyright (c) 2026 Acme\n\n" + string(b)
}

// Texts of licences belong to the package that they lie in, or to the target;
// one that is not known is reported as that.
func TestLicenseTexts(t *testing.T) {
	mit, isc := licenseText(t, "MIT"), licenseText(t, "ISC")
	for _, tt := range []struct {
		name  string
		files map[string]string
		// want has "path package: licences" for each text.
		want []string
		// components has "purl: licences".
		components []string
	}{
		{name: "of the target", files: map[string]string{"LICENSE": mit, "docs/COPYING.txt": isc, "NOTICE": "Made by Acme.\n", "license.go": mit, "licenses.json": "{}", "LICENSES/ISC.txt": isc, "LEGAL": mit},
			want: []string{"LICENSE : MIT", "LICENSES/ISC.txt : ISC", "docs/COPYING.txt : ISC"}},
		{name: "not known", files: map[string]string{"LICENSE": "Ask us.\n", "a/COPYING": "", "b/NOTICE": mit, "c/MIT-LICENSE.md": mit + strings.Repeat("And nobody may sell it to people who would resell it in turn.\n", 20)},
			want: []string{"LICENSE : ?", "a/COPYING : ?", "b/NOTICE : MIT", "c/MIT-LICENSE.md : MIT ?"}},
		{name: "npm", files: map[string]string{
			"package.json":                                   `{"name":"app","version":"1.0.0","dependencies":{"a":"1"}}`,
			"package-lock.json":                              `{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0"},"node_modules/a/node_modules/b":{"version":"2.0.0"},"node_modules/b":{"version":"1.0.0"},"node_modules/@s/c":{"version":"3.0.0"},"node_modules/d":{"version":"4.0.0"}}}`,
			"node_modules/a/package.json":                    `{"name":"a","version":"1.0.0"}`,
			"node_modules/a/LICENSE":                         mit,
			"node_modules/a/dist/LICENSE.txt":                isc,
			"node_modules/a/node_modules/b/LICENSE":          mit, // without package.json it may be either
			"node_modules/b/package.json":                    `{"name":"b","version":"1.0.0"}`,
			"node_modules/b/license":                         isc,
			"node_modules/@s/c/package.json":                 `{"name":`,
			"node_modules/@s/c/LICENCE":                      mit,
			"node_modules/not-locked/package.json":           `{"name":"not-locked","version":"1.0.0"}`,
			"node_modules/not-locked/LICENSE-MIT":            mit,
			"node_modules/d/node_modules/.package-lock.json": "{}",
		}, want: []string{"node_modules/@s/c/LICENCE @s/c: MIT", "node_modules/a/LICENSE a@1.0.0: MIT", "node_modules/a/dist/LICENSE.txt a@1.0.0: ISC",
			"node_modules/a/node_modules/b/LICENSE b: MIT", "node_modules/b/license b@1.0.0: ISC", "node_modules/not-locked/LICENSE-MIT not-locked@1.0.0: MIT"},
			components: []string{"pkg:npm/%40s/c@3.0.0: MIT", "pkg:npm/a@1.0.0: MIT ISC", "pkg:npm/b@1.0.0: ISC"}},
		{name: "Python", files: map[string]string{
			"lib/site-packages/Foo_Bar-1.2.dist-info/METADATA":             "Metadata-Version: 2.1\nName: Foo-Bar\nVersion: 1.2\n",
			"lib/site-packages/Foo_Bar-1.2.dist-info/licenses/LICENSE.rst": mit,
		}, want: []string{"lib/site-packages/Foo_Bar-1.2.dist-info/licenses/LICENSE.rst foo-bar@1.2: MIT"}, components: []string{"pkg:pypi/foo-bar@1.2: MIT"}},
		{name: "Go, vendored", files: map[string]string{
			"go.mod":                                "module example.com/app\n\ngo 1.22\n\nrequire (\n\tgithub.com/x/y v1.0.0\n\tgithub.com/x/y/v2 v2.1.0\n)\n",
			"vendor/modules.txt":                    "# github.com/x/y v1.0.0\n## explicit\ngithub.com/x/y/sub\n# github.com/x/y/v2 v2.1.0 => ../y\ngithub.com/x/y/v2\n",
			"vendor/github.com/x/y/LICENSE":         mit,
			"vendor/github.com/x/y/v2/sub/LICENSE":  isc,
			"vendor/example.org/not/listed/LICENSE": isc,
		}, want: []string{"vendor/example.org/not/listed/LICENSE : ISC", "vendor/github.com/x/y/LICENSE github.com/x/y@v1.0.0: MIT", "vendor/github.com/x/y/v2/sub/LICENSE github.com/x/y/v2@v2.1.0: ISC"},
			components: []string{"pkg:golang/github.com/x/y/v2@v2.1.0: ISC", "pkg:golang/github.com/x/y@v1.0.0: MIT"}},
		{name: "the cache of Go", files: map[string]string{"pkg/mod/github.com/!burnt!sushi/toml@v1.6.0/COPYING": mit, "github.com/x/y@v0.1.0/LICENSE": isc},
			want: []string{"github.com/x/y@v0.1.0/LICENSE github.com/x/y@v0.1.0: ISC", "pkg/mod/github.com/!burnt!sushi/toml@v1.6.0/COPYING github.com/BurntSushi/toml@v1.6.0: MIT"}},
		{name: "Ruby", files: map[string]string{
			"vendor/bundle/ruby/3.2.0/gems/foo-bar-1.2.3-x86_64-linux/LICENSE.txt": mit, "vendor/bundle/ruby/3.2.0/gems/baz-2.0.0.pre1/COPYING": isc,
			"Gemfile": "gem 'baz'\n", "Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n    baz (2.0.0.pre1)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  baz\n",
		}, want: []string{"vendor/bundle/ruby/3.2.0/gems/baz-2.0.0.pre1/COPYING baz@2.0.0.pre1: ISC", "vendor/bundle/ruby/3.2.0/gems/foo-bar-1.2.3-x86_64-linux/LICENSE.txt foo-bar@1.2.3: MIT"},
			components: []string{"pkg:gem/baz@2.0.0.pre1: ISC"}},
		{name: "Rust, vendored", files: map[string]string{
			"vendor/foo/.cargo-checksum.json": "{}", "vendor/foo/Cargo.toml": "[package]\nname = \"foo\"\nversion = \"1.0.0\"\n", "vendor/foo/LICENSE-APACHE": "", "vendor/foo/LICENSE-MIT": mit,
		}, want: []string{"vendor/foo/LICENSE-APACHE foo@1.0.0: ?", "vendor/foo/LICENSE-MIT foo@1.0.0: MIT"}},
		{name: "PHP", files: map[string]string{"vendor/composer/installed.json": `{"packages":[{"name":"a/b","version":"1.0.0"}]}`, "vendor/a/b/LICENSE": mit, "vendor/composer/LICENSE": mit},
			want: []string{"vendor/a/b/LICENSE a/b: MIT", "vendor/composer/LICENSE : MIT"}, components: []string{"pkg:composer/a/b@1.0.0: MIT"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scannertest.Scan(t, newScanner(t, testDB()), tt.files)
			ids := func(list []gatehouse.DetectedLicense) string {
				var out []string
				for _, d := range list {
					if out = append(out, cmp.Or(d.License, "?")); d.Location.Path == "" || (d.License == "") != (d.Confidence == 0) {
						t.Errorf("%+v", d)
					}
				}
				return strings.Join(out, " ")
			}
			var got, components []string
			for _, text := range r.LicenseTexts {
				of := ""
				if p := text.Package; p != nil {
					of = p.Name
					if p.Version != "" {
						of += "@" + p.Version
					}
				}
				got = append(got, fmt.Sprintf("%s %s: %s", text.Path, of, ids(text.Licenses)))
			}
			for _, c := range r.Components {
				if len(c.DetectedLicenses) > 0 {
					components = append(components, c.Purl+": "+ids(c.DetectedLicenses))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("texts\n%q, want\n%q", got, tt.want)
			}
			if slices.Sort(components); !slices.Equal(components, tt.components) {
				t.Errorf("components\n%q, want\n%q", components, tt.components)
			}
		})
	}
}

// A text of a licence alone says nothing about dependencies.
func TestLicenseTextAlone(t *testing.T) {
	r := scannertest.Scan(t, newScanner(t, testDB()), map[string]string{"LICENSE": licenseText(t, "MIT")})
	if s := r.Coverage.Scanners[0].Status; s != gatehouse.StatusNotApplicable {
		t.Errorf("status %s", s)
	}
}
