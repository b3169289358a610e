package gatehouse

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// TargetKind says what a [Target] is.
type TargetKind string

// The kinds of targets.
const (
	// TargetDir is a directory tree, read as it is on disk.
	TargetDir TargetKind = "dir"
	// TargetFile is a single file.
	TargetFile TargetKind = "file"
	// TargetGit is the history of a git repository, or its index.
	TargetGit TargetKind = "git"
	// TargetImage is a container image for one platform.
	TargetImage TargetKind = "image"
)

// ImageConfigPath and ImageManifestPath are the names under which the documents of
// an image are files of it. A file in a layer cannot have them: its name has no
// empty part.
const (
	ImageConfigPath   = "//config.json"
	ImageManifestPath = "//manifest.json"
)

// Target is what is scanned: a name for people and a rooted, read-only file
// system. Its digest is computed by [Scan] from the bytes that were read.
type Target struct {
	Kind TargetKind
	// Name is what the user called the target, such as "." or "services/api".
	Name string
	// FS is the content. Paths are slash-separated and relative to the root.
	// It must not follow symbolic links; those made by [OpenTarget] do not
	// leave the target even if links change while the scan runs.
	FS FS

	close func() error
}

// FS is the file system of a target. Open must refuse anything that is not a
// regular file without blocking (a FIFO, for example), and ReadDir must report
// the type of an entry without following links.
type FS interface {
	fs.FS
	fs.ReadDirFS
	// ReadLink returns the destination of the symbolic link called name.
	ReadLink(name string) (string, error)
}

// Lister is an [FS] that says itself what is in it, such as a history in which
// a path has many contents. Its directories are not read, and a file is opened
// by its path, "@" and its version. An error of Open may be an [*Unscannable].
type Lister interface {
	List(ctx context.Context) (Listing, error)
}

// Listing is what a [Lister] has.
type Listing struct {
	// Files are sorted by path.
	Files []FileInfo
	// Order holds the indexes of Files in the order in which they are best
	// read, those of one path one after the other; nil if they are in order.
	Order []int
	// Sequential is true if files must be read in that order: any other is much
	// slower.
	Sequential bool
	// Links are symbolic links, sorted by path. What they lead to is looked at
	// in its own place; an absolute one starts at the root of the target.
	Links []Link
	Gaps  []Gap
}

// Link is a symbolic link of a [Listing].
type Link struct {
	Path string
	// To is what stands in it.
	To string
}

// Skipper is a [Lister] that wants to know which of its files will not be opened.
// Skip is called concurrently, with what Open would be called with.
type Skipper interface {
	Skip(name string)
}

// VersionFile is a file of a [Lister] that is in memory. Its version is a hash of
// the content and of nothing else, against which it was checked. The bytes must
// not be changed, and not be read after Close.
type VersionFile interface {
	fs.File
	Bytes() []byte
	// Base and Same are those of [File]; empty if none is known.
	Base() string
	Same() []Stretch
}

// OpenTarget opens the directory or regular file at path. The caller must
// close the target.
func OpenTarget(path string) (*Target, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open target: %w", err)
	}
	kind, dir, only, file := TargetDir, path, "", ""
	switch {
	case info.IsDir():
	case info.Mode().IsRegular():
		// The user named it, so a link is followed; it keeps its name, which
		// says what kind of file it is.
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, fmt.Errorf("open target: %w", err)
		}
		kind, dir, only, file = TargetFile, filepath.Dir(real), filepath.Base(path), filepath.Base(real)
	default:
		return nil, fmt.Errorf("open target: %q is a %s, not a directory or a regular file", path, describeMode(info.Mode()))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open target: %w", err)
	}
	return &Target{Kind: kind, Name: path, FS: &rootFS{root: root, only: only, file: file}, close: root.Close}, nil
}

// Close releases the target. It is safe to call more than once.
func (t *Target) Close() error {
	if t.close == nil {
		return nil
	}
	f := t.close
	t.close = nil
	return f()
}

// rootFS is an [FS] below an [os.Root], which resolves each path component
// itself and so never leaves the directory. If only is set, it shows just one
// file, by that name; it is called file in the directory.
type rootFS struct {
	root       *os.Root
	only, file string
}

func (r *rootFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) || (r.only != "" && name != r.only) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if r.only != "" {
		name = r.file
	}
	// O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
	// O_NOFOLLOW: the walk reports links and never reads through them.
	f, err := r.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("is a %s, not a regular file", describeMode(info.Mode()))}
	}
	return f, nil
}

func (r *rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if r.only != "" {
		if name != "." {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
		}
		info, err := r.root.Lstat(r.file)
		if err != nil {
			return nil, err
		}
		return []fs.DirEntry{named{fs.FileInfoToDirEntry(info), r.only}}, nil
	}
	f, err := r.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	return entries, err
}

// named is an entry under another name.
type named struct {
	fs.DirEntry
	name string
}

func (n named) Name() string { return n.name }

func (r *rootFS) ReadLink(name string) (string, error) {
	return r.root.Readlink(filepath.FromSlash(name))
}

func describeMode(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	case m.IsRegular():
		return "regular file"
	}
	return "special file"
}

// readAll reads f into buf, growing it as needed, and fails if there are more
// than max bytes. It returns the bytes read and the buffer to reuse.
func readAll(f io.Reader, buf []byte, max int64) ([]byte, error) {
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > max {
			return buf, fmt.Errorf("grew beyond the limit of %d bytes while it was read", max)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// Stretch is a stretch of a file that stands in another one too: Bytes bytes
// from At on are those of the other from From on.
type Stretch struct{ At, From, Bytes int }
