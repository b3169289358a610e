// Package kube reads from the API server what the webhook needs to know of pods: the
// credentials with which their images are pulled.
package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// mount is where a pod finds what it needs to reach the API server.
//
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
const mount = "/var/run/secrets/kubernetes.io/serviceaccount/"

// Client reads secrets and service accounts. It is safe for concurrent use.
type Client struct {
	base  string
	token func() ([]byte, error)
	http  *http.Client
}

// InCluster is a client for the pod that this program runs in.
func InCluster(env func(string) string) (*Client, error) {
	host, port := env("KUBERNETES_SERVICE_HOST"), env("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod of a cluster")
	}
	ca, err := os.ReadFile(mount + "ca.crt")
	if err != nil {
		return nil, fmt.Errorf("read the authority of the API server: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%sca.crt has no certificate", mount)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	// Tokens change while a pod runs.
	return New("https://"+net.JoinHostPort(host, port), func() ([]byte, error) { return os.ReadFile(mount + "token") }, transport), nil
}

// New is a client of the API server at base.
func New(base string, token func() ([]byte, error), transport http.RoundTripper) *Client {
	return &Client{base, token, &http.Client{Transport: transport, Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// DockerConfigs are the configurations of the pull secrets that the pod names, and of
// those of its service account. What cannot be read is in the error, beside what can.
func (c *Client) DockerConfigs(ctx context.Context, p admission.Puller) ([][]byte, error) {
	var errs []error
	names := p.Secrets
	if len(names) == 0 {
		// Admission fills these in for most pods, but not for what makes pods.
		var account struct {
			ImagePullSecrets []struct {
				Name string `json:"name"`
			} `json:"imagePullSecrets"`
		}
		name := p.ServiceAccount
		if name == "" {
			name = "default"
		}
		if err := c.get(ctx, p.Namespace, "serviceaccounts", name, &account); err != nil {
			errs = append(errs, err)
		}
		for _, s := range account.ImagePullSecrets {
			names = append(names, s.Name)
		}
	}
	if len(names) > limits.MaxPullSecrets {
		return nil, fmt.Errorf("the pod has %d pull secrets, the limit is %d", len(names), limits.MaxPullSecrets)
	}
	var out [][]byte
	for _, name := range names {
		var secret struct {
			Type string            `json:"type"`
			Data map[string][]byte `json:"data"`
		}
		if err := c.get(ctx, p.Namespace, "secrets", name, &secret); err != nil {
			errs = append(errs, err)
			continue
		}
		switch {
		case secret.Type == "kubernetes.io/dockerconfigjson":
			out = append(out, secret.Data[".dockerconfigjson"])
		case secret.Type == "kubernetes.io/dockercfg":
			out = append(out, fmt.Appendf(nil, `{"auths":%s}`, secret.Data[".dockercfg"]))
		default:
			errs = append(errs, fmt.Errorf("the secret %s/%s is of the type %q, not kubernetes.io/dockerconfigjson", p.Namespace, name, secret.Type))
		}
	}
	return out, errors.Join(errs...)
}

func (c *Client) get(ctx context.Context, namespace, resource, name string, out any) error {
	token, err := c.token()
	if err != nil {
		return fmt.Errorf("read the token of this pod: %w", err)
	}
	what := fmt.Sprintf("%s %s/%s", strings.TrimSuffix(resource, "s"), namespace, name)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/v1/namespaces/"+url.PathEscape(namespace)+"/"+resource+"/"+url.PathEscape(name), nil)
	if err != nil {
		return fmt.Errorf("read the %s: %w", what, err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	r.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("read the %s: %w", what, err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden:
		return fmt.Errorf("the webhook may not read the %s: name it under pullSecrets of the chart", what)
	default:
		return fmt.Errorf("read the %s: the API server answers %s", what, answer.Status)
	}
	// An object has at most 3 MiB; a larger one ends early and is not valid.
	if err := json.NewDecoder(io.LimitReader(answer.Body, limits.MaxReviewBytes)).Decode(out); err != nil {
		return fmt.Errorf("read the %s: %w", what, err)
	}
	return nil
}
