package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

// add hands in an act that waits with one more signature.
func (r *officers) add(req admin.ActRequest, signatures ...admin.Signature) protocol.Code {
	r.Helper()
	req.Signatures = signatures
	_, code := r.administrator().submit(req)
	return code
}

func TestBadSignatureTakesNoGoodOnesWithIt(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("sm2", "SM2")
	r.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"}, "sara")
	req := r.signed(authority.EntryResume, "sm2", authority.Resume{}, "sara")
	nonce := nonceOf(t, req)
	if _, code := r.administrator().submit(req); code != protocol.TooFew {
		t.Fatalf("resume by one: %v", code)
	}
	good := slices.Clone(r.proposal(nonce).Signatures)
	stranger := newSignatory(t, "stranger", authority.SecurityOfficer, 1)
	for name, c := range map[string]struct {
		signature admin.Signature
		want      protocol.Code
	}{
		"of nobody":                {stranger.sign(t, req.Act, 0), protocol.BadActSignature},
		"on another act":           {r.people["sven"].sign(t, req.Act+" ", 0), protocol.BadActSignature},
		"of the same person":       {r.people["sara"].sign(t, req.Act, 1), protocol.DuplicateSigner},
		"of another role":          {r.people["udo"].sign(t, req.Act, 0), protocol.RoleRefused},
		"that is none":             {admin.Signature{Form: "ssh", Value: "AAAA"}, protocol.BadActSignature},
		"of a form that is none":   {admin.Signature{Form: "pgp", Value: "AAAA"}, protocol.BadActSignature},
		"that waits there already": {good[0], protocol.TooFew},
	} {
		if code := r.add(req, c.signature); code != c.want {
			t.Errorf("a signature %s: %v, want %v", name, code, c.want)
		}
		if got := r.proposal(nonce); !slices.Equal(got.Signatures, good) || !slices.Equal(got.Signers, []string{"security-officer:sara"}) {
			t.Errorf("after a signature %s the act waits with %+v", name, got)
		}
	}
	altered := req
	altered.Content = `{"hold":1}`
	if code := r.add(altered, r.people["sven"].sign(t, req.Act, 0)); code != protocol.Malformed {
		t.Errorf("other content under the same act: %v, want malformed", code)
	}
	if code := r.add(req, r.people["sven"].sign(t, req.Act, 0)); code != 0 {
		t.Errorf("the second good signature: %v", code)
	}
	if left := r.waiting(); len(left) != 0 {
		t.Errorf("acts that wait: %+v", left)
	}
}

// What nobody signed, or nobody who may, takes no place among what waits.
func TestOnlyOfficersFillTheListOfWhatWaits(t *testing.T) {
	r := startedOfficers(t)
	r.try(authority.EntryActivate, "sm2", authority.Nothing{})
	r.try(authority.EntryActivate, "sm2", authority.Nothing{}, "udo")
	stranger := newSignatory(t, "stranger", authority.SecurityOfficer, 1)
	req := r.signed(authority.EntryActivate, "sm2", authority.Nothing{})
	r.add(req, stranger.sign(t, req.Act, 0))
	if left := r.waiting(); len(left) != 0 {
		t.Errorf("acts that wait: %+v", left)
	}
}

// lasting is an act of one signature that expires after d.
func (r *officers) lasting(d time.Duration, by string) admin.ActRequest {
	r.Helper()
	o := r.administrator()
	req := changed(o, o.act(authority.EntryActivate, "sm2", authority.Nothing{}), func(a *authority.Act) {
		a.NotAfter = r.clock.real().Add(d).UTC().Truncate(time.Second).Format(time.RFC3339)
	})
	req.Signatures = []admin.Signature{r.people[by].sign(r, req.Act, 0)}
	return req
}

func TestWhatWaitsIsBoundedAndExpires(t *testing.T) {
	r := startedOfficers(t)
	o := r.administrator()
	var nonces []string
	others := r.lasting(time.Minute+2*time.Hour, "sven")
	if _, code := o.submit(others); code != protocol.TooFew {
		t.Fatalf("the act of another: %v", code)
	}
	for i := range maxOwnProposals + 3 {
		req := r.lasting(time.Hour+time.Duration(i)*time.Minute, "sara")
		nonces = append(nonces, nonceOf(t, req))
		if _, code := o.submit(req); code != protocol.TooFew {
			t.Fatalf("act %d: %v", i, code)
		}
	}
	var left []string
	for _, p := range r.waiting() {
		if p.Nonce != nonceOf(t, others) {
			left = append(left, p.Nonce)
		}
	}
	if !slices.Equal(left, nonces[3:]) || len(r.waiting()) != len(left)+1 {
		t.Errorf("%d acts wait, the first is %v: want %d, those of the same officer that expire first gone", len(left), left[0], maxOwnProposals)
	}
	r.clock.pass(time.Hour + 5*time.Minute + 30*time.Second)
	if got := r.waiting(); len(got) != maxOwnProposals+1-3 || got[0].Nonce != nonces[6] {
		t.Errorf("%d acts wait after some have expired, want %d", len(got), maxOwnProposals+1-3)
	}
	if status, body := o.call("GET", admin.PathActs+"/"+nonces[5], ""); status != 404 || !strings.Contains(body, "signetctl act list") {
		t.Errorf("one that has expired: %d %s", status, body)
	}
}

// An act that waits with the signature of somebody who is no officer any more
// goes on with those of the others.
func TestWaitingActLosesTheSignatureOfWhoLeft(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("kept", "EC-P256")
	r.people["suki"] = newSignatory(t, "suki", authority.SecurityOfficer, 1)
	waiting := r.signed(authority.EntryCancel, "kept", authority.Cancel{Basis: "x"}, "sun")
	if _, code := r.administrator().submit(waiting); code != protocol.TooFew {
		t.Fatalf("one signature: %v, want too_few", code)
	}
	r.must(authority.OfficerChange, "", authority.ChangeOfficers{Set: []authority.Officer{r.people["suki"].Officer}, Remove: []string{"sun"}}, "sara", "sven", "adam")
	waiting.Signatures = []admin.Signature{r.people["sara"].sign(t, waiting.Act, 0)}
	if _, code := r.administrator().submit(waiting); code != protocol.TooFew {
		t.Fatalf("one of the officers who stayed: %v, want too_few", code)
	}
	waiting.Signatures = []admin.Signature{r.people["suki"].sign(t, waiting.Act, 0)}
	if _, code := r.administrator().submit(waiting); code != 0 {
		t.Errorf("with that of the new one: %v", code)
	}
}

// Where there is no more room it is made by whoever takes most of it.
func TestRoomForWhatWaitsIsMadeByWhoHasMost(t *testing.T) {
	p := newProposals()
	now := time.Now().UTC().Truncate(time.Second)
	add := func(nonce string, after time.Duration, by string) {
		sub := submission{raw: nonce, signers: []authority.Signer{{ID: by, Role: authority.SecurityOfficer}}, signatures: make([]authority.Signature, 1)}
		sub.act = authority.Act{Nonce: nonce, NotAfter: now.Add(after).Format(time.RFC3339)}
		p.settle(sub, protocol.NewError(protocol.TooFew, "one more"))
	}
	add("alone", time.Second, "anna") // expires before all others
	for i := range maxProposals - 1 {
		add(fmt.Sprintf("%02d", i), time.Duration(i)*time.Hour, fmt.Sprintf("s%d", i%5))
	}
	if len(p.byNonce) != maxProposals {
		t.Fatalf("%d acts wait, want %d", len(p.byNonce), maxProposals)
	}
	add("new", time.Hour, "udo")
	if len(p.byNonce) != maxProposals || p.byNonce["alone"] == nil || p.byNonce["new"] == nil || p.byNonce["00"] != nil {
		t.Errorf("%d acts wait; the one alone %v, the new one %v, the first of who has most %v", len(p.byNonce), p.byNonce["alone"] != nil, p.byNonce["new"] != nil, p.byNonce["00"] != nil)
	}
}

// Whoever signs by the nonce signs what he was shown.
func TestActThatWaitsIsNotReplacedByAnotherOfItsNonce(t *testing.T) {
	r := startedOfficers(t)
	first := r.lasting(time.Hour, "sara")
	if _, code := r.administrator().submit(first); code != protocol.TooFew {
		t.Fatalf("the first: %v", code)
	}
	second := r.signAgain(first, func(a *authority.Act) { a.Target = "other" }, "sven")
	if code, text := refusalOf(r.administrator(), second); code != protocol.Conflict || !strings.Contains(text, "make this one anew") {
		t.Errorf("another act of the nonce: %v %s, want a conflict", code, text)
	}
	if got := r.proposal(nonceOf(t, first)); got.Act != first.Act || !slices.Equal(got.Signers, []string{"security-officer:sara"}) {
		t.Errorf("what waits is %+v", got)
	}
}
