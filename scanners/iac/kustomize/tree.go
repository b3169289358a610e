// Package kustomize builds the kustomizations of a tree as "kustomize build"
// does, without its reach: no network, no program, no function, no plug-in,
// and no file that is not given.
//
// The parts of kustomize that change objects are used as they are. Those that
// load files are not: they can clone repositories, fetch and run programs, and
// link the loader of Go plug-ins, which makes each start of the command need
// twice the memory.
package kustomize

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// Problem is something that could not be built.
type Problem struct {
	Code gatehouse.GapCode
	// Path is that of a kustomization, relative to the target.
	Path string
	Line int // 1-based; 0 if unknown
	// Entry names what in the kustomization; may be empty.
	Entry  string
	Reason string
	// Failed is true if nothing of the kustomization could be used.
	Failed bool
}

// IsFile reports whether a file is a kustomization by its name.
func IsFile(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name))
}

// Tree is the kustomizations of a target and what they refer to.
type Tree struct {
	// Problems are in the order of the kustomizations.
	Problems []Problem
	// Used are the files, by path, that kustomizations refer to, and they
	// themselves. They are not what is deployed; what builds give is.
	Used map[string]bool

	files   map[string][]byte
	sources []source         // by offset
	places  map[string]int   // indices of sources, by path and line
	units   []*unit          // sorted by file
	byDir   map[string]*unit // by directory
	padding int              // lines of all sources so far
}

// unit is one kustomization.
type unit struct {
	dir, file string
	doc       *yaml.Node
	component bool
	// k is the kustomization. Its paths are relative to the target; what is not
	// there, or is not done, is taken out.
	k types.Kustomization
	// after are the changes of transformers, which come last.
	after      []types.Kustomization
	resources  []entry // in order
	components []*unit
	generators []*unit // that are not built
	parents    int
	weight     int // of a build: the files and kustomizations that it reads
	visiting   bool
}

// entry is a file, or a kustomization.
type entry struct {
	file string
	unit *unit
}

// children are the kustomizations that a kustomization refers to.
func (u *unit) children() []*unit {
	var all []*unit
	for _, r := range u.resources {
		if r.unit != nil {
			all = append(all, r.unit)
		}
	}
	return append(append(all, u.components...), u.generators...)
}

// source is a file, or a text in one, that builds read.
type source struct {
	path string
	text []byte
	// line is the line of the file that is before the first one of the text.
	line int
	// offset is the number that lines of the source get added, so that a line
	// says which source it is of; 0 if there are too many.
	offset int
}

// Find reads all kustomizations. files holds all files of the target that they
// may refer to, by path.
func Find(files map[string][]byte) *Tree {
	t := &Tree{files: files, Used: map[string]bool{}, places: map[string]int{}, byDir: map[string]*unit{}, padding: firstLine}
	names := make([]string, 0, len(files))
	for name := range files {
		if IsFile(name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		t.add(name)
	}
	for _, u := range t.units {
		r := rewriter{tree: t, unit: u}
		r.rewrite()
	}
	for _, u := range t.units {
		for _, child := range u.children() {
			child.parents++
		}
	}
	return t
}

// add reads one kustomization, unless the file is something else.
func (t *Tree) add(name string) {
	fail := func(format string, args ...any) {
		t.Used[name] = true
		t.Problems = append(t.Problems, Problem{Code: gatehouse.GapParse, Path: name, Failed: true, Reason: fmt.Sprintf(format, args...)})
	}
	docs, err := document.Parse(t.files[name])
	if err != nil {
		fail("the kustomization cannot be read: %v", err)
		return
	}
	if len(docs) > 0 {
		version, kind := document.String(docs[0], "apiVersion"), document.String(docs[0], "kind")
		if kind != "" && version != "" && !strings.HasPrefix(version, "kustomize.config.k8s.io/") {
			return // a custom resource, such as that of Flux, in a file of this name
		}
	}
	switch dir := path.Dir(name); {
	case len(docs) == 0:
		fail("the kustomization is empty")
	case len(docs) > 1:
		fail("a kustomization must be the only document of its file; split the file")
	case t.byDir[dir] != nil:
		fail("the directory has another kustomization, %s, and kustomize refuses both; remove one", path.Base(t.byDir[dir].file))
	default:
		u := &unit{dir: dir, file: name, doc: docs[0]}
		if err := u.k.Unmarshal(t.files[name]); err != nil {
			fail("the kustomization cannot be read: %v", err)
			return
		}
		u.k.FixKustomization()
		if errs := u.k.EnforceFields(); len(errs) > 0 {
			fail("the kustomization is not valid: %s", strings.Join(errs, "; "))
			return
		}
		u.component = u.k.Kind == types.ComponentKind
		t.Used[name] = true
		t.units = append(t.units, u)
		t.byDir[dir] = u
	}
}

// firstLine is more than the lines of the texts that kustomize makes itself, so
// that those are not taken for lines of a source.
const firstLine = 10_000

// maxPadding bounds the lines that texts are moved by. Beyond it, places are
// those of files, without lines.
const maxPadding = 100_000

// source notes a file, or a text in it that starts after a line.
func (t *Tree) source(p string, text []byte, line int) source {
	key := fmt.Sprintf("%s:%d", p, line)
	if i, ok := t.places[key]; ok {
		return t.sources[i]
	}
	s := source{path: p, text: text, line: line}
	lines := bytes.Count(text, []byte("\n")) + 2
	if t.padding+lines > maxPadding {
		return s
	}
	s.offset = t.padding
	t.padding += lines
	t.places[key] = len(t.sources)
	t.sources = append(t.sources, s)
	return s
}

// locate finds the source of a line.
func (t *Tree) locate(line int) (source, int, bool) {
	i, _ := slices.BinarySearchFunc(t.sources, line, func(s source, line int) int {
		if s.offset >= line {
			return 1
		}
		return -1
	})
	if i == 0 {
		return source{}, 0, false
	}
	s := t.sources[i-1]
	if n := line - s.offset; n <= bytes.Count(s.text, []byte("\n"))+1 {
		return s, n + s.line, true
	}
	return source{}, 0, false
}
