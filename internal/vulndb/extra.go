package vulndb

import (
	"encoding/json"
	"fmt"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

// Extra is what is known about a problem beyond trivy-db's schema. It is
// stored in a bucket of its own.
type Extra struct {
	// Exploited is the date on which CISA's catalogue of known exploited
	// vulnerabilities took it up, as 2006-01-02; empty if it did not.
	Exploited string `json:"exploited,omitempty"`
	// Ransomware is true if the catalogue knows of its use for ransom.
	Ransomware bool `json:"ransomware,omitempty"`
	// EPSS is the probability of exploitation in the next 30 days, and
	// EPSSPercentile its rank, both 0 to 1; 0 if there is none.
	EPSS           float64 `json:"epss,omitempty"`
	EPSSPercentile float64 `json:"epss_percentile,omitempty"`
	// Malicious is true if the package itself is the attack.
	Malicious bool `json:"malicious,omitempty"`
	// Informational is what RustSec says of an advisory that is no
	// vulnerability as such: "unmaintained", "unsound" or "notice".
	Informational string `json:"informational,omitempty"`
}

// Feed is a public list that was joined to the advisories by CVE id.
type Feed struct {
	// ID is "epss" or "kev".
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
	// Date is when the list was made, as it says itself, in RFC 3339 or as a
	// date; empty if it does not say.
	Date string `json:"date,omitempty"`
	// Entries counts those of the list, Joined those that met an advisory.
	Entries int `json:"entries"`
	Joined  int `json:"joined"`
	// License and Attribution are as in [ManifestSource].
	License     string `json:"license,omitempty"`
	Attribution string `json:"attribution,omitempty"`
}

// The ids of feeds.
const (
	FeedEPSS = "epss"
	FeedKEV  = "kev"
)

// about is what the database says about itself.
type about struct {
	Feeds []Feed
	// Licenses has the sources by name of bucket.
	Licenses map[string]License
}

// License is what the licence of a source asks for.
type License struct {
	License     string `json:"license,omitempty"`
	Attribution string `json:"attribution,omitempty"`
}

// The keys of the bucket about the database.
const (
	aboutFeeds    = "feeds"
	aboutLicenses = "licenses"
)

// AboutEntries are the keys and values of the bucket about the database, in
// the order of the keys.
func AboutEntries(feeds []Feed, licenses map[string]License) (keys []string, values [][]byte, err error) {
	for _, e := range []struct {
		key   string
		value any
	}{{aboutFeeds, feeds}, {aboutLicenses, licenses}} {
		value, err := json.Marshal(e.value)
		if err != nil {
			return nil, nil, err
		}
		keys, values = append(keys, e.key), append(values, value)
	}
	return keys, values, nil
}

// The buckets that only this program writes.
const (
	ExtraBucket = bucketExtra
	AboutBucket = bucketAbout
)

func (db *DB) readAbout(b boltfile.Bucket) error {
	for key, to := range map[string]any{aboutFeeds: &db.about.Feeds, aboutLicenses: &db.about.Licenses} {
		value, ok, err := b.Get(key)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := json.Unmarshal(value, to); err != nil {
			return fmt.Errorf("%w: %q in bucket %q: %w", ErrCorrupt, key, bucketAbout, err)
		}
	}
	return nil
}

// extraOf returns what is known about an id beyond trivy-db's schema.
func (db *DB) extraOf(id string) (x Extra, err error) {
	if db.extra == (boltfile.Bucket{}) {
		return x, nil
	}
	value, ok, err := db.extra.Get(id)
	if err != nil || !ok {
		return x, err
	}
	if err := json.Unmarshal(value, &x); err != nil {
		return x, fmt.Errorf("%w: %q in bucket %q: %w", ErrCorrupt, id, bucketExtra, err)
	}
	return x, nil
}

// Feeds are the public lists that were joined; empty if there are none.
func (db *DB) Feeds() []Feed { return db.about.Feeds }
