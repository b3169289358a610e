package admission_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const config = `version: 1
policies:
  - name: team
    namespaces: {exclude: [relaxed]}
    images: ["HOST/team/*"]
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
  - name: relaxed
    namespaces: {include: [relaxed]}
    images: ["HOST/**"]
    mode: warn
    digests: ["sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"]
cache: {for: 1h, retry_after: 1s}
`

// TestAdmission goes through what a cluster asks of the webhook, in order: later parts
// rest on what earlier ones did.
func TestAdmission(t *testing.T) {
	whole := t // replicas outlive the part that starts them
	program := buildProgram(t, "./cmd/gatehouse-admission")
	command := buildProgram(t, "./cmd/gatehouse")
	w := startImages(t)
	c := startCluster(t)
	for _, namespace := range []string{"shop", "relaxed", "gatehouse"} {
		c.must(t, http.MethodPost, "/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(namespace)})
	}
	dir := t.TempDir()
	ca := newAuthority(t, "first")
	ca.issue(t, dir)
	writeFile(t, filepath.Join(dir, "gate.yaml"), []byte(strings.ReplaceAll(config, "HOST", w.host)))
	writeFile(t, filepath.Join(dir, "ci.pub"), w.public.PEM())

	good := w.attest(t, w.push(t, "team/app:1"), summary{})
	bad := w.push(t, "team/new:1")

	// What runs before there is a gate.
	before := pod("before", bad)
	before["metadata"].(object)["finalizers"] = []string{"example.com/wait"}
	c.must(t, http.MethodPost, pods, before)

	first := startHook(t, program, dir, "127.0.0.1:0")
	service := startBalancer(t)
	service.set(first.addr)
	c.install(t, service.addr, ca.pem, nil)
	until(t, "the webhook is asked", func() bool {
		code, _ := c.do(t, http.MethodPost, pods+"?dryRun=All", pod("probe", bad))
		return code == http.StatusForbidden
	})

	t.Run("every kind", func(t *testing.T) {
		for path, o := range kinds(good) {
			c.must(t, http.MethodPost, path, o)
		}
		for path, o := range kinds(bad) {
			c.denied(t, http.MethodPost, path, o, "there is no attestation")
		}
	})
	t.Run("messages say what to do", func(t *testing.T) {
		_, text := c.do(t, http.MethodPost, pods, pod("x", bad))
		for _, want := range []string{bad, `policy "team"`, "gatehouse verify " + bad} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in: %s", want, text)
			}
		}
	})
	// kyverno#16275, CVE-2023-2727, policy-controller#1974.
	t.Run("every place of an image", func(t *testing.T) {
		c.must(t, http.MethodPost, pods, pod("places", good))
		for name, change := range map[string]func(spec object){
			"init container": func(s object) { s["initContainers"] = []any{object{"name": "i", "image": bad}} },
			"second container": func(s object) {
				s["containers"] = []any{object{"name": "a", "image": good}, object{"name": "b", "image": bad}}
			},
			"image volume": func(s object) { s["volumes"] = []any{object{"name": "v", "image": object{"reference": bad}}} },
		} {
			t.Run(name, func(t *testing.T) {
				o := pod("other", good)
				change(o["spec"].(object))
				c.denied(t, http.MethodPost, pods, o, bad)
			})
		}
		ephemeral := func(image string) object {
			return object{"spec": object{"ephemeralContainers": []any{object{"name": "debug", "image": image}}}}
		}
		c.denied(t, http.MethodPatch, pods+"/places/ephemeralcontainers", ephemeral(bad), bad)
		c.must(t, http.MethodPatch, pods+"/places/ephemeralcontainers", ephemeral(good))
	})
	t.Run("updates", func(t *testing.T) {
		label := object{"metadata": object{"labels": object{"a": "b"}}}
		image := object{"spec": object{"containers": []any{object{"name": "a", "image": bad}}}}
		c.must(t, http.MethodPatch, pods+"/before", label)
		c.denied(t, http.MethodPatch, pods+"/places", image, bad)
		c.must(t, http.MethodPost, "/apis/apps/v1/namespaces/shop/deployments", func() object {
			o := kinds(good)["/apis/apps/v1/namespaces/shop/deployments"]
			o["metadata"] = meta("web")
			return o
		}())
		web := "/apis/apps/v1/namespaces/shop/deployments/web"
		c.denied(t, http.MethodPatch, web, object{"spec": object{"template": image}}, bad)
		c.must(t, http.MethodPatch, web, object{"spec": object{"replicas": 2}})
		scale := unmarshal(t, c.must(t, http.MethodGet, web+"/scale", nil))
		scale["spec"] = object{"replicas": 3}
		c.must(t, http.MethodPut, web+"/scale", scale)
		c.must(t, http.MethodPatch, pods+"/places/status", object{"status": object{"phase": "Running"}})
	})
	// CVE-2023-34091.
	t.Run("objects that terminate", func(t *testing.T) {
		c.must(t, http.MethodPost, pods, func() object {
			o := pod("ending", good)
			o["metadata"].(object)["finalizers"] = []string{"example.com/wait"}
			return o
		}())
		for _, name := range []string{"ending", "before"} {
			c.must(t, http.MethodDelete, pods+"/"+name, nil)
		}
		c.denied(t, http.MethodPatch, pods+"/ending", object{"spec": object{"containers": []any{object{"name": "a", "image": bad}}}}, bad)
		none := object{"metadata": object{"finalizers": nil}}
		c.must(t, http.MethodPatch, pods+"/ending", none)
		c.must(t, http.MethodPatch, pods+"/before", none)
	})
	// CVE-2022-35930, CVE-2022-35929, CVE-2026-39395; CVE-2025-29778 (who signed).
	t.Run("attestations that do not count", func(t *testing.T) {
		for name, s := range map[string]summary{
			"of another type": {predicateType: "https://cyclonedx.org/bom"}, "of a verdict that is no pass": {result: "FAILED"}, "too old": {at: time.Now().Add(-8 * 24 * time.Hour)},
			"about another image": {about: good}, "by somebody else": {by: w.other},
		} {
			t.Run(name, func(t *testing.T) {
				image := w.attest(t, w.push(t, "team/wrong:1"), s)
				c.denied(t, http.MethodPost, pods, pod("x", image), image)
			})
		}
	})
	// Prefixes of registries and repositories; kyverno#16336: what the object says of itself.
	t.Run("what is not meant", func(t *testing.T) {
		c.denied(t, http.MethodPost, pods, pod("x", strings.Replace(good, "/team/", "/team-evil/", 1)), "no policy is about it")
		c.denied(t, http.MethodPost, pods, pod("x", strings.Replace(good, "/team/", "/team/below/", 1)), "no policy is about it")
		c.denied(t, http.MethodPost, pods, pod("x", "nginx"), "no policy is about it")
		w.asked()
		o := pod("x", bad)
		o["metadata"].(object)["annotations"] = object{"kyverno.io/verify-images": `{"` + bad + `":"pass"}`, "gatehouse-sec.github.io/verified": "true"}
		o["metadata"].(object)["labels"] = object{"gatehouse-sec.github.io/ignore": "true"}
		c.denied(t, http.MethodPost, pods, o, bad)
	})
	// CVE-2022-47633, CVE-2023-47630: another manifest when it is fetched again.
	t.Run("tags", func(t *testing.T) {
		created := unmarshal(t, c.must(t, http.MethodPost, pods, pod("by-tag", w.host+"/team/app:1")))
		image := created["spec"].(object)["containers"].([]any)[0].(object)["image"]
		if want := strings.Replace(good, "@", ":1@", 1); image != want {
			t.Errorf("the pod has %v, want %s", image, want)
		}
		// The tag moves to what is not attested, also between two questions of
		// one admission.
		ref, err := name.ParseReference(w.host + "/team/app:1")
		if err != nil {
			t.Fatal(err)
		}
		moved, err := name.ParseReference(bad)
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(moved)
		if err != nil {
			t.Fatal(err)
		}
		var flips atomic.Int64
		w.answers(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/manifests/1") && r.Method != http.MethodPut && flips.Add(1) == 1 {
				go func() { _ = remote.Write(ref, img) }()
			}
			return false
		})
		defer w.answers(nil)
		code, text := c.do(t, http.MethodPost, pods, pod("flip", w.host+"/team/app:1"))
		if code == http.StatusCreated {
			got := unmarshal(t, text)["spec"].(object)["containers"].([]any)[0].(object)["image"].(string)
			if got != strings.Replace(good, "@", ":1@", 1) {
				t.Errorf("what runs is not what was verified: %s", got)
			}
		}
		until(t, "the tag has moved", func() bool {
			head, err := remote.Head(ref)
			return err == nil && strings.HasSuffix(bad, head.Digest.String())
		})
		until(t, "the moved tag is denied", func() bool {
			code, _ := c.do(t, http.MethodPost, pods, pod("flip2", w.host+"/team/app:1"))
			return code == http.StatusForbidden
		})
	})
	t.Run("warnings", func(t *testing.T) {
		c.must(t, http.MethodPost, "/api/v1/namespaces/relaxed/pods", pod("x", bad))
	})
	t.Run("names that are made later, and dry runs", func(t *testing.T) {
		o := pod("", good)
		o["metadata"] = object{"generateName": "made-"}
		c.must(t, http.MethodPost, pods+"?dryRun=All", o)
	})
	t.Run("requests to the registry", func(t *testing.T) {
		image := w.attest(t, w.push(t, "team/counted:1"), summary{})
		w.asked()
		c.must(t, http.MethodPost, pods, pod("cold", image))
		cold := w.asked()
		c.must(t, http.MethodPost, pods, pod("warm", image))
		warm := w.asked()
		t.Logf("cold %q", cold)
		if len(cold) > 4 || len(warm) != 0 {
			t.Errorf("cold %d, warm %d: %q", len(cold), len(warm), warm)
		}
	})
	// CVE-2023-46737, CVE-2024-29902, CVE-2023-33957: endless attachments, and registries that
	// do not answer.
	t.Run("a registry that is not well", func(t *testing.T) {
		for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
			"hangs": func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
			"429": func(rw http.ResponseWriter, _ *http.Request) bool {
				rw.WriteHeader(http.StatusTooManyRequests)
				return true
			},
			"broken JSON": func(rw http.ResponseWriter, r *http.Request) bool {
				_, _ = fmt.Fprint(rw, "{")
				return r.URL.Path != "/v2/"
			},
			"too many referrers": func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/referrers/") {
					return false
				}
				rw.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
				one := `{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:` + strings.Repeat("a", 64) + `","artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`
				_, _ = fmt.Fprint(rw, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[`+strings.TrimSuffix(strings.Repeat(one+",", 1000), ",")+`]}`)
				return true
			},
		} {
			t.Run(name, func(t *testing.T) {
				image := w.attest(t, w.push(t, "team/ill:1"), summary{})
				w.answers(answer)
				begin := time.Now()
				c.denied(t, http.MethodPost, pods, pod("x", image), image[strings.IndexByte(image, '/'):])
				if took := time.Since(begin); took > 12*time.Second {
					t.Errorf("it took %s", took)
				}
				w.answers(nil)
				until(t, "it is well again", func() bool {
					code, _ := c.do(t, http.MethodPost, pods+"?dryRun=All", pod("x", image))
					return code == http.StatusCreated
				})
			})
		}
	})
	t.Run("a certificate that changes under load, and a replica that ends", func(t *testing.T) {
		second := startHook(whole, program, dir, "127.0.0.1:0")
		service.set(first.addr, second.addr)
		next := newAuthority(t, "second")
		c.install(t, service.addr, append(append([]byte{}, ca.pem...), next.pem...), nil) // both count, before either is used
		var wg sync.WaitGroup
		var lost, done atomic.Int64
		end := make(chan struct{})
		for i := range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-end:
						return
					default:
					}
					if code, text := c.do(t, http.MethodPost, pods+"?dryRun=All", pod(fmt.Sprintf("load-%d-%d", i, n), good)); code != http.StatusCreated {
						lost.Add(1)
						t.Errorf("%d: %s", code, text)
					}
					done.Add(1)
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		next.issue(t, dir)
		time.Sleep(time.Second)
		service.set(second.addr) // as when a replica is not ready any more
		first.end()
		time.Sleep(500 * time.Millisecond)
		close(end)
		wg.Wait()
		t.Logf("%d requests, %d lost", done.Load(), lost.Load())
		if done.Load() < 20 {
			t.Errorf("only %d requests were made", done.Load())
		}
		ca = next
		first = second
	})
	t.Run("a configuration that changes", func(t *testing.T) {
		text := strings.ReplaceAll(config, "HOST", w.host)
		defer writeFile(t, filepath.Join(dir, "gate.yaml"), []byte(text))
		writeFile(t, filepath.Join(dir, "gate.yaml"), []byte("version: 1\npolicies: []\n"))
		time.Sleep(300 * time.Millisecond)
		c.must(t, http.MethodPost, pods+"?dryRun=All", pod("x", good))
		c.denied(t, http.MethodPost, pods, pod("x", bad), bad)
	})

	t.Run("the webhook is down", func(t *testing.T) {
		service.set()
		first.stop()
		down := func(path string) (int, string) {
			return c.do(t, http.MethodPost, path+"?dryRun=All", pod("down", good))
		}
		if code, text := down(pods); code != http.StatusInternalServerError || !strings.Contains(text, "failed calling webhook") {
			t.Errorf("%d: %s", code, text)
		}
		// What the cluster starts with does not ask.
		for _, namespace := range []string{"kube-system", "gatehouse"} {
			if code, text := down("/api/v1/namespaces/" + namespace + "/pods"); code != http.StatusCreated {
				t.Errorf("%s: %d: %s", namespace, code, text)
			}
		}
		c.must(t, http.MethodPost, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases", object{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta("x")})
		c.must(t, http.MethodPost, "/api/v1/nodes", object{"apiVersion": "v1", "kind": "Node", "metadata": meta("node")})
		c.must(t, http.MethodPatch, pods+"/places/status", object{"status": object{"phase": "Succeeded"}})
		c.must(t, http.MethodDelete, pods+"/by-tag?gracePeriodSeconds=0", nil)

		// Known digests only: neither open nor at a stand.
		manifest := filepath.Join(dir, "running.yaml")
		writeFile(t, manifest, []byte(c.must(t, http.MethodGet, pods, nil)))
		cmd := exec.Command(command, "admission", "fallback", "-f", manifest, "--config", filepath.Join(dir, "gate.yaml"))
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		c.apply(t, text)
		c.install(t, service.addr, ca.pem, func(_ string, webhook object) { webhook["failurePolicy"] = "Ignore" })
		until(t, "unknown digests are denied", func() bool {
			code, text := c.do(t, http.MethodPost, pods+"?dryRun=All", pod("x", bad))
			return code != http.StatusCreated && strings.Contains(text, "only approved digests get in") && strings.Contains(text, bad)
		})
		until(t, "known digests get in", func() bool {
			code, _ := down(pods)
			return code == http.StatusCreated
		})
		for name, spec := range map[string]object{
			"tag":          podSpec(w.host + "/team/app:1"),
			"image volume": {"containers": podSpec(good)["containers"], "volumes": []any{object{"name": "v", "image": object{"reference": bad}}}},
			"init":         {"containers": podSpec(good)["containers"], "initContainers": []any{object{"name": "i", "image": bad}}},
		} {
			o := pod("x", good)
			o["spec"] = spec
			if code, text := c.do(t, http.MethodPost, pods+"?dryRun=All", o); !strings.Contains(text, "only approved digests get in") {
				t.Errorf("%s: %d: %s", name, code, text)
			}
		}
		if code, text := c.do(t, http.MethodPatch, pods+"/warm/ephemeralcontainers", object{"spec": object{"ephemeralContainers": []any{object{"name": "debug", "image": bad}}}}); code/100 == 2 {
			t.Errorf("an ephemeral container gets past the fallback: %s", text)
		}
		c.must(t, http.MethodPatch, pods+"/warm", object{"metadata": object{"labels": object{"c": "d"}}})
	})
}
