package sign

import (
	"bytes"
	"context"
	"crypto"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// IsRemoteKey reports whether a key is in a key management service, such as
// awskms://…, rather than in a file.
func IsRemoteKey(uri string) bool { return remoteKey.MatchString(uri) }

var remoteKey = regexp.MustCompile(`^([a-z][a-z0-9-]*)://(.+)$`)

// pluginVersion is that of the protocol of plugins.
const pluginVersion = "v1"

// RemoteKey is a key in a key management service or a token, which a program called
// sigstore-kms-NAME reaches for NAME://…, as for cosign.
//
// https://github.com/sigstore/sigstore/tree/main/pkg/signature/kms/cliplugin
type RemoteKey struct {
	program string
	id      string
	stderr  io.Writer
	public  attest.PublicKey
}

// pluginCall is what the program gets as an argument, and pluginAnswer what it
// writes.
type (
	pluginCall struct {
		Init struct {
			ProtocolVersion string      `json:"protocolVersion"`
			KeyResourceID   string      `json:"keyResourceID"`
			HashFunc        crypto.Hash `json:"hashFunc"`
			RPCOptions      struct{}    `json:"rpcOptions"`
		} `json:"initOptions"`
		MethodName  string       `json:"methodName"`
		PublicKey   *publicCall  `json:"publicKey,omitzero"`
		SignMessage *messageCall `json:"signMessage,omitzero"`
	}
	publicCall struct {
		Options struct {
			RPCOptions struct{} `json:"rpcOptions"`
		} `json:"publicKeyOptions"`
	}
	messageCall struct {
		Options struct {
			RPCOptions     struct{} `json:"rpcOptions"`
			MessageOptions struct{} `json:"messageOptions"`
		} `json:"signOptions"`
	}
	pluginAnswer struct {
		Error     string `json:"errorMessage"`
		PublicKey struct {
			PEM []byte `json:"publicKeyPEM"`
		} `json:"publicKey"`
		SignMessage struct {
			Signature []byte `json:"signature"`
		} `json:"signMessage"`
	}
)

// OpenRemoteKey asks the program for the public key. What the program writes to its
// standard error goes to stderr.
func OpenRemoteKey(ctx context.Context, uri string, stderr io.Writer) (*RemoteKey, error) {
	parts := remoteKey.FindStringSubmatch(uri)
	if parts == nil {
		return nil, fmt.Errorf("%q is no key in a key management service: want NAME://…", uri)
	}
	name := "sigstore-kms-" + parts[1]
	program, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("the key %s needs the program %s, which is not in the PATH: see docs/keys.md", uri, name)
	}
	k := &RemoteKey{program: program, id: parts[2], stderr: stderr}
	answer, err := k.call(ctx, pluginCall{MethodName: "publicKey", PublicKey: &publicCall{}}, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: get the public key of %s: %w", name, uri, err)
	}
	if k.public, err = attest.ParsePublicKey(answer.PublicKey.PEM); err != nil {
		return nil, fmt.Errorf("%s: the public key of %s: %w", name, uri, err)
	}
	return k, nil
}

// Public is the other half of the key.
func (k *RemoteKey) Public() attest.PublicKey { return k.public }

// SignMessage has the program sign the message, and checks what it made.
func (k *RemoteKey) SignMessage(ctx context.Context, message []byte) ([]byte, error) {
	answer, err := k.call(ctx, pluginCall{MethodName: "signMessage", SignMessage: &messageCall{}}, message)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.program, err)
	}
	sig := answer.SignMessage.Signature
	if err := k.public.Verify(message, sig); err != nil {
		return nil, fmt.Errorf("%s: what it gave is no signature of its key: it must sign the SHA-256 of the message", k.program)
	}
	return sig, nil
}

func (k *RemoteKey) call(ctx context.Context, c pluginCall, stdin []byte) (pluginAnswer, error) {
	c.Init.ProtocolVersion, c.Init.KeyResourceID, c.Init.HashFunc = pluginVersion, k.id, crypto.SHA256
	argument, err := jsonv2.Marshal(c)
	if err != nil {
		return pluginAnswer{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &bounded{limit: limits.MaxServiceAnswerBytes, full: cancel}
	cmd := exec.CommandContext(ctx, k.program, pluginVersion, string(argument))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), out, k.stderr
	err = cmd.Run()
	if out.over {
		return pluginAnswer{}, fmt.Errorf("it writes more than %d bytes, the limit", out.limit)
	}
	// The exit status says nothing: errors stand in the answer.
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && (!ended || out.b.Len() == 0) {
		return pluginAnswer{}, err
	}
	var answer pluginAnswer
	if err := jsonv2.Unmarshal(out.b.Bytes(), &answer); err != nil {
		return pluginAnswer{}, fmt.Errorf("its answer cannot be read: %w", err)
	}
	if answer.Error != "" {
		return pluginAnswer{}, fmt.Errorf("it says%s", excerpt([]byte(answer.Error)))
	}
	return answer, nil
}

// bounded keeps what a program writes, and ends one that writes too much.
type bounded struct {
	b     bytes.Buffer
	limit int
	full  func()
	over  bool
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > w.limit {
		w.over = true
		w.full()
		return 0, io.ErrShortWrite
	}
	return w.b.Write(p)
}
