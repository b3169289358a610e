package gatehouse

import "time"

// Attestation is what somebody signed about the target, and what was verified: the
// signature, who made it, and all that a verification policy asks of it.
type Attestation struct {
	// PredicateType is a URI that says how to read the predicate.
	PredicateType string `json:"predicate_type"`
	// Predicate is a JSON object, as it was signed.
	Predicate RawJSON `json:"predicate"`
	// Authority is the name in the verification policy of who signed, and
	// Signer the id of the key, or the subject of the certificate.
	Authority string `json:"authority"`
	Signer    string `json:"signer"`
	// Time is when it was made, in RFC 3339 and UTC; empty if that is not known.
	Time string `json:"time,omitempty"`
	// Digest is that of the envelope or bundle, and Origin where it was found.
	Digest string `json:"digest"`
	Origin string `json:"origin"`
}

// RequiredAttestation is what a verification policy asks for, and whether it is there.
type RequiredAttestation struct {
	PredicateType string `json:"predicate_type"`
	Met           bool   `json:"met"`
	// Reason says in a clause why it is met or not.
	Reason string `json:"reason"`
}

// Layout says whether the target came about as an in-toto layout asks.
type Layout struct {
	// Path is as given, and Digest that of the file.
	Path   string `json:"path"`
	Digest string `json:"digest"`
	// Passed is true if each step was done by those who may, and the last one
	// ended with the target.
	Passed bool `json:"passed"`
	// Owners are the ids of the keys of those who signed it.
	Owners []string `json:"owners"`
	// Steps are in the order of the layout; empty if it was not signed by its
	// owners.
	Steps []LayoutStep `json:"steps"`
	// Problems say in clauses why it did not; empty if it did.
	Problems []string `json:"problems"`
	// Links are the digests of the files of the links, sorted.
	Links []string `json:"links"`
}

// LayoutStep is a step of a layout, and who did it.
type LayoutStep struct {
	Name string `json:"name"`
	Met  bool   `json:"met"`
	// Functionaries are the ids of the keys of those who did it, sorted.
	Functionaries []string `json:"functionaries"`
	Threshold     int      `json:"threshold"`
}

// Age is how old the attestation is; ok is false if that is not known.
func (a *Attestation) Age(now time.Time) (age time.Duration, ok bool) {
	at, err := time.Parse(time.RFC3339, a.Time)
	return now.Sub(at), err == nil
}
