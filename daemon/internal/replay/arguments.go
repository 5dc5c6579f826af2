package replay

import (
	"slices"
	"time"

	"signet/daemon/internal/audit"
	"signet/policy"
)

// Words of Event.But that are held to the record: see package audit.
const (
	butUnproven = "unproven"
	butInactive = "inactive"
	butRevoked  = "revoked"
	butClock    = "clock:" // behind, jumped, unknown
	butStale    = "stale:"
)

func hasBut(e *audit.Event, word string) bool { return slices.Contains(e.But, word) }

// checkArguments holds what the decision was made from to what follows from the
// log: entry, calendar, lists, counts and approval.
func (r *Replay) checkArguments(e *audit.Event, of *entry, by *policyRevision, rev revision, usage policy.Usage) {
	decided := e.Decided.Time()
	if inactive := hasBut(e, butInactive); inactive == rev.active {
		r.differ(e, Arguments, "active is %t: revision %d says %t", !inactive, e.Rev, rev.active)
	}
	if rev.revoked && !hasBut(e, butRevoked) {
		r.differ(e, Arguments, "the certificate is not said to be revoked: revision %d says that it is", e.Rev)
	}
	if want := by.Policy().At(decided, policy.SaneClock).Offset; int(e.Local) != want {
		r.differZone(e, "local is %d: the policy's zone was %d s east of UTC", e.Local, want)
	}
	r.checkList(e)
	r.checkCounts(e, of, by, usage.Counts)
	if usage.Approval != nil {
		r.checkGiven(e, usage.Approval)
	}
}

// checkList: a list that was relied on had been imported, and is as old as it
// says.
func (r *Replay) checkList(e *audit.Event) {
	if e.CRL == "" && e.CRLMade == "" {
		return
	}
	made, ok := r.lists[e.CRL]
	if !ok {
		r.differ(e, Arguments, "crl %.16q… names no list that was imported", e.CRL)
		return
	}
	if said := instant(e.CRLMade); !said.Equal(made) {
		r.differ(e, Arguments, "crl_made is %q: the list is of %s", e.CRLMade, made.UTC().Format(time.RFC3339))
	}
}

// checkCounts: one count for each quota, of the window that holds the time of
// the decision.
func (r *Replay) checkCounts(e *audit.Event, of *entry, by *policyRevision, counts []policy.Count) {
	if len(counts) == 0 && e.Rule == ruleCallers {
		return // nothing is counted for a stranger
	}
	want := by.countsAt(e.Decided.Time())
	for i, c := range counts {
		if i >= len(want) || c.Quota != want[i].Quota {
			r.differ(e, Arguments, "use %q is not %s", c, wantedCount(want, i))
			return
		}
		if !c.Start.Equal(want[i].Start) {
			r.differZone(e, "use %q is not %s", c, wantedCount(want, i))
			return
		}
	}
	if len(counts) < len(want) {
		r.differ(e, Arguments, "use lacks %s", wantedCount(want, len(counts)))
		return
	}
	r.alone = len(counts) > 0
	for i, c := range counts {
		c.End = want[i].End
		r.checkCount(e, of, by, c)
		r.alone = r.alone && c.Reserved == 0
	}
}

func wantedCount(want []policy.Count, i int) string {
	if i >= len(want) {
		return "one that the policy has a quota for"
	}
	q := want[i]
	if q.Start.IsZero() {
		return "the count of " + q.Key()
	}
	return "the count of " + q.Key() + " from " + q.Start.Format(time.RFC3339)
}

// checkCount holds what was said to be spent to the uses in the log. All of
// them are recorded before this event, so it cannot say more; those that were
// there when the daemon last started it must have read. In between, uses that
// were being signed move from reserved to spent at any time. By a clock that is
// behind a window may be asked for of which nobody keeps the count any more.
func (r *Replay) checkCount(e *audit.Event, of *entry, by *policyRevision, c policy.Count) {
	must, may := r.lost.touches(c, by.event)
	switch {
	case must && !c.Unknown:
		r.differ(e, Arguments, "use %q: what was used in this window before event %d put an older log in force is not known", c, r.lost.event)
		return
	case c.Unknown && !may:
		r.differ(e, Arguments, "use %q: nothing is unknown of this window", c)
		return
	case c.Unknown:
		return
	}
	if e.Decided.Time().Before(r.horizon.at) {
		return
	}
	uses := r.counted(of, c, *e.UID)
	switch {
	case c.Spent > uses.n:
		r.differ(e, Arguments, "use %q: the log has %d uses of this window so far", c, uses.n)
	case c.Spent < uses.before && saidOfClock(e) == "":
		r.differ(e, Arguments, "use %q: the log had %d uses of this window when the daemon started", c, uses.before)
	case c.Reserved > 0 && by.event < r.started.event && (c.Spent > uint64(c.Limit) || c.Reserved > uint64(c.Limit)-c.Spent):
		r.differ(e, Arguments, "use %q: no more was ever allowed in this run than the quota has", c)
	case e.Result == audit.Allowed:
		r.checkOrder(e, c, uses)
	}
}

// checkOrder holds a use to those in the log that were decided before it: in
// this run, and when nothing was reserved. This one was not then, and so came
// after them: it saw each as spent or reserved, and where nothing was reserved
// all of them as recorded.
func (r *Replay) checkOrder(e *audit.Event, c policy.Count, uses counter) {
	known := uses.before + uses.alone
	switch decided := e.Decided.Time(); {
	case c.Spent < known && c.Reserved < known-c.Spent:
		r.differ(e, Arguments, "use %q: %d uses of this window were decided before it", c, known)
	case c.Reserved == 0 && uses.alone > 0 && decided.Before(uses.aloneAt.Add(-behind)):
		r.differ(e, Arguments, "use %q: decided %s, after a use of this window that was recorded %s", c, clock(decided), clock(uses.aloneAt))
	}
}

// A loss is the last act that put an older log in force.
type loss struct {
	event    uint64
	at       time.Time // recorded
	happened bool
}

// touches tells whether a window must, and whether it may, count as unknown: it
// held the time of the act. As the clock may be a little behind the log, one
// that ended just before it may still run.
func (l loss) touches(c policy.Count, policySet uint64) (must, may bool) {
	switch {
	case !l.happened:
		return false, false
	case c.Period == policy.Lifetime:
		old := policySet < l.event
		return old, old
	}
	return spanOf(c).Holds(l.at), !c.Start.After(l.at) && c.End.Add(behind).After(l.at)
}
