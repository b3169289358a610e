package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/store"
)

func digest(c string) attest.Digest { return attest.Digest("sha256:" + strings.Repeat(c, 64)) }

func key(t *testing.T) *sign.Key {
	t.Helper()
	text, _, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := sign.ParseKey(text, func() ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func statement(t *testing.T, d attest.Digest, text string) attest.Statement {
	t.Helper()
	s, err := attest.NewStatement([]attest.ResourceDescriptor{{Digest: map[string]string{"sha256": d.Hex()}}}, "https://x.example/v1", map[string]string{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "attestations")
	d, k := store.Dir(dir), key(t)
	put := func(kind, text string, about attest.Digest) {
		t.Helper()
		e, err := k.Sign(statement(t, about, text))
		if err != nil {
			t.Fatal(err)
		}
		b, err := attest.KeyBundle(e, k.Public())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Put("app", kind, e, b); err != nil {
			t.Fatal(err)
		}
	}
	put("vsa", "first", digest("a"))
	put("vsa", "second", digest("a"))
	put("sbom", "third", digest("a"))
	put("other", "fourth", digest("b"))
	if got, want := names(t, dir), "app.intoto.jsonl app.other.dsse.json app.other.sigstore.json app.sbom.dsse.json app.sbom.sigstore.json app.vsa.dsse.json app.vsa.sigstore.json"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	found, err := d.Attestations(t.Context(), digest("a"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, a := range found {
		_, s, err := a.Parse()
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(s.Predicate))
	}
	if got, want := strings.Join(texts, " "), `{"text":"third"} {"text":"second"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	e, err := k.SignVerdict(statement(t, digest("a"), "failed"))
	if err != nil {
		t.Fatal(err)
	}
	record, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.PutVerdict("app", record); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); strings.Contains(got, "vsa") || !strings.Contains(got, "app.verdict.json") {
		t.Errorf("after a verdict that is no pass: %s", got)
	}
	if found, err := d.Attestations(t.Context(), digest("a")); err != nil || len(found) != 1 {
		t.Errorf("after a verdict that is no pass: %d attestations, %v", len(found), err)
	}
	put("vsa", "fifth", digest("a"))
	if got := names(t, dir); strings.Contains(got, "verdict") {
		t.Errorf("after a pass: %s", got)
	}
}

func TestDirRefuses(t *testing.T) {
	k := key(t)
	e, err := k.Sign(statement(t, digest("a"), ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "..", ".hidden", "a/b", "a\nb"} {
		if _, err := store.Dir(t.TempDir()).Put(name, "vsa", e, nil); err == nil {
			t.Errorf("the name %q is accepted", name)
		}
	}
	if _, err := store.Dir(filepath.Join(t.TempDir(), "none")).Attestations(t.Context(), digest("a")); err == nil {
		t.Error("a directory that is not there has attestations")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.sigstore.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Dir(dir).Attestations(t.Context(), digest("a")); err == nil || !strings.Contains(err.Error(), "x.sigstore.json") {
		t.Errorf("got %v", err)
	}
}
