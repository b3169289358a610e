// Package deploy_test renders the chart, and looks at what it installs.
package deploy_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/admission/installation"
	"github.com/gatehouse-sec/gatehouse/admission/manifest"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/helm"
)

var update = flag.Bool("update", false, "write manifests/gatehouse.yaml")

func render(t *testing.T, values map[string]any) []byte {
	t.Helper()
	files := map[string][]byte{}
	root := os.DirFS(".")
	err := fs.WalkDir(root, "helm", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(root, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	parts, problems, err := helm.Render(t.Context(), "helm", files, helm.Release{Name: "gatehouse", Namespace: "gatehouse", Values: values})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %+v", err, problems)
	}
	slices.SortFunc(parts, func(a, b helm.Manifest) int { return strings.Compare(a.Path, b.Path) })
	var out bytes.Buffer
	for _, p := range parts {
		if text := bytes.TrimSpace(p.Text); len(text) > 0 && strings.HasSuffix(p.Path, ".yaml") && path.Base(p.Path) != "NOTES.txt" {
			out.Write(append(bytes.TrimPrefix(text, []byte("---\n")), "\n---\n"...))
		}
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("---\n"))
}

// TestManifests: the static manifests are what the chart makes.
func TestManifests(t *testing.T) {
	const file = "manifests/gatehouse.yaml"
	got := append([]byte("# Made from the chart in ../helm: go test ./deploy -update\n"), render(t, nil)...)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the chart makes: run go test ./deploy -update", file)
	}
}

// TestInstallation guards against TM-29: nothing gets past what the chart installs,
// and a cluster starts with it.
func TestInstallation(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"as it is":        nil,
		"with everything": {"webhook.excludeNamespaces": []any{"calico-system"}, "image.digest": "sha256:" + strings.Repeat("a", 64), "pullSecrets": []any{map[string]any{"namespace": "shop", "secrets": []any{"registry"}, "serviceAccounts": []any{"default"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := manifest.Parse("chart", render(t, values))
			if err != nil {
				t.Fatal(err)
			}
			report, err := installation.Examine(objects, time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				pinned := strings.Contains(r.Message, "has no digest")
				if r.Level == installation.Problem || r.Level == installation.Risk && (!pinned || values != nil) {
					t.Errorf("%s: %s: %s", r.Level, r.About, r.Message)
				}
			}
			if len(report.Restart) != 1 || report.Restart[0].Order != "without" {
				t.Errorf("after a restart: %+v", report.Restart)
			}
			kinds := map[string]int{}
			for _, o := range objects {
				kinds[o.Kind.Kind]++
				if o.Kind.Kind == "ClusterRole" || o.Kind.Kind == "ClusterRoleBinding" {
					t.Errorf("%s gives rights in the whole cluster", o)
				}
			}
			if kinds["Role"] != map[bool]int{true: 1}[values != nil] {
				t.Errorf("there are %d roles", kinds["Role"])
			}
			if kinds["Deployment"] != 1 || kinds["ValidatingWebhookConfiguration"] != 1 || kinds["NetworkPolicy"] != 1 || kinds["PodDisruptionBudget"] != 1 {
				t.Errorf("got %v", kinds)
			}
		})
	}
}

// TestDefaultConfiguration: what the chart brings is a configuration that loads.
func TestDefaultConfiguration(t *testing.T) {
	objects, err := manifest.Parse("chart", render(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.Kind.Kind != "ConfigMap" {
			continue
		}
		text, ok := strings.CutPrefix(string(o.JSON), `{"apiVersion":"v1","data":{"gate.yaml":`)
		if !ok {
			t.Fatalf("got %s", o.JSON)
		}
		text, _, _ = strings.Cut(text, `"},"kind"`)
		text = strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(text, `"`), `\n`, "\n"), `\"`, `"`)
		if _, err := admission.ParseConfig("gate.yaml", []byte(text), nil); err != nil {
			t.Error(err)
		}
		return
	}
	t.Error("there is no configuration")
}
