package policy

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAllowsNobodySaysWhy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Policy)
		class  Class
		want   []string // the beginnings of the reasons
	}{
		{"somebody", func(*Policy) {}, 0, nil},
		{"somebody, with a seal", func(*Policy) {}, ClassSeal, nil},
		{"somebody, with a key", func(*Policy) {}, ClassKey, nil},
		{"no callers", func(p *Policy) { p.users, p.groups = nil, nil }, 0, []string{"callers: "}},
		{"groups only", func(p *Policy) { p.users = nil }, 0, nil},
		{"no operations", func(p *Policy) { p.operations = nil }, 0, []string{"operations: none of them is for an entry of class seal or key: write one of stamp, seal.read, digest, message, cms"}},
		{"no algorithms", func(p *Policy) { p.operations, p.algorithms = []Operation{Stamp, Digest}, nil }, 0, []string{
			"algorithms: none is listed, and stamp signs", "algorithms: none is listed, and digest signs",
		}},
		{"no algorithms for reading", func(p *Policy) { p.algorithms = nil }, ClassSeal, nil},
		{"no algorithms for a key", func(p *Policy) { p.algorithms = nil }, ClassKey, []string{"algorithms: ", "algorithms: ", "algorithms: "}},
		{"no purposes", func(p *Policy) { p.purposes = nil }, 0, []string{"purposes: "}},
		{"no batch", func(p *Policy) { p.batch = 0 }, 0, []string{"batch: "}},
		{"no hours", func(p *Policy) { p.schedule.hours = nil }, 0, []string{"hours: "}},
		{"no weekdays", func(p *Policy) { p.schedule.weekdays, p.schedule.openDates = [7]bool{}, nil }, 0, []string{"weekdays: "}},
		{"a date and no weekdays", func(p *Policy) { p.schedule.weekdays = [7]bool{} }, 0, nil},
		{"a date that is a holiday", func(p *Policy) {
			p.schedule.weekdays, p.schedule.openDates = [7]bool{}, []civilDay{dayOf(2027, 5, 3)}
		}, 0, []string{"hours, weekdays, holidays: "}},
		{"a date of next year", func(p *Policy) {
			p.schedule.weekdays, p.schedule.openDates = [7]bool{}, []civilDay{dayOf(2028, 5, 3)}
		}, 0, []string{"hours, weekdays, holidays: "}},
		{"Saturday and Sunday", func(p *Policy) {
			p.notBefore, p.notAfter = onClock(2027, 5, 14, 17, 30), onClock(2027, 5, 17, 8, 30).Add(-1)
		}, 0, []string{"hours, weekdays, holidays: "}},
		{"the last instant is of use", func(p *Policy) { p.notBefore, p.notAfter = onClock(2027, 5, 14, 17, 30), onClock(2027, 5, 17, 8, 30) }, 0, nil},
		{"the first instant is of use", func(p *Policy) {
			p.notBefore, p.notAfter = onClock(2027, 5, 14, 17, 30).Add(-1), onClock(2027, 5, 17, 8, 30).Add(-1)
		}, 0, nil},
		{"ended before it began", func(p *Policy) { p.notAfter = p.notBefore.Add(-1) }, 0, []string{"not_after: "}},
		{"hours that the clock skips", func(p *Policy) {
			p.zone = mustZone(t, "Europe/Berlin")
			p.schedule = schedule{hasHours: true, hours: []hours{{130, 170}}, hasWeekdays: true, openDates: []civilDay{dayOf(2027, 3, 28)}}
		}, 0, []string{"hours, weekdays, holidays: "}},
		{"hours that the clock skips once", func(p *Policy) {
			p.zone = mustZone(t, "Europe/Berlin")
			p.schedule = schedule{hasHours: true, hours: []hours{{130, 170}}, hasWeekdays: true, weekdays: [7]bool{time.Sunday: true}}
		}, 0, nil},
		{"a key that may only stamp", func(p *Policy) { p.operations = []Operation{Stamp, SealRead} }, ClassKey, []string{
			"operations: none of them is for an entry of class key: write one of digest, message, cms",
		}},
		{"a seal that may only sign digests", func(p *Policy) { p.operations = []Operation{Digest, CMS} }, ClassSeal, []string{
			"operations: none of them is for an entry of class seal: write one of stamp, seal.read",
		}},
		{"no versions and no containers", func(p *Policy) { p.operations, p.versions, p.containers = []Operation{Stamp}, nil, nil }, ClassSeal, []string{"versions: ", "containers: "}},
		{"no versions, of a key", func(p *Policy) { p.versions, p.containers = nil, nil }, ClassKey, nil},
		{"a quota of nothing", func(p *Policy) {
			p.operations, p.quotas = []Operation{Digest}, []Quota{{OfEntry, Day, 3}, {OfCaller, Hour, 0}}
		}, 0, []string{"quotas.per_caller.hour: 0"}},
		{"a quota of nothing for reading", func(p *Policy) { p.quotas = []Quota{{OfEntry, Day, 0}} }, ClassSeal, nil},
		{"no forms", func(p *Policy) { p.operations, changed(p).Forms = []Operation{Stamp, Digest}, nil }, 0, []string{"approvals.forms: none"}},
		{"digests of a seal", func(p *Policy) { p.operations, changed(p).Forms = []Operation{Stamp}, []Form{ByDigests} }, ClassSeal, []string{"approvals.forms: digests"}},
		{"digests of what may only be stamped", func(p *Policy) { p.operations, changed(p).Forms = []Operation{Stamp}, []Form{ByDigests} }, 0, []string{"approvals.forms: digests"}},
		{"digests of a key", func(p *Policy) { changed(p).Forms = []Form{ByDigests} }, ClassKey, nil},
		{"more persons than custodians", func(p *Policy) { p.operations, changed(p).Persons = []Operation{Stamp}, 4 }, 0, []string{"approvals.persons: 4 of 3"}},
		{"no uses of an approval", func(p *Policy) { p.operations, changed(p).Most = []Operation{Stamp}, 0 }, 0, []string{"approvals.most: "}},
		{"nothing", func(p *Policy) { *p = Policy{} }, ClassKey, []string{"callers: ", "purposes: ", "batch: ", "operations: "}},
	} {
		p := office(t)
		tt.change(&p)
		got := AllowsNobody(p, tt.class)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			continue
		}
		for i, why := range got {
			if !strings.HasPrefix(why, tt.want[i]) || !strings.Contains(why, ": write ") {
				t.Errorf("%s: %q, want %q and what to write", tt.name, why, tt.want[i])
			}
		}
	}
}

// TestWhoAllowsNobodyAllowsNoRequest, and who allows somebody allows the
// request that is made for it.
func TestWhoAllowsNobodyAllowsNoRequest(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 34))
	nobody, somebody := 0, 0
	for range 1500 {
		p := randomWorldPolicy(t, rng)
		for range rng.IntN(6) {
			one(rng, worldFields...).set(rng, &p)
		}
		b, class := mustBindPolicy(t, p), one(rng, 0, ClassSeal, ClassKey)
		why := AllowsNobody(p, class)
		allowed := false
		for _, op := range Operations() {
			if class != 0 && op.class() != class {
				continue
			}
			s := likely(p, op)
			allowed = allowed || s.decide(b).Allowed()
			if len(why) == 0 {
				continue
			}
			all := s.variations(p.zone, worldTimes)
			for range 20 {
				if v := one(rng, all...); (class == 0 || v.request.Entry.Class == class) && v.decide(b).Allowed() {
					t.Fatalf("%+v\nis allowed, but %q", v, why)
				}
			}
		}
		if allowed != (len(why) == 0) {
			t.Fatalf("%+v\nallows nobody for %q: but %v that the likeliest use is allowed", p, why, allowed)
		}
		if allowed {
			somebody++
		} else {
			nobody++
		}
	}
	if nobody < 150 || somebody < 300 {
		t.Errorf("%d policies allow nobody, %d somebody: too few to mean anything", nobody, somebody)
	}
}

// TestThePolicyOfATextCanBeUsed: the zone is not needed where nothing is
// counted.
func TestThePolicyOfATextCanBeUsed(t *testing.T) {
	p := mustParse(t, contracts)
	if why := AllowsNobody(p, ClassKey); len(why) > 0 {
		t.Errorf("%q", why)
	}
	if why := AllowsNobody(p, ClassSeal); !reflect.DeepEqual(why, []string{
		"operations: none of them is for an entry of class seal: write one of stamp, seal.read",
	}) {
		t.Errorf("%q", why)
	}
	if why := AllowsNobody(mustParse(t, ""), 0); len(why) != 3 {
		t.Errorf("%q", why)
	}
}
