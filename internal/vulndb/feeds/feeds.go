// Package feeds reads the public lists that say more about a CVE id: how
// likely its exploitation is (EPSS), and whether it was exploited (KEV).
package feeds

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/ratio"
)

// Lists are the lists that were read. The zero value has none.
type Lists struct {
	feeds []vulndb.Feed
	epss  map[cve]scores
	kev   map[cve]exploited
}

type scores struct{ epss, percentile float64 }

type exploited struct {
	date       string
	ransomware bool
}

// cve is a CVE id: the year and the number.
type cve uint64

// parseCVE reads an id such as CVE-2021-44228.
func parseCVE(id string) (cve, bool) {
	rest, ok := strings.CutPrefix(id, "CVE-")
	year, number, ok2 := strings.Cut(rest, "-")
	y, err := strconv.ParseUint(year, 10, 16)
	n, err2 := strconv.ParseUint(number, 10, 40)
	if !ok || !ok2 || err != nil || err2 != nil || len(year) != 4 || fmt.Sprintf("%04d", n) != number {
		return 0, false
	}
	return cve(y<<40 | n), true
}

// Feeds describes the lists, sorted by id.
func (l *Lists) Feeds() []vulndb.Feed { return slices.Clone(l.feeds) }

// Lookup returns what the lists say about an id.
func (l *Lists) Lookup(id string) (x vulndb.Extra) {
	c, ok := parseCVE(id)
	if !ok {
		return x
	}
	s := l.epss[c]
	x.EPSS, x.EPSSPercentile = s.epss, s.percentile
	k := l.kev[c]
	x.Exploited, x.Ransomware = k.date, k.ransomware
	return x
}

// Kind returns the id of the list that a file holds, by its first bytes:
// "epss", "kev", or empty if it is neither.
func Kind(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	r, err := open(f)
	if err != nil {
		return ""
	}
	head, _ := r.Peek(2048) // shorter files are fine
	switch {
	case bytes.HasPrefix(head, []byte("#model_version")), bytes.HasPrefix(head, []byte("cve,epss")):
		return vulndb.FeedEPSS
	case isKEVHeader(firstLine(head)), bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) && bytes.Contains(head, []byte(`"catalogVersion"`)):
		return vulndb.FeedKEV
	}
	return ""
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return string(line)
}

func open(f io.Reader) (*bufio.Reader, error) {
	packed := &ratio.Counter{R: f}
	r := bufio.NewReaderSize(packed, 64<<10)
	head, _ := r.Peek(2)
	if string(head) == "\x1f\x8b" {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		r = bufio.NewReaderSize(&ratio.Counter{R: z, Packed: packed}, 64<<10)
	}
	if bom, _ := r.Peek(3); string(bom) == "\xef\xbb\xbf" {
		_, _ = r.Discard(3) // they are buffered
	}
	return r, nil
}

// Read adds the list in a file, which may be compressed with gzip. The kind is
// "epss" or "kev". A list that cannot be read as a whole is an error: half a
// list looks like the other half was never exploited.
func (l *Lists) Read(kind, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the %s list: %w", strings.ToUpper(kind), err)
	}
	defer f.Close()
	feed, err := l.read(kind, f)
	if err != nil {
		return fmt.Errorf("read the %s list %q: %w; download it again from %s", strings.ToUpper(kind), path, err, feed.URL)
	}
	for i, have := range l.feeds {
		if have.ID == feed.ID {
			feed.Date = max(feed.Date, have.Date)
			l.feeds[i] = feed
			return nil
		}
	}
	l.feeds = append(l.feeds, feed)
	slices.SortFunc(l.feeds, func(a, b vulndb.Feed) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

func (l *Lists) read(kind string, f io.Reader) (vulndb.Feed, error) {
	feed := vulndb.Feed{ID: vulndb.FeedEPSS, Name: "Exploit Prediction Scoring System", URL: "https://www.first.org/epss/data_stats",
		Attribution: "FIRST.org"}
	if kind == vulndb.FeedKEV {
		feed = vulndb.Feed{ID: vulndb.FeedKEV, Name: "CISA Known Exploited Vulnerabilities Catalog",
			URL: "https://www.cisa.gov/known-exploited-vulnerabilities-catalog", License: "CC0-1.0", Attribution: "CISA"}
	}
	r, err := open(f)
	if err != nil {
		return feed, err
	}
	limited := &io.LimitedReader{R: r, N: limits.MaxFeedBytes + 1}
	if kind == vulndb.FeedKEV {
		err = l.readKEV(limited, &feed)
	} else {
		err = l.readEPSS(limited, &feed)
	}
	switch {
	case limited.N <= 0:
		return feed, fmt.Errorf("it has more than %d bytes", limits.MaxFeedBytes)
	case err != nil:
		return feed, err
	case feed.Entries == 0:
		return feed, errors.New("it has no entries")
	}
	return feed, nil
}

// readEPSS reads the format that is described at
// https://www.first.org/epss/data_stats: a comment with model and date, a
// header, and a line for each CVE id.
func (l *Lists) readEPSS(f io.Reader, feed *vulndb.Feed) error {
	if l.epss == nil {
		l.epss = map[cve]scores{}
	}
	r := bufio.NewReaderSize(f, 64<<10)
	header := false
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		switch {
		case errors.Is(err, io.EOF) && line == "":
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("line %d is cut short", n)
		case err != nil:
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "#"):
			for part := range strings.SplitSeq(line[1:], ",") {
				if date, ok := strings.CutPrefix(strings.TrimSpace(part), "score_date:"); ok {
					feed.Date = isoDate(date)
				}
			}
			continue
		case !header:
			if line != "cve,epss,percentile" {
				return fmt.Errorf("line %d is %.80q, want cve,epss,percentile", n, line)
			}
			header = true
			continue
		}
		id, rest, _ := strings.Cut(line, ",")
		first, second, _ := strings.Cut(rest, ",")
		c, ok := parseCVE(id)
		epss, err1 := strconv.ParseFloat(first, 64)
		percentile, err2 := strconv.ParseFloat(second, 64)
		if !ok || err1 != nil || err2 != nil || !(epss >= 0 && epss <= 1 && percentile >= 0 && percentile <= 1) {
			return fmt.Errorf("line %d is %.80q, want a CVE id and two numbers from 0 to 1", n, line)
		}
		l.epss[c] = scores{epss, percentile}
		feed.Entries++
	}
}

// isoDate turns the date of EPSS, "2026-11-25T00:00:00+0000", into RFC 3339.
func isoDate(text string) string {
	for _, layout := range []string{"2006-01-02T15:04:05Z0700", time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// The columns of the catalogue as CSV; its JSON has the same names.
const (
	columnID         = "cveID"
	columnAdded      = "dateAdded"
	columnRansomware = "knownRansomwareCampaignUse"
)

func isKEVHeader(line string) bool {
	return strings.Contains(line, columnID) && strings.Contains(line, columnAdded) && !strings.Contains(line, "{")
}

// readKEV reads the catalogue as JSON or CSV; see
// https://www.cisa.gov/known-exploited-vulnerabilities-catalog.
func (l *Lists) readKEV(f io.Reader, feed *vulndb.Feed) error {
	if l.kev == nil {
		l.kev = map[cve]exploited{}
	}
	r := bufio.NewReader(f)
	head, _ := r.Peek(2048)
	if bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) {
		return l.readKEVJSON(r, feed)
	}
	c := csv.NewReader(r)
	header, err := c.Read()
	if err != nil {
		return err
	}
	id, added, ransom := slices.Index(header, columnID), slices.Index(header, columnAdded), slices.Index(header, columnRansomware)
	if id < 0 || added < 0 {
		return fmt.Errorf("its header is %.200q, want %s and %s among the columns", strings.Join(header, ","), columnID, columnAdded)
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		use := ""
		if ransom >= 0 {
			use = row[ransom]
		}
		if err := l.addKEV(feed, row[id], row[added], use); err != nil {
			return err
		}
		// As CSV, it does not say when it was released: not before its last entry.
		feed.Date = max(feed.Date, row[added])
	}
}

func (l *Lists) readKEVJSON(r io.Reader, feed *vulndb.Feed) error {
	var doc struct {
		Released time.Time `json:"dateReleased"`
		Count    *int      `json:"count"`
		Entries  []struct {
			ID    string `json:"cveID"`
			Added string `json:"dateAdded"`
			Use   string `json:"knownRansomwareCampaignUse"`
		} `json:"vulnerabilities"`
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	if doc.Count != nil && *doc.Count != len(doc.Entries) {
		return fmt.Errorf("it has %d entries and says %d", len(doc.Entries), *doc.Count)
	}
	for _, e := range doc.Entries {
		if err := l.addKEV(feed, e.ID, e.Added, e.Use); err != nil {
			return err
		}
	}
	if !doc.Released.IsZero() {
		feed.Date = doc.Released.UTC().Format(time.RFC3339)
	}
	return nil
}

func (l *Lists) addKEV(feed *vulndb.Feed, id, added, use string) error {
	c, ok := parseCVE(strings.TrimSpace(id))
	_, err := time.Parse(time.DateOnly, added)
	if !ok || err != nil {
		return fmt.Errorf("entry %.40q added %.40q: want a CVE id and a date such as 2021-12-10", id, added)
	}
	l.kev[c] = exploited{added, strings.EqualFold(use, "known")}
	feed.Entries++
	return nil
}
