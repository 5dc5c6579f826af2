package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/policy/zoneinfo"
)

// A schedule is when an entry may be used, by the clock of the policy's zone.
// The zero value is always: hours and days narrow where they are given.
type schedule struct {
	hours    []hours // in order, without overlap
	hasHours bool    // hours were given, if only an empty list

	weekdays    [7]bool    // by time.Weekday
	openDates   []civilDay // dates that are open whatever their weekday
	hasWeekdays bool

	holidays []days // closed, in order, without overlap
}

// hours are minutes of the day, from the first up to the second, which is not
// one of them: 08:30-12:00 is {510, 720}.
type hours struct{ from, until int }

func (h hours) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", h.from/60, h.from%60, h.until/60, h.until%60)
}

// A civilDay is a date, counted in days from 1970-01-01 (a Thursday).
type civilDay int

func (d civilDay) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d civilDay) weekday() time.Weekday { return d.time().Weekday() }

func (d civilDay) String() string { return d.time().Format(time.DateOnly) }

// days are dates, both ends included.
type days struct{ first, last civilDay }

func (d days) String() string {
	if d.first == d.last {
		return d.first.String()
	}
	return d.first.String() + ".." + d.last.String()
}

// localClock splits an instant at an offset (seconds east of UTC) into the
// date and the second of the day.
func localClock(t time.Time, offset int) (day civilDay, second int) {
	local := t.Unix() + int64(offset)
	day = civilDay(local / 86400)
	if local%86400 < 0 {
		day--
	}
	return day, int(local - int64(day)*86400)
}

func (s schedule) isZero() bool { return !s.hasHours && !s.hasWeekdays && len(s.holidays) == 0 }

// isOpen tells whether the day is one of use; if not, which key says so.
func (s schedule) isOpen(day civilDay) (closedBy string) {
	switch {
	case slices.ContainsFunc(s.holidays, func(h days) bool { return h.first <= day && day <= h.last }):
		return "holidays"
	case s.hasWeekdays && !s.weekdays[day.weekday()] && !slices.Contains(s.openDates, day):
		return "weekdays"
	}
	return ""
}

// closedBy returns the key that keeps an instant from being one of use, "" if
// it is.
func (s schedule) closedBy(t time.Time, offset int) string {
	day, second := localClock(t, offset)
	if by := s.isOpen(day); by != "" {
		return by
	}
	if s.hasHours && !slices.ContainsFunc(s.hours, func(h hours) bool { return h.from*60 <= second && second < h.until*60 }) {
		return "hours"
	}
	return ""
}

// searchDays is how far next looks ahead.
const searchDays = 800

// next returns the first instant of use at or after t, zero if there is none
// within two years. Between two changes of the zone's offset the local clock
// runs evenly, so there the days can be counted.
func (s schedule) next(zone *time.Location, t time.Time) time.Time {
	end := t.AddDate(0, 0, searchDays)
	for t.Before(end) {
		_, offset := t.In(zone).Zone()
		_, until := zoneinfo.Bounds(zone, t)
		if until.IsZero() || until.After(end) {
			until = end
		}
		if open := s.nextAt(offset, t, until); !open.IsZero() {
			return open
		}
		t = until
	}
	return time.Time{}
}

// nextAt is next for the instants before until, which all have one offset.
func (s schedule) nextAt(offset int, t, until time.Time) time.Time {
	first, _ := localClock(t, offset)
	last, _ := localClock(until.Add(-1), offset)
	for day := first; day <= last; day++ {
		if s.isOpen(day) != "" {
			continue
		}
		for _, h := range s.spansOfDay() {
			open := time.Unix(int64(day)*86400+int64(h.from)*60-int64(offset), 0).UTC()
			shut := open.Add(time.Duration(h.until-h.from) * time.Minute)
			if open.Before(t) {
				open = t.UTC()
			}
			if open.Before(shut) && open.Before(until) {
				return open
			}
		}
	}
	return time.Time{}
}

func (s schedule) spansOfDay() []hours {
	if !s.hasHours {
		return []hours{{0, 24 * 60}}
	}
	return s.hours
}

var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday

func (s schedule) hoursText() string { return either(len(s.hours) == 0, "none", listed(s.hours)) }

// weekdaysText writes three days and more that follow each other as the first
// and the last: "mon-fri, 2027-02-06".
func (s schedule) weekdaysText() string {
	var parts []string
	for i := 0; i < 7; i++ { // a week begins on Monday
		first, n := i, 0
		for ; i < 7 && s.weekdays[(i+1)%7]; i++ {
			n++
		}
		day := func(i int) string { return weekdays[(i+1)%7] }
		switch {
		case n > 2:
			parts = append(parts, day(first)+"-"+day(i-1))
		case n == 2:
			parts = append(parts, day(first), day(i-1))
		case n == 1:
			parts = append(parts, day(first))
		}
	}
	for _, d := range s.openDates {
		parts = append(parts, d.String())
	}
	return either(len(parts) == 0, "none", strings.Join(parts, ", "))
}

func (s schedule) holidaysText() string {
	if len(s.holidays) == 0 {
		return ""
	}
	return listed(s.holidays)
}

// narrows tells whether there is an instant that is not one of use.
func (s schedule) narrows() bool {
	var always schedule
	return moreMinutes(s, always) || moreDays(s, always)
}

// minutes are those of a day that are of use.
func (s schedule) minutes() (open [24 * 60]bool) {
	for _, h := range s.spansOfDay() {
		for i := h.from; i < h.until; i++ {
			open[i] = true
		}
	}
	return open
}

// moreMinutes tells whether a minute of the day is of use by new and not by
// old.
func moreMinutes(old, new schedule) bool {
	was := old.minutes()
	for i, open := range new.minutes() {
		if open && !was[i] {
			return true
		}
	}
	return false
}

// moreDays tells whether a date is of use by new and not by old. Dates that
// neither names follow their weekday, and of each weekday there are some.
func moreDays(old, new schedule) bool {
	for w := range 7 {
		if (!new.hasWeekdays || new.weekdays[w]) && old.hasWeekdays && !old.weekdays[w] {
			return true
		}
	}
	opens := func(d civilDay) bool { return new.isOpen(d) == "" && old.isOpen(d) != "" }
	return slices.ContainsFunc(old.namedDates(), opens) || slices.ContainsFunc(new.namedDates(), opens)
}

// namedDates are the dates that are open or closed whatever their weekday.
func (s schedule) namedDates() []civilDay {
	all := slices.Clone(s.openDates)
	for _, h := range s.holidays {
		for d := h.first; d <= h.last; d++ {
			all = append(all, d)
		}
	}
	return all
}
