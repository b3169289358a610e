package sbom

import (
	"encoding/json/jsontext"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// readPackage is a package of SPDX 2.
type readPackage struct {
	ID         text `json:"SPDXID"`
	Name       text `json:"name"`
	Version    text `json:"versionInfo"`
	Purpose    text `json:"primaryPackagePurpose"`
	SourceInfo text `json:"sourceInfo"`
	Declared   text `json:"licenseDeclared"`
	Concluded  text `json:"licenseConcluded"`
	Comment    text `json:"comment"`
	Checksums  []struct {
		Algorithm text `json:"algorithm"`
		Value     text `json:"checksumValue"`
	} `json:"checksums"`
	ExternalRefs []struct {
		Category text `json:"referenceCategory"`
		Type     text `json:"referenceType"`
		Locator  text `json:"referenceLocator"`
	} `json:"externalRefs"`
}

// spdxField reads a field of an SPDX 2 document.
func (r *reader) spdxField(key string, v jsontext.Value, at int) error {
	switch key {
	case "creationInfo":
		var c struct {
			Created  text   `json:"created"`
			Creators []text `json:"creators"`
		}
		if r.decode(v, at, "creationInfo", &c) {
			r.doc.Created = string(c.Created)
			for _, by := range c.Creators {
				r.creator(string(by))
			}
		}
	case "documentDescribes":
		return eachItem(v, at, func(v jsontext.Value, _ int) error {
			r.roots = append(r.roots, textOf(v))
			return nil
		})
	case "packages":
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var p readPackage
			if !r.decode(v, at, "package", &p) {
				return nil
			}
			return r.add(p.component(r.lines.at(r.data, at)))
		})
	case "relationships":
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var e struct {
				Element text `json:"spdxElementId"`
				Type    text `json:"relationshipType"`
				Related text `json:"relatedSpdxElement"`
			}
			if r.decode(v, at, "relationship", &e) {
				r.relationship(string(e.Element), string(e.Type), string(e.Related))
			}
			return nil
		})
	case "hasExtractedLicensingInfos":
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var l struct {
				ID   text `json:"licenseId"`
				Name text `json:"name"`
				Text text `json:"extractedText"`
			}
			if r.decode(v, at, "licence", &l) {
				r.license(string(l.ID), said(l.Name), string(l.Text))
			}
			return nil
		})
	case "annotations":
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var a struct {
				Comment text `json:"comment"`
			}
			if r.decode(v, at, "annotation", &a) {
				r.annotation(string(a.Comment))
			}
			return nil
		})
	}
	return nil
}

// creator takes tools, "Tool: name-version", and no people.
func (r *reader) creator(s string) {
	if tool, ok := strings.CutPrefix(s, "Tool:"); ok {
		r.doc.Producers = append(r.doc.Producers, strings.TrimSpace(tool))
	}
}

// annotation takes what our own documents say about gaps.
func (r *reader) annotation(comment string) {
	if text, ok := strings.CutPrefix(comment, gapComment); ok {
		r.doc.Incomplete = append(r.doc.Incomplete, text)
	}
}

// license defines a licence of the document. Tools that have no name for it give
// its text, which is a name if it is short.
func (r *reader) license(id, name, text string) {
	if r.licenses == nil {
		r.licenses = map[string]string{}
	}
	if name == "" && !strings.Contains(text, "\n") && len(text) < 100 {
		name = strings.TrimSpace(strings.TrimPrefix(text, "declared as: "))
	}
	if name != "" {
		r.licenses[id] = name
	}
}

// nameLicenses gives licences that the document defines their names.
func (r *reader) nameLicenses() {
	if len(r.licenses) == 0 {
		return
	}
	name := func(c *Component) {
		for i, l := range c.Licenses {
			if n := r.licenses[l]; n != "" {
				c.Licenses[i] = n
			}
		}
	}
	for i := range r.doc.Components {
		name(&r.doc.Components[i])
	}
	if r.doc.Root != nil {
		name(r.doc.Root)
	}
}

// component makes the common form of a package.
func (p *readPackage) component(line int) Component {
	c := Component{ID: string(p.ID), Name: said(p.Name), Version: said(p.Version), Type: strings.ToLower(strings.ReplaceAll(said(p.Purpose), "_", "-")), Line: line}
	switch {
	case strings.HasPrefix(c.ID, "SPDXRef-OperatingSystem"): // documents before 2.3 have no purpose
		c.Type = "operating-system"
	case strings.HasPrefix(c.ID, "SPDXRef-Application"):
		c.Type = "application"
	}
	for _, e := range p.ExternalRefs {
		// The specification writes purl; documents for 2.2 write PACKAGE_MANAGER.
		if e.Type == "purl" && c.Purl == "" {
			c.Purl = strings.TrimSpace(string(e.Locator))
		}
	}
	if declared := said(p.Declared); declared != "" {
		c.Licenses = splitAnd(declared)
	} else if concluded := said(p.Concluded); concluded != "" {
		c.Licenses = splitAnd(concluded)
	}
	for _, h := range p.Checksums {
		if hash := hashOf(string(h.Algorithm), string(h.Value)); hash != "" {
			c.Hashes = append(c.Hashes, hash)
		}
	}
	c.Hashes = sortUnique(c.Hashes)
	if source, ok := strings.CutPrefix(string(p.SourceInfo), sourceInfoStart); ok {
		c.Source = strings.TrimSpace(source)
	}
	var properties []readProperty
	for line := range strings.Lines(string(p.Comment)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "gatehouse:") {
			properties = append(properties, readProperty{text(name), text(value)})
		}
	}
	c.takeProperties(properties)
	return c
}

// dependencyTypes are the relationships that say that one needs another, with the
// scope; "of" turns them round. See
// https://spdx.github.io/spdx-spec/v2.3/relationships-between-SPDX-elements/.
var dependencyTypes = map[string]struct {
	of    bool
	scope gatehouse.Scope
}{
	"DEPENDS_ON":             {},
	"HAS_PREREQUISITE":       {},
	"DEPENDENCY_OF":          {of: true},
	"PREREQUISITE_FOR":       {of: true},
	"RUNTIME_DEPENDENCY_OF":  {true, gatehouse.ScopeRuntime},
	"DEV_DEPENDENCY_OF":      {true, gatehouse.ScopeDev},
	"DEV_TOOL_OF":            {true, gatehouse.ScopeDev},
	"TEST_DEPENDENCY_OF":     {true, gatehouse.ScopeTest},
	"TEST_TOOL_OF":           {true, gatehouse.ScopeTest},
	"BUILD_DEPENDENCY_OF":    {true, gatehouse.ScopeBuild},
	"BUILD_TOOL_OF":          {true, gatehouse.ScopeBuild},
	"OPTIONAL_DEPENDENCY_OF": {true, gatehouse.ScopeOptional},
	"PROVIDED_DEPENDENCY_OF": {true, gatehouse.ScopePeer},
}

func (r *reader) relationship(from, kind, to string) {
	switch kind {
	case "DESCRIBES":
		if from == spdxDocumentID {
			r.roots = append(r.roots, to)
		}
		return
	case "DESCRIBED_BY":
		if to == spdxDocumentID {
			r.roots = append(r.roots, from)
		}
		return
	case "CONTAINS":
		if to == noAssertion && len(r.doc.Incomplete) == 0 {
			r.doc.Incomplete = append(r.doc.Incomplete, "it says that "+clip(from)+" may have parts that it does not know")
		}
		return
	}
	t, ok := dependencyTypes[kind]
	if !ok || to == "NONE" || to == noAssertion {
		return
	}
	if t.of {
		from, to = to, from
	}
	r.need(from, to, t.scope)
}

// readElement is any element of SPDX 3.
type readElement struct {
	Type       text            `json:"type"`
	ID         text            `json:"spdxId"`
	BlankID    text            `json:"@id"`
	Name       text            `json:"name"`
	Version    text            `json:"software_packageVersion"`
	Purl       text            `json:"software_packageUrl"`
	Purpose    text            `json:"software_primaryPurpose"`
	Source     text            `json:"software_sourceInfo"`
	License    text            `json:"simplelicensing_licenseExpression"`
	From       text            `json:"from"`
	To         []text          `json:"to"`
	Kind       text            `json:"relationshipType"`
	Scope      text            `json:"scope"`
	Complete   text            `json:"completeness"`
	Root       []text          `json:"rootElement"`
	Created    text            `json:"created"`
	CreatedBy  []text          `json:"createdUsing"`
	Spec       text            `json:"specVersion"`
	Identifier []readID        `json:"externalIdentifier"`
	Verified   []readIntegrity `json:"verifiedUsing"`
}

type readID struct {
	Type text `json:"externalIdentifierType"`
	ID   text `json:"identifier"`
}

type readIntegrity struct {
	Algorithm text `json:"algorithm"`
	Value     text `json:"hashValue"`
}

// spdx3 reads SPDX 3; see https://spdx.github.io/spdx-spec/v3.0.1/. Elements may
// stand in any order, so relationships are looked at last.
func (r *reader) spdx3(data []byte, offset int) error {
	var relations []readElement
	expressions := map[string]string{} // of licences, by id
	tools := map[string]string{}
	var used []text
	field := func(key string, v jsontext.Value, at int) error {
		if key != "@graph" {
			return nil
		}
		return eachItem(v, at, func(v jsontext.Value, at int) error {
			var head struct {
				Type text `json:"type"`
			}
			if !r.decode(v, at, "element", &head) || !slices.Contains(spdx3Types, string(head.Type)) {
				return nil
			}
			var e readElement
			if !r.decode(v, at, "element", &e) {
				return nil
			}
			switch e.Type {
			case "software_Package":
				return r.add(e.component(r.lines.at(r.data, at)))
			case "Relationship", "LifecycleScopedRelationship":
				relations = append(relations, e)
			case "simplelicensing_LicenseExpression":
				expressions[e.id()] = string(e.License)
			case "simplelicensing_SimpleLicensingText", "expandedlicensing_CustomLicense", "expandedlicensing_ListedLicense":
				expressions[e.id()] = strings.TrimPrefix(string(e.Name), "https://spdx.org/licenses/")
			case "SpdxDocument", "software_Sbom":
				for _, id := range e.Root {
					r.roots = append(r.roots, string(id))
				}
			case "CreationInfo":
				r.doc.Created = string(e.Created)
				if e.Spec != "" {
					r.doc.Spec = string(e.Spec)
				}
				used = append(used, e.CreatedBy...)
			case "Tool":
				tools[e.id()] = string(e.Name)
			}
			return nil
		})
	}
	if err := r.jsonError(eachField(data, offset, field), offset); err != nil {
		return err
	}
	for _, id := range used {
		r.doc.Producers = append(r.doc.Producers, tools[string(id)])
	}
	r.relations3(relations, expressions)
	return nil
}

// spdx3Types are the elements that count.
var spdx3Types = []string{"software_Package", "Relationship", "LifecycleScopedRelationship", "simplelicensing_LicenseExpression",
	"simplelicensing_SimpleLicensingText", "expandedlicensing_CustomLicense", "expandedlicensing_ListedLicense", "SpdxDocument", "software_Sbom", "CreationInfo", "Tool"}

func (e *readElement) id() string {
	if e.ID != "" {
		return string(e.ID)
	}
	return string(e.BlankID)
}

func (e *readElement) component(line int) Component {
	c := Component{ID: e.id(), Name: string(e.Name), Version: said(e.Version), Purl: strings.TrimSpace(string(e.Purl)), Line: line}
	switch e.Purpose {
	case "operatingSystem":
		c.Type = "operating-system"
	default:
		c.Type = strings.ToLower(string(e.Purpose))
	}
	for _, id := range e.Identifier {
		if c.Purl == "" && (id.Type == "packageUrl" || id.Type == "purl") {
			c.Purl = strings.TrimSpace(string(id.ID))
		}
	}
	for _, h := range e.Verified {
		if hash := hashOf(strings.ReplaceAll(string(h.Algorithm), "_", "-"), string(h.Value)); hash != "" {
			c.Hashes = append(c.Hashes, hash)
		}
	}
	if source, ok := strings.CutPrefix(string(e.Source), sourceInfoStart); ok {
		c.Source = strings.TrimSpace(source)
	}
	return c
}

// relations3 takes the relationships of SPDX 3.
func (r *reader) relations3(list []readElement, expressions map[string]string) {
	byID := r.doc.byID()
	concluded := map[string][]string{}
	for _, e := range list {
		from := string(e.From)
		for _, target := range e.To {
			to := string(target)
			switch e.Kind {
			case "dependsOn", "hasDynamicLink", "hasStaticLink", "hasPrerequisite", "hasProvidedDependency", "hasOptionalDependency":
				scope := map[text]gatehouse.Scope{"development": gatehouse.ScopeDev, "test": gatehouse.ScopeTest, "build": gatehouse.ScopeBuild, "runtime": gatehouse.ScopeRuntime}[e.Scope]
				switch e.Kind {
				case "hasOptionalDependency":
					scope = gatehouse.ScopeOptional
				case "hasProvidedDependency":
					scope = gatehouse.ScopePeer
				}
				r.need(from, to, scope)
			case "hasDeclaredLicense":
				if c := byID[from]; c != nil {
					c.Licenses = append(c.Licenses, license3(to, expressions)...)
				}
			case "hasConcludedLicense":
				concluded[from] = append(concluded[from], license3(to, expressions)...)
			}
		}
		if e.Complete == "incomplete" {
			r.doc.Incomplete = append(r.doc.Incomplete, "it calls what "+clip(from)+" "+clip(string(e.Kind))+" incomplete")
		}
	}
	for id, licenses := range concluded {
		if c := byID[id]; c != nil && len(c.Licenses) == 0 {
			c.Licenses = licenses
		}
	}
}

// license3 is the licence that an id means: that of an element, or of the list of
// SPDX.
func license3(id string, expressions map[string]string) []string {
	text := expressions[id]
	if listed, ok := strings.CutPrefix(id, "https://spdx.org/licenses/"); ok && text == "" {
		text = listed
	}
	if text == "" || text == noAssertion || text == "NONE" {
		return nil
	}
	return splitAnd(text)
}
