package iac_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: app}\nspec:\n  containers:\n  - {name: c, image: 'a:1'}\n"

func TestKustomizeContract(t *testing.T) {
	const fix = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad, namespace: app}\nspec:\n  containers:\n  - name: bad\n    securityContext: {privileged: false}\n"
	scannertest.Accept(t, fresh(t),
		scannertest.Fixture{Name: "a bad base", Files: map[string]string{
			"base/kustomization.yaml": "resources: [pod.yaml]\n", "base/pod.yaml": badPod, "prod/kustomization.yaml": "resources: [../base]\n",
		}, Finds: []string{"KSV-0017"}},
		scannertest.Fixture{Name: "clean", Files: map[string]string{
			"kustomization.yaml": "namespace: app\nresources: [a.yaml]\n", "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
		}},
		scannertest.Fixture{Name: "broken kustomization", Files: map[string]string{"kustomization.yaml": "resources: [\n"}, Fails: "kustomization.yaml"},
		scannertest.Fixture{Name: "other files beside", Files: map[string]string{"kustomization.yaml": "resources: []\n", "stack.yaml": badTemplate}, Finds: []string{"AWS-0092"}},
		scannertest.Fixture{Name: "of Flux", Files: map[string]string{"kustomization.yaml": badPod}, Finds: []string{"KSV-0017"}},
	)
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"base/kustomization.yaml": "resources: [pod.yaml]\n", "base/pod.yaml": badPod, "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: fix.yaml}]\n", "prod/fix.yaml": fix,
	})
	for _, f := range r.Findings {
		if f.Rule == "KSV-0017" || f.Location.Path != "base/pod.yaml" {
			t.Errorf("the patch was not applied, or was taken for an object: %s at %s", f.Message, f.Location)
		}
	}
	if len(r.Findings) == 0 || len(r.Coverage.Gaps) > 0 {
		t.Errorf("%d findings, gaps %+v", len(r.Findings), r.Coverage.Gaps)
	}
}

// What several overlays deploy is reported once, with the overlays; what one of
// them adds is reported where it stands.
func TestOverlays(t *testing.T) {
	files := map[string]string{"base/kustomization.yaml": "resources: [pod.yaml]\n", "base/pod.yaml": strings.Replace(badPod, "yes", "true", 1)}
	for i := range 5 {
		files[fmt.Sprintf("o%d/kustomization.yaml", i)] = "resources: [../base]\n"
	}
	files["o1/kustomization.yaml"] += "patches:\n- target: {kind: Pod}\n  patch: |\n    - {op: add, path: /spec/containers/-, value: {name: side, image: 'a:1', securityContext: {privileged: true}}}\n"
	r := scannertest.Scan(t, fresh(t)(), files)
	var got []string
	for _, f := range r.Findings {
		if f.Rule == "KSV-0017" {
			got = append(got, fmt.Sprintf("%s %s", f.Location, f.Message[strings.Index(f.Message, "("):]))
		}
	}
	slices.Sort(got)
	want := []string{
		"base/pod.yaml:8 (in the build of o0, in the build of o1, in the build of o2 and 2 more)",
		"o1/kustomization.yaml:5 (in the build of o1)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Files that nothing uses are looked at as if there were no kustomization.
func TestBesideKustomizations(t *testing.T) {
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": pod, "b.yaml": badPod, "c.json": "{}", "d.yaml": "kind: [\napiVersion: 1\n",
	})
	var ended []string
	for _, f := range r.Coverage.Files {
		switch {
		case len(f.Skipped) > 0:
			ended = append(ended, f.Path+" skipped")
		case len(f.Failed) > 0:
			ended = append(ended, f.Path+" failed")
		default:
			ended = append(ended, f.Path+" scanned")
		}
	}
	want := []string{"a.yaml scanned", "b.yaml scanned", "c.json skipped", "d.yaml failed", "kustomization.yaml scanned"}
	if !slices.Equal(ended, want) {
		t.Errorf("got %v, want %v", ended, want)
	}
	if !slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == "KSV-0017" && f.Location.Path == "b.yaml" }) {
		t.Errorf("the file beside was not judged: %v", r.Findings)
	}
}

// A request in a file of a base holds for what overlays deploy of it.
func TestIgnoredInBase(t *testing.T) {
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"base/kustomization.yaml": "resources: [pod.yaml]\n", "prod/kustomization.yaml": "namespace: prod\nresources: [../base]\n",
		"base/pod.yaml": strings.Replace(badPod, "  - name: bad\n", "  # trivy:ignore:KSV-0017\n  - name: bad\n", 1),
	})
	for _, f := range r.Findings {
		if (f.Suppressed != nil) != (f.Rule == "KSV-0017") {
			t.Errorf("%s at %s: suppressed is %v", f.Rule, f.Location, f.Suppressed)
		}
	}
	if len(r.Findings) < 2 {
		t.Errorf("only %d findings", len(r.Findings))
	}
}

// Definitions of custom resources are larger than what else is kept in memory.
func TestLargeResource(t *testing.T) {
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"kustomization.yaml": "resources: [pod.yaml]\n", "pod.yaml": "# " + strings.Repeat("x", 1<<20) + "\n" + badPod,
	})
	if len(r.Coverage.Gaps) > 0 || !slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == "KSV-0017" }) {
		t.Errorf("%d findings, gaps %+v", len(r.Findings), r.Coverage.Gaps)
	}
}
