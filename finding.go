package gatehouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Severity is how bad a finding is. The zero value is [SeverityUnknown].
type Severity int

// The severities, in rising order. Their names are those of the CVSS v3.1
// qualitative rating scale (section 5), without "None".
const (
	SeverityUnknown Severity = iota
	SeverityLow
	SeverityMedium
	SeverityHigh
	SeverityCritical
)

var severityNames = [...]string{"UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"}

// Severities lists all severities in rising order.
func Severities() []Severity {
	return []Severity{SeverityUnknown, SeverityLow, SeverityMedium, SeverityHigh, SeverityCritical}
}

// ParseSeverity returns the severity called s, in any case; MODERATE is
// MEDIUM.
func ParseSeverity(s string) (Severity, error) {
	up := strings.ToUpper(strings.TrimSpace(s))
	if up == "MODERATE" {
		return SeverityMedium, nil
	}
	for i, name := range severityNames {
		if up == name {
			return Severity(i), nil
		}
	}
	return SeverityUnknown, fmt.Errorf("unknown severity %q: want one of %s", s, strings.Join(severityNames[:], ", "))
}

// String returns the name in capitals.
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severityNames) {
		return severityNames[0]
	}
	return severityNames[s]
}

// MarshalText encodes the severity as its name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText decodes a name as [ParseSeverity] does.
func (s *Severity) UnmarshalText(b []byte) error {
	v, err := ParseSeverity(string(b))
	*s = v
	return err
}

// Kind is what sort of problem a finding is.
type Kind string

// The kinds of findings.
const (
	KindSecret           Kind = "secret"
	KindVulnerability    Kind = "vulnerability"
	KindMisconfiguration Kind = "misconfiguration"
	KindLicense          Kind = "license"
)

// Kinds lists all kinds of findings.
func Kinds() []Kind {
	return []Kind{KindSecret, KindVulnerability, KindMisconfiguration, KindLicense}
}

// Rule is what is the same for all findings of one sort.
type Rule struct {
	// ID is unique within its scanner, such as "aws-access-key-id".
	ID string `json:"id"`
	// Aliases are other names of the same rule, in other tools or versions;
	// may be empty.
	Aliases []string `json:"aliases,omitempty"`
	// Title is one line without a period.
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
	// Severity is that of its findings unless they say otherwise.
	Severity Severity `json:"severity"`
	// Description says what the problem is; may be empty.
	Description string `json:"description,omitempty"`
	// Fix says what to do about it; may be empty.
	Fix string `json:"fix,omitempty"`
	// References are URLs, most useful first; may be empty.
	References []string `json:"references,omitempty"`
	// Judges are the kinds of things that it is about, see
	// [ScannerCoverage.Judged]; empty if the scanner does not say.
	Judges []string `json:"judges,omitempty"`
}

// Location is a place in a target.
type Location struct {
	// Path is slash-separated and relative to the target.
	Path string `json:"path"`
	// Line and Column are 1-based; 0 means the whole file or line. Columns
	// count bytes.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// EndLine is the last line, at least Line; 0 if it is the same or unknown.
	EndLine int `json:"end_line,omitempty"`
}

// String is path, path:line or path:line:column.
func (l Location) String() string {
	switch {
	case l.Line == 0:
		return l.Path
	case l.Column == 0:
		return fmt.Sprintf("%s:%d", l.Path, l.Line)
	}
	return fmt.Sprintf("%s:%d:%d", l.Path, l.Line, l.Column)
}

// Finding is one problem at one place. Exactly one of Secret, Vulnerability,
// Misconfiguration and License is set, the one that Kind names.
type Finding struct {
	// ID is unique within a report and stable as long as the finding is; it
	// starts with the fingerprint. Set by [Scan].
	ID string `json:"id"`
	// Rule is the id of the rule, or for a vulnerability that of the advisory.
	Rule string `json:"rule"`
	Kind Kind   `json:"kind"`
	// Scanner is the name of the scanner. Set by [Scan].
	Scanner  string   `json:"scanner"`
	Severity Severity `json:"severity"`
	// Title is one line that names the problem, without its place.
	Title string `json:"title"`
	// Message says what was found here, in a sentence.
	Message  string   `json:"message"`
	Location Location `json:"location"`
	// Also are the other places of the same secret, sorted; a secret that
	// stands in ten places is one finding. Set by [Scan]; empty for other
	// kinds of findings.
	Also []Location `json:"also,omitempty"`
	// Fix is the next step, in a sentence; may be empty.
	Fix string `json:"fix,omitempty"`
	// References are URLs; may be empty.
	References []string `json:"references,omitempty"`
	// Fingerprint identifies the problem independently of lines, files and
	// commits: see [Fingerprint]. Two findings may share one.
	Fingerprint string `json:"fingerprint"`

	Secret           *Secret           `json:"secret,omitempty"`
	Vulnerability    *Vulnerability    `json:"vulnerability,omitempty"`
	Misconfiguration *Misconfiguration `json:"misconfiguration,omitempty"`
	License          *License          `json:"license,omitempty"`

	// Suppressed is set if something in the target, or in a file that the
	// configuration names, asks that the finding does not count. Policies decide.
	Suppressed *Suppression `json:"suppressed,omitempty"`
	// History is set for what was found in the history of a git repository.
	History *History `json:"history,omitempty"`
	// Layer is the layer of the image that has it; nil if it is in no image, or
	// in its configuration.
	Layer *Layer `json:"layer,omitempty"`
	// Platforms are those of the image that have the finding, and OtherLayers
	// its layers in the platforms after the first; both are empty unless the
	// target has several platforms.
	Platforms   []string `json:"platforms,omitempty"`
	OtherLayers []Layer  `json:"other_layers,omitempty"`
}

// Layer is a layer of an image.
type Layer struct {
	// Platform is set if the target has several.
	Platform string `json:"platform,omitempty"`
	// Index counts from 1, the lowest layer.
	Index int `json:"index"`
	// Digest is that of the blob, DiffID that of the tar in it.
	Digest string `json:"digest"`
	DiffID string `json:"diff_id"`
	// Instruction is what made it; empty if the image does not say.
	Instruction string `json:"instruction,omitempty"`
	// Base is true if it belongs to the image that this one is built on, as far
	// as is known.
	Base bool `json:"base,omitempty"`
	// Hidden is true if a later layer deletes or replaces the file: it is still
	// in the image.
	Hidden bool `json:"hidden,omitempty"`
}

// String names the layer in a clause.
func (l *Layer) String() string {
	s := fmt.Sprintf("in layer %d", l.Index)
	if l.Base {
		s += " of the base image"
	}
	if made := strings.Join(strings.Fields(l.Instruction), " "); made != "" {
		const max = 80
		if r := []rune(made); len(r) > max {
			made = string(r[:max]) + "…"
		}
		s += " (" + made + ")"
	}
	if l.Hidden {
		s += "; a later layer deletes or replaces the file, but it is still in the image"
	}
	return s
}

// History says how a finding came into a git repository, and whether it is
// still there.
type History struct {
	// Commit is the first commit, in hex, whose tree has the content; empty if
	// no commit has it yet.
	Commit string `json:"commit"`
	// Author is the name of its author, as recorded; may be empty.
	Author string `json:"author,omitempty"`
	// Date is when the author made it, in RFC 3339; may be empty.
	Date string `json:"date,omitempty"`
	// Blob is the id of the content in hex.
	Blob string `json:"blob"`
	// AtHead is true if the content is in the tree of HEAD, at any path.
	AtHead bool `json:"at_head"`
	// Versions counts the contents of the path that have the same problem.
	Versions int `json:"versions,omitempty"`
}

// String says in a clause how the finding came into the history.
func (h *History) String() string {
	if h.Commit == "" {
		return "staged"
	}
	s := "since commit " + h.Commit[:min(len(h.Commit), 12)]
	if date, _, ok := strings.Cut(h.Date, "T"); ok {
		s += " of " + date
	}
	if h.Author != "" {
		s += " by " + h.Author
	}
	if h.AtHead {
		return s + "; still at HEAD"
	}
	return s + "; gone from HEAD, but not from the history"
}

// Secret is what is known about a secret without revealing it.
type Secret struct {
	// Redacted shows the shape of the match with the secret masked; at most
	// 256 bytes.
	Redacted string `json:"redacted"`
	// Category is the issuer or sort, such as "AWS"; may be empty.
	Category string `json:"category,omitempty"`
	// Within says where in the file it was if it cannot be read there as it
	// is: "conf/app.env:3" in an archive, "base64", or "base64 in app.env:3".
	// Empty if it stands in the file itself.
	Within string `json:"within,omitempty"`
	// Confidence says how likely it is that the secret is, or was, a real one;
	// Why says from what, as a clause. Both may be empty: not judged.
	Confidence Confidence `json:"confidence,omitempty"`
	Why        string     `json:"why,omitempty"`
	// SuppressedIn says, by the id of a commit in lower-case hex, what asks
	// that the finding does not count if it came with that commit. A scanner
	// sets it, as it does not know the commit; a report does not have it.
	SuppressedIn map[string]Suppression `json:"suppressed_in,omitempty" jsonschema:"-"`
}

// Confidence is how sure it is that a finding is what it looks like.
type Confidence string

// The confidences.
const (
	ConfidenceHigh   Confidence = "high"
	ConfidenceMedium Confidence = "medium"
	ConfidenceLow    Confidence = "low"
)

// Suppression says what asks that a finding does not count.
type Suppression struct {
	// By is what asks for it, as a clause: "the comment gitleaks:allow".
	By string `json:"by"`
	// Reason is why, in the words of who wrote it; may be empty.
	Reason string `json:"reason,omitempty"`
	// Expires is the RFC 3339 date on which it ends; empty if it has no end.
	Expires string `json:"expires,omitempty"`
	// Location is where it stands; a path that is not in the target is as it
	// was configured.
	Location Location `json:"location"`
}

// String is who asks for it and where, with the reason and the end if there are any.
func (s *Suppression) String() string {
	text := s.By + " at " + s.Location.String()
	if s.Expires != "" {
		text += " until " + s.Expires
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// Vulnerability is an advisory that applies to a package.
type Vulnerability struct {
	// Aliases are the other ids of the same advisory, sorted; may be empty.
	Aliases []string `json:"aliases,omitempty"`
	Package Package  `json:"package"`
	// FixedVersions are versions without the problem, as the advisory gives
	// them; empty if there is none.
	FixedVersions []string `json:"fixed_versions,omitempty"`
	// CVSS is the highest base score known, 0 to 10; 0 if there is none.
	CVSS float64 `json:"cvss,omitempty"`
	// Source is the name of the advisory database.
	Source string `json:"source"`
	// Status is what the vendor of an operating system says about a problem in
	// a package of it: "affected", "fixed", "under_investigation",
	// "will_not_fix", "fix_deferred" or "end_of_life" (of the package); empty if
	// the vendor says nothing or it is no such package.
	Status string `json:"status,omitempty"`
	// Bulletins are, for packages of operating systems, the ids of what the
	// vendor published about it, such as "DSA-5678-1"; one may be about many
	// problems. May be empty.
	Bulletins []string `json:"bulletins,omitempty"`
	// Published is an RFC 3339 date or time; may be empty.
	Published string `json:"published,omitempty"`
	// Ratings are what each source says about the severity, sorted by source;
	// may be empty.
	Ratings []Rating `json:"ratings,omitempty"`
	// Exploited is the date on which CISA's catalogue of known exploited
	// vulnerabilities took it up; empty if it did not, or the database has no
	// such data.
	Exploited string `json:"exploited,omitempty"`
	// EPSS is the probability of exploitation in the next 30 days, 0 to 1, and
	// EPSSPercentile its rank among all; both 0 if the database has none. See
	// https://www.first.org/epss.
	EPSS           float64 `json:"epss,omitempty"`
	EPSSPercentile float64 `json:"epss_percentile,omitempty"`
	// Malicious is true if the package itself is the attack.
	Malicious bool `json:"malicious,omitempty"`
	// Direct and Scope are those of the component.
	Direct bool  `json:"direct"`
	Scope  Scope `json:"scope,omitempty"`
	// Paths lead from a direct dependency to the package, as name@version,
	// shortest first; at most 5. Empty if the package is direct, or the file
	// does not say how it comes in.
	Paths [][]string `json:"paths,omitempty"`
	// Upgrade is the smallest change of a direct dependency that removes the
	// problem; nil if none is known.
	Upgrade *Upgrade `json:"upgrade,omitempty"`
	// Reachability says whether the program uses what is vulnerable; empty if
	// nobody looked.
	Reachability *Reachability `json:"reachability,omitempty"`
	// VEX is what a VEX statement says about the finding; nil if there is none.
	// Policies decide what it counts.
	VEX *VEX `json:"vex,omitempty"`
}

// Rating is one source's judgement of a vulnerability.
type Rating struct {
	// Source is the id of the source, such as "nvd" or "ghsa".
	Source   string   `json:"source"`
	Severity Severity `json:"severity"`
	// Score is a CVSS base score, 0 to 10, and Vector the CVSS vector that it
	// comes from; 0 and empty if there is none.
	Score  float64 `json:"score,omitempty"`
	Vector string  `json:"vector,omitempty"`
}

// Upgrade is a change of one dependency that the target asks for.
type Upgrade struct {
	// Package is the direct dependency to change, From its present version and
	// To the one to move to. To is empty if only the lockfile must be made
	// anew: what is asked for allows a good version already.
	Package string `json:"package"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	// How says in a clause what to do: a command or an edit.
	How string `json:"how"`
	// Location is the line to edit; nil if it is not known.
	Location *Location `json:"location,omitempty"`
}

// Reachability says whether vulnerable code is used.
type Reachability struct {
	// State is "called", "imported", "present" or "unreachable".
	State string `json:"state"`
	// Symbols are the vulnerable functions that the state is about; may be
	// empty.
	Symbols []string `json:"symbols,omitempty"`
	// Trace is a call stack from the program to the symbol, outermost first;
	// may be empty.
	Trace []string `json:"trace,omitempty"`
	// Why says how it was found out, as a clause.
	Why string `json:"why"`
}

// VEX is a statement about a vulnerability in a product; see
// https://github.com/openvex/spec.
type VEX struct {
	// Status is "not_affected", "affected", "fixed" or "under_investigation".
	Status string `json:"status"`
	// Justification is one of OpenVEX's for not_affected; may be empty.
	Justification string `json:"justification,omitempty"`
	// Statement is the impact or action in the author's words; may be empty.
	Statement string `json:"statement,omitempty"`
	// Author and Time are those of the statement; may be empty.
	Author string `json:"author,omitempty"`
	Time   string `json:"time,omitempty"`
	// Document is the path or id of the document.
	Document string `json:"document"`
}

// Misconfiguration is a configured thing that breaks a rule.
type Misconfiguration struct {
	// Type is the configuration language, such as "terraform" or "dockerfile".
	Type string `json:"type"`
	// Resource is the address of the resource within the file; may be empty.
	Resource string `json:"resource,omitempty"`
	// Provider and Service say what is configured, such as "aws" and "s3"; may
	// be empty.
	Provider string `json:"provider,omitempty"`
	Service  string `json:"service,omitempty"`
}

// License is a licence under which a package is used.
type License struct {
	// Expression is an SPDX licence expression where it can be read as one.
	Expression string  `json:"expression"`
	Package    Package `json:"package"`
}

// Package identifies a package version.
type Package struct {
	// Purl is the package URL; see https://github.com/package-url/purl-spec.
	Purl string `json:"purl"`
	// Ecosystem is the purl type, such as "npm", "golang" or "pypi".
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	Version   string `json:"version"`
}

// Fingerprint is the identity of a finding: a hash over its kind, its rule and
// the parts that make it that problem (package and advisory; resource address
// and value; keyed hash of a secret). Parts must not contain a raw secret, and
// should not contain lines or commits, so that the identity survives moves.
func Fingerprint(kind Kind, rule string, parts ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "gatehouse/v1\x00%s\x00%s", kind, rule)
	for _, p := range parts {
		fmt.Fprintf(h, "\x00%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Location.Path, b.Location.Path),
		cmp.Compare(a.Location.Line, b.Location.Line),
		cmp.Compare(a.Location.Column, b.Location.Column),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Location.EndLine, b.Location.EndLine),
	)
}
