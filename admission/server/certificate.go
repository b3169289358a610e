package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// certificate is what the server shows, read again when its files change.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	read              []byte // of the current one
}

// reload reads the files, and reports whether the certificate is another one. The
// old one stays if they cannot be read, do not belong together as in the middle of
// an exchange, or the new one has ended.
func (c *certificate) reload(now time.Time) (changed bool, err error) {
	certPEM, err := readBounded(c.certFile, limits.MaxKeyBytes)
	if err != nil {
		return false, fmt.Errorf("read the certificate: %w", err)
	}
	keyPEM, err := readBounded(c.keyFile, limits.MaxKeyBytes)
	if err != nil {
		return false, fmt.Errorf("read the key of the certificate: %w", err)
	}
	both := bytes.Join([][]byte{certPEM, keyPEM}, []byte{0})
	if bytes.Equal(both, c.read) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return false, fmt.Errorf("%s and %s: %w", c.certFile, c.keyFile, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return false, fmt.Errorf("%s: %w", c.certFile, err)
		}
	}
	if now.After(pair.Leaf.NotAfter) {
		return false, fmt.Errorf("%s ended at %s: no API server would accept it", c.certFile, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	c.current.Store(&pair)
	c.read = both
	return true, nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair := c.current.Load()
	if pair == nil {
		return nil, errors.New("there is no certificate")
	}
	return pair, nil
}
