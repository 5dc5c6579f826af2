package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/backup"
)

// Rebuild makes a store at path from the records of a Snapshot. next returns
// one after another, in their order, then io.EOF; what it returns is Rebuild's.
// The store has its name only when it is whole, is the one that h says, and is
// synced; a file that has the name is never replaced.
//
// Log, frontier and what follows from them, as how often entries were used and
// what became of approvals, are made from the log's lines and the contents that
// these name. Whether the register's records and officers are what the acts made
// them is not judged here: whoever loads them does that. Errors: ErrDamaged,
// ErrNewer, wrapping fs.ErrExist, those of next and of the file system.
func Rebuild(path string, h backup.Header, next func() (backup.Record, error)) (Position, error) {
	if h.Schema > Schema {
		return Position{}, fmt.Errorf("%w: the backup has schema %d, this program knows %d", ErrNewer, h.Schema, Schema)
	}
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Position{}, fmt.Errorf("removing what a crashed restore left: %w", err)
	}
	defer os.Remove(temp)
	at, err := rebuildFile(temp, h, next)
	if err != nil {
		return Position{}, fmt.Errorf("rebuilding store: %w", err)
	}
	if err := syncFile(temp); err != nil {
		return Position{}, err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); err != nil {
		return Position{}, fmt.Errorf("naming the rebuilt store: %w", &os.LinkError{Op: "rename", Old: temp, New: path, Err: err})
	}
	return at, syncDir(path)
}

func rebuildFile(path string, h backup.Header, next func() (backup.Record, error)) (at Position, err error) {
	b, err := newBuilder(path)
	if err != nil {
		return Position{}, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for {
		r, err := wholeRecord(next)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Position{}, err
		}
		if err := b.put(r); err != nil {
			return Position{}, fmt.Errorf("%w: bucket %.32q, key %.64x: %w", ErrDamaged, r.Bucket, r.Key, err)
		}
		if err := b.turn(len(r.Value)); err != nil {
			return Position{}, err
		}
	}
	if at, err = b.finish(); err != nil {
		return Position{}, err
	}
	if got := hex.EncodeToString(at.Root[:]); b.appliance != h.Appliance || at.Size != h.Size || got != h.Root {
		return Position{}, fmt.Errorf("%w: the log is that of %.16s… with %d events and root %.16s…, the header says %.16s…, %d and %.16s…",
			ErrDamaged, b.appliance, at.Size, got, h.Appliance, h.Size, h.Root)
	}
	return at, b.commit()
}

// maxValue bounds a value that comes in parts, in bytes. The largest come with
// an act, which is brought in at most 5 MiB: the content that brings a list of
// revoked certificates, and the event of an act that hundreds of officers sign.
const maxValue = 8 << 20

// wholeRecord joins the parts of a value: bbolt wants it in one piece.
func wholeRecord(next func() (backup.Record, error)) (backup.Record, error) {
	r, err := next()
	if err != nil {
		return backup.Record{}, err
	}
	for r.More {
		part, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return backup.Record{}, fmt.Errorf("%w: the records end within key %.64x of bucket %.32q", ErrDamaged, r.Key, r.Bucket)
		case err != nil:
			return backup.Record{}, err
		case part.Bucket != r.Bucket || string(part.Key) != string(r.Key):
			return backup.Record{}, fmt.Errorf("%w: key %.64x of bucket %.32q is not all there", ErrDamaged, r.Key, r.Bucket)
		case len(r.Value)+len(part.Value) > maxValue:
			return backup.Record{}, fmt.Errorf("%w: key %.64x of bucket %.32q has more than %d bytes", ErrDamaged, r.Key, r.Bucket, maxValue)
		}
		r.Value, r.More = append(r.Value, part.Value...), part.More
	}
	return r, nil
}
