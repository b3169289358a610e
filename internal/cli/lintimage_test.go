package cli

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	own "github.com/gatehouse-sec/gatehouse/internal/registry"
)

// TestLintImage lints what is attached to an image, on a registry with the referrers
// API and on one without.
func TestLintImage(t *testing.T) {
	for _, api := range []bool{true, false} {
		server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(api)))
		defer server.Close()
		image := strings.TrimPrefix(server.URL, "http://") + "/team/app:1"
		ref, err := name.ParseReference(image)
		if err != nil {
			t.Fatal(err)
		}
		img, err := random.Image(100, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
		run := func(args ...string) (int, string) {
			var out bytes.Buffer
			code := Run(t.Context(), append([]string{"attest", "lint"}, args...), nil, nil, &out, &out)
			return code, out.String()
		}
		if code, out := run(image); code != exitNothing || !strings.Contains(out, "no attestation is attached") {
			t.Errorf("before: exit %d\n%s", code, out)
		}
		attached, digest, err := store.Open(t.Context(), own.New(own.Options{}), image)
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := sign.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		key, err := sign.ParseKey(text, func() ([]byte, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		put := func(predicateType string, predicate map[string]any) {
			t.Helper()
			s, err := attest.NewStatement([]attest.ResourceDescriptor{{Digest: map[string]string{"sha256": digest.Hex()}}}, predicateType, predicate)
			if err != nil {
				t.Fatal(err)
			}
			e, err := key.Sign(s)
			if err != nil {
				t.Fatal(err)
			}
			bundle, err := attest.KeyBundle(e, key.Public())
			if err != nil {
				t.Fatal(err)
			}
			if err := attached.Put(t.Context(), digest, bundle, time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC), nil); err != nil {
				t.Fatal(err)
			}
		}
		put("https://cyclonedx.org/bom", map[string]any{"bomFormat": "CycloneDX"})
		if code, out := run(image, "--for", "cosign,sigstore-go,gatehouse"); code != exitPass || !strings.Contains(out, "bundle of https://cyclonedx.org/bom") {
			t.Errorf("referrers API %v: exit %d\n%s", api, code, out)
		}
		// This registry gives the type of the configuration in the list that it
		// makes, and the list that is written here has the right one.
		if code, out := run(image); (code == exitFail) != api || strings.Contains(out, "listed-type") != api {
			t.Errorf("the list, referrers API %v: exit %d\n%s", api, code, out)
		}
		put("https://cyclonedx.org/bom/v1.6", map[string]any{"bomFormat": "CycloneDX"})
		if code, out := run(image, "--for", "cosign"); code != exitFail || !strings.Contains(out, "predicate-type-variant") {
			t.Errorf("a variant of the type, referrers API %v: exit %d\n%s", api, code, out)
		}
	}
}
