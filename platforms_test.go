package gatehouse_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

func part(findings []gatehouse.Finding, components []gatehouse.Component, gaps []gatehouse.Gap, s gatehouse.ScannerCoverage) *gatehouse.Report {
	return &gatehouse.Report{
		Version: gatehouse.ReportVersion, Target: gatehouse.TargetInfo{Files: 2, Bytes: 10}, Findings: findings, Components: components,
		Coverage: gatehouse.Coverage{
			Files:    []gatehouse.FileCoverage{{Path: "b"}, {Path: "a"}},
			Scanners: []gatehouse.ScannerCoverage{s}, Gaps: gaps,
		},
	}
}

// TestJoinPlatforms: what is the same is there once and says where, what differs
// stays apart, and the ledger has both platforms.
func TestJoinPlatforms(t *testing.T) {
	finding := func(path, fingerprint, layer string, base bool) gatehouse.Finding {
		return gatehouse.Finding{ID: fingerprint, Fingerprint: fingerprint, Rule: "r", Location: gatehouse.Location{Path: path},
			Layer: &gatehouse.Layer{Index: 1, Digest: layer, Base: base}}
	}
	scanner := func(status gatehouse.Status, scanned int) gatehouse.ScannerCoverage {
		return gatehouse.ScannerCoverage{Name: "s", Status: status, Scanned: scanned, Unmatched: map[string]int{"npm": scanned}}
	}
	amd := part([]gatehouse.Finding{finding("a", "same", "x", false), finding("a", "only-here", "x", false), finding("b", "base", "x", true)},
		[]gatehouse.Component{{Package: gatehouse.Package{Purl: "pkg:a"}}}, nil, scanner(gatehouse.StatusComplete, 3))
	arm := part([]gatehouse.Finding{finding("a", "same", "y", false), finding("b", "base", "y", false)},
		[]gatehouse.Component{{Package: gatehouse.Package{Purl: "pkg:a"}}, {Package: gatehouse.Package{Purl: "pkg:b"}}},
		[]gatehouse.Gap{{Code: gatehouse.GapParse, Path: "a", Reason: "broken"}}, scanner(gatehouse.StatusPartial, 4))
	r, err := gatehouse.JoinPlatforms(gatehouse.TargetInfo{Digest: "sha256:index"}, []string{"linux/amd64", "linux/arm64"}, []*gatehouse.Report{amd, arm})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		text := f.ID + ": " + strings.Join(f.Platforms, ",") + " " + f.Layer.Digest + "@" + f.Layer.Platform
		for _, l := range f.OtherLayers {
			text += " " + l.Digest + "@" + l.Platform
		}
		got = append(got, text)
	}
	want := []string{
		"only-here: linux/amd64 x@linux/amd64",
		"same: linux/amd64,linux/arm64 x@linux/amd64 y@linux/arm64",
		"base: linux/amd64 x@linux/amd64",
		"base-2: linux/arm64 y@linux/arm64",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(r.Components) != 2 || len(r.Components[0].Platforms) != 2 || len(r.Components[1].Platforms) != 1 {
		t.Errorf("components: %+v", r.Components)
	}
	s := r.Coverage.Scanners[0]
	if s.Status != gatehouse.StatusPartial || s.Scanned != 7 || s.Unmatched["npm"] != 7 {
		t.Errorf("the scanner: %+v", s)
	}
	if amd.Coverage.Scanners[0].Unmatched["npm"] != 3 || amd.Findings[0].Layer.Platform != "" {
		t.Error("the parts were changed")
	}
	if len(r.Coverage.Files) != 4 || r.Coverage.Files[1].Platform != "linux/arm64" || r.Target.Files != 4 || r.Target.Bytes != 20 || r.Target.Digest != "sha256:index" {
		t.Errorf("the ledger: %+v of %+v", r.Coverage.Files, r.Target)
	}
	if len(r.Coverage.Gaps) != 1 || r.Coverage.Gaps[0].Platform != "linux/arm64" || r.Coverage.Gaps[0].ID == "" {
		t.Errorf("the gaps: %+v", r.Coverage.Gaps)
	}
}
