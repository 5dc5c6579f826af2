package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/testsoftHSM/need"
)

// wantCounted holds the store to its log.
func (r *rig) wantCounted() {
	r.Helper()
	if wrong, err := r.Recount(context.Background()); err != nil || len(wrong) != 0 {
		r.Errorf("Recount = %+v, %v", wrong, err)
	}
}

// A counted store is a closed one with uses and an approval.
type counted struct {
	testing.TB
	path     string
	approval register.Approval // 3 uses granted, 2 of them spent
}

const countedUID = 20001

func newCounted(t testing.TB) *counted {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signet.db")
	r := &rig{TB: t, path: path, clock: newTestClock()}
	r.options.Now = r.clock.now
	create(t, path)
	r.open()
	r.record(usesAt("contracts", countedUID, nine, nine.Add(time.Minute), nine.Add(time.Hour)))
	r.record(usesAt("others", 7, nine))
	request := r.granted(3, 1)
	r.record(spends(t, request, 2))
	c := &counted{t, path, r.approval(request)}
	r.wantCounted()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

// edited has the rows of a bucket changed in a copy of the store, and opens it.
func (c *counted) edited(bucket []byte, change func(*bolt.Bucket) error) *Store {
	c.Helper()
	path := filepath.Join(c.TempDir(), "signet.db")
	if err := os.WriteFile(path, contentOf(c, c.path), 0o600); err != nil {
		c.Fatal(err)
	}
	edit(c, path, func(tx *bolt.Tx) error { return change(tx.Bucket(bucket)) })
	return mustOpen(c, path)
}

func (c *counted) user() user { return user{"contracts", countedUID} }

// first is the quarter of an hour of the first uses.
func (c *counted) first() []byte { return quarterKey(c.user(), slotOf(nine, quarterSeconds)) }

// tally changes the sum of a caller.
func (c *counted) tally(change func(*tally)) func(*bolt.Bucket) error {
	return func(b *bolt.Bucket) error {
		t, err := decodeTally(b.Get(usageKey(c.user())))
		if err != nil {
			return err
		}
		change(t)
		return b.Put(usageKey(c.user()), t.encode())
	}
}

// record changes the record of the approval.
func (c *counted) record(change func(*register.Approval)) func(*bolt.Bucket) error {
	return func(b *bolt.Bucket) error {
		a := c.approval
		change(&a)
		data, err := a.Marshal()
		if err != nil {
			return err
		}
		return b.Put(a.Key(), data)
	}
}

func (c *counted) idKey() []byte {
	key, err := approvalIDKey(c.approval.ID)
	if err != nil {
		c.Fatal(err)
	}
	return key
}

func put(key []byte, value []byte) func(*bolt.Bucket) error {
	return func(b *bolt.Bucket) error { return b.Put(key, value) }
}

func remove(key []byte) func(*bolt.Bucket) error {
	return func(b *bolt.Bucket) error {
		if b.Get(key) == nil {
			return fmt.Errorf("there is no key %x", key)
		}
		return b.Delete(key)
	}
}

func TestRecountNamesWhatTheLogDoesNotMake(t *testing.T) {
	c := newCounted(t)
	another, err := register.NewApproval(contentOfAsking(t, asking(9, 9)), 2)
	if err != nil {
		t.Fatal(err)
	}
	uses := func(why string) Miscount { return Miscount{Entry: "contracts", Why: why} }
	approval := func(why string) Miscount { return Miscount{Approval: c.approval.ID, Why: why} }
	for name, x := range map[string]struct {
		bucket []byte
		change func(*bolt.Bucket) error
		want   Miscount
	}{
		"sum lowered": {bucketUsage, c.tally(func(t *tally) { t.total = 3 }), uses("the store counts 3 uses by uid 20001, the log has 5")},
		"sum raised":  {bucketUsage, c.tally(func(t *tally) { t.total = 6 }), uses("the store counts 6 uses by uid 20001, the log has 5")},
		"sum removed": {bucketUsage, remove(usageKey(c.user())), uses("the store counts 0 uses by uid 20001, the log has 5")},
		"sum unreadable": {bucketUsage, put(usageKey(c.user()), []byte{1, 2, 3}),
			uses("what the store counts by uid 20001 cannot be read")},
		"newest minute lowered": {bucketUsage, c.tally(func(t *tally) { t.minutes[0].uses-- }),
			uses("of the newest uses by uid 20001 the store has other times than the log")},
		"newest quarter lowered": {bucketUsage, c.tally(func(t *tally) { t.quarter.uses-- }),
			uses("of the newest uses by uid 20001 the store has other times than the log")},
		"quarter lowered": {bucketUsage, put(c.first(), []byte{0, 0, 0, 1}),
			uses("the store counts 1 uses by uid 20001 in the quarter of an hour from 2026-03-01T09:00:00Z on, the log has 2")},
		"quarter raised": {bucketUsage, put(c.first(), []byte{0, 0, 0, 9}),
			uses("the store counts 9 uses by uid 20001 in the quarter of an hour from 2026-03-01T09:00:00Z on, the log has 2")},
		"quarter removed": {bucketUsage, remove(c.first()),
			uses("the store counts 0 uses by uid 20001 in the quarter of an hour from 2026-03-01T09:00:00Z on, the log has 2")},
		"quarter made up": {bucketUsage, put(quarterKey(c.user(), 4), []byte{0, 0, 0, 1}),
			uses("the store counts 1 uses by uid 20001 in the quarter of an hour from 1970-01-01T01:00:00Z on, the log has 0")},
		"quarter unreadable": {bucketUsage, put(c.first(), []byte{1}),
			uses("what the store counts by uid 20001 in the quarter of an hour from 2026-03-01T09:00:00Z on cannot be read")},
		"caller made up": {bucketUsage, put(usageKey(user{"contracts", 9}), (&tally{total: 1}).encode()), uses("the store counts 1 uses by uid 9, the log has 0")},
		"no caller":      {bucketUsage, put([]byte("contracts\x00\x00"), nil), uses("the store has uses under key 636f6e7472616374730000, which no use has")},
		"a bucket in the bucket": {bucketUsage, func(b *bolt.Bucket) error { _, err := b.CreateBucket([]byte("zoo")); return err },
			Miscount{Entry: "zoo", Why: "the store has uses under key 7a6f6f, which no use has"}},
		"entry that cannot be": {bucketUsage, put([]byte("a\nb\x00\x00\x00\x00\x01"), (&tally{total: 1}).encode()),
			Miscount{Entry: `"a\nb"`, Why: "the store counts 1 uses by uid 1, the log has 0"}},

		"used lowered":      {bucketAppr, c.record(func(a *register.Approval) { a.Used = 1 }), approval("the store counts 1 of its uses, the log has 2")},
		"used raised":       {bucketAppr, c.record(func(a *register.Approval) { a.Used = 3 }), approval("the store counts 3 of its uses, the log has 2")},
		"count raised back": {bucketAppr, c.record(func(a *register.Approval) { a.Count = 2 }), approval("the store has another record of it than the log makes")},
		"grant taken": {bucketAppr, c.record(func(a *register.Approval) { a.State, a.Grants = policy.Pending, nil }),
			approval("the store has it as pending, the log makes it granted")},
		"approval removed":      {bucketAppr, remove(c.approval.Key()), approval("the store has no record of it, the log makes one")},
		"approval's id removed": {bucketAppr, remove(c.idKey()), approval(fmt.Sprintf("in the store its id leads to key , in the log to %x", c.approval.Key()))},
		"approval's id elsewhere": {bucketAppr, put(c.idKey(), another.Key()),
			approval(fmt.Sprintf("in the store its id leads to key %x, in the log to %x", another.Key(), c.approval.Key()))},
		"approval made up": {bucketAppr, put(another.Key(), []byte(mustMarshal(t, another.Marshal))),
			Miscount{Approval: another.ID, Why: "the store has a record of it, the log makes none"}},
		"no approval": {bucketAppr, put([]byte{1}, []byte{2}), Miscount{Approval: "01", Why: "the store has it under a key that no approval has"}},
		"request's content removed": {bucketBlob, remove(blobKey(contentOfAsking(t, c.approval.Asked))),
			approval(fmt.Sprintf("event %d: there is no content %.16q", c.approval.Event, c.approval.Request))},
		"request's content edited": {bucketBlob, func(b *bolt.Bucket) error {
			content := contentOfAsking(t, c.approval.Asked)
			return b.Put(blobKey(content), bytes.Replace(content, []byte(`"count":3`), []byte(`"count":4`), 1))
		}, Miscount{Approval: c.approval.ID}},
	} {
		got, err := c.edited(x.bucket, x.change).Recount(context.Background())
		if err != nil || len(got) != 1 || got[0].Entry != x.want.Entry || got[0].Approval != x.want.Approval || !strings.Contains(got[0].Why, x.want.Why) {
			t.Errorf("%s: Recount = %+v, %v\nwant %+v", name, got, err, x.want)
		}
	}
}

// Everything emptied, everything is named.
func TestRecountOfAnEmptiedBucket(t *testing.T) {
	c := newCounted(t)
	empty := func(b *bolt.Bucket) error {
		cursor := b.Cursor()
		for key, _ := cursor.First(); key != nil; key, _ = cursor.First() {
			if err := b.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}
	names := func(bucket []byte) (names []string) {
		wrong, err := c.edited(bucket, empty).Recount(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, m := range wrong {
			names = append(names, m.Entry+m.Approval)
		}
		return names
	}
	if got := names(bucketUsage); !slices.Equal(got, []string{"contracts", "others"}) {
		t.Errorf("without uses: %q", got)
	}
	if got := names(bucketAppr); !slices.Equal(got, []string{c.approval.ID}) {
		t.Errorf("without approvals: %q", got)
	}
}

// What root granted again by lowering a count is in the log when it was used:
// the approval is named, and the uses are counted.
func TestUsesBeyondAnApprovalAreNamedAndCounted(t *testing.T) {
	c := newCounted(t)
	s := c.edited(bucketAppr, c.record(func(a *register.Approval) { a.Used = 0 }))
	r := &rig{TB: t, Store: s}
	r.record(spends(t, contentOfAsking(t, c.approval.Asked), 3))
	wrong, err := s.Recount(context.Background())
	if err != nil || len(wrong) != 1 || wrong[0].Approval != c.approval.ID || !strings.Contains(wrong[0].Why, "3 of 3 used") {
		t.Errorf("Recount = %+v, %v", wrong, err)
	}
}

// Pages end anywhere: a row that is missing at the end of one, at the beginning
// of the next, or behind all is one row.
func TestRecountComparesPageByPage(t *testing.T) {
	const entries = 2*maxPage + 10
	id := func(i int) string { return fmt.Sprintf("entry-%05d", i) }
	path := filepath.Join(t.TempDir(), "signet.db")
	create(t, path)
	r := &rig{TB: t, Store: mustOpen(t, path)}
	c := new(Commit)
	for i := range entries {
		c.Events = append(c.Events, useAt(id(i), 7, nine))
	}
	r.record(c)
	r.wantCounted()
	if p, err := (&recount{store: r.Store}).look(bucketUsage, []byte{}); err != nil || len(p.rows) != maxPage || p.next == nil || p.size != r.Position().Size {
		t.Errorf("a page has %d rows, %v", len(p.rows), err)
	}
	r.Close()
	gone := []string{id(0), id(maxPage - 1), id(maxPage), id(2*maxPage - 1), id(entries - 1)}
	edit(t, path, func(tx *bolt.Tx) error {
		var errs []error
		for _, entry := range gone {
			errs = append(errs, tx.Bucket(bucketUsage).Delete(usageKey(user{entry, 7})))
		}
		return errors.Join(errs...)
	})
	wrong, err := mustOpen(t, path).Recount(context.Background())
	var named []string
	for _, m := range wrong {
		named = append(named, m.Entry)
	}
	if err != nil || !slices.Equal(named, gone) {
		t.Errorf("Recount names %q, %v, want %q", named, err, gone)
	}
}

// What comes while it counts and compares is no difference, and it takes turns
// with those who sign.
func TestRecountBesideCommits(t *testing.T) {
	r := newRig(t, Options{})
	fillLedger(r, 3*recountEvents)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		a := newActor(r)
		for a.n = 1_000_000; ; a.use() { // of other requests than those before
			select {
			case <-stop:
				return
			default:
			}
			if a.n%50 == 0 {
				a.approvals()
			}
			came := r.Announce()
			came()
		}
	}()
	moved := 0
	for deadline := time.Now().Add(patience); moved < 3; {
		began := r.Position().Size
		r.wantCounted()
		if r.Position().Size > began {
			moved++
		}
		if time.Now().After(deadline) {
			t.Errorf("the log moved in %d recounts", moved)
			break
		}
	}
	close(stop)
	<-done
}

func TestRecountLeavesNothing(t *testing.T) {
	r := newRig(t, Options{})
	fillLedger(r, 100)
	scratch := r.path + scratchSuffix
	outside := filepath.Join(t.TempDir(), "outside")
	for name, leave := range map[string]func() error{
		"nothing":        func() error { return nil },
		"a crash's file": func() error { return os.WriteFile(scratch, []byte("left"), 0o600) },
		"a database":     func() error { return os.WriteFile(scratch, contentOf(t, r.path), 0o600) },
		"a link elsewhere": func() error {
			return errors.Join(os.WriteFile(outside, []byte("mine"), 0o600), os.Symlink(outside, scratch))
		},
	} {
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		r.wantCounted()
		if _, err := os.Lstat(scratch); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %s is there afterwards: %v", name, scratch, err)
		}
	}
	if got := contentOf(t, outside); string(got) != "mine" {
		t.Errorf("the file that a link led to has %d bytes", len(got))
	}
}

// What is counted lies in a file without a name from the first byte on.
func TestScratchHasNoName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scratch")
	db, err := openScratch(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var file unix.Stat_t
	if f, err := unnamed(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		t.Error(err)
	} else if err := errors.Join(unix.Fstat(int(f.Fd()), &file), f.Close()); err != nil || file.Nlink != 0 || file.Mode&0o777 != 0o600 {
		t.Errorf("%d links, mode %o, %v", file.Nlink, file.Mode, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file has its name: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := unnamed(path, os.O_RDWR|os.O_CREATE, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file of somebody else: %v, want one that exists", err)
	}
}

func TestRecountEndsWithItsContext(t *testing.T) {
	r := newRig(t, Options{})
	fillLedger(r, 2*recountEvents)
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("enough")
	cancel(cause)
	for _, busy := range []bool{false, true} {
		came := func() {}
		if busy {
			came = r.Announce()
		}
		if wrong, err := r.Recount(ctx); !errors.Is(err, cause) || wrong != nil {
			t.Errorf("busy %v: Recount = %+v, %v", busy, wrong, err)
		}
		came()
	}
}

// A store that is closed meanwhile proves nothing.
func TestRecountOfAClosedStore(t *testing.T) {
	r := newRig(t, Options{})
	r.Close()
	if wrong, err := r.Recount(context.Background()); !errors.Is(err, ErrClosed) || wrong != nil {
		t.Errorf("Recount = %+v, %v, want ErrClosed", wrong, err)
	}
}

func TestRecountRefusesADamagedLog(t *testing.T) {
	c := newCounted(t)
	events := func(change func(*audit.Event)) func(*bolt.Bucket) error {
		return func(b *bolt.Bucket) error {
			e, err := audit.ParseEvent(b.Get(be64(1)))
			if err != nil {
				return err
			}
			change(e)
			line, err := e.AppendLine(nil)
			if err != nil {
				return err
			}
			return b.Put(be64(1), line)
		}
	}
	for name, change := range map[string]func(*bolt.Bucket) error{
		"no event":                            put(be64(1), []byte(`{"v":1}`)),
		"another number":                      events(func(e *audit.Event) { e.Seq = 2 }),
		"a use of no entry":                   events(func(e *audit.Event) { e.Entry = "" }),
		"a use of no entry under an approval": events(func(e *audit.Event) { e.Entry, e.Approval = "", "0123456789abcdef" }),
		"an event missing":                    remove(be64(1)),
	} {
		wrong, err := c.edited(bucketEvent, change).Recount(context.Background())
		if !errors.Is(err, ErrDamaged) || wrong != nil || !strings.Contains(err.Error(), "event 1") {
			t.Errorf("%s: Recount = %+v, %v, want ErrDamaged with event 1", name, wrong, err)
		}
	}
}

func TestRecountBoundsItsList(t *testing.T) {
	c := newCounted(t)
	flood := func(n int) func(*bolt.Bucket) error {
		return func(b *bolt.Bucket) error {
			for i := range n {
				if err := b.Put(fmt.Appendf(nil, "entry-%05d\x00\x00\x00\x00\x01", i), make([]byte, tallySize)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if wrong, err := c.edited(bucketUsage, flood(maxMiscounts)).Recount(context.Background()); err != nil || len(wrong) != maxMiscounts {
		t.Errorf("Recount = %d, %v", len(wrong), err)
	}
	if wrong, err := c.edited(bucketUsage, flood(maxMiscounts+1)).Recount(context.Background()); !errors.Is(err, ErrDamaged) || wrong != nil {
		t.Errorf("Recount = %d, %v, want ErrDamaged", len(wrong), err)
	}
}

// Without room to count in nothing is proven; commits are not harmed.
func TestRecountOnAFullDiskProvesNothing(t *testing.T) {
	need.Root(t, "mounts a file system")
	dir := t.TempDir()
	if err := unix.Mount("signet-test", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatalf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "signet.db")
	create(t, path)
	s := mustOpen(t, path)
	r := &rig{TB: t, Store: s}
	for uid := range uint32(1000) {
		r.record(usesAt(fmt.Sprintf("entry-%d", uid), uid, nine, nine.Add(time.Hour)))
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	if wrong, err := s.Recount(context.Background()); !errors.Is(err, ErrFull) || wrong != nil {
		t.Errorf("Recount = %+v, %v, want ErrFull", wrong, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	r.wantCounted()
	r.record(usesAt("entry-1", 1, nine))
}

// BenchmarkRecount is what one event costs whose line is as long as that of a
// use.
func BenchmarkRecount(b *testing.B) {
	const events = 100_000
	r := newRig(b, Options{})
	pid, hash := int32(4711), strings.Repeat("0a", 32)
	for n := 0; n < events; n += 100 {
		c := new(Commit)
		for i := range 100 {
			e := useAt(fmt.Sprintf("entry-%d", i%20), uint32(20000+i%5), nine.Add(time.Duration(n)*10*time.Second))
			e.Clock, e.PID, e.Unit, e.RequestID, e.Batch, e.Purpose = "synced", pid, "oa.service", "req-"+hash[:20], []uint32{1, 100}, "contract"
			e.GID, e.GIDs, e.DocNo, e.DocSM3, e.UserID = e.UID, []uint32{100, 1001, 20000}, "2026-0815", hash, "zhang.san"
			e.Rev, e.Generation, e.Signer, e.Token, e.Alg, e.Input, e.Value = 12, 1, hash, "seals", "SM2-SM3", "sm2_e", hash
			e.PolicyRev, e.Engine, e.Local, e.Use = 4, 3, 28800, []string{"day/2026-03-01T00:00:00+08:00: 17+3 of 200"}
			e.Sig = hex.EncodeToString(make([]byte, 70))
			c.Events = append(c.Events, e)
		}
		r.record(c)
	}
	for b.Loop() {
		r.wantCounted()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/events, "µs/event")
	b.ReportMetric(float64(len(r.line(9))), "B/line")
}
