package ignore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
)

var now = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

var bucket = ignore.Rule{ID: "AWS-0092", Aliases: []string{"AVD-AWS-0092", "aws-s3-no-public-access-with-acl"}}

func known(name string) bool { return ignore.Matches(name, bucket) }

func set(t *testing.T, file, text string) *ignore.Set {
	t.Helper()
	s := ignore.NewSet(now)
	switch {
	case strings.HasSuffix(file, ".tf"):
		s.Terraform(file, []byte(text))
	case strings.HasSuffix(file, "Dockerfile"):
		s.Dockerfile(file, []byte(text))
	case strings.HasSuffix(file, "Jenkinsfile"):
		s.Jenkinsfile(file, []byte(text))
	default:
		docs, err := document.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.YAML(file, []byte(text), docs, false)
	}
	return s
}

func TestForms(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		line             int // of the finding
		ignored          bool
		state            gatehouse.IgnoreState // of the one request; empty if there is none
	}{
		{"line above", "a.tf", "# trivy:ignore:AWS-0092\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"old name", "a.tf", "# tfsec:ignore:aws-s3-no-public-access-with-acl\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"other case", "a.tf", "//trivy:ignore:avd-aws-0092\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"wildcard", "a.tf", "#trivy:ignore:aws-s3-*\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"all", "a.tf", "#trivy:ignore:*\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"block", "a.tf", "#trivy:ignore:AWS-0092\nresource \"a\" \"b\" {\n  x {\n    y = 1\n  }\n}\n", 4, true, "used"},
		{"inner block", "a.tf", "resource \"a\" \"b\" {\n  #trivy:ignore:AWS-0092\n  x {\n    y = 1\n  }\n}\n", 4, true, "used"},
		{"another block", "a.tf", "resource \"a\" \"b\" {\n  #trivy:ignore:AWS-0092\n  x {\n  }\n  y = 1\n}\n", 5, false, "unused"},
		{"same line", "a.tf", "resource \"a\" \"b\" {\n  y = 1 # trivy:ignore:AWS-0092\n  z = 1\n}\n", 2, true, "used"},
		{"not the line below", "a.tf", "resource \"a\" \"b\" {\n  y = 1 # trivy:ignore:AWS-0092\n  z = 1\n}\n", 3, false, "unused"},
		{"not over an empty line", "a.tf", "#trivy:ignore:AWS-0092\n\nresource \"a\" \"b\" {\n}\n", 3, false, "unused"},
		{"over a comment", "a.tf", "#trivy:ignore:AWS-0092\n# as agreed\nresource \"a\" \"b\" {\n}\n", 3, true, "used"},
		{"in a comment of many lines", "a.tf", "/*\n trivy:ignore:AWS-0092\n*/\nresource \"a\" \"b\" {\n}\n", 4, true, "used"},
		{"in a string", "a.tf", "resource \"a\" \"b\" {\n  y = \"# trivy:ignore:AWS-0092\"\n}\n", 2, false, ""},
		{"in a heredoc", "a.tf", "resource \"a\" \"b\" {\n  y = <<E\n# trivy:ignore:AWS-0092\nE\n}\n", 2, false, ""},
		{"another rule", "a.tf", "#trivy:ignore:AWS-0001\nresource \"a\" \"b\" {\n}\n", 2, false, "unknown"},
		{"no rule", "a.tf", "#trivy:ignore\nresource \"a\" \"b\" {\n}\n", 2, false, ""},
		{"not over", "a.tf", "#trivy:ignore:AWS-0092:exp:2026-12-01\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"over on its day", "a.tf", "#trivy:ignore:AWS-0092:exp:2026-11-30\nresource \"a\" \"b\" {\n}\n", 2, false, "expired"},
		{"no date", "a.tf", "#trivy:ignore:AWS-0092:exp:2026-99-01\nresource \"a\" \"b\" {\n}\n", 2, false, "refused"},
		{"workspace", "a.tf", "#trivy:ignore:AWS-0092:ws:def*\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"another workspace", "a.tf", "#trivy:ignore:AWS-0092:ws:prod\nresource \"a\" \"b\" {\n}\n", 2, false, "unused"},
		{"parameter", "a.tf", "#trivy:ignore:AWS-0092[size=3]\nresource \"a\" \"b\" {\n}\n", 2, true, "used"},
		{"another value", "a.tf", "#trivy:ignore:AWS-0092[size=4]\nresource \"a\" \"b\" {\n}\n", 2, false, "unused"},
		{"unreadable parameter", "a.tf", "#trivy:ignore:AWS-0092[size]\nresource \"a\" \"b\" {\n}\n", 2, false, "refused"},
		{"vendored", ".terraform/modules/x/a.tf", "#trivy:ignore:AWS-0092\nresource \"a\" \"b\" {\n}\n", 2, false, "refused"},
		{"checkov", "a.tf", "resource \"a\" \"b\" {\n  #checkov:skip=CKV_AWS_20:a public site\n}\n", 1, true, "used"},
		{"checkov outside", "a.tf", "#checkov:skip=CKV_AWS_20:a public site\nresource \"a\" \"b\" {\n}\n", 2, false, "refused"},
		{"checkov elsewhere", "a.tf", "resource \"a\" \"b\" {\n  #checkov:skip=CKV_AWS_20\n}\nresource \"a\" \"c\" {\n}\n", 4, false, "unused"},
		{"kics line", "a.yaml", "# kics-scan ignore-line\na: 1\nb: 1\n", 2, true, "used"},
		{"kics line alone", "a.yaml", "# kics-scan ignore-line\na:\n  b: 1\n", 3, false, "unused"},
		{"kics block", "a.yaml", "# kics-scan ignore-block\na:\n  b: 1\n", 3, true, "used"},
		{"kics file", "a.yaml", "# kics-scan ignore\na:\n  b: 1\n", 3, true, "used"},
		{"kics file, too late", "a.yaml", "a:\n# kics-scan ignore\n  b: 1\n", 3, false, "refused"},
		{"kics enable", "a.yaml", "# kics-scan enable=x\na:\n  b: 1\n", 3, false, "refused"},
		{"kics disable", "a.yaml", "# kics-scan disable=AWS-0092\na:\n  b: 1\n", 3, true, "used"},
		{"hadolint", "Dockerfile", "FROM a\n# hadolint ignore=AWS-0092\nRUN a \\\n  b\n", 3, true, "used"},
		{"hadolint, below", "Dockerfile", "FROM a\n# hadolint ignore=AWS-0092\nRUN a\nRUN b\n", 4, false, "unused"},
		{"hadolint for all", "Dockerfile", "# hadolint global ignore=AWS-0092\nFROM a\nRUN b\n", 3, true, "used"},
		{"about the whole file", "Dockerfile", "# trivy:ignore:AWS-0092\nFROM a\n", 0, true, "used"},
		{"not about the whole file", "Dockerfile", "FROM a\n# trivy:ignore:AWS-0092\nRUN a\n", 0, false, "unused"},
		{"zizmor", "a.yaml", "a: 1 # zizmor: ignore[AWS-0092] why\n", 1, true, "used"},
		{"zizmor without rule", "a.yaml", "a: 1 # zizmor: ignore\n", 1, false, "refused"},
		{"ours", "a.yaml", "# gatehouse:ignore AWS-0092 as agreed\na: 1\n", 2, true, "used"},
		{"ours in Groovy", "Jenkinsfile", "a = 1 // gatehouse:ignore AWS-0092 as agreed\n", 1, true, "used"},
		{"ours without reason", "a.yaml", "# gatehouse:ignore AWS-0092\na: 1\n", 2, false, "refused"},
		{"in a block scalar", "a.yaml", "a: |\n  # trivy:ignore:AWS-0092\n  x\n", 3, false, ""},
		{"after a quote", "a.yaml", "a: \"b \\\" # trivy:ignore:AWS-0092\"\n", 1, false, ""},
		{"annotation", "a.yaml", "kind: Pod\nmetadata:\n  annotations:\n    checkov.io/skip1: CKV_AWS_20=why\nspec:\n  a: 1\n", 6, true, "used"},
		{"annotation of another", "a.yaml", "kind: Pod\nmetadata:\n  annotations:\n    checkov.io/skip1: CKV_AWS_20=why\n---\nkind: Pod\n", 6, false, "unused"},
		{"metadata", "a.yaml", "Resources:\n  A:\n    Metadata:\n      checkov:\n        skip:\n        - id: CKV_AWS_20\n          comment: why\n    Properties: {}\n", 8, true, "used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := set(t, tt.file, tt.text)
			values := func(_ string, line int, argument string) (string, bool) { return "3", line == 2 && argument == "size" }
			by := s.Find(bucket, []ignore.Place{{Path: tt.file, Line: tt.line}}, "finding", values)
			if (by != nil) != tt.ignored {
				t.Errorf("ignored by %+v, want %t", by, tt.ignored)
			}
			all := s.Report(known)
			switch {
			case tt.state == "" && len(all) > 0, tt.state != "" && len(all) != 1:
				t.Errorf("there are the requests %+v", all)
			case tt.state != "" && all[0].State != tt.state:
				t.Errorf("the request is %+v, want it %s", all[0], tt.state)
			}
		})
	}
}

// What a module call ignores is ignored in the module, for that call.
func TestParents(t *testing.T) {
	s := set(t, "main.tf", "#trivy:ignore:AWS-0092\nmodule \"a\" {\n  source = \"./m\"\n}\n")
	in := ignore.Place{Path: "m/main.tf", Line: 7}
	if s.Find(bucket, []ignore.Place{in, {Path: "main.tf", Line: 2}}, "one", nil) == nil {
		t.Error("the call is not heeded")
	}
	if s.Find(bucket, []ignore.Place{in, {Path: "main.tf", Line: 9}}, "two", nil) != nil {
		t.Error("another call is heeded")
	}
	if got := s.Report(known); len(got) != 1 || got[0].Findings != 1 || got[0].Location.Line != 1 {
		t.Errorf("%+v", got)
	}
}

func TestSeveralOnALine(t *testing.T) {
	s := set(t, "a.tf", "# trivy:ignore:AWS-0001,AWS-0092 tfsec:ignore:x:exp:2020-01-01\nresource \"a\" \"b\" {\n}\n")
	var got []string
	for _, i := range s.Report(known) {
		got = append(got, fmt.Sprint(i.Rule, " ", i.Expires, " ", i.State))
	}
	if want := "AWS-0001  unknown,AWS-0092  unused,x 2020-01-01 unknown"; strings.Join(got, ",") != want {
		t.Errorf("got %q, want %q", strings.Join(got, ","), want)
	}
}

// A file with very many requests is not read to the end, and says so.
func TestTooMany(t *testing.T) {
	s := set(t, "a.tf", strings.Repeat("# trivy:ignore:AWS-0092\n", 40_000))
	got := s.Report(known)
	if len(got) > 2000 || got[len(got)-1].State != gatehouse.IgnoreRefused {
		t.Errorf("%d requests, the last %+v", len(got), got[len(got)-1])
	}
}

func TestWithoutClock(t *testing.T) {
	s := ignore.NewSet(time.Time{})
	s.Terraform("a.tf", []byte("# trivy:ignore:AWS-0092:exp:2999-01-01\nresource \"a\" \"b\" {\n}\n"))
	if s.Find(bucket, []ignore.Place{{Path: "a.tf", Line: 2}}, "x", nil) != nil {
		t.Error("what ends counts though nobody knows the time")
	}
}

func FuzzFiles(f *testing.F) {
	for _, s := range []string{"# trivy:ignore:a[b=c", "#trivy:ignore:::", "# checkov:skip=,: x", "# kics-scan disable=,", "/* zizmor: ignore[ */", "a: \"\\", "{{"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		s := ignore.NewSet(now)
		s.Terraform("a.tf", []byte(text))
		s.Dockerfile("Dockerfile", []byte(text))
		s.Jenkinsfile("Jenkinsfile", []byte(text))
		if docs, err := document.Parse([]byte(text)); err == nil {
			s.YAML("a.yaml", []byte(text), docs, true)
		}
		s.Find(bucket, []ignore.Place{{Path: "a.tf", Line: 1}}, "x", nil)
		s.Report(known)
	})
}
