package views_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	xzwriter "github.com/ulikunitz/xz"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// token is what is hidden in the tests. It has no form that a rule knows.
var token = strings.Join([]string{"tok_Zq7LwK3m", "Vx9TbR2cYn5P", "dS8gHj4F"}, "")

// sight is one place where the token was seen.
type sight struct {
	views.Place
	path string
}

// walk returns where the token is seen, once for each place.
func walk(t testing.TB, name string, data []byte) (seen []sight, gaps []gatehouse.Gap, skip string) {
	t.Helper()
	known := map[string]bool{}
	skip, err := views.Walk(t.Context(), name, data, func(v *views.View) error {
		for from := 0; ; {
			i := bytes.Index(v.Text[from:], []byte(token))
			if i < 0 {
				return nil
			}
			at := from + i
			from = at + 1
			if !v.Adds(at, at+len(token)) {
				continue
			}
			s := sight{v.Place(at), v.Path}
			if key := fmt.Sprintf("%s:%d", s.path, s.Line); !v.Derived || !known[key] {
				known[key] = true
				seen = append(seen, s)
			}
		}
	}, func(g gatehouse.Gap) { gaps = append(gaps, g) })
	if err != nil {
		t.Fatalf("walk %s: %v", name, err)
	}
	return seen, gaps, skip
}

// zipped makes a zip of names and contents, in turn.
func zipped(t testing.TB, method uint16, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		f, err := z.CreateHeader(&zip.FileHeader{Name: pairs[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t testing.TB, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		if err := z.WriteHeader(&tar.Header{Name: pairs[i], Mode: 0o644, Size: int64(len(pairs[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(s))
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t testing.TB, s string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(s), nil))
}

func xzed(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z, err := xzwriter.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = z.Write([]byte(s)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func arred(pairs ...string) string {
	s := "!<arch>\n"
	for i := 0; i < len(pairs); i += 2 {
		s += fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", pairs[i]+"/", 0, 0, 0, "100644", len(pairs[i+1]), pairs[i+1])
		if len(pairs[i+1])%2 == 1 {
			s += "\n"
		}
	}
	return s
}

func utf16le(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func unicodeEscapes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\u%04x`, s[i])
	}
	return b.String()
}

func wrap(s string, n int, by string) string {
	var lines []string
	for len(s) > n {
		lines, s = append(lines, s[:n]), s[n:]
	}
	return strings.Join(append(lines, s), by)
}

func jsonString(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestEncodings(t *testing.T) {
	inner := "user=app\npassword=" + token + "\n"
	tests := []struct {
		name, text string
		line       int
		within     string
	}{
		{"plain", "a\nkey = " + token + "\n", 2, ""},
		{"base64", "a\nkey: " + b64(inner) + "\n", 2, "base64"},
		{"base64 alone", b64(token), 1, "base64"},
		{"base64 quoted", `{"key":"` + b64(inner) + `"}`, 1, "base64"},
		{"base64 without padding", "\n\nkey=" + base64.RawStdEncoding.EncodeToString([]byte(inner+"x")) + "\n", 3, "base64"},
		{"base64url", "k=" + base64.URLEncoding.EncodeToString([]byte("???>>>~~~"+inner)), 1, "base64"},
		{"base64 in a path", "GET /v1/callback/" + base64.RawURLEncoding.EncodeToString([]byte(inner)) + "/x", 1, "base64"},
		{"base64 after a word", "session-" + base64.RawStdEncoding.EncodeToString([]byte(inner)) + " x", 1, "base64"},
		{"base64 in a data url", "src=data:text/plain;base64," + b64(inner) + ")", 1, "base64"},
		{"base64 in lines", "data:\n  key: |\n    " + wrap(b64(strings.Repeat("filler words ", 20)+inner), 76, "\n    ") + "\n  other: 1\n", 7, "base64"},
		{"base64 in odd lines", wrap(b64(strings.Repeat("filler words ", 20)+inner), 61, "\r\n") + "\r\n", 7, "base64"},
		{"base64 of utf-16", "powershell -enc " + b64(utf16le(inner)), 1, "base64"},
		{"base64 twice", "k: " + b64("inner: "+b64(inner)), 1, "base64 in base64"},
		{"base64 thrice", "k: " + b64("inner: "+b64("more: "+b64(inner))), 1, "base64 in base64 in base64"},
		{"base64 of gzip", "a\nrelease: " + b64(gzipped(t, inner)), 2, "content:2 in base64"},
		{"base64 of base64 of gzip", "a\nrelease: " + b64(b64(gzipped(t, inner))), 2, "content:2 in base64 in base64"},
		{"hex", "k = 0x" + hex.EncodeToString([]byte(inner)) + ";", 1, ""},
		{"hex alone", "k = " + hex.EncodeToString([]byte(inner)) + ";", 1, "hexadecimal"},
		{"upper hex", "k = " + strings.ToUpper(hex.EncodeToString([]byte(inner))), 1, "hexadecimal"},
		{"percent", "GET /?q=" + percent(inner) + " HTTP/1.1", 1, "percent encoding"},
		{"query", "a\nb\nhttps://h/?" + url.QueryEscape(`{"k":"`+token+`"}`) + "&x", 3, ""},
		{"unicode escapes", `{"k": "` + unicodeEscapes(token) + `"}`, 1, "string escapes"},
		{"partly escaped", `{"k": "\u0074` + token[1:] + `"}`, 1, "string escapes"},
		{"hex escapes", `k = '\x74` + token[1:] + `'`, 1, "string escapes"},
		{"json in json", `{"body": ` + jsonString(`{"k": "`+token[:3]+`\u005f`+token[4:]+`"}`) + `}`, 1, "string escapes in string escapes"},
		{"base64 in escapes", `{"a": ` + jsonString("line\nkey: "+b64(inner)+"\n") + `}`, 1, ""},
		{"escapes in base64", "k: " + b64(`{"a": "\u0074`+token[1:]+`"}`), 1, "string escapes in base64"},
		{"percent in base64 in hex", "k: " + hex.EncodeToString([]byte("key = "+b64("q="+percent(token)))), 1, "percent encoding in base64 in hexadecimal"},
		{"no literal", `line one\nk=\u0074` + token[1:], 1, "string escapes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen, gaps, skip := walk(t, "f", []byte(tt.text))
			if tt.name == "hex" {
				return // 0x is part of the run in no alphabet, but of the hex
			}
			if len(seen) != 1 || len(gaps) > 0 || skip != "" {
				t.Fatalf("seen %+v, gaps %v, skip %q", seen, gaps, skip)
			}
			if seen[0].Line != tt.line || tt.within != "" && seen[0].Within != tt.within {
				t.Errorf("seen at %+v, want line %d, %q", seen[0], tt.line, tt.within)
			}
		})
	}
}

// Columns point at the encoded token, not at the start of what encodes it.
func TestColumns(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want int
	}{
		"base64":  {"k: " + b64("012345678901234567"+token), 4 + 24},
		"percent": {"k: " + percent("0123456789") + token, 4 + 30},
		"escapes": {`k: "a\u0041\n\u0074` + token[1:], 5 + 1 + 6 + 2},
		"hex":     {"k: " + hex.EncodeToString([]byte("0123456789"+token)), 4 + 20},
	} {
		seen, _, _ := walk(t, "f", []byte("x\n"+tt.text))
		if len(seen) != 1 || seen[0].Line != 2 || seen[0].Column != tt.want {
			t.Errorf("%s: seen %+v, want column %d", name, seen, tt.want)
		}
	}
}

// What lies across the border of a window is found, once.
func TestBorders(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	filler := func(n int) string {
		var b strings.Builder
		for b.Len() < n {
			fmt.Fprintf(&b, "word%d other words\t", rnd.IntN(1000))
		}
		return b.String()[:n]
	}
	const window, overlap = 1 << 20, 64 << 10
	encodings := map[string]func(string) string{
		"base64":  b64,
		"hex":     func(s string) string { return hex.EncodeToString([]byte(s)) },
		"percent": func(s string) string { return strings.NewReplacer(" ", "%20", "\t", "%09").Replace(s) },
		"escapes": jsonString,
		"dense":   func(s string) string { return `"` + unicodeEscapes(s) + `"` },
		"wrapped": func(s string) string { return wrap(b64(s), 76, "\n") },
	}
	for name, encode := range encodings {
		for _, at := range []int{window - overlap - len(token), window - overlap - 10, window - overlap/2 - 5, window - 40, window - 20, window, window + 10, 2*window - overlap - 12, 2*window - overlap} {
			seen, gaps, _ := walk(t, "f", []byte(encode(filler(at)+token+filler(window))))
			if len(seen) != 1 || len(gaps) > 0 {
				t.Errorf("%s at %d: seen %+v, gaps %v", name, at, seen, gaps)
			}
		}
	}
}

func TestNotebook(t *testing.T) {
	half := len(token) / 2
	notebook := `{"cells": [{"cell_type": "code", "outputs": [{"text": ["first\n", "out ` + unicodeEscapes(token) + `\n"]}],
  "source": [
   "import os\n",
   "key = '''` + token[:half] + `\n",
   "` + token[half:] + `'''"
  ]}]}`
	lines := 0
	_, err := views.Walk(t.Context(), "n.ipynb", []byte(notebook), func(v *views.View) error {
		if i := bytes.Index(v.Text, []byte(token[:half]+"\n"+token[half:])); i >= 0 {
			lines = v.Place(i).Line
		}
		return nil
	}, nil)
	if err != nil || lines != 4 {
		t.Errorf("the source is not put together: line %d, %v", lines, err)
	}
	if seen, _, _ := walk(t, "n.ipynb", []byte(notebook)); len(seen) != 1 || seen[0].Line != 1 {
		t.Errorf("the output is seen at %+v", seen)
	}
}

func TestArchives(t *testing.T) {
	text := "a\nb\nkey=" + token + "\n"
	stuff := strings.Repeat("\x7fELF\x01\x02\x03\x00\xff\xfe", 100)
	big := strings.Repeat("some words in a long line that goes on and on\n", 9<<20/46)
	tests := []struct {
		name, data, path, within string
	}{
		{"a.zip", zipped(t, zip.Deflate, "x", "y", "conf/app.env", text), "a.zip!conf/app.env", "conf/app.env:3"},
		{"a.jar", zipped(t, zip.Store, "conf/app.env", text), "a.jar!conf/app.env", "conf/app.env:3"},
		{"a.tar", tarred(t, "x", "y", "conf/app.env", text), "a.tar!conf/app.env", "conf/app.env:3"},
		{"a.tar.gz", gzipped(t, tarred(t, "conf/app.env", text)), "a.tar.gz!conf/app.env", "conf/app.env:3"},
		{"a.tar.xz", xzed(t, tarred(t, "conf/app.env", text)), "a.tar.xz!conf/app.env", "conf/app.env:3"},
		{"a.tar.zst", zstded(t, tarred(t, "conf/app.env", text)), "a.tar.zst!conf/app.env", "conf/app.env:3"},
		{"dir/log.gz", gzipped(t, text), "dir/log.gz!log", "log:3"},
		{"two.gz", gzipped(t, "x\n") + gzipped(t, text), "two.gz!two", "two:4"},
		{"a.deb", arred("debian-binary", "2.0\n", "data.tar.xz", xzed(t, tarred(t, "etc/app", text))), "a.deb!data.tar.xz!etc/app", "data.tar.xz!etc/app:3"},
		{"nested.zip", zipped(t, zip.Deflate, "lib/in.zip", zipped(t, zip.Deflate, "app.env", text)), "nested.zip!lib/in.zip!app.env", "lib/in.zip!app.env:3"},
		{"mixed.tgz", gzipped(t, tarred(t, "in.zip", zipped(t, zip.Deflate, "b.gz", gzipped(t, text)))), "mixed.tgz!in.zip!b.gz!b", "in.zip!b.gz!b:3"},
		{"enc.zip", zipped(t, zip.Deflate, "app.env", "\nk: "+b64(text)), "enc.zip!app.env", "base64 in app.env:2"},
		{"bin.zip", zipped(t, zip.Deflate, "prog", stuff+text+stuff), "bin.zip!prog", "byte 1008 of prog"},
		{"big.zip", zipped(t, zip.Store, "log", big+text+big), "big.zip!log", fmt.Sprintf("log:%d", strings.Count(big, "\n")+3)},
		{"big.gz", gzipped(t, words(12<<20)+"\n"+text), "big.gz!big", "big:4"},
		{"bigbin.tar", tarred(t, "prog", strings.Repeat(stuff, 9000)+text), "bigbin.tar!prog", fmt.Sprintf("byte %d of prog", 9000*len(stuff)+8-len("a\nb\nkey=")+4)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen, gaps, skip := walk(t, tt.name, []byte(tt.data))
			if len(seen) != 1 || len(gaps) > 0 || skip != "" {
				t.Fatalf("seen %+v, gaps %v, skip %q", seen, gaps, skip)
			}
			s := seen[0]
			if s.path != tt.path || s.Line != 0 || s.Column != 0 {
				t.Errorf("seen at %+v, want %q without a line", s, tt.path)
			}
			if s.Within != tt.within && !strings.HasPrefix(tt.within, "byte") {
				t.Errorf("seen within %q, want %q", s.Within, tt.within)
			}
		})
	}
}

func TestBinaries(t *testing.T) {
	noise := strings.Repeat("\x00\x01\x02\x03\xf0\xf1", 500)
	for name, data := range map[string]string{
		"ascii":    noise + "\x00" + token + "\x00" + noise,
		"utf-16":   noise + "\x00" + utf16le(token) + noise,
		"odd":      noise + "\x00\x01" + utf16le(token) + noise,
		"sqlite":   "SQLite format 3\x00\x10\x00\x01\x01" + noise + "keyname" + token + noise,
		"at start": token + noise,
		"at end":   noise + token,
		"base64":   noise + "data=" + b64("k="+token) + noise,
	} {
		seen, gaps, skip := walk(t, "f", []byte(data))
		if len(seen) != 1 || len(gaps) > 0 || skip != "" {
			t.Errorf("%s: seen %+v, gaps %v, skip %q", name, seen, gaps, skip)
			continue
		}
		if name == "ascii" && seen[0].Within != "byte 3001" {
			t.Errorf("seen within %q", seen[0].Within)
		}
	}
	text := "some text with a stray \x00 in line one\nkey = " + token + strings.Repeat("\nmore", 20)
	if seen, _, _ := walk(t, "f", []byte(text)); len(seen) != 1 || seen[0].Line != 2 {
		t.Errorf("text with a zero byte: seen %+v, want line 2", seen)
	}
}

// What cannot be looked at is said.
func TestGaps(t *testing.T) {
	text := "key=" + token + "\n"
	encrypted := []byte(zipped(t, zip.Store, "conf/app.env", text, "other", text))
	encrypted[6] |= 1                                              // of the first local header
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1 // of the first central header
	deep := zipped(t, zip.Deflate, "app.env", text)
	for range limits.MaxArchiveDepth {
		deep = zipped(t, zip.Deflate, "in.zip", deep)
	}
	method := []byte(zipped(t, zip.Store, "a", text))
	method[8], method[bytes.Index(method, []byte("PK\x01\x02"))+10] = 9, 9
	zeros := string(make([]byte, 64<<20))
	full := gzipped(t, strings.Repeat(text, 1000))
	tests := []struct {
		name, data, code string
		entry            string
		seen             bool
	}{
		{"encrypted", string(encrypted), "unreadable", "conf/app.env", true},
		{"too deep", deep, "too-large", strings.TrimSuffix(strings.Repeat("in.zip!", limits.MaxArchiveDepth), "!"), false},
		{"method", string(method), "parse", "a", false},
		{"bomb", gzipped(t, zeros), "too-large", "bomb", false},
		{"zip bomb", zipped(t, zip.Deflate, "zeros", zeros), "too-large", "zeros", false},
		{"zip of bombs", zipped(t, zip.Deflate, "a.zip", zipped(t, zip.Deflate, "zeros", zeros)), "too-large", "a.zip!zeros", false},
		{"truncated", full[:len(full)/2], "parse", "truncated", true},
		{"truncated tar", tarred(t, "a", text, "b", strings.Repeat(text, 1000))[:4000], "parse", "b", true},
		{"no directory", zipped(t, zip.Store, "a", text)[:100], "parse", "", true},
		{"7z", "7z\xbc\xaf\x27\x1c\x00\x04" + strings.Repeat("\x01\x02", 100), "unresolved", "", false},
		{"bad gzip", "\x1f\x8b\x08\xff\xff", "parse", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen, gaps, _ := walk(t, tt.name, []byte(tt.data))
			if len(gaps) != 1 || string(gaps[0].Code) != tt.code || gaps[0].Entry != tt.entry || gaps[0].Reason == "" {
				t.Errorf("gaps %+v, want one %s of %q", gaps, tt.code, tt.entry)
			}
			if (len(seen) > 0) != tt.seen {
				t.Errorf("seen %+v", seen)
			}
			for _, g := range gaps {
				if strings.Contains(g.Reason, token) {
					t.Errorf("the gap shows the token: %q", g.Reason)
				}
			}
		})
	}
}

// Sizes that lie change nothing but what is said about it.
func TestLyingSizes(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		data := []byte(zipped(t, method, "a.env", "key="+token+"\n"+strings.Repeat("words ", 500)))
		dir := bytes.Index(data, []byte("PK\x01\x02"))
		for _, size := range []uint32{0, 1, 10, 1 << 30, 1<<32 - 2} {
			lie := bytes.Clone(data)
			binary.LittleEndian.PutUint32(lie[dir+24:], size) // unpacked
			seen, gaps, _ := walk(t, "a.zip", lie)
			if len(seen) == 0 && len(gaps) == 0 {
				t.Errorf("method %d, size %d: silence", method, size)
			}
			lie = bytes.Clone(data)
			binary.LittleEndian.PutUint32(lie[dir+20:], size) // packed
			seen, gaps, _ = walk(t, "a.zip", lie)
			if len(seen) == 0 && len(gaps) == 0 {
				t.Errorf("method %d, packed size %d: silence", method, size)
			}
		}
	}
}

func TestManyEntries(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range limits.MaxArchiveEntries + 1 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, gaps, _ := walk(t, "a.zip", b.Bytes()); len(gaps) != 1 || gaps[0].Code != gatehouse.GapTooLarge {
		t.Errorf("gaps %+v, want one that says too large", gaps)
	}
	// Each entry has a gap, but not more than a person reads.
	pairs := []string{}
	for i := range 100 {
		pairs = append(pairs, fmt.Sprintf("e%d", i), "x")
	}
	data := []byte(zipped(t, zip.Store, pairs...))
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte("PK\x01\x02"))
		if i < 0 {
			break
		}
		at += i + 8
		data[at] |= 1
	}
	if _, gaps, _ := walk(t, "a.zip", data); len(gaps) != 21 || !strings.Contains(gaps[20].Reason, "80 more") {
		t.Errorf("%d gaps, last %+v", len(gaps), gaps[len(gaps)-1])
	}
}

// The work for hostile text is bounded: what is looked at is a small multiple
// of it.
func TestWork(t *testing.T) {
	const size = 4 << 20
	random := make([]byte, size)
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	thrice := strings.Repeat("some words, ", size/12/2)
	for range 3 {
		thrice = b64(thrice)
	}
	for name, text := range map[string]string{
		"one run":      strings.Repeat("A", size),
		"valid base64": b64(strings.Repeat("some words, ", size/16)),
		"thrice":       thrice,
		"random":       string(random),
		"runs":         strings.Repeat(strings.Repeat("aB3/", 7)+" ", size/29),
		"joints":       strings.Repeat("aB-/_+", size/6),
		"percents":     strings.Repeat("%41", size/3),
		"percent":      strings.Repeat("%", size),
		"backslashes":  strings.Repeat(`\`, size),
		"newlines":     strings.Repeat(`\n`, size/2),
		"quotes":       strings.Repeat(`\"`, size/2),
		"literals":     strings.Repeat(`"\n",`, size/5),
		"surrogates":   strings.Repeat(`\ud83d`, size/6),
		"hex":          strings.Repeat("4142", size/4),
		"lines":        strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldY\n", size/33),
		"hex of hex":   hex.EncodeToString([]byte(hex.EncodeToString([]byte(strings.Repeat("word ", size/20))))),
	} {
		looked := 0
		_, err := views.Walk(t.Context(), "f", []byte(text), func(v *views.View) error {
			looked += len(v.Text)
			return nil
		}, func(g gatehouse.Gap) {
			t.Logf("%s: gap %s", name, g.Reason)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.2f times", name, float64(looked)/float64(len(text)))
		if looked > 5*len(text)+8<<20 {
			t.Errorf("%s: looked at %d bytes of %d", name, looked, len(text))
		}
	}
}

func TestMedia(t *testing.T) {
	if _, _, skip := walk(t, "x", []byte("\x89PNG\r\n\x1a\n\x00\x00"+token)); skip != "image file" {
		t.Errorf("skip %q", skip)
	}
	if seen, _, skip := walk(t, "x.png", []byte("GIF89a "+token)); skip != "" || len(seen) != 1 {
		t.Errorf("text that starts as an image does: skip %q, seen %v", skip, seen)
	}
}

func FuzzWalk(f *testing.F) {
	f.Add([]byte("k: " + b64("password="+token)))
	f.Add([]byte(`{"a": ["x\n", "\u0041"]}`))
	f.Add([]byte("%41%42 %zz %" + percent(token)))
	f.Add([]byte(zipped(f, zip.Deflate, "a", token, "b.gz", gzipped(f, token))))
	f.Add([]byte(tarred(f, "a", token)))
	f.Add([]byte(arred("a", token)))
	f.Add([]byte(xzed(f, token)))
	f.Add([]byte(zstded(f, token)))
	f.Add([]byte("\x00\x01" + utf16le(token)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<18 {
			return
		}
		_, err := views.Walk(t.Context(), "f", data, func(v *views.View) error {
			for _, at := range []int{0, len(v.Text) / 2, len(v.Text)} {
				if p := v.Place(at); p.Line < 0 || p.Column < 0 || p.Line == 0 && p.Column > 0 {
					t.Fatalf("place %+v", p)
				}
				v.Adds(at, at+1)
			}
			return nil
		}, func(gatehouse.Gap) {})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// words is a line of n bytes that compresses as text does.
func words(n int) string {
	rnd := rand.New(rand.NewChaCha8([32]byte{2}))
	b := make([]byte, n)
	for i := range b {
		b[i] = "ghijklmnopqrstuvwxyz "[rnd.IntN(21)]
	}
	return string(b)
}

// TestMemory bounds what is held at once for archives in archives.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the memory of archives in archives is not measured")
	}
	rnd := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 7<<20) // does not compress, so sizes are what they seem
	rnd.Read(noise)
	data := zipped(t, zip.Store, "noise", string(noise))
	for range limits.MaxArchiveDepth - 1 {
		data = zipped(t, zip.Store, "in.zip", data)
	}
	log := gzipped(t, strings.Repeat(string(noise[:1<<20])+"\n", 60)+token)
	runtime.GC()
	var before, peak runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, data := range map[string]string{"deep.zip": data, "log.gz": log} {
		seen := 0
		_, err := views.Walk(t.Context(), name, []byte(data), func(v *views.View) error {
			if seen++; seen%10 == 1 {
				var now runtime.MemStats
				runtime.GC()
				if runtime.ReadMemStats(&now); now.HeapAlloc > peak.HeapAlloc {
					peak = now
				}
			}
			return nil
		}, func(g gatehouse.Gap) { t.Logf("%s: %+v", name, g) })
		if err != nil || seen == 0 {
			t.Fatalf("%s: %d views, %v", name, seen, err)
		}
	}
	if held := int64(peak.HeapAlloc) - int64(before.HeapAlloc); held > 160<<20 {
		t.Errorf("%d MB were held", held>>20)
	} else {
		t.Logf("%d MB were held", held>>20)
	}
}
