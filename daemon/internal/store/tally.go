package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// A tally is how often one caller used one entry: in all, in the newest two
// minutes that had a use, and in the newest quarter of an hour. Quarters that
// are over have rows of their own. All bounds of calendar windows lie on a
// quarter of an hour of UTC, those of minutes on a minute, so uses need not be
// counted again when a policy sets other windows.
//
// Older minutes are not kept: a decision is never more than seconds behind the
// log. Uses come in the order in which they are recorded, which need not be
// that of their times: what is kept is exact all the same.
type tally struct {
	total   uint64
	minutes [2]slot // the newest first
	quarter slot
}

// A slot is the uses of one minute or quarter of an hour, numbered from 1970 on
// in UTC. Without any it stands for none.
type slot struct{ at, uses uint32 }

const (
	tallySize = 8 + 3*8

	minuteSeconds  = 60
	quarterSeconds = 15 * 60

	// quartersKept are those of 32 days: no calendar month has more.
	quartersKept = 32 * 24 * 4
)

// slotOf is the number of the minute or quarter that holds a time. A time
// before 1970 is of the first one.
func slotOf(at time.Time, seconds int64) uint32 {
	return uint32(min(max(at.Unix(), 0)/seconds, math.MaxUint32))
}

// add counts one use. What it returns with true is uses of a quarter that is
// over, to be added to its row.
func (t *tally) add(at time.Time) (over slot, ok bool) {
	if t.total < math.MaxUint64 {
		t.total++
	}
	t.addMinute(slotOf(at, minuteSeconds))
	return t.addQuarter(slotOf(at, quarterSeconds))
}

func (t *tally) addMinute(at uint32) {
	newest, other := &t.minutes[0], &t.minutes[1]
	switch {
	case newest.uses == 0 || at == newest.at:
		newest.more(slot{at, 1})
	case at > newest.at:
		*other, *newest = *newest, slot{at, 1}
	case other.uses == 0 || at == other.at:
		other.more(slot{at, 1})
	case at > other.at:
		*other = slot{at, 1}
	}
}

func (t *tally) addQuarter(at uint32) (over slot, ok bool) {
	switch {
	case t.quarter.uses == 0 || at == t.quarter.at:
		t.quarter.more(slot{at, 1})
		return slot{}, false
	case at > t.quarter.at:
		over, t.quarter = t.quarter, slot{at, 1}
		return over, true
	}
	return slot{at, 1}, at >= t.oldest()
}

// oldest is the first quarter that is kept.
func (t *tally) oldest() uint32 { return max(t.quarter.at, quartersKept) - quartersKept }

// more adds to a count, which stays at the largest: one that began anew would
// allow what it is to end.
func (s *slot) more(by slot) {
	s.at, s.uses = by.at, uint32(min(uint64(s.uses)+uint64(by.uses), math.MaxUint32))
}

func (t *tally) encode() []byte {
	out := binary.BigEndian.AppendUint64(make([]byte, 0, tallySize), t.total)
	for _, s := range []slot{t.minutes[0], t.minutes[1], t.quarter} {
		out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(out, s.at), s.uses)
	}
	return out
}

func decodeTally(data []byte) (*tally, error) {
	if len(data) != tallySize {
		return nil, fmt.Errorf("%w: a count of uses has %d bytes, want %d", ErrDamaged, len(data), tallySize)
	}
	t := &tally{total: binary.BigEndian.Uint64(data)}
	for i, s := range []*slot{&t.minutes[0], &t.minutes[1], &t.quarter} {
		from := data[8+8*i:]
		s.at, s.uses = binary.BigEndian.Uint32(from), binary.BigEndian.Uint32(from[4:])
	}
	return t, nil
}

func decodeUses(row []byte) (uint32, error) {
	if len(row) != 4 {
		return 0, fmt.Errorf("%w: the uses of a quarter of an hour have %d bytes, want 4", ErrDamaged, len(row))
	}
	return binary.BigEndian.Uint32(row), nil
}
