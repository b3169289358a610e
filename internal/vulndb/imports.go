package vulndb

import (
	"encoding/json"
	"fmt"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

// Import is a part of a package that has the problem, as the Go vulnerability
// database describes it; see https://go.dev/doc/security/vuln/database#schema.
type Import struct {
	// Path is the import path.
	Path string `json:"path"`
	// Symbols are functions and methods, such as "Reader.Read"; empty means
	// all.
	Symbols []string `json:"symbols,omitempty"`
	// GOOS and GOARCH are where it has the problem; empty means everywhere.
	GOOS   []string `json:"goos,omitempty"`
	GOARCH []string `json:"goarch,omitempty"`
}

// ImportsBucket holds the imports by [ImportsKey]. Trivy does not look at it.
const ImportsBucket = "gatehouse-imports"

// ImportsKey is the key of what is known about a package and an advisory. The
// name is normalised.
func ImportsKey(ecosystem, pkgName, id string) string {
	return ecosystem + "\x00" + NormalizeName(ecosystem, pkgName) + "\x00" + id
}

// Imports returns which parts of a package have the problem with the id that
// [Advisory.ID] gives; empty if that is not known, so that all may have it.
func (db *DB) Imports(ecosystem, pkgName, id string) ([]Import, error) {
	if db.imports == (boltfile.Bucket{}) {
		return nil, nil
	}
	value, ok, err := db.imports.Get(ImportsKey(ecosystem, pkgName, id))
	var out []Import
	if err == nil && ok {
		if err = json.Unmarshal(value, &out); err != nil {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if err != nil {
		return nil, db.readError(fmt.Sprintf("look up the imports of %q", pkgName), err)
	}
	return out, nil
}
