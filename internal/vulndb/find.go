package vulndb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

// Hit is an advisory that was found.
type Hit struct {
	Ecosystem string
	PackageAdvisory
}

// FindPackage returns what is known about a package, in all ecosystems or, if
// it is not empty, in one.
func (db *DB) FindPackage(ecosystem, name string) ([]Hit, error) {
	ecosystems := slices.Sorted(maps.Keys(db.buckets))
	if ecosystem != "" {
		ecosystems = []string{ecosystem}
	}
	var out []Hit
	for _, e := range ecosystems {
		list, err := db.Advisories(e, name)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			out = append(out, Hit{e, PackageAdvisory{NormalizeName(e, name), a}})
		}
	}
	return out, nil
}

// FindID returns the advisories that have an id, as their own, as an alias or
// as a bulletin, whatever its case. It reads the whole database, on all cores.
func (db *DB) FindID(ctx context.Context, id string) ([]Hit, error) {
	ecosystems := slices.Sorted(maps.Keys(db.buckets))
	hits, errs := make([][]Hit, len(ecosystems)), make([]error, len(ecosystems))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(ecosystems); i = int(next.Add(1)) - 1 {
				hits[i], errs[i] = db.findIn(ctx, ecosystems[i], id)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, db.readError("search", err)
	}
	out := slices.Concat(hits...)
	slices.SortStableFunc(out, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Package, b.Package), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source.Name, b.Source.Name))
	})
	return out, nil
}

func (db *DB) findIn(ctx context.Context, ecosystem, id string) (out []Hit, err error) {
	for i := range db.buckets[ecosystem] {
		sb := &db.buckets[ecosystem][i]
		bucket := sb.bucket.Bounded()
		err := bucket.ForEach(func(pe boltfile.Entry) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			pkg, err := bucket.Open(pe)
			if err != nil {
				return err
			}
			return pkg.ForEach(func(e boltfile.Entry) error {
				if !containsFold(e.Key, id) && !containsFold(e.Value, id) {
					return nil
				}
				list, err := decodeAdvisory(e, sb)
				if err != nil {
					return err
				}
				for _, a := range list {
					if slices.ContainsFunc(slices.Concat([]string{a.ID}, a.Aliases, a.Bulletins), func(s string) bool { return strings.EqualFold(s, id) }) {
						out = append(out, Hit{ecosystem, PackageAdvisory{string(pe.Key), a}})
					}
				}
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// containsFold reports whether an id is in b, whatever its case. Ids are
// ASCII.
func containsFold(b []byte, id string) bool {
	if len(id) == 0 {
		return true
	}
	if bytes.Contains(b, []byte(id)) {
		return true
	}
	lower, upper := id[0]|0x20, id[0]&^0x20
	for i := 0; i+len(id) <= len(b); i++ {
		if (b[i] == lower || b[i] == upper || b[i] == id[0]) && strings.EqualFold(string(b[i:i+len(id)]), id) {
			return true
		}
	}
	return false
}
