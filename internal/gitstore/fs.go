package gitstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// Target is the history as something to scan.
func (h *History) Target(name string) *gatehouse.Target {
	return &gatehouse.Target{Kind: gatehouse.TargetGit, Name: name, FS: &historyFS{h}}
}

// historyFS has a file for each content, which is called by its path and its
// id; see [gatehouse.Lister].
type historyFS struct{ h *History }

// List gives all contents; they have no sizes, which would cost as much as the
// contents themselves.
func (f *historyFS) List(context.Context) (gatehouse.Listing, error) {
	l := gatehouse.Listing{Files: make([]gatehouse.FileInfo, len(f.h.Blobs)), Order: f.h.readingOrder()}
	for i, b := range f.h.Blobs {
		l.Files[i] = gatehouse.FileInfo{Path: b.Path, Version: b.ID.String(), Mode: 0o644}
	}
	for _, p := range f.h.Problems {
		g := gatehouse.Gap{Code: gatehouse.GapUnreadable, Path: p.Path, Entry: p.What, Reason: p.Reason}
		switch {
		case p.TooLarge:
			g.Code = gatehouse.GapTooLarge
		case p.Foreign:
			g.Code = gatehouse.GapUnresolved
		}
		l.Gaps = append(l.Gaps, g)
	}
	return l, nil
}

// Open gives the content called path@id.
func (f *historyFS) Open(name string) (fs.File, error) {
	i := strings.LastIndexByte(name, '@')
	id, err := ParseID(name[i+1:])
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	b := &blobFile{name: name, cache: f.h.store.cache}
	b.cached, err = f.h.store.borrowDelta(id, TypeBlob, &b.delta)
	if err != nil {
		problems := History{store: f.h.store}
		problems.problem("", "", err)
		code := gatehouse.GapUnreadable
		if errors.Is(err, ErrTooLarge) {
			code = gatehouse.GapTooLarge
		}
		return nil, &gatehouse.Unscannable{Code: code, Reason: problems.Problems[0].Reason}
	}
	b.Reset(b.data)
	return b, nil
}

func (f *historyFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.ErrUnsupported}
}

func (f *historyFS) ReadLink(name string) (string, error) {
	return "", &fs.PathError{Op: "readlink", Path: name, Err: errors.ErrUnsupported}
}

// blobFile is an open content. It is its own [fs.FileInfo].
type blobFile struct {
	bytes.Reader
	delta
	*cached
	cache *cache
	name  string
}

var _ gatehouse.VersionFile = (*blobFile)(nil)

// Base is empty if no other version is known.
func (b *blobFile) Base() string {
	if b.base.IsZero() {
		return ""
	}
	return b.base.String()
}

func (b *blobFile) Bytes() []byte              { return b.data }
func (b *blobFile) Same() []gatehouse.Stretch  { return b.same }
func (b *blobFile) Stat() (fs.FileInfo, error) { return b, nil }
func (b *blobFile) Close() error               { b.cache.release(b.cached); return nil }
func (b *blobFile) Name() string               { return b.name }
func (b *blobFile) Size() int64                { return int64(len(b.data)) }
func (b *blobFile) Mode() fs.FileMode          { return 0o644 }
func (b *blobFile) ModTime() time.Time         { return time.Time{} }
func (b *blobFile) IsDir() bool                { return false }
func (b *blobFile) Sys() any                   { return nil }

// Attribute completes the history of findings. Those that are about the same
// secret become one, that of the first commit: its other versions are counted,
// and its other places are in Also.
func (h *History) Attribute(findings []gatehouse.Finding) []gatehouse.Finding {
	findings = h.brought(findings)
	h.suppress(findings)
	type key struct {
		rule, fingerprint, path string
		suppressed              bool
	}
	first := map[key]int{} // in out
	orders := []int32{}    // of out
	out := []gatehouse.Finding{}
	for _, f := range findings {
		id, order := ID{}, int32(0)
		if f.History != nil {
			id, _ = ParseID(f.History.Blob)
		}
		if i, ok := h.byID[id]; ok {
			history := h.describe(&h.Blobs[i])
			f.History, order = &history, h.Blobs[i].order
		}
		k := key{f.Rule, f.Fingerprint, f.Location.Path, false}
		if f.Secret != nil {
			k.path, k.suppressed = "", f.Suppressed != nil
		}
		i, ok := first[k]
		if !ok || f.History == nil {
			first[k] = len(out)
			out, orders = append(out, f), append(orders, order)
			continue
		}
		old := &out[i]
		f.History.Versions = old.History.Versions + 1
		f.History.AtHead = f.History.AtHead || old.History.AtHead
		places := append(old.Also, old.Location, f.Location)
		if order < orders[i] {
			f.ID = old.ID
			*old, orders[i] = f, order
		} else {
			old.History.Versions, old.History.AtHead = f.History.Versions, f.History.AtHead
		}
		old.Also = others(places, old.Location.Path)
	}
	slices.SortStableFunc(out, func(a, b gatehouse.Finding) int {
		return cmp.Or(cmp.Compare(a.Location.Path, b.Location.Path), cmp.Compare(a.Location.Line, b.Location.Line), cmp.Compare(a.Location.Column, b.Location.Column))
	})
	return out
}

// others keeps the first place in each path but one, sorted.
func others(places []gatehouse.Location, but string) (kept []gatehouse.Location) {
	for _, l := range places {
		if l.Path != but && !slices.ContainsFunc(kept, func(k gatehouse.Location) bool { return k.Path == l.Path }) {
			kept = append(kept, l)
		}
	}
	slices.SortFunc(kept, func(a, b gatehouse.Location) int { return cmp.Compare(a.Path, b.Path) })
	return kept
}

func (h *History) describe(b *Blob) gatehouse.History {
	r := gatehouse.History{Blob: b.ID.String(), AtHead: h.atHead[b.ID], Versions: 1}
	if b.order < 0 {
		return r
	}
	id := h.nodes[h.order[b.order]].id
	r.Commit = id.String()
	if c, err := h.store.Commit(id); err == nil {
		r.Author = c.Author
		if !c.Authored.IsZero() {
			r.Date = c.Authored.Format(time.RFC3339)
		}
	}
	return r
}
