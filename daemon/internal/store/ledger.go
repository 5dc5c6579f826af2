package store

import (
	"encoding/hex"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
)

// A ledger is what follows from events and the next decisions ask for: who used
// which entry how often (bucket usage), and what became of approvals (bucket
// appr). Committer, Rebuild and the step to a newer schema lead it with the
// same code, event by event: where transactions begin and end makes no
// difference to what it says. It belongs to one transaction, and save ends it.
type ledger struct {
	tx        *bolt.Tx
	stored    func(key []byte) ([]byte, error) // the content of that SM3, nil if there is none
	tallies   map[user]*tally                  // those touched, written by save
	approvals map[string]register.Approval
}

func newLedger(tx *bolt.Tx) *ledger {
	stored := func(key []byte) ([]byte, error) { return tx.Bucket(bucketBlob).Get(key), nil }
	return &ledger{tx: tx, stored: stored, tallies: map[user]*tally{}, approvals: map[string]register.Approval{}}
}

// A turn is what the events of one commit make of a ledger. Nothing is written
// before all of them are judged: what cannot be entered fails its own commit,
// never the group's other ones.
type turn struct {
	*ledger
	blobs   [][]byte // contents that come with the commit
	changed []register.Approval
	records [][]byte // by index of changed, once all events are judged
}

// judge finds out whether events can be entered, each after those before it.
func (l *ledger) judge(events []*audit.Event, blobs ...[]byte) (*turn, error) {
	t := &turn{ledger: l, blobs: blobs}
	for _, e := range events {
		if err := t.take(e); err != nil {
			return nil, err
		}
	}
	for _, a := range t.changed {
		record, err := a.Marshal()
		if err != nil {
			return nil, fmt.Errorf("encoding approval %s: %w", a.ID, err)
		}
		t.records = append(t.records, record)
	}
	return t, nil
}

func (t *turn) take(e *audit.Event) error {
	switch {
	case e.Uses():
		if _, err := t.tally(userOf(e)); err != nil || e.Approval == "" {
			return err
		}
		return t.spend(e)
	case e.Result != audit.Allowed:
		return nil
	case e.Kind == audit.KindApproval:
		return t.ask(e)
	case e.Kind == audit.KindAct && decidesApproval(authority.Kind(e.Op)):
		return t.decide(e)
	}
	return nil
}

// approved tells whether the approvals that uses name allow all of them. A
// record that cannot be read is for judge to find.
func (l *ledger) approved(events []*audit.Event) bool {
	t := &turn{ledger: l}
	for _, e := range events {
		if e.Uses() && e.Approval != "" && errors.Is(t.spend(e), register.ErrNotApproved) {
			return false
		}
	}
	return true
}

// enter makes what was judged so.
func (t *turn) enter(events []*audit.Event) error {
	for _, e := range events {
		if !e.Uses() {
			continue
		}
		if err := t.count(e); err != nil {
			return err
		}
	}
	for i, a := range t.changed {
		if err := putApproval(t.tx, a, t.records[i]); err != nil {
			return err
		}
		t.approvals[a.ID] = a
	}
	return nil
}

// follow judges and enters one event of a log.
func (l *ledger) follow(e *audit.Event) error {
	events := []*audit.Event{e}
	t, err := l.judge(events)
	if err != nil {
		return err
	}
	return t.enter(events)
}

// content finds what an event names by its SM3.
func (t *turn) content(hash string) ([]byte, error) {
	for _, blob := range t.blobs {
		if authority.ContentHash(blob) == hash {
			return blob, nil
		}
	}
	key, err := hex.DecodeString(hash)
	if err != nil {
		return nil, fmt.Errorf("hash of a content: %w", err)
	}
	blob, err := t.stored(key)
	if err == nil && blob == nil {
		err = fmt.Errorf("there is no content %.16q", hash)
	}
	return blob, err
}
