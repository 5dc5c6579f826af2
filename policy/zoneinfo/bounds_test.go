package zoneinfo

import (
	"testing"
	"time"
)

// TestBoundsAreTheChangesOfTheOffset: what is found by walking through every
// zone, minute by minute where the offset changes.
func TestBoundsAreTheChangesOfTheOffset(t *testing.T) {
	begin, end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	changing := 0
	for _, name := range names(t) {
		zone, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		changes := changesOf(zone, begin, end)
		if len(changes) > 4 {
			changing++
		}
		for i := 1; i < len(changes); i++ {
			from, until := changes[i-1], changes[i]
			for _, at := range []time.Time{from, from.Add(until.Sub(from) / 2), until.Add(-1)} {
				if gotFrom, gotUntil := Bounds(zone, at); !gotFrom.Equal(from) || !gotUntil.Equal(until) {
					t.Errorf("%s at %v: %v to %v, want %v to %v", name, at, gotFrom, gotUntil, from, until)
				}
			}
		}
	}
	if changing < 100 {
		t.Errorf("%d zones change twice a year", changing)
	}
}

// changesOf finds the changes without looking at the bounds of anything.
func changesOf(zone *time.Location, from, until time.Time) (all []time.Time) {
	const step = 6 * time.Hour // no zone changes twice in it
	for at := from; at.Before(until); at = at.Add(step) {
		if offsetAt(zone, at) == offsetAt(zone, at.Add(step)) {
			continue
		}
		change := at
		for offsetAt(zone, change) == offsetAt(zone, at) {
			change = change.Add(time.Minute)
		}
		all = append(all, change)
	}
	return all
}

// TestTheLastDayOfALeapYearHasBounds: from end to end leads past it, in every
// zone and through four hundred years.
func TestTheLastDayOfALeapYearHasBounds(t *testing.T) {
	zone, err := Load("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	from, until := Bounds(zone, time.Date(2028, 12, 31, 12, 0, 0, 0, time.UTC))
	if want := time.Date(2028, 11, 5, 6, 0, 0, 0, time.UTC); !from.Equal(want) {
		t.Errorf("from %v, want %v", from, want)
	}
	if want := time.Date(2029, 3, 11, 7, 0, 0, 0, time.UTC); !until.Equal(want) {
		t.Errorf("until %v, want %v", until, want)
	}
	for _, name := range names(t) {
		zone, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2250; {
			from, until := Bounds(zone, at)
			if from.After(at) || !until.IsZero() && !until.After(at) {
				t.Fatalf("%s at %v: %v to %v", name, at, from, until)
			}
			if until.IsZero() {
				until = at.Add(farthest)
			}
			at = until
		}
	}
}

func TestAZoneThatNeverChangesHasNoBounds(t *testing.T) {
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 5*3600)} {
		if from, until := Bounds(zone, time.Date(2028, 12, 31, 12, 0, 0, 0, time.UTC)); !from.IsZero() || !until.IsZero() {
			t.Errorf("%v: %v to %v", zone, from, until)
		}
	}
}
