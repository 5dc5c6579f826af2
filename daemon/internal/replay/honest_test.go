package replay_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/replay"
	"signet/policy"
)

// TestOlderEnginesAreReplayed: their events do not have all that the decision
// was made from. What follows from the record is held to it; what does not is
// counted apart.
func TestOlderEnginesAreReplayed(t *testing.T) {
	r := newRecorder(t)
	r.entry("contract", plain)
	r.certify("contract")
	r.importList()
	var events []*audit.Event
	add := func(e *audit.Event) { events = append(events, e) }
	add(r.sign(use{userID: "li", list: true}))
	add(r.sign(use{purpose: "invoice"}))
	add(r.sign(use{failed: true}))
	add(r.sign(use{clock: policy.BehindClock}))
	add(r.sign(use{stale: "oa"}))
	add(r.sign(use{unproven: true}))
	r.act(authority.EntrySuspend, "contract", authority.Suspend{Basis: "lost"}, register.Facts{})
	inactive := r.sign(use{})
	add(inactive)
	for _, e := range events {
		e.Engine, e.But, e.CRLMade = 2, nil, ""
	}
	again := replayed(t, r.contents, r.lines())
	if found := again.Differences(); len(found) != 0 {
		t.Error(shown(found))
	}
	if s := again.Summary(); s.Unrecorded != 3 || s.Decisions != 7 || s.Uses != 1 {
		t.Errorf("summary %+v, want 3 unrecorded of 7 decisions, 1 use", s)
	}
	asUse(inactive)
	wantOnly(t, "a use while suspended", r, inactive, replay.Decided, "not_active, by entry.status")
}

// A day of an appliance, at random: uses that overlap, policies that change,
// clocks that are set, starts, restores, approvals. Nothing differs.
func TestHonestLogsDoNotDiffer(t *testing.T) {
	reasons, all := map[string]int{}, replay.Summary{}
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(20250927, seed))
		r := newRecorder(t)
		r.entry("contract", roomy)
		r.entry("other", approved)
		steps := 700
		for range steps {
			randomStep(r, rng)
		}
		for len(r.flying) > 0 {
			r.commit(r.flying[0])
		}
		again := replayed(t, r.contents, r.lines())
		if found := again.Differences(); len(found) != 0 {
			t.Fatalf("seed %d: %s", seed, shown(found))
		}
		s := again.Summary()
		all.Allowed, all.Refused, all.Windows, all.Approvals = all.Allowed+s.Allowed, all.Refused+s.Refused, all.Windows+s.Windows, all.Approvals+s.Approvals
		for _, e := range r.events {
			reasons[e.Reason]++
		}
	}
	if all.Allowed < 2000 || all.Refused < 2000 || all.Windows < 500 || all.Approvals < 150 {
		t.Errorf("too little happened: %+v", all)
	}
	for _, want := range []string{"", "quota", "rate", "changed", "hsm_failed", "approval_needed", "approval_denied", "not_a_caller", "purpose", "not_active", "clock_behind", "record_unproven"} {
		if reasons[want] == 0 {
			t.Errorf("no event of reason %q in %v", want, reasons)
		}
	}
}

// roomy has quotas that are seldom used up.
var roomy = strings.NewReplacer("hour = 4", "hour = 12", "day = 6", "day = 40", "lifetime = 100", "lifetime = 1000").Replace(counted)

func randomStep(r *recorder, rng *rand.Rand) {
	r.wait(time.Duration(rng.Int64N(int64(20 * time.Second))))
	switch n := rng.IntN(100); {
	case n < 45:
		d := r.decide(randomUse(r, rng))
		if !d.answer.Allowed() || rng.IntN(3) > 0 {
			r.commit(d)
		}
	case n < 65:
		if len(r.flying) > 0 {
			r.commit(r.flying[rng.IntN(len(r.flying))])
		}
	case n < 70:
		r.wait(-5 * time.Second)
	case n < 73:
		r.wait(time.Duration(rng.Int64N(int64(9 * time.Hour))))
	case n < 78:
		r.flying = nil // killed: what was under way is lost
		r.start()
	case n < 79 && rng.IntN(4) == 0:
		r.flying = nil
		r.act(authority.StoreAccept, "", authority.AcceptStore{Size: 1, Root: document, Epoch: r.epoch + 1, Basis: "disk"}, register.Facts{})
		r.start()
	case n < 88:
		randomAct(r, rng)
	case n < 94:
		of := r.made["contract"]
		if of == nil || of.step.Policy == nil || !strings.Contains(of.step.Policy.Text, "approvals") {
			return // the daemon would refuse it
		}
		r.ask([]policy.Form{policy.ByDocument, policy.ByDigests, policy.ByCount}[rng.IntN(3)], 1)
	default:
		ruleRandomly(r, rng)
	}
}

func randomUse(r *recorder, rng *rand.Rand) use {
	u := use{uid: []uint32{20001, 20001, 20001, 20001, 20002, 20002, 20002, 20003}[rng.IntN(8)], failed: rng.IntN(12) == 0, userID: "li"}
	if rng.IntN(15) == 0 {
		u.purpose = "invoice"
	}
	if rng.IntN(30) == 0 {
		u.clock = policy.BehindClock
	}
	u.unproven = rng.IntN(30) == 0
	if rng.IntN(3) == 0 {
		u.entry = "other"
	}
	if ids := r.approvalIDs(); len(ids) > 0 && rng.IntN(3) > 0 && r.asksApproval(u.entry) {
		u.approval = ids[rng.IntN(len(ids))]
	}
	if rng.IntN(2) == 0 {
		u.document = document
	}
	return u
}

func (r *recorder) asksApproval(entry string) bool {
	_, asked := r.made[orElse(entry, "contract")].policy.Policy().Approvals()
	return asked
}

func (r *recorder) approvalIDs() []string {
	var ids []string
	for id := range r.asked {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func randomAct(r *recorder, rng *rand.Rand) {
	id := []string{"contract", "other"}[rng.IntN(2)]
	switch e := r.made[id].step.Entry; {
	case len(e.Holds) > 0:
		r.act(authority.EntryResume, id, authority.Resume{Hold: e.Holds[0].ID}, register.Facts{})
	case rng.IntN(6) == 0:
		r.act(authority.EntrySuspend, id, authority.Suspend{Basis: "lost"}, register.Facts{})
	default:
		r.setPolicy(id, []string{roomy, roomy, counted, approved, plain, daily}[rng.IntN(6)])
	}
}

func ruleRandomly(r *recorder, rng *rand.Rand) {
	ids := r.approvalIDs()
	if len(ids) == 0 {
		return
	}
	id := ids[rng.IntN(len(ids))]
	switch state := r.asked[id].State; {
	case state == policy.Pending && rng.IntN(4) > 0:
		r.grant(id)
	case state == policy.Pending:
		r.end(authority.ApprovalDeny, id)
	case state == policy.Granted && rng.IntN(3) == 0:
		r.end(authority.ApprovalRevoke, id)
	}
}
