package daemon

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/store"
	"signet/policy"
	"signet/protocol"
	"signet/systemd"
)

// An appliance is what signs once its store is open: register, log and
// tokens together. There is none in the modes that have no store.
type appliance struct {
	id       string
	genesis  authority.Genesis
	store    *store.Store
	roster   *roster
	book     *book
	trust    certificate.Trust
	lists    *lists
	issuers  *issuers
	clock    *clock
	ledger   *ledger
	flights  *flights
	tokens   *tokens
	summary  *summary
	troubles *troubles

	meters    *meters
	approvals *approvals
	counts    *counts
	selfTests *selfTests
	backups   *backups
	journal   *systemd.Journal

	acts    sync.Mutex      // held while an act is judged and recorded: acts follow one another
	hashing sync.Mutex      // held while the log is hashed anew for an act
	closing chan struct{}   // closed by close
	nonces  map[string]bool // of acts being carried out; guarded by acts
	leaving sync.RWMutex    // held for reading by each write of signatures, see withdraw
}

// storeRetry is when a caller should ask again of a full store.
const storeRetry = 30 * time.Second

// storeError is what a caller is told when the log could not take his event.
func storeError(err error) *protocol.Error {
	switch {
	case errors.Is(err, store.ErrFull):
		return protocol.NewError(protocol.StoreFull, "the store has no room: nothing is signed that cannot be recorded").RetryIn(storeRetry)
	case errors.Is(err, store.ErrPoisoned):
		return protocol.NewError(protocol.Poisoned, "a write could not be made durable: nothing is signed until an administrator runs signetctl mode clear")
	case errors.Is(err, store.ErrClosed):
		return protocol.NewError(protocol.ShuttingDown, "the daemon is stopping: try again")
	}
	return protocol.NewError(protocol.Internal, "")
}

// instant is the time that a decision is made with.
func (a *appliance) instant() policy.Instant {
	at, state := a.clock.now(a.store.Position().Recorded)
	return policy.Instant{Time: audit.At(at).Time(), Clock: state}
}

// A described event is one that is made only if it is recorded: of the refusals
// that repeat, most are counted.
type described func() (*audit.Event, map[string]audit.Private)

// just is an event that is there already, without private fields.
func just(e *audit.Event) described {
	return func() (*audit.Event, map[string]audit.Private) { return e, nil }
}

// refuse records a refusal, or counts it if the same one was recorded in this
// minute, and returns the answer with the index of the event.
// The journal is told of the first, with the fields more.
func (a *appliance) refuse(r refusal, describe described, answer *protocol.Error, more ...systemd.Field) *protocol.Error {
	if a.instant().Clock == policy.JumpedClock {
		return answer // nothing is recorded with a time that cannot be trusted
	}
	t, first, due := a.ledger.enter(r, a.clock.from.Real())
	if due != nil {
		a.recordCounted(*due)
	}
	if !first {
		<-t.ready
		answer.Event, answer.Counted = t.event, true
		return answer
	}
	settled := false
	defer func() { // also of a panic: who asks the same meanwhile waits for it
		if !settled {
			a.ledger.abandon(r, t)
		}
	}()
	e, private := describe()
	c := &store.Commit{Events: []*audit.Event{e}, Private: []map[string]audit.Private{private}}
	if err := a.store.Record(c); err != nil {
		return storeError(err)
	}
	settled = true
	t.settle(c.Receipts[0].Event)
	answer.Event = &c.Receipts[0].Event
	a.journal.Send(systemd.Refusals, fmt.Sprintf("%s: %s (%s)", r.result, r.reason, r.rule), append([]systemd.Field{systemd.UID(r.uid),
		systemd.Entry(orNone(r.entry)), systemd.Rule(r.rule), systemd.Reason(r.reason), systemd.Count(1), systemd.Since(e.Recorded.Time()),
		systemd.Event(c.Receipts[0].Event)}, more...)...)
	return answer
}

// recordRefusal records a refusal that is never counted.
func (a *appliance) recordRefusal(e *audit.Event, private map[string]audit.Private, answer *protocol.Error) *protocol.Error {
	c := &store.Commit{Events: []*audit.Event{e}, Private: []map[string]audit.Private{private}}
	if err := a.store.Record(c); err != nil {
		return storeError(err)
	}
	answer.Event = &c.Receipts[0].Event
	return answer
}

// recordCounted writes the refusals of a minute that is over. If the store
// cannot take them, at most this count is lost, as after a crash.
func (a *appliance) recordCounted(c countedRefusal) {
	if err := a.store.Record(&store.Commit{Events: []*audit.Event{c.event()}}); err != nil {
		a.journal.Send(systemd.StoreFault, fmt.Sprintf("%d counted refusals were not recorded", c.count), systemd.Cause(err))
		return
	}
	a.journal.Send(systemd.Refusals, fmt.Sprintf("%s %d more times: %s (%s)", c.result, c.count, c.reason, c.rule), systemd.UID(c.uid),
		systemd.Entry(orNone(c.entry)), systemd.Rule(c.rule), systemd.Reason(c.reason), systemd.Count(c.count), systemd.Since(c.first))
}

// tick does what is due each second.
func (a *appliance) tick() {
	a.store.Look()
	now := a.clock.from.Real()
	at := a.instant() // looks at the clock, so that a jump is seen when nobody signs
	for _, c := range a.ledger.takeDue(now) {
		a.recordCounted(c)
	}
	a.summary.flush(a.journal, now)
	if at.Clock == policy.JumpedClock {
		return // what seems to have ended may go on when the clock is right again
	}
	for _, id := range a.approvals.drop(at.Time) {
		a.roster.forget(id)
	}
}

// close records what is counted and the stop, and closes the store.
func (a *appliance) close() error {
	close(a.closing)
	for _, c := range a.ledger.takeDue(time.Time{}) {
		a.recordCounted(c)
	}
	a.summary.flush(a.journal, time.Time{})
	stop := &audit.Event{Kind: audit.KindStop, Clock: a.clock.syncState()}
	var errs []error
	if a.store.Err() == nil {
		errs = append(errs, a.store.Record(&store.Commit{Events: []*audit.Event{stop}}))
	}
	return errors.Join(append(errs, a.store.Close())...)
}
