package image

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// FS is an image as something to scan: the files of all layers, each under its path.
// Those that a container does not see, as a later layer deletes or replaces them,
// are hidden, and have the number of their layer as a version.
type FS struct {
	image    *Image
	listings gatehouse.Cache

	mu      sync.Mutex
	layers  [][]entry
	readers []*layerReader
	paths   map[string]place // visible files by path
	hard    map[place]place  // of hard links: what they are
	closers []io.Closer
}

// Files makes the file system. Listings keeps what layers hold between runs; nil
// keeps nothing.
func (img *Image) Files(listings gatehouse.Cache) *FS {
	return &FS{image: img, listings: listings}
}

// Target is the image as something to scan.
func (f *FS) Target() *gatehouse.Target {
	return &gatehouse.Target{Kind: gatehouse.TargetImage, Name: f.image.Name, FS: f}
}

// List reads the listings of all layers, two at a time. An image of which one layer
// cannot be read has a gap for it.
func (f *FS) List(ctx context.Context) (gatehouse.Listing, error) {
	n := len(f.image.Layers)
	f.layers, f.readers = make([][]entry, n), make([]*layerReader, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i := range n {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = f.listing(ctx, i)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return gatehouse.Listing{}, err
	}
	l := gatehouse.Listing{Sequential: true}
	for i, err := range errs {
		if err != nil {
			l.Gaps = append(l.Gaps, gatehouse.Gap{Code: gatehouse.GapUnreadable, Entry: f.image.layerName(i),
				Reason: fmt.Sprintf("the layer cannot be read, and what stands above it is judged without it: %v", err)})
		}
	}
	f.list(&l)
	return l, nil
}

// layerName is what a layer is called in messages.
func (img *Image) layerName(i int) string {
	return fmt.Sprintf("layer %d (%s)", i+1, img.Layers[i].Digest)
}

// listing gets the entries of a layer, from the cache or from the blob.
func (f *FS) listing(ctx context.Context, i int) error {
	l := f.image.Layers[i]
	key := listingKey(l.DiffID)
	if f.listings != nil {
		if b, ok := f.listings.Get(key); ok && decodeListing(b, &f.layers[i]) == nil {
			f.readers[i] = f.reader(ctx, i, nil)
			return nil
		}
	}
	blob, err := f.blob(ctx, l)
	if err != nil {
		if strings.Contains(l.MediaType, "foreign") || strings.Contains(l.MediaType, "nondistributable") {
			err = fmt.Errorf("it is a layer that is not passed on with the image, and not here: %w", err)
		}
		return err
	}
	entries, err := listLayer(ctx, blob, l)
	if err != nil {
		return err // it is closed with the image
	}
	f.layers[i] = entries
	f.readers[i] = f.reader(ctx, i, blob)
	if f.listings != nil {
		if b, err := encodeListing(entries); err == nil && len(b) <= limits.MaxCachedListingBytes {
			f.listings.Put(key, b)
		}
	}
	return nil
}

// encodeListing packs a listing: in JSON, half of it are hashes in hex.
func encodeListing(entries []entry) ([]byte, error) {
	b, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.EncodeAll(b, nil), nil
}

func decodeListing(b []byte, out *[]entry) error {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limits.MaxManifestBytes*64))
	if err != nil {
		return err
	}
	defer z.Close()
	plain, err := z.DecodeAll(b, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, out)
}

// blob opens the blob of a layer, so that it can be read twice.
func (f *FS) blob(ctx context.Context, l Layer) (io.ReadSeekCloser, error) {
	r, err := f.image.blobs.open(ctx, descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size})
	if err != nil {
		return nil, err
	}
	s, err := spool(ctx, r, l.Size)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.closers = append(f.closers, s)
	f.mu.Unlock()
	return s, nil
}

// reader reads files of a layer whose blob is open, or is opened when it is needed.
func (f *FS) reader(ctx context.Context, i int, blob io.ReadSeekCloser) *layerReader {
	l := f.image.Layers[i]
	return &layerReader{wanted: map[int]int{}, kept: map[int][]byte{}, open: func() (io.ReadCloser, error) {
		if blob == nil {
			var err error
			if blob, err = f.blob(ctx, l); err != nil {
				return nil, err
			}
			// The listing is trusted, the blob is not yet.
			if _, err := listLayer(ctx, blob, l); err != nil {
				return nil, err
			}
		}
		if _, err := blob.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return decompress(blob, l.MediaType)
	}}
}

// list fills the listing from the entries of all layers.
func (f *FS) list(l *gatehouse.Listing) {
	visible := map[place]bool{}
	merge(f.layers).visible(visible)
	f.paths, f.hard = map[string]place{}, map[place]place{}
	type item struct {
		info gatehouse.FileInfo
		at   place
	}
	var items []item
	for i, entries := range f.layers {
		byPath := map[string]int{} // files of this layer so far
		for j, e := range entries {
			at := place{i, j}
			switch e.Kind {
			case kindBad:
				l.Gaps = append(l.Gaps, gatehouse.Gap{Code: gatehouse.GapUnreadable, Entry: f.image.layerName(i),
					Reason: fmt.Sprintf("the entry %.200q has a name or a link that leads out of the image, and was not looked at", e.Path)})
				continue
			case kindSymlink:
				if visible[at] {
					l.Links = append(l.Links, gatehouse.Link{Path: e.Path, To: e.Link})
				}
				continue
			case kindFile:
				byPath[e.Path] = j
			case kindHard:
				k, ok := byPath[e.Link]
				if !ok {
					// It is the file of a layer below, or none.
					below, found := f.below(e.Link, i)
					if !found {
						l.Gaps = append(l.Gaps, gatehouse.Gap{Code: gatehouse.GapUnreadable, Path: e.Path, Entry: f.image.layerName(i),
							Reason: fmt.Sprintf("it is a hard link to %.200q, which is not in the image", e.Link)})
						continue
					}
					f.hard[at] = below
				} else {
					f.hard[at] = place{i, k}
					byPath[e.Path] = k
				}
			default:
				continue
			}
			content := f.content(at)
			c := f.layers[content.layer][content.entry]
			info := gatehouse.FileInfo{Path: e.Path, Bytes: c.Size, Mode: fs.FileMode(e.Mode & 0o777), SHA256: c.SHA256}
			if e.Mode&0o4000 != 0 {
				info.Mode |= fs.ModeSetuid
			}
			if e.Mode&0o2000 != 0 {
				info.Mode |= fs.ModeSetgid
			}
			if visible[at] {
				f.paths[e.Path] = at
			} else {
				info.Hidden = true
				info.Version = strconv.Itoa(i+1) + "." + strconv.Itoa(j)
			}
			items = append(items, item{info, at})
			f.readers[content.layer].wanted[content.entry]++
		}
	}
	items = append(items,
		item{document(gatehouse.ImageConfigPath, f.image.Config), place{-1, 0}},
		item{document(gatehouse.ImageManifestPath, f.image.Manifest), place{-1, 1}})
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.info.Path, b.info.Path), cmp.Compare(a.at.layer, b.at.layer), cmp.Compare(a.at.entry, b.at.entry))
	})
	order := make([]int, len(items))
	for i, it := range items {
		l.Files = append(l.Files, it.info)
		order[i] = i
	}
	// As the tars have them, so that each is read once.
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := f.content(items[a].at), f.content(items[b].at)
		return cmp.Or(cmp.Compare(x.layer, y.layer), cmp.Compare(x.entry, y.entry))
	})
	l.Order = order
	slices.SortFunc(l.Links, func(a, b gatehouse.Link) int { return cmp.Compare(a.Path, b.Path) })
}

// document is the configuration or the manifest as a file.
func document(name string, data []byte) gatehouse.FileInfo {
	sum := sha256.Sum256(data)
	return gatehouse.FileInfo{Path: name, Bytes: int64(len(data)), Mode: 0o444, SHA256: hex.EncodeToString(sum[:])}
}

// content is where the bytes of a file are: elsewhere, if it is a hard link.
func (f *FS) content(at place) place {
	for range limits.MaxLayers {
		next, ok := f.hard[at]
		if !ok {
			break
		}
		at = next
	}
	return at
}

// below finds a file in the layers below one.
func (f *FS) below(path string, layer int) (place, bool) {
	n := merge(f.layers[:layer]).find(path, false)
	if n == nil || !n.present {
		return place{}, false
	}
	at := f.content(n.at)
	return at, f.layers[at.layer][at.entry].Kind == kindFile
}

// Open gives the file called path, or path@version if it is hidden.
func (f *FS) Open(name string) (fs.File, error) {
	switch name {
	case gatehouse.ImageConfigPath:
		return newFile(name, f.image.Config), nil
	case gatehouse.ImageManifestPath:
		return newFile(name, f.image.Manifest), nil
	}
	at, _, ok := f.place(name)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	at = f.content(at)
	e := f.layers[at.layer][at.entry]
	b, err := f.readers[at.layer].read(context.Background(), at.entry, e.Size)
	if err != nil {
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapUnreadable, Reason: fmt.Sprintf("%s: %v", f.image.layerName(at.layer), err)}
	}
	return newFile(name, b), nil
}

// place finds what [FS.Open] is called with.
func (f *FS) place(name string) (at place, hidden, ok bool) {
	if at, ok = f.paths[name]; !ok {
		at, ok = f.hidden(name)
		hidden = ok
	}
	return at, hidden, ok
}

func (f *FS) hidden(name string) (place, bool) {
	i := strings.LastIndexByte(name, '@')
	layer, entry, ok := strings.Cut(name[i+1:], ".")
	a, err := strconv.Atoi(layer)
	b, err2 := strconv.Atoi(entry)
	if i < 0 || !ok || errors.Join(err, err2) != nil || a < 1 || a > len(f.layers) || b < 0 || b >= len(f.layers[a-1]) {
		return place{}, false
	}
	return place{a - 1, b}, f.layers[a-1][b].Path == name[:i]
}

// Skip says that the file will not be opened; see [gatehouse.Skipper].
func (f *FS) Skip(name string) {
	if at, _, ok := f.place(name); ok {
		at = f.content(at)
		f.readers[at.layer].release(at.entry)
	}
}

// ReadDir is not there: see [gatehouse.Lister].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.ErrUnsupported}
}

// ReadLink is not there: links are not listed.
func (f *FS) ReadLink(name string) (string, error) {
	return "", &fs.PathError{Op: "readlink", Path: name, Err: errors.ErrUnsupported}
}

// Close frees the blobs.
func (f *FS) Close() error {
	var errs []error
	for _, r := range f.readers {
		if r != nil {
			errs = append(errs, r.close())
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	f.closers = nil
	return errors.Join(errs...)
}

// file is an open file in memory. It is its own [fs.FileInfo].
type file struct {
	bytes.Reader
	name string
	size int64
}

func newFile(name string, b []byte) *file {
	f := &file{name: name, size: int64(len(b))}
	f.Reset(b)
	return f
}

func (f *file) Stat() (fs.FileInfo, error) { return f, nil }
func (f *file) Close() error               { return nil }
func (f *file) Name() string               { return f.name }
func (f *file) Size() int64                { return f.size }
func (f *file) Mode() fs.FileMode          { return 0o444 }
func (f *file) ModTime() time.Time         { return time.Time{} }
func (f *file) IsDir() bool                { return false }
func (f *file) Sys() any                   { return nil }
