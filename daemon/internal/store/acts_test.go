package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
)

// noted is the commit of an act that changes no entry.
func noted(op string) *Commit {
	return &Commit{Events: []*audit.Event{{Kind: audit.KindAct, Op: op, Result: audit.Allowed}}, Change: new(Change)}
}

// walked are the indexes that Acts visits.
func (r *rig) walked() []uint64 {
	r.Helper()
	var seqs []uint64
	if err := r.Acts(func(e *audit.Event) error { seqs = append(seqs, e.Seq); return nil }); err != nil {
		r.Fatalf("Acts: %v", err)
	}
	return seqs
}

// TestActsAreWalkedNewestFirstToTheGenesis: none is left out, whatever stands
// between them, and no transaction is open while one is looked at.
func TestActsAreWalkedNewestFirstToTheGenesis(t *testing.T) {
	const acts, submitters = 5_200, 100
	r := newRig(t, Options{})
	if got := r.walked(); !slices.Equal(got, []uint64{0}) {
		t.Errorf("before any act: %d", got)
	}
	receipts := make(chan uint64, acts)
	var all sync.WaitGroup
	for range submitters {
		all.Go(func() {
			for i := range acts / submitters {
				c := noted("entry.suspend")
				if i%3 == 0 {
					c.Events = append(c.Events, use("beside it"))
				}
				if err := r.Record(c); err != nil {
					t.Errorf("Record: %v", err)
				} else {
					receipts <- c.Receipts[0].Event
				}
			}
		})
	}
	all.Wait()
	close(receipts)
	want := []uint64{0}
	for seq := range receipts {
		want = append(want, seq)
	}
	slices.Sort(want)
	slices.Reverse(want)
	for range 2 { // the second time as it is read back from disk
		before := r.db.Stats()
		var got []uint64
		err := r.Acts(func(e *audit.Event) error {
			if open := r.db.Stats().OpenTxN; open != 0 {
				return fmt.Errorf("%d transactions are open while event %d is looked at", open, e.Seq)
			}
			got = append(got, e.Seq)
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Acts: %d of %d, %v", len(got), len(want), err)
		}
		if pages := r.db.Stats().TxN - before.TxN; pages < acts/maxPage {
			t.Errorf("%d acts in %d transactions, want at least %d", acts, pages, acts/maxPage)
		}
		r.reopen()
	}
}

// TestAPageOfActsEndsInTime: lines lie far apart, so it is not their number
// alone that bounds how long a transaction lives.
func TestAPageOfActsEndsInTime(t *testing.T) {
	r := newRig(t, Options{})
	for range 20 {
		r.record(noted("entry.suspend"))
	}
	page, err := r.actPage(r.head.lastAct)
	if err != nil || len(page) != 21 {
		t.Fatalf("actPage: %d acts, %v", len(page), err)
	}
	if pageTime >= 100*time.Millisecond {
		t.Errorf("a page takes %v: no transaction may live for 100 ms", pageTime)
	}
}

func TestActsEndWhereTheVisitorSays(t *testing.T) {
	r := newRig(t, Options{})
	for range 3 {
		r.record(noted("entry.suspend"))
	}
	enough, n := errors.New("enough"), 0
	err := r.Acts(func(*audit.Event) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 2 {
		t.Errorf("Acts = %v after %d", err, n)
	}
}

// TestOnlyAppliedActsAreLinks: what was refused, what is about no act, and
// what brings a prev_act of its own.
func TestOnlyAppliedActsAreLinks(t *testing.T) {
	r := newRig(t, Options{})
	first := r.record(noted("entry.suspend")).Receipts[0].Event
	forged := uint64(0)
	for name, c := range map[string]*Commit{
		"a use":                     uses("a"),
		"a refused act":             {Events: []*audit.Event{{Kind: audit.KindAct, Result: audit.Refused}}},
		"a refused act with change": {Events: []*audit.Event{{Kind: audit.KindAct, Result: audit.Refused}}, Change: new(Change)},
		"an act without a result":   {Events: []*audit.Event{{Kind: audit.KindAct}}, Change: new(Change)},
		"a change without an act":   {Events: uses("a").Events, Change: &Change{Blobs: [][]byte{[]byte("x")}}},
		"a use that names an act":   {Events: []*audit.Event{{Kind: audit.KindSign, Result: audit.Allowed, PrevAct: &forged}}},
		"an act behind a use":       {Events: []*audit.Event{use("a"), {Kind: audit.KindAct, Result: audit.Allowed}}, Change: new(Change)},
		"text that looks like one":  {Events: []*audit.Event{{Kind: audit.KindSign, Result: audit.Allowed, DocID: `x,"prev_act":7`}}},
	} {
		r.record(c)
		for _, e := range c.Events {
			if e.PrevAct != nil {
				t.Errorf("%s: it names act %d", name, *e.PrevAct)
			}
		}
		if got := r.walked(); !slices.Equal(got, []uint64{first, 0}) {
			t.Fatalf("%s: Acts visits %d", name, got)
		}
	}
	at := r.Position()
	if err := r.Verify(at.Size, at.Root); err != nil {
		t.Errorf("Verify: %v", err)
	}
	last := r.record(noted("entry.resume")).Receipts[0].Event
	if got := r.walked(); !slices.Equal(got, []uint64{last, first, 0}) {
		t.Errorf("Acts visits %d", got)
	}
}

// withActs is a closed store whose acts are the events 1, 3, 5 and 7.
func withActs(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, Options{})
	for range 4 {
		r.record(noted("entry.suspend"))
		r.record(uses("a"))
	}
	if got := r.walked(); !slices.Equal(got, []uint64{7, 5, 3, 1, 0}) {
		t.Fatalf("Acts visits %d", got)
	}
	return r
}

// tamper edits a store behind signet's back, tries it, and puts the file back.
func (r *rig) tamper(change func(*bolt.Tx) error, try func()) {
	r.Helper()
	if err := r.Close(); err != nil {
		r.Fatal(err)
	}
	whole := contentOf(r, r.path)
	edit(r, r.path, change)
	r.open()
	try()
	if err := r.Close(); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(r.path, whole, 0o600); err != nil {
		r.Fatal(err)
	}
	r.open()
}

// relined rewrites the line of one event.
func relined(seq uint64, change func(*audit.Event)) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketEvent)
		e, err := audit.ParseEvent(b.Get(be64(seq)))
		if err != nil {
			return err
		}
		change(e)
		line, err := e.AppendLine(nil)
		if err != nil {
			return err
		}
		return b.Put(be64(seq), line)
	}
}

func prev(seq uint64) func(*audit.Event) { return func(e *audit.Event) { e.PrevAct = &seq } }

func lastAct(seq uint64) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyLastAct, be64(seq)) }
}

// TestBrokenChainOfActsIsDamage: whatever is put in the way of the walk, it
// ends, and never as if the acts behind did not exist.
func TestBrokenChainOfActsIsDamage(t *testing.T) {
	r := withActs(t)
	for name, change := range map[string]func(*bolt.Tx) error{
		"an act is missing":        func(tx *bolt.Tx) error { return tx.Bucket(bucketEvent).Delete(be64(3)) },
		"an act is emptied":        func(tx *bolt.Tx) error { return tx.Bucket(bucketEvent).Put(be64(3), nil) },
		"an act is cut":            func(tx *bolt.Tx) error { return tx.Bucket(bucketEvent).Put(be64(3), []byte(`{"act":`)) },
		"an act has another index": relined(3, func(e *audit.Event) { e.Seq = 1 }),
		"a use in its place":       relined(3, func(e *audit.Event) { e.Kind = audit.KindSign }),
		"it was refused":           relined(3, func(e *audit.Event) { e.Result = audit.Refused }),
		"it is named a genesis":    relined(3, func(e *audit.Event) { e.Kind, e.PrevAct = audit.KindGenesis, nil }),
		"it names none before it":  relined(3, func(e *audit.Event) { e.PrevAct = nil }),
		"it names itself":          relined(3, prev(3)),
		"it names a later one":     relined(3, prev(5)),
		"it names one far away":    relined(3, prev(1<<52)),
		"it names a use":           relined(3, prev(2)),
		"the last act is a use":    lastAct(8),
		"the last act is no event": lastAct(9),
		"the last act is far away": lastAct(1 << 60),
	} {
		r.tamper(change, func() {
			visited := 0
			err := r.Acts(func(*audit.Event) error {
				if visited++; visited > 9 {
					return errors.New("the walk does not end")
				}
				return nil
			})
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: Acts = %v, want ErrDamaged", name, err)
			}
		})
	}
}

// TestLastActSetBackIsFound: the walk itself cannot see that acts were cut off
// at its start; whoever hashes the log does.
func TestLastActSetBackIsFound(t *testing.T) {
	r := withActs(t)
	at := r.Position()
	for _, seq := range []uint64{0, 1, 3, 5} {
		r.tamper(lastAct(seq), func() {
			if got := r.walked(); got[0] != seq {
				t.Errorf("set back to %d, the walk begins at %d", seq, got[0])
			}
			_, err := r.rehash(at.Size)
			for what, err := range map[string]error{"Verify": r.Verify(at.Size, at.Root), "Verify of a part": r.Verify(2, rootOf(t, allLines(r)[:2])), "Check": r.Check(context.Background()), "rehash": err} {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("set back to %d: %s = %v, want ErrDamaged", seq, what, err)
				}
			}
		})
	}
	if err := errors.Join(r.Verify(at.Size, at.Root), r.Verify(2, rootOf(t, allLines(r)[:2])), r.Check(context.Background())); err != nil {
		t.Errorf("as it was: %v", err)
	}
}

func TestVerifyFindsAnotherHistory(t *testing.T) {
	r := withActs(t)
	at := r.Position()
	if err := r.Verify(5, rootOf(t, allLines(r)[:4])); !errors.Is(err, ErrForked) {
		t.Errorf("a root that it never had: %v, want ErrForked", err)
	}
	if err := r.Verify(at.Size+1, at.Root); err == nil {
		t.Error("a log longer than it is was verified")
	}
	r.tamper(relined(2, func(e *audit.Event) { e.Sig = "b" }), func() {
		if err := r.Verify(5, rootOf(t, allLines(r)[:5])); !errors.Is(err, ErrForked) {
			t.Errorf("an edited event under the frontier that it was: %v, want ErrForked", err)
		}
	})
}

// staff is the officers' records of an act that names them.
func staff(act string, ids ...string) register.Staff {
	thresholds := authority.DefaultThresholds
	g := authority.Genesis{Authority: authority.Officers, Thresholds: &thresholds}
	for _, id := range ids {
		g.Officers = append(g.Officers, authority.Officer{ID: id, Name: id, Role: authority.Auditor, Keys: []authority.Key{{}}})
	}
	return register.NewStaff(g, register.Proof{Act: act})
}

// TestOfficersAreReplacedWhole: who is not among them any more is gone, with
// the same transaction that says so.
func TestOfficersAreReplacedWhole(t *testing.T) {
	r := newRig(t, Options{})
	if got, err := r.Staff(); err != nil || len(got) != 0 {
		t.Errorf("before: %q, %v", got, err)
	}
	for _, ids := range [][]string{{"li", "wang", "zhao"}, {"li", "wu"}, {"wu"}, {}} {
		op := fmt.Sprint(ids)
		c := noted("officer.change")
		c.Events[0].Act, c.Change.Staff = op, staff(op, ids...)
		seq := r.record(c).Receipts[0].Event
		want := staff(op, ids...)
		want.Stamp(op, seq)
		all, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := r.Staff(); err != nil || !maps.EqualFunc(got, all, bytes.Equal) {
				t.Errorf("%v: the store has %q, %v\nwant %q", ids, got, err, all)
			}
			r.reopen()
		}
	}
	before, err := r.Staff()
	if err != nil || len(before) != 1 {
		t.Fatalf("thresholds alone: %q, %v", before, err)
	}
	r.record(noted("entry.suspend"))
	if got, err := r.Staff(); err != nil || !maps.EqualFunc(got, before, bytes.Equal) {
		t.Errorf("an act that changes no officers: %q, %v", got, err)
	}
}

func TestOfficersOfInitAreThere(t *testing.T) {
	path := t.TempDir() + "/signet.db"
	g := genesis(t)
	g.Staff = staff("init", "li", "wang")
	if _, err := Create(path, g, time.Now()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stored, err := s.Staff()
	if err == nil {
		err = g.Staff.Held(stored)
	}
	if err != nil || len(stored) != 3 {
		t.Errorf("Staff = %q, %v", stored, err)
	}
}

// TestAnActMayMoveManyEntries: a list of revoked certificates holds all it
// names in one transaction, and every use decided before it is overtaken.
func TestAnActMayMoveManyEntries(t *testing.T) {
	r := newRig(t, Options{})
	for _, id := range []string{"contracts", "invoices", "ledgers"} {
		r.record(act(entry(t, id, 1)))
	}
	contracts, invoices := entry(t, "contracts", 2), entry(t, "invoices", 2)
	c := noted("crl.import")
	c.Change.Entries = []*register.Entry{&contracts, &invoices}
	late := []*Commit{uses("a"), uses("b"), uses("c")}
	for i, id := range []string{"contracts", "invoices", "ledgers"} {
		late[i].Guard = &Guard{Entry: id, Rev: 1}
	}
	for _, err := range r.together(c, late[0], late[1], late[2]) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !late[0].Overtaken || !late[1].Overtaken || late[2].Overtaken {
		t.Errorf("overtaken: %v %v %v, want the two that were moved", late[0].Overtaken, late[1].Overtaken, late[2].Overtaken)
	}
	want := map[string]uint64{"contracts": 2, "invoices": 2, "ledgers": 1}
	for range 2 {
		if got := r.revs(); !maps.Equal(got, want) {
			t.Errorf("revisions are %v, want %v", got, want)
		}
		r.reopen()
	}
	for _, e := range c.Change.Entries {
		if e.Proof.Event != c.Receipts[0].Event {
			t.Errorf("%s rests on event %d, want %d", e.ID, e.Proof.Event, c.Receipts[0].Event)
		}
	}
	bad := entry(t, "ledgers", 2)
	bad.Key = nil
	contracts.Rev = 3
	broken := noted("crl.import")
	broken.Change.Entries = []*register.Entry{&contracts, &bad}
	if err := r.Record(broken); err == nil {
		t.Error("a change with a record that is none was made")
	}
	if got := r.revs(); !maps.Equal(got, want) {
		t.Errorf("half of a change was made: %v", got)
	}
}

// TestEntriesAreReadInPages: no transaction of it lives long, and none of them
// is lost where one page ends.
func TestEntriesAreReadInPages(t *testing.T) {
	const n = 2*maxPage + 1
	r := newRig(t, Options{})
	c := noted("crl.import")
	for i := range n {
		e := entry(t, fmt.Sprintf("e%05d", i), 1)
		c.Change.Entries = append(c.Change.Entries, &e)
	}
	r.record(c)
	before := r.db.Stats().TxN
	entries, err := r.Entries()
	if err != nil || len(entries) != n {
		t.Errorf("Entries: %d of %d, %v", len(entries), n, err)
	}
	if got := r.db.Stats().TxN - before; got < n/maxPage {
		t.Errorf("%d entries in %d transactions, want at least %d", n, got, n/maxPage)
	}
}

// TestNewEpochBeginsWithItsAct and lasts: what was signed for the log before
// may have been followed by other events once.
func TestNewEpochBeginsWithItsAct(t *testing.T) {
	r := newRig(t, Options{})
	epochs := func() []uint64 {
		var all []uint64
		for _, line := range allLines(r) {
			e, err := audit.ParseEvent(line)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e.Epoch)
		}
		return all
	}
	restore := noted("restore")
	restore.Change.Epoch = 2
	restore.Events = append(restore.Events, use("beside it"))
	r.together(uses("a"), restore, uses("b")) // behind the plug
	refused := noted("restore")
	refused.Change.Epoch, refused.Guard = 3, &Guard{Entry: "contracts", Rev: 1}
	r.record(refused)
	faulty := noted("restore")
	faulty.Change.Epoch, faulty.Change.Nonce = 3, "xyz"
	if err := r.Record(faulty); err == nil {
		t.Error("a nonce that is no hex was recorded")
	}
	r.record(noted("entry.suspend"))
	r.reopen()
	r.record(uses("c"))
	again := noted("store.accept")
	for _, below := range []uint64{1, 2} {
		again.Change.Epoch = below
		if err := r.Record(again); err == nil {
			t.Errorf("epoch %d began after epoch 2", below)
		}
	}
	again = noted("store.accept")
	again.Change.Epoch = 7 // others were known of
	r.record(again)
	if got, want := epochs(), []uint64{1, 1, 1, 2, 2, 2, 2, 2, 2, 7}; !slices.Equal(got, want) {
		t.Errorf("epochs are %d, want %d", got, want)
	}
}
