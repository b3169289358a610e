// Package registry is how OCI registries are reached: references, credentials and
// the transport are the same for images, attestations and databases.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Options are the choices of a user.
type Options struct {
	// PlainHTTP allows registries without TLS. Without it only those on the
	// same machine may do without.
	PlainHTTP bool
	// Keychain has the credentials; nil means those of the Docker
	// configuration of the user, with its helpers.
	Keychain authn.Keychain
	// Transport makes the requests; nil means the default one.
	Transport http.RoundTripper
	// Stall is how long an answer may bring nothing before it is given up; 0
	// means a minute.
	Stall time.Duration
	// RootCAs are who may sign certificates of registries for the default
	// transport; nil means those of the system.
	RootCAs *x509.CertPool
}

// Client reaches registries. It is safe for concurrent use.
type Client struct {
	opts     Options
	requests atomic.Int64
	reads    atomic.Int64
	puller   atomic.Pointer[remote.Puller]
}

// New makes a client; it makes no connection.
func New(opts Options) *Client {
	if opts.Keychain == nil {
		opts.Keychain = authn.DefaultKeychain
	}
	if opts.Transport == nil {
		t := remote.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = headerTimeout
		if opts.RootCAs != nil {
			t.TLSClientConfig = &tls.Config{RootCAs: opts.RootCAs, MinVersion: tls.VersionTLS12}
		}
		opts.Transport = t
	}
	if opts.Stall == 0 {
		opts.Stall = headerTimeout
	}
	return &Client{opts: opts}
}

// headerTimeout is how long a registry may think before it answers. Those that
// make an answer anew, as for a mirror that fetches, take some seconds.
const headerTimeout = 60 * time.Second

// Reference reads registry/repository:tag or registry/repository@sha256:…; a
// reference without a tag or digest is an error, as is one without a registry.
func (c *Client) Reference(text string) (name.Reference, error) {
	how := []name.Option{name.StrictValidation}
	if c.opts.PlainHTTP {
		how = append(how, name.Insecure)
	}
	ref, err := name.ParseReference(text, how...)
	if err != nil {
		return nil, fmt.Errorf("%w: want registry/repository:tag or registry/repository@sha256:…", err)
	}
	return ref, nil
}

// Workload reads the reference of a container: the registry may be missing, which is
// Docker Hub, and so may the tag, which is latest.
//
// https://kubernetes.io/docs/concepts/containers/images/#image-names
func (c *Client) Workload(text string) (Image, error) {
	how := []name.Option{name.WeakValidation}
	if c.opts.PlainHTTP {
		how = append(how, name.Insecure)
	}
	ref, err := name.ParseReference(text, how...)
	if err != nil {
		return Image{}, fmt.Errorf("%.300q is no reference of an image: %w", text, err)
	}
	img := Image{Registry: ref.Context().RegistryStr(), Repository: ref.Context().RepositoryStr()}
	switch r := ref.(type) {
	case name.Digest:
		img.Digest = r.DigestStr()
	case name.Tag:
		img.Tag = r.TagStr()
	}
	// The library leaves the tag of tag@digest out.
	if before, _, ok := strings.Cut(text, "@"); ok {
		if tag, err := name.NewTag(before, how...); err == nil && strings.HasSuffix(before, ":"+tag.TagStr()) {
			img.Tag = tag.TagStr()
		}
	}
	return img, nil
}

// Image is a reference in its parts.
type Image struct {
	// Registry is such as registry.example:5000 or index.docker.io.
	Registry string
	// Repository is such as team/app.
	Repository string
	// Tag may be empty if there is a digest, and Digest if there is a tag.
	Tag, Digest string
}

// Name is registry and repository.
func (i Image) Name() string { return i.Registry + "/" + i.Repository }

// String is the reference as [Client.Reference] reads it: with a digest, that decides.
func (i Image) String() string {
	if i.Digest != "" {
		return i.Name() + "@" + i.Digest
	}
	return i.Name() + ":" + i.Tag
}

// Remote are the options for package remote.
func (c *Client) Remote(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(c.opts.Keychain), remote.WithTransport(c), remote.WithUserAgent("gatehouse")}
}

// forgetAfter is after how many uses of [Client.Reads] all logins are made anew, so that
// those to repositories that nobody asks for any more take no memory.
const forgetAfter = 10_000

// Reads are options for package remote that read: each repository is logged in to once,
// not for each request.
func (c *Client) Reads(ctx context.Context) []remote.Option {
	puller := c.puller.Load()
	if c.reads.Add(1)%forgetAfter == 1 || puller == nil {
		var err error
		if puller, err = remote.NewPuller(c.Remote(context.WithoutCancel(ctx))...); err != nil {
			return c.Remote(ctx)
		}
		c.puller.Store(puller)
	}
	return append(c.Remote(ctx), remote.Reuse(puller))
}

// Requests counts the requests that were answered so far.
func (c *Client) Requests() int64 { return c.requests.Load() }

// RoundTrip makes a request; see [http.RoundTripper].
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" && !c.opts.PlainHTTP && !loopback(r.URL.Hostname()) {
		return nil, fmt.Errorf("%w: %s", errPlain, r.URL.Host)
	}
	answer, err := c.opts.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.requests.Add(1)
	answer.Body = &stalling{ReadCloser: answer.Body, most: c.opts.Stall}
	return answer, nil
}

// stalling is a body that is given up if it brings nothing for too long.
type stalling struct {
	io.ReadCloser
	most    time.Duration
	stalled atomic.Bool
}

func (s *stalling) Read(b []byte) (int, error) {
	timer := time.AfterFunc(s.most, func() {
		s.stalled.Store(true)
		_ = s.ReadCloser.Close() // wakes the reader
	})
	n, err := s.ReadCloser.Read(b)
	timer.Stop()
	if err != nil && s.stalled.Load() {
		return n, fmt.Errorf("the registry sent nothing for %v", s.most)
	}
	return n, err
}

var errPlain = errors.New("the registry would be reached without TLS")

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// NextStep says what a user can do about an error of a registry, as a clause that
// starts with a colon; empty if nothing is known.
func NextStep(err error) string {
	t, ok := errors.AsType[*transport.Error](err)
	switch {
	case errors.Is(err, errPlain):
		return ": pass --plain-http if that is meant"
	case ok && t.StatusCode == http.StatusTooManyRequests:
		return ": the registry limits the rate: log in to it, or use a mirror of your own"
	case ok && (t.StatusCode == http.StatusUnauthorized || t.StatusCode == http.StatusForbidden):
		return ": log in to the registry (docker login), or use a mirror"
	case ok && t.StatusCode == http.StatusNotFound:
		return ": check repository and tag"
	case ok:
		return ": try again later, or use a mirror"
	}
	if strings.Contains(fmt.Sprint(err), "gave HTTP response to HTTPS client") {
		return ": it has no TLS; pass --plain-http if that is meant"
	}
	return ""
}
