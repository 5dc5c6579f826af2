package model

import "time"

// A Clock is realtime and the time since boot, and what the daemon makes of
// the two (design.md 4, Clock).
type Clock struct {
	Now  time.Time
	Boot time.Duration

	accepted time.Duration // realtime minus boot time
	known    bool
	jumped   bool
}

// Bounds of what a clock may do.
const (
	behindMost = 5 * time.Second
	jumpMost   = 60 * time.Second
)

// Look is what the daemon does each second, and whenever it needs the time.
func (c *Clock) Look() {
	offset := time.Duration(c.Now.UnixNano()) - c.Boot
	c.jumped = c.known && offset-c.accepted > jumpMost
	if !c.jumped && (!c.known || offset > c.accepted) {
		c.accepted, c.known = offset, true
	}
}

// Jumped tells whether the time waits to be accepted.
func (c *Clock) Jumped() bool { return c.jumped }

func (c *Clock) accept() {
	c.known = false
	c.Look()
}

// A Line is an event of the log, as far as the model foresees it.
type Line struct {
	Kind, Op, Entry      string
	UID                  uint32
	Result, Reason, Rule string
	Approval             string
	Decided, Recorded    time.Time
	Count                uint64 // of refused-many
}

// A refusal is what repeats when a caller does.
type refusal struct {
	uid                         uint32
	entry, rule, reason, result string
}

// A tally is one refusal within one minute: an event, and a count of others.
type tally struct {
	minute time.Time
	event  int
	more   uint64
}

// record puts a line into the log. Its recorded is never before that of the
// line before, and not of a clock that is not to be believed.
func (a *Appliance) record(l Line) (event int) {
	if a.Clock.Look(); !a.Clock.jumped && a.Clock.Now.After(a.Recorded) {
		a.Recorded = a.Clock.Now
	}
	l.Recorded = a.Recorded
	a.Log = append(a.Log, l)
	return len(a.Log) - 1
}

// A Fault is the answer to what was refused. Event is -1 where there is none.
type Fault struct {
	Name, Rule string
	Event      int
	Counted    bool
}

func fault(name, rule string) *Fault { return &Fault{Name: name, Rule: rule, Event: -1} }

// refuse records a refusal, or counts it if its minute has one.
func (a *Appliance) refuse(r refusal, l Line) *Fault {
	f := fault(r.reason, r.rule)
	if a.Clock.Look(); a.Clock.jumped {
		return f // nothing is recorded with a time that cannot be trusted
	}
	minute, t := a.Clock.Now.Truncate(time.Minute), a.tallies[r]
	if t != nil && t.minute.Equal(minute) {
		t.more++
		f.Event, f.Counted = t.event, true
		return f
	}
	if t != nil {
		a.flush(r)
	}
	l.UID, l.Result, l.Reason, l.Rule = r.uid, r.result, r.reason, r.rule
	f.Event = a.record(l)
	a.tallies[r] = &tally{minute: minute, event: f.Event}
	return f
}

// flush records what was counted.
func (a *Appliance) flush(r refusal) {
	if t := a.tallies[r]; t.more > 0 {
		a.record(Line{Kind: "refused-many", Entry: r.entry, UID: r.uid, Result: r.result, Reason: r.reason, Rule: r.rule, Count: t.more})
	}
	delete(a.tallies, r)
}

// Tick is what the daemon does each second.
func (a *Appliance) Tick() {
	a.Clock.Look()
	for r, t := range a.tallies {
		if t.minute.Before(a.Clock.Now.Truncate(time.Minute)) {
			a.flush(r)
		}
	}
	if since := a.Clock.Now.Sub(a.swept); a.Clock.jumped || since >= 0 && since < time.Minute {
		return
	}
	a.swept = a.Clock.Now
	for _, p := range a.approvals {
		if p.askedUntil.Add(time.Hour).Before(a.Clock.Now) {
			p.running = false
		}
	}
}
