package gatehouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// ScanOptions changes how [Scan] works. The zero value is sensible.
type ScanOptions struct {
	// Tool is written into the report.
	Tool Tool
	// Exclude leaves out files and directories; nil leaves out nothing.
	Exclude Excluder
	// Cache keeps results between scans; nil keeps none.
	Cache Cache
	// Build identifies the program in keys of the cache, beside the versions of
	// tool and scanners: what another build of the same version found is not
	// reused. May be empty.
	Build string
	// Databases describes the data of scanners, by scanner name, for the
	// report.
	Databases map[string]Database
	// Parallelism is the number of files read at once; 0 means GOMAXPROCS.
	Parallelism int
	// MaxFileBytes is the largest file that is scanned; 0 means
	// [limits.MaxFileBytes].
	MaxFileBytes int64
	// FileTimeout bounds one call of a scanner; 0 means [limits.FileTimeout].
	FileTimeout time.Duration
	// Mask masks secrets in a text that may quote what was scanned; nil masks
	// nothing. It is called concurrently.
	Mask func(text string) string
	// Progress is called now and then from several goroutines; may be nil.
	Progress func(Progress)
}

// Excluder says whether a file or directory is left out, and why, as a clause.
// Nothing below an excluded directory is listed.
type Excluder func(path string, dir bool) (reason string, excluded bool)

// Cache stores results by key. It may lose entries at any time; it must never
// return anything but what was put. Its methods are called concurrently.
type Cache interface {
	Get(key [32]byte) ([]byte, bool)
	Put(key [32]byte, value []byte)
}

// Progress is how far a scan is.
type Progress struct {
	FilesDone, FilesTotal int
	BytesDone, BytesTotal int64
}

// Unscannable is an error of a scanner that says more than that the file could
// not be parsed, which is what other errors mean.
type Unscannable struct {
	Code   GapCode
	Line   int // 1-based; 0 if unknown
	Reason string
}

func (u *Unscannable) Error() string { return u.Reason }

// Scan lists the target, reads each file once, gives the bytes to every
// scanner that wants them, and returns what they found together with what was
// and was not looked at. It returns an error only if there is no report to
// speak of: the target cannot be listed, the scanners are unusable, or ctx
// ended.
func Scan(ctx context.Context, target *Target, scanners []*Scanner, opts ScanOptions) (*Report, error) {
	if err := Validate(scanners); err != nil {
		return nil, fmt.Errorf("scan %q: %w", target.Name, err)
	}
	if opts.Parallelism <= 0 {
		opts.Parallelism = runtime.GOMAXPROCS(0)
	}
	if opts.MaxFileBytes <= 0 {
		opts.MaxFileBytes = limits.MaxFileBytes
	}
	if opts.FileTimeout <= 0 {
		opts.FileTimeout = limits.FileTimeout
	}
	found, err := list(ctx, target.FS, opts.Exclude, max(opts.Parallelism, 4))
	if err != nil {
		return nil, fmt.Errorf("scan %q: %w", target.Name, err)
	}
	s := newScan(ctx, target, scanners, opts, found)
	if err := s.run(ctx); err != nil {
		return nil, fmt.Errorf("scan %q: %w", target.Name, err)
	}
	return s.report(), nil
}

// scan is the state of one call of [Scan].
type scan struct {
	target   *Target
	scanners []*Scanner
	opts     ScanOptions
	found    *listing

	files  []fileState
	groups []*groupState
	order  []int // in which files are read: members of groups first
	bytes  *weights
	keys   []string // cache key prefix of each scanner

	mu       sync.Mutex
	big      []byte  // for the next large file; nil if it is in use
	canaries [][]Gap // of each scanner, for the samples it missed
	aside    []int   // files that each scanner scanned and that do not count; see [Want]
	stats    Stats
	progress Progress
}

// fileState is what is known about one file; only the worker that has the file
// changes it, apart from group results, which their worker sets.
type fileState struct {
	info    FileInfo
	digest  string
	readErr *Unscannable
	wants   []Want         // by scanner
	owner   []*groupState  // by scanner; nil unless a group owns the file
	members []*groupState  // all groups that need the file
	results []*callOutcome // by scanner; nil if it was not called
}

type groupState struct {
	scanner int
	group   Group
	outcome *callOutcome

	mu      sync.Mutex
	missing int // members that are not read yet
}

// callOutcome is what one call of a scanner gave.
type callOutcome struct {
	result result
	err    *Unscannable
	// abandoned is true if the call may still be running.
	abandoned bool
}

func newScan(ctx context.Context, target *Target, scanners []*Scanner, opts ScanOptions, found *listing) *scan {
	s := &scan{target: target, scanners: scanners, opts: opts, found: found,
		files:    make([]fileState, len(found.files)),
		bytes:    newWeights(limits.MaxInFlightBytes),
		keys:     make([]string, len(scanners)),
		canaries: make([][]Gap, len(scanners)),
		aside:    make([]int, len(scanners)),
	}
	index := make(map[string]int, len(found.files))
	seen := make([]FileInfo, 0, len(found.files))
	for i, info := range found.files {
		if !info.Hidden {
			index[info.Path] = i
			seen = append(seen, info)
		}
		f := &s.files[i]
		f.info = info
		f.wants = make([]Want, len(scanners))
		f.owner = make([]*groupState, len(scanners))
		f.results = make([]*callOutcome, len(scanners))
		for k, sc := range scanners {
			f.wants[k], f.results[k] = want(sc, info)
		}
		s.progress.BytesTotal += info.Bytes
	}
	s.progress.FilesTotal = len(s.files)
	for k, sc := range scanners {
		s.keys[k] = strings.Join([]string{"3", opts.Tool.Version, opts.Build, sc.Name, sc.Version, sc.RulesDigest, sc.OptionsDigest, sc.DatabaseDigest}, "\x00")
		if sc.Groups == nil {
			continue
		}
		var groups []Group
		err, returned := guard(ctx, opts.FileTimeout, func(context.Context) error {
			groups = sc.Groups(seen)
			return nil
		})
		switch {
		case err != nil:
			found.gaps = append(found.gaps, Gap{Code: err.Code, Scanner: sc.Name, Entry: "groups", Reason: "files that belong together were not found: " + err.Reason})
		case returned:
			s.addGroups(k, groups, index)
		}
	}
	s.addLinks(index)
	order := found.order
	if order == nil {
		order = make([]int, len(s.files))
		for i := range order {
			order[i] = i
		}
	}
	var rest []int
	for _, i := range order {
		if len(s.files[i].members) > 0 || found.sequential {
			s.order = append(s.order, i)
		} else {
			rest = append(rest, i)
		}
	}
	s.order = append(s.order, rest...)
	return s
}

// maxJob is how many versions of a file one worker reads in a row: what it knows
// of one helps with the next.
const maxJob = 200

// nextJob returns how many of the files that are to be read next one worker is to
// read.
func (s *scan) nextJob(order []int) int {
	first, n := &s.files[order[0]].info, 1
	for first.Version != "" && n < min(len(order), maxJob) && s.files[order[n]].info.Path == first.Path {
		n++
	}
	return n
}

// want asks a scanner for one file. If that crashes, the file is a failure.
func want(sc *Scanner, info FileInfo) (w Want, failed *callOutcome) {
	defer func() {
		if r := recover(); r != nil {
			w = Want{Scan: true}
			failed = &callOutcome{err: &Unscannable{Code: GapPanic, Reason: clip(fmt.Sprintf("the scanner crashed when it was asked whether it wants the file: %v", r))}}
		}
	}()
	w = sc.Want(info)
	if w.Scan && info.Hidden && !sc.Hidden {
		w = Want{Skip: "a later layer deletes or replaces it"}
	}
	return w, nil
}

func (s *scan) addGroups(scanner int, groups []Group, index map[string]int) {
	kept := int64(0)
	for _, g := range groups {
		gs := &groupState{scanner: scanner, group: g}
		gs.group.Files = map[string]*File{}
		add := func(p string, owned bool) {
			i, ok := index[p]
			if !ok {
				return
			}
			f := &s.files[i]
			if owned && f.owner[scanner] != nil {
				return
			}
			if owned {
				f.owner[scanner] = gs
			}
			if slices.Contains(f.members, gs) {
				return
			}
			most := int64(limits.MaxGroupFileBytes)
			if g.Large {
				most = s.opts.MaxFileBytes
			}
			if f.info.Bytes > most || kept+f.info.Bytes > limits.MaxGroupBytes {
				if owned {
					f.results[scanner] = &callOutcome{err: &Unscannable{Code: GapTooLarge,
						Reason: fmt.Sprintf("too large to be looked at together with the rest of %s", g.Dir)}}
				}
				return
			}
			kept += f.info.Bytes
			f.members = append(f.members, gs)
			gs.missing++
		}
		for _, p := range g.Owned {
			add(p, true)
		}
		for _, p := range g.Context {
			add(p, false)
		}
		if gs.missing > 0 {
			s.groups = append(s.groups, gs)
		}
	}
}

// reuseGroups takes the results of groups from the cache whose files are known
// before they are read.
func (s *scan) reuseGroups() {
	for _, g := range s.groups {
		withDigests := g.group
		withDigests.Files = map[string]*File{}
		known := true
		var members []*fileState
		for i := range s.files {
			f := &s.files[i]
			if !slices.Contains(f.members, g) {
				continue
			}
			members = append(members, f)
			known = known && f.info.SHA256 != ""
			withDigests.Files[f.info.Path] = &File{FileInfo: f.info, Digest: f.info.SHA256}
		}
		if !known {
			continue
		}
		if r, ok := s.cached(s.scanners[g.scanner].groupKey(s.keys[g.scanner], &withDigests)); ok {
			g.outcome = &callOutcome{result: r, err: r.Err}
			for _, f := range members {
				f.members = slices.DeleteFunc(f.members, func(m *groupState) bool { return m == g })
			}
		}
	}
}

// reuse takes the results of a file from the cache whose content is known before it
// is read, and reports whether it need not be read.
func (s *scan) reuse(f *fileState) bool {
	if f.info.SHA256 == "" || len(f.members) > 0 {
		return false
	}
	file := &File{FileInfo: f.info, Digest: f.info.SHA256}
	tooLarge := f.info.Bytes > s.opts.MaxFileBytes
	for k := range s.scanners {
		if tooLarge || !f.wants[k].Scan || f.owner[k] != nil || f.results[k] != nil {
			continue
		}
		if s.opts.Cache == nil {
			return false
		}
		r, ok := s.cached(s.fileKey(k, file))
		if !ok {
			return false
		}
		f.results[k] = &callOutcome{result: r, err: r.Err}
	}
	f.digest = f.info.SHA256
	if tooLarge {
		f.readErr = tooLargeError(f.info.Bytes, s.opts.MaxFileBytes)
	}
	if skipper, ok := s.target.FS.(Skipper); ok {
		skipper.Skip(f.info.openName())
	}
	return true
}

// openName is what the file system calls the file.
func (f FileInfo) openName() string {
	if f.Version != "" {
		return f.Path + "@" + f.Version
	}
	return f.Path
}

func tooLargeError(bytes, most int64) *Unscannable {
	return &Unscannable{Code: GapTooLarge, Reason: fmt.Sprintf("%d bytes are more than the limit of %d; exclude the file, or raise limits.max_file_bytes", bytes, most)}
}

// run reads all files and waits for all calls.
func (s *scan) run(ctx context.Context) error {
	if s.found.sequential && s.opts.Cache != nil {
		s.reuseGroups()
	}
	jobs := make(chan []int)
	var wg sync.WaitGroup
	wg.Go(func() {
		for k := range s.scanners {
			s.runCanaries(ctx, k)
		}
	})
	for range s.opts.Parallelism {
		wg.Go(func() {
			var buf []byte
			for files := range jobs {
				for _, i := range files {
					if ctx.Err() == nil {
						buf = s.scanFile(ctx, &s.files[i], buf)
					}
				}
			}
		})
	}
	for rest := s.order; len(rest) > 0 && ctx.Err() == nil; {
		n := s.nextJob(rest)
		jobs <- rest[:n]
		rest = rest[n:]
	}
	close(jobs)
	wg.Wait()
	return ctx.Err()
}

// scanFile reads one file and calls each scanner that wants it. It returns the
// buffer to use for the next one.
func (s *scan) scanFile(ctx context.Context, f *fileState, buf []byte) []byte {
	if s.reuse(f) {
		s.done(f)
		return buf
	}
	weight := min(f.info.Bytes, s.opts.MaxFileBytes)
	s.bytes.acquire(weight)
	defer s.bytes.release(weight)

	if len(f.members) > 0 {
		buf = nil // a member of a group is kept
	}
	file, buf := s.read(f, buf)
	f.digest = file.Digest
	lent := file.open != nil && len(f.members) == 0
	if f.readErr == nil {
		for k, sc := range s.scanners {
			if !f.wants[k].Scan || f.owner[k] != nil || f.results[k] != nil {
				continue
			}
			f.results[k] = s.call(ctx, k, s.fileKey(k, file), file.Path, func(ctx context.Context, p *Pass) error {
				return sc.ScanFile(ctx, file, p)
			})
			if f.results[k].abandoned {
				buf, lent = nil, false // the scanner may still be reading it
			}
		}
	}
	for _, g := range f.members {
		s.arrive(ctx, g, f, file)
	}
	if len(f.members) > 0 {
		buf = nil
	}
	if lent {
		_ = file.open.Close() // it was only read
	}
	if cap(buf) > bigBuffer {
		s.keepBig(buf)
		buf = nil
	}
	s.done(f)
	return buf
}

// read reads the file once. Content that is larger than the limit is hashed,
// but not kept.
func (s *scan) read(f *fileState, buf []byte) (*File, []byte) {
	file := &File{FileInfo: f.info}
	fail := func(code GapCode, reason string) (*File, []byte) {
		f.readErr = &Unscannable{Code: code, Reason: reason}
		return file, buf
	}
	h, err := s.target.FS.Open(f.info.openName())
	if err != nil {
		if u, ok := errors.AsType[*Unscannable](err); ok {
			return fail(u.Code, clip(u.Reason))
		}
		return fail(GapUnreadable, errorReason(err))
	}
	v, inMemory := h.(VersionFile)
	if !inMemory {
		defer h.Close()
	}
	if f.info.Version != "" {
		if info, err := h.Stat(); err == nil {
			f.info.Bytes = info.Size()
			file.FileInfo = f.info
		}
	}
	if f.info.Bytes > s.opts.MaxFileBytes {
		sum := sha256.New()
		if _, err := io.Copy(sum, h); err != nil {
			return fail(GapUnreadable, errorReason(err))
		}
		file.Digest = hex.EncodeToString(sum.Sum(nil))
		f.readErr = tooLargeError(f.info.Bytes, s.opts.MaxFileBytes)
		return file, buf
	}
	if inMemory {
		file.open, file.Data, file.Digest = v, v.Bytes(), f.info.Version
		file.Base, file.Same = v.Base(), v.Same()
		return file, buf
	}
	if int64(cap(buf)) <= f.info.Bytes {
		buf = s.buffer(f.info.Bytes + 1) // one more, so that the end shows in one read
	}
	buf, err = readAll(h, buf, s.opts.MaxFileBytes)
	if err != nil {
		return fail(GapUnreadable, errorReason(err))
	}
	sum := sha256.Sum256(buf)
	file.Data, file.Bytes = buf, int64(len(buf))
	file.Digest = hex.EncodeToString(sum[:])
	if file.Bytes < f.info.Bytes && f.info.Version == "" {
		s.mu.Lock()
		s.found.gaps = append(s.found.gaps, Gap{Code: GapUnreadable, Path: f.info.Path, Reason: fmt.Sprintf(
			"it changed during the scan: it had %d bytes and then %d, and only these were looked at; scan it again when it is at rest", f.info.Bytes, file.Bytes)})
		s.mu.Unlock()
	}
	f.info.Bytes = file.Bytes
	return file, buf
}

// bigBuffer is the size above which a buffer is shared by all workers: each
// having its own would hold memory for files that are rare, and a new one for
// each file would fill the heap faster than it is collected.
const bigBuffer = 4 << 20

// buffer returns an empty buffer for n bytes.
func (s *scan) buffer(n int64) []byte {
	if n <= bigBuffer {
		return make([]byte, 0, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.big; int64(cap(b)) >= n {
		s.big = nil
		return b[:0]
	}
	// Rounded up, so that files of rising size do not each need a new one.
	return make([]byte, 0, int64(1)<<bits.Len64(uint64(n-1)))
}

func (s *scan) keepBig(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(b) > cap(s.big) {
		s.big = b
	}
}

// arrive hands a file to a group, and looks at the group if it was the last.
func (s *scan) arrive(ctx context.Context, g *groupState, f *fileState, file *File) {
	g.mu.Lock()
	if f.readErr == nil {
		g.group.Files[file.Path] = file
	}
	g.missing--
	last := g.missing == 0
	g.mu.Unlock()
	if !last || len(g.group.Files) == 0 {
		return
	}
	sc := s.scanners[g.scanner]
	key := sc.groupKey(s.keys[g.scanner], &g.group)
	g.outcome = s.call(ctx, g.scanner, key, g.group.Dir, func(ctx context.Context, p *Pass) error {
		return sc.ScanGroup(ctx, &g.group, p)
	})
	if !g.outcome.abandoned {
		g.group.Files = nil
	}
}

func (s *scan) done(f *fileState) {
	if s.opts.Progress == nil {
		return
	}
	s.mu.Lock()
	s.progress.FilesDone++
	s.progress.BytesDone += f.info.Bytes
	p := s.progress
	s.mu.Unlock()
	s.opts.Progress(p)
}

// weights is a semaphore that counts bytes.
type weights struct {
	mu   sync.Mutex
	cond *sync.Cond
	free int64
}

func newWeights(n int64) *weights {
	w := &weights{free: n}
	w.cond = sync.NewCond(&w.mu)
	return w
}

func (w *weights) acquire(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.free < n {
		w.cond.Wait()
	}
	w.free -= n
}

func (w *weights) release(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free += n
	w.cond.Broadcast()
}
