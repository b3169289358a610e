package inventory

import "testing"

// When a version was published is what the lockfile says; else it is not known.
func TestPublished(t *testing.T) {
	for _, tt := range []struct{ name, file, text, want string }{
		{"uv, the youngest file", "uv.lock", `version = 1
[[package]]
name = "a"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://x.test/a.tar.gz", hash = "sha256:00", upload-time = "2026-11-01T10:00:00.123Z" }
wheels = [
    { url = "https://x.test/a.whl", hash = "sha256:00", upload-time = "2026-11-02T01:00:00+02:00" },
    { url = "https://x.test/b.whl", hash = "sha256:00", upload-time = "soon" },
]
`, "2026-11-01T23:00:00Z"},
		{"uv, none", "uv.lock", "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://pypi.org/simple\" }\n", ""},
		{"pylock", "pylock.toml", `lock-version = "1.0"
[[packages]]
name = "a"
version = "1.0"
wheels = [{ name = "a.whl", upload-time = 2026-10-05T17:01:00Z, hashes = { sha256 = "00" } }]
`, "2026-10-05T17:01:00Z"},
		{"Composer", "composer.lock", `{"packages":[{"name":"a/b","version":"1.0.0","time":"2026-09-01T12:00:00+00:00"}],"packages-dev":[]}`, "2026-09-01T12:00:00Z"},
		{"pnpm", "pnpm-lock.yaml", `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a:
        specifier: ^1.0.0
        version: 1.0.0
packages:
  a@1.0.0:
    resolution: {integrity: sha512-AA==}
snapshots:
  a@1.0.0: {}
time:
  a@1.0.0: '2026-08-01T00:00:00.000Z'
`, "2026-08-01T00:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := FormatOf(tt.file).Parse(&Lockfile{Path: tt.file, Data: []byte(tt.text)})
			if err != nil || len(inv.Packages) != 1 {
				t.Fatal(inv.Packages, err)
			}
			if got := inv.Packages[0].Published; got != tt.want {
				t.Errorf("published %q, want %q", got, tt.want)
			}
		})
	}
}
