package gatehouse

// Compliance says which controls of a benchmark or guide hold for what was
// scanned.
type Compliance struct {
	// ID, Title and Version are those of the spec.
	ID      string `json:"id"`
	Title   string `json:"title"`
	Version string `json:"version"`
	// Passed, Failed and NotAssessed count the controls.
	Passed      int `json:"passed"`
	Failed      int `json:"failed"`
	NotAssessed int `json:"not_assessed"`
	// Controls are in the order of the spec.
	Controls []ControlResult `json:"controls"`
}

// ControlResult is what became of a control.
type ControlResult struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Severity Severity      `json:"severity"`
	Status   ControlStatus `json:"status"`
	// Reason says, as a clause, why it was not assessed, or what else there is
	// to say; may be empty.
	Reason string `json:"reason,omitempty"`
	// Checks are those that the spec names; empty if it names none.
	Checks []string `json:"checks,omitempty"`
	// Findings are the ids of those for which it failed.
	Findings []string `json:"findings,omitempty"`
}

// ControlStatus says whether a control holds.
type ControlStatus string

// The statuses of controls. What was not assessed is no pass.
const (
	ControlPassed      ControlStatus = "passed"
	ControlFailed      ControlStatus = "failed"
	ControlNotAssessed ControlStatus = "not-assessed"
)
