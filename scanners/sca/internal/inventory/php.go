package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseComposerLock reads composer.lock; see
// https://getcomposer.org/doc/01-basic-usage.md#commit-your-composer-lock-file-to-version-control.
func parseComposerLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	shipped, dev := root.get("packages"), root.get("packages-dev")
	if !shipped.exists() && !dev.exists() && !root.get("content-hash").exists() && !root.get("hash").exists() {
		return inv, errors.New("it has neither packages nor a content hash, so it is no lockfile of composer")
	}
	if shipped.exists() && !shipped.isList() || dev.exists() && !dev.isList() && dev.text() != "" {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: `"packages" or "packages-dev" is no list`}
	}
	inv.tellRepeated(root)
	c := composerLock{inv: &inv, ids: map[string]string{}, origins: map[string]*gatehouse.Origin{}}
	c.number(shipped, dev)
	asked := composerAsks(f)
	for _, list := range []node{shipped, dev} {
		scope := gatehouse.ScopeRuntime
		if list == dev {
			scope = gatehouse.ScopeDev
		}
		for n := range list.children() {
			for _, table := range []string{"provide", "replace"} {
				for d := range n.get(table).children() {
					inv.Knows = append(inv.Knows, strings.Clone(d.key()))
				}
			}
			if p, ok := c.read(n); ok {
				p.Scope, p.Dev = scope, scope == gatehouse.ScopeDev
				all := asked[strings.ToLower(p.Name)]
				p.Direct = len(all) > 0
				p.declare(all)
				inv.add(p)
			}
		}
	}
	return inv, nil
}

// parseComposerInstalled reads vendor/composer/installed.json, which lists what
// is installed: below "packages", or in Composer 1 as a list.
func parseComposerInstalled(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	list := root
	if !root.isList() {
		list = root.get("packages")
	}
	if !list.isList() {
		inv.Skip = "not a list of what composer installed"
		return inv, nil
	}
	for n := range list.children() {
		if !n.isMap() || n.get("name").exists() && n.get("name").kind() != nodeString {
			inv.Skip = "not a list of what composer installed"
			return inv, nil
		}
	}
	dev := map[string]bool{}
	for _, name := range root.get("dev-package-names").texts() {
		dev[name] = true
	}
	c := composerLock{inv: &inv, ids: map[string]string{}, origins: map[string]*gatehouse.Origin{}}
	c.number(list)
	for n := range list.children() {
		if p, ok := c.read(n); ok {
			p.Installed, p.Dev = true, dev[p.Name]
			if p.Dev {
				p.Scope = gatehouse.ScopeDev
			}
			inv.add(p)
		}
	}
	return inv, nil
}

type composerLock struct {
	inv     *Inventory
	ids     map[string]string // of all packages by name in lower case
	origins map[string]*gatehouse.Origin
}

func (c *composerLock) number(lists ...node) {
	for _, list := range lists {
		for n := range list.children() {
			name := n.get("name").text()
			c.ids[strings.ToLower(name)] = name + "@" + n.get("version").text()
		}
	}
}

// read makes the package of an entry; false if it has no name.
func (c *composerLock) read(n node) (Package, bool) {
	name := n.get("name").text()
	if name == "" {
		c.inv.gap(gatehouse.GapUnresolved, n.line(), "", "a package has no name")
		return Package{}, false
	}
	source, dist := n.get("source"), n.get("dist")
	p := Package{Eco: Composer, Name: name, Version: n.get("version").text(), Line: n.line(), EndLine: n.end(), Licenses: licenseTexts(n.get("license")),
		FirstParty: dist.get("type").text() == "path" && source.get("url").text() == "",
		Hashes:     digests(hexDigest("sha1", dist.get("shasum").text())), Published: publishedAt(n.get("time").text())}
	if p.Version == "" && !p.FirstParty {
		c.inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
	}
	switch abandoned := n.get("abandoned"); {
	case abandoned.isTrue():
		p.Deprecated = "abandoned"
	case abandoned.kind() == nodeString && abandoned.text() != "":
		p.Deprecated = "abandoned; use " + abandoned.text()
	}
	p.Origin = c.origin(n)
	for d := range n.get("require").children() {
		if p.Ranges == nil {
			p.Ranges = map[string]string{}
		}
		p.Ranges[strings.ToLower(d.key())] = d.text()
		if id := c.ids[strings.ToLower(d.key())]; id != "" {
			p.DependsOn = append(p.DependsOn, id)
		}
	}
	return p, true
}

// origin is the registry that is told of the download, or else the place that
// composer downloads from.
func (c *composerLock) origin(n node) *gatehouse.Origin {
	if at := n.get("notification-url").text(); at != "" {
		at = strings.TrimSuffix(strings.TrimSuffix(at, "/"), "/downloads")
		if c.origins[at] == nil {
			c.origins[at] = fromRegistry(strings.Clone(at))
		}
		return c.origins[at]
	}
	source, dist := n.get("source"), n.get("dist")
	if url := strings.Clone(source.get("url").text()); url != "" {
		return repository(url, strings.Clone(source.get("reference").text()))
	}
	if url := strings.Clone(dist.get("url").text()); url != "" {
		if dist.get("type").text() == "path" {
			return &gatehouse.Origin{Kind: "path", URL: url, Pinned: true}
		}
		return &gatehouse.Origin{Kind: "url", URL: redactURL(url), Revision: strings.Clone(dist.get("reference").text()), Pinned: commitID(dist.get("reference").text()) || dist.get("shasum").text() != ""}
	}
	return nil
}

// composerAsks are what the composer.json files ask for, by name in lower case.
func composerAsks(f *Lockfile) asks {
	found := asks{}
	for _, p := range f.manifests("composer.json") {
		root, err := jsonTree(PlainText(f.Others[p].Data))
		if err != nil {
			continue // said where it is compared with the lockfile
		}
		for table, scope := range map[string]gatehouse.Scope{"require": gatehouse.ScopeRuntime, "require-dev": gatehouse.ScopeDev} {
			for d := range root.get(table).children() {
				if strings.Contains(d.key(), "/") {
					found.add(ask{name: strings.ToLower(d.key()), requirement: d.text(), scope: scope, workspace: workspaceOf(f.Path, p), at: gatehouse.Location{Path: p, Line: d.line()}})
				}
			}
		}
	}
	return found
}

// composerDependencies are the packages that composer.json asks for; php itself
// and its extensions are none, which shows in that they have no vendor.
func composerDependencies(data []byte) []string {
	var m struct {
		Require    any
		RequireDev any `json:"require-dev"`
	}
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	var names []string
	for _, table := range []any{m.Require, m.RequireDev} {
		entries, _ := table.(map[string]any)
		for name := range entries {
			if strings.Contains(name, "/") {
				names = append(names, name)
			}
		}
	}
	return names
}

// licenseNames reads a licence that is a name or a list, of which one may
// choose; see https://getcomposer.org/doc/04-schema.md#license.
func licenseNames(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []any:
		if names := stringList(v); len(names) > 0 {
			return []string{strings.Join(names, " OR ")}
		}
	}
	return nil
}
