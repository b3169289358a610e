package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// tree is a directory that was generated or found.
type tree struct {
	dir   string
	name  string
	files int
	bytes int64
}

func (t *tree) String() string {
	if t.files == 1 {
		return fmt.Sprintf("%s (%d bytes)", t.name, t.bytes)
	}
	return fmt.Sprintf("%s (%s files, %s)", t.name, thousands(t.files), megabytes(t.bytes))
}

// megabytes are 1,000,000 bytes in all tables.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// sizeOf counts what is there.
func sizeOf(dir, name string) (*tree, error) {
	t := &tree{dir: dir, name: name}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		t.files++
		t.bytes += info.Size()
		return nil
	})
	return t, err
}

// writer writes generated files; the first error stays.
type writer struct {
	dir string
	rnd *rand.Rand
	buf []byte
	t   tree
	err error
}

// newTree starts a tree. The same name and calls give the same bytes.
func newTree(dir, name string) *writer {
	seed := uint64(0)
	for _, b := range []byte(name) {
		seed = seed*131 + uint64(b)
	}
	return &writer{dir: dir, rnd: rand.New(rand.NewPCG(seed, 1)), t: tree{dir: dir, name: name}}
}

// file writes the buffer to a file and empties it.
func (w *writer) file(format string, args ...any) {
	if w.err != nil {
		return
	}
	path := filepath.Join(w.dir, filepath.FromSlash(fmt.Sprintf(format, args...)))
	if w.err = os.MkdirAll(filepath.Dir(path), 0o755); w.err != nil {
		return
	}
	w.err = os.WriteFile(path, w.buf, 0o644)
	w.t.files++
	w.t.bytes += int64(len(w.buf))
	w.buf = w.buf[:0]
}

func (w *writer) printf(format string, args ...any) {
	w.buf = fmt.Appendf(w.buf, format, args...)
}

func (w *writer) done() (*tree, error) {
	if w.err != nil {
		return nil, fmt.Errorf("generate tree %q: %w", w.t.name, w.err)
	}
	return &w.t, nil
}

// mixedTree is like a repository with several services: mostly source, with
// Kubernetes manifests, Terraform, Dockerfiles and lockfiles. Scale 1 has about
// 6 MB.
func mixedTree(dir string, scale int) (*tree, error) {
	w := newTree(dir, fmt.Sprintf("%d×", scale))
	for s := range 4 * scale {
		service := fmt.Sprintf("services/%s-%03d", pick(w.rnd, words), s)
		for i := range 150 {
			w.source(6000 + w.rnd.IntN(6000))
			w.file("%s/%s/%s_%03d.%s", service, words[i%23], pick(w.rnd, words), i, extensions[i%len(extensions)])
		}
		for i := range 8 {
			w.kubernetes()
			w.file("%s/deploy/%s-%d.yaml", service, pick(w.rnd, words), i)
		}
		w.dockerfile()
		w.file("%s/Dockerfile", service)
		w.terraform()
		w.file("%s/infra/main.tf", service)
		w.packageLock(300)
		w.file("%s/package-lock.json", service)
		w.requirements(60)
		w.file("%s/requirements.txt", service)
		w.settings()
		w.file("%s/settings.env", service)
	}
	return w.done()
}

// sourceTree has source files only, of 4 to 28 KB, and one planted token in
// 100 files.
func sourceTree(dir, name string, bytes int64) (*tree, error) {
	w := newTree(dir, name)
	for i := 0; w.t.bytes < bytes && w.err == nil; i++ {
		w.source(4000 + w.rnd.IntN(24000))
		w.file("src/%03d/%s_%d.%s", i/64, pick(w.rnd, words), i, extensions[i%len(extensions)])
		if i%100 == 50 {
			w.settings()
			w.file("src/%03d/settings_%d.env", i/64, i)
		}
	}
	return w.done()
}

// largeFiles has ten files of 40 to 60 MB, of the kinds that get into
// repositories by mistake.
func largeFiles(dir, name string) (*tree, error) {
	w := newTree(dir, name)
	kinds := []struct {
		file string
		line func()
	}{
		{"dump.sql", func() {
			w.printf("INSERT INTO %s (id, name, created) VALUES (%d, '%s %s', '2026-0%d-%02d');\n", pick(w.rnd, words), w.rnd.IntN(1e9), pick(w.rnd, words), pick(w.rnd, words), 1+w.rnd.IntN(9), 1+w.rnd.IntN(28))
		}},
		{"bundle.min.js", func() { // a single line
			w.printf("function %c(%c){return %s.%s(%d)}var %s=%q;", 'a'+w.rnd.IntN(26), 'a'+w.rnd.IntN(26), pick(w.rnd, words), pick(w.rnd, words), w.rnd.IntN(1e6), pick(w.rnd, words), pick(w.rnd, words))
		}},
		{"events.log", func() {
			w.printf("2026-11-%02dT%02d:%02d:%02dZ INFO %s.%s request=%s took=%dms\n", 1+w.rnd.IntN(28), w.rnd.IntN(24), w.rnd.IntN(60), w.rnd.IntN(60), pick(w.rnd, words), pick(w.rnd, words), hexString(w.rnd, 16), w.rnd.IntN(5000))
		}},
		{"export.csv", func() {
			w.printf("%d,%s,%s,%d.%02d,%s\n", w.rnd.IntN(1e9), pick(w.rnd, words), pick(w.rnd, words), w.rnd.IntN(1000), w.rnd.IntN(100), hexString(w.rnd, 8))
		}},
		{"generated.go", func() { w.sourceLine() }},
	}
	for i := range 10 {
		k := kinds[i%len(kinds)]
		size := (40 + 20*i/9) * 1_000_000
		if cap(w.buf) < 1<<16 {
			w.buf = make([]byte, 0, 1<<16)
		}
		w.stream(fmt.Sprintf("data/%02d-%s", i, k.file), size, k.line)
	}
	return w.done()
}

// stream writes a file too large for this program's memory, see [run].
func (w *writer) stream(name string, size int, line func()) {
	if w.err != nil {
		return
	}
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if w.err = os.MkdirAll(filepath.Dir(path), 0o755); w.err != nil {
		return
	}
	f, err := os.Create(path)
	if err != nil {
		w.err = err
		return
	}
	written := 0
	for written < size && w.err == nil {
		for len(w.buf) < 60_000 {
			line()
		}
		_, w.err = f.Write(w.buf)
		written += len(w.buf)
		w.buf = w.buf[:0]
	}
	if err := f.Close(); w.err == nil {
		w.err = err
	}
	w.t.files++
	w.t.bytes += int64(written)
}

// kubernetesTree has manifests only.
func kubernetesTree(dir string, files int) (*tree, error) {
	w := newTree(dir, "Kubernetes")
	for i := range files {
		for range 1 + w.rnd.IntN(3) {
			w.kubernetes()
		}
		w.file("apps/%02d/%s-%d.yaml", i/20, pick(w.rnd, words), i)
	}
	return w.done()
}

// dockerfileTree has one Dockerfile.
func dockerfileTree(dir string) (*tree, error) {
	w := newTree(dir, "one Dockerfile")
	w.dockerfile()
	w.file("Dockerfile")
	return w.done()
}

// lockfileTree has lockfiles and manifests of four ecosystems.
func lockfileTree(dir string, each int) (*tree, error) {
	w := newTree(dir, "lockfiles")
	for i := range each {
		w.packageLock(1500)
		w.file("web/%02d/package-lock.json", i)
		w.cargoLock(600)
		w.file("native/%02d/Cargo.lock", i)
		w.requirements(200)
		w.file("jobs/%02d/requirements.txt", i)
		w.goMod(150)
		w.file("servers/%02d/go.mod", i)
	}
	return w.done()
}

// terraformTree is like the repository of a published module: a module with
// many switches that calls others for each of its groups, and examples that
// call it.
func terraformTree(dir string, examples int) (*tree, error) {
	w := newTree(dir, "Terraform")
	w.publishedModule()
	w.file("main.tf")
	w.nodeGroup()
	w.file("modules/node-group/main.tf")
	for i := range examples {
		w.moduleCalls(i)
		w.file("examples/%s-%d/main.tf", pick(w.rnd, words), i)
	}
	return w.done()
}
