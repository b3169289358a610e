// Package builder writes the files of a vulnerability database. The same
// entries, added in the same order, give the same bytes.
package builder

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// Source is an origin of advisories, and what its licence asks for.
type Source struct {
	vulndb.Source
	// License is an SPDX expression; empty if it is not known.
	License string
	// Attribution names whom the licence wants to be named; may be empty.
	Attribution string
}

// Builder collects advisories. Their content waits in a file; only the keys
// are in memory.
type Builder struct {
	dir     string
	spill   *os.File
	w       *bufio.Writer
	offset  int64
	entries []entry
	// newest is the position in entries, by source and own id.
	newest     map[[2]string]int
	advisories []advisoryKey
	buckets    map[string]*vulndb.ManifestSource
	names      *names // set by Finish

	// imports are by their keys in the database.
	imports map[string][]vulndb.Import

	feeds  []vulndb.Feed
	lookup func(id string) vulndb.Extra
}

type entry struct {
	id         string
	source     vulndb.Source
	modified   time.Time
	detail     span
	superseded bool
	// own is the id by which people know it, and names are all that mean the
	// same; see [Entry.Names].
	own   string
	names []string
}

type advisoryKey struct {
	bucket, pkg, id string
	entry           int
	span
	ecosystem string
	imports   []vulndb.Import
}

// span is a piece of the spill file; its zero value is none.
type span struct {
	offset int64
	bytes  int
}

// New makes a builder that writes into the directory, which must exist.
func New(dir string) (*Builder, error) {
	f, err := os.CreateTemp(dir, "spill-")
	if err != nil {
		return nil, fmt.Errorf("build the database: %w", err)
	}
	return &Builder{
		dir: dir, spill: f, w: bufio.NewWriterSize(f, 1<<20),
		newest: map[[2]string]int{}, buckets: map[string]*vulndb.ManifestSource{}, imports: map[string][]vulndb.Import{},
	}, nil
}

// Close releases what the builder holds; the finished database stays.
func (b *Builder) Close() error {
	return errors.Join(b.spill.Close(), os.Remove(b.spill.Name()))
}

// Entry is one entry of a source, which may concern several packages.
type Entry struct {
	b *Builder
	n int
}

// Entry starts the entry that the source calls id. Of two entries of a source
// with the same id, the one that was modified last counts, and if that is the
// same time, the one that was added last. It returns false if the entry is
// older than one that is there.
//
// An entry without advisories, such as one that was withdrawn, takes the place
// of older ones, too.
func (b *Builder) Entry(src vulndb.Source, id string, modified time.Time, d vulndb.Detail) (Entry, bool, error) {
	if id == "" || src.ID == "" {
		return Entry{}, false, fmt.Errorf("add entry %q of source %q: the ids must not be empty", id, src.ID)
	}
	key := [2]string{src.ID, id}
	if n, ok := b.newest[key]; ok {
		if b.entries[n].modified.After(modified) {
			return Entry{}, false, nil
		}
		b.entries[n].superseded = true
	}
	s, err := b.put(d)
	if err != nil {
		return Entry{}, false, fmt.Errorf("add entry %q: %w", id, err)
	}
	b.newest[key] = len(b.entries)
	b.entries = append(b.entries, entry{id: id, own: id, source: src, modified: modified, detail: s})
	return Entry{b, len(b.entries) - 1}, true, nil
}

// Names says by which id people know the entry, if that is not the one by
// which its source does, and all ids that mean the same problem.
func (e Entry) Names(own string, all []string) {
	e.b.entries[e.n].own, e.b.entries[e.n].names = own, all
}

// Join adds public lists: lookup returns what they say about an id.
func (b *Builder) Join(feeds []vulndb.Feed, lookup func(id string) vulndb.Extra) {
	b.feeds, b.lookup = feeds, lookup
}

// Advisory adds what the entry says about a package.
//
// If two entries of a source share an id for the same package, one of them
// keeps it (the one whose own id it is, else that with the smallest own id),
// and the others are stored under their own ids with the shared one as alias:
// none hides another. For packages of operating systems they become one.
//
// The imports are the parts of the package that have the problem; may be empty.
func (e Entry) Advisory(ecosystem string, src Source, pkg string, a vulndb.Advisory, imports ...vulndb.Import) error {
	if ecosystem == "" || src.Name == "" || pkg == "" || a.ID == "" {
		return fmt.Errorf("add advisory %q of %q: ecosystem, source, package and id must not be empty", a.ID, pkg)
	}
	s, err := e.b.put(a)
	if err != nil {
		return fmt.Errorf("add advisory %q: %w", a.ID, err)
	}
	bucket := ecosystem + "::" + src.Name
	if vulndb.IsSystem(ecosystem) {
		bucket = ecosystem
	}
	if e.b.buckets[bucket] == nil {
		e.b.buckets[bucket] = &vulndb.ManifestSource{
			Ecosystem: ecosystem, Source: src.Source, License: src.License, Attribution: src.Attribution,
		}
	}
	e.b.advisories = append(e.b.advisories, advisoryKey{bucket, vulndb.NormalizeName(ecosystem, pkg), a.ID, e.n, s, ecosystem, imports})
	return nil
}

func (b *Builder) put(v any) (span, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return span{}, err
	}
	s := span{b.offset, len(data)}
	_, err = b.w.Write(data)
	b.offset += int64(len(data))
	return s, err
}

func (b *Builder) get(s span, v any) error {
	buf := make([]byte, s.bytes)
	if _, err := b.spill.ReadAt(buf, s.offset); err != nil {
		return err
	}
	return json.Unmarshal(buf, v)
}

// Entries counts the entries that have advisories, by the name of the source,
// and those that were replaced by another copy.
func (b *Builder) Entries() (bySource map[string]int, replaced int) {
	used := make([]bool, len(b.entries))
	for _, a := range b.advisories {
		used[a.entry] = true
	}
	bySource = map[string]int{}
	for i, e := range b.entries {
		switch {
		case e.superseded:
			replaced++
		case used[i]:
			bySource[e.source.Name]++
		}
	}
	return bySource, replaced
}

// Finish writes the three files. It takes the origin and the counts of what
// was left out from m, and returns the whole manifest.
func (b *Builder) Finish(meta vulndb.Metadata, m vulndb.Manifest) (vulndb.Manifest, error) {
	if err := b.w.Flush(); err != nil {
		return m, fmt.Errorf("build the database: %w", err)
	}
	b.resolve()
	path := filepath.Join(b.dir, vulndb.FileName)
	if err := b.writeFile(path); err != nil {
		return m, fmt.Errorf("build the database: %w", err)
	}
	m.Feeds = b.feeds
	m.Advisories, m.Ecosystems, m.Sources = 0, map[string]int{}, []vulndb.ManifestSource{}
	for _, s := range b.buckets {
		if s.Advisories == 0 {
			continue
		}
		m.Sources = append(m.Sources, *s)
		m.Ecosystems[s.Ecosystem] += s.Advisories
		m.Advisories += s.Advisories
	}
	slices.SortFunc(m.Sources, func(a, b vulndb.ManifestSource) int {
		return cmp.Or(cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Name, b.Name))
	})
	if err := vulndb.WriteMetadata(b.dir, meta); err != nil {
		return m, err
	}
	return vulndb.Seal(b.dir, meta, m)
}

// resolve drops what was superseded, sorts the rest as it is written, and
// makes the ids of each package unique.
func (b *Builder) resolve() {
	b.advisories = slices.DeleteFunc(b.advisories, func(a advisoryKey) bool { return b.entries[a.entry].superseded })
	b.names = b.fold()
	for i := range b.advisories {
		b.advisories[i].id = b.names.primary(b.advisories[i].id)
	}
	for moved := true; moved; {
		b.sort()
		moved = false
		first := 0
		for i := 1; i < len(b.advisories); i++ {
			f, a := &b.advisories[first], &b.advisories[i]
			if a.bucket != f.bucket || a.pkg != f.pkg || a.id != f.id {
				first = i
				continue
			}
			// The first keeps the id. An entry is moved at most twice, to its
			// own id and then to the one that its source has only once, where
			// it then comes first: the loop ends.
			if a.entry == f.entry || vulndb.IsSystem(a.ecosystem) {
				continue // several bulletins are about one problem: they are merged
			}
			e := &b.entries[a.entry]
			switch a.id {
			case e.id:
				continue
			case e.own:
				a.id = e.id
			default:
				a.id = e.own
			}
			moved = true
		}
	}
}

func (b *Builder) sort() {
	slices.SortFunc(b.advisories, func(x, y advisoryKey) int {
		ex, ey := &b.entries[x.entry], &b.entries[y.entry]
		return cmp.Or(
			cmp.Compare(x.bucket, y.bucket),
			cmp.Compare(x.pkg, y.pkg),
			cmp.Compare(x.id, y.id),
			cmp.Compare(btoi(ex.id != x.id), btoi(ey.id != y.id)),
			cmp.Compare(btoi(ex.own != x.id), btoi(ey.own != y.id)),
			cmp.Compare(ex.id, ey.id),
			cmp.Compare(x.entry, y.entry),
			cmp.Compare(x.offset, y.offset),
		)
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
