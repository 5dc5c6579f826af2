// Package replay reads a log from its first event on and finds what cannot
// have happened: a decision that the rules would not have made, arguments that
// nobody can have recorded, a use more than a quota or an approval allowed.
//
// It holds three things against each other that the log has apart: the acts,
// from which entries, policies and approvals are made again by package
// register; the arguments and the answer of each decision, which package policy
// gives again; and the uses themselves, which are counted by the times in their
// events, by code of its own.
//
// It needs lines and contents, no store and no socket. It believes the acts: it
// judges no signature of an officer and no tree.
package replay

import (
	"fmt"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/policy"
)

// A Source has the contents that events name by their SM3.
type Source interface {
	// Content returns the content of that SM3, lower-case hex; nil if there
	// is none. What it returns is hashed again. An error is that it could not
	// be found out.
	Content(hash string) ([]byte, error)
}

// A Replay follows one log. It is for one goroutine.
type Replay struct {
	source  Source
	summary Summary
	found   []Difference

	next     uint64 // index of the event that comes next
	recorded time.Time
	previous time.Time // recorded of the event before the one in hand
	regime   authority.Regime
	epoch    uint64
	engine   uint32 // the newest that decided
	run      uint64 // starts of the daemon so far
	started  start  // the last of them
	zones    string // edition of the time zones that this run decides by; "": not recorded

	entries   map[string]*entry
	policies  map[string]policy.Policy // by hash of the text: many entries may have one
	approvals map[string]*approval
	lists     map[string]time.Time // thisUpdate by hash of a list of revoked certificates
	lost      loss
	alone     bool // the decision in hand: no other use was being signed then
	horizon   horizon
}

// A start is the event with which a run of the daemon begins: it records
// nothing, and decides nothing, before it.
type start struct {
	event uint64
	at    time.Time // recorded
}

// New returns a replay that waits for event 0.
func New(source Source) *Replay {
	return &Replay{
		source: source, entries: map[string]*entry{}, policies: map[string]policy.Policy{}, approvals: map[string]*approval{}, lists: map[string]time.Time{},
	}
}

// Summary returns what was looked at so far.
func (r *Replay) Summary() Summary { return r.summary }

// Differences returns what was found so far, in the order of the log: the first
// MaxDifferences; the summary counts all.
func (r *Replay) Differences() []Difference { return r.found }

// Line takes the next line of the log, without its end. What is wrong with it
// is a difference; an error is one of the source, and the replay ends with it.
func (r *Replay) Line(line []byte) error {
	e, err := audit.ParseEvent(line)
	if err != nil {
		r.summary.Events++
		r.differ(&audit.Event{Seq: r.next}, Log, "%v", err)
		r.next++
		return nil
	}
	return r.Event(e)
}

// Event is Line for an event that was parsed.
func (r *Replay) Event(e *audit.Event) error {
	r.follow(e)
	r.checkShape(e)
	switch e.Kind {
	case audit.KindGenesis:
		return r.genesis(e)
	case audit.KindStart:
		r.run, r.zones, r.started = r.run+1, e.Zones, start{e.Seq, e.Recorded.Time()}
	case audit.KindApproval:
		return r.ask(e)
	case audit.KindAct:
		if e.Result == audit.Allowed {
			return r.act(e)
		}
	case audit.KindSign, audit.KindStamp, audit.KindRefuse:
		r.judge(e)
		if e.Uses() {
			r.use(e)
		}
	}
	return nil
}

// follow holds the event to those before it.
func (r *Replay) follow(e *audit.Event) {
	r.summary.Events++
	at := e.Recorded.Time()
	switch {
	case e.Seq != r.next:
		r.differ(e, Log, "event %d stands where event %d was to come", e.Seq, r.next)
	case (e.Kind == audit.KindGenesis) != (e.Seq == 0):
		r.differ(e, Log, "kind %s: a log begins with its genesis, once", e.Kind)
	case at.Before(r.recorded):
		r.differ(e, Log, "recorded %s, after an event of %s", clock(at), clock(r.recorded))
	case e.Seq > 0 && e.Epoch != r.epoch && !goesOn(e):
		r.differ(e, Log, "epoch %d after epoch %d: only an act that puts an older log in force begins one", e.Epoch, r.epoch)
	}
	r.next, r.epoch, r.previous = e.Seq+1, e.Epoch, r.recorded
	if at.After(r.recorded) {
		r.recorded = at
	}
	r.horizon.follow(r.summary.Events, r.recorded)
}

// goesOn tells whether the event is that of an act that put an older log in
// force.
func goesOn(e *audit.Event) bool {
	kind := authority.Kind(e.Op)
	return e.Kind == audit.KindAct && e.Result == audit.Allowed && (kind == authority.Restore || kind == authority.StoreAccept)
}

// clock writes a time as events do.
func clock(t time.Time) string {
	text, err := audit.At(t).MarshalText()
	if err != nil {
		return fmt.Sprint(t.Unix())
	}
	return string(text)
}
