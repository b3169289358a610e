package admission_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

const (
	good  = "registry.example/team/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	other = "registry.example/team/other@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// world is a registry of a test.
type world struct {
	key    *ecdsa.PrivateKey
	public attest.PublicKey
	asked  atomic.Int64

	mu       sync.Mutex
	tags     map[string]attest.Digest
	attested map[attest.Digest][]attest.Attestation
	older    map[attest.Digest][]attest.Attestation
	err      error
	wait     chan struct{} // if set, answers wait for it
	now      time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := attest.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{key: key, public: public, tags: map[string]attest.Digest{}, attested: map[attest.Digest][]attest.Attestation{}, now: noon}
	w.attest(t, good, noon, attest.ResultPassed)
	w.tags["registry.example/team/app:1"] = attest.Digest(good[strings.IndexByte(good, '@')+1:])
	return w
}

// attest signs a summary about an image.
func (w *world) attest(t testing.TB, image string, at time.Time, result string) {
	t.Helper()
	name, digest, _ := strings.Cut(image, "@")
	levels := []string{attest.LevelPassed}
	if result != attest.ResultPassed {
		levels = []string{"FAILED"}
	}
	s, err := attest.NewStatement([]attest.ResourceDescriptor{{Digest: map[string]string{"sha256": attest.Digest(digest).Hex()}}}, attest.PredicateVSA, attest.VSA{
		Verifier: attest.VSAVerifier{ID: "https://ci.example/gate"}, TimeVerified: at, Policy: attest.ResourceDescriptor{URI: "urn:policy"},
		ResourceURI:        "pkg:oci/" + name[strings.LastIndexByte(name, '/')+1:] + "?repository_url=" + name,
		VerificationResult: result, VerifiedLevels: levels,
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(attest.PAE(attest.PayloadType, payload))
	sig, err := ecdsa.SignASN1(rand.Reader, w.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	b, err := attest.Envelope{PayloadType: attest.PayloadType, Payload: payload, Signatures: []attest.Signature{{Sig: sig}}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	d := attest.Digest(digest)
	w.attested[d] = append(w.attested[d], attest.Attestation{Bytes: b, Origin: "test"})
}

func (w *world) Resolve(_ context.Context, _ admission.Puller, img registry.Image) (attest.Digest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, ok := w.tags[img.String()]
	if !ok {
		return "", errors.New("there is no such image")
	}
	return d, w.err
}

func (w *world) Attestations(ctx context.Context, _ admission.Puller, _ registry.Image, d attest.Digest) ([]attest.Attestation, error) {
	w.asked.Add(1)
	w.mu.Lock()
	wait := w.wait
	w.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.attested[d], w.err
}

// Older has what cosign attached long ago.
func (w *world) Older(_ context.Context, _ admission.Puller, _ registry.Image, d attest.Digest) ([]attest.Attestation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.older[d], w.err
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

const config = `version: 1
policies:
  - name: team
    namespaces: {exclude: [sandbox]}
    images: ["registry.example/team/**"]
    verify:
      authorities:
        - name: ci
          keys: [{file: ci.pub}]
          verifiers: [https://ci.example/gate]
      require:
        - predicate_type: vsa
          authorities: [ci]
          levels: [GATEHOUSE_POLICY_PASSED]
          max_age: 7d
  - name: sandbox
    namespaces: {include: [sandbox]}
    images: ["**"]
    mode: warn
    digests: ["sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"]
custom_resources:
  - {group: example.com, kind: Runner, path: spec.job.spec}
cache: {for: 10m, retry_after: 10s, grace: 1h}
`

func (w *world) readFile(string) ([]byte, error) { return w.public.PEM(), nil }

func (w *world) admitter(t *testing.T, text string) *admission.Admitter {
	t.Helper()
	c, err := admission.ParseConfig("gate.yaml", []byte(text), w.readFile)
	if err != nil {
		t.Fatal(err)
	}
	a, err := admission.NewAdmitter(c, registry.New(registry.Options{}).Workload, w, nil, w.clock)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func request(kind admission.GroupVersionKind, operation, object, old string) *admission.Request {
	return &admission.Request{UID: "1", Kind: kind, Operation: operation, Namespace: "shop", Name: "x", Object: []byte(object), OldObject: []byte(old)}
}

var (
	pod        = admission.GroupVersionKind{Version: "v1", Kind: "Pod"}
	deployment = admission.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
)

func podWith(image string) string {
	return fmt.Sprintf(`{"spec":{"containers":[{"name":"a","image":%q}]}}`, image)
}

// TestCarriers guards against TM-24: no place that names an image is left out, in any kind of object.
func TestCarriers(t *testing.T) {
	spec := `{"containers":[{"name":"a","image":"1"}],"initContainers":[{"name":"b","image":"2"}],"ephemeralContainers":[{"name":"c","image":"3"}],"volumes":[{"name":"v","image":{"reference":"4"}},{"name":"w"}]}`
	for kind, object := range map[admission.GroupVersionKind]string{
		pod:                                  `{"spec":` + spec + `}`,
		{Version: "v1", Kind: "PodTemplate"}: `{"template":{"spec":` + spec + `}}`,
		{Version: "v1", Kind: "ReplicationController"}: `{"spec":{"template":{"spec":` + spec + `}}}`,
		deployment: `{"spec":{"template":{"spec":` + spec + `}}}`,
		{Group: "apps", Version: "v1", Kind: "StatefulSet"}:   `{"spec":{"template":{"spec":` + spec + `}}}`,
		{Group: "apps", Version: "v1", Kind: "DaemonSet"}:     `{"spec":{"template":{"spec":` + spec + `}}}`,
		{Group: "apps", Version: "v1", Kind: "ReplicaSet"}:    `{"spec":{"template":{"spec":` + spec + `}}}`,
		{Group: "batch", Version: "v1", Kind: "Job"}:          `{"spec":{"template":{"spec":` + spec + `}}}`,
		{Group: "batch", Version: "v1", Kind: "CronJob"}:      `{"spec":{"jobTemplate":{"spec":{"template":{"spec":` + spec + `}}}}}`,
		{Group: "example.com", Version: "v1", Kind: "Runner"}: `{"spec":{"job":{"spec":` + spec + `}}}`,
	} {
		got, err := admission.Carriers(kind, []byte(object), []admission.CustomPath{{Group: "example.com", Kind: "Runner", Path: "spec.job.spec"}})
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		var images []string
		for _, c := range got {
			images = append(images, c.Image)
		}
		if !slices.Equal(images, []string{"2", "1", "3", "4"}) {
			t.Errorf("%s: got %q", kind, images)
		}
	}
	for name, tc := range map[string]struct {
		kind   admission.GroupVersionKind
		object string
	}{
		"unknown kind":   {admission.GroupVersionKind{Group: "x", Kind: "Y"}, `{}`},
		"group differs":  {admission.GroupVersionKind{Group: "extensions", Kind: "Deployment"}, `{}`},
		"no spec":        {pod, `{}`},
		"no image":       {pod, `{"spec":{}}`},
		"not an object":  {pod, `[]`},
		"spec no object": {pod, `{"spec":1}`},
		"key twice":      {pod, `{"spec":{"containers":[{"image":"a","image":"b"}]}}`},
		"spec twice":     {pod, `{"spec":{"containers":[{"image":"a"}]},"spec":{"containers":[{"image":"b"}]}}`},
		"empty":          {pod, ``},
	} {
		if got, err := admission.Carriers(tc.kind, []byte(tc.object), nil); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestValidate guards against TM-18 and TM-28: only what is attested gets in, whatever the
// object says of itself.
func TestValidate(t *testing.T) {
	w := newWorld(t)
	w.attest(t, other, noon, attest.ResultFailed)
	old := "registry.example/team/old@sha256:" + strings.Repeat("d", 64)
	w.attest(t, old, noon.Add(-8*24*time.Hour), attest.ResultPassed)
	a := w.admitter(t, config)
	inNamespace := func(r *admission.Request, namespace string) *admission.Request { r.Namespace = namespace; return r }
	inTemplate := func(image string) string { return `{"spec":{"template":` + podWith(image) + `}}` }
	terminating := `{"metadata":{"deletionTimestamp":"2026-11-02T12:00:00Z"},"spec":{"containers":[{"name":"a","image":"` + other + `"}]}}`
	for name, tc := range map[string]struct {
		r    *admission.Request
		want string // part of the message; empty if it is admitted
	}{
		"attested":               {request(pod, "CREATE", podWith(good), ""), ""},
		"attested by tag":        {request(deployment, "CREATE", inTemplate("registry.example/team/app:1"), ""), ""},
		"pod by tag":             {request(pod, "CREATE", podWith("registry.example/team/app:1"), ""), "has a tag"},
		"not there":              {request(deployment, "CREATE", inTemplate("registry.example/team/app:2"), ""), "no such image"},
		"failed":                 {request(pod, "CREATE", podWith(other), ""), "the result is FAILED"},
		"too old":                {request(pod, "CREATE", podWith(old), ""), "may be"},
		"not attested":           {request(pod, "CREATE", podWith("registry.example/team/new@sha256:"+strings.Repeat("e", 64)), ""), "there is no attestation"},
		"another repository":     {request(pod, "CREATE", podWith(strings.Replace(good, "team/app", "team/copy", 1)), ""), "expected is"},
		"no policy":              {request(pod, "CREATE", podWith("nginx"), ""), "no policy is about it"},
		"registry as prefix":     {request(pod, "CREATE", podWith(strings.Replace(good, "registry.example/team", "registry.example/team-evil", 1)), ""), "no policy is about it"},
		"registry as start":      {request(pod, "CREATE", podWith(strings.Replace(good, "registry.example", "registry.example.evil", 1)), ""), "no policy is about it"},
		"no reference":           {request(pod, "CREATE", podWith("UPPER case"), ""), "no reference"},
		"says so itself":         {request(pod, "CREATE", `{"metadata":{"annotations":{"kyverno.io/verify-images":"pass","verified":"true"},"labels":{"ignore":"true"}},"spec":{"containers":[{"image":"`+other+`"}]}}`, ""), "the result is FAILED"},
		"empty image":            {request(pod, "CREATE", podWith(""), ""), "no reference"},
		"one of two":             {request(pod, "CREATE", `{"spec":{"containers":[{"image":"`+good+`"},{"image":"`+other+`"}]}}`, ""), "the result is FAILED"},
		"update of a label":      {request(pod, "UPDATE", podWith(other), podWith(other)), ""},
		"update of the image":    {request(pod, "UPDATE", podWith(other), podWith(good)), "the result is FAILED"},
		"update, old unreadable": {request(pod, "UPDATE", podWith(other), `{}`), "the result is FAILED"},
		"ephemeral container": {func() *admission.Request {
			r := request(pod, "UPDATE", `{"spec":{"containers":[{"image":"`+good+`"}],"ephemeralContainers":[{"image":"`+other+`"}]}}`, podWith(good))
			r.SubResource = "ephemeralcontainers"
			return r
		}(), "the result is FAILED"},
		"status": {func() *admission.Request {
			r := request(pod, "UPDATE", podWith(other), podWith(good))
			r.SubResource = "status"
			return r
		}(), ""},
		"terminating":    {request(pod, "UPDATE", terminating, podWith(good)), "the result is FAILED"},
		"deletion":       {request(pod, "DELETE", "", podWith(other)), ""},
		"unknown kind":   {request(admission.GroupVersionKind{Group: "x", Version: "v1", Kind: "Y"}, "CREATE", "{}", ""), "custom_resources"},
		"unreadable":     {request(pod, "CREATE", `{"spec":1}`, ""), "cannot be read"},
		"only a warning": {inNamespace(request(pod, "CREATE", podWith(other), ""), "sandbox"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := a.Validate(t.Context(), tc.r)
			if d.Allowed != (tc.want == "") || !strings.Contains(d.Message, tc.want) {
				t.Errorf("got %v: %s", d.Allowed, d.Message)
			}
			if name == "only a warning" && (len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], "not among those")) {
				t.Errorf("warnings: %q", d.Warnings)
			}
		})
	}
	// What is only attached in the older way counts too.
	moved := "registry.example/team/moved@sha256:" + strings.Repeat("f", 64)
	w.attest(t, moved, noon, attest.ResultPassed)
	w.older = w.attested
	w.attested = nil
	if d := a.Validate(t.Context(), request(pod, "CREATE", podWith(moved), "")); !d.Allowed {
		t.Errorf("attached in the older way: %s", d.Message)
	}
	if (admission.Decision{}).Allowed {
		t.Error("the zero decision admits")
	}
}

// TestMutate guards against TM-25: what is verified is what runs.
func TestMutate(t *testing.T) {
	w := newWorld(t)
	a := w.admitter(t, config)
	d := a.Mutate(t.Context(), request(pod, "CREATE", `{"spec":{"containers":[{"image":"registry.example/team/app:1"},{"image":"`+good+`"},{"image":"registry.example/team/none:1"}]}}`, ""))
	want := admission.Operation{Op: "replace", Path: "/spec/containers/0/image", Value: strings.Replace(good, "@", ":1@", 1)}
	if !d.Allowed || len(d.Patch) != 1 || d.Patch[0] != want {
		t.Errorf("got %+v", d)
	}
	// A registry that no policy is about is not asked.
	w.tags["elsewhere.example/app:1"] = attest.Digest(good[strings.IndexByte(good, '@')+1:])
	if d := a.Mutate(t.Context(), request(pod, "CREATE", podWith("elsewhere.example/app:1"), "")); len(d.Patch) != 0 {
		t.Errorf("an image that no policy is about was resolved: %+v", d.Patch)
	}
	// What it makes is admitted.
	if d := a.Validate(t.Context(), request(pod, "CREATE", podWith(d.Patch[0].Value), "")); !d.Allowed {
		t.Errorf("the pinned pod: %s", d.Message)
	}
	if d := a.Mutate(t.Context(), request(deployment, "CREATE", `{"spec":{"template":`+podWith("registry.example/team/app:1")+`}}`, "")); len(d.Patch) != 0 {
		t.Errorf("a deployment is changed: %+v", d.Patch)
	}
}

// TestOnce guards against TM-27: however many ask at once, an image is verified once, and not again until
// the answer is old.
func TestOnce(t *testing.T) {
	w := newWorld(t)
	a := w.admitter(t, config)
	gate := make(chan struct{})
	w.set(func() { w.wait = gate })
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if d := a.Validate(t.Context(), request(pod, "CREATE", podWith(good), "")); !d.Allowed {
				t.Error(d.Message)
			}
		})
	}
	close(gate)
	wg.Wait()
	if n := w.asked.Load(); n != 1 {
		t.Errorf("the registry was asked %d times", n)
	}
	after := func(d time.Duration, image string) (admission.Decision, int64) {
		w.set(func() { w.now = noon.Add(d) })
		before := w.asked.Load()
		return a.Validate(t.Context(), request(pod, "CREATE", podWith(image), "")), w.asked.Load() - before
	}
	if d, n := after(9*time.Minute, good); !d.Allowed || n != 0 {
		t.Errorf("after 9 minutes: %v, asked %d times", d, n)
	}
	if d, n := after(11*time.Minute, good); !d.Allowed || n != 1 {
		t.Errorf("after 11 minutes: %v, asked %d times", d, n)
	}
	w.set(func() { w.err = errors.New("no route to host") })
	if d, _ := after(22*time.Minute, good); !d.Allowed {
		t.Errorf("within the grace: %v", d)
	}
	if d, _ := after(90*time.Minute, good); d.Allowed || !strings.Contains(d.Message, "no route") {
		t.Errorf("after the grace: %v", d)
	}
	// What could not be found out is not remembered; what was refused is, shortly.
	w.set(func() { w.err = nil })
	if d, n := after(90*time.Minute, good); !d.Allowed || n != 1 {
		t.Errorf("when it is back: %v, asked %d times", d, n)
	}
	if d, n := after(90*time.Minute, other); d.Allowed || n != 1 {
		t.Errorf("refused: %v, asked %d times", d, n)
	}
	if d, n := after(90*time.Minute+time.Second, other); d.Allowed || n != 0 {
		t.Errorf("refused again: %v, asked %d times", d, n)
	}
	w.attest(t, other, noon.Add(90*time.Minute), attest.ResultPassed)
	if d, n := after(91*time.Minute, other); !d.Allowed || n != 1 {
		t.Errorf("attested in the meantime: %v, asked %d times", d, n)
	}
	// An answer ends with the summary that it rests on.
	if d, _ := after(7*24*time.Hour-time.Minute, good); !d.Allowed {
		t.Errorf("shortly before it is too old: %v", d)
	}
	if d, n := after(7*24*time.Hour+time.Minute, good); d.Allowed || n != 1 {
		t.Errorf("shortly after: %v, asked %d times", d, n)
	}
}

func TestDeadline(t *testing.T) {
	w := newWorld(t)
	a := w.admitter(t, config)
	w.set(func() { w.wait = make(chan struct{}) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if d := a.Validate(ctx, request(pod, "CREATE", podWith(good), "")); d.Allowed || !strings.Contains(d.Message, "in the time") {
		t.Errorf("got %v", d)
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, tc := range map[string]struct{ old, with, want string }{
		"no policy":        {config[strings.Index(config, "policies"):], "", "no policy"},
		"version":          {"version: 1", "version: 2", "version"},
		"unknown key":      {"mode: warn", "modes: warn", "modes"},
		"unknown mode":     {"mode: warn", "mode: off", "mode"},
		"no images":        {`images: ["**"]`, `images: []`, "no image"},
		"no registry":      {"registry.example/team/**", "team/**", "without a registry"},
		"tag in pattern":   {"registry.example/team/**", "registry.example/team/app:1", "tag or digest"},
		"stars in between": {"registry.example/team/**", "registry.example/**/app", "may only be at the end"},
		"broken pattern":   {"registry.example/team/**", "registry.example/[", "pattern"},
		"asks for nothing": {"    digests: [\"sha256:" + strings.Repeat("c", 64) + "\"]\n", "", "asks for nothing"},
		"no digest":        {strings.Repeat("c", 64), "c", "a digest"},
		"no age":           {"          max_age: 7d\n", "", "no maximum age"},
		"twice":            {"name: sandbox", "name: team", "twice"},
		"time":             {"grace: 1h", "grace: soon", "cache.grace"},
		"custom":           {"path: spec.job.spec", "path: ''", "custom resource"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(config, tc.old, tc.with, 1)
			if text == config {
				t.Fatalf("%q is not in the configuration", tc.old)
			}
			if _, err := admission.ParseConfig("gate.yaml", []byte(text), w.readFile); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "gate.yaml") {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	w := newWorld(t)
	h := admission.NewHandler(w.admitter(t, config), slog.New(slog.DiscardHandler), w.clock)
	post := func(path, body string) (int, map[string]any) {
		t.Helper()
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		var out map[string]any
		if rec.Code == http.StatusOK {
			if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
				t.Fatal(err)
			}
		}
		return rec.Code, out
	}
	review := func(image string) string {
		return `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","newField":1,"request":{"uid":"abc","kind":{"version":"v1","kind":"Pod"},"operation":"CREATE","namespace":"shop","object":` + podWith(image) + `}}`
	}
	code, out := post("/validate?timeout=5s", review(good))
	response, _ := out["response"].(map[string]any)
	if code != 200 || response["uid"] != "abc" || response["allowed"] != true || out["apiVersion"] != "admission.k8s.io/v1" || out["kind"] != "AdmissionReview" {
		t.Errorf("got %d, %v", code, out)
	}
	_, out = post("/validate", review(other))
	response, _ = out["response"].(map[string]any)
	status, _ := response["status"].(map[string]any)
	if response["allowed"] != false || status["code"] != 403.0 || !strings.Contains(fmt.Sprint(status["message"]), "gatehouse verify") {
		t.Errorf("got %v", out)
	}
	_, out = post("/mutate", review("registry.example/team/app:1"))
	response, _ = out["response"].(map[string]any)
	if response["patchType"] != "JSONPatch" || response["patch"] == "" {
		t.Errorf("got %v", out)
	}
	for name, body := range map[string]string{
		"no JSON": "x", "older version": strings.Replace(review(good), "k8s.io/v1", "k8s.io/v1beta1", 1), "no uid": strings.Replace(review(good), "abc", "", 1),
		"no request": `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, "uid twice": strings.Replace(review(good), `"uid"`, `"uid":"x","uid"`, 1),
		"too large": strings.Repeat(" ", 9<<20),
	} {
		if code, _ := post("/validate", body); code != http.StatusBadRequest {
			t.Errorf("%s: got %d", name, code)
		}
	}
	var metrics strings.Builder
	if h.WriteMetrics(&metrics); !strings.Contains(metrics.String(), `decisions_total{result="denied"} 1`) {
		t.Errorf("metrics: %s", metrics.String())
	}
	// Another configuration, while it runs.
	h.Use(w.admitter(t, strings.Replace(config, "registry.example/team/**", "registry.example/others/**", 1)))
	_, out = post("/validate", review(good))
	if response, _ = out["response"].(map[string]any); response["allowed"] != false {
		t.Errorf("by the new configuration: %v", out)
	}
}
