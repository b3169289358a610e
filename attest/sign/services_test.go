package sign_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/sign/fakesigstore"
)

// TestServiceErrors guards against TM-50: each service fails in each way, the error
// is one line that names the service, and nothing is signed.
func TestServiceErrors(t *testing.T) {
	fake := loopback(t)
	answers := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	stop := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(stop) })
	services := sign.Services{Client: &http.Client{Timeout: 200 * time.Millisecond}}
	for _, tc := range []struct {
		name, url, want string
	}{
		{"unreachable", closed.URL, "cannot be reached"},
		{"hangs", hangs.URL, "cannot be reached"},
		{"refuses", answers(403, `{"code": 16, "message": "there was an error\nprocessing the token"}`), "403"},
		{"answers nonsense", answers(201, "hello"), "the answer"},
		{"answers nothing", answers(201, ""), "the answer"},
		{"answers an empty object", answers(201, "{}"), "the answer"},
		{"answers without end", answers(201, strings.Repeat("x", 2<<20)), "limit"},
		{"no address", "fulcio.example", "https://"},
		{"other scheme", "file:///etc/passwd", "https://"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			check := func(what string, err error) {
				t.Helper()
				if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v, want one line with %q", what, err, tc.want)
				}
			}
			ca := &sign.CertificateAuthority{Services: services, URL: tc.url}
			key, certificate, err := ca.NewKey(t.Context(), fakesigstore.Token(subject))
			check("the certificate authority", err)
			if key != nil || certificate != nil {
				t.Error("there is a key in spite of the error")
			}
			ca.URL = fake.URL
			good := sign.Services{Client: http.DefaultClient}
			ca.Services = good
			if key, certificate, err = ca.NewKey(t.Context(), fakesigstore.Token(subject)); err != nil {
				t.Fatal(err)
			}
			for what, s := range map[string]*sign.Signer{
				"the transparency log":    {Key: key, Certificate: certificate, Log: &sign.Log{Services: services, URL: tc.url, Version: 1}},
				"the timestamp authority": {Key: key, Certificate: certificate, Timestamps: []*sign.TimestampAuthority{{Services: services, URL: tc.url}}},
			} {
				_, bundle, err := s.Attest(t.Context(), about(t, "text"))
				check(what, err)
				if bundle != nil {
					t.Error("there is a bundle in spite of the error")
				}
			}
			v2 := &sign.Signer{Key: key, Certificate: certificate, Log: &sign.Log{Services: services, URL: tc.url, Version: 2}}
			_, _, err = v2.Attest(t.Context(), about(t, "text"))
			check("the transparency log", err)
		})
	}
}

// TestForeignCertificate has the authority answer with a certificate for another key.
func TestForeignCertificate(t *testing.T) {
	fake := loopback(t)
	var first []byte
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first == nil {
			req, err := http.NewRequestWithContext(r.Context(), r.Method, fake.URL+r.URL.Path, r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = r.Header
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			var b bytes.Buffer
			if _, err := b.ReadFrom(res.Body); err != nil {
				t.Error(err)
			}
			first = b.Bytes()
		}
		_, _ = w.Write(first)
	}))
	defer proxy.Close()
	ca := &sign.CertificateAuthority{Services: sign.Services{Client: http.DefaultClient}, URL: proxy.URL}
	if _, _, err := ca.NewKey(t.Context(), fakesigstore.Token(subject)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ca.NewKey(t.Context(), fakesigstore.Token(subject)); err == nil || !strings.Contains(err.Error(), "for another key") {
		t.Errorf("%v, want that it is for another key", err)
	}
}

func TestTokens(t *testing.T) {
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+"request" || r.URL.Query().Get("audience") != "sigstore" || r.URL.Query().Get("v") != "1" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`{"value": "of github"}`))
	}))
	defer github.Close()
	services := sign.Services{Client: http.DefaultClient}
	for _, tc := range []struct {
		name       string
		env        map[string]string
		want, fail string
	}{
		{"variable", map[string]string{"GATEHOUSE_ID_TOKEN": "own", "SIGSTORE_ID_TOKEN": "gitlab"}, "own", ""},
		{"GitLab", map[string]string{"SIGSTORE_ID_TOKEN": "gitlab", "GITLAB_CI": "true"}, "gitlab", ""},
		{"GitLab without", map[string]string{"GITLAB_CI": "true"}, "", "id_tokens"},
		{"GitHub", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": github.URL + "/?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request"}, "of github", ""},
		{"GitHub refuses", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": github.URL + "/?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "other"}, "", "403"},
		{"GitHub without", map[string]string{"GITHUB_ACTIONS": "true"}, "", "id-token: write"},
		{"nowhere", nil, "", "--identity-token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := services.AmbientToken(t.Context(), func(name string) string { return tc.env[name] })
			if got != tc.want || (err == nil) != (tc.fail == "") || err != nil && !strings.Contains(err.Error(), tc.fail) {
				t.Errorf("%q, %v; want %q and an error with %q", got, err, tc.want, tc.fail)
			}
		})
	}
	ca := &sign.CertificateAuthority{Services: services, URL: github.URL}
	for _, token := range []string{"", "a.b", "a.!.c", "a.bm8.c", "a.e30.c", "a.eyJlbWFpbCI6ImFAYi5jIn0.c"} { // no, {}, an address that is not verified
		if _, _, err := ca.NewKey(t.Context(), token); err == nil || !strings.Contains(err.Error(), "the identity token") {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// TestRemoteKey signs with a key that only a program has.
func TestRemoteKey(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the name of a program ends otherwise")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "sigstore-kms-testkms"), "./testdata/kms")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", dir)
	var stderr bytes.Buffer
	for _, uri := range []string{"testkms://release", "testkms://rsa", "testkms://ed25519"} {
		k, err := sign.OpenRemoteKey(t.Context(), uri, &stderr)
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		s := &sign.Signer{Key: k}
		e, bundle, err := s.Attest(t.Context(), about(t, "text"))
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		if err := k.Public().Verify(attest.PAE(e.PayloadType, e.Payload), e.Signatures[0].Sig); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
		if b, err := attest.ParseBundle(bundle); err != nil || b.Hint != k.Public().Hint() {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if !strings.Contains(stderr.String(), "testkms was called") {
		t.Errorf("what the program says is lost: %q", &stderr)
	}
	for uri, want := range map[string]string{
		"testkms://none":      "there is no such key",
		"testkms://silent":    "cannot be read",
		"testkms://empty":     "public key",
		"testkms://flood":     "more than",
		"otherkms://x":        "sigstore-kms-otherkms, which is not in the PATH",
		"testkms://":          "want NAME://",
		"../../evil://x":      "want NAME://",
		"testkms://wrong-sig": "no signature of its key",
	} {
		k, err := sign.OpenRemoteKey(t.Context(), uri, &stderr)
		if err == nil {
			_, err = k.SignMessage(t.Context(), []byte("message"))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", uri, err, want)
		}
	}
}
