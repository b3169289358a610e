package registry_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// TestCredentials guards against TM-26: a login goes to its registry alone.
func TestCredentials(t *testing.T) {
	var c registry.Credentials
	for _, text := range []string{
		`{"auths":{"registry.example":{"auth":"YTpwYXNz"},"registry.example/team/shop":{"username":"b","password":"x"},"*.cloud.example":{"username":"c","password":"x"}}}`,
		`{"auths":{"https://index.docker.io/v1/":{"username":"d","password":"x"},"registry.example:5000":{"username":"e","password":"x"}}}`,
	} {
		if err := c.Add([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for repository, want := range map[string]string{
		"registry.example/team/app": "a", "registry.example/team/shop/cart": "b", "registry.example/team/shopping": "a", "registry.example:5000/team/shop": "e",
		"eu.cloud.example/x": "c", "cloud.example/x": "", "a.eu.cloud.example/x": "", "index.docker.io/library/nginx": "d",
		"registry.example.evil/team/app": "", "evil-registry.example/team/app": "", "registry.example.:5000/x": "",
	} {
		repo, err := name.NewRepository(repository)
		if err != nil {
			continue // not even a repository
		}
		auth, err := c.Resolve(repo)
		if err != nil {
			t.Fatal(err)
		}
		got, err := auth.Authorization()
		if err != nil {
			t.Fatal(err)
		}
		if got.Username != want {
			t.Errorf("%s: logs in as %q, want %q", repository, got.Username, want)
		}
	}
	for name, text := range map[string]string{
		"no JSON": "x", "no base64": `{"auths":{"a.example":{"auth":"*"}}}`, "no colon": `{"auths":{"a.example":{"auth":"YQ=="}}}`, "no host": `{"auths":{"https://":{}}}`,
	} {
		if err := c.Add([]byte(text)); err == nil || strings.Contains(err.Error(), "YQ==") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
