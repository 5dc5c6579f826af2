package policy

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestACountIsReadAsItIsWritten(t *testing.T) {
	evening := time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)
	for text, c := range map[string]Count{
		"entry.day 2026-11-21T16:00Z 3+1/50":    {Quota: Quota{OfEntry, Day, 50}, Start: evening, Spent: 3, Reserved: 1},
		"caller.minute 2026-11-21T16:00Z 0+0/0": {Quota: Quota{OfCaller, Minute, 0}, Start: evening},
		"entry.lifetime - 18446744073709551615+18446744073709551615/4294967295": {
			Quota: Quota{OfEntry, Lifetime, math.MaxUint32}, Spent: math.MaxUint64, Reserved: math.MaxUint64,
		},
		"entry.month 2026-11-21T16:00Z ?+2/50": {Quota: Quota{OfEntry, Month, 50}, Start: evening, Reserved: 2, Unknown: true},
		"caller.lifetime - ?+0/1":              {Quota: Quota{OfCaller, Lifetime, 1}, Unknown: true},
	} {
		if got := c.String(); got != text {
			t.Errorf("%+v is written %q, want %q", c, got, text)
		}
		if got, err := ParseCount(text); got != c || err != nil {
			t.Errorf("ParseCount(%q) = %+v, %v", text, got, err)
		}
	}
	abroad := Count{Quota: Quota{OfEntry, Day, 1}, Start: evening.In(mustZone(t, "Asia/Shanghai"))}
	if got := abroad.String(); got != "entry.day 2026-11-21T16:00Z 0+0/1" {
		t.Errorf("a start in Shanghai is written %q", got)
	}
}

func TestRandomCountsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 37))
	for range 5000 {
		c := Count{
			Quota:    Quota{one(rng, OfEntry, OfCaller), one(rng, Periods()...), rng.Uint32() >> rng.IntN(32)},
			Reserved: rng.Uint64() >> rng.IntN(64), Unknown: rng.IntN(5) == 0,
		}
		if !c.Unknown {
			c.Spent = rng.Uint64() >> rng.IntN(64)
		}
		if rng.IntN(4) > 0 {
			c.Start = time.Unix(60*rng.Int64N(4e7), 0).UTC()
		}
		if got, err := ParseCount(c.String()); got != c || err != nil {
			t.Fatalf("%q: %+v, %v, want %+v", c, got, err, c)
		}
	}
}

func TestWhatNoCountWroteIsRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "entry.day", "entry.day 2026-11-21T16:00Z", "entry.day 2026-11-21T16:00Z 3+1/50 ", " entry.day 2026-11-21T16:00Z 3+1/50",
		"entry.day  2026-11-21T16:00Z 3+1/50", "entry.day 2026-11-21T16:00Z 3+1/50 x", "day 2026-11-21T16:00Z 3+1/50", ".day 2026-11-21T16:00Z 3+1/50",
		"entry. 2026-11-21T16:00Z 3+1/50", "entry.week 2026-11-21T16:00Z 3+1/50", "Entry.day 2026-11-21T16:00Z 3+1/50", "owner.day 2026-11-21T16:00Z 3+1/50",
		"entry.day 2026-11-21T16:00:00Z 3+1/50", "entry.day 2026-11-31T16:00Z 3+1/50", "entry.day 2026-11-21T16:00+08:00 3+1/50",
		"entry.day 0001-01-01T00:00Z 3+1/50", "entry.day 2026-11-21T24:00Z 3+1/50", "entry.day ? 3+1/50",
		"entry.day 2026-11-21T16:00Z 03+1/50", "entry.day 2026-11-21T16:00Z +3+1/50", "entry.day 2026-11-21T16:00Z -3+1/50", "entry.day 2026-11-21T16:00Z 3+1/050",
		"entry.day 2026-11-21T16:00Z 3+?/50", "entry.day 2026-11-21T16:00Z ??+1/50", "entry.day 2026-11-21T16:00Z 3/50", "entry.day 2026-11-21T16:00Z 3+1",
		"entry.day 2026-11-21T16:00Z 3+1/4294967296", "entry.day 2026-11-21T16:00Z 18446744073709551616+1/50", "entry.day 2026-11-21T16:00Z 3+1/50\n",
		"scope(0).period(0) - 0+0/0", "scope(9).day - 0+0/0",
	} {
		if c, err := ParseCount(text); err == nil || c != (Count{}) {
			t.Errorf("ParseCount(%q) = %+v, %v", text, c, err)
		}
	}
}

func TestACountIsFull(t *testing.T) {
	for _, tt := range []struct {
		spent, reserved uint64
		limit           uint32
		unknown, want   bool
	}{
		{0, 0, 0, false, true}, {0, 0, 1, false, false}, {1, 0, 1, false, true}, {0, 1, 1, false, true}, {1, 1, 1, false, true},
		{49, 0, 50, false, false}, {49, 1, 50, false, true}, {48, 1, 50, false, false}, {0, 0, 50, true, true},
		{math.MaxUint64, 1, 50, false, true}, {1, math.MaxUint64, 50, false, true}, {math.MaxUint64, math.MaxUint64, math.MaxUint32, false, true},
	} {
		c := Count{Quota: Quota{OfEntry, Day, tt.limit}, Spent: tt.spent, Reserved: tt.reserved, Unknown: tt.unknown}
		if c.full() != tt.want {
			t.Errorf("%v: full is %v", c, !tt.want)
		}
	}
}

// FuzzParseCount: what is read is written back byte for byte.
func FuzzParseCount(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCount(text)
		if err != nil {
			if c != (Count{}) {
				t.Errorf("a refused count is %+v", c)
			}
			return
		}
		if c.String() != text {
			t.Errorf("%q is written back as %q", text, c)
		}
		if _, err := (Arguments{Use: []string{text}}).usage(); err != nil {
			t.Errorf("%q is no use of recorded arguments: %v", text, err)
		}
	})
}
