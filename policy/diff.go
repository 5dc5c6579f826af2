package policy

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"signet/protocol/stricttoml"
)

// A Direction says which way a change goes. The zero value is Widening: what
// cannot be shown to narrow widens.
type Direction uint8

const (
	Widening  Direction = 0
	Narrowing Direction = 1
	Neither   Direction = 2 // it allows what was allowed, no more and no less
)

var directions = [...]string{Widening: "widens", Narrowing: "narrows", Neither: "neither"}

func (d Direction) String() string {
	if int(d) >= len(directions) {
		return directions[Widening]
	}
	return directions[d]
}

func (d Direction) opposite() Direction { return [...]Direction{Narrowing, Widening, Neither}[d] }

// A Change is one thing that two policies say differently: an item of a list,
// or the value of a key.
type Change struct {
	Key       string
	Direction Direction
	Old, New  string // "": not there
}

// Diff returns what new changes in old, by what the keys mean and not by how
// they are written. Each key is judged by itself: a purpose that is added
// widens even where no caller could state it, and where the callers are taken
// away all together. Narrows judges the whole.
func Diff(old, new Policy) []Change {
	var c changes
	c.set("callers.users", old.Users(), new.Users(), Widening)
	c.set("callers.groups", old.Groups(), new.Groups(), Widening)
	c.set("operations", texts(old.operations), texts(new.operations), Widening)
	c.set("algorithms", texts(old.algorithms), texts(new.algorithms), Widening)
	c.set("versions", texts(old.versions), texts(new.versions), Widening)
	c.set("containers", texts(old.containers), texts(new.containers), Widening)
	c.set("purposes", old.purposes, new.purposes, Widening)
	c.set("require", texts(old.require), texts(new.require), Narrowing)
	c.limit("batch", strconv.Itoa(old.batch), strconv.Itoa(new.batch), new.batch < old.batch)
	c.limit("not_before", instant(old.notBefore), instant(new.notBefore), new.notBefore.After(old.notBefore))
	c.limit("not_after", instant(old.notAfter), instant(new.notAfter), new.notAfter.Before(old.notAfter))
	c.limit("crl_max_age", unlessZero(old.crlMaxAge), unlessZero(new.crlMaxAge), new.crlMaxAge < old.crlMaxAge)
	c.zone(old, new)
	c.schedule(old.schedule, new.schedule)
	c.quotas(old, new)
	c.approvals(old.approvals, new.approvals)
	return c
}

// Narrows tells whether new allows nothing that old does not. One without a
// caller allows nothing at all, whatever else it says.
func Narrows(old, new Policy) bool {
	nobody := len(new.users)+len(new.groups) == 0
	return nobody || !slices.ContainsFunc(Diff(old, new), func(c Change) bool { return c.Direction == Widening })
}

// NarrowsBound is Narrows for the ids that names were resolved to as well: a
// name that means another id than it did allows somebody else.
func NarrowsBound(old, new Policy, oldIDs, newIDs Resolved) bool {
	return Narrows(old, new) && contained(oldIDs.Users, newIDs.Users) && contained(oldIDs.Groups, newIDs.Groups)
}

type changes []Change

func (c *changes) add(key string, d Direction, old, new string) {
	*c = append(*c, Change{key, d, old, new})
}

// set compares lists as sets. added is the direction of an item more.
func (c *changes) set(key string, old, new []string, added Direction) {
	for _, item := range old {
		if !slices.Contains(new, item) {
			c.add(key, added.opposite(), item, "")
		}
	}
	for _, item := range new {
		if !slices.Contains(old, item) {
			c.add(key, added, "", item)
		}
	}
}

// limit compares a bound: none is "", and to have one where there was none
// narrows.
func (c *changes) limit(key, old, new string, tighter bool) {
	if old == new {
		return
	}
	d := Widening
	if old == "" || new != "" && tighter {
		d = Narrowing
	}
	c.add(key, d, old, new)
}

// zone widens where the same hours, days or windows of a calendar are by
// another clock now. What only one of the policies has is a change of its own.
func (c *changes) zone(old, new Policy) {
	was, is := zoneName(old), zoneName(new)
	if was == is {
		return
	}
	d := Neither
	if old.schedule.narrows() && new.schedule.narrows() || slices.ContainsFunc(old.quotas, func(q Quota) bool {
		_, kept := new.limitOf(q.Scope, q.Period)
		return kept && q.Period != Minute && q.Period != Lifetime
	}) {
		d = Widening
	}
	c.add("zone", d, was, is)
}

func zoneName(p Policy) string {
	if p.zone == nil {
		return ""
	}
	return p.zone.String()
}

func (c *changes) schedule(old, new schedule) {
	more, fewer := moreMinutes(old, new), moreMinutes(new, old)
	if more || fewer {
		c.add("hours", direction(more, fewer), ifAny(old.hoursText(), old.hasHours), ifAny(new.hoursText(), new.hasHours))
	}
	// The days are one set by two keys: first the weekdays are changed, then
	// the holidays, so that each is judged by the dates that it opens and
	// closes in truth.
	between := new
	between.holidays = old.holidays
	weekdays := func(s schedule) schedule { s.holidays = nil; return s }
	if !sameDays(weekdays(old), weekdays(new)) {
		c.add("weekdays", direction(moreDays(old, between), moreDays(between, old)),
			ifAny(old.weekdaysText(), old.hasWeekdays), ifAny(new.weekdaysText(), new.hasWeekdays))
	}
	if !sameDays(schedule{holidays: old.holidays}, schedule{holidays: new.holidays}) {
		c.add("holidays", direction(moreDays(between, new), moreDays(new, between)), old.holidaysText(), new.holidaysText())
	}
}

func sameDays(a, b schedule) bool { return !moreDays(a, b) && !moreDays(b, a) }

func direction(more, fewer bool) Direction {
	switch {
	case more:
		return Widening
	case fewer:
		return Narrowing
	}
	return Neither
}

func (c *changes) quotas(old, new Policy) {
	for _, scope := range []Scope{OfEntry, OfCaller} {
		for _, period := range Periods() {
			was, had := old.limitOf(scope, period)
			is, has := new.limitOf(scope, period)
			c.limit(Quota{Scope: scope, Period: period}.Key(), ifAny(was, had), ifAny(is, has), is < was)
		}
	}
}

func (p Policy) limitOf(scope Scope, period Period) (uint32, bool) {
	i := slices.IndexFunc(p.quotas, func(q Quota) bool { return q.Scope == scope && q.Period == period })
	if i < 0 {
		return 0, false
	}
	return p.quotas[i].Limit, true
}

func (c *changes) approvals(old, new *Approvals) {
	switch {
	case old == nil && new == nil:
		return
	case old == nil || new == nil:
		c.limit("approvals", ifAny(old, old != nil), ifAny(new, new != nil), false)
		return
	}
	c.limit("approvals.persons", strconv.Itoa(old.Persons), strconv.Itoa(new.Persons), new.Persons > old.Persons)
	if all := "every custodian of the entry"; (len(old.Custodians) == 0) == (len(new.Custodians) == 0) {
		c.set("approvals.custodians", old.Custodians, new.Custodians, Widening)
	} else if len(old.Custodians) == 0 {
		c.add("approvals.custodians", Narrowing, all, wordList(new.Custodians))
	} else {
		c.add("approvals.custodians", Widening, wordList(old.Custodians), all)
	}
	c.set("approvals.forms", texts(old.Forms), texts(new.Forms), Widening)
	c.limit("approvals.most", fmt.Sprint(old.Most), fmt.Sprint(new.Most), new.Most < old.Most)
	c.limit("approvals.longest", stricttoml.FormatDuration(old.Longest), stricttoml.FormatDuration(new.Longest), new.Longest < old.Longest)
}

func contained(old, new []Principal) bool {
	return !slices.ContainsFunc(new, func(p Principal) bool { return !slices.Contains(old, p) })
}

// instant writes a time with all its digits: two that differ are two texts.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func unlessZero(d time.Duration) string { return ifAny(stricttoml.FormatDuration(d), d != 0) }

func ifAny(v any, is bool) string {
	if !is {
		return ""
	}
	return fmt.Sprint(v)
}
