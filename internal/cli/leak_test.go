package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gatehouse-sec/gatehouse/internal/render"
)

// plants are secrets of many sorts, made at random, so that none stands in this
// file and none is there by chance.
func plants(rng *rand.Rand) map[string]string {
	random := func(n int, from string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[rng.IntN(len(from))]
		}
		return string(b)
	}
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	const hexa = "0123456789abcdef"
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return map[string]string{
		"GITHUB_TOKEN":          "gh" + "p_" + random(36, alnum),
		"AWS_ACCESS_KEY_ID":     "AK" + "IA" + random(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
		"AWS_SECRET_ACCESS_KEY": random(40, alnum),
		"SLACK_TOKEN":           "xo" + "xb-" + random(12, "123456789") + "-" + random(12, "123456789") + "-" + random(24, alnum),
		"NPM_TOKEN":             "np" + "m_" + random(36, alnum),
		"XAI_API_KEY":           "xa" + "i-" + random(80, alnum),
		"STRIPE_KEY":            "sk_" + "live_" + random(24, alnum),
		"API_SECRET":            random(32, hexa),
		"JWT":                   part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"iss":"acme","id":"`+random(12, alnum)+`"}`) + "." + random(43, alnum),
		"DATABASE_URL":          "postgres://app:" + random(20, alnum) + "@db.acme-corp.io/app",
		"GOOGLE":                "GOC" + "SPX-" + random(28, alnum),
	}
}

// TestNoSecretLeavesAnywhere plants secrets in files of all sorts, sound and
// broken, plain and encoded, and looks for them in all that the command writes:
// each output, what it says, and each file it keeps. It guards against TM-06.
func TestNoSecretLeavesAnywhere(t *testing.T) {
	secrets := plants(rand.New(rand.NewPCG(21, 22)))
	names := make([]string, 0, len(secrets))
	for n := range secrets {
		names = append(names, n)
	}
	slices.Sort(names)
	var env, yaml, json, tf, utf16le strings.Builder
	json.WriteString("{")
	for i, n := range names {
		v := secrets[n]
		env.WriteString(n + "=" + v + "\n")
		yaml.WriteString(strings.ToLower(n) + ": \"" + v + "\"\n")
		if i > 0 {
			json.WriteString(",")
		}
		json.WriteString("\n  \"" + n + "\": \"" + v + "\"")
		tf.WriteString("resource \"aws_instance\" \"" + strings.ToLower(n) + "\" {\n  user_data = \"export " + n + "=" + v + "\"\n}\n")
	}
	json.WriteString("\n}\n")
	for _, u := range utf16.Encode([]rune("\ufeff" + env.String())) {
		utf16le.Write([]byte{byte(u), byte(u >> 8)})
	}
	all := env.String()
	files := map[string]string{
		".env":                   all,
		"moved/.env":             all,
		"config.yaml":            yaml.String(),
		"settings.json":          json.String(),
		"main.tf":                tf.String(),
		"notes.txt":              utf16le.String(),
		"encoded.txt":            base64.StdEncoding.EncodeToString([]byte(all)) + "\n" + hex.EncodeToString([]byte(all)) + "\n",
		"allowed.py":             "token = '" + secrets["GITHUB_TOKEN"] + "' # gitleaks:allow\n",
		"Dockerfile":             "FROM alpine\nENV TOKEN=" + secrets["GITHUB_TOKEN"] + "\nRUN echo " + secrets["API_SECRET"] + "\n",
		"deployment.yaml":        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: a\n    env:\n    - {name: T, value: " + secrets["GITHUB_TOKEN"] + "}\n",
		"package-lock.json":      json.String()[:len(json.String())-3],
		"go.mod":                 "module a\n\nrequire " + secrets["GITHUB_TOKEN"] + "\n",
		"requirements.txt":       "https://" + secrets["NPM_TOKEN"] + "@acme.test/simple\n" + secrets["GITHUB_TOKEN"] + "==\n",
		"Cargo.lock":             "[[package]\nname = \"" + secrets["XAI_API_KEY"] + "\"\n",
		"broken.tf":              "variable \"" + secrets["GITHUB_TOKEN"] + "\" {\n  default = \"" + secrets["SLACK_TOKEN"] + "\n}\n",
		"broken.yaml":            "a: [" + secrets["GITHUB_TOKEN"] + "\nb: {" + secrets["SLACK_TOKEN"] + "\n",
		"template.yaml":          "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: !Sub '${" + secrets["GITHUB_TOKEN"] + "'}\n",
		"chart/Chart.yaml":       "apiVersion: v2\nname: a\nversion: 1.0.0\n",
		"chart/values.yaml":      yaml.String(),
		"chart/templates/a.yaml": "{{ fail \"" + secrets["GITHUB_TOKEN"] + "\" }}\n{{ .Values.github_token }}\n",
	}
	dir := t.TempDir()
	tree, out, cache := filepath.Join(dir, "tree"), filepath.Join(dir, "out"), filepath.Join(dir, "cache")
	for name, text := range files {
		path := filepath.Join(tree, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	// What a person may take for a hint at the secret is no leak; half of it is.
	var needles []string
	for _, v := range secrets {
		if i := strings.Index(v, "://app:"); i >= 0 {
			v = v[i+7 : strings.Index(v, "@")]
		}
		needles = append(needles, v[len(v)/2:], base64.StdEncoding.EncodeToString([]byte(v))[8:24])
	}
	found := 0
	look := func(where string, data []byte) {
		t.Helper()
		for _, n := range needles {
			if i := bytes.Index(data, []byte(n)); i >= 0 {
				t.Errorf("%s holds a planted secret after %q", where, data[max(0, i-120):max(0, i-20)])
				return
			}
		}
	}
	run := func(args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		Run(t.Context(), args, []string{"HOME=" + dir}, strings.NewReader(all), &stdout, &stderr)
		look("stdout of "+strings.Join(args[:2], " "), stdout.Bytes())
		look("stderr of "+strings.Join(args[:2], " "), stderr.Bytes())
		found += bytes.Count(stdout.Bytes(), []byte("github-pat"))
	}
	for _, f := range render.Formats() {
		run("check", tree, "-v", "--cache-dir", cache, "-o", f, "-o", f+"="+filepath.Join(out, "check."+f))
		run("scan", tree, "-v", "--cache-dir", cache, "-o", f+"="+filepath.Join(out, "scan."+f), "-o", "json")
	}
	run("secrets", "rules", "test", "-")
	for name := range files {
		run("secrets", "rules", "test", filepath.Join(tree, filepath.FromSlash(name)))
		run("secrets", "rules", "list", "--rules", filepath.Join(tree, filepath.FromSlash(name))) // no rules: an error
		run("check", tree, "--config", filepath.Join(tree, filepath.FromSlash(name)))
		run("check", tree, "--waivers", filepath.Join(tree, filepath.FromSlash(name)), "--cache-dir", cache)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Log("git is not installed: no history was scanned")
	} else {
		for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "all"}} {
			cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", tree, "-c", "user.name=Ann", "-c", "user.email=a@example.org"}, args...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %q: %v\n%s", args, err, out)
			}
		}
		for _, f := range render.Formats() {
			run("scan", "git", tree, "-v", "--cache-dir", cache, "-o", f)
			run("scan", "git", tree, "-v", "--cache-dir", cache, "-o", f+"="+filepath.Join(out, "git."+f))
		}
		for name := range files { // no rules and no lists of what is known: errors
			known := filepath.Join(dir, "known.yaml")
			for _, key := range []string{"rules", "baseline"} {
				text := "version: 1\nsecrets:\n  " + key + ": [" + filepath.Join(tree, filepath.FromSlash(name)) + "]\n"
				if err := os.WriteFile(known, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				run("scan", "git", tree, "--config", known, "--cache-dir", cache)
			}
		}
	}
	kept := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, tree+string(filepath.Separator)) {
			return err
		}
		data, err := os.ReadFile(path)
		kept++
		look(path[len(dir):], data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 10 || kept < len(render.Formats()) {
		t.Fatalf("%d findings were printed and %d files written: too few to tell", found, kept)
	}
}
