package zoneinfo

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"
)

// names are those of the embedded database.
func names(t *testing.T) []string {
	t.Helper()
	all, err := entries()
	if err != nil || len(all) < 500 {
		t.Fatalf("%d zones, %v", len(all), err)
	}
	return slices.Sorted(maps.Keys(all))
}

// differentSpan walks the spans of one offset of a zone and returns the start
// of the first one that the other zone has not; the zero time if there is none.
func differentSpan(a, b *time.Location, until time.Time) time.Time {
	for at := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(until); {
		fromA, untilA := Bounds(a, at)
		fromB, untilB := Bounds(b, at)
		if offsetAt(a, at) != offsetAt(b, at) || !fromA.Equal(fromB) || !untilA.Equal(untilB) {
			return at
		}
		if at = untilA; at.IsZero() {
			break
		}
	}
	return time.Time{}
}

// TestEveryZoneIsWhatPackageTimeReads: package time is given the same archive,
// so the answer does not depend on the machine.
func TestEveryZoneIsWhatPackageTimeReads(t *testing.T) {
	path, err := filepath.Abs("zoneinfo.zip")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ZONEINFO", path) // read once by package time, at its first LoadLocation
	for _, name := range names(t) {
		got, err := Load(name)
		if err != nil {
			t.Errorf("Load(%s): %v", name, err)
			continue
		}
		want, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := differentSpan(got, want, time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)); !at.IsZero() || got.String() != name {
			t.Errorf("%s differs from %s at %v", got, name, at)
		}
	}
}

// differentOffset looks at instants between two years, of every hour of the day.
// A system's file may cut a span in two, so spans are not compared.
func differentOffset(a, b *time.Location, from, until int) time.Time {
	end := time.Date(until, 1, 1, 0, 0, 0, 0, time.UTC)
	for at := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(end); at = at.Add(31 * time.Hour) {
		if offsetAt(a, at) != offsetAt(b, at) {
			return at
		}
	}
	return time.Time{}
}

// TestTheZonesAreThoseOfTheSystem, where it has a database. Its edition may be
// another, so a few zones may differ; those that most policies name may not.
func TestTheZonesAreThoseOfTheSystem(t *testing.T) {
	const system = "/usr/share/zoneinfo"
	never := []string{"Asia/Shanghai", "Asia/Hong_Kong", "Asia/Macau", "Asia/Taipei", "Asia/Urumqi", "PRC", "UTC", "America/New_York", "Europe/London"}
	compared, different := 0, 0
	for _, name := range names(t) {
		data, err := os.ReadFile(filepath.Join(system, name))
		if err != nil {
			continue
		}
		theirs, err := time.LoadLocationFromTZData(name, data)
		if err != nil {
			t.Fatalf("the system's %s: %v", name, err)
		}
		ours, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		compared++
		if at := differentOffset(ours, theirs, 2000, 2025); !at.IsZero() {
			different++
			t.Logf("%s differs at %v", name, at)
			if slices.Contains(never, name) {
				t.Errorf("%s is not the system's", name)
			}
		}
	}
	if compared == 0 {
		t.Skipf("%s has no time zones: the package tzdata is not installed", system)
	}
	if different > compared/50 {
		t.Errorf("%d of %d zones are not the system's", different, compared)
	}
}

func TestWhatIsNoNameIsRefused(t *testing.T) {
	for _, name := range []string{
		"", "Local", "local", "localtime", "asia/shanghai", "Asia/Beijing", "Asia", "Asia/", "+08:00", "UTC+8", "CST",
		"/usr/share/zoneinfo/UTC", "../zoneinfo/UTC", "./UTC", "Asia//Shanghai", "Asia/Shanghai\x00", `Asia\Shanghai`,
	} {
		zone, err := Load(name)
		if err == nil || zone != nil {
			t.Errorf("Load(%q) = %v", name, zone)
		}
	}
	_, err := Load("Asia/Beijing")
	if want := `"Asia/Beijing" is no time zone: want a name of the IANA time zone database, such as "Asia/Shanghai"`; err == nil || err.Error() != want {
		t.Errorf("Load: %v, want %s", err, want)
	}
}

func TestAZoneIsOnePointer(t *testing.T) {
	const readers = 8
	var got [readers]*time.Location
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() { got[i], _ = Load("Pacific/Chatham") })
	}
	wg.Wait()
	for _, zone := range got {
		if zone == nil || zone != got[0] {
			t.Fatalf("%p and %p", zone, got[0])
		}
	}
}

func TestTheEditionIsNamed(t *testing.T) {
	if !regexp.MustCompile(`^20[0-9]{2}[a-z]$`).MatchString(Edition()) {
		t.Errorf("Edition = %q", Edition())
	}
}
