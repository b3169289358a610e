package attest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/strictyaml"
)

// PolicyDocument is a policy as people write it. Each key is as in [Policy].
type PolicyDocument struct {
	// TrustedRoot is the path of a trusted root of sigstore; empty if none is
	// needed.
	TrustedRoot string              `yaml:"trusted_root"`
	Authorities []policyAuthority   `yaml:"authorities"`
	Require     []policyRequirement `yaml:"require"`
}

type policyAuthority struct {
	Name       string          `yaml:"name"`
	Keys       []policyKey     `yaml:"keys"`
	Identity   *policyIdentity `yaml:"identity"`
	LogEntries *int            `yaml:"log_entries"`
	Timestamps int             `yaml:"timestamps"`
	Verifiers  []string        `yaml:"verifiers"`
}

type policyKey struct {
	File      string `yaml:"file"`
	PEM       string `yaml:"pem"`
	NotBefore string `yaml:"not_before"`
	NotAfter  string `yaml:"not_after"`
	Revoked   string `yaml:"revoked"`
}

type policyIdentity struct {
	Issuer         string `yaml:"issuer"`
	IssuerPattern  string `yaml:"issuer_pattern"`
	Subject        string `yaml:"subject"`
	SubjectPattern string `yaml:"subject_pattern"`
}

type policyRequirement struct {
	PredicateType string   `yaml:"predicate_type"`
	Authorities   []string `yaml:"authorities"`
	Threshold     int      `yaml:"threshold"`
	MaxAge        string   `yaml:"max_age"`
	Levels        []string `yaml:"levels"`
	PolicyDigests []string `yaml:"policy_digests"`
	ResourceURIs  []string `yaml:"resource_uris"`
}

// predicateNames are short names of predicate types; those of cosign where it has
// one.
var predicateNames = map[string]string{
	"vsa":             PredicateVSA,
	"slsaprovenance1": predicateProvenance + "v1",
	"spdxjson":        "https://spdx.dev/Document",
	"cyclonedx":       "https://cyclonedx.org/bom",
	"openvex":         PredicateOpenVEX,
	"vuln":            PredicateCosignVuln,
	"vulns":           PredicateVulns,
	"test-result":     PredicateTestResult,
	"svr":             PredicateSVR,
	"signature":       "https://sigstore.dev/cosign/sign/v1",
}

// PredicateType returns the URI of a predicate type that is given as a URI or by its
// short name.
func PredicateType(s string) (string, error) {
	if uri, ok := predicateNames[s]; ok {
		return uri, nil
	}
	if !strings.Contains(s, ":") {
		return "", fmt.Errorf("unknown predicate type %q: want a URI, or one of %s", s, strings.Join(slices.Sorted(maps.Keys(predicateNames)), ", "))
	}
	return s, nil
}

// ParsePolicy reads a policy in YAML, and the path of the trusted root that it
// names, if any. Keys in files are read with readFile, by the path as written.
// Errors name the file.
func ParsePolicy(name string, data []byte, readFile func(string) ([]byte, error)) (p Policy, trustedRoot string, err error) {
	var f PolicyDocument
	if err := strictyaml.Decode(name, data, &f); err != nil {
		return Policy{}, "", err
	}
	p, err = f.Policy(name, readFile)
	if err != nil {
		return Policy{}, "", err
	}
	return p, f.TrustedRoot, nil
}

// Policy is what the document says. Errors start with name.
func (f PolicyDocument) Policy(name string, readFile func(string) ([]byte, error)) (Policy, error) {
	var p Policy
	var errs []error
	for _, a := range f.Authorities {
		authority, err := a.authority(readFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: the authority %q: %w", name, a.Name, err))
		}
		p.Authorities = append(p.Authorities, authority)
	}
	for i, r := range f.Require {
		requirement, err := r.requirement()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: requirement %d: %w", name, i+1, err))
		}
		p.Require = append(p.Require, requirement)
	}
	if len(errs) == 0 {
		if err := p.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(errs) > 0 {
		return Policy{}, errors.Join(errs...)
	}
	return p, nil
}

func (a policyAuthority) authority(readFile func(string) ([]byte, error)) (Authority, error) {
	out := Authority{Name: a.Name, Timestamps: a.Timestamps, Verifiers: a.Verifiers}
	if a.Identity != nil {
		id := Identity(*a.Identity)
		out.Identity = &id
		out.LogEntries = 1 // what the public sigstore gives, unless told otherwise
	}
	if a.LogEntries != nil {
		out.LogEntries = *a.LogEntries
	}
	for _, k := range a.Keys {
		key, err := k.key(readFile)
		if err != nil {
			return out, err
		}
		out.Keys = append(out.Keys, key)
	}
	return out, nil
}

func (k policyKey) key(readFile func(string) ([]byte, error)) (Key, error) {
	if (k.File == "") == (k.PEM == "") {
		return Key{}, errors.New("a key needs either file or pem")
	}
	text, what := []byte(k.PEM), "the key in pem"
	if k.File != "" {
		var err error
		if text, err = readFile(k.File); err != nil {
			return Key{}, fmt.Errorf("read the key: %w", err)
		}
		what = k.File
	}
	public, err := ParsePublicKey(text)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", what, err)
	}
	out := Key{PublicKey: public, Revoked: k.Revoked}
	if out.NotBefore, err = policyTime("not_before", k.NotBefore, 0); err != nil {
		return Key{}, err
	}
	out.NotAfter, err = policyTime("not_after", k.NotAfter, 1)
	return out, err
}

// policyTime reads a time, or a day, of which its beginning or its end is meant.
func policyTime(key, text string, days int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("%s is %q: want a date such as 2026-01-31, or a time as RFC 3339", key, text)
	}
	return t.AddDate(0, 0, days), nil
}

func (r policyRequirement) requirement() (Requirement, error) {
	uri, err := PredicateType(r.PredicateType)
	if err != nil {
		return Requirement{}, err
	}
	out := Requirement{PredicateType: uri, Authorities: r.Authorities, Threshold: r.Threshold}
	if r.MaxAge != "" {
		if out.MaxAge, err = ParseAge(r.MaxAge); err != nil {
			return out, fmt.Errorf("max_age: %w", err)
		}
	}
	if uri != PredicateVSA {
		if len(r.Levels)+len(r.PolicyDigests)+len(r.ResourceURIs) > 0 {
			return out, fmt.Errorf("levels, policy_digests and resource_uris are for verification summaries, not for %s", uri)
		}
		return out, nil
	}
	out.Summary = &SummaryRequirement{Levels: r.Levels, ResourceURIs: r.ResourceURIs}
	for _, text := range r.PolicyDigests {
		d, err := ParseDigest(text)
		if err != nil {
			return out, fmt.Errorf("policy_digests: %w", err)
		}
		out.Summary.PolicyDigests = append(out.Summary.PolicyDigests, d)
	}
	return out, nil
}

// ParseAge reads a duration such as 36h or 7d.
func ParseAge(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		h, err := time.ParseDuration(days + "h")
		if err == nil && h > 0 && h < 100_000*time.Hour {
			return 24 * h, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a duration: want something like 36h or 7d", s)
}
