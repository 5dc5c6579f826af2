package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm3"
	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// maxPage bounds the events of one read transaction, which must stay far
// below 100 ms: a long reader makes every later commit slower.
const maxPage = 1000

// maxPageBytes ends a page of events as maxPage does: the event of an act may
// have megabytes of signatures.
const maxPageBytes = 4 << 20

func blobKey(blob []byte) []byte {
	sum := sm3.Sum(blob)
	return sum[:]
}

func nonceKey(nonce []byte, expiry time.Time) []byte {
	return append(be64(uint64(expiry.Unix())), nonce...)
}

func nonceExpired(key []byte, now time.Time) bool {
	return string(key[:8]) < string(be64(uint64(max(now.Unix(), 0))))
}

// NonceUsed tells whether an act of this nonce and expiry was applied.
func (s *Store) NonceUsed(nonce string, expiry time.Time) (used bool, err error) {
	raw, err := hex.DecodeString(nonce)
	if err != nil {
		return false, fmt.Errorf("nonce: %w", err)
	}
	err = s.view(func(tx *bolt.Tx) error {
		used = tx.Bucket(bucketNonce).Get(nonceKey(raw, expiry)) != nil
		return nil
	})
	return used, err
}

// Events returns up to n lines from seq on, oldest first: at most 1,000, and
// none behind the one that makes 4 MiB full.
func (s *Store) Events(from uint64, n int) (lines [][]byte, err error) {
	n = min(n, maxPage)
	err = s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketEvent).Cursor()
		size := 0
		for key, line := c.Seek(be64(from)); key != nil && len(lines) < n && size < maxPageBytes; key, line = c.Next() {
			lines, size = append(lines, append([]byte(nil), line...)), size+len(line)
		}
		return nil
	})
	return lines, err
}

// Event returns one event with its leaf hash, nil if there is none.
func (s *Store) Event(seq uint64) (*audit.Event, audit.Hash, error) {
	lines, err := s.Events(seq, 1)
	if err != nil || len(lines) == 0 {
		return nil, audit.Hash{}, err
	}
	e, err := audit.ParseEvent(lines[0])
	if err != nil {
		return nil, audit.Hash{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if e.Seq != seq {
		return nil, audit.Hash{}, nil
	}
	return e, audit.LeafHash(lines[0]), nil
}

// Entries returns every record of the register by its id, as it is stored. What
// they are worth is for whoever proves them.
func (s *Store) Entries() (map[string][]byte, error) { return s.records(bucketEntry) }

// Entry returns the record of one entry as it is stored, nil if there is none.
func (s *Store) Entry(id string) (data []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		data = slices.Clone(tx.Bucket(bucketEntry).Get([]byte(id)))
		return nil
	})
	return data, err
}

// Staff returns the officers' records by their ids, as they are stored.
func (s *Store) Staff() (map[string][]byte, error) { return s.records(bucketOfficer) }

// records reads a bucket in pages: no transaction of it lives long.
func (s *Store) records(bucket []byte) (map[string][]byte, error) {
	all := map[string][]byte{}
	var from []byte
	for more := true; more; {
		err := s.view(func(tx *bolt.Tx) error {
			c, n := tx.Bucket(bucket).Cursor(), 0
			key, data := c.Seek(from)
			for ; key != nil && n < maxPage; key, data = c.Next() {
				all[string(key)], n = slices.Clone(data), n+1
			}
			from, more = slices.Clone(key), key != nil
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Policy returns one revision of an entry's policy as it is stored, nil if
// there is none.
func (s *Store) Policy(id string, rev uint32) (data []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		data = slices.Clone(tx.Bucket(bucketPolicy).Get(policyKey(id, rev)))
		return nil
	})
	return data, err
}

// Blob returns the content whose SM3 is hash (hex), nil if there is none.
func (s *Store) Blob(hash string) (blob []byte, err error) {
	key, err := hex.DecodeString(hash)
	if err != nil {
		return nil, fmt.Errorf("blob hash: %w", err)
	}
	return s.blob(key)
}

func (s *Store) blob(key []byte) (blob []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		blob = append(blob, tx.Bucket(bucketBlob).Get(key)...)
		return nil
	})
	return blob, err
}

// RecentRoot returns the root of the log's first size events if the log was as
// long not long ago.
func (s *Store) RecentRoot(size uint64) (audit.Hash, bool) { return s.recent.find(size) }

// RootAt returns the root of the log's first size events: from memory if the
// log was as long not long ago, else it hashes them anew, in pages.
func (s *Store) RootAt(size uint64) (audit.Hash, error) {
	if s.poison.Load() != nil {
		return audit.Hash{}, ErrPoisoned
	}
	if root, ok := s.recent.find(size); ok {
		return root, nil
	}
	tree, err := s.rehash(size)
	if err != nil {
		return audit.Hash{}, err
	}
	return tree.Root()
}

// Verify hashes the whole log anew, once, and compares it with the root that
// somebody knew at a size of his, and with its frontier.
func (s *Store) Verify(size uint64, root audit.Hash) error {
	at := s.Position()
	tree := audit.NewTree()
	for _, want := range []struct {
		size uint64
		root audit.Hash
	}{{size, root}, {at.Size, at.Root}} {
		if err := s.extend(tree, want.size); err != nil {
			return err
		}
		got, err := tree.Root()
		if err != nil {
			return err
		}
		if got != want.root {
			return fmt.Errorf("%w: its first %d events hash to %.8x…, want %.8x…", ErrForked, want.size, got, want.root)
		}
	}
	return nil
}

// rehash builds the tree of the first size events from their lines.
func (s *Store) rehash(size uint64) (*audit.Tree, error) {
	tree := audit.NewTree()
	return tree, s.extend(tree, size)
}

// extend appends events to a tree of the first ones until it has size.
func (s *Store) extend(tree *audit.Tree, size uint64) error {
	last, err := s.lastAct()
	if err != nil {
		return err
	}
	for tree.Size() < size {
		lines, err := s.Events(tree.Size(), int(min(size-tree.Size(), maxPage)))
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return fmt.Errorf("%w: the log ends at event %d, want %d", ErrDamaged, tree.Size(), size)
		}
		for _, line := range lines {
			if tree.Size() > last && namesAct(line) {
				return fmt.Errorf("%w: event %d is of an act, the store says that %d is the last", ErrDamaged, tree.Size(), last)
			}
			if err := tree.Append(audit.LeafHash(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check reads the whole log and compares it with its frontier: every line
// canonical, numbered without a gap, recorded in order, hashing to the root. It
// ends early, with the cause, when ctx does.
func (s *Store) Check(ctx context.Context) error {
	at, tree := s.Position(), audit.NewTree()
	lastAct, err := s.lastAct()
	if err != nil {
		return err
	}
	var last time.Time
	for seq := uint64(0); seq < at.Size; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		lines, err := s.Events(seq, maxPage)
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return fmt.Errorf("%w: event %d is missing", ErrDamaged, seq)
		}
		for _, line := range lines[:min(uint64(len(lines)), at.Size-seq)] {
			e, err := audit.ParseEvent(line)
			if err != nil {
				return fmt.Errorf("%w: event %d: %w", ErrDamaged, seq, err)
			}
			if e.Seq != seq || e.Recorded.Time().Before(last) {
				return fmt.Errorf("%w: event %d is numbered %d, recorded %v after %v", ErrDamaged, seq, e.Seq, e.Recorded.Time(), last)
			}
			if seq > lastAct && namesAct(line) {
				return fmt.Errorf("%w: event %d is of an act, the store says that %d is the last", ErrDamaged, seq, lastAct)
			}
			if err := tree.Append(audit.LeafHash(line)); err != nil {
				return err
			}
			last = e.Recorded.Time()
			seq++
		}
	}
	root, err := tree.Root()
	if err != nil {
		return err
	}
	if root != at.Root {
		return fmt.Errorf("%w: the log hashes to %x, its frontier to %x", ErrDamaged, root, at.Root)
	}
	return nil
}
