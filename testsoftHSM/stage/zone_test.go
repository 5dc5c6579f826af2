package stage

import (
	"testing"
	"time"
)

func TestZoneHasAnHourOfItsDayLeft(t *testing.T) {
	start := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for now := start; now.Before(start.Add(24 * time.Hour)); now = now.Add(time.Minute) {
		zone, err := time.LoadLocation(Zone(now))
		if err != nil {
			t.Fatal(err)
		}
		if soon := now.Add(time.Hour - time.Nanosecond); soon.In(zone).Day() != now.In(zone).Day() {
			t.Errorf("at %v: the day of %v ends within the hour", now, zone)
		}
	}
}
