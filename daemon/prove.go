package daemon

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/emmansun/gmsm/sm3"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/systemd"
)

// A proving is whether a record is what the acts on it made it: found out
// once, by whoever needs it first.
type proving struct {
	making sync.Mutex // held while it is found out
	done   atomic.Bool
	err    error // set before done
}

// proven is the proving of a record that an act has just made of a proven one.
func proven() *proving { return disproved(nil) }

// disproved is the proving of a record that was found wrong while loading.
func disproved(err error) *proving {
	p := &proving{err: err}
	p.done.Store(true)
	return p
}

// describe says in a word whether the record is proven, and why not. It does
// not wait for a proof that is being made.
func (p *proving) describe() (word, why string) {
	switch {
	case !p.done.Load():
		return "pending", ""
	case p.err != nil:
		return "unproven", p.err.Error()
	}
	return "proven", ""
}

// describeProof says in a word whether the entry is proven, as far as that is
// known, and why not.
func (a *appliance) describeProof(acct *account) (word, why string) {
	if err := a.counts.ofEntry(acct); err != nil {
		return "unproven", err.Error()
	}
	return acct.proof.describe()
}

// prove holds the account's record, as it is stored, to the acts: each must be
// authorised by the officers of its time, and what they make of nothing, one
// after the other, must be the very bytes of the record and its policy. An
// older record that was put back lacks the newest act; an edited one has none
// that made it so. A store that cannot be read proves nothing and disproves
// nothing: the question stays open. What was found wrong with the counts of the
// entry stands before that.
func (a *appliance) prove(acct *account) error {
	if err := a.counts.ofEntry(acct); err != nil {
		return err
	}
	p := acct.proof
	if p.done.Load() {
		return p.err
	}
	p.making.Lock()
	defer p.making.Unlock()
	if p.done.Load() {
		return p.err
	}
	err := a.holdRecord(acct)
	if isStoreError(err) {
		return err
	}
	if p.err = err; err != nil {
		a.alarmUnproven(acct.entry.ID, err)
	}
	p.done.Store(true)
	return err
}

func (a *appliance) holdRecord(acct *account) error {
	if !holdRecords {
		return nil
	}
	var made register.Step // of an entry that no act made it stays zero
	for _, seq := range a.roster.actsOn(acct.entry.ID) {
		step, err := a.replayOn(made, seq)
		if err != nil {
			return fmt.Errorf("%w: event %d: %w", register.ErrUnproven, seq, err)
		}
		if step.Policy == nil {
			step.Policy = made.Policy
		}
		made = step
	}
	return holdTo(made, acct)
}

// replayOn applies the act of an event to the entry before it, with its policy.
func (a *appliance) replayOn(made register.Step, seq uint64) (register.Step, error) {
	before := made.Entry
	e, _, err := a.store.Event(seq)
	if err != nil {
		return register.Step{}, err
	}
	if e == nil {
		return register.Step{}, fmt.Errorf("it is missing")
	}
	act, err := readApplied(a.store, e)
	if err != nil {
		return register.Step{}, err
	}
	on := authority.Target{Entry: e.Entry, Owner: before.Owner}
	if _, err := a.genesis.Authorise(a.roster.rollAt(seq), act.caseOn(on)); err != nil {
		return register.Step{}, err
	}
	if act.Act.Kind == authority.CRLImport {
		if err := a.holdMark(before, seq, act.Facts); err != nil {
			return register.Step{}, err
		}
	}
	act.Policy = made.Policy
	return register.Apply(before, act.Applied)
}

// holdTo compares what the acts made with what the account was loaded from.
func holdTo(made register.Step, acct *account) error {
	if made.Entry.ID == "" {
		return fmt.Errorf("%w: no act made it", register.ErrUnproven)
	}
	record, err := made.Entry.Marshal()
	if err != nil {
		return err
	}
	if sm3.Sum(record) != acct.stored {
		return fmt.Errorf("%w: the store has revision %d of event %d, %s, and the acts made revision %d by event %d, %s", register.ErrUnproven,
			acct.entry.Rev, acct.entry.Proof.Event, acct.entry.Status(), made.Entry.Rev, made.Entry.Proof.Event, made.Entry.Status())
	}
	if made.Policy == nil {
		return nil
	}
	if record, err = made.Policy.Marshal(); err != nil {
		return err
	}
	if sm3.Sum(record) != acct.storedPolicy {
		return fmt.Errorf("%w: the policy in the store is not what the acts made: they made revision %d by event %d", register.ErrUnproven,
			made.Policy.Rev, made.Policy.Proof.Event)
	}
	return nil
}

// unprovenMend is what to do about a record that does not prove itself.
const unprovenMend = "somebody changed the store: keep the file as evidence and restore a backup; the log says what the record was"

func (a *appliance) alarmUnproven(entry string, err error) {
	if !a.troubles.unproven(entry, err) {
		return
	}
	a.journal.Send(systemd.RecordUnproven, "the record of an entry does not prove itself; it is not used", systemd.Entry(orNone(entry)),
		systemd.Cause(err), systemd.Mend(unprovenMend))
}

// proveAll proves every record in the background, so that an alarm does not
// wait for the first use. It ends with ctx, or with the appliance.
func (a *appliance) proveAll(ctx context.Context) {
	a.alarmLists()
	for _, acct := range a.book.all() {
		select {
		case <-ctx.Done():
			return
		case <-a.closing:
			return
		default:
		}
		if err := a.prove(acct); err != nil && !isStoreError(err) {
			a.alarmUnproven(acct.entry.ID, err) // one that was found wrong while loading has raised none
		}
	}
}
