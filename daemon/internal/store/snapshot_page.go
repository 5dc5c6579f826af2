package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"signet/daemon/internal/backup"
)

// pageBytes ends a page, as maxPage and pageTime do: what is read from a slow
// disk must not hold a transaction for 100 ms.
const pageBytes = backup.MaxPart

// A place is where the next page of a bucket begins: behind the first bytes of
// the value of key, if any.
type place struct {
	key    []byte
	behind int
	end    bool
}

// copy hands the records of a bucket to put, outside of any transaction.
func (n *Snapshot) copy(ctx context.Context, c copied, put func(backup.Record) error) error {
	for at := (place{}); !at.end; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		page, next, err := n.page(c, at)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := put(r); err != nil {
				return err
			}
		}
		at = next
	}
	return nil
}

// page reads on from a place in one transaction. It gets on by one key or part
// at least, and passes its bounds by one at most.
func (n *Snapshot) page(c copied, at place) (page []backup.Record, next place, err error) {
	n.buf, next = n.buf[:0], at
	began, looked := time.Now(), 0
	err = n.view(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(c.name).Cursor()
		key, value := cursor.Seek(at.key)
		if at.behind > 0 && !bytes.Equal(key, at.key) {
			return fmt.Errorf("%w: key %x was removed while it was read", ErrDamaged, at.key)
		}
		for room := true; room; room = looked < maxPage && len(n.buf) < pageBytes && time.Since(began) < pageTime {
			existed := key != nil && c.existed(key, value, n.Size)
			if next.end = key == nil || (c.bySeq && !existed); next.end {
				return nil
			}
			if existed {
				var r backup.Record
				r, next.behind = n.part(c, key, value, next.behind)
				page = append(page, r)
			}
			if next.behind == 0 {
				key, value = cursor.Next()
			}
			looked++
		}
		next.key, next.end = slices.Clone(key), key == nil
		return nil
	})
	return page, next, err
}

// part returns what of a value comes behind its first bytes, and behind how
// many the next part does; 0 after the last.
func (n *Snapshot) part(c copied, key, value []byte, behind int) (backup.Record, int) {
	rest := value[behind:]
	r := backup.Record{Bucket: string(c.name), Key: n.keep(key), More: len(rest) > backup.MaxPart}
	if !r.More {
		r.Value = n.keep(rest)
		return r, 0
	}
	r.Value = n.keep(rest[:backup.MaxPart])
	return r, behind + backup.MaxPart
}

// keep copies what is invalid after the transaction.
func (n *Snapshot) keep(data []byte) []byte {
	from := len(n.buf)
	n.buf = append(n.buf, data...)
	return n.buf[from:len(n.buf):len(n.buf)]
}

// view runs one read and notes how long it took.
func (n *Snapshot) view(read func(*bolt.Tx) error) error {
	began := time.Now()
	err := n.store.view(read)
	n.longest = max(n.longest, time.Since(began))
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}
