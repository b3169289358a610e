package lint

// Consumer is a program that reads attestations.
type Consumer string

// The consumers, at the versions whose source the rules were read from.
const (
	Cosign           Consumer = "cosign"            // v3.1.3
	SigstoreGo       Consumer = "sigstore-go"       // v1.3.0
	SLSAVerifier     Consumer = "slsa-verifier"     // v2.7.1
	PolicyController Consumer = "policy-controller" // v0.15.1
	Kyverno          Consumer = "kyverno"           // v1.19
	Gatehouse        Consumer = "gatehouse"
)

// Consumers lists all of them.
func Consumers() []Consumer {
	return []Consumer{Cosign, SigstoreGo, SLSAVerifier, PolicyController, Kyverno, Gatehouse}
}

// Level is what a problem means for those whom it concerns.
type Level string

// The levels.
const (
	// Refused means that they refuse the attestation, or do not see it.
	Refused Level = "refused"
	// Misread means that they accept it, and take it for something that it does
	// not say.
	Misread Level = "misread"
	// Form means that they read the same statement in another form only.
	Form Level = "other-form"
	// Note means that nobody refuses it, but that it is against a
	// specification or less useful than it could be.
	Note Level = "note"
)

// Rule is what can be wrong with an attestation.
type Rule struct {
	ID    string `json:"id"`
	Level Level  `json:"level"`
	// Title says in a clause what is wrong.
	Title string `json:"title"`
	// Fix says what to do.
	Fix string `json:"fix"`
	// Concerns says for each consumer what happens; empty for a note.
	Concerns []Concern `json:"concerns"`
}

// Concern is what a consumer does about it.
type Concern struct {
	Consumer Consumer `json:"consumer"`
	// Why is a clause, and Source where it can be looked up.
	Why    string `json:"why"`
	Source string `json:"source"`
}

// The places in the source of consumers and in specifications that rules rest on.
const (
	srcDSSE        = "github.com/secure-systems-lab/go-securesystemslib@v0.11.0 dsse/verify.go"
	srcEnvelope    = "github.com/sigstore/sigstore-go@v1.3.0 pkg/verify/signature.go verifyEnvelope"
	srcBundle      = "github.com/sigstore/sigstore-go@v1.3.0 pkg/bundle/bundle.go validate"
	srcContent     = "github.com/sigstore/sigstore-go@v1.3.0 pkg/bundle/signature_content.go Statement"
	srcSubjects    = "github.com/sigstore/sigstore-go@v1.3.0 pkg/verify/signature.go limitSubjects"
	srcEntries     = "github.com/sigstore/sigstore-go@v1.3.0 pkg/verify/tlog.go"
	srcClaims      = "github.com/sigstore/cosign/v3@v3.1.3 pkg/cosign/verifiers.go IntotoSubjectClaimVerifier"
	srcPolicy      = "github.com/sigstore/cosign/v3@v3.1.3 pkg/policy/attestation.go AttestationToPayloadJSON"
	srcGetBundles  = "github.com/sigstore/cosign/v3@v3.1.3 pkg/cosign/verify.go GetBundles"
	srcCosignV     = "github.com/sigstore/cosign/v3@v3.1.3 cmd/cosign/cli/verify/verify.go"
	srcBundleSpec  = "github.com/sigstore/cosign specs/BUNDLE_SPEC.md"
	srcSLSA        = "github.com/slsa-framework/slsa-verifier/v2@v2.7.1 verifiers/internal/vsa/verifier.go"
	srcSLSAUtils   = "github.com/slsa-framework/slsa-verifier/v2@v2.7.1 verifiers/utils/dsse.go"
	srcSLSAVSA     = "github.com/slsa-framework/slsa-verifier/v2@v2.7.1 verifiers/internal/vsa/v1.0/vsa.go"
	srcKyvernoCpol = "github.com/kyverno/kyverno@v1.19.0 ext/image/verifiers/cosign/sigstore.go"
	srcKyvernoIvp  = "github.com/kyverno/kyverno@v1.19.0 ivpol/cosign/verifier.go"
	srcVSA         = "https://slsa.dev/spec/v1.2/verification_summary"
	srcStatement   = "https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md"
	srcOurs        = "docs/attestations.md"
	srcPCBundle    = "https://github.com/sigstore/policy-controller/issues/1958"
)

func on(why, source string, consumers ...Consumer) []Concern {
	out := make([]Concern, len(consumers))
	for i, c := range consumers {
		out[i] = Concern{c, why, source}
	}
	return out
}

// all is on for everybody.
func all(why, source string) []Concern { return on(why, source, Consumers()...) }

func also(lists ...[]Concern) []Concern {
	var out []Concern
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// rules are all rules by id. Where policy-controller or Kyverno are named with the
// source of cosign or sigstore-go, that is the library they verify with.
var rules = index([]Rule{
	// The envelope and the bundle.
	{"not-json", Refused, "it is no JSON object", "get the file again", all("cannot be parsed", srcDSSE)},
	{"not-attestation", Refused, "it is neither an envelope, a bundle nor a statement", "lint the file that was signed", all("has none of the keys that are looked for", srcDSSE)},
	{"unsigned", Refused, "it is a bare statement, without an envelope", "sign it: gatehouse attest PATH --predicate FILE --type TYPE", all("there is no signature", srcDSSE)},
	{"blob-signature", Refused, "the bundle signs a blob, and is no attestation", "attest the artifact instead of signing it", on("there is no statement in it", srcContent, Cosign, SLSAVerifier, PolicyController, Kyverno, Gatehouse)},
	{"duplicate-key", Refused, "a key stands twice in an object, so that readers see different things", "write each key once", also(
		on("refuses the second of two keys", srcContent, Cosign, SigstoreGo, PolicyController, Kyverno),
		on("refuses to have two readings", srcOurs, Gatehouse))},
	{"payload-base64", Refused, "the payload is in the alphabet of base64 for URLs", "encode it with + and /", also(
		on("decodes the standard alphabet alone", srcSLSAUtils, SLSAVerifier), on("decodes the standard alphabet alone", srcPolicy, Cosign, PolicyController))},
	{"payload-broken", Refused, "the payload is empty, or not base64", "get the file again", all("there is nothing to read", srcDSSE)},
	{"payload-type", Refused, "the type of the payload is not application/vnd.in-toto+json", "nothing, if this is a verdict that is no pass: it shall not count", all("knows statements by this type alone", srcContent)},
	{"no-signature", Refused, "the envelope has no signature", "sign it", all("there is nothing to verify", srcDSSE)},
	{"several-signatures", Refused, "the envelope in a bundle has more than one signature", "make a bundle for each signature", also(
		on("wants exactly one", srcEnvelope, Cosign, SigstoreGo, PolicyController, Kyverno), on("wants exactly one", srcOurs, Gatehouse))},
	{"keyid", Refused, "a signature has a keyid, and who verifies skips it unless its own name for the key is the same", "leave keyid empty", also(
		on("compares it with the SSH fingerprint of the key", srcDSSE, Cosign, SigstoreGo, PolicyController, Kyverno),
		on("compares it with --public-key-id", srcSLSA, SLSAVerifier))},
	{"bundle-media-type", Refused, "the media type of the bundle is not one of a known version", "write application/vnd.dev.sigstore.bundle.v0.3+json", also(
		on("knows versions 0.1 to 0.3", srcBundle, Cosign, SigstoreGo, PolicyController, Kyverno), on("knows bundles by this type", srcOurs, Gatehouse))},
	{"bundle-material", Refused, "the bundle does not have exactly one of a key and a certificate", "make the bundle again", also(
		on("does not know who signed", srcBundle, Cosign, SigstoreGo, PolicyController, Kyverno), on("does not know who signed", srcOurs, Gatehouse))},
	{"bundle-chain", Refused, "a bundle of version 0.3 has a chain of certificates instead of one", "put the leaf alone into verificationMaterial.certificate", on("version 0.3 has one certificate", srcBundle, Cosign, SigstoreGo, PolicyController, Kyverno)},
	{"bundle-old", Note, "the bundle is of an older version", "write version 0.3", nil},
	{"log-no-proof", Refused, "an entry of the transparency log has no proof that it is in the log", "get the entry again with its proof", on("bundles from version 0.2 on need an inclusion proof, those of 0.1 an inclusion promise", srcBundle, Cosign, SigstoreGo, PolicyController, Kyverno)},
	{"no-time", Refused, "a certificate that lives for minutes signed, and nothing says when: no log entry with a time, and no timestamp", "add a signed timestamp (RFC 3161); version 2 of Rekor gives no time", also(
		on("needs a time at which the certificate was valid", srcEntries, Cosign, SigstoreGo, PolicyController, Kyverno), on("needs a time at which the certificate was valid", srcOurs, Gatehouse))},
	{"too-many-entries", Refused, "the bundle has more than 32 log entries or timestamps", "leave some out", also(on("stops at 32", srcEntries, Cosign, SigstoreGo, PolicyController, Kyverno), on("stops at 32", srcOurs, Gatehouse))},
	{"key-curve", Refused, "the key of the certificate is on another curve than P-256", "sign with P-256 and SHA-256", on("takes the wrong hash for other curves", "https://github.com/sigstore/cosign/issues/5092", Cosign)},
	{"key-signed-bundle", Form, "a key signed the bundle", "attach the older form (tag sha256-….att) too, or sign with an identity", on("bundles need a certificate", srcPCBundle, PolicyController)},
	{"envelope-form", Form, "it is a bare envelope", "give them the bundle", on("looks for bundles", srcGetBundles, SigstoreGo, PolicyController, Kyverno)},
	{"bundle-form", Form, "it is a bundle", "give it the envelope in it (.dsse.json)", on("reads the envelope alone", srcSLSAUtils, SLSAVerifier)},

	// The statement.
	{"statement-json", Refused, "the payload is no JSON object", "sign a statement", all("cannot be parsed", srcContent)},
	{"statement-type", Refused, "the type of the statement is neither v1 nor v0.1", "write https://in-toto.io/Statement/v1", also(
		on("knows these two", srcSLSAUtils, SLSAVerifier), on("knows these two", srcOurs, Gatehouse))},
	{"statement-v01", Note, "the statement is of version 0.1", "write https://in-toto.io/Statement/v1", nil},
	{"unknown-field", Refused, "the statement or a subject has a field that the specification does not have", "move it into the predicate, or into annotations of the subject", also(
		on("parses strictly; one such attestation of a trusted signer fails the whole command", srcPolicy, Cosign),
		on("parses strictly", srcContent, SigstoreGo, PolicyController, Kyverno),
		on("a misspelt field must not be passed over", srcOurs, Gatehouse))},
	{"wrong-shape", Refused, "a field is not of the type that the specification gives it", "see https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md", all("cannot be parsed", srcContent)},
	{"no-subject", Refused, "there is no subject", "name the artifact and its SHA-256", all("there is nothing that it is about", srcSubjects)},
	{"no-sha256", Refused, "no subject has a SHA-256", "add the SHA-256 of the artifact", also(
		on("compares the SHA-256 alone", srcClaims, Cosign, PolicyController),
		on("looks for the SHA-256 of the image", srcKyvernoIvp, Kyverno))},
	{"digest-form", Refused, "a digest is not in lower-case hexadecimal digits of the right length", "write the digest in lower case", also(
		on("compares the text", srcClaims, Cosign, PolicyController, Kyverno), on("compares the text", srcSLSA, SLSAVerifier), on("compares the text", srcOurs, Gatehouse))},
	{"too-many-subjects", Refused, "there are more than 1,024 subjects, or one has more than 32 digests", "make several statements", on("stops there", srcSubjects, Cosign, SigstoreGo, PolicyController, Kyverno)},
	{"no-predicate-type", Refused, "there is no predicateType", "name the type of the predicate as a URI", also(
		on("selects by it", srcPolicy, Cosign, PolicyController, Kyverno), on("selects by it", srcSLSAVSA, SLSAVerifier), on("selects by it", srcOurs, Gatehouse))},
	{"predicate-type-form", Note, "predicateType is no URI", "write a URI that says how to read the predicate", nil},
	{"predicate-type-variant", Refused, "predicateType is not the one that is looked for", "write the type without a version, as cosign and others do", on("compares the whole text with that of --type", srcPolicy, Cosign, PolicyController)},
	{"predicate-object", Refused, "the predicate is no JSON object", "make it an object", also(
		on("reads it into a protobuf Struct", srcContent, Cosign, SigstoreGo, PolicyController, Kyverno), on("wants an object", srcOurs, Gatehouse))},
	{"big-integer", Misread, "an integer is beyond 2^53", "write it as a string", on("reads numbers as 64-bit floats, and sees another one", srcContent, Cosign, SigstoreGo, PolicyController, Kyverno)},
	{"release-verdict-confusion", Misread, "a failed summary is an attestation of the signer like any other", "sign it with an identity that signs no releases, or in an envelope of another type as gatehouse does", also(
		on("takes any attestation of the right identity for a signature, whatever it says", srcCosignV, Cosign),
		on("verifyImageSignatures takes any attestation of the right identity for a signature", srcKyvernoIvp, Kyverno))},

	// Verification summaries.
	{"vsa-type", Refused, "it looks like a verification summary, but its predicateType is not https://slsa.dev/verification_summary/v1", "write that type, and the fields that it asks for", also(
		on("wants this type", srcSLSAVSA, SLSAVerifier), on("wants this type", srcOurs, Gatehouse))},
	{"vsa-shape", Refused, "a field of the summary is not of the type that the specification gives it", "dependencyLevels are numbers, verifier.version is an object, times are RFC 3339", also(
		on("cannot decode it", srcSLSAVSA, SLSAVerifier), on("cannot decode it", srcOurs, Gatehouse))},
	{"vsa-required", Refused, "the summary lacks a field that it must have", "add it", also(
		on("has nothing to compare", srcSLSA, SLSAVerifier), on("has nothing to compare", srcVSA, Gatehouse))},
	{"vsa-policy-uri", Refused, "the summary does not say by which policy it was judged", "set policy.uri", on("the field is required", srcVSA, Gatehouse)},
	{"vsa-policy-digest", Note, "the policy has no digest, so that nobody can pin it", "set policy.digest", nil},
	{"vsa-time", Refused, "the summary does not say when it was made", "set timeVerified", on("cannot tell how old it is", srcVSA, Gatehouse)},
	{"vsa-result", Refused, "the result is neither PASSED nor FAILED", "write one of the two", also(on("wants PASSED", srcSLSA, SLSAVerifier), on("wants PASSED", srcVSA, Gatehouse))},
	{"vsa-level-form", Refused, "a level starts with SLSA_ and is not shaped like SLSA_BUILD_LEVEL_3", "leave it out: one such level makes the whole summary unreadable", on("refuses the whole summary", srcSLSA+" extractSLSALevels", SLSAVerifier)},
	{"vsa-level-twice", Note, "there are two levels of one track", "name the highest alone; see " + srcVSA, nil},
	{"vsa-failed-level", Misread, "FAILED stands beside other levels, or in a summary that passed", "a failed summary has the level FAILED alone", also(
		on("looks for the level that it wants, and passes FAILED over", srcSLSA+" matchVerifiedLevels", SLSAVerifier), on("looks for the level that it wants, and passes FAILED over", srcVSA, Gatehouse))},
	{"vsa-failed", Refused, "the result is FAILED", "nothing, if it failed", also(on("wants PASSED", srcSLSA+" confirmVerificationResult", SLSAVerifier), on("wants PASSED", srcVSA, Gatehouse))},
	{"vsa-resource-tag", Note, "resourceUri has a tag or version, so that it differs for each name of one artifact: verifiers compare the whole text", "leave it out, such as pkg:oci/app?repository_url=registry.example/team/app", nil},
	{"vsa-input-digest", Note, "an input attestation has no digest, which the specification asks for", "add it", nil},
	{"vsa-extension-name", Note, "a field that the specification does not have is not named by a URI", "name it by a URI; see " + srcVSA, nil},
	{"vsa-slsa-version", Note, "slsaVersion is not MAJOR.MINOR", "write it such as 1.2", nil},

	// What is attached to an image.
	{"too-many-referrers", Refused, "more than 50 documents are attached to the image", "detach those that are superseded", on("a ClusterPolicy of type SigstoreBundle stops at 50", srcKyvernoCpol, Kyverno)},
	{"layer-size", Refused, "the attestation has more than 10 MB", "attach a reference to what is large", on("a ClusterPolicy of type SigstoreBundle stops at 10 MB", srcKyvernoCpol, Kyverno)},
	{"layer-count", Refused, "the manifest does not have exactly one layer", "attach each bundle on its own", also(
		on("passes the manifest over", srcGetBundles, Cosign), on("reads one layer", srcBundleSpec, PolicyController, Kyverno), on("wants one", srcOurs, Gatehouse))},
	{"listed-type", Refused, "the list of referrers does not give the artifactType of the bundle", "write the entry again, with the type and annotations of the manifest; where the registry makes the list, it is the registry that leaves the type out", on("filters the list by artifactType", "https://github.com/kyverno/kyverno/issues/16754", Kyverno, PolicyController)},
	{"artifact-type", Refused, "the artifactType of the manifest is not that of a bundle", "attach it with application/vnd.dev.sigstore.bundle.v0.3+json", also(
		on("filters by artifactType", "https://github.com/kyverno/kyverno/issues/16754", Kyverno, PolicyController), on("knows bundles by it", srcOurs, Gatehouse))},
	{"annotations", Note, "the annotations that say what it is are missing or differ from what it says", "set dev.sigstore.bundle.content and dev.sigstore.bundle.predicateType; see " + srcBundleSpec, nil},
	{"other-subject", Refused, "it is attached to an image that it is not about", "attach it to its subject", all("the digest of the image is not among the subjects", srcClaims)},
})

// index puts the rules in a map; a rule that is there twice would hide one.
func index(list []Rule) map[string]Rule {
	out := make(map[string]Rule, len(list))
	for _, r := range list {
		if _, ok := out[r.ID]; ok {
			panic("the rule " + r.ID + " is there twice")
		}
		out[r.ID] = r
	}
	return out
}
