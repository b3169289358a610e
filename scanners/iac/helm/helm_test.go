package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

const chartYAML = "apiVersion: v2\nname: app\nversion: 1.0.0\n"

func render(t *testing.T, files map[string]string) (map[string]string, []Problem, error) {
	t.Helper()
	contents := map[string][]byte{}
	for name, text := range files {
		contents["c/"+name] = []byte(text)
	}
	manifests, problems, err := Render(t.Context(), "c", contents)
	got := map[string]string{}
	for _, m := range manifests {
		got[strings.TrimPrefix(m.Path, "c/")] += strings.TrimSpace(string(m.Text))
	}
	return got, problems, err
}

func TestRender(t *testing.T) {
	nested := "x"
	for range 200 {
		nested = "{{ tpl .Values.x . }}"
	}
	tests := []struct {
		name     string
		files    map[string]string
		want     map[string]string
		problems []string // paths with codes
	}{
		{
			"values, helpers and functions",
			map[string]string{
				"Chart.yaml": chartYAML, "values.yaml": "a: {b: 1}\n",
				"templates/_h.tpl":     `{{ define "h" }}{{ .Chart.Name }}-{{ .Release.Name }}{{ end }}`,
				"templates/x.yaml":     "n: {{ include \"h\" . }}\nv: {{ .Values.a | toJson }}\nm: {{ .Values.nothing | default \"d\" }}\n",
				"templates/NOTES.txt":  "{{ fail \"no\" }}",
				"templates/empty.yaml": "{{ if .Values.none }}x{{ end }}\n",
				"templates/f.yaml":     "f: {{ .Files.Get \"a.txt\" }} {{ tpl \"{{ .Values.a.b }}\" . }}",
				"a.txt":                "file",
			},
			map[string]string{"templates/x.yaml": "n: app-release-name\nv: {\"b\":1}\nm: d", "templates/f.yaml": "f: file 1"}, nil,
		},
		{
			"dependencies in directories, with globals and conditions",
			map[string]string{
				"Chart.yaml":                    chartYAML + "dependencies:\n- {name: sub, version: 1.x.x}\n- {name: extra, version: 1.x.x, condition: extra.enabled}\n",
				"values.yaml":                   "global: {g: G}\nsub: {v: parent}\nextra: {enabled: false}\n",
				"charts/sub-1/Chart.yaml":       "apiVersion: v2\nname: sub\nversion: 1.2.3\n",
				"charts/sub-1/values.yaml":      "v: own\nw: W\n",
				"charts/sub-1/templates/s.yaml": "s: {{ .Values.v }}{{ .Values.w }}{{ .Values.global.g }}",
				"charts/extra/Chart.yaml":       "apiVersion: v2\nname: extra\nversion: 1.0.0\n",
				"charts/extra/templates/o.yaml": "o: 1",
			},
			map[string]string{"charts/sub-1/templates/s.yaml": "s: parentWG"}, nil,
		},
		{
			"a packed dependency",
			map[string]string{
				"Chart.yaml": chartYAML + "dependencies:\n- {name: sub, version: 1.x.x}\n",
				"charts/sub-1.2.3.tgz": pack(map[string]string{
					"sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.2.3\n", "sub/templates/s.yaml": "s: 1",
				}),
			},
			map[string]string{"charts/sub-1.2.3.tgz": "s: 1"}, nil,
		},
		{
			"a dependency that is not there",
			map[string]string{"Chart.yaml": chartYAML + "dependencies:\n- {name: sub, version: 1.x.x, repository: 'https://example.com'}\n", "templates/x.yaml": "x: 1"},
			map[string]string{"templates/x.yaml": "x: 1"}, []string{"Chart.yaml unresolved"},
		},
		{
			"one template that fails leaves the others",
			map[string]string{
				"Chart.yaml": chartYAML, "templates/a.yaml": `{{ required "set .Values.image" .Values.image }}`,
				"templates/b.yaml": "b: 1", "templates/c.yaml": "{{ nosuch }}", "templates/d.yaml": "{{ if }}",
			},
			map[string]string{"templates/b.yaml": "b: 1"},
			[]string{"templates/a.yaml parse", "templates/c.yaml parse", "templates/d.yaml parse"},
		},
		{
			"recursion and memory",
			map[string]string{
				"Chart.yaml": chartYAML, "values.yaml": "x: '" + nested + "'\n",
				"templates/include.yaml":  `{{ define "r" }}{{ include "r" . }}{{ end }}{{ include "r" . }}`,
				"templates/template.yaml": `{{ define "s" }}{{ template "s" . }}{{ end }}{{ template "s" . }}`,
				"templates/tpl.yaml":      `{{ tpl .Values.x . }}`,
				"templates/repeat.yaml":   `{{ repeat 2000000000 "x" }}`,
				"templates/until.yaml":    `{{ until 2000000000 }}`,
				"templates/deep.yaml":     strings.Repeat("{{ if true }}", 300_000),
				"templates/chain.yaml":    "{{ if false }}" + strings.Repeat("{{ else if false }}", 200_000) + "{{ end }}",
				"templates/paren.yaml":    "{{ " + strings.Repeat("(", 1_000_000) + " }}",
				"templates/range.yaml":    `{{ range 2000000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}`,
				"templates/indent.yaml":   `{{ indent 2000000000 "x" }}`,
			},
			map[string]string{},
			[]string{"templates/include.yaml parse", "templates/template.yaml parse", "templates/tpl.yaml parse", "templates/repeat.yaml parse", "templates/until.yaml parse", "templates/range.yaml parse", "templates/deep.yaml parse", "templates/chain.yaml parse", "templates/paren.yaml parse", "templates/indent.yaml parse"},
		},
		{
			"no machine, no cluster, no network, no chance",
			map[string]string{
				"Chart.yaml":       chartYAML,
				"templates/a.yaml": `{{ lookup "v1" "Secret" "a" "b" }}{{ getHostByName "example.com" }}{{ randAlphaNum 3 }}{{ uuidv4 }}{{ (genCA "x" 1).Cert }}{{ now | date "2006" }}`,
				"templates/b.yaml": `{{ env "HOME" }}`,
			},
			map[string]string{"templates/a.yaml": "map[]xxx00000000-0000-4000-8000-000000000000certificate1970"}, []string{"templates/b.yaml parse"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems, err := render(t, tt.files)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			var codes []string
			for _, p := range problems {
				codes = append(codes, strings.TrimPrefix(p.Path, "c/")+" "+string(p.Code))
			}
			slices.Sort(codes)
			want := slices.Sorted(slices.Values(tt.problems))
			if !slices.Equal(codes, want) {
				t.Errorf("got problems %v, want %v", problems, want)
			}
		})
	}
}

func TestBadCharts(t *testing.T) {
	laughs := "a0: &a0 [x, x]\n"
	for i := 1; i < 40; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	for name, files := range map[string]map[string]string{
		"no name":        {"Chart.yaml": "apiVersion: v2\n"},
		"broken values":  {"Chart.yaml": chartYAML, "values.yaml": "a: ["},
		"billion laughs": {"Chart.yaml": chartYAML, "values.yaml": laughs},
		"broken archive": {"Chart.yaml": chartYAML, "charts/x.tgz": "no archive"},
		"archive bomb":   {"Chart.yaml": chartYAML, "charts/x.tgz": pack(map[string]string{"x/a": strings.Repeat("\x00", 32<<20)})},
	} {
		if _, _, err := render(t, files); err == nil {
			t.Errorf("%s: there is no error", name)
		} else if strings.Contains(err.Error(), string(gatehouse.GapPanic)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func pack(files map[string]string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		_ = w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg})
		_, _ = w.Write([]byte(text))
	}
	_ = w.Close()
	_ = z.Close()
	return b.String()
}
