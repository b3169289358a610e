package views_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// TestSQLite reads databases that SQLite 3.40 made: in them texts stand beside
// each other without a border, in UTF-16, and over several pages.
func TestSQLite(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sqlite")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		alone := false
		if _, err := views.Walk(t.Context(), f, data, func(v *views.View) error {
			i := bytes.Index(v.Text, []byte(token))
			alone = alone || i >= 0 && border(v.Text, i-1) && border(v.Text, i+len(token))
			return nil
		}, nil); err != nil || !alone {
			t.Errorf("%s: seen alone %v, %v", f, alone, err)
		}
		// Broken in each byte: no panic, bounded work.
		for i := range data {
			broken := bytes.Clone(data)
			broken[i] ^= 0xff
			if i%7 == 0 {
				walk(t, f, broken)
			}
		}
	}
}

// border reports whether no character of a word is at i.
func border(text []byte, i int) bool {
	return i < 0 || i >= len(text) || text[i] == ' ' || text[i] == '\n'
}

func TestOffice(t *testing.T) {
	half := len(token) / 2
	runs := func(begin, end, between string) string { return begin + token[:half] + between + token[half:] + end }
	for name, tt := range map[string]struct{ entry, text string }{
		"docx plain":  {"word/document.xml", `<?xml version="1.0"?><w:document><w:body><w:p><w:r><w:t>` + token + `</w:t></w:r></w:p></w:body></w:document>`},
		"docx runs":   {"word/document.xml", runs(`<?xml version="1.0"?><w:document><w:body><w:p><w:r><w:t>`, `</w:t></w:r></w:p></w:body></w:document>`, `</w:t></w:r><w:proofErr w:type="spellEnd"/><w:r w:rsidR="00AB"><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">`)},
		"pptx runs":   {"ppt/slides/slide1.xml", runs(`<p:sld><a:p><a:r><a:t>`, `</a:t></a:r></a:p></p:sld>`, `</a:t></a:r><a:r><a:rPr lang="en"/><a:t>`)},
		"xlsx string": {"xl/sharedStrings.xml", runs(`<sst><si><r><t>`, `</t></r></si><si><t>x</t></si></sst>`, `</t></r><r><rPr><b/></rPr><t>`)},
		"odt spans":   {"content.xml", runs(`<office:text><text:p>`, `</text:p></office:text>`, `<text:span text:style-name="T1"></text:span>`)},
	} {
		seen, gaps, _ := walk(t, "a.zip", []byte(zipped(t, zip.Deflate, "[Content_Types].xml", "<Types/>", tt.entry, tt.text)))
		if len(seen) != 1 || len(gaps) > 0 || !strings.HasPrefix(seen[0].Within, tt.entry+":1") {
			t.Errorf("%s: seen %+v, gaps %v", name, seen, gaps)
		}
	}
	// Two paragraphs are no word.
	if seen, _, _ := walk(t, "a.zip", []byte(zipped(t, zip.Deflate, "word/document.xml",
		runs("<w:p><w:t>", "</w:t></w:p>", "</w:t></w:p><w:p><w:t>")))); len(seen) != 0 {
		t.Errorf("seen %+v in two paragraphs", seen)
	}
}

// pdfFile makes a document of objects.
func pdfFile(objects ...string) string {
	var b strings.Builder
	b.WriteString("%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
	for i, o := range objects {
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	b.WriteString("trailer\n<</Root 1 0 R>>\n%%EOF\n")
	return b.String()
}

func pdfStreamOf(dict, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

func flated(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const flate = "/Filter/FlateDecode"

func TestPDF(t *testing.T) {
	half := len(token) / 2
	page := "BT /F1 12 Tf 72 700 Td (key: " + token + ") Tj ET"
	// Codes of two bytes: 1 is the first character of the token, and so on.
	var codes, chars strings.Builder
	fmt.Fprintf(&chars, "begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange %d beginbfchar\n", len(token))
	for i, c := range []byte(token) {
		fmt.Fprintf(&codes, "%04x", i+1)
		fmt.Fprintf(&chars, "<%04x> <%04x>\n", i+1, c)
	}
	chars.WriteString("endbfchar endcmap")
	mapped := "BT /F1 12 Tf 1 0 0 1 72 700 Tm <" + codes.String() + "> Tj ET"
	other := strings.ReplaceAll(chars.String(), "<0001>", "<0fff>")
	objects := func(index, text string) string {
		return pdfStreamOf(fmt.Sprintf("/Type/ObjStm/N 1/First %d%s", len(index), flate), flated(t, index+text))
	}
	tests := map[string]string{
		"plain":          pdfFile(pdfStreamOf("", page)),
		"flate":          pdfFile(pdfStreamOf(flate, flated(t, page))),
		"filter list":    pdfFile(pdfStreamOf("/Filter [ /FlateDecode ]", flated(t, page))),
		"length apart":   pdfFile("<</Length 2 0 R/Filter/FlateDecode>>\nstream\r\n"+flated(t, page)+"\r\nendstream", "99"),
		"after mail":     "Received: by x\r\n\r\n" + pdfFile(pdfStreamOf(flate, flated(t, page))),
		"ascii85":        pdfFile(pdfStreamOf("/Filter[/ASCII85Decode/FlateDecode]", "<~"+a85(flated(t, page))+"~>")),
		"hexadecimal":    pdfFile(pdfStreamOf("/Filter[/AHx/Fl]", hex.EncodeToString([]byte(flated(t, page)))+">")),
		"kerned":         pdfFile(pdfStreamOf(flate, flated(t, "BT [(key: ) -300 ("+token[:half]+") 12.5 ("+token[half:]+")] TJ ET"))),
		"escaped":        pdfFile(pdfStreamOf(flate, flated(t, `BT (\050\(`+token[:half]+"\\\n"+token[half:]+`\)) Tj ET`))),
		"pieces":         pdfFile(pdfStreamOf(flate, flated(t, "BT 72 700 Td ("+token[:half]+") Tj 30 0 Td ("+token[half:]+") Tj ET"))),
		"pieces by Tm":   pdfFile(pdfStreamOf(flate, flated(t, "BT 1 0 0 1 72 700 Tm ("+token[:half]+") Tj ET BT 1 0 0 1 99 700 Tm ("+token[half:]+") Tj ET"))),
		"columns":        pdfFile(pdfStreamOf(flate, flated(t, "BT 72 700 Td (name) Tj 30 0 Td ("+token+") Tj ET"))),
		"hex string":     pdfFile(pdfStreamOf(flate, flated(t, "BT <"+hex.EncodeToString([]byte(token))+"> Tj ET"))),
		"font":           pdfFile("<</Type/Page/Resources<</Font<</F1 2 0 R>>>>>>", "<</Type/Font/ToUnicode 3 0 R>>", pdfStreamOf(flate, flated(t, chars.String())), pdfStreamOf(flate, flated(t, mapped))),
		"font by ref":    pdfFile("<</Resources<</Font 5 0 R>>>>", "<</Type/Font/ToUnicode 3 0 R>>", pdfStreamOf(flate, flated(t, chars.String())), pdfStreamOf(flate, flated(t, mapped)), "<</F1 2 0 R>>"),
		"two fonts":      pdfFile("<</Font<</F1 6 0 R>>>>", "<</Type/Font/ToUnicode 3 0 R>>", pdfStreamOf(flate, flated(t, chars.String())), pdfStreamOf(flate, flated(t, mapped)), "<</Font<</F1 2 0 R>>>>", "<</Type/Font/ToUnicode 7 0 R>>", pdfStreamOf(flate, flated(t, other))),
		"font in stream": pdfFile("<</Font<</F1 9 0 R>>>>", objects("9 0 ", "<</Type/Font/ToUnicode 3 0 R>>"), pdfStreamOf(flate, flated(t, chars.String())), pdfStreamOf(flate, flated(t, mapped))),
		"object stream":  pdfFile(objects("9 0 ", "<</T(field)/V("+token+")>>")),
		"wide text":      pdfFile(objects("9 0 ", "<</V(\xfe\xff\x00"+strings.Join(strings.Split(token, ""), "\x00")+")>>")),
		"attached":       pdfFile(pdfStreamOf("/Type/EmbeddedFile"+flate, flated(t, "key="+token+"\n"))),
		"attached zip":   pdfFile(pdfStreamOf("/Type/EmbeddedFile"+flate, flated(t, zipped(t, zip.Deflate, "a.env", "key="+token+"\n")))),
		"wrong sum":      pdfFile(pdfStreamOf(flate, flated(t, page)[:len(flated(t, page))-4]+"abcd")),
	}
	for name, data := range tests {
		seen, gaps, skip := walk(t, "a.pdf", []byte(data))
		if len(seen) == 0 || len(gaps) > 0 || skip != "" {
			t.Errorf("%s: seen %+v, gaps %v, skip %q", name, seen, gaps, skip)
			continue
		}
		for i := 0; i < len(data); i += 3 {
			broken := []byte(data)
			broken[i] ^= 0x55
			walk(t, "a.pdf", broken)
		}
	}
	image := pdfStreamOf("/Subtype/Image/Filter/DCTDecode", "\xff\xd8\xff\x00")
	for name, tt := range map[string]struct {
		data, code string
	}{
		"image":     {pdfFile(image, pdfStreamOf("/Length1 4"+flate, "????")), ""},
		"encrypted": {pdfFile(image) + "trailer <</Encrypt 9 0 R>>", "unreadable"},
		"filter":    {pdfFile(pdfStreamOf("/Filter/RunLengthDecode", "\x00a\x80")), "parse"},
		"cut":       {pdfFile(pdfStreamOf(flate, flated(t, page+words(5000))[:300])), "parse"},
		"bomb":      {pdfFile(pdfStreamOf(flate, flated(t, strings.Repeat(" ", 60<<20)))), "too-large"},
		"bombs":     {pdfFile(pdfStreamOf("/Type/ObjStm/N 1/First 2"+flate, flated(t, strings.Repeat(" ", 60<<20)))), "too-large"},
	} {
		_, gaps, _ := walk(t, "a.pdf", []byte(tt.data))
		if tt.code == "" && len(gaps) > 0 || tt.code != "" && (len(gaps) != 1 || string(gaps[0].Code) != tt.code) {
			t.Errorf("%s: gaps %+v, want %q", name, gaps, tt.code)
		}
	}
}

func a85(s string) string {
	b := make([]byte, ascii85.MaxEncodedLen(len(s)))
	return string(b[:ascii85.Encode(b, []byte(s))])
}

// TestPDFWork bounds what hostile documents cost, in bytes that are looked at.
func TestPDFWork(t *testing.T) {
	for name, data := range map[string]string{
		"objects":         strings.Repeat("1 0 obj ", 20_000),
		"streams":         strings.Repeat("1 0 obj<</Filter/Fl>>stream\nendstream ", 5_000),
		"no end":          strings.Repeat("1 0 obj<<>>stream\n(", 20_000),
		"strings":         pdfStreamOf("", "BT Tj ET"+strings.Repeat("(", 200_000)),
		"shown again":     pdfStreamOf("", "BT ET"+strings.Repeat("(aaaaaaaa)Tj ", 20_000)),
		"arrays":          pdfStreamOf("", "BT ET"+strings.Repeat("[", 100_000)+strings.Repeat("(a)TJ ", 20_000)),
		"dictionaries":    strings.Repeat("1 0 obj<</Font<</F1 1 0 R/F2 1 0 R>>/ToUnicode 1 0 R>>endobj ", 5_000),
		"text that grows": pdfFile("<</Font<</F1 2 0 R>>>>", "<</ToUnicode 3 0 R>>", pdfStreamOf("", "beginbfrange<00><ff><"+strings.Repeat("0041", 500)+">endbfrange"), pdfStreamOf("", "BT /F1 1 Tf ET"+strings.Repeat("(aaaaaaaa)Tj ", 20_000))),
	} {
		looked := 0
		data = "%PDF-1.5\n1 0 obj" + data
		if _, err := views.Walk(t.Context(), "a.pdf", []byte(data), func(v *views.View) error {
			looked += len(v.Text)
			return nil
		}, func(g gatehouse.Gap) { t.Logf("%s: %+v", name, g) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if looked > 12*len(data)+1<<20 {
			t.Errorf("%s: %d bytes of %d were looked at", name, looked, len(data))
		}
	}
}
