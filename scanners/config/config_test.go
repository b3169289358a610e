package config_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	k8syaml "sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/config"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

func TestContract(t *testing.T) {
	scannertest.Accept(t, config.New,
		scannertest.Fixture{Name: "good", Files: map[string]string{
			"a.yaml": "a: 1\n---\nb: [x, y]\n", "b.json": `{"a": [1, {"b": null}]}`, "c.toml": "[a]\nb = 1\n",
			"main.tf": "resource \"a\" \"b\" {\n  c = var.d\n}\n", "Dockerfile": "FROM a:1\nRUN b\n", "d.ini": "[a]\nb=1\n",
			"e.properties": "a.b=c\n", ".env": "A=b\n", "f.xml": "<a><b>c</b></a>",
		}},
		scannertest.Fixture{Name: "broken YAML", Files: map[string]string{"a.yaml": "a: [1\nb: 2\n"}, Fails: "a.yaml"},
		scannertest.Fixture{Name: "broken JSON", Files: map[string]string{"a.json": `{"a": hunter2}`}, Fails: "a.json", Secrets: []string{"hunter2"}},
		scannertest.Fixture{Name: "broken TOML", Files: map[string]string{"a.toml": "a = hunter2\n"}, Fails: "a.toml", Secrets: []string{"hunter2"}},
		scannertest.Fixture{Name: "broken HCL", Files: map[string]string{"a.tf": "a = \"hunter2\nb {"}, Fails: "a.tf", Secrets: []string{"hunter2"}},
		scannertest.Fixture{Name: "broken Dockerfile", Files: map[string]string{"Dockerfile": "FROM a\nRUN <<EOF\nhunter2\n"}, Fails: "Dockerfile", Secrets: []string{"hunter2"}},
		scannertest.Fixture{Name: "broken dotenv", Files: map[string]string{".env": "hunter2"}, Fails: ".env", Secrets: []string{"hunter2"}},
		scannertest.Fixture{Name: "broken XML", Files: map[string]string{"a.xml": "<a>hunter2</b>"}, Fails: "a.xml", Secrets: []string{"hunter2"}},
		scannertest.Fixture{Name: "broken INI", Files: map[string]string{"a.ini": "[hunter2\n"}, Fails: "a.ini", Secrets: []string{"hunter2"}},
	)
}

// documents is "format#index@line content" for each document.
func documents(r *gatehouse.Report) []string {
	var out []string
	for _, d := range r.Documents {
		out = append(out, string(d.JSON))
	}
	return out
}

func TestFormats(t *testing.T) {
	tests := []struct {
		path, data string
		want       []string // documents, or nil for a failure
	}{
		{"a.yaml", "a: 1\nb: 1.5\nc: 0x10\nd: 0777\ne: 12345678901234567890123\nf: 1_000\n", []string{`{"a":1,"b":1.5,"c":16,"d":511,"e":12345678901234567890123,"f":1000}`}},
		{"a.yml", "a: yes\nb: 'yes'\nc: !!str yes\non: off\nd: ~\ne: 2020-01-02\nf: !!binary aGk=\n", []string{`{"a":true,"b":"yes","c":"yes","d":null,"e":"2020-01-02","f":"hi","true":false}`}},
		{"a.yaml", "1: a\ntrue: b\n~: c\n1.5: d\n", []string{`{"1":"a","1.5":"d","null":"c","true":"b"}`}},
		{"a.yaml", "k: &x {a: 1, b: 2}\nl: {<<: *x, b: 3}\nm: {<<: [{c: 4, a: 9}, *x]}\n", []string{`{"k":{"a":1,"b":2},"l":{"a":1,"b":3},"m":{"a":9,"b":2,"c":4}}`}},
		{"a.yaml", "a: 1\n---\n---\n# only a comment\n---\nb: !Ref c\n", []string{`{"a":1}`, `{"b":"c"}`}},
		{"a.yaml", "", []string{}},
		{"a.yaml", "plain text\n", []string{`"plain text"`}},
		{"a.yaml", "a: .nan\n", nil},
		{"a.yaml", "a: -.inf\n", nil},
		{"a.yaml", "a: 1\na: 2\n", nil},
		{"a.yaml", "? [a]\n: b\n", nil},
		{"a.yaml", "a: &x [*x]\n", nil},
		{"a.yaml", "a: *none\n", nil},
		{"a.yaml", "<<: 1\n", nil},
		{"a.yaml", "a: \xff\n", nil},
		{"a.yaml", "a: !!int x\n", nil},
		{"a.yaml", "on:\n  push: {}\njobs: {a: {if: \"${{ b }}\"}}\n", []string{`{"jobs":{"a":{"if":"${{ b }}"}},"true":{"push":{}}}`}},

		{"a.json", "\ufeff {\"b\": 1.0, \"a\": 12345678901234567890} \n", []string{`{"b":1.0,"a":12345678901234567890}`}},
		{"a.json", "null", []string{`null`}},
		{"a.json", "", nil},
		{"a.json", `{"a":1}{"b":2}`, nil},
		{"a.json", `1 2`, nil},
		{"a.json", `{"a":1,"a":2}`, nil},
		{"a.json", `{"a":1,}`, nil},
		{"a.json", `// c` + "\n{}", nil},
		{"a.json", "{\"a\":\"\xff\"}", nil},
		{"tsconfig.json", "// c\n{\"a\": [1, 2, /* x */], \"b\": \"// no, */ ,]\",\n}", []string{`{"a":[1,2],"b":"// no, */ ,]"}`}},
		{".vscode/settings.json", `{"a":1,}`, []string{`{"a":1}`}},
		{"a.jsonc", `{"a": /* open`, nil},

		{"a.toml", "a = 1\nb = 1.5\nc = 1979-05-27T07:32:00Z\nd = 1979-05-27\ne = 07:32:00\nf = 1979-05-27T07:32:00\n[[g]]\nh = [1, [2]]\n", []string{`{"a":1,"b":1.5,"c":"1979-05-27T07:32:00Z","d":"1979-05-27","e":"07:32:00","f":"1979-05-27T07:32:00","g":[{"h":[1,[2]]}]}`}},
		{"a.toml", "", []string{`{}`}},
		{"a.toml", "a = nan\n", nil},
		{"a.toml", "a = 1\na = 2\n", nil},

		{"a.tf", "resource \"x\" \"y\" {\n  a = [1, true, \"z\"]\n  b = var.c\n  d { e = \"${f.g}-h\" }\n}\n", []string{`{"resource":{"x":{"y":[{"a":[1,true,"z"],"b":"${var.c}","d":[{"e":"${f.g}-h"}]}]}}}`}},
		{"a.tfvars", "a = {b = 1}\n", []string{`{"a":{"b":1}}`}},
		{"a.hcl", "a {\n", nil},
		{"a.tf.json", `{"a":1}`, []string{`{"a":1}`}},

		{"Dockerfile", "# c\nARG a\nFROM --platform=x b AS c\nRUN [\"d\", \"e\"]\nFROM f\nONBUILD COPY --from=c g h\nRUN i && \\\n  j\n", []string{
			`[[{"Cmd":"comment","EndLine":1,"Flags":[],"JSON":false,"Original":"c","Stage":0,"StartLine":1,"SubCmd":"","Value":["c"]},` +
				`{"Cmd":"arg","EndLine":2,"Flags":[],"JSON":false,"Original":"ARG a","Stage":0,"StartLine":2,"SubCmd":"","Value":["a"]},` +
				`{"Cmd":"from","EndLine":3,"Flags":["--platform=x"],"JSON":false,"Original":"FROM --platform=x b AS c","Stage":0,"StartLine":3,"SubCmd":"","Value":["b","AS","c"]},` +
				`{"Cmd":"run","EndLine":4,"Flags":[],"JSON":true,"Original":"RUN [\"d\", \"e\"]","Stage":0,"StartLine":4,"SubCmd":"","Value":["d","e"]},` +
				`{"Cmd":"from","EndLine":5,"Flags":[],"JSON":false,"Original":"FROM f","Stage":1,"StartLine":5,"SubCmd":"","Value":["f"]},` +
				`{"Cmd":"onbuild","EndLine":6,"Flags":["--from=c"],"JSON":false,"Original":"ONBUILD COPY --from=c g h","Stage":1,"StartLine":6,"SubCmd":"copy","Value":["g","h"]},` +
				`{"Cmd":"run","EndLine":8,"Flags":[],"JSON":false,"Original":"RUN i &&   j","Stage":1,"StartLine":7,"SubCmd":"","Value":["i &&   j"]}]]`}},
		{"dev.Dockerfile", "FROM a\nRUN <<EOF\nb\nEOF\n", []string{
			`[[{"Cmd":"from","EndLine":1,"Flags":[],"JSON":false,"Original":"FROM a","Stage":0,"StartLine":1,"SubCmd":"","Value":["a"]},` +
				`{"Cmd":"run","EndLine":4,"Flags":[],"Heredocs":["b\n"],"JSON":false,"Original":"RUN <<EOF","Stage":0,"StartLine":2,"SubCmd":"","Value":["<<EOF"]}]]`}},
		{"Dockerfile.dev", "", nil},

		{"a.ini", "a = 1\n; c\n[s t]\n\tb = true ; no\n\tc : 'x ; y'\nd\ne = 1\n  2\n[s t]\nf=1.5\ng=007\nh=T\ni=inf\n", []string{`{"DEFAULT":{"a":1},"s t":{"b":true,"c":"x ; y","d":true,"e":"1\n2","f":1.5,"g":7,"h":true,"i":"inf"}}`}},
		{"a.ini", "[a]\rb=1\rc=2\r\n", []string{`{"a":{"b":1,"c":2}}`}},
		{"a.ini", "[a\n", nil},
		{"a.ini", "= b\n", nil},
		{"a.properties", "# c\na.b = c d\\\n   e\nf:g\nh i\nj\\ k=\\u00e9\\ud83d\\ude00\\n\n! x\n", []string{`{"a.b":"c de","f":"g","h":"i","j k":"é😀\n"}`}},
		{"a.properties", "a=\\u12\n", nil},
		{"a.properties", "a=\xe9\n", []string{`{"a":"é"}`}},
		{".env", "# c\nexport A=b # c\nB=\"x\\ny\"\nC='a\nb' # c\nD=\nE=a#b\n", []string{`{"A":"b","B":"x\ny","C":"a\nb","D":"","E":"a#b"}`}},
		{"prod.env", "A='b", nil},
		{".env.local", "no value\n", nil},

		{"a.xml", `<?xml version="1.0" encoding="UTF-8"?><a x="1"><b>c</b><b/><d>e<f>g</f></d><!-- h --></a>`, []string{`{"a":{"-x":"1","b":["c",""],"d":{"#content":"e","f":"g"}}}`}},
		{"a.xml", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>", []string{`{"a":"é"}`}},
		{".gitignore", "# c\n\n!/a\\ b\n*.o  \n", []string{`[[{"Kind":"Comment","Original":"# c","Value":"c"},{"Kind":"Empty","Original":"","Value":""},` +
			`{"Kind":"NegatedPath","Original":"!/a\\ b","Value":"/a b"},{"Kind":"Path","Original":"*.o  ","Value":"*.o"},{"Kind":"Empty","Original":"","Value":""}]]`}},
		{"api.dockerignore", "\xff", nil},
		{".github/CODEOWNERS", "# c\n* @a b@c.d # e\n/x\\ y\n[Docs][2] @g\ndocs/\n", []string{`{"entries":[{"owners":["@a","b@c.d"],"pattern":"*"},{"owners":[],"pattern":"/x\\ y"},{"owners":["@g"],"pattern":"docs/","section":"Docs"}]}`}},
		{"CODEOWNERS", "[Docs @g\n", nil},
		{"a.xml", "<a b='1' b='2'/>", nil},
		{"a.xml", "<a>", nil},
		{"a.xml", "", nil},
		{"a.xml", `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`, nil},
	}
	for _, tt := range tests {
		r := scannertest.Scan(t, config.New(), map[string]string{tt.path: tt.data})
		got := documents(r)
		failed := len(r.Coverage.Files[0].Failed) > 0
		if failed != (tt.want == nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s %q:\ngot  %s, failed %+v\nwant %s", tt.path, tt.data, strings.Join(got, "\n     "), r.Coverage.Files[0].Failed, strings.Join(tt.want, "\n     "))
		}
	}
}

func TestLines(t *testing.T) {
	r := scannertest.Scan(t, config.New(), map[string]string{"a.yaml": "# head\na: 1\n---\nb: 2\n---\n\n\nc: 3\n"})
	var lines, indexes []int
	for _, d := range r.Documents {
		lines, indexes = append(lines, d.Line), append(indexes, d.Index)
	}
	if !slices.Equal(lines, []int{2, 4, 8}) || !slices.Equal(indexes, []int{0, 1, 2}) {
		t.Errorf("documents start at %v with indexes %v; want 2, 4, 8 and 0, 1, 2", lines, indexes)
	}
	for path, data := range map[string]string{
		"a.yaml":     "a: 1\nb: [\n",
		"b.yaml":     "a: 1\nb: 2\nb: 3",
		"a.json":     "{\n\"a\": 1,\nx}",
		"a.toml":     "a = 1\n\nb = = 2",
		"a.tf":       "a = 1\n\nb = = 2\n",
		"a.ini":      "[a]\nb=1\n[c\n",
		".env":       "A=1\n\nb c\n",
		"a.xml":      "<a>\n<b>\n</a>",
		"Dockerfile": "FROM a\nRUN b\nRUN <<X\n",
	} {
		r := scannertest.Scan(t, config.New(), map[string]string{path: data})
		if len(r.Coverage.Gaps) != 1 || r.Coverage.Gaps[0].Line < 2 {
			t.Errorf("%s: gaps %+v; want one in line 2 or 3", path, r.Coverage.Gaps)
		}
	}
}

// TestPositions says for some values of each format where they must stand.
func TestPositions(t *testing.T) {
	tests := []struct {
		path, data string
		want       map[string]string // line:column by JSON pointer
	}{
		{"a.yaml", "# c\na: 1\nb:\n  - x\n  - {w: é, z: 2}\nc: &k\n  d: 3\ne: *k\nf:\ng: {<<: *k}\n", map[string]string{
			"": "2:1", "/a": "2:4", "/b": "3:1", "/b/0": "4:5", "/b/1": "5:5", "/b/1/w": "5:9", "/b/1/z": "5:16",
			"/c": "6:1", "/c/d": "7:6", "/e": "8:1", "/e/d": "7:6", "/f": "9:1", "/g/d": "7:6"}},
		{"a.json", "{\r\n  \"a\": 1,\n  \"b\" :\n    [true, {\"c\": null}], \"d\": {}\n}", map[string]string{
			"": "1:1", "/a": "2:8", "/b": "3:3", "/b/0": "4:6", "/b/1": "4:12", "/b/1/c": "4:18", "/d": "4:26"}},
		{"a.jsonc", "// c\n{/* x */ \"a\": 1}", map[string]string{"": "2:1", "/a": "2:15"}},
		{"a.toml", "# c\na = 1\n[b]\nc = [1,\n  'x', {y = 2}] # z\n\"d e\".f = \"\"\"\n]\"\"\"\n[[g]]\nh = 1\n[[g]]\nh = 2\n[g.i]\nj = 1979-05-27\n", map[string]string{
			"/a": "2:5", "/b": "3:1", "/b/c": "4:1", "/b/c/0": "4:6", "/b/c/1": "5:3", "/b/c/2/y": "5:13", "/b/d e": "6:1", "/b/d e/f": "6:11",
			"/g": "8:1", "/g/0/h": "9:5", "/g/1": "10:1", "/g/1/h": "11:5", "/g/1/i/j": "13:5"}},
		{"a.tf", "resource \"x\" \"y\" {\n  a = [\n    1,\n    \"é\", {b = 2}]\n  c { d = var.e }\n  c { d = 3 }\n  f = {\n    \"g\" = 1\n  }\n}\nresource \"x\" \"z\" {}\n", map[string]string{
			"/resource": "1:1", "/resource/x/y/0": "1:1", "/resource/x/y/0/a": "2:3", "/resource/x/y/0/a/0": "3:5", "/resource/x/y/0/a/2/b": "4:16",
			"/resource/x/y/0/c/0/d": "5:11", "/resource/x/y/0/c/1/d": "6:11", "/resource/x/y/0/f": "7:3", "/resource/x/y/0/f/g": "8:11", "/resource/x/z": "11:1"}},
		{"a.ini", "a = 1\n[s]\n  b: x\nc\n", map[string]string{"/DEFAULT/a": "1:5", "/s": "2:1", "/s/b": "3:6", "/s/c": "4:1"}},
		{"a.properties", "# c\na.b = c \\\n  d\n e\\\n = f\n", map[string]string{"/a.b": "2:7", "/e": "4:2"}},
		{".env", "# c\nexport A = 'x\ny'\n  B=2\n", map[string]string{"/A": "2:12", "/B": "4:5"}},
		{"a.xml", "<?xml version='1.0'?>\n<a>\n  <b x='1'\n     y=\"2\">t</b><b/>\n  <c>d</c></a>\n", map[string]string{
			"/a": "2:1", "/a/b": "3:3", "/a/b/0/-x": "3:6", "/a/b/0/-y": "4:6", "/a/b/1": "4:17", "/a/c": "5:3"}},
		{"Dockerfile", "# c\nFROM a\nRUN b \\\n  c\n", map[string]string{"/0/0/Value/0": "1:1", "/0/1/Value/0": "2:1", "/0/2": "3:1"}},
		{".gitignore", "a\n!b\n", map[string]string{"/0/1/Value": "2:1"}},
		{"CODEOWNERS", "* @a\n  b  @c @d\n", map[string]string{"/entries/1": "2:3", "/entries/1/owners": "2:1", "/entries/1/owners/1": "2:9"}},
	}
	for _, tt := range tests {
		r := scannertest.Scan(t, config.New(), map[string]string{tt.path: tt.data})
		if len(r.Documents) != 1 {
			t.Errorf("%s: %d documents, gaps %v", tt.path, len(r.Documents), r.Coverage.Gaps)
			continue
		}
		got := places(t, &r.Documents[0])
		for pointer, want := range tt.want {
			if got[pointer] != want {
				t.Errorf("%s: %q stands at %s, want %s", tt.path, pointer, got[pointer], want)
			}
		}
	}
}

// places are the positions of a document by JSON pointer. There must be one
// for each value, and none of them unknown.
func places(t *testing.T, d *gatehouse.Document) map[string]string {
	t.Helper()
	out := map[string]string{}
	rest := d.Positions
	dec := json.NewDecoder(strings.NewReader(string(d.JSON)))
	var walk func(pointer string)
	walk = func(pointer string) {
		var line, column int
		if line, column, rest = rest.Next(); line == 0 || column == 0 {
			t.Errorf("%s: %q stands at %d:%d", d.Path, pointer, line, column)
		}
		out[pointer] = fmt.Sprintf("%d:%d", line, column)
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		delim, ok := tok.(json.Delim)
		if !ok {
			return
		}
		for i := 0; dec.More(); i++ {
			name := fmt.Sprint(i)
			if delim == '{' {
				key, err := dec.Token()
				if err != nil {
					t.Fatal(err)
				}
				name = key.(string)
			}
			walk(pointer + "/" + name)
		}
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
	}
	walk("")
	if len(rest) > 0 {
		t.Errorf("%s: %d bytes of positions are left", d.Path, len(rest))
	}
	return out
}

func TestWant(t *testing.T) {
	s := config.New()
	tests := []struct {
		path string
		want gatehouse.Want
	}{
		{"a/b.yaml", gatehouse.Want{Scan: true}},
		{"B.YAML", gatehouse.Want{Scan: true}},
		{"Dockerfile.prod", gatehouse.Want{Scan: true}},
		{"Containerfile", gatehouse.Want{Scan: true}},
		{".env.production", gatehouse.Want{Scan: true}},
		{"pom.xml", gatehouse.Want{Scan: true}},
		{"a.yaml.tpl", gatehouse.Want{Skip: "template of a yaml file"}},
		{"nginx.json.j2", gatehouse.Want{Skip: "template of a json file"}},
		{"Dockerfile.j2", gatehouse.Want{Skip: "template of a dockerfile file"}},
		{".gitignore", gatehouse.Want{Scan: true}},
		{"docs/CODEOWNERS", gatehouse.Want{Scan: true}},
		{"a.jsonnet", gatehouse.Want{Skip: "program that makes configuration; judge what it makes, or name it to gatehouse policy eval"}},
		{"a.go", gatehouse.Want{}},
		{"Dockerfile.md", gatehouse.Want{}},
		{"environment", gatehouse.Want{}},
		{".environment", gatehouse.Want{}},
		{"x.tpl", gatehouse.Want{}},
	}
	for _, tt := range tests {
		if got := s.Want(gatehouse.FileInfo{Path: tt.path}); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.path, got, tt.want)
		}
	}
	r := scannertest.Scan(t, s, map[string]string{
		"chart/templates/a.yaml": "a: {{ .Values.b }}\n{{- if c }}\n",
		"chart/templates/b.yaml": "a: 1\n",
		"chart/values.yaml":      "b: 1\n",
	})
	if skipped := r.Coverage.Files[0].Skipped; len(skipped) != 1 || !strings.Contains(skipped[0].Reason, "Helm") || len(r.Documents) != 2 {
		t.Errorf("got skips %+v and %d documents; want one Helm template skipped and 2 documents", skipped, len(r.Documents))
	}
}

// TestNamed has files that somebody named, which must give documents.
func TestNamed(t *testing.T) {
	if _, err := config.NewFor(config.Options{Parser: "yml"}); err == nil || !strings.Contains(err.Error(), "yaml") {
		t.Errorf("unknown parser: %v", err)
	}
	jsonnet := func(_ context.Context, path string, data []byte) ([]byte, error) {
		if string(data) != "program" {
			return nil, fmt.Errorf("%s is no program", path)
		}
		return []byte(`{"a": 1}`), nil
	}
	tests := []struct {
		parser, path, data string
		want               string // the document, or a part of the reason
	}{
		{"", "a.json", `{"a":1}`, `{"a":1}`},
		{"toml", "a.json", "a = 1", `{"a":1}`},
		{"json", "a.yaml", "a: 1", "not valid JSON"},
		{"", "notes.txt", "a: 1", "--parser"},
		{"yaml", "notes.txt", "a: 1", `{"a":1}`},
		{"", "a.yaml", "# nothing\n", "no document"},
		{"", "chart/templates/a.yaml", "a: {{ b }}\n", "render it"},
		{"", "a.jsonnet", "program", `{"a":1}`},
		{"", "a.jsonnet", "other", "no program"},
	}
	for _, tt := range tests {
		s, err := config.NewFor(config.Options{Parser: tt.parser, Named: func(path string) bool { return path == tt.path }, Jsonnet: jsonnet})
		if err != nil {
			t.Fatal(err)
		}
		r := scannertest.Scan(t, s, map[string]string{tt.path: tt.data})
		got := strings.Join(documents(r), "")
		for _, g := range r.Coverage.Gaps {
			got += g.Reason
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s as %q: got %s, want %s", tt.path, tt.parser, got, tt.want)
		}
	}
}

// TestHostile must neither crash, nor hang, nor pass.
func TestHostile(t *testing.T) {
	laughs := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		n := string(rune('a' + i))
		p := string(rune('a' + i - 1))
		laughs += n + "0: &" + n + "0 [" + strings.Repeat("*"+p+"0,", 9) + "*" + p + "0]\n"
	}
	big := strings.Repeat("x", 1<<20)
	tests := map[string]string{
		"laughs.yaml":    laughs,
		"strings.yaml":   "a: &a " + big + "\nb: [" + strings.Repeat("*a,", 200) + "]\n",
		"keys.yaml":      "a: &a {" + big[:1000] + ": 1}\nb: [" + strings.Repeat("*a,", 90000) + "]\n",
		"flow.yaml":      strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"flow2.yaml":     strings.Repeat("{a: ", 200000),
		"block.yaml":     strings.Repeat("- ", 5000) + "a\n",
		"deep.json":      strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"deeper.json":    strings.Repeat(`{"a":`, 500000),
		"deep.toml":      "a = " + strings.Repeat("[", 2000000),
		"inline.toml":    "a = " + strings.Repeat("{a=", 1000000),
		"deep.tf":        "a = " + strings.Repeat("[", 2000000),
		"parens.tf":      "a = " + strings.Repeat("(", 2000000),
		"not.tf":         "a = " + strings.Repeat("!", 2000000) + "b",
		"minus.tf":       "a = " + strings.Repeat("- ", 2000000) + "b",
		"if.tf":          "a = " + strings.Repeat("b ? c : ", 500000) + "d",
		"blocks.tf":      strings.Repeat("a {\n", 500000),
		"template.tf":    "a = " + strings.Repeat(`"${`, 500000),
		"directives.tf":  "a = \"" + strings.Repeat(`%{if b}`, 500000) + "\"",
		"deep.xml":       strings.Repeat("<a>", 500000),
		"Dockerfile":     "FROM a\nRUN " + strings.Repeat("x", 1<<20),
		"quote.env":      "A=\"" + strings.Repeat("\n", 1<<20),
		"too-large.json": `["` + strings.Repeat("x", 17<<20) + `"]`,
	}
	for path, data := range tests {
		r := scannertest.Scan(t, config.New(), map[string]string{path: data})
		f := r.Coverage.Files[0]
		if len(f.Failed) != 1 || strings.Contains(f.Failed[0].Reason, "crashed") || len(r.Documents) != 0 {
			t.Errorf("%s: got %+v and %d documents, want a failure", path, f, len(r.Documents))
		}
	}
	// Long but harmless.
	var attributes strings.Builder
	for i := range 200000 {
		fmt.Fprintf(&attributes, "\n x%d='1'", i)
	}
	for path, data := range map[string]string{
		"cont.properties": "a=" + strings.Repeat("x\\\n", 1<<20),
		"cont.ini":        "a=1\n" + strings.Repeat(" x\n", 1<<20),
		"line.yaml":       "[é" + strings.Repeat(", {a: 1}", 100000) + "]",
		"attributes.xml":  "<a" + attributes.String() + "/>",
		"table.toml":      "a = {" + strings.Repeat("b.c = 1, ", 1) + "d = [" + strings.Repeat("1, ", 300000) + "]}",
		"line.json":       "[" + strings.Repeat(`{"a": 1}, `, 200000) + "1]",
		"owners.env":      strings.Repeat("A=1\n", 300000),
		"CODEOWNERS":      "[a]" + strings.Repeat(" @b", 30000) + "\nc\n",
		"binary.tf":       "a = " + strings.Repeat("b + ", 20000) + "b\n",
		"ok.toml":         "a = " + strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		r := scannertest.Scan(t, config.New(), map[string]string{path: data})
		if len(r.Documents) != 1 {
			t.Errorf("%s: got %+v, want one document", path, r.Coverage.Gaps)
		}
	}
}

// TestSameAsKubernetes compares with the converter that Kubernetes and conftest
// use.
func TestSameAsKubernetes(t *testing.T) {
	texts := []string{
		"a: 1\nb: 1.5\nc: 0x10\nd: 0777\ne: 1_000\nf: 1e3\ng: .5\nh: +1\ni: -0\n", "a: [y, n, yes, No, on, OFF, true, False, 'y', \"n\"]\n",
		"y: 1\n", "no: 1\n", "1: a\n", "1.5: a\n", "true: a\n", "a: ~\nb: null\nc:\n", "a: 2020-01-02\nb: 2020-01-02T03:04:05Z\nc: 12:30:45\n",
		"a: |\n  x\n  y\nb: >\n  x\n  y\n", "k: &x {a: 1}\nl: {<<: *x, b: 2}\n", "a: !!str 1\nb: !!int '1'\nc: !custom z\n", "a: 0b11\nb: 0o17\nc: 08\n",
		"- a\n- [b, {c: d}]\n", "a: 18446744073709551615\nb: -9223372036854775808\n", "a: !!binary aGk=\n", "a: 1e400x\nb: 1.\nc: 1e\nd: 0x\n",
	}
	if dir := os.Getenv("QUALITY_DATA"); dir != "" {
		for _, pattern := range []string{"iac/real/*/*.y*ml", "iac/real/*/*/*.y*ml", "iac/real/*/*/*/*.y*ml"} {
			paths, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range paths {
				data, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(data))
			}
		}
	}
	compared := 0
	for _, text := range texts {
		r := scannertest.Scan(t, config.New(), map[string]string{"a.yaml": text})
		want, err := k8syaml.YAMLToJSON([]byte(text))
		if err != nil || len(r.Documents) != 1 {
			continue // several documents
		}
		compared++
		var a, b any
		if json.Unmarshal(r.Documents[0].JSON, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%.200q:\ngot  %.300s\nwant %.300s", text, r.Documents[0].JSON, want)
		}
	}
	if compared < 15 {
		t.Fatalf("only %d texts were compared", compared)
	}
	t.Logf("%d texts", compared)
}

// TestSharedData parses real configuration: all of it, but for the templates.
func TestSharedData(t *testing.T) {
	dir := os.Getenv("QUALITY_DATA")
	if dir == "" {
		t.Skip("QUALITY_DATA is not set: real configuration files are not parsed")
	}
	s := config.New()
	files := map[string]string{}
	root := filepath.Join(dir, "iac/real")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		if s.Want(gatehouse.FileInfo{Path: rel}).Scan {
			files[rel] = string(data)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("read %s: %d files, %v", root, len(files), err)
	}
	r := scannertest.Scan(t, s, files)
	for _, g := range r.Coverage.Gaps {
		t.Logf("%s:%d: %s", g.Path, g.Line, g.Reason)
	}
	for i := range r.Documents {
		places(t, &r.Documents[i])
	}
	t.Logf("%d files, %d documents, %d gaps", len(files), len(r.Documents), len(r.Coverage.Gaps))
	if len(r.Coverage.Gaps)*50 > len(files) {
		t.Errorf("%d of %d files could not be parsed", len(r.Coverage.Gaps), len(files))
	}
}

func FuzzParse(f *testing.F) {
	names := []string{"a.yaml", "a.json", "a.jsonc", "a.toml", "a.tf", "Dockerfile", "a.ini", "a.properties", ".env", "a.xml", ".gitignore", "CODEOWNERS"}
	for i, text := range []string{"a: &x [1]\nb: *x\n", `{"a":1}`, "{/**/}", "[a]\nb=1", "a \"b\" {\n c = d ? 1 : 2\n}\n", "FROM a\n", "[a]\nb=c", "a=\\u0041", "A='b'", "<a b='c'>d</a>", "!a\\ b\n", "[a] @b\nc @d # e\n"} {
		f.Add(i, []byte(text))
	}
	s := config.New()
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		name := names[uint(i)%uint(len(names))]
		r := scannertest.Scan(t, s, map[string]string{name: string(data)})
		for _, d := range r.Documents {
			if !json.Valid(d.JSON) {
				t.Errorf("%s: not JSON: %s", name, d.JSON)
				continue
			}
			places(t, &d)
		}
		for _, g := range r.Coverage.Gaps {
			if g.Code == gatehouse.GapPanic || g.Code == gatehouse.GapTimeout {
				t.Errorf("%s: %s", name, g.Reason)
			}
		}
	})
}
