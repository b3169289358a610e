package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/open-policy-agent/opa/v1/util"
	"go.yaml.in/yaml/v3"
)

// Source is a place that policies or data come from.
type Source struct {
	// Name is what the user called it, such as "policy" or "policy/a.rego".
	Name string
	// FS holds the files: a directory tree, or a single file.
	FS fs.FS
}

// OpenSource opens the policy directory or file at name. Symbolic links are
// followed only to files within the directory.
func OpenSource(name string) (Source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Source{}, fmt.Errorf("open policy source: %w", err)
	}
	dir := name
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return Source{}, fmt.Errorf("open policy source: %q is neither a directory nor a regular file", name)
		}
		dir = filepath.Dir(name)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Source{}, fmt.Errorf("open policy source: %w", err)
	}
	s := Source{Name: filepath.ToSlash(name), FS: root.FS()}
	if !info.IsDir() {
		s.FS = oneFile{FS: root.FS(), name: filepath.Base(name)}
	}
	return s, nil
}

// oneFile shows a single file of a file system.
type oneFile struct {
	fs.FS
	name string
}

func (o oneFile) Open(name string) (fs.File, error) {
	if name != o.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}

func (o oneFile) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	info, err := fs.Stat(o.FS, o.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

func (o oneFile) Stat(name string) (fs.FileInfo, error) {
	if name != "." && name != o.name {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return fs.Stat(o.FS, name)
}

// sourceFile is a file of a source that matters.
type sourceFile struct {
	// display is the path for people, path that within the source.
	display, path string
	data          []byte
}

func (f *sourceFile) isTest() bool { return strings.HasSuffix(f.path, "_test.rego") }

// sourceFiles are the files of one source, each sorted by path.
type sourceFiles struct {
	rego, tests, data []sourceFile
}

// readSource reads the files of s that policies are made of. It leaves out
// ".git", "testdata" and, for the sake of mounted ConfigMaps, names that start
// with "..".
func readSource(s Source) (sourceFiles, error) {
	var out sourceFiles
	if s.FS == nil {
		return out, fmt.Errorf("read policy source %q: it has no files", s.Name)
	}
	err := fs.WalkDir(s.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read policy source %q: %w", s.Name, err)
		}
		base := path.Base(p)
		if p != "." && (base == ".git" || base == "testdata" || strings.HasPrefix(base, "..")) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		display := path.Join(s.Name, p)
		if path.Base(s.Name) == p {
			display = s.Name
		}
		ext := path.Ext(p)
		known := ext == ".rego" || !strings.HasPrefix(base, ".") && isDataExt(ext)
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(s.FS, p)
			switch {
			case err != nil && !known:
				return nil
			case err != nil:
				return fmt.Errorf("read policy source: the symbolic link %q cannot be followed within %q: %w", display, s.Name, err)
			case info.IsDir():
				return fmt.Errorf("read policy source: %q is a symbolic link to a directory, which is not followed; give that directory as a source of its own", display)
			}
		}
		if !known {
			return nil
		}
		data, err := readBounded(s.FS, p)
		if err != nil {
			return fmt.Errorf("read policy file %q: %w", display, err)
		}
		f := sourceFile{display: display, path: p, data: data}
		switch {
		case ext != ".rego":
			out.data = append(out.data, f)
		case f.isTest():
			out.tests = append(out.tests, f)
		default:
			out.rego = append(out.rego, f)
		}
		return nil
	})
	return out, err
}

func isDataExt(ext string) bool { return ext == ".json" || ext == ".yaml" || ext == ".yml" }

func readBounded(fsys fs.FS, p string) ([]byte, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, limits.MaxPolicyBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > limits.MaxPolicyBytes {
		return nil, fmt.Errorf("larger than the limit of %d MiB", limits.MaxPolicyBytes>>20)
	}
	if i := invalidUTF8(b); i >= 0 {
		return nil, fmt.Errorf("not valid UTF-8 at line %d: save the file as UTF-8", 1+bytes.Count(b[:i], []byte("\n")))
	}
	return b, nil
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// dataTree merges data files into one document, as OPA does: the directories
// of a file are its path, and its content stands below that path.
type dataTree struct {
	root map[string]any
	// from says which file gave a value, by slash-separated path.
	from map[string]string
}

func newDataTree() *dataTree { return &dataTree{root: map[string]any{}, from: map[string]string{}} }

func (t *dataTree) add(f sourceFile) error {
	content, err := decodeData(f)
	if err != nil {
		return fmt.Errorf("read data file %q: %w", f.display, err)
	}
	var dirs []string
	if dir := path.Dir(f.path); dir != "." {
		dirs = strings.Split(dir, "/")
	}
	if _, ok := content.(map[string]any); !ok && len(dirs) == 0 {
		return fmt.Errorf("read data file %q: at the top level the file must hold an object with named values, not %s", f.display, jsonType(content))
	}
	for _, d := range slices.Backward(dirs) {
		content = map[string]any{d: content}
	}
	if m := content.(map[string]any); m["gatehouse"] != nil {
		return fmt.Errorf("read data file %q: \"gatehouse\" is reserved at the top level; set thresholds of the baseline pack as settings, and name your data differently", f.display)
	}
	return t.merge(t.root, content.(map[string]any), "", f.display)
}

func (t *dataTree) merge(into, from map[string]any, at, file string) error {
	for _, k := range sortedKeys(from) {
		p := at + "/" + k
		old, exists := into[k]
		if !exists {
			into[k] = from[k]
			t.from[p] = file
			continue
		}
		om, ok1 := old.(map[string]any)
		nm, ok2 := from[k].(map[string]any)
		if !ok1 || !ok2 {
			return fmt.Errorf("read data file %q: %q is already given by %q; each value may come from one file only",
				file, "data"+strings.ReplaceAll(p, "/", "."), t.origin(p))
		}
		om = maps.Clone(om)
		into[k] = om
		if err := t.merge(om, nm, p, file); err != nil {
			return err
		}
	}
	return nil
}

func (t *dataTree) origin(p string) string {
	for p != "" {
		if f, ok := t.from[p]; ok {
			return f
		}
		p = p[:strings.LastIndexByte(p, '/')]
	}
	return "another file"
}

// decodeData reads JSON or YAML. Numbers keep their digits.
func decodeData(f sourceFile) (any, error) {
	var x any
	if path.Ext(f.path) == ".json" {
		dec := util.NewJSONDecoder(bytes.NewReader(f.data))
		if err := dec.Decode(&x); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		if _, err := dec.Token(); err != io.EOF {
			return nil, errors.New("not JSON: there is more after the first value")
		}
		return x, nil
	}
	if err := oneYAMLDocument(f.data); err != nil {
		return nil, err
	}
	if err := util.Unmarshal(f.data, &x); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	return x, nil
}

// isManifest reports whether a file beside policies holds Kubernetes objects:
// examples to try the policies on, and no data for them. If it were data after
// all, what refers to it would not be defined, which is an error.
func isManifest(f sourceFile) bool {
	if name := strings.TrimSuffix(path.Base(f.path), path.Ext(f.path)); name == "data" {
		return false
	}
	dec := yaml.NewDecoder(bytes.NewReader(f.data))
	for n := 0; ; n++ {
		var object struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string `yaml:"kind"`
		}
		switch err := dec.Decode(&object); {
		case err == io.EOF:
			return n > 0
		case err != nil || object.APIVersion == "" || object.Kind == "":
			return false
		}
	}
}

// oneYAMLDocument refuses a second document, which would be lost.
func oneYAMLDocument(data []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var n yaml.Node
	if err := dec.Decode(&n); err != nil {
		if err == io.EOF {
			return errors.New("the file is empty")
		}
		return fmt.Errorf("not YAML: %w", err)
	}
	if err := dec.Decode(&n); err != io.EOF {
		return errors.New("more than one YAML document in a data file; put each into a file of its own")
	}
	return nil
}

func jsonType(x any) string {
	switch x.(type) {
	case nil:
		return "null"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	}
	return "a number"
}
