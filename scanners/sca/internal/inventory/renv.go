package inventory

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseRenvLock reads renv.lock; see
// https://rstudio.github.io/renv/articles/lockfile.html.
func parseRenvLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock struct {
		R struct {
			Repositories []struct{ Name, URL string }
		}
		Packages map[string]map[string]any
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.Packages == nil {
		return inv, errors.New(`it has no "Packages", so it is no lockfile of renv`)
	}
	repositories := map[string]string{}
	for _, r := range lock.R.Repositories {
		repositories[r.Name] = r.URL
	}
	lines := jsonKeyLines(f.Data, "Packages")
	for _, key := range slices.Sorted(maps.Keys(lock.Packages)) {
		e := lock.Packages[key]
		text := func(name string) string { s, _ := e[name].(string); return s }
		p := Package{ID: key, Eco: CRAN, Name: key, Version: text("Version"), Line: lines[key], Licenses: licenseNames(e["License"])}
		if name := text("Package"); name != "" {
			p.Name = name
		}
		if p.Version == "" {
			inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, "the package has no version")
			continue
		}
		switch source := text("Source"); {
		case strings.EqualFold(source, "Bioconductor"), strings.HasPrefix(text("Repository"), "BioC"):
			p.Eco = Bioconductor
			p.Origin = fromRegistry("https://bioconductor.org")
		case strings.EqualFold(source, "Repository"), source == "":
			name := text("Repository")
			if url := repositories[name]; url != "" {
				name = url
			}
			p.Origin = fromRegistry(name)
		case text("RemoteRepo") != "":
			host := text("RemoteHost")
			if host == "" || strings.HasPrefix(host, "api.") {
				host = strings.TrimPrefix(host, "api.")
			}
			p.Origin = repository(strings.TrimPrefix(fmt.Sprintf("%s/%s/%s", host, text("RemoteUsername"), text("RemoteRepo")), "/"), text("RemoteSha"))
			p.Unmatched = "it is installed from a repository and not from CRAN"
		default:
			p.Unmatched = fmt.Sprintf("it is installed from %q and not from CRAN", source)
		}
		requirements := stringList(e["Requirements"])
		for _, field := range []string{"Depends", "Imports", "LinkingTo"} { // written since renv 1.1
			for _, r := range stringList(e[field]) {
				name, _, _ := strings.Cut(r, " ")
				requirements = append(requirements, name)
			}
		}
		for _, r := range requirements {
			if lock.Packages[r] != nil {
				p.DependsOn = append(p.DependsOn, r)
			}
		}
		inv.add(p)
	}
	return inv, nil
}

// parseDescription reads the DESCRIPTION of an installed package of R; see
// https://cran.r-project.org/doc/manuals/r-release/R-exts.html.
func parseDescription(f *Lockfile) (Inventory, error) {
	var inv Inventory
	h := readHeaders(f.Data)
	// Built is written by the installation alone.
	name, version := h.get("Package"), h.get("Version")
	if name == "" || version == "" || h.get("Built") == "" {
		inv.Skip = "not the description of an installed package of R"
		return inv, nil
	}
	p := Package{Eco: CRAN, Name: name, Version: version, Line: h.line("Version"), Installed: true, Licenses: digests(h.get("License"))}
	switch {
	case h.get("Priority") == "base":
		p.FirstParty = true // part of R itself
	case h.get("biocViews") != "":
		p.Eco = Bioconductor
	case h.get("RemoteRepo") != "":
		p.Origin = repository(h.get("RemoteUsername")+"/"+h.get("RemoteRepo"), h.get("RemoteSha"))
		p.Unmatched = "it is installed from a repository and not from CRAN"
	}
	inv.add(p)
	return inv, nil
}
