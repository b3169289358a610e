// Package attest holds attestations of gatehouse against the tools of others: cosign
// and slsa-verifier, built from their modules, on the loopback interface.
//
//	make e2e
//
// builds them once, into the user's cache directory; that of cosign takes minutes.
package attest
