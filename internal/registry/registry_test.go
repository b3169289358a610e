package registry_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	own "github.com/gatehouse-sec/gatehouse/internal/registry"
)

func TestReference(t *testing.T) {
	c := own.New(own.Options{})
	for text, want := range map[string]string{
		"registry.example/app:1":         "",
		"registry.example/app":           "want registry/repository:tag",
		"app:1":                          "want registry/repository:tag",
		"registry.example/app@sha256:12": "want registry/repository:tag",
		"":                               "want registry/repository:tag",
	} {
		_, err := c.Reference(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestWorkload(t *testing.T) {
	c := own.New(own.Options{})
	digest := "sha256:" + strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"nginx":                               "index.docker.io/library/nginx:latest",
		"nginx:1.27":                          "index.docker.io/library/nginx:1.27",
		"docker.io/nginx":                     "index.docker.io/library/nginx:latest",
		"team/app":                            "index.docker.io/team/app:latest",
		"registry.example:5000/team/app":      "registry.example:5000/team/app:latest",
		"registry.example/team/app@" + digest: "registry.example/team/app@" + digest,
		"registry.example/app:1.2@" + digest:  "registry.example/app@" + digest,
		"registry.example:443/app@" + digest:  "registry.example:443/app@" + digest,
	} {
		got, err := c.Workload(text)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
		if hasTag := strings.Contains(text, "1.2@"); hasTag != (got.Tag == "1.2") {
			t.Errorf("%s: the tag is %q", text, got.Tag)
		}
	}
	for _, text := range []string{"", "UPPER/app", "app:bad tag", "app@sha256:12", "app@md5:00", "a b", "http://x/y"} {
		if got, err := c.Workload(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestRequestsAreCounted(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	c := own.New(own.Options{})
	ref, err := c.Reference(strings.TrimPrefix(server.URL, "http://") + "/app:1")
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, c.Remote(t.Context())...); err != nil {
		t.Fatal(err)
	}
	before := c.Requests()
	if _, err := remote.Head(ref, c.Remote(t.Context())...); err != nil {
		t.Fatal(err)
	}
	if n := c.Requests() - before; n != 2 { // /v2/ and the manifest
		t.Errorf("%d requests", n)
	}
}

// transport answers everything with 404.
type transport struct{ asked []string }

func (s *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.String())
	return nil, errors.New("no network")
}

// TestPlainHTTP: a registry in a private network is not asked without TLS, which the
// library would do.
func TestPlainHTTP(t *testing.T) {
	for _, plain := range []bool{false, true} {
		recorder := &transport{}
		c := own.New(own.Options{Transport: recorder, PlainHTTP: plain})
		ref, err := c.Reference("10.0.0.1:5000/app:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := remote.Head(ref, c.Remote(t.Context())...); err == nil {
			t.Fatal("no error")
		}
		got := strings.Contains(strings.Join(recorder.asked, " "), "http://")
		if got != plain {
			t.Errorf("plain HTTP %v: asked %v", plain, recorder.asked)
		}
	}
}
