package policies

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// A set and an input may be used by many at once.
func TestDecideConcurrently(t *testing.T) {
	opts := Options{Baseline: true, Policies: []Source{files("policy", "a.rego", "package main\n\ndeny contains input.kind\n\nexception contains [\"\"] if input.ok\n")}}
	s := mustLoad(t, opts)
	r := badReport()
	r.Documents = []gatehouse.Document{{Path: "a.yaml", JSON: []byte(`{"kind": "Pod"}`)}, {Path: "b.yaml", JSON: []byte(`{"kind": "Job", "ok": true}`)}}
	in := mustInput(t, r)
	waivers := parse(t, waiver())
	out := make(chan string, 8)
	for range cap(out) {
		go func() {
			v, err := s.Decide(t.Context(), in, waivers)
			b, _ := json.Marshal(v)
			if err != nil {
				b = []byte(err.Error())
			}
			out <- string(b)
		}()
	}
	first := <-out
	for range cap(out) - 1 {
		if got := <-out; got != first {
			t.Errorf("two verdicts differ:\n%s\n%s", first, got)
		}
	}
}

func FuzzParseWaivers(f *testing.F) {
	f.Add([]byte(waiver()))
	f.Add([]byte(waiver("kind: secret", "scope: {paths: [\"a/**\"], purls: [\"pkg:npm/a@1\"]}")))
	f.Add([]byte("# only a comment\n"))
	f.Add([]byte("---\n"))
	f.Add([]byte("version: 1\nwaivers: &a [*a]\n"))
	f.Add([]byte("version: 1\nwaivers:\n  - {<<: {id: x}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := ParseWaivers("w", data, WaiverOptions{Now: testNow})
		if err != nil && w != nil {
			t.Error("waivers and an error")
		}
		for i := range w {
			if w[i].ID == "" || w[i].Kind == "" || len(w[i].Match) == 0 || w[i].Owner == "" || w[i].Reason == "" || w[i].Expires.IsZero() {
				t.Errorf("incomplete: %+v", w[i])
			}
		}
	})
}
