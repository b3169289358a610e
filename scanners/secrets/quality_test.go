package secrets_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// vector is a text that holds a secret or does not.
type vector struct{ Source, Rule, Label, Text string }

func vectors(t *testing.T, name string) []vector {
	t.Helper()
	dir := os.Getenv("QUALITY_DATA")
	if dir == "" {
		t.Skip("QUALITY_DATA is not set: quality is not measured")
	}
	f, err := os.Open(filepath.Join(dir, "secrets", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if len(all) == 0 || lines.Err() != nil {
		t.Fatalf("%s has no vectors: %v", name, lines.Err())
	}
	return all
}

// found are the rules of the findings in each text.
func found(t *testing.T, all []vector) [][]string {
	t.Helper()
	files := map[string]string{}
	for i, v := range all {
		files[fmt.Sprintf("%05d/%s", i, nameFor(v.Rule))] = v.Text
	}
	ids := make([][]string, len(all))
	r := scannertest.Scan(t, scanner(t, testKey), files)
	for _, f := range r.Findings {
		for _, l := range append([]gatehouse.Location{f.Location}, f.Also...) {
			i, err := strconv.Atoi(l.Path[:5])
			if err != nil {
				t.Fatal(err)
			}
			ids[i] = append(ids[i], f.Rule)
		}
	}
	return ids
}

// TestQuality measures recall and false alarms. Set QUALITY_SHOW to see each
// case that is wrong.
func TestQuality(t *testing.T) {
	for _, set := range []struct {
		file               string
		leastRecall, alarm float64
	}{
		{"gitleaks-vectors.jsonl", 0.97, 0.05},
		// docs/quality.md says of each case that is not found why it is no secret.
		{"detect-secrets-vectors.jsonl", 0.45, 0.15},
	} {
		var hit, miss, alarm, quiet int
		all := vectors(t, set.file)
		each := found(t, all)
		for i, v := range all {
			ids := each[i]
			switch pos := v.Label == "pos"; {
			case pos && len(ids) > 0:
				hit++
			case pos:
				miss++
				show(t, "MISS %d %s: %.300q", i, v.Rule, v.Text)
			case len(ids) > 0:
				alarm++
				show(t, "ALARM %d %s by %v: %.300q", i, v.Rule, ids, v.Text)
			default:
				quiet++
			}
		}
		recall, alarms := float64(hit)/float64(hit+miss), float64(alarm)/float64(alarm+quiet)
		t.Logf("%s: recall %.4f (%d of %d), alarms %.4f (%d of %d)", set.file, recall, hit, hit+miss, alarms, alarm, alarm+quiet)
		if recall < set.leastRecall || alarms > set.alarm {
			t.Errorf("%s: recall %.4f, want %.2f; alarms %.4f, want at most %.2f", set.file, recall, set.leastRecall, alarms, set.alarm)
		}
	}
}

func show(t *testing.T, format string, args ...any) {
	if os.Getenv("QUALITY_SHOW") != "" {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

// nameFor is a file in which the rule looks.
func nameFor(rule string) string {
	for part, name := range map[string]string{"kubernetes": "a.yaml", "nuget": "nuget.config", "freemius": "a.php", "tf-password": "main.tf", "maven": "settings.xml"} {
		if strings.Contains(rule, part) {
			return name
		}
	}
	return "file.txt"
}

// TestQualityTree lists what is found in a tree without secrets, such as the
// standard library of Go; QUALITY_TREE names another one.
func TestQualityTree(t *testing.T) {
	if os.Getenv("QUALITY_DATA") == "" {
		t.Skip("QUALITY_DATA is not set: quality is not measured")
	}
	root := cmp.Or(os.Getenv("QUALITY_TREE"), filepath.Join(runtime.GOROOT(), "src"))
	target, err := gatehouse.OpenTarget(root)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r, err := gatehouse.Scan(t.Context(), target, []*gatehouse.Scanner{scanner(t, testKey)}, gatehouse.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Target.Files == 0 {
		t.Fatal("the tree has no files")
	}
	byRule := map[string]int{}
	for _, f := range r.Findings {
		byRule[f.Rule]++
		show(t, "%s %s %v %s", f.Rule, f.Location, f.Secret.Within, f.Message)
	}
	t.Logf("%s: %d files, %d MB, %d findings, %d gaps: %v", root, r.Target.Files, r.Target.Bytes>>20, len(r.Findings), len(r.Coverage.Gaps), byRule)
}
