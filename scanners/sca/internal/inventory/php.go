package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

type composerPackage struct {
	Name, Version string
	Require       any // an empty one is a list
	// Provide and Replace are packages that it stands for.
	Provide, Replace any
	License          any
	Source           struct{ Type, URL string }
	Dist             struct{ Type, URL string }
}

// parseComposerLock reads composer.lock.
func parseComposerLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock struct {
		Packages    []composerPackage
		PackagesDev []composerPackage `json:"packages-dev"`
		ContentHash string            `json:"content-hash"`
		Hash        string
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.Packages == nil && lock.PackagesDev == nil && lock.ContentHash == "" && lock.Hash == "" {
		return inv, errors.New("it has neither packages nor a content hash, so it is no lockfile of composer")
	}
	asked := composerRequires(f)
	ids := map[string]string{}
	for _, list := range [][]composerPackage{lock.Packages, lock.PackagesDev} {
		for _, p := range list {
			ids[strings.ToLower(p.Name)] = p.Name + "@" + p.Version
		}
	}
	for k, list := range [][]composerPackage{lock.Packages, lock.PackagesDev} {
		lines := jsonItemLines(f.Data, []string{"packages", "packages-dev"}[k])
		for i, c := range list {
			line := 0
			if i < len(lines) {
				line = lines[i]
			}
			if c.Name == "" {
				inv.gap(gatehouse.GapUnresolved, line, "", "a package has no name")
				continue
			}
			for _, table := range []any{c.Provide, c.Replace} {
				entries, _ := table.(map[string]any)
				inv.Knows = slices.AppendSeq(inv.Knows, maps.Keys(entries))
			}
			p := c.pkg(ids)
			p.Line, p.Dev, p.Direct = line, k == 1, asked[strings.ToLower(c.Name)]
			inv.add(p)
		}
	}
	return inv, nil
}

// parseComposerInstalled reads vendor/composer/installed.json, which lists what
// is installed: below "packages", or in Composer 1 as a list.
func parseComposerInstalled(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var content any
	if err := decodeJSON(f.Data, &content); err != nil {
		return inv, err
	}
	if _, list := content.([]any); list {
		content = map[string]any{"packages": content}
	}
	var file struct {
		Packages []composerPackage
		Dev      []string `json:"dev-package-names"`
	}
	top, _ := content.(map[string]any)
	if _, ok := top["packages"].([]any); !ok || redecode(top, &file) != nil {
		inv.Skip = "not a list of what composer installed"
		return inv, nil
	}
	ids := map[string]string{}
	for _, c := range file.Packages {
		ids[strings.ToLower(c.Name)] = c.Name + "@" + c.Version
	}
	lines := jsonItemLines(f.Data, "packages")
	for i, c := range file.Packages {
		if c.Name == "" {
			inv.gap(gatehouse.GapUnresolved, 0, "", "a package has no name")
			continue
		}
		p := c.pkg(ids)
		if i < len(lines) {
			p.Line = lines[i]
		}
		p.Dev = slices.Contains(file.Dev, c.Name)
		inv.add(p)
	}
	return inv, nil
}

// pkg is the package; ids are those of all packages by name.
func (c *composerPackage) pkg(ids map[string]string) Package {
	p := Package{Eco: Composer, Name: c.Name, Version: c.Version, Licenses: licenseNames(c.License),
		FirstParty: c.Dist.Type == "path" && c.Source.URL == ""}
	requires, _ := c.Require.(map[string]any)
	for name := range requires {
		if id := ids[strings.ToLower(name)]; id != "" {
			p.DependsOn = append(p.DependsOn, id)
		}
	}
	return p
}

func composerRequires(f *Lockfile) map[string]bool {
	asked := map[string]bool{}
	for _, data := range f.context("composer.json") {
		for _, name := range composerDependencies(data) {
			asked[strings.ToLower(name)] = true
		}
	}
	return asked
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

// redecode gives a decoded document the types of v.
func redecode(from any, v any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("%q is a %s", t.Field, t.Value)
		}
		return err
	}
	return nil
}
