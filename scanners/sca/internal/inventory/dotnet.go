package inventory

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

func parseNugetLock(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(NuGet, newNugetParser(), f.Data)
	if err != nil {
		return inv, err
	}
	return inv, inv.need(f.Data, `"dependencies"`)
}

func parseDepsJSON(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(NuGet, newDepsParser(), f.Data)
	if err != nil {
		return inv, err
	}
	if err := inv.need(f.Data, `"runtimeTarget"`, `"libraries"`); err != nil {
		return inv, err
	}
	// Projects are what the application itself is made of. The parser tells
	// them apart only when it can tell the root.
	var file struct {
		Libraries map[string]struct{ Type string }
	}
	if err := decodeJSON(f.Data, &file); err != nil {
		return inv, err
	}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if strings.EqualFold(file.Libraries[p.Name+"/"+p.Version].Type, "project") {
			p.FirstParty = true
		}
	}
	for key, l := range file.Libraries {
		if !strings.Contains(key, "/") && strings.EqualFold(l.Type, "package") {
			inv.gap(gatehouse.GapUnresolved, 0, key, "the library has no version")
		}
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
var nugetExact = regexp.MustCompile(`^\[\s*([^,\s\]]+)\s*\]$`)

// addNuget adds a package reference if its version is plain.
func addNuget(inv *Inventory, p Package) {
	if m := nugetExact.FindStringSubmatch(p.Version); m != nil {
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
				Dev: strings.EqualFold(attribute(e, "developmentDependency"), "true")}
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
