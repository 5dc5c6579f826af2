package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm3"
	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/backup"
)

// A Snapshot is the store as it stood when its log had Size events. It is read
// while signing goes on, in many short transactions; that they give one
// picture rests on how each bucket is written:
//
//   - ev, private, idem have the event's index as their key, hist and policy
//     hold the index of the act's event that made them; none of them is ever
//     changed. What existed at Size is what an event below Size made, whenever
//     it is read. The oldest of idem may be gone by then: they were past their
//     time.
//   - blob is named by its content, nonce by the act's. Neither is changed, so
//     what existed is still there, and what came since does no harm: content
//     that nothing refers to, and acts that stay spent. Nonces that are gone
//     are of acts that expired.
//   - officer is changed in place and small (256 persons at most): it is read
//     in the one transaction that also says what Size is.
//   - meta, state and entry follow from the others: Rebuild makes them anew.
//     So do usage and appr, from the lines of the log and the contents that
//     these name.
type Snapshot struct {
	Position
	store    *Store
	officers []backup.Record
	longest  time.Duration // of its read transactions

	histories map[string]bool // ids that have one
	buf       []byte          // of the records of one page
}

// A copied bucket is one of which a snapshot has records.
type copied struct {
	name    []byte
	existed func(key, value []byte, size uint64) bool
	bySeq   bool // in the order of events: behind the first that did not exist is none
}

// pictured are the buckets that are read in pages, in the order of a backup:
// the log after what its first line refers to, the register after the log. The
// officers are the last.
var pictured = []copied{
	{bucketNonce, always, false},
	{bucketBlob, always, false},
	{bucketEvent, madeBelow, true},
	{bucketPrivate, madeBelow, true},
	{bucketIdem, madeBelow, true},
	{bucketHist, provenBelow, false},
	{bucketPolicy, provenBelow, false},
}

// unwritten buckets hold nothing in this schema. Who first writes to one says
// above how it is copied: until then no backup is made without it.
var unwritten = [][]byte{bucketTile, bucketCP, bucketOutbox}

func always(_, _ []byte, _ uint64) bool { return true }

func madeBelow(key, _ []byte, size uint64) bool {
	return len(key) == 8 && binary.BigEndian.Uint64(key) < size
}

// provenBelow keeps a record that cannot be read: it is not used before it is
// proven, here no more than where it is restored, and a backup must not fail
// for what the store itself goes on with.
func provenBelow(_, value []byte, size uint64) bool {
	event, ok := provenBy(value)
	return !ok || event < size
}

// provenBy returns the index of the event that made a record.
func provenBy(value []byte) (event uint64, ok bool) {
	var record struct {
		Proof struct {
			Event *uint64 `json:"event"`
		} `json:"proof"`
	}
	if json.Unmarshal(value, &record) != nil || record.Proof.Event == nil {
		return 0, false
	}
	return *record.Proof.Event, true
}

// Snapshot says where the log stands now and begins a snapshot of that.
func (s *Store) Snapshot() (*Snapshot, error) {
	n := &Snapshot{store: s}
	err := n.view(func(tx *bolt.Tx) error {
		for _, name := range unwritten {
			if key, _ := tx.Bucket(name).Cursor().First(); key != nil {
				return fmt.Errorf("bucket %s has records, and this version does not know how to copy them", name)
			}
		}
		if err := n.locate(tx); err != nil {
			return err
		}
		return tx.Bucket(bucketOfficer).ForEach(func(id, data []byte) error {
			n.officers = append(n.officers, backup.Record{Bucket: string(bucketOfficer), Key: slices.Clone(id), Value: slices.Clone(data)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("beginning snapshot: %w", err)
	}
	return n, nil
}

// locate reads the position that the transaction sees: the store's own may be
// of a later commit.
func (n *Snapshot) locate(tx *bolt.Tx) error {
	state := tx.Bucket(bucketState)
	size, err := readUint64(state, keySize)
	if err != nil {
		return err
	}
	recorded, err := readUint64(state, keyRecorded)
	if err != nil {
		return err
	}
	tree, err := audit.LoadTree(size, state.Get(keyFrontier))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	root, err := tree.Root()
	n.Position = Position{Size: size, Root: root, Recorded: time.UnixMicro(int64(recorded)).UTC()}
	return err
}

// Records hands every record of the snapshot to put, in the order that Rebuild
// wants, and tells progress how many of the log's events are done. A record is
// put's until it returns. The log is hashed on the way: one that has not the
// root that the store vouches for is ErrDamaged.
//
// A fault of put or the end of ctx ends it. It may be called once.
func (n *Snapshot) Records(ctx context.Context, put func(backup.Record) error, progress func(done uint64)) error {
	tree := audit.NewTree()
	for _, c := range pictured {
		each := put
		switch {
		case bytes.Equal(c.name, bucketEvent):
			each = n.hashing(tree, put, progress)
		case bytes.Equal(c.name, bucketBlob):
			each = named(put)
		case bytes.Equal(c.name, bucketHist):
			each = n.noting(put)
		}
		if err := n.copy(ctx, c, each); err != nil {
			return fmt.Errorf("copying bucket %s: %w", c.name, err)
		}
	}
	if err := n.compare(tree); err != nil {
		return err
	}
	if err := n.whole(); err != nil {
		return err
	}
	for _, r := range n.officers {
		if err := put(r); err != nil {
			return err
		}
	}
	return nil
}

// named holds each content to its name, the SM3 of it: a backup that nobody can
// restore is found out while there is still a store.
func named(put func(backup.Record) error) func(backup.Record) error {
	h := sm3.New()
	return func(r backup.Record) error {
		h.Write(r.Value)
		if !r.More {
			if !bytes.Equal(h.Sum(nil), r.Key) {
				return fmt.Errorf("%w: the content %x is not what its name says", ErrDamaged, r.Key)
			}
			h.Reset()
		}
		return put(r)
	}
}

// noting notes whose history there is.
func (n *Snapshot) noting(put func(backup.Record) error) func(backup.Record) error {
	n.histories = map[string]bool{}
	return func(r backup.Record) error {
		if id, _, found := bytes.Cut(r.Key, []byte{0}); found {
			n.histories[string(id)] = true
		}
		return put(r)
	}
}

// whole refuses a register of which entries have no history: it is what a
// restored register is made of.
func (n *Snapshot) whole() error {
	entries, err := n.store.Entries()
	if err != nil {
		return err
	}
	for id, data := range entries {
		if made, ok := provenBy(data); ok && made < n.Size && !n.histories[id] {
			return fmt.Errorf("%w: there is no history of entry %q", ErrDamaged, id)
		}
	}
	return nil
}

// hashing appends each event to tree with its last part; parts are put as they
// come.
func (n *Snapshot) hashing(tree *audit.Tree, put func(backup.Record) error, progress func(done uint64)) func(backup.Record) error {
	var line []byte // the parts of an event that has more
	return func(r backup.Record) error {
		if !bytes.Equal(r.Key, be64(tree.Size())) || len(line)+len(r.Value) > maxValue {
			return fmt.Errorf("%w: event %x of %d bytes after event %d", ErrDamaged, r.Key, len(line)+len(r.Value), tree.Size())
		}
		if err := put(r); err != nil {
			return err
		}
		line = append(line, r.Value...)
		if r.More {
			return nil
		}
		if err := tree.Append(audit.LeafHash(line)); err != nil {
			return err
		}
		line = line[:0]
		if done := tree.Size(); done%maxPage == 0 || done == n.Size {
			progress(done)
		}
		return nil
	}
}

func (n *Snapshot) compare(tree *audit.Tree) error {
	root, err := tree.Root()
	if err != nil {
		return err
	}
	if tree.Size() != n.Size || root != n.Root {
		return fmt.Errorf("%w: the log has %d events with root %.8x…, its frontier says %d with %.8x…", ErrDamaged, tree.Size(), root, n.Size, n.Root)
	}
	return nil
}
