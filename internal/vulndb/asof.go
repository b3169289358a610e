package vulndb

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// AsOf is a database as it was seen at a time: advisories about problems that
// were published later are left out. Its methods may be called concurrently.
//
// A database has one state only. What it says about an older problem is what
// it says today, ranges and severities included, and what was withdrawn since
// is not there; see [AsOfCounts].
type AsOf struct {
	db *DB
	at time.Time

	mu   sync.Mutex
	seen map[string]asOfState
}

type asOfState struct {
	later, unknown, changed bool
}

// AsOfCounts counts the problems that were looked up.
type AsOfCounts struct {
	// Later were published after the time, and are left out.
	Later int
	// Unknown have no date of publication, and are kept.
	Unknown int
	// Changed were published before and modified after the time.
	Changed int
}

// String says in a clause what was counted.
func (c AsOfCounts) String() string {
	return fmt.Sprintf("of the advisories looked up, %d were published later and are left out, %d do not say when they were published and are kept, %d were changed since and are as they are now",
		c.Later, c.Unknown, c.Changed)
}

// AsOf returns the database as it was seen at the time.
func (db *DB) AsOf(at time.Time) *AsOf { return &AsOf{db: db, at: at, seen: map[string]asOfState{}} }

// Counts returns what was met so far.
func (v *AsOf) Counts() (c AsOfCounts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.seen {
		switch {
		case s.later:
			c.Later++
		case s.unknown:
			c.Unknown++
		}
		if !s.later && s.changed {
			c.Changed++
		}
	}
	return c
}

func (v *AsOf) later(id string) (bool, error) {
	v.mu.Lock()
	s, ok := v.seen[id]
	v.mu.Unlock()
	if ok {
		return s.later, nil
	}
	d, _, err := v.db.Details(id)
	if err != nil {
		return false, err
	}
	s = asOfState{later: d.Published.After(v.at), unknown: d.Published.IsZero(), changed: d.Modified.After(v.at)}
	v.mu.Lock()
	v.seen[id] = s
	v.mu.Unlock()
	return s.later, nil
}

// Advisories is [DB.Advisories] without what was published later.
func (v *AsOf) Advisories(ecosystem, pkgName string) ([]Advisory, error) {
	list, err := v.db.Advisories(ecosystem, pkgName)
	if err != nil {
		return nil, err
	}
	var failed error
	list = slices.DeleteFunc(list, func(a Advisory) bool {
		later, err := v.later(a.ID)
		if err != nil {
			failed = err
		}
		return later
	})
	return list, failed
}

// Details is [DB.Details] without what was known later only: the entry in the
// catalogue of exploited vulnerabilities, and the EPSS scores, which are made
// anew each day.
func (v *AsOf) Details(id string) (Detail, bool, error) {
	d, ok, err := v.db.Details(id)
	day := v.at.UTC().Format(time.DateOnly)
	if d.Exploited > day {
		d.Exploited, d.Ransomware = "", false
	}
	for _, f := range v.db.Feeds() {
		if f.ID == FeedEPSS && f.Date > v.at.UTC().Format(time.RFC3339) {
			d.EPSS, d.EPSSPercentile = 0, 0
		}
	}
	return d, ok, err
}

// All is [DB.All] without what was published later.
func (v *AsOf) All(ecosystem string) iter.Seq2[PackageAdvisory, error] {
	return func(yield func(PackageAdvisory, error) bool) {
		for a, err := range v.db.All(ecosystem) {
			later := false
			if err == nil {
				later, err = v.later(a.ID)
			}
			if later {
				continue
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}

// Info is [DB.Info]; digest and time say that it is a view.
func (v *AsOf) Info() gatehouse.Database {
	info := v.db.Info()
	at := v.at.UTC().Format(time.RFC3339)
	info.Digest += " as of " + at
	if strings.Compare(info.UpdatedAt, at) > 0 {
		info.UpdatedAt = at
	}
	return info
}

// Systems is [DB.Systems].
func (v *AsOf) Systems() []string { return v.db.Systems() }
