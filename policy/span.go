package policy

import "time"

// location is the clock by which people read the policy: that of its zone, UTC
// if it names none.
func (p Policy) location() *time.Location {
	if p.zone == nil {
		return time.UTC
	}
	return p.zone
}

// date writes an instant for people, with the offset of the policy's zone.
func (q question) date(t time.Time) string { return t.In(q.policy.location()).Format(time.RFC3339) }

func (q question) from(t time.Time) string { return "a time from " + q.date(t) + " on" }

// again adds to what would be right when to ask again, at a time or, if it is
// closed then, at the next opening.
func (q question) again(at time.Time, need string) (time.Time, string) {
	at, never := q.reopening(at)
	if never != "" {
		return at, need + "; " + never
	}
	return at, need + "; ask again from " + q.date(at) + " on"
}

// reopening returns the first instant from t on that hours and days open. If
// policy or entry do not live to see one it is zero, and never says so.
func (q question) reopening(t time.Time) (at time.Time, never string) {
	if at = t; !q.policy.schedule.isZero() {
		at = q.policy.schedule.next(q.policy.location(), t)
	}
	if at.IsZero() {
		return at, "none is open for two years"
	}
	if last, whose := q.lastUse(); !last.IsZero() && at.After(last) {
		return time.Time{}, whose + " ends on " + q.date(last) + ", before there is another"
	}
	return at, ""
}

// lastUse is the last instant of the policy or of the entry, whichever comes
// first; zero if neither ends.
func (q question) lastUse() (last time.Time, whose string) {
	last, whose = q.policy.notAfter, "the policy"
	v := q.request.Entry.Validity
	endless := v.Until.IsZero() || v.Unbounded && q.request.Entry.Class == ClassKey
	if !endless && (last.IsZero() || v.Until.Before(last)) {
		return v.Until, "the entry"
	}
	return last, whose
}
