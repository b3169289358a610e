// Package compose reads files of Docker Compose
// (https://github.com/compose-spec/compose-spec) into the model that checks
// see: what of each service matters to its security, with lines.
package compose

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// File is one file. Lines are 1-based.
type File struct {
	Services []Service `json:"services"`
	// Volumes are the named volumes that are directories of the host.
	Volumes []Mount `json:"volumes"`
	// Unknown are the variables without a value on which the judgement depends.
	Unknown []Variable `json:"-"`
	// Remote are files of others that are made part of this one.
	Remote []Value `json:"-"`
}

// Variable is a variable that the environment must give.
type Variable struct {
	Name string
	Line int
}

// Value is a text and its place.
type Value struct {
	Text string `json:"text"`
	Line int    `json:"line"`
}

// Service is one service, as far as it is written in the file.
type Service struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	// Image is empty if the service has none.
	Image Image `json:"image"`
	// Privileged is the line that says so; 0 if none does.
	Privileged int `json:"privileged"`
	// Modes are those of namespaces: "network_mode", "pid", "ipc", "uts",
	// "userns_mode", "cgroup".
	Modes       []Setting `json:"modes"`
	CapAdd      []Value   `json:"cap_add"`
	SecurityOpt []Value   `json:"security_opt"`
	// User is empty if the image decides.
	User        Value    `json:"user"`
	Env         []Var    `json:"env"`
	Mounts      []Mount  `json:"mounts"`
	Ports       []Port   `json:"ports"`
	Devices     []Value  `json:"devices"`
	DeviceRules []Value  `json:"device_rules"`
	Command     []string `json:"command"`
	CommandLine int      `json:"command_line"`
}

// Setting is a named value.
type Setting struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Line int    `json:"line"`
}

// Image is a reference to an image.
type Image struct {
	Text string `json:"text"`
	Line int    `json:"line"`
	// Pin is "digest", "tag", "none" or "unknown". "latest" is none.
	Pin string `json:"pin"`
	// Name is the last part without tag, such as "postgres".
	Name string `json:"name"`
	// Built is true if the service builds it.
	Built bool `json:"built"`
}

// Var is a variable of the environment, or an argument of the build.
type Var struct {
	Name string `json:"name"`
	// Literal is true if the value stands in the file.
	Literal bool   `json:"literal"`
	Value   string `json:"value"`
	Line    int    `json:"line"`
	Build   bool   `json:"build"`
}

// Mount is a path of the host in a container.
type Mount struct {
	Source   string `json:"source"` // cleaned
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
	Line     int    `json:"line"`
}

// Port is a published port of a container.
type Port struct {
	HostIP    string `json:"host_ip"` // empty means all addresses
	Published string `json:"published"`
	Target    string `json:"target"`
	Text      string `json:"text"`
	Line      int    `json:"line"`
}

// IsName reports whether a file is named like one of Compose.
func IsName(name string) bool {
	base := strings.ToLower(path.Base(name))
	stem, ok := strings.CutSuffix(base, ".yaml")
	if !ok {
		if stem, ok = strings.CutSuffix(base, ".yml"); !ok {
			return false
		}
	}
	for _, main := range []string{"docker-compose", "compose", "podman-compose", "container-compose"} {
		if stem == main || strings.HasPrefix(stem, main+".") || main != "compose" && (strings.HasPrefix(stem, main+"-") || strings.HasPrefix(stem, main+"_")) {
			return true
		}
	}
	return strings.HasSuffix(stem, ".compose") || strings.HasSuffix(stem, "-compose")
}

// Is reports whether a document is a file of Compose, by its name or by its
// form.
func Is(name string, doc *yaml.Node) bool {
	services := document.Get(doc, "services")
	if services == nil {
		return IsName(name) && (doc.Kind != yaml.MappingNode || document.Get(doc, "include") != nil)
	}
	if IsName(name) {
		return true
	}
	if services.Kind != yaml.MappingNode || len(services.Content) == 0 {
		return false
	}
	for i := 1; i < len(services.Content); i += 2 {
		s := document.Resolve(services.Content[i])
		if document.Get(s, "image") == nil && document.Get(s, "build") == nil && document.Get(s, "extends") == nil {
			return false
		}
	}
	// Other formats have services as well: those of Compose have only these
	// elements beside them.
	for i := 0; i < len(doc.Content); i += 2 {
		switch key := document.Resolve(doc.Content[i]).Value; {
		case slices.Contains([]string{"services", "version", "name", "networks", "volumes", "configs", "secrets", "include", "models"}, key), strings.HasPrefix(key, "x-"), key == "<<":
		default:
			return false
		}
	}
	return true
}

// Read reads a document whose aliases are written out.
func Read(doc *yaml.Node) (*File, error) {
	if doc.Kind != yaml.MappingNode {
		return nil, errors.New("it is named like a file of Docker Compose, but is no mapping with services")
	}
	r := &reader{file: &File{}, seen: map[string]bool{}}
	for _, inc := range list(document.Get(doc, "include")) {
		text := inc.Value
		if inc.Kind == yaml.MappingNode {
			text = document.String(inc, "path")
		}
		r.remote(text, inc.Line)
	}
	r.volumes(document.Get(doc, "volumes"))
	services := document.Get(doc, "services")
	if services == nil || services.ShortTag() == "!!null" {
		return r.file, nil
	}
	if services.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: services is no mapping of names to services", services.Line)
	}
	for i := 0; i+1 < len(services.Content); i += 2 {
		key, value := document.Resolve(services.Content[i]), document.Resolve(services.Content[i+1])
		if value.ShortTag() == "!!null" {
			continue
		}
		if value.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: the service %q is no mapping", value.Line, key.Value)
		}
		r.file.Services = append(r.file.Services, r.service(key, value))
	}
	return r.file, nil
}

type reader struct {
	file *File
	seen map[string]bool // variables that are noted
}

func (r *reader) remote(text string, line int) {
	if strings.Contains(text, "://") || strings.HasPrefix(text, "git@") {
		r.file.Remote = append(r.file.Remote, Value{text, line})
	}
}

func (r *reader) service(key, n *yaml.Node) Service {
	s := Service{Name: key.Value, Line: max(key.Line, 1)}
	s.Image = image(n)
	if p := document.Get(n, "privileged"); p != nil && isTrue(r.decided(p)) {
		s.Privileged = p.Line
	}
	if ext := document.Get(n, "extends"); ext != nil {
		r.remote(document.String(ext, "file"), ext.Line)
	}
	for _, name := range []string{"network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"} {
		if v := document.Get(n, name); v != nil {
			s.Modes = append(s.Modes, Setting{name, r.decided(v), v.Line})
		}
	}
	s.CapAdd = r.texts(document.Get(n, "cap_add"))
	s.SecurityOpt = r.texts(document.Get(n, "security_opt"))
	s.DeviceRules = r.texts(document.Get(n, "device_cgroup_rules"))
	for _, d := range list(document.Get(n, "devices")) {
		text := d.Value
		if d.Kind == yaml.MappingNode {
			text = document.String(d, "source")
		}
		s.Devices = append(s.Devices, Value{text, d.Line})
	}
	if u := document.Get(n, "user"); u != nil {
		s.User = Value{r.decided(u), u.Line}
	}
	s.Env = vars(document.Get(n, "environment"), false)
	if build := document.Get(n, "build"); build != nil {
		s.Env = append(s.Env, vars(document.Get(build, "args"), true)...)
		r.remote(contextOf(build), build.Line)
		if p := document.Get(build, "privileged"); p != nil && s.Privileged == 0 && isTrue(r.decided(p)) {
			s.Privileged = p.Line
		}
	}
	for _, v := range list(document.Get(n, "volumes")) {
		if m, ok := r.mount(v); ok {
			s.Mounts = append(s.Mounts, m)
		}
	}
	for _, p := range list(document.Get(n, "ports")) {
		s.Ports = append(s.Ports, r.port(p))
	}
	if c := document.Get(n, "command"); c != nil {
		s.CommandLine = c.Line
		for _, part := range list(c) {
			s.Command = append(s.Command, strings.Fields(part.Value)...)
		}
	}
	return s
}

func contextOf(build *yaml.Node) string {
	if build.Kind == yaml.ScalarNode {
		return build.Value
	}
	return document.String(build, "context")
}

// volumes notes the named volumes that are directories of the host.
func (r *reader) volumes(n *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 1; i < len(n.Content); i += 2 {
		opts := document.Get(n.Content[i], "driver_opts")
		if opts == nil || !strings.Contains(document.String(opts, "o"), "bind") {
			continue
		}
		if device := document.Get(opts, "device"); device != nil {
			if source := r.decided(device); strings.HasPrefix(source, "/") {
				r.file.Volumes = append(r.file.Volumes, Mount{Source: path.Clean(source), Line: device.Line})
			}
		}
	}
}

// mount reads a mount of a path of the host.
func (r *reader) mount(n *yaml.Node) (Mount, bool) {
	m := Mount{Line: n.Line}
	source := n
	var text string
	if n.Kind == yaml.MappingNode {
		if document.String(n, "type") != "bind" {
			return m, false
		}
		source = document.Get(n, "source")
		if source == nil {
			return m, false
		}
		text = source.Value
		m.Target = document.String(n, "target")
		m.ReadOnly = isTrue(document.String(n, "read_only"))
	} else {
		parts := splitColons(n.Value)
		if len(parts) < 2 {
			return m, false
		}
		text, m.Target = parts[0], parts[1]
		m.ReadOnly = len(parts) > 2 && slices.Contains(strings.Split(parts[2], ","), "ro")
	}
	text = r.interpolate(text, source.Line)
	if text == "" || !strings.ContainsAny(text[:1], "/.~") {
		return m, false // a named volume, or not known
	}
	m.Source = text
	if text[0] == '/' {
		m.Source = path.Clean(text)
	}
	m.Target, _ = expand(m.Target)
	return m, true
}

// port reads a published port: "[[HOST_IP:]PUBLISHED:]TARGET[/PROTOCOL]".
func (r *reader) port(n *yaml.Node) Port {
	p := Port{Line: n.Line, Text: n.Value}
	if n.Kind == yaml.MappingNode {
		p.Target, _ = expand(document.String(n, "target"))
		p.Published, _ = expand(document.String(n, "published"))
		if ip := document.Get(n, "host_ip"); ip != nil {
			p.HostIP = r.decided(ip)
		}
		p.Text = strings.TrimPrefix(p.Published+":"+p.Target, ":")
		return p
	}
	parts := splitColons(n.Value)
	target, _, _ := strings.Cut(parts[len(parts)-1], "/")
	p.Target, _ = expand(target)
	if len(parts) > 1 {
		p.Published, _ = expand(parts[len(parts)-2])
	}
	if len(parts) > 2 {
		p.HostIP = strings.Trim(r.interpolate(strings.Join(parts[:len(parts)-2], ":"), n.Line), "[]")
		if p.HostIP == "" {
			p.HostIP = "unknown"
		}
	}
	return p
}

// splitColons splits at colons that are not part of a variable.
func splitColons(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			if depth <= 0 {
				parts, start = append(parts, s[start:i]), i+1
			}
		}
	}
	return append(parts, s[start:])
}

func image(n *yaml.Node) Image {
	built := document.Get(n, "build") != nil
	img := document.Get(n, "image")
	if img == nil || img.Value == "" {
		return Image{Built: built}
	}
	out := Image{Text: img.Value, Line: img.Line, Built: built, Pin: "none"}
	text, missing := expand(img.Value)
	repository, digest, pinned := strings.Cut(text, "@")
	base := path.Base(repository)
	name, tag, _ := strings.Cut(base, ":")
	out.Name = strings.ToLower(name)
	switch {
	case missing != "":
		out.Pin = "unknown"
	case pinned && digest != "":
		out.Pin = "digest"
	case tag != "" && tag != "latest":
		out.Pin = "tag"
	}
	return out
}

// vars reads an environment, as a mapping or as a list.
func vars(n *yaml.Node, build bool) []Var {
	var all []Var
	add := func(name, value string, line int) {
		text, _ := expand(value)
		plain := value != "" && !strings.Contains(strings.ReplaceAll(value, "$$", ""), "$")
		// A default stands in the file as well.
		literal := plain || strings.Contains(value, ":-") && text != ""
		all = append(all, Var{Name: name, Value: text, Literal: literal, Line: line, Build: build})
	}
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := document.Resolve(n.Content[i]), document.Resolve(n.Content[i+1])
			if value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null" {
				add(key.Value, value.Value, key.Line)
			}
		}
	default:
		for _, item := range list(n) {
			if name, value, ok := strings.Cut(item.Value, "="); ok {
				add(name, value, item.Line)
			}
		}
	}
	return all
}

// decided is the text of a value on which the judgement depends; empty if it
// is not known, which is noted.
func (r *reader) decided(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	return r.interpolate(n.Value, n.Line)
}

func (r *reader) interpolate(text string, line int) string {
	out, missing := expand(text)
	if missing == "" {
		return out
	}
	switch missing { // of whoever starts it
	case "HOME", "USERPROFILE":
		return strings.NewReplacer("${"+missing+"}", "~", "$"+missing, "~").Replace(text)
	case "PWD", "UID", "GID", "USER", "COMPOSE_PROJECT_NAME":
		return strings.NewReplacer("${"+missing+"}", ".", "$"+missing, ".").Replace(text)
	}
	// A directory below one that is known is another than it.
	if i := strings.IndexByte(text, '$'); i > 1 && strings.ContainsAny(text[:1], "/.~") {
		return text
	}
	if !r.seen[missing] {
		r.seen[missing] = true
		r.file.Unknown = append(r.file.Unknown, Variable{missing, line})
	}
	return ""
}

func (r *reader) texts(n *yaml.Node) []Value {
	var all []Value
	for _, item := range list(n) {
		if item.Kind == yaml.ScalarNode {
			all = append(all, Value{r.decided(item), item.Line})
		}
	}
	return all
}

// list is the elements of a list, or the one value that stands for it.
func list(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.SequenceNode:
		all := make([]*yaml.Node, len(n.Content))
		for i, c := range n.Content {
			all[i] = document.Resolve(c)
		}
		return all
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null":
		return []*yaml.Node{n}
	}
	return nil
}

func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "y", "1":
		return true
	}
	return false
}
