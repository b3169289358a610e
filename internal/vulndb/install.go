package vulndb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lockWait is how long to wait for another process that swaps files in, which
// takes milliseconds.
const lockWait = 5 * time.Second

const temporaryPrefix = ".gatehouse-db-"

// Install replaces the database in dst, which is created if needed, by the
// files that fill writes into an empty directory: [FileName], [MetadataName]
// and, if there is one, [ManifestName] with [SumsName]. They are on the disk before the old
// ones go. If fill or anything else fails, the old database stays.
//
// Several processes may do this at once; the last one wins. Readers see the
// old database or the new one.
func Install(dst string, fill func(tmp string) error) error {
	if err := os.MkdirAll(dst, 0o755); err != nil {
		return fmt.Errorf("install the database: %w", err)
	}
	removeAbandoned(dst)
	// Within dst and not beside it: dst may be a mount point.
	tmp, err := os.MkdirTemp(dst, temporaryPrefix)
	if err != nil {
		return fmt.Errorf("install the database: %w", err)
	}
	defer os.RemoveAll(tmp)
	// The lock says that the directory is in use; see removeAbandoned.
	release, err := lockDir(tmp, syscall.LOCK_SH)
	if err != nil {
		return fmt.Errorf("install the database: %w", err)
	}
	defer release()
	if err := fill(tmp); err != nil {
		return err
	}
	if err := swap(tmp, dst); err != nil {
		return fmt.Errorf("install the database in %q: %w", dst, err)
	}
	return nil
}

func swap(tmp, dst string) error {
	unlock, err := lockDir(dst, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	// The manifest goes first and comes last: after a crash in between the
	// database counts as made by another program, and its time is at worst
	// that of the older one.
	if err := os.Remove(filepath.Join(dst, ManifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range []string{FileName, MetadataName, SumsName, ManifestName} {
		err := os.Rename(filepath.Join(tmp, name), filepath.Join(dst, name))
		optional := name == ManifestName || name == SumsName
		if err != nil && !(optional && errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	d, err := os.Open(dst)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// removeAbandoned deletes what killed processes have left in dst. Nothing
// depends on it, so errors do not matter.
func removeAbandoned(dst string) {
	entries, _ := os.ReadDir(dst)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), temporaryPrefix) {
			continue
		}
		path := filepath.Join(dst, e.Name())
		d, err := os.Open(path)
		if err != nil {
			continue
		}
		info, err := d.Stat()
		// A directory that is a moment old may not be locked yet.
		old := err == nil && time.Since(info.ModTime()) > time.Hour
		if old && syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.RemoveAll(path)
		}
		d.Close()
	}
}

// lockDir takes a lock on the directory itself, so that no lock file is needed
// where nothing may be written. File systems without locks are used without.
func lockDir(dir string, how int) (unlock func(), err error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the directory does not exist", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	const pause = 20 * time.Millisecond
	for waited := time.Duration(0); ; {
		err := syscall.Flock(int(d.Fd()), how|syscall.LOCK_NB)
		if err == nil || !(errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR)) {
			return func() { d.Close() }, nil
		}
		if waited >= lockWait {
			d.Close()
			return nil, ErrLocked
		}
		time.Sleep(pause)
		waited += pause
	}
}
