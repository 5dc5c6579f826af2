package model

import (
	"slices"
	"strings"
	"time"
)

// label names the window of a period that holds an instant, as the clock on
// the wall shows it: instants of one label are in one window. The offset keeps
// the two hours apart that the clock shows alike when it is set back.
func label(period string, zone *time.Location, t time.Time) string {
	switch local := t.In(zone); period {
	case "minute":
		return local.Format("2006-01-02 15:04 -07:00")
	case "hour":
		return local.Format("2006-01-02 15 -07:00")
	case "day":
		return local.Format("2006-01-02")
	case "month":
		return local.Format("2006-01")
	}
	return "its whole life"
}

// closedBy returns the key by which the policy's calendar closes an instant, ""
// if it does not. Texts of one form compare as their dates and times do.
func (p *Policy) closedBy(t time.Time) string {
	local := t.In(p.location())
	date, clock := local.Format("2006-01-02"), local.Format("15:04")
	for _, h := range p.Holidays {
		first, last, isRange := strings.Cut(h, "..")
		if date == h || isRange && first <= date && date <= last {
			return "holidays"
		}
	}
	if p.Weekdays != nil && !slices.Contains(p.Weekdays, strings.ToLower(local.Format("Mon"))) && !slices.Contains(p.Weekdays, date) {
		return "weekdays"
	}
	if p.Hours == nil {
		return ""
	}
	for _, h := range p.Hours {
		if from, until, _ := strings.Cut(h, "-"); from <= clock && clock < until {
			return ""
		}
	}
	return "hours"
}

// A Use is a signature that was allowed.
type Use struct {
	UID uint32
	At  time.Time

	labels map[string]string // by zone and period: they are asked for again and again
}

// label of the window that the use is in.
func (u *Use) label(period string, zone *time.Location) string {
	key := zone.String() + " " + period
	if u.labels == nil {
		u.labels = map[string]string{}
	}
	if u.labels[key] == "" {
		u.labels[key] = label(period, zone, u.At)
	}
	return u.labels[key]
}

// count is how many of the uses are in the window of a quota that holds t.
func count(uses []*Use, q Quota, zone *time.Location, uid uint32, t time.Time) int {
	now, n := label(q.Period, zone, t), 0
	for _, u := range uses {
		if (q.Scope == "entry" || u.UID == uid) && u.label(q.Period, zone) == now {
			n++
		}
	}
	return n
}
