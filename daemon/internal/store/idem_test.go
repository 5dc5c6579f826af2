package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// request is a commit of a request with one item for each sig; "" is an item
// that was refused, and so has no event in this commit.
func request(id string, sigs ...string) *Commit {
	c := &Commit{Idem: &Idem{Key: hashOf("key %s", id), Content: hashOf("content %s", id)}}
	for _, sig := range sigs {
		item := IdemItem{}
		if sig != "" {
			c.Events = append(c.Events, use(sig))
			item.Index = len(c.Events)
		}
		c.Idem.Items = append(c.Idem.Items, item)
	}
	return c
}

func (r *rig) remembered(id string) *Idem {
	r.Helper()
	record, err := r.Remembered(hashOf("key %s", id))
	if err != nil {
		r.Fatal(err)
	}
	return record
}

func (r *rig) wantItems(id string, want ...IdemItem) {
	r.Helper()
	record := r.remembered(id)
	if record == nil {
		r.Errorf("request %s is forgotten", id)
		return
	}
	if record.Key != hashOf("key %s", id) || record.Content != hashOf("content %s", id) || !reflect.DeepEqual(record.Items, want) {
		r.Errorf("request %s is remembered as %+v, want %+v", id, record.Items, want)
	}
}

func (r *rig) wantForgotten(id string) {
	r.Helper()
	if record := r.remembered(id); record != nil {
		r.Errorf("request %s is remembered: %+v", id, record)
	}
}

func TestRequestIsRemembered(t *testing.T) {
	r := newRig(t, Options{})
	r.wantForgotten("a")
	before := transactions(r)
	r.record(request("a", "s0", "", "s2"))
	if got := transactions(r) - before; got != 1 {
		t.Errorf("events and record took %d transactions, want 1", got)
	}
	for range 2 {
		r.wantItems("a", IdemItem{Allowed: true, Event: 1}, IdemItem{}, IdemItem{Allowed: true, Event: 2})
		r.wantForgotten("b")
		r.reopen()
	}
}

// The first answer had item 0; the redo adds item 1 and keeps item 0's event.
func TestNewestRecordOfARequestWins(t *testing.T) {
	r := newRig(t, Options{})
	r.record(request("a", "s0", ""))
	r.record(uses("between"))
	redo := request("a", "", "s1")
	redo.Idem.Items[0] = r.remembered("a").Items[0]
	r.record(redo)
	for range 2 {
		r.wantItems("a", IdemItem{Allowed: true, Event: 1}, IdemItem{Allowed: true, Event: 3})
		r.reopen()
	}
}

func TestOvertakenRequestIsRememberedAsNotAnswered(t *testing.T) {
	r := newRig(t, Options{})
	c := request("a", "s0")
	c.Guard = &Guard{Entry: "contracts", Rev: 1}
	r.record(c)
	r.wantItems("a", IdemItem{})
}

func TestOldestRequestsAreForgottenByCount(t *testing.T) {
	const count, extra = 20, 7
	r := newRig(t, Options{RememberCount: count})
	for i := range count + extra {
		r.record(request(fmt.Sprint(i), "s"))
	}
	r.record(uses("one more transaction"))
	for range 2 {
		for i := range count + extra {
			if i < extra {
				r.wantForgotten(fmt.Sprint(i))
			} else {
				r.wantItems(fmt.Sprint(i), IdemItem{Allowed: true, Event: uint64(i + 1)})
			}
		}
		if n := stored(r); n != count {
			t.Errorf("%d records are stored, want %d", n, count)
		}
		r.reopen()
	}
}

func stored(r *rig) (n int) {
	r.Helper()
	err := r.view(func(tx *bolt.Tx) error { n = tx.Bucket(bucketIdem).Stats().KeyN; return nil })
	if err != nil {
		r.Fatal(err)
	}
	return n
}

func TestRequestsAreForgottenByAge(t *testing.T) {
	r := newRig(t, Options{RememberFor: time.Hour})
	r.record(request("old", "s"))
	r.clock.pass(30 * time.Minute)
	r.record(request("new", "s"))
	r.clock.pass(30*time.Minute - time.Second)
	r.record(uses("a"))
	r.wantItems("old", IdemItem{Allowed: true, Event: 1})
	r.clock.pass(2 * time.Second)
	r.record(uses("b"))
	for range 2 {
		r.wantForgotten("old")
		r.wantItems("new", IdemItem{Allowed: true, Event: 2})
		r.reopen()
	}
}

// The old record of a request that was redone must not take the new one with
// it when its time comes.
func TestForgettingAnOldRecordKeepsTheNewOne(t *testing.T) {
	r := newRig(t, Options{RememberFor: time.Hour})
	r.record(request("a", "s0"))
	r.clock.pass(50 * time.Minute)
	r.record(request("a", "s1"))
	r.clock.pass(20 * time.Minute)
	r.record(uses("b"))
	if n := stored(r); n != 1 {
		t.Errorf("%d records are stored, want 1", n)
	}
	for range 2 {
		r.wantItems("a", IdemItem{Allowed: true, Event: 2})
		r.reopen()
	}
}

func TestDefaultMemoryIsThatOfTheDesign(t *testing.T) {
	if got := (Options{}).memory(); got != (memory{24 * time.Hour, 1_000_000}) {
		t.Errorf("memory = %+v", got)
	}
}

// Two requests of one short key are not each other's: the whole key decides.
func TestHalfAKeyIsNoHit(t *testing.T) {
	r := newRig(t, Options{})
	r.record(request("a", "s"))
	near := hashOf("key a")
	near[31] ^= 1
	if record, err := r.Remembered(near); record != nil || err != nil {
		t.Errorf("Remembered of a near key = %+v, %v", record, err)
	}
}

func TestDamagedRecordIsAnError(t *testing.T) {
	r := newRig(t, Options{})
	seq := r.record(request("a", "s")).Receipts[0].Event
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, r.path, func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketIdem)
		data := b.Get(be64(seq))
		return b.Put(be64(seq), append([]byte(nil), data[:len(data)-3]...))
	})
	if s, err := Open(r.path, r.options); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open = %v, %v, want ErrDamaged", s, err)
	}
	edit(t, r.path, func(tx *bolt.Tx) error { return tx.Bucket(bucketIdem).Delete(be64(seq)) })
	r.open()
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, items := range [][]IdemItem{nil, {{}}, {{Allowed: true}}, {{}, {Allowed: true, Event: 1<<53 - 1}, {}}} {
		want := &Idem{Key: audit.Hash{1}, Content: audit.Hash{2}, Items: items, Recorded: at}
		if got, err := decodeIdem(want.encode()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("decodeIdem = %+v, %v, want %+v", got, err, want)
		}
	}
}
