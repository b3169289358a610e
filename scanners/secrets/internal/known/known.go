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
}

// Entry is where a list says that a secret is known.
type Entry struct {
	Name string
	// Line is 1-based; 0 if the list has no lines.
	Line int
}

// place is a finding by where it is; commit is empty for any.
type place struct {
	commit, path, rule string
	line               int
}

// Secret is a finding that may be known.
type Secret struct {
	// Text is the secret.
	Text []byte
	// Fingerprint is that of the finding.
	Fingerprint string
	// Commit is empty if it comes from no history; Path and Line are where it
	// is, and Rules the ids of all rules that match there.
	Commit, Path string
	Line         int
	Rules        []string
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
//   - a JSON array: a report of gitleaks, whose secrets may be redacted;
//   - lines with 64 hexadecimal digits, perhaps after "sha256:": sums of
//     secrets;
//   - lines with path:rule:line or commit:path:rule:line: .gitleaksignore.
//
// Empty lines and what stands behind "#" do not count.
func (l *List) Add(name string, data []byte) error {
	if l.sums == nil {
		l.sums, l.fingerprints, l.places = map[[sha256.Size]byte]Entry{}, map[string]Entry{}, map[place]Entry{}
	}
	l.names = append(l.names, name)
	sum := sha256.Sum256(append(append(l.digest, name...), data...))
	l.digest = sum[:]
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		return l.addReport(name, trimmed)
	case bytes.HasPrefix(trimmed, []byte("[")):
		return l.addGitleaks(name, trimmed)
	}
	return l.addLines(name, trimmed)
}

func (l *List) addReport(name string, data []byte) error {
	type finding struct {
		Kind        string `json:"kind"`
		Fingerprint string `json:"fingerprint"`
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
	for _, f := range all {
		if f.Kind == "secret" && f.Fingerprint != "" {
			l.fingerprints[f.Fingerprint] = Entry{Name: name}
		}
	}
	return nil
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
		l.places[place{"", slashes(f.File), f.RuleID, f.StartLine}] = Entry{Name: name}
	}
	return nil
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
		if sum, err := hex.DecodeString(strings.TrimPrefix(line, "sha256:")); err == nil && len(sum) == sha256.Size {
			l.sums[[sha256.Size]byte(sum)] = at
			continue
		}
		p, ok := parsePlace(line)
		if !ok {
			return fmt.Errorf("%s:%d: the line is neither a SHA-256 sum nor path:rule:line nor commit:path:rule:line", name, n)
		}
		l.places[p] = at
	}
	return nil
}

// parsePlace reads a line of .gitleaksignore. A path may have colons.
func parsePlace(s string) (p place, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) < 3 {
		return p, false
	}
	line, err := strconv.Atoi(parts[len(parts)-1])
	if err != nil || line < 0 {
		return p, false
	}
	p = place{rule: parts[len(parts)-2], line: line}
	parts = parts[:len(parts)-2]
	if _, err := hex.DecodeString(parts[0]); err == nil && len(parts) > 1 && len(parts[0]) == 40 {
		p.commit = strings.ToLower(parts[0])
		parts = parts[1:]
	}
	p.path = slashes(strings.Join(parts, ":"))
	return p, p.rule != "" && p.path != ""
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
	if e, ok := l.sums[sha256.Sum256(s.Text)]; ok {
		return e, true
	}
	if e, ok := l.fingerprints[s.Fingerprint]; ok {
		return e, true
	}
	for _, rule := range s.Rules {
		if e, ok := l.places[place{"", s.Path, rule, s.Line}]; ok {
			return e, true
		}
		if s.Commit == "" {
			continue
		}
		if e, ok := l.places[place{strings.ToLower(s.Commit), s.Path, rule, s.Line}]; ok {
			return e, true
		}
	}
	return Entry{}, false
}
