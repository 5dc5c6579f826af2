package policy

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheZeroChangeWidens(t *testing.T) {
	if (Change{}).Direction != Widening || Direction(77).String() != "widens" {
		t.Error("what nobody judged does not widen")
	}
}

func TestDiffNamesEachChange(t *testing.T) {
	shanghai, berlin := mustZone(t, "Asia/Shanghai"), mustZone(t, "Europe/Berlin")
	for _, tt := range []struct {
		name   string
		change func(*Policy)
		want   []Change
	}{
		{"nothing", func(*Policy) {}, nil},
		{"no caller, and more of all else", func(p *Policy) { p.users, p.groups, p.batch, p.crlMaxAge = nil, nil, 256, 0 }, []Change{
			{"callers.users", Narrowing, "oa", ""}, {"callers.users", Narrowing, "20001", ""}, {"callers.groups", Narrowing, "docs", ""},
			{"batch", Widening, "16", "256"}, {"crl_max_age", Widening, "168h", ""},
		}},
		{"text only", func(p *Policy) { p.text = "# another comment" }, nil},
		{"order of a list", func(p *Policy) { p.purposes = []string{"invoice", "contract"} }, nil},
		{"user added", func(p *Policy) { p.users = append(p.users, account{name: "licence"}) }, []Change{{"callers.users", Widening, "", "licence"}}},
		{"user removed", func(p *Policy) { p.users = p.users[:1] }, []Change{{"callers.users", Narrowing, "20001", ""}}},
		{"group for user of one name", func(p *Policy) { p.users, p.groups = nil, []account{{name: "oa"}} }, []Change{
			{"callers.users", Narrowing, "oa", ""}, {"callers.users", Narrowing, "20001", ""},
			{"callers.groups", Narrowing, "docs", ""}, {"callers.groups", Widening, "", "oa"},
		}},
		{"lists", func(p *Policy) {
			p.operations, p.algorithms = p.operations[1:], nil
			p.versions, p.containers = Versions(), []Container{OFD}
		}, []Change{
			{"operations", Narrowing, "stamp", ""}, {"algorithms", Narrowing, "SM2-SM3", ""}, {"algorithms", Narrowing, "ED25519", ""},
			{"versions", Widening, "", "v5"}, {"containers", Narrowing, "pdf", ""},
		}},
		{"field asked for", func(p *Policy) { p.require = []Field{UserID, DocID} }, []Change{
			{"require", Widening, "doc_no", ""}, {"require", Narrowing, "", "doc_id"},
		}},
		{"batch", func(p *Policy) { p.batch = 17 }, []Change{{"batch", Widening, "16", "17"}}},
		{"smaller batch", func(p *Policy) { p.batch = 15 }, []Change{{"batch", Narrowing, "16", "15"}}},
		{"later start", func(p *Policy) { p.notBefore = p.notBefore.Add(1) }, []Change{{"not_before", Narrowing, "2027-01-01T00:00:00Z", "2027-01-01T00:00:00.000000001Z"}}},
		{"no end", func(p *Policy) { p.notAfter = time.Time{} }, []Change{{"not_after", Widening, "2027-12-31T00:00:00Z", ""}}},
		{"older list", func(p *Policy) { p.crlMaxAge++ }, []Change{{"crl_max_age", Widening, "168h", "168h0m0.000000001s"}}},
		{"no list", func(p *Policy) { p.crlMaxAge = 0 }, []Change{{"crl_max_age", Widening, "168h", ""}}},
		{"another zone", func(p *Policy) { p.zone = berlin }, []Change{{"zone", Widening, "Asia/Shanghai", "Europe/Berlin"}}},
		{"another zone of what is by no calendar", func(p *Policy) {
			p.zone, p.schedule, p.quotas = berlin, schedule{hasHours: true, hours: []hours{{0, 1440}}}, []Quota{{OfEntry, Minute, 5}, {OfEntry, Lifetime, 1000}}
		}, []Change{
			{"zone", Neither, "Asia/Shanghai", "Europe/Berlin"}, {"hours", Widening, "08:30-12:00, 14:00-17:30", "00:00-24:00"},
			{"weekdays", Widening, "mon-fri, 2027-05-08", ""}, {"holidays", Widening, "2027-05-01..2027-05-05, 2027-10-01", ""},
			{"quotas.day", Widening, "50", ""}, {"quotas.per_caller.hour", Widening, "10", ""}, {"quotas.per_caller.day", Widening, "20", ""},
		}},
		{"hours apart", func(p *Policy) { p.schedule.hours = []hours{{510, 600}, {600, 720}, {840, 1050}} }, nil},
		{"shorter hours", func(p *Policy) { p.schedule.hours = []hours{{510, 719}, {840, 1050}} }, []Change{
			{"hours", Narrowing, "08:30-12:00, 14:00-17:30", "08:30-11:59, 14:00-17:30"},
		}},
		{"earlier hours", func(p *Policy) { p.schedule.hours = []hours{{509, 720}, {840, 1050}} }, []Change{
			{"hours", Widening, "08:30-12:00, 14:00-17:30", "08:29-12:00, 14:00-17:30"},
		}},
		{"longer hours", func(p *Policy) { p.schedule.hours = []hours{{510, 720}, {840, 1051}} }, []Change{
			{"hours", Widening, "08:30-12:00, 14:00-17:30", "08:30-12:00, 14:00-17:31"},
		}},
		{"other hours", func(p *Policy) { p.schedule.hours = []hours{{509, 600}} }, []Change{
			{"hours", Widening, "08:30-12:00, 14:00-17:30", "08:29-10:00"},
		}},
		{"no hours at all", func(p *Policy) { p.schedule.hours = nil }, []Change{{"hours", Narrowing, "08:30-12:00, 14:00-17:30", "none"}}},
		{"holidays one by one", func(p *Policy) {
			p.schedule.holidays = []days{{dayOf(2027, 5, 1), dayOf(2027, 5, 1)}, {dayOf(2027, 5, 2), dayOf(2027, 5, 5)}, {dayOf(2027, 10, 1), dayOf(2027, 10, 1)}}
		}, nil},
		{"a holiday less that is a Saturday", func(p *Policy) {
			p.schedule.holidays = []days{{dayOf(2027, 5, 2), dayOf(2027, 5, 5)}, {dayOf(2027, 10, 1), dayOf(2027, 10, 1)}}
		}, []Change{
			{"holidays", Neither, "2027-05-01..2027-05-05, 2027-10-01", "2027-05-02..2027-05-05, 2027-10-01"},
		}},
		{"a holiday less", func(p *Policy) { p.schedule.holidays = p.schedule.holidays[:1] }, []Change{
			{"holidays", Widening, "2027-05-01..2027-05-05, 2027-10-01", "2027-05-01..2027-05-05"},
		}},
		{"Saturday, and a holiday less that is one", func(p *Policy) {
			p.schedule.weekdays[time.Saturday] = true
			p.schedule.holidays = []days{{dayOf(2027, 5, 2), dayOf(2027, 5, 5)}, {dayOf(2027, 10, 1), dayOf(2027, 10, 1)}}
		}, []Change{
			{"weekdays", Widening, "mon-fri, 2027-05-08", "mon-sat, 2027-05-08"},
			{"holidays", Widening, "2027-05-01..2027-05-05, 2027-10-01", "2027-05-02..2027-05-05, 2027-10-01"},
		}},
		{"a date that its weekday opens", func(p *Policy) { p.schedule.openDates = append(slices.Clone(p.schedule.openDates), dayOf(2027, 5, 11)) }, nil},
		{"quotas", func(p *Policy) {
			p.quotas = []Quota{{OfEntry, Day, 49}, {OfEntry, Lifetime, 1001}, {OfCaller, Day, 20}, {OfCaller, Month, 0}}
		}, []Change{
			{"quotas.minute", Widening, "5", ""}, {"quotas.day", Narrowing, "50", "49"}, {"quotas.lifetime", Widening, "1000", "1001"},
			{"quotas.per_caller.hour", Widening, "10", ""}, {"quotas.per_caller.month", Narrowing, "", "0"},
		}},
		{"no approvals", func(p *Policy) { p.approvals = nil }, []Change{
			{"approvals", Widening, "granted by 2 of carl, cora, cyd; for document, digests, count; at most 3 uses within 24h", ""},
		}},
		{"approvals", func(p *Policy) {
			p.approvals = &Approvals{Persons: 1, Custodians: []string{"carl", "eve"}, Forms: []Form{ByCount, ByReferences}, Most: 2, Longest: 25 * time.Hour}
		}, []Change{
			{"approvals.persons", Widening, "2", "1"},
			{"approvals.custodians", Narrowing, "cora", ""}, {"approvals.custodians", Narrowing, "cyd", ""}, {"approvals.custodians", Widening, "", "eve"},
			{"approvals.forms", Narrowing, "document", ""}, {"approvals.forms", Narrowing, "digests", ""}, {"approvals.forms", Widening, "", "references"},
			{"approvals.most", Narrowing, "3", "2"}, {"approvals.longest", Widening, "24h", "25h"},
		}},
		{"any custodian", func(p *Policy) { changed(p).Custodians = nil }, []Change{
			{"approvals.custodians", Widening, "carl, cora, cyd", "every custodian of the entry"},
		}},
	} {
		old, new := office(t), office(t)
		if old.zone != shanghai {
			t.Fatal("the office moved")
		}
		tt.change(&new)
		if got := Diff(old, new); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n%+v, want\n%+v", tt.name, got, tt.want)
		}
		narrows := len(new.users)+len(new.groups) == 0 || !slices.ContainsFunc(tt.want, func(c Change) bool { return c.Direction == Widening })
		if Narrows(old, new) != narrows {
			t.Errorf("%s: Narrows = %v", tt.name, !narrows)
		}
		if back := Diff(new, old); len(back) != len(tt.want) {
			t.Errorf("%s: %d changes, and %d back", tt.name, len(tt.want), len(back))
		}
	}
}

func TestWhatIsFirstBoundNarrows(t *testing.T) {
	bare := office(t)
	bare.require, bare.zone, bare.schedule, bare.quotas, bare.approvals, bare.crlMaxAge = nil, nil, schedule{}, nil, nil, 0
	bare.notBefore, bare.notAfter = time.Time{}, time.Time{}
	for _, c := range Diff(bare, office(t)) {
		if c.Direction == Widening || c.Old != "" {
			t.Errorf("%+v", c)
		}
	}
	for _, c := range Diff(office(t), bare) {
		if c.Direction == Narrowing || c.New != "" {
			t.Errorf("back: %+v", c)
		}
	}
}

func TestDiffOfTextsThatMeanTheSame(t *testing.T) {
	old := mustParse(t, contracts)
	new := mustParse(t, "# signed in May\n"+strings.ReplaceAll(contracts, "   ", " "))
	if diff := Diff(old, new); len(diff) > 0 || !Narrows(old, new) {
		t.Errorf("%+v", diff)
	}
}

func TestANameThatMeansAnotherIDWidens(t *testing.T) {
	p := office(t)
	ids := func(oa, docs uint32) Resolved {
		return Resolved{Users: []Principal{{"oa", oa}, {"", 20001}}, Groups: []Principal{{"docs", docs}}}
	}
	fewer, nobody := p, Policy{batch: 100, purposes: []string{"a"}}
	fewer.users = nil
	for _, tt := range []struct {
		name     string
		new      Policy
		old, ids Resolved
		want     bool
	}{
		{"same", p, ids(1001, 2001), ids(1001, 2001), true},
		{"user", p, ids(1001, 2001), ids(1005, 2001), false},
		{"group", p, ids(1001, 2001), ids(1001, 2005), false},
		{"users and groups are apart", p, ids(1001, 2001), Resolved{Users: []Principal{{"docs", 2001}}, Groups: []Principal{{"oa", 1001}}}, false},
		{"fewer", fewer, ids(1001, 2001), Resolved{Groups: []Principal{{"docs", 2001}}}, true},
		{"nothing was resolved before", p, Resolved{}, ids(1001, 2001), false},
		{"nobody", nobody, ids(1001, 2001), Resolved{}, true},
		{"nobody, who means somebody", nobody, Resolved{}, ids(1001, 2001), false},
	} {
		if got := NarrowsBound(p, tt.new, tt.old, tt.ids); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	wider := p
	wider.batch++
	if NarrowsBound(p, wider, ids(1001, 2001), ids(1001, 2001)) {
		t.Error("a policy that widens is taken to narrow for its ids")
	}
}

// TestWhatNarrowsAllowsNothingMore: of random policies of which Narrows says
// so, in situations around those that they allow.
func TestWhatNarrowsAllowsNothingMore(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 32))
	pairs, allowed, cut := 0, 0, 0
	for range 1300 {
		old := randomWorldPolicy(t, rng)
		new := old
		for range 1 + rng.IntN(4) {
			one(rng, worldFields...).set(rng, &new)
		}
		if !Narrows(old, new) {
			continue
		}
		pairs++
		was, is := mustBindPolicy(t, old), mustBindPolicy(t, new)
		base := one(rng, old, new)
		all := likely(base, one(rng, Operations()...)).variations(old.zone, worldTimes)
		for range 60 {
			s := one(rng, all...)
			if rng.IntN(2) == 0 {
				s = one(rng, s.afterUses(old.zone)...).moved(one(rng, worldTimes...))
			}
			before, after := s.decide(was), s.decide(is)
			if after.Allowed() && !before.Allowed() {
				t.Fatalf("%+v\nis refused by %s (%s) and allowed by what narrows it:\n%+v", s, before.Rule, before.Need, Diff(old, new))
			}
			if before.Allowed() {
				if allowed++; !after.Allowed() {
					cut++
				}
			}
		}
	}
	if pairs < 200 || allowed < 1000 || cut < 300 {
		t.Errorf("%d pairs, %d allowed, %d of them not by the narrower: too few to mean anything", pairs, allowed, cut)
	}
}

// TestTheDirectionOfOneKeyIsExact: two values of one key, in a policy that is
// generous otherwise, against every situation of the small world. A key that
// is said to widen lets through what was refused; one that is said to narrow
// does not, and refuses what was let through.
func TestTheDirectionOfOneKeyIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 33))
	seen := map[Direction]int{}
	for _, f := range worldFields {
		for range 30 {
			old := generous(t)
			if f.name == "weekdays" || f.name == "holidays" { // they share the dates
				fieldOf(one(rng, "weekdays", "holidays")).set(rng, &old)
			}
			new := old
			f.set(rng, &old)
			f.set(rng, &new)
			if (old.approvals == nil) != (new.approvals == nil) && f.name != "approvals" {
				continue
			}
			var want Direction = Neither
			switch more, fewer := bruteForce(t, old, new, f.times()); {
			case more:
				want = Widening
			case fewer:
				want = Narrowing
			}
			changes := Diff(old, new)
			got := direction(slices.ContainsFunc(changes, func(c Change) bool { return c.Direction == Widening }),
				slices.ContainsFunc(changes, func(c Change) bool { return c.Direction == Narrowing }))
			if got != want {
				t.Fatalf("%s: Diff says it %v, and it %v: %+v", f.name, got, want, changes)
			}
			if slices.ContainsFunc(changes, func(c Change) bool { return !strings.HasPrefix(c.Key, f.name) }) {
				t.Fatalf("%s: %+v", f.name, changes)
			}
			seen[got]++
		}
	}
	if seen[Widening] < 200 || seen[Narrowing] < 150 || seen[Neither] < 100 {
		t.Errorf("directions %v: too few to mean anything", seen)
	}
}

// times are all of them for a key that is about times, else a few.
func (f field) times() []time.Time {
	if slices.Contains([]string{"not_before", "not_after", "hours", "weekdays", "holidays"}, f.name) {
		return worldTimes
	}
	return worldTimes[:10]
}

// bruteForce asks both policies about every variation of a stamp and of a
// digest that one of them allows.
func bruteForce(t *testing.T, old, new Policy, times []time.Time) (more, fewer bool) {
	was, is := mustBindPolicy(t, old), mustBindPolicy(t, new)
	for _, op := range []Operation{Stamp, Digest} {
		for _, base := range []Policy{old, new} {
			for _, s := range likely(base, op).variations(old.zone, times) {
				before, after := s.decide(was).Allowed(), s.decide(is).Allowed()
				more, fewer = more || after && !before, fewer || before && !after
			}
		}
	}
	return more, fewer
}

// TestAnotherZoneWidensWhatItMoves: there are uses that only the new zone
// allows, and where nothing is by the calendar there are none.
func TestAnotherZoneWidensWhatItMoves(t *testing.T) {
	old := generous(t)
	old.schedule = officeHours()
	new := old
	new.zone = mustZone(t, "America/New_York")
	if more, _ := bruteForce(t, old, new, worldTimes); !more || Narrows(old, new) {
		t.Errorf("office hours of New York: allows more %v, Narrows %v", more, Narrows(old, new))
	}
	old.schedule, old.quotas = schedule{}, []Quota{{OfEntry, Minute, 1}, {OfCaller, Lifetime, 3}}
	new.schedule, new.quotas = old.schedule, old.quotas
	if more, fewer := bruteForce(t, old, new, worldTimes); more || fewer || !Narrows(old, new) {
		t.Errorf("quotas of no calendar: allows more %v, fewer %v, Narrows %v", more, fewer, Narrows(old, new))
	}
}
