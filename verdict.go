package gatehouse

import (
	"fmt"
	"time"
)

// Outcome is what a verdict says. The zero value is [OutcomeIncomplete], which does
// not let anything through.
type Outcome int

// The outcomes.
const (
	// OutcomeIncomplete means that something could not be judged. It is not a pass.
	OutcomeIncomplete Outcome = iota
	// OutcomeFail means that at least one policy was violated.
	OutcomeFail
	// OutcomePass means that everything was looked at and no policy was violated.
	OutcomePass
)

// String is INCOMPLETE, FAIL or PASS.
func (o Outcome) String() string {
	switch o {
	case OutcomePass:
		return "PASS"
	case OutcomeFail:
		return "FAIL"
	}
	return "INCOMPLETE"
}

// MarshalText encodes the outcome as its name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText decodes a name exactly; anything else is an error.
func (o *Outcome) UnmarshalText(b []byte) error {
	for _, v := range []Outcome{OutcomeIncomplete, OutcomeFail, OutcomePass} {
		if v.String() == string(b) {
			*o = v
			return nil
		}
	}
	return fmt.Errorf("unknown outcome %q: want PASS, FAIL or INCOMPLETE", b)
}

// VerdictVersion is the version of the JSON form of [Verdict].
const VerdictVersion = 1

// Verdict is the judgement of policies over a report.
type Verdict struct {
	// Version is [VerdictVersion].
	Version int     `json:"version"`
	Outcome Outcome `json:"outcome"`
	// Reasons are sentences that say why the outcome is what it is; never
	// empty.
	Reasons []string `json:"reasons"`
	// Subject is what was judged.
	Subject TargetInfo `json:"subject"`
	// Time is the evaluation time: expiry of waivers and age of databases are
	// measured against it.
	Time   time.Time `json:"time"`
	Policy PolicyRef `json:"policy"`
	// CoverageDigest is [Coverage.Digest] of the report.
	CoverageDigest string `json:"coverage_digest"`
	// Violations make the outcome FAIL; sorted by severity, then place.
	Violations []Violation `json:"violations"`
	// Warnings do not change the outcome.
	Warnings []Violation `json:"warnings"`
	// Gaps make the outcome INCOMPLETE unless there are violations.
	Gaps []Gap `json:"gaps"`
	// Waived are violations and gaps that a waiver covers.
	Waived []Waived `json:"waived"`
	// Suppressed are findings that something in the target asks not to count,
	// and to which no policy objects; in the order of the report.
	Suppressed []Suppressed `json:"suppressed,omitempty"`
	// Waivers says for each waiver what became of it, in the order of the
	// file.
	Waivers []WaiverUse `json:"waivers"`
}

// PolicyRef identifies the policies that judged.
type PolicyRef struct {
	// Digest is "sha256:" and the hash over all modules and data.
	Digest string `json:"digest"`
	// Sources are where they came from, such as "baseline" or "policy/".
	Sources []string `json:"sources"`
	// Rules counts the rules that were evaluated.
	Rules int `json:"rules"`
}

// Violation is one thing that a policy objects to.
type Violation struct {
	// Rule is the path of the Rego rule without "data.", such as
	// "gatehouse.baseline.secrets.deny".
	Rule string `json:"rule"`
	// ID and Title are from the metadata of the rule; may be empty.
	ID    string `json:"id,omitempty"`
	Title string `json:"title,omitempty"`
	// Message is what the rule said.
	Message  string   `json:"message"`
	Severity Severity `json:"severity"`
	// Finding is the id of the finding it is about; may be empty.
	Finding string `json:"finding,omitempty"`
	// Gap is the id of the gap it is about; may be empty.
	Gap string `json:"gap,omitempty"`
	// Location is that of the finding or as the rule says; nil if neither.
	Location *Location `json:"location,omitempty"`
	// Solution and Controls are from the metadata of the rule; may be empty.
	Solution string   `json:"solution,omitempty"`
	Controls []string `json:"controls,omitempty"`
	// Details are the other keys of the object that the rule gave; may be nil.
	Details RawJSON `json:"details,omitempty"`
}

// Waived is a violation or a gap that does not count, and why.
type Waived struct {
	// Waiver is the id of the waiver.
	Waiver    string     `json:"waiver"`
	Violation *Violation `json:"violation,omitempty"`
	Gap       *Gap       `json:"gap,omitempty"`
}

// Suppressed is a finding that does not count, and who asked for it.
type Suppressed struct {
	// Finding is the id of the finding, and Rule that of its rule.
	Finding  string   `json:"finding"`
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Suppression
}

// WaiverKind is what a waiver is about: a kind of finding, a policy rule, or a
// coverage gap.
type WaiverKind string

// The kinds of waivers, apart from those that are a [Kind].
const (
	WaiverPolicy   WaiverKind = "policy"
	WaiverCoverage WaiverKind = "coverage"
)

// Waiver is a decision by a person that something does not count for a while.
type Waiver struct {
	// ID is unique within the file.
	ID   string     `json:"id"`
	Kind WaiverKind `json:"kind"`
	// Match are rule ids of findings (aliases of an advisory count too), paths
	// of policy rules, or codes of gaps, exactly as they are reported.
	Match []string `json:"match"`
	// Scope narrows the waiver; everything given must apply.
	Scope  WaiverScope `json:"scope"`
	Reason string      `json:"reason"`
	Owner  string      `json:"owner"`
	// Ticket is a URL or key; may be empty.
	Ticket string `json:"ticket,omitempty"`
	// Expires is the end of the last day, in UTC, on which it counts.
	Expires time.Time `json:"expires"`
	// Location is where the waiver stands.
	Location Location `json:"location"`
}

// WaiverScope says where a waiver applies.
type WaiverScope struct {
	// Paths are doublestar globs relative to the target.
	Paths []string `json:"paths,omitempty"`
	// Purls are package URLs, with or without version.
	Purls []string `json:"purls,omitempty"`
	// Resources are addresses of configured resources.
	Resources []string `json:"resources,omitempty"`
	// Fingerprints are fingerprints of findings.
	Fingerprints []string `json:"fingerprints,omitempty"`
	// Scanners are names of scanners, for gaps.
	Scanners []string `json:"scanners,omitempty"`
}

// WaiverState is what became of a waiver in a verdict.
type WaiverState string

// The states of a waiver.
const (
	WaiverUsed     WaiverState = "used"
	WaiverUnused   WaiverState = "unused"
	WaiverExpiring WaiverState = "expiring" // used, and ends soon
	WaiverExpired  WaiverState = "expired"
)

// WaiverUse is a waiver and what became of it.
type WaiverUse struct {
	Waiver
	State WaiverState `json:"state"`
	// Matches counts the violations and gaps that it covers, or would cover if
	// it had not expired.
	Matches int `json:"matches"`
}
