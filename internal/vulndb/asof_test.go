package vulndb_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
)

func TestAsOf(t *testing.T) {
	dir := t.TempDir()
	b, err := builder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	day := func(month time.Month) time.Time { return time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC) }
	for id, d := range map[string]vulndb.Detail{
		"CVE-2026-1": {Published: day(1), Modified: day(9)},
		"CVE-2026-2": {Published: day(6)},
		"CVE-2026-3": {},
	} {
		e, _, err := b.Entry(ghsaNpm.Source, id, testNow, d)
		if err == nil {
			err = e.Advisory("npm", ghsaNpm, "x", vulndb.Advisory{ID: id, VulnerableVersions: []string{"<1.0.0"}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.Join([]vulndb.Feed{{ID: vulndb.FeedEPSS, Date: day(11).Format(time.RFC3339)}, {ID: vulndb.FeedKEV, Date: "2026-11-01"}},
		func(string) vulndb.Extra { return vulndb.Extra{EPSS: 0.5, Exploited: "2026-04-01"} })
	if _, err := b.Finish(vulndb.Metadata{Version: 2, UpdatedAt: testNow}, vulndb.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	db := openTestDB(t, dir)
	for _, tt := range []struct {
		at        time.Time
		ids       string
		counts    vulndb.AsOfCounts
		exploited string
		epss      float64
	}{
		{day(3), "CVE-2026-1 CVE-2026-3", vulndb.AsOfCounts{Later: 1, Unknown: 1, Changed: 1}, "", 0},
		{day(5), "CVE-2026-1 CVE-2026-3", vulndb.AsOfCounts{Later: 1, Unknown: 1, Changed: 1}, "2026-04-01", 0},
		{day(12), "CVE-2026-1 CVE-2026-2 CVE-2026-3", vulndb.AsOfCounts{Unknown: 1}, "2026-04-01", 0.5},
	} {
		v := db.AsOf(tt.at)
		list, err := v.Advisories("npm", "x")
		var ids []string
		for _, a := range list {
			ids = append(ids, a.ID)
		}
		if err != nil || strings.Join(ids, " ") != tt.ids {
			t.Errorf("%s: got %v, %v", tt.at, ids, err)
		}
		n := 0
		for _, err := range v.All("npm") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != len(ids) {
			t.Errorf("%s: All has %d", tt.at, n)
		}
		if got := v.Counts(); got != tt.counts {
			t.Errorf("%s: counted %+v", tt.at, got)
		}
		if d, _, err := v.Details("CVE-2026-1"); err != nil || d.Exploited != tt.exploited || d.EPSS != tt.epss {
			t.Errorf("%s: %+v, %v", tt.at, d.Extra, err)
		}
		if info := v.Info(); info.Digest == db.Info().Digest || info.UpdatedAt > tt.at.Format(time.RFC3339) {
			t.Errorf("%s: %+v", tt.at, info)
		}
	}
}
