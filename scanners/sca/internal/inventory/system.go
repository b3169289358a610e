package inventory

import (
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
)

// systemKind returns the package manager of an operating system whose database
// is at the path: below the target, or below a root file system in it. Empty if
// it is none.
func systemKind(name string) ospkg.Kind {
	for {
		if kind := ospkg.KindOf(name); kind != "" {
			return kind
		}
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			return ""
		}
		name = rest
	}
}

// parseSystem counts the packages of an operating system. They are not matched
// with advisories, which depend on the distribution: that is said, so that a
// file system full of them is no pass.
func parseSystem(f *Lockfile) (Inventory, error) {
	var inv Inventory
	kind := systemKind(f.Path)
	packages, problems, err := ospkg.Parse(kind, f.Data)
	for _, p := range problems {
		inv.gap(gatehouse.GapParse, p.Line, p.Entry, p.Reason)
	}
	if err != nil {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: err.Error()}
	}
	if len(packages) > 0 {
		inv.gap(gatehouse.GapUnmatched, 0, string(kind), fmt.Sprintf("the packages of an operating system (%d, of %s) are not matched with advisories; check them by other means and waive this, or exclude the file",
			len(packages), kind))
	}
	return inv, nil
}
