package store

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/register"
)

// A head is where the log and the register stand. The committer owns it; a
// transaction works on a clone that replaces it when the commit succeeded.
type head struct {
	tree     *audit.Tree
	recorded time.Time         // of the last event
	lastAct  uint64            // seq of the last act's event, 0 is the genesis
	revs     map[string]uint64 // revision of every entry
	moved    map[string]uint64 // revisions moved by the running transaction
}

func (h *head) clone() (*head, error) {
	tree, err := h.tree.Clone()
	if err != nil {
		return nil, err
	}
	return &head{tree: tree, recorded: h.recorded, lastAct: h.lastAct, revs: h.revs, moved: map[string]uint64{}}, nil
}

// rev is the entry's revision as the running transaction sees it.
func (h *head) rev(id string) uint64 {
	if rev, ok := h.moved[id]; ok {
		return rev
	}
	return h.revs[id]
}

// settle makes the transaction's revisions the current ones.
func (h *head) settle() {
	for id, rev := range h.moved {
		h.revs[id] = rev
	}
	h.moved = nil
}

func (h *head) save(tx *bolt.Tx) error {
	state := tx.Bucket(bucketState)
	for _, kv := range [][2][]byte{
		{keySize, be64(h.tree.Size())},
		{keyFrontier, h.tree.State()},
		{keyRecorded, be64(uint64(h.recorded.UnixMicro()))},
	} {
		if err := state.Put(kv[0], kv[1]); err != nil {
			return fmt.Errorf("writing %s: %w", kv[0], err)
		}
	}
	return tx.Bucket(bucketMeta).Put(keyLastAct, be64(h.lastAct))
}

func loadHead(tx *bolt.Tx) (*head, error) {
	state := tx.Bucket(bucketState)
	size, err := readUint64(state, keySize)
	if err != nil {
		return nil, err
	}
	recorded, err := readUint64(state, keyRecorded)
	if err != nil {
		return nil, err
	}
	lastAct, err := readUint64(tx.Bucket(bucketMeta), keyLastAct)
	if err != nil {
		return nil, err
	}
	tree, err := audit.LoadTree(size, state.Get(keyFrontier))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if last, _ := tx.Bucket(bucketEvent).Cursor().Last(); len(last) != 8 || binary.BigEndian.Uint64(last)+1 != size {
		return nil, fmt.Errorf("%w: the log ends at %x, the frontier has %d events", ErrDamaged, last, size)
	}
	h := &head{tree: tree, recorded: time.UnixMicro(int64(recorded)).UTC(), lastAct: lastAct, revs: map[string]uint64{}}
	return h, tx.Bucket(bucketEntry).ForEach(func(id, data []byte) error {
		e, err := register.Parse(data)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		h.revs[string(id)] = e.Rev
		return nil
	})
}
