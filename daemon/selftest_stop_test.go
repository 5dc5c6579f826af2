package daemon

import (
	"context"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/hsm"
	"signet/testsoftHSM/ca"
)

// A self-test that a stop overtakes finds nothing wrong, and stops nothing.
func TestStopIsNoFailedSelfTest(t *testing.T) {
	r := selfTestRig(t)
	r.administrator().must(authority.KeyCreate, "pending", authority.CreateKey{Type: "SM2", Token: "seals"}) // has no policy to be read first
	a := r.server.appliance()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := len(r.events())
	if failed := a.runSelfTest(ctx, ownUID).failed(); len(failed) != 0 {
		t.Errorf("a run that was ended: failed are %q", failed)
	}
	a.testByClock(ctx)
	if now := len(r.events()); now != before {
		t.Errorf("%d events of runs in which nothing was tested", now-before)
	}
	records, err := a.store.Entries()
	mustDo(t, err)
	r.stop()
	if failed := a.runSelfTest(t.Context(), ownUID).failed(); len(failed) != 0 {
		t.Errorf("a run on a closed store: failed are %q", failed)
	}
	for id, data := range records {
		if wrong, err := a.recordFault(id, data); wrong != nil || !isStoreError(err) {
			t.Errorf("the record of %s on a closed store: wrong %v, error %v", id, wrong, err)
		}
	}
	for _, acct := range a.book.all() {
		acct.proof = new(proving)
	}
	a.proveAll(t.Context())
	for _, acct := range a.book.all() {
		if word, why := acct.proof.describe(); word != "pending" {
			t.Errorf("%s is %s (%s) on a closed store", acct.entry.ID, word, why)
		}
	}
	if list := append(a.troubles.list(), a.selfTests.list()...); len(list) != 0 {
		t.Errorf("alarms: %q", list)
	}
}

// What nobody waits for ends when a stop begins, not when draining has taken
// too long.
func TestStopDoesNotWaitForChores(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	ended := make(chan struct{})
	r.server.aside(func() { <-r.server.chores.Done(); close(ended) })
	began := time.Now()
	r.stop()
	<-ended
	if took := time.Since(began); took >= drainTimeout {
		t.Errorf("the stop took %v", took)
	}

	r.start()
	r.waitMode(Serving)
	a := r.server.appliance()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, acct := range a.book.all() {
		acct.proof = new(proving)
	}
	a.proveAll(ctx)
	for _, acct := range a.book.all() {
		if word, _ := acct.proof.describe(); word != "pending" {
			t.Errorf("%s is %s after a proving that was over before", acct.entry.ID, word)
		}
	}
}

// An act between its commit and the page that it turns is not taken for a
// forged record.
func TestSelfTestBesideActsRaisesNoAlarm(t *testing.T) {
	r := selfTestRig(t)
	a := r.server.appliance()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o := r.administrator()
		for range 25 {
			o.must(authority.EntrySuspend, "one", authority.Suspend{Basis: "x"})
			o.must(authority.EntryResume, "one", authority.Resume{})
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		report := new(selfReport)
		if err := a.testRecords(t.Context(), report); err != nil || len(report.failed()) != 0 {
			t.Fatalf("%v, %+v", err, report.Checks)
		}
	}
}

// The mark of a list is on the record, and the list among what was done to it,
// before anybody can look.
func TestSelfTestFindsAMarkOfAListProven(t *testing.T) {
	r := selfTestRig(t)
	c := r.certify("one", ca.Order{})
	r.revoke(1, c)
	if held := r.mustList(r.list(ca.List{})); len(held) != 1 {
		t.Fatalf("held: %q", held)
	}
	r.mustFail()
}

// A key that could not be destroyed, or was put back, is told of.
func TestSelfTestTellsOfADestroyedKeyThatIsThere(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("seal", "EC-P256")
	r.must(authority.EntryCancel, "seal", authority.Cancel{Basis: "x"}, "sara", "sven")
	told := func() bool {
		for _, c := range r.server.appliance().runSelfTest(t.Context(), ownUID).Checks {
			if c.Name == noteKeys+"seals" {
				return true
			}
		}
		return false
	}
	if told() {
		t.Error("the key of a cancelled entry is told of, which is rightly there")
	}
	r.token.Control(t, "C_DestroyObject=0x30")
	if code := r.try(authority.KeyDestroy, "seal", authority.DestroyKey{Basis: "x"}, "sara", "sven"); code == 0 {
		t.Fatal("the key was destroyed")
	}
	r.token.Control(t)
	r.waitFor(func() bool { return r.server.tokens.isUp("seals") && told() }, "the note of the key")
}

func TestOnlyWhatWasSentIsCountedAsASignature(t *testing.T) {
	sent := map[hsm.Class]bool{
		hsm.ClassUnknown: true, hsm.ClassRequest: true, hsm.ClassSession: true, hsm.ClassHandle: true, hsm.ClassLogin: true,
		hsm.ClassDevice: true, hsm.ClassAnswer: true, hsm.ClassDeadline: true,
	}
	for class := hsm.ClassUnknown; class <= hsm.ClassUnsupported; class++ {
		if got := wasSent(&hsm.Error{Class: class}); got != sent[class] {
			t.Errorf("class %v: sent is %v, want %v", class, got, sent[class])
		}
	}
	if !wasSent(nil) {
		t.Error("a signature that was made was not sent")
	}
}
