package osvimport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	order "github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
)

// Databases from before OSV, whose entries are recognised by their fields.
var (
	rubySec = source("ruby-advisory-db", "Ruby Advisory Database", "https://github.com/rubysec/ruby-advisory-db")
	phpSec  = source("php-security-advisories", "PHP Security Advisories Database", "https://github.com/FriendsOfPHP/security-advisories")
	nodeSec = source("nodejs-security-wg", "Node.js Ecosystem Security Working Group", "https://github.com/nodejs/security-wg")
)

// fields are those of all formats, to tell them apart.
type fields struct {
	Gem        json.RawMessage `json:"gem"`
	Engine     json.RawMessage `json:"engine"`
	Title      json.RawMessage `json:"title"`
	Reference  json.RawMessage `json:"reference"`
	Branches   json.RawMessage `json:"branches"`
	Module     json.RawMessage `json:"module_name"`
	Vulnerable json.RawMessage `json:"vulnerable_versions"`
	DataType   json.RawMessage `json:"dataType"`
	CVE        json.RawMessage `json:"cveMetadata"`
}

// parseNative reads a document that is no OSV entry. It returns errNotOSV for
// what is no advisory, and the name of the format if that is not imported.
func parseNative(name string, data []byte) (p []*parsed, format string, err error) {
	var f fields
	if json.Unmarshal(data, &f) != nil {
		return nil, "", errNotOSV
	}
	one := func(p *parsed, err error) ([]*parsed, string, error) {
		if err != nil {
			return nil, "", err
		}
		return []*parsed{p}, "", nil
	}
	switch {
	case f.Gem != nil && f.Title != nil:
		return one(parseRubySec(name, data))
	case f.Engine != nil && f.Title != nil:
		return nil, "ruby-advisory-db, interpreters", errNotOSV
	case f.Reference != nil && f.Branches != nil:
		return one(parsePHP(name, data))
	case f.Module != nil && f.Vulnerable != nil:
		return one(parseNode(data))
	case f.DataType != nil && f.CVE != nil:
		return nil, "CVE record", errNotOSV
	}
	// The Node.js working group published an index of all entries, too.
	var index map[string]json.RawMessage
	if json.Unmarshal(data, &index) != nil {
		return nil, "", errNotOSV
	}
	for _, raw := range index {
		f = fields{}
		if json.Unmarshal(raw, &f) != nil || f.Module == nil || f.Vulnerable == nil {
			return nil, "", errNotOSV
		}
		entry, err := parseNode(raw)
		if err != nil {
			return nil, "", err
		}
		p = append(p, entry)
	}
	if len(p) == 0 {
		return nil, "", errNotOSV
	}
	slices.SortFunc(p, func(a, b *parsed) int { return cmp.Compare(a.id, b.id) })
	return p, "", nil
}

// native makes an entry of the parts that the formats share.
func native(src builder.Source, key, own string, ids []string, d vulndb.Detail, modified time.Time) *parsed {
	p := &parsed{id: key, own: own, origin: &src, modified: modified, newest: modified, detail: d}
	p.ids, p.aliases = names(own, ids)
	p.names = append(append([]string{own}, p.ids...), p.aliases...)
	return p
}

type rubySecAdvisory struct {
	Gem         string   `json:"gem"`
	CVE         string   `json:"cve"`
	GHSA        string   `json:"ghsa"`
	OSVDB       string   `json:"osvdb"`
	URL         string   `json:"url"`
	Title       string   `json:"title"`
	Date        string   `json:"date"`
	Description string   `json:"description"`
	CVSSv2      number   `json:"cvss_v2"`
	CVSSv3      number   `json:"cvss_v3"`
	CVSSv4      number   `json:"cvss_v4"`
	Patched     []string `json:"patched_versions"`
	Unaffected  []string `json:"unaffected_versions"`
	Related     struct {
		URL []string `json:"url"`
	} `json:"related"`
}

// parseRubySec reads an entry of the format that is described at
// https://github.com/rubysec/ruby-advisory-db#schema. What is related to the
// problem is not the problem: only its own ids count.
func parseRubySec(name string, data []byte) (*parsed, error) {
	var a rubySecAdvisory
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("no valid entry of the Ruby Advisory Database: %w", err)
	}
	if !plainName(a.Gem) {
		return nil, fmt.Errorf("%.80q is no name of a gem", a.Gem)
	}
	var ids []string
	for _, id := range []struct{ prefix, value string }{{"CVE-", a.CVE}, {"GHSA-", a.GHSA}, {"OSVDB-", a.OSVDB}} {
		if id.value != "" {
			ids = append(ids, id.prefix+strings.TrimPrefix(strings.TrimSpace(id.value), id.prefix))
		}
	}
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	own := stem
	if len(ids) > 0 && !slices.Contains(ids, stem) {
		own = ids[0]
	}
	if !plainID(own) {
		return nil, fmt.Errorf("%.80q is no id", own)
	}
	published := day(a.Date)
	p := native(rubySec, a.Gem+"/"+stem, own, ids, vulndb.Detail{
		Title: a.Title, Description: a.Description, Published: published,
		References: nonEmpty(append([]string{a.URL}, a.Related.URL...)),
	}, published)
	p.rating.cvss = vulndb.CVSS{V2Score: a.CVSSv2.score(), V3Score: a.CVSSv3.score(), V40Score: a.CVSSv4.score()}
	p.rating = p.rating.fill()
	adv := advisory{ecosystem: "rubygems", pkg: vulndb.NormalizeName("rubygems", a.Gem), patched: nonEmpty(a.Patched), unaffected: nonEmpty(a.Unaffected)}
	for _, r := range slices.Concat(adv.patched, adv.unaffected) {
		if _, err := order.Ruby.ParseRange([]string{r}); err != nil {
			p.problems = append(p.problems, problem{a.Gem, fmt.Sprintf("range %.80q: %v", r, err)})
			return p, nil
		}
	}
	p.native(adv)
	return p, nil
}

type phpAdvisory struct {
	Title     string `json:"title"`
	Link      string `json:"link"`
	CVE       string `json:"cve"`
	Reference string `json:"reference"`
	Branches  map[string]struct {
		Time     string   `json:"time"`
		Versions []string `json:"versions"`
	} `json:"branches"`
}

// parsePHP reads an entry of the format that is described at
// https://github.com/FriendsOfPHP/security-advisories. An entry without CVE id
// is known by its place in the database, as on packagist.org.
func parsePHP(name string, data []byte) (*parsed, error) {
	var a phpAdvisory
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("no valid entry of the PHP Security Advisories Database: %w", err)
	}
	pkg, ok := strings.CutPrefix(a.Reference, "composer://")
	if !ok || !plainName(pkg) {
		return nil, fmt.Errorf("the reference %.80q is no package of Composer", a.Reference)
	}
	key := pkg + "/" + path.Base(name)
	var ids []string
	own := key
	if a.CVE != "" {
		ids = append(ids, a.CVE)
		own = a.CVE
	}
	if !plainID(own) {
		return nil, fmt.Errorf("%.80q is no id", own)
	}
	adv := advisory{ecosystem: "composer", pkg: vulndb.NormalizeName("composer", pkg)}
	var newest time.Time
	versions := parserOf("composer")
	for _, branch := range slices.Sorted(maps.Keys(a.Branches)) {
		b := a.Branches[branch]
		if t := day(b.Time); t.After(newest) {
			newest = t
		}
		if len(b.Versions) == 0 {
			return nil, fmt.Errorf("branch %.80q says no versions", branch)
		}
		for _, v := range b.Versions {
			if _, err := versions.version(strings.TrimSpace(strings.TrimLeft(v, "<>=!"))); err != nil {
				return nil, fmt.Errorf("branch %.80q: %w", branch, err)
			}
		}
		adv.vulnerable = append(adv.vulnerable, strings.Join(b.Versions, ", "))
	}
	if len(adv.vulnerable) == 0 {
		return nil, errors.New("it says no versions")
	}
	// The times are those of the fixes; when it was published is not said.
	p := native(phpSec, key, own, ids, vulndb.Detail{Title: a.Title, References: nonEmpty([]string{a.Link})}, newest)
	p.native(adv)
	return p, nil
}

type nodeAdvisory struct {
	ID         int      `json:"id"`
	Module     string   `json:"module_name"`
	CVEs       []string `json:"cves"`
	Title      string   `json:"title"`
	Overview   string   `json:"overview"`
	Published  string   `json:"publish_date"`
	Updated    string   `json:"updated_at"`
	Vulnerable string   `json:"vulnerable_versions"`
	Patched    string   `json:"patched_versions"`
	References []string `json:"references"`
	Vector     string   `json:"cvss_vector"`
	Score      number   `json:"cvss_score"`
}

// parseNode reads an entry of the former database of the Node.js working
// group; see https://github.com/nodejs/security-wg/tree/main/vuln/npm.
func parseNode(data []byte) (*parsed, error) {
	var a nodeAdvisory
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("no valid entry of the Node.js working group: %w", err)
	}
	if a.ID <= 0 || !plainName(a.Module) {
		return nil, fmt.Errorf("the id %d or the name %.80q is none", a.ID, a.Module)
	}
	published, modified := day(a.Published), day(a.Updated)
	if published.After(modified) {
		modified = published
	}
	id := fmt.Sprintf("NSWG-ECO-%d", a.ID)
	p := native(nodeSec, id, id, slices.DeleteFunc(a.CVEs, func(s string) bool { return !plainID(s) }), vulndb.Detail{
		Title: a.Title, Description: a.Overview, References: nonEmpty(a.References), Published: published, Modified: modified,
	}, modified)
	p.rating.vector(a.Vector)
	if p.rating.cvss == (vulndb.CVSS{}) {
		p.rating.cvss.V3Score = a.Score.score()
	}
	p.rating = p.rating.fill()
	adv := advisory{ecosystem: "npm", pkg: vulndb.NormalizeName("npm", a.Module)}
	for _, r := range []struct {
		text string
		to   *[]string
	}{{a.Vulnerable, &adv.vulnerable}, {a.Patched, &adv.patched}} {
		for part := range strings.SplitSeq(r.text, "||") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			if _, err := order.NPM.ParseRange([]string{part}); err != nil {
				p.problems = append(p.problems, problem{a.Module, fmt.Sprintf("range %.80q: %v", part, err)})
				return p, nil
			}
			*r.to = append(*r.to, part)
		}
	}
	p.native(adv)
	return p, nil
}

// native adds the only package of an entry. One that names no good version
// means all.
func (p *parsed) native(a advisory) {
	if len(a.vulnerable)+len(a.patched)+len(a.unaffected) == 0 {
		a.vulnerable = []string{">=0"}
	}
	p.advisories = append(p.advisories, a)
}

// number is a number that may be written as text or be missing.
type number float64

// UnmarshalJSON accepts 7.5, "7.5" and null.
func (n *number) UnmarshalJSON(data []byte) error {
	data = bytes.Trim(data, `"`)
	if len(data) == 0 || string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}

// score is a CVSS score; 0 if the number is none.
func (n number) score() float64 {
	if n < 0 || n > 10 {
		return 0
	}
	return float64(n)
}

// day reads the date at the start of a text; zero if there is none.
func day(text string) time.Time {
	if len(text) < len(time.DateOnly) {
		return time.Time{}
	}
	t, _ := time.Parse(time.DateOnly, text[:len(time.DateOnly)]) // zero if it is none
	return t
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return strings.TrimSpace(s) == "" })
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`)

func plainID(id string) bool { return len(id) <= 256 && idPattern.MatchString(id) }

func plainName(name string) bool {
	return strings.TrimSpace(name) != "" && !strings.ContainsAny(name, "\x00\r\n") && len(name) <= maxNameBytes
}
