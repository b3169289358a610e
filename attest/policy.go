package attest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Policy says what must be attested about an artifact, and by whom.
type Policy struct {
	// Authorities are who may sign; never empty.
	Authorities []Authority
	// Require is what must be there, all of it; never empty.
	Require []Requirement
}

// Authority is somebody who may sign: the holder of one of some keys, or of an
// identity that a certificate authority vouches for.
type Authority struct {
	// Name is unique within the policy.
	Name string
	// Keys are those of one signer, so that they can be rotated; empty if
	// Identity is set.
	Keys []Key
	// Identity is that of the certificate; nil if Keys is set.
	Identity *Identity
	// LogEntries and Timestamps are how many entries in transparency logs and
	// how many signed timestamps there must be. A certificate needs at least
	// one of either.
	LogEntries, Timestamps int
	// Verifiers are the ids for which the authority may speak: verifier.id of
	// a summary, builder.id of a provenance. Required for those two.
	Verifiers []string
}

// Key is a public key and when it counts.
type Key struct {
	PublicKey
	// NotBefore and NotAfter bound when it may have signed; zero is no bound.
	// A signature without a trusted timestamp is taken to be made now.
	NotBefore, NotAfter time.Time
	// Revoked is why the key does not count any more, for whatever it signed;
	// empty if it does.
	Revoked string
}

// Identity is what a certificate must say: an issuer and a subject, each exactly or
// as a regular expression that must match the whole text.
type Identity struct {
	Issuer, IssuerPattern   string
	Subject, SubjectPattern string
}

// Requirement is one thing that must be attested.
type Requirement struct {
	// PredicateType is matched exactly.
	PredicateType string
	// Authorities are the names of those who may attest it; never empty.
	Authorities []string
	// Threshold is how many of them must have attested it; 0 means one.
	Threshold int
	// MaxAge bounds the age; required for a summary, otherwise 0 is no bound.
	MaxAge time.Duration
	// Summary is what a [VSA] must say; nil for other predicates.
	Summary *SummaryRequirement
}

// SummaryRequirement is what a [VSA] must say besides PASSED.
type SummaryRequirement struct {
	// Levels must all be among its verified levels; never empty.
	Levels []string
	// PolicyDigests are the policies that are good enough; empty means any.
	PolicyDigests []Digest
	// ResourceURIs are where the artifact may come from; if it is empty, that
	// of the [Artifact] counts.
	ResourceURIs []string
}

// check reports everything that is wrong with the policy.
func (p Policy) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(p.Require) == 0 {
		bad("nothing is required: such a policy would let everything through")
	}
	used := map[string]bool{}
	byName := map[string]Authority{}
	owner := map[string]string{}
	for i, a := range p.Authorities {
		switch {
		case a.Name == "":
			bad("authority %d has no name", i+1)
		case byName[a.Name].Name != "":
			bad("the authority %q is there twice", a.Name)
		}
		byName[a.Name] = a
		for _, k := range a.Keys {
			if first, ok := owner[k.ID()]; ok && k.key != nil {
				bad("the authorities %q and %q have the same key, so one signature would count as two", first, a.Name)
			}
			owner[k.ID()] = a.Name
		}
		errs = append(errs, a.check()...)
	}
	for i, r := range p.Require {
		what := fmt.Sprintf("requirement %d (%s)", i+1, r.PredicateType)
		if r.PredicateType == "" {
			bad("requirement %d has no predicate type", i+1)
		}
		if len(r.Authorities) == 0 {
			bad("%s names no authority", what)
		}
		for _, name := range r.Authorities {
			a, ok := byName[name]
			if !ok {
				bad("%s names the authority %q, which there is not", what, name)
				continue
			}
			used[name] = true
			if (r.PredicateType == PredicateVSA || strings.HasPrefix(r.PredicateType, predicateProvenance)) && len(a.Verifiers) == 0 {
				bad("%s: the authority %q has no list of verifiers, so it could speak for any", what, name)
			}
		}
		if r.Threshold < 0 || r.Threshold > len(slices.Compact(slices.Sorted(slices.Values(r.Authorities)))) {
			bad("%s wants %d authorities of %d", what, r.Threshold, len(r.Authorities))
		}
		if r.MaxAge < 0 {
			bad("%s has a negative maximum age", what)
		}
		switch {
		case r.PredicateType != PredicateVSA && r.Summary != nil:
			bad("%s has settings of a verification summary, which it is not", what)
		case r.PredicateType == PredicateVSA && r.Summary == nil:
			bad("%s does not say which levels it must have", what)
		case r.PredicateType == PredicateVSA:
			if len(r.Summary.Levels) == 0 {
				bad("%s does not say which levels it must have", what)
			}
			if r.MaxAge == 0 {
				bad("%s has no maximum age, so an old summary would count for ever", what)
			}
		}
	}
	for _, a := range p.Authorities {
		if a.Name != "" && !used[a.Name] {
			bad("the authority %q is not used by any requirement: remove it, or name it", a.Name)
		}
	}
	return errors.Join(errs...)
}

func (a Authority) check() []error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("the authority %q "+format, append([]any{a.Name}, args...)...))
	}
	if (len(a.Keys) == 0) == (a.Identity == nil) {
		bad("needs either keys or an identity")
	}
	for i, k := range a.Keys {
		if k.key == nil {
			bad("has an empty key at %d", i+1)
		}
		if !k.NotAfter.IsZero() && k.NotAfter.Before(k.NotBefore) {
			bad("has a key that ends before it begins")
		}
	}
	if a.LogEntries < 0 || a.Timestamps < 0 {
		bad("has a negative number of log entries or timestamps")
	}
	if id := a.Identity; id != nil {
		if a.LogEntries+a.Timestamps == 0 {
			bad("has an identity, but asks for neither a log entry nor a timestamp: nothing would say when its short-lived certificate was used")
		}
		for _, field := range []struct{ name, exact, pattern string }{{"issuer", id.Issuer, id.IssuerPattern}, {"subject", id.Subject, id.SubjectPattern}} {
			if (field.exact == "") == (field.pattern == "") {
				bad("needs either an %s or a pattern for it", field.name)
			}
			if _, err := wholly(field.pattern); err != nil {
				bad("has a pattern for the %s that is not a regular expression: %w", field.name, err)
			}
		}
	}
	return errs
}

// wholly is a regular expression that matches whole texts only.
func wholly(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// Matches reports whether a certificate with that issuer and subject is meant. Both
// must be there.
func (id Identity) Matches(issuer, subject string) bool {
	return issuer != "" && subject != "" && matches(id.Issuer, id.IssuerPattern, issuer) && matches(id.Subject, id.SubjectPattern, subject)
}

func matches(exact, pattern, text string) bool {
	if exact != "" {
		return text == exact
	}
	re, err := wholly(pattern)
	return pattern != "" && err == nil && re.MatchString(text)
}
