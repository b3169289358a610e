package boltfile

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// ErrLocked means that another program is writing the file. Waiting helps.
var ErrLocked = errors.New("locked by another program that is writing it")

// lockWait is how long Open waits for a writer. Writers that hold the lock for
// longer are building a database, and that takes minutes.
const lockWait = 2 * time.Second

// lockShared takes the shared lock that bbolt takes to read. The lock ends
// when f is closed. File systems without locks are read without one: our own
// writers never change a file, they replace it.
func lockShared(f *os.File) error {
	const pause = 50 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil
		case waited >= lockWait:
			return ErrLocked
		}
		time.Sleep(pause)
	}
}
