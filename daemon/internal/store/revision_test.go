package store

import (
	"bytes"
	"testing"

	"signet/daemon/internal/audit"
)

func guarded(sig string, rev uint64) *Commit {
	c := uses(sig)
	c.Guard = &Guard{Entry: "contracts", Rev: rev}
	return c
}

// The build with tag broken_revision must fail this test: there a use stands
// in the log, with its signature, behind the act that ended it.
func TestUseIsOvertakenByAChangeOfItsEntry(t *testing.T) {
	r := newRig(t, Options{})
	r.record(act(entry(t, "contracts", 1)))
	r.record(act(entry(t, "others", 1)))
	if c := r.record(guarded("good", 1)); c.Overtaken || c.Events[0].Result != audit.Allowed {
		t.Fatalf("use under the current revision is %+v", c.Events[0])
	}
	first, suspend, late := guarded("first", 1), act(entry(t, "contracts", 2)), guarded("late", 1)
	other := uses("other")
	other.Guard = &Guard{Entry: "others", Rev: 1}
	for i, err := range r.together(first, suspend, late, other) {
		if err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
	}
	if first.Overtaken || other.Overtaken {
		t.Error("a use before the change, or of another entry, was refused")
	}
	wantOvertaken(r, late, "late")
	wantOvertaken(r, r.record(guarded("later", 1)), "later")
	r.reopen()
	wantOvertaken(r, r.record(guarded("latest", 1)), "latest")
	if c := r.record(guarded("new", 2)); c.Overtaken {
		t.Error("a use under the new revision was refused")
	}
}

func wantOvertaken(r *rig, c *Commit, sig string) {
	r.Helper()
	if !c.Overtaken {
		r.Errorf("%s: the submitter is not told that its use was overtaken", sig)
	}
	line := r.line(c.Receipts[0].Event)
	e, err := audit.ParseEvent(line)
	if err != nil {
		r.Fatal(err)
	}
	if e.Result != audit.Refused || e.Reason != "changed" || e.Rule != "entry.revision" {
		r.Errorf("%s: event is %q %q %q, want refused, changed, entry.revision", sig, e.Result, e.Reason, e.Rule)
	}
	if bytes.Contains(line, []byte(`"`+sig+`"`)) {
		r.Errorf("%s: the signature stands in the line %s", sig, line)
	}
}

func TestUseOfAnEntryThatIsNotThereIsOvertaken(t *testing.T) {
	r := newRig(t, Options{})
	wantOvertaken(r, r.record(guarded("a", 1)), "a")
}

func TestOnlyWhatWasAllowedIsOvertaken(t *testing.T) {
	r := newRig(t, Options{})
	r.record(act(entry(t, "contracts", 2)))
	c := guarded("a", 1)
	c.Events = append(c.Events, &audit.Event{Kind: audit.KindSign, Result: audit.Failed, Reason: "hsm_failed"}, use("b"))
	r.record(c)
	for i, want := range []audit.Result{audit.Refused, audit.Failed, audit.Refused} {
		if got := c.Events[i].Result; got != want {
			t.Errorf("event %d is %s, want %s", i, got, want)
		}
	}
}

// Whoever guards a change means it to be made under that revision or not.
func TestOvertakenChangeIsNotMade(t *testing.T) {
	r := newRig(t, Options{})
	r.record(act(entry(t, "contracts", 2)))
	c := act(entry(t, "contracts", 7))
	c.Guard = &Guard{Entry: "contracts", Rev: 1}
	r.record(c)
	if revs := r.revs(); !c.Overtaken || len(revs) != 1 || revs["contracts"] != 2 {
		t.Errorf("overtaken %v, revisions %v: want revision 2", c.Overtaken, revs)
	}
	if c.Events[0].PrevAct != nil {
		t.Error("the act that was overtaken is a link of the acts")
	}
	if c := r.record(guarded("now", 2)); c.Overtaken {
		t.Error("the revision moved all the same")
	}
}
