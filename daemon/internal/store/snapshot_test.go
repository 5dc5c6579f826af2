package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/backup"
)

// derived are the buckets that Rebuild makes from the others.
var derived = [][]byte{bucketMeta, bucketState, bucketEntry, bucketUsage, bucketAppr}

func TestEveryBucketHasItsRule(t *testing.T) {
	var ruled []string
	for _, c := range pictured {
		ruled = append(ruled, string(c.name))
	}
	ruled = append(ruled, string(bucketOfficer))
	var order []string
	for _, r := range restored {
		order = append(order, string(r.name))
	}
	if !reflect.DeepEqual(ruled, order) {
		t.Errorf("a snapshot has buckets %v, Rebuild wants %v", ruled, order)
	}
	for _, name := range slices.Concat(derived, unwritten) {
		ruled = append(ruled, string(name))
	}
	slices.Sort(ruled)
	var all []string
	for _, name := range buckets {
		all = append(all, string(name))
	}
	slices.Sort(all)
	if !reflect.DeepEqual(ruled, all) {
		t.Errorf("rules for %v\nbuckets   %v", ruled, all)
	}
}

// With nothing changing meanwhile, what is rebuilt is the same to the byte:
// also what follows from the rest, and what nobody thought of.
func TestRebuiltStoreIsTheSame(t *testing.T) {
	r := newRig(t, Options{})
	a := newActor(r)
	for range 4 {
		a.fill(25)
		a.approvals()
	}
	n := snapshot(t, r.Store)
	other := r.rebuilt(n.Position, collected(t, n, func(backup.Record) {}))
	want, got := bucketsOf(t, r.Store), bucketsOf(t, other.Store)
	for name := range want {
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("bucket %s: %d records, want the %d of the first store", name, len(got[name]), len(want[name]))
		}
		if len(want[name]) == 0 && !slices.ContainsFunc(unwritten, func(u []byte) bool { return string(u) == name }) {
			t.Errorf("bucket %s is empty: nothing of it is shown", name)
		}
	}
}

// TestSnapshotIsTheStoreAsItStood: while it is read the store goes on, with
// acts on what was copied and on what was not, between any two records and, as
// it comes, at the same time.
func TestSnapshotIsTheStoreAsItStood(t *testing.T) {
	for name, load := range map[string]func(a *actor) (pause func(backup.Record), stop func()){
		"between records": func(a *actor) (func(backup.Record), func()) {
			copied := 0
			return func(backup.Record) {
				if copied++; copied%100 == 0 {
					a.fill(3)
				}
			}, func() {}
		},
		"at the same time": func(a *actor) (func(backup.Record), func()) {
			var all sync.WaitGroup
			var done atomic.Bool
			all.Go(func() {
				for !done.Load() {
					a.fill(3)
				}
			})
			before := a.r.Position().Size
			a.r.waitFor(func() bool { return a.r.Position().Size > before }, "the load to begin")
			return func(r backup.Record) {
					if r.Bucket == string(bucketHist) { // a backup takes longer on a network
						runtime.Gosched()
					}
				}, func() {
					a.r.waitFor(func() bool { return a.r.Position().Size > before+60 }, "the load to go on")
					done.Store(true)
					all.Wait()
				}
		},
	} {
		t.Run(name, func(t *testing.T) { snapshotUnderLoad(t, load) })
	}
}

func snapshotUnderLoad(t *testing.T, load func(*actor) (func(backup.Record), func())) {
	r := newRig(t, Options{RememberCount: 200})
	a := newActor(r)
	a.fill(450)
	r.log(2000, 200)
	a.fill(20)
	pause, stop := load(a)
	n := snapshot(t, r.Store)
	records := collected(t, n, pause)
	stop()
	if grown := r.Position().Size - n.Size; grown < 40 {
		t.Fatalf("the log grew by %d events meanwhile: too few to show anything", grown)
	}
	other := r.rebuilt(n.Position, records)
	if root, err := r.RootAt(n.Size); err != nil || root != other.Position().Root {
		t.Errorf("root %x, %v, want that of the first %d events, %x", other.Position().Root, err, n.Size, root)
	}
	for seq := range n.Size {
		if !bytes.Equal(other.line(seq), r.line(seq)) {
			t.Errorf("event %d differs", seq)
		}
	}
	a.wantAsAt(other, n.Size)
	last := slices.IndexFunc(a.acts, func(d actDone) bool { return d.event >= n.Size }) - 1
	a.wantNext(other, a.acts[last].event)
}

// wantAsAt compares a store with the book as it stood at a size.
func (a *actor) wantAsAt(other *rig, size uint64) {
	a.r.Helper()
	entries, officers := map[string]string{}, map[string]string{}
	for _, d := range a.acts {
		existed := d.event < size
		a.wantPolicy(other, d, existed)
		if !existed {
			continue
		}
		if used, err := other.NonceUsed(d.nonce, d.expiry); err != nil || !used {
			a.r.Errorf("nonce of event %d: %v, %v, want it used", d.event, used, err)
		}
		if blob, err := other.Blob(fmt.Sprintf("%x", blobKey(d.blob))); err != nil || !bytes.Equal(blob, d.blob) {
			a.r.Errorf("content of event %d: %q, %v", d.event, blob, err)
		}
		for _, e := range d.entries {
			entries[e.ID] = mustMarshal(a.r, e.Marshal)
		}
		clear(officers)
		for id, o := range d.staff {
			officers[id] = mustMarshal(a.r, o.Marshal)
		}
	}
	got := bucketsOf(a.r, other.Store)
	if !reflect.DeepEqual(got["entry"], entries) {
		a.r.Errorf("entries %v\nwant    %v", got["entry"], entries)
	}
	if !reflect.DeepEqual(got["officer"], officers) {
		a.r.Errorf("officers %v\nwant     %v", got["officer"], officers)
	}
	a.wantIdems(other, size, len(got["idem"]))
}

func (a *actor) wantPolicy(other *rig, d actDone, existed bool) {
	a.r.Helper()
	first := d.entries[0]
	policy, err := other.Policy(first.ID, uint32(first.Rev))
	if err != nil || (policy != nil) != existed {
		a.r.Errorf("policy %d of %s, made by event %d: %q, %v", first.Rev, first.ID, d.event, policy, err)
	}
}

// wantIdems: of what was remembered, the oldest may be gone, and nothing of it
// is newer than the picture.
func (a *actor) wantIdems(other *rig, size uint64, stored int) {
	a.r.Helper()
	found := 0
	for _, d := range a.idems {
		record, err := other.Remembered(d.key)
		if err != nil || (record != nil && (d.event >= size || record.Items[0].Event != d.event)) {
			a.r.Errorf("request of event %d: %+v, %v", d.event, record, err)
		}
		if record != nil {
			found++
		} else if found > 0 && d.event < size {
			a.r.Errorf("request of event %d is forgotten, an older one is not", d.event)
		}
	}
	if found == 0 || found != stored {
		a.r.Errorf("%d requests are found, %d stored", found, stored)
	}
}

// wantNext makes one more act in the rebuilt store: it names the last.
func (a *actor) wantNext(other *rig, last uint64) {
	a.r.Helper()
	next := newActor(other)
	next.act()
	e, _, err := other.Event(next.acts[0].event)
	if err != nil || e.PrevAct == nil || *e.PrevAct != last {
		a.r.Errorf("the next act is %+v, %v, want it to name event %d", e, err, last)
	}
}

func mustMarshal(t testing.TB, marshal func() ([]byte, error)) string {
	t.Helper()
	data, err := marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A long reader makes every later commit slower. What is read per transaction
// is counted. How long that takes is the machine's, too: a busy one holds any
// thread up, but a transaction that is long by itself is long every time.
func TestNoTransactionOfASnapshotIsLong(t *testing.T) {
	r := newRig(t, Options{})
	r.log(10_000, 200)
	r.log(10_000, 800)
	r.record(&Commit{Events: uses("with a blob").Events, Change: &Change{Blobs: [][]byte{make([]byte, 9*backup.MaxPart+1)}}})
	const tries, longest = 5, 100 * time.Millisecond
	var took []time.Duration
	for range tries {
		n := snapshot(t, r.Store)
		if pages := r.turnPages(n); pages < 30 {
			t.Fatalf("%d pages: too few to show anything", pages)
		}
		if took = append(took, n.longest); n.longest <= longest {
			return
		}
	}
	t.Errorf("in each of %d snapshots a read transaction took more than %v: %v", tries, longest, took)
}

// turnPages reads a snapshot page by page, holds each to its bounds, and says
// how many there are.
func (r *rig) turnPages(n *Snapshot) (pages int) {
	r.Helper()
	for _, c := range pictured {
		for at := (place{}); !at.end; pages++ {
			page, next, err := n.page(c, at)
			if err != nil {
				r.Fatal(err)
			}
			size := 0
			for _, record := range page {
				size += len(record.Value)
			}
			if len(page) > maxPage || size > 2*backup.MaxPart {
				r.Fatalf("a page of bucket %s has %d records of %d bytes", c.name, len(page), size)
			}
			if !next.end && bytes.Equal(at.key, next.key) && at.behind == next.behind {
				r.Fatalf("bucket %s: the page after %+v leads to itself", c.name, at)
			}
			at = next
		}
	}
	return pages
}

// log appends n events of about size bytes, 1,000 at a time.
func (r *rig) log(n, size int) {
	r.Helper()
	for left := n; left > 0; left -= 1000 {
		sigs := make([]string, min(left, 1000))
		for i := range sigs {
			sigs[i] = strings.Repeat("M", size-120)
		}
		r.record(uses(sigs...))
	}
}

func TestLargeValuesComeInParts(t *testing.T) {
	for _, size := range []int{backup.MaxPart - 1, backup.MaxPart, backup.MaxPart + 1, 2 * backup.MaxPart, 3*backup.MaxPart + 5} {
		r := newRig(t, Options{})
		blob := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, size/7+1)[:size]
		r.record(&Commit{Events: uses("with a blob").Events, Change: &Change{Blobs: [][]byte{blob, []byte("small")}}})
		n := snapshot(t, r.Store)
		records := collected(t, n, func(backup.Record) {})
		parts := 0
		for _, record := range records {
			if string(record.Key) == string(blobKey(blob)) {
				parts++
			}
		}
		if want := (size + backup.MaxPart - 1) / backup.MaxPart; parts != want {
			t.Errorf("%d bytes come in %d parts, want %d", size, parts, want)
		}
		if got, err := r.rebuilt(n.Position, records).Blob(fmt.Sprintf("%x", blobKey(blob))); err != nil || !bytes.Equal(got, blob) {
			t.Errorf("%d bytes: %d are read back, %v", size, len(got), err)
		}
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	r := newRig(t, Options{})
	r.log(2500, 200)
	n := snapshot(t, r.Store)
	var told []uint64
	if err := n.Records(context.Background(), func(backup.Record) error { return nil }, func(done uint64) { told = append(told, done) }); err != nil {
		t.Fatal(err)
	}
	if want := []uint64{1000, 2000, n.Size}; !slices.Equal(told, want) {
		t.Errorf("progress %v, want %v", told, want)
	}
}

func TestSnapshotRefusesRecordsThatItCannotCopy(t *testing.T) {
	for _, name := range unwritten {
		path := filepath.Join(t.TempDir(), "signet.db")
		create(t, path)
		edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(name).Put([]byte("key"), []byte("value")) })
		s := mustOpen(t, path)
		if n, err := s.Snapshot(); err == nil || n != nil {
			t.Errorf("bucket %s with a record: Snapshot = %v, %v, want an error", name, n, err)
		}
	}
}

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{Now: newTestClock().now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A backup is what a damaged log is mended from: it must not be of one.
func TestSnapshotOfADamagedLogFails(t *testing.T) {
	for name, damage := range map[string]func(*bolt.Bucket) error{
		"line changed": func(b *bolt.Bucket) error {
			return b.Put(be64(5), bytes.Replace(b.Get(be64(5)), []byte("digest"), []byte("digesT"), 1))
		},
		"line missing":  func(b *bolt.Bucket) error { return b.Delete(be64(5)) },
		"line too many": func(b *bolt.Bucket) error { return b.Put(append(be64(5), 0), b.Get(be64(5))) },
	} {
		path := filepath.Join(t.TempDir(), "signet.db")
		create(t, path)
		s := mustOpen(t, path)
		for i := range 10 {
			if err := s.Record(uses(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		edit(t, path, func(tx *bolt.Tx) error { return damage(tx.Bucket(bucketEvent)) })
		n := snapshot(t, mustOpen(t, path))
		if err := n.Records(context.Background(), func(backup.Record) error { return nil }, func(uint64) {}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Records = %v, want ErrDamaged", name, err)
		}
	}
}

func TestSnapshotEnds(t *testing.T) {
	r := newRig(t, Options{})
	newActor(r).fill(20)
	full, hungUp := errors.New("the disk is full"), errors.New("the caller hung up")
	nothing := func(uint64) {}
	put := 0
	if err := snapshot(t, r.Store).Records(context.Background(), func(backup.Record) error { put++; return full }, nothing); !errors.Is(err, full) || put != 1 {
		t.Errorf("a fault of put: %v after %d records, want it after the first", err, put)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	err := snapshot(t, r.Store).Records(ctx, func(backup.Record) error { cancel(hungUp); return nil }, nothing)
	if !errors.Is(err, hungUp) {
		t.Errorf("its context ends: %v", err)
	}
	n := snapshot(t, r.Store)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Records(context.Background(), func(backup.Record) error { return nil }, nothing); !errors.Is(err, ErrClosed) {
		t.Errorf("the store is closed: %v, want ErrClosed", err)
	}
	if _, err := r.Snapshot(); !errors.Is(err, ErrClosed) {
		t.Errorf("Snapshot of a closed store: %v, want ErrClosed", err)
	}
	r.open()
}
