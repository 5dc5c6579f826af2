package replay

import (
	"slices"
	"time"

	"signet/daemon/internal/audit"
	"signet/policy"
)

// A tally counts the uses of an entry, or those of one caller of it, by the
// times when they were decided. It shares nothing with what the daemon counts
// with. A window is counted from its first use on; how many there were before
// its quota was set is added up from quarters of an hour.
type tally struct {
	total    counter
	minutes  map[int64]*counter // by Unix time / 60: these are windows in every zone
	quarters map[int64]uint64   // by Unix time / 900
	windows  []*window          // longer than a minute, that may still get uses
	oldest   int64              // quarter before which none are kept
}

// A counter is a number of uses, and what it was when the daemon last started.
type counter struct {
	n      uint64
	before uint64
	run    uint64
	held   bool // to a quota, once

	// Uses of this run that were decided while no other was being signed, and
	// when the last of them was recorded.
	alone   uint64
	aloneAt time.Time
}

// A counted is a use as counters see it.
type counted struct {
	decided, recorded time.Time
	run               uint64
	alone             bool
}

func (c *counter) add(u counted) {
	c.at(u.run)
	c.n++
	if u.alone {
		c.alone, c.aloneAt = c.alone+1, u.recorded
	}
}

// at is the counter as it is in a run of the daemon.
func (c *counter) at(run uint64) counter {
	if c.run != run {
		c.run, c.before, c.alone = run, c.n, 0
	}
	return *c
}

// A window is one span of a period.
type window struct {
	policy.Span
	counter
}

func newTally() *tally {
	return &tally{minutes: map[int64]*counter{}, quarters: map[int64]uint64{}}
}

const (
	quarterSeconds = 15 * 60
	keptQuarters   = 33 * 24 * 4 // more than a month has
)

// add counts a use. What can get no more uses at the horizon is dropped.
func (t *tally) add(u counted, horizon time.Time) {
	t.drop(horizon)
	t.total.add(u)
	t.minute(u.decided).add(u)
	t.quarters[quarterOf(u.decided)]++
	for _, w := range t.windows {
		if w.Holds(u.decided) {
			w.add(u)
		}
	}
}

func quarterOf(at time.Time) int64 { return floor(at.Unix(), quarterSeconds) }

func floor(seconds, unit int64) int64 {
	n := seconds / unit
	if seconds%unit < 0 {
		n--
	}
	return n
}

func (t *tally) minute(at time.Time) *counter {
	m := floor(at.Unix(), 60)
	if t.minutes[m] == nil {
		t.minutes[m] = new(counter)
	}
	return t.minutes[m]
}

// drop forgets once in a quarter of an hour.
func (t *tally) drop(horizon time.Time) {
	oldest := quarterOf(horizon)
	if horizon.IsZero() || oldest <= t.oldest {
		return
	}
	t.oldest = oldest
	for m := range t.minutes {
		if m*60 < oldest*quarterSeconds {
			delete(t.minutes, m)
		}
	}
	for q := range t.quarters {
		if q < oldest-keptQuarters {
			delete(t.quarters, q)
		}
	}
	t.windows = slices.DeleteFunc(t.windows, func(w *window) bool { return !w.End.After(horizon) })
}

// of is the counter of the window of a count.
func (t *tally) of(c policy.Count, run uint64) *counter {
	switch c.Period {
	case policy.Lifetime:
		return &t.total
	case policy.Minute:
		return t.minute(c.Start)
	}
	span := spanOf(c)
	for _, w := range t.windows {
		if w.Start.Equal(span.Start) && w.End.Equal(span.End) {
			return &w.counter
		}
	}
	w := &window{Span: span, counter: counter{n: t.between(span), run: run}}
	t.windows = append(t.windows, w)
	return &w.counter
}

// between adds the quarters that lie in a span: its bounds lie on quarters, in
// every zone of this century.
func (t *tally) between(span policy.Span) (n uint64) {
	first, last := quarterOf(span.Start.Add(quarterSeconds*time.Second-1)), quarterOf(span.End)
	for q, uses := range t.quarters {
		if first <= q && q < last {
			n += uses
		}
	}
	return n
}

// counted is how many uses the window of a count has; of caller uid where the
// quota is each caller's.
func (r *Replay) counted(of *entry, c policy.Count, uid uint32) counter {
	t := of.all
	if c.Scope == policy.OfCaller {
		if t = of.callers[uid]; t == nil {
			return counter{}
		}
	}
	t.drop(r.horizon.at)
	return t.of(c, r.run).at(r.run)
}

func (e *entry) caller(uid uint32) *tally {
	if e.callers[uid] == nil {
		e.callers[uid] = newTally()
	}
	return e.callers[uid]
}

// use counts a use, and holds each window that it falls into to its quota.
func (r *Replay) use(e *audit.Event) {
	r.summary.Uses++
	if e.Approval != "" {
		r.useApproval(e)
	}
	of := r.entries[e.Entry]
	if of == nil {
		return // which was said
	}
	decided := e.Decided.Time()
	if decided.Before(r.horizon.at) {
		r.differ(e, Count, "decided %s, when the log was at %s: the uses of that time are counted", clock(decided), clock(r.recorded))
		return
	}
	u := counted{decided: decided, recorded: e.Recorded.Time(), run: r.run, alone: r.alone}
	of.all.add(u, r.horizon.at)
	of.caller(*e.UID).add(u, r.horizon.at)
	if by := of.policies[e.PolicyRev]; by != nil {
		r.checkQuotas(e, of, by)
	}
}

func (r *Replay) checkQuotas(e *audit.Event, of *entry, by *policyRevision) {
	for _, c := range by.countsAt(e.Decided.Time()) {
		t := of.all
		if c.Scope == policy.OfCaller {
			t = of.caller(*e.UID)
		}
		uses := t.of(c, r.run)
		if !uses.held {
			uses.held = true
			r.summary.Windows++
		}
		if uses.n > uint64(c.Limit) {
			r.differ(e, Count, "use %d of %d by %s, from %s", uses.n, c.Limit, c.Key(), startOf(c))
		}
	}
}

func startOf(c policy.Count) string {
	if c.Start.IsZero() {
		return "the beginning"
	}
	return c.Start.UTC().Format(time.RFC3339)
}

// A horizon is before what is still under way: uses that were decided before
// it are not counted any more, since the windows that held them are dropped.
// A disk that hangs, or a clock that is set forward, lets uses be recorded long
// after they were decided: so it stays behind by events, and by an hour too.
type horizon struct {
	at     time.Time // zero: nothing is dropped yet
	sample time.Time
}

const (
	underWayEvents = 4096
	underWayTime   = time.Hour
)

func (h *horizon) follow(events uint64, recorded time.Time) {
	if events%underWayEvents != 0 {
		return
	}
	if !h.sample.IsZero() {
		h.at = h.sample.Add(-underWayTime)
	}
	h.sample = recorded
}
