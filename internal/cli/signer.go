package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/sigstore"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// The public sigstore: https://docs.sigstore.dev/about/overview/
const (
	publicFulcio = "https://fulcio.sigstore.dev"
	publicRekor  = "https://rekor.sigstore.dev"
)

// serviceTimeout bounds each request to a certificate authority, log or timestamp
// authority.
const serviceTimeout = 30 * time.Second

// signFlags say who signs.
type signFlags struct {
	key           string
	keyless       bool
	identityToken string
	signingConfig string
	fulcio, rekor string
	timestamps    []string
}

func (f *signFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.key, "key", "", "private key that signs: a file that 'gatehouse key generate' or cosign made, or NAME://… for a key that the program sigstore-kms-NAME has")
	fl.BoolVar(&f.keyless, "keyless", false, "sign with the identity of the CI job instead of a key")
	fl.StringVar(&f.identityToken, "identity-token", "", "with --keyless: file with the identity token (default: SIGSTORE_ID_TOKEN, or that of GitHub Actions)")
	fl.StringVar(&f.signingConfig, "signing-config", "", "signing configuration of sigstore in JSON, with the services to use")
	fl.StringVar(&f.fulcio, "fulcio-url", "", "with --keyless: certificate authority (default "+publicFulcio+")")
	fl.StringVar(&f.rekor, "rekor-url", "", "transparency log (default with --keyless "+publicRekor+", otherwise none; \"none\" for none)")
	fl.StringArrayVar(&f.timestamps, "timestamp-url", nil, "timestamp authority (RFC 3161), with its path; repeatable")
}

// used reports whether a flag is set.
func (f *signFlags) used() bool {
	return f.key != "" || f.keyless || f.identityToken != "" || f.signingConfig != "" || f.fulcio != "" || f.rekor != "" || len(f.timestamps) > 0
}

// openSigner gets ready to sign. Certificates are valid for minutes, so it is called
// when there is something to sign.
type openSigner func(context.Context) (*sign.Signer, error)

// checkedSigner is the signer of check, nil if nothing is signed.
func (a *app) checkedSigner(ctx context.Context, f *checkFlags) (openSigner, error) {
	if f.attest {
		return a.signer(ctx, f.signFlags)
	}
	if f.signFlags.used() || len(f.also) > 0 {
		return nil, errors.New("--key, --keyless and what goes with them sign nothing without --attest")
	}
	return nil, nil
}

// signer finds out who signs, as far as it can be found out before there is
// something to sign.
func (a *app) signer(ctx context.Context, f signFlags) (openSigner, error) {
	if (f.key != "") == f.keyless {
		if f.keyless {
			return nil, errors.New("--key and --keyless exclude each other")
		}
		return nil, errors.New("--key is missing: make a key with 'gatehouse key generate', or pass --keyless in a CI job")
	}
	if !f.keyless && (f.identityToken != "" || f.fulcio != "") {
		return nil, errors.New("--identity-token and --fulcio-url need --keyless")
	}
	services := sign.Services{Client: &http.Client{Timeout: serviceTimeout}}
	s, ca, err := a.services(f, services)
	if err != nil {
		return nil, err
	}
	if f.keyless {
		if s.Log == nil && len(s.Timestamps) == 0 {
			return nil, errors.New("nothing would say when the certificate was used: pass --timestamp-url, or leave --rekor-url none out")
		}
		return func(ctx context.Context) (*sign.Signer, error) {
			token, err := a.identityToken(ctx, f.identityToken, services)
			if err != nil {
				return nil, err
			}
			key, certificate, err := ca.NewKey(ctx, token)
			if err != nil {
				return nil, err
			}
			s.Key, s.Certificate = key, certificate
			return s, nil
		}, nil
	}
	if s.Key, err = a.messageSigner(ctx, f.key); err != nil {
		return nil, err
	}
	return func(context.Context) (*sign.Signer, error) { return s, nil }, nil
}

// services are those of the flags or of the signing configuration.
func (a *app) services(f signFlags, services sign.Services) (*sign.Signer, *sign.CertificateAuthority, error) {
	s := &sign.Signer{}
	ca := &sign.CertificateAuthority{Services: services}
	if f.signingConfig != "" {
		if f.fulcio != "" || f.rekor != "" || len(f.timestamps) > 0 {
			return nil, nil, errors.New("--signing-config names the services: leave --fulcio-url, --rekor-url and --timestamp-url out")
		}
		text, err := config.ReadBounded(f.signingConfig, limits.MaxTrustedRootBytes)
		if err != nil {
			return nil, nil, fmt.Errorf("read the signing configuration: %w", err)
		}
		chosen, err := sigstore.ParseSigningConfig(text, a.now())
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.signingConfig, err)
		}
		if f.keyless && chosen.Fulcio == "" {
			return nil, nil, fmt.Errorf("%s: it names no certificate authority that is valid now", f.signingConfig)
		}
		ca.URL = chosen.Fulcio
		if chosen.Rekor != "" {
			s.Log = &sign.Log{Services: services, URL: chosen.Rekor, Version: chosen.RekorVersion}
		}
		f.timestamps = chosen.Timestamps
	} else {
		ca.URL = f.fulcio
		if f.keyless && ca.URL == "" {
			ca.URL = publicFulcio
		}
		if f.keyless && f.rekor == "" {
			f.rekor = publicRekor
		}
		if f.rekor != "" && f.rekor != "none" {
			s.Log = &sign.Log{Services: services, URL: f.rekor, Version: 1}
		}
	}
	for _, u := range f.timestamps {
		s.Timestamps = append(s.Timestamps, &sign.TimestampAuthority{Services: services, URL: u})
	}
	return s, ca, nil
}

// identityToken is that in the file, or that of the CI job.
func (a *app) identityToken(ctx context.Context, file string, services sign.Services) (string, error) {
	if file == "" {
		return services.AmbientToken(ctx, a.getenv)
	}
	text, err := config.ReadBounded(file, limits.MaxKeyBytes)
	if err != nil {
		return "", fmt.Errorf("read the identity token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// getenv is a variable of the environment, or empty.
func (a *app) getenv(name string) string {
	for _, kv := range slices.Backward(a.env) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}
