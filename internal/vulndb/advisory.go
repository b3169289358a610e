package vulndb

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

// Source is an origin of advisories.
type Source struct {
	// ID is a short word, such as "ghsa"; may be empty.
	ID string `json:"id,omitempty"`
	// Name is for people, such as "The Go Vulnerability Database".
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

// rawSource is the value of the data-source bucket.
type rawSource struct {
	ID, Name, URL string
}

// Advisory says which versions of one package have one problem, as one source
// sees it.
//
// A version is affected if it matches one of VulnerableVersions, or if there
// are none, and matches none of PatchedVersions and UnaffectedVersions. The
// entries are version constraints in the language of the ecosystem.
type Advisory struct {
	// ID is the CVE id if there is one, else that of the source.
	ID string
	// Aliases are the other ids of the same problem; may be empty.
	Aliases            []string
	VulnerableVersions []string
	PatchedVersions    []string
	UnaffectedVersions []string
	// Severity holds for this package only; mostly unknown, see [Detail].
	Severity gatehouse.Severity
	Source   Source
}

// rawAdvisory is the value of an advisory: trivy-db's pkg/types.Advisory.
type rawAdvisory struct {
	VendorIDs          []string `json:",omitempty"`
	Severity           int      `json:",omitempty"`
	VulnerableVersions []string `json:",omitempty"`
	PatchedVersions    []string `json:",omitempty"`
	UnaffectedVersions []string `json:",omitempty"`
}

// EncodeAdvisory is the value that stands for a in the file.
func EncodeAdvisory(a Advisory) ([]byte, error) {
	return json.Marshal(rawAdvisory{
		VendorIDs: a.Aliases, Severity: int(a.Severity), VulnerableVersions: a.VulnerableVersions,
		PatchedVersions: a.PatchedVersions, UnaffectedVersions: a.UnaffectedVersions,
	})
}

func decodeAdvisory(e boltfile.Entry, src Source) (Advisory, error) {
	var raw rawAdvisory
	if e.IsBucket {
		return Advisory{}, fmt.Errorf("%w: advisory %q is a bucket", ErrCorrupt, e.Key)
	}
	if err := json.Unmarshal(e.Value, &raw); err != nil {
		return Advisory{}, fmt.Errorf("%w: advisory %q: %w", ErrCorrupt, e.Key, err)
	}
	return Advisory{
		ID: string(e.Key), Aliases: raw.VendorIDs, Severity: toSeverity(raw.Severity), Source: src,
		VulnerableVersions: raw.VulnerableVersions, PatchedVersions: raw.PatchedVersions, UnaffectedVersions: raw.UnaffectedVersions,
	}, nil
}

func toSeverity(n int) gatehouse.Severity {
	if n < 0 || n > int(gatehouse.SeverityCritical) {
		return gatehouse.SeverityUnknown
	}
	return gatehouse.Severity(n)
}

// Advisories returns what all sources say about a package, sorted by source
// name and id. The name is normalised as [NormalizeName] does. An ecosystem
// without a source has no advisories: check [DB.Ecosystems].
func (db *DB) Advisories(ecosystem, pkgName string) ([]Advisory, error) {
	name := NormalizeName(ecosystem, pkgName)
	var out []Advisory
	for _, sb := range db.buckets[ecosystem] {
		pkg, ok, err := sb.bucket.Bucket(name)
		if err == nil && ok {
			err = pkg.ForEach(func(e boltfile.Entry) error {
				a, err := decodeAdvisory(e, sb.source)
				out = append(out, a)
				return err
			})
		}
		if err != nil {
			return nil, db.readError(fmt.Sprintf("look up %q of %q", pkgName, sb.name), err)
		}
	}
	return out, nil
}

// PackageAdvisory is an advisory and the package that it is about.
type PackageAdvisory struct {
	// Package is the normalised name.
	Package string
	Advisory
}

// All yields the advisories of an ecosystem, sorted by source, package and
// id. It ends after the first error.
func (db *DB) All(ecosystem string) iter.Seq2[PackageAdvisory, error] {
	return func(yield func(PackageAdvisory, error) bool) {
		for _, sb := range db.buckets[ecosystem] {
			bucket := sb.bucket.Bounded()
			err := bucket.ForEach(func(pe boltfile.Entry) error {
				pkg, err := bucket.Open(pe)
				if err != nil {
					return err
				}
				return pkg.ForEach(func(e boltfile.Entry) error {
					a, err := decodeAdvisory(e, sb.source)
					if err != nil {
						return err
					}
					if !yield(PackageAdvisory{string(pe.Key), a}, nil) {
						return errStop
					}
					return nil
				})
			})
			if errors.Is(err, errStop) {
				return
			}
			if err != nil {
				yield(PackageAdvisory{}, db.readError(fmt.Sprintf("list %q", sb.name), err))
				return
			}
		}
	}
}

// NormalizeName returns the name under which a package is stored, by the rules
// of trivy-db (pkg/vulnsrc/vulnerability, NormalizePkgName): names compare
// without case in most ecosystems, and "_" equals "-" in Python.
func NormalizeName(ecosystem, name string) string {
	switch ecosystem {
	case "pip":
		return strings.ReplaceAll(strings.ToLower(name), "_", "-")
	case "swift":
		return strings.TrimSuffix(strings.TrimPrefix(name, "https://"), ".git")
	case "go", "cocoapods", "julia":
		return name
	}
	return strings.ToLower(name)
}
