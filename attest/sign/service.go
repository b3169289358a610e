package sign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Services are how certificate authorities, logs and timestamp authorities are
// reached.
type Services struct {
	// Client makes the requests; its timeout bounds each.
	Client *http.Client
}

// post sends a document and returns the answer, which has one of the statuses of
// success. What names the service in errors.
func (s Services) post(ctx context.Context, what, endpoint, contentType, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", what, endpoint, err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "gatehouse")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return s.do(req, what)
}

func (s Services) do(req *http.Request, what string) ([]byte, error) {
	where := (&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Path: req.URL.Path}).String() // no tokens
	res, err := s.Client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // it repeats the URL
		}
		return nil, fmt.Errorf("%s at %s cannot be reached: %w", what, where, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, limits.MaxServiceAnswerBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s at %s: read the answer: %w", what, where, err)
	case len(b) > limits.MaxServiceAnswerBytes:
		return nil, fmt.Errorf("%s at %s: the answer has more than %d bytes, the limit", what, where, limits.MaxServiceAnswerBytes)
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated:
		return nil, fmt.Errorf("%s at %s answers %s%s", what, where, res.Status, excerpt(b))
	}
	return b, nil
}

// excerpt is the start of an answer, for an error.
func excerpt(b []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(b[:min(len(b), 300)]), "")), " ")
	if text == "" {
		return ""
	}
	return ": " + text
}

// endpoint joins the address of a service and a path. The address must be one of
// HTTP(S).
func endpoint(what, base, path string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("%s: %q is not the address of a service: want https://…", what, base)
	}
	return u.JoinPath(path).String(), nil
}
