package iac_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// A file that is recognised and cannot be read has failed, and a part that lies
// elsewhere is a gap; both name the place.
func TestFormatsThatCannotBeRead(t *testing.T) {
	tests := []struct{ name, path, text, want string }{
		{"Compose that is a list", "compose.yaml", "- a\n", "no mapping with services"},
		{"Compose that is cut off", "docker-compose.yml", "services:\n  a: [\n", "parse YAML"},
		{"Compose of services that are none", "compose.yaml", "services:\n  a: b\n", "line 2"},
		{"Compose from the network", "compose.yaml", "include: [\"oci://example.com/a\"]\nservices: {}\n", "oci://example.com/a"},
		{"a variable of Compose", "compose.yaml", "services: {a: {image: \"a:1\", pid: \"${MODE}\"}}\n", "MODE"},
		{"tasks that are no list", "roles/a/tasks/main.yml", "a: b\n", "no list"},
		{"a playbook that is cut off", "site.yml", "- hosts: all\n  tasks:\n  - shell: [\n", "parse YAML"},
		{"a switch of Ansible that is a template", "site.yml", "- hosts: all\n  tasks:\n  - uri: {url: \"https://a\", validate_certs: \"{{ v }}\"}\n", "validate_certs is a template"},
		{"a Serverless configuration that is a list", "serverless.yml", "- a\n", "no mapping"},
		{"Serverless functions elsewhere", "serverless.yml", "service: a\nprovider: {name: aws}\nfunctions: ${file(f.yml)}\n", "serverless print"},
		{"OpenAPI whose paths are a list", "api.yaml", "openapi: 3.0.0\npaths: [a]\n", "line 2: paths is no mapping"},
		{"OpenAPI that is cut off", "api.json", "{\"openapi\": \"3.0.0\", \"paths\": {", "parse JSON"},
		{"OpenAPI in other files", "api.yaml", "openapi: 3.0.0\nsecurity: []\npaths:\n  /a: {$ref: a.yaml}\n", "a.yaml"},
		{"a preview of Pulumi", "preview.json", `{"steps": [{"op": "create", "urn": "urn:pulumi:dev::a::aws:s3/bucket:Bucket::b"}]}`, "not judged"},
	}
	s := fresh(t)()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := scannertest.Scan(t, s, map[string]string{tt.path: tt.text})
			if len(r.Coverage.Gaps) != 1 || !strings.Contains(r.Coverage.Gaps[0].Reason, tt.want) || r.Coverage.Gaps[0].Path != tt.path {
				t.Errorf("got %+v, want one gap with %q", r.Coverage.Gaps, tt.want)
			}
		})
	}
}

// What resembles a format and is none is left alone.
func TestNoFormat(t *testing.T) {
	for path, text := range map[string]string{
		"a.yaml":                    "swagger: see paths\ninfo: none\n",
		"b.yaml":                    "- name: a\n  hosts: [x]\n",
		"services.yaml":             "services:\n  a: {image: b}\nother: c\n",
		"c.json":                    `{"format_version": "1", "resource": []}`,
		"broken/openapi-notes.yaml": "openapi and paths: [\n",
		"vars/a.yml":                "db_password: x\n",
	} {
		r := scannertest.Scan(t, fresh(t)(), map[string]string{path: text})
		if len(r.Findings) > 0 || len(r.Coverage.Gaps) > 0 || len(r.Coverage.Files[0].Scanned) > 0 {
			t.Errorf("%s: %+v %+v", path, r.Coverage.Gaps, r.Coverage.Files[0])
		}
	}
}

// The resources of a Serverless configuration are judged as CloudFormation, at
// their line.
func TestServerlessResources(t *testing.T) {
	r := scannertest.Scan(t, fresh(t)(), map[string]string{"api/serverless.yml": `service: a
provider: {name: aws}
x-acl: &acl PublicRead
resources:
  - Resources:
      Logs:
        Type: AWS::S3::Bucket
        Properties:
          AccessControl: *acl
`})
	i := slices.IndexFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == "AWS-0092" })
	if i < 0 {
		t.Fatalf("AWS-0092 is not among %d findings; gaps %+v", len(r.Findings), r.Coverage.Gaps)
	}
	if f := r.Findings[i]; f.Location.String() != "api/serverless.yml:6" || f.Misconfiguration.Resource != "Logs" || f.Misconfiguration.Type != "serverless" {
		t.Errorf("got %s %+v", f.Location, f.Misconfiguration)
	}
}
