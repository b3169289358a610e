package registry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// Credentials are the logins of Docker configurations, each for its registry alone.
// The zero value has none.
type Credentials struct{ logins []login }

type login struct {
	host string // may have * within a part between dots
	path []string
	auth authn.AuthConfig
}

// Add takes in what a pull secret of Kubernetes has under .dockerconfigjson.
//
// https://kubernetes.io/docs/concepts/containers/images/#config-json
func (c *Credentials) Add(dockerConfig []byte) error {
	var d struct {
		Auths map[string]struct {
			Username      string `json:"username"`
			Password      string `json:"password"`
			Auth          string `json:"auth"`
			IdentityToken string `json:"identitytoken"`
		} `json:"auths"`
	}
	if err := json.Unmarshal(dockerConfig, &d); err != nil {
		return fmt.Errorf("this is not a configuration of Docker: %w", err)
	}
	for registry, a := range d.Auths {
		l := login{auth: authn.AuthConfig{Username: a.Username, Password: a.Password, IdentityToken: a.IdentityToken}}
		if a.Auth != "" {
			both, err := base64.StdEncoding.DecodeString(a.Auth)
			user, password, ok := strings.Cut(string(both), ":")
			if err != nil || !ok {
				return fmt.Errorf("the auth of %q is not the base64 of user:password", registry)
			}
			l.auth.Username, l.auth.Password = user, strings.TrimRight(password, "\x00")
		}
		_, rest, ok := strings.Cut(registry, "://")
		if !ok {
			rest = registry
		}
		host, below, _ := strings.Cut(strings.Trim(rest, "/"), "/")
		if host == "docker.io" {
			host = "index.docker.io"
		}
		if below == "v1" || below == "v2" { // how Docker writes its own registry
			below = ""
		}
		if below != "" {
			l.path = strings.Split(below, "/")
		}
		if _, err := path.Match(host, ""); err != nil || host == "" {
			return fmt.Errorf("%q is not a registry", registry)
		}
		l.host = host
		c.logins = append(c.logins, l)
	}
	return nil
}

// Resolve returns the login for a repository: of those for its registry, the one with
// the longest path. See [authn.Keychain].
func (c Credentials) Resolve(r authn.Resource) (authn.Authenticator, error) {
	repository := strings.Split(strings.TrimPrefix(strings.TrimPrefix(r.String(), r.RegistryStr()), "/"), "/")
	best := -1
	for i, l := range c.logins {
		if matchesHost(l.host, r.RegistryStr()) && startsWith(repository, l.path) && (best < 0 || len(l.path) > len(c.logins[best].path)) {
			best = i
		}
	}
	if best < 0 {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(c.logins[best].auth), nil
}

// matchesHost compares part by part, so that a * is never a dot.
func matchesHost(pattern, host string) bool {
	want, got := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], got[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

func startsWith(list, start []string) bool {
	if len(list) < len(start) {
		return false
	}
	for i := range start {
		if list[i] != start[i] {
			return false
		}
	}
	return true
}

// With is a client that logs in with the credentials instead of its own.
func (c *Client) With(credentials Credentials) *Client {
	opts := c.opts
	opts.Keychain = credentials
	return &Client{opts: opts}
}
