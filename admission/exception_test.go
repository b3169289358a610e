package admission_test

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// except signs an exception, or what else is given.
func (w *world) except(t *testing.T, payloadType string, payload []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(attest.PAE(payloadType, payload))
	sig, err := w.key.Sign(rand.Reader, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := attest.Envelope{PayloadType: payloadType, Payload: payload, Signatures: []attest.Signature{{Sig: sig}}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExceptions guards against TM-31: an exception is signed, ends, and is about one
// digest in one namespace.
func TestExceptions(t *testing.T) {
	w := newWorld(t)
	digest := attest.Digest(other[strings.IndexByte(other, '@')+1:])
	valid := admission.Exception{Namespace: "shop", Digest: digest, Reason: "the build is down", Approver: "ann", Created: noon, Expires: noon.Add(4 * time.Hour)}
	payload, err := valid.Payload()
	if err != nil {
		t.Fatal(err)
	}
	load := func(w *world, envelope []byte) (*admission.Config, error) {
		return admission.ParseConfig("gate.yaml", []byte(config+"exceptions: {keys: [night.pub], files: [night.json]}\n"), func(name string) ([]byte, error) {
			if name == "night.json" {
				return envelope, nil
			}
			return w.public.PEM(), nil
		})
	}
	c, err := load(w, w.except(t, admission.ExceptionType, payload))
	if err != nil {
		t.Fatal(err)
	}
	a, err := admission.NewAdmitter(c, registry.New(registry.Options{}).Workload, w, nil, w.clock)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(namespace, image string, at time.Time) admission.Decision {
		w.set(func() { w.now = at })
		r := request(pod, "CREATE", podWith(image), "")
		r.Namespace = namespace
		return a.Validate(t.Context(), r)
	}
	if d := ask("shop", other, noon.Add(time.Hour)); !d.Allowed || len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], "the build is down") || !strings.Contains(d.Audit["exception-1"], "ann") {
		t.Errorf("while it counts: %+v", d)
	}
	for name, d := range map[string]admission.Decision{
		"after its end": ask("shop", other, noon.Add(4*time.Hour)), "before it begins": ask("shop", other, noon.Add(-time.Minute)), "in another namespace": ask("store", other, noon.Add(time.Hour)),
		"another image": ask("shop", strings.Replace(other, "sha256:b", "sha256:c", 1), noon.Add(time.Hour)),
	} {
		if d.Allowed {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if _, err := load(newWorld(t), w.except(t, admission.ExceptionType, payload)); err == nil || !strings.Contains(err.Error(), "none of the keys") {
		t.Errorf("signed by another key: %v", err)
	}
	if _, err := load(w, w.except(t, attest.PayloadType, payload)); err == nil || !strings.Contains(err.Error(), "want an exception") {
		t.Errorf("another type: %v", err)
	}
	for name, change := range map[string]func(e string) string{
		"too long": func(e string) string { return strings.Replace(e, "2026-11-02T16", "2026-12-02T16", 1) }, "no end": func(e string) string { return strings.Replace(e, "2026-11-02T16:00:00Z", "0001-01-01T00:00:00Z", 1) },
		"every namespace": func(e string) string { return strings.Replace(e, `"shop"`, `""`, 1) }, "no digest": func(e string) string { return strings.Replace(e, string(digest), "*", 1) },
		"more": func(e string) string { return strings.Replace(e, `{`, `{"images":"*",`, 1) },
	} {
		text := change(string(payload))
		if text == string(payload) {
			t.Fatalf("%s: nothing is changed: %s", name, text)
		}
		if _, err := load(w, w.except(t, admission.ExceptionType, []byte(text))); err == nil || !strings.Contains(err.Error(), "night.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := admission.ParseConfig("gate.yaml", []byte(config+"exceptions: {files: [night.json]}\n"), w.readFile); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("without keys: %v", err)
	}
}
