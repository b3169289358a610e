package sbom_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/sbom"
)

// The documents are written by hand after the shapes of tools.
const (
	cdxJSON = `{
  "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
  "metadata": {
    "timestamp": "2026-01-01T00:00:00Z",
    "tools": {"components": [{"type": "application", "author": "anchore", "name": "syft", "version": "1.2.3"}]},
    "component": {"bom-ref": "root", "type": "application", "name": "shop"}
  },
  "components": [
    {"bom-ref": "a", "type": "library", "group": "org.x", "name": "a", "version": "1.0", "purl": "pkg:maven/org.x/a@1.0",
     "hashes": [{"alg": "SHA-256", "content": "AB"}], "licenses": [{"license": {"name": "Custom"}}, {"license": {"id": "MIT"}}],
     "components": [{"bom-ref": "inner", "type": "library", "name": "inner", "version": "2", "purl": "pkg:npm/inner@2"}]},
    {"bom-ref": "b", "type": "library", "name": "b", "version": "1", "purl": "pkg:npm/b@1", "scope": "optional", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
    {"bom-ref": "lock", "type": "application", "name": "package-lock.json"},
    {"bom-ref": "os", "type": "operating-system", "name": "debian", "version": "12"}
  ],
  "dependencies": [{"ref": "root", "dependsOn": ["lock"]}, {"ref": "lock", "dependsOn": ["a"]}, {"ref": "a", "dependsOn": ["b", "gone"]}, {"ref": "b", "dependsOn": ["a"]}]
}`
	cdxXML = `<?xml version="1.0" encoding="UTF-8"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.4" version="1">
  <metadata>
    <timestamp>2026-01-01T00:00:00Z</timestamp>
    <tools><tool><vendor>OWASP Foundation</vendor><name>CycloneDX Maven plugin</name><version>2.7.0</version></tool></tools>
    <component type="library" bom-ref="root"><group>org.x</group><name>shop</name><version>1</version></component>
  </metadata>
  <components>
    <component type="library" bom-ref="a">
      <group>org.x</group><name>a</name><version>1.0</version><scope>required</scope>
      <hashes><hash alg="SHA-256">ab</hash></hashes>
      <licenses><license><id>MIT</id></license></licenses>
      <purl>pkg:maven/org.x/a@1.0?type=jar</purl>
      <components><component type="library" bom-ref="inner"><name>inner</name><version>2</version><purl>pkg:npm/inner@2</purl></component></components>
    </component>
    <component type="library" bom-ref="b"><name>b</name><version>1</version><licenses><expression>MIT OR Apache-2.0</expression></licenses><purl>pkg:npm/b@1</purl></component>
  </components>
  <dependencies>
    <dependency ref="root"><dependency ref="a"/></dependency>
    <dependency ref="a"><dependency ref="b"/></dependency>
  </dependencies>
</bom>`
	spdxTag = `SPDXVersion: SPDX-2.3
SPDXID: SPDXRef-DOCUMENT
Creator: Person: Somebody
Creator: Tool: syft-1.0
Created: 2026-01-01T00:00:00Z
## a comment
PackageName: shop
SPDXID: SPDXRef-root
PackageDownloadLocation: NOASSERTION

PackageName: a
SPDXID: SPDXRef-a
PackageVersion: 1.0
PackageLicenseDeclared: (MIT OR Apache-2.0) AND LicenseRef-1
PackageChecksum: SHA256: AB
PackageComment: <text>two
lines</text>
ExternalRef: PACKAGE-MANAGER purl pkg:maven/org.x/a@1.0

PackageName: b
SPDXID: SPDXRef-b
PackageVersion: 1
ExternalRef: PACKAGE_MANAGER purl pkg:npm/b@1

FileName: ./x
SPDXID: SPDXRef-file
LicenseConcluded: MIT

LicenseID: LicenseRef-1
ExtractedText: <text>long
text</text>
LicenseName: Custom

Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-root
Relationship: SPDXRef-root DEPENDS_ON SPDXRef-a
Relationship: SPDXRef-b DEV_DEPENDENCY_OF SPDXRef-a
`
	gitHub = `{"sbom": {"SPDXID": "SPDXRef-DOCUMENT", "spdxVersion": "SPDX-2.3", "name": "com.github.x/y", "dataLicense": "CC0-1.0",
  "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: GitHub.com-Dependency-Graph"]},
  "packages": [
    {"name": "com.github.x/y", "SPDXID": "SPDXRef-root", "versionInfo": "main", "downloadLocation": "git+https://github.com/x/y", "filesAnalyzed": false,
     "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:github/x/y@main"}]},
    {"name": "lodash", "SPDXID": "SPDXRef-lodash", "versionInfo": "4.17.20", "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "MIT",
     "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/lodash@4.17.20"}]},
    {"name": "actions/checkout", "SPDXID": "SPDXRef-checkout", "versionInfo": "4.*.*", "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
     "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:githubactions/actions/checkout@4.%2A.%2A"}]}],
  "relationships": [
    {"relationshipType": "DESCRIBES", "spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-root"},
    {"relationshipType": "DEPENDS_ON", "spdxElementId": "SPDXRef-root", "relatedSpdxElement": "SPDXRef-lodash"}]}}`
	spdx3 = `{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
  {"type": "Relationship", "spdxId": "r1", "creationInfo": "_:c", "from": "pkg-root", "to": ["pkg-a"], "relationshipType": "dependsOn"},
  {"type": "LifecycleScopedRelationship", "spdxId": "r2", "creationInfo": "_:c", "from": "pkg-a", "to": ["pkg-b"], "relationshipType": "dependsOn", "scope": "test"},
  {"type": "Relationship", "spdxId": "r3", "creationInfo": "_:c", "from": "pkg-a", "to": ["lic"], "relationshipType": "hasDeclaredLicense"},
  {"type": "Relationship", "spdxId": "r4", "creationInfo": "_:c", "from": "pkg-b", "to": ["https://spdx.org/licenses/ISC"], "relationshipType": "hasConcludedLicense"},
  {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-01-01T00:00:00Z", "createdUsing": ["tool"]},
  {"type": "Tool", "spdxId": "tool", "name": "maker 1"},
  {"type": "SpdxDocument", "spdxId": "doc", "rootElement": ["pkg-root"]},
  {"type": "simplelicensing_LicenseExpression", "spdxId": "lic", "simplelicensing_licenseExpression": "MIT"},
  {"type": "software_Package", "spdxId": "pkg-root", "name": "shop"},
  {"type": "software_Package", "spdxId": "pkg-a", "name": "a", "software_packageVersion": "1.0", "software_packageUrl": "pkg:maven/org.x/a@1.0",
   "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "ab"}]},
  {"type": "software_Package", "spdxId": "pkg-b", "name": "b", "software_packageVersion": "1", "externalIdentifier": [{"type": "ExternalIdentifier", "externalIdentifierType": "packageUrl", "identifier": "pkg:npm/b@1"}]}
]}`
)

func TestShapes(t *testing.T) {
	envelope := fmt.Sprintf(`{"payloadType":"application/vnd.in-toto+json","payload":%q,"signatures":[]}`,
		base64.StdEncoding.EncodeToString([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://cyclonedx.org/bom","predicate":`+cdxJSON+`}`)))
	for _, tt := range []struct {
		name, doc, head string
		want            []string
	}{
		{"CycloneDX JSON", cdxJSON, "CycloneDX 1.5 JSON by [syft 1.2.3] about shop", []string{
			`pkg:maven/org.x/a@1.0 is org.x:a 1.0, direct true, dev false, scope "", source ""`, "pkg:maven/org.x/a@1.0 needs pkg:npm/b@1",
			"pkg:maven/org.x/a@1.0 has licence Custom", "pkg:maven/org.x/a@1.0 has hash sha256:ab", "pkg:npm/b@1 needs pkg:maven/org.x/a@1.0",
			`pkg:npm/b@1 is b 1, direct false, dev false, scope "optional", source ""`, `pkg:npm/inner@2 is inner 2, direct false, dev false, scope "", source ""`}},
		{"CycloneDX XML", cdxXML, "CycloneDX 1.4 XML by [OWASP Foundation/CycloneDX Maven plugin 2.7.0] about org.x/shop", []string{
			"pkg:maven/org.x/a@1.0?type=jar has licence MIT", "pkg:maven/org.x/a@1.0?type=jar needs pkg:npm/b@1", "pkg:npm/b@1 has licence MIT OR Apache-2.0",
			"pkg:maven/org.x/a@1.0?type=jar has hash sha256:ab", `pkg:npm/inner@2 is inner 2, direct false, dev false, scope "", source ""`}},
		{"SPDX tag-value", spdxTag, "SPDX 2.3 tag-value by [syft-1.0] about shop", []string{
			"pkg:maven/org.x/a@1.0 has licence Custom", "pkg:maven/org.x/a@1.0 has licence MIT OR Apache-2.0", "pkg:maven/org.x/a@1.0 has hash sha256:ab",
			"pkg:maven/org.x/a@1.0 needs pkg:npm/b@1", `pkg:npm/b@1 is b 1, direct false, dev true, scope "dev", source ""`}},
		{"GitHub", gitHub, "SPDX 2.3 JSON by [GitHub.com-Dependency-Graph] about com.github.x/y", []string{
			`pkg:npm/lodash@4.17.20 is lodash 4.17.20, direct true, dev false, scope "", source ""`, "pkg:npm/lodash@4.17.20 has licence MIT"}},
		{"SPDX 3", spdx3, "SPDX 3.0.1 JSON-LD by [maker 1] about shop", []string{
			`pkg:maven/org.x/a@1.0 is a 1.0, direct true, dev false, scope "", source ""`, "pkg:maven/org.x/a@1.0 has licence MIT", "pkg:maven/org.x/a@1.0 has hash sha256:ab",
			"pkg:npm/b@1 has licence ISC", `pkg:npm/b@1 is b 1, direct false, dev true, scope "test", source ""`}},
		{"envelope", envelope, "CycloneDX 1.5 JSON by [syft 1.2.3] about shop", []string{"pkg:maven/org.x/a@1.0 needs pkg:npm/b@1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !sbom.Is([]byte(tt.doc)) {
				t.Error("it is not known as an SBOM")
			}
			d := read(t, []byte(tt.doc))
			if len(d.Problems) > 0 {
				t.Errorf("problems: %v", d.Problems)
			}
			root := ""
			if d.Root != nil {
				root = d.Root.Name
			}
			if got := fmt.Sprintf("%s %s %s by %v about %s", d.Format, d.Spec, d.Syntax, d.Producers, root); got != tt.head {
				t.Errorf("got  %s\nwant %s", got, tt.head)
			}
			got := facts(d)
			for _, want := range tt.want {
				if !slices.Contains(got, want) {
					t.Errorf("missing: %s\ngot %s", want, strings.Join(got, "\n    "))
				}
			}
		})
	}
	if d := read(t, []byte(envelope)); !slices.ContainsFunc(d.LeftOut(), func(s string) bool { return strings.Contains(s, "not verified") }) {
		t.Errorf("an envelope of which nobody verified the signature: %v", d.LeftOut())
	}
}

func TestLines(t *testing.T) {
	for doc, want := range map[string]int{cdxJSON: 9, cdxXML: 9, spdxTag: 11} {
		d := read(t, []byte(doc))
		i := slices.IndexFunc(d.Components, func(c sbom.Component) bool { return strings.HasSuffix(c.Name, "a") && c.Purl != "" })
		if d.Components[i].Line != want {
			t.Errorf("%s %s: line %d, want %d", d.Format, d.Syntax, d.Components[i].Line, want)
		}
	}
}

// What is wrong in one place is said, and does not hide the rest.
func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		name, doc, problem string
		components         int
	}{
		{"type of a field", `{"bomFormat":"CycloneDX","components":[{"name":"a","purl":"pkg:npm/a@1","hashes":"none"},` + "\n" + `{"name":"b","purl":"pkg:npm/b@1"}]}`, "/hashes", 1},
		{"a component that is none", `{"bomFormat":"CycloneDX","components":["a",{"name":"b","purl":"pkg:npm/b@1"}]}`, "left out", 1},
		{"the same id twice", `{"bomFormat":"CycloneDX","components":[{"bom-ref":"x","name":"a","purl":"pkg:npm/a@1"},{"bom-ref":"x","name":"b","purl":"pkg:npm/b@1"}]}`, "two components", 2},
		{"a line without a tag", "SPDXVersion: SPDX-2.2\nRelationship A DESCRIBES B\nPackageName: a\nPackageName: b\n", "no tag", 2},
		{"a relationship of one", "SPDXVersion: SPDX-2.2\nRelationship: A\nPackageName: a\nPackageName: b\n", "no two elements", 2},
	} {
		d := read(t, []byte(tt.doc))
		if len(d.Problems) != 1 || !strings.Contains(d.Problems[0].Reason, tt.problem) {
			t.Errorf("%s: %+v", tt.name, d.Problems)
		}
		if len(d.Components) != tt.components {
			t.Errorf("%s: %d components", tt.name, len(d.Components))
		}
	}
}

// A document that cannot be read is an error with a line, and what stands before
// it is kept.
func TestErrors(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"cut off", cdxJSON[:len(cdxJSON)-200], "no valid JSON"},
		{"a key twice", `{"bomFormat":"CycloneDX","components":[],"components":[]}`, "duplicate"},
		{"more after the end", `{"bomFormat":"CycloneDX"} {}`, "after the end"},
		{"entity", `<!DOCTYPE bom [<!ENTITY x SYSTEM "file:///etc/passwd">]><bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components/></bom>`, "document type"},
		{"unknown entity", `<bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components><component><name>&x;</name></component></components></bom>`, "no valid XML"},
		{"XML cut off", cdxXML[:900], "no valid XML"},
		{"other encoding", strings.Replace(cdxXML, "UTF-8", "ISO-8859-1", 1), "write it as UTF-8"},
		{"other XML", `<project/>`, "neither CycloneDX nor SPDX"},
		{"other JSON", `{"a": 1}`, "neither CycloneDX nor SPDX"},
		{"nothing", ``, "neither CycloneDX nor SPDX"},
		{"YAML", "spdxVersion: SPDX-2.3\n", "write it as JSON"},
		{"text without end", "SPDXVersion: SPDX-2.2\nPackageName: a\nPackageComment: <text>x\n", "cut off"},
		{"components in components", `{"bomFormat":"CycloneDX","components":` + strings.Repeat(`[{"name":"a","components":`, 40) + `[]` + strings.Repeat(`}]`, 40) + `}`, "nest deeper"},
		{"statements in statements", strings.Repeat(`{"predicate":`, 60) + cdxJSON + strings.Repeat(`}`, 60), "neither"},
	} {
		_, err := sbom.Read([]byte(tt.doc))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	d, err := sbom.Read([]byte("SPDXVersion: SPDX-2.2\nPackageName: a\nPackageName: b\nPackageComment: <text>x\n"))
	if e, ok := errors.AsType[*sbom.Error](err); !ok || e.Line != 4 || len(d.Components) != 2 {
		t.Errorf("line and components: %v, %v", err, d.Components)
	}
}

func TestHostile(t *testing.T) {
	deep := `{"bomFormat":"CycloneDX","x":` + strings.Repeat("[", 100_000)
	if _, err := sbom.Read([]byte(deep)); err == nil {
		t.Error("deep nesting is no error")
	}
	var b strings.Builder
	b.WriteString(`{"bomFormat":"CycloneDX","metadata":{"component":{"bom-ref":"c0","name":"root"}},"components":[`)
	const n = 20_000
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, `{"bom-ref":"c%d","type":"library","name":"p","version":"%d","purl":"pkg:npm/p@%d"},`, i, i, i)
	}
	b.WriteString(`{"name":"last","purl":"pkg:npm/last@1"}],"dependencies":[`)
	for i := range n {
		fmt.Fprintf(&b, `{"ref":"c%d","dependsOn":["c%d","c%d","c0"]},`, i, i+1, max(0, i-1))
	}
	b.WriteString(`{"ref":"nobody","dependsOn":["c1"]}]}`)
	d := read(t, []byte(b.String()))
	if len(d.Components) != n+1 {
		t.Errorf("%d components", len(d.Components))
	}
}

// What a document does not say of itself is said.
func TestLeftOut(t *testing.T) {
	d := read(t, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.2","components":[{"type":"library","name":"a"},{"type":"library","name":"b","version":"1","purl":"pkg:npm/b@1"}]}`))
	got := strings.Join(d.LeftOut(), "; ")
	for _, want := range []string{"1 of 2 packages have no version", "1 of 2 packages have no package URL", "no package has a licence", "no package has a hash", "which package needs which", "what it is about", "which tool", "when it was made"} {
		if !strings.Contains(got, want) {
			t.Errorf("not said: %s; got %s", want, got)
		}
	}
	if got := read(t, write(t, reports()["gaps"], sbom.SPDX)).Incomplete; len(got) != 2 {
		t.Errorf("a document of which files are missing is incomplete because of %q", got)
	}
	for doc, empty := range map[string]bool{
		`{"bomFormat":"CycloneDX"}`: true,
		`{"bomFormat":"CycloneDX","compositions":[{"aggregate":"complete"}]}`: false,
		cdxJSON: false,
	} {
		if read(t, []byte(doc)).Empty() != empty {
			t.Errorf("empty is not %v: %.60s", empty, doc)
		}
	}
	for aggregate, want := range map[string]int{"incomplete": 1, "incomplete_first_party_only": 1, "unknown": 0, "complete": 0} {
		d := read(t, fmt.Appendf(nil, `{"bomFormat":"CycloneDX","compositions":[{"aggregate":%q,"assemblies":["a"]}]}`, aggregate))
		if len(d.Incomplete) != want {
			t.Errorf("%s: %v", aggregate, d.Incomplete)
		}
	}
}

// An SBOM about one package lists it, as there is nothing else to judge.
func TestOnlyASubject(t *testing.T) {
	for _, doc := range []string{
		`{"bomFormat":"CycloneDX","metadata":{"component":{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"}}}`,
		`{"spdxVersion":"SPDX-2.3","documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a","name":"a","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}]}`,
	} {
		if d := read(t, []byte(doc)); len(d.Components) != 1 || d.Components[0].Purl != "pkg:npm/a@1" {
			t.Errorf("%+v", d.Components)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, doc := range []string{cdxJSON, cdxXML, spdxTag, gitHub, spdx3} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		d, _ := sbom.Read(data)
		d.LeftOut()
		for _, c := range d.Components {
			_ = c.Scope == gatehouse.ScopeDev
		}
	})
}
