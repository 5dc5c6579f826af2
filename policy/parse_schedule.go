package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"signet/protocol/stricttoml"
)

// Bounds of a schedule. A list of more is no longer read by the people who
// sign it.
const (
	maxHours    = 24
	maxDates    = 400 // of weekdays, and of holidays
	maxHoliday  = 366 // days of one range
	firstYear   = 2000
	lastYear    = 2199
	dateExample = `"2026-10-01"`
)

// scheduleOf reads hours, weekdays and holidays.
func scheduleOf(root *stricttoml.Table) schedule {
	var s schedule
	s.hours, s.hasHours = apart(atMost(root, "hours", maxHours), readHours), root.Has("hours")
	s.holidays = apart(atMost(root, "holidays", maxDates), readHoliday)
	s.hasWeekdays = root.Has("weekdays")
	for _, v := range atMost(root, "weekdays", maxDates) {
		if problem := s.openOn(v); problem != "" {
			v.Faultf("%s", problem)
		}
	}
	slices.Sort(s.openDates)
	return s
}

func atMost(root *stricttoml.Table, key string, n int) []stricttoml.Value {
	values := root.OptionalValues(key)
	if len(values) > n {
		root.Faultf(key, "has %d items: want at most %d", len(values), n)
		return nil
	}
	return values
}

// A stretch is a span of the clock or the calendar.
type stretch[T any] interface {
	start() int
	overlaps(T) bool
	fmt.Stringer
}

// apart reads stretches of which no two may overlap, and sorts them.
func apart[T stretch[T]](values []stricttoml.Value, read func(stricttoml.Value) (T, string)) []T {
	var all []T
	for _, v := range values {
		item, problem := read(v)
		if i := slices.IndexFunc(all, item.overlaps); problem == "" && i >= 0 {
			problem = fmt.Sprintf("%v overlaps %v: want them apart", item, all[i])
		}
		if problem != "" {
			v.Faultf("%s", problem)
			continue
		}
		all = append(all, item)
	}
	slices.SortFunc(all, func(a, b T) int { return a.start() - b.start() })
	return all
}

func (h hours) start() int            { return h.from }
func (h hours) overlaps(o hours) bool { return h.from < o.until && o.from < h.until }
func (d days) start() int             { return int(d.first) }
func (d days) overlaps(o days) bool   { return d.first <= o.last && o.first <= d.last }
func (d days) hold(day civilDay) bool { return d.first <= day && day <= d.last }

const hoursExample = `"08:30-12:00"`

// readHours refuses hours over midnight: which of the two days they belong to
// is a matter of weekdays and holidays, and two spans say it.
func readHours(v stricttoml.Value) (h hours, problem string) {
	text, ok := v.Text()
	if !ok {
		return h, fmt.Sprintf("is %s: want a string such as %s", v.Kind(), hoursExample)
	}
	from, until, _ := strings.Cut(text, "-")
	var okFrom, okUntil bool
	h.from, okFrom = minuteOfDay(from)
	h.until, okUntil = minuteOfDay(until)
	switch {
	case !okFrom, !okUntil, h.from == endOfDay:
		return h, fmt.Sprintf("%s is no span of hours: want HH:MM-HH:MM, from 00:00 to 24:00, such as %s", stricttoml.Quote(text), hoursExample)
	case h.until == 0:
		return h, fmt.Sprintf("%q ends before it begins: want %q", text, hours{h.from, endOfDay})
	case h.until == h.from:
		return h, fmt.Sprintf("%q is no time at all: want an end after the start", text)
	case h.until < h.from:
		return h, fmt.Sprintf("%q goes over midnight: want two: %q and %q", text, hours{h.from, endOfDay}, hours{0, h.until})
	}
	return h, ""
}

const endOfDay = 24 * 60

var clockForm = regexp.MustCompile(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)

// minuteOfDay reads HH:MM.
func minuteOfDay(text string) (int, bool) {
	if !clockForm.MatchString(text) {
		return 0, false
	}
	digit := func(i int) int { return int(text[i] - '0') }
	return (digit(0)*10+digit(1))*60 + digit(3)*10 + digit(4), true
}

// openOn adds a weekday or a date. The holidays have been read before.
func (s *schedule) openOn(v stricttoml.Value) (problem string) {
	text, _ := v.Text()
	if i := slices.Index(weekdays[:], text); i >= 0 {
		if s.weekdays[i] {
			return fmt.Sprintf("%q is listed twice", text)
		}
		s.weekdays[i] = true
		return ""
	}
	day, problem := readDate(v, "one of mon, tue, wed, thu, fri, sat, sun, or a date such as "+dateExample)
	if problem != "" {
		return problem
	}
	if slices.Contains(s.openDates, day) {
		return fmt.Sprintf("%v is listed twice", day)
	}
	if i := slices.IndexFunc(s.holidays, func(h days) bool { return h.hold(day) }); i >= 0 {
		return fmt.Sprintf("%v is in holidays too (%v): want it in one of the two", day, s.holidays[i])
	}
	s.openDates = append(s.openDates, day)
	return ""
}

// readHoliday reads a date or, as a string, a range of dates.
func readHoliday(v stricttoml.Value) (d days, problem string) {
	const want = "a date such as " + dateExample + `, or a range such as "2026-10-01..2026-10-07"`
	text, _ := v.Text()
	first, last, isRange := strings.Cut(text, "..")
	if !isRange {
		d.first, problem = readDate(v, want)
		d.last = d.first
		return d, problem
	}
	if d.first, problem = parseDate(first, want); problem != "" {
		return d, problem
	}
	if d.last, problem = parseDate(last, want); problem != "" {
		return d, problem
	}
	switch n := d.last - d.first + 1; {
	case n < 1:
		return d, fmt.Sprintf("%v ends before it begins: want the first date first", d)
	case n > maxHoliday:
		return d, fmt.Sprintf("%v is %d days: want at most %d", d, n, maxHoliday)
	}
	return d, ""
}

// readDate reads a date of TOML, or one in quotes.
func readDate(v stricttoml.Value, want string) (civilDay, string) {
	text, ok := v.Date()
	if !ok {
		text, ok = v.Text()
	}
	if !ok {
		return 0, fmt.Sprintf("is %s: want %s", v.Kind(), want)
	}
	return parseDate(text, want)
}

var dateForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

func parseDate(text, want string) (civilDay, string) {
	if !dateForm.MatchString(text) {
		return 0, fmt.Sprintf("%s is no date: want %s", stricttoml.Quote(text), want)
	}
	midnight, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Sprintf("%s is not in the calendar: want a date that exists", text)
	}
	return civilDayOf(midnight)
}

func civilDayOf(midnight time.Time) (civilDay, string) {
	if y := midnight.Year(); y < firstYear || y > lastYear {
		return 0, fmt.Sprintf("%s is out of bounds: want a year from %d to %d", midnight.Format(time.DateOnly), firstYear, lastYear)
	}
	day, _ := localClock(midnight, 0)
	return day, ""
}
