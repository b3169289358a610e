package sigstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sigstore"
)

// TestConformanceQuality verifies the bundles of the conformance suite of
// sigstore clients; the name of a folder says whether it must fail.
func TestConformanceQuality(t *testing.T) {
	data := os.Getenv("QUALITY_DATA")
	if data == "" {
		t.Skip("QUALITY_DATA is not set: the conformance bundles are not here")
	}
	dir := filepath.Join(data, "supplychain/sigstore-conformance")
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return b
	}
	cases, err := filepath.Glob(filepath.Join(dir, "*/bundle.sigstore.json"))
	if err != nil || len(cases) < 30 {
		t.Fatalf("%d bundles in %s, %v", len(cases), dir, err)
	}
	passed, failed := 0, 0
	for _, file := range cases {
		folder := filepath.Dir(file)
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			trusted := read(filepath.Join(folder, "trusted_root.json"))
			if trusted == nil {
				trusted = read(filepath.Join(data, "supplychain/sigstore/trusted_root.json"))
			}
			artifact := read(filepath.Join(folder, "artifact"))
			if artifact == nil {
				artifact = read(filepath.Join(dir, "a.txt"))
			}
			identity := attest.Identity{
				Issuer:  "https://token.actions.githubusercontent.com",
				Subject: "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main",
			}
			if b := read(filepath.Join(folder, "identity")); b != nil {
				identity.Subject = strings.TrimSpace(string(b))
			}
			if b := read(filepath.Join(folder, "issuer")); b != nil {
				identity.Issuer = strings.TrimSpace(string(b))
			}
			err := func() error {
				v, err := sigstore.NewVerifier(trusted, time.Now)
				if err != nil {
					return err
				}
				var key *attest.PublicKey
				if b := read(filepath.Join(folder, "key.pub")); b != nil {
					k, err := attest.ParsePublicKey(b)
					if err != nil {
						return err
					}
					key = &k
				}
				sum := sha256.Sum256(artifact)
				signed, err := v.VerifyBlob(read(file), key, 1, 0, attest.Digest("sha256:"+hex.EncodeToString(sum[:])))
				if err != nil {
					return err
				}
				if key == nil && !identity.Matches(signed.Issuer, signed.Subject) {
					t.Logf("signed by %s, %s", signed.Issuer, signed.Subject)
					return os.ErrPermission
				}
				return nil
			}()
			if mustFail := strings.HasSuffix(name, "_fail"); mustFail != (err != nil) {
				t.Errorf("got %v", err)
			} else if mustFail {
				failed++
			} else {
				passed++
			}
		})
	}
	t.Logf("%d accepted and %d refused as they must be, of %d", passed, failed, len(cases))
}

func TestTrustedRootsThatAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": "x", "no content": "{}", "other type": `{"mediaType":"x"}`,
		"without authorities": `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`,
		"huge":                strings.Repeat(" ", 8<<20),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sigstore.NewVerifier([]byte(text), time.Now); err == nil {
				t.Error("it is accepted")
			}
		})
	}
}
