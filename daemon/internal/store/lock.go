package store

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked is returned when another process holds the store.
var ErrLocked = errors.New("store is locked by another process")

// A Lock is held from before the file is looked at until the process ends.
// bbolt's own lock comes too late: the meta pages are rewritten before it.
type Lock struct{ file *os.File }

// AcquireLock takes the lock file at path without waiting.
func AcquireLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock file: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return &Lock{f}, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w (%s)", ErrLocked, path)
	}
	return nil, fmt.Errorf("locking %s: %w", path, err)
}

// Release gives the lock up. The file stays: removing it would let two
// processes hold two locks of one name.
func (l *Lock) Release() error { return l.file.Close() }
