package lint

import (
	"fmt"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/store"
)

// What Kyverno takes at most of an image.
const (
	maxReferrers  = 50
	maxLayerBytes = 10 << 20
)

// Image checks what is attached to the image with the digest. What is no bundle is
// left out. The last result is about all of them together, if there is something to
// say.
func Image(image string, digest attest.Digest, attached []store.Referrer) []Result {
	var out []Result
	for _, a := range attached {
		if a.IsBundle() {
			out = append(out, referrer(digest, a))
		}
	}
	if len(attached) > maxReferrers {
		r := Result{Origin: image, Digest: digest, Problems: []Problem{}}
		l := linter{result: &r}
		l.add("too-many-referrers", "", "there are %d", len(attached))
		out = append(out, r)
	}
	return out
}

func referrer(subject attest.Digest, a store.Referrer) Result {
	r := Result{Origin: a.Origin, Digest: a.Digest, Problems: []Problem{}}
	if a.Content != nil {
		r = Attestation(attest.Attestation{Bytes: a.Content, Origin: a.Origin})
	}
	l := linter{result: &r}
	if a.Layers != 1 {
		l.add("layer-count", "", "there are %d", a.Layers)
	}
	if a.Bytes > maxLayerBytes {
		l.add("layer-size", "", "it has %d bytes", a.Bytes)
	}
	if a.Type != attest.BundleMediaType {
		l.add("artifact-type", "", "it is %.100q", a.Type)
	}
	if a.ListedType != attest.BundleMediaType {
		l.add("listed-type", "", "it gives %.100q", a.ListedType)
	}
	for _, annotations := range []map[string]string{a.Annotations, a.ListedAnnotations} {
		if got := annotations["dev.sigstore.bundle.predicateType"]; got != r.PredicateType {
			l.add("annotations", "", "dev.sigstore.bundle.predicateType is %.200q", got)
			break
		}
	}
	if a.Content != nil {
		_, s, err := attest.Attestation{Bytes: a.Content}.Parse()
		if err == nil && !s.Has(subject) {
			l.add("other-subject", "", fmt.Sprintf("that is %s", subject))
		}
	}
	if !forSLSAVerifier(r.PredicateType) {
		l.without(SLSAVerifier)
	}
	return r
}
