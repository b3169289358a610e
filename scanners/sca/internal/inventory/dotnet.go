package inventory

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// parseNugetLock reads packages.lock.json; see
// https://learn.microsoft.com/nuget/consume-packages/package-references-in-project-files#locking-dependencies.
func parseNugetLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	if !root.get("dependencies").isMap() {
		return inv, errors.New(`it has no table "dependencies", so it is no lockfile of NuGet`)
	}
	inv.tellRepeated(root)
	missing := map[string]bool{}
	for framework := range root.get("dependencies").children() {
		versions := map[string]string{} // by name in lower case
		for n := range framework.children() {
			versions[strings.ToLower(n.key())] = n.key() + "@" + n.get("resolved").text()
		}
		for n := range framework.children() {
			kind, version := n.get("type").text(), n.get("resolved").text()
			p := Package{Eco: NuGet, Name: n.key(), Version: version, Line: n.line(), EndLine: n.end(), Direct: strings.EqualFold(kind, "Direct"),
				FirstParty: strings.EqualFold(kind, "Project"), Hashes: digests(hexDigest("sha512", n.get("contentHash").text()))}
			if strings.EqualFold(kind, "Direct") || strings.EqualFold(kind, "CentralTransitive") {
				p.Requirement = n.get("requested").text()
			}
			if version == "" && !p.FirstParty {
				inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
				continue
			}
			for d := range n.get("dependencies").children() {
				if p.Ranges == nil {
					p.Ranges = map[string]string{}
				}
				p.Ranges[d.key()] = d.text()
				if id := versions[strings.ToLower(d.key())]; id != "" {
					p.DependsOn = append(p.DependsOn, id)
				} else {
					missing[d.key()] = true
				}
			}
			inv.add(p)
		}
	}
	inv.tellMissing(missing)
	return inv, nil
}

// parseDepsJSON reads what an application of .NET was built from; see
// https://github.com/dotnet/sdk/blob/main/documentation/specs/runtime-configuration-file.md.
func parseDepsJSON(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	libraries := root.get("libraries")
	if !root.get("runtimeTarget").exists() && !libraries.exists() {
		return inv, errors.New(`it has neither "runtimeTarget" nor "libraries"`)
	}
	inv.tellRepeated(root)
	target := root.get("targets", root.get("runtimeTarget", "name").text())
	assets := target.table()
	for n := range libraries.children() {
		kind := strings.ToLower(n.get("type").text())
		name, version, ok := strings.Cut(n.key(), "/")
		switch {
		case kind != "package" && kind != "project" && kind != "runtimepack":
			continue
		case !ok && kind == "package":
			inv.gap(gatehouse.GapUnresolved, n.line(), n.key(), "the library has no version")
			continue
		}
		// Projects are what the application itself is made of.
		p := Package{Eco: NuGet, Name: strings.TrimPrefix(name, "runtimepack."), Version: version, Line: n.line(), EndLine: n.end(), FirstParty: kind == "project",
			Hashes: sriDigests(n.get("sha512").text())}
		uses, known := assets[n.key()]
		for d := range uses.get("dependencies").children() {
			p.DependsOn = append(p.DependsOn, strings.TrimPrefix(d.key(), "runtimepack.")+"@"+d.text())
		}
		if known && kind == "package" && !uses.get("runtime").exists() && !uses.get("native").exists() && !uses.get("runtimeTargets").exists() {
			// It was there to build, and nothing of it is in the application.
			p.Scope, p.Dev = gatehouse.ScopeBuild, true
		}
		inv.add(p)
	}
	direct := map[string]bool{}
	for i := range inv.Packages {
		if inv.Packages[i].FirstParty {
			for _, id := range inv.Packages[i].DependsOn {
				direct[id] = true
			}
		}
	}
	for i := range inv.Packages {
		inv.Packages[i].Direct = direct[inv.Packages[i].ID]
	}
	return inv, nil
}

// xmlEvents calls start for each element, with its line and the names of the
// elements around it, text for each piece of text, and end for each end.
func xmlEvents(data []byte, start func(line int, around []string, e xml.StartElement) error, text func(string), end func(around []string, name string)) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = latin1
	var around []string
	elements := 0
	for {
		t, err := d.Token()
		line, _ := d.InputPos()
		if err == io.EOF {
			if elements == 0 {
				return errors.New("not valid XML: it has no elements")
			}
			return nil
		}
		if err != nil {
			return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: line, Reason: fmt.Sprintf("not valid XML: %v", err)}
		}
		switch t := t.(type) {
		case xml.StartElement:
			elements++
			if err := start(line, around, t); err != nil {
				return err
			}
			around = append(around, t.Name.Local)
		case xml.CharData:
			if text != nil {
				text(string(t))
			}
		case xml.EndElement:
			around = around[:len(around)-1]
			if end != nil {
				end(around, t.Name.Local)
			}
		}
	}
}

// xmlElements calls f for each element.
func xmlElements(data []byte, f func(line int, around []string, e xml.StartElement) error) error {
	return xmlEvents(data, f, nil, nil)
}

// latin1 reads the encodings that XML files of build tools declare besides
// UTF-8. UTF-16 was already converted.
func latin1(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "utf-8", "utf-16", "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "windows-1252", "latin1", "iso-8859-15", "cp1252":
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return strings.NewReader(string(runes)), nil
	}
	return nil, fmt.Errorf("the encoding %q is not known", charset)
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// nugetExact is "[1.2.3]", which means exactly that version.
var nugetExact = lazyregexp.New(`^\[\s*([^,\s\]]+)\s*\]$`)

// addNuget adds a package reference if its version is plain.
func addNuget(inv *Inventory, p Package) {
	if m := nugetExact().FindStringSubmatch(p.Version); m != nil {
		p.Version = m[1]
	}
	switch {
	case p.Version == "":
		inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version; pin it, or commit packages.lock.json", p.Name))
	case strings.Contains(p.Version, "$(") || strings.Contains(p.Name, "$("):
		inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("the version %q of %s is a property whose value is not known; write it out, or commit packages.lock.json", p.Version, p.Name))
	case strings.ContainsAny(p.Version, "*[](),"):
		inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("the version %q of %s is a range; commit packages.lock.json", p.Version, p.Name))
	default:
		inv.add(p)
	}
}

func parseNugetConfig(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root := ""
	err := xmlElements(f.Data, func(line int, around []string, e xml.StartElement) error {
		switch {
		case len(around) == 0:
			root = e.Name.Local
		case e.Name.Local == "package" && len(around) == 1:
			p := Package{Eco: NuGet, Name: attribute(e, "id"), Version: attribute(e, "version"), Line: line, Direct: true,
				Requirement: attribute(e, "allowedVersions"), Scope: gatehouse.ScopeRuntime}
			if strings.EqualFold(attribute(e, "developmentDependency"), "true") {
				p.Scope, p.Dev = gatehouse.ScopeDev, true
			}
			if p.Name == "" {
				inv.gap(gatehouse.GapUnresolved, line, "", "a package has no id")
				return nil
			}
			addNuget(&inv, p)
		}
		return nil
	})
	if err == nil && root != "packages" {
		err = fmt.Errorf("the root element is %q instead of \"packages\"", root)
	}
	return inv, err
}

// parsePackagesProps reads the versions of central package management.
func parsePackagesProps(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root := ""
	properties := map[string]string{}
	ignore := func(int, []string, xml.StartElement) {}
	if err := walkXML(f.Data, ignore, func(around []string, name, text string) {
		if len(around) == 2 && around[1] == "PropertyGroup" {
			properties["$("+name+")"] = text
		}
	}); err != nil {
		return inv, err
	}
	err := xmlElements(f.Data, func(line int, around []string, e xml.StartElement) error {
		if len(around) == 0 {
			root = e.Name.Local
			return nil
		}
		switch e.Name.Local {
		case "PackageVersion", "PackageReference", "GlobalPackageReference":
		default:
			return nil
		}
		p := Package{Eco: NuGet, Name: attribute(e, "Include"), Version: attribute(e, "Version"), Line: line, Direct: true}
		if p.Name == "" {
			p.Name = attribute(e, "Update")
		}
		if v, ok := properties[p.Version]; ok {
			p.Version = v
		}
		if p.Name == "" {
			return nil // "Remove"
		}
		if p.Version == "" && e.Name.Local == "PackageReference" {
			return nil // the version is that of the PackageVersion elsewhere
		}
		addNuget(&inv, p)
		return nil
	})
	if err == nil && root != "Project" {
		err = fmt.Errorf("the root element is %q instead of \"Project\"", root)
	}
	return inv, err
}
