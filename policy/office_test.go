package policy

import (
	"testing"
	"time"

	"signet/policy/zoneinfo"
	"signet/protocol/algo"
)

// stamping is p with the lists that a stamp is held to.
func stamping(p Policy) Policy {
	p.versions, p.containers = Versions(), Containers()
	return p
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := zoneinfo.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// dayOf is a date as schedules count it.
func dayOf(y int, m time.Month, d int) civilDay {
	return civilDay(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// officeHours are those of an office that works on the second Saturday of May
// 2027 for a day off before.
func officeHours() schedule {
	return schedule{
		hours: []hours{{8*60 + 30, 12 * 60}, {14 * 60, 17*60 + 30}}, hasHours: true,
		weekdays:  [7]bool{time.Monday: true, time.Tuesday: true, time.Wednesday: true, time.Thursday: true, time.Friday: true},
		openDates: []civilDay{dayOf(2027, 5, 8)}, hasWeekdays: true,
		holidays: []days{{dayOf(2027, 5, 1), dayOf(2027, 5, 5)}, {dayOf(2027, 10, 1), dayOf(2027, 10, 1)}},
	}
}

// office is a policy that says something about everything.
func office(t testing.TB) Policy {
	return Policy{
		users: []account{{name: "oa"}, {id: 20001}}, groups: []account{{name: "docs"}},
		operations: Operations(), algorithms: []algo.Algorithm{algo.SM2SM3, algo.Ed25519}, purposes: []string{"contract", "invoice"},
		notBefore: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), notAfter: time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC),
		batch: 16, crlMaxAge: 7 * 24 * time.Hour,
		versions: []Version{V4}, containers: []Container{OFD, PDF}, require: []Field{UserID, DocNo},
		zone: mustZone(t, "Asia/Shanghai"), schedule: officeHours(),
		quotas: []Quota{{OfEntry, Minute, 5}, {OfEntry, Day, 50}, {OfEntry, Lifetime, 1000}, {OfCaller, Hour, 10}, {OfCaller, Day, 20}},
		approvals: &Approvals{
			Persons: 2, Custodians: []string{"carl", "cora", "cyd"}, Forms: []Form{ByDocument, ByDigests, ByCount}, Most: 3, Longest: 24 * time.Hour,
		},
	}
}

// A use is the arguments of Decide, to be changed and asked.
type use struct {
	policy  Policy
	usage   Usage
	request Request
	at      Instant
}

// tenOClock is a Tuesday in Shanghai.
var tenOClock = time.Date(2027, 5, 11, 2, 0, 0, 0, time.UTC)

// officeUse is one that the policy allows.
func officeUse(t testing.TB) *use {
	p := office(t)
	return &use{
		policy: p,
		usage: Usage{Counts: p.Windows(tenOClock), Approval: &Approval{
			ID: "0123456789abcdef", State: Granted, Form: ByDocument, Fits: true, By: []string{"carl", "cora"},
			From: tenOClock.Add(-time.Hour), Until: tenOClock.Add(time.Hour), Count: 3,
		}},
		request: Request{
			UID: 1001, Operation: Stamp, Algorithm: algo.SM2SM3, Purpose: "contract", BatchSize: 1,
			Version: V4, Container: OFD, Carries: FieldsOf(UserID, DocNo, Pages),
			Entry: Entry{
				Class: ClassSeal, Proven: true, Active: true, KeyMatches: true, Certificate: &Certificate{ListMade: tenOClock.Add(-time.Hour)},
				Validity: Validity{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)},
			},
		},
		at: p.At(tenOClock, SaneClock),
	}
}

func (u *use) decide(t testing.TB) Decision {
	return Decide(u.bound(t), u.usage, u.request, u.at)
}

func (u *use) bound(t testing.TB) Bound {
	t.Helper()
	then, err := Resolve(u.policy, system(names))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Bind(u.policy, then, system(names))
	return b
}

// count returns the count of one quota, to be changed.
func (u *use) count(scope Scope, period Period) *Count {
	for i, c := range u.usage.Counts {
		if c.Scope == scope && c.Period == period {
			return &u.usage.Counts[i]
		}
	}
	return new(Count)
}

// moveTo asks at another time, with nothing used in its windows.
func (u *use) moveTo(at time.Time) {
	u.at = u.policy.At(at, SaneClock)
	u.usage.Counts = u.policy.Windows(at)
	if a := u.usage.Approval; a != nil {
		a.From, a.Until = at, at
	}
	u.request.Entry.Certificate = &Certificate{ListMade: at}
}
