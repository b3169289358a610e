package gitstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
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
	l := gatehouse.Listing{Files: make([]gatehouse.FileInfo, len(f.h.Blobs))}
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
	data, err := f.h.store.readAs(id, TypeBlob)
	if err != nil {
		problems := History{store: f.h.store}
		problems.problem("", "", err)
		code := gatehouse.GapUnreadable
		if errors.Is(err, ErrTooLarge) {
			code = gatehouse.GapTooLarge
		}
		return nil, &gatehouse.Unscannable{Code: code, Reason: problems.Problems[0].Reason}
	}
	return &blobFile{Reader: bytes.NewReader(data), name: name, data: data}, nil
}

func (f *historyFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.ErrUnsupported}
}

func (f *historyFS) ReadLink(name string) (string, error) {
	return "", &fs.PathError{Op: "readlink", Path: name, Err: errors.ErrUnsupported}
}

// blobFile is an open content. It is its own [fs.FileInfo].
type blobFile struct {
	*bytes.Reader
	name string
	data []byte
}

var _ io.Reader = (*blobFile)(nil)

func (b *blobFile) Bytes() []byte              { return b.data }
func (b *blobFile) Stat() (fs.FileInfo, error) { return b, nil }
func (b *blobFile) Close() error               { return nil }
func (b *blobFile) Name() string               { return b.name }
func (b *blobFile) Size() int64                { return int64(len(b.data)) }
func (b *blobFile) Mode() fs.FileMode          { return 0o644 }
func (b *blobFile) ModTime() time.Time         { return time.Time{} }
func (b *blobFile) IsDir() bool                { return false }
func (b *blobFile) Sys() any                   { return nil }

// Attribute completes the history of findings, and keeps of those that are the
// same problem at the same path only the first: the others are versions of it.
func (h *History) Attribute(findings []gatehouse.Finding) []gatehouse.Finding {
	type place struct{ fingerprint, path, within string }
	type version struct {
		out   int
		order int32
	}
	first := map[place]version{}
	var out []gatehouse.Finding
	for _, f := range findings {
		if f.History == nil {
			out = append(out, f)
			continue
		}
		id, err := ParseID(f.History.Blob)
		i, ok := h.byID[id]
		if err != nil || !ok {
			out = append(out, f)
			continue
		}
		b := &h.Blobs[i]
		history := h.describe(b)
		f.History = &history
		key := place{f.Fingerprint, f.Location.Path, ""}
		if f.Secret != nil {
			key.within, _, _ = strings.Cut(f.Secret.Within, ":")
		}
		v, ok := first[key]
		switch {
		case !ok:
			first[key] = version{len(out), b.order}
			out = append(out, f)
			continue
		case b.order < v.order:
			history.Versions, history.AtHead = out[v.out].History.Versions, history.AtHead || out[v.out].History.AtHead
			out[v.out] = f
			first[key] = version{v.out, b.order}
		default:
			out[v.out].History.AtHead = out[v.out].History.AtHead || history.AtHead
		}
		out[v.out].History.Versions++
	}
	return out
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
