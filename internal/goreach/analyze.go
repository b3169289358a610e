package goreach

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// The levels of what is found, in rising order.
const (
	levelModule = iota + 1
	levelPackage
	levelSymbol
)

// sighting is the most that was found for a query.
type sighting struct {
	level   int
	symbols []string
	trace   []string // the shortest
}

// analyze runs the analysis with a database that has just the queries.
func (o *Options) analyze(ctx context.Context, dir string, env []string, queries []*query, args ...string) (map[string]*sighting, error) {
	tmp, err := os.MkdirTemp("", "gatehouse-reachability-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the advisories: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := writeDatabase(tmp, queries); err != nil {
		return nil, fmt.Errorf("write the advisories: %w", err)
	}
	db := url.URL{Scheme: "file", Path: filepath.ToSlash(tmp)}
	command := slices.Concat(o.Analyzer, []string{"-format=json", "-db=" + db.String()}, args)
	out, err := run(ctx, dir, env, command[0], command[1:]...)
	if err != nil {
		return nil, fmt.Errorf("analyse the calls: %w", err)
	}
	seen, err := readStream(out)
	if err != nil {
		return nil, fmt.Errorf("read the analysis: %w", err)
	}
	return seen, nil
}

// canary asks a module for a function that it does not have, in a package that it
// does not have. The module must be seen; if the function is, then it was assumed
// and not looked for, as in programs that are stripped.
func canary(id, module string) *query {
	return &query{id, &gatehouse.Finding{Vulnerability: &gatehouse.Vulnerability{Package: gatehouse.Package{Name: module}}},
		[]vulndb.Import{{Path: module + "/no-such-package", Symbols: []string{"NoSuchFunction"}}}}
}

// The layout of a Go vulnerability database, version 1: see
// https://go.dev/doc/security/vuln/database.
type (
	indexModule struct {
		Path  string      `json:"path"`
		Vulns []indexVuln `json:"vulns"`
	}
	indexVuln struct {
		ID       string `json:"id"`
		Modified string `json:"modified"`
	}
	osvEntry struct {
		SchemaVersion string        `json:"schema_version"`
		ID            string        `json:"id"`
		Modified      string        `json:"modified"`
		Affected      []osvAffected `json:"affected"`
	}
	osvAffected struct {
		Package  map[string]string      `json:"package"`
		Ranges   []any                  `json:"ranges"`
		Specific map[string][]osvImport `json:"ecosystem_specific"`
	}
	osvImport struct {
		Path    string   `json:"path"`
		Symbols []string `json:"symbols,omitempty"`
	}
)

// longAgo stands for times that do not matter.
const longAgo = "2000-01-01T00:00:00Z"

// writeDatabase writes one entry for each query. It is about all versions,
// because that they are affected is known, and about all platforms.
func writeDatabase(dir string, queries []*query) error {
	files := map[string]any{"index/db.json": map[string]string{"modified": longAgo}}
	var vulns []indexVuln
	byModule := map[string]*indexModule{}
	var modules []*indexModule
	for _, q := range queries {
		imports := []osvImport{}
		for _, imp := range q.imports {
			imports = append(imports, osvImport{imp.Path, imp.Symbols})
		}
		files["ID/"+q.id+".json"] = osvEntry{"1.3.1", q.id, longAgo, []osvAffected{{
			Package:  map[string]string{"name": q.module(), "ecosystem": "Go"},
			Ranges:   []any{map[string]any{"type": "SEMVER", "events": []any{map[string]string{"introduced": "0"}}}},
			Specific: map[string][]osvImport{"imports": imports},
		}}}
		v := indexVuln{q.id, longAgo}
		vulns = append(vulns, v)
		m := byModule[q.module()]
		if m == nil {
			m = &indexModule{Path: q.module()}
			byModule[q.module()] = m
			modules = append(modules, m)
		}
		m.Vulns = append(m.Vulns, v)
	}
	files["index/modules.json"], files["index/vulns.json"] = modules, vulns
	for name, v := range files {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(full, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// message is one of govulncheck's, version 1.0.0 of the protocol.
type message struct {
	Config  *struct{}
	SBOM    *struct{}
	Finding *struct {
		OSV   string
		Trace []frame
	}
}

type frame struct {
	Package, Function, Receiver string
	Position                    *struct {
		Filename string
		Line     int
	}
}

func (f *frame) symbol() string {
	if f.Receiver == "" {
		return f.Package + "." + f.Function
	}
	return f.Package + "." + f.Receiver + "." + f.Function
}

func (f *frame) String() string {
	s := f.symbol()
	if p := f.Position; p != nil && p.Line > 0 && !path.IsAbs(p.Filename) && !filepath.IsAbs(p.Filename) {
		s += fmt.Sprintf(" (%s:%d)", p.Filename, p.Line)
	}
	return s
}

// readStream reads what the analysis prints. A stream that is not whole is an
// error.
func readStream(data []byte) (map[string]*sighting, error) {
	seen := map[string]*sighting{}
	config, sbom := false, false
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var m message
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		config, sbom = config || m.Config != nil, sbom || m.SBOM != nil
		if m.Finding == nil || len(m.Finding.Trace) == 0 {
			continue
		}
		s := seen[m.Finding.OSV]
		if s == nil {
			s = &sighting{}
			seen[m.Finding.OSV] = s
		}
		s.add(m.Finding.Trace)
	}
	if !config || !sbom {
		return nil, errors.New("it does not say what was looked at")
	}
	for _, s := range seen {
		s.symbols = some(s.symbols)
	}
	return seen, nil
}

// add takes a trace, innermost first.
func (s *sighting) add(trace []frame) {
	switch first := &trace[0]; {
	case first.Function != "":
		s.level = levelSymbol
		s.symbols = append(s.symbols, first.symbol())
		if s.trace != nil && len(s.trace) <= len(trace) {
			return
		}
		s.trace = nil
		for _, f := range slices.Backward(trace[:min(len(trace), limits.MaxReachabilityTrace)]) {
			s.trace = append(s.trace, f.String())
		}
	case first.Package != "":
		s.level = max(s.level, levelPackage)
	default:
		s.level = max(s.level, levelModule)
	}
}
