package gatehouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Coverage is the ledger of a scan: what was looked at, what was not, and why.
type Coverage struct {
	// Files are the regular files of the target, sorted by path.
	Files []FileCoverage `json:"files"`
	// Skipped are entries that no scanner was offered: excluded files and
	// directories, symbolic links and special files. Sorted by path.
	Skipped []Skip `json:"skipped"`
	// Scanners says for each scanner that was asked for what it did, in the
	// order in which they were given.
	Scanners []ScannerCoverage `json:"scanners"`
	// Gaps are all things that could not be judged: each failed file, and each
	// entry, module, database or scanner that did not do its part. Sorted.
	Gaps []Gap `json:"gaps"`
}

// Digest is the SHA-256 over the coverage in JSON, as "sha256:" and hex. It is the same
// for a coverage that was written as JSON and read again.
func (c *Coverage) Digest() (string, error) {
	h := sha256.New()
	lists := *c
	lists.Files, lists.Skipped = notNil(c.Files), notNil(c.Skipped)
	lists.Scanners, lists.Gaps = notNil(c.Scanners), notNil(c.Gaps)
	if err := json.NewEncoder(h).Encode(lists); err != nil {
		return "", fmt.Errorf("digest of the coverage: %w", err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// FileCoverage says how one file ended for each scanner. Each scanner is in
// exactly one of the four lists.
type FileCoverage struct {
	Path string `json:"path"`
	// Platform is that of the image; empty unless the target has several.
	Platform string `json:"platform,omitempty"`
	// Version tells the files of one path apart, as in a history; empty in a
	// tree.
	Version string `json:"version,omitempty"`
	Bytes   int64  `json:"bytes"`
	// SHA256 of the content in hex; empty if it was not read, or if it has a
	// version, which is a hash of it.
	SHA256 string `json:"sha256,omitempty"`
	// Scanned names the scanners that looked at the file.
	Scanned []string `json:"scanned,omitempty"`
	// NotApplicable names the scanners for which it is no kind of file that
	// they read.
	NotApplicable []string `json:"not_applicable,omitempty"`
	// Skipped and Failed give a reason for each scanner.
	Skipped []ScannerReason `json:"skipped,omitempty"`
	Failed  []ScannerReason `json:"failed,omitempty"`
}

// ScannerReason is how a file ended for one scanner, and why.
type ScannerReason struct {
	Scanner string `json:"scanner"`
	Reason  string `json:"reason"`
}

// Skip is an entry of the target that was deliberately not read.
type Skip struct {
	// Path is relative to the target; a directory ends in "/".
	Path string `json:"path"`
	// Platform is that of the image; empty unless the target has several.
	Platform string `json:"platform,omitempty"`
	// Reason is a clause, such as "excluded by gatehouse.yaml: vendor/**".
	Reason string `json:"reason"`
}

// Status is how a scanner did.
type Status string

// The ways in which a scanner can end.
const (
	// StatusComplete means that it looked at all that it wanted to.
	StatusComplete Status = "complete"
	// StatusPartial means that there is at least one gap.
	StatusPartial Status = "partial"
	// StatusFailed means that nothing it says can be relied on.
	StatusFailed Status = "failed"
	// StatusNotApplicable means that there was no file for it.
	StatusNotApplicable Status = "not-applicable"
)

// ScannerCoverage says what one scanner did.
type ScannerCoverage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Status  Status `json:"status"`
	// Reads says which files it wants, for people.
	Reads         string `json:"reads"`
	RulesDigest   string `json:"rules_digest,omitempty"`
	OptionsDigest string `json:"options_digest,omitempty"`
	// DatabaseDigest identifies the data it matched against; empty if it needs
	// none or has none.
	DatabaseDigest string `json:"database_digest,omitempty"`
	// Rules counts its rules; 0 if they come from data.
	Rules int `json:"rules"`
	// Canaries counts the known-bad samples that it found.
	Canaries      int   `json:"canaries"`
	Scanned       int   `json:"scanned"`
	Bytes         int64 `json:"bytes"`
	Skipped       int   `json:"skipped"`
	Failed        int   `json:"failed"`
	NotApplicable int   `json:"not_applicable"`
	// Judged counts, by kind, the things over which checks ran, such as
	// "kubernetes/pod" or "cloud/aws/s3"; nil if the scanner does not say.
	Judged map[string]int `json:"judged,omitempty"`
	// Unmatched counts, by ecosystem, the components about which no advisory
	// can be found and that are no gap; nil if there are none. See
	// [Component.Unmatched].
	Unmatched map[string]int `json:"unmatched,omitempty"`
}

// GapCode says what kind of gap it is, for waivers and policies.
type GapCode string

// The codes of gaps.
const (
	GapUnreadable GapCode = "unreadable"    // a file or directory could not be opened or read
	GapTooLarge   GapCode = "too-large"     // a bound on size, depth or count was hit
	GapParse      GapCode = "parse"         // a file is not what its name says
	GapPanic      GapCode = "panic"         // a scanner crashed on a file
	GapTimeout    GapCode = "timeout"       // a scanner took too long on a file
	GapTooMany    GapCode = "too-many"      // more findings than the limit
	GapUnresolved GapCode = "unresolved"    // a module, value or package is not known
	GapUnknown    GapCode = "unknown-value" // a value that decides what is configured is not given
	GapUnmatched  GapCode = "unmatched"     // a package could not be matched against advisories
	GapDatabase   GapCode = "database"      // the database is missing, empty or lacks an ecosystem
	GapCanary     GapCode = "canary"        // a scanner missed its known-bad sample
	GapRule       GapCode = "rule"          // a rule of a scanner could not be evaluated
)

// GapCodes lists all codes.
func GapCodes() []GapCode {
	return []GapCode{GapUnreadable, GapTooLarge, GapParse, GapPanic, GapTimeout, GapTooMany,
		GapUnresolved, GapUnknown, GapUnmatched, GapDatabase, GapCanary, GapRule}
}

// Gap is something that could not be judged.
type Gap struct {
	// ID is stable as long as the gap is, and unique within a report. Set by
	// [Scan].
	ID   string  `json:"id"`
	Code GapCode `json:"code"`
	// Scanner is empty if the gap concerns all of them.
	Scanner string `json:"scanner,omitempty"`
	// Path is relative to the target; empty if the gap is not in a file.
	Path string `json:"path,omitempty"`
	// Platform is that of the image; empty unless the target has several.
	Platform string `json:"platform,omitempty"`
	// Line is 1-based; 0 if unknown.
	Line int `json:"line,omitempty"`
	// Entry names what within the file: a package, a module; may be empty.
	Entry string `json:"entry,omitempty"`
	// Reason is a sentence without a period that says what happened and what
	// to do.
	Reason string `json:"reason"`
}

func compareGaps(a, b Gap) int {
	return cmp.Or(
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Scanner, b.Scanner),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Entry, b.Entry),
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Platform, b.Platform),
	)
}
