// Package ignorefile reads files of other tools that list what does not count,
// and puts what they say beside the findings of a report.
//
// It knows .trivyignore (https://trivy.dev/latest/docs/configuration/filtering),
// .trivyignore.yaml, .checkov.baseline
// (https://www.checkov.io/2.Basics/CLI%20Command%20Reference.html, --baseline)
// and the configuration of tfsec.
package ignorefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
)

// File is a file of ignores.
type File struct {
	// Name is the path as it was given.
	Name    string
	entries []entry
}

// entry is one line or element that asks for findings not to count.
type entry struct {
	line     int
	kind     gatehouse.Kind // empty means any
	rule     string
	paths    []string // globs; empty means all
	file     string   // path; empty means all
	resource string   // empty means all
	purls    []string // empty means all
	reason   string
	expires  string // date; empty means never
	wrong    string // why it does not count, as a clause; empty if it does
}

// Names are those of the files that tools read without being told, relative to
// what they scan.
func Names() []string {
	return []string{".trivyignore", ".trivyignore.yaml", ".trivyignore.yml", ".checkov.baseline", ".tfsec/config.yml", ".tfsec/config.yaml", ".tfsec/config.json"}
}

// Parse reads a file; what it is shows in its name. A file that cannot be read
// is an error: nothing is left out unseen.
func Parse(name string, data []byte) (*File, error) {
	f := &File{Name: name}
	base := path.Base(name)
	var err error
	switch {
	case strings.HasPrefix(base, ".trivyignore") && (path.Ext(base) == ".yaml" || path.Ext(base) == ".yml"):
		err = f.trivyYAML(data)
	case strings.HasPrefix(base, ".trivyignore"):
		err = f.trivy(data)
	case strings.HasSuffix(base, ".baseline"):
		err = f.checkov(data)
	case path.Base(path.Dir(name)) == ".tfsec":
		err = f.tfsec(data)
	default:
		err = errors.New("it is none of .trivyignore, .trivyignore.yaml, .checkov.baseline and .tfsec/config.yml; give it such a name")
	}
	if err != nil {
		return nil, fmt.Errorf("read the ignores of %s: %w", name, err)
	}
	return f, nil
}

// trivy reads lines such as "CVE-2020-1 exp:2030-01-01 # why".
func (f *File) trivy(data []byte) error {
	for i, l := range strings.Split(string(data), "\n") {
		text, reason, _ := strings.Cut(l, "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		e := entry{line: i + 1, rule: words[0], reason: strings.TrimSpace(reason)}
		for _, w := range words[1:] {
			date, ok := strings.CutPrefix(w, "exp:")
			if !ok {
				return fmt.Errorf("line %d: %q is not exp: and a date", i+1, w)
			}
			if _, err := time.Parse(time.DateOnly, date); err != nil {
				return fmt.Errorf("line %d: %q is no date such as 2030-01-31", i+1, date)
			}
			e.expires = date
		}
		f.entries = append(f.entries, e)
	}
	return nil
}

func (f *File) trivyYAML(data []byte) error {
	var doc map[string][]yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	kinds := map[string]gatehouse.Kind{"vulnerabilities": gatehouse.KindVulnerability, "misconfigurations": gatehouse.KindMisconfiguration,
		"secrets": gatehouse.KindSecret, "licenses": gatehouse.KindLicense}
	for name, list := range doc {
		kind, ok := kinds[name]
		if !ok {
			return fmt.Errorf("there is no kind of finding called %q; use vulnerabilities, misconfigurations, secrets or licenses", name)
		}
		for i := range list {
			n := &list[i]
			var e struct {
				ID        string   `yaml:"id"`
				Paths     []string `yaml:"paths"`
				PURLs     []string `yaml:"purls"`
				ExpiredAt string   `yaml:"expired_at"`
				Statement string   `yaml:"statement"`
			}
			if err := n.Decode(&e); err != nil {
				return err
			}
			if e.ID == "" {
				return fmt.Errorf("line %d: there is no id", n.Line)
			}
			for _, p := range e.Paths {
				if !doublestar.ValidatePattern(p) {
					return fmt.Errorf("line %d: %q is no glob", n.Line, p)
				}
			}
			expires, _, _ := strings.Cut(e.ExpiredAt, "T")
			if _, err := time.Parse(time.DateOnly, expires); expires != "" && err != nil {
				return fmt.Errorf("line %d: %q is no date such as 2030-01-31", n.Line, e.ExpiredAt)
			}
			f.entries = append(f.entries, entry{line: n.Line, kind: kind, rule: e.ID, paths: e.Paths, purls: e.PURLs, reason: e.Statement, expires: expires})
		}
	}
	return nil
}

func (f *File) checkov(data []byte) error {
	var doc struct {
		Failed []struct {
			File     string `json:"file"`
			Findings []struct {
				Resource string   `json:"resource"`
				Checks   []string `json:"check_ids"`
			} `json:"findings"`
		} `json:"failed_checks"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	for _, file := range doc.Failed {
		for _, finding := range file.Findings {
			for _, id := range finding.Checks {
				f.entries = append(f.entries, entry{kind: gatehouse.KindMisconfiguration, rule: id,
					file: strings.TrimPrefix(path.Clean("/"+file.File), "/"), resource: finding.Resource})
			}
		}
	}
	return nil
}

func (f *File) tfsec(data []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return errors.New("it is no mapping")
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch key.Value {
		case "exclude":
			for _, n := range value.Content {
				f.entries = append(f.entries, entry{line: n.Line, kind: gatehouse.KindMisconfiguration, rule: n.Value})
			}
		case "minimum_severity", "severity_overrides", "include":
			f.entries = append(f.entries, entry{line: key.Line, rule: key.Value,
				wrong: "what counts is for policies to say: set misconfiguration.severity, or write a rule"})
		}
	}
	return nil
}
