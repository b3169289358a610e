package vulndb

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

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
	Aliases []string
	// Bulletins are, for packages of operating systems, the ids of what the
	// vendor published about it, such as "DSA-5678-1". One bulletin may be
	// about many problems, so that they are no aliases; may be empty.
	Bulletins          []string
	VulnerableVersions []string
	PatchedVersions    []string
	UnaffectedVersions []string
	// FixedVersion is, for packages of operating systems, the first version
	// without the problem; empty if there is none yet. If VulnerableVersions
	// is not empty, it says more precisely what is affected.
	FixedVersion string
	// Arches are the architectures that it is about; empty means all.
	Arches []string
	// Status is what the vendor of an operating system says about a problem
	// without a fix, such as "will_not_fix"; may be empty.
	Status string
	// Severity holds for this package only; mostly unknown, see [Detail].
	Severity gatehouse.Severity
	Source   Source
}

// rawAdvisory is the value of an advisory: trivy-db's pkg/types.Advisory, and
// its Advisories where Entries is set.
type rawAdvisory struct {
	VendorIDs          []string      `json:",omitempty"`
	Arches             []string      `json:",omitempty"`
	Status             int           `json:",omitempty"`
	Severity           int           `json:",omitempty"`
	FixedVersion       string        `json:",omitempty"`
	VulnerableVersions []string      `json:",omitempty"`
	PatchedVersions    []string      `json:",omitempty"`
	UnaffectedVersions []string      `json:",omitempty"`
	Entries            []rawAdvisory `json:",omitempty"`
}

// statuses are those of trivy-db's pkg/types.Status, in their order.
var statuses = []string{
	"", "not_affected", "affected", "fixed", "under_investigation", "will_not_fix", "fix_deferred", "end_of_life",
}

// EncodeAdvisory is the value that stands for a in the file.
func EncodeAdvisory(a Advisory) ([]byte, error) {
	ids := a.Aliases
	if len(a.Bulletins) > 0 {
		ids = a.Bulletins
	}
	return json.Marshal(rawAdvisory{
		VendorIDs: ids, Arches: a.Arches, Status: max(0, slices.Index(statuses, a.Status)), Severity: int(a.Severity),
		FixedVersion: a.FixedVersion, VulnerableVersions: a.VulnerableVersions,
		PatchedVersions: a.PatchedVersions, UnaffectedVersions: a.UnaffectedVersions,
	})
}

// decodeAdvisory returns what a value says: mostly one advisory, and several
// if architectures differ.
func decodeAdvisory(e boltfile.Entry, sb *sourceBucket) ([]Advisory, error) {
	var raw rawAdvisory
	if e.IsBucket {
		return nil, fmt.Errorf("%w: advisory %q is a bucket", ErrCorrupt, e.Key)
	}
	if err := json.Unmarshal(e.Value, &raw); err != nil {
		return nil, fmt.Errorf("%w: advisory %q: %w", ErrCorrupt, e.Key, err)
	}
	raws := raw.Entries
	if len(raws) == 0 {
		raws = []rawAdvisory{raw}
	}
	out := make([]Advisory, len(raws))
	for i, r := range raws {
		out[i] = Advisory{
			ID: string(e.Key), Severity: toSeverity(r.Severity), Source: sb.source, FixedVersion: r.FixedVersion, Arches: r.Arches,
			VulnerableVersions: r.VulnerableVersions, PatchedVersions: r.PatchedVersions, UnaffectedVersions: r.UnaffectedVersions,
		}
		if r.Status > 0 && r.Status < len(statuses) {
			out[i].Status = statuses[r.Status]
		}
		if sb.system {
			// OSV's "DEBIAN-CVE-2024-1" is no bulletin, but CVE-2024-1 itself.
			out[i].Bulletins = slices.DeleteFunc(r.VendorIDs, func(id string) bool { return strings.HasSuffix(id, "-"+out[i].ID) })
		} else {
			out[i].Aliases = r.VendorIDs
		}
	}
	return out, nil
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
	for i := range db.buckets[ecosystem] {
		sb := &db.buckets[ecosystem][i]
		pkg, ok, err := sb.bucket.Bucket(name)
		if err == nil && ok {
			err = pkg.ForEach(func(e boltfile.Entry) error {
				list, err := decodeAdvisory(e, sb)
				out = append(out, list...)
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
		for i := range db.buckets[ecosystem] {
			sb := &db.buckets[ecosystem][i]
			bucket := sb.bucket.Bounded()
			err := bucket.ForEach(func(pe boltfile.Entry) error {
				pkg, err := bucket.Open(pe)
				if err != nil {
					return err
				}
				return pkg.ForEach(func(e boltfile.Entry) error {
					list, err := decodeAdvisory(e, sb)
					if err != nil {
						return err
					}
					for _, a := range list {
						if !yield(PackageAdvisory{string(pe.Key), a}, nil) {
							return errStop
						}
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
// without case in most ecosystems, and "_" equals "-" in Python. Names of
// packages of operating systems are kept.
func NormalizeName(ecosystem, name string) string {
	switch ecosystem {
	case "pip":
		return strings.ReplaceAll(strings.ToLower(name), "_", "-")
	case "swift":
		return strings.TrimSuffix(strings.TrimPrefix(name, "https://"), ".git")
	case "go", "cocoapods", "julia", "cran", "bioconductor", "hackage", "ghc":
		return name
	}
	if IsSystem(ecosystem) {
		return name
	}
	return strings.ToLower(name)
}

// systems are how the buckets of operating systems are called in trivy-db
// (pkg/vulnsrc/bucket) and, where it has none, here; the release follows.
var systems = []string{
	"alma", "alpaquita", "alpine", "amazon linux", "archlinux", "Azure Linux", "bottlerocket", "CBL-Mariner", "chainguard",
	"debian", "echo", "fedora", "mageia", "minimos", "openeuler", "openSUSE Leap", "openSUSE Leap Micro",
	"openSUSE Tumbleweed", "Oracle Linux", "Photon OS", "Red Hat", "rocky", "SUSE Linux Enterprise",
	"SUSE Linux Enterprise Micro", "ubuntu", "wolfi",
}

// IsSystem reports whether an ecosystem is an operating system, such as
// "debian 12".
func IsSystem(ecosystem string) bool {
	name := ecosystem
	if _, ok := slices.BinarySearch(sortedSystems(), name); ok {
		return true
	}
	if i := strings.LastIndexByte(name, ' '); i > 0 {
		_, ok := slices.BinarySearch(sortedSystems(), name[:i])
		return ok
	}
	return false
}

var sortedSystems = sync.OnceValue(func() []string { return slices.Sorted(slices.Values(systems)) })
