package policy

import (
	"archive/zip"
	"strings"
	"testing"
	"time"
)

func utcTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05Z", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestWindowsAtChangesOfTheClock: start, an instant inside, and end.
func TestWindowsAtChangesOfTheClock(t *testing.T) {
	for _, tt := range []struct {
		name, zone         string
		period             Period
		start, inside, end string
	}{
		{"minute", "Asia/Kathmandu", Minute, "2027-05-11T02:10:00Z", "2027-05-11T02:10:59Z", "2027-05-11T02:11:00Z"},
		{"half-hour zone", "Asia/Kolkata", Hour, "2027-05-10T23:30:00Z", "2027-05-11T00:29:59Z", "2027-05-11T00:30:00Z"},
		{"quarter-hour zone", "Asia/Kathmandu", Hour, "2027-05-10T23:15:00Z", "2027-05-10T23:15:00Z", "2027-05-11T00:15:00Z"},
		{"day of a quarter-hour zone", "Asia/Kathmandu", Day, "2027-05-10T18:15:00Z", "2027-05-11T18:14:59Z", "2027-05-11T18:15:00Z"},
		{"ordinary day", "Asia/Shanghai", Day, "2027-05-10T16:00:00Z", "2027-05-11T15:59:59Z", "2027-05-11T16:00:00Z"},
		{"leap day", "Asia/Shanghai", Day, "2028-02-28T16:00:00Z", "2028-02-29T02:00:00Z", "2028-02-29T16:00:00Z"},
		{"February of a leap year", "Asia/Shanghai", Month, "2028-01-31T16:00:00Z", "2028-02-29T15:59:59Z", "2028-02-29T16:00:00Z"},
		{"February of no leap year", "Asia/Shanghai", Month, "2027-01-31T16:00:00Z", "2027-02-28T15:59:59Z", "2027-02-28T16:00:00Z"},
		{"December", "America/New_York", Month, "2027-12-01T05:00:00Z", "2028-01-01T04:59:59Z", "2028-01-01T05:00:00Z"},

		{"a day of 23 hours", "Europe/Berlin", Day, "2027-03-27T23:00:00Z", "2027-03-28T21:59:59Z", "2027-03-28T22:00:00Z"},
		{"a day of 25 hours", "Europe/Berlin", Day, "2027-10-30T22:00:00Z", "2027-10-31T22:59:59Z", "2027-10-31T23:00:00Z"},
		{"an hour before the gap", "Europe/Berlin", Hour, "2027-03-28T00:00:00Z", "2027-03-28T00:59:59Z", "2027-03-28T01:00:00Z"},
		{"the hour, first", "Europe/Berlin", Hour, "2027-10-31T00:00:00Z", "2027-10-31T00:30:00Z", "2027-10-31T01:00:00Z"},
		{"the hour, again", "Europe/Berlin", Hour, "2027-10-31T01:00:00Z", "2027-10-31T01:30:00Z", "2027-10-31T02:00:00Z"},
		{"a month with a day of 25 hours", "Europe/Berlin", Month, "2027-09-30T22:00:00Z", "2027-10-31T22:59:59Z", "2027-10-31T23:00:00Z"},
		{"New York, 23 hours", "America/New_York", Day, "2027-03-14T05:00:00Z", "2027-03-14T07:00:00Z", "2027-03-15T04:00:00Z"},
		{"New York, 25 hours", "America/New_York", Day, "2027-11-07T04:00:00Z", "2027-11-08T04:59:59Z", "2027-11-08T05:00:00Z"},

		{"before half an hour is set back", "Australia/Lord_Howe", Hour, "2027-04-03T14:00:00Z", "2027-04-03T14:59:59Z", "2027-04-03T15:00:00Z"},
		{"half an hour again", "Australia/Lord_Howe", Hour, "2027-04-03T15:00:00Z", "2027-04-03T15:29:59Z", "2027-04-03T15:30:00Z"},
		{"the hour behind the half", "Australia/Lord_Howe", Hour, "2027-04-03T15:30:00Z", "2027-04-03T15:30:00Z", "2027-04-03T16:30:00Z"},
		{"half an hour is skipped", "Australia/Lord_Howe", Hour, "2027-10-02T15:30:00Z", "2027-10-02T15:30:00Z", "2027-10-02T16:00:00Z"},
		{"a day of 24 and a half hours", "Australia/Lord_Howe", Day, "2027-04-03T13:00:00Z", "2027-04-04T13:29:59Z", "2027-04-04T13:30:00Z"},

		{"set back a minute after midnight: the day before", "America/St_Johns", Day, "2010-11-06T02:30:00Z", "2010-11-07T02:29:59Z", "2010-11-07T02:30:00Z"},
		{"the minute after midnight", "America/St_Johns", Day, "2010-11-07T02:30:00Z", "2010-11-07T02:30:30Z", "2010-11-08T03:30:00Z"},
		{"the evening before, again", "America/St_Johns", Day, "2010-11-07T02:30:00Z", "2010-11-07T02:45:00Z", "2010-11-08T03:30:00Z"},
		{"a minute that is an hour", "America/St_Johns", Hour, "2010-11-07T02:30:00Z", "2010-11-07T02:30:59Z", "2010-11-07T02:31:00Z"},
		{"set back over the end of a month", "America/St_Johns", Month, "2009-11-01T02:30:00Z", "2009-11-01T02:45:00Z", "2009-12-01T03:30:00Z"},

		{"midnight is skipped", "Africa/Cairo", Day, "2024-04-25T22:00:00Z", "2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z"},
		{"set back at midnight", "Africa/Cairo", Day, "2024-10-30T21:00:00Z", "2024-10-31T21:59:59Z", "2024-10-31T22:00:00Z"},
		{"set back at the end of a month", "Africa/Cairo", Month, "2024-09-30T21:00:00Z", "2024-10-31T21:30:00Z", "2024-10-31T22:00:00Z"},
		{"midnight is skipped in Beirut", "Asia/Beirut", Day, "2024-03-30T22:00:00Z", "2024-03-30T22:30:00Z", "2024-03-31T21:00:00Z"},
		{"the day before a skipped date", "Pacific/Apia", Day, "2011-12-29T10:00:00Z", "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z"},
		{"the day behind a skipped date", "Pacific/Apia", Day, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"a month without its 30th", "Pacific/Apia", Month, "2011-12-01T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
	} {
		got := Window(tt.period, mustZone(t, tt.zone), utcTime(t, tt.inside))
		if want := (Span{utcTime(t, tt.start), utcTime(t, tt.end)}); got != want {
			t.Errorf("%s: %v, want %v", tt.name, got, want)
		}
	}
}

func TestALifetimeHasNoBounds(t *testing.T) {
	w := Window(Lifetime, nil, tenOClock)
	if w != (Span{}) || !w.Holds(tenOClock) {
		t.Errorf("%v", w)
	}
	if w := Window(0, nil, tenOClock); w != (Span{}) {
		t.Errorf("of no period: %v", w)
	}
}

func TestASpanHoldsItsStartAndNotItsEnd(t *testing.T) {
	s := Span{tenOClock, tenOClock.Add(time.Hour)}
	for at, want := range map[time.Duration]bool{-1: false, 0: true, time.Hour - 1: true, time.Hour: false} {
		if got := s.Holds(tenOClock.Add(at)); got != want {
			t.Errorf("%v: %v", at, got)
		}
	}
}

// zoneNames are all zones of the database.
func zoneNames(t *testing.T) []string {
	t.Helper()
	archive, err := zip.OpenReader("zoneinfo/zoneinfo.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var all []string
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") {
			all = append(all, f.Name)
		}
	}
	if len(all) < 500 {
		t.Fatalf("%d zones", len(all))
	}
	return all
}

// changesOf are the instants at which the offset of a zone changes, found by
// looking at the offset alone.
func changesOf(zone *time.Location, from, until time.Time) []time.Time {
	offset := func(at time.Time) int {
		_, seconds := at.In(zone).Zone()
		return seconds
	}
	const step = 6 * time.Hour
	var all []time.Time
	for at := from; at.Before(until); at = at.Add(step) {
		before, after := at, at.Add(step)
		if offset(before) == offset(after) {
			continue
		}
		for after.Sub(before) > time.Second {
			if middle := before.Add(after.Sub(before) / 2).Truncate(time.Second); offset(middle) == offset(before) {
				before = middle
			} else {
				after = middle
			}
		}
		all = append(all, after)
	}
	return all
}

// TestWindowsTileTime: in every zone, around each change of its clock, the
// windows of a period follow each other without a gap, lie in one window of
// the next longer period, and begin on a quarter of an hour of UTC: uses are
// kept by those.
func TestWindowsTileTime(t *testing.T) {
	begin, end := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
	changes := 0
	for _, name := range zoneNames(t) {
		zone := mustZone(t, name)
		all := changesOf(zone, begin, end)
		changes += len(all)
		tile(t, zone, Month, time.Date(2027, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2029, 2, 1, 0, 0, 0, 0, time.UTC))
		leapDay, newYear := time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC), time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, at := range append([]time.Time{leapDay, newYear}, all...) {
			tile(t, zone, Day, at.Add(-25*time.Hour), at.Add(25*time.Hour))
			tile(t, zone, Hour, at.Add(-3*time.Hour), at.Add(3*time.Hour))
		}
		if t.Failed() {
			t.Fatalf("in %s", name)
		}
	}
	if changes < 2000 {
		t.Errorf("%d changes of clocks: too few to mean anything", changes)
	}
}

func tile(t *testing.T, zone *time.Location, period Period, at, until time.Time) {
	t.Helper()
	for at.Before(until) {
		w := Window(period, zone, at)
		if !w.Holds(at) || !w.End.After(w.Start) || Window(period, zone, w.End.Add(-1)) != w || Window(period, zone, w.Start) != w {
			t.Fatalf("%v of %v: %v", period, at, w)
		}
		if next := Window(period, zone, w.End); !next.Start.Equal(w.End) {
			t.Fatalf("%v %v is followed by %v", period, w, next)
		}
		if w.Start.Unix()%900 != 0 || w.End.Unix()%900 != 0 || w.Start.Nanosecond() != 0 {
			t.Fatalf("%v %v is on no quarter of an hour", period, w)
		}
		if period < Month {
			if longer := Window(period+1, zone, at); longer.Start.After(w.Start) || longer.End.Before(w.End) {
				t.Fatalf("%v %v is not in %v", period, w, longer)
			}
		}
		at = w.End
	}
}

// TestDaysAreDates: a day's window holds the instants at which the clock shows
// its date, and no others, unless the clock shows the date twice.
func TestDaysAreDates(t *testing.T) {
	days := 0
	for _, name := range []string{
		"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo", "Asia/Beirut", "Pacific/Apia",
		"Asia/Kolkata", "Asia/Kathmandu", "Asia/Shanghai", "America/Havana", "Atlantic/Azores", "Pacific/Chatham", "Africa/Casablanca",
	} {
		zone := mustZone(t, name)
		from := time.Date(1988, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, change := range append(changesOf(zone, from, time.Date(2037, 1, 1, 0, 0, 0, 0, time.UTC)), from, from.AddDate(40, 0, 0)) {
			for _, at := range []time.Time{change.Add(-1), change} {
				start, end, once := showing(zone, at)
				if !once {
					continue
				}
				days++
				if w := Window(Day, zone, at); !w.Start.Equal(start) || !w.End.Equal(end) {
					t.Fatalf("%s at %v: %v, the date is shown from %v to %v", name, at, w, start, end)
				}
			}
		}
	}
	if days < 1500 {
		t.Errorf("%d days: too few to mean anything", days)
	}
}

// showing steps through the minutes around t in which the clock shows the date
// of t. once is false if it shows the date at another time too.
func showing(zone *time.Location, t time.Time) (start, end time.Time, once bool) {
	date := func(at time.Time) [2]int { at = at.In(zone); return [2]int{at.Year(), at.YearDay()} }
	want := date(t)
	start = t.Truncate(time.Minute)
	for date(start.Add(-time.Minute)) == want {
		start = start.Add(-time.Minute)
	}
	end = start
	for date(end) == want {
		end = end.Add(time.Minute)
	}
	for d := time.Minute; d < 3*time.Hour; d += time.Minute {
		if date(start.Add(-d)) == want || date(end.Add(d)) == want {
			return start, end, false
		}
	}
	return start, end, true
}

func TestQuotasAreNamedByTheirKeys(t *testing.T) {
	for want, q := range map[string]Quota{
		"quotas.minute": {OfEntry, Minute, 1}, "quotas.lifetime": {OfEntry, Lifetime, 1}, "quotas.per_caller.day": {OfCaller, Day, 1},
	} {
		if got := q.Key(); got != want {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
	if s := Scope(9).String() + " " + Period(9).String() + " " + Scope(0).String() + " " + Period(0).String(); s != "scope(9) period(9) scope(0) period(0)" {
		t.Errorf("a number outside its enumeration is %q", s)
	}
}

func TestWindowsOfAPolicyAreEmptyCounts(t *testing.T) {
	p := office(t)
	counts := p.Windows(tenOClock)
	if len(counts) != len(p.quotas) {
		t.Fatalf("%d counts of %d quotas", len(counts), len(p.quotas))
	}
	for i, c := range counts {
		w := Window(c.Period, p.zone, tenOClock)
		if c != (Count{Quota: p.quotas[i], Start: w.Start, End: w.End}) {
			t.Errorf("%+v", c)
		}
	}
}
