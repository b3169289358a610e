// Command kms has a few keys, each for the time of two calls, and misbehaves on
// request.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	fmt.Fprintln(os.Stderr, "testkms was called")
	answer, err := run()
	if err != nil {
		answer = map[string]any{"errorMessage": err.Error()}
	}
	if answer != nil {
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			os.Exit(2)
		}
	}
	if err != nil {
		os.Exit(1)
	}
}

func run() (map[string]any, error) {
	var q struct {
		Init struct {
			Version string `json:"protocolVersion"`
			ID      string `json:"keyResourceID"`
			Hash    int    `json:"hashFunc"`
		} `json:"initOptions"`
		Method string `json:"methodName"`
	}
	if len(os.Args) != 3 || os.Args[1] != "v1" {
		return nil, fmt.Errorf("called with %q", os.Args)
	}
	if err := json.Unmarshal([]byte(os.Args[2]), &q); err != nil {
		return nil, err
	}
	if q.Init.Version != "v1" || q.Init.Hash != int(crypto.SHA256) {
		return nil, fmt.Errorf("called with %s", os.Args[2])
	}
	switch q.Init.ID {
	case "none":
		return nil, fmt.Errorf("there is no such key")
	case "silent":
		return nil, nil
	case "empty":
		return map[string]any{}, nil
	case "flood":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 1<<16)); err != nil {
				os.Exit(1)
			}
		}
	}
	key, err := load(q.Init.ID)
	if err != nil {
		return nil, err
	}
	switch q.Method {
	case "publicKey":
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		return map[string]any{"publicKey": map[string]any{"publicKeyPEM": text}}, err
	case "signMessage":
		message, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, err
		}
		if q.Init.ID == "wrong-sig" {
			message = append(message, 'x')
		}
		var opts crypto.SignerOpts = crypto.Hash(0)
		if _, ok := key.(ed25519.PrivateKey); !ok {
			sum := sha256.Sum256(message)
			message, opts = sum[:], crypto.SHA256
		}
		sig, err := key.Sign(rand.Reader, message, opts)
		return map[string]any{"signMessage": map[string]any{"signature": sig}}, err
	}
	return nil, fmt.Errorf("unknown method %s", q.Method)
}

// load reads the key beside the program, and makes it first if it is not there.
func load(id string) (crypto.Signer, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(filepath.Dir(program), id+".der")
	der, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		var made any
		switch id {
		case "rsa":
			made, err = rsa.GenerateKey(rand.Reader, 2048)
		case "ed25519":
			_, made, err = ed25519.GenerateKey(rand.Reader)
		default:
			made, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		if err != nil {
			return nil, err
		}
		if der, err = x509.MarshalPKCS8PrivateKey(made); err == nil {
			err = os.WriteFile(file, der, 0o600)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	return key.(crypto.Signer), nil
}
