package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"signet/daemon/internal/audit"
	"signet/protocol/canonical"
)

// lineSize is room for the line of an ordinary use, in bytes.
const lineSize = 1024

// errEmpty is returned for a commit that says nothing.
var errEmpty = errors.New("commit without events")

// A draft is all of a commit that has to be encoded. It is made before
// anything is written: what cannot be encoded fails its own commit, never the
// group's other ones.
type draft struct {
	lines   [][]byte
	private [][]byte // by index of lines, nil where none
	entries [][]byte
	policy  []byte
	staff   map[string][]byte
	nonce   []byte
	turn    *turn
}

// draft gives the events of c their places after h and encodes c.
func (s *Store) draft(h *head, l *ledger, c *Commit) (d draft, err error) {
	if d.lines, err = s.number(h, c); err != nil {
		return draft{}, err
	}
	if d.private, err = c.encodePrivate(); err != nil {
		return draft{}, err
	}
	if c.Change != nil {
		if err := c.Change.encode(&d, c.Events[0]); err != nil {
			return draft{}, err
		}
	}
	if d.turn, err = c.judge(l); err != nil {
		return draft{}, err
	}
	if c.Idem != nil {
		return d, c.Idem.resolve(c.Events)
	}
	return d, nil
}

// errAsked is returned for a commit with a content that no event is about.
var errAsked = errors.New("what is asked for comes with an event that asks: kind approval, allowed")

// judge finds out what the events make of the ledger.
func (c *Commit) judge(l *ledger) (*turn, error) {
	var blobs [][]byte
	if c.Change != nil {
		blobs = c.Change.Blobs
	}
	if c.Asked != nil {
		if e := c.Events[0]; e.Kind != audit.KindApproval || e.Result != audit.Allowed {
			return nil, errAsked
		}
		blobs = append(slices.Clone(blobs), c.Asked)
	}
	return l.judge(c.Events, blobs...)
}

// number gives the events of c their places and returns their lines.
func (s *Store) number(h *head, c *Commit) ([][]byte, error) {
	if len(c.Events) == 0 {
		return nil, errEmpty
	}
	recorded := audit.At(s.now())
	if recorded.Time().Before(h.recorded) {
		recorded = audit.At(h.recorded)
	}
	epoch := h.epoch
	if c.Change != nil && c.Change.Epoch != 0 {
		if epoch = c.Change.Epoch; epoch <= h.epoch {
			return nil, fmt.Errorf("beginning epoch %d: the log is in epoch %d", epoch, h.epoch)
		}
	}
	lines := make([][]byte, len(c.Events))
	for i, e := range c.Events {
		e.V, e.Epoch, e.Seq, e.Recorded, e.PrevAct = audit.EventVersion, epoch, h.tree.Size()+uint64(i), recorded, nil
		if c.Change != nil && i == 0 && e.Kind == audit.KindAct && e.Result == audit.Allowed {
			last := h.lastAct
			e.PrevAct = &last
		}
		var err error
		if lines[i], err = e.AppendLine(make([]byte, 0, lineSize)); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

func (c *Commit) encodePrivate() ([][]byte, error) {
	private := make([][]byte, len(c.Events))
	for i := range min(len(c.Private), len(private)) {
		if len(c.Private[i]) == 0 {
			continue
		}
		clear, err := canonical.Marshal(c.Private[i])
		if err != nil {
			return nil, fmt.Errorf("encoding private fields: %w", err)
		}
		private[i] = clear
	}
	return private, nil
}

// encode tells the records of the change which event made them so.
func (ch *Change) encode(d *draft, act *audit.Event) (err error) {
	seq := act.Seq
	if d.nonce, err = hex.DecodeString(ch.Nonce); err != nil {
		return fmt.Errorf("nonce: %w", err)
	}
	if ch.Policy != nil {
		ch.Policy.Proof.Event = seq
		if d.policy, err = ch.Policy.Marshal(); err != nil {
			return err
		}
	}
	if ch.Staff != nil {
		ch.Staff.Stamp(act.Act, seq)
		if d.staff, err = ch.Staff.Marshal(); err != nil {
			return err
		}
	}
	for _, e := range ch.Entries {
		e.Proof.Event = seq
		data, err := e.Marshal()
		if err != nil {
			return err
		}
		d.entries = append(d.entries, data)
	}
	return nil
}
