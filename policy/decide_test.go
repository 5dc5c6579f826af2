package policy

import (
	"fmt"
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
	p := mustParse(t, text)
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
	seal, _ := mustBind(t, strings.Replace(contracts, `["digest", "message"]`, `["stamp", "seal.read"]`, 1))
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
		{"stamp", seal, func(r *Request, _ *Instant) { r.Entry.Class, r.Operation = ClassSeal, Stamp }},
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
	all, _ := mustBind(t, strings.Replace(contracts, `["digest", "message"]`, `["stamp", "seal.read", "digest", "message", "cms"]`, 1))
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
		r.Entry.Class, r.Operation = tt.class, tt.op
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
	b, _ := mustBind(t, text)
	return b
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
		"seal_must_be_remade cert_is_encryption changed record_unproven clock_jumped"
	for i, name := range strings.Fields(want) {
		if got := Reason(200 + i).String(); got != name {
			t.Errorf("reason %d is %q, want %q", 200+i, got, name)
		}
	}
	numbers := map[Reason]string{0: "unjudged", 1: "allowed", 107: "batch_too_large", 226: "reason(226)"}
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
	if got, err := ParseReason("reason(226)"); err == nil || got != Unjudged {
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
