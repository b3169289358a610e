package osvimport

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestConstraints(t *testing.T) {
	tests := []struct {
		name, ecosystem, affected string
		want                      string // constraints, separated by " || "
		err                       string
	}{
		{"fixed", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.3"}]}]}`, "<1.2.3", ""},
		{"open", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"}]}]}`, ">=1.0.0", ""},
		{"all", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}`, ">=0", ""},
		{"last affected", "maven", `{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"2.1.0.Final"}]}]}`, "<=2.1.0.Final", ""},
		{"one version", "go", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.4.0"},{"last_affected":"1.4.0"}]}]}`, "=1.4.0", ""},
		{"several in one range", "pip", `{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"4.0"},{"fixed":"4.3"},{"introduced":"5.0"},{"fixed":"5.2"}]}]}`, ">=4.0, <4.3 || >=5.0, <5.2", ""},
		{"any order", "pip", `{"ranges":[{"type":"ECOSYSTEM","events":[{"fixed":"5.2"},{"fixed":"4.3"},{"introduced":"5.0"},{"introduced":"4.0"}]}]}`, ">=4.0, <4.3 || >=5.0, <5.2", ""},
		{"order of versions, not of text", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"9.0.0"},{"fixed":"10.0.0"}]}]}`, ">=9.0.0, <10.0.0", ""},
		{"fixed and introduced again", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"},{"introduced":"2.0.0"},{"fixed":"3.0.0"}]}]}`, "<2.0.0 || >=2.0.0, <3.0.0", ""},
		{"several ranges", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.1"}]},{"type":"SEMVER","events":[{"introduced":"2.0.0"}]}]}`, "<1.0.1 || >=2.0.0", ""},
		{"limit", "go", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"limit":"2.0.0"}]}]}`, ">=1.0.0, <2.0.0", ""},
		{"limit before the fix", "go", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"3.0.0"},{"limit":"2.0.0"}]}]}`, ">=1.0.0, <2.0.0", ""},
		{"no limit", "go", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"limit":"*"}]}]}`, ">=1.0.0", ""},
		{"versions", "rubygems", `{"versions":["1.0.0","1.1.0"]}`, "=1.0.0 || =1.1.0", ""},
		{"versions beyond the range", "pip", `{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.1"}]}],"versions":["0.9","1.0","1.0.post1","1.1","1.2rc1"]}`, "<1.1 || =1.1 || =1.2rc1", ""},
		{"commits beside versions", "pip", `{"ranges":[{"type":"GIT","events":[{"introduced":"0"},{"fixed":"b42dd4b"}]}],"versions":["1.0"]}`, "=1.0", ""},
		{"commits only", "pip", `{"ranges":[{"type":"GIT","events":[{"introduced":"0"},{"fixed":"b42dd4b"}]}]}`, "", "only commits"},
		{"last known", "npm", `{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}],"database_specific":{"last_known_affected_version_range":"<= 2.0.1"}}`, "<=2.0.1", ""},
		{"last known does not shorten a fix", "npm", `{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.0"}]}],"database_specific":{"last_known_affected_version_range":"< 1.0.0"}}`, "<3.0.0", ""},
		{"last known is nonsense", "npm", `{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}],"database_specific":{"last_known_affected_version_range":"all || none"}}`, ">=0", ""},
		{"fixed before introduced", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"2.0.0"},{"fixed":"1.0.0"}]}]}`, "", "ends at 1.0.0, before it starts"},
		{"fixed only", "npm", `{"ranges":[{"type":"SEMVER","events":[{"fixed":"1.0.0"}]}]}`, "", "introduced"},
		{"introduced and fixed in one", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"1.0.0"}]}]}`, "", "no version lies in it"},
		{"no events", "npm", `{"ranges":[{"type":"SEMVER","events":[]}]}`, "", "introduced"},
		{"unknown event", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"repaired":"1.0.0"}]}]}`, "", "none of introduced"},
		{"unknown type", "npm", `{"ranges":[{"type":"FANCY","events":[{"introduced":"0"}]}]}`, "", `unknown type "FANCY"`},
		{"bad version", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"one"}]}]}`, "", `introduced: "one" is no version`},
		{"version with a range in it", "npm", `{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0 || *"}]}]}`, "", "no version"},
		{"bad range, good versions", "pip", `{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0.2.0-n653"}]}],"versions":["0.1","0.2"]}`, "=0.1 || =0.2", "only the 2 versions"},
		{"bad versions", "pip", `{"versions":["banana"]}`, "", "none of its 1 versions"},
		{"nothing", "npm", `{}`, "", "says no versions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a osvAffected
			if err := json.Unmarshal([]byte(tt.affected), &a); err != nil {
				t.Fatal(err)
			}
			got, _, _, err := parserOf(tt.ecosystem).constraints(&a)
			if text := strings.Join(got, " || "); text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	tests := []struct{ id, aliases, ids, others string }{
		{"GHSA-1", "CVE-2020-1", "CVE-2020-1", "GHSA-1"},
		{"GO-2020-0005", "CVE-2020-15106 CVE-2020-15112 GHSA-m GHSA-p", "CVE-2020-15106 CVE-2020-15112", "GHSA-m GHSA-p GO-2020-0005"},
		{"PYSEC-1", "GHSA-2 GHSA-1", "GHSA-1", "GHSA-2 PYSEC-1"},
		{"RUSTSEC-1", "", "RUSTSEC-1", ""},
		{"MAL-1", "SNYK-1 MAL-1", "MAL-1", "SNYK-1"},
		{"CVE-2020-1", "GHSA-1 CVE-2020-1", "CVE-2020-1", "GHSA-1"},
	}
	for _, tt := range tests {
		ids, others := names(tt.id, strings.Fields(tt.aliases))
		if strings.Join(ids, " ") != tt.ids || strings.Join(others, " ") != tt.others {
			t.Errorf("names(%q, %q) = %v, %v", tt.id, tt.aliases, ids, others)
		}
	}
}

func TestRate(t *testing.T) {
	tests := []struct {
		name, entry, severity string
		score                 float64
	}{
		{"word", `{"database_specific":{"severity":"MODERATE"},"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}`, "MEDIUM", 9.8},
		{"3.1", `{"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]}`, "HIGH", 7.5},
		{"3.0 with slash", `{"severity":[{"type":"CVSS_V3","score":"CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N/"}]}`, "MEDIUM", 6.1},
		{"2.0", `{"severity":[{"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:P/I:P/A:P"}]}`, "HIGH", 7.5},
		{"4.0", `{"severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}]}`, "CRITICAL", 9.3},
		{"affected", `{"affected":[{"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}]}`, "CRITICAL", 9.8},
		{"Ubuntu", `{"severity":[{"type":"Ubuntu","score":"low"}]}`, "LOW", 0},
		{"nonsense", `{"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:X"},{"type":"CVSS_V3","score":"9.8"}],"database_specific":[1]}`, "UNKNOWN", 0},
		{"none", `{}`, "UNKNOWN", 0},
	}
	for _, tt := range tests {
		var e osvEntry
		if err := json.Unmarshal([]byte(tt.entry), &e); err != nil {
			t.Fatal(err)
		}
		r := rate(&e)
		if got := max(r.cvss.V2Score, r.cvss.V3Score, r.cvss.V40Score); got != tt.score || r.severity.String() != tt.severity {
			t.Errorf("%s: got %s %v, want %s %v", tt.name, r.severity, got, tt.severity, tt.score)
		}
	}
}
