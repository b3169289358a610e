package admission_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// deploymentReview is a review of 5.8 kB, as of a Deployment with managed fields.
func deploymentReview(tb testing.TB, image string) []byte {
	tb.Helper()
	var env []any
	for i := range 40 {
		env = append(env, map[string]any{"name": fmt.Sprintf("SETTING_%02d", i), "value": fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)}))})
	}
	b, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": map[string]any{
			"uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816", "kind": map[string]any{"group": "apps", "version": "v1", "kind": "Deployment"}, "operation": "CREATE", "namespace": "shop", "name": "web",
			"object": map[string]any{
				"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "shop", "managedFields": []any{map[string]any{"fieldsV1": map[string]any{"f:spec": strings.Repeat("f:x ", 250)}}}},
				"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "web", "image": image, "env": env}}}}},
			},
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// serve is the handler behind TLS, and a client that keeps its connections.
func serve(b *testing.B, a *admission.Admitter) (post func(review []byte) time.Duration) {
	server := httptest.NewTLSServer(admission.NewHandler(a, slog.New(slog.NewJSONHandler(io.Discard, nil)), time.Now))
	b.Cleanup(server.Close)
	client := server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	return func(review []byte) time.Duration {
		begin := time.Now()
		answer, err := client.Post(server.URL+"/validate?timeout=10s", "application/json", bytes.NewReader(review))
		if err != nil {
			b.Error(err)
			return 0
		}
		body, err := io.ReadAll(answer.Body)
		took := time.Since(begin)
		if err != nil || answer.Body.Close() != nil || !bytes.Contains(body, []byte(`"allowed":true`)) {
			b.Errorf("%v: %s", err, body)
		}
		return took
	}
}

func report(b *testing.B, took []time.Duration, elapsed time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/elapsed.Seconds(), "req/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkWarm: a review of an image that is known, 16 at once, each after the other.
func BenchmarkWarm(b *testing.B) {
	r := newReal(b, "")
	post, review := serve(b, r.admitter(b, nil)), deploymentReview(b, r.image)
	post(review)
	before := r.requests.Load()
	var mu sync.Mutex
	var all []time.Duration
	var left atomic.Int64
	left.Store(int64(b.N))
	begin := time.Now()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			var took []time.Duration
			for left.Add(-1) >= 0 {
				took = append(took, post(review))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	report(b, all, time.Since(begin))
	b.ReportMetric(float64(len(review)), "review-bytes")
	b.ReportMetric(float64(r.requests.Load()-before)/float64(b.N), "registry-req/op")
}

// BenchmarkCold: a review of an image that is new each time, one after the other.
func BenchmarkCold(b *testing.B) {
	r := newReal(b, "")
	post := serve(b, r.admitter(b, nil))
	var reviews [][]byte
	for range b.N {
		reviews = append(reviews, deploymentReview(b, r.another(b)))
	}
	before := r.requests.Load()
	var took []time.Duration
	begin := time.Now()
	b.ResetTimer()
	for _, review := range reviews {
		took = append(took, post(review))
	}
	report(b, took, time.Since(begin))
	b.ReportMetric(float64(r.requests.Load()-before)/float64(b.N), "registry-req/op")
}

// another pushes one more image that is attested.
func (r *real) another(tb testing.TB) string {
	tb.Helper()
	img, err := random.Image(10, 1)
	if err != nil {
		tb.Fatal(err)
	}
	repo, err := name.NewRepository(r.host + "/team/app")
	if err != nil {
		tb.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		tb.Fatal(err)
	}
	if err := remote.Write(repo.Digest(digest.String()), img); err != nil {
		tb.Fatal(err)
	}
	image, d := repo.Name()+"@"+digest.String(), attest.Digest(digest.String())
	r.attest(tb, image, noon, attest.ResultPassed)
	e, err := attest.ParseEnvelope(r.attested[d][0].Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	bundle, err := attest.KeyBundle(e, r.public)
	if err != nil {
		tb.Fatal(err)
	}
	if err := store.NewRegistry(repo, registry.New(registry.Options{})).Put(tb.Context(), d, bundle, noon, nil); err != nil {
		tb.Fatal(err)
	}
	return image
}
