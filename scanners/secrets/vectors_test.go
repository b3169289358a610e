package secrets_test

import (
	"bufio"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// The files are lists of texts, one a line: a name of a file, a space, and the
// text, in which \n is a line break. In it {20}, {20:hex} and the like stand for
// random characters, and {p:strong} and the like for a password of that sort.
//
//go:embed testdata/vectors
var vectorFS embed.FS

// drawn is a vector with what was drawn for it.
type drawn struct{ list, file, template, text string }

var draws = regexp.MustCompile(`\{(\d+)(?::(\w+))?\}|\{([a-z]+):([a-z0-9]+)\}`)

var alphabets = map[string]string{
	"":       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	"hex":    "0123456789abcdef",
	"HEX":    "0123456789ABCDEF",
	"low":    "abcdefghijklmnopqrstuvwxyz0123456789",
	"up":     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
	"b32":    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
	"digit":  "0123456789",
	"alpha":  "abcdefghijklmnopqrstuvwxyz",
	"url":    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
	"b64":    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"bech":   "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
	"base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
}

func letters(rng *rand.Rand, n int, from string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[rng.IntN(len(from))]
	}
	return string(b)
}

var nouns = []string{"maple", "rocket", "violin", "harbor", "copper", "thunder", "walnut", "glacier", "pepper", "falcon"}

// password draws a password as people choose them.
func password(rng *rand.Rand, sort string) string {
	word := nouns[rng.IntN(len(nouns))]
	other := nouns[rng.IntN(len(nouns))]
	number := strconv.Itoa(13 + rng.IntN(9000))
	switch sort {
	case "strong":
		return letters(rng, 3, alphabets["alpha"]) + "#" + letters(rng, 2, alphabets["digit"]) + letters(rng, 4, alphabets["up"]) + "!" + letters(rng, 2, alphabets["alpha"])
	case "human":
		return strings.ToUpper(word[:1]) + word[1:] + number + "!"
	case "word":
		return word + number
	case "two":
		return word + "_" + other + number
	case "camel":
		return strings.ToUpper(word[:1]) + word[1:] + strings.ToUpper(other[:1]) + other[1:] + number
	case "alnum":
		return letters(rng, 6, alphabets["alpha"]) + letters(rng, 6, alphabets[""]) + letters(rng, 2, alphabets["digit"])
	}
	panic("no such password: " + sort)
}

func uuid(rng *rand.Rand) string {
	h := letters(rng, 32, alphabets["hex"])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// made draws what has a structure.
func made(rng *rand.Rand, sort string) string {
	raw := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	std, url := base64.StdEncoding, base64.RawURLEncoding
	part := func(s string) string { return url.EncodeToString([]byte(s)) }
	wrap := func(s string) string {
		var b strings.Builder
		for len(s) > 64 {
			b.WriteString(s[:64] + "\n")
			s = s[64:]
		}
		return b.String() + s
	}
	armor := func(kind, body string) string {
		return "-----BEGIN " + kind + "-----\n" + wrap(body) + "\n-----END " + kind + "-----"
	}
	der := func(n int) string {
		b := append([]byte{0x30, 0x82, byte(n >> 8), byte(n)}, raw(n)...)
		return std.EncodeToString(b)
	}
	sum := func(prefix string) string {
		body := letters(rng, 30, alphabets[""])
		const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		n := crc32.ChecksumIEEE([]byte(body))
		end := make([]byte, 6)
		for i := 5; i >= 0; i-- {
			end[i] = digits[n%62]
			n /= 62
		}
		return prefix + body + string(end)
	}
	switch sort {
	case "uuid":
		return uuid(rng)
	case "jwt":
		return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"iss":"acme","sub":"u-`+letters(rng, 9, alphabets["digit"])+`","exp":1893456000}`) + "." + url.EncodeToString(raw(32))
	case "ghp":
		return sum("gh" + "p_")
	case "npm":
		return sum("np" + "m_")
	case "rsa":
		return armor("RSA PRIV"+"ATE KEY", der(600))
	case "pkcs8":
		return armor("PRIV"+"ATE KEY", der(138))
	case "ec":
		return armor("EC PRIV"+"ATE KEY", der(119))
	case "openssh":
		return armor("OPENSSH PRIV"+"ATE KEY", std.EncodeToString(append([]byte("openssh-key-v1\x00"), raw(300)...)))
	case "pgp":
		return armor("PGP PRIV"+"ATE KEY BLOCK", "\n"+std.EncodeToString(append([]byte{0x95}, raw(500)...)))
	case "cert":
		return armor("CERTIFICATE", der(700))
	case "pub":
		return armor("PUBLIC KEY", der(90))
	case "pemjson":
		return strings.ReplaceAll(armor("PRIV"+"ATE KEY", der(600))+"\n", "\n", `\n`)
	case "keydata":
		return std.EncodeToString([]byte(armor("RSA PRIV"+"ATE KEY", der(600)) + "\n"))
	case "b64p":
		return std.EncodeToString([]byte(password(rng, "strong")))
	case "basic":
		return std.EncodeToString([]byte("deploy:" + password(rng, "strong")))
	case "discord":
		return url.EncodeToString([]byte("8"+letters(rng, 17, alphabets["digit"]))) + "." + letters(rng, 6, alphabets["url"]) + "." + letters(rng, 27, alphabets["url"])
	case "b64k32":
		return std.EncodeToString(raw(32))
	case "b64k64":
		return std.EncodeToString(raw(64))
	case "pypi":
		return "py" + "pi-" + url.EncodeToString(append([]byte("\x02\x01\x08pypi.org\x02\x24"+uuid(rng)+"\x00\x02\x2a[3,\""+uuid(rng)+"\"]\x00\x00\x06\x20"), raw(32)...))
	case "png":
		return std.EncodeToString(append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), raw(300)...))
	case "sha512":
		return std.EncodeToString(raw(64))
	case "sha1":
		return hex.EncodeToString(raw(20))
	case "sha256":
		return hex.EncodeToString(raw(32))
	case "md5":
		return hex.EncodeToString(raw(16))
	case "p":
	}
	panic("nothing makes " + sort)
}

// draw fills in a template.
func draw(template string, rng *rand.Rand) string {
	text := draws.ReplaceAllStringFunc(template, func(s string) string {
		m := draws.FindStringSubmatch(s)
		switch {
		case m[1] != "":
			n, _ := strconv.Atoi(m[1])
			from, ok := alphabets[m[2]]
			if !ok {
				panic("no alphabet " + m[2])
			}
			return letters(rng, n, from)
		case m[3] == "p":
			return password(rng, m[4])
		case m[3] == "make":
			return made(rng, m[4])
		}
		return s
	})
	return strings.ReplaceAll(text, "\x00", "\n")
}

// load draws each text of a list times over.
func load(t *testing.T, list string, times int) []drawn {
	t.Helper()
	names, err := fs.Glob(vectorFS, "testdata/vectors/"+list+"*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no lists %s: %v", list, err)
	}
	rng := rand.New(rand.NewPCG(7, 11))
	var out []drawn
	for _, name := range names {
		f, err := vectorFS.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			l := lines.Text()
			if l == "" || strings.HasPrefix(l, "# ") {
				continue
			}
			file, template, ok := strings.Cut(l, " ")
			if !ok {
				t.Fatalf("%s: %q has no text", name, l)
			}
			template = strings.ReplaceAll(template, `\n`, "\x00")
			for range times {
				out = append(out, drawn{path.Base(name), file, template, draw(template, rng)})
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return out
}

// TestQualityVectors measures with texts of our own: nothing in them was ever valid.
func TestQualityVectors(t *testing.T) {
	for _, set := range []struct {
		list  string
		times int
		// least and most are the share of texts in which something is found.
		least, most float64
	}{
		{"provider", 5, 0.98, 1},
		{"style", 6, 0.98, 1},
		{"clean", 3, 0, 0.02},
	} {
		all := load(t, set.list, set.times)
		files := map[string]string{}
		for i, v := range all {
			files[fmt.Sprintf("%05d/%s", i, v.file)] = v.text
		}
		hits := make([][]string, len(all))
		for _, f := range scannertest.Scan(t, scanner(t, testKey), files).Findings {
			places := []string{f.Location.Path}
			for _, l := range f.Also {
				places = append(places, l.Path)
			}
			for _, p := range places {
				i, err := strconv.Atoi(p[:5])
				if err != nil {
					t.Fatal(err)
				}
				hits[i] = append(hits[i], f.Rule+" "+string(f.Secret.Confidence))
			}
		}
		found, lines := 0, map[string]bool{}
		for i, v := range all {
			lines[v.file+v.template] = true
			if len(hits[i]) > 0 {
				found++
			}
			if (len(hits[i]) > 0) != (set.least > 0) {
				show(t, "VECTOR %s %v: %s %s", v.list, hits[i], v.file, strings.ReplaceAll(v.template, "\x00", `\n`))
			}
		}
		share := float64(found) / float64(len(all))
		t.Logf("%s: %d texts of %d sorts, %.4f found", set.list, len(all), len(lines), share)
		if share < set.least || share > set.most {
			t.Errorf("%s: %.4f found, want %.2f to %.2f; set QUALITY_SHOW=1 to see which are wrong", set.list, share, set.least, set.most)
		}
	}
}
