package policy

import (
	"fmt"
	"time"

	"signet/policy/zoneinfo"
)

// A Scope says whose uses a quota counts: all of the entry's, or those of one
// caller (uid) each. The zero value is none.
type Scope uint8

const (
	OfEntry  Scope = 1
	OfCaller Scope = 2
)

var scopes = [...]string{OfEntry: "entry", OfCaller: "caller"}

func (s Scope) String() string {
	if s == 0 || int(s) >= len(scopes) {
		return fmt.Sprintf("scope(%d)", uint8(s))
	}
	return scopes[s]
}

// A Period is how long a quota's window runs, by the calendar of the policy's
// zone. The zero value is none.
type Period uint8

const (
	Minute   Period = 1
	Hour     Period = 2
	Day      Period = 3
	Month    Period = 4
	Lifetime Period = 5 // of the entry: it never ends
)

var periods = [...]string{Minute: "minute", Hour: "hour", Day: "day", Month: "month", Lifetime: "lifetime"}

// Periods returns all periods, the shortest first.
func Periods() []Period { return []Period{Minute, Hour, Day, Month, Lifetime} }

func (p Period) String() string {
	if p == 0 || int(p) >= len(periods) {
		return fmt.Sprintf("period(%d)", uint8(p))
	}
	return periods[p]
}

// A Quota is how many uses one window may have. What counts as a use is an
// event that allowed a signature: sign or stamp.
type Quota struct {
	Scope  Scope
	Period Period
	Limit  uint32
}

// Key is the quota's key in the policy: the rule that refuses by it.
func (q Quota) Key() string {
	if q.Scope == OfCaller {
		return "quotas.per_caller." + q.Period.String()
	}
	return "quotas." + q.Period.String()
}

// A Span is the instants from Start up to End, without End itself. A zero
// Start or End is no bound.
type Span struct{ Start, End time.Time }

// Holds tells whether t lies in the span.
func (s Span) Holds(t time.Time) bool {
	return !t.Before(s.Start) && (s.End.IsZero() || t.Before(s.End))
}

// Window returns the window of a period that holds t, by the calendar of zone.
// A day begins with the first instant of its date, which is not midnight where
// the clock skips midnight, and may last 23 or 25 hours. An hour that the
// clock repeats is two hours. All bounds lie on a minute of UTC.
func Window(p Period, zone *time.Location, t time.Time) Span {
	zone, t = clockOf(zone), t.Add(-windowsLate)
	switch p {
	case Minute:
		start := t.Truncate(time.Minute)
		return span(start, start.Add(time.Minute))
	case Hour:
		return hourOf(zone, t)
	case Day:
		return calendarOf(zone, t, 0, 1)
	case Month:
		return calendarOf(zone, t, 1, 0)
	}
	return Span{}
}

func span(start, end time.Time) Span {
	return Span{start.Add(windowsLate).UTC(), end.Add(windowsLate).UTC()}
}

// hourOf cuts the hour of the clock at the changes of the offset: after one
// the hour may have begun in its middle, or begin anew.
func hourOf(zone *time.Location, t time.Time) Span {
	local := t.In(zone)
	_, offset := local.Zone()
	shift := time.Duration(offset) * time.Second
	start := t.Add(shift).Truncate(time.Hour).Add(-shift)
	end := start.Add(time.Hour)
	from, until := zoneinfo.Bounds(zone, t)
	if !from.IsZero() && from.After(start) {
		start = from
	}
	if !until.IsZero() && until.Before(end) {
		end = until
	}
	return span(start, end)
}

// calendarOf is the window of whole dates that holds t: a date, or the month of
// it. A clock that is set back over midnight shows a date again: that is still
// the window of the later one.
func calendarOf(zone *time.Location, t time.Time, months, days int) Span {
	y, m, d := t.In(zone).Date()
	if months > 0 {
		d = 1
	}
	for {
		next := time.Date(y, m+time.Month(months), d+days, 0, 0, 0, 0, time.UTC)
		s := span(firstInstant(zone, time.Date(y, m, d, 0, 0, 0, 0, time.UTC)), firstInstant(zone, next))
		if s.End.After(t) {
			return s
		}
		y, m, d = next.Date()
	}
}

// firstInstant returns when the clock of zone first shows a date, given as its
// midnight in UTC, or a later one where the zone skips the date.
func firstInstant(zone *time.Location, midnight time.Time) time.Time {
	const widest = 16 * time.Hour // no zone is further from UTC
	for t := midnight.Add(-widest); ; {
		_, offset := t.In(zone).Zone()
		_, until := zoneinfo.Bounds(zone, t)
		at := midnight.Add(-time.Duration(offset) * time.Second)
		if at.Before(t) {
			at = t
		}
		if until.IsZero() || at.Before(until) {
			return at
		}
		t = until
	}
}
