package inventory

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// parseCondaLock reads conda-lock.yml, which has the packages of conda and of
// pip for each platform; see https://conda.github.io/conda-lock.
func parseCondaLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	list := yamlField(root, "package")
	if list == nil {
		return inv, errors.New(`it has no "package", so it is no lockfile of conda-lock; those that list URLs only are not read`)
	}
	ids := map[string]string{}
	type locked struct {
		p     Package
		needs []string
	}
	var all []locked
	for entry := range yamlItems(list) {
		field := func(keys ...string) string { return yamlText(yamlField(entry, keys...)) }
		p := Package{Eco: conda, Name: field("name"), Version: field("version"), Line: entry.Line,
			Hashes: digests(hexDigest("sha256", field("hash", "sha256")), hexDigest("md5", field("hash", "md5")))}
		if p.Name == "" || p.Version == "" {
			inv.gap(gatehouse.GapUnresolved, entry.Line, p.Name, "the package has no name or no version")
			continue
		}
		if field("manager") == "pip" {
			p.Eco, p.Name = PyPI, PythonName(p.Name)
		}
		p.Origin = packageHost(field("url"))
		if category := field("category"); category != "" && category != "main" {
			p.Scope = gatehouse.ScopeOptional
			if strings.HasPrefix(category, "dev") {
				p.Dev, p.Scope = true, gatehouse.ScopeDev
			}
		}
		p.ID = field("platform") + "/" + p.Eco.Purl + "/" + p.Label()
		ids[field("platform")+"/"+p.Name] = p.ID
		var needs []string
		for name, version := range yamlPairs(yamlField(entry, "dependencies")) {
			needs = append(needs, field("platform")+"/"+name.Value)
			if p.Ranges == nil {
				p.Ranges = map[string]string{}
			}
			p.Ranges[name.Value] = yamlText(version)
		}
		all = append(all, locked{p, needs})
	}
	for _, l := range all {
		for _, n := range l.needs {
			if id := ids[n]; id != "" {
				l.p.DependsOn = append(l.p.DependsOn, id)
			}
		}
		inv.add(l.p)
	}
	return inv, nil
}

// packageHost is the registry that the URL of an archive belongs to.
func packageHost(url string) *gatehouse.Origin {
	url = redactURL(url)
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return nil
	}
	host, channel, _ := strings.Cut(rest, "/")
	if host == "conda.anaconda.org" || host == "repo.anaconda.com" || host == "repo.prefix.dev" {
		channel, _, _ = strings.Cut(channel, "/")
		host += "/" + channel
	}
	return fromRegistry(scheme + "://" + host)
}

// condaArchive is the name of an archive: name-version-build.
var condaArchive = lazyregexp.New(`^(.+)-([^-]+)-[^-]+(?:\.conda|\.tar\.bz2)$`)

// parsePixiLock reads pixi.lock; see
// https://pixi.sh/latest/workspace/lockfile.
func parsePixiLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	version, list := yamlText(yamlField(root, "version")), yamlField(root, "packages")
	if list == nil {
		return inv, errors.New(`it has no "packages", so it is no lockfile of pixi of version 4 or later`)
	}
	if !strings.Contains(" 4 5 6 ", " "+version+" ") {
		return inv, fmt.Errorf("version %q of the lockfile is not known; write it with a pixi that uses version 6", version)
	}
	for entry := range yamlItems(list) {
		p, ok := pixiPackage(entry)
		if !ok {
			inv.gap(gatehouse.GapUnresolved, entry.Line, p.Name, "the package has no name or no version")
			continue
		}
		inv.add(p)
	}
	return inv, nil
}

func pixiPackage(entry *yaml.Node) (Package, bool) {
	field := func(key string) string { return yamlText(yamlField(entry, key)) }
	kind, url := field("kind"), field("url")+field("path")
	for _, k := range []string{"conda", "pypi"} { // version 6 has the kind as a key
		if u := field(k); u != "" {
			kind, url = k, u
		}
	}
	p := Package{Eco: conda, Name: field("name"), Version: field("version"), Line: entry.Line, Licenses: digests(field("license")),
		Hashes: digests(hexDigest("sha256", field("sha256")), hexDigest("md5", field("md5")))}
	if m := condaArchive().FindStringSubmatch(path.Base(url)); kind == "conda" && m != nil {
		p.Name, p.Version = m[1], m[2]
	}
	if kind == "pypi" {
		p.Eco, p.Name = PyPI, PythonName(p.Name)
	}
	switch {
	case strings.HasPrefix(url, "git+"):
		p.Origin = repository(strings.TrimPrefix(url, "git+"), "")
		p.Unmatched = "it is installed from a repository and not from " + p.Eco.Label
	case strings.Contains(url, "://"):
		p.Origin = packageHost(url)
	case url != "":
		p.FirstParty = true // a directory of the project
		return p, p.Name != ""
	}
	return p, p.Name != "" && p.Version != ""
}
