package vulndb

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// Describe adds to v what is known about one of its ids.
func (d Detail) Describe(v *gatehouse.Vulnerability) {
	v.CVSS = max(v.CVSS, d.Score())
	v.EPSS, v.EPSSPercentile = max(v.EPSS, d.EPSS), max(v.EPSSPercentile, d.EPSSPercentile)
	v.Malicious = v.Malicious || d.Malicious
	if d.Exploited != "" && (v.Exploited == "" || d.Exploited < v.Exploited) {
		v.Exploited = d.Exploited
	}
	if v.Published == "" && !d.Published.IsZero() {
		v.Published = d.Published.UTC().Format(time.RFC3339)
	}
	for _, r := range d.Ratings() {
		if !slices.Contains(v.Ratings, r) {
			v.Ratings = append(v.Ratings, r)
		}
	}
}

// Headline is the title, else the first sentence of the description, on one
// line without a period; empty if there is neither.
func (d Detail) Headline() string {
	t := d.Title
	if t == "" {
		t, _, _ = strings.Cut(strings.TrimSpace(d.Description), "\n")
		if before, _, ok := strings.Cut(t, ". "); ok {
			t = before
		}
	}
	t = strings.Join(strings.Fields(t), " ")
	t = strings.TrimLeft(strings.TrimRight(t, ". "), "# ")
	const most = 160
	if len(t) > most {
		t = strings.ToValidUTF8(t[:most], "") + "…"
	}
	return t
}
