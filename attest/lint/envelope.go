package lint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json/jsontext"
	"strings"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

const bundleBase = "application/vnd.dev.sigstore.bundle"

// version is that of the media type of a bundle: 1, 2 or 3, and 0 if it is another.
//
// https://docs.sigstore.dev/about/bundle/
func version(mediaType string) int {
	switch mediaType {
	case bundleBase + "+json;version=0.1", bundleBase + ".v0.1+json":
		return 1
	case bundleBase + "+json;version=0.2", bundleBase + ".v0.2+json":
		return 2
	case bundleBase + "+json;version=0.3", attest.BundleMediaType:
		return 3
	}
	return 0
}

func (l *linter) bundle(fields map[string]jsontext.Value) {
	mediaType, _ := text(fields["mediaType"])
	v := version(mediaType)
	switch {
	case v == 0:
		l.add("bundle-media-type", "/mediaType", "it is %.100q", mediaType)
	case v < 3:
		l.add("bundle-old", "/mediaType", "%s", mediaType)
	}
	material, err := object(fields["verificationMaterial"])
	if err != nil {
		l.add("bundle-material", "/verificationMaterial", "it is missing, or no object")
		material = nil
	}
	l.material(v, material)
	switch {
	case fields["dsseEnvelope"] != nil && fields["messageSignature"] == nil:
		l.add("bundle-form", "", "")
		l.envelope("/dsseEnvelope", fields["dsseEnvelope"])
	default:
		l.add("blob-signature", "", "")
	}
}

func (l *linter) material(version int, m map[string]jsontext.Value) {
	const place = "/verificationMaterial"
	certificates := 0
	for _, name := range []string{"certificate", "x509CertificateChain"} {
		if m[name] != nil {
			certificates++
		}
	}
	switch {
	case m == nil:
	case m["publicKey"] != nil && certificates == 0:
		l.add("key-signed-bundle", place+"/publicKey", "")
	case m["publicKey"] != nil || certificates != 1:
		l.add("bundle-material", place, "")
	}
	if m["x509CertificateChain"] != nil && version >= 3 {
		l.add("bundle-chain", place+"/x509CertificateChain", "")
	}
	l.certificate(m)

	entries, _ := list(m["tlogEntries"])
	timed := false
	for i, e := range entries {
		fields, err := object(e)
		if err != nil {
			continue
		}
		if at, ok := text(fields["integratedTime"]); ok && at != "0" && at != "" {
			timed = true
		}
		want := "inclusionProof"
		if version == 1 {
			want = "inclusionPromise"
		}
		if version > 0 && fields[want] == nil {
			l.add("log-no-proof", pointer(place+"/tlogEntries", i), "there is no %s", want)
		}
	}
	timestamps := 0
	if data, err := object(m["timestampVerificationData"]); err == nil {
		stamps, _ := list(data["rfc3161Timestamps"])
		timestamps = len(stamps)
	}
	if certificates > 0 && !timed && timestamps == 0 {
		l.add("no-time", place, "%d log entries, none with a time", len(entries))
	}
	if len(entries) > limits.MaxSignatures || timestamps > limits.MaxSignatures {
		l.add("too-many-entries", place, "%d entries and %d timestamps", len(entries), timestamps)
	}
}

// certificate looks at the key of the certificate that signed.
func (l *linter) certificate(m map[string]jsontext.Value) {
	place, v := "/verificationMaterial/certificate", m["certificate"]
	if chain, err := object(m["x509CertificateChain"]); err == nil {
		if all, _ := list(chain["certificates"]); len(all) > 0 {
			place, v = "/verificationMaterial/x509CertificateChain/certificates/0", all[0]
		}
	}
	fields, err := object(v)
	if err != nil {
		return
	}
	encoded, _ := text(fields["rawBytes"])
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		l.add("bundle-material", place, "the certificate is not base64")
		return
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		l.add("bundle-material", place, "the certificate cannot be read")
		return
	}
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); ok && key.Curve != elliptic.P256() {
		l.add("key-curve", place, "%s", key.Curve.Params().Name)
	}
}

func (l *linter) envelope(place string, b []byte) {
	fields, err := object(b)
	if err != nil {
		l.add("not-json", place, "the envelope is no object")
		return
	}
	signatures, ok := list(fields["signatures"])
	switch {
	case !ok || len(signatures) == 0:
		l.add("no-signature", place+"/signatures", "")
	case len(signatures) > 1 && l.result.Form == "bundle":
		l.add("several-signatures", place+"/signatures", "there are %d", len(signatures))
	}
	for i, s := range signatures {
		fields, err := object(s)
		if err != nil {
			l.add("no-signature", pointer(place+"/signatures", i), "it is no object")
			continue
		}
		// A fingerprint as ssh prints it is what the library computes itself.
		if id, _ := text(fields["keyid"]); id != "" && !strings.HasPrefix(id, "SHA256:") {
			l.add("keyid", pointer(place+"/signatures", i)+"/keyid", "it is %.100q", id)
		}
		sig, _ := text(fields["sig"])
		if raw, err := decode(sig); err != nil || len(raw) == 0 {
			l.add("no-signature", pointer(place+"/signatures", i)+"/sig", "it is empty, or not base64")
		}
	}
	encoded, _ := text(fields["payload"])
	payload, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		if payload, err = decode(encoded); err != nil {
			l.add("payload-broken", place+"/payload", plain(err))
			return
		}
		l.add("payload-base64", place+"/payload", "")
	}
	if len(payload) == 0 {
		l.add("payload-broken", place+"/payload", "it is empty")
		return
	}
	if t, _ := text(fields["payloadType"]); t != attest.PayloadType {
		l.add("payload-type", place+"/payloadType", "it is %.100q", t)
		if t != attest.VerdictType {
			return
		}
	}
	l.statement(payload)
}

// decode reads both alphabets of base64, which DSSE asks of who reads.
func decode(s string) ([]byte, error) {
	if b, err := base64.StdEncoding.Strict().DecodeString(s); err == nil {
		return b, nil
	}
	return base64.URLEncoding.Strict().DecodeString(s)
}
