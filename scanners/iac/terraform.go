package iac

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/terraform"
)

// isTerraform reports whether Terraform reads the file by itself.
func isTerraform(name string) bool {
	return terraform.IsConfig(name) || terraform.IsVars(name)
}

// otherVars reports whether a file holds values that Terraform reads only if
// the command line names it.
func otherVars(name string) bool {
	return !isTerraform(name) && (strings.HasSuffix(name, ".tfvars") || strings.HasSuffix(name, ".tfvars.json"))
}

// maxContextBytes bounds the files that expressions such as file() can read.
// Larger ones are no text that a configuration is made of.
const maxContextBytes = 256 << 10

// terraformGroup is all Terraform of the target, as modules may lie anywhere,
// and the text files beside and below it.
func terraformGroup(files []gatehouse.FileInfo) (gatehouse.Group, bool) {
	g := gatehouse.Group{Type: typeTerraform, Dir: "."}
	dirs := map[string]bool{}
	for _, f := range files {
		if isTerraform(f.Path) {
			g.Owned = append(g.Owned, f.Path)
		}
		if terraform.IsConfig(f.Path) {
			dirs[path.Dir(f.Path)] = true
		}
	}
	if len(dirs) == 0 {
		return g, false
	}
	for _, f := range files {
		if f.Bytes <= maxContextBytes && isContext(f.Path) && below(dirs, f.Path) {
			g.Context = append(g.Context, f.Path)
		}
	}
	return g, true
}

// isContext reports whether a file is of a kind that configurations read.
func isContext(name string) bool {
	if isTerraform(name) {
		return false
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".yaml", ".yml", ".tpl", ".tftpl", ".tmpl", ".sh", ".txt", ".conf", ".cfg", ".pub", ".pem", ".csv", ".ps1", ".toml", ".template":
		return true
	}
	return false
}

// below reports whether one of the directories is above the file.
func below(dirs map[string]bool, name string) bool {
	for name != "." && name != "/" {
		name = path.Dir(name)
		if dirs[name] {
			return true
		}
	}
	return false
}

// scanTerraformFiles looks at all Terraform modules among the files.
func (s *scanner) scanTerraformFiles(ctx context.Context, files map[string]*gatehouse.File, p *gatehouse.Pass) error {
	s.prove(typeTerraform, p)
	contents := make(map[string][]byte, len(files))
	for name, f := range files {
		contents[name] = f.Data
	}
	ignores := ignore.NewSet(s.now)
	for name, data := range contents {
		if terraform.IsConfig(name) {
			ignores.Terraform(name, data)
		}
	}
	problems, err := s.terraform(ctx, contents, ignores, newOnce(p))
	if err != nil {
		return err
	}
	s.reportIgnores(p, ignores, nil)
	failed := map[string]bool{}
	for _, problem := range problems {
		switch {
		case problem.Failed && len(files) == 1:
			return &gatehouse.Unscannable{Code: problem.Code, Line: problem.Line, Reason: problem.Reason}
		case problem.Failed:
			if !failed[problem.Path] { // the first error is the one to mend
				failed[problem.Path] = true
				p.FailFile(problem.Path, problem.Reason)
			}
		default:
			p.Gap(gatehouse.Gap{Code: problem.Code, Path: problem.Path, Line: problem.Line, Entry: problem.Entry, Reason: problem.Reason})
		}
	}
	return nil
}

func (s *scanner) terraform(ctx context.Context, files map[string][]byte, ignores *ignore.Set, out reporter) ([]terraform.Problem, error) {
	var mu sync.Mutex // root modules are looked at concurrently
	found := map[string]*recorder{}
	problems, err := terraform.Evaluate(ctx, files, s.vars, func(c *terraform.Configuration) error {
		var r recorder
		if err := s.scanConfiguration(ctx, c, ignores, &r); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		found[c.Dir] = &r
		return nil
	})
	// Of findings in a module that several call, the first counts: always that
	// of the same root module. What was found before an error is kept.
	for _, dir := range slices.Sorted(maps.Keys(found)) {
		found[dir].replay(out)
	}
	return problems, err
}

func (s *scanner) scanConfiguration(ctx context.Context, c *terraform.Configuration, ignores *ignore.Set, out reporter) error {
	st, errs := adapt(c.Modules)
	for _, err := range errs {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapPanic, Path: c.Main, Entry: c.Dir,
			Reason: fmt.Sprintf("%v in %q and were not judged; look for a resource that lacks a required argument", err, c.Dir)})
	}
	value, err := ast.InterfaceToValue(st.ToRego())
	if err != nil {
		return fmt.Errorf("make the input of checks for %q: %w", c.Dir, err)
	}
	return s.evaluateUnknown(ctx, subject{typ: typeTerraform, input: checks.Cloud, value: value, path: c.Main, ignores: ignores, values: blockValues(c.Modules)}, out)
}
