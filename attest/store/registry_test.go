package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	own "github.com/gatehouse-sec/gatehouse/internal/registry"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// pushed is a registry with one image.
func pushed(t *testing.T, api bool) (*store.Registry, name.Repository, attest.Digest) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(api)))
	t.Cleanup(server.Close)
	repo, err := name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/team/app")
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("1"), img); err != nil {
		t.Fatal(err)
	}
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return store.NewRegistry(repo, own.New(own.Options{})), repo, attest.Digest(h.String())
}

func bundle(t *testing.T, k *sign.Key, about attest.Digest, text string) []byte {
	t.Helper()
	e, err := k.Sign(statement(t, about, text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := attest.KeyBundle(e, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func both(t *testing.T, f func(t *testing.T, api bool)) {
	t.Run("referrers API", func(t *testing.T) { f(t, true) })
	t.Run("fallback tag", func(t *testing.T) { f(t, false) })
}

func TestRegistry(t *testing.T) {
	both(t, func(t *testing.T, api bool) {
		r, repo, subject := pushed(t, api)
		k := key(t)
		if found, err := r.Attestations(t.Context(), subject); err != nil || len(found) != 0 {
			t.Fatalf("at first: %d attestations, %v", len(found), err)
		}
		first := bundle(t, k, subject, "first")
		for range 2 { // doing it again changes nothing
			if err := r.Put(t.Context(), subject, first, noon, nil); err != nil {
				t.Fatal(err)
			}
		}
		found, err := r.Attestations(t.Context(), subject)
		if err != nil || len(found) != 1 || !bytes.Equal(found[0].Bytes, first) {
			t.Fatalf("got %d attestations, %v", len(found), err)
		}
		// As cosign asks for it: see the specification of bundles.
		index, err := remote.Referrers(repo.Digest(string(subject)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := index.IndexManifest()
		if err != nil || len(m.Manifests) != 1 {
			t.Fatalf("%d referrers, %v", len(m.Manifests), err)
		}
		d := m.Manifests[0]
		// The registry of the tests says the type of the configuration, as some do.
		if !api && d.ArtifactType != attest.BundleMediaType || d.Annotations["dev.sigstore.bundle.predicateType"] != "https://x.example/v1" || d.Annotations["dev.sigstore.bundle.content"] != "dsse-envelope" {
			t.Errorf("the descriptor is %+v", d)
		}
		img, err := remote.Image(repo.Digest(d.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if manifest.Config.Digest.Hex[:8] != "44136fa3" || manifest.Config.Size != 2 || manifest.Config.MediaType != "application/vnd.oci.empty.v1+json" ||
			len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != attest.BundleMediaType || manifest.Subject.Digest.String() != string(subject) {
			t.Errorf("the manifest is %+v", manifest)
		}

		// What supersedes takes the place of the older one.
		all := func(attest.Attestation) bool { return true }
		if err := r.Put(t.Context(), subject, bundle(t, k, subject, "second"), noon.Add(time.Hour), all); err != nil {
			t.Fatal(err)
		}
		found, err = r.Attestations(t.Context(), subject)
		if err != nil || len(found) != 1 || bytes.Equal(found[0].Bytes, first) {
			t.Errorf("after the second: %d attestations, %v", len(found), err)
		}
	})
}

// TestFiftyWriters: nobody's attestation is lost when many write at once. Guards
// against TM-23.
func TestFiftyWriters(t *testing.T) {
	both(t, func(t *testing.T, api bool) {
		r, _, subject := pushed(t, api)
		k := key(t)
		var wg sync.WaitGroup
		want := map[string]bool{}
		for i := range 50 {
			b := bundle(t, k, subject, fmt.Sprint(i))
			want[string(b)] = true
			wg.Go(func() {
				if err := r.Put(t.Context(), subject, b, noon, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		found, err := r.Attestations(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range found {
			delete(want, string(a.Bytes))
		}
		if len(found) != 50 || len(want) != 0 {
			t.Errorf("%d attestations, %d are lost", len(found), len(want))
		}
	})
}

func TestRegistryRefuses(t *testing.T) {
	r, _, subject := pushed(t, true)
	k := key(t)
	for name, tc := range map[string]struct {
		subject attest.Digest
		bundle  []byte
		want    string
	}{
		"no bundle":     {subject, []byte("{}"), "media type"},
		"other subject": {subject, bundle(t, k, digest("a"), ""), "is not about"},
		"no such image": {digest("a"), bundle(t, k, digest("a"), ""), "check repository and tag"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.Put(t.Context(), tc.subject, tc.bundle, noon, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestHostileReferrers: what a stranger attached is bounded and checked. Guards
// against TM-22.
func TestHostileReferrers(t *testing.T) {
	r, repo, subject := pushed(t, true)
	h, err := v1.NewHash(string(subject))
	if err != nil {
		t.Fatal(err)
	}
	put := func(manifest string) {
		t.Helper()
		if err := remote.Put(repo.Digest(sha(manifest)), raw(manifest)); err != nil {
			t.Fatal(err)
		}
	}
	start := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"` + attest.BundleMediaType + `","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + h.String() + `","size":1},"layers":[`
	put(start + `]}`)
	if _, err := r.Attestations(t.Context(), subject); err == nil || !strings.Contains(err.Error(), "0 layers") {
		t.Errorf("without a layer: %v", err)
	}
	r, repo, subject = pushed(t, true)
	start = strings.Replace(start, h.String(), string(subject), 1)
	put(start + `{"mediaType":"x","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":99999999999}]}`)
	if _, err := r.Attestations(t.Context(), subject); err == nil || !strings.Contains(err.Error(), "the limit") {
		t.Errorf("a giant: %v", err)
	}
}

// raw is a manifest as its text.
type raw string

func (r raw) RawManifest() ([]byte, error)        { return []byte(r), nil }
func (r raw) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}
