package kustomize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/ifc"
	"sigs.k8s.io/kustomize/api/kv"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Build is what one kustomization that no other refers to deploys.
type Build struct {
	// Dir and File are those of the kustomization, relative to the target.
	Dir, File string
	Objects   []Object
}

// Object is a Kubernetes object of a build.
type Object struct {
	Node *yaml.Node
	// Path is the file that the object is from, relative to the target.
	Path string
}

// Build builds each kustomization that no other refers to, and gives each
// result to visit. What could not be built is added to the problems; its
// resources are then given as they are in their files. loose are the files of
// resources that nothing deploys, or that could not be built at all.
func (t *Tree) Build(ctx context.Context, visit func(Build) error) (loose []string, err error) {
	reached := map[*unit]bool{}
	deployed := map[string]bool{}
	one := func(u *unit) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		below := u.closure(reached)
		objects, err := t.build(ctx, u)
		if err != nil {
			return ctx.Err() // otherwise it is a problem
		}
		for _, c := range below {
			for _, r := range c.resources {
				deployed[r.file] = true
			}
		}
		if len(objects) == 0 {
			return nil
		}
		return visit(Build{Dir: u.dir, File: u.file, Objects: objects})
	}
	for _, u := range t.units {
		if u.parents == 0 && !u.component {
			if err := one(u); err != nil {
				return nil, err
			}
		}
	}
	for _, u := range t.units {
		// What is left refers to itself, in the end, or is a component that is
		// not used.
		if !reached[u] && !u.component {
			if err := one(u); err != nil {
				return nil, err
			}
		}
	}
	for _, u := range t.units {
		for _, r := range u.resources {
			if r.file != "" && !deployed[r.file] {
				deployed[r.file] = true
				loose = append(loose, r.file)
			}
		}
	}
	return loose, ctx.Err()
}

// closure adds a kustomization and all that it refers to, and returns them.
func (u *unit) closure(reached map[*unit]bool) []*unit {
	seen := map[*unit]bool{u: true}
	all := []*unit{u}
	for i := 0; i < len(all); i++ {
		reached[all[i]] = true
		for _, c := range all[i].children() {
			if !seen[c] {
				seen[c] = true
				all = append(all, c)
			}
		}
	}
	return all
}

// measure sets the weight of a kustomization: what its build reads, each as
// often as it is referred to. It is capped, and -1 for a cycle.
func (u *unit) measure(depth int) int {
	if u.visiting || depth > limits.MaxNesting {
		return -1
	}
	if u.weight != 0 {
		return u.weight
	}
	u.visiting = true
	defer func() { u.visiting = false }()
	weight := 1 + len(u.resources)
	for _, c := range u.children() {
		w := c.measure(depth + 1)
		if w < 0 {
			u.weight = -1
			return -1
		}
		weight = min(weight+w, limits.MaxKustomizeFiles+1)
	}
	u.weight = weight
	return weight
}

// build builds one kustomization, if need be without its patches.
func (t *Tree) build(ctx context.Context, u *unit) ([]Object, error) {
	problem := func(code gatehouse.GapCode, reason string, how string) {
		t.Problems = append(t.Problems, Problem{Code: code, Path: u.file, Entry: "build",
			Reason: fmt.Sprintf("the kustomization cannot be built, so its resources are looked at %s: %s", how, reason)})
	}
	const alone = "as they are in their files"
	switch weight := u.measure(0); {
	case weight < 0:
		err := fmt.Errorf("it refers to itself through others, or to others more than %d deep", limits.MaxNesting)
		problem(gatehouse.GapUnresolved, err.Error(), alone)
		return nil, err
	case weight > limits.MaxKustomizeFiles:
		err := fmt.Errorf("it reads more than the limit of %d files, counting each as often as it is referred to", limits.MaxKustomizeFiles)
		problem(gatehouse.GapTooLarge, err.Error(), alone)
		return nil, err
	}
	objects, err := t.run(ctx, u, false)
	if err == nil || ctx.Err() != nil {
		return objects, err
	}
	reason := strings.TrimSuffix(strings.Join(strings.Fields(err.Error()), " "), ".")
	if objects, err = t.run(ctx, u, true); err == nil {
		problem(gatehouse.GapUnresolved, reason, "without its patches and other changes")
		return objects, nil
	}
	if ctx.Err() == nil {
		problem(gatehouse.GapUnresolved, reason, alone)
	}
	return nil, err
}

// building is held by a build: the packages of kustomize keep the schemas of
// Kubernetes in global variables.
var building sync.Mutex

// builder is one build.
type builder struct {
	tree     *Tree
	bare     bool // without patches and other changes
	factory  *resmap.Factory
	validate ifc.Validator
	origins  map[*resource.Resource]string
}

func (t *Tree) run(ctx context.Context, u *unit, bare bool) (objects []Object, err error) {
	building.Lock()
	defer building.Unlock()
	defer func() {
		if p := recover(); p != nil { // kustomize panics on some odd values
			err = fmt.Errorf("crash: %v", p)
		}
	}()
	p := provider.NewDefaultDepProvider()
	b := builder{tree: t, bare: bare, factory: resmap.NewFactory(p.GetResourceFactory()), validate: p.GetFieldValidator(), origins: map[*resource.Resource]string{}}
	m := resmap.New()
	if err := b.accumulate(ctx, u, m); err != nil {
		return nil, err
	}
	m.RemoveBuildAnnotations()
	for _, r := range m.Resources() {
		if local, ok := r.GetAnnotations()["config.kubernetes.io/local-config"]; ok && local != "false" {
			continue
		}
		path := b.origins[r]
		if path == "" {
			path = u.file
		}
		objects = append(objects, Object{Node: r.YNode(), Path: path})
	}
	return objects, nil
}

// accumulate adds what a kustomization deploys, and changes it and, for a
// component, all that is there.
func (b *builder) accumulate(ctx context.Context, u *unit, m resmap.ResMap) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, r := range u.resources {
		more := resmap.New()
		var err error
		if r.unit != nil {
			err = b.accumulate(ctx, r.unit, more)
		} else if more, err = b.factory.NewResMapFromBytes(b.tree.source(r.file, b.tree.files[r.file], 0).padded()); err == nil {
			b.note(more, r.file)
		} else {
			err = fmt.Errorf("%s: %w", r.file, err)
		}
		if err == nil {
			err = m.AppendAll(more)
		}
		if err != nil {
			return err
		}
	}
	if err := b.generate(u, m); err != nil {
		return fmt.Errorf("%s: %w", u.file, err)
	}
	for _, c := range u.components {
		if err := b.accumulate(ctx, c, m); err != nil {
			return err
		}
	}
	if b.bare {
		return nil
	}
	if err := b.change(u, &u.k, m); err != nil {
		return fmt.Errorf("%s: %w", u.file, err)
	}
	for i := range u.after {
		if err := b.change(u, &u.after[i], m); err != nil {
			return fmt.Errorf("%s: transformers: %w", u.file, err)
		}
	}
	return nil
}

func (b *builder) note(m resmap.ResMap, path string) {
	for _, r := range m.Resources() {
		b.origins[r] = path
	}
}

// generate adds ConfigMaps and Secrets. Their names get no hash, so that the
// same finding has the same name.
func (b *builder) generate(u *unit, m resmap.ResMap) error {
	loader := kv.NewLoader(files{b.tree}, b.validate)
	maps, err := b.factory.NewResMapFromConfigMapArgs(loader, u.k.ConfigMapGenerator)
	if err != nil {
		return fmt.Errorf("configMapGenerator: %w", err)
	}
	secrets, err := b.factory.NewResMapFromSecretArgs(loader, u.k.SecretGenerator)
	if err != nil {
		return fmt.Errorf("secretGenerator: %w", err)
	}
	b.note(maps, u.file)
	b.note(secrets, u.file)
	return errors.Join(m.AbsorbAll(maps), m.AbsorbAll(secrets))
}

// files gives generators the files of the tree.
type files struct{ tree *Tree }

func (f files) Load(name string) ([]byte, error) {
	if data, ok := f.tree.files[name]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%q is not in the target", name)
}

func (f files) Repo() string                   { return "" }
func (f files) Root() string                   { return "." }
func (f files) Cleanup() error                 { return nil }
func (f files) New(string) (ifc.Loader, error) { return f, nil }

// Place moves a place in a node of a build to that in the file which the value
// is from: a resource or a patch.
func (t *Tree) Place(loc *gatehouse.Location) {
	start, line, ok := t.locate(loc.Line)
	end, endLine, endOK := t.locate(loc.EndLine)
	loc.Line, loc.EndLine = 0, 0
	if !ok {
		return
	}
	loc.Path, loc.Line = start.path, line
	if endOK && end.path == start.path && endLine > line {
		loc.EndLine = endLine
	}
}

// separators are the lines at which kustomize cuts a file before it parses the
// parts.
var separators = regexp.MustCompile(`\n---.*\n`)

// padded is the text with empty lines in front, and after each separator, so
// that the line of a node tells where it is from.
func (s source) padded() []byte {
	if s.offset == 0 {
		return s.text
	}
	rest := append([]byte("\n"), bytes.ReplaceAll(s.text, []byte("\r\n"), []byte("\n"))...)
	var b bytes.Buffer
	for line := s.offset - 1; ; {
		b.Write(bytes.Repeat([]byte("\n"), line))
		at := separators.FindIndex(rest)
		if at == nil {
			b.Write(rest)
			return b.Bytes()
		}
		b.Write(rest[:at[1]])
		line += bytes.Count(rest[:at[1]], []byte("\n"))
		rest = rest[at[1]:]
	}
}
