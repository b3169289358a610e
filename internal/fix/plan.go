// Package fix plans which changes of what a project asks for remove the known
// vulnerabilities of its dependencies. It changes nothing.
package fix

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/version"
)

// Plan is what to change.
type Plan struct {
	// Manifests are the files with something to change, the one with the most
	// severe findings first.
	Manifests []Manifest `json:"manifests"`
	// Unresolved are the findings that no known change removes.
	Unresolved []Unresolved `json:"unresolved"`
	// Excused counts the findings that a VEX statement calls not affected or
	// fixed; nothing is planned for them.
	Excused int `json:"excused"`
	// NotJudged counts what could not be judged: there may be more to change.
	NotJudged int `json:"not_judged"`
}

// Manifest is a file with what to change in it.
type Manifest struct {
	// Path is relative to the target.
	Path     string             `json:"path"`
	Severity gatehouse.Severity `json:"severity"`
	// Findings counts the findings that all changes resolve.
	Findings int      `json:"findings"`
	Changes  []Change `json:"changes"`
	// Diff is a unified diff with all edits of lines; empty if there are none.
	Diff string `json:"diff,omitempty"`
}

// Change is one change of what a project asks for.
type Change struct {
	// Package is what to move; Through is the direct dependency by which it
	// comes in, empty if it is one itself or an override moves it.
	Package   string `json:"package"`
	Through   string `json:"through,omitempty"`
	Ecosystem string `json:"ecosystem"`
	From      string `json:"from,omitempty"`
	// To is empty if only the lockfile must be made anew.
	To       string             `json:"to,omitempty"`
	Severity gatehouse.Severity `json:"severity"`
	// Resolves are the findings that are gone afterwards, worst first.
	Resolves []Resolved `json:"resolves"`
	// How says what to do: a command or an edit in words.
	How string `json:"how"`
	// Edit is the changed line; nil if it is not known.
	Edit *Edit `json:"edit,omitempty"`
}

// Resolved is a finding that a change resolves.
type Resolved struct {
	ID       string             `json:"id"`
	Rule     string             `json:"rule"`
	Package  string             `json:"package"`
	Version  string             `json:"version"`
	Severity gatehouse.Severity `json:"severity"`
}

// Unresolved is a finding that nothing resolves.
type Unresolved struct {
	Resolved
	Location gatehouse.Location `json:"location"`
	// What is the next step.
	What string `json:"what"`
}

// Edit replaces one line.
type Edit struct {
	Line int    `json:"line"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// New plans for the findings of a report. Read returns a file of the target;
// where it fails, the change is named without an edit.
func New(report *gatehouse.Report, read func(path string) ([]byte, error)) Plan {
	plan := Plan{Manifests: []Manifest{}, Unresolved: []Unresolved{}, NotJudged: len(report.Coverage.Gaps)}
	type key struct{ manifest, ecosystem, name, from string }
	changes := map[key]*Change{}
	lines := map[key]int{}
	for i := range report.Findings {
		f := &report.Findings[i]
		v := f.Vulnerability
		if v == nil {
			continue
		}
		if v.VEX != nil && (v.VEX.Status == "not_affected" || v.VEX.Status == "fixed") {
			plan.Excused++
			continue
		}
		r := Resolved{f.ID, f.Rule, v.Package.Name, v.Package.Version, f.Severity}
		u := v.Upgrade
		if u == nil {
			plan.Unresolved = append(plan.Unresolved, Unresolved{r, f.Location, f.Fix})
			continue
		}
		k := key{f.Location.Path, v.Package.Ecosystem, u.Package, u.From}
		if u.Location != nil {
			k.manifest = u.Location.Path
		}
		if u.To == "" {
			// One refresh of a package is another than that of the next.
			k.name, k.from = v.Package.Name, v.Package.Version
		}
		c := changes[k]
		if c == nil {
			c = &Change{Package: u.Package, Ecosystem: v.Package.Ecosystem, From: u.From, To: u.To, How: u.How}
			if u.To == "" {
				c.Package, c.From = k.name, k.from
			}
			if u.Package != c.Package {
				c.Through = u.Package
			}
			changes[k] = c
		}
		// One change resolves all only if it goes as far as each needs.
		if u.To != "" && (c.To == "" || newer(c.Ecosystem, u.To, c.To)) {
			c.To, c.How = u.To, u.How
		}
		if u.Location != nil && u.Location.Line > 0 {
			lines[k] = u.Location.Line
		}
		c.Severity = max(c.Severity, f.Severity)
		c.Resolves = append(c.Resolves, r)
	}
	manifests := map[string]*Manifest{}
	edits := map[string]map[int]Edit{}
	files := map[string][]string{}
	requirements := requirementsOf(report)
	for _, k := range slices.SortedFunc(maps.Keys(changes), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.manifest, b.manifest), cmp.Compare(a.ecosystem, b.ecosystem), cmp.Compare(a.name, b.name), cmp.Compare(a.from, b.from))
	}) {
		c := changes[k]
		slices.SortStableFunc(c.Resolves, func(a, b Resolved) int {
			return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Rule, b.Rule))
		})
		m := manifests[k.manifest]
		if m == nil {
			m = &Manifest{Path: k.manifest}
			manifests[k.manifest] = m
		}
		if n := lines[k]; n > 0 && c.To != "" {
			text, ok := files[k.manifest]
			if !ok {
				if b, err := read(k.manifest); err == nil {
					text = strings.SplitAfter(string(b), "\n")
				}
				files[k.manifest] = text
			}
			if n <= len(text) && edits[k.manifest][n] == (Edit{}) {
				if e, ok := edit(c, n, text[n-1], requirements[component{c.Ecosystem, c.Package, c.From}]); ok {
					if edits[k.manifest] == nil {
						edits[k.manifest] = map[int]Edit{}
					}
					edits[k.manifest][n] = e
					shown := Edit{n, strings.TrimRight(e.Old, "\r\n"), strings.TrimRight(e.New, "\r\n")}
					c.Edit = &shown
				}
			}
		}
		m.Changes = append(m.Changes, *c)
		m.Severity = max(m.Severity, c.Severity)
		m.Findings += len(c.Resolves)
	}
	for name, m := range manifests {
		slices.SortStableFunc(m.Changes, func(a, b Change) int {
			return cmp.Or(-cmp.Compare(a.Severity, b.Severity), -cmp.Compare(len(a.Resolves), len(b.Resolves)))
		})
		if len(edits[name]) > 0 {
			m.Diff = diff(name, files[name], edits[name])
		}
		plan.Manifests = append(plan.Manifests, *m)
	}
	slices.SortFunc(plan.Manifests, func(a, b Manifest) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), -cmp.Compare(a.Findings, b.Findings), cmp.Compare(a.Path, b.Path))
	})
	slices.SortStableFunc(plan.Unresolved, func(a, b Unresolved) int { return -cmp.Compare(a.Severity, b.Severity) })
	return plan
}

type component struct{ ecosystem, name, version string }

// requirementsOf are the requirements of the direct dependencies; what several
// ask for differently is left out.
func requirementsOf(report *gatehouse.Report) map[component]string {
	found := map[component]string{}
	for i := range report.Components {
		c := &report.Components[i]
		k := component{c.Ecosystem, c.Name, c.Version}
		if c.Requirement == "" {
			continue
		}
		if have, ok := found[k]; ok && have != c.Requirement {
			found[k] = ""
			continue
		}
		found[k] = c.Requirement
	}
	return found
}

// newer reports whether version a is newer than b, by the rules of a purl type.
func newer(ecosystem, a, b string) bool {
	s := version.OfPurl(ecosystem)
	v, err := s.Parse(a)
	w, errs := s.Parse(b)
	return err == nil && errs == nil && v.Compare(w) > 0
}
