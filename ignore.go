package gatehouse

import "cmp"

// Ignore is a request, in a comment of the target or in a file of ignores, that
// findings do not count, and what became of it. The findings that it covers
// have it as their [Suppression].
type Ignore struct {
	// By is what asks for it, as a clause: "the comment trivy:ignore".
	By string `json:"by"`
	// Location is where it stands; a path that is not in the target is as it
	// was configured.
	Location Location `json:"location"`
	// Rule is the rule that it names, as written: "AVD-AWS-0086", "CKV_AWS_20"
	// or "*".
	Rule string `json:"rule"`
	// Reason is why, in the words of who wrote it; may be empty.
	Reason string `json:"reason,omitempty"`
	// Expires is the RFC 3339 date on which it ends; empty if it has no end.
	Expires string      `json:"expires,omitempty"`
	State   IgnoreState `json:"state"`
	// Note says, as a clause, why the state is what it is; may be empty.
	Note string `json:"note,omitempty"`
	// Findings counts those that it covers, or would cover if it were not
	// expired or refused.
	Findings int `json:"findings"`
}

// IgnoreState is what became of an [Ignore].
type IgnoreState string

// The states of ignores. Only a used one changes anything.
const (
	IgnoreUsed    IgnoreState = "used"
	IgnoreUnused  IgnoreState = "unused"  // no finding is there
	IgnoreUnknown IgnoreState = "unknown" // no rule has the name
	IgnoreExpired IgnoreState = "expired"
	IgnoreRefused IgnoreState = "refused" // what is written there does not count
)

func compareIgnores(a, b Ignore) int {
	return cmp.Or(
		cmp.Compare(a.Location.Path, b.Location.Path),
		cmp.Compare(a.Location.Line, b.Location.Line),
		cmp.Compare(a.Location.Column, b.Location.Column),
		cmp.Compare(a.By, b.By),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.State, b.State),
	)
}
