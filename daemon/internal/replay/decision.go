package replay

import (
	"time"

	"signet/daemon/internal/audit"
	"signet/policy"
)

// The rules of a refusal that no policy gave: there is no such entry, or entry
// or approval changed before the use was recorded.
const (
	ruleEntry     = "entry"
	ruleRevision  = "entry.revision"
	ruleApprovals = "approvals"
	ruleCallers   = "callers"
)

// opAsk is the op of the events of requests for approval.
const opAsk = "approval.request"

// countedUses is the first engine that records all that sways its answer.
const countedUses = 3

// judge decides anew what the event says was decided.
func (r *Replay) judge(e *audit.Event) {
	switch {
	case e.Result == audit.Refused && e.Rule == ruleEntry && e.Reason == policy.UnknownEntry.String():
		r.unknownEntry(e)
		return
	case e.Engine == 0 && e.Kind == audit.KindRefuse && e.Result == audit.Refused && e.Op == opAsk:
		r.summary.Unrecorded++ // what was asked for is not in the event
		return
	case e.Engine == 0:
		r.differ(e, Decided, "%s by no decision: it names no engine", e.Result)
		return
	case e.Kind == audit.KindRefuse && e.Result != audit.Refused:
		r.differ(e, Decided, "an event of kind %s says %q", e.Kind, e.Result)
	}
	r.engine = max(r.engine, e.Engine)
	r.alone = false
	of := r.entries[e.Entry]
	switch {
	case isUnproven(e) && e.Decided != nil:
		r.checkInstant(e, time.Time{})
		r.summary.Unchecked++
	case of == nil:
		r.differ(e, Register, "there is no entry %q", e.Entry)
	default:
		r.judgeOn(e, of)
	}
}

// unknownEntry: what was made a moment ago may not have been there when this
// was decided. A run of the daemon knows what earlier ones recorded.
func (r *Replay) unknownEntry(e *audit.Event) {
	of := r.entries[e.Entry]
	if of == nil {
		r.summary.Decisions++
		r.summary.Refused++
		return
	}
	const underway = time.Minute // longer than a request takes
	if r.run > of.madeRun || e.Decided == nil || e.Decided.Time().After(of.madeAt.Add(underway)) {
		r.differ(e, Register, "refused as unknown: entry %q was made by event %d", e.Entry, of.made)
	}
}

// isUnproven tells whether it was refused because the record in the store was
// not what the acts made it. What else that record said nobody knows; the one
// rule that comes before may have refused by it.
func isUnproven(e *audit.Event) bool {
	if e.Result != audit.Refused || !hasBut(e, butUnproven) {
		return false
	}
	return e.Reason == policy.RecordUnproven.String() && e.Rule == "entry.proof" || e.Reason == policy.NotACaller.String() && e.Rule == "callers"
}

func (r *Replay) judgeOn(e *audit.Event, of *entry) {
	rev, ok := of.revisions[e.Rev]
	if !ok {
		r.differ(e, Register, "entry %q has no revision %d yet: it stands at %d", e.Entry, e.Rev, of.record.Rev)
		return
	}
	if rev.policyRev != e.PolicyRev {
		r.differ(e, Register, "revision %d has revision %d of the policy, not %d", e.Rev, rev.policyRev, e.PolicyRev)
		return
	}
	r.checkInForce(e, of)
	by := of.policies[e.PolicyRev]
	args, err := e.Arguments(rev.subject)
	if err != nil {
		r.differ(e, Arguments, "%v", err)
		return
	}
	if e.Engine < countedUses {
		r.asBefore(&args, rev, e)
	}
	decision, usage, err := by.Decide(args)
	if err != nil {
		r.differ(e, Arguments, "%v", err)
		return
	}
	if e.Engine >= countedUses || e.Result == audit.Allowed {
		r.checkInstant(e, rev.recorded) // engines before wrote nothing of a clock that refused
	}
	if e.Engine >= countedUses {
		r.checkArguments(e, of, by, rev, usage)
	} else if r.engine >= countedUses {
		r.differ(e, Arguments, "engine %d after engine %d: its program could not open this store any more", e.Engine, r.engine)
	}
	r.compare(e, decision)
	if e.Result == audit.Refused && isUnchecked(e, usage) {
		r.summary.Unchecked++
	}
}

// checkInForce: the committer refuses what was decided under a revision that is
// no longer in force, and nothing else as that.
func (r *Replay) checkInForce(e *audit.Event, of *entry) {
	inForce := e.Rev == of.record.Rev
	switch {
	case e.Result == audit.Allowed && !inForce:
		r.differ(e, Register, "used under revision %d, which event %d had ended: revision %d was in force", e.Rev, of.moved, of.record.Rev)
	case isChanged(e) && e.Rule == ruleRevision && inForce:
		r.differ(e, Register, "refused as overtaken: revision %d was in force", e.Rev)
	case isChanged(e) && e.Rule == ruleApprovals:
		r.checkOvertaken(e)
	}
}

// isChanged tells whether a use that was allowed was overtaken by a change.
func isChanged(e *audit.Event) bool {
	return e.Result == audit.Refused && e.Reason == policy.Changed.String()
}

// compare holds the recorded answer to that of the rules.
func (r *Replay) compare(e *audit.Event, d policy.Decision) {
	r.summary.Decisions++
	if d.Allowed() {
		r.summary.Allowed++
	} else {
		r.summary.Refused++
	}
	changed := isChanged(e)
	switch {
	case e.Result == audit.Allowed, e.Result == audit.Failed, changed:
		if !d.Allowed() {
			r.differ(e, Decided, "%s: the rules refuse: %s, by %s", wordOf(e, changed), d.Reason, d.Rule)
		}
		if changed && e.Rule != ruleRevision && e.Rule != ruleApprovals {
			r.differ(e, Rule, "overtaken by %q: want %s or %s", e.Rule, ruleRevision, ruleApprovals)
		}
	case e.Result != audit.Refused:
		r.differ(e, Decided, "the result is %q: want allowed, refused or failed", e.Result)
	case e.Engine < countedUses && isUnrecorded(e.Rule):
		r.summary.Unrecorded++
	case d.Allowed():
		r.differ(e, Decided, "refused: %s, by %s: the rules allow it", e.Reason, e.Rule)
	case d.Reason.String() != e.Reason:
		r.differ(e, Decided, "refused: %s, by %s: the rules refuse: %s, by %s", e.Reason, e.Rule, d.Reason, d.Rule)
	case d.Rule != e.Rule:
		r.differ(e, Rule, "refused: %s, by %s: the rules refuse by %s", e.Reason, e.Rule, d.Rule)
	}
}

func wordOf(e *audit.Event, changed bool) string {
	if changed {
		return "allowed, then overtaken"
	}
	if e.Result == audit.Failed {
		return "allowed, then failed"
	}
	return "allowed"
}

// isUnrecorded tells whether engines before 3 refused by that rule on grounds
// that their events do not have: a name that meant another id, a record or a
// key that did not prove itself, the clock, what a CA said last.
func isUnrecorded(rule string) bool {
	switch rule {
	case "callers", "entry.proof", "entry.key", "clock", "entry.certificate", "crl_max_age":
		return true
	}
	return false
}

// asBefore makes the arguments what an engine before 3 decided on: what its
// event does not have follows from the record.
func (r *Replay) asBefore(a *policy.Arguments, rev revision, e *audit.Event) {
	a.Version, a.Container, a.Active = "", "", rev.active
	if a.Engine == 1 {
		a.Proven, a.Certificate = false, nil
		return
	}
	if a.Certificate != nil {
		a.Certificate.Revoked, a.Certificate.ListMade = rev.revoked, r.lists[e.CRL]
	}
}
