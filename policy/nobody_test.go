package policy

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/protocol/algo"
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
		{"digests of a seal", func(p *Policy) { p.operations, changed(p).Forms = []Operation{Stamp}, []Form{ByDigests} }, ClassSeal, []string{"approvals.forms: none of digests is for an entry of class seal"}},
		{"digests of what may only be stamped", func(p *Policy) { p.operations, changed(p).Forms = []Operation{Stamp}, []Form{ByDigests} }, 0, []string{"approvals.forms: none of digests is for an entry of class seal"}},
		{"references of a key", func(p *Policy) { changed(p).Forms = []Form{ByReferences} }, ClassKey, []string{"approvals.forms: none of references is for an entry of class key: write one of document, digests, count"}},
		{"references of a seal", func(p *Policy) { p.operations, changed(p).Forms = []Operation{Stamp}, []Form{ByReferences} }, ClassSeal, nil},
		{"digests of a key", func(p *Policy) { changed(p).Forms = []Form{ByDigests} }, ClassKey, nil},
		{"more persons than custodians", func(p *Policy) { p.operations, changed(p).Persons = []Operation{Stamp}, 4 }, 0, []string{"approvals.persons: 4 of 3"}},
		{"no uses of an approval", func(p *Policy) { p.operations, changed(p).Most = []Operation{Stamp}, 0 }, 0, []string{"approvals.most: "}},
		{"nothing", func(p *Policy) { *p = Policy{} }, ClassKey, []string{"callers: ", "purposes: ", "batch: ", "operations: ", "algorithms: "}},
	} {
		p := office(t)
		tt.change(&p)
		got := AllowsNobody(p, Holder{Class: tt.class})
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

// TestAllowsNobodyKnowsTheHolder: the same policies allow somebody of an entry of
// which nothing is known.
func TestAllowsNobodyKnowsTheHolder(t *testing.T) {
	stampsOnly := func(p *Policy) { p.operations = []Operation{Stamp} }
	datesOnly := func(p *Policy) {
		stampsOnly(p)
		p.schedule.weekdays, p.schedule.openDates = [7]bool{}, []civilDay{dayOf(2027, 5, 8), dayOf(2027, 5, 11)}
	}
	anybody := func(p *Policy) { stampsOnly(p); changed(p).Custodians = nil }
	for _, tt := range []struct {
		name   string
		change func(*Policy)
		holder Holder
		want   string // the beginning of the reason, and what to write; "": somebody
	}{
		{"an algorithm that fits", stampsOnly, Holder{Algorithms: []algo.Algorithm{algo.Ed25519}}, ""},
		{"no algorithm that fits", stampsOnly, Holder{Algorithms: []algo.Algorithm{algo.ECDSAP256SHA256}},
			"algorithms: none of SM2-SM3, ED25519 fits the entry's key: write one of ECDSA-P256-SHA256"},
		{"a key that no algorithm fits", stampsOnly, Holder{Algorithms: []algo.Algorithm{}}, "algorithms: none of SM2-SM3, ED25519 fits the entry's key: write "},
		{"reading needs none", func(*Policy) {}, Holder{Algorithms: []algo.Algorithm{algo.ECDSAP256SHA256}}, ""},
		{"the last instant", stampsOnly, Holder{Now: onClock(2027, 12, 30, 17, 29)}, ""},
		{"none left before the end", stampsOnly, Holder{Now: onClock(2027, 12, 30, 17, 30)}, "hours, weekdays, holidays: no instant of use is left from now to not_after: write "},
		{"ended", stampsOnly, Holder{Now: time.Date(2027, 12, 31, 0, 0, 0, 1, time.UTC)}, "not_after: was on 2027-12-31T08:00:00+08:00: write an instant to come"},
		{"not begun", stampsOnly, Holder{Now: onClock(2026, 5, 1, 0, 0)}, ""},
		{"the last date, open", datesOnly, Holder{Now: onClock(2027, 5, 11, 17, 29)}, ""},
		{"the last date, closed", datesOnly, Holder{Now: onClock(2027, 5, 11, 17, 30)}, "hours, weekdays, holidays: no instant"},
		{"the day after", datesOnly, Holder{Now: onClock(2027, 5, 12, 0, 0)}, "weekdays: it has dates only, and the last of them is over: write "},
		{"long after, without an end", func(p *Policy) { stampsOnly(p); p.notAfter = time.Time{} }, Holder{Now: onClock(2099, 5, 11, 0, 0)}, ""},
		{"custodians who can", stampsOnly, Holder{Grantors: []string{"cyd", "eve", "carl"}}, ""},
		{"one of two", stampsOnly, Holder{Grantors: []string{"eve", "carl"}},
			"approvals.custodians: of carl, cora, cyd only 1 can grant for this entry, and persons is 2: write "},
		{"nobody", stampsOnly, Holder{Grantors: []string{}}, "approvals.custodians: of carl, cora, cyd only 0"},
		{"as many as persons", anybody, Holder{Grantors: []string{"eve", "dora"}}, ""},
		{"fewer than persons", anybody, Holder{Grantors: []string{"eve"}}, "approvals.persons: 2, and 1 can grant for this entry: write fewer"},
	} {
		p := office(t)
		tt.change(&p)
		if why := AllowsNobody(p, Holder{Class: ClassSeal}); len(why) > 0 {
			t.Fatalf("%s: of any seal %q", tt.name, why)
		}
		tt.holder.Class = ClassSeal
		got := AllowsNobody(p, tt.holder)
		if len(got) == 0 && tt.want == "" {
			continue
		}
		if len(got) != 1 || tt.want == "" || !strings.HasPrefix(got[0], tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
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
		why := AllowsNobody(p, Holder{Class: class})
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
	if why := AllowsNobody(p, Holder{Class: ClassKey}); len(why) > 0 {
		t.Errorf("%q", why)
	}
	if why := AllowsNobody(p, Holder{Class: ClassSeal}); !reflect.DeepEqual(why, []string{
		"operations: none of them is for an entry of class seal: write one of stamp, seal.read",
	}) {
		t.Errorf("%q", why)
	}
	if why := AllowsNobody(mustParse(t, ""), Holder{}); len(why) != 4 {
		t.Errorf("%q", why)
	}
}
