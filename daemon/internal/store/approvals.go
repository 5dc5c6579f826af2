package store

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
)

// approvalIDs begins the keys that lead from an approval's id to its record.
// Records are keyed by register.Approval.Key, which begins with a time, and so
// come before.
const approvalIDs = 'i'

func approvalIDKey(id string) ([]byte, error) {
	if !register.CheckApprovalID(id) {
		return nil, fmt.Errorf("approval %.32q: want 16 lower-case hex digits", id)
	}
	return hex.AppendDecode([]byte{approvalIDs}, []byte(id))
}

// decidesApproval tells whether acts of a kind change an approval.
func decidesApproval(kind authority.Kind) bool {
	return kind == authority.ApprovalGrant || kind == authority.ApprovalDeny || kind == authority.ApprovalRevoke
}

// ask begins an approval.
func (t *turn) ask(e *audit.Event) error {
	content, err := t.content(e.Value)
	if err != nil {
		return err
	}
	a, err := register.NewApproval(content, e.Seq)
	if err != nil {
		return err
	}
	if e.UID == nil || a.ID != e.Approval || a.Request != e.Value || a.Asked.Entry != e.Entry || a.Asked.UID != *e.UID {
		return fmt.Errorf("request for approval %.16q: id, content, entry and uid of the event: want those of approval %s", e.Approval, a.ID)
	}
	_, found, err := t.approval(a.ID)
	if err != nil {
		return err
	}
	if found {
		return fmt.Errorf("%w: approval %s was asked for before", register.ErrTransition, a.ID)
	}
	t.change(a)
	return nil
}

// decide follows an act.
func (t *turn) decide(e *audit.Event) error {
	act, err := authority.ParseAct([]byte(e.Act))
	if err != nil {
		return err
	}
	if e.UID == nil || string(act.Kind) != e.Op {
		return fmt.Errorf("act %s: want a uid, and the event's op to be its kind: it is %q", act.Kind, e.Op)
	}
	content, err := t.content(act.ContentSHA)
	if err != nil {
		return err
	}
	if err := act.CheckContent(content); err != nil {
		return err
	}
	a, err := t.found(e.Approval, register.ErrTransition)
	if err != nil {
		return err
	}
	if a, err = a.Decided(act, content, register.Deciders(e.Role, *e.UID), e.Seq); err != nil {
		return err
	}
	t.change(a)
	return nil
}

// spend takes one use of the approval that a use names.
func (t *turn) spend(e *audit.Event) error {
	a, err := t.found(e.Approval, register.ErrNotApproved)
	if err != nil {
		return err
	}
	if a.Asked.Entry != e.Entry || a.Asked.UID != *e.UID {
		return fmt.Errorf("%w: %s is for entry %s and uid %d", register.ErrNotApproved, a.ID, a.Asked.Entry, a.Asked.UID)
	}
	if a, err = a.Spent(e.Value); err != nil {
		return err
	}
	t.change(a)
	return nil
}

// change keeps what an event made of an approval for the events after it.
func (t *turn) change(a register.Approval) {
	i := slices.IndexFunc(t.changed, func(before register.Approval) bool { return before.ID == a.ID })
	if i < 0 {
		t.changed = append(t.changed, a)
		return
	}
	t.changed[i] = a
}

// found is approval for one that must be there.
func (t *turn) found(id string, missing error) (register.Approval, error) {
	a, found, err := t.approval(id)
	if err == nil && !found {
		err = fmt.Errorf("%w: there is no approval %.16q", missing, id)
	}
	return a, err
}

// approval is the record as the events before made it.
func (t *turn) approval(id string) (a register.Approval, found bool, err error) {
	if i := slices.IndexFunc(t.changed, func(a register.Approval) bool { return a.ID == id }); i >= 0 {
		return t.changed[i], true, nil
	}
	if a, found = t.approvals[id]; found {
		return a, true, nil
	}
	record, err := findApproval(t.tx, id)
	if err != nil || record == nil {
		return register.Approval{}, false, err
	}
	t.approvals[id] = *record
	return *record, true, nil
}

// findApproval returns nil if there is none of that id.
func findApproval(tx *bolt.Tx, id string) (*register.Approval, error) {
	idKey, err := approvalIDKey(id)
	if err != nil {
		return nil, nil // no approval has it
	}
	b := tx.Bucket(bucketAppr)
	key := b.Get(idKey)
	if key == nil {
		return nil, nil
	}
	a, err := readApproval(key, b.Get(key))
	if err == nil && a.ID != id {
		err = fmt.Errorf("%w: the id %s leads to approval %s", ErrDamaged, id, a.ID)
	}
	return &a, err
}

// readApproval parses the record of a key.
func readApproval(key, record []byte) (register.Approval, error) {
	a, err := register.ParseApproval(record)
	if err == nil && !bytes.Equal(a.Key(), key) {
		err = fmt.Errorf("it is approval %s", a.ID)
	}
	if err != nil {
		return register.Approval{}, fmt.Errorf("%w: approval under key %x: %w", ErrDamaged, key, err)
	}
	return a, nil
}

func putApproval(tx *bolt.Tx, a register.Approval, record []byte) error {
	b, key := tx.Bucket(bucketAppr), a.Key()
	idKey, err := approvalIDKey(a.ID)
	if err != nil {
		return err
	}
	if b.Get(idKey) == nil {
		if err := b.Put(idKey, key); err != nil {
			return fmt.Errorf("writing id of approval: %w", err)
		}
	}
	if err := b.Put(key, record); err != nil {
		return fmt.Errorf("writing approval: %w", err)
	}
	return nil
}

// Approval returns one approval, nil if there is none of that id.
func (s *Store) Approval(id string) (a *register.Approval, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		a, err = findApproval(tx, id)
		return err
	})
	return a, err
}

// Approvals returns the approvals of which the end that was asked for is at or
// after since, those that end first before the others. Of one that cannot be
// read there is the id alone, in no state: it allows nothing, and costs nobody
// else. It reads in pages: what is recorded meanwhile may be missing.
func (s *Store) Approvals(since time.Time) (all []register.Approval, err error) {
	next := be64(uint64(max(since.Add(time.Second-1).Unix(), 0))) // ends are whole seconds
	for next != nil {
		err := s.view(func(tx *bolt.Tx) error {
			var page []register.Approval
			page, next = approvalPage(tx, next)
			all = append(all, page...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// approvalPage returns records from a key on, and the key of the next page.
func approvalPage(tx *bolt.Tx, from []byte) (page []register.Approval, rest []byte) {
	began, c := time.Now(), tx.Bucket(bucketAppr).Cursor()
	for key, record := c.Seek(from); key != nil && key[0] != approvalIDs; key, record = c.Next() {
		if len(page) == maxPage || (len(page) > 0 && time.Since(began) > pageTime) {
			return page, bytes.Clone(key)
		}
		a, err := readApproval(key, record)
		if err != nil {
			a.ID = hex.EncodeToString(key[min(8, len(key)):])
		}
		page = append(page, a)
	}
	return page, nil
}
