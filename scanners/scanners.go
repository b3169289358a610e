// Package scanners is the one list of scanners. To add one, write its package,
// add it to all, and add a known-bad and a known-good fixture; the contract in
// scannertest says the rest.
package scanners

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/config"
	"github.com/gatehouse-sec/gatehouse/scanners/iac"
	"github.com/gatehouse-sec/gatehouse/scanners/image"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// Options configures the scanners.
type Options struct {
	// Names are the scanners to make, in any order; empty means those of
	// [Names] that have something to do.
	Names []string
	// Image is true if the target is an image: that of images does nothing
	// elsewhere.
	Image bool
	// Documents adds the scanner that parses configuration for policies.
	Documents bool
	// DatabaseDir is where the vulnerability database is; it need not exist.
	DatabaseDir string
	// DatabaseDigest is what the database must have, and DatabasePinnedBy what
	// says so; empty if any will do.
	DatabaseDigest, DatabasePinnedBy string
	// Inventory lists packages without matching them with advisories.
	Inventory bool
	// AsOf leaves out advisories that were published later; zero leaves out
	// none.
	AsOf time.Time
	// SBOMs are files that are bills of materials, whatever their names are.
	SBOMs []string
	// FingerprintKey is the key of fingerprints of secrets; may be empty.
	FingerprintKey []byte
	// Secrets configures the scanner of secrets, but for its key.
	Secrets secrets.Options
	// StrictPipelines is [iac.Options.StrictPipelines].
	StrictPipelines bool
	// TerraformVars and Checks are [iac.Options.TerraformVars] and
	// [iac.Options.Checks].
	TerraformVars, Checks []iac.File
	// Helm is [iac.Options.Helm].
	Helm []iac.ChartRelease
	// Now is the evaluation time.
	Now time.Time
}

// Set is a list of scanners and what they hold open.
type Set struct {
	Scanners []*gatehouse.Scanner
	// Databases are those in use, by name of scanner.
	Databases map[string]gatehouse.Database
	// AsOf says after a scan what [Options.AsOf] did, in a clause; nil if it was
	// not asked for.
	AsOf func() string
	// Mask masks secrets in a text that may quote what was scanned.
	Mask func(text string) string

	close []func() error
}

// Close releases what the scanners hold open.
func (s *Set) Close() error {
	var errs []error
	for _, f := range s.close {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// entry is a scanner that can be made.
type entry struct {
	name string
	make func(Options, *Set) (*gatehouse.Scanner, error)
}

func all() []entry {
	return []entry{
		{secrets.Name, func(o Options, _ *Set) (*gatehouse.Scanner, error) {
			o.Secrets.Key = o.FingerprintKey
			return secrets.New(o.Secrets)
		}},
		{sca.Name, newSCA},
		{iac.Name, func(o Options, _ *Set) (*gatehouse.Scanner, error) {
			return iac.New(iac.Options{Now: o.Now, StrictPipelines: o.StrictPipelines, TerraformVars: o.TerraformVars, Checks: o.Checks, Helm: o.Helm})
		}},
		{image.Name, func(Options, *Set) (*gatehouse.Scanner, error) {
			return image.New(image.Options{Config: gatehouse.ImageConfigPath, Manifest: gatehouse.ImageManifestPath}), nil
		}},
	}
}

// newSCA opens the database. Without one the scanner still takes the inventory,
// and says for each file that nothing was matched, and why.
func newSCA(o Options, s *Set) (*gatehouse.Scanner, error) {
	if o.Inventory {
		return sca.New(nil, "only an inventory was asked for", o.SBOMs...)
	}
	db, err := vulndb.Open(o.DatabaseDir)
	if err != nil {
		why := err.Error()
		if errors.Is(err, vulndb.ErrNotFound) {
			why = fmt.Sprintf("there is no vulnerability database; run `gatehouse db import PATH` or `gatehouse db pull REF` (looked in %s)", o.DatabaseDir)
		}
		return sca.New(nil, why, o.SBOMs...)
	}
	if have := db.Info().Digest; o.DatabaseDigest != "" && have != o.DatabaseDigest {
		db.Close()
		return nil, fmt.Errorf("the vulnerability database in %q is not the pinned one: its digest is %s, %s pins %s; fetch that one with `gatehouse db pull`, or pin this one with `gatehouse db lock`",
			o.DatabaseDir, have, o.DatabasePinnedBy, o.DatabaseDigest)
	}
	var view sca.Database = db
	if !o.AsOf.IsZero() {
		asOf := db.AsOf(o.AsOf)
		view, s.AsOf = asOf, func() string { return asOf.Counts().String() }
	}
	sc, err := sca.New(view, "", o.SBOMs...)
	if err != nil {
		db.Close()
		return sca.New(nil, err.Error(), o.SBOMs...)
	}
	s.close = append(s.close, db.Close)
	s.Databases[sca.Name] = view.Info()
	return sc, nil
}

// Names lists the scanners that run unless others are asked for.
func Names() []string {
	var names []string
	for _, e := range all() {
		names = append(names, e.name)
	}
	return names
}

// New makes the scanners. The caller must close the set.
func New(o Options) (*Set, error) {
	for _, n := range o.Names {
		if !slices.Contains(Names(), n) {
			return nil, fmt.Errorf("unknown scanner %q%s", n, nearest.Hint(n, Names()))
		}
	}
	s := &Set{Databases: map[string]gatehouse.Database{}, Mask: secrets.Mask()}
	for _, e := range all() {
		if len(o.Names) > 0 && !slices.Contains(o.Names, e.name) || len(o.Names) == 0 && e.name == image.Name && !o.Image {
			continue
		}
		sc, err := e.make(o, s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make scanner %q: %w", e.name, err), s.Close())
		}
		s.Scanners = append(s.Scanners, sc)
	}
	if o.Documents {
		s.Scanners = append(s.Scanners, config.New())
	}
	return s, nil
}
