package policy

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTheLocalClockIsThatOfPackageTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 35))
	for range 5000 {
		at := time.Unix(rng.Int64N(12e9)-4e9, rng.Int64N(1e9)).UTC()
		offset := 900 * (rng.IntN(105) - 48)
		day, second := localClock(at, offset)
		local := at.In(time.FixedZone("", offset))
		y, m, d := local.Date()
		if day.String() != local.Format(time.DateOnly) || day != dayOf(y, m, d) || day.weekday() != local.Weekday() ||
			second != local.Hour()*3600+local.Minute()*60+local.Second() {
			t.Fatalf("%v at %d: %v and second %d", at, offset, day, second)
		}
	}
}

func TestTheZeroScheduleIsAlwaysOpen(t *testing.T) {
	var s schedule
	if by := s.closedBy(tenOClock, 0); by != "" || !s.isZero() || s.narrows() {
		t.Errorf("closed by %q", by)
	}
	if open := s.next(time.UTC, tenOClock); !open.Equal(tenOClock) {
		t.Errorf("next: %v", open)
	}
	never := schedule{hasHours: true}
	if never.closedBy(tenOClock, 0) != "hours" || never.isZero() || !never.narrows() || !never.next(time.UTC, tenOClock).IsZero() {
		t.Error("no hours at all are open")
	}
	never = schedule{hasWeekdays: true}
	if never.closedBy(tenOClock, 0) != "weekdays" || never.isZero() || !never.narrows() || !never.next(time.UTC, tenOClock).IsZero() {
		t.Error("no weekdays at all are open")
	}
}

// TestNextOpens: at dates and hours that calendars and clocks make difficult.
func TestNextOpens(t *testing.T) {
	everyDay := func(from, until int) schedule { return schedule{hasHours: true, hours: []hours{{from, until}}} }
	on := func(dates ...civilDay) schedule { return schedule{hasWeekdays: true, openDates: dates} }
	mondays := schedule{hasWeekdays: true, weekdays: [7]bool{time.Monday: true}}
	for _, tt := range []struct {
		name, zone string
		schedule   schedule
		at, want   string // "": never
	}{
		{"open already", "Asia/Shanghai", officeHours(), "2027-05-11T02:00:00Z", "2027-05-11T02:00:00Z"},
		{"at the first instant", "Asia/Shanghai", officeHours(), "2027-05-11T00:29:59Z", "2027-05-11T00:30:00Z"},
		{"over noon", "Asia/Shanghai", officeHours(), "2027-05-11T04:00:00Z", "2027-05-11T06:00:00Z"},
		{"over the weekend", "Asia/Shanghai", officeHours(), "2027-05-14T09:30:00Z", "2027-05-17T00:30:00Z"},
		{"on a Saturday of work", "Asia/Shanghai", officeHours(), "2027-05-07T09:30:00Z", "2027-05-08T00:30:00Z"},
		{"over the holidays", "Asia/Shanghai", officeHours(), "2027-04-30T09:30:00Z", "2027-05-06T00:30:00Z"},
		{"on a leap day", "Asia/Shanghai", on(dayOf(2028, 2, 29)), "2027-05-11T00:00:00Z", "2028-02-28T16:00:00Z"},
		{"over the end of a leap year", "Europe/Berlin", mondays, "2028-12-26T12:00:00Z", "2028-12-31T23:00:00Z"},
		{"on the last day of a leap year", "Europe/Berlin", on(dayOf(2028, 12, 31)), "2028-12-31T12:00:00Z", "2028-12-31T12:00:00Z"},
		{"over a month's end", "Asia/Shanghai", on(dayOf(2027, 3, 1)), "2027-02-28T15:59:59Z", "2027-02-28T16:00:00Z"},
		{"within two years", "Asia/Shanghai", on(dayOf(2029, 5, 11)), "2027-05-12T00:00:00Z", "2029-05-10T16:00:00Z"},
		{"later than anybody waits", "Asia/Shanghai", on(dayOf(2030, 5, 11)), "2027-05-12T00:00:00Z", ""},
		{"a date that is over", "Asia/Shanghai", on(dayOf(2027, 5, 11)), "2027-05-11T16:00:00Z", ""},

		{"hours in a gap are skipped", "Europe/Berlin", everyDay(130, 170), "2027-03-27T12:00:00Z", "2027-03-29T00:10:00Z"},
		{"hours with a gap in them begin behind it", "Europe/Berlin", everyDay(130, 200), "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z"},
		{"hours are repeated", "Europe/Berlin", everyDay(130, 170), "2027-10-31T00:50:00Z", "2027-10-31T01:10:00Z"},
		{"and are over", "Europe/Berlin", everyDay(130, 170), "2027-10-31T01:50:00Z", "2027-11-01T01:10:00Z"},
		{"half an hour is repeated", "Australia/Lord_Howe", everyDay(90, 120), "2027-04-03T15:00:00Z", "2027-04-03T15:00:00Z"},
		{"the day of a skipped midnight", "Africa/Cairo", on(dayOf(2024, 4, 26)), "2024-04-25T12:00:00Z", "2024-04-25T22:00:00Z"},
		{"a skipped date", "Pacific/Apia", on(dayOf(2011, 12, 30)), "2011-12-29T12:00:00Z", ""},
		{"the evening that is shown again", "America/St_Johns", on(dayOf(2010, 11, 6)), "2010-11-07T02:30:30Z", "2010-11-07T02:31:00Z"},
	} {
		var want time.Time
		if tt.want != "" {
			want = utcTime(t, tt.want)
		}
		if got := tt.schedule.next(mustZone(t, tt.zone), utcTime(t, tt.at)); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", tt.name, got, want)
		}
	}
}

// TestNextIsTheFirstInstantOfUse: what it returns is open, and no minute before
// it is; zero means that none is for two years.
func TestNextIsTheFirstInstantOfUse(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 36))
	waited, never := 0, 0
	for range 1500 {
		zone := mustZone(t, one(rng, "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"))
		var p Policy
		for _, name := range []string{"hours", "weekdays", "holidays"} {
			fieldOf(name).set(rng, &p)
		}
		s := p.schedule
		at := one(rng,
			onClock(2027, 4, 28, 0, rng.IntN(30*1440)), time.Date(2027, 3, 27, rng.IntN(48), rng.IntN(60), rng.IntN(60), 0, time.UTC),
			time.Date(2027, 10, 30, rng.IntN(48), rng.IntN(60), 0, rng.IntN(1e9), time.UTC), time.Date(2028, 12, 30, rng.IntN(48), 0, 0, 0, time.UTC))
		opens := s.next(zone, at)
		if opens.IsZero() {
			never++
		} else if opens.After(at) {
			waited++
		}
		closed := func(t time.Time) bool { return s.closedBy(t, Policy{zone: zone}.At(t, SaneClock).Offset) != "" }
		if !opens.IsZero() && (closed(opens) || opens.Before(at)) {
			t.Fatalf("%+v in %v: %v opens at %v", s, zone, at, opens)
		}
		step := time.Minute
		if opens.IsZero() {
			opens, step = at.AddDate(2, 0, 0), 23*time.Hour+29*time.Minute
		}
		for before := at; before.Before(opens) && before.Sub(at) < 800*24*time.Hour; before = before.Truncate(time.Minute).Add(step) {
			if !closed(before) {
				t.Fatalf("%+v in %v: %v is open, %v was said to be the first from %v", s, zone, before, opens, at)
			}
		}
	}
	if waited < 400 || never < 50 {
		t.Errorf("%d waited, %d never: too few to mean anything", waited, never)
	}
}
