package jsonnet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/jsonnet"
)

// TestMain lets the tests start this program as the process of a program.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "run" {
		if err := jsonnet.Main(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestEvaluate(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "tree")
	for name, text := range map[string]string{
		"tree/lib/a.libsonnet": "{ f(x): x * 2, g: import 'b.libsonnet' }", "tree/lib/b.libsonnet": "3", "tree/text": "hi", "secret": "s3", "one/p.jsonnet": "", "one/x": "1",
	} {
		path := filepath.Join(outside, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		file, text string
		want       string // the JSON without white space
		code       gatehouse.GapCode
		reason     string
	}{
		{"tree/a.jsonnet", "local a = import 'lib/a.libsonnet'; { x: a.f(2), y: a.g, z: importstr 'text' }", `{"x":4,"y":3,"z":"hi"}`, "", ""},
		{"tree/lib/c.jsonnet", "[importstr '../text']", `["hi"]`, "", ""},
		{"one/p.jsonnet", "[import 'x']", `[1]`, "", ""},
		{"tree/a.jsonnet", "importstr '../secret'", "", gatehouse.GapParse, "outside of the directory"},
		{"tree/a.jsonnet", "importstr '/etc/passwd'", "", gatehouse.GapParse, "outside of the directory"},
		{"tree/a.jsonnet", "importstr 'link'", "", gatehouse.GapParse, "cannot be read"},
		{"tree/a.jsonnet", "importstr 'none'", "", gatehouse.GapParse, "does not exist"},
		{"tree/a.jsonnet", "importstr 'lib'", "", gatehouse.GapParse, "no regular file"},
		{"tree/a.jsonnet", "{ a: ", "", gatehouse.GapParse, "tree/a.jsonnet"},
		{"tree/a.jsonnet", "{ a: error 'no a' }", "", gatehouse.GapParse, "no a"},
		{"tree/a.jsonnet", "function(x) x", "", gatehouse.GapParse, "gives no document"},
		{"tree/a.jsonnet", "local f(x) = { a: f(x) }; f(0)", "", gatehouse.GapParse, "gives no document"},
		{"tree/a.jsonnet", "std.foldl(function(a, b) a + a, std.range(1, 60), 'xxxxxxxx')", "", gatehouse.GapTooLarge, "memory"},
	}
	e := jsonnet.Evaluator{Command: []string{os.Args[0], "run"}, Dir: dir}
	for _, tt := range tests {
		got, err := e.Evaluate(t.Context(), filepath.Join(outside, tt.file), []byte(tt.text))
		if text := strings.Join(strings.Fields(string(got)), ""); text != tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.text, text, err, tt.want)
		}
		u, ok := errors.AsType[*gatehouse.Unscannable](err)
		if ok != (tt.code != "") || ok && (u.Code != tt.code || !strings.Contains(u.Reason, strings.TrimPrefix(tt.reason, "tree/"))) {
			t.Errorf("%s: error %v, want %s with %q", tt.text, err, tt.code, tt.reason)
		}
		if err != nil && strings.Contains(err.Error(), "s3") {
			t.Errorf("%s: the error quotes a file: %v", tt.text, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Evaluate(ctx, filepath.Join(dir, "a.jsonnet"), []byte("1")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
