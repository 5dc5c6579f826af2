package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/protocol/algo"
)

var names = map[string]uint32{"oa": 1001, "docs": 2001, "licence": 1002}

// system stands for the user database of the machine.
func system(names map[string]uint32) Lookup {
	find := func(name string) (uint32, error) {
		if id, ok := names[name]; ok {
			return id, nil
		}
		return 0, fmt.Errorf("no such account")
	}
	return Lookup{User: find, Group: find}
}

func mustBind(t *testing.T, text string) (Bound, Resolved) {
	t.Helper()
	return mustResolve(t, mustParse(t, text))
}

func mustBindPolicy(t *testing.T, p Policy) Bound {
	t.Helper()
	b, _ := mustResolve(t, p)
	return b
}

func mustResolve(t *testing.T, p Policy) (Bound, Resolved) {
	t.Helper()
	then, err := Resolve(p, system(names))
	if err != nil {
		t.Fatalf("Resolve: %v", err)
	}
	b, stale := Bind(p, then, system(names))
	if len(stale) > 0 {
		t.Fatalf("Bind: stale %v", stale)
	}
	return b, then
}

var (
	noon      = time.Date(2026, 6, 1, 4, 0, 0, 0, time.UTC)
	sane      = Instant{Time: noon, Offset: 8 * 3600, Clock: SaneClock}
	validFrom = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

// good is a request that the policy contracts allows at noon.
func good() Request {
	return Request{
		UID: 1001, GIDs: []uint32{1001, 5}, Operation: Digest, Algorithm: algo.SM2SM3, Purpose: "contract", BatchSize: 16,
		Entry: Entry{Class: ClassKey, Proven: true, Active: true, KeyMatches: true, Validity: Validity{From: validFrom, Until: validTo}},
	}
}

func TestDecideAllowsWhatThePolicyLists(t *testing.T) {
	b, _ := mustBind(t, contracts)
	seal := mustBindPolicy(t, stamping(mustParse(t, strings.Replace(contracts, `["digest", "message"]`, `["stamp", "seal.read"]`, 1))))
	tests := []struct {
		name   string
		policy Bound
		change func(*Request, *Instant)
	}{
		{"as it is", b, func(*Request, *Instant) {}},
		{"user by number", b, func(r *Request, _ *Instant) { r.UID = 20001 }},
		{"group by name", b, func(r *Request, _ *Instant) { r.UID, r.GIDs = 9, []uint32{8, 2001} }},
		{"group by number", b, func(r *Request, _ *Instant) { r.UID, r.GIDs = 9, []uint32{30001} }},
		{"the other operation", b, func(r *Request, _ *Instant) { r.Operation = Message }},
		{"the other algorithm", b, func(r *Request, _ *Instant) { r.Algorithm = algo.ECDSAP256SHA256 }},
		{"the other purpose", b, func(r *Request, _ *Instant) { r.Purpose = "invoice-2026" }},
		{"one item", b, func(r *Request, _ *Instant) { r.BatchSize = 1 }},
		{"first instant", b, func(_ *Request, at *Instant) { at.Time = validFrom }},
		{"last instant", b, func(_ *Request, at *Instant) { at.Time = validTo }},
		{"first instant of the policy", b, func(r *Request, at *Instant) {
			r.Entry.Validity, at.Time = Validity{Unbounded: true}, b.Policy().NotBefore()
		}},
		{"last instant of the policy", b, func(r *Request, at *Instant) {
			r.Entry.Validity, at.Time = Validity{Unbounded: true}, b.Policy().NotAfter()
		}},
		{"key without certificate", b, func(r *Request, _ *Instant) { r.Entry.Validity = Validity{Unbounded: true} }},
		{"certificate on no list", b, func(r *Request, _ *Instant) { r.Entry.Certificate = &Certificate{ListMade: noon} }},
		{"certificate without a list, which the policy does not ask for", b, func(r *Request, _ *Instant) { r.Entry.Certificate = new(Certificate) }},
		{"stamp", seal, func(r *Request, _ *Instant) {
			r.Entry.Class, r.Operation, r.Version, r.Container = ClassSeal, Stamp, V4, OFD
		}},
		{"reading a seal needs no algorithm", seal, func(r *Request, _ *Instant) {
			r.Entry.Class, r.Operation, r.Algorithm = ClassSeal, SealRead, 0
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, at := good(), sane
			tt.change(&r, &at)
			if d := Decide(tt.policy, Usage{}, r, at); !d.Allowed() || d != (Decision{Reason: Allowed}) {
				t.Errorf("Decide(%+v, %+v) = %+v, want allowed and nothing else", r, at, d)
			}
		})
	}
}

type refusal struct {
	name   string
	change func(*Request, *Instant)
	reason Reason
	rule   string
	after  time.Time
}

// refusals change one thing each in a request that is allowed, in the order
// of the rules.
var refusals = []refusal{
	{"other uid", func(r *Request, _ *Instant) { r.UID = 1003 }, NotACaller, "callers", time.Time{}},
	{"unproven", func(r *Request, _ *Instant) { r.Entry.Proven = false }, RecordUnproven, "entry.proof", time.Time{}},
	{"no class", func(r *Request, _ *Instant) { r.Entry.Class = 0 }, UnknownEntry, "entry.class", time.Time{}},
	{"other class", func(r *Request, _ *Instant) { r.Entry.Class = 77 }, UnknownEntry, "entry.class", time.Time{}},
	{"inactive", func(r *Request, _ *Instant) { r.Entry.Active = false }, NotActive, "entry.status", time.Time{}},
	{"other key", func(r *Request, _ *Instant) { r.Entry.KeyMatches = false }, KeyMismatch, "entry.key", time.Time{}},
	{"clock jumped", func(_ *Request, at *Instant) { at.Clock = JumpedClock }, ClockJumped, "clock", time.Time{}},
	{"clock behind", func(_ *Request, at *Instant) { at.Clock = BehindClock }, ClockBehind, "clock", time.Time{}},
	{"clock unknown", func(_ *Request, at *Instant) { at.Clock = UnknownClock }, ClockBehind, "clock", time.Time{}},
	{"clock out of range", func(_ *Request, at *Instant) { at.Clock = 77 }, ClockBehind, "clock", time.Time{}},
	{"no time", func(_ *Request, at *Instant) { at.Time = time.Time{} }, ClockBehind, "clock", time.Time{}},
	{"before validity", func(_ *Request, at *Instant) { at.Time = validFrom.Add(-1) }, OutsideValidity, "entry.validity", validFrom},
	{"after validity", func(_ *Request, at *Instant) { at.Time = validTo.Add(1) }, OutsideValidity, "entry.validity", time.Time{}},
	{"no validity", func(r *Request, _ *Instant) { r.Entry.Validity = Validity{} }, OutsideValidity, "entry.validity", time.Time{}},
	{"validity without start", func(r *Request, _ *Instant) { r.Entry.Validity.From = time.Time{} }, OutsideValidity, "entry.validity", time.Time{}},
	{"validity without end", func(r *Request, _ *Instant) { r.Entry.Validity.Until = time.Time{} }, OutsideValidity, "entry.validity", time.Time{}},
	{"seal without validity", func(r *Request, _ *Instant) {
		r.Entry.Class, r.Operation, r.Entry.Validity = ClassSeal, Stamp, Validity{Unbounded: true}
	}, OutsideValidity, "entry.validity", time.Time{}},
	{"revoked", func(r *Request, _ *Instant) { r.Entry.Certificate = &Certificate{Revoked: true, ListMade: noon} }, CertInvalid, "entry.certificate", time.Time{}},
	{"revoked, by no list", func(r *Request, _ *Instant) { r.Entry.Certificate = &Certificate{Revoked: true} }, CertInvalid, "entry.certificate", time.Time{}},
	{"before the policy", func(r *Request, at *Instant) {
		r.Entry.Validity, at.Time = Validity{Unbounded: true}, policyFrom.Add(-1)
	}, OutsideValidity, "not_before", policyFrom},
	{"after the policy", func(r *Request, at *Instant) {
		r.Entry.Validity, at.Time = Validity{Unbounded: true}, policyTo.Add(1)
	}, OutsideValidity, "not_after", time.Time{}},
	{"no operation", func(r *Request, _ *Instant) { r.Operation = 0 }, OperationRefused, "operations", time.Time{}},
	{"other operation", func(r *Request, _ *Instant) { r.Operation = CMS }, OperationRefused, "operations", time.Time{}},
	{"operation out of range", func(r *Request, _ *Instant) { r.Operation = 77 }, OperationRefused, "operations", time.Time{}},
	{"digest of a seal", func(r *Request, _ *Instant) { r.Entry.Class = ClassSeal }, OpNotForSeal, "entry.class", time.Time{}},
	{"no algorithm", func(r *Request, _ *Instant) { r.Algorithm = 0 }, AlgorithmRefused, "algorithms", time.Time{}},
	{"other algorithm", func(r *Request, _ *Instant) { r.Algorithm = algo.Ed25519 }, AlgorithmRefused, "algorithms", time.Time{}},
	{"no purpose", func(r *Request, _ *Instant) { r.Purpose = "" }, PurposeRefused, "purposes", time.Time{}},
	{"other purpose", func(r *Request, _ *Instant) { r.Purpose = "contracts" }, PurposeRefused, "purposes", time.Time{}},
	{"no items", func(r *Request, _ *Instant) { r.BatchSize = 0 }, BatchTooLarge, "batch", time.Time{}},
	{"negative items", func(r *Request, _ *Instant) { r.BatchSize = -1 }, BatchTooLarge, "batch", time.Time{}},
	{"too many items", func(r *Request, _ *Instant) { r.BatchSize = 17 }, BatchTooLarge, "batch", time.Time{}},
}

var (
	policyFrom = time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC)
	policyTo   = time.Date(2026, 12, 31, 15, 59, 59, 0, time.UTC)
)

func TestDecideRefusesEachThingByName(t *testing.T) {
	b, _ := mustBind(t, contracts)
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			r, at := good(), sane
			tt.change(&r, &at)
			d := Decide(b, Usage{}, r, at)
			if d.Reason != tt.reason || d.Rule != tt.rule || !d.After.Equal(tt.after) || d.Need == "" || d.Allowed() {
				t.Errorf("Decide = %+v, want %v by %s after %v and a need", d, tt.reason, tt.rule, tt.after)
			}
		})
	}
}

// The order is a promise: it decides which reason is recorded. Two faults at
// once must give the reason of the earlier rule, whichever came first.
func TestDecideKeepsTheOrderOfItsRules(t *testing.T) {
	b, _ := mustBind(t, contracts)
	order := []string{"other uid", "unproven", "no class", "inactive", "other key", "clock jumped", "after validity", "revoked",
		"other operation", "no algorithm", "other purpose", "too many items"}
	var changes []int
	for _, name := range order {
		changes = append(changes, slices.IndexFunc(refusals, func(r refusal) bool { return r.name == name }))
	}
	for i, first := range changes {
		for _, second := range changes[i+1:] {
			r, at := good(), sane
			refusals[second].change(&r, &at)
			refusals[first].change(&r, &at)
			if d := Decide(b, Usage{}, r, at); d.Reason != refusals[first].reason {
				t.Errorf("%s and %s: %v, want %v", refusals[first].name, refusals[second].name, d.Reason, refusals[first].reason)
			}
		}
	}
}

func TestASealKeySignsStampsOnlyWhateverThePolicySays(t *testing.T) {
	all := mustBindPolicy(t, stamping(mustParse(t, strings.Replace(contracts, `["digest", "message"]`, `["stamp", "seal.read", "digest", "message", "cms"]`, 1))))
	tests := []struct {
		class Class
		op    Operation
		want  Reason
	}{
		{ClassSeal, Stamp, Allowed}, {ClassSeal, SealRead, Allowed},
		{ClassSeal, Digest, OpNotForSeal}, {ClassSeal, Message, OpNotForSeal}, {ClassSeal, CMS, OpNotForSeal},
		{ClassKey, Stamp, OperationRefused}, {ClassKey, SealRead, OperationRefused},
		{ClassKey, Digest, Allowed}, {ClassKey, Message, Allowed}, {ClassKey, CMS, Allowed},
	}
	for _, tt := range tests {
		r := good()
		r.Entry.Class, r.Operation, r.Version, r.Container = tt.class, tt.op, V5, PDF
		if !tt.op.signs() {
			r.Algorithm = 0
		}
		if d := Decide(all, Usage{}, r, sane); d.Reason != tt.want {
			t.Errorf("%v of a %v: %v, want %v", tt.op, tt.class, d.Reason, tt.want)
		}
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	b, _ := mustBind(t, contracts)
	if (Decision{}).Allowed() {
		t.Error("the zero Decision allows")
	}
	for name, d := range map[string]Decision{
		"policy":  Decide(Bound{}, Usage{}, good(), sane),
		"request": Decide(b, Usage{}, Request{}, sane),
		"instant": Decide(b, Usage{}, good(), Instant{}),
		"all":     Decide(Bound{}, Usage{}, Request{}, Instant{}),
	} {
		if d.Allowed() || d.Reason == Unjudged {
			t.Errorf("zero %s: %v", name, d.Reason)
		}
	}
}

func TestAStrangerLearnsNothingOfThePolicy(t *testing.T) {
	b, _ := mustBind(t, contracts)
	want := Decide(Bound{}, Usage{}, Request{UID: 9}, Instant{})
	for _, tt := range refusals {
		r, at := good(), sane
		tt.change(&r, &at)
		r.UID, r.GIDs = 9, nil
		if d := Decide(b, Usage{}, r, at); d != want {
			t.Errorf("%s: a stranger gets %+v, want %+v", tt.name, d, want)
		}
	}
}

// TestEveryFieldNarrows adds restrictions at random to a policy and asks at
// random: what was refused stays refused.
func TestEveryFieldNarrows(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 1))
	allowed, narrowed := 0, 0
	for range 20000 {
		wide := randomPolicy(rng)
		narrow := wide.narrowed(rng)
		r, at := randomRequest(rng), sane
		at.Time = policyFrom.Add(time.Duration(rng.IntN(48)) * time.Hour)
		before := Decide(bindText(t, wide.text()), Usage{}, r, at)
		after := Decide(bindText(t, narrow.text()), Usage{}, r, at)
		if after.Allowed() && !before.Allowed() {
			t.Fatalf("%+v is refused (%v) by\n%s\nbut allowed by the narrower\n%s", r, before.Reason, wide.text(), narrow.text())
		}
		if before.Allowed() {
			allowed++
			if !after.Allowed() {
				narrowed++
			}
		}
	}
	// Without these the property would hold for a Decide that refuses all.
	if allowed < 500 || narrowed < 100 {
		t.Errorf("%d allowed, %d of them refused by the narrower policy: too few to mean anything", allowed, narrowed)
	}
}

func bindText(t *testing.T, text string) Bound {
	t.Helper()
	return mustBindPolicy(t, stamping(mustParse(t, text)))
}

// draft is a policy as lists that can be cut. A nil list is absent from the
// text.
type draft struct {
	users, groups, operations, algorithms, purposes []string
	from, until                                     int // hours; 0: absent
	batch                                           int // 0: absent
	crlMaxAge                                       int // hours; 0: absent
}

func randomPolicy(rng *rand.Rand) draft {
	return draft{
		users: pick(rng, `"oa"`, `"licence"`, "20001"), groups: pick(rng, `"docs"`, "30001"),
		operations: pick(rng, `"stamp"`, `"seal.read"`, `"digest"`, `"message"`, `"cms"`),
		algorithms: pick(rng, `"SM2-SM3"`, `"ED25519"`), purposes: pick(rng, `"a"`, `"b"`),
		from: rng.IntN(20), until: rng.IntN(2) * (20 + rng.IntN(28)), batch: rng.IntN(4), crlMaxAge: rng.IntN(3) * rng.IntN(30),
	}
}

func pick(rng *rand.Rand, from ...string) []string {
	var some []string
	for _, item := range from {
		if rng.IntN(4) > 0 {
			some = append(some, item)
		}
	}
	return some
}

func (d draft) narrowed(rng *rand.Rand) draft {
	lists := []*[]string{&d.users, &d.groups, &d.operations, &d.algorithms, &d.purposes}
	switch k := rng.IntN(9); {
	case k < 5 && len(*lists[k]) > 0:
		i := rng.IntN(len(*lists[k]))
		*lists[k] = slices.Delete(slices.Clone(*lists[k]), i, i+1)
	case k == 5:
		d.from += rng.IntN(4)
		if d.until > 0 {
			d.from = min(d.from, d.until)
		}
	case k == 6 && d.until == 0:
		d.until = 25 + rng.IntN(20)
	case k == 6:
		d.until = max(d.until-rng.IntN(5), d.from)
	case k == 7 && d.batch == 0:
		d.batch = 1 + rng.IntN(3)
	case k == 7:
		d.batch = max(d.batch-1, 1)
	case k == 8 && d.crlMaxAge == 0:
		d.crlMaxAge = 1 + rng.IntN(30)
	case k == 8:
		d.crlMaxAge = max(d.crlMaxAge-1-rng.IntN(5), 1)
	}
	return d
}

func (d draft) text() string {
	var b strings.Builder
	list := func(items []string) string { return "[" + strings.Join(items, ", ") + "]" }
	fmt.Fprintf(&b, "callers = { users = %s, groups = %s }\n", list(d.users), list(d.groups))
	for key, items := range map[string][]string{"operations": d.operations, "algorithms": d.algorithms, "purposes": d.purposes} {
		if items != nil {
			fmt.Fprintf(&b, "%s = %s\n", key, list(items))
		}
	}
	for key, hours := range map[string]int{"not_before": d.from, "not_after": d.until} {
		if hours > 0 {
			fmt.Fprintf(&b, "%s = %s\n", key, policyFrom.Add(time.Duration(hours)*time.Hour).Format(time.RFC3339))
		}
	}
	if d.crlMaxAge > 0 {
		fmt.Fprintf(&b, "crl_max_age = \"%dh\"\n", d.crlMaxAge)
	}
	if d.batch > 0 {
		fmt.Fprintf(&b, "batch = %d\n", d.batch)
	}
	return b.String()
}

func randomRequest(rng *rand.Rand) Request {
	r := good()
	r.UID = []uint32{0, 1001, 1002, 20001, 7}[rng.IntN(5)]
	r.GIDs = [][]uint32{nil, {2001}, {30001, 7}, {0, 8}}[rng.IntN(4)]
	r.Entry.Class = []Class{ClassSeal, ClassKey}[rng.IntN(2)]
	r.Operation = Operations()[rng.IntN(5)]
	r.Algorithm = []algo.Algorithm{algo.SM2SM3, algo.Ed25519, 0}[rng.IntN(3)]
	r.Purpose = []string{"a", "b"}[rng.IntN(2)]
	r.Version, r.Container = V4, OFD
	r.BatchSize = 1 + rng.IntN(3)
	r.Entry.Validity = Validity{From: policyFrom, Until: policyTo}
	if rng.IntN(4) > 0 {
		r.Entry.Certificate = &Certificate{Revoked: rng.IntN(20) == 0, ListMade: policyFrom.Add(time.Duration(rng.IntN(24)) * time.Hour)}
	}
	return r
}

func TestReasonsKeepTheirNumbers(t *testing.T) {
	// design: the error table, append only.
	want := "unknown_entry not_a_caller operation algorithm version purpose not_active outside_validity " +
		"outside_hours quota rate approval_needed approval_denied cert_invalid seal_outlives_cert key_mismatch " +
		"clock_behind signer_not_in_seal op_not_for_seal ses_structure_in_message context_required " +
		"seal_must_be_remade cert_is_encryption changed record_unproven clock_jumped container"
	for i, name := range strings.Fields(want) {
		if got := Reason(200 + i).String(); got != name {
			t.Errorf("reason %d is %q, want %q", 200+i, got, name)
		}
	}
	numbers := map[Reason]string{0: "unjudged", 1: "allowed", 107: "batch_too_large", 227: "reason(227)"}
	for r, name := range numbers {
		if r.String() != name {
			t.Errorf("reason %d is %q, want %q", r, r, name)
		}
	}
	for r, name := range reasons {
		if got, err := ParseReason(name); got != r || err != nil {
			t.Errorf("ParseReason(%q) = %d, %v, want %d", name, got, err, r)
		}
	}
	if got, err := ParseReason("reason(227)"); err == nil || got != Unjudged {
		t.Errorf("ParseReason of an unknown name = %v, %v", got, err)
	}
}

func TestEnumerationsRoundTrip(t *testing.T) {
	for i, o := range Operations() {
		if got, err := ParseOperation(o.String()); got != o || err != nil || int(o) != i+1 {
			t.Errorf("ParseOperation(%q) = %d, %v, want %d", o, got, err, i+1)
		}
	}
	for _, c := range []Class{ClassSeal, ClassKey} {
		if got, err := ParseClass(c.String()); got != c || err != nil {
			t.Errorf("ParseClass(%q) = %d, %v", c, got, err)
		}
	}
	for _, v := range Versions() {
		if got, err := ParseVersion(v.String()); got != v || err != nil || v.String() != fmt.Sprintf("v%d", v) {
			t.Errorf("ParseVersion(%q) = %d, %v", v, got, err)
		}
	}
	for i, c := range Containers() {
		if got, err := ParseContainer(c.String()); got != c || err != nil || int(c) != i+1 {
			t.Errorf("ParseContainer(%q) = %d, %v, want %d", c, got, err, i+1)
		}
	}
	for i, f := range Forms() {
		if got, err := ParseForm(f.String()); got != f || err != nil || int(f) != i+1 {
			t.Errorf("ParseForm(%q) = %d, %v, want %d", f, got, err, i+1)
		}
	}
	for i, f := range AllFields() {
		if got, err := ParseField(f.String()); got != f || err != nil || int(f) != i+1 {
			t.Errorf("ParseField(%q) = %d, %v, want %d", f, got, err, i+1)
		}
		if one := FieldsOf(f); !one.Has(f) || len(one.List()) != 1 || one.List()[0] != f || one.Has(f%10+1) {
			t.Errorf("the set of %v is %v", f, one.List())
		}
	}
	if all := FieldsOf(AllFields()...); len(all.List()) != 10 || all.Has(0) || all.Has(11) {
		t.Errorf("the set of all fields is %v", all.List())
	}
	for _, err := range []error{second(ParseVersion("v1")), second(ParseContainer("")), second(ParseForm("any")), second(ParseField("purpose"))} {
		if err == nil || !strings.Contains(err.Error(), "want one of") {
			t.Errorf("a name that there is not: %v", err)
		}
	}
	if _, err := ParseClass(""); err == nil {
		t.Error("the class with no name was parsed")
	}
	if _, err := ParseOperation(""); err == nil {
		t.Error("the operation with no name was parsed")
	}
	if !reflect.DeepEqual([]string{Operation(77).String(), Class(77).String(), Clock(77).String()}, []string{"operation(77)", "class(77)", "unknown"}) {
		t.Error("a number outside its enumeration has the name of one inside")
	}
}

// officeRefusals change one thing each in a use that the policy office allows,
// in the order of the rules.
var officeRefusals = []struct {
	name   string
	change func(*use)
	reason Reason
	rule   string
	after  time.Time
	need   string // a part of it
}{
	{"old list", func(u *use) { u.request.Entry.Certificate.ListMade = u.at.Time.AddDate(0, 0, -8) }, CertInvalid, "crl_max_age", time.Time{}, "168h"},
	{"policy not begun", func(u *use) { u.moveTo(u.policy.notBefore.Add(-1)) }, OutsideValidity, "not_before", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), ""},
	{"policy ended", func(u *use) { u.moveTo(u.policy.notAfter.Add(1)) }, OutsideValidity, "not_after", time.Time{}, ""},
	{"holiday", func(u *use) { u.moveTo(onClock(2027, 5, 3, 10, 0)) }, OutsideHours, "holidays", onClock(2027, 5, 6, 8, 30), "2027-05-06T08:30:00+08:00"},
	{"Sunday", func(u *use) { u.moveTo(onClock(2027, 5, 9, 10, 0)) }, OutsideHours, "weekdays", onClock(2027, 5, 10, 8, 30), ""},
	{"Saturday that is no day of work", func(u *use) { u.moveTo(onClock(2027, 5, 15, 10, 0)) }, OutsideHours, "weekdays", onClock(2027, 5, 17, 8, 30), ""},
	{"before the office opens", func(u *use) { u.moveTo(onClock(2027, 5, 11, 8, 30).Add(-1)) }, OutsideHours, "hours", onClock(2027, 5, 11, 8, 30), ""},
	{"noon", func(u *use) { u.moveTo(onClock(2027, 5, 11, 12, 0)) }, OutsideHours, "hours", onClock(2027, 5, 11, 14, 0), ""},
	{"Friday evening before a Saturday of work", func(u *use) { u.moveTo(onClock(2027, 5, 7, 17, 30)) }, OutsideHours, "hours", onClock(2027, 5, 8, 8, 30), ""},
	{"another operation", func(u *use) { u.policy.operations = []Operation{SealRead} }, OperationRefused, "operations", time.Time{}, "seal.read"},
	{"stamp of a key", func(u *use) { u.request.Entry.Class = ClassKey }, OperationRefused, "entry.class", time.Time{}, ""},
	{"digest of a seal", func(u *use) { u.request.Operation = Digest }, OpNotForSeal, "entry.class", time.Time{}, ""},
	{"algorithm of what signs nothing", func(u *use) { u.request.Operation = SealRead }, AlgorithmRefused, "algorithms", time.Time{}, ""},
	{"another version", func(u *use) { u.request.Version = V5 }, VersionRefused, "versions", time.Time{}, "v4"},
	{"no version", func(u *use) { u.request.Version = 0 }, VersionRefused, "versions", time.Time{}, ""},
	{"no version is listed", func(u *use) { u.policy.versions = nil }, VersionRefused, "versions", time.Time{}, ""},
	{"another container", func(u *use) { u.request.Container = XML }, ContainerRefused, "containers", time.Time{}, "ofd, pdf"},
	{"no container", func(u *use) { u.request.Container = 0 }, ContainerRefused, "containers", time.Time{}, ""},
	{"no container is listed", func(u *use) { u.policy.containers = nil }, ContainerRefused, "containers", time.Time{}, ""},
	{"another purpose", func(u *use) { u.request.Purpose = "contracts" }, PurposeRefused, "purposes", time.Time{}, ""},
	{"a field is missing", func(u *use) { u.request.Carries = FieldsOf(DocNo) }, ContextRequired, "require", time.Time{}, "in the context also user_id"},
	{"all fields are missing", func(u *use) { u.request.Carries = 0 }, ContextRequired, "require", time.Time{}, "user_id, doc_no"},
	{"too many items", func(u *use) { u.request.BatchSize = 17 }, BatchTooLarge, "batch", time.Time{}, ""},
	{"the minute is full", func(u *use) { u.count(OfEntry, Minute).Spent = 5 }, RateExceeded, "quotas.minute", tenOClock.Add(time.Minute), "at most 5 uses a minute"},
	{"the day is full", func(u *use) { u.count(OfEntry, Day).Spent = 50 }, QuotaSpent, "quotas.day", onClock(2027, 5, 12, 8, 30), "at most 50 uses a day; ask again from 2027-05-12T08:30:00+08:00 on"},
	{"the day is full with what is being signed", func(u *use) { c := u.count(OfEntry, Day); c.Spent, c.Reserved = 49, 1 }, QuotaSpent, "quotas.day", tenOClock.Add(5 * time.Second), "at most 50 uses a day, and what is left is being signed"},
	{"the day is more than full", func(u *use) { u.count(OfEntry, Day).Reserved = 51 }, QuotaSpent, "quotas.day", tenOClock.Add(5 * time.Second), "at most 50 uses a day, and what is left is being signed"},
	{"two numbers whose sum has no room", func(u *use) { c := u.count(OfEntry, Day); c.Spent, c.Reserved = 2, math.MaxUint64-1 }, QuotaSpent, "quotas.day", tenOClock.Add(5 * time.Second), "at most 50 uses a day, and what is left is being signed"},
	{"the life is over", func(u *use) { u.count(OfEntry, Lifetime).Spent = 1000 }, QuotaSpent, "quotas.lifetime", time.Time{}, "1000 uses in the entry's whole life"},
	{"the caller's hour is full", func(u *use) { u.count(OfCaller, Hour).Spent = 10 }, QuotaSpent, "quotas.per_caller.hour", tenOClock.Add(time.Hour), ""},
	{"minute and caller's hour are full", func(u *use) { u.count(OfEntry, Minute).Spent, u.count(OfCaller, Hour).Spent = 5, 10 }, QuotaSpent, "quotas.per_caller.hour", tenOClock.Add(time.Hour), ""},
	{"both days are full", func(u *use) { u.count(OfCaller, Day).Spent, u.count(OfEntry, Day).Spent = 20, 50 }, QuotaSpent, "quotas.day", onClock(2027, 5, 12, 8, 30), ""},
	{"all are full", func(u *use) {
		for i := range u.usage.Counts {
			u.usage.Counts[i].Spent = 1000
		}
	}, QuotaSpent, "quotas.lifetime", time.Time{}, ""},
	{"a quota of nothing", func(u *use) { u.policy.quotas = []Quota{{OfEntry, Day, 0}}; u.moveTo(tenOClock) }, QuotaSpent, "quotas.day", time.Time{}, "allows none a day"},
	{"nobody counted", func(u *use) { u.usage.Counts = nil }, QuotaSpent, "quotas.lifetime", time.Time{}, "a count"},
	{"the count of another limit", func(u *use) { u.count(OfEntry, Day).Limit = 51 }, QuotaSpent, "quotas.day", time.Time{}, "a count"},
	{"the count of yesterday", func(u *use) { c := u.count(OfEntry, Day); c.Start, c.End = c.Start.AddDate(0, 0, -1), c.Start }, QuotaSpent, "quotas.day", time.Time{}, "a count"},
	{"the count of tomorrow", func(u *use) { u.count(OfEntry, Day).Start = tenOClock.Add(time.Minute) }, QuotaSpent, "quotas.day", time.Time{}, "a count"},
	{"the count of no day", func(u *use) { u.count(OfEntry, Day).Start = time.Time{} }, QuotaSpent, "quotas.day", time.Time{}, "a count"},
	{"a life that is full with what is being signed", func(u *use) { c := u.count(OfEntry, Lifetime); c.Spent, c.Reserved = 999, 1 }, QuotaSpent, "quotas.lifetime", tenOClock.Add(5 * time.Second), "being signed"},
	{"what is being signed, of a batch that has room without it", func(u *use) { c := u.count(OfEntry, Day); c.Spent, c.Reserved, u.request.BatchSize = 45, 5, 5 }, QuotaSpent, "quotas.day", tenOClock.Add(5 * time.Second), "being signed"},
	{"what is being signed, of a batch that has none all the same", func(u *use) { c := u.count(OfEntry, Day); c.Spent, c.Reserved, u.request.BatchSize = 46, 4, 5 }, QuotaSpent, "quotas.day", onClock(2027, 5, 12, 8, 30), "at most 50 uses a day; ask again"},
	{"within a second", func(u *use) {
		u.moveTo(tenOClock.Add(400 * time.Millisecond))
		u.count(OfEntry, Minute).Reserved = 5
	}, RateExceeded, "quotas.minute", tenOClock.Add(5 * time.Second), "from 2027-05-11T10:00:05+08:00 on"},
	{"what is being signed as the office shuts", func(u *use) {
		u.moveTo(onClock(2027, 5, 11, 12, 0).Add(-3 * time.Second))
		u.count(OfEntry, Day).Reserved = 50
	}, QuotaSpent, "quotas.day", onClock(2027, 5, 11, 14, 0), ""},
	{"more items than a window has", func(u *use) {
		u.count(OfEntry, Minute).Spent, u.request.BatchSize = 1, 6
		u.count(OfEntry, Minute).Reserved = 4
	}, RateExceeded, "quotas.minute", time.Time{}, "at most 5 items in one request: the policy allows 5 uses a minute"},
	{"more items than another window has", func(u *use) { u.count(OfEntry, Day).Spent, u.request.BatchSize = 50, 6 }, QuotaSpent, "quotas.day", time.Time{}, "at most 5 items in one request: the policy allows 5 uses a minute"},
	{"as many items as a window has", func(u *use) { u.count(OfEntry, Minute).Spent, u.request.BatchSize = 5, 5 }, RateExceeded, "quotas.minute", tenOClock.Add(time.Minute), "at most 5 uses a minute"},
	{"more items than a life has", func(u *use) {
		u.policy.quotas = []Quota{{OfEntry, Lifetime, 1}}
		u.moveTo(tenOClock)
		u.count(OfEntry, Lifetime).Reserved, u.request.BatchSize = 1, 2
	}, QuotaSpent, "quotas.lifetime", time.Time{}, "at most 1 item in one request: the policy allows 1 use in the entry's whole life"},
	{"the last day of the policy", func(u *use) {
		u.moveTo(onClock(2027, 12, 30, 10, 0))
		u.count(OfEntry, Day).Spent = 50
	}, QuotaSpent, "quotas.day", time.Time{}, "at most 50 uses a day; the policy ends on 2027-12-31T08:00:00+08:00, before there is another"},
	{"the last minute of the entry", func(u *use) {
		u.request.Entry.Validity.Until = tenOClock.Add(59 * time.Second)
		u.count(OfEntry, Minute).Spent = 5
	}, RateExceeded, "quotas.minute", time.Time{}, "the entry ends on 2027-05-11T10:00:59+08:00, before there is another"},
	{"the first instant of the next minute is the entry's last", func(u *use) {
		u.request.Entry.Validity.Until = tenOClock.Add(time.Minute)
		u.count(OfEntry, Minute).Spent = 5
	}, RateExceeded, "quotas.minute", tenOClock.Add(time.Minute), ""},
	{"a key without an end", func(u *use) {
		u.request.Operation, u.request.Entry.Class, u.request.Entry.Validity = Digest, ClassKey, Validity{Unbounded: true, Until: tenOClock}
		u.count(OfEntry, Minute).Spent = 5
	}, RateExceeded, "quotas.minute", tenOClock.Add(time.Minute), ""},
	{"an hour, in words", func(u *use) { u.count(OfCaller, Hour).Spent = 10 }, QuotaSpent, "quotas.per_caller.hour", tenOClock.Add(time.Hour), "at most 10 uses an hour; ask again from 2027-05-11T11:00:00+08:00 on"},
	{"one use, in words", func(u *use) {
		u.policy.quotas = []Quota{{OfEntry, Hour, 1}}
		u.moveTo(tenOClock)
		u.count(OfEntry, Hour).Spent = 1
	}, QuotaSpent, "quotas.hour", tenOClock.Add(time.Hour), "at most 1 use an hour; ask"},
	{"no hours before the policy ends", func(u *use) { u.moveTo(onClock(2027, 12, 30, 17, 30)) }, OutsideHours, "hours", time.Time{}, "a time when the policy allows uses; the policy ends on 2027-12-31T08:00:00+08:00, before there is another"},
	{"the policy ends as the office opens", func(u *use) {
		u.policy.notAfter = onClock(2027, 5, 12, 8, 30)
		u.moveTo(onClock(2027, 5, 11, 17, 30))
	}, OutsideHours, "hours", onClock(2027, 5, 12, 8, 30), ""},
	{"no hours before the entry ends", func(u *use) {
		u.request.Entry.Validity.Until = onClock(2027, 5, 11, 13, 59)
		u.moveTo(onClock(2027, 5, 11, 12, 0))
	}, OutsideHours, "hours", time.Time{}, "the entry ends on 2027-05-11T13:59:00+08:00"},
	{"no hours for years", func(u *use) { u.policy.schedule.weekdays = [7]bool{}; u.moveTo(tenOClock) }, OutsideHours, "weekdays", time.Time{}, "none is open for two years"},
	{"the day of a restore", func(u *use) { u.count(OfEntry, Day).Unknown = true }, QuotaSpent, "quotas.day", onClock(2027, 5, 12, 8, 30), "restore"},
	{"the life before a restore", func(u *use) { u.count(OfEntry, Lifetime).Unknown = true }, QuotaSpent, "quotas.lifetime", time.Time{}, "restore"},
	{"no approval", func(u *use) { u.usage.Approval = nil }, ApprovalNeeded, "approvals", time.Time{}, "ask for one"},
	{"an approval that there is not", func(u *use) { u.usage.Approval = new(Approval) }, ApprovalNeeded, "approvals", time.Time{}, "ask for one"},
	{"denied", func(u *use) { u.usage.Approval.State = Denied }, ApprovalDenied, "approvals", time.Time{}, "denied"},
	{"revoked", func(u *use) { u.usage.Approval.State = Revoked }, ApprovalDenied, "approvals", time.Time{}, "revoked"},
	{"of another document", func(u *use) { u.usage.Approval.Fits = false }, ApprovalDenied, "approvals", time.Time{}, "document"},
	{"pending", func(u *use) { u.usage.Approval.State = Pending }, ApprovalNeeded, "approvals", time.Time{}, "granted by 2"},
	{"of a state that there is not", func(u *use) { u.usage.Approval.State = 77 }, ApprovalNeeded, "approvals", time.Time{}, ""},
	{"granted by one", func(u *use) { u.usage.Approval.By = []string{"carl"} }, ApprovalNeeded, "approvals", time.Time{}, "granted by 2"},
	{"granted twice by one", func(u *use) { u.usage.Approval.By = []string{"carl", "carl"} }, ApprovalNeeded, "approvals", time.Time{}, "granted by 2"},
	{"granted by another custodian", func(u *use) { u.usage.Approval.By = []string{"carl", "dora"} }, ApprovalNeeded, "approvals", time.Time{}, "granted by 2"},
	{"persons not said", func(u *use) { u.policy.approvals.Persons = 0 }, ApprovalNeeded, "approvals", time.Time{}, "granted by 1"},
	{"of another form", func(u *use) { u.usage.Approval.Form = ByReferences }, ApprovalDenied, "approvals", time.Time{}, "document, digests, count"},
	{"of no form", func(u *use) { u.usage.Approval.Form = 0 }, ApprovalDenied, "approvals", time.Time{}, ""},
	{"digests for a seal", func(u *use) { u.usage.Approval.Form = ByDigests }, ApprovalDenied, "approvals", time.Time{}, "class key"},
	{"ended", func(u *use) { u.usage.Approval.Until = tenOClock.Add(-1) }, ApprovalDenied, "approvals", time.Time{}, "ended"},
	{"without an end", func(u *use) { u.usage.Approval.Until = time.Time{} }, ApprovalDenied, "approvals", time.Time{}, ""},
	{"not begun", func(u *use) { u.usage.Approval.From = tenOClock.Add(1) }, ApprovalNeeded, "approvals", tenOClock.Add(1), ""},
	{"without a start", func(u *use) { u.usage.Approval.From = time.Time{} }, ApprovalDenied, "approvals", time.Time{}, "24h"},
	{"too long", func(u *use) { u.usage.Approval.From = u.usage.Approval.Until.Add(-24*time.Hour - 1) }, ApprovalDenied, "approvals", time.Time{}, "24h"},
	{"for too many uses", func(u *use) { u.usage.Approval.Count = 4 }, ApprovalDenied, "approvals", time.Time{}, "at most 3"},
	{"used up", func(u *use) { u.usage.Approval.Used = 3 }, ApprovalDenied, "approvals", time.Time{}, "use left"},
	{"used up with what is being signed", func(u *use) { u.usage.Approval.Used, u.usage.Approval.Reserved = 1, 2 }, ApprovalNeeded, "approvals", tenOClock.Add(5 * time.Second), "what is left of it is being signed"},
	{"what is being signed, of a batch that has room without it", func(u *use) { a := u.usage.Approval; a.Used, a.Reserved, u.request.BatchSize = 1, 2, 2 }, ApprovalNeeded, "approvals", tenOClock.Add(5 * time.Second), "being signed; ask again from 2027-05-11T10:00:05+08:00 on"},
	{"more items than are left", func(u *use) { a := u.usage.Approval; a.Used, a.Reserved, u.request.BatchSize = 1, 2, 3 }, ApprovalDenied, "approvals", time.Time{}, "at most 2 items in one request"},
	{"what is being signed as the office shuts", func(u *use) {
		u.moveTo(onClock(2027, 5, 11, 12, 0).Add(-time.Second))
		u.usage.Approval.Reserved = 3
	}, ApprovalNeeded, "approvals", onClock(2027, 5, 11, 14, 0), "being signed; ask again"},
	{"of before a restore", func(u *use) { u.usage.Approval.Unknown = true }, ApprovalDenied, "approvals", time.Time{}, "restore"},
	{"denied before a restore", func(u *use) { u.usage.Approval.State, u.usage.Approval.Unknown = Denied, true }, ApprovalDenied, "approvals", time.Time{}, "denied"},
	{"pending, of another document", func(u *use) { u.usage.Approval.State, u.usage.Approval.Fits = Pending, false }, ApprovalDenied, "approvals", time.Time{}, "document"},
	{"pending, and ended", func(u *use) { u.usage.Approval.State, u.usage.Approval.Until = Pending, tenOClock.Add(-1) }, ApprovalDenied, "approvals", time.Time{}, "ended"},
	{"pending, for too many uses", func(u *use) { u.usage.Approval.State, u.usage.Approval.Count = Pending, 4 }, ApprovalDenied, "approvals", time.Time{}, "at most 3"},
	{"pending, and not begun", func(u *use) { u.usage.Approval.State, u.usage.Approval.From = Pending, tenOClock.Add(1) }, ApprovalNeeded, "approvals", time.Time{}, "granted by 2"},
	{"used up, and not begun", func(u *use) { u.usage.Approval.Used, u.usage.Approval.From = 3, tenOClock.Add(1) }, ApprovalDenied, "approvals", time.Time{}, "use left"},
	{"of other digests", func(u *use) {
		u.request.Operation, u.request.Entry.Class = Digest, ClassKey
		u.usage.Approval.Form, u.usage.Approval.Fits = ByDigests, false
	}, ApprovalDenied, "approvals", time.Time{}, "value, which is signed once"},
}

// onClock is an instant by the clock of Shanghai.
func onClock(y int, m time.Month, d, hour, minute int) time.Time {
	return time.Date(y, m, d, hour-8, minute, 0, 0, time.UTC)
}

func TestDecideRefusesEachKeyOfAnOfficeByName(t *testing.T) {
	for _, tt := range officeRefusals {
		t.Run(tt.name, func(t *testing.T) {
			u := officeUse(t)
			tt.change(u)
			d := u.decide(t)
			if d.Reason != tt.reason || d.Rule != tt.rule || !d.After.Equal(tt.after) || d.Need == "" || !strings.Contains(d.Need, tt.need) {
				t.Errorf("Decide = %+v, want %v by %s after %v, and a need with %q", d, tt.reason, tt.rule, tt.after, tt.need)
			}
		})
	}
}

func TestDecideAllowsWhatAnOfficeMayDo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*use)
	}{
		{"as it is", func(*use) {}},
		{"the last use of everything", func(u *use) {
			u.count(OfEntry, Minute).Spent, u.count(OfEntry, Day).Reserved, u.count(OfEntry, Lifetime).Spent = 4, 49, 999
			u.count(OfCaller, Hour).Spent, u.count(OfCaller, Day).Spent = 9, 19
			u.usage.Approval.Used, u.usage.Approval.Reserved = 1, 1
		}},
		{"the first instant of the morning", func(u *use) { u.moveTo(onClock(2027, 5, 11, 8, 30)) }},
		{"the last of the morning", func(u *use) { u.moveTo(onClock(2027, 5, 11, 12, 0).Add(-1)) }},
		{"a Saturday of work", func(u *use) { u.moveTo(onClock(2027, 5, 8, 10, 0)) }},
		{"the last minute of the afternoon", func(u *use) { u.moveTo(onClock(2027, 5, 11, 17, 29)) }},
		{"any custodians", func(u *use) { u.policy.approvals.Custodians, u.usage.Approval.By = nil, []string{"x", "y"} }},
		{"granted by more than asked for", func(u *use) { u.usage.Approval.By = []string{"carl", "x", "cyd", "cora"} }},
		{"approved for this instant", func(u *use) { u.usage.Approval.From, u.usage.Approval.Until = tenOClock, tenOClock }},
		{"the longest approval", func(u *use) { u.usage.Approval.From = u.usage.Approval.Until.Add(-24 * time.Hour) }},
		{"digests for a key", func(u *use) {
			u.request.Entry.Class, u.request.Operation, u.usage.Approval.Form = ClassKey, Digest, ByDigests
		}},
		{"a key has no version and no container", func(u *use) {
			u.request.Entry.Class, u.request.Operation, u.request.Version, u.request.Container = ClassKey, Message, 0, 0
		}},
		{"reading a seal asks for nothing of a signature", func(u *use) {
			u.request = Request{UID: 1001, Operation: SealRead, Purpose: "contract", BatchSize: 1, Entry: u.request.Entry}
			u.usage = Usage{}
		}},
	} {
		u := officeUse(t)
		tt.change(u)
		if d := u.decide(t); d != allow {
			t.Errorf("%s: %+v, want allowed", tt.name, d)
		}
	}
}

// TestEveryReasonOfDecideIsReached: these are all that the rules can give.
func TestEveryReasonOfDecideIsReached(t *testing.T) {
	want := []Reason{
		Allowed, BatchTooLarge, UnknownEntry, NotACaller, OperationRefused, AlgorithmRefused, VersionRefused, PurposeRefused, NotActive,
		OutsideValidity, OutsideHours, QuotaSpent, RateExceeded, ApprovalNeeded, ApprovalDenied, CertInvalid, KeyMismatch, ClockBehind,
		OpNotForSeal, ContextRequired, RecordUnproven, ClockJumped, ContainerRefused,
	}
	reached := map[Reason]bool{officeUse(t).decide(t).Reason: true}
	for _, tt := range refusals {
		reached[tt.reason] = true
	}
	for _, tt := range officeRefusals {
		reached[tt.reason] = true
	}
	for _, r := range want {
		if !reached[r] {
			t.Errorf("no refusal of the tables is %v", r)
		}
		delete(reached, r)
	}
	if len(reached) > 0 {
		t.Errorf("these are not on the list: %v", reached)
	}
}

// TestTheFirstRuleThatRefusesAnswers: of two things that are wrong the earlier
// one in the table is the answer. Each row stands for one rule; a move to
// another time comes first, for it brings new counts.
func TestTheFirstRuleThatRefusesAnswers(t *testing.T) {
	order := []string{
		"holiday", "old list", "another operation", "digest of a seal", "another version", "another container", "another purpose",
		"a field is missing", "too many items", "the life is over", "no approval",
	}
	byName := map[string]func(*use){}
	rule := map[string]string{}
	for _, tt := range officeRefusals {
		byName[tt.name], rule[tt.name] = tt.change, tt.rule
	}
	for i, first := range order {
		for _, second := range order[i+1:] {
			want := first
			if second == "old list" { // that of the certificate is asked before the hours
				want = second
			}
			u := officeUse(t)
			byName[first](u)
			byName[second](u)
			if d := u.decide(t); d.Rule != rule[want] {
				t.Errorf("%s and %s: %v by %s, want %s", first, second, d.Reason, d.Rule, rule[want])
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }
