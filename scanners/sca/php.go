package sca

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

type composerPackage struct {
	Name, Version string
	Require       any // an empty one is a list
	License       any
	Source        struct{ Type, URL string }
	Dist          struct{ Type, URL string }
}

// parseComposerLock reads composer.lock.
func parseComposerLock(f *lockfile) (inventory, error) {
	var inv inventory
	var lock struct {
		Packages    []composerPackage
		PackagesDev []composerPackage `json:"packages-dev"`
		ContentHash string            `json:"content-hash"`
		Hash        string
	}
	if err := decodeJSON(f.data, &lock); err != nil {
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
		lines := jsonItemLines(f.data, []string{"packages", "packages-dev"}[k])
		for i, c := range list {
			line := 0
			if i < len(lines) {
				line = lines[i]
			}
			if c.Name == "" {
				inv.gap(gatehouse.GapUnresolved, line, "", "a package has no name")
				continue
			}
			p := pkg{eco: composer, name: c.Name, version: c.Version, line: line, dev: k == 1,
				direct: asked[strings.ToLower(c.Name)], licenses: licenseNames(c.License),
				firstParty: c.Dist.Type == "path" && c.Source.URL == ""}
			if requires, ok := c.Require.(map[string]any); ok {
				for name := range requires {
					if id := ids[strings.ToLower(name)]; id != "" {
						p.dependsOn = append(p.dependsOn, id)
					}
				}
			}
			inv.add(p)
		}
	}
	return inv, nil
}

func composerRequires(f *lockfile) map[string]bool {
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
