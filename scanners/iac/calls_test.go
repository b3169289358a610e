package iac

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// Files of the target that a pipeline includes are looked for where its system
// looks, and what is not there is a gap.
func TestIncludedParts(t *testing.T) {
	const job = "a:\n  script: make\n"
	tests := []struct {
		name  string
		files map[string]string
		gap   string
	}{
		{"there", map[string]string{".gitlab-ci.yml": "include: [/ci/a.yml, {local: 'ci/*.yml'}]\n" + job, "ci/a.yml": job}, ""},
		{"not there", map[string]string{".gitlab-ci.yml": "include: ci/b.yml\n" + job, "ci/a.yml": job}, `"ci/b.yml"`},
		{"glob of nothing", map[string]string{".gitlab-ci.yml": "include: {local: 'ci/**.yml'}\n" + job}, `"ci/**.yml"`},
		{"of another place", map[string]string{".gitlab-ci.yml": "include: {project: g/p, ref: v1.0.0, file: b.yml}\n" + job}, ""},
		{"template", map[string]string{"azure-pipelines.yml": "steps:\n- template: t/a.yml\n- script: make\n", "t/a.yml": "steps:\n- script: a\n"}, ""},
		{"template not there", map[string]string{"azure-pipelines.yml": "stages:\n- stage: a\n  jobs:\n  - template: t/a.yml\n  - job: b\n    steps:\n    - script: make\n"}, `"t/a.yml"`},
		{"template of others", map[string]string{"azure-pipelines.yml": "steps:\n- template: t/a.yml@other\n- script: make\n"}, ""},
	}
	sc, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gaps := scannertest.Scan(t, sc, tt.files).Coverage.Gaps
			if tt.gap == "" && len(gaps) > 0 || tt.gap != "" && (len(gaps) != 1 || !strings.Contains(gaps[0].Reason, tt.gap)) {
				t.Errorf("gaps: %+v, want %q", gaps, tt.gap)
			}
		})
	}
}

// BenchmarkWorkflows scans a repository of 1,000 workflows.
func BenchmarkWorkflows(b *testing.B) {
	sc, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	files := map[string]string{}
	for i := range 1000 {
		files[fmt.Sprintf(".github/workflows/w%d.yml", i)] = fmt.Sprintf(`on: {push: {branches: [main]}, pull_request: }
permissions: {contents: read}
jobs:
  test:
    runs-on: ubuntu-24.04
    strategy: {matrix: {go: ["1.%d", "1.22"]}}
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
      - uses: actions/setup-go@0aaccfd150d50ccaeb58ebd88d36e91967a5f35b
        with: {go-version: "${{ matrix.go }}"}
      - run: |
          go build ./...
          go test ./... -run "$NAME"
        env: {NAME: "${{ github.event.pull_request.title }}"}
`, i)
	}
	for b.Loop() {
		if r := scannertest.Scan(b, sc, files); r.Coverage.Scanners[0].Scanned != 1000 {
			b.Fatalf("%d files were scanned", r.Coverage.Scanners[0].Scanned)
		}
	}
}
