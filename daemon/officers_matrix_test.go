package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

// elsewhereJudged are the kinds that end a mode: a serving appliance refuses
// them for that, and their own tests try the rest.
var elsewhereJudged = []authority.Kind{authority.Init, authority.Restore, authority.StoreAccept, authority.ModeClear}

// enough are officers who may together sign an act of the rule.
func enough(r authority.Rule) []string {
	if len(r.Options) == 0 {
		return nil
	}
	of := map[authority.Role][]string{
		authority.Administrator: {"adam"}, authority.SecurityOfficer: {"sara", "sven"}, authority.Auditor: {"udo"}, authority.Custodian: {"carl"},
	}
	var by []string
	for _, need := range r.Options[0] {
		by = append(by, of[need.Role][:max(1, min(len(of[need.Role]), int(need.Persons)))]...)
		if need.Role == authority.SecurityOfficer && need.Persons != authority.One {
			by = append(by, "sven")
		}
	}
	return by
}

// Whatever an act is to do, and however many have signed it: it is for this
// appliance, not over, new, and for the very content.
func TestEveryKindIsHeldToTimePlaceNonceAndContent(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("kept", "EC-P256")
	o := r.administrator()
	used := r.signed(authority.EntrySuspend, "kept", authority.Suspend{Basis: "x"}, "carl")
	if _, code := o.submit(used); code != 0 {
		t.Fatal(code)
	}
	nonce := mustAct(t, used.Act).Nonce
	long := r.clock.real().Add(-time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	for _, rule := range authority.Rules() {
		if slices.Contains(elsewhereJudged, rule.Kind) {
			continue
		}
		target := ""
		if authority.AboutEntry(rule.Kind) {
			target = "kept"
		}
		for name, c := range map[string]struct {
			change func(*authority.Act)
			want   protocol.Code
		}{
			"expired":           {func(a *authority.Act) { a.NotAfter = long }, protocol.ActExpired},
			"another appliance": {func(a *authority.Act) { a.Appliance = fmt.Sprintf("%064d", 0) }, protocol.OtherAppliance},
			"replayed":          {func(a *authority.Act) { a.Nonce, a.NotAfter = nonce, mustAct(t, used.Act).NotAfter }, protocol.ActReplayed},
		} {
			req := changed(o, r.signed(rule.Kind, target, authority.Nothing{}), c.change)
			for _, id := range enough(rule) {
				req.Signatures = append(req.Signatures, r.people[id].sign(t, req.Act, 0))
			}
			if _, code := o.submit(req); code != c.want {
				t.Errorf("%s, %s: %v, want %v", rule.Kind, name, code, c.want)
			}
		}
		altered := r.signed(rule.Kind, target, authority.Nothing{}, enough(rule)...)
		altered.Content = `{"basis":"other"}`
		if _, code := o.submit(altered); code != protocol.Malformed {
			t.Errorf("%s, altered content: %v, want malformed", rule.Kind, code)
		}
		signed := r.signed(rule.Kind, target, authority.Nothing{}, enough(rule)...)
		signed.Signatures = append(signed.Signatures, admin.Signature{Form: string(authority.SSH), Value: r.people["uma"].sign(t, "other bytes", 0).Value})
		if _, code := o.submit(signed); code != protocol.BadActSignature {
			t.Errorf("%s, a signature on other bytes: %v, want bad_signature", rule.Kind, code)
		}
	}
}
