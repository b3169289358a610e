// Package ignore finds the comments and annotations of infrastructure as code
// and of delivery pipelines that ask for findings not to count, and says which
// findings each of them covers.
//
// It knows trivy:ignore and tfsec:ignore (with expiry, workspace and
// parameters), checkov:skip and its annotations, kics-scan, hadolint ignore,
// zizmor: ignore, and gatehouse:ignore. A request that has expired, that stands
// where it does not count, or that names what is not known covers nothing, and
// says so.
package ignore

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// Range is a number of lines, 1-based and inclusive.
type Range struct{ First, Last int }

func (r Range) has(line int) bool { return r.First <= line && line <= r.Last }

// Place is where a finding is, or something that it is part of. Line 0 is the
// whole file.
type Place struct {
	Path     string
	Line     int
	LastLine int // at least Line; 0 if it is the same
}

// Rule is the rule of a finding, by all names that it has.
type Rule struct {
	ID      string
	Aliases []string
}

// request is one rule that one comment names.
type request struct {
	gatehouse.Ignore
	lines     []Range // on which what it covers starts
	file      bool    // it covers all of the file
	touching  bool    // it covers what is spread over the lines
	workspace string  // glob; empty means all
	params    map[string]string
	block     int    // line of the block whose values the parameters are about
	wrong     string // why it does not count, as a clause; empty if it does
	covered   map[string]bool
}

// Set holds the requests of some files. It is safe for concurrent use.
type Set struct {
	now   time.Time // zero: nothing with an end counts
	mu    sync.Mutex
	files map[string][]*request
}

// NewSet makes an empty set. now is the evaluation time.
func NewSet(now time.Time) *Set { return &Set{now: now, files: map[string][]*request{}} }

// Values tells the value of an argument, such as "ingress.from_port", of the
// block that starts on a line; not ok if it is not known.
type Values func(path string, line int, argument string) (value string, ok bool)

// Workspace is that of Terraform in which configuration is judged.
const Workspace = "default"

// Find says what asks that a finding does not count; nil if nothing does. The
// first place is that of the finding, the others of what it is part of in other
// files, such as the call of its module. key identifies the finding. values may
// be nil.
func (s *Set) Find(rule Rule, places []Place, key string, values Values) *gatehouse.Suppression {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *request
	for i, p := range places {
		for _, r := range s.files[p.Path] {
			if !r.names(rule) || !r.covers(p, i == 0) || !r.fits(p.Path, values) {
				continue
			}
			r.covered[key] = true
			if first == nil && r.counts(s.now) {
				first = r
			}
		}
	}
	if first == nil {
		return nil
	}
	return &gatehouse.Suppression{By: first.By, Reason: first.Reason, Expires: first.Expires, Location: first.Location}
}

func (r *request) names(rule Rule) bool {
	if matchName(r.Rule, rule.ID) || slices.ContainsFunc(rule.Aliases, func(a string) bool { return matchName(r.Rule, a) }) {
		return true
	}
	return slices.Contains(elsewhere[strings.ToUpper(r.Rule)], rule.ID)
}

// matchName compares without case; "*" stands for anything.
func matchName(pattern, name string) bool {
	return glob(strings.ToLower(pattern), strings.ToLower(name))
}

func glob(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	last := len(parts) - 1
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, p := range parts[1:last] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return strings.HasSuffix(name, parts[last])
}

// covers reports whether what is at the place is covered. The whole file is
// covered as a part of nothing.
func (r *request) covers(p Place, finding bool) bool {
	if r.file {
		return finding
	}
	return slices.ContainsFunc(r.lines, func(l Range) bool {
		return l.has(p.Line) || r.touching && l.First <= max(p.LastLine, p.Line) && p.Line <= l.Last && p.Line > 0
	})
}

// fits reports whether the parameters have the values that they ask for.
func (r *request) fits(file string, values Values) bool {
	for name, want := range r.params {
		if values == nil {
			return false
		}
		if got, ok := values(file, r.block, name); !ok || got != want {
			return false
		}
	}
	return r.workspace == "" || glob(r.workspace, Workspace)
}

func (r *request) counts(now time.Time) bool { return r.wrong == "" && !r.expired(now) }

// expired requests end at the start of the day that they name, as those of
// trivy do.
func (r *request) expired(now time.Time) bool {
	if r.Expires == "" {
		return false
	}
	end, err := time.Parse(time.DateOnly, r.Expires)
	return err != nil || now.IsZero() || !now.Before(end)
}

// Report says what became of each request. known reports whether any rule has
// a name that fits.
func (s *Set) Report(known func(name string) bool) []gatehouse.Ignore {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []gatehouse.Ignore
	for _, list := range s.files {
		for _, r := range list {
			i := r.Ignore
			i.Findings = len(r.covered)
			switch {
			case r.wrong != "":
				i.State, i.Note = gatehouse.IgnoreRefused, r.wrong
			case !known(i.Rule) && len(elsewhere[strings.ToUpper(i.Rule)]) == 0:
				i.State, i.Note = gatehouse.IgnoreUnknown, "no rule has this name"
			case r.expired(s.now):
				i.State = gatehouse.IgnoreExpired
			case i.Findings > 0:
				i.State = gatehouse.IgnoreUsed
			default:
				i.State = gatehouse.IgnoreUnused
				if r.workspace != "" && !glob(r.workspace, Workspace) {
					i.Note = "it is about the workspace " + r.workspace + ", and what is judged is " + Workspace
				}
			}
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b gatehouse.Ignore) int {
		return cmp.Or(cmp.Compare(a.Location.Path, b.Location.Path), cmp.Compare(a.Location.Line, b.Location.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.By, b.By))
	})
	return all
}

// Matches reports whether a name as it is written in a request fits a rule.
func Matches(name string, rule Rule) bool {
	r := request{Ignore: gatehouse.Ignore{Rule: name}}
	return r.names(rule)
}

// foreign are directories of code that others wrote: what they ignore
// themselves is not ignored here.
var foreign = []string{"vendor", "node_modules", "third_party", "bower_components", ".terraform", ".terragrunt-cache"}

// foreignReason says why requests in a file do not count; empty if they do.
func foreignReason(name string) string {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if slices.Contains(foreign, part) {
			return "it stands in " + part + ", in code of others"
		}
	}
	return ""
}
