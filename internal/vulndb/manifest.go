package vulndb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// The files of a database directory.
const (
	FileName     = "trivy.db"
	MetadataName = "metadata.json"
	ManifestName = "gatehouse.json"
	SumsName     = "gatehouse.sums"
)

// SchemaVersion is the only schema of the database that is understood.
const SchemaVersion = 2

// Metadata is metadata.json, as trivy-db writes it.
type Metadata struct {
	Version    int
	NextUpdate time.Time
	// UpdatedAt is when the data was collected.
	UpdatedAt    time.Time
	DownloadedAt time.Time
}

// Manifest is gatehouse.json: what was put into the database. Databases that
// other programs made have none.
type Manifest struct {
	// Digest identifies the content; see [Digest].
	Digest string `json:"digest"`
	Bytes  int64  `json:"bytes"`
	// Advisories counts (package, advisory) pairs.
	Advisories int `json:"advisories"`
	// Ecosystems counts them by ecosystem, such as "npm" or "pip".
	Ecosystems map[string]int `json:"ecosystems"`
	// Sources are sorted by ecosystem, then name.
	Sources []ManifestSource `json:"sources"`
	// Feeds are the public lists that were joined; may be empty.
	Feeds []Feed `json:"feeds,omitempty"`
	// Origin is where the database came from, such as an OCI reference with
	// digest; empty if it was built here.
	Origin string `json:"origin,omitempty"`
	// Rejected and Withdrawn count the entries that were not imported.
	Rejected  int `json:"rejected"`
	Withdrawn int `json:"withdrawn"`
}

// ManifestSource is one origin of advisories.
type ManifestSource struct {
	Ecosystem string `json:"ecosystem"`
	Source
	// License is an SPDX expression; empty if it is not known.
	License string `json:"license,omitempty"`
	// Attribution names whom the licence wants to be named; may be empty.
	Attribution string `json:"attribution,omitempty"`
	Advisories  int    `json:"advisories"`
}

// WriteMetadata writes metadata.json into dir.
func WriteMetadata(dir string, m Metadata) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write %s: %w", MetadataName, err)
	}
	return writeFile(filepath.Join(dir, MetadataName), append(b, '\n'))
}

// WriteManifest writes gatehouse.json into dir.
func WriteManifest(dir string, m Manifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", ManifestName, err)
	}
	b = bytes.TrimSuffix(b, []byte("\n}"))
	return writeFile(filepath.Join(dir, ManifestName), append(b, manifestEnd(b)...))
}

// manifestCheck is the start of the last key of a manifest, whose value is the
// hash of all before it.
const manifestCheck = ",\n  \"check\": \""

func manifestEnd(before []byte) string {
	sum := sha256.Sum256(before)
	return manifestCheck + "sha256:" + hex.EncodeToString(sum[:]) + "\"\n}\n"
}

// writeFile writes data so that it is on the disk when it returns.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// ParseMetadata reads a metadata.json and checks its schema version.
func ParseMetadata(data []byte) (Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &m); err != nil {
		return m, fmt.Errorf("parse %s: %w", MetadataName, err)
	}
	if m.Version != SchemaVersion {
		return m, fmt.Errorf("%s says schema version %d, want %d: %w", MetadataName, m.Version, SchemaVersion, ErrSchema)
	}
	return m, nil
}

// readManifest returns nil if there is none.
func readManifest(dir string) (*Manifest, error) {
	data, err := readSmall(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if i := bytes.LastIndex(data, []byte(manifestCheck)); i < 0 || string(data[i:]) != manifestEnd(data[:i]) {
		return nil, fmt.Errorf("%w: %s does not match the hash at its end", ErrCorrupt, ManifestName)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: parse %s: %w", ErrCorrupt, ManifestName, err)
	}
	return &m, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limits.MaxConfigBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limits.MaxConfigBytes {
		return nil, fmt.Errorf("%q has more than %d bytes", path, limits.MaxConfigBytes)
	}
	return data, nil
}
