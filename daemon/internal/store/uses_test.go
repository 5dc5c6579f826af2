package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

var nine = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func (r *rig) uses(entry string) []Uses {
	r.Helper()
	all, err := r.Uses(entry)
	if err != nil {
		r.Fatalf("Uses(%s): %v", entry, err)
	}
	return all
}

func TestUsesAreCountedByEntryAndCaller(t *testing.T) {
	r := newRig(t, Options{})
	for range 2 {
		r.record(usesAt("contracts", 7, nine, nine, nine.Add(time.Minute)))
		r.record(usesAt("contracts", 1<<32-1, nine))
		r.record(usesAt("contracts2", 7, nine))
		r.record(usesAt("contract", 0, nine.Add(time.Hour)))
	}
	minute, quarter := nine.Unix()/60, nine.Unix()/900
	for range 2 { // the second time as it is read back from disk
		for entry, want := range map[string][]Uses{
			"contracts": {
				{UID: 7, Total: 6, Minutes: map[int64]uint32{minute: 4, minute + 1: 2}, Quarters: map[int64]uint32{quarter: 6}},
				{UID: 1<<32 - 1, Total: 2, Minutes: map[int64]uint32{minute: 2}, Quarters: map[int64]uint32{quarter: 2}},
			},
			"contracts2": {{UID: 7, Total: 2, Minutes: map[int64]uint32{minute: 2}, Quarters: map[int64]uint32{quarter: 2}}},
			"contract":   {{UID: 0, Total: 2, Minutes: map[int64]uint32{minute + 60: 2}, Quarters: map[int64]uint32{quarter + 4: 2}}},
			"contr":      nil,
		} {
			if got := r.uses(entry); !reflect.DeepEqual(got, want) {
				t.Errorf("Uses(%s) = %+v\nwant %+v", entry, got, want)
			}
		}
		r.reopen()
	}
}

// Months of uses at random times, in groups as they come, with the clock set
// at times: rig.check counts the log by hand.
func TestUsesOfMonthsAreExact(t *testing.T) {
	r := newRig(t, Options{})
	random := rand.New(rand.NewPCG(5, 6))
	at := nine
	for i := range 120 {
		var group []*Commit
		for range 1 + random.IntN(4) {
			at = at.Add(time.Duration(random.IntN(int(3 * time.Hour))))
			if random.IntN(20) == 0 {
				at = at.Add(time.Duration(random.IntN(20*24)-10*24) * time.Hour)
			}
			late := at.Add(-time.Duration(random.IntN(int(time.Minute))))
			group = append(group, usesAt(fmt.Sprintf("entry-%d", i%2), uint32(random.IntN(3)), late, at, late))
		}
		for i, err := range r.together(group...) {
			if err != nil {
				t.Fatalf("commit %d: %v", i, err)
			}
		}
	}
	if u := r.uses("entry-0")[0]; len(u.Quarters) < 20 || u.Total < 80 {
		t.Errorf("%d quarters, %d uses: too few to show anything", len(u.Quarters), u.Total)
	}
}

// Rows that no window needs any more are dropped: what is kept is bounded.
func TestOldRowsAreDropped(t *testing.T) {
	r := newRig(t, Options{})
	const days = 100
	for day := range days {
		var times []time.Time
		for quarter := range 96 {
			times = append(times, nine.Add(time.Duration(day*96+quarter)*15*time.Minute))
		}
		r.record(usesAt("contracts", 7, times...))
	}
	if rows := len(bucketsOf(t, r.Store)["usage"]); rows != 1+32*96 {
		t.Errorf("%d rows after %d days, want a sum and those of 32 days", rows, days)
	}
	if u := r.uses("contracts")[0]; u.Total != days*96 || len(u.Quarters) != 32*96+1 {
		t.Errorf("%d uses in %d quarters", u.Total, len(u.Quarters))
	}
}

// After a long pause the old rows go a few at a time, and are not shown before.
func TestRowsAreDroppedAFewAtATime(t *testing.T) {
	r := newRig(t, Options{})
	var times []time.Time
	for quarter := range 20 {
		times = append(times, nine.Add(time.Duration(quarter)*15*time.Minute))
	}
	r.record(usesAt("contracts", 7, times...))
	for i, rows := range []int{1 + 20 - 4, 1 + 20 - 4 + 1 - 4, 1 + 20 - 4 + 2 - 8} { // of each step one row more
		at := nine.AddDate(0, 0, 40).Add(time.Duration(i) * 15 * time.Minute)
		r.record(usesAt("contracts", 7, at))
		if got := len(bucketsOf(t, r.Store)["usage"]); got != rows {
			t.Errorf("after use %d there are %d rows, want %d", i, got, rows)
		}
		if u := r.uses("contracts")[0]; len(u.Quarters) != i+1 || u.Quarters[at.Unix()/900] != 1 {
			t.Errorf("after use %d: %v, want the quarters since the pause", i, u.Quarters)
		}
	}
}

func TestOnlyAllowedUsesAreCounted(t *testing.T) {
	r := newRig(t, Options{})
	c := usesAt("contracts", 7, nine, nine, nine, nine, nine, nine)
	c.Events[1].Result = audit.Failed
	c.Events[2].Result = audit.Refused
	c.Events[3].Kind = audit.KindRead
	c.Events[4].Kind = audit.KindStamp
	c.Events[5].Result = ""
	r.record(c)
	overtaken := usesAt("contracts", 7, nine)
	overtaken.Guard = &Guard{Entry: "contracts", Rev: 9}
	r.record(overtaken)
	if got := r.uses("contracts")[0].Total; got != 2 {
		t.Errorf("%d uses are counted, want the one that signed and the one that stamped", got)
	}
}

// What fails alone is not counted, and leaves the others of its group alone.
func TestFailedCommitCountsNothing(t *testing.T) {
	r := newRig(t, Options{})
	faulty := usesAt("faulty", 7, nine, nine)
	faulty.Events[1].UserName = "\xff" // no line can be made of it
	nameless, nul := usesAt("", 7, nine), usesAt("contracts\x00", 7, nine)
	good := usesAt("contracts", 7, nine)
	errs := r.together(faulty, nameless, nul, good)
	for i, err := range errs[:3] {
		if err == nil {
			t.Errorf("commit %d was recorded", i)
		}
	}
	if errs[3] != nil {
		t.Errorf("the good one: %v", errs[3])
	}
	want := map[string]string{string(usageKey(user{"contracts", 7})): bucketsOf(t, r.Store)["usage"][string(usageKey(user{"contracts", 7}))]}
	if got := bucketsOf(t, r.Store)["usage"]; len(got) != 1 || !reflect.DeepEqual(got, want) {
		t.Errorf("the bucket has %q, want one row of the good commit", got)
	}
}

// Nothing is counted in a transaction that fails as a whole.
func TestUsesOfAFullStoreAreNotCounted(t *testing.T) {
	r := newRig(t, Options{MaxSize: 256 << 10})
	recorded, full := uint64(0), false
	for range 2000 {
		c := usesAt("contracts", 7, nine)
		c.Events[0].Sig = strings.Repeat("x", 4000)
		err := r.Record(c)
		if full = errors.Is(err, ErrFull); full {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		recorded++
	}
	if got := r.uses("contracts")[0].Total; !full || got != recorded {
		t.Errorf("%d uses are counted, %d recorded, full: %v", got, recorded, full)
	}
}

// A row that is not readable refuses the uses of its caller, not of others.
func TestDamagedUsesAreRefused(t *testing.T) {
	own, row := usageKey(user{"contracts", 7}), quarterKey(user{"contracts", 7}, uint32(nine.Unix()/900))
	for name, change := range map[string]func(*bolt.Bucket) error{
		"sum too short":   func(b *bolt.Bucket) error { return b.Put(own, b.Get(own)[:31]) },
		"sum too long":    func(b *bolt.Bucket) error { return b.Put(own, append(b.Get(own), 0)) },
		"sum missing":     func(b *bolt.Bucket) error { return b.Delete(own) },
		"row of 3 bytes":  func(b *bolt.Bucket) error { return b.Put(row, []byte{1, 2, 3}) },
		"key of 1 byte":   func(b *bolt.Bucket) error { return b.Put([]byte("contracts\x00\x00"), make([]byte, 32)) },
		"sum of no bytes": func(b *bolt.Bucket) error { return b.Put(own, nil) },
	} {
		r := &rig{TB: t, path: t.TempDir() + "/signet.db", clock: newTestClock()}
		r.options.Now = r.clock.now
		create(t, r.path)
		r.open()
		r.record(usesAt("contracts", 7, nine, nine.Add(time.Hour)))
		r.record(usesAt("others", 7, nine))
		r.Close()
		edit(t, r.path, func(tx *bolt.Tx) error { return change(tx.Bucket(bucketUsage)) })
		r.open()
		if got, err := r.Uses("contracts"); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("%s: Uses = %+v, %v, want ErrDamaged", name, got, err)
		}
		if got := r.uses("others"); len(got) != 1 {
			t.Errorf("%s: the uses of another entry are %+v", name, got)
		}
		errs := r.together(usesAt("contracts", 7, nine.Add(2*time.Hour)), usesAt("others", 7, nine))
		if errs[1] != nil {
			t.Errorf("%s: a use of another entry in the same group: %v", name, errs[1])
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
