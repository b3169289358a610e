package admission_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// version is that of the programs of the control plane; controlplane/go.mod has it too.
const version = "v1.37.2"

// cluster is an API server that runs, and nothing else: pods are only stored.
type cluster struct {
	url    string
	client *http.Client
}

const token = "for-this-test-alone"

// startCluster starts etcd and an API server; both end with the test.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	programs := os.Getenv("GATEHOUSE_CONTROLPLANE")
	if programs == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		programs = filepath.Join(cache, "gatehouse-controlplane", version)
	}
	for _, name := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(programs, name)); err != nil {
			t.Fatalf("%v: build the control plane with make e2e-admission", err)
		}
	}
	dir := t.TempDir()
	clients, peers, secure := freePort(t), freePort(t), freePort(t)
	etcd := "http://127.0.0.1:" + clients
	start(t, filepath.Join(dir, "etcd.log"), filepath.Join(programs, "etcd"), "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:"+peers)

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, tokens := filepath.Join(dir, "sa.key"), filepath.Join(dir, "tokens")
	writeFile(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	writeFile(t, tokens, []byte(token+",admin,admin,system:masters\n"))
	start(t, filepath.Join(dir, "apiserver.log"), filepath.Join(programs, "kube-apiserver"), "--etcd-servers", etcd, "--cert-dir", filepath.Join(dir, "certs"),
		"--bind-address", "127.0.0.1", "--secure-port", secure, "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", keyFile,
		"--service-account-signing-key-file", keyFile, "--token-auth-file", tokens, "--authorization-mode", "RBAC", "--disable-admission-plugins", "ServiceAccount",
		"--service-cluster-ip-range", "10.0.0.0/24")
	c := &cluster{url: "https://127.0.0.1:" + secure, client: &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // it makes its own certificate
	}}}
	end := time.Now().Add(3 * time.Minute)
	for {
		if code, _, err := c.try(t.Context(), http.MethodGet, "/readyz", "", nil); err == nil && code == http.StatusOK {
			return c
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(dir, "apiserver.log"))
			t.Fatalf("the API server does not get ready:\n%s", log[max(0, len(log)-4000):])
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// start runs a program until the test ends. Cleanups run backwards, so that an API
// server ends before its etcd.
func start(t *testing.T, log, program string, args ...string) *exec.Cmd {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = out.Close()
	})
	return cmd
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) try(ctx context.Context, method, path, contentType string, body []byte) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), errors.Join(err, answer.Body.Close())
}

// do makes a request, and returns the status and the object or the message of the API
// server.
func (c *cluster) do(t *testing.T, method, path string, object any) (int, string) {
	t.Helper()
	body, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	contentType := "application/json"
	if method == http.MethodPatch {
		contentType = "application/strategic-merge-patch+json"
	}
	code, text, err := c.try(t.Context(), method, path, contentType, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	var status struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(text), &status); err == nil && status.Kind == "Status" && status.Message != "" {
		text = status.Message
	}
	return code, text
}

// must makes a request that has to succeed.
func (c *cluster) must(t *testing.T, method, path string, object any) string {
	t.Helper()
	code, text := c.do(t, method, path, object)
	if code/100 != 2 {
		t.Fatalf("%s %s: %d: %s", method, path, code, text)
	}
	return text
}

// denied makes a request that the webhook has to deny with a message.
func (c *cluster) denied(t *testing.T, method, path string, object any, want string) {
	t.Helper()
	code, text := c.do(t, method, path, object)
	if code != http.StatusForbidden || !strings.Contains(text, want) || !strings.Contains(text, "gatehouse: ") {
		t.Errorf("%s %s: %d: %s; want 403 with %q", method, path, code, text, want)
	}
}

// object is an object of Kubernetes.
type object = map[string]any

func meta(name string) object { return object{"name": name} }

func podSpec(image string) object {
	return object{"containers": []any{object{"name": "a", "image": image}}}
}

func pod(name, image string) object {
	return object{"apiVersion": "v1", "kind": "Pod", "metadata": meta(name), "spec": podSpec(image)}
}

const pods = "/api/v1/namespaces/shop/pods"

// kinds are all objects that make pods, with an image.
func kinds(image string) map[string]object {
	labels := object{"app": "x"}
	template := object{"metadata": object{"labels": labels}, "spec": podSpec(image)}
	job := object{"metadata": object{"labels": labels}, "spec": func() object { s := podSpec(image); s["restartPolicy"] = "Never"; return s }()}
	selector := object{"matchLabels": labels}
	of := func(version, kind string, spec object) object {
		return object{"apiVersion": version, "kind": kind, "metadata": object{"generateName": "x-"}, "spec": spec}
	}
	return map[string]object{
		pods:                                   {"apiVersion": "v1", "kind": "Pod", "metadata": object{"generateName": "x-"}, "spec": podSpec(image)},
		"/api/v1/namespaces/shop/podtemplates": {"apiVersion": "v1", "kind": "PodTemplate", "metadata": object{"generateName": "x-"}, "template": template},
		"/api/v1/namespaces/shop/replicationcontrollers": of("v1", "ReplicationController", object{"selector": labels, "template": template}),
		"/apis/apps/v1/namespaces/shop/deployments":      of("apps/v1", "Deployment", object{"selector": selector, "template": template}),
		"/apis/apps/v1/namespaces/shop/statefulsets":     of("apps/v1", "StatefulSet", object{"selector": selector, "template": template, "serviceName": "x"}),
		"/apis/apps/v1/namespaces/shop/daemonsets":       of("apps/v1", "DaemonSet", object{"selector": selector, "template": template}),
		"/apis/apps/v1/namespaces/shop/replicasets":      of("apps/v1", "ReplicaSet", object{"selector": selector, "template": template}),
		"/apis/batch/v1/namespaces/shop/jobs":            of("batch/v1", "Job", object{"template": job}),
		"/apis/batch/v1/namespaces/shop/cronjobs":        of("batch/v1", "CronJob", object{"schedule": "0 0 * * *", "jobTemplate": object{"spec": object{"template": job}}}),
	}
}

// until waits for what happens beside the test.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func unmarshal(t *testing.T, text string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, text))
	}
	return o
}
