package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/store/storetest"
	"signet/protocol"
	"signet/protocol/canonical"
)

// replaced is the officers without one of them, and another in his place.
func (r *officers) replaced(t testing.TB, id, by string) authority.ChangeOfficers {
	r.people[by] = newSignatory(t, by, r.people[id].Role, 1)
	return authority.ChangeOfficers{Set: []authority.Officer{r.people[by].Officer}, Remove: []string{id}}
}

// An act is judged by the officers of the moment when it is recorded, which is
// what whoever reads the log judges it by.
func TestOfficerRemovedWhileHisActIsPreparedMakesNothing(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("sm2", "SM2")
	r.token.Control(t, "C_GenerateKeyPair=delay:1s")
	req := r.signed(authority.KeyCreate, "late", authority.CreateKey{Type: "SM2", Token: "seals"}, "adam", "sara", "sven")
	change := r.replaced(t, "sven", "sofia")
	before := len(r.keysOnToken())
	late := make(chan protocol.Code, 1)
	maker := r.administrator()
	go func() {
		_, code := maker.submit(req)
		late <- code
	}()
	r.must(authority.OfficerChange, "", change, "sara", "sun", "anna")
	if code := <-late; code != protocol.BadActSignature {
		t.Errorf("the act of an officer who was removed: %v, want bad_signature", code)
	}
	r.token.Control(t)
	if after := r.keysOnToken(); len(after) != before {
		t.Errorf("%d keys on the token, there were %d", len(after), before)
	}
	if code := r.try(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"}, "sven"); code != protocol.BadActSignature {
		t.Errorf("a later act of his: %v, want bad_signature", code)
	}
	r.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"}, "sofia")
	r.stop()
	r.start()
	r.waitMode(Serving)
	if got := r.waitProven(); got != 1 {
		t.Errorf("%d records are proven, want that one: what he signed while he was one stays; warnings %q", got, r.status().Warnings)
	}
	r.must(authority.EntryResume, "sm2", authority.Resume{}, "sofia", "sara")
	if code := r.try(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"}, "sven"); code != protocol.BadActSignature {
		t.Errorf("an act of his after a restart: %v, want bad_signature", code)
	}
}

func (r *officers) keysOnToken() []string {
	r.Helper()
	keys, err := r.server.tokens.byName["seals"].driver.Keys(r.Context(), "seals")
	mustDo(r, err)
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.Label)
	}
	return ids
}

// Two acts that cannot both be: one is applied, and the log and the record
// agree on which.
func TestTwoActsAtOnceFollowOneAnother(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("sm2", "SM2")
	for range 8 {
		r.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"}, "sara")
		codes := make(chan protocol.Code, 2)
		for _, by := range [][]string{{"sara", "sven"}, {"sun", "sven"}} {
			req, o := r.signed(authority.EntryResume, "sm2", authority.Resume{}, by...), r.administrator()
			go func() {
				_, code := o.submit(req)
				codes <- code
			}()
		}
		got := []protocol.Code{<-codes, <-codes}
		slices.Sort(got)
		if !slices.Equal(got, []protocol.Code{0, protocol.IllegalTransition}) {
			t.Fatalf("two resumes at once: %v, want one success and one illegal_transition", got)
		}
	}
	r.stop()
	r.start()
	r.waitMode(Serving)
	if got := r.waitProven(); got != 1 {
		t.Errorf("%d records are proven, want 1; warnings %q", got, r.status().Warnings)
	}
}

// An act is applied once: its nonce is remembered over a restart, and what root
// takes out of the store's nonces still stands in the acts.
func TestActIsNotReplayedAfterARestart(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("sm2", "SM2")
	r.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "lost"}, "sara")
	resume := r.signed(authority.EntryResume, "sm2", authority.Resume{}, "sara", "sven")
	if _, code := r.administrator().submit(resume); code != 0 {
		t.Fatal(code)
	}
	r.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "stolen"}, "sara")
	for name, meanwhile := range map[string]func(){
		"as it was":           func() {},
		"with nonces removed": func() { storetest.Edit(t, r.path("state", storeName), func(f *storetest.File) { f.Empty("nonce") }) },
	} {
		r.stop()
		meanwhile()
		r.start()
		r.waitMode(Serving)
		if _, code := r.administrator().submit(resume); code != protocol.ActReplayed {
			t.Errorf("the act again, the store %s: %v, want replayed", name, code)
		}
	}
}

// A certificate must be valid when its officer signs. What he signed while it
// was stays proven.
func TestOfficerWhoseCertificateExpiredSignsNoMore(t *testing.T) {
	r := newOfficers(t)
	sven := r.people["sven"]
	sven.Keys, sven.signers = nil, nil
	sven.addUKey(t, time.Now().Add(2*time.Hour))
	r.start()
	r.waitMode(Uninitialised)
	r.initialise()
	r.waitMode(Serving)
	r.activeEntry("sm2", "SM2")
	r.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"}, "sven")
	r.clock.pass(3 * time.Hour)
	if code := r.try(authority.EntryResume, "sm2", authority.Resume{}, "sara", "sven"); code != protocol.BadActSignature {
		t.Errorf("an act with an expired certificate: %v, want bad_signature", code)
	}
	if last := r.lastEvent(); !strings.Contains(last.Reason, "bad_signature") {
		t.Errorf("last event: %+v", last)
	}
	r.must(authority.EntryResume, "sm2", authority.Resume{}, "sara", "sun")
	r.stop()
	r.start()
	r.waitMode(Serving)
	if got := r.waitProven(); got != 1 {
		t.Errorf("%d records are proven, want 1; warnings %q", got, r.status().Warnings)
	}
}

// The acts are read for their nonces at each start, without the rest of them.
// No text of an act can stand for its nonce.
func TestNonceOfAnActIsThatWhichItWasAppliedUnder(t *testing.T) {
	r := newOfficers(t)
	r.start()
	for _, target := range []string{"", "contract", `,"nonce":"00000000000000000000000000000000"`, `"`, `\`} {
		req := r.administrator().act(authority.TokenReload, target, authority.Nothing{})
		act := authority.Act{}
		mustDo(t, canonical.Unmarshal([]byte(req.Act), &act))
		if got := authority.NonceOf(req.Act); got != act.Nonce {
			t.Errorf("target %q: nonce %q, want %q", target, got, act.Nonce)
		}
	}
}
