package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestTheFirstVerdictThatRefusesIsTheDecision, of every rule there is one, and
// each says why.
func TestTheFirstVerdictThatRefusesIsTheDecision(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 31))
	allowed, refused := 0, map[string]bool{}
	for range 300 {
		p := randomWorldPolicy(t, rng)
		b := mustBindPolicy(t, p)
		all := likely(p, one(rng, Operations()...)).variations(p.zone, worldTimes)
		for range 20 {
			s := one(rng, all...)
			at := p.At(s.at, one(rng, SaneClock, SaneClock, SaneClock, BehindClock))
			s.request.Entry.Proven, s.request.Entry.Active = rng.IntN(20) > 0, rng.IntN(20) > 0
			want := Decide(b, s.usage(p), s.request, at)
			verdicts := Explain(b, s.usage(p), s.request, at)
			if got := firstRefusal(verdicts); got != want {
				t.Fatalf("Explain says %+v, Decide %+v", got, want)
			}
			if quotas := len(p.quotas); len(verdicts) < len(rules)-1 || s.request.Operation.signs() && len(verdicts) != len(rules)-1+max(1, quotas) {
				t.Fatalf("%d verdicts of %d rules and %d quotas", len(verdicts), len(rules), quotas)
			}
			for _, v := range verdicts {
				if v.Rule == "" || v.Why == "" || v.Decision.Reason == Unjudged || !v.Decision.Allowed() && v.Rule != v.Decision.Rule {
					t.Fatalf("verdict %+v", v)
				}
			}
			if refused[want.Rule] = true; want.Allowed() {
				allowed++
			}
		}
	}
	if allowed < 500 || len(refused) < 18 {
		t.Errorf("%d allowed, refused by %d rules: too few to mean anything", allowed, len(refused))
	}
}

func firstRefusal(all []Verdict) Decision {
	for _, v := range all {
		if !v.Decision.Allowed() {
			return v.Decision
		}
	}
	return allow
}

// TestExplainSaysWhatWasCompared: of the rule that is named.
func TestExplainSaysWhatWasCompared(t *testing.T) {
	for _, tt := range []struct {
		rule   string
		change func(*use)
		want   string
	}{
		{"callers", func(*use) {}, "uid 1001 is user oa"},
		{"callers", func(u *use) { u.request.UID = 20001 }, "uid 20001 is user 20001"},
		{"callers", func(u *use) { u.request.UID, u.request.GIDs = 9, []uint32{5, 2001} }, "gid 2001 is group docs"},
		{"callers", func(u *use) { u.request.UID, u.request.GIDs = 9, []uint32{5} }, "uid 9 is none of the users (oa, 20001), and no gid of [5] one of the groups (docs)"},
		{"entry.proof", func(*use) {}, "the record is what the officers' acts made it"},
		{"entry.proof", func(u *use) { u.request.Entry.Proven = false }, "the record does not prove itself"},
		{"entry.class", func(*use) {}, "the entry is of class seal"},
		{"entry.status", func(u *use) { u.request.Entry.Active = false }, "the entry is not active, or has a hold"},
		{"entry.key", func(u *use) { u.request.Entry.KeyMatches = false }, "the public key on the token is not known to be the record's"},
		{"clock", func(u *use) { u.at.Clock = JumpedClock }, "2027-05-11T10:00:00+08:00 by a clock that is jumped"},
		{"entry.validity", func(*use) {}, "2027-05-11T10:00:00+08:00 is within 2026-01-01T08:00:00+08:00 to 2030-01-01T08:00:00+08:00"},
		{"entry.validity", func(u *use) { u.request.Entry.Validity.Until = tenOClock.Add(-time.Second) }, "2027-05-11T10:00:00+08:00 is after the end of 2026-01-01T08:00:00+08:00 to 2027-05-11T09:59:59+08:00"},
		{"entry.certificate, crl_max_age", func(*use) {}, "not revoked; the list of its CA is of 2027-05-11T09:00:00+08:00, 1h old; the list may be 168h old"},
		{"crl_max_age", func(u *use) { u.request.Entry.Certificate = nil }, "the entry has no certificate; the list may be 168h old"},
		{"not_before, not_after", func(*use) {}, "2027-05-11T10:00:00+08:00 is within 2027-01-01T08:00:00+08:00 to 2027-12-31T08:00:00+08:00"},
		{"not_before, not_after", func(u *use) { u.policy.notBefore = time.Time{} }, "2027-05-11T10:00:00+08:00 is within any time to 2027-12-31T08:00:00+08:00"},
		{"hours, weekdays, holidays", func(*use) {}, "Tuesday 2027-05-11 10:00 +08:00 is within hours 08:30-12:00, 14:00-17:30, one of weekdays mon-fri, 2027-05-08, in no holidays"},
		{"hours, weekdays, holidays", func(u *use) { u.policy.schedule = schedule{} }, "the policy sets none of them"},
		{"weekdays", func(u *use) { u.moveTo(onClock(2027, 5, 15, 9, 0)) }, "Saturday 2027-05-15 09:00 +08:00 is outside weekdays mon-fri, 2027-05-08"},
		{"hours", func(u *use) { u.moveTo(onClock(2027, 5, 11, 12, 0)) }, "Tuesday 2027-05-11 12:00 +08:00 is outside hours 08:30-12:00, 14:00-17:30"},
		{"holidays", func(u *use) { u.moveTo(onClock(2027, 5, 5, 9, 0)) }, "Wednesday 2027-05-05 09:00 +08:00 is in holidays 2027-05-01..2027-05-05"},
		{"operations", func(*use) {}, "stamp is one of stamp, seal.read, digest, message, cms"},
		{"operations", func(u *use) { u.policy.operations = []Operation{CMS} }, "stamp is not one of cms"},
		{"algorithms", func(*use) {}, "SM2-SM3 is one of SM2-SM3, ED25519"},
		{"versions", func(u *use) { u.request.Version = V5 }, "v5 is not one of v4"},
		{"containers", func(*use) {}, "ofd is one of ofd, pdf"},
		{"versions", func(u *use) { u.request.Version = 0 }, "no version is named; wanted: one of v4"},
		{"containers", func(u *use) { u.request.Container = 0 }, "no container is named; wanted: one of ofd, pdf"},
		{"algorithms", func(u *use) { u.request.Algorithm = 0 }, "no algorithm is named; wanted: one of SM2-SM3, ED25519"},
		{"operations", func(u *use) { u.request.Operation = 0 }, "no operation is named; wanted: one of stamp, seal.read, digest, message, cms"},
		{"purposes", func(u *use) { u.request.Purpose = "" }, "no purpose is named; wanted: one of contract, invoice"},
		{"entry.class", func(u *use) { u.request.Entry.Class = 0 }, "the entry is of no known class"},
		{"not_before, not_after", func(u *use) { u.policy.zone = nil }, "2027-05-11T02:00:00Z is within 2027-01-01T00:00:00Z to 2027-12-31T00:00:00Z"},
		{"batch", func(u *use) { u.policy.batch = 1 }, "1 in one request, of 1 item"},
		{"quotas.day", func(u *use) { u.count(OfEntry, Day).End = time.Time{} }, "0 used + 0 being signed of 50, from 2027-05-11T00:00:00+08:00"},
		{"approvals", func(u *use) { u.usage.Approval = &Approval{ID: "0123456789abcdef"} }, "there is none of that id; wanted: granted by 2 of carl, cora, cyd; for document, digests, count; at most 3 uses within 24h"},
		{"purposes", func(u *use) { u.request.Purpose = "a\nb" }, `"a\nb" is not one of contract, invoice`},
		{"require", func(u *use) { u.request.Carries = FieldsOf(DocNo) }, "asked for: user_id, doc_no; the request carries: doc_no"},
		{"batch", func(*use) {}, "1 in one request, of 1 to 16 items"},
		{"quotas.day", func(u *use) { c := u.count(OfEntry, Day); c.Spent, c.Reserved = 3, 1 }, "3 used + 1 being signed of 50, from 2027-05-11T00:00:00+08:00 until 2027-05-12T00:00:00+08:00"},
		{"quotas.lifetime", func(u *use) { u.count(OfEntry, Lifetime).Unknown = true }, "an unknown number used + 0 being signed of 1000, in the entry's whole life"},
		{"quotas.per_caller.hour", func(u *use) { u.usage.Counts = nil }, "nobody counted; at most 10"},
		{"quotas", func(u *use) { u.policy.quotas = nil }, "the policy sets none"},
		{"approvals", func(u *use) { u.policy.approvals = nil }, "the policy asks for none"},
		{"approvals", func(u *use) { u.usage.Approval = nil }, "the request names none; wanted: granted by 2 of carl, cora, cyd; for document, digests, count; at most 3 uses within 24h"},
		{"approvals", func(u *use) { u.usage.Approval.Fits = false }, "0123456789abcdef is granted, by carl, cora, for document " +
			"(which does not fit: it was asked for by another account, or not for this entry, purpose and document), " +
			"from 2027-05-11T09:00:00+08:00 to 2027-05-11T11:00:00+08:00, 0 used + 0 being signed of 3; " +
			"wanted: granted by 2 of carl, cora, cyd; for document, digests, count; at most 3 uses within 24h"},
	} {
		u := officeUse(t)
		tt.change(u)
		var why []string
		for _, v := range Explain(u.bound(t), u.usage, u.request, u.at) {
			if v.Rule == tt.rule {
				why = append(why, v.Why)
			}
		}
		if len(why) == 0 || why[0] != tt.want {
			t.Errorf("%s: %q, want %q", tt.rule, why, tt.want)
		}
	}
}

// TestExplainOfZeroValues: nothing to compare is no reason to fall over.
func TestExplainOfZeroValues(t *testing.T) {
	for _, op := range append(Operations(), 0, 77) {
		verdicts := Explain(Bound{}, Usage{}, Request{Operation: op}, Instant{})
		if d := firstRefusal(verdicts); d.Reason != NotACaller {
			t.Errorf("%v: %+v", op, d)
		}
		for _, v := range verdicts {
			if strings.Contains(v.Why, "(0)") || strings.Contains(v.Why, "v0") {
				t.Errorf("%v: %s: %s", op, v.Rule, v.Why)
			}
		}
	}
}

func TestExplainNamesWhoIsStale(t *testing.T) {
	p := office(t)
	then, err := Resolve(p, system(names))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Bind(p, then, system(nil))
	if v := Explain(b, Usage{}, Request{UID: 1001}, Instant{})[0]; !strings.Contains(v.Why, "user oa (1001) is nobody now") {
		t.Errorf("%+v", v)
	}
}

func TestWeekdaysAreWrittenShort(t *testing.T) {
	for want, open := range map[string][]time.Weekday{
		"none": nil, "mon": {1}, "sun": {0}, "mon, tue": {1, 2}, "mon-wed": {1, 2, 3}, "mon-sun": {0, 1, 2, 3, 4, 5, 6},
		"mon, wed, fri": {1, 3, 5}, "tue-thu, sat, sun": {2, 3, 4, 6, 0}, "mon, sat, sun": {1, 6, 0},
	} {
		s := schedule{hasWeekdays: true}
		for _, d := range open {
			s.weekdays[d] = true
		}
		if got := s.weekdaysText(); got != want {
			t.Errorf("%v: %q, want %q", open, got, want)
		}
	}
}
