package sbom

import (
	"encoding/json/jsontext"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// readComponent is a component of CycloneDX, in JSON or XML.
type readComponent struct {
	Type    text `json:"type" xml:"type,attr"`
	Ref     text `json:"bom-ref" xml:"bom-ref,attr"`
	Group   text `json:"group" xml:"group"`
	Name    text `json:"name" xml:"name"`
	Version text `json:"version" xml:"version"`
	Scope   text `json:"scope" xml:"scope"`
	Purl    text `json:"purl" xml:"purl"`
	Hashes  []struct {
		Alg     text `json:"alg" xml:"alg,attr"`
		Content text `json:"content" xml:",chardata"`
	} `json:"hashes" xml:"hashes>hash"`
	Licenses   []readLicense  `json:"licenses" xml:"-"`
	Properties []readProperty `json:"properties" xml:"properties>property"`
	// XML has licences and expressions beside each other.
	XMLLicenses   []readLicenseName `json:"-" xml:"licenses>license"`
	XMLExpression []text            `json:"-" xml:"licenses>expression"`

	Components jsontext.Value  `json:"components" xml:"-"`
	Nested     []readComponent `json:"-" xml:"components>component"`
}

type readLicense struct {
	License    readLicenseName `json:"license"`
	Expression text            `json:"expression"`
}

type readLicenseName struct {
	ID   text `json:"id" xml:"id"`
	Name text `json:"name" xml:"name"`
}

type readProperty struct {
	Name  text `json:"name" xml:"name,attr"`
	Value text `json:"value" xml:",chardata"`
}

// cycloneDXField reads a field of the document.
func (r *reader) cycloneDXField(key string, v jsontext.Value, at int) error {
	switch key {
	case "metadata":
		if v.Kind() == '{' {
			return eachField(v, at, r.metadataField)
		}
	case "components":
		return r.components(v, at, 0)
	case "dependencies":
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var d struct {
				Ref       text   `json:"ref"`
				DependsOn []text `json:"dependsOn"`
			}
			if r.decode(v, at, "dependency", &d) {
				for _, to := range d.DependsOn {
					r.need(string(d.Ref), string(to), "")
				}
			}
			return nil
		})
	case "compositions":
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var c readComposition
			if r.decode(v, at, "composition", &c) {
				r.composition(string(c.Aggregate), len(c.Assemblies)+len(c.Dependencies))
			}
			return nil
		})
	}
	return nil
}

type readComposition struct {
	Aggregate    text   `json:"aggregate"`
	Assemblies   []text `json:"assemblies"`
	Dependencies []text `json:"dependencies"`
}

// composition takes what the document says about how complete it is.
func (r *reader) composition(aggregate string, of int) {
	if aggregate == "complete" {
		r.doc.complete = true
	}
	if strings.HasPrefix(aggregate, "incomplete") {
		what := "all of it"
		if of > 0 {
			what = fmt.Sprintf("%d of its parts", of)
		}
		r.composed = fmt.Sprintf("it calls the composition of %s %q", what, clip(aggregate))
	}
}

func (r *reader) metadataField(key string, v jsontext.Value, at int) error {
	switch key {
	case "timestamp":
		r.doc.Created = textOf(v)
	case "component":
		var c readComponent
		if !r.decode(v, at, "subject", &c) {
			return nil
		}
		root := c.component(r.lines.at(r.data, at))
		r.doc.Root = &root
		return r.components(c.Components, at+offsetWithin(v, c.Components), 1)
	case "tools":
		if v.Kind() == '[' { // before 1.5
			return eachItem(v, at, r.tool)
		}
		if v.Kind() == '{' {
			return eachField(v, at, func(key string, v jsontext.Value, at int) error {
				if key == "components" || key == "services" {
					return eachItem(v, at, r.tool)
				}
				return nil
			})
		}
	case "properties":
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var p readProperty
			if r.decode(v, at, "property", &p) && p.Name == propertyGap {
				r.doc.Incomplete = append(r.doc.Incomplete, string(p.Value))
			}
			return nil
		})
	}
	return nil
}

func (r *reader) tool(v jsontext.Value, at int) error {
	var t struct {
		Vendor  text `json:"vendor"`
		Group   text `json:"group"`
		Name    text `json:"name"`
		Version text `json:"version"`
	}
	if r.decode(v, at, "tool", &t) {
		r.producer(string(t.Vendor), string(t.Name), string(t.Version))
	}
	return nil
}

// producer records a tool; the vendor tells apart those with names such as "cli".
func (r *reader) producer(vendor, name, version string) {
	if vendor != "" && !strings.Contains(strings.ToLower(name), strings.ToLower(vendor)) {
		name = vendor + "/" + name
	}
	r.doc.Producers = append(r.doc.Producers, strings.TrimSpace(name+" "+version))
}

// components reads a list of components, and those in them.
func (r *reader) components(list jsontext.Value, at, depth int) error {
	if depth > maxNested {
		return &Error{r.lines.at(r.data, at), fmt.Sprintf("its components nest deeper than %d levels", maxNested)}
	}
	return eachItem(list, at, func(v jsontext.Value, at int) error {
		var c readComponent
		if !r.decode(v, at, "component", &c) {
			return nil
		}
		if err := r.add(c.component(r.lines.at(r.data, at))); err != nil {
			return err
		}
		if len(c.Components) == 0 {
			return nil
		}
		return r.components(c.Components, at+offsetWithin(v, c.Components), depth+1)
	})
}

// offsetWithin is where a part starts in a value, as near as lines need it.
func offsetWithin(whole, part jsontext.Value) int {
	if i := strings.Index(string(whole), string(part)); i > 0 && len(part) > 0 {
		return i
	}
	return 0
}

// component makes the common form of it.
func (c *readComponent) component(line int) Component {
	out := Component{
		ID: string(c.Ref), Type: strings.ToLower(string(c.Type)), Name: strings.TrimSpace(string(c.Name)), Version: strings.TrimSpace(string(c.Version)),
		Purl: strings.TrimSpace(string(c.Purl)), Line: line,
	}
	if group := strings.TrimSpace(string(c.Group)); group != "" {
		cut := "/"
		if strings.HasPrefix(out.Purl, "pkg:maven/") {
			cut = ":"
		}
		out.Name = group + cut + out.Name
	}
	for _, h := range c.Hashes {
		if hash := hashOf(string(h.Alg), string(h.Content)); hash != "" {
			out.Hashes = append(out.Hashes, hash)
		}
	}
	out.Hashes = sortUnique(out.Hashes)
	license := func(t text) {
		if s := strings.TrimSpace(string(t)); s != "" && s != noAssertion && !slices.Contains(out.Licenses, s) {
			out.Licenses = append(out.Licenses, s)
		}
	}
	for _, l := range c.Licenses {
		license(l.Expression)
		license(l.License.name())
	}
	for _, l := range c.XMLLicenses {
		license(l.name())
	}
	for _, l := range c.XMLExpression {
		license(l)
	}
	switch strings.ToLower(string(c.Scope)) {
	case "optional":
		out.Scope = gatehouse.ScopeOptional
	case "excluded":
		out.Dev = true
	}
	out.takeProperties(c.Properties)
	return out
}

func (l *readLicenseName) name() text {
	if l.ID != "" {
		return l.ID
	}
	return l.Name
}

// takeProperties takes what tools say in names of their own: trivy and syft about
// source packages, the plug-ins of package managers about development.
// See https://github.com/CycloneDX/cyclonedx-property-taxonomy.
func (c *Component) takeProperties(list []readProperty) {
	var name, version, release, epoch string
	for _, p := range list {
		v := strings.TrimSpace(string(p.Value))
		switch p.Name {
		case propertyScope:
			c.Scope = knownScope(v)
		case propertyDev:
			c.Dev = v == "true"
		case propertySource:
			c.Source = v
		case propertyModule, "aquasecurity:trivy:Modularitylabel", "aquasecurity:trivy:ModularityLabel", "syft:metadata:modularityLabel":
			c.Module = v
		case "aquasecurity:trivy:SrcName":
			name = v
		case "aquasecurity:trivy:SrcVersion":
			version = v
		case "aquasecurity:trivy:SrcRelease":
			release = v
		case "aquasecurity:trivy:SrcEpoch":
			epoch = v
		case "cdx:npm:package:development", "cdx:composer:package:isDevRequirement":
			c.Dev = c.Dev || v == "true"
		}
	}
	if name != "" {
		if release != "" {
			version += "-" + release
		}
		if epoch != "" && epoch != "0" {
			version = epoch + ":" + version
		}
		c.Source = strings.TrimSpace(name + " " + version)
	}
	if c.Dev && c.Scope == "" {
		c.Scope = gatehouse.ScopeDev
	}
}

func knownScope(s string) gatehouse.Scope {
	switch scope := gatehouse.Scope(s); scope {
	case gatehouse.ScopeRuntime, gatehouse.ScopeDev, gatehouse.ScopeTest, gatehouse.ScopeBuild, gatehouse.ScopeOptional, gatehouse.ScopePeer:
		return scope
	}
	return ""
}
