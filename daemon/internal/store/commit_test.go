package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

func TestGroupsGiveEachSubmitterItsOwnReceipts(t *testing.T) {
	const submitters, each = 48, 20
	r := newRig(t, Options{})
	received := make([][]Receipt, submitters)
	var all sync.WaitGroup
	for g := range submitters {
		all.Go(func() {
			for i := range each {
				c := uses(fmt.Sprintf("%d.%d.0", g, i), fmt.Sprintf("%d.%d.1", g, i))
				if err := r.Record(c); err != nil {
					t.Errorf("Record: %v", err)
					return
				}
				received[g] = append(received[g], c.Receipts...)
			}
		})
	}
	all.Wait()
	lines := allLines(r)
	if want := 1 + submitters*each*2; len(lines) != want {
		t.Fatalf("%d events, want %d", len(lines), want)
	}
	for g, receipts := range received {
		for i, receipt := range receipts {
			checkReceipt(r, lines, receipt, fmt.Sprintf("%d.%d.%d", g, i/2, i%2))
			if i > 0 && receipt.Event <= receipts[i-1].Event {
				t.Errorf("submitter %d: event %d was acknowledged before event %d", g, receipts[i-1].Event, receipt.Event)
			}
		}
	}
	if root := rootOf(t, lines); root != r.Position().Root {
		t.Errorf("root is %x, the lines hash to %x", r.Position().Root, root)
	}
}

// checkReceipt holds a receipt to the lines it was given for: the event is
// the submitter's, and the tree of that size has that root.
func checkReceipt(r *rig, lines [][]byte, receipt Receipt, sig string) {
	r.Helper()
	e, err := audit.ParseEvent(lines[receipt.Event])
	if err != nil {
		r.Fatal(err)
	}
	if e.Sig != sig || e.Seq != receipt.Event || audit.LeafHash(lines[receipt.Event]) != receipt.Leaf {
		r.Errorf("receipt of %s is for event %d, which has %s", sig, receipt.Event, e.Sig)
	}
	if receipt.Size <= receipt.Event || receipt.Size > uint64(len(lines)) {
		r.Errorf("event %d: receipt for a log of %d", receipt.Event, receipt.Size)
	}
	// Each root once: a group shares it.
	if receipt.Event+1 == receipt.Size && rootOf(r, lines[:receipt.Size]) != receipt.Root {
		r.Errorf("event %d: the root at %d is another", receipt.Event, receipt.Size)
	}
}

func allLines(r *rig) (lines [][]byte) {
	r.Helper()
	for {
		page, err := r.Events(uint64(len(lines)), maxPage)
		if err != nil {
			r.Fatal(err)
		}
		if len(page) == 0 {
			return lines
		}
		lines = append(lines, page...)
	}
}

func TestWaitingCommitsBecomeOneTransaction(t *testing.T) {
	r := newRig(t, Options{})
	before := transactions(r)
	commits := []*Commit{uses("a"), uses("b", "c"), uses("d")}
	for i, err := range r.together(commits...) {
		if err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
	}
	if got := transactions(r) - before; got != 2 {
		t.Errorf("%d transactions, want 2: the one that was waited for, and one for all that waited", got)
	}
	for i, c := range commits {
		if c.Receipts[0].Size != 6 || c.Receipts[0].Root != r.Position().Root {
			t.Errorf("commit %d: receipt %+v is not for the group's tree", i, c.Receipts[0])
		}
	}
	if first, second := commits[0].Receipts[0].Event, commits[1].Receipts; first != 2 || second[0].Event != 3 || second[1].Event != 4 {
		t.Errorf("events are %d, %+v: not in the order of their submission", first, second)
	}
}

// transactions counts the write transactions of the file's life.
func transactions(r *rig) (n int) {
	r.Helper()
	if err := r.view(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		r.Fatal(err)
	}
	return n
}

func TestRecordedNeverGoesBack(t *testing.T) {
	r := newRig(t, Options{})
	r.clock.pass(time.Hour)
	high := r.record(uses("a")).Events[0].Recorded.Time()
	r.clock.pass(-48 * time.Hour)
	for range 3 {
		if got := r.record(uses("b")).Events[0].Recorded.Time(); !got.Equal(high) {
			t.Errorf("recorded %v after %v", got, high)
		}
	}
	if got := r.Position().Recorded; !got.Equal(high) {
		t.Errorf("position says %v, want %v", got, high)
	}
	r.reopen()
	if got := r.record(uses("c")).Events[0].Recorded.Time(); !got.Equal(high) {
		t.Errorf("recorded %v after reopening at %v", got, high)
	}
	r.clock.pass(72 * time.Hour)
	if got := r.record(uses("d")).Events[0].Recorded.Time(); !got.After(high) {
		t.Errorf("recorded %v though the clock is past %v again", got, high)
	}
}

func TestPrivateFieldsLieBesideTheLog(t *testing.T) {
	r := newRig(t, Options{})
	hash, private := audit.Conceal("王小明")
	c := uses("a", "b", "c")
	c.Events[1].UserName = hash
	c.Private = []map[string]audit.Private{nil, {"user_name": private}}
	r.record(c)
	err := r.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketPrivate)
		if b.Get(be64(1)) != nil || b.Get(be64(3)) != nil {
			t.Error("events without private fields have some")
		}
		want := `{"user_name":{"salt":"` + private.Salt + `","value":"王小明"}}`
		if got := string(b.Get(be64(2))); got != want {
			t.Errorf("private fields are %s, want %s", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is wrong with one commit must not cost the others of its group their
// signatures, nor poison the store.
func TestFaultOfOneCommitIsItsOwn(t *testing.T) {
	bad := entry(t, "contracts", 1)
	bad.Key = nil
	for name, faulty := range map[string]*Commit{
		"no events":      {},
		"event":          {Events: []*audit.Event{{Kind: audit.KindSign, Op: "\xff"}}},
		"private":        {Events: uses("x").Events, Private: []map[string]audit.Private{{"user_name": {Value: "\xff"}}}},
		"entry":          act(bad),
		"nonce":          {Events: uses("x").Events, Change: &Change{Nonce: "xyz"}},
		"remembered":     {Events: uses("\xff").Events, Idem: &Idem{Key: hashOf("key bad")}},
		"idempotency":    {Events: uses("x").Events, Idem: &Idem{Items: []IdemItem{{Index: 2}}}},
		"negative index": {Events: uses("x").Events, Idem: &Idem{Items: []IdemItem{{Index: -1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			var told []*Commit
			r := newRig(t, Options{Committed: func(c *Commit) { told = append(told, c) }})
			before, after := uses("before"), uses("after")
			errs := r.together(before, faulty, after)
			if errs[0] != nil || errs[1] == nil || errs[2] != nil {
				t.Fatalf("Record = %v, want the second alone refused", errs)
			}
			if errors.Is(errs[1], ErrPoisoned) || r.Err() != nil {
				t.Errorf("the store is poisoned: %v", errs[1])
			}
			r.wantForgotten("bad")
			if slices.Contains(told, faulty) || !slices.Contains(told, after) {
				t.Error("Committed was told of the refused commit, or not of the one behind it")
			}
			if len(faulty.Receipts) != 0 || r.Position().Size != 4 || after.Receipts[0].Event != 3 {
				t.Errorf("log has %d events, want 4; receipts of the refused commit: %v", r.Position().Size, faulty.Receipts)
			}
		})
	}
}

// A panic says that something is not as this program believes. Close must not
// then wait for a transaction that nobody will end.
func TestPanicInATransactionPoisons(t *testing.T) {
	poisoned := 0
	r := newRig(t, Options{Poisoned: func(error) { poisoned++ }})
	if err := r.Record(breaking()); !errors.Is(err, ErrPoisoned) {
		t.Errorf("Record = %v, want ErrPoisoned", err)
	}
	if err := r.Record(uses("a")); !errors.Is(err, ErrPoisoned) || poisoned != 1 {
		t.Errorf("Record after it = %v with %d calls of Poisoned, want ErrPoisoned and 1", err, poisoned)
	}
	r.reopen() // Close would hang
}

func TestCloseWaitsForWhatWasHandedOver(t *testing.T) {
	r := newRig(t, Options{})
	var all sync.WaitGroup
	acks := make(chan uint64, 400)
	for range 8 {
		all.Go(func() {
			for range cap(acks) / 8 {
				c := uses("a")
				if err := r.Record(c); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("Record = %v, want ErrClosed", err)
					}
					return
				}
				acks <- c.Receipts[0].Event
			}
		})
	}
	<-acks
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	r.open()
	for close(acks); len(acks) > 0; {
		if seq := <-acks; seq >= r.Position().Size {
			t.Errorf("event %d was acknowledged, the log has %d", seq, r.Position().Size)
		}
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Errorf("Close twice: %v", err)
	}
	if err := r.Record(uses("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("Record after Close = %v, want ErrClosed", err)
	}
	r.open()
}

func TestCommittedIsToldBeforeTheSubmitter(t *testing.T) {
	var told []string
	r := newRig(t, Options{Committed: func(c *Commit) { told = append(told, c.Events[0].Sig) }})
	for i := range 5 {
		r.record(uses(fmt.Sprint(i)))
		if len(told) != i+1 || told[i] != fmt.Sprint(i) {
			t.Fatalf("told %q when commit %d was acknowledged", told, i)
		}
	}
}

// breaking is a commit whose transaction panics.
func breaking() *Commit { return &Commit{Events: []*audit.Event{nil}} }
