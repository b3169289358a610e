package inventory

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

var cartLine = lazyregexp.New(`^(github|git|binary)\s+"([^"]+)"\s+"([^"]+)"$`)

// parseCartfile reads Cartfile.resolved; see
// https://github.com/Carthage/Carthage/blob/master/Documentation/Artifacts.md.
func parseCartfile(f *Lockfile) (Inventory, error) {
	var inv Inventory
	n := 0
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		m := cartLine().FindStringSubmatch(line)
		if m == nil {
			inv.gap(gatehouse.GapParse, n, "", "the line is no resolved dependency of Carthage")
			continue
		}
		p := Package{Eco: Swift, Version: m[3], Line: n, Direct: true}
		switch url := redactURL(m[2]); m[1] {
		case "github":
			if !strings.Contains(url, "://") {
				url = "https://github.com/" + url
			}
			p.Origin = repository(url, m[3])
			p.Name = vcsName(url)
		case "git":
			p.Origin = repository(url, m[3])
			p.Name = vcsName(url)
		default:
			p.Name = vcsName(url)
			p.Origin = &gatehouse.Origin{Kind: "url", URL: url}
			p.Unmatched = "it is installed as a binary, and not from its repository"
		}
		if commitID(p.Version) {
			p.Unmatched = "it is pinned to a commit, which says nothing about its version"
		}
		inv.add(p)
	}
	return inv, nil
}

// vcsName is the name of a repository as Swift names packages.
func vcsName(url string) string {
	url = strings.TrimSuffix(url, ".git")
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	return strings.Replace(strings.TrimPrefix(url, "git@"), ":", "/", 1)
}

// parseShardLock reads shard.lock of Crystal; see
// https://github.com/crystal-lang/shards/blob/master/docs/shard.yml.adoc.
func parseShardLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	shards := yamlField(root, "shards")
	if shards == nil {
		return inv, errors.New(`it has no "shards", so it is no lockfile of Crystal`)
	}
	for k, e := range yamlPairs(shards) {
		field := func(key string) string { return yamlText(yamlField(e, key)) }
		p := Package{Eco: Crystal, Name: k.Value, Line: k.Line}
		version, commit, _ := strings.Cut(field("version"), "+git.commit.")
		if commit == "" {
			commit = field("commit")
		}
		p.Version = version
		url := field("git") + field("hg") + field("fossil")
		for host, key := range map[string]string{"https://github.com/": "github", "https://gitlab.com/": "gitlab", "https://bitbucket.org/": "bitbucket"} {
			if at := field(key); at != "" {
				url = host + at
			}
		}
		switch {
		case field("path") != "":
			p.FirstParty = true
		case p.Version == "" && commit == "":
			inv.gap(gatehouse.GapUnresolved, k.Line, k.Value, "the shard has neither version nor commit")
			continue
		default:
			if p.Version == "" {
				p.Version = commit
			}
			p.Origin = repository(url, commit)
		}
		inv.add(p)
	}
	return inv, nil
}

// parseGopkgLock reads Gopkg.lock of dep, the tool before Go modules.
func parseGopkgLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock struct {
		Projects []struct{ Name, Version, Revision, Branch, Source, Digest string }
		Meta     map[string]any `toml:"solve-meta"`
	}
	if err := decodeTOML(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.Projects == nil && lock.Meta == nil {
		return inv, errors.New("it has neither projects nor solve-meta, so it is no lockfile of dep")
	}
	var lines []int
	n := 0
	for line := range strings.Lines(string(f.Data)) {
		if n++; strings.HasPrefix(strings.TrimSpace(line), "[[projects]]") {
			lines = append(lines, n)
		}
	}
	for i, p := range lock.Projects {
		line := 0
		if len(lines) == len(lock.Projects) {
			line = lines[i]
		}
		inv.addGoRepository(p.Name, p.Version, p.Revision, p.Source, line, false)
	}
	return inv, nil
}

// addGoRepository adds a package of the tools before Go modules, which took
// repositories at a tag or a commit.
func (inv *Inventory) addGoRepository(name, version, revision, source string, line int, test bool) {
	if name == "" || version == "" && revision == "" {
		inv.gap(gatehouse.GapUnresolved, line, name, "the package has no name, or neither a version nor a revision")
		return
	}
	p := Package{Eco: Golang, Name: name, Version: version, Line: line, Dev: test}
	if test {
		p.Scope = gatehouse.ScopeTest
	}
	if source == "" {
		source = "https://" + name
	}
	if revision == "" {
		revision = version
	}
	p.Origin = repository(source, revision)
	if !exactRef().MatchString(version) {
		p.Version = revision
		p.Unmatched = "it is pinned to a commit or a branch, which says nothing about its version"
	} else if !strings.HasPrefix(version, "v") {
		p.Version = "v" + version
	}
	inv.add(p)
}

// parseGlideLock reads glide.lock.
func parseGlideLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	if yamlField(root, "hash") == nil && yamlField(root, "imports") == nil {
		return inv, errors.New("it has neither a hash nor imports, so it is no lockfile of glide")
	}
	for _, key := range []string{"imports", "testImports"} {
		for e := range yamlItems(yamlField(root, key)) {
			field := func(key string) string { return yamlText(yamlField(e, key)) }
			inv.addGoRepository(field("name"), field("version"), "", field("repo"), e.Line, key == "testImports")
		}
	}
	return inv, nil
}

var cpanDist = lazyregexp.New(`^(.+)-(v?\d[\w.]*(?:-TRIAL\d*)?)$`)

// parseCpanSnapshot reads cpanfile.snapshot of Carton.
func parseCpanSnapshot(f *Lockfile) (Inventory, error) {
	var inv Inventory
	text := string(f.Data)
	if !strings.Contains(text, "DISTRIBUTIONS") {
		return inv, errors.New("it has no DISTRIBUTIONS, so it is no snapshot of Carton")
	}
	provides := map[string]string{} // module to id
	needs := map[int][]string{}     // index of the package to modules
	n, section := 0, ""
	for line := range strings.Lines(text) {
		n++
		word := strings.TrimSpace(line)
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		switch last := len(inv.Packages) - 1; indent(line) {
		case 2:
			m := cpanDist().FindStringSubmatch(word)
			if m == nil {
				inv.gap(gatehouse.GapUnresolved, n, word, "the distribution has no version")
				m = []string{word, word, ""}
			}
			inv.add(Package{Eco: CPAN, Name: m[1], Version: m[2], Line: n, Origin: fromRegistry("https://www.cpan.org")})
			section = ""
		case 4:
			key, value, _ := strings.Cut(word, ":")
			section = key
			if parts := strings.Split(strings.TrimSpace(value), "/"); key == "pathname" && len(parts) >= 4 && last >= 0 {
				inv.Packages[last].Name = parts[2] + "/" + inv.Packages[last].Name
			}
		case 6:
			module, _, _ := strings.Cut(word, " ")
			switch {
			case last < 0:
			case section == "provides":
				provides[module] = inv.Packages[last].ID
			case section == "requirements":
				needs[last] = append(needs[last], module)
			}
		}
	}
	for i, modules := range needs {
		for _, m := range modules {
			if id := provides[m]; id != "" {
				inv.Packages[i].DependsOn = append(inv.Packages[i].DependsOn, id)
			}
		}
	}
	return inv, nil
}

var opamDep = lazyregexp.New(`"([A-Za-z0-9_+-][A-Za-z0-9_.+-]*)"\s*\{\s*=\s*"([^"]+)"\s*([^}]*)\}`)

// parseOpamLocked reads the file that opam lock writes; see
// https://opam.ocaml.org/doc/Manual.html.
func parseOpamLocked(f *Lockfile) (Inventory, error) {
	var inv Inventory
	if !strings.Contains(string(f.Data), "opam-version:") {
		return inv, errors.New("it has no opam-version, so it is no file of opam")
	}
	index := newLineIndex(f.Data)
	for _, m := range opamDep().FindAllSubmatchIndex(f.Data, -1) {
		p := Package{Eco: Opam, Name: string(f.Data[m[2]:m[3]]), Version: string(f.Data[m[4]:m[5]]), Line: index.line(int64(m[0])), Origin: fromRegistry("https://opam.ocaml.org")}
		if flags := string(f.Data[m[6]:m[7]]); strings.Contains(flags, "with-test") || strings.Contains(flags, "with-doc") || strings.Contains(flags, "with-dev-setup") {
			p.Dev, p.Scope = true, gatehouse.ScopeTest
		}
		inv.add(p)
	}
	return inv, nil
}

var rockEntry = lazyregexp.New(`(?m)^\s*(?:\["([^"]+)"\]|([A-Za-z_]\w*))\s*=\s*"([^"]+)"`)

// parseLuaRocksLock reads luarocks.lock, a table of Lua.
func parseLuaRocksLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	if !strings.Contains(string(f.Data), "return") {
		return inv, errors.New("it returns no table, so it is no lockfile of LuaRocks")
	}
	index := newLineIndex(f.Data)
	for _, m := range rockEntry().FindAllSubmatchIndex(f.Data, -1) {
		name := ""
		for _, i := range []int{2, 4} {
			if m[i] >= 0 {
				name = string(f.Data[m[i]:m[i+1]])
			}
		}
		if name == "lua" {
			continue
		}
		inv.add(Package{Eco: LuaRocks, Name: name, Version: string(f.Data[m[6]:m[7]]), Line: index.line(int64(m[0])), Origin: fromRegistry("https://luarocks.org")})
	}
	return inv, nil
}

// parseVcpkg reads vcpkg.json. Versions are chosen by the baseline, unless the
// file overrides them; see https://learn.microsoft.com/vcpkg/reference/vcpkg-json.
func parseVcpkg(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data) // JSON is YAML, and so has lines
	if err != nil {
		return inv, err
	}
	if !isYAMLMap(root) {
		return inv, errors.New("it is no object, so it is no manifest of vcpkg")
	}
	versions := map[string]string{}
	for o := range yamlItems(yamlField(root, "overrides")) {
		versions[yamlText(yamlField(o, "name"))] = vcpkgVersion(o)
	}
	var open []string
	add := func(list *yaml.Node, scope gatehouse.Scope) {
		for d := range yamlItems(list) {
			name := yamlText(d)
			p := Package{Eco: Vcpkg, Line: d.Line, Direct: true, Scope: scope}
			if isYAMLMap(d) {
				name, p.Requirement = yamlText(yamlField(d, "name")), yamlText(yamlField(d, "version>="))
				if yamlText(yamlField(d, "host")) == "true" {
					p.Scope = gatehouse.ScopeBuild
				}
			}
			if p.Name = name; name == "" {
				inv.gap(gatehouse.GapUnresolved, d.Line, "", "a dependency has no name")
				continue
			}
			if p.Version = versions[name]; p.Version == "" {
				open = append(open, name)
				continue
			}
			inv.add(p)
		}
	}
	add(yamlField(root, "dependencies"), gatehouse.ScopeRuntime)
	for _, feature := range yamlPairs(yamlField(root, "features")) {
		add(yamlField(feature, "dependencies"), gatehouse.ScopeOptional)
	}
	if len(open) > 0 {
		inv.gap(gatehouse.GapUnresolved, 0, "", fmt.Sprintf("the versions of %s are those of the baseline, which the file does not have; scan the installed packages (vcpkg_installed), or name the versions in overrides", some(open)))
	}
	return inv, nil
}

func vcpkgVersion(n *yaml.Node) string {
	for _, key := range []string{"version", "version-semver", "version-date", "version-string"} {
		if v := yamlText(yamlField(n, key)); v != "" {
			version, _, _ := strings.Cut(v, "#") // the revision of the port
			return version
		}
	}
	return ""
}

// parseBunBinary is for the binary lockfile of bun, which bun itself replaced
// by a text.
func parseBunBinary(*Lockfile) (Inventory, error) {
	return Inventory{}, &gatehouse.Unscannable{Code: gatehouse.GapUnresolved,
		Reason: "the binary lockfile of bun is not read, so its packages were not looked at; run bun install --save-text-lockfile and commit bun.lock instead"}
}
