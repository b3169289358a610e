package attest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// The types of predicates that [NewResult] makes, and [PredicateOpenVEX].
const (
	// PredicateVulns lists vulnerabilities:
	// https://github.com/in-toto/attestation/blob/main/spec/predicates/vulns_02.md
	PredicateVulns = "https://in-toto.io/attestation/vulns/v0.2"
	// PredicateCosignVuln is the older form, by which policies of admission
	// controllers ask:
	// https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md
	PredicateCosignVuln = "https://cosign.sigstore.dev/attestation/vuln/v1"
	// PredicateTestResult says which tests passed:
	// https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
	PredicateTestResult = "https://in-toto.io/attestation/test-result/v0.1"
	// PredicateSVR says which properties were found to hold:
	// https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md
	PredicateSVR = "https://in-toto.io/attestation/svr/v0.2"
	// PredicateOpenVEX is a VEX document:
	// https://github.com/openvex/spec/blob/main/ATTESTING.md
	PredicateOpenVEX = "https://openvex.dev/ns"
)

// The kinds of results beside a summary.
const (
	KindVulns      = "vulns"
	KindCosignVuln = "cosign-vuln"
	KindTestResult = "test-result"
	KindSVR        = "svr"
	KindOpenVEX    = "openvex"
)

// ResultKinds are all kinds.
func ResultKinds() []string {
	return []string{KindVulns, KindCosignVuln, KindTestResult, KindSVR, KindOpenVEX}
}

// ResultOptions are what a result needs besides the report and the verdict.
type ResultOptions struct {
	// Subject are the artifacts; see [Statement].
	Subject []ResourceDescriptor
	// VerifierID is the URI of who decides, and PolicyURI where the policies are.
	VerifierID, PolicyURI string
	// Rules are the paths of the policy rules that were evaluated.
	Rules []string
}

// vulnDatabase is the data that a scanner matched against.
type vulnDatabase struct {
	URI        string `json:"uri,omitempty"`
	Version    string `json:"version"`
	LastUpdate string `json:"lastUpdate,omitempty"`
}

type scanMetadata struct {
	Started  time.Time `json:"scanStartedOn"`
	Finished time.Time `json:"scanFinishedOn"`
}

// vulnsPredicate is [PredicateVulns].
type vulnsPredicate struct {
	Scanner struct {
		URI     string       `json:"uri"`
		Version string       `json:"version,omitempty"`
		DB      vulnDatabase `json:"db"`
		Result  []vuln       `json:"result"`
	} `json:"scanner"`
	Metadata scanMetadata `json:"metadata"`
}

type vuln struct {
	ID          string              `json:"id"`
	Severity    []vulnSeverity      `json:"severity"`
	Annotations []map[string]string `json:"annotations,omitempty"`
}

type vulnSeverity struct {
	Method string `json:"method"`
	Score  string `json:"score"`
}

// cosignVulnPredicate is [PredicateCosignVuln].
type cosignVulnPredicate struct {
	Invocation struct {
		Parameters []string `json:"parameters"`
		URI        string   `json:"uri"`
		EventID    string   `json:"event_id"`
		BuilderID  string   `json:"builder.id"`
	} `json:"invocation"`
	Scanner struct {
		URI     string       `json:"uri"`
		Version string       `json:"version"`
		DB      vulnDatabase `json:"db"`
		Result  struct {
			Vulnerabilities []cosignVuln `json:"vulnerabilities"`
		} `json:"result"`
	} `json:"scanner"`
	Metadata scanMetadata `json:"metadata"`
}

type cosignVuln struct {
	ID            string   `json:"id"`
	Aliases       []string `json:"aliases,omitempty"`
	Severity      string   `json:"severity"`
	CVSS          float64  `json:"cvss,omitzero"`
	Purl          string   `json:"purl"`
	FixedVersions []string `json:"fixedVersions,omitempty"`
	Exploited     string   `json:"exploited,omitempty"`
	Waived        bool     `json:"waived"`
}

// testResultPredicate is [PredicateTestResult].
type testResultPredicate struct {
	Result        string               `json:"result"`
	Configuration []ResourceDescriptor `json:"configuration"`
	Passed        []string             `json:"passedTests"`
	Warned        []string             `json:"warnedTests"`
	Failed        []string             `json:"failedTests"`
}

// svrPredicate is [PredicateSVR].
type svrPredicate struct {
	Verifier struct {
		ID       string               `json:"id"`
		Policies []ResourceDescriptor `json:"policies"`
	} `json:"verifier"`
	TimeCreated time.Time `json:"timeCreated"`
	Properties  []string  `json:"properties"`
}

// NewResult makes a statement about a pass, of one of the kinds but
// [KindOpenVEX]. There is none about another outcome: some verifiers take any
// statement of the right signer for a signature of the artifact.
func NewResult(kind string, r *gatehouse.Report, v *gatehouse.Verdict, o ResultOptions) (Statement, error) {
	if v.Outcome != gatehouse.OutcomePass {
		return Statement{}, fmt.Errorf("make a result of the kind %s: the verdict is %s, and only a pass is attested", kind, v.Outcome)
	}
	s, err := newResult(kind, r, v, o)
	if err != nil {
		return Statement{}, fmt.Errorf("make a result of the kind %s: %w", kind, err)
	}
	return s, nil
}

func newResult(kind string, r *gatehouse.Report, v *gatehouse.Verdict, o ResultOptions) (Statement, error) {
	switch kind {
	case KindVulns:
		p, err := vulns(r, v)
		if err != nil {
			return Statement{}, err
		}
		return NewStatement(o.Subject, PredicateVulns, p)
	case KindCosignVuln:
		p, err := cosignVulns(r, v)
		if err != nil {
			return Statement{}, err
		}
		return NewStatement(o.Subject, PredicateCosignVuln, p)
	}
	digest, err := ParseDigest(v.Policy.Digest)
	if err != nil {
		return Statement{}, fmt.Errorf("the policies: %w", err)
	}
	policy := []ResourceDescriptor{{URI: o.PolicyURI, Digest: map[string]string{"sha256": digest.Hex()}}}
	switch kind {
	case KindTestResult:
		p, err := testResult(v, o.Rules)
		if err != nil {
			return Statement{}, err
		}
		p.Configuration = policy
		return NewStatement(o.Subject, PredicateTestResult, p)
	case KindSVR:
		p := svrPredicate{TimeCreated: v.Time.UTC().Truncate(time.Second), Properties: Levels(r, v)}
		p.Verifier.ID, p.Verifier.Policies = o.VerifierID, policy
		return NewStatement(o.Subject, PredicateSVR, p)
	}
	return Statement{}, fmt.Errorf("unknown kind: want one of %s", strings.Join(ResultKinds(), ", "))
}

// matched is the database that dependencies were matched against. An empty list of
// vulnerabilities says that there is none, so all of them must have been looked at.
func matched(r *gatehouse.Report) (vulnDatabase, error) {
	for _, s := range r.Coverage.Scanners {
		if s.Name != "sca" {
			continue
		}
		if s.Status != gatehouse.StatusComplete {
			return vulnDatabase{}, fmt.Errorf("the dependencies were not looked at as a whole (%s), so a list of their vulnerabilities would leave some out", s.Status)
		}
		db, ok := r.Databases["sca"]
		if !ok {
			return vulnDatabase{}, errors.New("there was no vulnerability database: get one with gatehouse db pull")
		}
		return vulnDatabase{URI: "urn:gatehouse:database:" + db.Digest, Version: db.Digest, LastUpdate: db.UpdatedAt}, nil
	}
	return vulnDatabase{}, errors.New("dependencies were not looked at: scan them too")
}

// toolURI is the package URL of a tool.
func toolURI(t gatehouse.Tool) string {
	return "pkg:golang/github.com/gatehouse-sec/" + t.Name + "@" + t.Version
}

// scanTime is that of the decision. A report does not say when it was made, so that
// the same input gives the same bytes.
func scanTime(v *gatehouse.Verdict) scanMetadata {
	t := v.Time.UTC().Truncate(time.Second)
	return scanMetadata{t, t}
}

func vulns(r *gatehouse.Report, v *gatehouse.Verdict) (vulnsPredicate, error) {
	var p vulnsPredicate
	db, err := matched(r)
	if err != nil {
		return p, err
	}
	p.Scanner.URI, p.Scanner.Version, p.Scanner.DB, p.Scanner.Result = toolURI(r.Tool), r.Tool.Version, db, []vuln{}
	p.Metadata = scanTime(v)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Kind != gatehouse.KindVulnerability {
			continue
		}
		entry := vuln{ID: f.Rule, Severity: []vulnSeverity{{"gatehouse", strings.ToLower(f.Severity.String())}}}
		if f.Vulnerability.CVSS > 0 {
			entry.Severity = append(entry.Severity, vulnSeverity{"cvss_score", strconv.FormatFloat(f.Vulnerability.CVSS, 'f', 1, 64)})
		}
		entry.Annotations = []map[string]string{{"purl": f.Vulnerability.Package.Purl, "path": f.Location.Path}}
		p.Scanner.Result = append(p.Scanner.Result, entry)
	}
	return p, nil
}

func cosignVulns(r *gatehouse.Report, v *gatehouse.Verdict) (cosignVulnPredicate, error) {
	var p cosignVulnPredicate
	db, err := matched(r)
	if err != nil {
		return p, err
	}
	waived := waivedFindings(v)
	p.Invocation.Parameters = []string{}
	p.Scanner.URI, p.Scanner.Version, p.Scanner.DB = toolURI(r.Tool), r.Tool.Version, db
	p.Scanner.Result.Vulnerabilities = []cosignVuln{}
	p.Metadata = scanTime(v)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Kind != gatehouse.KindVulnerability {
			continue
		}
		p.Scanner.Result.Vulnerabilities = append(p.Scanner.Result.Vulnerabilities, cosignVuln{
			ID: f.Rule, Aliases: f.Vulnerability.Aliases, Severity: f.Severity.String(), CVSS: f.Vulnerability.CVSS, Purl: f.Vulnerability.Package.Purl,
			FixedVersions: f.Vulnerability.FixedVersions, Exploited: f.Vulnerability.Exploited, Waived: waived[f.ID],
		})
	}
	return p, nil
}

// testResult has the rules as tests. One that objects to something is a warning in
// a pass: either it only warns, or all that it objects to is waived.
func testResult(v *gatehouse.Verdict, rules []string) (testResultPredicate, error) {
	p := testResultPredicate{Result: "PASSED", Passed: []string{}, Warned: []string{}, Failed: []string{}}
	if len(rules) == 0 {
		return p, errors.New("no rule was evaluated")
	}
	warned := map[string]bool{}
	for _, w := range v.Warnings {
		warned[w.Rule] = true
	}
	for _, w := range v.Waived {
		if w.Violation != nil {
			warned[w.Violation.Rule] = true
		}
	}
	for _, rule := range slices.Compact(slices.Sorted(slices.Values(rules))) {
		if warned[rule] {
			p.Warned = append(p.Warned, rule)
			p.Result = "WARNED"
		} else {
			p.Passed = append(p.Passed, rule)
		}
	}
	return p, nil
}

func waivedFindings(v *gatehouse.Verdict) map[string]bool {
	waived := map[string]bool{}
	for _, w := range v.Waived {
		if w.Violation != nil && w.Violation.Finding != "" {
			waived[w.Violation.Finding] = true
		}
	}
	return waived
}
