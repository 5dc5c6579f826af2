package daemon

import (
	"errors"
	"fmt"
	"testing"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/store"
	"signet/daemon/internal/store/storetest"
	"signet/protocol"
	"signet/protocol/admin"
)

// What a member of signet-admin can do who holds no key: bring acts.

func TestActOfTheGroupDoesNotSpendTheNonceOfOneThatWaits(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("kept", "EC-P256")
	waiting := r.signed(authority.EntryCancel, "kept", authority.Cancel{Basis: "x"}, "sara")
	if _, code := r.administrator().submit(waiting); code != protocol.TooFew {
		t.Fatal(code)
	}
	o := r.administrator()
	thief := changed(o, r.signed(authority.SelfTest, "", authority.Nothing{}), func(a *authority.Act) { a.Nonce = mustAct(t, waiting.Act).Nonce })
	if _, code := o.submit(thief); code != protocol.Conflict {
		t.Errorf("a self-test of the nonce: %v, want conflict", code)
	}
	waiting.Signatures = []admin.Signature{r.people["sven"].sign(t, waiting.Act, 0)}
	if _, code := o.submit(waiting); code != 0 {
		t.Errorf("the second signature: %v", code)
	}
}

// Each attempt that officers signed stands in the log; what somebody makes up
// without a key is counted, whatever targets he names.
func TestAttemptsOfOfficersAreEventsAndMadeUpOnesAreCounted(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("kept", "EC-P256")
	before := len(r.events())
	for range 3 {
		if code := r.try(authority.EntryCancel, "kept", authority.Cancel{Basis: "x"}, "sara"); code != protocol.TooFew {
			t.Fatal(code)
		}
	}
	if got := len(r.events()) - before; got != 3 {
		t.Errorf("three acts that an officer signed are %d events", got)
	}
	before = len(r.events())
	for i := range 20 {
		if code := r.try(authority.EntrySuspend, fmt.Sprint("nobody-", i), authority.Suspend{Basis: "x"}); code != protocol.TooFew {
			t.Fatal(code)
		}
	}
	if got := len(r.events()) - before; got != 1 {
		t.Errorf("twenty made-up targets are %d events, want 1", got)
	}
}

func TestActOfAnotherModeIsRecorded(t *testing.T) {
	r := startedOfficers(t)
	for _, kind := range []authority.Kind{authority.Init, authority.ModeClear} {
		if code := r.try(kind, "", authority.Nothing{}); code != protocol.Conflict {
			t.Errorf("%s while serving: %v, want conflict", kind, code)
		}
		if e := r.lastEvent(); e.Op != string(kind) || e.Result != audit.Refused {
			t.Errorf("%s while serving: the last event is %+v", kind, e)
		}
	}
}

// A body that is no backup does not take away the one that waits for its act.
func TestUploadOfRubbishLeavesWhatWasHandedIn(t *testing.T) {
	v := startedVault(t, ageKeeper(t))
	_, body := v.keeper.open(t, v.backup())
	v.lose()
	v.waitReason(InRecovery, "anchor")
	v.mustUpload(body)
	if _, fault := v.upload([]byte("x")); fault == nil {
		t.Fatal("a byte is taken for a backup")
	}
	if names := v.names(); !names.Staged {
		t.Error("what was handed in is gone")
	}
}

// A backup that could not be restored is not made: it is found out while there
// is still a store.
func TestBackupOfADamagedRegisterFails(t *testing.T) {
	for name, damage := range map[string]func(*storetest.File){
		"no history":                func(f *storetest.File) { f.Empty("hist") },
		"a content that was edited": func(f *storetest.File) { f.Put("blob", f.Keys("blob")[0], "edited") },
	} {
		t.Run(name, func(t *testing.T) {
			r := startedRig(t)
			r.entry("contract", "EC-P256")
			r.stop()
			r.edited = true
			storetest.Edit(t, r.path("state", storeName), damage)
			r.start()
			r.waitMode(Serving)
			picture, err := r.server.appliance().store.Snapshot()
			mustDo(t, err)
			err = picture.Records(t.Context(), func(backup.Record) error { return nil }, func(uint64) {})
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("its backup: %v, want that it is damaged", err)
			}
		})
	}
}
