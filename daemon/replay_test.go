package daemon

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store/storetest"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// appendAct writes the event of an act behind the log, with frontier and last
// act as they must be, and the record that follows from it: all that root can
// do with officers' signatures that he has from elsewhere.
func (b *breakIn) appendAct(f *storetest.File, like *audit.Event, raw string, signatures []string, at time.Time) {
	b.Helper()
	_, size, _ := f.Head()
	e := *like
	decided := audit.At(at)
	prev := b.lastAct(f, size)
	e.Seq, e.Recorded, e.Decided, e.PrevAct, e.Act, e.ActSigs = size, decided, &decided, &prev, raw, signatures
	line, err := e.AppendLine(nil)
	mustDo(b, err)
	f.Put("ev", storetest.Seq(size), string(line))
	f.Rehash()
	f.Put("meta", "last_act", storetest.Seq(size))
	f.Put("state", "recorded", storetest.Seq(uint64(at.UnixMicro())))
	if authority.AboutEntry(authority.Kind(e.Op)) {
		b.follow(f, &e)
	}
}

func (b *breakIn) lastAct(f *storetest.File, size uint64) uint64 {
	b.Helper()
	for seq := size; seq > 0; seq-- {
		e, err := audit.ParseEvent([]byte(f.Get("ev", storetest.Seq(seq-1))))
		mustDo(b, err)
		if e.Kind == audit.KindAct && e.Result == audit.Allowed {
			return e.Seq
		}
	}
	return 0
}

// follow makes the record that the act of e makes.
func (b *breakIn) follow(f *storetest.File, e *audit.Event) {
	b.Helper()
	before, err := register.Parse([]byte(f.Get("entry", e.Entry)))
	mustDo(b, err)
	act, err := authority.ParseAct([]byte(e.Act))
	mustDo(b, err)
	signatures, err := authority.ParseSignatures(e.ActSigs)
	mustDo(b, err)
	step, err := register.Apply(before, register.Applied{
		Act: act, Content: []byte(f.Get("blob", storetest.Blob(act.ContentSHA))), At: e.Decided.Time(),
		Proof: register.Proof{Act: e.Act, Signatures: signatures, Event: e.Seq},
	})
	mustDo(b, err)
	data, err := step.Entry.Marshal()
	mustDo(b, err)
	f.Put("entry", e.Entry, string(data))
	f.Put("hist", storetest.Revision(e.Entry, step.Entry.Rev), string(data))
}

// Signatures of officers are worth something once, on this appliance, and until
// they expire, also for who writes the file.
func TestRootCannotCarryOutWhatOfficersSignedForAnotherTimeOrPlace(t *testing.T) {
	b := newBreakIn(t)
	b.start()
	b.waitMode(Serving)
	resume := authority.Resume{} // fits any hold
	b.must(authority.EntryResume, suspendedEntry, resume, "sara", "sven")
	applied := b.lastEvent()
	b.must(authority.EntrySuspend, suspendedEntry, authority.Suspend{Basis: "stolen"}, "sara")
	second := authority.Resume{Hold: 2}
	unused := b.signed(authority.EntryResume, suspendedEntry, second, "sara", "sven")
	elsewhere := changed(b.administrator(), b.signed(authority.EntryResume, suspendedEntry, second), func(a *authority.Act) {
		a.Appliance = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	})
	for _, id := range []string{"sara", "sven"} {
		elsewhere.Signatures = append(elsewhere.Signatures, b.people[id].sign(t, elsewhere.Act, 0))
	}
	b.stop()
	mustDo(t, os.RemoveAll(b.spare))
	mustDo(t, os.CopyFS(b.spare, os.DirFS(b.path("state"))))
	now := b.clock.real()
	for name, c := range map[string]struct {
		raw        string
		signatures []string
		at         time.Time
	}{
		"an act that was carried out":  {applied.Act, applied.ActSigs, now},
		"an act for another appliance": {elsewhere.Act, textsOf(elsewhere.Signatures), now},
		"an act that has expired":      {unused.Act, textsOf(unused.Signatures), now.Add(2 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			own := *b
			own.officers = &officers{&rig{}, b.people}
			*own.rig = *b.rig
			own.TB = t
			own.attack(func(b *breakIn, f *storetest.File) {
				if c.raw != applied.Act {
					f.Put("blob", storetest.Blob(authority.ContentHash([]byte(`{"hold":2}`))), `{"hold":2}`)
				}
				b.appendAct(f, applied, c.raw, c.signatures, c.at)
			})
			if own.server.appliance() == nil {
				own.waitMode(InRecovery)
				return
			}
			reply, err := own.caller(callerUID).Sign(context.Background(), signRequest(suspendedEntry, algo.ECDSAP256SHA256, 1))
			if err == nil && reply.Results[0].GetError() == nil {
				t.Error("the entry signs")
			}
			if acct := own.server.appliance().book.find(suspendedEntry); own.server.appliance().prove(acct) == nil && acct.entry.MaySign() {
				t.Error("the record counts as proven")
			}
		})
	}
}

func textsOf(signatures []admin.Signature) []string {
	var texts []string
	for _, s := range signatures {
		texts = append(texts, s.Form+":"+s.Value)
	}
	return texts
}

// What was refused for good is spent: who keeps the act cannot hand it in when
// things stand otherwise.
func TestActThatWasRefusedForGoodIsSpent(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("kept", "EC-P256")
	resume := r.signed(authority.EntryResume, "kept", authority.Resume{}, "sara", "sven")
	if _, code := r.administrator().submit(resume); code != protocol.IllegalTransition {
		t.Fatalf("resuming what is active: %v", code)
	}
	r.must(authority.EntrySuspend, "kept", authority.Suspend{Basis: "misused"}, "sun")
	if _, code := r.administrator().submit(resume); code != protocol.ActReplayed {
		t.Errorf("the same act later: %v, want replayed", code)
	}
	waiting := r.signed(authority.EntryResume, "kept", authority.Resume{Hold: 1}, "sara")
	if _, code := r.administrator().submit(waiting); code != protocol.TooFew {
		t.Fatal(code)
	}
	waiting.Signatures = slices.Clip(append(waiting.Signatures, r.people["sven"].sign(t, waiting.Act, 0)))
	if _, code := r.administrator().submit(waiting); code != 0 {
		t.Errorf("an act that lacked a signature is spent: %v", code)
	}
}

// Acts that take no signatures do not have the log hashed for whoever asks.
func TestUnsignedActNamesALogOfLately(t *testing.T) {
	r := startedOfficers(t)
	o := r.administrator()
	first := changed(o, r.signed(authority.SelfTest, "", authority.Nothing{}), func(a *authority.Act) { a.LogSize = 1 })
	r.stop()
	r.start()
	r.waitMode(Serving)
	if _, code := r.administrator().submit(first); code != protocol.Malformed {
		t.Errorf("self-test over a log of long ago: %v, want malformed", code)
	}
}
