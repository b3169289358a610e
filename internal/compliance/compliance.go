// Package compliance says which controls of a benchmark or guide hold for what
// was scanned.
//
// Specs are those of trivy (https://trivy.dev/latest/docs/compliance/compliance):
// controls with the checks that show whether they hold. A control passes only
// if each of its checks ran over something; one that nobody looked at is not
// assessed, which is no pass.
package compliance

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
)

//go:generate go run ./specgen specs

//go:embed specs/*.json
var embedded embed.FS

// Spec is a benchmark or a guide.
type Spec struct {
	ID       string    `yaml:"id" json:"id"`
	Title    string    `yaml:"title" json:"title"`
	Version  string    `yaml:"version" json:"version"`
	Related  []string  `yaml:"relatedResources" json:"relatedResources,omitempty"`
	Controls []Control `yaml:"controls" json:"controls"`
}

// Control is one demand of a spec.
type Control struct {
	ID       string `yaml:"id" json:"id"`
	Name     string `yaml:"name" json:"name"`
	Severity string `yaml:"severity" json:"severity"`
	// Checks are what shows whether it holds; empty if only people can say.
	Checks []Reference `yaml:"checks" json:"checks,omitempty"`
	// Commands are run on a node of a cluster by other tools; never here.
	Commands []Reference `yaml:"commands" json:"commands,omitempty"`
	// DefaultStatus is FAIL if it counts as failed unless it is shown to hold.
	DefaultStatus string `yaml:"defaultStatus" json:"defaultStatus,omitempty"`
}

// Reference names a check or a command.
type Reference struct {
	ID string `yaml:"id" json:"id"`
}

// Names are the ids of the specs that are built in, sorted.
func Names() []string {
	return []string{"aws-cis-1.2", "aws-cis-1.4", "docker-cis-1.6.0", "eks-cis-1.4", "k8s-cis-1.23", "k8s-nsa-1.0", "k8s-pss-baseline-0.1", "k8s-pss-restricted-0.1", "rke2-cis-1.24"}
}

// Builtin is the spec with the id; not ok if there is none.
func Builtin(id string) (spec *Spec, ok bool) {
	data, err := embedded.ReadFile("specs/" + id + ".json")
	if err != nil {
		return nil, false
	}
	spec, err = Parse(id, data)
	return spec, err == nil
}

// Parse reads a spec of trivy.
func Parse(name string, data []byte) (*Spec, error) {
	var doc struct {
		Spec Spec `yaml:"spec"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read the compliance spec %s: %w", name, err)
	}
	s := &doc.Spec
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.ID == "" || s.Title == "" || len(s.Controls) == 0 {
		bad("there is no spec.id, spec.title or spec.controls")
	}
	for i, c := range s.Controls {
		if c.ID == "" || c.Name == "" {
			bad("control %d has no id or no name", i+1)
		}
		if _, err := gatehouse.ParseSeverity(c.Severity); err != nil {
			bad("the control %s: %w", c.ID, err)
		}
		if slices.ContainsFunc(slices.Concat(c.Checks, c.Commands), func(r Reference) bool { return r.ID == "" }) {
			bad("the control %s has a check without id", c.ID)
		}
		switch strings.ToUpper(c.DefaultStatus) {
		case "", "PASS", "WARN", "FAIL":
		default:
			bad("the control %s: defaultStatus is %q, not PASS, WARN or FAIL", c.ID, c.DefaultStatus)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("read the compliance spec %s: %w", name, err)
	}
	return s, nil
}
