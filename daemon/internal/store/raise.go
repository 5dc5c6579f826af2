package store

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// raiseEvents bounds the events of one transaction of a raise. They are read
// where they lie: what it holds is what follows from them.
const raiseEvents = 4_000

// raise brings a file of schema 1 to schema 2: of the uses in its log none were
// counted, all else is the same. The log is read once. The schema is written
// last, and until then the ledger is begun anew, so a crash on the way costs
// only the time.
func (s *Store) raise() error {
	if s.schema == Schema {
		return nil
	}
	if err := s.countLog(); err != nil {
		return fmt.Errorf("raising store of schema %d to %d: %w", s.schema, Schema, err)
	}
	return nil
}

func (s *Store) countLog() error {
	if err := s.update(emptyLedger); err != nil {
		return err
	}
	for seq, size := uint64(0), s.head.tree.Size(); seq < size; {
		if err := s.update(func(tx *bolt.Tx) (err error) {
			seq, err = followLog(tx, seq)
			return err
		}); err != nil {
			return err
		}
	}
	return s.update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keySchema, be64(Schema))
	})
}

func emptyLedger(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketUsage, bucketAppr} {
		if err := tx.DeleteBucket(name); err != nil {
			return fmt.Errorf("emptying bucket %s: %w", name, err)
		}
		if _, err := tx.CreateBucket(name); err != nil {
			return fmt.Errorf("emptying bucket %s: %w", name, err)
		}
	}
	return nil
}

// followLog enters events from one on, and returns the next.
func followLog(tx *bolt.Tx, seq uint64) (next uint64, err error) {
	l, c := newLedger(tx), tx.Bucket(bucketEvent).Cursor()
	next = seq
	for key, line := c.Seek(be64(seq)); key != nil && next < seq+raiseEvents; key, line = c.Next() {
		e, err := audit.ParseEvent(line)
		if err == nil && (e.Seq != next || string(key) != string(be64(next))) {
			err = fmt.Errorf("it is numbered %d, under key %x", e.Seq, key)
		}
		if err == nil {
			err = l.follow(e)
		}
		if err != nil {
			return next, fmt.Errorf("%w: event %d: %w", ErrDamaged, next, err)
		}
		next++
	}
	if next == seq {
		return seq, fmt.Errorf("%w: the log ends before event %d", ErrDamaged, seq)
	}
	return next, l.save()
}

// update runs one write before the committer does. Errors: ErrFull, ErrPoisoned,
// ErrDamaged for what panics, that of change.
func (s *Store) update(change func(*bolt.Tx) error) (err error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("beginning transaction: %w", err)
	}
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(fmt.Errorf("%w: transaction panicked: %v", ErrDamaged, r), abandon(tx))
		}
	}()
	if err := change(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		if isFull(err) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return fmt.Errorf("%w: %w", ErrPoisoned, err)
	}
	return nil
}
