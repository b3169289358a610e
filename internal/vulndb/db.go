package vulndb

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

var (
	// ErrNotFound means that there is no database; one must be imported or
	// pulled.
	ErrNotFound = errors.New("no vulnerability database")
	// ErrSchema means that another program version is needed to read it.
	ErrSchema = errors.New("unsupported schema version")
	// ErrEmpty means that there is not one advisory in the database.
	ErrEmpty = errors.New("the vulnerability database has no advisories")
	// ErrCorrupt means that the file is damaged; it must be fetched again.
	ErrCorrupt = boltfile.ErrCorrupt
	// ErrLocked means that another program is writing the file; wait.
	ErrLocked = boltfile.ErrLocked
)

const (
	bucketDetails    = "vulnerability"
	bucketDataSource = "data-source"
	// bucketExtra and bucketAbout hold what trivy-db has no place for: by id,
	// and about the database as a whole. Trivy does not look at them.
	bucketExtra = "gatehouse-extra"
	bucketAbout = "gatehouse-about"
	// bucketRedHat is keyed by products, which are in the other bucket.
	bucketRedHat         = "Red Hat"
	bucketRedHatProducts = "Red Hat CPE"
	separator            = "::"
)

// hashBytes is up to which size the file of a database without manifest is
// hashed when it is opened: a tenth of a second on a slow core.
const hashBytes = 64 << 20

// DB is an open database. Its methods may be called concurrently.
type DB struct {
	dir      string
	file     *boltfile.File
	meta     Metadata
	manifest *Manifest // nil if another program made the database
	digest   string
	// wholeDigest is true if the digest covers the whole content.
	wholeDigest bool
	details     boltfile.Bucket
	extra       boltfile.Bucket // zero if there is none
	imports     boltfile.Bucket // zero if there is none
	about       about
	// buckets are those of each ecosystem, sorted by name.
	buckets map[string][]sourceBucket
	// count returns the sources with the number of their advisories.
	count func() ([]ManifestSource, error)
}

type sourceBucket struct {
	name   string
	source Source
	bucket boltfile.Bucket
	// system is true for packages of an operating system.
	system bool
}

// Open opens the database in dir. Errors wrap one of the Err variables and
// name the next step.
func Open(dir string) (*DB, error) {
	db, err := open(dir)
	if err == nil {
		return db, nil
	}
	next := "run `gatehouse db import` or `gatehouse db pull`"
	switch {
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrEmpty):
		next = "replace it: run `gatehouse db import` or `gatehouse db pull` again"
	case errors.Is(err, ErrSchema):
		next = fmt.Sprintf("pull a database of schema version %d", SchemaVersion)
	case errors.Is(err, ErrLocked):
		next = "wait until the other program is done, or use a directory of your own"
	case errors.Is(err, fs.ErrPermission):
		next = "make the directory and its files readable"
	}
	return nil, fmt.Errorf("open the vulnerability database in %q: %w: %s", dir, err, next)
}

func open(dir string) (_ *DB, err error) {
	db := &DB{dir: dir}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	unlock, err := lockDir(dir, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	defer unlock()
	rawMeta, metaErr := readSmall(filepath.Join(dir, MetadataName))
	if metaErr == nil {
		db.meta, metaErr = ParseMetadata(rawMeta)
	}
	if db.manifest, err = readManifest(dir); err != nil {
		return nil, err
	}
	var wrap func(io.ReaderAt, int64) io.ReaderAt
	if db.manifest != nil && metaErr == nil {
		sums, err := readSums(dir, db.manifest, db.meta.UpdatedAt)
		if err != nil {
			return nil, err
		}
		wrap = func(r io.ReaderAt, size int64) io.ReaderAt { return newChecked(r, size, sums) }
	}
	if db.file, err = openFile(dir, wrap); err != nil {
		return nil, err
	}
	if db.file.Bytes() > limits.MaxDatabaseBytes {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", FileName, db.file.Bytes(), int64(limits.MaxDatabaseBytes))
	}
	if errors.Is(metaErr, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is a %s but no %s, so that its age is not known", FileName, MetadataName)
	} else if metaErr != nil {
		return nil, metaErr
	}
	if m := db.manifest; m != nil && m.Bytes != db.file.Bytes() {
		return nil, fmt.Errorf("%w: %s has %d bytes, %s says %d (if another program replaced the database on purpose, delete %s)",
			ErrCorrupt, FileName, db.file.Bytes(), ManifestName, m.Bytes, ManifestName)
	}
	if err := db.readBuckets(); err != nil {
		return nil, err
	}
	if err := db.identify(rawMeta); err != nil {
		return nil, err
	}
	db.count = sync.OnceValues(db.countSources)
	return db, nil
}

func openFile(dir string, wrap func(io.ReaderAt, int64) io.ReaderAt) (*boltfile.File, error) {
	f, err := boltfile.Open(filepath.Join(dir, FileName), wrap)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	return nil, fmt.Errorf("%w: there is no %s in the directory", ErrNotFound, FileName)
}

// readBuckets lists the root buckets, and makes sure that there is at least
// one advisory.
func (db *DB) readBuckets() error {
	root := db.file.Root()
	details, ok, err := root.Bucket(bucketDetails)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: there is no bucket %q in %s", ErrCorrupt, bucketDetails, FileName)
	}
	db.details = details
	sources, _, err := root.Bucket(bucketDataSource)
	if err != nil {
		return err
	}
	db.buckets = map[string][]sourceBucket{}
	empty := true
	walk := root.Bounded()
	err = walk.ForEach(func(e boltfile.Entry) error {
		name := string(e.Key)
		if !e.IsBucket || name == bucketDetails || name == bucketDataSource {
			return nil
		}
		b, err := root.Open(e)
		if err != nil {
			return err
		}
		switch name {
		case bucketExtra:
			db.extra = b
			return nil
		case ImportsBucket:
			db.imports = b
			return nil
		case bucketAbout:
			return db.readAbout(b)
		}
		if empty {
			content, err := walk.Open(e)
			if err != nil {
				return err
			}
			if empty, err = isEmpty(content); err != nil {
				return err
			}
		}
		ecosystem, sourceName, ok := strings.Cut(name, separator)
		system := !ok && name != bucketRedHat && name != bucketRedHatProducts && IsSystem(name)
		if !ok && !system {
			return nil // an index, or Red Hat's advisories by product
		}
		sb := sourceBucket{name: name, bucket: b, source: Source{Name: cmp.Or(sourceName, name)}, system: system}
		if sources != (boltfile.Bucket{}) {
			data, ok, err := sources.Get(name)
			if err != nil {
				return err
			}
			if ok {
				var raw rawSource
				if err := json.Unmarshal(data, &raw); err != nil {
					return fmt.Errorf("%w: the source of %q: %w", ErrCorrupt, name, err)
				}
				sb.source = Source(raw)
			}
		}
		db.buckets[ecosystem] = append(db.buckets[ecosystem], sb)
		return nil
	})
	if err != nil {
		return err
	}
	if empty {
		return ErrEmpty
	}
	if db.manifest != nil {
		for ecosystem, n := range db.manifest.Ecosystems {
			if n > 0 && db.buckets[ecosystem] == nil {
				return fmt.Errorf("%w: %s says that there are %d advisories for %q, and there are none", ErrCorrupt, ManifestName, n, ecosystem)
			}
		}
	}
	return nil
}

var errStop = errors.New("stop")

// isEmpty is false as soon as there is a package with an advisory.
func isEmpty(b boltfile.Bucket) (bool, error) {
	err := b.ForEach(func(e boltfile.Entry) error {
		if !e.IsBucket {
			return nil
		}
		pkg, err := b.Open(e)
		if err != nil {
			return err
		}
		return pkg.ForEach(func(boltfile.Entry) error { return errStop })
	})
	if errors.Is(err, errStop) {
		return false, nil
	}
	return err == nil, err
}

func (db *DB) identify(rawMeta []byte) error {
	if db.manifest != nil {
		db.digest, db.wholeDigest = db.manifest.Digest, true
		return nil
	}
	if db.file.Bytes() <= hashBytes {
		d, _, err := Digest(db.file.Content(), db.file.Bytes(), db.meta.UpdatedAt)
		db.digest, db.wholeDigest = d, true
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n", rawMeta, db.file.Bytes()))
	db.digest = "sha256:" + hex.EncodeToString(sum[:])
	return nil
}

// Close releases the file. It is safe to call more than once.
func (db *DB) Close() error {
	if db.file == nil {
		return nil
	}
	return db.file.Close()
}

// Info identifies the database. Advisories is 0 if another program made the
// database, because counting would mean reading all of it; see [DB.Ecosystems].
func (db *DB) Info() gatehouse.Database {
	info := gatehouse.Database{
		Digest:    db.digest,
		UpdatedAt: db.meta.UpdatedAt.UTC().Format(time.RFC3339),
	}
	if db.manifest != nil {
		info.Advisories = db.manifest.Advisories
	}
	for _, buckets := range db.buckets {
		for _, b := range buckets {
			info.Sources = append(info.Sources, b.source.Name)
		}
	}
	slices.Sort(info.Sources)
	info.Sources = slices.Compact(info.Sources)
	return info
}

// Systems are the operating systems for which there are advisories, such as
// "debian 12", sorted.
func (db *DB) Systems() []string {
	var list []string
	for ecosystem := range db.buckets {
		if IsSystem(ecosystem) {
			list = append(list, ecosystem)
		}
	}
	slices.Sort(list)
	return list
}

// Metadata is the metadata.json of the database.
func (db *DB) Metadata() Metadata { return db.meta }

// Ecosystems counts the (package, advisory) pairs of each ecosystem, under
// trivy-db's names: "npm", "pip", "go", "cargo", "rubygems", "composer",
// "maven", "nuget", "erlang", "pub", "swift", "conan" and others, and "debian
// 12", "alpine 3.19" and the like for operating systems. If another
// program made the database, the first call reads all its advisories.
func (db *DB) Ecosystems() (map[string]int, error) {
	sources, err := db.count()
	if err != nil {
		return nil, db.readError("count the advisories", err)
	}
	out := map[string]int{}
	for _, s := range sources {
		out[s.Ecosystem] += s.Advisories
	}
	return out, nil
}

func (db *DB) countSources() ([]ManifestSource, error) {
	if db.manifest != nil {
		return db.manifest.Sources, nil
	}
	var out []ManifestSource
	for _, ecosystem := range slices.Sorted(maps.Keys(db.buckets)) {
		for _, sb := range db.buckets[ecosystem] {
			n, err := countAdvisories(sb.bucket)
			if err != nil {
				return nil, fmt.Errorf("bucket %q: %w", sb.name, err)
			}
			ms := ManifestSource{Ecosystem: ecosystem, Source: sb.source, Advisories: n}
			ms.License, ms.Attribution = Attribution(sb.source.ID)
			if own, ok := db.about.Licenses[sb.name]; ok {
				ms.License, ms.Attribution = own.License, own.Attribution
			}
			out = append(out, ms)
		}
	}
	return out, nil
}

func countAdvisories(b boltfile.Bucket) (int, error) {
	n := 0
	b = b.Bounded()
	err := b.ForEach(func(e boltfile.Entry) error {
		pkg, err := b.Open(e)
		if err != nil {
			return err
		}
		return pkg.ForEach(func(boltfile.Entry) error { n++; return nil })
	})
	return n, err
}

// readError says which database could not be read and what to do.
func (db *DB) readError(what string, err error) error {
	return fmt.Errorf("%s in the vulnerability database in %q: %w: replace it: run `gatehouse db import` or `gatehouse db pull` again", what, db.dir, err)
}
