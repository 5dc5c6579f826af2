package policy

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"signet/protocol/algo"
)

// A field sets one key of a policy to a value of a small world, in which
// random policies and random uses meet often.
type field struct {
	name string
	set  func(*rand.Rand, *Policy)
}

var worldFields = []field{
	{"callers.users", func(rng *rand.Rand, p *Policy) {
		p.users = some(rng, account{name: "oa"}, account{name: "licence"}, account{id: 20001})
	}},
	{"callers.groups", func(rng *rand.Rand, p *Policy) { p.groups = some(rng, account{name: "docs"}, account{id: 30001}) }},
	{"operations", func(rng *rand.Rand, p *Policy) { p.operations = some(rng, Operations()...) }},
	{"algorithms", func(rng *rand.Rand, p *Policy) { p.algorithms = some(rng, algo.SM2SM3, algo.Ed25519) }},
	{"versions", func(rng *rand.Rand, p *Policy) { p.versions = some(rng, Versions()...) }},
	{"containers", func(rng *rand.Rand, p *Policy) { p.containers = some(rng, OFD, PDF) }},
	{"purposes", func(rng *rand.Rand, p *Policy) { p.purposes = some(rng, "contract", "invoice") }},
	{"require", func(rng *rand.Rand, p *Policy) { p.require = some(rng, UserID, DocNo) }},
	{"batch", func(rng *rand.Rand, p *Policy) { p.batch = 1 + rng.IntN(4) }},
	{"not_before", func(rng *rand.Rand, p *Policy) {
		p.notBefore = one(rng, time.Time{}, onClock(2027, 5, 3, 10, 0), onClock(2027, 5, 4, 10, 0))
	}},
	{"not_after", func(rng *rand.Rand, p *Policy) {
		p.notAfter = one(rng, time.Time{}, onClock(2027, 5, 18, 10, 0), onClock(2027, 5, 19, 10, 0))
	}},
	{"crl_max_age", func(rng *rand.Rand, p *Policy) { p.crlMaxAge = one(rng, 0, time.Hour, 24*time.Hour) }},
	{"hours", func(rng *rand.Rand, p *Policy) {
		p.schedule.hours, p.schedule.hasHours = one(rng, worldHours...), rng.IntN(4) > 0
		if !p.schedule.hasHours {
			p.schedule.hours = nil
		}
	}},
	{"weekdays", func(rng *rand.Rand, p *Policy) {
		p.schedule.weekdays, p.schedule.openDates, p.schedule.hasWeekdays = [7]bool{}, nil, false
		if rng.IntN(4) == 0 {
			return
		}
		p.schedule.hasWeekdays, p.schedule.openDates = true, some(rng, dayOf(2027, 5, 8), dayOf(2027, 5, 12), dayOf(2027, 5, 16))
		for i := range p.schedule.weekdays {
			p.schedule.weekdays[i] = rng.IntN(4) > 0
		}
	}},
	{"holidays", func(rng *rand.Rand, p *Policy) {
		p.schedule.holidays = some(rng, days{dayOf(2027, 5, 1), dayOf(2027, 5, 3)}, days{dayOf(2027, 5, 4), dayOf(2027, 5, 4)},
			days{dayOf(2027, 5, 8), dayOf(2027, 5, 9)}, days{dayOf(2027, 5, 12), dayOf(2027, 5, 13)})
	}},
	{"quotas.minute", quotaField(OfEntry, Minute)}, {"quotas.hour", quotaField(OfEntry, Hour)}, {"quotas.day", quotaField(OfEntry, Day)},
	{"quotas.month", quotaField(OfEntry, Month)}, {"quotas.lifetime", quotaField(OfEntry, Lifetime)},
	{"quotas.per_caller.hour", quotaField(OfCaller, Hour)}, {"quotas.per_caller.day", quotaField(OfCaller, Day)},
	{"quotas.per_caller.lifetime", quotaField(OfCaller, Lifetime)},
	{"approvals", func(rng *rand.Rand, p *Policy) {
		p.approvals = one(rng, nil, &Approvals{Persons: 1, Forms: Forms(), Most: 3, Longest: time.Hour})
	}},
	{"approvals.persons", func(rng *rand.Rand, p *Policy) { changed(p).Persons = 1 + rng.IntN(3) }},
	{"approvals.custodians", func(rng *rand.Rand, p *Policy) { changed(p).Custodians = some(rng, "carl", "cora") }},
	{"approvals.forms", func(rng *rand.Rand, p *Policy) { changed(p).Forms = some(rng, Forms()...) }},
	{"approvals.most", func(rng *rand.Rand, p *Policy) { changed(p).Most = uint32(rng.IntN(4)) }},
	{"approvals.longest", func(rng *rand.Rand, p *Policy) { changed(p).Longest = one(rng, time.Minute, time.Hour, 24*time.Hour) }},
}

func fieldOf(name string) field {
	return worldFields[slices.IndexFunc(worldFields, func(f field) bool { return f.name == name })]
}

var worldHours = [][]hours{
	nil, {{0, 1440}}, {{510, 720}, {840, 1050}}, {{510, 600}, {600, 720}}, {{540, 600}}, {{0, 360}, {1320, 1440}}, {{510, 720}},
}

func quotaField(scope Scope, period Period) func(*rand.Rand, *Policy) {
	return func(rng *rand.Rand, p *Policy) {
		p.quotas = slices.DeleteFunc(slices.Clone(p.quotas), func(q Quota) bool { return q.Scope == scope && q.Period == period })
		if limit := rng.IntN(6); limit < 5 {
			p.quotas = append(p.quotas, Quota{scope, period, uint32(limit)})
		}
		slices.SortFunc(p.quotas, func(a, b Quota) int { return 10*(int(a.Scope)-int(b.Scope)) + int(a.Period) - int(b.Period) })
	}
}

// changed gives p approvals of its own.
func changed(p *Policy) *Approvals {
	copied := Approvals{Persons: 1, Forms: Forms(), Most: 3, Longest: time.Hour}
	if p.approvals != nil {
		copied = *p.approvals
	}
	p.approvals = &copied
	return p.approvals
}

func one[T any](rng *rand.Rand, items ...T) T { return items[rng.IntN(len(items))] }

func some[T any](rng *rand.Rand, items ...T) []T {
	var chosen []T
	for _, item := range items {
		if rng.IntN(3) > 0 {
			chosen = append(chosen, item)
		}
	}
	return chosen
}

// generous allows all that the small world has, at any time.
func generous(t testing.TB) Policy {
	return Policy{
		users: []account{{name: "oa"}, {name: "licence"}, {id: 20001}}, groups: []account{{name: "docs"}, {id: 30001}},
		operations: Operations(), algorithms: []algo.Algorithm{algo.SM2SM3, algo.Ed25519}, purposes: []string{"contract", "invoice"},
		batch: 4, versions: Versions(), containers: []Container{OFD, PDF}, zone: mustZone(t, "Asia/Shanghai"),
	}
}

// randomWorldPolicy is generous but for some keys.
func randomWorldPolicy(t testing.TB, rng *rand.Rand) Policy {
	p := generous(t)
	for range rng.IntN(10) {
		one(rng, worldFields...).set(rng, &p)
	}
	return p
}

// A situation is a use that is asked for, without the counts: they follow from
// what was used before and from the windows of a policy.
type situation struct {
	request  Request
	at       time.Time
	before   []past
	approval *Approval
}

type past struct {
	uid uint32
	at  time.Time
}

// usage counts what was used before, use by use.
func (s situation) usage(p Policy) Usage {
	counts := p.Windows(s.at)
	for i, c := range counts {
		for _, b := range s.before {
			inside := c.Period == Lifetime || Span{c.Start, c.End}.Holds(b.at)
			if inside && (c.Scope == OfEntry || b.uid == s.request.UID) {
				counts[i].Spent++
			}
		}
	}
	return Usage{Counts: counts, Approval: s.approval}
}

func (s situation) decide(b Bound) Decision {
	return Decide(b, s.usage(b.Policy()), s.request, b.Policy().At(s.at, SaneClock))
}

// likely is a situation that p allows, if it allows any for an operation: its
// first caller asks at its first instant for the first of everything.
func likely(p Policy, op Operation) situation {
	s := situation{at: p.someOpen(time.Time{}), request: Request{Operation: op, BatchSize: 1, Carries: FieldsOf(p.require...)}}
	r := &s.request
	switch {
	case len(p.users) > 0:
		r.UID = idOf(p.users[0])
	case len(p.groups) > 0:
		r.UID, r.GIDs = 7, []uint32{idOf(p.groups[0])}
	}
	if len(p.purposes) > 0 {
		r.Purpose = p.purposes[0]
	}
	if op.signs() && len(p.algorithms) > 0 {
		r.Algorithm = p.algorithms[0]
	}
	if op == Stamp && len(p.versions) > 0 && len(p.containers) > 0 {
		r.Version, r.Container = p.versions[0], p.containers[0]
	}
	r.Entry = Entry{
		Class: op.class(), Proven: true, Active: true, KeyMatches: true, Certificate: &Certificate{ListMade: s.at},
		Validity: Validity{From: s.at.AddDate(-1, 0, 0), Until: s.at.AddDate(1, 0, 0)},
	}
	if p.approvals != nil {
		s.approval = likelyApproval(p.approvals, op.class(), s.at)
	}
	return s
}

func idOf(a account) uint32 {
	if a.name != "" {
		return names[a.name]
	}
	return a.id
}

func likelyApproval(asked *Approvals, class Class, at time.Time) *Approval {
	a := &Approval{ID: "0123456789abcdef", State: Granted, Fits: true, From: at, Until: at, Count: 1, By: asked.Custodians}
	if len(a.By) == 0 {
		a.By = []string{"carl", "cora", "cyd"}
	}
	for _, f := range asked.Forms {
		if f != ByDigests && class == ClassSeal || f != ByReferences && class == ClassKey {
			a.Form = f
		}
	}
	return a
}

// moved is s at another time.
func (s situation) moved(at time.Time) situation {
	s.request.Entry.Validity = Validity{From: at.AddDate(-1, 0, 0), Until: at.AddDate(1, 0, 0)}
	s.request.Entry.Certificate = &Certificate{ListMade: at}
	s.before = slices.Clone(s.before)
	for i := range s.before {
		s.before[i].at = at
	}
	if s.approval != nil {
		a := *s.approval
		a.From, a.Until = at, at
		s.approval = &a
	}
	s.at = at
	return s
}

// variations are s with one thing changed each to every value of the small
// world, or moved to one of these times, and s itself.
func (s situation) variations(zone *time.Location, times []time.Time) []situation {
	all := []situation{s}
	vary := func(change func(*situation)) {
		v := s
		change(&v)
		all = append(all, v)
	}
	for _, id := range []uint32{1001, 1002, 20001, 7} {
		vary(func(v *situation) { v.request.UID, v.request.GIDs = id, nil })
	}
	for _, id := range []uint32{2001, 30001, 9} {
		vary(func(v *situation) { v.request.UID, v.request.GIDs = 7, []uint32{id} })
	}
	for _, op := range Operations() {
		vary(func(v *situation) {
			v.request.Operation, v.request.Entry.Class, v.request.Version, v.request.Container = op, op.class(), V4, OFD
			if v.request.Algorithm = 0; op.signs() {
				v.request.Algorithm = algo.SM2SM3
			}
		})
	}
	for _, a := range []algo.Algorithm{algo.SM2SM3, algo.Ed25519} {
		vary(func(v *situation) { v.request.Algorithm = a })
	}
	for _, version := range Versions() {
		vary(func(v *situation) { v.request.Version = version })
	}
	for _, container := range Containers() {
		vary(func(v *situation) { v.request.Container = container })
	}
	for _, purpose := range []string{"contract", "invoice", "other"} {
		vary(func(v *situation) { v.request.Purpose = purpose })
	}
	for _, carries := range []Fields{0, FieldsOf(UserID), FieldsOf(DocNo), FieldsOf(UserID, DocNo)} {
		vary(func(v *situation) { v.request.Carries = carries })
	}
	for n := range 6 {
		vary(func(v *situation) { v.request.BatchSize = n })
	}
	vary(func(v *situation) { v.request.Entry.Certificate = nil })
	for _, age := range []time.Duration{0, time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour, 48 * time.Hour} {
		vary(func(v *situation) { v.request.Entry.Certificate = &Certificate{ListMade: v.at.Add(-age)} })
	}
	for _, at := range times {
		all = append(all, s.moved(at))
	}
	return append(append(all, s.afterUses(zone)...), s.withApprovals()...)
}

// worldTimes are instants of three weeks, on both sides of all bounds that a
// policy of the small world can have.
var worldTimes = func() (all []time.Time) {
	for day := range 25 {
		for _, minute := range []int{0, 359, 360, 509, 510, 539, 540, 599, 600, 719, 720, 839, 840, 1049, 1050, 1319, 1320, 1439} {
			at := onClock(2027, 4, 28+day, 0, minute)
			if all = append(all, at); minute == 600 {
				all = append(all, at.Add(-1), at.Add(1))
			}
		}
	}
	return all
}()

// afterUses is s after 1 to 5 uses in the same window of each period, but not
// in the same window of a shorter one.
func (s situation) afterUses(zone *time.Location) []situation {
	var all []situation
	shorter := Span{s.at, s.at.Add(1)}
	for _, period := range Periods() {
		w := Window(period, zone, s.at)
		at := w.Start
		if shorter.Holds(at) {
			at = w.End.Add(-1)
		}
		if period == Lifetime {
			at = s.at.AddDate(-5, 0, 0)
		}
		shorter = w
		for _, uid := range []uint32{s.request.UID, 4711} {
			v := s
			v.before = nil
			for range 5 {
				v.before = append(slices.Clone(v.before), past{uid, at})
				all = append(all, v)
			}
		}
	}
	return all
}

func (s situation) withApprovals() []situation {
	none := s
	none.approval = nil
	all := []situation{none}
	vary := func(change func(*Approval)) {
		v := s
		a := Approval{ID: "0123456789abcdef", State: Granted, Fits: true, Form: ByDocument, From: s.at, Until: s.at, Count: 1, By: []string{"carl", "cora"}}
		if s.approval != nil {
			a = *s.approval
		}
		change(&a)
		v.approval = &a
		all = append(all, v)
	}
	for _, state := range []State{NoApproval, Pending, Granted, Denied, Revoked} {
		vary(func(a *Approval) { a.State = state })
	}
	for _, f := range Forms() {
		// References are of stamps: nothing else ever fits them.
		vary(func(a *Approval) { a.Form, a.Fits = f, f != ByReferences || s.request.Entry.Class == ClassSeal })
	}
	for _, by := range [][]string{nil, {"carl"}, {"cora"}, {"x"}, {"carl", "carl"}, {"carl", "cora"}, {"carl", "cora", "x"}, {"x", "y", "z"}} {
		vary(func(a *Approval) { a.By = by })
	}
	for n := range uint32(5) {
		vary(func(a *Approval) { a.Count = n })
		vary(func(a *Approval) { a.Count, a.Used = 3, n })
	}
	for _, d := range []time.Duration{time.Minute, time.Hour, time.Hour + 1, 24 * time.Hour, 48 * time.Hour} {
		vary(func(a *Approval) { a.From = s.at.Add(-d) })
		vary(func(a *Approval) { a.Until = s.at.Add(-d) })
		vary(func(a *Approval) { a.From, a.Until = s.at.Add(d), s.at.Add(2*d) })
	}
	vary(func(a *Approval) { a.Fits = false })
	return all
}
