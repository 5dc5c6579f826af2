package replay_test

import (
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/replay"
	"signet/policy"
)

const officeHours = plain + `zone = "Asia/Shanghai"
hours = ["08:30-18:00"]
`

// atNight has a use at 23:00 in Shanghai, which is refused, in a run of the
// daemon of its own.
func atNight(r *recorder) *audit.Event {
	r.entry("contract", officeHours)
	r.now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) // 17:00
	r.signs(1, use{})
	r.now = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	r.start()
	return r.wait(time.Minute).sign(use{})
}

// fourthOfDay has a fourth use of a day that has three.
func fourthOfDay(r *recorder) *audit.Event {
	r.entry("contract", daily)
	r.now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r.signs(3, use{})
	return r.wait(time.Second).sign(use{})
}

// thirdUse has two uses before it, alone each.
func thirdUse(r *recorder) *audit.Event {
	r.entry("contract", daily)
	r.signs(1, use{})
	r.wait(10*time.Minute).signs(1, use{})
	return r.wait(10 * time.Minute).sign(use{})
}

// again has a second use of an approval, in another run of the daemon.
func again(r *recorder) *audit.Event {
	r.entry("contract", approved)
	id := r.ask(policy.ByDocument, 2)
	r.wait(time.Second).grant(id)
	r.wait(time.Second).sign(use{approval: id, document: document})
	r.start()
	return r.wait(time.Second).sign(use{approval: id, document: document})
}

func decide(e *audit.Event, at time.Time) { d := audit.At(at); e.Decided = &d }

// at says when the event was decided.
func at(when time.Time) func(*recorder, *audit.Event) {
	return func(_ *recorder, e *audit.Event) { decide(e, when) }
}

// usedAt makes of a refusal a use that was decided then, by that count.
func usedAt(when time.Time, counts ...string) func(*recorder, *audit.Event) {
	return func(_ *recorder, e *audit.Event) {
		decide(e, when)
		e.Use = counts
		asUse(e)
	}
}

// but makes of a use a refusal for that.
func but(word, reason, rule string) func(*recorder, *audit.Event) {
	return func(_ *recorder, e *audit.Event) {
		e.But = []string{word}
		asRefusal(e, reason, rule)
	}
}

// forgeries are logs that are changed with more care: what one event says fits
// together.
var forgeries = []tampering{
	// when it was decided
	{"a use of the night decided in the day before", atNight, usedAt(time.Date(2026, 11, 22, 9, 59, 0, 0, time.UTC)), replay.Arguments, "when the log was at 2026-11-22T15:00", false},
	{"a use of the night decided tomorrow", atNight, usedAt(time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)), replay.Arguments, "no clock is set back so far", false},
	{"a fourth use of the day decided yesterday", fourthOfDay, usedAt(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), "entry.day 2026-11-20T23:00Z 0+0/3"), replay.Arguments, "when the log was at 2026-11-21T15:00", false},
	{"a fourth use of the day decided tomorrow", fourthOfDay, usedAt(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), "entry.day 2026-11-22T23:00Z 0+0/3"), replay.Arguments, "no clock is set back so far", false},
	{"a use decided before its revision", func(r *recorder) *audit.Event {
		r.wait(time.Hour).entry("contract", plain)
		return r.sign(use{})
	}, at(began.Add(30 * time.Minute)), replay.Arguments, "when the log was at 2026-11-21T16:00", false},
	{"a use decided before uses that it counts", thirdUse, at(began.Add(9 * time.Minute)), replay.Arguments, "after a use of this window that was recorded 2026-11-21T15:10", false},
	{"a use without a proof decided before the start", func(r *recorder) *audit.Event {
		r.entry("contract", plain)
		return r.sign(use{unproven: true})
	}, at(began.Add(-time.Minute)), replay.Arguments, "when the log was at", false},
	{"a request decided before the start", asked, at(began.Add(-time.Minute)), replay.Arguments, "when the log was at", false},
	{"a request decided at no time", asked, func(_ *recorder, e *audit.Event) { e.Decided = nil }, replay.Decided, "it has no time", false},
	{"a clock that was not behind", oneUse, but("clock:behind", "clock_behind", "clock"), replay.Arguments, "the clock is said to be behind", false},

	// what was counted
	{"uses left out", func(r *recorder) *audit.Event {
		r.entry("contract", counted)
		r.signs(2, use{})
		return r.wait(10 * time.Second).sign(use{})
	}, replaceUse("2+0/100", "1+0/100"), replay.Arguments, "2 uses of this window were decided before it", false},
	{"more being signed than the quota has", func(r *recorder) *audit.Event {
		r.entry("contract", counted)
		r.start()
		r.signs(1, use{})
		return r.wait(time.Second).sign(use{})
	}, func(r *recorder, e *audit.Event) {
		replaceUse("1+0/100", "1+100/100")(r, e)
		asRefusal(e, "quota", "quotas.lifetime")
	}, replay.Arguments, "no more was ever allowed in this run", false},
	{"an approval used less than at the start", again, func(_ *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.Used = 0 })
	}, replay.Arguments, "the log had 1 when the daemon started", false},
	{"more being signed than was asked for", again, func(_ *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.Reserved = 2 })
		asRefusal(e, "approval_needed", "approvals")
	}, replay.Arguments, "it was asked for 2", false},
	{"no approval, though it was asked for in this run", granted, none, replay.Arguments, "there is no approval", false},
	{"no approval, though it was seen in this run", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		id := r.ask(policy.ByDocument, 3)
		r.grant(id)
		r.start()
		r.sign(use{approval: id, document: document})
		return r.wait(time.Second).sign(use{approval: id, document: document})
	}, none, replay.Arguments, "there is no approval", false},

	// who signed acts
	{"an act that nobody signs, signed", func(r *recorder) *audit.Event { granted(r); return r.events[6] }, func(_ *recorder, e *audit.Event) { e.Role = "custodian:carl" }, replay.Register, "nobody signs it", false},
	{"an act that officers sign, signed by nobody", officersAct, func(_ *recorder, e *audit.Event) { e.Role = "unsigned" }, replay.Register, "officers sign it", false},
	{"an act of signatures that were not verified", officersAct, func(_ *recorder, e *audit.Event) { e.Role = "unverified" }, replay.Register, "officers sign it", false},
	{"a list that nobody signs, signed", func(r *recorder) *audit.Event {
		r.underOfficers()
		r.role = "unsigned"
		return r.importList()
	}, func(_ *recorder, e *audit.Event) { e.Role = "auditor:audit" }, replay.Register, "nobody signs it", false},
	{"a genesis of other content", func(r *recorder) *audit.Event { return r.events[0] }, func(r *recorder, e *audit.Event) {
		act, err := authority.ParseAct([]byte(e.Act))
		r.must(err)
		r.contents[act.ContentSHA] = []byte("{}")
	}, replay.Register, "genesis: ", false},
	{"a genesis without its act", func(r *recorder) *audit.Event { return r.events[0] }, func(_ *recorder, e *audit.Event) { e.Act = "" }, replay.Register, "genesis: ", false},

	// what no daemon writes
	{"a use with a reason", oneUse, func(_ *recorder, e *audit.Event) { e.Reason = "quota" }, replay.Log, "allowed, with reason or rule", false},
	{"a use with a rule", oneUse, func(_ *recorder, e *audit.Event) { e.Rule = "quotas.day" }, replay.Log, "allowed, with reason or rule", false},
	{"a use without its signature", oneUse, func(_ *recorder, e *audit.Event) { e.Sig = "" }, replay.Log, "without sig or value", false},
	{"a use without its value", oneUse, func(_ *recorder, e *audit.Event) { e.Value = "" }, replay.Log, "without sig or value", false},
	{"a failure with a signature", oneUse, func(_ *recorder, e *audit.Event) {
		e.Result, e.Reason, e.Rule = audit.Failed, "hsm_failed", "hsm"
	}, replay.Log, "failed, with sig", false},
	{"a failure by a quota", oneUse, failure("quotas.day", "hsm_failed"), replay.Log, "which no token gives", false},
	{"a failure that no token has", oneUse, failure("hsm", "quota"), replay.Log, "which no token gives", false},
	{"a failure that no self-test has", oneUse, failure("selftest", "bad_signature"), replay.Log, "which no token gives", false},
	{"a stamp that signs a digest", oneUse, func(_ *recorder, e *audit.Event) { e.Kind = audit.KindStamp }, replay.Log, "kind stamp with op \"digest\"", false},
	{"a signature that stamps", oneUse, func(_ *recorder, e *audit.Event) { e.Op = "stamp" }, replay.Log, "kind sign with op \"stamp\"", false},
	{"a signature that is refused", oneRefusal, func(_ *recorder, e *audit.Event) { e.Kind = audit.KindSign }, replay.Log, "want kind refuse", false},
	{"a refusal that was signed", oneRefusal, func(_ *recorder, e *audit.Event) { e.Sig = "MAYCAQECAQE=" }, replay.Log, "kind refuse with sig or value", false},
	{"a refusal of a value", oneRefusal, func(_ *recorder, e *audit.Event) { e.Value = digest }, replay.Log, "kind refuse with sig or value", false},
	{"a refusal without a rule", oneRefusal, func(_ *recorder, e *audit.Event) { e.Rule = "" }, replay.Log, "without reason or rule", false},
	{"a refusal that was overtaken", overtaken, func(_ *recorder, e *audit.Event) { e.Kind, e.Value = audit.KindRefuse, "" }, replay.Log, "kind refuse, reason changed", false},
	{"a use made a request that is refused", oneUse, func(_ *recorder, e *audit.Event) {
		e.Engine, e.Use, e.Local, e.Op = 0, nil, 0, "approval.request"
		asRefusal(e, "not_a_caller", "callers")
	}, replay.Log, "a request for approval with alg or input", false},
	{"a use made a read", oneUse, func(_ *recorder, e *audit.Event) { e.Kind = audit.KindRead }, replay.Log, "kind read with", false},
	{"a use made a read without its signature", oneUse, func(_ *recorder, e *audit.Event) { e.Kind, e.Sig = audit.KindRead, "" }, replay.Log, "kind read with value", false},
	{"a use made a read without an engine", oneUse, func(_ *recorder, e *audit.Event) { e.Kind, e.Engine, e.Value, e.Alg = audit.KindRead, 0, "", "" }, replay.Log, "kind read with sig", false},
	{"a use made a status", oneUse, func(_ *recorder, e *audit.Event) { e.Kind = audit.KindStatus }, replay.Log, "kind status with sig", false},
	{"a place behind the batch", oneUse, func(_ *recorder, e *audit.Event) { e.Batch = []uint32{2, 2} }, replay.Log, "batch is [2 2]", false},
	{"a batch of one", oneUse, func(_ *recorder, e *audit.Event) { e.Batch = []uint32{0, 1} }, replay.Log, "batch is [0 1]", false},
	{"a batch larger than any", oneRefusal, func(_ *recorder, e *audit.Event) { e.Batch = []uint32{0, 257} }, replay.Log, "batch is [0 257]", false},
	{"a place without its batch", oneUse, func(_ *recorder, e *audit.Event) { e.Batch = []uint32{0} }, replay.Log, "batch is [0]", false},
}

// none makes of a use the refusal of an approval that is none.
func none(_ *recorder, e *audit.Event) {
	given(e, func(a *policy.Approval) { *a = policy.Approval{ID: a.ID} })
	asRefusal(e, "approval_needed", "approvals")
}

func failure(rule, reason string) func(*recorder, *audit.Event) {
	return func(_ *recorder, e *audit.Event) {
		e.Result, e.Rule, e.Reason, e.Sig, e.Value = audit.Failed, rule, reason, "", ""
	}
}

// officersAct has an act that officers signed.
func officersAct(r *recorder) *audit.Event {
	r.underOfficers()
	r.entry("contract", plain)
	return r.act(authority.EntrySuspend, "contract", authority.Suspend{Basis: "lost"}, register.Facts{})
}

// What may be so, and what the log has no proof of, does not differ and is
// counted.
func TestWhatCannotBeKnownIsCounted(t *testing.T) {
	for name, tt := range map[string]struct {
		history        func(*recorder) *audit.Event
		change         func(*recorder, *audit.Event)
		unchecked, odd uint64
	}{
		"a record without a proof": {oneUse, but("unproven", "record_unproven", "entry.proof"), 1, 0},
		"a key that did not match": {oneUse, but("key", "key_mismatch", "entry.key"), 1, 0},
		"a clock that jumped":      {oneUse, but("clock:jumped", "clock_jumped", "clock"), 1, 0},
		"a name of another id":     {oneUse, but("stale:user:oa", "not_a_caller", "callers"), 1, 0},
		"a certificate that did not prove itself": {func(r *recorder) *audit.Event {
			r.entry("contract", plain)
			r.certify("contract")
			return r.sign(use{})
		}, but("revoked", "cert_invalid", "entry.certificate"), 1, 0},
		"a quota that was being used": {func(r *recorder) *audit.Event {
			r.entry("contract", counted)
			return r.sign(use{})
		}, func(r *recorder, e *audit.Event) {
			replaceUse("0+0/100", "0+100/100")(r, e)
			asRefusal(e, "quota", "quotas.lifetime")
		}, 1, 0},
		"an approval that was being used": {granted, func(_ *recorder, e *audit.Event) {
			given(e, func(a *policy.Approval) { a.Reserved = 2 })
			asRefusal(e, "approval_needed", "approvals")
		}, 1, 0},
		"an approval that may not have proved itself": {again, none, 1, 0},
		"an approval that has ended": {func(r *recorder) *audit.Event {
			granted(r)
			return r.wait(4 * time.Hour).sign(use{approval: r.approvalIDs()[0], document: document})
		}, none, 0, 0},
		"an approval that was used up": {func(r *recorder) *audit.Event {
			granted(r)
			id := r.approvalIDs()[0]
			r.sign(use{approval: id, document: document})
			return r.sign(use{approval: id, document: document})
		}, none, 0, 0},
		"a refusal of which all is known": {oneRefusal, func(*recorder, *audit.Event) {}, 0, 0},
		"a clock that was set back meanwhile": {func(r *recorder) *audit.Event {
			r.entry("contract", plain)
			d := r.wait(2 * time.Hour).decide(use{})
			return r.wait(-time.Hour).commit(d)
		}, func(*recorder, *audit.Event) {}, 0, 1},
		"a clock that jumped meanwhile": {func(r *recorder) *audit.Event {
			r.entry("contract", plain)
			d := r.wait(72 * time.Hour).decide(use{})
			return r.wait(-72 * time.Hour).commit(d)
		}, func(*recorder, *audit.Event) {}, 0, 1},
		"a record that took its time": {func(r *recorder) *audit.Event {
			r.entry("contract", plain)
			d := r.decide(use{})
			return r.wait(time.Hour).commit(d)
		}, func(*recorder, *audit.Event) {}, 0, 1},
		"a clock five seconds behind": {func(r *recorder) *audit.Event {
			r.entry("contract", plain)
			return r.wait(-5 * time.Second).sign(use{})
		}, func(*recorder, *audit.Event) {}, 0, 0},
	} {
		r := newRecorder(t)
		tt.change(r, tt.history(r))
		again := replayed(t, r.contents, r.lines())
		if found := again.Differences(); len(found) != 0 {
			t.Errorf("%s: %s", name, shown(found))
		}
		if s := again.Summary(); s.Unchecked != tt.unchecked || s.Odd != tt.odd {
			t.Errorf("%s: %d unchecked and %d odd, want %d and %d", name, s.Unchecked, s.Odd, tt.unchecked, tt.odd)
		}
	}
}

// A log of an appliance with officers, and one whose uses fail in every way
// that they can, does not differ.
func TestOfficersAndFailuresDoNotDiffer(t *testing.T) {
	r := newRecorder(t)
	officersAct(r)
	wantNone(t, "officers", r)
	for _, reason := range strings.Fields("hsm_unavailable hsm_failed bad_signature pin_latched key_mismatch deadline unsupported internal") {
		r := newRecorder(t)
		failure("hsm", reason)(r, oneUse(r))
		wantNone(t, reason, r)
	}
	r = newRecorder(t)
	failure("selftest", "hsm_unavailable")(r, oneUse(r))
	wantNone(t, "selftest", r)
}
