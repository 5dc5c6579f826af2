package policy

import (
	"strings"
	"testing"
	"time"
)

// asking is what the policy office lets a caller ask for.
func asking() Asking {
	return Asking{UID: 1001, Purpose: "contract", Form: ByDocument, Count: 3, Life: 24 * time.Hour, Class: ClassSeal}
}

func TestAskAllowsWhatAUseCouldNeed(t *testing.T) {
	u := officeUse(t)
	b := u.bound(t)
	for _, change := range []func(*Asking){
		func(*Asking) {},
		func(a *Asking) { a.Form, a.Count, a.Life = ByCount, 1, 1 },
		func(a *Asking) { a.Class, a.Form = ClassKey, ByDigests },
		func(a *Asking) { a.UID, a.GIDs, a.Purpose = 9, []uint32{2001}, "invoice" },
	} {
		a := asking()
		change(&a)
		if d := Ask(b, a); d != allow {
			t.Errorf("Ask(%+v) = %+v", a, d)
		}
	}
}

// TestAskRefusesInOrder: each row has the faults of all that follow it too.
func TestAskRefusesInOrder(t *testing.T) {
	u := officeUse(t)
	without := *u
	without.policy.approvals = nil
	rows := []struct {
		name   string
		policy *use
		change func(*Asking)
		reason Reason
		rule   string
		need   string
	}{
		{"stranger", &without, func(a *Asking) { a.UID = 9 }, NotACaller, "callers", "officers"},
		{"no approvals", &without, func(*Asking) {}, ApprovalDenied, "approvals", "asks for none"},
		{"no form", u, func(a *Asking) { a.Form = 0 }, ApprovalDenied, "approvals.forms", "document, digests, count"},
		{"another form", u, func(a *Asking) { a.Form = ByReferences }, ApprovalDenied, "approvals.forms", "document, digests, count"},
		{"digests of a seal", u, func(a *Asking) { a.Form = ByDigests }, ApprovalDenied, "approvals.forms", "class key"},
		{"digests of nothing", u, func(a *Asking) { a.Form, a.Class = ByDigests, 0 }, ApprovalDenied, "approvals.forms", "class key"},
		{"no uses", u, func(a *Asking) { a.Count = 0 }, ApprovalDenied, "approvals.most", "1 to 3"},
		{"too many uses", u, func(a *Asking) { a.Count = 4 }, ApprovalDenied, "approvals.most", "1 to 3"},
		{"no time", u, func(a *Asking) { a.Life = 0 }, ApprovalDenied, "approvals.longest", "24h"},
		{"backwards", u, func(a *Asking) { a.Life = -1 }, ApprovalDenied, "approvals.longest", "24h"},
		{"too long", u, func(a *Asking) { a.Life++ }, ApprovalDenied, "approvals.longest", "24h"},
		{"another purpose", u, func(a *Asking) { a.Purpose = "contracts" }, PurposeRefused, "purposes", "contract, invoice"},
	}
	for i, row := range rows {
		for _, later := range rows[i:] {
			if later.rule == row.rule && later.name != row.name { // the two would undo each other
				continue
			}
			a := asking()
			later.change(&a)
			row.change(&a)
			d := Ask(row.policy.bound(t), a)
			if d.Reason != row.reason || d.Rule != row.rule || !d.After.IsZero() || !strings.Contains(d.Need, row.need) {
				t.Errorf("%s and %s: %+v, want %v by %s and a need with %q", row.name, later.name, d, row.reason, row.rule, row.need)
			}
		}
	}
	if d := Ask(Bound{}, Asking{}); d.Reason != NotACaller {
		t.Errorf("zero values: %+v", d)
	}
	if d := Ask(u.bound(t), Asking{UID: 1001}); d.Allowed() {
		t.Errorf("an asking for nothing: %+v", d)
	}
}

// TestWhatMayBeAskedForCanBeUsed: an approval of what Ask lets through, granted
// as it was asked for, is one that Decide takes.
func TestWhatMayBeAskedForCanBeUsed(t *testing.T) {
	for _, a := range []Asking{asking(), {UID: 20001, Purpose: "invoice", Form: ByDigests, Count: 1, Life: time.Second, Class: ClassKey}} {
		u := officeUse(t)
		if d := Ask(u.bound(t), a); !d.Allowed() {
			t.Fatalf("%+v: %+v", a, d)
		}
		u.request.UID, u.request.Purpose, u.request.Entry.Class = a.UID, a.Purpose, a.Class
		if a.Class == ClassKey {
			u.request.Operation = Digest
		}
		g := u.usage.Approval
		g.Form, g.Count, g.From, g.Until = a.Form, a.Count, tenOClock, tenOClock.Add(a.Life)
		if d := u.decide(t); !d.Allowed() {
			t.Errorf("%+v: %+v", a, d)
		}
	}
}
