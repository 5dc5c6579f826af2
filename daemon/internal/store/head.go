package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// A head is where the log and the register stand. The committer owns it; a
// transaction works on a clone that replaces it when the commit succeeded.
type head struct {
	tree     *audit.Tree
	recorded time.Time         // of the last event
	lastAct  uint64            // seq of the last act's event, 0 is the genesis
	epoch    uint64            // of the last act's event
	revs     map[string]uint64 // revision of every entry
	moved    map[string]uint64 // revisions moved by the running transaction
}

func (h *head) clone() (*head, error) {
	tree, err := h.tree.Clone()
	if err != nil {
		return nil, err
	}
	return &head{tree: tree, recorded: h.recorded, lastAct: h.lastAct, epoch: h.epoch, revs: h.revs, moved: map[string]uint64{}}, nil
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
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(keyEpoch, be64(h.epoch)); err != nil {
		return fmt.Errorf("writing %s: %w", keyEpoch, err)
	}
	return meta.Put(keyLastAct, be64(h.lastAct))
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
	epoch, err := readUint64(tx.Bucket(bucketMeta), keyEpoch)
	if err != nil {
		return nil, err
	}
	tree, err := audit.LoadTree(size, state.Get(keyFrontier))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	last, line := tx.Bucket(bucketEvent).Cursor().Last()
	if len(last) != 8 || binary.BigEndian.Uint64(last)+1 != size {
		return nil, fmt.Errorf("%w: the log ends at %x, the frontier has %d events", ErrDamaged, last, size)
	}
	if err := checkLast(line, recorded, epoch); err != nil {
		return nil, fmt.Errorf("%w: event %d: %w", ErrDamaged, size-1, err)
	}
	h := &head{tree: tree, recorded: time.UnixMicro(int64(recorded)).UTC(), lastAct: lastAct, epoch: epoch, revs: map[string]uint64{}}
	return h, tx.Bucket(bucketEntry).ForEach(func(id, data []byte) error {
		h.revs[string(id)] = revision(data)
		return nil
	})
}

// checkLast holds time and epoch to the last event, which the tree covers: set
// back, the one would make expired acts new again; raised, the other would put
// an older log before the newest.
func checkLast(line []byte, recorded, epoch uint64) error {
	e, err := audit.ParseEvent(line)
	if err != nil {
		return err
	}
	if uint64(e.Recorded.Time().UnixMicro()) != recorded || e.Epoch != epoch {
		return fmt.Errorf("it was recorded at %v in epoch %d, the frontier says %v and %d",
			e.Recorded.Time(), e.Epoch, time.UnixMicro(int64(recorded)).UTC(), epoch)
	}
	return nil
}

// revision is the one of a record, 0 of one that cannot be read: whether it is
// proven is found out apart, and until then it is not used.
func revision(data []byte) uint64 {
	var record struct{ Rev uint64 }
	if json.Unmarshal(data, &record) != nil {
		return 0
	}
	return record.Rev
}
