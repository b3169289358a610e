// Package checks evaluates misconfiguration checks written in Rego.
//
// A [Set] is read from file systems that hold one check in each file, with its
// metadata in the comment that starts "# METADATA", and the libraries that the
// checks import. Reading a set parses only those comments. Checks with the same
// selectors are parsed and compiled together when an input that they apply to
// first comes, and evaluated by one query.
package checks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// Type is the sort of input that a check reads.
type Type string

// The types of input.
const (
	Dockerfile Type = "dockerfile"
	Kubernetes Type = "kubernetes"
	// Cloud is the state of cloud resources, whatever language they are
	// described in.
	Cloud Type = "cloud"
	// Pipeline is the model of a delivery pipeline, whatever system it is for.
	Pipeline Type = "pipeline"
	// Compose is the model of a file of Docker Compose.
	Compose Type = "compose"
	// GitOps is an object that tells Argo CD or Flux what to deploy, as it is
	// for Kubernetes.
	GitOps Type = "gitops"
	// Ansible is the model of a file of Ansible.
	Ansible Type = "ansible"
	// Serverless is the model of a file of the Serverless Framework.
	Serverless Type = "serverless"
	// OpenAPI is the model of a description of an HTTP interface.
	OpenAPI Type = "openapi"
)

// Check is one check and its metadata.
type Check struct {
	// ID is unique within a set, such as "AWS-0086".
	ID string
	// Aliases are other names under which the check is known, such as
	// "AVD-AWS-0086" and "block-public-acls".
	Aliases     []string
	Title       string
	Description string
	Severity    gatehouse.Severity
	// Fix is the recommended action.
	Fix        string
	References []string
	// Controls are ids of controls that the check belongs to, such as
	// "CICD-SEC-3"; may be empty.
	Controls []string
	// Provider and Service say what is configured; they may be empty.
	Provider string
	Service  string
	// Selectors say to what inputs the check applies: to those that match any
	// of them.
	Selectors []Selector

	// Examples is the file of the set that has examples; may be empty.
	Examples string

	pkg   string   // path of the Rego package, without "data."
	rule  string   // that objects
	files []string // of the package
}

// Selector says what input a check applies to.
type Selector struct {
	Type Type
	// Subtypes narrow the selector to inputs that have any of them; empty
	// means all.
	Subtypes []Subtype
}

// Subtype is either a kind of Kubernetes object, or a service of a provider.
type Subtype struct {
	Kind              string
	Provider, Service string
}

// Set is a number of checks. It is safe for concurrent use.
type Set struct {
	// Checks are sorted by id.
	Checks []*Check
	// Deprecated counts the checks that were left out because their authors
	// replaced them, and Clocked those that were left out because they need a
	// clock and there is none.
	Deprecated, Clocked int
	// Digest identifies the checks and libraries, as "sha256:" and hex.
	Digest string

	sources map[string]string // by file: checks and libraries
	libs    []string          // files that are libraries
	now     time.Time
	engines map[Type][]*engine
}

// Load reads a set. Each of the overrides, which may be nil, takes the place of
// the library with the same path, or of the check with the same id, which must
// exist. now is the time that checks see; if it is zero, checks that look at the
// clock are left out.
func Load(checks, overrides, libs fs.FS, now time.Time) (*Set, error) {
	s := &Set{sources: map[string]string{}, now: now, engines: map[Type][]*engine{}}
	files, err := regoFiles(checks)
	if err != nil {
		return nil, fmt.Errorf("read checks: %w", err)
	}
	better := map[string]string{}
	if overrides != nil {
		better, err = regoFiles(overrides)
	}
	if err != nil {
		return nil, fmt.Errorf("read overrides of checks: %w", err)
	}
	libFiles, err := regoFiles(libs)
	if err != nil {
		return nil, fmt.Errorf("read libraries of checks: %w", err)
	}
	overridden := map[string]bool{} // by id: true once its check was seen
	for name, text := range better {
		if _, ok := libFiles[name]; ok {
			libFiles[name] = text
			delete(better, name)
			continue
		}
		c, _, err := parseHeader(name, text)
		if err != nil {
			return nil, fmt.Errorf("read the override %q: %w", name, err)
		}
		overridden[c.ID] = false
	}
	if len(files) == 0 {
		return nil, errors.New("read checks: there is none")
	}
	h := sha256.New()
	for _, group := range []map[string]string{libFiles, files, better} {
		for _, name := range sortedKeys(group) {
			fmt.Fprintf(h, "%q %d\n%s", name, len(group[name]), group[name])
			if _, dup := s.sources[name]; dup {
				return nil, fmt.Errorf("read checks: %q is both a check and a library", name)
			}
			s.sources[name] = group[name]
		}
	}
	s.Digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	s.libs = sortedKeys(libFiles)

	seen := map[string]string{}
	for _, name := range append(sortedKeys(files), sortedKeys(better)...) {
		c, deprecated, err := parseHeader(name, s.sources[name])
		if err != nil {
			return nil, fmt.Errorf("read check %q: %w", name, err)
		}
		if _, ok := overridden[c.ID]; ok && better[name] == "" {
			overridden[c.ID] = true
			continue
		}
		if deprecated {
			s.Deprecated++
			continue
		}
		if now.IsZero() && readsClock(s.sources[name]) {
			s.Clocked++
			continue
		}
		if first, dup := seen[c.ID]; dup {
			return nil, fmt.Errorf("read check %q: the id %q is also that of %q", name, c.ID, first)
		}
		seen[c.ID] = name
		s.Checks = append(s.Checks, c)
		s.enter(c)
	}
	for id, found := range overridden {
		if !found {
			return nil, fmt.Errorf("read overrides of checks: there is no check %q any more; remove its override", id)
		}
	}
	sort.Slice(s.Checks, func(i, j int) bool { return s.Checks[i].ID < s.Checks[j].ID })
	return s, nil
}

// readsClock reports whether a check depends on the time of the evaluation.
func readsClock(source string) bool {
	return strings.Contains(source, "time.now_ns") || strings.Contains(source, "data.lib.datetime")
}

// enter adds the check to the engine for its selectors, for each type of input
// that they name.
func (s *Set) enter(c *Check) {
	subtypes := map[Type][]Subtype{}
	for _, sel := range c.Selectors {
		if len(sel.Subtypes) == 0 {
			sel.Subtypes = []Subtype{{}} // all inputs
		}
		subtypes[sel.Type] = append(subtypes[sel.Type], sel.Subtypes...)
	}
	for typ, list := range subtypes {
		i := slices.IndexFunc(s.engines[typ], func(e *engine) bool { return slices.Equal(e.subtypes, list) })
		if i < 0 {
			i = len(s.engines[typ])
			s.engines[typ] = append(s.engines[typ], newEngine(s, typ, list))
		}
		s.engines[typ][i].checks = append(s.engines[typ][i].checks, c)
	}
}

// regoFiles reads all Rego files but tests.
func regoFiles(fsys fs.FS) (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !strings.HasSuffix(name, ".rego") || strings.HasSuffix(name, "_test.rego") {
			return nil
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		files[name] = string(data)
		return nil
	})
	return files, err
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
