package layout_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/layout"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// person has a key.
type person struct {
	private crypto.Signer
	public  attest.PublicKey
}

func (p person) Public() attest.PublicKey { return p.public }

func (p person) SignMessage(_ context.Context, message []byte) ([]byte, error) {
	if _, ok := p.private.(ed25519.PrivateKey); ok {
		return p.private.Sign(rand.Reader, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	return p.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

func newPerson(t *testing.T) person {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return with(t, key)
}

func with(t *testing.T, key crypto.Signer) person {
	t.Helper()
	public, err := attest.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return person{key, public}
}

func files(pairs ...string) map[string]layout.Digests {
	out := map[string]layout.Digests{}
	for i := 0; i < len(pairs); i += 2 {
		sum := sha256.Sum256([]byte(pairs[i+1]))
		out[pairs[i]] = layout.Digests{"sha256": hex.EncodeToString(sum[:])}
	}
	return out
}

// chain is the way from a commit to an approved artifact.
type chain struct {
	owner, alice, builder, bob, carol person
	layout                            layout.Layout
	links                             []layout.File
}

func newChain(t *testing.T) *chain {
	t.Helper()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{owner: newPerson(t), alice: newPerson(t), builder: newPerson(t), bob: newPerson(t), carol: with(t, edKey)}
	c.layout, err = layout.New([]layout.NewStep{
		{Name: "commit", Keys: []attest.PublicKey{c.alice.public}, Threshold: 1},
		{Name: "build", Keys: []attest.PublicKey{c.builder.public}, Threshold: 1},
		{Name: "approve", Keys: []attest.PublicKey{c.bob.public, c.carol.public}, Threshold: 2},
	}, now.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	source, binary := files("main.go", "package main"), files("app", "binary")
	c.add(t, c.alice, layout.NewLink("commit", nil, files(), source))
	c.add(t, c.builder, layout.NewLink("build", []string{"go", "build"}, source, binary))
	c.add(t, c.bob, layout.NewLink("approve", nil, binary, binary))
	c.add(t, c.carol, layout.NewLink("approve", nil, binary, binary))
	return c
}

func (c *chain) add(t *testing.T, p person, l layout.Link) {
	t.Helper()
	b, err := layout.SignLink(t.Context(), l, p)
	if err != nil {
		t.Fatal(err)
	}
	c.links = append(c.links, layout.File{Name: fmt.Sprintf("%s.%d.link", l.Name, len(c.links)), Data: b})
}

func (c *chain) signed(t *testing.T, owners ...person) layout.File {
	t.Helper()
	text, err := c.layout.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	f := layout.File{Name: "root.layout", Data: text}
	for _, o := range owners {
		if f.Data, err = layout.Sign(t.Context(), f, o); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestVerify(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, c *chain)
		// problem is part of the first problem; empty means a pass.
		problem string
	}{
		{"all in order", func(*testing.T, *chain) {}, ""},
		{"a step without a link", func(_ *testing.T, c *chain) { c.links = slices.Delete(c.links, 1, 2) }, `"build": there is no link`},
		{"one of two approvals", func(_ *testing.T, c *chain) { c.links = c.links[:3] }, `"approve": 1 of those who may`},
		{"one person twice", func(t *testing.T, c *chain) {
			binary := files("app", "binary")
			c.links = c.links[:3]
			c.add(t, c.bob, layout.NewLink("approve", nil, binary, binary))
		}, `"approve": 1 of those who may`},
		{"the builder approves", func(t *testing.T, c *chain) {
			binary := files("app", "binary")
			c.links = c.links[:3]
			c.add(t, c.builder, layout.NewLink("approve", nil, binary, binary))
		}, `"approve": 1 of those who may`},
		{"somebody else builds", func(t *testing.T, c *chain) {
			c.links = slices.Delete(c.links, 1, 2)
			c.add(t, c.alice, layout.NewLink("build", nil, files("main.go", "package main"), files("app", "binary")))
		}, `"build": none of its 1 links is signed`},
		{"the source changed before the build", func(t *testing.T, c *chain) {
			c.links = slices.Delete(c.links, 1, 2)
			c.add(t, c.builder, layout.NewLink("build", nil, files("main.go", "package evil"), files("app", "binary")))
		}, `"build": the material "main.go" is not allowed`},
		{"a file more before the build", func(t *testing.T, c *chain) {
			c.links = slices.Delete(c.links, 1, 2)
			c.add(t, c.builder, layout.NewLink("build", nil, files("main.go", "package main", "evil.go", "x"), files("app", "binary")))
		}, `"build": the material "evil.go" is not allowed`},
		{"approvals of two things", func(t *testing.T, c *chain) {
			c.links = c.links[:3]
			c.add(t, c.carol, layout.NewLink("approve", nil, files("app", "other"), files("app", "other")))
		}, "disagree"},
		{"an end that is past", func(_ *testing.T, c *chain) { c.layout.Expires = now }, "the layout ended"},
		{"an inspection", func(_ *testing.T, c *chain) {
			c.layout.Inspect = []layout.Inspection{{Type: "inspection", Name: "untar", Run: []string{"tar", "xf", "app.tar"}}}
		}, `the inspection "untar", which runs a command: "tar xf app.tar"`},
		{"a file that is required", func(_ *testing.T, c *chain) {
			c.layout.Steps[1].ExpectedProducts = [][]string{{"REQUIRE", "sbom.json"}, {"ALLOW", "*"}}
		}, `"sbom.json" is required`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChain(t)
			test.change(t, c)
			res, err := layout.Verify(t.Context(), c.signed(t, c.owner), layout.Options{Owners: []attest.PublicKey{c.owner.public}, Links: c.links, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if test.problem == "" {
				if !res.Passed() || len(res.Problems) > 0 || len(res.Warnings) > 0 {
					t.Fatalf("problems %q, warnings %q", res.Problems, res.Warnings)
				}
				if sum := files("", "binary")[""]["sha256"]; !res.Product("approve", sum) || res.Product("build", strings.Repeat("0", 64)) || res.Product("other", sum) {
					t.Error("the product of the last step is not known")
				}
				return
			}
			if res.Passed() || len(res.Problems) == 0 || !strings.Contains(res.Problems[0], test.problem) {
				t.Errorf("problems %q, want %q", res.Problems, test.problem)
			}
		})
	}
	if (layout.Result{}).Passed() {
		t.Error("the zero result passes")
	}
}

// Only what all owners signed counts.
func TestOwners(t *testing.T) {
	c := newChain(t)
	second := newPerson(t)
	owners := []attest.PublicKey{c.owner.public, second.public}
	verify := func(f layout.File, owners []attest.PublicKey) (layout.Result, error) {
		return layout.Verify(t.Context(), f, layout.Options{Owners: owners, Links: c.links, Now: now})
	}
	if res, err := verify(c.signed(t, c.owner, second), owners); err != nil || !res.Passed() {
		t.Errorf("both signed: %q, %v", res.Problems, err)
	}
	if res, err := verify(c.signed(t, c.owner), owners); err != nil || res.Passed() {
		t.Errorf("one of two signed, and it passes: %v", err)
	}
	if res, err := verify(c.signed(t, c.alice), owners[:1]); err != nil || res.Passed() || len(res.Steps) > 0 {
		t.Errorf("a stranger signed: %+v, %v", res, err)
	}
	if _, err := verify(c.signed(t, c.owner), nil); err == nil {
		t.Error("no owner is given, and it is decided all the same")
	}
	if _, err := layout.Sign(t.Context(), c.signed(t, c.owner), c.owner); err == nil {
		t.Error("signed twice with one key")
	}
}

// One key under two names is one functionary. It guards against TM-40.
func TestOneKeyTwice(t *testing.T) {
	c := newChain(t)
	var other layout.Key
	for _, k := range c.layout.Keys {
		if k.KeyID == c.layout.Steps[1].PubKeys[0] {
			other = k
		}
	}
	other.KeyID = "another"
	c.layout.Keys["another"] = other
	c.layout.Steps[1].PubKeys = append(c.layout.Steps[1].PubKeys, "another")
	c.layout.Steps[1].Threshold = 2
	if _, err := layout.Sign(t.Context(), layout.File{Name: "l", Data: marshal(t, c.layout)}, c.owner); err == nil || !strings.Contains(err.Error(), "cannot be") {
		t.Errorf("two names of one key count as two: %v", err)
	}
}

func marshal(t *testing.T, l layout.Layout) []byte {
	t.Helper()
	b, err := l.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The form before DSSE is verified too: the signature is over canonical JSON.
func TestOlderForm(t *testing.T) {
	c := newChain(t)
	old := func(payload any, p person) []byte {
		message, err := cjson.EncodeCanonical(payload)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := p.SignMessage(t.Context(), message)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(map[string]any{"signed": payload, "signatures": []map[string]string{{"keyid": "x", "sig": hex.EncodeToString(sig)}}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c.links = nil
	source, binary := files("main.go", "package main"), files("app", "binary")
	for _, l := range []struct {
		p person
		l layout.Link
	}{{c.alice, layout.NewLink("commit", nil, files(), source)}, {c.builder, layout.NewLink("build", nil, source, binary)},
		{c.bob, layout.NewLink("approve", nil, binary, binary)}, {c.carol, layout.NewLink("approve", nil, binary, binary)}} {
		c.links = append(c.links, layout.File{Name: l.l.Name, Data: old(l.l, l.p)})
	}
	file := layout.File{Name: "root.layout", Data: old(c.layout, c.owner)}
	opts := layout.Options{Owners: []attest.PublicKey{c.owner.public}, Links: c.links, Now: now}
	if res, err := layout.Verify(t.Context(), file, opts); err != nil || !res.Passed() {
		t.Errorf("%q, %v", res.Problems, err)
	}
	file.Data = []byte(strings.Replace(string(file.Data), `"threshold":2`, `"threshold":1`, 1))
	if res, err := layout.Verify(t.Context(), file, opts); err != nil || res.Passed() {
		t.Errorf("a changed layout passes: %v", err)
	}
}

// What is malformed is an error, and neither a pass nor a panic.
func TestMalformed(t *testing.T) {
	c := newChain(t)
	for name, change := range map[string]func(l *layout.Layout){
		"no step":             func(l *layout.Layout) { l.Steps = nil },
		"no end":              func(l *layout.Layout) { l.Expires = time.Time{} },
		"threshold 0":         func(l *layout.Layout) { l.Steps[0].Threshold = 0 },
		"threshold too high":  func(l *layout.Layout) { l.Steps[0].Threshold = 2 },
		"unknown key":         func(l *layout.Layout) { l.Steps[0].PubKeys = []string{"nobody"} },
		"step twice":          func(l *layout.Layout) { l.Steps[1].Name = "commit" },
		"unknown rule":        func(l *layout.Layout) { l.Steps[0].ExpectedProducts = [][]string{{"PERMIT", "*"}} },
		"empty rule":          func(l *layout.Layout) { l.Steps[0].ExpectedProducts = [][]string{{}} },
		"match without from":  func(l *layout.Layout) { l.Steps[1].ExpectedMaterials = [][]string{{"MATCH", "*", "WITH", "PRODUCTS"}} },
		"match with nowhere":  func(l *layout.Layout) { l.Steps[1].ExpectedMaterials[0][5] = "nowhere" },
		"pattern of no class": func(l *layout.Layout) { l.Steps[0].ExpectedProducts = [][]string{{"ALLOW", "[a"}} },
		"weak key": func(l *layout.Layout) {
			for id, k := range l.Keys {
				k.Scheme = "none"
				l.Keys[id] = k
			}
		},
	} {
		l := c.layout
		l.Steps = slices.Clone(l.Steps)
		l.Steps[1].ExpectedMaterials = [][]string{slices.Clone(l.Steps[1].ExpectedMaterials[0])}
		l.Keys = maps.Clone(l.Keys)
		change(&l)
		payload := marshal(t, l)
		message := attest.PAE(attest.PayloadType, payload)
		sig, err := c.owner.SignMessage(t.Context(), message)
		if err != nil {
			t.Fatal(err)
		}
		b, err := attest.Envelope{PayloadType: attest.PayloadType, Payload: payload, Signatures: []attest.Signature{{Sig: sig}}}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if res, err := layout.Verify(t.Context(), layout.File{Name: "l", Data: b}, layout.Options{Owners: []attest.PublicKey{c.owner.public}, Links: c.links, Now: now}); err == nil || res.Passed() {
			t.Errorf("%s: no error", name)
		}
	}
	for _, text := range []string{"", "{}", "[]", `{"signed":{},"signatures":[]}`, `{"signed":{"a":1.5},"signatures":[]}`, `{"signed":{},"signed":{},"signatures":[]}`, `{"payload":"e30=","payloadType":"x","signatures":[{"sig":"YQ=="}]}`} {
		if res, err := layout.Verify(t.Context(), layout.File{Name: "l", Data: []byte(text)}, layout.Options{Owners: []attest.PublicKey{c.owner.public}, Now: now}); err == nil && (res.Passed() || len(res.Problems) == 0) {
			t.Errorf("%q passes", text)
		}
	}
}

// An inspection gets to run only if all else is in order, and its rules count. It
// guards against TM-40.
func TestInspection(t *testing.T) {
	c := newChain(t)
	c.layout.Inspect = []layout.Inspection{{Type: "inspection", Name: "look", Run: []string{"look"},
		ExpectedMaterials: [][]string{{"MATCH", "*", "IN", "out", "WITH", "PRODUCTS", "FROM", "build"}, {"DISALLOW", "*"}}}}
	ran := 0
	got := layout.NewLink("look", nil, files("out/app", "binary"), files())
	run := func(context.Context, layout.Inspection) (layout.Link, error) { ran++; return got, nil }
	opts := layout.Options{Owners: []attest.PublicKey{c.owner.public}, Links: c.links, Now: now, Inspect: run}
	if res, err := layout.Verify(t.Context(), c.signed(t, c.owner), opts); err != nil || !res.Passed() || ran != 1 {
		t.Errorf("%q, %v, ran %d times", res.Problems, err, ran)
	}
	got = layout.NewLink("look", nil, files("out/app", "another"), files())
	if res, err := layout.Verify(t.Context(), c.signed(t, c.owner), opts); err != nil || res.Passed() {
		t.Errorf("another artifact passes: %v", err)
	}
	opts.Inspect = func(context.Context, layout.Inspection) (layout.Link, error) { return got, errors.New("exit 1") }
	if res, err := layout.Verify(t.Context(), c.signed(t, c.owner), opts); err != nil || res.Passed() {
		t.Errorf("an inspection that fails passes: %v", err)
	}
	opts.Inspect, opts.Links, ran = run, c.links[:2], 0
	if res, err := layout.Verify(t.Context(), c.signed(t, c.owner), opts); err != nil || res.Passed() || ran > 0 {
		t.Errorf("it ran although a step is missing: %v", err)
	}
}

// The examples of the reference implementation verify as they do there.
func TestReference(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/in-toto/in-toto-golang").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "test", "data")
	if err != nil || len(out) < 2 {
		t.Skip("in-toto-golang is not in the module cache: its examples are not checked")
	}
	read := func(name string) layout.File {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("%v: the examples of in-toto-golang are not checked", err)
		}
		return layout.File{Name: name, Data: data}
	}
	alice, err := attest.ParsePublicKey(read("alice.pub").Data)
	if err != nil {
		t.Fatal(err)
	}
	links := []layout.File{read("write-code.b7d643de.link"), read("package.d3ffd108.link")}
	inspect := func(context.Context, layout.Inspection) (layout.Link, error) {
		sum := func(name string) layout.Digests {
			s := sha256.Sum256(read(name).Data)
			return layout.Digests{"sha256": hex.EncodeToString(s[:])}
		}
		tar := map[string]layout.Digests{"foo.tar.gz": sum("foo.tar.gz")}
		both := maps.Clone(tar)
		both["foo.py"] = layout.Digests{"sha256": "74dc3727c6e89308b39e4dfedf787e37841198b1fa165a27c013544a60502549"}
		return layout.NewLink("untar", nil, tar, both), nil
	}
	for _, name := range []string{"demo.layout", "demo.dsse.layout"} {
		opts := layout.Options{Owners: []attest.PublicKey{alice}, Links: links, Now: now, Inspect: inspect}
		res, err := layout.Verify(t.Context(), read(name), opts)
		if err != nil || !res.Passed() {
			t.Errorf("%s: %q, %v", name, res.Problems, err)
		}
		opts.Links = links[:1]
		if res, err := layout.Verify(t.Context(), read(name), opts); err != nil || res.Passed() {
			t.Errorf("%s without a link: %v", name, err)
		}
	}
}
