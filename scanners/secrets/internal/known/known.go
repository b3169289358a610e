// Package known reads lists of secrets that are known already: reports of this
// program and of gitleaks, .gitleaksignore files, and lines of SHA-256 sums.
//
// A secret that a list holds is kept as a hash only.
package known

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// List is what is known. The zero value knows nothing.
type List struct {
	names  []string
	digest []byte
	// Each says by which list, and in which line of it.
	sums         map[[sha256.Size]byte]Entry
	fingerprints map[string]Entry
	places       map[place]Entry
	// commits are places that count only for what came with a commit.
	commits map[place]map[string]Entry
}

// Entry is where a list says that a secret is known.
type Entry struct {
	Name string
	// Line is 1-based; 0 if the list has no lines.
	Line int
}

// place is a finding by where it is.
type place struct {
	path, rule string
	line       int
}

// Secret is a finding that may be known.
type Secret struct {
	// Texts are the secret as each rule that matches there cuts it, that of the
	// finding first.
	Texts [][]byte
	// Fingerprint is that of the finding.
	Fingerprint string
	// Path and Line are where it is, and Rules the ids of all rules that match
	// there.
	Path  string
	Line  int
	Rules []string
}

// Digest identifies the lists.
func (l *List) Digest() string {
	if l == nil || len(l.names) == 0 {
		return ""
	}
	return hex.EncodeToString(l.digest)
}

// Add reads a list. The name is for messages. The format is told from the
// content:
//
//   - a JSON object with findings: a report of this program;
//   - a JSON object with findings of betterleaks, version 2, which have a sum
//     of each secret;
//   - a JSON array, or null: a report of gitleaks or of betterleaks, version 1,
//     whose secrets may be redacted;
//   - lines with 64 hexadecimal digits, perhaps after "sha256:": sums of
//     secrets, as in .betterleaksignore;
//   - lines with path:rule:line or commit:path:rule:line: .gitleaksignore.
//
// Empty lines and what stands behind "#" do not count.
func (l *List) Add(name string, data []byte) error {
	if l.sums == nil {
		l.sums, l.fingerprints, l.places = map[[sha256.Size]byte]Entry{}, map[string]Entry{}, map[place]Entry{}
		l.commits = map[place]map[string]Entry{}
	}
	l.names = append(l.names, name)
	sum := sha256.Sum256(append(append(l.digest, name...), data...))
	l.digest = sum[:]
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		return l.addReport(name, trimmed)
	case bytes.HasPrefix(trimmed, []byte("[")) || string(trimmed) == "null":
		return l.addGitleaks(name, trimmed)
	}
	return l.addLines(name, trimmed)
}

func (l *List) addReport(name string, data []byte) error {
	type finding struct {
		Kind        string `json:"kind"`
		Fingerprint string `json:"fingerprint"`
		Match       struct {
			Fingerprint string `json:"fingerprint"`
		} `json:"match"`
	}
	var r struct {
		Findings []finding `json:"findings"`
		Report   *struct {
			Findings []finding `json:"findings"`
		} `json:"report"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s: parse as a JSON report: %w", name, jsonError(err))
	}
	all := r.Findings
	if r.Report != nil {
		all = r.Report.Findings
	}
	if all == nil {
		return fmt.Errorf("%s: it is a JSON object without findings: want a report that gatehouse wrote with -o json", name)
	}
	for i, f := range all {
		sum, ok := parseSum(f.Match.Fingerprint)
		switch {
		case ok:
			l.sums[sum] = Entry{Name: name}
		case f.Kind == "secret" && f.Fingerprint != "":
			l.fingerprints[f.Fingerprint] = Entry{Name: name}
		case f.Kind == "":
			return fmt.Errorf("%s: finding %d has neither kind nor match.fingerprint: want a report of gatehouse or betterleaks", name, i+1)
		}
	}
	return nil
}

func parseSum(s string) (sum [sha256.Size]byte, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(sum) {
		return sum, false
	}
	return [sha256.Size]byte(b), true
}

func (l *List) addGitleaks(name string, data []byte) error {
	var all []struct {
		RuleID, File, Secret, Commit, Fingerprint string
		StartLine                                 int
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("%s: parse as a JSON report of gitleaks: %w", name, jsonError(err))
	}
	for i, f := range all {
		if f.RuleID == "" {
			return fmt.Errorf("%s: entry %d has no RuleID: it is no report of gitleaks", name, i+1)
		}
		if f.Secret != "" && f.Secret != "REDACTED" && !strings.HasSuffix(f.Secret, "...") {
			l.sums[sha256.Sum256([]byte(f.Secret))] = Entry{Name: name}
			continue
		}
		// Its line is that of the commit, and means nothing elsewhere.
		commit, ok := parseCommit(f.Commit)
		if !ok && f.Commit != "" {
			return fmt.Errorf("%s: entry %d: its commit is no id of 40 or 64 hexadecimal digits", name, i+1)
		}
		if f.File == "" {
			return fmt.Errorf("%s: entry %d is redacted and has no File, so it says of no secret that it is known", name, i+1)
		}
		l.addPlace(commit, place{slashes(f.File), f.RuleID, f.StartLine}, Entry{Name: name})
	}
	return nil
}

// addPlace adds a place; commit is empty for any.
func (l *List) addPlace(commit string, p place, at Entry) {
	if commit == "" {
		l.places[p] = at
		return
	}
	if l.commits[p] == nil {
		l.commits[p] = map[string]Entry{}
	}
	l.commits[p][commit] = at
}

// parseCommit reads the full id of a commit, SHA-1 or SHA-256.
func parseCommit(s string) (string, bool) {
	if _, err := hex.DecodeString(s); err != nil || len(s) != 40 && len(s) != 64 {
		return "", false
	}
	return strings.ToLower(s), true
}

// jsonError leaves out what the text holds, which may be a secret.
func jsonError(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("invalid JSON at byte %d", e.Offset)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%q at byte %d is of another type", e.Field, e.Offset)
	}
	return errors.New("invalid JSON")
}

func (l *List) addLines(name string, data []byte) error {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if i := strings.Index(line, "#"); i == 0 || i > 0 && line[i-1] == ' ' {
			line = strings.TrimSpace(line[:i])
		}
		if line == "" {
			continue
		}
		at := Entry{Name: name, Line: n}
		if sum, ok := parseSum(strings.TrimPrefix(line, "sha256:")); ok {
			l.sums[sum] = at
			continue
		}
		commit, p, ok := parsePlace(line)
		if !ok {
			return fmt.Errorf("%s:%d: the line is neither a SHA-256 sum nor path:rule:line nor commit:path:rule:line", name, n)
		}
		l.addPlace(commit, p, at)
	}
	return nil
}

// parsePlace reads a line of .gitleaksignore. A path may have colons.
func parsePlace(s string) (commit string, p place, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) < 3 {
		return "", p, false
	}
	line, err := strconv.Atoi(parts[len(parts)-1])
	if err != nil || line < 0 {
		return "", p, false
	}
	p = place{rule: parts[len(parts)-2], line: line}
	parts = parts[:len(parts)-2]
	if len(parts) > 1 {
		if commit, ok = parseCommit(parts[0]); ok {
			parts = parts[1:]
		}
	}
	p.path = slashes(strings.Join(parts, ":"))
	return commit, p, p.rule != "" && p.path != ""
}

// slashes also takes the "!" before the entries of archives as gitleaks writes
// it.
func slashes(path string) string {
	return strings.TrimPrefix(strings.ReplaceAll(path, `\`, "/"), "./")
}

// Find says by which list a secret is known.
func (l *List) Find(s *Secret) (Entry, bool) {
	if l == nil || len(l.names) == 0 {
		return Entry{}, false
	}
	for _, text := range s.Texts {
		if e, ok := l.sums[sha256.Sum256(text)]; ok {
			return e, true
		}
	}
	if e, ok := l.fingerprints[s.Fingerprint]; ok {
		return e, true
	}
	for _, rule := range s.Rules {
		if e, ok := l.places[place{s.Path, rule, s.Line}]; ok {
			return e, true
		}
	}
	return Entry{}, false
}

// Commits says with which commits a secret must have come to be known, in
// lower-case hex, and by which list.
func (l *List) Commits(s *Secret) map[string]Entry {
	if l == nil || len(l.commits) == 0 {
		return nil
	}
	var all map[string]Entry
	for _, rule := range s.Rules {
		for c, e := range l.commits[place{s.Path, rule, s.Line}] {
			if all == nil {
				all = map[string]Entry{}
			}
			if _, ok := all[c]; !ok {
				all[c] = e
			}
		}
	}
	return all
}
