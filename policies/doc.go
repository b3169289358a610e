// Package policies loads, checks, tests and evaluates Rego policies, and knows
// waivers. It is the only package above the scanners that imports OPA.
//
// There are two kinds of policies. A report policy judges the whole [Report]:
// its package starts with "gatehouse", or says "custom: {input: report}" in
// its metadata. Its input is [InputDocument], and a field that does not exist
// there is a compile error. Every other policy judges configuration documents
// one by one, as conftest does.
//
// # Absence is not success
//
// A namespace that does not exist, a policy source without a policy, a package
// without a rule, a name that nothing defines: each is an error of [Load]. A
// rule that fails while it is evaluated, and policies for which there is no
// document, are gaps of the verdict, which is then INCOMPLETE.
//
// # Sandbox
//
// Policies see their input and their data only: no network, files, clock,
// randomness or environment. [AllowedBuiltins] lists what they may call.
// Evaluation is bounded in time and memory; see package limits.
//
// [Report]: https://pkg.go.dev/github.com/gatehouse-sec/gatehouse#Report
package policies
