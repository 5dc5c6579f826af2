package store

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// book is a tally with its rows.
type book struct {
	tally
	rows map[uint32]uint32
}

func (b *book) count(at time.Time) {
	if over, ok := b.add(at); ok {
		b.rows[over.at] += over.uses
	}
}

func (b *book) uses() Uses {
	u := Uses{Total: b.total, Minutes: map[int64]uint32{}, Quarters: map[int64]uint32{}}
	for _, m := range b.minutes {
		if m.uses > 0 {
			u.Minutes[int64(m.at)] = m.uses
		}
	}
	for q, n := range b.rows {
		if q >= b.oldest() {
			u.Quarters[int64(q)] = n
		}
	}
	u.Quarters[int64(b.quarter.at)] = b.quarter.uses
	return u
}

// Uses are recorded out of order by seconds in everyday life, and by any time
// where the clock was set: what is kept is exact at every step.
func TestTallyIsExactInAnyOrder(t *testing.T) {
	start := time.Date(2026, 2, 27, 23, 40, 0, 0, time.UTC)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 5))
		b, n, at := &book{rows: map[uint32]uint32{}}, newNaive(), start
		for i := range 2000 {
			switch random.IntN(200) {
			case 0: // the clock is set
				at = at.Add(time.Duration(random.IntN(80*24)-38*24) * time.Hour)
			case 1, 2, 3, 4:
				at = at.Add(time.Duration(random.IntN(90)) * time.Minute)
			default:
				at = at.Add(time.Duration(random.IntN(20)) * time.Second)
			}
			late := at.Add(-time.Duration(random.IntN(90)) * time.Second)
			b.count(late)
			n.add(late)
			if got, want := b.uses(), n.uses(0); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, use %d at %v: %+v\nwant %+v", seed, i, late, got, want)
			}
		}
		if len(n.quarters) < 50 {
			t.Fatalf("seed %d: %d quarters show nothing", seed, len(n.quarters))
		}
	}
}

func TestTallyAtTheBounds(t *testing.T) {
	at := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for name, c := range map[string]struct {
		times []time.Time
		want  Uses
	}{
		"one": {[]time.Time{at("2026-03-01T09:14:59.999999Z")},
			Uses{Total: 1, Minutes: map[int64]uint32{29539274: 1}, Quarters: map[int64]uint32{1969284: 1}}},
		"the quarter's last instant and the next one's first": {[]time.Time{at("2026-03-01T09:14:59.999999Z"), at("2026-03-01T09:15:00Z")},
			Uses{Total: 2, Minutes: map[int64]uint32{29539274: 1, 29539275: 1}, Quarters: map[int64]uint32{1969284: 1, 1969285: 1}}},
		"three minutes": {[]time.Time{at("2026-03-01T09:00:00Z"), at("2026-03-01T09:01:00Z"), at("2026-03-01T09:02:00Z")},
			Uses{Total: 3, Minutes: map[int64]uint32{29539261: 1, 29539262: 1}, Quarters: map[int64]uint32{1969284: 3}}},
		"late by a minute, into a gap": {[]time.Time{at("2026-03-01T09:00:00Z"), at("2026-03-01T09:02:00Z"), at("2026-03-01T09:01:00Z")},
			Uses{Total: 3, Minutes: map[int64]uint32{29539261: 1, 29539262: 1}, Quarters: map[int64]uint32{1969284: 3}}},
		"late by a quarter": {[]time.Time{at("2026-03-01T09:15:00Z"), at("2026-03-01T09:14:59Z"), at("2026-03-01T09:14:59Z")},
			Uses{Total: 3, Minutes: map[int64]uint32{29539274: 2, 29539275: 1}, Quarters: map[int64]uint32{1969284: 2, 1969285: 1}}},
		"32 days later": {[]time.Time{at("2026-03-01T09:00:00Z"), at("2026-04-02T09:14:59Z")},
			Uses{Total: 2, Minutes: map[int64]uint32{29539260: 1, 29585354: 1}, Quarters: map[int64]uint32{1969284: 1, 1972356: 1}}},
		"32 days and a quarter later": {[]time.Time{at("2026-03-01T09:00:00Z"), at("2026-04-02T09:15:00Z")},
			Uses{Total: 2, Minutes: map[int64]uint32{29539260: 1, 29585355: 1}, Quarters: map[int64]uint32{1972357: 1}}},
		"late by more": {[]time.Time{at("2026-04-02T09:15:00Z"), at("2026-03-01T09:00:00Z")},
			Uses{Total: 2, Minutes: map[int64]uint32{29539260: 1, 29585355: 1}, Quarters: map[int64]uint32{1972357: 1}}},
		"before 1970": {[]time.Time{at("1960-01-01T00:00:00Z"), at("1970-01-01T00:00:01Z")},
			Uses{Total: 2, Minutes: map[int64]uint32{0: 2}, Quarters: map[int64]uint32{0: 2}}},
		"the last year": {[]time.Time{at("9999-12-31T23:59:59Z")},
			Uses{Total: 1, Minutes: map[int64]uint32{4223371679: 1}, Quarters: map[int64]uint32{281558111: 1}}},
	} {
		b := &book{rows: map[uint32]uint32{}}
		for _, at := range c.times {
			b.count(at)
		}
		if got := b.uses(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, c.want)
		}
	}
}

// What no window needs any more gets no row: it would only have to be dropped.
func TestTallyOfLongAgoHasNoRow(t *testing.T) {
	b := &book{rows: map[uint32]uint32{}}
	b.count(nine)
	b.count(nine.AddDate(0, 0, -32))
	b.count(nine.AddDate(0, 0, -32).Add(-time.Second))
	if oldest := uint32(nine.Unix()/900) - 32*96; len(b.rows) != 1 || b.rows[oldest] != 1 {
		t.Errorf("rows %v, want one of 32 days ago, %d", b.rows, oldest)
	}
}

// A count that began anew at 0 would allow what it is to end.
func TestTallyStaysAtTheLargest(t *testing.T) {
	at := time.Unix(900, 0)
	full := &tally{total: math.MaxUint64, minutes: [2]slot{{15, math.MaxUint32}}, quarter: slot{1, math.MaxUint32}}
	want := *full
	if full.add(at); *full != want {
		t.Errorf("one more use makes %+v of %+v", *full, want)
	}
}

// FuzzDecodeTally: whatever decodes is written back to the same bytes, and a
// use more is never less.
func FuzzDecodeTally(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, at int64) {
		y, err := decodeTally(data)
		if err != nil {
			if y != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("decodeTally = %v, %v, want nothing and ErrDamaged", y, err)
			}
			return
		}
		if again := y.encode(); !bytes.Equal(again, data) {
			t.Errorf("%x is written back as %x", data, again)
		}
		before := *y
		over, ok := y.add(time.Unix(at, 0))
		if y.total < before.total || y.quarter.at < before.quarter.at && before.quarter.uses > 0 || ok && over.uses == 0 {
			t.Errorf("%+v with a use at %d is %+v, over %+v", before, at, *y, over)
		}
	})
}
