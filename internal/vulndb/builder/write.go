package builder

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

// writeFile writes the database file and makes sure that it is on the disk.
func (b *Builder) writeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w, err := boltfile.NewWriter(f)
	if err == nil {
		err = b.writeBuckets(w)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (b *Builder) writeBuckets(w *boltfile.Writer) error {
	buckets := map[string]*boltfile.BucketWriter{}
	for rest := b.advisories; len(rest) > 0; {
		n := len(rest)
		if i := slices.IndexFunc(rest, func(a advisoryKey) bool { return a.bucket != rest[0].bucket }); i >= 0 {
			n = i
		}
		name := rest[0].bucket
		buckets[name] = w.Bucket()
		if err := b.writePackages(w, buckets[name], rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	sources, err := b.writeSources(w)
	if err != nil {
		return err
	}
	details, extra, err := b.writeDetails(w)
	if err != nil {
		return err
	}
	about, err := b.writeAbout(w)
	if err != nil {
		return err
	}
	buckets["data-source"], buckets["vulnerability"] = sources, details
	buckets[vulndb.ExtraBucket], buckets[vulndb.AboutBucket] = extra, about
	if buckets[vulndb.ImportsBucket], err = b.writeImports(w); err != nil {
		return err
	}
	root := w.Bucket()
	for _, name := range slices.Sorted(maps.Keys(buckets)) {
		if err := root.PutBucket([]byte(name), buckets[name]); err != nil {
			return err
		}
	}
	return w.Finish(root)
}

// writePackages writes the advisories of one bucket, which are sorted.
func (b *Builder) writePackages(w *boltfile.Writer, bucket *boltfile.BucketWriter, advisories []advisoryKey) error {
	var pkg *boltfile.BucketWriter
	for i, k := range advisories {
		same := i > 0 && advisories[i-1].pkg == k.pkg
		if same && advisories[i-1].id == k.id {
			continue // written with the first
		}
		if !same {
			if i > 0 {
				if err := bucket.PutBucket([]byte(advisories[i-1].pkg), pkg); err != nil {
					return err
				}
			}
			pkg = w.Bucket()
		}
		n := 1
		for i+n < len(advisories) && advisories[i+n].pkg == k.pkg && advisories[i+n].id == k.id {
			n++
		}
		value, err := b.advisoryValue(advisories[i : i+n])
		if err != nil {
			return err
		}
		if err := pkg.Put([]byte(k.id), value); err != nil {
			return err
		}
		b.buckets[k.bucket].Advisories++
		if len(k.imports) > 0 {
			key := vulndb.ImportsKey(k.ecosystem, k.pkg, k.id)
			b.imports[key] = append(b.imports[key], k.imports...)
		}
	}
	return bucket.PutBucket([]byte(advisories[len(advisories)-1].pkg), pkg)
}

// advisoryValue is what all entries say about a problem of a package: one, or
// for packages of operating systems several.
func (b *Builder) advisoryValue(keys []advisoryKey) ([]byte, error) {
	k := keys[0]
	var a vulndb.Advisory
	if err := b.get(k.span, &a); err != nil {
		return nil, err
	}
	for _, other := range keys[1:] {
		var o vulndb.Advisory
		if err := b.get(other.span, &o); err != nil {
			return nil, err
		}
		if other.entry != k.entry {
			a = both(k.ecosystem, a, o)
		}
	}
	if len(a.Bulletins) == 0 {
		a.Aliases = slices.Concat(a.Aliases, []string{a.ID}, b.names.of(b.entries[k.entry].own), b.names.of(k.id))
		slices.Sort(a.Aliases)
		a.Aliases = slices.DeleteFunc(slices.Compact(a.Aliases), func(s string) bool { return s == k.id })
	}
	return vulndb.EncodeAdvisory(a)
}

// both is what two entries say about one problem of a package of an operating
// system: it is there if either says so, and gone when both do.
func both(ecosystem string, a, o vulndb.Advisory) vulndb.Advisory {
	if a.FixedVersion == "" || o.FixedVersion == "" {
		a.FixedVersion = ""
	} else {
		scheme := version.Of(ecosystem)
		v, errA := scheme.Parse(a.FixedVersion)
		w, errB := scheme.Parse(o.FixedVersion)
		if errA == nil && errB == nil && v.Compare(w) < 0 {
			a.FixedVersion = o.FixedVersion
		}
	}
	for _, r := range o.VulnerableVersions {
		if !slices.Contains(a.VulnerableVersions, r) {
			a.VulnerableVersions = append(a.VulnerableVersions, r)
		}
	}
	for _, id := range o.Bulletins {
		if !slices.Contains(a.Bulletins, id) {
			a.Bulletins = append(a.Bulletins, id)
		}
	}
	slices.Sort(a.Bulletins)
	a.Status = cmp.Or(a.Status, o.Status)
	a.Severity = max(a.Severity, o.Severity)
	return a
}

func (b *Builder) writeSources(w *boltfile.Writer) (*boltfile.BucketWriter, error) {
	out := w.Bucket()
	for _, bucket := range slices.Sorted(maps.Keys(b.buckets)) {
		s := b.buckets[bucket]
		if s.Advisories == 0 {
			continue
		}
		value, err := json.Marshal(struct{ ID, Name, URL string }{s.ID, s.Name, s.URL})
		if err != nil {
			return nil, err
		}
		if err := out.Put([]byte(bucket), value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// writeAbout writes what the database says about itself, so that it travels
// with it.
func (b *Builder) writeAbout(w *boltfile.Writer) (*boltfile.BucketWriter, error) {
	licenses := map[string]vulndb.License{}
	for name, s := range b.buckets {
		if s.Advisories > 0 && s.License+s.Attribution != "" {
			licenses[name] = vulndb.License{License: s.License, Attribution: s.Attribution}
		}
	}
	keys, values, err := vulndb.AboutEntries(b.feeds, licenses)
	if err != nil {
		return nil, err
	}
	out := w.Bucket()
	for i, key := range keys {
		if err := out.Put([]byte(key), values[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *Builder) writeImports(w *boltfile.Writer) (*boltfile.BucketWriter, error) {
	out := w.Bucket()
	for _, key := range slices.Sorted(maps.Keys(b.imports)) {
		value, err := json.Marshal(b.imports[key])
		if err == nil {
			err = out.Put([]byte(key), value)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// writeDetails merges for each id what the sources say about it. The second
// bucket has what trivy-db has no place for.
func (b *Builder) writeDetails(w *boltfile.Writer) (out, extra *boltfile.BucketWriter, err error) {
	out, extra = w.Bucket(), w.Bucket()
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
				return nil, nil, err
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
		if err := b.putExtra(extra, id, all.Extra); err != nil {
			return nil, nil, err
		}
		value, err := vulndb.EncodeDetail(all)
		if err != nil {
			return nil, nil, err
		}
		if err := out.Put([]byte(id), value); err != nil {
			return nil, nil, err
		}
	}
	return out, extra, nil
}

// putExtra adds what the public lists say about an id.
func (b *Builder) putExtra(out *boltfile.BucketWriter, id string, x vulndb.Extra) error {
	if b.lookup != nil {
		listed := b.lookup(id)
		x.EPSS, x.EPSSPercentile = listed.EPSS, listed.EPSSPercentile
		x.Exploited, x.Ransomware = listed.Exploited, listed.Ransomware
		for i := range b.feeds {
			f := &b.feeds[i]
			if f.ID == vulndb.FeedEPSS && listed.EPSS > 0 || f.ID == vulndb.FeedKEV && listed.Exploited != "" {
				f.Joined++
			}
		}
	}
	if x == (vulndb.Extra{}) {
		return nil
	}
	value, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return out.Put([]byte(id), value)
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
	a.Malicious = a.Malicious || b.Malicious
	a.Informational = cmp.Or(a.Informational, b.Informational)
	return a
}
