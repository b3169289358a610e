package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestVault signs with a key in a Vault on the loopback interface, called as gatehouse
// calls it.
func TestVault(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{}
		switch {
		case r.Header.Get("X-Vault-Token") != "loopback":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/v1/transit/keys/release":
			answer = map[string]any{"latest_version": 1, "keys": map[string]any{"1": map[string]any{"name": "P-256", "public_key": string(public)}}}
		case strings.HasPrefix(r.URL.Path, "/v1/transit/sign/release"):
			var q struct {
				Input     []byte `json:"input"`
				Prehashed bool   `json:"prehashed"`
			}
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil || !q.Prehashed {
				t.Errorf("%+v, %v", q, err)
			}
			sig, err := ecdsa.SignASN1(rand.Reader, key, q.Input)
			if err != nil {
				t.Error(err)
			}
			answer = map[string]any{"signature": "vault:v1:" + base64.StdEncoding.EncodeToString(sig)}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"data": answer}); err != nil {
			t.Error(err)
		}
	}))
	defer vault.Close()
	t.Setenv("VAULT_ADDR", vault.URL)
	t.Setenv("VAULT_TOKEN", "loopback")
	call := func(program, id, method, message string) (map[string]map[string][]byte, error) {
		var out bytes.Buffer
		argument := fmt.Sprintf(`{"initOptions":{"protocolVersion":"v1","keyResourceID":%q,"hashFunc":5,"rpcOptions":{}},"methodName":%q,`+
			`"publicKey":{"publicKeyOptions":{"rpcOptions":{}}},"signMessage":{"signOptions":{"rpcOptions":{},"messageOptions":{}}}}`, id, method)
		if err := run(context.Background(), []string{program, "v1", argument}, strings.NewReader(message), &out); err != nil {
			return nil, err
		}
		answer := map[string]map[string][]byte{}
		if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
		return answer, nil
	}
	got, err := call("/opt/sigstore-kms-hashivault", "release", "publicKey", "")
	if err != nil || !bytes.Equal(got["publicKey"]["publicKeyPEM"], public) {
		t.Errorf("the public key is %s, %v", got["publicKey"]["publicKeyPEM"], err)
	}
	got, err = call("/opt/sigstore-kms-hashivault", "release", "signMessage", "message")
	sum := sha256.Sum256([]byte("message"))
	if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, sum[:], got["signMessage"]["signature"]) {
		t.Errorf("the signature does not verify: %v", err)
	}
	for _, tc := range [][2]string{{"kms", "sigstore-kms-NAME"}, {"sigstore-kms-nonesuch", "nonesuch"}} {
		if _, err := call(tc[0], "release", "publicKey", ""); err == nil || !strings.Contains(err.Error(), tc[1]) {
			t.Errorf("%s: %v", tc[0], err)
		}
	}
}
