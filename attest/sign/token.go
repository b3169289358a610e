package sign

import (
	"context"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// audience is whom an identity token is for: Fulcio takes no other.
const audience = "sigstore"

// The variables with an identity token. SIGSTORE_ID_TOKEN is what GitLab and cosign
// call it.
var tokenVariables = []string{"GATEHOUSE_ID_TOKEN", "SIGSTORE_ID_TOKEN"}

// AmbientToken returns the identity token of the CI job: from the variables
// GATEHOUSE_ID_TOKEN and SIGSTORE_ID_TOKEN, or from GitHub Actions, if the job may
// ask it for one. Getenv returns a variable, or empty.
//
// https://docs.gitlab.com/ci/secrets/id_token_authentication/
// https://docs.github.com/en/actions/reference/security/oidc
func (s Services) AmbientToken(ctx context.Context, getenv func(string) string) (string, error) {
	for _, name := range tokenVariables {
		if token := getenv(name); token != "" {
			return token, nil
		}
	}
	address, secret := getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	switch {
	case address != "" && secret != "":
		return s.githubToken(ctx, address, secret)
	case getenv("GITHUB_ACTIONS") == "true":
		return "", errors.New("the job may not ask GitHub for an identity token: give it permissions: id-token: write")
	case getenv("GITLAB_CI") == "true":
		return "", errors.New("the job has no identity token: give it id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore")
	}
	return "", errors.New("there is no identity token: set SIGSTORE_ID_TOKEN, or pass --identity-token FILE")
}

func (s Services) githubToken(ctx context.Context, address, secret string) (string, error) {
	const what = "the issuer of identity tokens"
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("ACTIONS_ID_TOKEN_REQUEST_URL is not a URL")
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	b, err := s.do(req, what)
	if err != nil {
		return "", err
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := jsonv2.Unmarshal(b, &answer); err != nil || answer.Value == "" {
		return "", fmt.Errorf("%s at %s gave none", what, u.Host)
	}
	return answer.Value, nil
}
