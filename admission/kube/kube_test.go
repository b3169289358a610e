package kube_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/admission/kube"
)

// TestDockerConfigs: the secrets of the namespace of the pod are read, and no others.
func TestDockerConfigs(t *testing.T) {
	secret := func(kind, key, text string) string {
		return fmt.Sprintf(`{"type":%q,"data":{%q:%q}}`, kind, key, base64.StdEncoding.EncodeToString([]byte(text)))
	}
	objects := map[string]string{
		"/api/v1/namespaces/shop/secrets/one":             secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", `{"auths":{"one":{}}}`),
		"/api/v1/namespaces/shop/secrets/old":             secret("kubernetes.io/dockercfg", ".dockercfg", `{"two":{}}`),
		"/api/v1/namespaces/shop/secrets/tls":             secret("kubernetes.io/tls", "tls.key", "never shown"),
		"/api/v1/namespaces/shop/serviceaccounts/default": `{"imagePullSecrets":[{"name":"one"}]}`,
		"/api/v1/namespaces/shop/serviceaccounts/build":   `{}`,
		"/api/v1/namespaces/shop/secrets/broken":          `{`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := objects[r.URL.Path]
		switch {
		case r.Header.Get("Authorization") != "Bearer abc":
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/forbidden"):
			w.WriteHeader(http.StatusForbidden)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = fmt.Fprint(w, text)
		}
	}))
	defer server.Close()
	client := kube.New(server.URL, func() ([]byte, error) { return []byte("abc\n"), nil }, http.DefaultTransport)
	for name, tc := range map[string]struct {
		puller admission.Puller
		want   []string
		err    string
	}{
		"named":                    {admission.Puller{Namespace: "shop", Secrets: []string{"one", "old"}}, []string{`{"auths":{"one":{}}}`, `{"auths":{"two":{}}}`}, ""},
		"of the service account":   {admission.Puller{Namespace: "shop"}, []string{`{"auths":{"one":{}}}`}, ""},
		"an account without":       {admission.Puller{Namespace: "shop", ServiceAccount: "build"}, nil, ""},
		"may not be read":          {admission.Puller{Namespace: "shop", Secrets: []string{"forbidden", "one"}}, []string{`{"auths":{"one":{}}}`}, "pullSecrets of the chart"},
		"is not there":             {admission.Puller{Namespace: "shop", Secrets: []string{"none"}}, nil, "secret shop/none: the API server answers 404"},
		"of another type":          {admission.Puller{Namespace: "shop", Secrets: []string{"tls"}}, nil, `of the type "kubernetes.io/tls"`},
		"broken":                   {admission.Puller{Namespace: "shop", Secrets: []string{"broken"}}, nil, "read the secret shop/broken"},
		"of another namespace":     {admission.Puller{Namespace: "other", Secrets: []string{"one"}}, nil, "404"},
		"a path instead of a name": {admission.Puller{Namespace: "shop", Secrets: []string{"../../shop/secrets/one"}}, nil, "404"},
		"too many":                 {admission.Puller{Namespace: "shop", Secrets: slices.Repeat([]string{"one"}, 51)}, nil, "the limit is 50"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := client.DockerConfigs(t.Context(), tc.puller)
			var texts []string
			for _, b := range got {
				texts = append(texts, string(b))
			}
			if !slices.Equal(texts, tc.want) {
				t.Errorf("got %q", texts)
			}
			if (err == nil) != (tc.err == "") || err != nil && (!strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "never shown")) {
				t.Errorf("got the error %v, want %q", err, tc.err)
			}
		})
	}
}
