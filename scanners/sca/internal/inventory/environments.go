package inventory

import (
	"path"

	"github.com/gatehouse-sec/gatehouse"
)

// isCondaMeta reports whether a file is what conda keeps of an installed
// package.
func isCondaMeta(name string) bool {
	return path.Base(path.Dir(name)) == "conda-meta" && path.Ext(name) == ".json"
}

// parseCondaMeta reads such a file; see
// https://docs.conda.io/projects/conda/en/latest/dev-guide/api/conda/models/records/index.html (PrefixRecord).
func parseCondaMeta(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	p := Package{Eco: conda, Name: root.get("name").text(), Version: root.get("version").text(), Line: root.get("name").line(), Installed: true,
		Licenses: digests(root.get("license").text()), Origin: packageHost(root.get("url").text()),
		Hashes: digests(hexDigest("sha256", root.get("sha256").text()), hexDigest("md5", root.get("md5").text()))}
	if p.Name == "" || p.Version == "" {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: "it names no package and version, so it is no record of conda; install the package anew"}
	}
	inv.add(p)
	return inv, nil
}

// isJuliaPackage reports whether a file is the project of an installed package
// of Julia: packages/NAME/SLUG/Project.toml in a depot.
func isJuliaPackage(name string) bool {
	slug := path.Dir(name)
	return path.Base(name) == "Project.toml" && len(path.Base(slug)) == juliaSlug && path.Base(path.Dir(path.Dir(slug))) == "packages"
}

// juliaSlug is the length of the hash in the path of a package: that of
// Base.version_slug.
const juliaSlug = 5

func parseJuliaPackage(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := tomlTree(f.Data)
	if err != nil {
		return inv, err
	}
	name, version := root.get("name").text(), root.get("version").text()
	if name == "" || version == "" || root.get("uuid").text() == "" {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: "it has no name, uuid or version, so it is no project of an installed package of Julia"}
	}
	inv.add(Package{Eco: Julia, Name: name, Version: version, Line: root.get("version").line(), Installed: true})
	return inv, nil
}
