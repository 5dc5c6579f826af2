package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A Chance draws what a world is made of, the same for the same seed.
type Chance struct{ *rand.Rand }

// NewChance is the chance of one world.
func NewChance(seed uint64) Chance { return Chance{rand.New(rand.NewPCG(seed, 0x5157))} }

// One in n.
func (c Chance) One(n int) bool { return c.IntN(n) == 0 }

// Between draws from first to last, both included.
func (c Chance) Between(first, last int) int { return first + c.IntN(last-first+1) }

// Pick draws one of a list that is not empty.
func Pick[T any](c Chance, list []T) T { return list[c.IntN(len(list))] }

// Some draws a subset in an order of chance, of at least one.
func Some[T any](c Chance, list []T) []T {
	some := slices.Clone(list)
	c.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some[:c.Between(1, len(some))]
}

// Duration draws from 0 up to most, in microseconds: the log is no finer.
func (c Chance) Duration(most time.Duration) time.Duration {
	return time.Duration(c.Int64N(int64(most/time.Microsecond)+1)) * time.Microsecond
}

// Samples are parts of a span, for CheckAfter.
func (c Chance) Samples() []float64 {
	return []float64{c.Float64(), c.Float64(), c.Float64(), c.Float64()}
}

// Zones have both directions of daylight saving time, half an hour of it,
// changes at midnight, that of the southern half of the world, and none.
var Zones = []string{
	"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland", "Asia/Shanghai", "Africa/Cairo", "America/Santiago",
}

// The years in which worlds begin: 2028 has a leap day. They last for months.
var (
	worldsFrom  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	worldsUntil = time.Date(2029, 7, 1, 0, 0, 0, 0, time.UTC)
	afterWorlds = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Beginning draws the instant at which a world begins: half of the worlds begin
// within two days before something that a calendar could have wrong.
func (c Chance) Beginning(zone *time.Location) time.Time {
	any := worldsFrom.Add(c.Duration(worldsUntil.Sub(worldsFrom)))
	switch c.IntN(8) {
	case 0, 1:
		if change := NextChange(zone, any); !change.IsZero() {
			any = change.Add(-c.Duration(48 * time.Hour))
		}
	case 2:
		any = time.Date(2028, 2, 29, 0, 0, 0, 0, zone).Add(-c.Duration(24 * time.Hour))
	case 3:
		any = time.Date(any.Year(), any.Month()+1, 1, 0, 0, 0, 0, zone).Add(-c.Duration(24 * time.Hour))
	case 4:
		any = time.Date(any.Year()+1, 1, 1, 0, 0, 0, 0, zone).Add(-c.Duration(48 * time.Hour))
	}
	return any.UTC().Truncate(time.Microsecond)
}

// NextChange is when the zone's offset changes next, zero if it never does.
func NextChange(zone *time.Location, t time.Time) time.Time {
	_, next := t.In(zone).ZoneBounds()
	return next.UTC()
}

// Later draws an instant after now: mostly close by, often just before, at or
// just after a bound of a window, an hour of work or a change of the offset.
func (c Chance) Later(zone *time.Location, now time.Time) time.Time {
	local := now.In(zone)
	y, m, d := local.Date()
	at := now
	switch c.IntN(16) {
	case 0, 1, 2, 3, 4, 5:
		return now.Add(c.Duration(3 * time.Second))
	case 6:
		return now.Add(c.Duration(90 * time.Second))
	case 7:
		return now.Add(c.Duration(50 * time.Minute))
	case 8:
		at = now.Truncate(time.Minute).Add(time.Minute)
	case 9, 10:
		at = now.Truncate(15 * time.Minute).Add(time.Duration(c.Between(1, 4)) * 15 * time.Minute)
	case 11, 12:
		at = time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	case 13:
		at = time.Date(y, m, d+c.IntN(2), c.Between(6, 24), 30*c.IntN(2), 0, 0, zone)
	case 14:
		at = c.far(zone, now)
	case 15:
		at = now.Add(c.Duration(8 * time.Hour))
	}
	at = at.Add(Pick(c, []time.Duration{0, 0, -time.Microsecond, time.Microsecond, -time.Second, time.Second, -10 * time.Minute, 10 * time.Minute, -time.Hour, time.Hour}))
	if at.Before(now) {
		return now.Add(c.Duration(time.Minute)).UTC()
	}
	return at.UTC()
}

// far is the next change of the offset if there soon is one, or the next month,
// or the day after. Worlds do not last for years.
func (c Chance) far(zone *time.Location, now time.Time) time.Time {
	change, local := NextChange(zone, now), now.In(zone)
	switch {
	case !change.IsZero() && change.Sub(now) < 20*24*time.Hour:
		return change
	case c.One(4):
		return time.Date(local.Year(), local.Month()+1, 1, 0, 0, 0, 0, zone)
	}
	return time.Date(local.Year(), local.Month(), local.Day()+2, 0, 0, 0, 0, zone)
}

// A Shape says what policies of a world may have.
type Shape struct {
	Users, Groups                    []Account
	Operations, Algorithms, Purposes []string
	Forms                            []string
	Custodians                       []string
	Zone                             string    // of most policies
	Begins                           time.Time // of the world
}

// AllFields are the context fields of requests.
var AllFields = []string{"doc_id", "doc_no", "doc_title", "doc_sm3", "user_id", "user_name", "dept", "client_ip", "approval_ref", "pages"}

// Policy draws one. Each bound is there in a part of all, so that requests get
// as far as the last rule.
func (c Chance) Policy(s Shape) *Policy {
	p := &Policy{
		Users: Some(c, s.Users), Operations: Some(c, s.Operations), Algorithms: Some(c, s.Algorithms), Purposes: Some(c, s.Purposes),
		Zone: s.Zone,
	}
	if c.One(4) {
		p.Zone = Pick(c, Zones)
	}
	if c.One(2) {
		p.Groups = Some(c, s.Groups)
	}
	if c.One(3) {
		p.Versions = Some(c, []string{"v4", "v5"})
	} else {
		p.Versions = []string{"v4", "v5"}
	}
	p.Containers = Some(c, []string{"ofd", "pdf", "xml", "detached"})
	if len(p.Containers) > 2 && c.One(2) {
		p.Containers = p.Containers[:2]
	}
	if c.One(4) {
		p.Require = Some(c, AllFields)[:1]
	}
	if c.One(4) {
		p.Batch = c.Between(1, 4)
	}
	if c.One(8) {
		p.CRLMaxAge = time.Duration(c.Between(1, 200)) * time.Hour
	}
	if c.One(6) {
		p.NotBefore = s.Begins.Add(c.Duration(96*time.Hour) - 48*time.Hour)
	}
	if c.One(8) {
		p.NotAfter = s.Begins.Add(48*time.Hour + c.Duration(20*24*time.Hour))
	}
	c.calendar(p, s.Begins)
	c.quotas(p)
	if c.One(3) {
		c.approvals(p, s)
	}
	if !p.needsZone() && c.One(2) {
		p.Zone, p.zone = "", nil
	}
	return p
}

var workWeek = []string{"mon", "tue", "wed", "thu", "fri"}

func (c Chance) calendar(p *Policy, begins time.Time) {
	day := func(n int) string { return begins.In(p.location()).AddDate(0, 0, n).Format(time.DateOnly) }
	if c.One(4) {
		p.Hours = Pick(c, [][]string{{"08:30-12:00", "14:00-17:30"}, {"00:00-06:00", "22:00-24:00"}, {"01:30-02:30", "23:00-23:30"}, {"00:00-24:00"}, {"02:00-03:00", "09:00-21:45"}, {}})
		p.Hours = slices.Clone(p.Hours)
		c.Shuffle(len(p.Hours), func(i, j int) { p.Hours[i], p.Hours[j] = p.Hours[j], p.Hours[i] })
	}
	if c.One(5) {
		p.Weekdays = append(slices.Clone(workWeek), Pick(c, [][]string{{}, {"sat"}, {day(5)}, {day(1), day(8)}})...)
	}
	if c.One(5) {
		p.Holidays = Pick(c, [][]string{{day(0)}, {day(2), day(4)}, {day(3) + ".." + day(6)}, {day(20) + ".." + day(30), day(9)}})
		p.Weekdays = slices.DeleteFunc(p.Weekdays, func(open string) bool { return len(open) > 3 }) // a date is not both
	}
}

// quotas draws small ones, so that they are used up.
func (c Chance) quotas(p *Policy) {
	if c.One(4) {
		return
	}
	limits := map[string][2]int{"minute": {2, 6}, "hour": {2, 12}, "day": {3, 25}, "month": {5, 60}, "lifetime": {20, 200}}
	for _, scope := range []string{"entry", "caller"} {
		for _, period := range Periods {
			if !c.One(5) {
				continue
			}
			q := Quota{scope, period, c.Between(limits[period][0], limits[period][1])}
			if c.One(25) {
				q.Limit = 0
			}
			p.Quotas = append(p.Quotas, q)
		}
	}
}

func (c Chance) approvals(p *Policy, s Shape) {
	a := &Approvals{Forms: Some(c, s.Forms)}
	if c.One(3) {
		a.Persons = c.Between(1, 2)
	}
	if len(s.Custodians) > 0 && c.One(2) {
		a.Custodians = slices.Clone(s.Custodians)
	}
	if !c.One(4) {
		a.Most = c.Between(1, 12)
	}
	if c.One(2) {
		a.Longest = time.Duration(c.Between(1, 300)) * time.Hour
	}
	p.Approvals = a
}

// Narrower draws a policy that allows nothing that p does not, and not all that
// p does.
func (c Chance) Narrower(p *Policy) *Policy {
	n := *p
	n.Quotas, n.Purposes = slices.Clone(p.Quotas), slices.Clone(p.Purposes)
	switch i := slices.IndexFunc(n.Quotas, func(q Quota) bool { return q.Limit > 0 }); {
	case i >= 0 && c.One(2):
		n.Quotas[i].Limit--
	case len(n.Purposes) > 1:
		n.Purposes = n.Purposes[1:]
	case p.NotAfter.IsZero():
		n.NotAfter = afterWorlds.Add(time.Duration(c.IntN(1000)) * time.Hour)
	case p.NotAfter.Sub(p.NotBefore) > time.Hour:
		n.NotAfter = p.NotAfter.Add(-time.Minute)
	default:
		n.Users = p.Users[1:]
	}
	return &n
}

// Wider draws a policy that allows something that p does not.
func (c Chance) Wider(p *Policy) *Policy {
	n := *p
	n.Quotas = slices.Clone(p.Quotas)
	if len(n.Quotas) > 0 && c.One(2) {
		n.Quotas[0].Limit++
		return &n
	}
	n.Purposes = append(slices.Clone(p.Purposes), fmt.Sprintf("wider-%d", c.IntN(1_000_000)))
	return &n
}
