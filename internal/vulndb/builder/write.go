package builder

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

const (
	// flushBytes is how much is written in one transaction, which bbolt holds
	// in memory.
	flushBytes = 16 << 20

	// pageBytes is fixed, so that the file does not depend on the machine.
	pageBytes = 4096
)

func (b *Builder) writeFile(path string) error {
	db, err := bolt.Open(path, 0o644, &bolt.Options{
		NoSync: true, NoGrowSync: true, PageSize: pageBytes,
		// The other kind allocates pages in the order of a map.
		FreelistType: bolt.FreelistArrayType,
	})
	if err != nil {
		return err
	}
	w := &writer{db: db}
	err = b.writeAdvisories(w)
	if err == nil {
		err = b.writeSources(w)
	}
	if err == nil {
		err = b.writeDetails(w)
	}
	err = errors.Join(err, w.end())
	if err == nil {
		err = db.Sync()
	}
	return errors.Join(err, db.Close())
}

func (b *Builder) writeAdvisories(w *writer) error {
	for i, k := range b.advisories {
		var a vulndb.Advisory
		if err := b.get(k.span, &a); err != nil {
			return err
		}
		if i > 0 {
			p := b.advisories[i-1]
			if p.bucket == k.bucket && p.pkg == k.pkg && p.id == k.id {
				continue // the same entry, twice
			}
		}
		if a.ID != k.id {
			a.Aliases = append(slices.DeleteFunc(a.Aliases, func(s string) bool { return s == k.id }), a.ID)
			slices.Sort(a.Aliases)
		}
		value, err := vulndb.EncodeAdvisory(a)
		if err != nil {
			return err
		}
		if err := w.put(value, k.bucket, k.pkg, k.id); err != nil {
			return err
		}
		b.buckets[k.bucket].Advisories++
	}
	return nil
}

func (b *Builder) writeSources(w *writer) error {
	for _, bucket := range slices.Sorted(maps.Keys(b.buckets)) {
		s := b.buckets[bucket]
		if s.Advisories == 0 {
			continue
		}
		value, err := json.Marshal(struct{ ID, Name, URL string }{s.ID, s.Name, s.URL})
		if err != nil {
			return err
		}
		if err := w.put(value, "data-source", bucket); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) writeDetails(w *writer) error {
	type use struct {
		id    string
		entry int
	}
	uses := make([]use, len(b.advisories))
	for i, a := range b.advisories {
		uses[i] = use{a.id, a.entry}
	}
	slices.SortFunc(uses, func(x, y use) int {
		ex, ey := &b.entries[x.entry], &b.entries[y.entry]
		return cmp.Or(cmp.Compare(x.id, y.id), cmp.Compare(ex.source.ID, ey.source.ID),
			cmp.Compare(ex.id, ey.id), cmp.Compare(x.entry, y.entry))
	})
	uses = slices.Compact(uses)
	for len(uses) > 0 {
		id := uses[0].id
		bySource := map[string]vulndb.Detail{}
		for len(uses) > 0 && uses[0].id == id {
			e := b.entries[uses[0].entry]
			uses = uses[1:]
			var d vulndb.Detail
			if err := b.get(e.detail, &d); err != nil {
				return err
			}
			have, ok := bySource[e.source.ID]
			if ok {
				d = merge(have, d)
			}
			bySource[e.source.ID] = d
		}
		var all vulndb.Detail
		for _, source := range vulndb.ByPrecedence(bySource) {
			all = merge(all, bySource[source])
		}
		all.Severity = vulndb.Preferred(all.VendorSeverity)
		value, err := vulndb.EncodeDetail(all)
		if err != nil {
			return err
		}
		if err := w.put(value, "vulnerability", id); err != nil {
			return err
		}
	}
	return nil
}

// merge adds to a what b knows beyond it. Of two severities and scores by the
// same vendor the higher one stays.
func merge(a, b vulndb.Detail) vulndb.Detail {
	a.Title = cmp.Or(a.Title, b.Title)
	a.Description = cmp.Or(a.Description, b.Description)
	if len(a.CWEs) == 0 {
		a.CWEs = b.CWEs
	}
	severities := map[string]gatehouse.Severity{}
	maps.Copy(severities, a.VendorSeverity)
	for id, s := range b.VendorSeverity {
		severities[id] = max(severities[id], s)
	}
	scores := map[string]vulndb.CVSS{}
	maps.Copy(scores, a.CVSS)
	for id, c := range b.CVSS {
		have := scores[id]
		if c.V2Score > have.V2Score {
			have.V2Score, have.V2Vector = c.V2Score, c.V2Vector
		}
		if c.V3Score > have.V3Score {
			have.V3Score, have.V3Vector = c.V3Score, c.V3Vector
		}
		if c.V40Score > have.V40Score {
			have.V40Score, have.V40Vector = c.V40Score, c.V40Vector
		}
		scores[id] = have
	}
	a.VendorSeverity, a.CVSS = severities, scores
	a.References = slices.Concat(a.References, b.References)
	slices.Sort(a.References)
	a.References = slices.Compact(a.References)
	if a.Published.IsZero() || (!b.Published.IsZero() && b.Published.Before(a.Published)) {
		a.Published = b.Published
	}
	if b.Modified.After(a.Modified) {
		a.Modified = b.Modified
	}
	return a
}

// writer puts sorted keys into nested buckets, in transactions of bounded
// size.
type writer struct {
	db    *bolt.DB
	tx    *bolt.Tx
	path  []string
	open  []*bolt.Bucket
	bytes int
}

// put stores value under the last element of path, in the buckets that the
// others name.
func (w *writer) put(value []byte, path ...string) error {
	buckets, key := path[:len(path)-1], path[len(path)-1]
	if w.bytes >= flushBytes {
		if err := w.end(); err != nil {
			return err
		}
	}
	if w.tx == nil {
		tx, err := w.db.Begin(true)
		if err != nil {
			return err
		}
		w.tx, w.bytes, w.path, w.open = tx, 0, nil, nil
	}
	same := 0
	for same < min(len(buckets), len(w.path)) && buckets[same] == w.path[same] {
		same++
	}
	w.path, w.open = w.path[:same], w.open[:same]
	for _, name := range buckets[same:] {
		var b *bolt.Bucket
		var err error
		if len(w.open) == 0 {
			b, err = w.tx.CreateBucketIfNotExists([]byte(name))
		} else {
			b, err = w.open[len(w.open)-1].CreateBucketIfNotExists([]byte(name))
		}
		if err != nil {
			return err
		}
		b.FillPercent = 0.95 // keys come in order
		w.path, w.open = append(w.path, name), append(w.open, b)
	}
	w.bytes += len(key) + len(value) + 64
	return w.open[len(w.open)-1].Put([]byte(key), value)
}

// end writes what is pending.
func (w *writer) end() error {
	if w.tx == nil {
		return nil
	}
	tx := w.tx
	w.tx = nil
	return tx.Commit()
}
