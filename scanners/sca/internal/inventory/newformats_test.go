package inventory_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// parse reads a file in the format of its name.
func parse(t *testing.T, name, data string) (inventory.Inventory, error) {
	t.Helper()
	format := inventory.FormatOf(name)
	if format == nil {
		t.Fatalf("%s is read in no format", name)
	}
	return inventory.Safely(&inventory.Lockfile{Path: name, Data: []byte(data)}, format.Parse)
}

// Each file here is as its package manager writes it, shortened.
func TestFormatsOfOtherManagers(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"renv.lock", `{"R":{"Version":"4.3.1","Repositories":[{"Name":"CRAN","URL":"https://cloud.r-project.org"}]},
			"Packages":{"R6":{"Package":"R6","Version":"2.5.1","Source":"Repository","Repository":"CRAN","Hash":"470851b6d5d0ac559e9d01bb352b4021"}}}`, "pkg:cran/R6@2.5.1"},
		{"cabal.project.freeze", "active-repositories: hackage.haskell.org:merge\nconstraints: any.aeson ==2.1.0.0,\n             aeson +ordered-keymap,\n             any.base ==4.17.0.0\nindex-state: hackage.haskell.org 2023-01-01T00:00:00Z\n",
			"pkg:hackage/aeson@2.1.0.0 pkg:hackage/base@4.17.0.0"},
		{"stack.yaml.lock", "packages:\n- completed:\n    hackage: fuzzyset-0.2.4@sha256:f1b6de8bf33277bf6255207541d65028f1f1ea93af5541b654c86b5674995485,1618\n    pantry-tree:\n      sha256: cc9af9a85e32f5ff2b3a5d5d1b6b3a3b1a2b3c4d5e6f708192a3b4c5d6e7f809\n      size: 574\n  original:\n    hackage: fuzzyset-0.2.4\nsnapshots: []\n",
			"pkg:hackage/fuzzyset@0.2.4"},
		{"deno.lock", `{"version":"3","packages":{"specifiers":{"npm:chalk@5":"npm:chalk@5.3.0"},"npm":{"chalk@5.3.0":{"integrity":"sha512-dLitG79d+GV1Nb/VYcCDFivJeK1hiukt9QjRNVOsUtTy1rR1YJsmpGGTZ3qJos+uw7WmWF4wUwBd9jxjocFC2w==","dependencies":{}}}},"remote":{}}`,
			"pkg:npm/chalk@5.3.0"},
		{"conda-lock.yml", "version: 1\nmetadata:\n  content_hash: {}\npackage:\n- name: zlib\n  version: 1.2.13\n  manager: conda\n  platform: linux-64\n  dependencies: {}\n  url: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-h166bdaf_4.tar.bz2\n  hash:\n    md5: 4b11e365c0275b808be78b30f904e295\n- name: requests\n  version: 2.31.0\n  manager: pip\n  platform: linux-64\n  dependencies: {}\n  url: https://files.pythonhosted.org/packages/requests-2.31.0-py3-none-any.whl\n  hash:\n    sha256: 58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f\n",
			"pkg:conda/zlib@1.2.13 pkg:pypi/requests@2.31.0"},
		{"paket.lock", "NUGET\n  remote: https://api.nuget.org/v3/index.json\n    FSharp.Core (6.0.1)\n    Newtonsoft.Json (13.0.1)\n", "pkg:nuget/FSharp.Core@6.0.1 pkg:nuget/Newtonsoft.Json@13.0.1"},
		{"rebar.lock", "{\"1.2.0\",\n[{<<\"cowboy\">>,{pkg,<<\"cowboy\">>,<<\"2.9.0\">>},0},\n {<<\"ranch\">>,{pkg,<<\"ranch\">>,<<\"1.8.0\">>},1}]}.\n[\n{pkg_hash,[\n {<<\"cowboy\">>, <<\"865DD8B6607E14CF03282E10E934023A1BD8BE6F6BACF921A7E2A96D800CD452\">>}]}\n].\n",
			"pkg:hex/cowboy@2.9.0 pkg:hex/ranch@1.8.0"},
		{"shard.lock", "version: 2.0\nshards:\n  kemal:\n    git: https://github.com/kemalcr/kemal.git\n    version: 1.3.0\n", "kemal"},
		{"cpanfile.snapshot", "# carton snapshot format: version 1.0\nDISTRIBUTIONS\n  Moo-2.005004\n    pathname: H/HA/HAARG/Moo-2.005004.tar.gz\n    provides:\n      Moo 2.005004\n    requirements:\n      perl 5.006\n", "Moo@2.005004"},
		{"Gopkg.lock", "[[projects]]\n  digest = \"1:abc\"\n  name = \"github.com/pkg/errors\"\n  packages = [\".\"]\n  pruneopts = \"UT\"\n  revision = \"645ef00459ed84a119197bfb8d8205042c6df63d\"\n  version = \"v0.8.0\"\n", "pkg:golang/github.com/pkg/errors@v0.8.0"},
		{"glide.lock", "hash: abc\nupdated: 2018-01-01T00:00:00Z\nimports:\n- name: github.com/pkg/errors\n  version: 645ef00459ed84a119197bfb8d8205042c6df63d\ntestImports: []\n", "pkg:golang/github.com/pkg/errors@"},
		{"gradle/verification-metadata.xml", `<?xml version="1.0" encoding="UTF-8"?>
<verification-metadata xmlns="https://schema.gradle.org/dependency-verification"><configuration/><components>
<component group="com.google.guava" name="guava" version="31.0-jre"><artifact name="guava-31.0-jre.jar"><sha256 value="3a6b8e9c5f9d5a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7" origin="x"/></artifact></component>
</components></verification-metadata>`, "pkg:maven/com.google.guava/guava@31.0-jre"},
		{".terraform.lock.hcl", "provider \"registry.terraform.io/hashicorp/aws\" {\n  version     = \"5.31.0\"\n  constraints = \"~> 5.0\"\n  hashes = [\n    \"h1:ltxyuBWIy9cq0kIKDJH1jeWJy/y7XJLjS4QrsQK4plA=\",\n  ]\n}\n", "hashicorp/aws@5.31.0"},
		{"chart/Chart.lock", "dependencies:\n- name: postgresql\n  repository: https://charts.bitnami.com/bitnami\n  version: 12.1.2\ndigest: sha256:abc\ngenerated: \"2023-01-01T00:00:00Z\"\n", "postgresql@12.1.2"},
		{".pre-commit-config.yaml", "repos:\n- repo: https://github.com/psf/black\n  rev: 23.1.0\n  hooks:\n  - id: black\n- repo: local\n  hooks:\n  - id: x\n", "psf/black@23.1.0"},
		{"flake.lock", `{"nodes":{"nixpkgs":{"locked":{"lastModified":1,"narHash":"sha256-abc","owner":"NixOS","repo":"nixpkgs","rev":"645ef00459ed84a119197bfb8d8205042c6df63d","type":"github"},"original":{"owner":"NixOS","repo":"nixpkgs","type":"github"}},"root":{"inputs":{"nixpkgs":"nixpkgs"}}},"root":"root","version":7}`, "nixpkgs@645ef00459ed84a119197bfb8d8205042c6df63d"},
		{".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0\n    - uses: ./local\n    - run: make\n", "pkg:githubactions/actions/checkout@"},
		{"Dockerfile", "ARG V=3.19\nFROM golang:1.26@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS build\nFROM alpine:${V}\nCOPY --from=build /a /b\nFROM scratch\n", "pkg:docker/alpine@3.19"},
		{"main.tf", "module \"vpc\" {\n  source  = \"terraform-aws-modules/vpc/aws\"\n  version = \"5.0.0\"\n}\nmodule \"own\" {\n  source = \"./own\"\n}\n", "terraform-aws-modules/vpc"},
	} {
		inv, err := parse(t, tt.name, tt.data)
		var got []string
		for _, p := range inv.Packages {
			if !p.FirstParty {
				got = append(got, p.Identity().Purl)
			}
		}
		text := strings.Join(got, " ")
		for _, want := range strings.Fields(tt.want) {
			if err != nil || !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in %q; gaps %v, error %v", tt.name, want, text, inv.Gaps, err)
			}
		}
		// Bad input is an error, a gap or a skip, and never nothing.
		for _, bad := range []string{"\x00\x01", "{{{", "<a", "- - -\n  x: [", strings.Repeat("[", 100000)} {
			inv, err := parse(t, tt.name, bad)
			if err == nil && len(inv.Packages) > 3 {
				t.Errorf("%s: garbage %.5q gives packages", tt.name, bad)
			}
		}
	}
}

// A file that only has the name of one, as other programs use it too.
func TestFormatsOfSharedNames(t *testing.T) {
	for _, tt := range []struct{ name, data string }{
		{"requirements.yaml", "collections:\n- name: community.general\n  version: 6.0.0\n"},
		{"requirements.yaml", "roles:\n- src: geerlingguy.docker\n"},
	} {
		if inv, err := parse(t, tt.name, tt.data); err != nil || len(inv.Gaps) > 0 {
			t.Errorf("%s: gaps %v, error %v", tt.name, inv.Gaps, err)
		}
	}
}
