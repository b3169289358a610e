package ansible_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ansible"
)

func parse(t *testing.T, text string) *yaml.Node {
	t.Helper()
	docs, err := document.Parse([]byte(text))
	if err != nil || len(docs) != 1 {
		t.Fatal(len(docs), err)
	}
	return docs[0]
}

func TestIs(t *testing.T) {
	tests := []struct {
		path, text string
		want       bool
	}{
		{"site.yml", "- hosts: all\n  tasks: []", true},
		{"site.yml", "- import_playbook: a.yml", true},
		{"x.yml", "- name: a\n  ansible.builtin.shell: b", true},
		{"x.yml", "- name: a\n  shell: b\n- c", false},
		{"x.yml", "- name: a\n  run: b", false},
		{"x.yml", "- hosts: [a]\n  http: {}", false},
		{"roles/a/tasks/main.yml", "- my_module: {}", true},
		{"roles/a/tasks/main.yml", "a: b", true}, // and cannot be read
		{"roles/a/defaults/main.yml", "a: b", true},
		{"app/defaults/main.yml", "a: b", false},
		{"requirements.yml", "roles: [a]", true},
		{"requirements.yml", "a: b", false},
	}
	for _, tt := range tests {
		if got := ansible.Is(tt.path, parse(t, tt.text)); got != tt.want {
			t.Errorf("%s %q: got %v", tt.path, tt.text, got)
		}
	}
}

// Blocks hand on what is said of them, modules lose their collection, and both
// forms of arguments are read.
func TestRead(t *testing.T) {
	file, err := ansible.Read("site.yml", parse(t, `
- hosts: all
  tasks:
  - no_log: true
    ignore_errors: yes
    block:
    - ansible.builtin.get_url: url=https://a dest="/b"
    rescue:
    - local_action: command echo {{ x }}
      ignore_errors: false
  - uri: {url: "https://a", headers: {A: [b, c]}, validate_certs: "{{ v }}"}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Tasks) != 3 {
		t.Fatalf("%d tasks", len(file.Tasks))
	}
	a, b, c := file.Tasks[0], file.Tasks[1], file.Tasks[2]
	if a.Module != "get_url" || len(a.Args) != 2 || a.Args[1].Value != "/b" || !a.NoLog || a.Ignore != 5 || a.Args[0].Line != 7 {
		t.Errorf("got %+v", a)
	}
	if b.Module != "command" || b.Free != "echo {{ x }}" || !b.NoLog || b.Ignore != 0 {
		t.Errorf("got %+v", b)
	}
	if c.NoLog || len(c.Args) != 4 || c.Args[2].Name != "headers.A" || len(file.Undecided) != 1 {
		t.Errorf("got %+v %+v", c, file.Undecided)
	}
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"- hosts: a\n  tasks: {a: b}":                  "line 2: the tasks are no list",
		"- hosts: a\n  tasks: [a]":                     "line 2: a task is no mapping",
		"- hosts: a\n  tasks: [{block: x}]":            "line 2: the tasks are no list",
		"- hosts: a\n  tasks:\n- b":                    "",
		"- hosts: a\n  tasks: [{shell: [[{a: [1]}]]}]": "",
		"- hosts: a\n  vars: [1]\n  tasks: []":         "",
	} {
		_, err := ansible.Read("site.yml", parse(t, text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := ansible.Read("roles/a/tasks/main.yml", parse(t, "a: b")); err == nil {
		t.Error("a mapping for tasks is read")
	}
}
