package replay

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
)

// An approval is what was asked for and what became of it. Acts make it what it
// is one after the other; a decision may have seen each of them.
type approval struct {
	asked register.Asking
	was   []version // oldest first

	run    uint64 // of the last use
	before uint32 // uses when that began
	shown  uint64 // the last run in which a decision saw it: it proved itself
}

// A version is an approval from one event on, in the run of the daemon that
// recorded it.
type version struct {
	register.Approval
	run uint64
}

func (a *approval) now() *version { return &a.was[len(a.was)-1] }

// ask takes a request for an approval.
func (r *Replay) ask(e *audit.Event) error {
	if e.Result != audit.Allowed && e.Result != "" {
		return nil
	}
	content, err := r.content(e.Value)
	if errors.Is(err, errUnread) {
		return fmt.Errorf("replaying event %d: %w", e.Seq, err)
	}
	if err == nil {
		err = r.newApproval(e, content)
	}
	if err != nil {
		r.differ(e, Register, "approval %.16q: %v", e.Approval, err)
	}
	return nil
}

func (r *Replay) newApproval(e *audit.Event, content []byte) error {
	if got := authority.ContentHash(content); got != e.Value {
		return fmt.Errorf("the SM3 of the content is %.16s…, the event says %.16q…", got, e.Value)
	}
	made, err := register.NewApproval(content, e.Seq)
	switch {
	case err != nil:
		return err
	case made.ID != e.Approval:
		return fmt.Errorf("the content is that of approval %s", made.ID)
	case r.approvals[made.ID] != nil:
		return fmt.Errorf("it was asked for before, by event %d", r.approvals[made.ID].was[0].Event)
	case made.Asked.Entry != e.Entry || e.UID == nil || made.Asked.UID != *e.UID:
		return fmt.Errorf("the content is of entry %q and uid %d", made.Asked.Entry, made.Asked.UID)
	}
	if err := r.checkAsking(e, made.Asked); err != nil {
		r.differ(e, Decided, "approval %s was asked for: %v", made.ID, err)
	}
	r.summary.Approvals++
	r.approvals[made.ID] = &approval{asked: made.Asked, was: []version{{made, r.run}}}
	return nil
}

// checkAsking holds a request that was taken to the policy in force.
func (r *Replay) checkAsking(e *audit.Event, asked register.Asking) error {
	of := r.entries[e.Entry]
	if of == nil {
		return fmt.Errorf("there is no entry %q", e.Entry)
	}
	rev, ok := of.revisions[e.Rev]
	if !ok || rev.policyRev != e.PolicyRev || of.policies[e.PolicyRev] == nil || e.GID == nil {
		return fmt.Errorf("entry %q has no revision %d with revision %d of the policy", e.Entry, e.Rev, e.PolicyRev)
	}
	from, until, err := asked.Window()
	if err != nil || e.Decided == nil {
		return cmp.Or(err, errors.New("it has no time"))
	}
	r.checkInstant(e, rev.recorded)
	by := of.policies[e.PolicyRev]
	want, _ := by.Policy().Approvals()
	d := by.Ask(policy.Asking{
		UID: *e.UID, GIDs: append([]uint32{*e.GID}, e.GIDs...), Purpose: asked.Purpose, Form: asked.Form, Count: asked.Count,
		Life: until.Sub(from), Class: rev.subject.Class,
	})
	switch {
	case !d.Allowed():
		return fmt.Errorf("the policy refuses it: %s by %s", d.Reason, d.Rule)
	case asked.Persons != want.Persons:
		return fmt.Errorf("for %d persons to grant: the policy asks for %d", asked.Persons, want.Persons)
	}
	return nil
}

// decideApproval takes an act that grants, denies or revokes. Whose keys signed
// it is what its event says.
func (r *Replay) decideApproval(e *audit.Event, a register.Applied) error {
	of := r.approvals[e.Approval]
	if of == nil {
		return fmt.Errorf("there is no approval %.16q", e.Approval)
	}
	if e.UID == nil {
		return errors.New("it has no uid")
	}
	next, err := of.now().Decided(a.Act, a.Content, register.Deciders(e.Role, *e.UID), e.Seq)
	if err != nil {
		return err
	}
	of.was = append(of.was, version{next, r.run})
	return nil
}

// useApproval holds a use to the approval that it names, as it is now: the
// committer refuses what the approval no longer allows.
func (r *Replay) useApproval(e *audit.Event) {
	of := r.approvals[e.Approval]
	if of == nil {
		r.differ(e, Approved, "used under approval %.16q, which nobody had asked for", e.Approval)
		return
	}
	if other := of.misfit(e); other != "" {
		r.differ(e, Approved, "used under approval %s, which is for another %s", e.Approval, other)
	}
	now := of.now()
	switch {
	case now.State != policy.Granted:
		r.differ(e, Approved, "used under approval %s, which was %s", e.Approval, now.State)
	case now.Used >= now.Count:
		r.differ(e, Approved, "use %d under approval %s, which was for %d", now.Used+1, e.Approval, now.Count)
	case !of.ran(e.Decided.Time(), r.run):
		r.differ(e, Approved, "used on %s under approval %s, which had ended", clock(e.Decided.Time()), e.Approval)
	}
	of.begin(r.run)
	now.Used++
	if now.Asked.Form != policy.ByDigests {
		return
	}
	i, free := now.Digest(e.Value)
	if !free {
		r.differ(e, Approved, "used under approval %s for a digest that it was not for, or that was signed before", e.Approval)
		return
	}
	now.Signed = append(slices.Clip(now.Signed), i)
}

// begin notes how often it was used before a run.
func (a *approval) begin(run uint64) {
	if a.run != run {
		a.run, a.before = run, a.now().Used
	}
}

// checkOvertaken: the committer refuses by the approval only where it does not
// allow all the uses that one request asks of it.
func (r *Replay) checkOvertaken(e *audit.Event) {
	of := r.approvals[e.Approval]
	if of == nil {
		r.differ(e, Approved, "overtaken by a change of approval %.16q, which nobody had asked for", e.Approval)
		return
	}
	uses := uint64(1)
	if len(e.Batch) == 2 {
		uses = uint64(e.Batch[1])
	}
	if now := of.now(); now.State == policy.Granted && uint64(now.Used)+uses <= uint64(now.Count) {
		r.differ(e, Approved, "overtaken by a change of approval %s, which was granted, with %d of %d used", e.Approval, now.Used, now.Count)
	}
}

// ran tells whether a decision of this run could find that the approval had
// begun and not ended.
func (a *approval) ran(at time.Time, run uint64) bool {
	return slices.ContainsFunc(a.visible(run), func(v version) bool {
		arg := v.Argument(0, true)
		return !at.Before(arg.From) && !at.After(arg.Until)
	})
}

// visible are the versions that a decision of this run could see: the last one
// of the runs before, and all that came after.
func (a *approval) visible(run uint64) []version {
	first := len(a.was) - 1
	for first > 0 && a.was[first].run == run {
		first--
	}
	return a.was[first:]
}

// checkNone holds a decision that found no approval to those that were asked
// for. One that is used up, or has ended, is forgotten; one that does not prove
// itself is none, of which there is no event. Of an approval that was asked for
// in this run, or seen by a decision, it is known that it proves itself.
func (r *Replay) checkNone(e *audit.Event, given *policy.Approval) {
	if !isBare(*given) {
		r.differ(e, Arguments, "given says of an approval that it is none, and more")
		return
	}
	of := r.approvals[given.ID]
	if of == nil || of.now().Used >= of.now().Count {
		return
	}
	if _, end, err := of.asked.Window(); err != nil || !end.After(e.Decided.Time()) || !end.After(r.recorded) {
		return
	}
	if of.shown != r.run && of.was[0].run != r.run {
		r.summary.Unchecked++
		return
	}
	r.differ(e, Arguments, "given says that there is no approval %s: it was %s", given.ID, of.now().State)
}

// checkGiven holds what the decision says of an approval to what it was.
func (r *Replay) checkGiven(e *audit.Event, given *policy.Approval) {
	if given.State == policy.NoApproval {
		r.checkNone(e, given)
		return
	}
	of := r.approvals[given.ID]
	if of == nil {
		r.differ(e, Arguments, "given says that approval %.16q was %s: nobody had asked for it", given.ID, given.State)
		return
	}
	if fits, known := of.fits(e); known && fits != given.Fits {
		r.differ(e, Arguments, "given says that approval %s fits: %t; it does: %t", given.ID, given.Fits, fits)
	}
	if !slices.ContainsFunc(of.visible(r.run), func(v version) bool { return v.is(*given) }) {
		r.differ(e, Arguments, "given is not what approval %s was: it was %s, for %d uses", given.ID, of.now().State, of.now().Count)
		return
	}
	if lost := r.lost.happened && of.was[0].Event < r.lost.event; lost != given.Unknown {
		r.differ(e, Arguments, "given says that the uses of approval %s are unknown: %t; they are: %t", given.ID, given.Unknown, lost)
	}
	of.begin(r.run)
	of.shown = r.run
	switch used := of.now().Used; {
	case given.Used > used:
		r.differ(e, Arguments, "given says that approval %s had %d uses: the log has %d so far", given.ID, given.Used, used)
	case given.Used < of.before:
		r.differ(e, Arguments, "given says that approval %s had %d uses: the log had %d when the daemon started", given.ID, given.Used, of.before)
	case uint64(given.Used)+uint64(given.Reserved) > uint64(of.asked.Count):
		r.differ(e, Arguments, "given says that %d uses of approval %s were being signed, after %d: it was asked for %d", given.Reserved, given.ID, given.Used, of.asked.Count)
	}
}

func isBare(a policy.Approval) bool {
	return a.Form == 0 && !a.Fits && len(a.By) == 0 && a.From.IsZero() && a.Until.IsZero() && a.Count == 0 && a.Used == 0 && a.Reserved == 0 && !a.Unknown
}

// is tells whether the version is what was given, but for what was used of it.
func (v version) is(given policy.Approval) bool {
	want := v.Argument(0, given.Fits)
	return given.State == want.State && given.Form == want.Form && slices.Equal(given.By, want.By) &&
		given.From.Equal(want.From) && given.Until.Equal(want.Until) && given.Count == want.Count
}

// fits tells whether the use is what was asked for, as far as its event says:
// the value that is signed stands only in the events of what was signed.
func (a *approval) fits(e *audit.Event) (fits, known bool) {
	asked := a.asked
	if asked.UID != *e.UID || asked.Entry != e.Entry || asked.Purpose != e.Purpose {
		return false, true
	}
	if asked.Form == policy.ByDigests && e.Value == "" {
		return false, false
	}
	return bound(asked, e), true
}

// misfit says what about a use is not what was asked for, "" if all is.
func (a *approval) misfit(e *audit.Event) string {
	switch asked := a.asked; {
	case asked.Entry != e.Entry:
		return "entry"
	case asked.UID != *e.UID:
		return "account"
	case asked.Purpose != e.Purpose:
		return "purpose"
	case !bound(asked, e):
		return "document"
	}
	return ""
}

// bound tells whether what is signed is what the approval is bound to.
func bound(asked register.Asking, e *audit.Event) bool {
	switch asked.Form {
	case policy.ByDocument:
		return asked.DocSM3 == e.DocSM3
	case policy.ByReferences:
		return asked.RefsSM3 == e.RefsSM3
	case policy.ByDigests:
		return slices.Contains(asked.Digests, e.Value)
	case policy.ByCount:
		return true
	}
	return false
}
