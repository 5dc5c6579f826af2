package zoneinfo

import "time"

// farthest is how far Bounds looks for a change of the offset. Where a zone
// changes at all it does so each year.
const farthest = 3 * 366 * 24 * time.Hour

// Bounds returns the instants from which and before which a zone keeps the
// offset that it has at t, in UTC; zero where there is none within some years.
//
// Time.ZoneBounds gives the ends of years instead where a zone follows a rule
// rather than a table, and on the last day of a leap year an end that is
// before t: whoever steps from end to end does not get past it
// (golang.org/issue/81583, 70633). A year ends at some minute of the hour in
// zones that are not whole hours from UTC.
func Bounds(zone *time.Location, t time.Time) (from, until time.Time) {
	return firstOf(zone, t), endOf(zone, t)
}

func offsetAt(zone *time.Location, t time.Time) int {
	_, offset := t.In(zone).Zone()
	return offset
}

func firstOf(zone *time.Location, t time.Time) time.Time {
	offset := offsetAt(zone, t)
	for at := t; t.Sub(at) < farthest; {
		from, _ := at.In(zone).ZoneBounds()
		if from.IsZero() {
			break
		}
		before := from.Add(-time.Nanosecond)
		if offsetAt(zone, before) != offset {
			return from.UTC()
		}
		at = before
	}
	return time.Time{}
}

func endOf(zone *time.Location, t time.Time) time.Time {
	offset := offsetAt(zone, t)
	for at := t; at.Sub(t) < farthest; {
		_, until := at.In(zone).ZoneBounds()
		if until.IsZero() {
			break
		}
		if !until.After(at) {
			until = time.Date(at.UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		if offsetAt(zone, until) != offset {
			return until.UTC()
		}
		at = until
	}
	return time.Time{}
}
