package iac_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

func fresh(t testing.TB) func() *gatehouse.Scanner {
	return func() *gatehouse.Scanner {
		s, err := iac.New(iac.Options{Now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

const (
	goodDockerfile = "FROM alpine:3.20\nRUN apk add --no-cache curl\nUSER app\nHEALTHCHECK CMD true\n"
	badPod         = `apiVersion: v1
kind: Pod
metadata:
  name: bad
  namespace: app
spec:
  containers:
  - name: bad
    image: alpine:3.20
    securityContext:
      privileged: yes
`
	badTemplate = `AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Acl: {Type: String, Default: PublicRead}
Resources:
  Other: {Type: "AWS::SNS::Topic"}
  Bad:
    Type: AWS::S3::Bucket
    Properties:
      AccessControl: !Ref Acl
`
	chart = "apiVersion: v2\nname: app\nversion: 1.0.0\n"
)

func TestContract(t *testing.T) {
	// Assembled, so that no secret stands in the source.
	password := strings.Join([]string{"hunter", "2", "correct", "horse"}, "-")
	scannertest.Accept(t, fresh(t),
		scannertest.Fixture{Name: "clean Dockerfile", Files: map[string]string{"Dockerfile": goodDockerfile}},
		scannertest.Fixture{Name: "bad Dockerfile", Files: map[string]string{"build/app.dockerfile": "FROM alpine\nUSER root\n"}, Finds: []string{"DS-0001", "DS-0002"}},
		scannertest.Fixture{Name: "broken Dockerfile", Files: map[string]string{"Dockerfile": "FROM alpine:3.20\nFROBNICATE\n"}, Fails: "Dockerfile"},
		scannertest.Fixture{Name: "secret in a command", Files: map[string]string{
			"Dockerfile": "FROM alpine:3.20\nRUN apk add curl && curl -u me:" + password + " --password " + password + " https://u:" + password + "@example.com?token=" + password + "\n",
		}, Finds: []string{"DS-0025"}, Secrets: []string{password}},
		scannertest.Fixture{Name: "Kubernetes", Files: map[string]string{"pod.yaml": badPod}, Finds: []string{"KSV-0017"}},
		scannertest.Fixture{Name: "Kubernetes list in JSON", Files: map[string]string{
			"list.json": `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "a:1", "securityContext": {"privileged": true}}]}}]}`,
		}, Finds: []string{"KSV-0017"}},
		scannertest.Fixture{Name: "Kubernetes list of one kind", Files: map[string]string{
			"list.yaml": "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n  spec: {containers: [{name: c, image: 'a:1', securityContext: {privileged: true}}]}\n",
		}, Finds: []string{"KSV-0017"}},
		scannertest.Fixture{Name: "CloudFormation with a loop alone", Files: map[string]string{
			"a.yaml": "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::X:\n    - V\n    - [a, b]\n    - B${V}:\n        Type: AWS::S3::Bucket\n        Properties: {AccessControl: PublicRead}\n",
		}, Finds: []string{"AWS-0092"}},
		scannertest.Fixture{Name: "Terraform in JSON", Files: map[string]string{
			"main.tf.json": `{"resource": {"aws_security_group": {"o": {"ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}]}}}}`,
		}, Finds: []string{"AWS-0107"}},
		scannertest.Fixture{Name: "a dynamic block in JSON", Files: map[string]string{
			"main.tf.json": `{"resource": {"aws_security_group": {"o": {"dynamic": {"ingress": {"for_each": [22], "content": {"from_port": "${ingress.value}", "to_port": "${ingress.value}", "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}}}}}}}`,
		}, Finds: []string{"AWS-0107"}},
		scannertest.Fixture{Name: "broken Kubernetes", Files: map[string]string{"pod.yaml": "apiVersion: v1\nkind: Pod\nspec: [\n"}, Fails: "pod.yaml"},
		scannertest.Fixture{Name: "CloudFormation", Files: map[string]string{"stack.yaml": badTemplate}, Finds: []string{"AWS-0092"}},
		scannertest.Fixture{Name: "Terraform", Files: map[string]string{
			"main.tf": "module \"b\" {\n  source = \"./b\"\n  acl = \"public-read\"\n}\n", "b/main.tf": "variable \"acl\" {}\nresource \"aws_s3_bucket\" \"b\" { acl = var.acl }\n",
		}, Finds: []string{"AWS-0092"}},
		scannertest.Fixture{Name: "broken Terraform", Files: map[string]string{"a.tf": "resource \"x\" {", "b.tf": "locals {}\n"}, Fails: "a.tf"},
		scannertest.Fixture{Name: "Helm", Files: map[string]string{
			"app/Chart.yaml": chart, "app/values.yaml": "privileged: true\n",
			"app/templates/pod.yaml": strings.Replace(badPod, "yes", "{{ .Values.privileged }}", 1),
		}, Finds: []string{"KSV-0017"}},
		scannertest.Fixture{Name: "clean workflow", Files: map[string]string{".github/workflows/a.yml": "on: push\npermissions: {}\njobs: {a: {runs-on: ubuntu-24.04, steps: [{run: make}]}}\n"}},
		scannertest.Fixture{Name: "bad workflow", Files: map[string]string{
			"a.yml": "on: issues\njobs: {a: {runs-on: ubuntu-24.04, steps: [{run: 'echo ${{ github.event.issue.title }}'}, {uses: a/b@main}]}}\n",
		}, Finds: []string{"PIPE-0001", "PIPE-0006", "PIPE-0013"}},
		scannertest.Fixture{Name: "broken workflow", Files: map[string]string{".github/workflows/a.yml": "on: push\njobs: [\n"}, Fails: ".github/workflows/a.yml"},
		scannertest.Fixture{Name: "secrets in a pipeline", Files: map[string]string{
			".gitlab-ci.yml": "include:\n- remote: https://u:" + password + "@example.com/a.yml\nimage: node\na:\n  script:\n  - curl -k -u me:" + password + " https://u:" + password + "@example.com/a.sh | sh\n",
		}, Finds: []string{"PIPE-0040", "PIPE-0041", "PIPE-0044"}, Secrets: []string{password}},
		scannertest.Fixture{Name: "Jenkinsfile", Files: map[string]string{"Jenkinsfile": "pipeline { agent any; stages { stage('a') { steps { sh \"echo ${env.CHANGE_TITLE}\" } } } }\n"}, Finds: []string{"PIPE-0006"}},
		scannertest.Fixture{Name: "broken Jenkinsfile", Files: map[string]string{"Jenkinsfile": "pipeline { sh 'a\n"}, Fails: "Jenkinsfile"},
		scannertest.Fixture{Name: "Helm that cannot be rendered", Files: map[string]string{
			"app/Chart.yaml": chart, "app/templates/a.yaml": `{{ required "no" .Values.none }}`,
		}, Fails: "app/templates/a.yaml"},
	)
}

func TestFindings(t *testing.T) {
	tests := []struct {
		name, path, text, rule string
		want                   string // location, type, resource, provider
	}{
		{"Dockerfile", "Dockerfile", "FROM alpine:3.20\n\nUSER root\n", "DS-0002", "Dockerfile:3 dockerfile  dockerfile"},
		{"Kubernetes", "a/pod.yaml", "a: b\n---\n" + badPod, "KSV-0017", "a/pod.yaml:10 kubernetes Pod/app/bad kubernetes"},
		{"CloudFormation", "stack.template", badTemplate, "AWS-0092", "stack.template:9 cloudformation Bad aws"},
		{"CloudFormation with aliases", "stack.yml", "Resources:\n  A: {Type: 'AWS::SNS::Topic', Metadata: &m {a: b}}\n  Bad:\n    Type: AWS::S3::Bucket\n    Metadata: *m\n    Properties: {AccessControl: PublicRead}\n", "AWS-0092", "stack.yml:3 cloudformation Bad aws"},
		{"CloudFormation in JSON", "stack.template", "{\n\t\"Resources\": {\n\t\t\"Bad\": {\n\t\t\t\"Type\": \"AWS::S3::Bucket\",\n\t\t\t\"Properties\": {\"AccessControl\": \"PublicRead\"}\n\t\t}\n\t}\n}\n", "AWS-0092", "stack.template:5 cloudformation Bad aws"},
		{"workflow", "a/ci.yml", "on: issues\npermissions: {}\njobs:\n  a:\n    runs-on: x\n    steps:\n    - name: greet\n      run: |\n        make\n        echo ${{ github.event.issue.title }}\n", "PIPE-0006", "a/ci.yml:10 github-actions a/greet pipeline"},
		{"Terraform", "x/main.tf", "locals { acl = \"public-read\" }\nresource \"aws_s3_bucket\" \"b\" {\n  acl = local.acl\n}\n", "AWS-0092", "x/main.tf:3 terraform aws_s3_bucket.b aws"},
	}
	s := fresh(t)()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := scannertest.Scan(t, s, map[string]string{tt.path: tt.text})
			for _, g := range r.Coverage.Gaps {
				t.Errorf("gap: %+v", g)
			}
			for _, f := range r.Findings {
				if f.Rule != tt.rule {
					continue
				}
				m := f.Misconfiguration
				if got := fmt.Sprintf("%s %s %s %s", f.Location, m.Type, m.Resource, m.Provider); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if f.Title == "" || f.Message == "" || f.Fix == "" || f.Severity == gatehouse.SeverityUnknown {
					t.Errorf("the finding is not complete: %+v", f)
				}
				return
			}
			t.Errorf("%s is not among %d findings", tt.rule, len(r.Findings))
		})
	}
}

// The identity of a finding survives a move within the file.
func TestFingerprintSurvivesMoves(t *testing.T) {
	s := fresh(t)()
	prints := func(files map[string]string) []string {
		var all []string
		for _, f := range scannertest.Scan(t, s, files).Findings {
			all = append(all, f.Rule+" "+f.Fingerprint)
		}
		slices.Sort(all)
		return all
	}
	tf := "resource \"aws_s3_bucket\" \"b\" {\n  acl = \"public-read\"\n}\n"
	first := prints(map[string]string{"pod.yaml": badPod, "main.tf": tf, "stack.yaml": badTemplate})
	moved := prints(map[string]string{"pod.yaml": "\n# moved\n" + badPod, "main.tf": "\n\n\n" + tf, "stack.yaml": "# moved\n" + badTemplate})
	if len(first) == 0 || !slices.Equal(first, moved) {
		t.Errorf("got %d and %d fingerprints that differ", len(first), len(moved))
	}
}

func TestLedger(t *testing.T) {
	laughs := "apiVersion: v1\nkind: ConfigMap\na0: &a0 [x, x]\n"
	for i := 1; i < 40; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	const workflow = "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{run: make}]\n"
	tests := []struct {
		name, path, text string
		want             string // "scanned", "skipped", "failed" or "n/a"
		code             gatehouse.GapCode
	}{
		{"YAML that is none of ours", "a.yaml", "a: b\n", "skipped", ""},
		{"broken YAML that is none of ours", "a.yaml", "a: [\n", "skipped", ""},
		{"YAML with our words elsewhere", "a.yaml", "text: the kind of apiVersion\n", "skipped", ""},
		{"a key written with escapes", "a.yaml", "\"api\\x56ersion\": v1\n\"\\u006bind\": Pod\n", "scanned", ""},
		{"JSON with a surrogate pair", "a.json", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "\ud83d\ude00"}}`, "scanned", ""},
		{"broken JSON", "a.json", `{"apiVersion": "v1", "kind": "Pod",`, "failed", gatehouse.GapParse},
		{"broken second document", "a.yaml", badPod + "---\na: [\n", "failed", gatehouse.GapParse},
		{"billion laughs", "a.yaml", laughs, "failed", gatehouse.GapTooLarge},
		{"deep nesting", "a.json", `{"apiVersion": "v1", "kind": "Pod", "a": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", "failed", gatehouse.GapTooLarge},
		{"broken CloudFormation", "a.template", "Resources:\n  A: [\n", "failed", gatehouse.GapParse},
		{"Kubernetes that was not rendered", "a.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  hostNetwork: {{ x }}\n", "scanned", gatehouse.GapUnresolved},
		{"Kubernetes that is no YAML before it is rendered", "a.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  {{ labels }}\n  name: {{ x }}\nspec: {}\n", "scanned", gatehouse.GapUnresolved},
		{"Kubernetes that begins with a directive", "a.yaml", "{{ $n := 1 }}\napiVersion: v1\nkind: Pod\n", "scanned", gatehouse.GapUnresolved},
		{"Kubernetes with a name to replace", "a.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  args: [\n__EXTRA__\n  a b:\n", "scanned", gatehouse.GapUnresolved},
		{"Kubernetes that is cut off", "a.yaml", "apiVersion: v1\nkind: Pod\nspec: [${{ x }}\n", "failed", gatehouse.GapParse},
		{"JSON behind JSON", "a.json", `{"apiVersion": "v1", "kind": "Pod"} {"apiVersion": "v1", "kind": "Pod"}`, "scanned", ""},
		{"something behind JSON", "a.json", `{"apiVersion": "v1", "kind": "Pod"} x`, "failed", gatehouse.GapParse},
		{"a workflow", ".github/workflows/a.yml", workflow, "scanned", ""},
		{"the workflow of an installed package", "web/node_modules/a/.github/workflows/a.yml", workflow, "skipped", ""},
		{"a broken workflow of an installed package", "web/node_modules/a/.github/workflows/a.yml", workflow + "  [", "skipped", ""},
		{"a broken workflow", ".github/workflows/a.yml", workflow + "  [", "failed", gatehouse.GapParse},
		{"Kubernetes of an installed package", "node_modules/a/pod.yaml", badPod, "scanned", ""},
		{"an included template", "a.yaml", "Resources:\n  A: {\"Fn::Transform\": {Name: \"AWS::Include\"}}\n", "scanned", gatehouse.GapUnresolved},
		{"a macro over the template", "a.yaml", "Transform: Mine\nResources:\n  A: {Type: \"AWS::SNS::Topic\"}\n", "scanned", gatehouse.GapUnresolved},
		{"a nested stack", "a.yaml", "Resources:\n  A: {Type: \"AWS::CloudFormation::Stack\", Properties: {TemplateURL: \"https://example.com/a.yaml\"}}\n", "scanned", gatehouse.GapUnresolved},
		{"a nested stack of the target", "a.yaml", "Resources:\n  A: {Type: \"AWS::CloudFormation::Stack\", Properties: {TemplateURL: other.yaml}}\n", "scanned", ""},
		{"a CloudFormation module", "a.yaml", "Resources:\n  A: {Type: \"My::S3::Bucket::MODULE\"}\n", "scanned", gatehouse.GapUnresolved},
		{"other values", "prod.tfvars", "a = 1\n", "skipped", ""},
		{"a text about Dockerfiles", "Dockerfile.md", "# text\n", "n/a", ""},
		{"a Dockerfile of a variant", "Dockerfile.prod-1.2", goodDockerfile, "scanned", ""},
		{"a Containerfile", "Containerfile", goodDockerfile, "scanned", ""},
		{"an empty Dockerfile", "Dockerfile", "", "failed", gatehouse.GapParse},
		{"a binary Dockerfile", "Dockerfile", "FROM a\n\x00", "failed", gatehouse.GapParse},
		{"a shell that nests", "Dockerfile", "FROM a:1\nRUN " + strings.Repeat("$(", 20_000) + "\n", "scanned", ""},
	}
	s := fresh(t)()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := scannertest.Scan(t, s, map[string]string{tt.path: tt.text})
			f := r.Coverage.Files[0]
			got := map[bool]string{len(f.Scanned) > 0: "scanned", len(f.Skipped) > 0: "skipped", len(f.Failed) > 0: "failed", len(f.NotApplicable) > 0: "n/a"}[true]
			if got != tt.want {
				t.Errorf("got %s, want %s: %+v", got, tt.want, f)
			}
			code := gatehouse.GapCode("")
			if len(r.Coverage.Gaps) > 0 {
				code = r.Coverage.Gaps[0].Code
			}
			if code != tt.code {
				t.Errorf("got the gap %q, want %q", code, tt.code)
			}
		})
	}
}

// Files of a chart that are something else are still looked at as that.
func TestChartAtTheRoot(t *testing.T) {
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"Chart.yaml": chart, "templates/a.yaml": "a: {{ .Values.x }}\n",
		"Dockerfile": "FROM a:1\nUSER root\n", "deploy/pod.yaml": badPod, "tf/main.tf": `resource "aws_s3_bucket" "b" { acl = "public-read" }`,
	})
	for _, path := range []string{"Dockerfile", "deploy/pod.yaml", "tf/main.tf"} {
		if !slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Location.Path == path }) {
			t.Errorf("there is no finding in %s", path)
		}
	}
}

// A rendered finding stands on the line of the template that reads the same.
func TestTemplateLines(t *testing.T) {
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"app/Chart.yaml": chart, "app/templates/pod.yaml": "{{- if true }}\n{{- $x := 1 }}\n" + badPod + "{{- end }}\n",
	})
	for _, f := range r.Findings {
		if f.Rule == "KSV-0017" {
			if f.Location.String() != "app/templates/pod.yaml:10" || f.Misconfiguration.Type != "helm" {
				t.Errorf("got %s %+v", f.Location, f.Misconfiguration)
			}
			return
		}
	}
	t.Errorf("KSV-0017 is not among %d findings", len(r.Findings))
}

func BenchmarkNew(b *testing.B) {
	for range b.N {
		fresh(b)()
	}
}

// BenchmarkColdDockerfile is what one Dockerfile costs a new process.
func BenchmarkColdDockerfile(b *testing.B) {
	for range b.N {
		scannertest.Scan(b, fresh(b)(), map[string]string{"Dockerfile": goodDockerfile})
	}
}

// A resource that crashes the adapter of its provider does not hide the others.
func TestAdapterCrash(t *testing.T) {
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"main.tf": "resource \"google_dns_managed_zone\" \"x\" {\n  dnssec_config {}\n}\nresource \"aws_s3_bucket\" \"b\" { acl = \"public-read\" }\n",
	})
	if !slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == "AWS-0092" }) {
		t.Error("the finding of another provider is missing")
	}
	for _, g := range r.Coverage.Gaps {
		if !strings.Contains(g.Reason, "google") {
			t.Errorf("unexpected gap %+v", g)
		}
	}
}

// The checks of our own fire on old TLS and are silent on TLS 1.2 and 1.3.
func TestOverridesOfChecks(t *testing.T) {
	tests := []struct{ rule, text, bad, good, better string }{
		{"AWS-0005", `resource "aws_api_gateway_domain_name" "x" { security_policy = "%s" }`, "TLS_1_0", "TLS_1_2", "SecurityPolicy_TLS13_1_3_2025_09"},
		{"AWS-0013", "resource \"aws_cloudfront_distribution\" \"x\" {\n  viewer_certificate { minimum_protocol_version = \"%s\" }\n}\n", "TLSv1.2_2019", "TLSv1.2_2021", "TLSv1.3_2025"},
		{"AZU-0006", "resource \"azurerm_app_service\" \"x\" {\n  site_config { min_tls_version = \"%s\" }\n}\n", "1.0", "1.2", "1.3"},
		{"AZU-0059", "resource \"azurerm_storage_account\" \"x\" {\n  https_traffic_only_enabled = true\n  min_tls_version = \"%s\"\n}\n", "TLS1_0", "TLS1_2", "TLS1_3"},
		{"GCP-0039", `resource "google_compute_ssl_policy" "x" { min_tls_version = "%s" }`, "TLS_1_1", "TLS_1_2", "TLS_1_3"},
	}
	s := fresh(t)()
	for _, tt := range tests {
		for value, want := range map[string]bool{tt.bad: true, tt.good: false, tt.better: false} {
			r := scannertest.Scan(t, s, map[string]string{"main.tf": fmt.Sprintf(tt.text, value)})
			if got := slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == tt.rule }); got != want {
				t.Errorf("%s with %q: got %v, want %v", tt.rule, value, got, want)
			}
		}
	}
}

// What DS-0001 says of images whose names have variables, ports and digests in
// them.
func TestLatestTag(t *testing.T) {
	for _, tt := range []struct {
		dockerfile string
		want       []int // lines
	}{
		{"FROM a\n", []int{1}},
		{"FROM a:latest\n", []int{1}},
		{"FROM a:1\n", nil},
		{"FROM scratch\n", nil},
		{"FROM r.example:5000/a\n", []int{1}},
		{"FROM r.example:5000/a:1\n", nil},
		{"FROM a@sha256:" + strings.Repeat("0", 64) + "\n", nil},
		{"FROM a:1 AS Build\nFROM build\n", nil},
		{"ARG A=a\nFROM $A\n", []int{2}},
		{"ARG A=a\nARG A=${A}:1\nARG A=a:1\nFROM $A\n", nil},
		{"ARG A=a:1\nARG A=\"a\"\nFROM ${A}\n", []int{3}},
		{"ARG A\nFROM $A\n", nil},
		{"ARG A=1\nFROM a:${A}\n", nil},
		{"ARG A=latest\nFROM a:${A}\n", []int{2}},
		{"ARG R\nFROM $R/a\n", []int{2}},
	} {
		r := scannertest.Scan(t, fresh(t)(), map[string]string{"Dockerfile": tt.dockerfile})
		var got []int
		for _, f := range r.Findings {
			if f.Rule == "DS-0001" {
				got = append(got, f.Location.Line)
			}
		}
		if len(r.Coverage.Gaps) > 0 || !slices.Equal(got, tt.want) {
			t.Errorf("%q: lines %v, want %v; gaps %+v", tt.dockerfile, got, tt.want, r.Coverage.Gaps)
		}
	}
}
