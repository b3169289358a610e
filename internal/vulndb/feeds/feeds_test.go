package feeds

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

const (
	epssCSV = "#model_version:v2025.03.14,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\nCVE-2021-44228,0.94358,0.99957\nCVE-1999-0067,0.00043,0.1\n"
	kevJSON = `{"title":"CISA Catalog","catalogVersion":"2026.11.20","dateReleased":"2026-11-20T15:00:01.1Z","count":1,
"vulnerabilities":[{"cveID":"CVE-2021-44228","vendorProject":"Apache","dateAdded":"2021-12-10","knownRansomwareCampaignUse":"Known"}]}`
	kevCSV = "cveID,vendorProject,dateAdded,shortDescription,knownRansomwareCampaignUse\nCVE-2021-44228,Apache,2021-12-10,\"a, b\nc\",Unknown\n"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, kind, text, date string
		entries                int
		want                   vulndb.Extra
	}{
		{"epss.csv", "epss", epssCSV, "2026-11-24T00:00:00Z", 2, vulndb.Extra{EPSS: 0.94358, EPSSPercentile: 0.99957}},
		{"epss.csv.gz", "epss", packed(t, epssCSV), "2026-11-24T00:00:00Z", 2, vulndb.Extra{EPSS: 0.94358, EPSSPercentile: 0.99957}},
		{"windows.csv", "epss", "\ufeff" + strings.ReplaceAll(epssCSV, "\n", "\r\n"), "2026-11-24T00:00:00Z", 2, vulndb.Extra{EPSS: 0.94358, EPSSPercentile: 0.99957}},
		{"kev.json", "kev", kevJSON, "2026-11-20T15:00:01Z", 1, vulndb.Extra{Exploited: "2021-12-10", Ransomware: true}},
		{"kev.csv", "kev", kevCSV, "2021-12-10", 1, vulndb.Extra{Exploited: "2021-12-10"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.name, tt.text)
			if got := Kind(path); got != tt.kind {
				t.Errorf("the kind is %q", got)
			}
			var l Lists
			if err := l.Read(tt.kind, path); err != nil {
				t.Fatal(err)
			}
			if f := l.Feeds(); len(f) != 1 || f[0].Date != tt.date || f[0].Entries != tt.entries || f[0].ID != tt.kind {
				t.Errorf("got %+v", f)
			}
			if got := l.Lookup("CVE-2021-44228"); got != tt.want {
				t.Errorf("got %+v", got)
			}
			if got := l.Lookup("GHSA-jfh8-c2jp-5v3q"); got != (vulndb.Extra{}) {
				t.Errorf("got %+v for another id", got)
			}
		})
	}
}

func TestReadBad(t *testing.T) {
	for _, tt := range []struct{ name, kind, text, want string }{
		{"empty", "epss", "", "no entries"},
		{"only header", "epss", "cve,epss,percentile\n", "no entries"},
		{"cut", "epss", strings.TrimSuffix(epssCSV, "1\n"), "cut short"},
		{"cut gzip", "epss", packed(t, epssCSV)[:60], "unexpected EOF"},
		{"no header", "epss", "CVE-2021-1,0.1,0.2\n", "want cve,epss,percentile"},
		{"not a number", "epss", "cve,epss,percentile\nCVE-2021-1234,NaN,0.2\n", "line 2"},
		{"too large", "epss", "cve,epss,percentile\nCVE-2021-1234,2,0.2\n", "line 2"},
		{"html", "kev", "<html>", "its header"},
		{"wrong count", "kev", strings.Replace(kevJSON, `"count":1`, `"count":2`, 1), "says 2"},
		{"no json", "kev", kevJSON[:100], "unexpected"},
		{"no date", "kev", strings.Replace(kevJSON, "2021-12-10", "soon", 1), "soon"},
		{"no entries", "kev", `{"catalogVersion":"1","count":0}`, "no entries"},
		{"bomb", "epss", packed(t, "cve,epss,percentile\n#"+strings.Repeat("0", 64<<20)), "times its size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, "list", tt.text)
			var l Lists
			err := l.Read(tt.kind, path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and the path", err, tt.want)
			}
		})
	}
}
