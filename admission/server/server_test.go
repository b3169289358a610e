package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission/server"
)

const config = `version: 1
policies:
  - name: all
    images: ["registry.example/**"]
    digests: ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
`

// lines is a log that tests read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// writePair writes a certificate for localhost that begins now and its key.
func writePair(t *testing.T, dir, name string, ends time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: ends.Add(-48 * time.Hour), NotAfter: ends,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	write(t, dir, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func options(dir string) server.Options {
	return server.Options{
		Config: filepath.Join(dir, "gate.yaml"), Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"),
		Listen: "127.0.0.1:0", MetricsListen: "127.0.0.1:0", Every: 5 * time.Millisecond,
	}
}

// until waits for something that happens beside the test.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("in vain: %s", what)
}

// TestWhileItRuns guards against TM-30: what changes in the files takes effect, unless it is wrong; then the
// old stays, and that is said.
func TestWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	later := time.Now().Add(24 * time.Hour)
	roots := x509.NewCertPool()
	roots.AddCert(writePair(t, dir, "first", later))
	write(t, dir, "gate.yaml", config)
	var log lines
	s, err := server.Start(options(dir), slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	// ask returns the answer and who answered.
	ask := func() (string, string) {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
		review := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"version":"v1","kind":"Pod"},"operation":"CREATE","namespace":"x",
			"object":{"spec":{"containers":[{"name":"a","image":"registry.example/app@sha256:` + strings.Repeat("a", 64) + `"}]}}}}`
		answer, err := client.Post("https://"+s.Addr().String()+"/validate", "application/json", strings.NewReader(review))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body), answer.TLS.PeerCertificates[0].Subject.CommonName
	}
	metrics := func() string {
		t.Helper()
		answer, err := http.Get("http://" + s.MetricsAddr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if body, who := ask(); !strings.Contains(body, `"allowed":true`) || who != "first" {
		t.Fatalf("got %s from %s", body, who)
	}
	if m := metrics(); !strings.Contains(m, fmt.Sprintf("certificate_end_timestamp_seconds %d\n", later.Unix())) || !strings.Contains(m, `config_info{digest="sha256:`) || !strings.Contains(m, `decisions_total{result="admitted"} 1`) {
		t.Errorf("metrics:\n%s", m)
	}

	write(t, dir, "gate.yaml", "version: 1\npolicies: []\n")
	until(t, "a configuration without policies is refused", func() bool { return strings.Contains(log.String(), "there is no policy") })
	if body, _ := ask(); !strings.Contains(body, `"allowed":true`) {
		t.Errorf("the old configuration is not in force: %s", body)
	}
	if m := metrics(); !strings.Contains(m, "config_refused_total 1\n") {
		t.Errorf("metrics:\n%s", m)
	}
	write(t, dir, "gate.yaml", strings.Replace(config, "registry.example", "registry2.example", 1))
	until(t, "a new configuration", func() bool { body, _ := ask(); return strings.Contains(body, `"allowed":false`) })

	// A new certificate, whose files change one after the other.
	roots.AddCert(writePair(t, dir, "second", later))
	until(t, "a new certificate", func() bool { _, who := ask(); return who == "second" })
	write(t, dir, "tls.key", "no key")
	until(t, "a key that is none is refused", func() bool {
		return strings.Contains(metrics(), "certificate_refused_total") && strings.Contains(log.String(), "new certificate is refused")
	})
	writePair(t, dir, "ended", time.Now().Add(-time.Hour))
	until(t, "a certificate that ended is refused", func() bool { return strings.Contains(log.String(), "no API server would accept it") })
	if _, who := ask(); who != "second" {
		t.Errorf("the certificate is %s", who)
	}

	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestStartRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(dir string)
		want  string
	}{
		"no certificate":    {func(dir string) { _ = os.Remove(filepath.Join(dir, "tls.crt")) }, "tls.crt"},
		"certificate ended": {func(dir string) { writePair(t, dir, "x", time.Now().Add(-time.Hour)) }, "ended at"},
		"no configuration":  {func(dir string) { _ = os.Remove(filepath.Join(dir, "gate.yaml")) }, "gate.yaml"},
		"bad configuration": {func(dir string) { write(t, dir, "gate.yaml", "version: 2") }, "version"},
		"no trusted root":   {func(dir string) { write(t, dir, "gate.yaml", config+"trusted_root: root.json\n") }, "root.json"},
		"not a file": {func(dir string) {
			_ = os.Remove(filepath.Join(dir, "gate.yaml"))
			_ = os.Mkdir(filepath.Join(dir, "gate.yaml"), 0o700)
		}, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writePair(t, dir, "x", time.Now().Add(time.Hour))
			write(t, dir, "gate.yaml", config)
			tc.spoil(dir)
			if _, err := server.Start(options(dir), slog.New(slog.DiscardHandler), time.Now); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}
