package ospkg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// parseRPM reads the database of rpm in any of its three formats. Each holds
// the header of each package as it is in the package file.
func parseRPM(data []byte) ([]Package, []Problem, error) {
	var blobs [][]byte
	var problems []Problem
	var err error
	switch {
	case bytes.HasPrefix(data, []byte(sqliteMagic)):
		blobs, err = sqliteBlobs(data, "Packages")
	case bytes.HasPrefix(data, []byte("RpmP")):
		blobs, err = ndbBlobs(data)
	case isBerkeley(data):
		blobs, err = berkeleyBlobs(data)
	case len(data) == 0:
		return nil, nil, errors.New("it is empty; a system whose packages were removed from its database cannot be judged")
	default:
		return nil, nil, errors.New("it is no database of rpm (SQLite, ndb or the hash table of Berkeley DB)")
	}
	if err != nil {
		err = fmt.Errorf("the database of rpm is damaged: %w", err)
	}
	var packages []Package
	for i, b := range blobs {
		p, bad := parseHeader(b)
		if bad != nil {
			problems = append(problems, Problem{Entry: p.Name, Reason: fmt.Sprintf("entry %d of the database of rpm cannot be read: %v", i+1, bad)})
			continue
		}
		if p.Name == "gpg-pubkey" {
			continue // a key that rpm trusts, kept as if it were a package
		}
		packages = append(packages, p)
	}
	return packages, problems, err
}

// Tags of the header; see rpm's include/rpm/rpmtag.h.
const (
	tagSigMD5       = 261
	tagName         = 1000
	tagVersion      = 1001
	tagRelease      = 1002
	tagEpoch        = 1003
	tagVendor       = 1011
	tagLicense      = 1014
	tagArch         = 1022
	tagSourceRPM    = 1044
	tagRequireName  = 1049
	tagDirIndexes   = 1116
	tagBasenames    = 1117
	tagDirNames     = 1118
	tagModularity   = 5096
	typeInt32       = 4
	typeString      = 6
	typeBinary      = 7
	typeStringArray = 8
	typeI18NString  = 9
)

type rpmEntry struct {
	kind, offset, count uint32
}

// rpmHeader is an index of entries, and the store that they point into.
type rpmHeader struct {
	entries map[uint32]rpmEntry
	store   []byte
}

// parseHeader reads a header: the number of entries, the size of the store, the
// entries of 16 bytes each, and the store; see rpm's docs/manual/format_header.md.
func parseHeader(b []byte) (Package, error) {
	if len(b) < 8 {
		return Package{}, errors.New("it is too short")
	}
	n, size := uint64(binary.BigEndian.Uint32(b)), uint64(binary.BigEndian.Uint32(b[4:]))
	if n > 1<<16 || 8+16*n+size > uint64(len(b)) {
		return Package{}, fmt.Errorf("its index of %d entries and its store of %d bytes do not fit into %d bytes", n, size, len(b))
	}
	h := rpmHeader{entries: make(map[uint32]rpmEntry, n), store: b[8+16*n:][:size]}
	for i := range n {
		e := b[8+16*i:]
		tag := binary.BigEndian.Uint32(e)
		if _, ok := h.entries[tag]; !ok {
			h.entries[tag] = rpmEntry{binary.BigEndian.Uint32(e[4:]), binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint32(e[12:])}
		}
	}
	p := Package{Name: h.text(tagName), Arch: h.text(tagArch), Vendor: h.text(tagVendor), Module: h.text(tagModularity)}
	version, release := h.text(tagVersion), h.text(tagRelease)
	if p.Name == "" || version == "" {
		return p, errors.New("it has no name or no version")
	}
	p.Version = version
	if release != "" {
		p.Version += "-" + release
	}
	if epoch := h.ints(tagEpoch); len(epoch) > 0 && epoch[0] != 0 {
		p.Version = fmt.Sprintf("%d:%s", epoch[0], p.Version)
	}
	if license := h.text(tagLicense); license != "" {
		p.Licenses = []string{license}
	}
	p.Source, p.SourceVersion = sourceOf(h.text(tagSourceRPM))
	if p.Source == "" {
		p.Source, p.SourceVersion = p.Name, p.Version
	}
	if sum := h.bytes(tagSigMD5); len(sum) == 16 {
		p.Hashes = []string{fmt.Sprintf("md5:%x", sum)}
	}
	seen := map[string]bool{}
	for _, name := range h.texts(tagRequireName) {
		if !strings.HasPrefix(name, "rpmlib(") && !seen[name] {
			seen[name] = true
			p.DependsOn = append(p.DependsOn, name)
		}
	}
	dirs, names, at := h.texts(tagDirNames), h.texts(tagBasenames), h.ints(tagDirIndexes)
	for i, name := range names {
		if i < len(at) && uint64(at[i]) < uint64(len(dirs)) && len(dirs[at[i]])+len(name) <= maxPath {
			p.Files = append(p.Files, strings.TrimPrefix(dirs[at[i]]+name, "/"))
		}
	}
	return p, nil
}

// sourceOf splits the name of a source package: name-version-release.src.rpm.
func sourceOf(file string) (name, version string) {
	file = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(file, ".rpm"), ".src"), ".nosrc")
	release := strings.LastIndexByte(file, '-')
	if release <= 0 {
		return "", ""
	}
	v := strings.LastIndexByte(file[:release], '-')
	if v <= 0 {
		return "", ""
	}
	return file[:v], file[v+1:]
}

func (h *rpmHeader) at(tag uint32, kinds ...uint32) (rpmEntry, []byte) {
	e, ok := h.entries[tag]
	if !ok || !slices.Contains(kinds, e.kind) || uint64(e.offset) >= uint64(len(h.store)) {
		return rpmEntry{}, nil
	}
	return e, h.store[e.offset:]
}

func (h *rpmHeader) text(tag uint32) string {
	_, b := h.at(tag, typeString, typeI18NString, typeStringArray)
	s, _, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return ""
	}
	return string(s)
}

func (h *rpmHeader) texts(tag uint32) []string {
	e, b := h.at(tag, typeStringArray, typeString)
	var list []string
	for range e.count {
		s, rest, ok := bytes.Cut(b, []byte{0})
		if !ok || len(list) >= limits.MaxArchiveEntries {
			break
		}
		list = append(list, string(s))
		b = rest
	}
	return list
}

func (h *rpmHeader) ints(tag uint32) []uint32 {
	e, b := h.at(tag, typeInt32)
	var list []uint32
	for range e.count {
		if len(b) < 4 {
			break
		}
		list = append(list, binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	return list
}

func (h *rpmHeader) bytes(tag uint32) []byte {
	e, b := h.at(tag, typeBinary)
	if uint64(e.count) > uint64(len(b)) {
		return nil
	}
	return b[:e.count]
}
