package gatehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// listing is what a target holds, before anything is read.
type listing struct {
	files   []FileInfo // sorted by path
	skipped []Skip     // sorted by path, but links come last
	links   []link     // sorted by path
	gaps    []Gap
	order   []int // of files, in which they are best read; nil if as they are
	// sequential is [Listing.Sequential].
	sequential bool
	// leftOut is set if the target has a root of its own, at which absolute
	// links start, and says whether a path is excluded: a link to what neither
	// is there nor was left out stands for nothing.
	leftOut func(path string) bool
}

// list walks the tree with several workers, each reading one directory at a
// time. It opens no file.
func list(ctx context.Context, fsys FS, exclude Excluder, workers int) (*listing, error) {
	if l, ok := fsys.(Lister); ok {
		return listed(ctx, l, exclude)
	}
	w := &walker{fsys: fsys, exclude: exclude}
	w.cond = sync.NewCond(&w.mu)
	w.queue = []string{"."}
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cond.Broadcast()
	})
	defer stop()

	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { w.work(ctx) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.rootErr != nil {
		return nil, w.rootErr
	}
	slices.SortFunc(w.out.files, func(a, b FileInfo) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(w.out.skipped, func(a, b Skip) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(w.out.links, func(a, b link) int { return cmp.Compare(a.path, b.path) })
	return &w.out, nil
}

// listed asks the file system itself. What is excluded is left out as if the
// directories had been read.
func listed(ctx context.Context, fsys Lister, exclude Excluder) (*listing, error) {
	found, err := fsys.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &listing{gaps: found.Gaps, sequential: found.Sequential}
	reasons := map[string]string{} // of paths that were asked for; empty if not excluded
	excluded := func(name string) bool {
		for n := 1; exclude != nil && n <= len(name); n++ {
			if n < len(name) && name[n] != '/' {
				continue
			}
			p := name[:n]
			reason, known := reasons[p]
			if !known {
				var yes bool
				if reason, yes = exclude(p, n < len(name)); !yes {
					reason = ""
				} else if reason == "" {
					reason = "excluded"
				}
				if reasons[p] = reason; reason != "" {
					shown := p
					if n < len(name) {
						shown += "/"
					}
					out.skipped = append(out.skipped, Skip{Path: shown, Reason: reason})
				}
			}
			if reason != "" {
				return true
			}
		}
		return false
	}
	skipper, _ := fsys.(Skipper)
	index := make([]int, len(found.Files)) // in out.files, from 1; 0 if left out
	for i, f := range found.Files {
		if excluded(f.Path) {
			if skipper != nil {
				skipper.Skip(f.openName())
			}
			continue
		}
		if len(out.files) >= limits.MaxFiles {
			out.gaps = append(out.gaps, Gap{Code: GapTooLarge,
				Reason: fmt.Sprintf("the target has more than %d files; the rest was not looked at: check parts of it, or exclude directories", limits.MaxFiles)})
			break
		}
		out.files = append(out.files, f)
		index[i] = len(out.files)
	}
	for _, i := range found.Order {
		if index[i] > 0 {
			out.order = append(out.order, index[i]-1)
		}
	}
	for _, l := range found.Links {
		if !excluded(l.Path) {
			out.links = append(out.links, link{l.Path, l.To})
		}
	}
	if found.Links != nil {
		out.leftOut = excluded
	}
	slices.SortFunc(out.skipped, func(a, b Skip) int { return cmp.Compare(a.Path, b.Path) })
	return out, ctx.Err()
}

type walker struct {
	fsys    FS
	exclude Excluder

	mu      sync.Mutex
	cond    *sync.Cond
	queue   []string
	busy    int
	full    bool
	rootErr error
	out     listing
}

func (w *walker) work(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.queue) == 0 && w.busy > 0 && ctx.Err() == nil {
			w.cond.Wait()
		}
		if len(w.queue) == 0 || ctx.Err() != nil {
			w.cond.Broadcast()
			return
		}
		dir := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		w.busy++
		w.mu.Unlock()
		part, dirs, err := w.readDir(dir)
		w.mu.Lock()
		w.busy--
		if err != nil && dir == "." {
			w.rootErr = err
		}
		w.add(part)
		if !w.full {
			w.queue = append(w.queue, dirs...)
		}
		w.cond.Broadcast()
	}
}

func (w *walker) add(part listing) {
	w.out.skipped = append(w.out.skipped, part.skipped...)
	w.out.links = append(w.out.links, part.links...)
	w.out.gaps = append(w.out.gaps, part.gaps...)
	if w.full {
		return
	}
	w.out.files = append(w.out.files, part.files...)
	if len(w.out.files) > limits.MaxFiles {
		w.full, w.queue = true, nil
		w.out.gaps = append(w.out.gaps, Gap{Code: GapTooLarge,
			Reason: fmt.Sprintf("the target has more than %d files; the rest was not looked at: check parts of it, or exclude directories", limits.MaxFiles)})
	}
}

func (w *walker) readDir(dir string) (part listing, dirs []string, err error) {
	entries, err := w.fsys.ReadDir(dir)
	if err != nil {
		part.gaps = append(part.gaps, Gap{Code: GapUnreadable, Path: dir + "/",
			Reason: fmt.Sprintf("the directory could not be read: %s", errorReason(err))})
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !fs.ValidPath(name) {
			part.gaps = append(part.gaps, Gap{Code: GapUnreadable, Path: dir + "/", Entry: fmt.Sprintf("%q", e.Name()),
				Reason: "the name of the file is not valid UTF-8, so no rule can refer to it; rename it, or exclude its directory"})
			continue
		}
		isDir := e.IsDir()
		shown := name
		if isDir {
			shown += "/"
		}
		if w.exclude != nil {
			if reason, ok := w.exclude(name, isDir); ok {
				part.skipped = append(part.skipped, Skip{Path: shown, Reason: reason})
				continue
			}
		}
		switch mode := e.Type(); {
		case isDir:
			if strings.Count(name, "/")+1 > limits.MaxDepth {
				part.gaps = append(part.gaps, Gap{Code: GapTooLarge, Path: shown,
					Reason: fmt.Sprintf("directories nest deeper than %d; nothing below was looked at", limits.MaxDepth)})
				continue
			}
			dirs = append(dirs, name)
		case mode&fs.ModeSymlink != 0:
			dest, err := w.fsys.ReadLink(name)
			if err != nil {
				dest = ""
			}
			part.links = append(part.links, link{name, filepath.ToSlash(dest)})
		case !mode.IsRegular():
			part.skipped = append(part.skipped, Skip{Path: name, Reason: describeMode(mode) + ", has no content to scan"})
		default:
			info, err := e.Info()
			if err != nil {
				part.gaps = append(part.gaps, Gap{Code: GapUnreadable, Path: name, Reason: errorReason(err)})
				continue
			}
			part.files = append(part.files, FileInfo{Path: name, Bytes: info.Size(), Mode: info.Mode()})
		}
	}
	return part, dirs, err
}

// errorReason is the cause of a file error without the path, which the gap
// already has.
func errorReason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return clip(pe.Err.Error())
	}
	return clip(err.Error())
}
