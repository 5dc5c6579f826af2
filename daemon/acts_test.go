package daemon

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// changed returns the act of req with a change, for the same content.
func changed(o *officer, req admin.ActRequest, change func(*authority.Act)) admin.ActRequest {
	o.Helper()
	a, err := authority.ParseAct([]byte(req.Act))
	if err != nil {
		o.Fatal(err)
	}
	change(&a)
	return o.request(a, []byte(req.Content))
}

func TestActsAreRefusedForWhatTheyAre(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	o := r.administrator()
	suspend := func() admin.ActRequest { return o.act(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"}) }
	date := func(d time.Duration) string {
		return r.clock.real().Add(d).UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	used := suspend()
	if _, code := o.submit(used); code != 0 {
		t.Fatal(code)
	}
	for _, c := range []struct {
		name string
		req  admin.ActRequest
		want protocol.Code
	}{
		{"replayed", used, protocol.ActReplayed},
		{"expired", changed(o, suspend(), func(a *authority.Act) { a.NotAfter = date(-time.Minute) }), protocol.ActExpired},
		{"outlives its nonce", changed(o, suspend(), func(a *authority.Act) { a.NotAfter = date(8 * 24 * time.Hour) }), protocol.Malformed},
		{"another appliance", changed(o, suspend(), func(a *authority.Act) { a.Appliance = strings.Repeat("0", 64) }), protocol.OtherAppliance},
		{"another history", changed(o, suspend(), func(a *authority.Act) { a.LogRoot = strings.Repeat("0", 64) }), protocol.OtherAppliance},
		{"a log of the future", changed(o, suspend(), func(a *authority.Act) { a.LogSize += 1000 }), protocol.Malformed},
		{"content altered", func() admin.ActRequest { q := suspend(); q.Content = `{"basis":"y"}`; return q }(), protocol.Malformed},
		{"unknown kind", func() admin.ActRequest {
			q := suspend()
			q.Act = strings.Replace(q.Act, "entry.suspend", "entry.explode", 1)
			return q
		}(), protocol.Malformed},
		{"not canonical", func() admin.ActRequest { q := suspend(); q.Act += " "; return q }(), protocol.Malformed},
		{"signed where there are no officers", func() admin.ActRequest {
			q := suspend()
			q.Signatures = []admin.Signature{{Form: "ssh", Value: "x"}}
			return q
		}(), protocol.BadActSignature},
		{"kind not built", o.act(authority.SealMake, "sm2", authority.Nothing{}), protocol.Unsupported},
		{"unknown entry", o.act(authority.EntrySuspend, "nobody", authority.Suspend{Basis: "x"}), protocol.UnknownEntry},
		{"no reason given", o.act(authority.EntrySuspend, "sm2", authority.Suspend{}), protocol.Malformed},
		{"active already", o.act(authority.EntryActivate, "sm2", authority.Nothing{}), protocol.IllegalTransition},
		{"no such hold", o.act(authority.EntryResume, "sm2", authority.Resume{Hold: 9}), protocol.IllegalTransition},
		{"entry exists", o.act(authority.KeyCreate, "sm2", authority.CreateKey{Type: "SM2", Token: "seals"}), protocol.Conflict},
		{"unknown token", o.act(authority.KeyCreate, "new", authority.CreateKey{Type: "SM2", Token: "attic"}), protocol.Malformed},
		{"unknown key type", o.act(authority.KeyCreate, "new", authority.CreateKey{Type: "DSA", Token: "seals"}), protocol.Malformed},
		{"id that is none", o.act(authority.KeyCreate, "../new", authority.CreateKey{Type: "SM2", Token: "seals"}), protocol.Malformed},
		{"policy with faults", o.act(authority.PolicySet, "sm2", authority.SetPolicy{Text: "callers = 7\nfoo = 1\n"}), protocol.Malformed},
		{"policy of an unknown user", o.act(authority.PolicySet, "sm2", authority.SetPolicy{Text: strings.Replace(policyText, "%d", `"no-such-user-here"`, 1)}), protocol.Malformed},
	} {
		if _, code := o.submit(c.req); code != c.want {
			t.Errorf("%s: %v, want %v", c.name, code, c.want)
		}
	}
	refused := 0
	for _, e := range r.events() {
		if e.Kind == audit.KindAct && e.Result == audit.Refused {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no refused act is in the log")
	}
}

func TestActsAreForTheAdminGroupOnAdminSock(t *testing.T) {
	needRoot(t)
	r := startedRig(t)
	r.entry("sm2", "SM2")
	auditor := r.officer("audit", daemonUID+11, auditGID)
	req := r.administrator().act(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"})
	if _, code := auditor.submit(req); code != protocol.Unsupported {
		t.Errorf("act on audit.sock: %v, want unsupported", code)
	}
	if status, body := r.officer("admin", 0, auditGID).call("POST", admin.PathActs, mustJSON(t, req)); status != 403 {
		t.Errorf("act by root outside the group: %d %s", status, body)
	}
	if got := r.server.appliance().book.find("sm2").entry.Status(); got != "active" {
		t.Errorf("entry is %s", got)
	}
}

func TestEveryActNamesTheOneBeforeIt(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	o := r.administrator()
	o.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"})
	o.must(authority.EntryResume, "sm2", authority.Resume{})
	last := uint64(0) // the genesis
	n := 0
	for _, e := range r.events() {
		if e.Kind != audit.KindAct {
			continue
		}
		n++
		if e.PrevAct == nil || *e.PrevAct != last || e.Role != "unsigned" {
			t.Errorf("event %d: prev_act %v, role %q, want %d, unsigned", e.Seq, e.PrevAct, e.Role, last)
		}
		last = e.Seq
	}
	if n != 5 {
		t.Errorf("%d acts, want 5", n)
	}
	data, err := r.server.appliance().store.Entries()
	if err != nil {
		t.Fatal(err)
	}
	if e, err := register.Parse(data["sm2"]); err != nil || e.Proof.Event != last || !strings.Contains(e.Proof.Act, "entry.resume") {
		t.Errorf("record's proof = %+v, want event %d", e.Proof, last)
	}
}

func TestCeremonyLeavesATranscript(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	e := r.server.appliance().book.find("sm2").entry
	text, err := r.server.appliance().store.Blob(e.Key.Transcript)
	if err != nil || authority.ContentHash(text) != e.Key.Transcript {
		t.Fatalf("transcript: %q, %v", text, err)
	}
	for _, want := range []string{"CKA_SENSITIVE", "CKA_EXTRACTABLE", "CKA_NEVER_EXTRACTABLE", "C_WrapKey", "sign and verify"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the transcript does not say %s: %s", want, text)
		}
	}
	for _, ev := range r.events() {
		if ev.Op != string(authority.KeyCreate) {
			continue
		}
		if ev.Count != 1 {
			t.Errorf("event %d counts %d signatures of the ceremony, want 1", ev.Seq, ev.Count)
		}
		facts, err := readFacts(r.server.appliance().store, ev.Value)
		if err != nil || facts.Key.Transcript != e.Key.Transcript || ev.Signer != r.server.appliance().book.find("sm2").signer {
			t.Errorf("event %d names transcript %s and key %s", ev.Seq, ev.Value, ev.Signer)
		}
	}
}

// A module that lies in a ceremony leaves neither key nor entry behind.
func TestLyingModuleMakesNoEntry(t *testing.T) {
	r := startedRig(t)
	o := r.administrator()
	r.token.Control(t, "lie=extractable")
	if _, code := o.submit(o.act(authority.KeyCreate, "sm2", authority.CreateKey{Type: "SM2", Token: "seals"})); code == 0 {
		t.Fatal("a key that says it is extractable became an entry")
	}
	r.token.Control(t)
	if r.server.appliance().book.find("sm2") != nil {
		t.Error("the entry exists")
	}
	keys, err := r.server.tokens.byName["seals"].driver.Keys(t.Context(), "seals")
	if err != nil || len(keys) != 0 {
		t.Errorf("keys left on the token: %v, %v", keys, err)
	}
}

func TestCryptoGMTakesSM2KeysOnly(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	o.must(authority.Init, "", authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "gm", Deployment: "owner"})
	r.waitMode(Serving)
	for _, typ := range algo.KeyTypes() {
		want := protocol.Malformed
		if typ == algo.KeySM2 {
			want = 0
		}
		if _, code := o.submit(o.act(authority.KeyCreate, "k-"+strings.ToLower(typ.String()), authority.CreateKey{Type: typ.String(), Token: "seals"})); code != want {
			t.Errorf("%v: %v, want %v", typ, code, want)
		}
	}
}

func TestSuspendDoesNotWaitForACeremony(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.token.Control(t, "C_GenerateKeyPair=delay:2s")
	created := make(chan protocol.Code, 1)
	maker := r.administrator()
	req := maker.act(authority.KeyCreate, "slow", authority.CreateKey{Type: "SM2", Token: "seals"})
	go func() {
		_, code := maker.submit(req)
		created <- code
	}()
	r.administrator().must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "lost"})
	select {
	case code := <-created:
		t.Fatalf("the ceremony was over first: %v", code)
	default:
	}
	r.token.Control(t)
	if code := <-created; code != 0 {
		t.Errorf("the ceremony: %v", code)
	}
}

// A name that means another uid than when the policy was set allows nobody:
// the account may be somebody else's by now.
func TestPolicyOfARecycledUIDAllowsNobody(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	name := "daemon" // on every Debian
	r.administrator().must(authority.PolicySet, "sm2", authority.SetPolicy{Text: strings.Replace(policyText, "%d", strconv.Quote(name), 1)})
	acct := r.server.appliance().book.find("sm2")
	uid, err := systemLookup.User(name)
	if err != nil || !acct.policy.Names(uid, nil) {
		t.Fatalf("the policy does not name %s (%d): %v", name, uid, err)
	}
	record := acct.record
	record.Users = []policy.Principal{{Name: name, ID: uid + 1}}
	stale, err := newAccount(acct.entry)
	mustDo(t, err)
	stale.bind(record, acct.policy.Policy(), systemLookup)
	if stale.policy.Names(uid, nil) || stale.policy.Names(uid+1, nil) || len(stale.policy.Stale()) != 1 {
		t.Errorf("a pair that no longer matches still allows: %+v", stale.policy.Stale())
	}
}

func TestLogIsReadInPagesAndReadingIsAnEvent(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	auditor := r.officer("audit", daemonUID+11, auditGID)
	var lines []string
	for next := uint64(0); ; {
		status, body := auditor.call("GET", fmt.Sprintf("%s?from=%d&limit=2", admin.PathEvents, next), "")
		if status != 200 {
			t.Fatalf("events: %d %s", status, body)
		}
		page := fromJSON[admin.Events](t, body)
		lines = append(lines, page.Lines...)
		if next = page.Next; next >= page.Size {
			break
		}
	}
	reads := 0
	for i, line := range lines {
		e, err := audit.ParseEvent([]byte(line))
		if err != nil || e.Seq != uint64(i) {
			t.Fatalf("line %d: %+v, %v", i, e, err)
		}
		if e.Kind == audit.KindRead {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("%d read events for one connection, want 1", reads)
	}
	for _, query := range []string{"", "?from=0", "?from=-1&limit=1", "?from=0&limit=0", "?from=0&limit=1001", "?from=x&limit=1"} {
		if status, _ := auditor.call("GET", admin.PathEvents+query, ""); status != 400 {
			t.Errorf("events%s: %d, want 400", query, status)
		}
	}
}

// An act that was applied, expired, and whose nonce was dropped must not be
// new again under a clock that is set back.
func TestExpiredActIsNotNewUnderAClockThatIsBehind(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	o := r.administrator()
	o.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "a"})
	resume := o.act(authority.EntryResume, "sm2", authority.Resume{})
	if _, code := o.submit(resume); code != 0 {
		t.Fatal(code)
	}
	r.clock.pass(2 * time.Hour)
	o.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "stolen"})
	o.must(authority.PolicySet, "sm2", authority.SetPolicy{Text: fmt.Sprintf(policyText, myUID(callerUID))})
	r.clock.jump(-90 * time.Minute)
	if _, code := o.submit(resume); code != protocol.ClockBehind {
		t.Errorf("the old act under a clock that is behind: %v, want clock_behind", code)
	}
	if got := r.server.appliance().book.find("sm2").entry.Status(); got != "suspended" {
		t.Errorf("entry is %s", got)
	}
}

// Two copies of one act at once: one is carried out, and makes one key.
func TestSecondCopyOfAnActInHandIsReplayed(t *testing.T) {
	r := startedRig(t)
	r.token.Control(t, "C_GenerateKeyPair=delay:500ms")
	o, other := r.administrator(), r.administrator()
	req := o.act(authority.KeyCreate, "sm2", authority.CreateKey{Type: "SM2", Token: "seals"})
	codes := make(chan protocol.Code, 2)
	for _, who := range []*officer{o, other} {
		go func() {
			_, code := who.submit(req)
			codes <- code
		}()
	}
	got := []protocol.Code{<-codes, <-codes}
	slices.Sort(got)
	if !slices.Equal(got, []protocol.Code{0, protocol.ActReplayed}) {
		t.Errorf("answers %v, want one success and one replayed", got)
	}
	r.token.Control(t)
	keys, err := r.server.tokens.byName["seals"].driver.Keys(t.Context(), "seals")
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys on the token, %v, want 1", len(keys), err)
	}
}

// An entry's id may be as long as a label of PKCS#11, and a label has a part of
// the act's nonce as well.
func TestKeyOfAnEntryWithTheLongestID(t *testing.T) {
	r := startedRig(t)
	r.entry(strings.Repeat("a", protocol.MaxEntryID), "EC-P256")
}
