package inventory

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/gatehouse-sec/gatehouse"
)

// parseGoMod reads go.mod. Since Go 1.17 it names all modules; before, those
// that only others need are in go.sum.
func parseGoMod(f *Lockfile) (Inventory, error) {
	var inv Inventory
	m, err := modfile.Parse("go.mod", f.Data, nil)
	if err != nil {
		return inv, goModError(err)
	}
	if m.Module == nil {
		return inv, errors.New("it has no module line")
	}
	replaced := map[string]*modfile.Replace{}
	for _, r := range m.Replace {
		replaced[r.Old.Path+"@"+r.Old.Version] = r
	}
	seen := map[string]bool{}
	sums, tools := goSums(f), goTools(m)
	for _, r := range m.Require {
		line := 0
		if r.Syntax != nil {
			line = r.Syntax.Start.Line
		}
		seen[r.Mod.Path] = true
		p := Package{Eco: Golang, Name: r.Mod.Path, Version: r.Mod.Version, Line: line, Direct: !r.Indirect}
		by := replaced[r.Mod.Path+"@"+r.Mod.Version]
		if by == nil {
			by = replaced[r.Mod.Path+"@"]
		}
		if by != nil {
			p.Name, p.Version = by.New.Path, by.New.Version
			seen[by.New.Path] = true
			p.Origin = repository("https://"+by.New.Path, by.New.Version)
			p.Origin.Pinned = true // go.sum has the digest of a version
			if by.Syntax != nil {
				p.Declared = &gatehouse.Location{Path: f.Path, Line: by.Syntax.Start.Line}
			}
			if p.Version == "" {
				p.FirstParty = true // a directory
				p.Origin = &gatehouse.Origin{Kind: "path", URL: by.New.Path, Pinned: true}
				if at := path.Join(path.Dir(f.Path), by.New.Path); path.IsAbs(by.New.Path) || at == ".." || strings.HasPrefix(at, "../") {
					inv.gap(gatehouse.GapUnresolved, line, r.Mod.Path, fmt.Sprintf("%s is replaced by the directory %q, which is not part of the target; include it", r.Mod.Path, by.New.Path))
				}
			}
		}
		p.Hashes = sums[p.Name+" "+p.Version]
		if tools[r.Mod.Path] {
			// Asked for by a tool line; what the code imports may need it too.
			p.Direct = true
			if r.Indirect {
				p.Scope = gatehouse.ScopeBuild
			}
		}
		inv.add(p)
	}
	if stdlib, line := goToolchain(m); stdlib != "" {
		inv.add(Package{Eco: Golang, Name: "stdlib", Version: stdlib, Line: line, Direct: true})
	}
	if len(m.Require) > 0 && goBefore117(m) {
		texts := f.context("go.sum")
		if len(texts) == 0 {
			inv.gap(gatehouse.GapUnresolved, 0, "", "modules that only other modules need are not known: go.mod is for Go before 1.17 and there is no go.sum beside it; run `go mod tidy -go=1.17`")
		}
		for _, text := range texts {
			if err := addGoSum(&inv, string(text), seen, sums); err != nil {
				return inv, err
			}
		}
	}
	return inv, nil
}

// parseGoWork reads go.work for what it changes in the modules that it uses.
// These have a go.mod of their own.
func parseGoWork(f *Lockfile) (Inventory, error) {
	var inv Inventory
	w, err := modfile.ParseWork("go.work", f.Data, nil)
	if err != nil {
		return inv, goModError(err)
	}
	for _, r := range w.Replace {
		inv.gap(gatehouse.GapUnresolved, r.Syntax.Start.Line, r.Old.Path,
			fmt.Sprintf("%s is replaced for all modules of the workspace, which is not taken into account; write the replacement into each go.mod", r.Old.Path))
	}
	return inv, nil
}

func goModError(err error) error {
	if list, ok := errors.AsType[modfile.ErrorList](err); ok && len(list) > 0 {
		return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: list[0].Pos.Line, Reason: fmt.Sprintf("not a valid go.mod: %v", list[0].Err)}
	}
	return fmt.Errorf("not a valid go.mod: %w", err)
}

// addGoSum adds the newest version of each module whose content go.sum has.
// Lines that end in "/go.mod" are about files that were only read to choose.
func addGoSum(inv *Inventory, text string, seen map[string]bool, sums map[string][]string) error {
	newest := map[string]string{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return fmt.Errorf("go.sum beside it is broken: a line has %d fields instead of 3", len(fields))
		}
		path, v := fields[0], fields[1]
		if seen[path] || strings.HasSuffix(v, "/go.mod") {
			continue
		}
		if old := newest[path]; old == "" || semver.Compare(v, old) > 0 {
			newest[path] = v
		}
	}
	for path, v := range newest {
		inv.add(Package{Eco: Golang, Name: path, Version: v, Hashes: sums[path+" "+v]})
	}
	return nil
}

// goSums are the digests of modules by "path version", from go.sum beside
// go.mod; see https://go.dev/ref/mod#go-sum-files.
func goSums(f *Lockfile) map[string][]string {
	found := map[string][]string{}
	for _, p := range f.manifests("go.sum") {
		if path.Dir(p) != path.Dir(f.Path) {
			continue
		}
		for line := range strings.Lines(string(PlainText(f.Others[p].Data))) {
			fields := strings.Fields(line)
			if len(fields) != 3 || strings.HasSuffix(fields[1], "/go.mod") {
				continue
			}
			algorithm, sum, _ := strings.Cut(fields[2], ":")
			if d := hexDigest("sha256", sum); algorithm == "h1" && d != "" {
				found[fields[0]+" "+fields[1]] = []string{"h1:" + strings.TrimPrefix(d, "sha256:")}
			}
		}
	}
	return found
}

// goTools are the modules that have the packages of tool lines.
func goTools(m *modfile.File) map[string]bool {
	modules, found := map[string]bool{}, map[string]bool{}
	for _, r := range m.Require {
		modules[r.Mod.Path] = true
	}
	for _, t := range m.Tool {
		for at := t.Path; at != "." && at != "/"; at = path.Dir(at) {
			if modules[at] {
				found[at] = true
				break
			}
		}
	}
	return found
}

func goBefore117(m *modfile.File) bool {
	return m.Go == nil || semver.Compare("v"+m.Go.Version, "v1.17") < 0
}

// goToolchain is the version of the standard library as the toolchain line
// gives it; see https://go.dev/doc/toolchain. The go line is only the oldest Go
// that may build the module: it says nothing about the one that does.
func goToolchain(m *modfile.File) (version string, line int) {
	if m.Toolchain == nil || !strings.HasPrefix(m.Toolchain.Name, "go") {
		return "", 0
	}
	version, _, _ = strings.Cut(strings.TrimPrefix(m.Toolchain.Name, "go"), "-")
	line = m.Toolchain.Syntax.Start.Line
	for _, pre := range []string{"rc", "beta"} {
		if before, after, ok := strings.Cut(version, pre); ok {
			return before + ".0-" + pre + "." + after, line
		}
	}
	if strings.Count(version, ".") == 1 {
		version += ".0"
	}
	return version, line
}
