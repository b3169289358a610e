// Package manifest reads the files that people apply to clusters.
package manifest

import (
	"bytes"
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Object is one object of a manifest.
type Object struct {
	// Place is where it stands, such as app.yaml, document 2.
	Place           string
	Kind            admission.GroupVersionKind
	Namespace, Name string
	JSON            []byte
}

// String is such as apps/v1 Deployment shop/cart.
func (o Object) String() string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return o.Kind.String() + " " + name
}

// header is what all objects have.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
		Namespace    string `json:"namespace"`
	} `json:"metadata"`
	Items *[]jsontext.Value `json:"items"`
}

// Parse reads a manifest in YAML or JSON: documents one after the other, each an object
// or a list of objects. Errors name the document. Keys that stand twice are errors.
func Parse(name string, data []byte) ([]Object, error) {
	var out []Object
	for i, text := range documents(data) {
		place := fmt.Sprintf("%s, document %d", name, i+1)
		value, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			// Lines of the message are those of the document.
			return nil, fmt.Errorf("%s: %s", place, strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:")), " "))
		}
		if string(bytes.TrimSpace(value)) == "null" {
			continue
		}
		if out, err = objects(out, place, value, header{}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// objects appends the object, or those of a list. An API server leaves out of the items
// of a list of one kind what kind they are: that is in otherwise.
func objects(out []Object, place string, value []byte, otherwise header) ([]Object, error) {
	var h header
	if err := jsonv2.Unmarshal(value, &h); err != nil {
		return nil, fmt.Errorf("%s is not an object of Kubernetes: %w", place, err)
	}
	if h.APIVersion == "" && h.Kind == "" {
		h.APIVersion, h.Kind = otherwise.APIVersion, otherwise.Kind
	}
	if h.APIVersion == "" || h.Kind == "" {
		return nil, fmt.Errorf("%s is not an object of Kubernetes: it has no apiVersion or kind", place)
	}
	if strings.HasSuffix(h.Kind, "List") && h.Items != nil {
		item := header{APIVersion: h.APIVersion, Kind: strings.TrimSuffix(h.Kind, "List")}
		if item.Kind == "" {
			item = header{} // a List of anything
		}
		for i, value := range *h.Items {
			var err error
			if out, err = objects(out, fmt.Sprintf("%s, item %d", place, i+1), value, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if len(out) == limits.MaxManifestObjects {
		return nil, fmt.Errorf("%s: there are more than %d objects, the limit: pass fewer at once", place, limits.MaxManifestObjects)
	}
	group, version, ok := strings.Cut(h.APIVersion, "/")
	if !ok {
		group, version = "", h.APIVersion
	}
	o := Object{place, admission.GroupVersionKind{Group: group, Version: version, Kind: h.Kind}, h.Metadata.Namespace, h.Metadata.Name, value}
	if o.Name == "" && h.Metadata.GenerateName != "" {
		o.Name = h.Metadata.GenerateName + "*"
	}
	return append(out, o), nil
}

// documents splits as kubectl does: at lines that start with ---.
func documents(data []byte) [][]byte {
	var out [][]byte
	var doc []byte
	for line := range bytes.Lines(data) {
		if rest, ok := bytes.CutPrefix(line, []byte("---")); ok && (len(rest) == 0 || rest[0] == '\n' || rest[0] == '\r' || rest[0] == ' ') {
			out, doc = append(out, doc), nil
			continue
		}
		doc = append(doc, line...)
	}
	return append(out, doc)
}
