package replay

import (
	"slices"
	"strings"
	"time"

	"signet/daemon/internal/audit"
	"signet/policy"
)

// Words of Event.But that are held to the record: see package audit.
const (
	butUnproven = "unproven"
	butInactive = "inactive"
	butRevoked  = "revoked"
	butClock    = "clock:"
)

func hasBut(e *audit.Event, word string) bool { return slices.Contains(e.But, word) }

// behind is how far the clock may be behind the log when something is decided.
const behind = 5 * time.Second

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
		r.differ(e, Arguments, "local is %d: the policy's zone was %d s east of UTC", e.Local, want)
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
	want := by.countsAt(e.Decided.Time())
	for i, c := range counts {
		if i >= len(want) || c.Quota != want[i].Quota || !c.Start.Equal(want[i].Start) {
			r.differ(e, Arguments, "use %q is not %s", c, wantedCount(want, i))
			return
		}
	}
	if len(counts) < len(want) {
		r.differ(e, Arguments, "use lacks %s", wantedCount(want, len(counts)))
		return
	}
	for i, c := range counts {
		c.End = want[i].End
		r.checkCount(e, of, by, c)
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
	case c.Spent < uses.before && isSane(e):
		r.differ(e, Arguments, "use %q: the log had %d uses of this window when the daemon started", c, uses.before)
	}
}

func isSane(e *audit.Event) bool {
	return !slices.ContainsFunc(e.But, func(but string) bool { return strings.HasPrefix(but, butClock) })
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
