package policies

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/open-policy-agent/opa/v1/ast"
)

//go:generate go run ./internal/schemagen -o input.schema.json

// InputVersion is the version of [InputDocument]. It changes when a field
// changes its meaning or goes away.
const InputVersion = 1

// InputDocument is what a report policy sees as input. Lists take the place of
// objects with free keys so that the type checker knows each field.
type InputDocument struct {
	// Version is [InputVersion].
	Version int `json:"version"`
	// Time is the evaluation time in RFC 3339, UTC: the only clock there is.
	Time string `json:"time"`
	// Target is what was scanned.
	Target gatehouse.TargetInfo `json:"target"`
	// Findings are all findings, sorted by place.
	Findings []InputFinding `json:"findings"`
	// Components are the packages that the target uses.
	Components []InputComponent `json:"components"`
	// Licenses are what Components say about licences, each once: a rule that
	// looks here first need not look at each component.
	Licenses []InputLicenses `json:"licenses"`
	// LicenseTexts are the files with texts of licences, of the target itself
	// and of packages that are there, sorted by path.
	LicenseTexts []gatehouse.LicenseText `json:"license_texts"`
	// Coverage says what was looked at and what was not.
	Coverage InputCoverage `json:"coverage"`
	// Databases are the data that scanners matched against, sorted by name.
	Databases []InputDatabase `json:"databases"`
	// Ignores are the requests, in comments and files, that findings do not
	// count, and what became of each; sorted by place.
	Ignores []gatehouse.Ignore `json:"ignores"`
	// Compliance says for each spec that was asked for which controls hold.
	Compliance []gatehouse.Compliance `json:"compliance"`
	// Attestations are what others signed about the target, and was verified.
	// What was not is not among them.
	Attestations []InputAttestation `json:"attestations"`
	// RequiredAttestations are what the verification policy asks for.
	RequiredAttestations []gatehouse.RequiredAttestation `json:"required_attestations"`
	// Layouts are the in-toto layouts that were verified.
	Layouts []gatehouse.Layout `json:"layouts"`
}

// InputAttestation is an attestation.
type InputAttestation struct {
	gatehouse.Attestation
	// AgeHours is the age at the evaluation time, -1 if it is not known when it
	// was made.
	AgeHours float64 `json:"age_hours"`
}

// InputFinding is a finding.
type InputFinding struct {
	gatehouse.Finding
	// License takes the place of the field of the finding.
	License *InputLicense `json:"license,omitempty"`
}

// InputLicense is a licence under which a package is used.
type InputLicense struct {
	// Expression is an SPDX licence expression where it can be read as one.
	Expression string            `json:"expression"`
	Package    gatehouse.Package `json:"package"`
	// Choices is the expression as alternatives; see [LicenseChoices].
	Choices [][]string `json:"choices"`
	// Readable is true if the expression is an SPDX expression.
	Readable bool `json:"readable"`
}

// InputComponent is a package that the target uses.
type InputComponent struct {
	gatehouse.Component
	// LicenseChoices are all licences as alternatives: each is a list of
	// licences that apply together; see [LicenseChoices]. They are those that
	// are declared or, if none is, those that are detected, all of them
	// together. Empty if there are no licences.
	LicenseChoices [][]string `json:"license_choices"`
	// LicensesReadable is true if each licence is an SPDX expression.
	LicensesReadable bool `json:"licenses_readable"`
	// LicensesDetected is true if LicenseChoices are detected.
	LicensesDetected bool `json:"licenses_detected"`
	// LicensesUndeclared are licences that are detected, and that no declared
	// expression names; empty if nothing readable is declared.
	LicensesUndeclared []string `json:"licenses_undeclared,omitempty"`
}

// InputLicenses are the licences that some components have in common.
type InputLicenses struct {
	// Choices are as license_choices of a component, and Readable as
	// licenses_readable.
	Choices  [][]string `json:"choices"`
	Readable bool       `json:"readable"`
	// Components counts those that have them.
	Components int `json:"components"`

	detected   bool
	undeclared []string
}

// InputCoverage is the ledger without its list of files.
type InputCoverage struct {
	// Complete is true if there is no gap.
	Complete bool            `json:"complete"`
	Files    InputFileCounts `json:"files"`
	// Scanners are in the order in which they ran.
	Scanners []gatehouse.ScannerCoverage `json:"scanners"`
	Skipped  []gatehouse.Skip            `json:"skipped"`
	Gaps     []gatehouse.Gap             `json:"gaps"`
}

// InputFileCounts counts the regular files of the target. A file counts as
// failed if it failed for one scanner, else as scanned if one scanner looked
// at it, else as skipped if one skipped it, else as not applicable.
type InputFileCounts struct {
	Total         int   `json:"total"`
	Bytes         int64 `json:"bytes"`
	Scanned       int   `json:"scanned"`
	Skipped       int   `json:"skipped"`
	Failed        int   `json:"failed"`
	NotApplicable int   `json:"not_applicable"`
}

// InputDatabase is a database that a scanner matched against.
type InputDatabase struct {
	// Name is that of the scanner.
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// UpdatedAt is the RFC 3339 time of the newest data; empty if it is not
	// known.
	UpdatedAt string `json:"updated_at"`
	// AgeHours is the age at the evaluation time, below 0 if that is earlier;
	// -1 if UpdatedAt is empty.
	AgeHours float64 `json:"age_hours"`
	// Advisories counts the (package, advisory) pairs in it; 0 if unknown.
	Advisories int      `json:"advisories"`
	Sources    []string `json:"sources"`
}

// Input is a report made ready for policies.
type Input struct {
	// Document is what report policies see, but for its components, which are
	// made when a policy looks at them: there may be a hundred thousand.
	Document InputDocument

	// choices has the licences of each component, by index.
	choices  []*InputLicenses
	report   *gatehouse.Report
	findings map[string]*gatehouse.Finding
	gaps     map[string]*gatehouse.Gap
	now      time.Time
}

// NewInput makes the input of policies from a report. Now is the evaluation
// time, against which the age of databases and waivers are measured.
func NewInput(report *gatehouse.Report, now time.Time) (*Input, error) {
	if report == nil {
		return nil, errors.New("make the input of policies: there is no report")
	}
	if now.IsZero() {
		return nil, errors.New("make the input of policies: the evaluation time is not set")
	}
	now = now.UTC()
	cov := &report.Coverage
	in := &Input{
		report:   report,
		findings: make(map[string]*gatehouse.Finding, len(report.Findings)),
		gaps:     make(map[string]*gatehouse.Gap, len(cov.Gaps)),
		now:      now,
		Document: InputDocument{
			Version:              InputVersion,
			Time:                 now.Format(time.RFC3339),
			Target:               report.Target,
			Findings:             make([]InputFinding, 0, len(report.Findings)),
			LicenseTexts:         append([]gatehouse.LicenseText{}, report.LicenseTexts...),
			Databases:            []InputDatabase{},
			Ignores:              append([]gatehouse.Ignore{}, report.Ignores...),
			Compliance:           append([]gatehouse.Compliance{}, report.Compliance...),
			Attestations:         inputAttestations(report.Attestations, now),
			RequiredAttestations: append([]gatehouse.RequiredAttestation{}, report.RequiredAttestations...),
			Layouts:              append([]gatehouse.Layout{}, report.Layouts...),
			Coverage: InputCoverage{
				Complete: len(cov.Gaps) == 0,
				Files:    countFiles(cov.Files),
				Scanners: append([]gatehouse.ScannerCoverage{}, cov.Scanners...),
				Skipped:  append([]gatehouse.Skip{}, cov.Skipped...),
				Gaps:     append([]gatehouse.Gap{}, cov.Gaps...),
			},
		},
	}
	doc := &in.Document
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.ID == "" {
			return nil, fmt.Errorf("make the input of policies: finding %d (%s) has no id", i, f.Rule)
		}
		in.findings[f.ID] = f
		doc.Findings = append(doc.Findings, inputFinding(f))
	}
	for i := range cov.Gaps {
		in.gaps[cov.Gaps[i].ID] = &cov.Gaps[i]
	}
	in.choices, doc.Licenses = inputLicenses(report.Components)
	for _, name := range sortedKeys(report.Databases) {
		doc.Databases = append(doc.Databases, inputDatabase(name, report.Databases[name], now))
	}
	return in, nil
}

// inputLicenses reads each list of licences once.
func inputLicenses(components []gatehouse.Component) (of []*InputLicenses, all []InputLicenses) {
	known := map[string]*InputLicenses{}
	of = make([]*InputLicenses, len(components))
	var order []*InputLicenses
	for i := range components {
		declared := components[i].Licenses
		detected := detectedLicenses(components[i].DetectedLicenses)
		key := strings.Join(declared, "\x00") + "\x01" + strings.Join(detected, "\x00")
		l := known[key]
		if l == nil {
			l = &InputLicenses{}
			switch {
			case len(detected) > 0 && !declares(declared):
				l.Choices, l.Readable = LicenseChoices(detected...)
				l.detected = true
			default:
				l.Choices, l.Readable = LicenseChoices(declared...)
				if l.Readable {
					l.undeclared = undeclared(l.Choices, detected)
				}
			}
			known[key] = l
			order = append(order, l)
		}
		l.Components++
		of[i] = l
	}
	all = make([]InputLicenses, len(order))
	for i, l := range order {
		all[i] = *l
	}
	return of, all
}

// components are those of the report, with their licences.
func (in *Input) components() []InputComponent {
	out := make([]InputComponent, len(in.report.Components))
	for i := range out {
		l := in.choices[i]
		out[i] = InputComponent{Component: in.report.Components[i], LicenseChoices: l.Choices, LicensesReadable: l.Readable, LicensesDetected: l.detected, LicensesUndeclared: l.undeclared}
	}
	return out
}

func inputFinding(f *gatehouse.Finding) InputFinding {
	out := InputFinding{Finding: *f}
	if l := f.License; l != nil {
		choices, readable := LicenseChoices(l.Expression)
		out.License = &InputLicense{Expression: l.Expression, Package: l.Package, Choices: choices, Readable: readable}
	}
	return out
}

// inputDatabase takes a time that cannot be read for one that is not known, so
// that it is for the policies to judge.
func inputDatabase(name string, d gatehouse.Database, now time.Time) InputDatabase {
	out := InputDatabase{Name: name, Digest: d.Digest, AgeHours: -1,
		Advisories: d.Advisories, Sources: append([]string{}, d.Sources...)}
	if at, err := time.Parse(time.RFC3339, d.UpdatedAt); err == nil {
		out.UpdatedAt = d.UpdatedAt
		out.AgeHours = math.Round(now.Sub(at).Hours()*10) / 10
	}
	return out
}

// inputAttestations gives each its age. One from the future, which clocks explain up
// to some minutes, is as old as one of now.
func inputAttestations(list []gatehouse.Attestation, now time.Time) []InputAttestation {
	out := make([]InputAttestation, 0, len(list))
	for i := range list {
		a := InputAttestation{Attestation: list[i], AgeHours: -1}
		if age, ok := list[i].Age(now); ok {
			a.AgeHours = math.Max(0, math.Round(age.Hours()*10)/10)
		}
		out = append(out, a)
	}
	return out
}

func countFiles(files []gatehouse.FileCoverage) InputFileCounts {
	n := InputFileCounts{Total: len(files)}
	for i := range files {
		f := &files[i]
		n.Bytes += f.Bytes
		switch {
		case len(f.Failed) > 0:
			n.Failed++
		case len(f.Scanned) > 0:
			n.Scanned++
		case len(f.Skipped) > 0:
			n.Skipped++
		default:
			n.NotApplicable++
		}
	}
	return n
}

// Time is the evaluation time, in UTC.
func (in *Input) Time() time.Time { return in.now }

// MarshalJSON gives what report policies see.
func (in *Input) MarshalJSON() ([]byte, error) {
	doc := in.Document
	doc.Components = in.components()
	return json.Marshal(&doc)
}

// toValue converts v to the value that its JSON is.
func toValue(v any) (ast.Value, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonValue(b)
}

func jsonValue(b []byte) (ast.Value, error) {
	d := valueDecoder{dec: jsontext.NewDecoder(bytes.NewReader(b), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), keys: map[string]*ast.Term{}}
	return d.value()
}

// valueDecoder makes values of OPA while it reads, without a tree of Go values
// in between. The keys of a report are few, so each is made once.
type valueDecoder struct {
	dec  *jsontext.Decoder
	keys map[string]*ast.Term
}

func (d *valueDecoder) value() (ast.Value, error) {
	tok, err := d.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return ast.NullValue, nil
	case 't', 'f':
		return ast.Boolean(tok.Bool()), nil
	case '"':
		return ast.String(tok.String()), nil
	case '0':
		return ast.Number(json.Number(tok.String())), nil
	case '[':
		var list []*ast.Term
		for d.dec.PeekKind() != ']' {
			v, err := d.value()
			if err != nil {
				return nil, err
			}
			list = append(list, &ast.Term{Value: v})
		}
		_, err := d.dec.ReadToken()
		return ast.NewArray(list...), err
	default:
		var pairs [][2]*ast.Term
		for d.dec.PeekKind() != '}' {
			tok, err := d.dec.ReadToken()
			if err != nil {
				return nil, err
			}
			name := tok.String()
			key := d.keys[name]
			if key == nil {
				key = ast.StringTerm(name)
				d.keys[name] = key
			}
			v, err := d.value()
			if err != nil {
				return nil, err
			}
			pairs = append(pairs, [2]*ast.Term{key, {Value: v}})
		}
		_, err := d.dec.ReadToken()
		return ast.NewObject(pairs...), err
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
