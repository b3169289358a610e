package attest

import (
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// PredicateVSA is the type of a SLSA Verification Summary Attestation.
const PredicateVSA = "https://slsa.dev/verification_summary/v1"

// SLSAVersion is the version of the specification that a [VSA] follows.
const SLSAVersion = "1.2"

// The names of the extension fields of a [VSA]. The specification allows fields
// whose name is a URI, and asks consumers to ignore those they do not know.
const (
	FieldOutcome  = "https://github.com/gatehouse-sec/gatehouse/vsa/outcome/v1"
	FieldCoverage = "https://github.com/gatehouse-sec/gatehouse/vsa/coverage/v1"
	FieldWaivers  = "https://github.com/gatehouse-sec/gatehouse/vsa/waivers/v1"
	FieldInputs   = "https://github.com/gatehouse-sec/gatehouse/vsa/inputs/v1"
)

// The results of a verification.
const (
	ResultPassed = "PASSED"
	ResultFailed = "FAILED"
)

// VSA is the predicate of a verification summary. The comments give what the
// specification asks for.
//
// https://slsa.dev/spec/v1.2/verification_summary
type VSA struct {
	// Verifier made the decision; consumers accept pairs of it and a signer.
	Verifier VSAVerifier `json:"verifier"`
	// TimeVerified is when; its age decides whether it is still believed.
	TimeVerified time.Time `json:"timeVerified,omitzero"`
	// ResourceURI is where consumers fetch the artifact.
	ResourceURI string `json:"resourceUri"`
	// Policy has a URI, and a digest if it can be pinned.
	Policy ResourceDescriptor `json:"policy"`
	// InputAttestations are all attestations that were used, each with a
	// digest, or none at all.
	InputAttestations []ResourceDescriptor `json:"inputAttestations,omitempty"`
	// VerificationResult is [ResultPassed] or [ResultFailed].
	VerificationResult string `json:"verificationResult"`
	// VerifiedLevels are the highest level of each track and what else was
	// found to hold, or FAILED alone.
	VerifiedLevels []string `json:"verifiedLevels"`
	// DependencyLevels counts dependencies by level; nil makes no claim.
	DependencyLevels map[string]int `json:"dependencyLevels,omitzero"`
	// SLSAVersion is the version of the specification; may be empty.
	SLSAVersion string `json:"slsaVersion,omitempty"`

	// Outcome, Coverage, Waivers and Inputs are ours, under the names of the
	// constants Field…; all empty in summaries of other producers.
	Outcome  string       `json:"https://github.com/gatehouse-sec/gatehouse/vsa/outcome/v1,omitempty"`
	Coverage *VSACoverage `json:"https://github.com/gatehouse-sec/gatehouse/vsa/coverage/v1,omitempty"`
	Waivers  []VSAWaiver  `json:"https://github.com/gatehouse-sec/gatehouse/vsa/waivers/v1,omitempty"`
	Inputs   *VSAInputs   `json:"https://github.com/gatehouse-sec/gatehouse/vsa/inputs/v1,omitempty"`

	// Unknown has the fields that are not known here, as the specification
	// asks consumers to ignore them; nil if there are none.
	Unknown jsontext.Value `json:",unknown"`
}

// VSAVerifier identifies who decided.
type VSAVerifier struct {
	// ID is a URI.
	ID string `json:"id"`
	// Version has the version of each component; may be empty.
	Version map[string]string `json:"version,omitempty"`
}

// VSACoverage says what was looked at.
type VSACoverage struct {
	// Digest is [gatehouse.Coverage.Digest].
	Digest string `json:"digest"`
	// Gaps counts what could not be judged and that no waiver covers, and
	// WaivedGaps what one covers.
	Gaps       int `json:"gaps"`
	WaivedGaps int `json:"waivedGaps"`
	// Files and Bytes count what was read.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// VSAWaiver is a waiver that covers something in the verdict.
type VSAWaiver struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Match   []string  `json:"match"`
	Owner   string    `json:"owner"`
	Expires time.Time `json:"expires"`
	// Covers counts the violations and gaps that do not count because of it.
	Covers int `json:"covers"`
}

// VSAInputs is what a verdict can be made again from.
type VSAInputs struct {
	// Report is the digest of the report in JSON.
	Report string `json:"report"`
	// Databases are the digests of the data, by scanner.
	Databases map[string]string `json:"databases,omitempty"`
	// Scanners are the digests of rules and options, by scanner.
	Scanners map[string]VSAScanner `json:"scanners,omitempty"`
	// Target is the digest over all that was read.
	Target string `json:"target"`
}

// VSAScanner identifies what a scanner looked for.
type VSAScanner struct {
	Version string `json:"version"`
	Rules   string `json:"rules,omitempty"`
	Options string `json:"options,omitempty"`
	Status  string `json:"status"`
}

// VSAOptions is what a summary needs besides the report and the verdict.
type VSAOptions struct {
	// Subject are the artifacts; see [Statement]. Each needs a SHA-256.
	Subject []ResourceDescriptor
	// ResourceURI is where consumers fetch the artifact.
	ResourceURI string
	// VerifierID is the URI of who decides; consumers pair it with a key or an
	// identity.
	VerifierID string
	// PolicyURI says where the policies are.
	PolicyURI string
	// ReportDigest is the digest of the report in JSON.
	ReportDigest Digest
	// InputAttestations are all attestations that the verdict rests on.
	InputAttestations []ResourceDescriptor
	// SLSALevels are levels of SLSA that a verified provenance proves; usually
	// empty.
	SLSALevels []string
	// DependencyLevels counts the dependencies whose level is known; nil makes
	// no claim.
	DependencyLevels map[string]int
}

// NewVSA makes the summary of a verdict over a report. Only [gatehouse.OutcomePass]
// gives PASSED: an incomplete verdict is a failed one, and its field
// [FieldOutcome] says which it was.
func NewVSA(report *gatehouse.Report, verdict *gatehouse.Verdict, opts VSAOptions) (Statement, error) {
	if err := opts.check(); err != nil {
		return Statement{}, fmt.Errorf("make a verification summary: %w", err)
	}
	digest, err := report.Coverage.Digest()
	if err != nil {
		return Statement{}, err
	}
	if digest != verdict.CoverageDigest {
		return Statement{}, fmt.Errorf("make a verification summary: the verdict is about the coverage %s, the report has %s", verdict.CoverageDigest, digest)
	}
	policyDigest, err := ParseDigest(verdict.Policy.Digest)
	if err != nil {
		return Statement{}, fmt.Errorf("make a verification summary: the policies: %w", err)
	}
	v := VSA{
		Verifier:           VSAVerifier{ID: opts.VerifierID, Version: map[string]string{report.Tool.Name: report.Tool.Version}},
		TimeVerified:       verdict.Time.UTC().Truncate(time.Second),
		ResourceURI:        opts.ResourceURI,
		Policy:             ResourceDescriptor{URI: opts.PolicyURI, Digest: map[string]string{"sha256": policyDigest.Hex()}},
		InputAttestations:  slices.Concat(used(report), opts.InputAttestations),
		VerificationResult: ResultFailed,
		VerifiedLevels:     []string{"FAILED"},
		DependencyLevels:   opts.DependencyLevels,
		SLSAVersion:        SLSAVersion,
		Outcome:            verdict.Outcome.String(),
		Coverage: &VSACoverage{
			Digest: digest, Gaps: len(verdict.Gaps), WaivedGaps: waivedGaps(verdict),
			Files: verdict.Subject.Files, Bytes: verdict.Subject.Bytes,
		},
		Waivers: waivers(verdict),
		Inputs:  inputs(report, opts.ReportDigest),
	}
	if verdict.Outcome == gatehouse.OutcomePass {
		v.VerificationResult = ResultPassed
		v.VerifiedLevels = slices.Concat(Levels(report, verdict), opts.SLSALevels)
	}
	return NewStatement(opts.Subject, PredicateVSA, v)
}

func (o VSAOptions) check() error {
	var errs []error
	if len(o.Subject) == 0 {
		errs = append(errs, errors.New("there is no subject"))
	}
	for _, r := range o.Subject {
		if r.SHA256() == "" {
			errs = append(errs, fmt.Errorf("the subject %q has no SHA-256", r.Name))
		}
	}
	for _, r := range o.InputAttestations {
		if len(r.Digest) == 0 {
			errs = append(errs, fmt.Errorf("the input attestation %q has no digest", r.URI))
		}
	}
	for _, u := range [][2]string{{"resource URI", o.ResourceURI}, {"id of the verifier", o.VerifierID}, {"URI of the policy", o.PolicyURI}} {
		if !strings.Contains(u[1], ":") {
			errs = append(errs, fmt.Errorf("the %s %q is not a URI", u[0], u[1]))
		}
	}
	return errors.Join(errs...)
}

func waivedGaps(v *gatehouse.Verdict) int {
	n := 0
	for _, w := range v.Waived {
		if w.Gap != nil {
			n++
		}
	}
	return n
}

func waivers(v *gatehouse.Verdict) []VSAWaiver {
	var out []VSAWaiver
	for _, w := range v.Waivers {
		if w.State == gatehouse.WaiverUsed || w.State == gatehouse.WaiverExpiring {
			out = append(out, VSAWaiver{ID: w.ID, Kind: string(w.Kind), Match: w.Match, Owner: w.Owner, Expires: w.Expires.UTC(), Covers: w.Matches})
		}
	}
	return out
}

func inputs(r *gatehouse.Report, digest Digest) *VSAInputs {
	in := &VSAInputs{Report: string(digest), Target: r.Target.Digest, Databases: map[string]string{}, Scanners: map[string]VSAScanner{}}
	for name, db := range r.Databases {
		in.Databases[name] = db.Digest
	}
	for _, s := range r.Coverage.Scanners {
		in.Scanners[s.Name] = VSAScanner{Version: s.Version, Rules: s.RulesDigest, Options: s.OptionsDigest, Status: string(s.Status)}
	}
	return in
}

// The levels that a passed verdict can give. Each says what was looked at and
// found to hold, never what was not looked at.
const (
	// LevelPassed is given with each passed verdict.
	LevelPassed = "GATEHOUSE_POLICY_PASSED"
	// LevelComplete means that there is no gap, not even one that is waived.
	LevelComplete = "GATEHOUSE_COVERAGE_COMPLETE"
	// LevelSecrets means that secrets were looked for everywhere, and that there
	// is none, apart from what the target itself says is none.
	LevelSecrets = "GATEHOUSE_SECRETS_CLEAN"
	// LevelInventory means that all dependencies were read.
	LevelInventory = "GATEHOUSE_DEP_INVENTORY"
	// LevelTriaged means that in addition each known vulnerability of a
	// dependency is one that a waiver or a VEX statement speaks about.
	LevelTriaged = "GATEHOUSE_DEP_TRIAGED"
	// LevelNoKEV means that no dependency has a vulnerability that is known to
	// be exploited, waived or not.
	LevelNoKEV = "GATEHOUSE_DEP_NO_KEV"
	// LevelIaC means that the configuration was judged and that no policy
	// objects to it, apart from what is waived.
	LevelIaC = "GATEHOUSE_IAC_CHECKED"
)

// Levels derives what holds of a target from a report and its verdict, sorted. It
// is empty unless the outcome is a pass.
func Levels(r *gatehouse.Report, v *gatehouse.Verdict) []string {
	if v.Outcome != gatehouse.OutcomePass {
		return nil
	}
	levels := []string{LevelPassed}
	if len(r.Coverage.Gaps) == 0 {
		levels = append(levels, LevelComplete)
	}
	complete := map[string]bool{}
	for _, s := range r.Coverage.Scanners {
		complete[s.Name] = s.Status == gatehouse.StatusComplete
	}
	waived := waivedFindings(v)
	secrets, triaged, exploited := true, true, false
	for i := range r.Findings {
		switch f := &r.Findings[i]; f.Kind {
		case gatehouse.KindSecret:
			secrets = secrets && f.Suppressed != nil
		case gatehouse.KindVulnerability:
			exploited = exploited || f.Vulnerability.Exploited != ""
			triaged = triaged && (waived[f.ID] || f.Vulnerability.VEX != nil)
		}
	}
	if complete["secrets"] && secrets {
		levels = append(levels, LevelSecrets)
	}
	if complete["sca"] {
		levels = append(levels, LevelInventory)
		if _, ok := r.Databases["sca"]; ok && triaged {
			levels = append(levels, LevelTriaged)
		}
		if _, ok := r.Databases["sca"]; ok && !exploited {
			levels = append(levels, LevelNoKEV)
		}
	}
	if complete["iac"] {
		levels = append(levels, LevelIaC)
	}
	slices.Sort(levels)
	return levels
}

// ParseVSA reads the predicate of a summary of any producer. Required fields that
// are missing are errors; unknown ones are ignored.
func ParseVSA(s Statement) (VSA, error) {
	if s.PredicateType != PredicateVSA {
		return VSA{}, fmt.Errorf("the predicate is of type %.200q, want %s", s.PredicateType, PredicateVSA)
	}
	var v VSA
	if err := jsonv2.Unmarshal(s.Predicate, &v); err != nil {
		return VSA{}, fmt.Errorf("the predicate is not a verification summary: %w", err)
	}
	missing := ""
	switch {
	case v.Verifier.ID == "":
		missing = "verifier.id"
	case v.ResourceURI == "":
		missing = "resourceUri"
	case v.Policy.URI == "":
		missing = "policy.uri"
	case len(v.VerifiedLevels) == 0:
		missing = "verifiedLevels"
	}
	if missing != "" {
		return VSA{}, fmt.Errorf("the verification summary has no %s", missing)
	}
	if v.VerificationResult != ResultPassed && v.VerificationResult != ResultFailed {
		return VSA{}, fmt.Errorf("the verification summary has the result %.50q, want %s or %s", v.VerificationResult, ResultPassed, ResultFailed)
	}
	return v, nil
}
