package secrets_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
)

func scanner(t testing.TB, key string) *gatehouse.Scanner {
	t.Helper()
	s, err := secrets.New(secrets.Options{Key: []byte(key)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const testKey = "a key that is only for tests"

// Samples are assembled, so that no token stands in this file.
var (
	pat     = "gh" + "p_" + strings.Repeat("aB3dE6", 6)
	akia    = "AK" + "IA" + "Q7RSTUVW2XYZ4ABC"
	awsKey  = "aws_secret_access_key = " + strings.Repeat("aB1/", 10)
	pemBody = strings.Repeat("MIIEpAIBAAKCAQEA", 4)
	pem     = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + pemBody + "\n" + pemBody + "\n-----END RSA " + "PRIVATE KEY-----\n"
)

func TestContract(t *testing.T) {
	scannertest.Accept(t, func() *gatehouse.Scanner { return scanner(t, testKey) },
		scannertest.Fixture{
			Name: "bad",
			Files: map[string]string{
				"src/main.go":               "package main\n\nconst token = \"" + pat + "\"\n",
				"docs/example/README.md":    "Use " + akia + " to log in\n",
				"test/vendor/x/config.yaml": awsKey + "\n",
				"package-lock.json":         `{"token": "` + pat + `"}`,
				"key.pem":                   pem,
			},
			Finds:   []string{"github-pat", "aws-access-key-id", "aws-secret-access-key", "private-key"},
			Secrets: []string{pat, akia, strings.Repeat("aB1/", 10), pemBody, pat[4:], akia[4:]},
		},
		scannertest.Fixture{
			Name: "clean",
			Files: map[string]string{
				"main.go":   "package main\n\nfunc main() { println(\"token\") }\n",
				"README.md": "Set AWS_ACCESS_KEY_ID to your key, such as " + "AK" + "IAIOSFODNN7EXAMPLE" + " or ghp_" + strings.Repeat("x", 36) + "\n",
				"a.txt":     "",
			},
		},
	)
}

func TestLocation(t *testing.T) {
	tests := []struct {
		name, text string
		want       gatehouse.Location
	}{
		{"first line", "x=" + pat, gatehouse.Location{Line: 1, Column: 3}},
		{"third line", "a\nb\n  k: " + pat + "\n", gatehouse.Location{Line: 3, Column: 6}},
		{"crlf", "a\r\nb\r\nk: " + pat + "\r\nc", gatehouse.Location{Line: 3, Column: 4}},
		{"key", "a\n" + pem, gatehouse.Location{Line: 2, Column: 1, EndLine: 5}},
		{"key in json", `{"a": "` + strings.ReplaceAll(pem, "\n", `\n`) + `"}`, gatehouse.Location{Line: 1, Column: 8}},
		{"invalid utf-8", "\xff\xfe\xff\n\x80 " + pat, gatehouse.Location{Line: 2, Column: 3}},
		{"utf-8 bom", "\ufeff" + pat, gatehouse.Location{Line: 1, Column: 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasPrefix(tt.text, "\xff\xfe") {
				tt.text = "x" + tt.text
			}
			r := scannertest.Scan(t, scanner(t, testKey), map[string]string{"f": tt.text})
			tt.want.Path = "f"
			if len(r.Findings) != 1 || r.Findings[0].Location != tt.want {
				t.Fatalf("got %+v, want one at %+v", r.Findings, tt.want)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	text := "a = 1\nkey = " + pat + "\n# \U0001F511\n"
	var le, be, le32 []byte
	for _, u := range utf16.Encode([]rune(text)) {
		le = binary.LittleEndian.AppendUint16(le, u)
		be = binary.BigEndian.AppendUint16(be, u)
	}
	for _, r := range text {
		le32 = binary.LittleEndian.AppendUint32(le32, uint32(r))
	}
	for name, data := range map[string]string{
		"utf-8":              text,
		"utf-16 le":          "\xff\xfe" + string(le),
		"utf-16 be":          "\xfe\xff" + string(be),
		"utf-16 le, no mark": string(le),
		"utf-16 be, no mark": string(be),
		"utf-32 le":          "\xff\xfe\x00\x00" + string(le32),
		"latin-1":            "# caf\xe9\n" + text[strings.Index(text, "\n")+1:],
	} {
		r := scannertest.Scan(t, scanner(t, testKey), map[string]string{"f.txt": data})
		if len(r.Findings) != 1 || r.Findings[0].Location.Line != 2 {
			t.Errorf("%s: got %+v, %+v; want one finding in line 2", name, r.Findings, r.Coverage.Files)
		}
	}
}

func TestSkips(t *testing.T) {
	nul := "\x00\x01\x02"
	tests := []struct{ path, data, want string }{
		{"a.bin", "ELF" + nul + pat, ""},
		{"a.png", "\x89PNG\r\n\x1a\n" + nul, "image file"},
		{"noext", "\xff\xd8\xff\xe0" + nul, "image file"},
		{"a.woff2", "wOF2" + nul, "font file"},
		{"a.mp4", nul + " ftypisom", "audio or video file"},
		{"b.mp3", "\xff\xfb\x90\x44\xff", "audio or video file"},
		// Text is text, whatever it is called and however it begins.
		{"evil.png", pat, ""},
		{"gif.txt", "GIF89a " + pat, ""},
		{"yarn.lock", pat, ""},
		{"go.sum", pat, ""},
		{"late-nul", strings.Repeat("a ", 5000) + pat + " \x00", ""},
	}
	files := map[string]string{}
	for _, tt := range tests {
		files[tt.path] = tt.data
	}
	r := scannertest.Scan(t, scanner(t, testKey), files)
	for _, tt := range tests {
		i := slices.IndexFunc(r.Coverage.Files, func(f gatehouse.FileCoverage) bool { return f.Path == tt.path })
		got := ""
		if s := r.Coverage.Files[i].Skipped; len(s) > 0 {
			got = s[0].Reason
		}
		found := slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool {
			return slices.ContainsFunc(append(f.Also, f.Location), func(l gatehouse.Location) bool { return l.Path == tt.path })
		})
		if got != tt.want || found != (tt.want == "") {
			t.Errorf("%s: skipped %q, found %v; want skipped %q, found %v", tt.path, got, found, tt.want, tt.want == "")
		}
	}
}

func TestRedaction(t *testing.T) {
	tests := []struct{ text, want string }{
		{pat, "ghp_" + strings.Repeat("*", 36)},
		{akia + "\n", "AKIA" + strings.Repeat("*", 16)},
		{awsKey + "\n", "********"},
		{pem, "-----BEGIN RSA PRIVATE KEY-----********"},
		{strings.ReplaceAll(pem, "RSA ", ""), "-----BEGIN PRIVATE KEY-----********"},
		{strings.ReplaceAll(pem, "RSA ", "HUNTER2 "), "-----BEGIN PRIVATE KEY-----********"},
	}
	for _, tt := range tests {
		r := scannertest.Scan(t, scanner(t, testKey), map[string]string{"f": tt.text})
		if len(r.Findings) != 1 || r.Findings[0].Secret.Redacted != tt.want {
			t.Errorf("%d: got %+v, want %q", len(tt.text), r.Findings, tt.want)
		}
	}
}

// TestNoSecretLeaves looks for half of each secret in all that a scan gives.
func TestNoSecretLeaves(t *testing.T) {
	all, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for _, key := range []string{"", testKey} {
		found := 0
		sc := scanner(t, key)
		for _, r := range all {
			if r.Expr == nil {
				continue
			}
			expr, err := r.Expr.Compiled()
			if err != nil {
				t.Fatal(err)
			}
			text, err := sample.Match(r.Expr.String(), rng, 20)
			if err != nil {
				t.Fatal(err)
			}
			loc := expr.FindStringSubmatch(text)
			if loc == nil {
				continue
			}
			secret := loc[max(r.Group, 0)]
			report := scannertest.Scan(t, sc, map[string]string{"settings.xml": "\n" + text + "\n"})
			found += len(report.Findings)
			b, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			tail := secret[len(secret)-len(secret)/2:]
			if bytes.Contains(b, []byte(secret)) || len(tail) > 4 && r.ID != "symfony-default-secret" && r.ID != "gcp-service-account" && bytes.Contains(b, []byte(tail)) {
				t.Errorf("rule %s: the report holds the secret", r.ID)
			}
		}
		if found < len(all)/2 {
			t.Fatalf("only %d findings from %d samples", found, len(all))
		}
	}
}

func TestFingerprint(t *testing.T) {
	fingerprint := func(key, text string) string {
		t.Helper()
		r := scannertest.Scan(t, scanner(t, key), map[string]string{"f": text})
		if len(r.Findings) != 1 {
			t.Fatalf("got %d findings, want 1", len(r.Findings))
		}
		return r.Findings[0].Fingerprint
	}
	if fingerprint(testKey, pat) != fingerprint(testKey, "moved\n\n  x = "+pat+"\n") {
		t.Error("the fingerprint changed when the secret moved")
	}
	if fingerprint(testKey, pem) != fingerprint(testKey, strings.ReplaceAll(pem, "\n", "\r\n")) ||
		fingerprint(testKey, pem) != fingerprint(testKey, strings.ReplaceAll(pem, "\n", `\n`)) {
		t.Error("the fingerprint of a key depends on how it is wrapped")
	}
	different := []string{fingerprint("", pat), fingerprint(testKey, pat), fingerprint("another key of 16 bytes", pat), fingerprint(testKey, pat[:len(pat)-1]+"9")}
	slices.Sort(different)
	if len(slices.Compact(different)) != 4 {
		t.Error("fingerprints of different keys or secrets are the same")
	}
	if _, err := secrets.New(secrets.Options{Key: []byte("short")}); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short key: error %v; want one that does not show the key", err)
	}
	if a, b := scanner(t, ""), scanner(t, testKey); a.OptionsDigest == b.OptionsDigest || a.RulesDigest != b.RulesDigest {
		t.Error("the options digest must tell keys apart, the rules digest must not")
	}
}

func TestOverlapKeepsMostSpecific(t *testing.T) {
	jwt := "ey" + strings.Repeat("Ja", 12) + ".ey" + strings.Repeat("Jb", 12) + "." + strings.Repeat("sig", 8)
	tests := []struct {
		text string
		want []string
	}{
		{"gh" + "s_" + strings.Repeat("1", 6) + "_" + jwt + "\n", []string{"github-app-token"}},
		{"token " + jwt + "\n", []string{"jwt-token"}},
		{pat + " " + pat[:39] + "z", []string{"github-pat", "github-pat"}},
		{akia + " " + akia[:19] + "D ", []string{"aws-access-key-id", "aws-access-key-id"}},
		{`facebook_twitter_token = "` + strings.Repeat("0123456789abcdef", 2) + "abcd\"\n", []string{"twitter-token"}},
		{`discord_client_secret: "` + strings.Repeat("0123456789abcdef", 2) + "\"\n", []string{"discord-client-secret"}},
	}
	for _, tt := range tests {
		r := scannertest.Scan(t, scanner(t, testKey), map[string]string{"f": tt.text})
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Rule)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%.20q…: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestTooManyIsAGap(t *testing.T) {
	var b strings.Builder
	for i := range limits.MaxFindingsPerFile + 5 {
		fmt.Fprintf(&b, "gh"+"p_%036d\n", i*7919+1)
	}
	r := scannertest.Scan(t, scanner(t, testKey), map[string]string{"f": b.String()})
	if len(r.Findings) != limits.MaxFindingsPerFile {
		t.Errorf("got %d findings, want %d", len(r.Findings), limits.MaxFindingsPerFile)
	}
	if len(r.Coverage.Gaps) != 1 || r.Coverage.Gaps[0].Code != gatehouse.GapTooMany {
		t.Errorf("got gaps %+v, want one that says too many", r.Coverage.Gaps)
	}
}

// TestHugeLine bounds memory: a few times the file at most.
func TestHugeLine(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a line of 50 MB is not scanned")
	}
	filler := strings.Repeat(`function(a,b){return a.key+"private key"+b["test_"]||aws.get(0x1f)};`, 50<<20/68)
	text := filler[:20<<20] + " " + pat + " " + filler[20<<20:]
	s := scanner(t, testKey)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := scannertest.Scan(t, s, map[string]string{"min.js": text})
	runtime.ReadMemStats(&after)
	if len(r.Findings) != 1 || r.Findings[0].Location.Column != 20<<20+2 {
		t.Errorf("got %+v, want one finding in column %d", r.Findings, 20<<20+2)
	}
	// The test itself copies the text into the file system and the scan reads
	// it, with a buffer that grows.
	if used := after.TotalAlloc - before.TotalAlloc; used > uint64(6*len(text)) {
		t.Errorf("scanning %d MB allocated %d MB", len(text)>>20, used>>20)
	}
}

// TestQualityTrivy compares with the labels of files that others made. A label
// counts as found if some finding covers its line.
func TestQualityTrivy(t *testing.T) {
	dir := os.Getenv("QUALITY_DATA")
	if dir == "" {
		t.Skip("QUALITY_DATA is not set: labelled files are not checked")
	}
	data, err := os.ReadFile(filepath.Join(dir, "secrets/trivy/labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Config, Input string
		Findings            []struct{ Rule, Start, End string }
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	// What is left out on purpose, and why.
	explained := map[string]string{
		"long obfuscated js code with secrets": "the key is x, X and 1 again and again: somebody masked it",
	}
	s, checked := scanner(t, testKey), 0
	for _, c := range cases {
		if explained[c.Name] != "" {
			continue
		}
		var r *gatehouse.Report
		for _, want := range c.Findings {
			if !slices.ContainsFunc(s.Rules, func(r gatehouse.Rule) bool { return r.ID == want.Rule }) {
				continue // a rule of the case's own configuration
			}
			if r == nil {
				text, err := os.ReadFile(filepath.Join(dir, "secrets/trivy/testdata", c.Input))
				if err != nil {
					t.Fatal(err)
				}
				r = scannertest.Scan(t, s, map[string]string{c.Input: string(text)})
			}
			line, err := strconv.Atoi(want.Start)
			if err != nil {
				t.Fatal(err)
			}
			checked++
			if !slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool {
				return f.Location.Line <= line && line <= cmp.Or(f.Location.EndLine, f.Location.Line)
			}) {
				t.Errorf("%s: no finding of %s in line %d; got %+v", c.Name, want.Rule, line, r.Findings)
			}
		}
	}
	if checked == 0 {
		t.Fatal("no label was checked")
	}
	t.Logf("%d labels", checked)
}

func FuzzScan(f *testing.F) {
	f.Add("a.txt", []byte(pat))
	f.Add("settings.xml", []byte("<password>hunter22</password>"))
	f.Add("a.png", []byte("\x89PNG\r\n\x1a\n\x00"))
	f.Add("u16", []byte("\xff\xfeA\x00\x00\xd8"))
	s := scanner(f, testKey)
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		if len(data) > 1<<16 || !safePath(path) {
			return
		}
		r := scannertest.Scan(t, s, map[string]string{path: string(data)})
		for _, f := range r.Findings {
			if f.Location.Line < 1 || f.Location.Column < 1 || len(f.Secret.Redacted) > 256 {
				t.Errorf("bad finding %+v", f)
			}
		}
		for _, g := range r.Coverage.Gaps {
			t.Errorf("gap %+v", g)
		}
	})
}

func safePath(p string) bool {
	return p != "." && fs.ValidPath(p) && !strings.ContainsAny(p, "/\\\x00")
}
