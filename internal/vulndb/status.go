package vulndb

import (
	"fmt"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

// Status describes a database for people.
type Status struct {
	// Path is the directory.
	Path   string `json:"path"`
	Schema int    `json:"schema"`
	// Digest identifies the content, as "sha256:" and hex.
	Digest string `json:"digest"`
	// WholeDigest is false if the digest covers only the metadata and the
	// size, because the file is large and another program made it.
	WholeDigest bool  `json:"whole_digest"`
	Bytes       int64 `json:"bytes"`
	// UpdatedAt is the time of the data, DownloadedAt that of its arrival.
	UpdatedAt    time.Time `json:"updated_at"`
	DownloadedAt time.Time `json:"downloaded_at"`
	// Age is the time since UpdatedAt, at least 0.
	Age time.Duration `json:"age_ns"`
	// Advisories counts (package, advisory) pairs.
	Advisories int              `json:"advisories"`
	Ecosystems map[string]int   `json:"ecosystems"`
	Sources    []ManifestSource `json:"sources"`
	// Feeds are the public lists that were joined; may be empty.
	Feeds []Feed `json:"feeds,omitempty"`
	// Origin is where the database came from; empty if that is not known.
	Origin string `json:"origin,omitempty"`
	// Rejected counts the entries that could not be imported.
	Rejected int `json:"rejected"`
}

// Status describes the database at the time now.
func (db *DB) Status(now time.Time) (Status, error) {
	s := Status{
		Path: db.dir, Schema: db.meta.Version, Digest: db.digest, WholeDigest: db.wholeDigest, Bytes: db.file.Bytes(),
		UpdatedAt: db.meta.UpdatedAt, DownloadedAt: db.meta.DownloadedAt, Age: max(0, now.Sub(db.meta.UpdatedAt)),
	}
	var err error
	if s.Ecosystems, err = db.Ecosystems(); err != nil {
		return s, err
	}
	s.Sources, _ = db.count() // Ecosystems has seen the error
	s.Feeds = db.Feeds()
	for _, n := range s.Ecosystems {
		s.Advisories += n
	}
	if db.manifest != nil {
		s.Origin, s.Rejected = db.manifest.Origin, db.manifest.Rejected
	}
	return s, nil
}

// Verify reads the whole database in dir: each page, each advisory and each
// detail must be readable, and digest and counts must be those of the
// manifest, if there is one.
func Verify(dir string) error {
	db, err := Open(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.verify(); err != nil {
		return db.readError("verify", err)
	}
	return nil
}

func (db *DB) verify() error {
	if m := db.manifest; m != nil {
		got, _, err := Digest(db.file.Content(), db.file.Bytes(), db.meta.UpdatedAt)
		if err != nil {
			return err
		}
		if got != m.Digest {
			return fmt.Errorf("%w: the digest is %s, %s says %s", ErrCorrupt, got, ManifestName, m.Digest)
		}
	}
	root := db.file.Root().Bounded()
	err := root.ForEach(func(e boltfile.Entry) error {
		if !e.IsBucket {
			return nil
		}
		b, err := root.Open(e)
		if err != nil {
			return err
		}
		return walkAll(b, 0)
	})
	if err != nil {
		return err
	}
	counted, err := db.Ecosystems()
	if err != nil {
		return err
	}
	total := 0
	for ecosystem := range db.buckets {
		n := 0
		for a, err := range db.All(ecosystem) {
			if err != nil {
				return err
			}
			if _, ok, err := db.Details(a.ID); err != nil {
				return err
			} else if !ok && db.manifest != nil {
				return fmt.Errorf("%w: there are no details of %q", ErrCorrupt, a.ID)
			}
			n++
		}
		if n != counted[ecosystem] || db.manifest != nil && n != db.manifest.Ecosystems[ecosystem] {
			return fmt.Errorf("%w: %q has %d advisories, %s says otherwise", ErrCorrupt, ecosystem, n, ManifestName)
		}
		total += n
	}
	if db.manifest != nil && total != db.manifest.Advisories {
		return fmt.Errorf("%w: it has %d advisories, %s says %d", ErrCorrupt, total, ManifestName, db.manifest.Advisories)
	}
	return nil
}

// walkAll reads all pages below b. The deepest buckets of trivy-db are three
// below the root.
func walkAll(b boltfile.Bucket, depth int) error {
	if depth > 8 {
		return fmt.Errorf("%w: buckets nest too deeply", ErrCorrupt)
	}
	return b.ForEach(func(e boltfile.Entry) error {
		if !e.IsBucket {
			return nil
		}
		child, err := b.Open(e)
		if err != nil {
			return err
		}
		return walkAll(child, depth+1)
	})
}
