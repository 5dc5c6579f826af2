package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// grown is a rig with n events and the genesis event.
func grown(t testing.TB, n int) *rig {
	t.Helper()
	r := newRig(t, Options{})
	for n > 0 {
		c := new(Commit)
		for range min(n, 500) {
			c.Events = append(c.Events, use("s"))
		}
		r.record(c)
		n -= len(c.Events)
	}
	return r
}

func TestEventsAreReadInPages(t *testing.T) {
	const size = 2501
	r := grown(t, size-1)
	var lines [][]byte
	for _, want := range []int{maxPage, maxPage, size - 2*maxPage, 0} {
		page, err := r.Events(uint64(len(lines)), math.MaxInt)
		if err != nil || len(page) != want {
			t.Fatalf("Events(%d, all) = %d lines, %v, want %d", len(lines), len(page), err, want)
		}
		lines = append(lines, page...)
	}
	for seq, line := range lines {
		if e, err := audit.ParseEvent(line); err != nil || e.Seq != uint64(seq) {
			t.Fatalf("line %d is %s", seq, line)
		}
	}
	for _, c := range []struct {
		from uint64
		n    int
		want int
	}{{0, 1, 1}, {0, 0, 0}, {0, -1, 0}, {size - 1, 5, 1}, {size, 5, 0}, {math.MaxUint64, 5, 0}, {700, 1000, 1000}} {
		if got, err := r.Events(c.from, c.n); err != nil || len(got) != c.want {
			t.Errorf("Events(%d, %d) = %d lines, %v, want %d", c.from, c.n, len(got), err, c.want)
		}
	}
}

// A read transaction that lives long keeps every page that is freed meanwhile
// from being used again: the file grows and each commit gets slower. So even
// what walks the whole log holds one for a page of events only.
func TestNoReadTransactionCoversMoreThanAPage(t *testing.T) {
	const size = 3*maxPage + 10
	r := grown(t, size-1)
	for name, read := range map[string]func() error{
		"Check":  func() error { return r.Check(context.Background()) },
		"RootAt": func() error { _, err := r.RootAt(size - 1); return err },
	} {
		before := r.db.Stats()
		if err := read(); err != nil {
			t.Fatal(err)
		}
		after := r.db.Stats()
		if got := after.TxN - before.TxN; got < size/maxPage {
			t.Errorf("%s read %d events in %d transactions, want at least %d", name, size, got, size/maxPage)
		}
		if after.OpenTxN != 0 {
			t.Errorf("%s left %d transactions open", name, after.OpenTxN)
		}
	}
}

func TestLinesOutliveTheirTransaction(t *testing.T) {
	r := grown(t, 10)
	lines, err := r.Events(0, 11)
	if err != nil {
		t.Fatal(err)
	}
	copies := make([][]byte, len(lines))
	for i, line := range lines {
		copies[i] = bytes.Clone(line)
	}
	for range 50 {
		r.record(uses(make([]string, 50)...)) // moves and re-uses pages, and maps the file anew
	}
	for i := range lines {
		if !bytes.Equal(lines[i], copies[i]) {
			t.Errorf("line %d changed under its reader", i)
		}
	}
}

func TestEventIsFoundByItsIndexOnly(t *testing.T) {
	r := grown(t, 5)
	e, leaf, err := r.Event(3)
	if err != nil || e == nil || e.Seq != 3 || leaf != audit.LeafHash(r.line(3)) {
		t.Errorf("Event(3) = %+v, %x, %v", e, leaf, err)
	}
	for _, seq := range []uint64{6, 7, math.MaxUint64} {
		if e, _, err := r.Event(seq); e != nil || err != nil {
			t.Errorf("Event(%d) = %+v, %v, want none", seq, e, err)
		}
	}
}

func TestRootIsThatOfEachSize(t *testing.T) {
	r := grown(t, 20)
	lines := allLines(r)
	for size := range uint64(len(lines) + 1) {
		if got, err := r.RootAt(size); err != nil || got != rootOf(t, lines[:size]) {
			t.Errorf("RootAt(%d) = %x, %v", size, got, err)
		}
	}
	if _, err := r.RootAt(uint64(len(lines)) + 1); err == nil {
		t.Error("RootAt beyond the log succeeded")
	}
}

func TestReadsRefuseWhatIsNoHex(t *testing.T) {
	r := newRig(t, Options{})
	if _, err := r.Blob("zz"); err == nil {
		t.Error("Blob(zz) succeeded")
	}
	if blob, err := r.Blob("00"); blob != nil || err != nil {
		t.Errorf("Blob of none = %q, %v", blob, err)
	}
}

// What the register's records are worth is for whoever proves them: the store
// hands out the bytes that it has, and one bad record costs no other.
func TestDamagedRecordsAreHandedOutAsTheyAre(t *testing.T) {
	r := newRig(t, Options{})
	r.record(act(entry(t, "invoices", 1)))
	c := act(entry(t, "contracts", 1))
	c.Change.Policy = policyRecord(t, "contracts", 1, policyText)
	seq := r.record(c).Receipts[0].Event
	sound, err := r.Entries()
	if err != nil {
		t.Fatal(err)
	}
	good := map[string][]byte{}
	damage := func(bucket, key []byte) {
		err := r.db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket(bucket)
			good[string(bucket)] = bytes.Clone(b.Get(key))
			return b.Put(key, []byte("{}"))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	damage(bucketEvent, be64(seq))
	damage(bucketEntry, []byte("contracts"))
	damage(bucketPolicy, policyKey("contracts", 1))
	if _, _, err := r.Event(seq); !errors.Is(err, ErrDamaged) {
		t.Errorf("Event = %v, want ErrDamaged", err)
	}
	entries, err := r.Entries()
	if err != nil || string(entries["contracts"]) != "{}" || !bytes.Equal(entries["invoices"], sound["invoices"]) {
		t.Errorf("Entries = %q, %v", entries, err)
	}
	if data, err := r.Policy("contracts", 1); err != nil || string(data) != "{}" {
		t.Errorf("Policy = %q, %v", data, err)
	}
	err = r.db.Update(func(tx *bolt.Tx) error {
		return errors.Join(
			tx.Bucket(bucketEvent).Put(be64(seq), good["ev"]),
			tx.Bucket(bucketEntry).Put([]byte("contracts"), good["entry"]),
			tx.Bucket(bucketPolicy).Put(policyKey("contracts", 1), good["policy"]))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadersSeeWhatWasAcknowledged(t *testing.T) {
	r := newRig(t, Options{})
	for i := range 50 {
		seq := r.record(uses(fmt.Sprint(i))).Receipts[0].Event
		if e, _, err := r.Event(seq); err != nil || e == nil || e.Sig != fmt.Sprint(i) {
			t.Fatalf("event %d is %+v, %v when its receipt was given", seq, e, err)
		}
	}
}
