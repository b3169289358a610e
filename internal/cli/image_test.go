package cli

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gatehouse-sec/gatehouse"
)

// imageOf makes an image whose layers have the files, by path.
func imageOf(t *testing.T, config v1.Config, layers ...map[string]string) v1.Image {
	t.Helper()
	var add []mutate.Addendum
	for i, files := range layers {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for name, content := range files {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, content); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
		if err != nil {
			t.Fatal(err)
		}
		add = append(add, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: fmt.Sprintf("COPY step %d", i+1)}})
	}
	img, err := mutate.Append(empty.Image, add...)
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.Config(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// goodConfig breaks no rule.
func goodConfig() v1.Config {
	return v1.Config{User: "10001", Labels: map[string]string{
		"org.opencontainers.image.base.name":   "registry.example/base:1",
		"org.opencontainers.image.base.digest": "sha256:" + strings.Repeat("a", 64),
	}}
}

func platformsOf(images map[string]v1.Image) v1.ImageIndex {
	var index v1.ImageIndex = empty.Index
	for _, arch := range []string{"amd64", "arm64"} {
		if img := images[arch]; img != nil {
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
		}
	}
	return index
}

// runIn runs the command in an empty directory with a configuration of its own.
func runIn(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := Run(t.Context(), args, []string{"GATEHOUSE_PASSWORD="}, strings.NewReader(""), &out, &out)
	return code, out.String()
}

// TestImageIsAttested checks an image for two platforms, attests it, and verifies
// its index and each platform; then it gets worse, and the summary is gone.
func TestImageIsAttested(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers API %v", api), func(t *testing.T) {
			t.Chdir(t.TempDir())
			server := httptest.NewServer(registry.New(registry.WithReferrersSupport(api), registry.Logger(log.New(io.Discard, "", 0))))
			defer server.Close()
			ref := strings.TrimPrefix(server.URL, "http://") + "/team/app:1"
			tag, err := name.ParseReference(ref)
			if err != nil {
				t.Fatal(err)
			}
			amd := imageOf(t, goodConfig(), map[string]string{"app/a.txt": "amd"})
			index := platformsOf(map[string]v1.Image{"amd64": amd, "arm64": imageOf(t, goodConfig(), map[string]string{"app/a.txt": "arm"})})
			if err := remote.WriteIndex(tag, index); err != nil {
				t.Fatal(err)
			}
			if code, out := runIn(t, "key", "generate", "--output-prefix", "k"); code != exitPass {
				t.Fatal(out)
			}
			check := []string{"check", ref, "--attest", "--key", "k.key", "--time", "2026-11-02T12:00:00Z", "--no-cache", "-o", "json=report.json", "-o", "text"}
			for range 2 { // the second takes the place of the first
				code, out := runIn(t, check...)
				if code != exitPass || !strings.Contains(out, "attached to sha256:") {
					t.Fatalf("check: exit %d\n%s", code, out)
				}
				check[6] = "2026-11-02T13:00:00Z"
			}
			var document struct{ Report gatehouse.Report }
			data, err := os.ReadFile("report.json")
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &document); err != nil {
				t.Fatal(err)
			}
			report := document.Report
			want, err := index.Digest()
			if err != nil {
				t.Fatal(err)
			}
			info := report.Target.Image
			if report.Target.Digest != want.String() || info == nil || len(info.Platforms) != 2 || info.Platforms[1].Platform != "linux/arm64" || len(info.Attached) == 0 {
				t.Fatalf("the target: %+v", report.Target)
			}
			if n := len(info.Attached); n != 3 { // of the first run
				t.Errorf("%d documents are attached: %+v", n, info.Attached)
			}
			repo := tag.Context().Name()
			verify := func(image string) (int, string) {
				return runIn(t, "verify", image, "--key", "k.pub", "--time", "2026-11-03T12:00:00Z")
			}
			for _, image := range []string{ref, repo + "@" + info.Platforms[0].Digest, repo + "@" + info.Platforms[1].Digest} {
				if code, out := verify(image); code != exitPass || strings.Contains(out, "refused") {
					t.Errorf("verify %s: exit %d\n%s", image, code, out)
				}
			}
			// One platform alone is attested as itself, not as the index.
			if code, out := runIn(t, append(check, "--platform", "linux/arm64")...); code != exitPass || strings.Contains(out, "attached to "+want.String()) {
				t.Errorf("one platform: exit %d\n%s", code, out)
			}
			// A verdict that is no pass takes the summary away.
			if err := os.MkdirAll("deny", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile("deny/deny.rego", []byte("package gatehouse.deny\n\ndeny contains \"no\" if input.target.image\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if code, out := runIn(t, append(check, "--policy", "deny")...); code != exitFail {
				t.Fatalf("deny: exit %d\n%s", code, out)
			}
			if code, out := verify(ref); code != exitFail || !strings.Contains(out, "there is no attestation") {
				t.Errorf("after deny: exit %d\n%s", code, out)
			}
		})
	}
}

// TestImagePlatforms: a secret in one platform is found and said to be there alone,
// one that a later layer deletes is said to be in the image still, and one that a
// variable of the configuration has is found.
func TestImagePlatforms(t *testing.T) {
	t.Chdir(t.TempDir())
	config := goodConfig()
	config.Env = []string{"TOKEN=" + token()}
	other := "gh" + "p_" + strings.Repeat("c3D4", 9)
	index := platformsOf(map[string]v1.Image{
		"amd64": imageOf(t, goodConfig(), map[string]string{"app/conf": "token = " + other}, map[string]string{"app/.wh.conf": ""}),
		"arm64": imageOf(t, config, map[string]string{"app/ok": "x"}),
	})
	p, err := layout.Write("image", empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(index); err != nil {
		t.Fatal(err)
	}
	code, out := runIn(t, "check", "oci:image", "--no-cache", "-o", "text", "-o", "json=report.json", "-o", "sarif=report.sarif")
	if code != exitFail || strings.Contains(out, token()) || strings.Contains(out, other) {
		t.Fatalf("exit %d\n%s", code, out)
	}
	for _, want := range []string{"a later layer deletes or replaces the file, but it is still in the image (linux/amd64)", "in layer 1 (COPY step 1)", "in the configuration of the image (linux/arm64)"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%q is not said\n%s", want, out)
		}
	}
	data, err := os.ReadFile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Report gatehouse.Report }
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]gatehouse.Finding{}
	for _, f := range document.Report.Findings {
		if f.Kind == gatehouse.KindSecret {
			found[f.Location.Path] = f
		}
	}
	if f := found["app/conf"]; f.Layer == nil || !f.Layer.Hidden || f.Layer.Index != 1 || f.Layer.Instruction != "COPY step 1" || fmt.Sprint(f.Platforms) != "[linux/amd64]" {
		t.Errorf("the secret in the layer: %+v", f)
	}
	if f := found["//config.json"]; fmt.Sprint(f.Platforms) != "[linux/arm64]" {
		t.Errorf("the secret in the configuration: %+v of %d", f, len(found))
	}
	if bytes.Contains(readAll(t, "report.sarif"), []byte(`"uri": "//`)) {
		t.Error("SARIF has a place that is the name of a host")
	}
}

func readAll(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
