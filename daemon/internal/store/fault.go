package store

import (
	"errors"
	"io/fs"
	"strings"

	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

var (
	// ErrFull is returned when a transaction found no room. Nothing of it
	// is visible; the store goes on when there is room again.
	ErrFull = errors.New("store is full")

	// ErrPoisoned is returned for ever after a failed sync: what is on disk
	// is unknown, and asking the kernel again proves nothing.
	ErrPoisoned = errors.New("store is poisoned: a write could not be made durable")
)

// isFull tells whether a failed bbolt commit left nothing behind. It judges
// by where the error arose, not by its number alone: a bare errno comes from
// fdatasync and may be ENOSPC too (seen with a real writeback failure), and
// that one poisons. Whatever is not known to be harmless poisons.
func isFull(err error) bool {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return true
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Op == "write" && isNoRoom(path.Err)
	}
	// bbolt flattens the error of ftruncate to text.
	text, ok := strings.CutPrefix(err.Error(), "file resize error: truncate ")
	if !ok {
		return false
	}
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EFBIG} {
		if strings.HasSuffix(text, ": "+errno.Error()) {
			return true
		}
	}
	return false
}

func isNoRoom(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}
