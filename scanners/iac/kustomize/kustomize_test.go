package kustomize

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// deployment starts at line 1 and has its image at line 9.
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  replicas: 1
  template:
    spec:
      containers: [{name: app, image: "nginx:1"}]
`

const patch = `# a comment
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      hostPID: true
`

func find(files map[string]string) *Tree {
	contents := map[string][]byte{}
	for name, text := range files {
		contents[name] = []byte(text)
	}
	return Find(contents)
}

// build gives what each build deploys: "dir kind/name" and the values of keys,
// with the places that they are from.
func build(t *testing.T, tree *Tree, keys ...string) (got, loose []string) {
	t.Helper()
	loose, err := tree.Build(t.Context(), func(b Build) error {
		for _, o := range b.Objects {
			text := fmt.Sprintf("%s %s/%s", b.Dir, document.String(o.Node, "kind"), document.String(o.Node, "metadata", "name"))
			for _, key := range keys {
				visit(o.Node, key, func(n *yaml.Node) {
					loc := gatehouse.Location{Path: o.Path, Line: n.Line}
					tree.Place(&loc)
					text += fmt.Sprintf(" %s=%s@%s", key, n.Value, loc)
				})
			}
			got = append(got, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, loose
}

// visit calls f for each scalar value of a key.
func visit(n *yaml.Node, key string, f func(*yaml.Node)) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == key && child.Kind == yaml.ScalarNode {
			f(child)
		}
		visit(child, key, f)
	}
}

func TestBuild(t *testing.T) {
	base := map[string]string{"base/kustomization.yaml": "resources: [deploy.yaml]\n", "base/deploy.yaml": deployment}
	with := func(more map[string]string) map[string]string {
		all := map[string]string{}
		for _, m := range []map[string]string{base, more} {
			for name, text := range m {
				all[name] = text
			}
		}
		return all
	}
	tests := []struct {
		name     string
		files    map[string]string
		keys     []string
		want     []string
		loose    []string
		problems []string // text that the reasons have, in order
	}{
		{
			"an overlay, with all that it changes",
			with(map[string]string{
				"prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\nnamespace: prod\nreplicas: [{name: app, count: 3}]\n" +
					"images: [{name: nginx, newName: example.com/nginx, digest: 'sha256:0'}]\nlabels: [{pairs: {team: a}}]\npatches: [{path: patch.yaml}]\n",
				"prod/patch.yaml": patch,
			}),
			[]string{"namespace", "replicas", "image", "team", "hostPID"},
			[]string{"prod Deployment/prod-app namespace=prod@base/deploy.yaml replicas=3@base/deploy.yaml image=example.com/nginx@sha256:0@base/deploy.yaml team=a@base/deploy.yaml hostPID=true@prod/patch.yaml:8"},
			nil, nil,
		},
		{
			"texts of patches, in both forms",
			with(map[string]string{
				"prod/kustomization.yml": "resources:\n- ../base\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - op: add\n      path: /spec/template/spec/hostPID\n      value: true\n" +
					"patchesStrategicMerge:\n- |-\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: app}\n  spec:\n    paused: true\n",
			}),
			[]string{"paused", "hostPID", "replicas"},
			[]string{"prod Deployment/app paused=true@prod/kustomization.yml:15 hostPID=true@prod/kustomization.yml:6 replicas=1@base/deploy.yaml:6"},
			nil, nil,
		},
		{
			"a component, a transformer and a replacement",
			with(map[string]string{
				"prod/Kustomization":      "resources: [../base]\ncomponents: [../comp]\ntransformers: [t.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: c, fieldPath: data.num}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.replicas]\n",
				"prod/t.yaml":             "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: patch.yaml\n",
				"prod/patch.yaml":         patch,
				"comp/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nconfigMapGenerator: [{name: c, files: [num]}]\n",
				"comp/num":                "7",
			}),
			[]string{"replicas", "hostPID", "num"},
			[]string{"prod Deployment/app replicas=7@base/deploy.yaml:6 hostPID=true@prod/patch.yaml:8", "prod ConfigMap/c num=7@comp/kustomization.yaml"},
			nil, nil,
		},
		{
			"several documents of a file, and a list",
			map[string]string{"kustomization.yaml": "resources: [a.yaml, l.yaml]\n", "a.yaml": "---\n" + deployment + "---\n# x\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  type: NodePort\n",
				"l.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n"},
			[]string{"image", "type"},
			[]string{". Deployment/app image=nginx:1@a.yaml:10", ". Service/s type=NodePort@a.yaml:17", ". Pod/p"},
			nil, nil,
		},
		{
			"what is remote, missing, outside, run, or a file of secrets",
			with(map[string]string{
				"prod/kustomization.yaml": "resources: [../base, 'https://example.com/x.yaml', github.com/a/b, ../../out, none.yaml]\nsecretGenerator: [{name: s, envs: [.env]}]\n" +
					"generators: [g.yaml]\nhelmCharts: [{name: c, repo: 'https://example.com'}, {name: v}]\npatches: [{path: gone.yaml}]\n",
				"prod/g.yaml":              "apiVersion: example.com/v1\nkind: Gen\nmetadata:\n  name: x\n  annotations: {config.kubernetes.io/function: 'exec: {path: ./x.sh}'}\n",
				"prod/charts/v/Chart.yaml": "name: v\n",
			}),
			nil,
			[]string{"prod Deployment/app", "prod Secret/s"}, nil,
			[]string{`chart "c", and no program is run`, `chart "v", which is not done here`, "x.yaml\" is remote", "github.com/a/b\" is not in the target; if it is remote", "out\" is outside", "none.yaml\" is not in", "is a program or a function", "gone.yaml\" is not in"},
		},
		{
			"a patch without a resource",
			with(map[string]string{"prod/kustomization.yaml": "resources: [../base]\npatches: [{path: patch.yaml}]\n", "prod/patch.yaml": strings.Replace(patch, "app}", "other}", 1)}),
			nil, []string{"prod Deployment/app"}, nil, []string{"without its patches"},
		},
		{
			"a cycle",
			map[string]string{"a/kustomization.yaml": "resources: [../b, x.yaml]\n", "a/x.yaml": deployment, "b/kustomization.yaml": "resources: [../a]\n"},
			nil, nil, []string{"a/x.yaml"}, []string{"refers to itself"},
		},
		{
			"a component that is not used",
			map[string]string{"c/kustomization.yaml": "kind: Component\nresources: [x.yaml]\npatches: [{path: p.yaml}]\n", "c/x.yaml": deployment, "c/p.yaml": patch},
			nil, nil, []string{"c/x.yaml"}, nil,
		},
		{
			"no kustomizations, and broken ones",
			map[string]string{
				"a/kustomization.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\n",
				"b/kustomization.yaml": "resources: [\n", "c/kustomization.yaml": "nosuch: 1\n", "d/kustomization.yaml": "", "e/kustomization.yaml": "resources: []\n---\nresources: []\n",
				"f/kustomization.yaml": "resources: []\n", "f/kustomization.yml": "resources: []\n",
			},
			nil, nil, nil, []string{"cannot be read", "unknown field", "is empty", "only document", "another kustomization"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := find(tt.files)
			got, loose := build(t, tree, tt.keys...)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if !slices.Equal(loose, tt.loose) {
				t.Errorf("got loose files %v, want %v", loose, tt.loose)
			}
			if len(tree.Problems) != len(tt.problems) {
				t.Fatalf("got %d problems, want %d: %+v", len(tree.Problems), len(tt.problems), tree.Problems)
			}
			for i, p := range tree.Problems {
				if !strings.Contains(p.Reason, tt.problems[i]) {
					t.Errorf("problem %d is %q, want %q in it", i, p.Reason, tt.problems[i])
				}
			}
		})
	}
}

// Addresses are never followed, even if a directory has the name of one.
func TestAddressOfADirectory(t *testing.T) {
	tree := find(map[string]string{
		"kustomization.yaml":                     "resources: [github.com/acme/app, 'https:/x.yaml']\n",
		"github.com/acme/app/kustomization.yaml": "resources: [a.yaml]\n",
		"github.com/acme/app/a.yaml":             deployment,
		"https:/x.yaml":                          strings.Replace(deployment, "name: app\n", "name: x\n", 1),
	})
	got, _ := build(t, tree)
	if want := []string{". Deployment/app", ". Deployment/x"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v (%+v)", got, want, tree.Problems)
	}
}

func TestHostile(t *testing.T) {
	doubling := map[string]string{"k0/kustomization.yaml": "resources: [a.yaml]\n", "k0/a.yaml": deployment}
	for i := 1; i < 40; i++ {
		doubling[fmt.Sprintf("k%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../a%d, ../b%d]\n", i, i)
		for _, side := range []string{"a", "b"} {
			doubling[fmt.Sprintf("%s%d/kustomization.yaml", side, i)] = fmt.Sprintf("namePrefix: %s\nresources: [../k%d]\n", side, i-1)
		}
	}
	deep := map[string]string{}
	for i := range 2000 {
		deep[fmt.Sprintf("k%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../k%d]\n", i+1)
	}
	laughs := "a0: &a0 [x, x]\n"
	for i := 1; i < 40; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	for name, files := range map[string]map[string]string{
		"doubling": doubling, "deep": deep,
		"bomb":     {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": laughs},
		"bomb two": {"kustomization.yaml": laughs},
		"patch":    {"kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]\n", "a.yaml": deployment, "p.yaml": laughs},
		"types":    {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: [1]\n"},
		"scalar":   {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "just text\n"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			tree := find(files)
			if _, err := tree.Build(ctx, func(Build) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if len(tree.Problems) == 0 {
				t.Error("there is no problem")
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := find(map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": deployment}).Build(ctx, func(Build) error { return nil }); err == nil {
		t.Error("there is no error")
	}
}
