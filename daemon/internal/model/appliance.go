package model

import (
	"maps"
	"slices"
	"time"
)

// An Appliance is what the daemon is to be at any moment: a clock, a log, and
// what follows from the two. What is in flight is lost by a crash; all else is
// as the log has it.
type Appliance struct {
	Clock    Clock
	Log      []Line
	Recorded time.Time // of the last line

	entries   map[string]*Entry
	spent     map[string][]*Use // by entry
	approvals map[string]*Approved
	asked     []string // ids of approvals in the order of the log
	answers   map[requestKey]*answered

	lost      time.Time // recorded of the last restore
	lostEvent int       // its event, 0: none

	// Of the process.
	flights []*Flight
	tallies map[refusal]*tally
	counted map[string]bool // entries whose uses in flight are counted: since a policy with quotas first asked
	swept   time.Time       // when approvals that are over were last forgotten
}

// New is an appliance of which a log of one line is made at a time.
func New(at time.Time) *Appliance {
	a := &Appliance{
		Clock: Clock{Now: at}, entries: map[string]*Entry{}, spent: map[string][]*Use{},
		approvals: map[string]*Approved{}, answers: map[requestKey]*answered{},
	}
	a.forget()
	return a
}

// forget is the end of a process.
func (a *Appliance) forget() {
	for _, f := range a.flights {
		a.settle(f) // what is recorded stays, what is not never was
	}
	a.flights, a.tallies, a.counted, a.swept = nil, map[refusal]*tally{}, map[string]bool{}, time.Time{}
}

// Genesis begins the log.
func (a *Appliance) Genesis(uid uint32) {
	a.record(Line{Kind: "genesis", Op: "init", UID: uid, Result: "allowed", Decided: a.Clock.Now})
}

// Restart ends the process, by a crash or as it should, and begins the next
// one; a reboot begins the time since boot anew.
func (a *Appliance) Restart(crash, reboot bool) {
	if !crash {
		for r := range a.tallies {
			a.flush(r)
		}
		a.record(Line{Kind: "stop"})
	}
	a.forget()
	if reboot {
		a.Clock = Clock{Now: a.Clock.Now}
	}
	a.open()
	op := "clean"
	if crash {
		op = "unclean"
	}
	a.record(Line{Kind: "start", Op: op})
}

// Copy is the appliance as its file is now, for PutBack.
func (a *Appliance) Copy() *Appliance {
	c := *a
	c.Log, c.asked = slices.Clone(a.Log), slices.Clone(a.asked)
	c.entries, c.answers, c.spent, c.approvals = maps.Clone(a.entries), maps.Clone(a.answers), maps.Clone(a.spent), map[string]*Approved{}
	for id, uses := range c.spent {
		c.spent[id] = slices.Clip(uses)
	}
	for id, p := range a.approvals {
		approval := *p
		approval.signed = maps.Clone(p.signed)
		c.approvals[id] = &approval
	}
	c.forget()
	return &c
}

// PutBack goes on from an older copy, by an act that accepts it.
func (a *Appliance) PutBack(older *Appliance, uid uint32) {
	clock := a.Clock
	*a = *older.Copy()
	a.Clock = clock
	a.lostEvent = a.record(Line{Kind: "act", Op: "store.accept", UID: uid, Result: "allowed", Decided: a.Clock.Now})
	a.lost = a.Recorded
	a.open()
}

// open finds the approvals that a process begins with.
func (a *Appliance) open() {
	for _, p := range a.approvals {
		p.running = !p.askedUntil.Before(a.Recorded.Add(-behindMost))
	}
}

// An Entry is a record of the register at one revision.
type Entry struct {
	ID       string
	Rev      int
	active   bool // has been activated
	holds    []uint32
	lastHold uint32
	Policy   *Policy
	set      int // event of the policy
}

func (e *Entry) maySign() bool { return e.active && len(e.holds) == 0 }

// Find returns the entry as it is now, nil if there is none.
func (a *Appliance) Find(id string) *Entry { return a.entries[id] }

// Holds returns the numbers of its holds.
func (e *Entry) Holds() []uint32 { return e.holds }

// An Act is what an officer brings.
type Act struct {
	Kind  string
	Entry string
	UID   uint32 // of who brings it: acts are unsigned here

	Policy  *Policy // of policy.set and policy.narrow
	Narrows bool    // whether it does nothing but narrow the one in force

	Hold uint32 // of entry.resume; 0: the only one

	Approval string
	Count    int       // of approval.grant; 0: all
	Until    time.Time // of approval.grant; zero: the end that was asked for
}

// Do applies an act, or refuses it. Either way it is an event, unless the clock
// has jumped.
func (a *Appliance) Do(act Act) *Fault {
	a.Clock.Look()
	why := a.untimely()
	if act.Kind == "clock.accept" {
		why = ""
	}
	change := func() {}
	if why == "" {
		change, why = a.change(act)
	}
	line := Line{Kind: "act", Op: act.Kind, Entry: act.Entry, UID: act.UID, Approval: act.Approval, Decided: a.Clock.Now}
	if why != "" {
		r := refusal{uid: act.UID, rule: "act." + act.Kind, reason: why, result: "refused"}
		if a.entries[act.Entry] != nil {
			r.entry = act.Entry
		}
		f := a.refuse(r, line)
		f.Rule = "" // the answer names what is wrong with the act, not a rule
		return f
	}
	line.Result = "allowed"
	a.record(line)
	change()
	return nil
}

// untimely says what is wrong with the clock, "" if nothing is.
func (a *Appliance) untimely() string {
	switch a.state() {
	case "jumped":
		return "clock_jumped"
	case "behind":
		return "clock_behind"
	}
	return ""
}

// state of the clock at a decision.
func (a *Appliance) state() string {
	a.Clock.Look()
	switch {
	case a.Clock.jumped:
		return "jumped"
	case a.Recorded.Sub(a.Clock.Now) > behindMost:
		return "behind"
	}
	return "sane"
}

// change returns what an act does, or why it cannot.
func (a *Appliance) change(act Act) (func(), string) {
	switch act.Kind {
	case "clock.accept":
		return a.Clock.accept, ""
	case "key.adopt":
		return func() { a.entries[act.Entry] = &Entry{ID: act.Entry, Rev: 1} }, ""
	case "approval.grant", "approval.deny", "approval.revoke":
		return a.decideApproval(act)
	}
	return a.changeEntry(act)
}

// wouldForget: a policy that is set after a restore counts a lifetime as known
// again. One officer alone does not say that.
func (a *Appliance) wouldForget(act Act) bool {
	return a.entries[act.Entry].set < a.lostEvent && slices.ContainsFunc(act.Policy.Quotas, func(q Quota) bool { return q.Period == "lifetime" })
}

func (a *Appliance) changeEntry(act Act) (func(), string) {
	next := *a.entries[act.Entry]
	next.Rev++
	switch act.Kind {
	case "entry.activate":
		if next.active {
			return nil, "illegal_transition"
		}
		next.active = true
	case "entry.suspend":
		next.lastHold++
		next.holds = append(slices.Clone(next.holds), next.lastHold)
	case "entry.resume":
		hold := act.Hold
		if hold == 0 && len(next.holds) == 1 {
			hold = next.holds[0]
		}
		if !slices.Contains(next.holds, hold) {
			return nil, "illegal_transition"
		}
		next.holds = slices.DeleteFunc(slices.Clone(next.holds), func(h uint32) bool { return h == hold })
	case "policy.set", "policy.narrow":
		if act.Kind == "policy.narrow" && (!act.Narrows || a.wouldForget(act)) {
			return nil, "illegal_transition"
		}
		next.Policy, next.set = act.Policy, len(a.Log)
	}
	return func() { a.entries[act.Entry] = &next }, ""
}
