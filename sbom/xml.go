package sbom

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlNamespace starts the namespaces of all versions of CycloneDX.
const xmlNamespace = "http://cyclonedx.org/schema/bom/"

// xml reads CycloneDX in XML; see https://cyclonedx.org/docs/1.6/xml/. Entities
// that the document defines are not expanded: they are errors.
func (r *reader) xml() error {
	dec := xml.NewDecoder(bytes.NewReader(r.data))
	dec.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("its encoding is %s: write it as UTF-8", clip(charset))
	}
	var path []string
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if r.doc.Format == "" {
				return ErrNoSBOM
			}
			return nil
		}
		if err != nil {
			return xmlError(dec, err)
		}
		switch t := t.(type) {
		case xml.Directive:
			if bytes.HasPrefix(bytes.ToUpper(bytes.TrimSpace(t)), []byte("DOCTYPE")) {
				return xmlError(dec, errors.New("it has a document type, which CycloneDX has not"))
			}
		case xml.StartElement:
			path = append(path, t.Name.Local)
			if len(path) > maxNested*4 {
				return xmlError(dec, fmt.Errorf("it nests deeper than %d levels", maxNested*4))
			}
			if len(path) == 1 {
				if t.Name.Local != "bom" || !strings.HasPrefix(t.Name.Space, xmlNamespace) {
					return ErrNoSBOM
				}
				r.doc.Format, r.doc.Syntax, r.doc.Spec = "CycloneDX", "XML", strings.TrimPrefix(t.Name.Space, xmlNamespace)
				continue
			}
			taken, err := r.xmlElement(dec, t, strings.Join(path[1:], "/"))
			if err != nil {
				return xmlError(dec, err)
			}
			if taken {
				path = path[:len(path)-1]
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

func xmlError(dec *xml.Decoder, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	line, _ := dec.InputPos()
	if s, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return &Error{s.Line, "it is no valid XML: " + s.Msg}
	}
	return &Error{line, err.Error()}
}

// xmlElement reads an element as a whole, if it is one that counts.
func (r *reader) xmlElement(dec *xml.Decoder, start xml.StartElement, path string) (bool, error) {
	line, _ := dec.InputPos()
	switch path {
	case "metadata/timestamp":
		return true, dec.DecodeElement(&r.doc.Created, &start)
	case "metadata/component":
		var c readComponent
		if err := dec.DecodeElement(&c, &start); err != nil {
			return true, err
		}
		root := c.component(line)
		r.doc.Root = &root
		return true, r.nested(c.Nested, line, 1)
	case "metadata/tools/tool", "metadata/tools/components/component", "metadata/tools/services/service":
		var t struct {
			Vendor  string `xml:"vendor"`
			Name    string `xml:"name"`
			Version string `xml:"version"`
		}
		if err := dec.DecodeElement(&t, &start); err != nil {
			return true, err
		}
		r.producer(t.Vendor, t.Name, t.Version)
		return true, nil
	case "metadata/properties/property":
		var p readProperty
		if err := dec.DecodeElement(&p, &start); err != nil {
			return true, err
		}
		if p.Name == propertyGap {
			r.doc.Incomplete = append(r.doc.Incomplete, string(p.Value))
		}
		return true, nil
	case "components/component":
		var c readComponent
		if err := dec.DecodeElement(&c, &start); err != nil {
			return true, err
		}
		if err := r.add(c.component(line)); err != nil {
			return true, err
		}
		return true, r.nested(c.Nested, line, 1)
	case "dependencies/dependency":
		var d xmlDependency
		if err := dec.DecodeElement(&d, &start); err != nil {
			return true, err
		}
		for _, to := range d.DependsOn {
			r.need(d.Ref, to.Ref, "")
		}
		return true, nil
	case "compositions/composition":
		var c struct {
			Aggregate    string     `xml:"aggregate"`
			Assemblies   []struct{} `xml:"assemblies>assembly"`
			Dependencies []struct{} `xml:"dependencies>dependency"`
		}
		if err := dec.DecodeElement(&c, &start); err != nil {
			return true, err
		}
		r.composition(c.Aggregate, len(c.Assemblies)+len(c.Dependencies))
		return true, nil
	}
	return false, nil
}

// xmlDependency has those that it needs as elements of the same name.
type xmlDependency struct {
	Ref       string `xml:"ref,attr"`
	DependsOn []struct {
		Ref string `xml:"ref,attr"`
	} `xml:"dependency"`
}

// nested takes components in components. Their lines are that of the outermost.
func (r *reader) nested(list []readComponent, line, depth int) error {
	if depth > maxNested {
		return &Error{line, fmt.Sprintf("its components nest deeper than %d levels", maxNested)}
	}
	for i := range list {
		if err := r.add(list[i].component(line)); err != nil {
			return err
		}
		if err := r.nested(list[i].Nested, line, depth+1); err != nil {
			return err
		}
	}
	return nil
}
