// Package gatehouse is one gate from commit to cluster: scanners look at a
// target, their findings become the input of Rego policies, and the policies'
// verdict says whether the target may go on.
//
// This package holds the nouns ([Target], [Scanner], [Finding], [Coverage],
// [Report], [Waiver], [Verdict]) and one verb, [Scan]. It imports only the
// standard library. The way of the data is
//
//	Target ──Scan──▶ Report ──policies.NewInput──▶ Input ──Decide──▶ Verdict
//
// # Absence is not success
//
// Whatever was asked for and did not happen is part of the result. Each file
// ends, for each scanner, as scanned, skipped (why) or failed (why); see
// [Coverage]. Whatever could not be judged is a [Gap]; a gap that no waiver
// covers makes the verdict [OutcomeIncomplete], which is also the zero value of
// [Outcome].
//
// # Reproducibility
//
// The same target, scanners, options and evaluation time give the same bytes.
// Nothing in this package reads the clock or the environment.
package gatehouse
