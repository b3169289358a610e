package sbom

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// The parts of SPDX 2.3 that are written; see
// https://spdx.github.io/spdx-spec/v2.3/.
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		DataLicense   string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Comment       string             `json:"comment,omitempty"`
		Creation      spdxCreation       `json:"creationInfo"`
		Annotations   []spdxAnnotation   `json:"annotations,omitempty"`
		Packages      []spdxPackage      `json:"packages"`
		Licenses      []spdxLicense      `json:"hasExtractedLicensingInfos,omitempty"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
		Comment  string   `json:"comment,omitempty"`
	}
	spdxAnnotation struct {
		Date      string `json:"annotationDate"`
		Type      string `json:"annotationType"`
		Annotator string `json:"annotator"`
		Comment   string `json:"comment"`
	}
	spdxPackage struct {
		ID               string         `json:"SPDXID"`
		Name             string         `json:"name"`
		Version          string         `json:"versionInfo,omitempty"`
		Purpose          string         `json:"primaryPackagePurpose,omitempty"`
		DownloadLocation string         `json:"downloadLocation"`
		FilesAnalyzed    bool           `json:"filesAnalyzed"`
		Checksums        []spdxChecksum `json:"checksums,omitempty"`
		SourceInfo       string         `json:"sourceInfo,omitempty"`
		Concluded        string         `json:"licenseConcluded"`
		Declared         string         `json:"licenseDeclared"`
		LicenseComments  string         `json:"licenseComments,omitempty"`
		Copyright        string         `json:"copyrightText"`
		Comment          string         `json:"comment,omitempty"`
		ExternalRefs     []spdxRef      `json:"externalRefs,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxLicense struct {
		ID   string `json:"licenseId"`
		Name string `json:"name"`
		Text string `json:"extractedText"`
	}
	spdxRelationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

// Ids and words of SPDX.
const (
	spdxDocumentID  = "SPDXRef-DOCUMENT"
	spdxRoot        = "SPDXRef-Target"
	noAssertion     = "NOASSERTION"
	sourceInfoStart = "built package from: "
	epoch           = "1970-01-01T00:00:00Z"
)

// gapComment starts an annotation that says what is missing.
const gapComment = "not looked at: "

func (d *Document) spdx() ([]byte, error) {
	created := cmp.Or(d.Created, epoch)
	doc := spdxDocument{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: spdxDocumentID, Name: d.Root.Name,
		Creation:      spdxCreation{Created: created, Creators: []string{"Tool: " + d.tool.Name + "-" + d.tool.Version}},
		Packages:      []spdxPackage{},
		Relationships: []spdxRelationship{{spdxDocumentID, "DESCRIBES", spdxRoot}},
	}
	if d.Created == "" {
		doc.Creation.Comment = "the time of creation is left out, so that the same target gives the same document"
	}
	annotate := func(comment string) {
		doc.Annotations = append(doc.Annotations, spdxAnnotation{created, "OTHER", "Tool: " + d.tool.Name, comment})
	}
	for _, text := range d.Incomplete {
		annotate(gapComment + text)
	}
	for _, text := range d.excluded {
		annotate("left out on request: " + text)
	}
	licenses := &licenseRefs{}
	root := licenses.pack(d.Root, spdxRoot)
	for _, p := range d.properties {
		root.Comment += p.Name + "=" + p.Value + "\n"
	}
	root.Comment = strings.TrimSuffix(root.Comment, "\n")
	doc.Packages = append(doc.Packages, root)

	ids := map[string]string{}
	for i := range d.Components {
		ids[d.Components[i].ID] = packageID(&d.Components[i])
	}
	for i := range d.Components {
		c := &d.Components[i]
		doc.Packages = append(doc.Packages, licenses.pack(c, ids[c.ID]))
		doc.Relationships = append(doc.Relationships, spdxRelationship{spdxRoot, "CONTAINS", ids[c.ID]})
		if c.Direct {
			doc.Relationships = append(doc.Relationships, needs(spdxRoot, ids[c.ID], c))
		}
	}
	byID := d.byID()
	for i := range d.Components {
		c := &d.Components[i]
		for _, to := range c.DependsOn {
			if target := byID[to]; target != nil {
				doc.Relationships = append(doc.Relationships, needs(ids[c.ID], ids[to], target))
			}
		}
		if c.graph && len(c.DependsOn) == 0 {
			doc.Relationships = append(doc.Relationships, spdxRelationship{ids[c.ID], "DEPENDS_ON", "NONE"})
		}
	}
	if len(d.Incomplete) > 0 {
		doc.Relationships = append(doc.Relationships, spdxRelationship{spdxRoot, "CONTAINS", noAssertion})
	}
	doc.Licenses = licenses.list
	slices.SortFunc(doc.Licenses, func(a, b spdxLicense) int { return cmp.Compare(a.ID, b.ID) })
	unnamed, err := encode(doc)
	if err != nil {
		return nil, err
	}
	doc.Namespace = "https://github.com/gatehouse-sec/gatehouse/spdx/" + documentID(unnamed, d.digest)
	return encode(doc)
}

// needs says that one package needs another, in the words for its scope.
func needs(from, to string, c *Component) spdxRelationship {
	kind := ""
	switch c.Scope {
	case gatehouse.ScopeTest:
		kind = "TEST_DEPENDENCY_OF"
	case gatehouse.ScopeBuild:
		kind = "BUILD_DEPENDENCY_OF"
	case gatehouse.ScopeOptional:
		kind = "OPTIONAL_DEPENDENCY_OF"
	case gatehouse.ScopePeer:
		kind = "PROVIDED_DEPENDENCY_OF"
	default:
		if c.Dev {
			kind = "DEV_DEPENDENCY_OF"
		}
	}
	if kind == "" {
		return spdxRelationship{from, "DEPENDS_ON", to}
	}
	return spdxRelationship{to, kind, from}
}

// packageID is unique because of the hash, and tells people what it is.
func packageID(c *Component) string {
	sum := sha256.Sum256([]byte(c.ID))
	return fmt.Sprintf("SPDXRef-Package-%s-%x", idString(c.Name), sum[:6])
}

// idString replaces what an id may not have.
func idString(s string) string {
	b := []byte(s)
	for i := range b {
		if !isIDByte(b[i]) {
			b[i] = '-'
		}
	}
	return strings.Trim(string(b), "-")
}

// licenseRefs are the licences that are on no list.
type licenseRefs struct {
	list []spdxLicense
	ids  map[string]string // by name
}

func (l *licenseRefs) pack(c *Component, id string) spdxPackage {
	p := spdxPackage{ID: id, Name: cmp.Or(c.Name, "unknown"), Version: c.Version, DownloadLocation: noAssertion,
		Concluded: noAssertion, Declared: l.declared(c.Licenses), Copyright: noAssertion}
	switch c.Type {
	case "library", "application", "container", "file":
		p.Purpose = strings.ToUpper(c.Type)
	}
	if c.Source != "" {
		p.SourceInfo = sourceInfoStart + c.Source
	}
	for _, h := range c.Hashes {
		algorithm, sum, _ := strings.Cut(h, ":")
		if name := hashNames[algorithm]; name != "" {
			p.Checksums = append(p.Checksums, spdxChecksum{strings.Replace(name, "SHA-", "SHA", 1), sum})
		}
	}
	if c.Purl != "" {
		p.ExternalRefs = append(p.ExternalRefs, spdxRef{"PACKAGE-MANAGER", "purl", c.Purl})
	}
	var found []string
	for _, d := range c.detected {
		if d.License != "" {
			found = append(found, fmt.Sprintf("the text of %s is in %s", d.License, d.Location.String()))
		}
	}
	p.LicenseComments = strings.Join(sortUnique(found), "\n")
	var comments []string
	for _, place := range c.places {
		comments = append(comments, "found in "+place.String())
	}
	for _, q := range c.properties {
		comments = append(comments, q.Name+"="+q.Value)
	}
	p.Comment = strings.Join(comments, "\n")
	return p
}

// declared joins licences that apply together.
func (l *licenseRefs) declared(list []string) string {
	if len(list) == 0 {
		return noAssertion
	}
	parts := make([]string, 0, len(list))
	for _, name := range list {
		text, ok := expression(name)
		switch {
		case !ok:
			text = l.ref(name)
		case len(list) > 1 && strings.Contains(text, " OR "):
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " AND ")
}

// ref defines a licence that is on no list.
func (l *licenseRefs) ref(name string) string {
	if id := l.ids[name]; id != "" {
		return id
	}
	if l.ids == nil {
		l.ids = map[string]string{}
	}
	sum := sha256.Sum256([]byte(name))
	id := fmt.Sprintf("LicenseRef-%x", sum[:6])
	if plain := idString(name); plain == name && len(name) < 64 {
		id = "LicenseRef-" + name
	}
	l.ids[name] = id
	l.list = append(l.list, spdxLicense{id, name, "declared as: " + name})
	return id
}
