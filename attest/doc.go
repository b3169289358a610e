// Package attest makes in-toto statements of verdicts and other results, above
// all the SLSA Verification Summary Attestation, and verifies attestations of
// any producer.
//
// A statement says something (the predicate) about artifacts (the subjects,
// which are digests). An envelope holds the bytes of a statement and signatures
// over them. The bytes are never made again from what was parsed: what is
// verified is what was signed.
//
// Sources:
//   - Statement v1: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
//   - DSSE: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
//   - VSA v1: https://slsa.dev/spec/v1.2/verification_summary
package attest
