package secrets_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// history is a target whose files have versions, each of which may say what it
// has in common with the one before.
type history struct {
	files []*versionFile
	plain bool // nothing is said
}

type versionFile struct {
	bytes.Reader
	path, version, base string
	data                []byte
	same                []gatehouse.Stretch
}

func (h *history) List(context.Context) (gatehouse.Listing, error) {
	var l gatehouse.Listing
	for _, f := range h.files {
		l.Files = append(l.Files, gatehouse.FileInfo{Path: f.path, Version: f.version, Mode: 0o644})
	}
	return l, nil
}

func (h *history) Open(name string) (fs.File, error) {
	for _, f := range h.files {
		if f.path+"@"+f.version == name {
			c := &versionFile{path: f.path, version: f.version, data: f.data}
			if !h.plain {
				c.base, c.same = f.base, f.same
			}
			return c, nil
		}
	}
	return nil, fs.ErrNotExist
}

func (h *history) ReadDir(string) ([]fs.DirEntry, error) { return nil, fs.ErrInvalid }
func (h *history) ReadLink(string) (string, error)       { return "", fs.ErrInvalid }

func (f *versionFile) Bytes() []byte              { return f.data }
func (f *versionFile) Base() string               { return f.base }
func (f *versionFile) Same() []gatehouse.Stretch  { return f.same }
func (f *versionFile) Close() error               { return nil }
func (f *versionFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *versionFile) Name() string               { return f.path }
func (f *versionFile) Size() int64                { return int64(len(f.data)) }
func (f *versionFile) Mode() fs.FileMode          { return 0o644 }
func (f *versionFile) ModTime() time.Time         { return time.Time{} }
func (f *versionFile) IsDir() bool                { return false }
func (f *versionFile) Sys() any                   { return nil }

// author writes files with and without secrets, and changes them as people do.
type author struct{ rng *rand.Rand }

func (a *author) random(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[a.rng.IntN(len(alphabet))]
	}
	return string(b)
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// secret is put together here, so that none stands in a source file.
func (a *author) secret() string {
	switch a.rng.IntN(9) {
	case 0:
		return "gh" + "p_" + a.random(36, alphanumeric)
	case 1:
		return "AK" + "IA" + a.random(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	case 2:
		return "glp" + "at-" + a.random(20, alphanumeric)
	case 3:
		return "api_key = \"" + a.random(40, "0123456789abcdef") + "\""
	case 4:
		return "-----BEGIN" + " RSA PRIVATE KEY-----\n" + strings.Repeat(a.random(64, alphanumeric)+"\n", 4+a.rng.IntN(20)) + "-----END" + " RSA PRIVATE KEY-----"
	case 5:
		return "postgres://admin:" + a.random(16, alphanumeric) + "@db.internal.acme.io/app"
	case 6:
		return "{\"kty\":\"EC\",\"d\":\"" + a.random(43, alphanumeric) + "\"}"
	case 7:
		return "sourcegraph " + a.random(40, "0123456789abcdef")
	}
	return "xox" + "b-" + a.random(12, "0123456789") + "-" + a.random(12, "0123456789") + "-" + a.random(24, alphanumeric)
}

func (a *author) line() string {
	switch a.rng.IntN(40) {
	case 0:
		return a.secret()
	case 1:
		return "token := " + a.secret() + " // gitleaks:allow"
	case 2:
		return "data: " + base64Of(a.secret())
	case 3:
		return "s = \"a\\tb " + a.secret() + "\\n\", \"c\""
	case 4:
		return a.random(40, "0123456789abcdef") // a bare hash
	case 5:
		return "password = \"" + a.random(14, alphanumeric+"!$%&+") + "\""
	case 6:
		return "kind: Secret"
	case 7:
		return "\u212aey s\u017fecret"
	}
	return fmt.Sprintf("\tif key, ok := tokens[%q]; ok { return access(key, %d) }", a.random(5, alphanumeric), a.rng.IntN(1000))
}

func (a *author) file() []string {
	lines := make([]string, 5+a.rng.IntN(90))
	for i := range lines {
		lines[i] = a.line()
	}
	return lines
}

// change returns the new lines.
func (a *author) change(lines []string) []string {
	lines = slices.Clone(lines)
	for range 1 + a.rng.IntN(3) {
		if len(lines) == 0 {
			return a.file()
		}
		i := a.rng.IntN(len(lines))
		switch a.rng.IntN(8) {
		case 0:
			lines = slices.Insert(lines, i, a.line())
		case 1:
			lines = slices.Delete(lines, i, min(len(lines), i+1+a.rng.IntN(4)))
		case 2: // joined with the next one
			if i+1 < len(lines) {
				lines[i] += lines[i+1]
				lines = slices.Delete(lines, i+1, i+2)
			}
		case 3: // split
			if n := len(lines[i]); n > 0 {
				k := a.rng.IntN(n)
				lines = slices.Insert(lines, i+1, lines[i][k:])
				lines[i] = lines[i][:k]
			}
		case 4: // moved
			l := lines[i]
			lines = slices.Delete(lines, i, i+1)
			lines = slices.Insert(lines, a.rng.IntN(len(lines)+1), l)
		case 5: // the name before a value
			lines[i] = strings.NewReplacer("key", "kex", "token", "secret", "password", "passcode", "data", "date").Replace(lines[i])
		case 6: // one character
			if n := len(lines[i]); n > 0 {
				k := a.rng.IntN(n)
				lines[i] = lines[i][:k] + string(alphanumeric[a.rng.IntN(len(alphanumeric))]) + lines[i][k+1:]
			}
		case 7:
			lines[i] += " # gitleaks:allow"
		}
	}
	return lines
}

// inCommon finds stretches of at least 16 bytes, as git does.
func inCommon(rng *rand.Rand, text, old []byte) (same []gatehouse.Stretch) {
	const block = 16
	index := map[string]int{}
	for i := 0; i+block <= len(old); i++ {
		if _, ok := index[string(old[i:i+block])]; !ok || rng.IntN(3) == 0 {
			index[string(old[i:i+block])] = i
		}
	}
	next := -1 // where it goes on, which is the best choice
	for at := 0; at+block <= len(text); {
		from, ok := index[string(text[at:at+block])]
		if next >= 0 && next+block <= len(old) && bytes.Equal(old[next:next+block], text[at:at+block]) {
			from, ok = next, true
		}
		if !ok {
			at++
			continue
		}
		n := block
		for at+n < len(text) && from+n < len(old) && text[at+n] == old[from+n] {
			n++
		}
		same = append(same, gatehouse.Stretch{At: at, From: from, Bytes: n})
		at, next = at+n, from+n+len("x")
	}
	return same
}

// TestVersions scans generated histories with and without what versions have in
// common, and wants the same findings.
func TestVersions(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	a := &author{rng}
	rounds, found := 6, 0
	if testing.Short() {
		rounds = 1
	}
	s, err := secrets.New(secrets.Options{Key: bytes.Repeat([]byte("k"), 16)})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"a.go", "b.yaml", "conf/c.env", "d.txt", "e.json", ".npmrc", "vendor/f.go"}
	for round := range rounds {
		h := &history{}
		for _, path := range paths {
			lines, end := a.file(), "\n"
			var old *versionFile
			for v := range 12 {
				if v > 0 {
					lines = a.change(lines)
				}
				switch rng.IntN(30) {
				case 0:
					end = "\r\n"
				case 1:
					end = "\n"
				}
				text := []byte(strings.Join(lines, end) + end)
				switch rng.IntN(40) {
				case 0:
					text = utf16Of(text)
				case 1:
					text = append([]byte("\xef\xbb\xbf"), text...)
				case 2:
					text = append(text, 0, 0xff, 0)
				case 3:
					text = text[:rng.IntN(len(text))]
				}
				f := &versionFile{path: path, version: fmt.Sprintf("%d-%02d", round, v), data: text}
				if old != nil && rng.IntN(10) > 0 {
					f.base, f.same = old.version, inCommon(rng, text, old.data)
				}
				h.files = append(h.files, f)
				old = f
			}
		}
		slices.SortStableFunc(h.files, func(a, b *versionFile) int { return strings.Compare(a.path, b.path) })
		want := scanHistory(t, s, &history{files: h.files, plain: true})
		got := scanHistory(t, s, h)
		if !slices.Equal(got, want) {
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Fatalf("round %d: %d findings, want %d; the first that differs is\ngot  %s\nwant %s", round, len(got), len(want), at(got, i), at(want, i))
				}
			}
		}
		found += len(want)
	}
	if found == 0 {
		t.Fatal("nothing was found")
	}
	t.Logf("%d findings", found)
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "none"
}

func scanHistory(t *testing.T, s *gatehouse.Scanner, h *history) []string {
	t.Helper()
	r, err := gatehouse.Scan(t.Context(), &gatehouse.Target{Kind: gatehouse.TargetGit, Name: "history", FS: h}, []*gatehouse.Scanner{s}, gatehouse.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s %s %+v %+v %s %s %+v %+v", f.Rule, f.Fingerprint, f.Location, f.Also, f.Message, f.History.Blob, secretOf(f.Secret), f.Suppressed))
	}
	for _, g := range r.Coverage.Gaps {
		out = append(out, fmt.Sprintf("%+v", g))
	}
	return out
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func utf16Of(text []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, b := range text {
		out = append(out, b, 0)
	}
	return out
}

// secretOf leaves out what is a pointer.
func secretOf(s *gatehouse.Secret) gatehouse.Secret {
	c := *s
	return c
}
