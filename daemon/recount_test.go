package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store/storetest"
	"signet/protocol"
	"signet/protocol/algo"
)

// waitCounted waits until the counts were held to the log.
func (r *rig) waitCounted() {
	r.Helper()
	r.waitFor(func() bool { return r.server.appliance().counts.wrong.Load() != nil }, "the counts to be held to the log")
}

// wantWarning waits for a warning of status with all of these words.
func (r *rig) wantWarning(words ...string) {
	r.Helper()
	r.waitFor(func() bool {
		for _, w := range r.status().Warnings {
			all := true
			for _, word := range words {
				all = all && strings.Contains(w, word)
			}
			if all {
				return true
			}
		}
		return false
	}, fmt.Sprintf("a warning that says %q", words))
}

// wantAlarm waits for a line of the journal with all of these words.
func (r *rig) wantAlarm(words ...string) {
	r.Helper()
	r.waitFor(func() bool {
		for line := range strings.Lines(r.journal.String()) {
			all := true
			for _, word := range words {
				all = all && strings.Contains(line, word)
			}
			if all {
				return true
			}
		}
		return false
	}, fmt.Sprintf("a line of the journal that says %q", words))
}

// breakInto stops the appliance, edits its store as root does, makes the marker
// fit, and starts it.
func (r *rig) breakInto(edit func(*storetest.File)) {
	r.Helper()
	r.stop()
	r.edited = true
	m, err := readMarker(r.path("state"))
	mustDo(r, err)
	storetest.Edit(r, r.path("state", storeName), func(f *storetest.File) {
		edit(f)
		appliance, size, root := f.Head()
		m.Appliance, m.Size, m.Root = appliance, size, fmt.Sprintf("%x", root)
	})
	mustDo(r, m.write(r.path("state")))
	r.own(r.path("state"))
	r.start()
	r.waitMode(Serving)
}

func TestApprovalThatRootGaveUsesBackIsNotUsed(t *testing.T) {
	r := approvalRig(t, approvalLines)
	two := func(req *protocol.ApprovalRequest) { req.Count = 2 }
	info, sound := r.ask(two), r.ask(two)
	for _, i := range []*protocol.ApprovalInfo{info, sound} {
		r.must(authority.ApprovalGrant, keptEntry, granting(i), "carl")
		expectCode(t, "first use", r.useApproved(i.Id, nil), 0)
	}
	r.breakInto(func(f *storetest.File) {
		a, err := register.ParseApproval([]byte(f.Get("appr", f.Approval(info.Id))))
		mustDo(t, err)
		a.Used = 0
		record, err := a.Marshal()
		mustDo(t, err)
		f.Put("appr", f.Approval(info.Id), string(record))
	})
	r.waitCounted()
	expectCode(t, "a use of what it would have left", r.useApproved(info.Id, nil), protocol.ApprovalNeeded)
	if got := r.try(authority.ApprovalRevoke, keptEntry, ending(info), "carl"); got != protocol.RecordUnproven {
		t.Errorf("an act on it: %v, want record_unproven", got)
	}
	expectCode(t, "the second use of another", r.useApproved(sound.Id, nil), 0)
	why := "the store counts 0 of its uses, the log has 1"
	r.wantWarning("approval "+info.Id+" is not used", why)
	r.wantAlarm("critical record-unproven:", fmt.Sprintf("ENTRY=%q ", "approval "+info.Id), why)
}

// What is signed while the log is counted is no difference.
func TestHonestCountsAreProvenBesideUses(t *testing.T) {
	r := quotaRig(t, "quotas = { day = 100000 }\n")
	for range 30 {
		r.use(r.caller(callerUID), 100)
	}
	r.stop()
	r.start()
	r.waitMode(Serving)
	var signing sync.WaitGroup
	for _, uid := range []int{callerUID, otherUID} {
		signing.Go(func() {
			c := r.caller(uid)
			for a := r.server.appliance(); a.counts.wrong.Load() == nil; {
				r.use(c, 3)
			}
		})
	}
	r.waitCounted()
	signing.Wait()
	if w := r.server.appliance().counts.wrong.Load(); len(w.entries) != 0 || len(w.approvals) != 0 || w.log != nil {
		t.Errorf("found wrong: %+v", w)
	}
	if signed, refused := r.uses(callerUID, 1); signed != 1 {
		t.Errorf("afterwards: %v", refused)
	}
}

// A log that cannot be counted says nothing of any count: what needs one is
// refused, the rest goes on.
func TestLogThatCannotBeCountedRefusesWhatIsCounted(t *testing.T) {
	r := quotaRig(t, "quotas = { lifetime = 5 }\n")
	r.entry("free", "EC-P256")
	if signed, refused := r.uses(callerUID, 3); signed != 3 {
		t.Fatal(refused)
	}
	last := r.lastEvent().Seq
	r.breakInto(func(f *storetest.File) {
		e, err := audit.ParseEvent([]byte(f.Get("ev", storetest.Seq(last))))
		mustDo(t, err)
		e.Entry = ""
		line, err := e.AppendLine(nil)
		mustDo(t, err)
		f.Put("ev", storetest.Seq(last), string(line))
		f.Rehash()
	})
	r.waitCounted()
	if _, refused := r.uses(callerUID, 1); !errors.Is(refused, protocol.RecordUnproven) {
		t.Errorf("an entry with a quota: %v, want record_unproven", refused)
	}
	if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("free", algo.ECDSAP256SHA256, 1)); err != nil {
		t.Errorf("an entry without one: %v", err)
	}
	a := r.server.appliance()
	if e := a.describeEntry(a.book.find("p256")); e.Proof != "unproven" || !strings.Contains(e.Unproven, fmt.Sprintf("event %d", last)) {
		t.Errorf("the entry is said to be %s: %s", e.Proof, e.Unproven)
	}
	if e := a.describeEntry(a.book.find("free")); e.Proof == "unproven" {
		t.Errorf("the other one is said to be unproven: %s", e.Unproven)
	}
	r.wantWarning("entries with quotas, and approvals, are not used", fmt.Sprintf("event %d", last))
	r.wantAlarm("critical record-unproven:", "ENTRY=none ", fmt.Sprintf("event %d", last))
}

// What could not be counted proves nothing: uses go on, and somebody is told.
func TestCountsThatCouldNotBeHeldToTheLog(t *testing.T) {
	r := quotaRig(t, "quotas = { lifetime = 5 }\n")
	r.stop()
	scratch := r.path("state", storeName+".recount")
	mustDo(t, os.MkdirAll(scratch+"/full", 0o700))
	r.start()
	r.waitMode(Serving)
	r.wantWarning("what the store counts was not held to the log")
	r.wantAlarm("store-fault:", "could not be held to the log")
	if signed, refused := r.uses(callerUID, 1); signed != 1 {
		t.Errorf("a use: %v", refused)
	}
	r.stop()
	mustDo(t, os.RemoveAll(scratch))
	r.start()
	r.waitMode(Serving)
	r.waitCounted()
	for _, w := range r.status().Warnings {
		if strings.Contains(w, "held to the log") {
			t.Errorf("after another start: %s", w)
		}
	}
}
