package daemon

import (
	"fmt"
	"sync"
	"time"

	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/policy"
)

// A meter counts the uses of one entry: those in the log, and those that are
// being signed. A use is reserved under the lock under which it was decided,
// and spent or given back when its event is durable or never will be: so two
// decisions never see the same last use as free.
//
// It is filled from the store when a policy with quotas first asks, by the
// revision that is in force under the lock. Until then uses are not reserved
// here: what was decided before such a policy was set is in the store, or is
// overtaken by the new revision.
type meter struct {
	mu      sync.Mutex // held over a decision
	filled  bool
	all     *counter
	callers map[uint32]*counter
	open    map[*reservation]struct{}
}

// A reservation is the uses that one request was allowed and that are not
// recorded yet.
type reservation struct {
	uid uint32
	at  time.Time
	n   uint32
}

// meters has the meter of each entry that was ever asked for.
type meters struct {
	store  *store.Store
	roster *roster

	mu sync.Mutex
	of map[string]*meter
}

func newMeters(st *store.Store, r *roster) *meters {
	return &meters{store: st, roster: r, of: map[string]*meter{}}
}

func (m *meters) find(entry string) *meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[entry] == nil {
		m.of[entry] = newMeter()
	}
	return m.of[entry]
}

func newMeter() *meter {
	return &meter{all: newCounter(), callers: map[uint32]*counter{}, open: map[*reservation]struct{}{}}
}

// fill reads what the store has of an entry, once. The caller holds mu.
func (m *meter) fill(st *store.Store, entry string) error {
	if m.filled {
		return nil
	}
	uses, err := st.Uses(entry)
	if err != nil {
		return fmt.Errorf("reading the uses of entry %s: %w", entry, err)
	}
	for _, u := range uses {
		m.caller(u.UID).fill(u)
		m.all.fill(u)
	}
	m.filled = true
	return nil
}

func (m *meter) caller(uid uint32) *counter {
	if m.callers[uid] == nil {
		m.callers[uid] = newCounter()
	}
	return m.callers[uid]
}

// reserve begins a reservation for a request of uid that is decided at a time.
func (m *meter) reserve(uid uint32, at time.Time) *reservation {
	r := &reservation{uid: uid, at: at}
	m.open[r] = struct{}{}
	return r
}

// settle ends a reservation: spent of its uses are in the log, the others are
// given back.
func (m *meter) settle(r *reservation, spent uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.open[r]; !ok {
		return
	}
	delete(m.open, r)
	if spent > 0 {
		m.all.add(r.at, spent)
		m.caller(r.uid).add(r.at, spent)
	}
}

// counts fills in the counts of uid's next use. The caller holds mu.
func (m *meter) counts(windows []policy.Count, uid uint32, lost losses) []policy.Count {
	for i := range windows {
		c := &windows[i]
		of := m.all
		if c.Scope == policy.OfCaller {
			of = m.callers[uid] // nil of one that never used it, and is not remembered for asking
		}
		c.Spent, c.Reserved, c.Unknown = of.sum(*c), m.reserved(*c, uid), lost.touch(*c)
	}
	return windows
}

func (m *meter) reserved(c policy.Count, uid uint32) (n uint64) {
	if !keepsReservations {
		return 0
	}
	window := policy.Span{Start: c.Start, End: c.End}
	for r := range m.open {
		if (c.Scope == policy.OfEntry || r.uid == uid) && window.Holds(r.at) {
			n += uint64(r.n)
		}
	}
	return n
}

// losses is when an older log was put in force, and whether the policy was set
// before that: what the lost events spent is not known.
type losses struct {
	at        time.Time // zero: never
	oldPolicy bool
}

func (m *meters) lossesFor(record register.PolicyRecord) losses {
	return losses{at: m.roster.wentAt, oldPolicy: record.Proof.Event < m.roster.wentOn}
}

// touch tells whether a window may have lost uses. The clock may be a little
// behind the log, so a window that ended just before may still run.
func (l losses) touch(c policy.Count) bool {
	switch {
	case l.at.IsZero():
		return false
	case c.Period == policy.Lifetime:
		return l.oldPolicy
	}
	return !c.Start.After(l.at) && c.End.Add(maxBehind).After(l.at)
}

// A counter is the uses of an entry, or of one caller of it, by the time when
// they were decided. All bounds of calendar windows lie on quarters of an hour
// of UTC, those of minutes on minutes.
type counter struct {
	total    uint64
	minutes  map[int64]uint32 // Unix time / 60
	quarters map[int64]uint32 // Unix time / 900
	sums     [policy.Lifetime + 1]windowSum
	newest   int64 // quarter
}

// A windowSum is what one window had when it was last asked for.
type windowSum struct {
	start, end time.Time
	n          uint64
}

func newCounter() *counter {
	return &counter{minutes: map[int64]uint32{}, quarters: map[int64]uint32{}}
}

func (c *counter) fill(u store.Uses) {
	c.total += u.Total
	for minute, n := range u.Minutes {
		c.minutes[minute] += n
	}
	for quarter, n := range u.Quarters {
		c.quarters[quarter] += n
		c.newest = max(c.newest, quarter)
	}
}

const (
	quarterSeconds = 15 * 60
	monthQuarters  = 32 * 24 * 4 // more than a month has
	minutesKept    = 3           // no decision is more than 5 s behind the log
)

func (c *counter) add(at time.Time, n uint32) {
	c.total += uint64(n)
	c.minutes[at.Unix()/60] += n
	c.quarters[at.Unix()/quarterSeconds] += n
	for i := range c.sums {
		if s := &c.sums[i]; !at.Before(s.start) && at.Before(s.end) {
			s.n += uint64(n)
		}
	}
	c.forget(at)
}

// forget drops what no window of a later decision can hold.
func (c *counter) forget(at time.Time) {
	if len(c.minutes) > 2*minutesKept {
		for minute := range c.minutes {
			if minute < at.Unix()/60-minutesKept {
				delete(c.minutes, minute)
			}
		}
	}
	if quarter := at.Unix() / quarterSeconds; quarter > c.newest {
		c.newest = quarter
		for q := range c.quarters {
			if q < quarter-monthQuarters {
				delete(c.quarters, q)
			}
		}
	}
}

// sum is the uses in the window of a count; those of nobody are none.
func (c *counter) sum(of policy.Count) uint64 {
	if c == nil {
		return 0
	}
	switch of.Period {
	case policy.Lifetime:
		return c.total
	case policy.Minute:
		return uint64(c.minutes[of.Start.Unix()/60])
	}
	s := &c.sums[of.Period]
	if !s.start.Equal(of.Start) || !s.end.Equal(of.End) {
		*s = windowSum{start: of.Start, end: of.End, n: c.between(of.Start, of.End)}
	}
	return s.n
}

// between adds the quarters that the window has a part of: all of them lie
// inside it, and should a zone ever have other bounds, it counts too much.
func (c *counter) between(start, end time.Time) (n uint64) {
	first, last := start.Unix()/quarterSeconds, (end.Unix()-1)/quarterSeconds
	if last-first < int64(len(c.quarters)) {
		for q := first; q <= last; q++ {
			n += uint64(c.quarters[q])
		}
		return n
	}
	for q, uses := range c.quarters {
		if first <= q && q <= last {
			n += uint64(uses)
		}
	}
	return n
}
