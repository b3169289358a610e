package vulndb

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// Change is what happened to an advisory about a package.
type Change struct {
	// Kind is "added", "removed" or "changed".
	Kind      string             `json:"kind"`
	Ecosystem string             `json:"ecosystem"`
	Package   string             `json:"package"`
	ID        string             `json:"id"`
	Source    string             `json:"source"`
	Severity  gatehouse.Severity `json:"severity"`
	Title     string             `json:"title,omitempty"`
	// What says for a change what it is, in clauses.
	What []string `json:"what,omitempty"`
}

// The kinds of changes.
const (
	ChangeAdded   = "added"
	ChangeRemoved = "removed"
	ChangeChanged = "changed"
)

type advisoryPlace struct{ ecosystem, pkg, id, source string }

// advisoryState is what is compared; texts as hashes, as there may be a
// million.
type advisoryState struct {
	versions, aliases uint64
	severity          gatehouse.Severity
	exploited         string
	malicious         bool
}

// Diff returns what changed from one database to another, sorted by
// ecosystem, package and id.
func Diff(from, to *DB) ([]Change, error) {
	seed := maphash.MakeSeed()
	old := map[advisoryPlace]advisoryState{}
	if err := from.states(seed, func(p advisoryPlace, s advisoryState, _ Detail) { old[p] = s }); err != nil {
		return nil, err
	}
	var out []Change
	err := to.states(seed, func(p advisoryPlace, s advisoryState, d Detail) {
		was, ok := old[p]
		delete(old, p)
		c := Change{Kind: ChangeAdded, Ecosystem: p.ecosystem, Package: p.pkg, ID: p.id, Source: p.source, Severity: s.severity, Title: d.Title}
		if ok {
			c.Kind, c.What = ChangeChanged, was.compare(s)
			if len(c.What) == 0 {
				return
			}
		}
		out = append(out, c)
	})
	if err != nil {
		return nil, err
	}
	for p, s := range old {
		c := Change{Kind: ChangeRemoved, Ecosystem: p.ecosystem, Package: p.pkg, ID: p.id, Source: p.source, Severity: s.severity}
		d, _, err := from.Details(p.id)
		if err != nil {
			return nil, err
		}
		c.Title = d.Title
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Package, b.Package), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source, b.Source))
	})
	return out, nil
}

func (s advisoryState) compare(now advisoryState) (what []string) {
	if s.versions != now.versions {
		what = append(what, "affected or fixed versions")
	}
	if s.aliases != now.aliases {
		what = append(what, "aliases")
	}
	if s.severity != now.severity {
		what = append(what, fmt.Sprintf("severity %s to %s", s.severity, now.severity))
	}
	if s.exploited != now.exploited {
		text := "no longer known as exploited"
		if now.exploited != "" {
			text = "known as exploited since " + now.exploited
		}
		what = append(what, text)
	}
	if s.malicious != now.malicious {
		what = append(what, fmt.Sprintf("malicious %v to %v", s.malicious, now.malicious))
	}
	return what
}

// states calls fn for each advisory of each package.
func (db *DB) states(seed maphash.Seed, fn func(advisoryPlace, advisoryState, Detail)) error {
	for _, ecosystem := range slices.Sorted(maps.Keys(db.buckets)) {
		for a, err := range db.All(ecosystem) {
			if err != nil {
				return err
			}
			d, _, err := db.Details(a.ID)
			if err != nil {
				return err
			}
			severity := a.Severity
			if severity == gatehouse.SeverityUnknown {
				severity = d.SeverityOf(a.Source.ID)
			}
			place := advisoryPlace{ecosystem, a.Package, a.ID, a.Source.Name}
			if len(a.Arches) > 0 {
				place.source += " " + strings.Join(a.Arches, ",")
			}
			fn(place, advisoryState{
				versions: maphash.String(seed, strings.Join(slices.Concat(a.VulnerableVersions, []string{"\x00"}, a.PatchedVersions,
					[]string{"\x00"}, a.UnaffectedVersions, []string{"\x00", a.FixedVersion, a.Status}), "\n")),
				aliases:  maphash.String(seed, strings.Join(slices.Sorted(slices.Values(slices.Concat(a.Aliases, a.Bulletins))), "\n")),
				severity: severity, exploited: d.Exploited, malicious: d.Malicious,
			}, d)
		}
	}
	return nil
}
