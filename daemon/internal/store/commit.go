package store

import (
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/register"
)

// A Commit is what becomes durable together or not at all: one or more
// events, with the change or the idempotency record that goes with them. How
// often an entry was used, and what became of approvals, follows from its
// events: see ledger.
//
// The fields of the first group are the submitter's until Record is called
// and the committer's from then on; those of the second are the answer.
type Commit struct {
	Events  []*audit.Event             // the committer sets Seq, Epoch, Recorded and PrevAct
	Private []map[string]audit.Private // beside Events by index; nil where none
	Guard   *Guard
	Change  *Change
	Idem    *Idem
	Asked   []byte // what the first event, of kind approval, asks for; stored under its SM3

	Receipts  []Receipt           // by index of Events
	Approvals []register.Approval // those that the events changed, as they are after them
	Overtaken bool                // the guard no longer held: the uses are recorded as refused
	err       error
	done      chan struct{}
}

// A Guard is what a use was decided under. If by the time of the commit the
// entry has moved on, or the approval that an event of a use names does not
// allow the uses any more, they are recorded as refused and must not leave.
type Guard struct {
	Entry string
	Rev   uint64
}

// A Change is what an act does to the register. The committer fills in the
// index of the act's event, which is the commit's first.
type Change struct {
	Entries []*register.Entry
	Policy  *register.PolicyRecord
	Staff   register.Staff // all officers after the act; nil if it changes none
	Blobs   [][]byte
	Nonce   string // hex
	Expiry  time.Time

	// Epoch, if not 0, begins with the act's event and is above the log's: what
	// the log goes on from may have been followed by other events once.
	Epoch uint64
}

// A Receipt says where an event stands in the log, and a tree that has it.
type Receipt struct {
	Event uint64
	Leaf  audit.Hash
	Size  uint64
	Root  audit.Hash
}

// Reason and rules of a use that a change overtook: of its entry, or of the
// approval that it names.
const (
	reasonChanged = "changed"
	ruleRevision  = "entry.revision"
	ruleApprovals = "approvals"
)

// apply writes c in tx after h. It fails only if the whole transaction has
// to: what is wrong with c alone is found before anything is written, and
// stays in c.err.
func (s *Store) apply(tx *bolt.Tx, h *head, l *ledger, c *Commit) error {
	if rule := c.overtaken(h, l); rule != "" {
		c.overtake(rule)
	}
	d, err := s.draft(h, l, c)
	if err != nil {
		c.err = err
		return nil
	}
	if c.Asked != nil {
		if err := putBlob(tx, c.Asked); err != nil {
			return err
		}
	}
	if c.Change != nil {
		if err := c.Change.write(tx, h, d); err != nil {
			return err
		}
		h.epoch = c.Events[0].Epoch
	}
	if c.Events[0].PrevAct != nil {
		h.lastAct = c.Events[0].Seq
	}
	events := tx.Bucket(bucketEvent)
	events.FillPercent = fill
	for i := range d.lines {
		if err := appendEvent(tx, events, h, c, i, d); err != nil {
			return err
		}
	}
	h.recorded = c.Events[len(c.Events)-1].Recorded.Time()
	if err := d.turn.enter(c.Events); err != nil {
		return err
	}
	c.Approvals = d.turn.changed
	if c.Idem != nil {
		return c.Idem.write(tx, c)
	}
	return nil
}

// overtaken returns the rule by which a guard no longer holds, "" if it does.
func (c *Commit) overtaken(h *head, l *ledger) string {
	switch {
	case c.Guard == nil:
		return ""
	case checkRevision && h.rev(c.Guard.Entry) != c.Guard.Rev:
		return ruleRevision
	case !l.approved(c.Events):
		return ruleApprovals
	}
	return ""
}

// overtake turns every use of c into the refusal that it became. A change
// that was decided under the same revision is not made.
func (c *Commit) overtake(rule string) {
	c.Overtaken, c.Change, c.Asked = true, nil, nil
	for _, e := range c.Events {
		if e.Result == audit.Allowed {
			e.Refuse(reasonChanged, rule)
		}
	}
}

func appendEvent(tx *bolt.Tx, events *bolt.Bucket, h *head, c *Commit, i int, d draft) error {
	key := be64(c.Events[i].Seq)
	if err := events.Put(key, d.lines[i]); err != nil {
		return fmt.Errorf("writing event: %w", err)
	}
	if d.private[i] != nil {
		if err := tx.Bucket(bucketPrivate).Put(key, d.private[i]); err != nil {
			return fmt.Errorf("writing private fields: %w", err)
		}
	}
	leaf := audit.LeafHash(d.lines[i])
	c.Receipts = append(c.Receipts, Receipt{Event: c.Events[i].Seq, Leaf: leaf})
	return h.tree.Append(leaf)
}

// write makes the change that d has encoded.
func (ch *Change) write(tx *bolt.Tx, h *head, d draft) error {
	for _, blob := range ch.Blobs {
		if err := putBlob(tx, blob); err != nil {
			return err
		}
	}
	if len(d.nonce) != 0 {
		if err := putNonce(tx, d.nonce, ch.Expiry, h.recorded); err != nil {
			return err
		}
	}
	if ch.Policy != nil {
		if err := tx.Bucket(bucketPolicy).Put(policyKey(ch.Policy.Entry, ch.Policy.Rev), d.policy); err != nil {
			return fmt.Errorf("writing policy: %w", err)
		}
	}
	if ch.Staff != nil {
		if err := putStaff(tx, d.staff); err != nil {
			return err
		}
	}
	for i, e := range ch.Entries {
		if err := putEntry(tx, h, e, d.entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// putStaff replaces the officers by staff.
func putStaff(tx *bolt.Tx, staff map[string][]byte) error {
	b := tx.Bucket(bucketOfficer)
	var gone [][]byte
	if err := b.ForEach(func(id, _ []byte) error {
		if staff[string(id)] == nil {
			gone = append(gone, slices.Clone(id))
		}
		return nil
	}); err != nil {
		return fmt.Errorf("reading officers: %w", err)
	}
	for _, id := range gone {
		if err := b.Delete(id); err != nil {
			return fmt.Errorf("removing officer: %w", err)
		}
	}
	for id, data := range staff {
		if err := b.Put([]byte(id), data); err != nil {
			return fmt.Errorf("writing officer: %w", err)
		}
	}
	return nil
}

func putEntry(tx *bolt.Tx, h *head, e *register.Entry, data []byte) error {
	if err := tx.Bucket(bucketEntry).Put([]byte(e.ID), data); err != nil {
		return fmt.Errorf("writing entry: %w", err)
	}
	if err := tx.Bucket(bucketHist).Put(revKey(e.ID, e.Rev), data); err != nil {
		return fmt.Errorf("writing history: %w", err)
	}
	h.moved[e.ID] = e.Rev
	return nil
}

func putBlob(tx *bolt.Tx, blob []byte) error {
	b, key := tx.Bucket(bucketBlob), blobKey(blob)
	if b.Get(key) != nil {
		return nil
	}
	if err := b.Put(key, blob); err != nil {
		return fmt.Errorf("writing blob: %w", err)
	}
	return nil
}

// putNonce keeps the nonce until the act expires and drops those that did: an
// expired act is refused for its date.
func putNonce(tx *bolt.Tx, nonce []byte, expiry, now time.Time) error {
	b := tx.Bucket(bucketNonce)
	if err := b.Put(nonceKey(nonce, expiry), []byte{}); err != nil {
		return fmt.Errorf("writing nonce: %w", err)
	}
	var old [][]byte
	c := b.Cursor()
	for key, _ := c.First(); key != nil && len(old) < 64 && nonceExpired(key, now); key, _ = c.Next() {
		old = append(old, slices.Clone(key))
	}
	for _, key := range old {
		if err := b.Delete(key); err != nil {
			return fmt.Errorf("dropping expired nonce: %w", err)
		}
	}
	return nil
}
