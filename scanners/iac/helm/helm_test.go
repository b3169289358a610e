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
	manifests, problems, err := Render(t.Context(), "c", contents, Release{})
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

func releaseOf(t *testing.T, release Release, files map[string]string) (map[string]string, []Problem, error) {
	t.Helper()
	contents := map[string][]byte{}
	for name, text := range files {
		contents["c/"+name] = []byte(text)
	}
	manifests, problems, err := Render(t.Context(), "c", contents, release)
	got := map[string]string{}
	for _, m := range manifests {
		got[strings.TrimPrefix(m.Path, "c/")] += strings.TrimSpace(string(m.Text))
	}
	return got, problems, err
}

func TestRelease(t *testing.T) {
	files := map[string]string{
		"Chart.yaml":             chartYAML + "dependencies:\n- {name: sub, version: 1.x.x, alias: other, condition: other.enabled, tags: [extra], import-values: [{child: out, parent: in}]}\n",
		"values.yaml":            "a: {b: chart, c: chart}\nlist: [1]\nother: {enabled: false}\n",
		"templates/x.yaml":       `{{ .Values.a.b }} {{ .Values.a.c }} {{ .Values.list }} {{ (.Values.in).x }} {{ .Release.Name }}/{{ .Release.Namespace }} {{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.APIVersions.Has "x/v1" }} {{ kindOf .Values.n }} {{ .Values.f }}`,
		"charts/sub/Chart.yaml":  "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"charts/sub/values.yaml": "out: {x: child}\n",
		"charts/sub/templates/s": "{{ .Values.global.g }}",
	}
	got, problems, err := releaseOf(t, Release{
		Files:     []ValuesFile{{"one", []byte("a: {b: one, c: one}\nglobal: {g: G}\n")}, {"two", []byte("a: {c: two}\n")}},
		Values:    map[string]any{"other.enabled": true, "a.b": "value"},
		Set:       []string{"list={2,3}", "n=1"},
		SetString: []string{"n=1"}, SetFile: []string{"f=some.txt"}, FileContents: map[string][]byte{"some.txt": []byte("file")},
		Name: "web", Namespace: "shop", KubeVersion: "1.27", APIVersions: []string{"x/v1"},
	}, files)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	want := map[string]string{"templates/x.yaml": "value two [2 3] child web/shop v1.27 true string file", "charts/sub/templates/s": "G"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got, _, err = releaseOf(t, Release{}, files)
	if want := "chart chart [1]  release-name/default "; err != nil || len(got) != 1 || !strings.HasPrefix(got["templates/x.yaml"], want) {
		t.Errorf("got %v (%v), want %q alone", got, err, want)
	}
}

func TestBadReleases(t *testing.T) {
	for name, r := range map[string]Release{
		"values":  {Files: []ValuesFile{{"v", []byte("a: [")}}},
		"list":    {Files: []ValuesFile{{"v", []byte("- a\n")}}},
		"set":     {Set: []string{"a"}},
		"index":   {Set: []string{"a[99999999]=1"}},
		"file":    {SetFile: []string{"a=none"}},
		"version": {KubeVersion: "new"},
	} {
		if r.Check() == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
	if names, err := FilesOf("a=x.txt,b.c=y"); err != nil || !slices.Equal(names, []string{"x.txt", "y"}) {
		t.Errorf("got %v, %v", names, err)
	}
	if _, err := FilesOf("a"); err == nil {
		t.Error("there is no error")
	}
}

// What is missing is named, with where to give it.
func TestHint(t *testing.T) {
	_, problems, err := releaseOf(t, Release{}, map[string]string{
		"Chart.yaml": chartYAML, "templates/a.yaml": "a: 1\nb: {{ required \"an image\" .Values.image.name }}\n", "values.yaml": "image: {}\n",
	})
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Reason, "an image; it takes the value image.name: give it") {
		t.Errorf("got %v, %v", problems, err)
	}
}

func TestLines(t *testing.T) {
	template := `{{- $x := 1 }}
a: 1
{{- if .Values.yes_ }}
b: {{ .Values.b }}
  {{- with .Values.list }}
c:
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- else }}
no: 1
{{- end }}
{{ range .Values.list }}
- {{ . }}
{{- end }}
{{ include "c/t" . | trim }}
{{ include (print $.Template.BasePath "/other.yaml") . | sha256sum }}
end: {{ .Values.b }}
`
	files := map[string][]byte{
		"c/Chart.yaml": []byte(chartYAML), "c/values.yaml": []byte("yes_: true\nb: B\nlist: [x, z]\n"), "c/templates/t.yaml": []byte(template),
		"c/templates/other.yaml": []byte("o: 1\n"), "c/templates/_h.tpl": []byte("{{ define \"c/t\" }}\nfrom: helper\nand: more\n{{ end }}"),
	}
	manifests, problems, err := Render(t.Context(), "c", files, Release{})
	if err != nil || len(problems) > 0 || len(manifests) != 2 {
		t.Fatal(manifests, problems, err)
	}
	var got []string
	for i, line := range strings.Split(string(manifests[1].Text), "\n") {
		if strings.TrimSpace(line) != "" {
			got = append(got, fmt.Sprintf("%d %s", manifests[1].Lines[i], strings.TrimSpace(line)))
		}
	}
	want := []string{"2 a: 1", "4 b: B", "6 c:", "7 - x", "7 - z", "13 - x", "13 - z", "15 from: helper", "15 and: more", "16 ", "17 end: B"}
	for i := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestIgnored(t *testing.T) {
	got, problems, err := releaseOf(t, Release{}, map[string]string{
		"Chart.yaml": chartYAML, ".helmignore": "# x\n*.bak.yaml\ntemplates/old/\nChart.yaml\n",
		"templates/a.yaml": "a: 1", "templates/b.bak.yaml": "b: {{ fail \"no\" }}", "templates/old/c.yaml": "c: {{ fail \"no\" }}",
	})
	if err != nil || len(problems) > 0 || len(got) != 1 {
		t.Errorf("got %v, %v, %v", got, problems, err)
	}
	files := map[string][]byte{"c/.helmignore": []byte("*.bak.yaml\n")}
	if Ignored("c", files, "c/templates/b.bak.yaml") == "" || Ignored("c", files, "c/templates/a.yaml") != "" {
		t.Error("the wrong file is ignored")
	}
}

// A dependency that is not there is a gap, unless the values turn it off.
func TestMissingDependency(t *testing.T) {
	files := map[string]string{
		"Chart.yaml":  chartYAML + "dependencies:\n- {name: sub, version: 1.x.x, repository: 'https://example.com', condition: sub.enabled}\n",
		"values.yaml": "sub: {enabled: false}\n", "templates/x.yaml": "x: 1",
	}
	for _, enabled := range []bool{false, true} {
		_, problems, err := releaseOf(t, Release{Values: map[string]any{"sub.enabled": enabled}}, files)
		if err != nil || (len(problems) == 1) != enabled {
			t.Errorf("enabled is %v, but the problems are %v (%v)", enabled, problems, err)
		}
	}
}
