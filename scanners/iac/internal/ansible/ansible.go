// Package ansible reads playbooks, tasks, variables and requirements of Ansible
// (https://docs.ansible.com/ansible/latest/reference_appendices/playbooks_keywords.html)
// into the model that checks see. Templates are not evaluated: a value with
// "{{" in it is known to be one.
package ansible

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// File is one file. Lines are 1-based.
type File struct {
	Plays []Play `json:"plays"`
	// Tasks are those of all plays, blocks and handlers.
	Tasks []Task `json:"tasks"`
	Vars  []Arg  `json:"vars"`
	// Requirements are the roles and collections that the file asks for.
	Requirements []Requirement `json:"requirements"`
	// Undecided are switches whose value is a template.
	Undecided []Arg `json:"-"`
}

// Play is a play of a playbook.
type Play struct {
	Name       string `json:"name"`
	Line       int    `json:"line"`
	RemoteUser Arg    `json:"remote_user"`
}

// Task is one call of a module.
type Task struct {
	Name string `json:"name"` // or that of the module
	Line int    `json:"line"`
	// Module is without its collection, such as "get_url".
	Module     string `json:"module"`
	Args       []Arg  `json:"args"`
	Free       string `json:"free"` // a command
	FreeLine   int    `json:"free_line"`
	NoLog      bool   `json:"no_log"` // it is set, if only to a template
	Ignore     int    `json:"ignore"` // line that ignores errors; 0 if none does
	Registered bool   `json:"registered"`
}

// Arg is a named value. Those in lists and mappings have the name of the
// argument, or a path such as "env.TOKEN".
type Arg struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Line  int    `json:"line"`
	// Template is true if the value is computed, Encrypted if it is in a vault.
	Template  bool `json:"template"`
	Encrypted bool `json:"encrypted"`
	Bool      bool `json:"bool"` // it is a switch that is on
	Off       bool `json:"off"`  // it is a switch that is off
}

// Requirement is a role or collection of others.
type Requirement struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Line    int    `json:"line"`
}

// isKeyword reports whether a key of a task is no module.
func isKeyword(key string) bool {
	switch key {
	case "action", "any_errors_fatal", "args", "async", "become", "become_exe", "become_flags", "become_method", "become_user", "changed_when",
		"check_mode", "collections", "connection", "debugger", "delay", "delegate_facts", "delegate_to", "diff", "environment", "failed_when",
		"ignore_errors", "ignore_unreachable", "listen", "local_action", "loop", "loop_control", "module_defaults", "name", "no_log", "notify",
		"poll", "port", "register", "remote_user", "retries", "run_once", "tags", "throttle", "timeout", "until", "vars", "when",
		"block", "rescue", "always", "first_available_file":
		return true
	}
	return strings.HasPrefix(key, "with_")
}

// isModule reports whether a key is a module, as far as that tells a list of tasks
// from other lists.
func isModule(key string) bool {
	if i := strings.LastIndexByte(key, '.'); i > 0 && strings.Count(key, ".") == 2 {
		return true // of a collection
	}
	switch key {
	case "apt", "apt_key", "apt_repository", "assert", "blockinfile", "command", "copy", "cron", "debug", "dnf", "docker_container", "fail", "file",
		"fetch", "find", "firewalld", "get_url", "git", "group", "include_role", "include_tasks", "import_role", "import_tasks", "include_vars", "lineinfile",
		"mount", "package", "pip", "raw", "replace", "script", "selinux", "service", "set_fact", "setup", "shell", "slurp", "stat", "sysctl", "systemd",
		"template", "ufw", "unarchive", "uri", "user", "wait_for", "yum", "yum_repository", "authorized_key", "meta", "add_host", "pause", "hostname":
		return true
	}
	return false
}

// kind is what a file is, "" if it is none of Ansible.
func kind(name string, doc *yaml.Node) string {
	if IsNamed(name) {
		return "tasks"
	}
	name = "/" + strings.ToLower(name)
	if doc.Kind == yaml.SequenceNode {
		first := items(doc)
		if len(first) == 0 {
			return ""
		}
		for _, n := range first {
			if n.Kind != yaml.MappingNode {
				return ""
			}
		}
		n := first[0]
		switch {
		case document.Get(n, "hosts") != nil && (document.Get(n, "tasks") != nil || document.Get(n, "roles") != nil || document.Get(n, "pre_tasks") != nil || document.Get(n, "gather_facts") != nil || document.Get(n, "become") != nil || document.Get(n, "vars") != nil || document.Get(n, "handlers") != nil || document.Get(n, "remote_user") != nil),
			document.Get(n, "import_playbook") != nil, document.Get(n, "ansible.builtin.import_playbook") != nil:
			return "playbook"
		}
		inTasks := strings.Contains(name, "/tasks/") || strings.Contains(name, "/handlers/")
		tasks := 0
		for _, n := range first {
			if isTask(n) {
				tasks++
			}
		}
		if tasks == len(first) || inTasks && tasks > 0 {
			return "tasks"
		}
		if isRequirements(name) && (document.Get(n, "src") != nil || document.Get(n, "role") != nil) {
			return "requirements"
		}
		return ""
	}
	switch base := path.Base(path.Dir(name)); {
	case doc.Kind != yaml.MappingNode:
	case isRequirements(name) && (list(doc, "roles") || list(doc, "collections")):
		return "requirements"
	case strings.Contains(name, "/group_vars/"), strings.Contains(name, "/host_vars/"),
		strings.Contains(name, "/roles/") && (base == "vars" || base == "defaults"):
		return "vars"
	}
	return ""
}

func list(doc *yaml.Node, key string) bool {
	n := document.Get(doc, key)
	return n != nil && n.Kind == yaml.SequenceNode
}

func isRequirements(name string) bool {
	base := path.Base(name)
	return base == "requirements.yml" || base == "requirements.yaml"
}

// isTask reports whether a mapping is a task: it calls one module, and all
// other keys are those of tasks.
func isTask(n *yaml.Node) bool {
	modules, known := 0, false
	for i := 0; i < len(n.Content); i += 2 {
		key := document.Resolve(n.Content[i]).Value
		switch {
		case key == "block", key == "local_action", key == "action":
			known = true
		case isKeyword(key):
		default:
			modules++
			known = known || isModule(key)
		}
	}
	return known && modules <= 1
}

// IsNamed reports whether the path alone says that a file is one of Ansible.
func IsNamed(name string) bool {
	name = "/" + strings.ToLower(name)
	ext := path.Ext(name)
	return (ext == ".yml" || ext == ".yaml") && strings.Contains(name, "/roles/") && (strings.Contains(name, "/tasks/") || strings.Contains(name, "/handlers/"))
}

// Is reports whether a document is one of Ansible.
func Is(name string, doc *yaml.Node) bool { return kind(name, doc) != "" }

// Read reads a document whose aliases are written out, and for which [Is] is
// true.
func Read(name string, doc *yaml.Node) (*File, error) {
	r := &reader{file: &File{}}
	switch kind(name, doc) {
	case "playbook":
		for _, play := range items(doc) {
			if err := r.play(play); err != nil {
				return nil, err
			}
		}
	case "tasks":
		if err := r.tasks(doc, Task{}); err != nil {
			return nil, err
		}
	case "requirements":
		r.requirements(doc)
	case "vars":
		r.vars(doc)
	}
	return r.file, nil
}

type reader struct{ file *File }

func (r *reader) play(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a play is no mapping", n.Line)
	}
	p := Play{Name: document.String(n, "name"), Line: n.Line}
	if p.Name == "" {
		p.Name = document.String(n, "hosts")
	}
	if u := document.Get(n, "remote_user"); u != nil {
		p.RemoteUser = arg("remote_user", u)
	}
	r.file.Plays = append(r.file.Plays, p)
	r.vars(document.Get(n, "vars"))
	for _, key := range []string{"pre_tasks", "tasks", "post_tasks", "handlers"} {
		tasks := document.Get(n, key)
		if tasks == nil || tasks.ShortTag() == "!!null" {
			continue
		}
		if err := r.tasks(tasks, Task{NoLog: on(document.Get(n, "no_log"))}); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) tasks(n *yaml.Node, above Task) error {
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: the tasks are no list", n.Line)
	}
	for _, t := range items(n) {
		if t.Kind != yaml.MappingNode {
			return fmt.Errorf("line %d: a task is no mapping", t.Line)
		}
		if err := r.task(t, above); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) task(n *yaml.Node, above Task) error {
	t := Task{Name: document.String(n, "name"), Line: n.Line, NoLog: above.NoLog, Ignore: above.Ignore}
	if v := document.Get(n, "no_log"); v != nil {
		t.NoLog = on(v)
	}
	if v := document.Get(n, "ignore_errors"); v != nil {
		t.Ignore = 0
		if isTrue(v.Value) {
			t.Ignore = v.Line
		}
	}
	t.Registered = document.Get(n, "register") != nil
	r.vars(document.Get(n, "vars"))
	block := false
	for _, key := range []string{"block", "rescue", "always"} {
		if b := document.Get(n, key); b != nil {
			block = true
			if err := r.tasks(b, t); err != nil {
				return err
			}
		}
	}
	if block {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := document.Resolve(n.Content[i]), document.Resolve(n.Content[i+1])
		switch {
		case key.Value == "action" || key.Value == "local_action":
			t.Module, t.Free, t.FreeLine = "", "", key.Line
			if value.Kind == yaml.ScalarNode {
				module, rest, _ := strings.Cut(strings.TrimSpace(value.Value), " ")
				t.Module = short(module)
				t.free(rest, value)
			} else {
				t.Module = short(document.String(value, "module"))
				t.collect("", value, 0)
			}
		case isKeyword(key.Value):
		default:
			t.Module = short(key.Value)
			if value.Kind == yaml.ScalarNode {
				t.free(value.Value, value)
			} else {
				t.collect("", value, 0)
			}
		}
	}
	for _, key := range []string{"args", "environment"} {
		if v := document.Get(n, key); v != nil {
			prefix := ""
			if key == "environment" {
				prefix = "environment"
			}
			t.collect(prefix, v, 0)
		}
	}
	if t.Name == "" {
		t.Name = t.Module
	}
	for _, a := range t.Args {
		if a.Template && slices.Contains([]string{"validate_certs", "disable_gpg_check", "gpgcheck", "sslverify", "allow_unauthenticated", "privileged"}, a.Name) {
			r.file.Undecided = append(r.file.Undecided, a)
		}
	}
	r.file.Tasks = append(r.file.Tasks, t)
	return nil
}

// free reads the arguments of a module that are written as a text.
func (t *Task) free(text string, n *yaml.Node) {
	switch t.Module {
	case "shell", "command", "raw", "script", "win_shell", "win_command":
		t.Free, t.FreeLine = text, n.Line
		return
	}
	for _, word := range strings.Fields(text) {
		if name, value, ok := strings.Cut(word, "="); ok {
			t.Args = append(t.Args, arg(name, &yaml.Node{Kind: yaml.ScalarNode, Value: strings.Trim(value, `"'`), Line: n.Line}))
		}
	}
}

// collect adds the scalars of a mapping.
func (t *Task) collect(prefix string, n *yaml.Node, level int) {
	if level > 20 {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := document.Resolve(n.Content[i]).Value
			if prefix != "" {
				key = prefix + "." + key
			}
			t.collect(key, document.Resolve(n.Content[i+1]), level+1)
		}
	case yaml.SequenceNode:
		for _, c := range items(n) {
			t.collect(prefix, c, level+1)
		}
	case yaml.ScalarNode:
		a := arg(prefix, n)
		if (prefix == "cmd" || prefix == "argv" || prefix == "_raw_params") && t.Module != "" {
			t.Free, t.FreeLine = strings.TrimSpace(t.Free+" "+n.Value), n.Line
		}
		t.Args = append(t.Args, a)
	}
}

func (r *reader) vars(n *yaml.Node) {
	t := Task{}
	if n != nil {
		t.collect("", n, 0)
	}
	r.file.Vars = append(r.file.Vars, t.Args...)
}

func (r *reader) requirements(doc *yaml.Node) {
	add := func(n *yaml.Node) {
		q := Requirement{Line: n.Line}
		if n.Kind == yaml.ScalarNode {
			q.Name, q.Version, _ = strings.Cut(n.Value, ",")
		} else {
			q.Version = document.String(n, "version")
			for _, key := range []string{"name", "src", "role", "source"} {
				if q.Name = document.String(n, key); q.Name != "" {
					break
				}
			}
		}
		if document.String(n, "type") != "dir" && document.String(n, "type") != "subdirs" {
			r.file.Requirements = append(r.file.Requirements, q)
		}
	}
	all := items(doc)
	if doc.Kind == yaml.MappingNode {
		for _, key := range []string{"roles", "collections"} {
			if n := document.Get(doc, key); n != nil {
				all = append(all, items(n)...)
			}
		}
	}
	for _, n := range all {
		add(n)
	}
}

func arg(name string, n *yaml.Node) Arg {
	a := Arg{Name: name, Value: n.Value, Line: n.Line, Template: strings.Contains(n.Value, "{{") || strings.Contains(n.Value, "{%"), Encrypted: n.Tag == "!vault"}
	switch strings.ToLower(n.Value) {
	case "true", "yes", "on", "y":
		a.Bool = true
	case "false", "no", "off", "n":
		a.Off = true
	}
	if a.Encrypted {
		a.Value = ""
	}
	return a
}

// on reports whether a switch is on, or computed.
func on(n *yaml.Node) bool {
	return n != nil && (isTrue(n.Value) || strings.Contains(n.Value, "{{"))
}

func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "y", "1":
		return true
	}
	return false
}

// short is the name of a module without its collection.
func short(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }

func items(n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	all := make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		all[i] = document.Resolve(c)
	}
	return all
}
