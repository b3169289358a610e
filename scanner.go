package gatehouse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Scanner finds problems in files. It is a value: making one has no side
// effect, and a list of them is the whole registry. The core lists, opens,
// reads, bounds and times; a scanner gets bytes.
//
// Its functions are called concurrently.
type Scanner struct {
	// Name is short, lower case and unique, such as "secrets".
	Name string
	// Doc says what the scanner finds. The text before the first blank line is
	// a title of one line without a period.
	Doc string
	// Reads says which files it wants, for people: "lockfiles and manifests".
	Reads string

	// Version, Rules digest, Options digest and Database digest together
	// decide a result: if all four and the content are the same, so is the
	// result. Version must change when the code gives other results.
	Version        string
	RulesDigest    string
	OptionsDigest  string
	DatabaseDigest string

	// Rules documents what the scanner may report. Nil means that its rules
	// come from data (advisories).
	Rules []Rule

	// Want decides from the name and size whether a file is scanned.
	Want func(FileInfo) Want
	// Hidden is true if what it finds counts in files too that nobody sees any
	// more; see [FileInfo.Hidden].
	Hidden bool
	// ScanFile looks at one file. An error means that the file could not be
	// scanned: it becomes a failure in the coverage, and whatever was reported
	// before the error is kept.
	ScanFile func(ctx context.Context, f *File, p *Pass) error

	// Groups finds the files that must be looked at together, given all files
	// of the target, sorted by path. May be nil.
	Groups func(files []FileInfo) []Group
	// ScanGroup looks at one group. An error means that none of the files that
	// the group owns could be scanned.
	ScanGroup func(ctx context.Context, g *Group, p *Pass) error

	// Canaries are known-bad samples; see [Canary].
	Canaries []Canary
}

// Want is a scanner's answer to "do you want this file?".
type Want struct {
	// Scan is true if the file is to be scanned.
	Scan bool
	// Skip is the reason, as a clause, why a file that the scanner could read
	// is left out ("image file"). If it is empty and Scan is false, the file
	// is of no kind that the scanner reads.
	Skip string
	// Aside is true for a file that only adds to what others say: if there are
	// no others, there was no file for the scanner.
	Aside bool
}

// FileInfo is a file of the target, before it is read.
type FileInfo struct {
	// Path is slash-separated and relative to the target.
	Path string
	// Version tells the files of one path apart where a path has many
	// contents, as in a history; see [Lister]. Empty in a tree.
	Version string
	// Bytes is the size; 0 if a file with a version was not read yet.
	Bytes int64
	Mode  fs.FileMode
	// SHA256 is the hash of the content in hex, if it is known before the file is
	// read: then it need not be read where results are kept. Empty otherwise.
	SHA256 string
	// Hidden is true if the target has the content, but whoever uses the target
	// does not see it: the file in a layer of an image that a later one deletes
	// or replaces. It has a version.
	Hidden bool
}

// File is a file that was read.
type File struct {
	FileInfo
	// Data is the content. It must not be changed, and for a file that is not
	// a member of a group it must not be kept after the call.
	Data []byte
	// Digest is the SHA-256 of Data, in hex; of a [VersionFile] it is the version.
	Digest string
	// Base is another version of the same path, whose content has the stretches
	// Same, in order of At and without overlaps; empty if none is known. What a
	// scanner knows of Base may spare it work, but may not change the result.
	Base string
	Same []Stretch

	open VersionFile // to be closed when Data is not needed any more; may be nil
}

// Group is a set of files that only make sense together, such as a Terraform
// module, a Helm chart or a kustomization.
type Group struct {
	// Type is the kind of group, such as "terraform" or "helm".
	Type string
	// Dir is the directory that gives the group its name.
	Dir string
	// Owned are the paths whose coverage is that of the group. The scanner's
	// ScanFile does not see them. A path may be owned by one group only.
	Owned []string
	// Context are the paths of other files the group needs to read. ScanFile
	// still sees them if it wants them.
	Context []string
	// Large is true if a member may be as large as any file: a database that
	// cannot be looked at in parts.
	Large bool

	// Files holds what could be read of Owned and Context, by path. It is set
	// when ScanGroup is called. What could not be read is missing, and is
	// already a failure in the coverage.
	Files map[string]*File
}

// Canary is a known-bad sample. In each run each scanner is given its own
// canaries, without cache; one that does not report the expected rule is
// broken, and the verdict is [OutcomeIncomplete]. That catches an empty database,
// disabled rules and a broken build.
type Canary struct {
	// Name describes the sample, such as "a Dockerfile that runs as root".
	Name string
	// Path is the name that the sample pretends to have.
	Path string
	// Data returns the content. It is a function so that no sample of a secret
	// stands in the program.
	Data func() []byte
	// Rule must be among the rules of the findings; empty if Documents is set.
	Rule string
	// Documents is how many documents must come of it, for a scanner that finds
	// no problems but parses.
	Documents int
}

// Database describes the data that a scanner matches against.
type Database struct {
	// Digest identifies the content, as "sha256:" and hex.
	Digest string `json:"digest"`
	// UpdatedAt is the RFC 3339 time of the newest data in it.
	UpdatedAt string `json:"updated_at"`
	// Advisories counts the (package, advisory) pairs in it; 0 if unknown.
	Advisories int `json:"advisories"`
	// Sources names the origins of the data, sorted.
	Sources []string `json:"sources,omitempty"`
}

// Pass is one call of a scanner. Its methods collect the result; they are not
// safe for concurrent use.
type Pass struct {
	scanner     *Scanner
	maxFindings int
	result      result
	dropped     int
	path        string // of the file, or directory of the group
}

// result is what one call gave. It is what the cache stores.
type result struct {
	Findings   []Finding   `json:"findings,omitempty"`
	Components []Component `json:"components,omitempty"`
	Documents  []Document  `json:"documents,omitempty"`
	Gaps       []Gap       `json:"gaps,omitempty"`

	LicenseTexts []LicenseText `json:"license_texts,omitempty"`
	Ignores      []Ignore      `json:"ignores,omitempty"`
	SBOMs        []SBOM        `json:"sboms,omitempty"`
	// Judged is for [ScannerCoverage].
	Judged map[string]int `json:"judged,omitempty"`
	Skip   string         `json:"skip,omitempty"`
	// Failed are owned files of a group that could not be scanned, and Skipped
	// those that needed no scan after all, with the reason.
	Failed  map[string]string `json:"failed,omitempty"`
	Skipped map[string]string `json:"skipped,omitempty"`
	// Err is the error of the call; only in the cache.
	Err *Unscannable `json:"err,omitempty"`
}

// Report adds a finding. ID and Scanner are set later; an empty path means
// that of the file, an empty fingerprint one over rule, path and message.
func (p *Pass) Report(f Finding) {
	if len(p.result.Findings) >= p.maxFindings {
		p.dropped++
		return
	}
	if f.Location.Path == "" {
		f.Location.Path = p.path
	}
	if f.Fingerprint == "" {
		f.Fingerprint = Fingerprint(f.Kind, f.Rule, f.Location.Path, f.Message)
	}
	f.Scanner = p.scanner.Name
	p.result.Findings = append(p.result.Findings, f)
}

// AddComponent adds a package that the target uses.
func (p *Pass) AddComponent(c Component) {
	if c.Location.Path == "" {
		c.Location.Path = p.path
	}
	p.result.Components = append(p.result.Components, c)
}

// AddDocument adds a parsed configuration document.
func (p *Pass) AddDocument(d Document) {
	if d.Path == "" {
		d.Path = p.path
	}
	p.result.Documents = append(p.result.Documents, d)
}

// Judge says that checks ran over something of a kind.
func (p *Pass) Judge(kind string) {
	if p.result.Judged == nil {
		p.result.Judged = map[string]int{}
	}
	p.result.Judged[kind]++
}

// Ignore records a request that findings do not count, and what became of it.
func (p *Pass) Ignore(i Ignore) {
	if i.Location.Path == "" {
		i.Location.Path = p.path
	}
	p.result.Ignores = append(p.result.Ignores, i)
}

// Skip says that the file needed no scan after all, and why, as a clause
// ("binary file"). Use it only when there is nothing in the file that the
// scanner could have found.
func (p *Pass) Skip(reason string) { p.result.Skip = reason }

// Gap says that something in the file could not be judged. An empty path means
// that of the file.
func (p *Pass) Gap(g Gap) {
	if g.Path == "" {
		g.Path = p.path
	}
	if p.scanner != nil { // a pass that no scan made has none
		g.Scanner = p.scanner.Name
	}
	p.result.Gaps = append(p.result.Gaps, g)
}

// FailFile says that one owned file of a group could not be scanned.
func (p *Pass) FailFile(path, reason string) {
	if p.result.Failed == nil {
		p.result.Failed = map[string]string{}
	}
	p.result.Failed[path] = reason
}

// File scans one file of a group on its own. What scan returns or says about
// the file is about this member of the group alone.
func (p *Pass) File(path string, scan func(*Pass) error) {
	one := &Pass{scanner: p.scanner, maxFindings: p.maxFindings - len(p.result.Findings), path: path}
	err := scan(one)
	r := one.finish()
	p.result.Findings = append(p.result.Findings, r.Findings...)
	p.result.Components = append(p.result.Components, r.Components...)
	p.result.Documents = append(p.result.Documents, r.Documents...)
	p.result.Gaps = append(p.result.Gaps, r.Gaps...)
	switch {
	case err != nil:
		p.FailFile(path, err.Error())
	case r.Skip != "":
		if p.result.Skipped == nil {
			p.result.Skipped = map[string]string{}
		}
		p.result.Skipped[path] = r.Skip
	}
}

// finish turns what did not fit into a gap.
func (p *Pass) finish() result {
	if p.dropped > 0 {
		p.Gap(Gap{Code: GapTooMany, Reason: fmt.Sprintf("%d more findings than the limit of %d in one file were not reported", p.dropped, p.maxFindings)})
		p.dropped = 0
	}
	return p.result
}

// Validate reports whether the scanners can be used together: names are
// present and unique, each has a doc and something to do, and rules are
// documented.
func Validate(scanners []*Scanner) error {
	var errs []error
	if len(scanners) == 0 {
		errs = append(errs, errors.New("no scanner was asked for"))
	}
	seen := map[string]bool{}
	for _, s := range scanners {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("scanner %q: %s", s.Name, fmt.Sprintf(format, args...)))
		}
		if s.Name == "" || strings.ToLower(s.Name) != s.Name || strings.ContainsAny(s.Name, " \t\n/") {
			bad("the name must be one lower-case word")
		}
		if seen[s.Name] {
			bad("the name is used twice")
		}
		seen[s.Name] = true
		if title, _, _ := strings.Cut(s.Doc, "\n\n"); title == "" || strings.HasSuffix(title, ".") || strings.Contains(title, "\n") {
			bad("the doc must start with a title of one line without a period")
		}
		if s.Version == "" {
			bad("the version is missing")
		}
		if s.Reads == "" {
			bad("which files it reads is not said")
		}
		if s.Want == nil || s.ScanFile == nil {
			bad("Want and ScanFile must be set")
		}
		if (s.Groups == nil) != (s.ScanGroup == nil) {
			bad("Groups and ScanGroup must be set together")
		}
		rules := map[string]bool{}
		for _, r := range s.Rules {
			if r.ID == "" || r.Title == "" || r.Kind == "" {
				bad("rule %q lacks an id, a title or a kind", r.ID)
			}
			if rules[r.ID] {
				bad("rule %q is declared twice", r.ID)
			}
			rules[r.ID] = true
		}
		for _, c := range s.Canaries {
			if c.Name == "" || c.Path == "" || c.Data == nil || (c.Rule == "") == (c.Documents == 0) {
				bad("canary %q is incomplete", c.Name)
			}
		}
	}
	return errors.Join(errs...)
}
