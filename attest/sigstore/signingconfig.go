package sigstore

import (
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// SigningServices are the services that a signer uses.
type SigningServices struct {
	// Fulcio is the address of a certificate authority; may be empty.
	Fulcio string
	// Rekor is the address of a transparency log, and RekorVersion the version of
	// its interface; empty if none is to be used.
	Rekor        string
	RekorVersion int
	// Timestamps are the addresses of timestamp authorities; may be empty.
	Timestamps []string
}

// ParseSigningConfig reads a signing configuration
// (application/vnd.dev.sigstore.signingconfig.v0.2+json), such as cosign
// signing-config create writes, and chooses among the services that are valid at the
// time. Of several logs one is chosen.
func ParseSigningConfig(text []byte, now time.Time) (SigningServices, error) {
	var out SigningServices
	c, err := root.NewSigningConfigFromJSON(text)
	if err != nil {
		return out, fmt.Errorf("this is not a signing configuration of sigstore: %w", err)
	}
	if authorities := c.FulcioCertificateAuthorityURLs(); len(authorities) > 0 {
		s, err := root.SelectService(authorities, []uint32{1}, now)
		if err != nil {
			return out, fmt.Errorf("choose a certificate authority: %w", err)
		}
		out.Fulcio = s.URL
	}
	if logs := c.RekorLogURLs(); len(logs) > 0 {
		s, err := root.SelectService(logs, []uint32{1, 2}, now)
		if err != nil {
			return out, fmt.Errorf("choose a transparency log: %w", err)
		}
		out.Rekor, out.RekorVersion = s.URL, int(s.MajorAPIVersion)
	}
	if authorities := c.TimestampAuthorityURLs(); len(authorities) > 0 {
		chosen, err := root.SelectServices(authorities, c.TimestampAuthorityURLsConfig(), []uint32{1}, now)
		if err != nil {
			return out, fmt.Errorf("choose timestamp authorities: %w", err)
		}
		for _, s := range chosen {
			out.Timestamps = append(out.Timestamps, s.URL)
		}
	}
	return out, nil
}
