package admission_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	own "github.com/gatehouse-sec/gatehouse/internal/registry"
)

// images is a registry on this machine, and who attests the images in it.
type images struct {
	host   string
	key    *sign.Key
	public attest.PublicKey
	other  *sign.Key // nobody trusts it
	client *own.Client

	mu       sync.Mutex
	requests []string
	answer   func(w http.ResponseWriter, r *http.Request) bool // if it says true, that was the answer
}

func startImages(t *testing.T) *images {
	t.Helper()
	w := &images{client: own.New(own.Options{})}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests = append(w.requests, r.Method+" "+r.URL.Path)
		answer := w.answer
		w.mu.Unlock()
		if answer == nil || !answer(rw, r) {
			handler.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	w.host = strings.TrimPrefix(server.URL, "http://")
	key := func() (*sign.Key, attest.PublicKey) {
		text, public, err := sign.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		k, err := sign.ParseKey(text, func() ([]byte, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		return k, public
	}
	w.key, w.public = key()
	w.other, _ = key()
	return w
}

// asked are the requests since the last call.
func (w *images) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.requests
	w.requests = nil
	return out
}

func (w *images) answers(f func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// push makes an image, and returns its reference with the digest.
func (w *images) push(t *testing.T, repository string) string {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(w.host + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return ref.Context().Name() + "@" + digest.String()
}

// summary is what a test says about an image.
type summary struct {
	predicateType string    // empty means a summary
	result        string    // empty means PASSED
	at            time.Time // zero means now
	about         string    // another image, if it is set
	by            *sign.Key
}

// attest attaches a summary to the image, and returns the image.
func (w *images) attest(t *testing.T, image string, s summary) string {
	t.Helper()
	repository, digest, _ := strings.Cut(image, "@")
	subject, at, result, key := digest, s.at, s.result, s.by
	if s.about != "" {
		_, subject, _ = strings.Cut(s.about, "@")
	}
	if at.IsZero() {
		at = time.Now()
	}
	if result == "" {
		result = attest.ResultPassed
	}
	if key == nil {
		key = w.key
	}
	levels := []string{attest.LevelPassed}
	if result != attest.ResultPassed {
		levels = []string{"FAILED"}
	}
	predicate, predicateType := any(attest.VSA{
		Verifier: attest.VSAVerifier{ID: "https://ci.example/gate"}, TimeVerified: at, Policy: attest.ResourceDescriptor{URI: "urn:policy"},
		ResourceURI: "pkg:oci/" + repository[strings.LastIndexByte(repository, '/')+1:] + "?repository_url=" + repository, VerificationResult: result, VerifiedLevels: levels,
	}), attest.PredicateVSA
	if s.predicateType != "" {
		predicate, predicateType = map[string]any{"bomFormat": "CycloneDX"}, s.predicateType
	}
	statement, err := attest.NewStatement([]attest.ResourceDescriptor{{Digest: map[string]string{"sha256": attest.Digest(subject).Hex()}}}, predicateType, predicate)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := key.Sign(statement)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := attest.KeyBundle(envelope, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	repo, err := name.NewRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	if s.about != "" {
		// What Put refuses, somebody else may do.
		w.attach(t, repo, attest.Digest(digest), bundle)
		return image
	}
	if err := store.NewRegistry(repo, w.client).Put(t.Context(), attest.Digest(digest), bundle, at, nil); err != nil {
		t.Fatal(err)
	}
	return image
}

// attach attaches a bundle to an image that it is not about.
func (w *images) attach(t *testing.T, repo name.Repository, subject attest.Digest, bundle []byte) {
	t.Helper()
	head, err := remote.Head(repo.Digest(string(subject)))
	if err != nil {
		t.Fatal(err)
	}
	layer := staticLayer{bundle}
	if err := remote.WriteLayer(repo, layer); err != nil {
		t.Fatal(err)
	}
	empty := staticLayer{[]byte("{}")}
	if err := remote.WriteLayer(repo, empty); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": attest.BundleMediaType,
		"config": empty.descriptor("application/vnd.oci.empty.v1+json"), "layers": []any{layer.descriptor(attest.BundleMediaType)},
		"subject": map[string]any{"mediaType": head.MediaType, "digest": head.Digest.String(), "size": head.Size},
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := staticLayer{text}.descriptor("")["digest"].(string)
	if err := remote.Put(repo.Digest(digest), rawManifest(text)); err != nil {
		t.Fatal(err)
	}
}

// hook is a webhook that runs.
type hook struct {
	addr string
	// end asks it to end, as a node does, and waits; stop kills it.
	end, stop func()
}

// startHook starts the program; it ends with the test, or when it is stopped.
func startHook(t *testing.T, program, dir, listen string) hook {
	t.Helper()
	cmd := exec.Command(program, "--config", filepath.Join(dir, "gate.yaml"), "--tls-cert", filepath.Join(dir, "tls.crt"), "--tls-key", filepath.Join(dir, "tls.key"),
		"--listen", listen, "--reload-every", "50ms", "--drain", "0s")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	addr := ""
	for lines.Scan() {
		var line struct{ Msg, Listen string }
		if err := json.Unmarshal(lines.Bytes(), &line); err == nil && line.Msg == "ready" {
			addr = line.Listen
			break
		}
	}
	if addr == "" {
		t.Fatal("the webhook does not start")
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(ended)
	}()
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	t.Cleanup(stop)
	end := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}
	return hook{addr, end, stop}
}

// authority makes certificates for 127.0.0.1.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority(t *testing.T, commonName string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: commonName}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue writes a new certificate and its key, as a secret that changes would: the key
// first.
func (a *authority) issue(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "webhook"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
	writeFile(t, filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// balancer sends each connection to a replica that answers, as a service does.
type balancer struct {
	addr string
	mu   sync.Mutex
	to   []string
}

func startBalancer(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b := &balancer{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go b.connect(conn)
		}
	}()
	return b
}

func (b *balancer) set(to ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = to
}

func (b *balancer) connect(in net.Conn) {
	defer in.Close()
	b.mu.Lock()
	to := b.to
	if len(to) > 1 {
		b.to = append(to[1:len(to):len(to)], to[0])
	}
	b.mu.Unlock()
	for _, addr := range to {
		out, err := net.Dial("tcp", addr)
		if err != nil {
			continue
		}
		defer out.Close()
		go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		_, _ = io.Copy(in, out)
		return
	}
}

// install applies the webhook configurations that the chart makes, with the address and
// authority of this test.
func (c *cluster) install(t *testing.T, addr string, bundle []byte, change func(kind string, webhook object)) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/manifests/gatehouse.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var o object
		if err := yaml.Unmarshal(doc, &o); err != nil {
			t.Fatal(err)
		}
		kind, _ := o["kind"].(string)
		if !strings.HasSuffix(kind, "WebhookConfiguration") {
			continue
		}
		found++
		for _, w := range o["webhooks"].([]any) {
			webhook := w.(object)
			path := webhook["clientConfig"].(object)["service"].(object)["path"].(string)
			webhook["clientConfig"] = object{"url": "https://" + addr + path, "caBundle": base64.StdEncoding.EncodeToString(bundle)}
			if change != nil {
				change(kind, webhook)
			}
		}
		at := "/apis/admissionregistration.k8s.io/v1/" + strings.ToLower(kind) + "s"
		if code, text := c.do(t, http.MethodGet, at+"/gatehouse", nil); code == http.StatusOK {
			o["metadata"].(object)["resourceVersion"] = unmarshal(t, text)["metadata"].(object)["resourceVersion"]
			c.must(t, http.MethodPut, at+"/gatehouse", o)
		} else {
			c.must(t, http.MethodPost, at, o)
		}
	}
	if found != 2 {
		t.Fatalf("the manifests have %d webhook configurations", found)
	}
}

// apply creates the objects of a manifest in YAML.
func (c *cluster) apply(t *testing.T, text []byte) {
	t.Helper()
	at := map[string]string{
		"CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
		"ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings", "ApprovedDigests": "/apis/gatehouse-sec.github.io/v1alpha1/approveddigests",
	}
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var o object
		if err := yaml.Unmarshal(doc, &o); err != nil {
			t.Fatal(err)
		}
		kind, _ := o["kind"].(string)
		if at[kind] == "" {
			t.Fatalf("there is no place for %q", kind)
		}
		// A new kind takes a moment.
		until(t, kind+" is created", func() bool {
			code, text := c.do(t, http.MethodPost, at[kind], o)
			if code/100 != 2 && code != http.StatusNotFound {
				t.Fatalf("%s: %d: %s", kind, code, text)
			}
			return code/100 == 2
		})
	}
}

func buildProgram(t *testing.T, path string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(path))
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", out, path)
	cmd.Dir = "../.."
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, text))
	}
	return out
}
