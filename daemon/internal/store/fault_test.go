package store

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// Where an error arose decides, not its number: ENOSPC of a write is a full
// disk, ENOSPC of fdatasync is data that may be lost.
func TestFullIsOnlyWhatLeftNothingBehind(t *testing.T) {
	write := func(errno unix.Errno) error { return &fs.PathError{Op: "write", Path: "/s.db", Err: errno} }
	for _, c := range []struct {
		err  error
		full bool
	}{
		{berrors.ErrMaxSizeReached, true},
		{fmt.Errorf("spilling: %w", berrors.ErrMaxSizeReached), true},
		{write(unix.ENOSPC), true},
		{write(unix.EDQUOT), true},
		{write(unix.EFBIG), true},
		{fmt.Errorf("committing: %w", write(unix.ENOSPC)), true},
		{errors.New("file resize error: truncate /s.db: no space left on device"), true},
		{errors.New("file resize error: truncate /s.db: disk quota exceeded"), true},
		{errors.New("file resize error: truncate /s.db: file too large"), true},

		{unix.ENOSPC, false},
		{unix.EDQUOT, false},
		{unix.EIO, false},
		{write(unix.EIO), false},
		{write(unix.EROFS), false},
		{&fs.PathError{Op: "sync", Path: "/s.db", Err: unix.ENOSPC}, false},
		{&fs.PathError{Op: "read", Path: "/s.db", Err: unix.ENOSPC}, false},
		{errors.New("file sync error: sync /s.db: no space left on device"), false},
		{errors.New("file resize error: truncate /s.db: input/output error"), false},
		{errors.New("file resize error: truncate /no space left on device: input/output error"), false},
		{errors.New("truncate /s.db: no space left on device"), false},
		{errors.New("mmap allocate error: cannot allocate memory"), false},
		{errors.New("no space left on device"), false},
		{errors.New(""), false},
	} {
		if got := isFull(c.err); got != c.full {
			t.Errorf("isFull(%#v: %v) = %v, want %v", c.err, c.err, got, c.full)
		}
	}
}
