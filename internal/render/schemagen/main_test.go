package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/render"
)

func TestSchemaIsUpToDate(t *testing.T) {
	want, err := generate("../../..", true)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(render.Schema(), want) {
		t.Error("the schema of the format json is out of date: run go generate ./internal/render")
	}
	for _, s := range []string{"purl", "coverage_digest", "1-based", `"CRITICAL"`, `"INCOMPLETE"`, `"too-many"`} {
		if !strings.Contains(string(want), s) {
			t.Errorf("the schema lacks %s", s)
		}
	}
}
