package inventory

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// The pom.xml of a target are read together: a parent that is in the target
// gives properties and managed versions. Maven would fetch all else; nothing
// is fetched here, and what stays unknown is a gap.
//
// Only the dependencies that a project declares are known. Those that its
// dependencies bring are in no file of the target, which is a gap as well.

// pom is one project.
type pom struct {
	path                     string
	group, artifact, version string
	parent                   *coordinates
	relativePath             string // of the parent; empty if not given
	properties               map[string]string
	dependencies, managed    []dependency
	urls                     []string // of repositories
	up                       *pom     // the parent, if it is in the target
}

type coordinates struct{ group, artifact, version string }

type dependency struct {
	coordinates
	scope, kind, classifier string
	optional                bool
	line, from              int    // from is the line in the file, line 0 if that is another one
	file                    string // that the line is of
}

func (d *dependency) key() string {
	return d.group + ":" + d.artifact + ":" + cmp.Or(d.kind, "jar") + ":" + d.classifier
}

// ReadPoms reads all pom.xml files together, reports what each says, and
// fails those that cannot be read.
func ReadPoms(files map[string]*gatehouse.File, owned []string, fail func(at, reason string), report func(at string, inv Inventory) error) error {
	poms := map[string]*pom{}
	for _, at := range owned {
		f := files[at]
		if f == nil {
			continue
		}
		one, err := readPom(at, PlainText(f.Data))
		if err != nil {
			if len(owned) == 1 {
				return err
			}
			fail(at, err.Error())
			continue
		}
		poms[at] = one
	}
	link(poms)
	for _, at := range owned {
		one := poms[at]
		if one == nil {
			continue
		}
		if err := report(at, one.inventory(poms)); err != nil {
			if len(owned) == 1 {
				return err
			}
			fail(at, err.Error())
		}
	}
	return nil
}

// readPom reads the parts of a pom.xml that say what it depends on.
func readPom(at string, data []byte) (one *pom, err error) {
	defer func() {
		if r := recover(); r != nil {
			one, err = nil, &gatehouse.Unscannable{Code: gatehouse.GapPanic, Reason: fmt.Sprintf("the parser crashed: %v", r)}
		}
	}()
	if err := CheckText(data); err != nil {
		return nil, err
	}
	one = &pom{path: at, properties: map[string]string{}}
	var d *dependency
	var target *[]dependency
	root := ""
	err = walkXML(data, func(line int, around []string, e xml.StartElement) {
		if len(around) == 0 {
			root = e.Name.Local
		}
		if e.Name.Local == "dependency" {
			d = &dependency{line: line, from: line, file: at}
			target = nil
			switch place := strings.Join(around, "/"); {
			case place == "project/dependencies", place == "project/profiles/profile/dependencies":
				target = &one.dependencies
			case place == "project/dependencyManagement/dependencies", place == "project/profiles/profile/dependencyManagement/dependencies":
				target = &one.managed
			}
		}
		if e.Name.Local == "parent" && len(around) == 1 {
			one.parent = &coordinates{}
		}
	}, func(around []string, name, text string) {
		place := strings.Join(around, "/")
		switch {
		case name == "dependency" && d != nil:
			if target != nil {
				*target = append(*target, *d)
			}
			d = nil
		case d != nil && strings.HasSuffix(place, "/dependency"):
			d.set(name, text)
		case place == "project":
			switch name {
			case "groupId":
				one.group = text
			case "artifactId":
				one.artifact = text
			case "version":
				one.version = text
			}
		case place == "project/parent":
			switch name {
			case "groupId":
				one.parent.group = text
			case "artifactId":
				one.parent.artifact = text
			case "version":
				one.parent.version = text
			case "relativePath":
				one.relativePath = cmp.Or(text, "none")
			}
		case place == "project/repositories/repository" && name == "url":
			one.urls = append(one.urls, redactURL(text))
		case place == "project/properties", place == "project/profiles/profile/properties":
			if _, ok := one.properties[name]; !ok || place == "project/properties" {
				one.properties[name] = text
			}
		}
	})
	if err == nil && root != "project" {
		err = fmt.Errorf("the root element is %q instead of \"project\"", root)
	}
	return one, err
}

func (d *dependency) set(name, text string) {
	switch name {
	case "groupId":
		d.group = text
	case "artifactId":
		d.artifact = text
	case "version":
		d.version = text
	case "scope":
		d.scope = text
	case "type":
		d.kind = text
	case "classifier":
		d.classifier = text
	case "optional":
		d.optional = text == "true"
	}
}

// walkXML calls start for each element and end with its own text.
func walkXML(data []byte, start func(line int, around []string, e xml.StartElement), end func(around []string, name, text string)) error {
	var texts []string // of the open elements
	return xmlEvents(data, func(line int, around []string, e xml.StartElement) error {
		if len(around) > maxXMLDepth {
			return errors.New("it nests too deeply")
		}
		texts = append(texts, "")
		start(line, around, e)
		return nil
	}, func(s string) {
		if len(texts) > 0 {
			texts[len(texts)-1] += s
		}
	}, func(around []string, name string) {
		text := texts[len(texts)-1]
		texts = texts[:len(texts)-1]
		end(around, name, strings.TrimSpace(text))
	})
}

// link finds the parents that are in the target: at the relative path, which
// is the directory above unless given, or by coordinates.
func link(poms map[string]*pom) {
	byName := map[string]*pom{}
	for _, at := range sortedKeys(poms) {
		one := poms[at]
		name := one.coordinates().name()
		if byName[name] == nil {
			byName[name] = one
		}
	}
	for _, at := range sortedKeys(poms) {
		one := poms[at]
		if one.parent == nil {
			continue
		}
		relative := cmp.Or(one.relativePath, "../pom.xml")
		if !strings.HasSuffix(relative, ".xml") {
			relative = path.Join(relative, PomFile)
		}
		up := poms[path.Join(path.Dir(at), relative)]
		if up == nil || up.artifact != one.parent.artifact {
			up = byName[one.parent.name()]
		}
		if up != one {
			one.up = up
		}
	}
}

func (c coordinates) name() string { return mavenName(c.group, c.artifact) }

func (one *pom) coordinates() coordinates {
	c := coordinates{one.group, one.artifact, one.version}
	if one.parent != nil {
		c.group = cmp.Or(c.group, one.parent.group)
		c.version = cmp.Or(c.version, one.parent.version)
	}
	return c
}

// maxLineage bounds the chain of parents, which may be a circle.
const maxLineage = 64

// maxXMLDepth bounds how deeply a project may nest; real ones stay below 20.
const maxXMLDepth = 200

// lineage is the project and its parents in the target, nearest first, and
// whether a parent is missing.
func (one *pom) lineage() (all []*pom, missing *coordinates) {
	for p := one; p != nil && len(all) < maxLineage; p = p.up {
		if slices.Contains(all, p) {
			return all, nil
		}
		all = append(all, p)
		if p.parent != nil && p.up == nil {
			return all, p.parent
		}
	}
	return all, nil
}

var placeholder = lazyregexp.New(`\$\{([^${}]+)\}`)

// resolve replaces properties; what it does not know stays as it is.
func (one *pom) resolve(text string, all []*pom) string {
	for range 16 { // properties may name properties, and may be a circle
		if !strings.Contains(text, "${") || len(text) > 4096 {
			break
		}
		before := text
		text = placeholder().ReplaceAllStringFunc(text, func(m string) string {
			name := m[2 : len(m)-1]
			for _, p := range all {
				if v, ok := p.properties[name]; ok && v != m {
					return v
				}
			}
			c := one.coordinates()
			switch strings.TrimPrefix(strings.TrimPrefix(name, "project."), "pom.") {
			case "version":
				return cmp.Or(c.version, m)
			case "groupId":
				return cmp.Or(c.group, m)
			case "artifactId":
				return cmp.Or(c.artifact, m)
			case "parent.version":
				if one.parent != nil {
					return one.parent.version
				}
			case "parent.groupId":
				if one.parent != nil {
					return one.parent.group
				}
			}
			return m
		})
		if text == before {
			break
		}
	}
	return text
}

// inventory lists the dependencies of a project, those it inherits included.
func (one *pom) inventory(poms map[string]*pom) Inventory {
	var inv Inventory
	all, missing := one.lineage()
	managed, foreign := one.management(all, poms)
	own := map[string]bool{}
	for _, p := range poms {
		own[p.coordinates().name()] = true
	}
	if missing != nil {
		foreign = append(foreign, "the parent "+missing.name())
	}
	seen := map[string]bool{}
	for i, p := range all {
		for _, d := range p.dependencies {
			d.group, d.artifact = one.resolve(d.group, all), one.resolve(d.artifact, all)
			if seen[d.key()] {
				continue
			}
			seen[d.key()] = true
			if i > 0 {
				d.line = 0 // it stands in the file of the parent
			}
			one.add(&inv, d, all, managed, own, foreign)
		}
	}
	if missing != nil {
		inv.gap(gatehouse.GapUnresolved, 0, missing.name(), fmt.Sprintf("the parent %s %s is not part of what is scanned, so the dependencies that it declares are not known; commit a lockfile or scan an SBOM of the build", missing.name(), missing.version))
	}
	if len(inv.Packages) > 0 {
		inv.gap(gatehouse.GapUnresolved, 0, "", "the dependencies of the dependencies are not known: Maven has no lockfile, and nothing is fetched; scan the built artifact or an SBOM of it as well")
	}
	return inv
}

func (one *pom) add(inv *Inventory, d dependency, all []*pom, managed map[string]dependency, own map[string]bool, foreign []string) {
	version := one.resolve(d.version, all)
	scope := d.scope
	if m, ok := managed[d.key()]; ok {
		version = cmp.Or(version, m.version)
		scope = cmp.Or(scope, m.scope)
	}
	p := Package{Eco: Maven, Name: d.name(), Version: version, Line: d.line, Direct: true, Dev: scope == "test" || scope == "provided", Scope: mavenScope(scope, d.optional)}
	// The line to edit is that with the version, which may be in another file.
	switch m, ok := managed[d.key()]; {
	case d.version == "" && ok && m.version != "":
		p.Declared = &gatehouse.Location{Path: m.file, Line: m.line}
	case d.file != one.path:
		p.Declared = &gatehouse.Location{Path: d.file, Line: d.from}
	}
	if scope == "system" {
		p.Origin = &gatehouse.Origin{Kind: "path"}
		p.Unmatched = "it is a file of the machine and not from a repository"
	} else if urls := one.repositories(all); len(urls) == 1 {
		p.Origin = &gatehouse.Origin{Kind: "registry", URL: urls[0], Pinned: !strings.HasSuffix(version, "-SNAPSHOT")}
	}
	p.FirstParty = own[p.Name]
	if m := mavenExact().FindStringSubmatch(version); m != nil {
		p.Version = m[1]
	}
	switch {
	case d.group == "" || d.artifact == "":
		inv.gap(gatehouse.GapUnresolved, d.line, p.Name, "a dependency has no groupId or no artifactId")
	case p.FirstParty:
		inv.add(p)
	case strings.Contains(p.Name, "${"):
		inv.gap(gatehouse.GapUnresolved, d.line, p.Name, fmt.Sprintf("the name %s has a property whose value is not known", p.Name))
	case version == "":
		why := "no version is given for it"
		if len(foreign) > 0 {
			why = fmt.Sprintf("its version is that of %s, which is not part of what is scanned", some(foreign))
		}
		inv.gap(gatehouse.GapUnresolved, d.line, p.Name, fmt.Sprintf("the version of %s is not known: %s; write it out", p.Name, why))
	case strings.Contains(p.Version, "${"):
		inv.gap(gatehouse.GapUnresolved, d.line, p.Name, fmt.Sprintf("the version %q of %s has a property whose value is not known; write it out", p.Version, p.Name))
	case strings.ContainsAny(p.Version, "[](),") || p.Version == "LATEST" || p.Version == "RELEASE":
		inv.gap(gatehouse.GapUnresolved, d.line, p.Name, fmt.Sprintf("the version %q of %s is a range; write one version out", p.Version, p.Name))
	default:
		inv.add(p)
	}
}

// repositories are those that a project and its parents name.
func (one *pom) repositories(all []*pom) []string {
	var urls []string
	for _, p := range all {
		for _, u := range p.urls {
			urls = append(urls, one.resolve(u, all))
		}
	}
	return UniqueInOrder(urls)
}

// mavenScope is what a dependency is for; see
// https://maven.apache.org/guides/introduction/introduction-to-dependency-mechanism.html#dependency-scope.
func mavenScope(scope string, optional bool) gatehouse.Scope {
	switch {
	case scope == "test":
		return gatehouse.ScopeTest
	case scope == "provided":
		return gatehouse.ScopeBuild
	case optional:
		return gatehouse.ScopeOptional
	}
	return gatehouse.ScopeRuntime
}

// mavenExact is "[1.2]", which means exactly that version.
var mavenExact = lazyregexp.New(`^\[\s*([^,\s\]]+)\s*\]$`)

// management gives the managed versions that apply to a project, and the
// imported lists that are not in the target.
func (one *pom) management(all []*pom, poms map[string]*pom) (map[string]dependency, []string) {
	managed := map[string]dependency{}
	var foreign []string
	var add func(lineage []*pom, depth int)
	add = func(lineage []*pom, depth int) {
		for _, p := range lineage {
			for _, d := range p.managed {
				d.group, d.artifact, d.version = lineage[0].resolve(d.group, lineage), lineage[0].resolve(d.artifact, lineage), lineage[0].resolve(d.version, lineage)
				if d.scope != "import" {
					if _, ok := managed[d.key()]; !ok {
						managed[d.key()] = d
					}
					continue
				}
				list := find(poms, d.name())
				if list == nil || depth > 8 {
					foreign = append(foreign, fmt.Sprintf("%s %s", d.name(), d.version))
					continue
				}
				above, _ := list.lineage()
				add(above, depth+1)
			}
		}
	}
	add(all, 0)
	return managed, UniqueInOrder(foreign)
}

func find(poms map[string]*pom, name string) *pom {
	for _, at := range sortedKeys(poms) {
		if poms[at].coordinates().name() == name {
			return poms[at]
		}
	}
	return nil
}

func sortedKeys(poms map[string]*pom) []string {
	keys := make([]string, 0, len(poms))
	for k := range poms {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
