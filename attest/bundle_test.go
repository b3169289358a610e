package attest_test

import (
	"bytes"
	"encoding/json/jsontext"
	"reflect"
	"testing"

	"github.com/gatehouse-sec/gatehouse/attest"
)

// TestBundle writes bundles with each sort of material and reads them again.
func TestBundle(t *testing.T) {
	e := attest.Envelope{PayloadType: attest.PayloadType, Payload: []byte("{}"), Signatures: []attest.Signature{{Sig: []byte("sig")}}}
	entry := jsontext.Value(`{"logIndex":"1"}`)
	for name, tc := range map[string]struct {
		material attest.Material
		want     attest.Bundle
	}{
		"certificate": {attest.Material{Certificate: []byte("der")}, attest.Bundle{Certificate: true, Leaf: []byte("der")}},
		"log and time": {attest.Material{Certificate: []byte("der"), LogEntries: []jsontext.Value{entry}, Timestamps: [][]byte{[]byte("a"), []byte("b")}},
			attest.Bundle{Certificate: true, Leaf: []byte("der"), LogEntries: 1, Timestamps: 2}},
	} {
		b, err := attest.NewBundle(e, tc.material)
		if err != nil {
			t.Fatal(err)
		}
		got, err := attest.ParseBundle(b)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		tc.want.MediaType, tc.want.Envelope = attest.BundleMediaType, &e
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
	for _, n := range []int{0, 2} {
		if b, err := attest.NewBundle(attest.Envelope{PayloadType: "x", Payload: []byte("{}"), Signatures: make([]attest.Signature, n)}, attest.Material{}); err == nil {
			t.Errorf("a bundle with %d signatures: %s", n, b)
		}
	}
}

// FuzzBundle wants that what is refused is nothing at all, and that what is accepted
// is still the same after it was written again.
func FuzzBundle(f *testing.F) {
	for _, material := range []string{
		`{"publicKey":{"hint":"x"}}`, `{"certificate":{"rawBytes":"AA=="}}`, `{"certificate":{"rawBytes":1}}`, `{"x509CertificateChain":{"certificates":[{"rawBytes":"AA=="}]}}`,
		`{"publicKey":{"hint":"x"},"tlogEntries":[{}],"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"AA=="}]}}`, `{}`,
	} {
		f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":` + material +
			`,"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}}`))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := attest.ParseBundle(b)
		if err != nil {
			if !reflect.DeepEqual(got, attest.Bundle{}) {
				t.Fatalf("refused, but there is %+v", got)
			}
			return
		}
		if got.Envelope == nil {
			return
		}
		if n := len(got.Envelope.Signatures); n != 1 {
			t.Fatalf("accepted with %d signatures", n)
		}
		again, err := attest.NewBundle(*got.Envelope, attest.Material{Certificate: got.Leaf})
		if err != nil {
			t.Fatalf("accepted, but cannot be written: %v", err)
		}
		second, err := attest.ParseBundle(again)
		if err != nil {
			t.Fatalf("written, but refused: %v", err)
		}
		if !reflect.DeepEqual(second.Envelope, got.Envelope) || !bytes.Equal(second.Leaf, got.Leaf) {
			t.Fatalf("%+v became %+v", got, second)
		}
	})
}
