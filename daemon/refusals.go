package daemon

import (
	"sync"
	"time"

	"signet/daemon/internal/audit"
)

// A refusal is what repeats when a caller does: the same uid, entry and rule.
type refusal struct {
	uid    uint32
	entry  string
	rule   string
	reason string
	result audit.Result // refused, or failed by the HSM
	about  string       // the act, where officers signed it: each attempt of theirs is an event
}

// A tally counts one refusal within one minute. The first is an event of its
// own; the others become one event when the minute is over.
type tally struct {
	minute time.Time
	event  *uint64       // of the first, nil if it could not be recorded
	ready  chan struct{} // closed when event is known
	more   uint64
	first  time.Time // of those counted
	last   time.Time
}

// maxTallies bounds the memory that the refusals of one uid may take. Beyond it
// each of his is an event: slower for who causes it, and nothing is lost.
const maxTallies = 1024

// A ledger keeps the tallies of the running minute.
type ledger struct {
	mu      sync.Mutex
	tallies map[refusal]*tally
	perUID  map[uint32]int
}

func newLedger() *ledger { return &ledger{tallies: map[refusal]*tally{}, perUID: map[uint32]int{}} }

func (l *ledger) put(r refusal, t *tally) {
	if l.tallies[r] == nil {
		l.perUID[r.uid]++
	}
	l.tallies[r] = t
}

func (l *ledger) remove(r refusal) {
	delete(l.tallies, r)
	if l.perUID[r.uid]--; l.perUID[r.uid] <= 0 {
		delete(l.perUID, r.uid)
	}
}

// enter counts r at a time. It returns first=true if r must become an event
// now; the caller then settles the tally it got, which is nil if the ledger
// is full.
func (l *ledger) enter(r refusal, at time.Time) (t *tally, first bool, due *countedRefusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t = l.tallies[r]
	minute := at.Truncate(time.Minute)
	if t != nil && t.minute.Equal(minute) {
		if t.more == 0 {
			t.first = at
		}
		t.more, t.last = t.more+1, at
		return t, false, nil
	}
	if t != nil {
		due = t.close(r)
	} else if l.perUID[r.uid] >= maxTallies {
		return nil, true, nil
	}
	t = &tally{minute: minute, ready: make(chan struct{})}
	l.put(r, t)
	return t, true, due
}

// settle says which event the first refusal became.
func (t *tally) settle(event uint64) {
	if t != nil {
		t.event = &event
		close(t.ready)
	}
}

// abandon takes back a first refusal whose event could not be recorded: the
// next one tries again.
func (l *ledger) abandon(r refusal, t *tally) {
	if t == nil {
		return
	}
	l.mu.Lock()
	if l.tallies[r] == t {
		l.remove(r)
	}
	l.mu.Unlock()
	close(t.ready)
}

// A countedRefusal is a refusal that was counted and is due to be recorded.
type countedRefusal struct {
	refusal
	count       uint64
	first, last time.Time
}

func (t *tally) close(r refusal) *countedRefusal {
	if t.more == 0 {
		return nil
	}
	return &countedRefusal{r, t.more, t.first, t.last}
}

// takeDue returns what was counted in minutes before at; with at zero, all.
func (l *ledger) takeDue(at time.Time) []countedRefusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	var due []countedRefusal
	for r, t := range l.tallies {
		if !at.IsZero() && !t.minute.Before(at.Truncate(time.Minute)) {
			continue
		}
		if c := t.close(r); c != nil {
			due = append(due, *c)
		}
		l.remove(r)
	}
	return due
}

// event returns the refused-many event of c.
func (c countedRefusal) event() *audit.Event {
	first, last := audit.At(c.first), audit.At(c.last)
	uid := c.uid
	return &audit.Event{
		Kind: audit.KindRefusedMany, UID: &uid, Entry: c.entry, Result: c.result,
		Reason: c.reason, Rule: c.rule, Count: c.count, First: &first, Last: &last,
	}
}
