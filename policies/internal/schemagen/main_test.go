package main

import (
	"bytes"
	"testing"

	"github.com/gatehouse-sec/gatehouse/policies"
)

func TestSchemaIsUpToDate(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(policies.InputSchema(), want) {
		t.Error("policies/input.schema.json is out of date: run go generate ./policies")
	}
	if bytes.Contains(want, []byte(`"additionalProperties": true`)) {
		t.Error("an object of the schema is open")
	}
}
