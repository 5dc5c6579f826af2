package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store/storetest"
	"signet/hsm"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// keptEntry is the entry that carl keeps.
const keptEntry = "kept"

const approvalLines = "approvals = { forms = [\"document\", \"digests\", \"count\"], most = 3, longest = \"2h\" }\n"

// approvalRig has the entry that carl keeps, under a policy that asks for
// approvals, on a morning.
func approvalRig(t *testing.T, lines string) *officers {
	t.Helper()
	r := startedOfficers(t)
	r.morning(1)
	r.activeEntry(keptEntry, "EC-P256")
	r.must(authority.PolicySet, keptEntry, authority.SetPolicy{Text: quotaPolicy(lines, callerUID)}, "sara", "sven")
	return r
}

var fileSM3 = bytes.Repeat([]byte{7}, 32)

// asked is a request for approval of a document, with what the test changes.
func asked(change func(*protocol.ApprovalRequest)) *protocol.ApprovalRequest {
	req := &protocol.ApprovalRequest{
		Entry: keptEntry, Form: protocol.ApprovalForm_BY_DOCUMENT, Justification: "contract with the waterworks",
		Context: &protocol.Context{Purpose: "contract", UserId: "u17", DocSm3: fileSM3},
	}
	if change != nil {
		change(req)
	}
	return req
}

func (r *officers) ask(change func(*protocol.ApprovalRequest)) *protocol.ApprovalInfo {
	r.Helper()
	reply, err := r.caller(callerUID).RequestApproval(context.Background(), asked(change))
	if err != nil {
		r.Fatal(err)
	}
	return reply.Approval
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func granting(info *protocol.ApprovalInfo) authority.GrantApproval {
	return authority.GrantApproval{Approval: info.Id, Request: hexOf(info.Request)}
}

func ending(info *protocol.ApprovalInfo) authority.EndApproval {
	return authority.EndApproval{Approval: info.Id, Request: hexOf(info.Request), Basis: "not this one"}
}

// useApproved asks for one signature under an approval.
func (r *officers) useApproved(id string, change func(*protocol.SignRequest)) *protocol.Error {
	r.Helper()
	req := signRequest(keptEntry, algo.ECDSAP256SHA256, 1)
	req.Approval, req.Context.DocSm3 = id, fileSM3
	if change != nil {
		change(req)
	}
	reply, err := r.caller(callerUID).Sign(context.Background(), req)
	var fault *protocol.Error
	switch {
	case err == nil:
		return reply.Results[0].GetError()
	case !errors.As(err, &fault):
		r.Error(err)
	}
	return fault
}

func expectCode(t testing.TB, what string, fault *protocol.Error, want protocol.Code) {
	t.Helper()
	if want == 0 && fault != nil || want != 0 && !errors.Is(fault, want) {
		t.Errorf("%s: %v, want %v", what, fault, want)
	}
}

func TestApprovalIsAskedGrantedAndUsedOnce(t *testing.T) {
	r := approvalRig(t, approvalLines)
	expectCode(t, "without an approval", r.useApproved("", nil), protocol.ApprovalNeeded)
	info := r.ask(nil)
	expectCode(t, "before it is granted", r.useApproved(info.Id, nil), protocol.ApprovalNeeded)
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	expectCode(t, "for another document", r.useApproved(info.Id, func(req *protocol.SignRequest) { req.Context.DocSm3 = bytes.Repeat([]byte{8}, 32) }), protocol.ApprovalDenied)
	expectCode(t, "granted", r.useApproved(info.Id, nil), 0)
	use := r.lastEvent()
	if use.Approval != info.Id || !strings.Contains(use.Given, `"by":["carl"]`) {
		t.Errorf("the event of the use names approval %q with %s", use.Approval, use.Given)
	}
	expectCode(t, "once more", r.useApproved(info.Id, nil), protocol.ApprovalDenied)
	r.stop()
	r.start()
	r.waitMode(Serving)
	expectCode(t, "once more after a restart", r.useApproved(info.Id, nil), protocol.ApprovalDenied)
	status, err := r.caller(callerUID).ApprovalStatus(context.Background(), info.Id)
	mustDo(t, err)
	if status.State != protocol.ApprovalState_APPROVAL_GRANTED || status.Used != 1 || status.Count != 1 {
		t.Errorf("its status: %v", status)
	}
}

func TestApprovalIsProvenByItsActsAfterARestart(t *testing.T) {
	r := approvalRig(t, approvalLines)
	info := r.ask(func(req *protocol.ApprovalRequest) { req.Count = 2 })
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	expectCode(t, "first use", r.useApproved(info.Id, nil), 0)
	r.stop()
	r.start()
	r.waitMode(Serving)
	expectCode(t, "second use", r.useApproved(info.Id, nil), 0)
	expectCode(t, "third", r.useApproved(info.Id, nil), protocol.ApprovalDenied)
}

func TestWhoMayDecideAnApproval(t *testing.T) {
	r := approvalRig(t, approvalLines)
	info := r.ask(nil)
	for _, c := range []struct {
		what    string
		kind    authority.Kind
		content any
		by      []string
		want    protocol.Code
	}{
		{"a security officer grants what has a custodian", authority.ApprovalGrant, granting(info), []string{"sara", "sven"}, protocol.RoleRefused},
		{"an administrator", authority.ApprovalGrant, granting(info), []string{"adam"}, protocol.RoleRefused},
		{"nobody", authority.ApprovalGrant, granting(info), nil, protocol.TooFew},
		{"other content than was asked for", authority.ApprovalGrant, authority.GrantApproval{Approval: info.Id, Request: strings.Repeat("0", 64)}, []string{"carl"}, protocol.Malformed},
		{"more uses than were asked for", authority.ApprovalGrant, authority.GrantApproval{Approval: info.Id, Request: hexOf(info.Request), Count: 2}, []string{"carl"}, protocol.Malformed},
		{"one that does not exist", authority.ApprovalGrant, authority.GrantApproval{Approval: "0123456789abcdef", Request: strings.Repeat("0", 64)}, []string{"carl"}, protocol.Conflict},
		{"without a basis", authority.ApprovalDeny, authority.EndApproval{Approval: info.Id, Request: hexOf(info.Request)}, []string{"carl"}, protocol.Malformed},
		{"denied", authority.ApprovalDeny, ending(info), []string{"carl"}, 0},
		{"granted after that", authority.ApprovalGrant, granting(info), []string{"carl"}, protocol.IllegalTransition},
	} {
		if got := r.try(c.kind, keptEntry, c.content, c.by...); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	expectCode(t, "a use of what was denied", r.useApproved(info.Id, nil), protocol.ApprovalDenied)
}

func TestTwoCustodiansGrantEachByHimself(t *testing.T) {
	r := newOfficers(t)
	r.people["cora"] = newSignatory(t, "cora", authority.Custodian, 1)
	r.people["cora"].Entries = []string{keptEntry}
	r.start()
	r.waitMode(Uninitialised)
	r.initialise()
	r.waitMode(Serving)
	r.morning(1)
	r.activeEntry(keptEntry, "EC-P256")
	two := "approvals = { persons = 2, forms = [\"document\"] }\n"
	r.must(authority.PolicySet, keptEntry, authority.SetPolicy{Text: quotaPolicy(two, callerUID)}, "sara", "sven")
	info := r.ask(nil)
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	expectCode(t, "granted by one of two", r.useApproved(info.Id, nil), protocol.ApprovalNeeded)
	if got := r.try(authority.ApprovalGrant, keptEntry, granting(info), "carl"); got != protocol.IllegalTransition {
		t.Errorf("the same custodian once more: %v, want illegal_transition", got)
	}
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "cora")
	expectCode(t, "granted by both", r.useApproved(info.Id, nil), 0)
}

// What is revoked while a signature is being made keeps it from leaving.
func TestRevocationOvertakesTheUseInFlight(t *testing.T) {
	g, r := &gate{}, newOfficers(t)
	r.wrap = func(d hsm.Driver) hsm.Driver { g.Driver = d; return g }
	r.start()
	r.waitMode(Uninitialised)
	r.initialise()
	r.waitMode(Serving)
	r.morning(1)
	r.activeEntry(keptEntry, "EC-P256")
	r.must(authority.PolicySet, keptEntry, authority.SetPolicy{Text: quotaPolicy(approvalLines, callerUID)}, "sara", "sven")
	info := r.ask(nil)
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	g.open = make(chan struct{})
	answer := make(chan *protocol.Error, 1)
	go func() { answer <- r.useApproved(info.Id, nil) }()
	r.waitFor(func() bool { return g.waiting.Load() == 1 }, "a signature in flight")
	expectCode(t, "its only use, while it is being used", r.useApproved(info.Id, nil), protocol.ApprovalNeeded)
	r.must(authority.ApprovalRevoke, keptEntry, ending(info), "sara")
	close(g.open)
	fault := <-answer
	expectCode(t, "after the revocation", fault, protocol.Changed)
	if fault.GetRule() != "approvals" {
		t.Errorf("the rule is %q, want approvals", fault.GetRule())
	}
	expectCode(t, "another try", r.useApproved(info.Id, nil), protocol.ApprovalDenied)
	for _, e := range r.events() {
		if e.Kind == audit.KindSign && e.Approval == info.Id && e.Result == audit.Allowed {
			t.Errorf("event %d is a use of the revoked approval", e.Seq)
		}
	}
}

func TestApprovalOfDigestsAndOfACount(t *testing.T) {
	r := approvalRig(t, approvalLines)
	in := digestInput(algo.ECDSAP256SHA256)
	byDigest := r.ask(func(req *protocol.ApprovalRequest) {
		req.Form, req.Digests, req.Context.DocSm3 = protocol.ApprovalForm_BY_DIGESTS, [][]byte{in.GetDigest()}, nil
	})
	r.must(authority.ApprovalGrant, keptEntry, granting(byDigest), "carl")
	expectCode(t, "another digest", r.useApproved(byDigest.Id, nil), protocol.ApprovalDenied)
	expectCode(t, "that digest", r.useApproved(byDigest.Id, func(req *protocol.SignRequest) { req.Inputs[0] = in }), 0)
	byCount := r.ask(func(req *protocol.ApprovalRequest) {
		req.Form, req.Count, req.Context.DocSm3 = protocol.ApprovalForm_BY_COUNT, 3, nil
	})
	r.must(authority.ApprovalGrant, keptEntry, authority.GrantApproval{Approval: byCount.Id, Request: hexOf(byCount.Request), Count: 2}, "carl")
	batch := func(req *protocol.SignRequest) {
		req.Inputs = append(req.Inputs, digestInput(algo.ECDSAP256SHA256), digestInput(algo.ECDSAP256SHA256))
	}
	expectCode(t, "three of the two that were granted", r.useApproved(byCount.Id, batch), protocol.ApprovalDenied)
	for range 2 {
		expectCode(t, "one of two", r.useApproved(byCount.Id, nil), 0)
	}
	expectCode(t, "the third", r.useApproved(byCount.Id, nil), protocol.ApprovalDenied)
}

func TestWhatMayBeAskedFor(t *testing.T) {
	r := approvalRig(t, approvalLines)
	now := r.clock.real()
	for what, c := range map[string]struct {
		uid    int
		change func(*protocol.ApprovalRequest)
		want   protocol.Code
	}{
		"another account":           {otherUID, nil, protocol.NotACaller},
		"an entry that is not":      {callerUID, func(r *protocol.ApprovalRequest) { r.Entry = "nothing" }, protocol.UnknownEntry},
		"a purpose not listed":      {callerUID, func(r *protocol.ApprovalRequest) { r.Context.Purpose = "fun" }, protocol.PurposeRefused},
		"more uses than the policy": {callerUID, func(r *protocol.ApprovalRequest) { r.Count = 4 }, protocol.ApprovalDenied},
		"a form not listed": {callerUID, func(r *protocol.ApprovalRequest) {
			r.Form, r.RefsSm3, r.Context.DocSm3 = protocol.ApprovalForm_BY_REFERENCES, fileSM3, nil
		}, protocol.ApprovalDenied},
		"longer than the policy": {callerUID, func(r *protocol.ApprovalRequest) { r.NotAfter = timestamppb.New(now.Add(3 * time.Hour)) }, protocol.ApprovalDenied},
		"what has passed": {callerUID, func(r *protocol.ApprovalRequest) {
			r.NotBefore, r.NotAfter = timestamppb.New(now.Add(-2*time.Hour)), timestamppb.New(now.Add(-time.Hour))
		}, protocol.Malformed},
	} {
		_, err := r.caller(c.uid).RequestApproval(context.Background(), asked(c.change))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

func TestSameRequestForApprovalIsOne(t *testing.T) {
	r := approvalRig(t, approvalLines)
	first := r.ask(func(req *protocol.ApprovalRequest) { req.RequestId = "a1" })
	r.stop()
	r.start()
	r.waitMode(Serving)
	reply, err := r.caller(callerUID).RequestApproval(context.Background(), asked(func(req *protocol.ApprovalRequest) { req.RequestId = "a1" }))
	mustDo(t, err)
	if !reply.Repeated || reply.Approval.Id != first.Id {
		t.Errorf("again: %v, want approval %s repeated", reply, first.Id)
	}
	_, err = r.caller(callerUID).RequestApproval(context.Background(), asked(func(req *protocol.ApprovalRequest) { req.RequestId, req.Justification = "a1", "other" }))
	if !errors.Is(err, protocol.RequestIDReused) {
		t.Errorf("other content: %v, want request_id_reused", err)
	}
	sign := signRequest(keptEntry, algo.ECDSAP256SHA256, 1)
	sign.RequestId = "a1"
	if _, err := r.caller(callerUID).Sign(context.Background(), sign); !errors.Is(err, protocol.RequestIDReused) {
		t.Errorf("a signature under that id: %v, want request_id_reused", err)
	}
}

// A caller sees what he asked for, a custodian what he keeps.
func TestApprovalsAreShownToThoseTheyAreFor(t *testing.T) {
	r := approvalRig(t, approvalLines)
	info := r.ask(nil)
	if _, err := r.caller(otherUID).ApprovalStatus(context.Background(), info.Id); !errors.Is(err, protocol.UnknownEntry) {
		t.Errorf("another caller: %v, want unknown_entry", err)
	}
	for what, c := range map[string]struct {
		o    *officer
		want int
	}{
		"the custodian": {r.officer("audit", custodianUID, auditGID), 200}, "the auditor": {r.officer("audit", auditorUID, auditGID), 200},
		"the custodian, who may bring acts":    {r.officer("admin", custodianUID, adminGID), 200},
		"who may bring acts and is no officer": {r.rig.administrator(), 403}, "the group alone": {r.officer("audit", auditorUID+9, auditGID), 403},
	} {
		if status, body := c.o.call("GET", admin.PathApprovals+"/"+info.Id, ""); status != c.want {
			t.Errorf("%s: %d %s, want %d", what, status, body, c.want)
		}
	}
	_, body := r.officer("audit", custodianUID, auditGID).call("GET", admin.PathApprovals+"?entry="+keptEntry+"&state=pending", "")
	list := fromJSON[admin.Approvals](t, body).Approvals
	if len(list) != 1 || list[0].ID != info.Id || list[0].DocSM3 != hexOf(fileSM3) || list[0].Person != "u17" {
		t.Errorf("pending: %+v", list)
	}
}

func TestApprovalEndsByItself(t *testing.T) {
	r := approvalRig(t, approvalLines)
	info := r.ask(nil)
	r.clock.pass(3 * time.Hour)
	if got := r.try(authority.ApprovalGrant, keptEntry, granting(info), "carl"); got != protocol.IllegalTransition && got != protocol.Conflict {
		t.Errorf("granted after its end: %v", got)
	}
	status, err := r.caller(callerUID).ApprovalStatus(context.Background(), info.Id)
	mustDo(t, err)
	if status.State != protocol.ApprovalState_APPROVAL_EXPIRED {
		t.Errorf("its state: %v, want expired", status.State)
	}
}

// How often an approval was used in events that were lost is not known: it is
// good for nothing after a restore.
func TestApprovalsFromBeforeARestoreAreGoodForNothing(t *testing.T) {
	v := startedVault(t, ageKeeper(t))
	v.morning(1)
	v.activeEntry(keptEntry, "EC-P256")
	v.must(authority.PolicySet, keptEntry, authority.SetPolicy{Text: quotaPolicy(approvalLines, callerUID)}, "sara", "sven")
	info := v.ask(nil)
	v.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	_, body := v.keeper.open(t, v.backup())
	expectCode(t, "before", v.useApproved(info.Id, nil), 0)
	v.lose()
	v.restore(body)
	v.one = nil
	expectCode(t, "after the restore", v.useApproved(info.Id, nil), protocol.ApprovalDenied)
}

// Root who writes a grant into the store has granted nothing.
func TestGrantInTheStoreAloneIsNone(t *testing.T) {
	b := newBreakIn(t)
	b.start()
	b.waitMode(Serving)
	b.activeEntry(keptEntry, "EC-P256")
	b.must(authority.PolicySet, keptEntry, authority.SetPolicy{Text: quotaPolicy(approvalLines, callerUID)}, "sara", "sven")
	pending := b.ask(nil)
	b.stop()
	mustDo(t, os.RemoveAll(b.spare))
	mustDo(t, os.CopyFS(b.spare, os.DirFS(b.path("state"))))
	forged := 0
	b.attack(func(b *breakIn, f *storetest.File) {
		for _, key := range f.Keys("appr") {
			r, err := register.ParseApproval([]byte(f.Get("appr", key)))
			if err != nil {
				continue // of the index
			}
			r.State, r.Grants = policy.Granted, []register.Grant{{By: []string{"carl"}, Event: r.Event}}
			data, err := r.Marshal()
			mustDo(b, err)
			f.Put("appr", key, string(data))
			forged++
		}
	})
	if forged != 1 {
		t.Fatalf("%d approvals in the store, want one", forged)
	}
	b.waitMode(Serving)
	expectCode(t, "a forged grant", b.useApproved(pending.Id, nil), protocol.ApprovalNeeded)
	if !strings.Contains(b.journal.String(), "record-unproven") {
		t.Error("nobody was told")
	}
}

// Who is told to ask again right away is answered when he does.
func TestRequestForApprovalThatWasOvertakenIsJudgedAnew(t *testing.T) {
	r := approvalRig(t, approvalLines)
	a := r.server.appliance()
	req := asked(func(req *protocol.ApprovalRequest) { req.RequestId, req.Count = "a1", 1 })
	k := &asking{appliance: a, who: Peer{UID: uint32(myUID(callerUID)), GIDs: []uint32{uint32(myUID(callerUID))}}, call: 1, req: req, account: a.book.find(keptEntry), at: a.instant()}
	if reply, f := k.recall(); reply != nil || f != nil {
		t.Fatal(reply, f)
	}
	if f := k.judge(); f != nil {
		t.Fatal(f)
	}
	r.must(authority.PolicySet, keptEntry, authority.SetPolicy{Text: quotaPolicy(approvalLines+"# again\n", callerUID)}, "sara", "sven")
	_, f := k.record()
	if !errors.Is(f, protocol.Changed) || f.Retry != protocol.Retry_NOW {
		t.Fatalf("%v %v", f, f.GetRetry())
	}
	_, err := r.caller(callerUID).RequestApproval(context.Background(), asked(func(req *protocol.ApprovalRequest) { req.RequestId = "a1" }))
	if err != nil {
		t.Errorf("the retry that the answer told him to make: %v", err)
	}
}

// Requests that end soon count for an hour all the same: what nobody decides is
// bounded, in memory and in the store.
func TestRequestsForApprovalThatEndSoonAreBoundedToo(t *testing.T) {
	r := approvalRig(t, approvalLines)
	c := r.caller(callerUID)
	n := 0
	for range maxAsked + 50 {
		_, err := c.RequestApproval(context.Background(), asked(func(req *protocol.ApprovalRequest) {
			req.NotAfter = timestamppb.New(r.clock.real().Add(2 * time.Second))
		}))
		if errors.Is(err, protocol.Busy) {
			break
		}
		mustDo(t, err)
		if n++; n%50 == 49 {
			r.clock.pass(3 * time.Second)
		}
	}
	if n != maxAsked {
		t.Errorf("%d requests were taken, want %d", n, maxAsked)
	}
	r.clock.pass(keptEnded + time.Minute)
	r.server.appliance().tick()
	if _, err := c.RequestApproval(context.Background(), asked(nil)); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	a := r.server.appliance().approvals
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.byID) != 1 || a.weight != 1 || len(a.shares) != 1 {
		t.Errorf("in memory: %d approvals of weight %d, %d shares", len(a.byID), a.weight, len(a.shares))
	}
}

// What was signed under an approval does not leave any more once it is revoked,
// nor to who repeats his request.
func TestRevocationHoldsBackRecordedAnswers(t *testing.T) {
	r := approvalRig(t, approvalLines)
	info := r.ask(nil)
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	req := signRequest(keptEntry, algo.ECDSAP256SHA256, 1)
	req.Approval, req.Context.DocSm3, req.RequestId = info.Id, fileSM3, "s1"
	if _, err := r.caller(callerUID).Sign(context.Background(), req); err != nil {
		t.Fatal(err)
	}
	p := &permit{appliance: r.server.appliance(), entry: keptEntry, rev: r.server.appliance().book.find(keptEntry).entry.Rev, approval: info.Id}
	if !p.holds() {
		t.Error("the permit of a granted approval does not hold")
	}
	r.must(authority.ApprovalRevoke, keptEntry, ending(info), "sara")
	if p.holds() {
		t.Error("the permit of a revoked approval holds")
	}
	reply, err := r.caller(callerUID).Sign(context.Background(), req)
	if err == nil && reply.Results[0].GetSigned() != nil {
		t.Error("the signature left after the answer to the revocation")
	}
}

// Who approves two contracts has not approved one of them twice.
func TestEachApprovedDigestIsSignedOnce(t *testing.T) {
	r := approvalRig(t, approvalLines)
	one, two := digestInput(2), digestInput(2)
	info := r.ask(func(req *protocol.ApprovalRequest) {
		req.Form, req.Digests, req.Context.DocSm3 = protocol.ApprovalForm_BY_DIGESTS, [][]byte{one.GetDigest(), two.GetDigest()}, nil
	})
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	first := func(req *protocol.SignRequest) { req.Inputs[0] = one }
	expectCode(t, "the first", r.useApproved(info.Id, first), 0)
	expectCode(t, "the first once more", r.useApproved(info.Id, first), protocol.ApprovalDenied)
	expectCode(t, "the second", r.useApproved(info.Id, func(req *protocol.SignRequest) { req.Inputs[0] = two }), 0)
}
