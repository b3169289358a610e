package compose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/compose"
)

func TestIs(t *testing.T) {
	tests := []struct {
		path, text string
		want       bool
	}{
		{"docker-compose.override.yml", "services: {a: {}}", true},
		{"compose.yaml", "- a", true}, // and cannot be read
		{"compose.prod.yml", "services: {a: {}}", true},
		{"composer.yaml", "services: {a: {}}", false},
		{"stack.yml", "services: {a: {image: b}}\nnetworks: {}", true},
		{"ci.yml", "services: {a: {image: b}}\njobs: {}", false},
		{"app.yml", "services: [a]", false},
		{"compose.yaml", "kind: x", false},
	}
	for _, tt := range tests {
		docs, err := document.Parse([]byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		if got := compose.Is(tt.path, docs[0]); got != tt.want {
			t.Errorf("%s %q: got %v", tt.path, tt.text, got)
		}
	}
}

// Variables without a value are known by name where they decide something, and
// ignored where they do not.
func TestUnknown(t *testing.T) {
	tests := []struct{ service, want string }{
		{`privileged: "${PRIV}"`, "PRIV"},
		{`privileged: "${PRIV:-false}"`, ""},
		{`ports: ["${BIND}:5432:5432"]`, "BIND"},
		{`ports: ["${PORT}:5432"]`, ""},
		{`volumes: ["${DIR}:/data"]`, "DIR"},
		{`volumes: ["./${DIR}:/data"]`, ""},
		{`volumes: ["$PWD/x:/data"]`, ""},
		{`user: "${UID}:${GID}"`, ""},
		{`image: "a:${TAG}"`, ""},
		{`cap_add: ["$$NOT_A_VARIABLE", "${CAP:?give one}"]`, "CAP"},
		{`pid: "${A:-${B:-host}}"`, ""},
		{`pid: "` + strings.Repeat("${A:-", 200_000) + `"`, "a variable among more than the limit of 100"},
		{`pid: "${"`, ""},
		{`pid: "a${B"`, "B"},
	}
	for _, tt := range tests {
		docs, err := document.Parse([]byte("services:\n  a:\n    " + tt.service))
		if err != nil {
			t.Fatal(err)
		}
		file, err := compose.Read(docs[0])
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, v := range file.Unknown {
			got += fmt.Sprint(v.Name)
		}
		if got != tt.want {
			t.Errorf("%.60s: got %q, want %q", tt.service, got, tt.want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"- a":                           "no mapping",
		"services: [a]":                 "line 1: services is no mapping",
		"services:\n  a: [b]":           `line 2: the service "a" is no mapping`,
		"services: {a: {image: [x]}}":   "",
		"services: {a: {ports: {}}}":    "",
		"services: {a: {volumes: [1]}}": "",
		"include: [a.yml]":              "",
		"services:":                     "",
	} {
		docs, err := document.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = compose.Read(docs[0])
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
