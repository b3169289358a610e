package inventory

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/package-url/packageurl-go"
	"go.yaml.in/yaml/v3"
)

// flat writes a tree so that it can be compared: maps sorted, of keys that
// stand twice the last one, numbers in one form.
func flat(n node) string {
	switch n.kind() {
	case nodeMap:
		last := map[string]string{}
		for c := range n.children() {
			last[c.key()] = flat(c)
		}
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(last)) {
			fmt.Fprintf(&b, "%q:%s,", k, last[k])
		}
		return "{" + b.String() + "}"
	case nodeList:
		var b strings.Builder
		for c := range n.children() {
			b.WriteString(flat(c) + ",")
		}
		return "[" + b.String() + "]"
	case nodeString:
		return strconv.Quote(n.text())
	}
	return plainText(n.at().text)
}

func plainText(s string) string {
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return s
}

// flatAny writes decoded values in the same way.
func flatAny(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%q:%s,", k, flatAny(v[k]))
		}
		return "{" + b.String() + "}"
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return flatAny(list)
	case []any:
		var b strings.Builder
		for _, item := range v {
			b.WriteString(flatAny(item) + ",")
		}
		return "[" + b.String() + "]"
	case string:
		return strconv.Quote(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case nil:
		return "null"
	}
	return plainText(fmt.Sprint(v))
}

var jsonTexts = []string{
	`{"a":1,"b":[true,false,null,-1.5e+3,0.0],"c":{"d":"e\u00e9\n\"\\"},"":""}`, `[]`, `{}`, `"x"`, `0`, `-0`, "\n [ 1 , 2 ]\t\r\n",
	`{"a":1,"a":2}`, `{"a":}`, `{"a" 1}`, `[1,]`, `{"a":1,}`, `[01]`, `[1.]`, `[.5]`, `[+1]`, `[1e]`, `[truex]`, `"\x"`, "\"\x01\"", `"abc`, `[1`, `{"a`, `1 2`, ``, ` `, `nul`, `{"a":"\ud83d\ude00"}`, `[1 2]`, `{1:2}`, `]`, "\"\xff\"",
}

// TestJSONTree: the reader takes what encoding/json takes, and reads the same.
func TestJSONTree(t *testing.T) {
	for _, text := range jsonTexts {
		compareJSON(t, text)
	}
	if _, err := jsonTree([]byte(strings.Repeat("[", 100_000))); err == nil || !strings.Contains(err.Error(), "nests deeper") {
		t.Errorf("deep nesting: %v", err)
	}
	n, err := jsonTree([]byte("{\n \"a\": {\n  \"b\": [1,\n   2]\n }\n}"))
	if err != nil || n.get("a", "b").line() != 3 || n.get("a").line() != 2 || n.get("a").end() != 5 {
		t.Errorf("lines %d %d %d, %v", n.get("a").line(), n.get("a", "b").line(), n.get("a").end(), err)
	}
	if n, err := looseJSONTree([]byte("{ // x\n \"a\": [1,], /* y\n */ }")); err != nil || flat(n) != `{"a":[1,],}` {
		t.Errorf("with comments: %q, %v", flat(n), err)
	}
}

func compareJSON(t *testing.T, text string) {
	t.Helper()
	var want any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	valid := json.Valid([]byte(text))
	got, err := jsonTree([]byte(text))
	if (err == nil) != valid && !(err != nil && strings.Contains(err.Error(), "nests deeper")) {
		t.Errorf("%q: error %v, valid %v", text, err, valid)
	}
	if err != nil || !valid || d.Decode(&want) != nil {
		return
	}
	if flat(got) != flatAny(want) && strings.ToValidUTF8(text, "") == text {
		t.Errorf("%q is read as %s, want %s", text, flat(got), flatAny(want))
	}
}

func FuzzJSONTree(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { compareJSON(t, text) })
}

var yamlTexts = []string{
	"a: 1\nb:\n  c: d\n  e:\n    - f\n    - g: h\n      i: j\nk:\n- l\n- m\n", "a: {b: c, 'd e': [f, g], h: \"i\"}\n", "'a b': c # comment\n\"d\": 'it''s'\n# e\n", "- a\n- b:\n    c\n", "a:\n", "a: |-\n  x\n  y\nb: >-\n  z\n  w\n",
	"a: &x b\nc: *x\n", "a: b: c\n", "a:\n\tb: c\n", "a: [b,\n  c]\n", "a: b\n  c\n", "? a\n: b\n", "---\na: b\n", "a: b\n---\nc: d\n", "a: 'b\n", "- - a\n  - b\n", "- a: b\n  c:\n    - d\n-\n  e: f\n", "a: ~\nb: null\nc: ''\n",
	"a:b\n", "a: b#c\n", "a: http://x/y\n", "<<: {a: b}\n", "a: {b: c\n", "/a@1.0.0(b@2.0.0):\n  resolution: {integrity: sha512-x==, tarball: https://a.b/c}\n", ":path: ../x\n", "- \"Foo (1.0)\":\n  - Bar (~> 1.0)\n- Baz (2.0)\n",
	"a:\n  - b\n c: d\n", "a: {b: , c: d}\n", "a: {b}\n", "a: {}\nb: []\n", "  a: b\n  c: d\n", "a: b\n c: d\n", "a: @b\n", "a: `b`\n", "a: %b\n", "a: \"b\\nc\\u00e9\"\n", "a: \"\\x41\"\n", "a: - b\n", "a: !!str 1\n", "a: b\n...\n", "a: b\r\n", "\"a\nb\": c\n", "a: 1\na: 2\n",
}

// TestYAMLTree: where the reader takes a text, it reads what the library reads.
func TestYAMLTree(t *testing.T) {
	for _, text := range yamlTexts {
		compareYAML(t, text)
	}
	if _, err := yamlDocument([]byte(strings.Repeat("- ", 100_000)+"a"), nil); err == nil {
		t.Error("deep nesting is read")
	}
	n, err := yamlDocument([]byte("x: 1\n---\npackages:\n  a:\n    b: c\n"), func(n node) bool { return n.get("packages").exists() })
	if err != nil || n.get("packages", "a").line() != 4 {
		t.Errorf("second document at line %d, %v", n.get("packages", "a").line(), err)
	}
}

func compareYAML(t *testing.T, text string) {
	t.Helper()
	p := yamlParser{s: text, t: &tree{}}
	p.step()
	if !p.document() {
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Errorf("%q is read as %s, but %v", text, flat(p.t.root()), err)
		return
	}
	c := yamlCopier{t: &tree{}}
	c.copy(0, "", unwrap(&doc), 1, 0)
	if got, want := loosely(p.t.root()), loosely(c.t.root()); got != want {
		t.Errorf("%q is read as %s, want %s", text, got, want)
	}
}

// loosely is flat without blanks, in which texts of several lines may differ.
func loosely(n node) string {
	return strings.NewReplacer(`\n`, "", "\n", "", "\t", "", " ", "", "null", "", "~", "", `""`, "").Replace(flatScalars(n))
}

func flatScalars(n node) string {
	if n.kind() == nodePlain || n.kind() == nodeString {
		return n.at().text
	}
	s := ""
	for c := range n.children() {
		s += fmt.Sprintf("%q:%s@%d,", c.key(), flatScalars(c), c.line())
	}
	return fmt.Sprint(n.kind()) + s
}

func unwrap(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}

func FuzzYAMLTree(f *testing.F) {
	for _, text := range yamlTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\u0085\u2028\u2029\ufeff") || strings.ToValidUTF8(text, "") != text {
			return // made plain before, or refused by the library
		}
		for _, c := range text {
			if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 {
				return
			}
		}
		compareYAML(t, text)
	})
}

var tomlTexts = []string{
	"a = 1\nb = 'c'\n[d]\ne.f = \"g\\n\"\n[[h]]\ni = [1, 2, # x\n 3,]\n[h.j]\nk = {l = true, m = []}\n[[h]]\ni = 1.5\n[[h.n]]\no = ''\n", "a = '''\nb\n'''\nc = \"\"\"d\"\"\"\n", "\"a b\" = 1\n'c'.d = 2\n", "a = 1979-05-27T07:32:00Z\n", "a = 0xff\n", "a = 1_000\n",
	"a = \n", "[a\n", "a = 1\na = 2\n", "[a]\n[a]\n", "a = {b = 1}\n[a.c]\n", "[[a]]\n[a]\n", "a = [1\n", "a = \"b\n", "a = 1 b = 2\n", "= 1\n", "[a]]\n", "a = tru\n", "a = {b = 1,}\n", "[a.b]\n[a]\nc = 1\n", "a = +1\n", "a = .5\n", "a = inf\n", "a = \"\\e\"\n", "", "# x", "a.b = 1\n[a]\nc = 2\n",
}

// TestTOMLTree: the reader reads what the library reads, and takes no text that
// the library refuses but for keys that stand twice.
func TestTOMLTree(t *testing.T) {
	for _, text := range tomlTexts {
		compareTOML(t, text)
	}
	n, err := tomlTree([]byte("[[package]]\nname = 'a'\n\n[package.dependencies]\nb = 'c'\n\n[[package]]\nname = 'd'\n"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for p := range n.get("package").children() {
		lines = append(lines, p.line())
	}
	if !slices.Equal(lines, []int{1, 7}) || n.get("package").count() != 2 {
		t.Errorf("packages at lines %v", lines)
	}
}

func compareTOML(t *testing.T, text string) {
	t.Helper()
	p := tomlParser{s: text, line: 1, t: &tree{}, tables: map[tomlPlace]int32{}}
	p.t.add(0, "", "", 1, nodeMap)
	if !p.document() {
		return
	}
	var want map[string]any
	err := toml.Unmarshal([]byte(text), &want)
	p.t.findRepeated()
	if err != nil {
		if !strings.Contains(err.Error(), "already") && len(p.t.repeated) == 0 {
			t.Errorf("%q is read as %s, but %v", text, flat(p.t.root()), err)
		}
		return
	}
	if got := flat(p.t.root()); got != flatAny(want) && !strings.ContainsAny(text, "_x") {
		t.Errorf("%q is read as %s, want %s", text, got, flatAny(want))
	}
}

func FuzzTOMLTree(f *testing.F) {
	for _, text := range tomlTexts {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if n, err := tomlTree([]byte(text)); err == nil {
			flat(n)
		}
	})
}

// TestPackageURL: what is written without the library is what it writes.
func TestPackageURL(t *testing.T) {
	plain := 0
	for _, eco := range []*Ecosystem{NPM, PyPI, Golang, Maven, Composer, NuGet, Cargo, Gem, Hex, Pub, Swift} {
		for _, name := range []string{"a", "A_b.c", "@s/n", "a/b/c", "g:a", "a b", "ä", "a//b", "/a", "a/../b", "@/x", "@s/x/y", "github.com/A/B", "~x", "a+b", "@", "@a@b/c"} {
			for _, version := range []string{"", "1.0", "v1.0+x", "1.0-rc.1", "1 2"} {
				namespace, base := "", name
				if i := strings.LastIndexAny(name, "/:"); i >= 0 {
					namespace, base = name[:i], name[i+1:]
				}
				got, ok := eco.plainURL(namespace, base, version)
				if !ok {
					continue
				}
				plain++
				if want := packageurl.NewPackageURL(eco.Purl, namespace, base, version, nil, "").ToString(); got != want {
					t.Errorf("%s %q %q: %s, want %s", eco.Purl, name, version, got, want)
				}
			}
		}
	}
	if plain == 0 {
		t.Fatal("nothing was compared")
	}
}
