package admission_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	containers "github.com/google/go-containerregistry/pkg/registry"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// real is a registry on this machine with an image that is attested. Who may read needs
// the password, if there is one.
type real struct {
	*world
	host, image string
	requests    atomic.Int64
	elsewhere   atomic.Int64 // requests without the password, or with another
}

func newReal(t testing.TB, password string) *real {
	t.Helper()
	r := &real{world: newWorld(t)}
	handler := containers.New(containers.Logger(log.New(io.Discard, "", 0)), containers.WithReferrersSupport(true))
	guarded := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.requests.Add(1)
		if _, got, _ := q.BasicAuth(); guarded && got != password {
			r.elsewhere.Add(1)
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	r.image = r.another(t)
	guarded = password != ""
	return r
}

func (r *real) admitter(t testing.TB, secrets admission.PullSecrets) *admission.Admitter {
	t.Helper()
	c, err := admission.ParseConfig("gate.yaml", []byte(strings.ReplaceAll(config, "registry.example", r.host)), r.readFile)
	if err != nil {
		t.Fatal(err)
	}
	client := registry.New(registry.Options{})
	a, err := admission.NewAdmitter(c, client.Workload, admission.Registries{Client: client, Secrets: secrets}, nil, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestRequests: an image that was verified costs no request.
func TestRequests(t *testing.T) {
	r := newReal(t, "")
	a := r.admitter(t, nil)
	ask := func() int64 {
		t.Helper()
		before := r.requests.Load()
		if d := a.Validate(t.Context(), request(pod, "CREATE", podWith(r.image), "")); !d.Allowed {
			t.Fatal(d.Message)
		}
		return r.requests.Load() - before
	}
	// Whether it needs a login, what is attached, its manifest, and the bundle.
	if n := ask(); n > maxColdRequests {
		t.Errorf("the first time it takes %d requests", n)
	}
	if n := ask(); n != 0 {
		t.Errorf("the second time it takes %d requests", n)
	}
}

const maxColdRequests = 4

// fakeSecrets has one configuration for one namespace.
type fakeSecrets struct {
	namespace, config string
	asked             atomic.Int64
}

func (f *fakeSecrets) DockerConfigs(_ context.Context, p admission.Puller) ([][]byte, error) {
	f.asked.Add(1)
	if p.Namespace != f.namespace {
		return nil, nil
	}
	return [][]byte{[]byte(f.config)}, nil
}

// TestPullSecrets guards against TM-26: a registry gets the credentials that pods of the
// namespace have for it, and no others.
func TestPullSecrets(t *testing.T) {
	r := newReal(t, "pass")
	secrets := &fakeSecrets{namespace: "shop", config: `{"auths":{"` + r.host + `":{"username":"u","password":"pass"},"other.example":{"username":"u","password":"never"}}}`}
	a := r.admitter(t, secrets)
	in := func(namespace string) *admission.Request {
		q := request(pod, "CREATE", podWith(r.image), "")
		q.Namespace = namespace
		return q
	}
	if d := a.Validate(t.Context(), in("elsewhere")); d.Allowed || !strings.Contains(d.Message, "log in") {
		t.Errorf("without credentials: %v", d)
	}
	if d := a.Validate(t.Context(), in("shop")); !d.Allowed {
		t.Errorf("with credentials: %s", d.Message)
	}
	// An image that no policy is about is not looked up, so nobody's secret is read.
	before := secrets.asked.Load()
	if d := a.Validate(t.Context(), request(pod, "CREATE", podWith("elsewhere.example/x:1"), "")); d.Allowed {
		t.Error("an image without a policy gets in")
	}
	if n := secrets.asked.Load() - before; n != 0 {
		t.Errorf("secrets were read %d times for an image that no policy is about", n)
	}
}
