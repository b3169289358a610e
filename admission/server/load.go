package server

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sigstore"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Loaded is a configuration with all files that it names.
type Loaded struct {
	*admission.Config
	// Digest is over the configuration and all files that it names.
	Digest attest.Digest

	bundles     attest.BundleVerifier
	authorities *x509.CertPool
}

// Load reads the configuration in the file at path, and the files that it names;
// those are beside it unless their paths are absolute.
func Load(path string, clock admission.Clock) (*Loaded, error) {
	sum := sha256.New()
	read := func(name string, most int64) ([]byte, error) {
		if !filepath.IsAbs(name) && name != path {
			name = filepath.Join(filepath.Dir(path), name)
		}
		data, err := readBounded(name, most)
		fmt.Fprintf(sum, "%q %d\n", name, len(data))
		sum.Write(data)
		return data, err
	}
	data, err := read(path, limits.MaxPolicyFileBytes)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	c, err := admission.ParseConfig(path, data, func(name string) ([]byte, error) { return read(name, limits.MaxKeyBytes) })
	if err != nil {
		return nil, err
	}
	l := &Loaded{Config: c}
	if c.TrustedRoot != "" {
		text, err := read(c.TrustedRoot, limits.MaxTrustedRootBytes)
		if err != nil {
			return nil, fmt.Errorf("%s: read the trusted root: %w", path, err)
		}
		if l.bundles, err = sigstore.NewVerifier(text, clock); err != nil {
			return nil, fmt.Errorf("%s: %w", c.TrustedRoot, err)
		}
	}
	if c.RegistryCA != "" {
		text, err := read(c.RegistryCA, limits.MaxTrustedRootBytes)
		if err != nil {
			return nil, fmt.Errorf("%s: read the authorities of registries: %w", path, err)
		}
		if l.authorities, err = x509.SystemCertPool(); err != nil {
			l.authorities = x509.NewCertPool() // this system has none
		}
		if !l.authorities.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: %s has no certificate in PEM", path, c.RegistryCA)
		}
	}
	l.Digest = attest.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil)))
	return l, nil
}

// Admitter is one that decides by the configuration and asks registries, with the
// credentials of pods unless secrets is nil.
func (l *Loaded) Admitter(secrets admission.PullSecrets, clock admission.Clock) (*admission.Admitter, error) {
	return l.AdmitterWith(admission.Registries{Client: l.client(), Secrets: secrets}, clock)
}

// AdmitterWith is one that decides by the configuration and asks the resolver.
func (l *Loaded) AdmitterWith(r admission.Resolver, clock admission.Clock) (*admission.Admitter, error) {
	return admission.NewAdmitter(l.Config, l.client().Workload, r, l.bundles, clock)
}

func (l *Loaded) client() *registry.Client {
	return registry.New(registry.Options{PlainHTTP: l.PlainHTTP, RootCAs: l.authorities})
}

// readBounded reads a regular file of at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a regular file", path), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes, the limit", path, most)
	}
	return data, err
}
