package store

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/register"
)

// An actor makes commits of every kind and keeps its own book of what each
// event made: what a store was at any size is known apart from the store.
type actor struct {
	r     *rig
	n     int
	revs  map[string]uint64
	staff register.Staff
	acts  []actDone
	idems []idemDone
}

type actDone struct {
	event   uint64
	entries []register.Entry // the first has a policy of its revision
	nonce   string
	expiry  time.Time
	blob    []byte
	staff   register.Staff
}

type idemDone struct {
	event uint64
	key   audit.Hash
}

func newActor(r *rig) *actor {
	return &actor{r: r, revs: map[string]uint64{}, staff: register.Staff{}}
}

// record returns the index of the commit's first event. It may run beside the
// test, and so does not end it.
func (a *actor) record(c *Commit) (event uint64, ok bool) {
	if err := a.r.Record(c); err != nil {
		a.r.Errorf("Record: %v", err)
		return 0, false
	}
	return c.Receipts[0].Event, true
}

// entriesAtOnce is how many entries an act moves, as a list of revoked
// certificates does.
const entriesAtOnce = 8

// act moves entries, gives one a policy, changes the officers and spends a
// nonce, all with one event.
func (a *actor) act() {
	a.n++
	text := fmt.Sprintf(`{"n":%d}`, a.n)
	proof := register.Proof{Act: text}
	a.staff = maps.Clone(a.staff)
	officer := fmt.Sprintf("officer-%d", a.n%5)
	a.staff[officer] = register.OfficerRecord{Officer: &authority.Officer{ID: officer, Name: text, Role: authority.Auditor}, Proof: proof}
	delete(a.staff, fmt.Sprintf("officer-%d", (a.n+2)%5))
	done := actDone{
		entries: a.move(proof), blob: fmt.Appendf(nil, "the content of act %d", a.n),
		nonce: fmt.Sprintf("%032x", a.n), expiry: a.r.clock.now().Add(time.Hour).Truncate(time.Second),
	}
	first := done.entries[0]
	change := &Change{
		Policy: &register.PolicyRecord{Entry: first.ID, Rev: uint32(first.Rev), Text: text, Proof: proof},
		Staff:  a.staff, Blobs: [][]byte{done.blob}, Nonce: done.nonce, Expiry: done.expiry,
	}
	if a.n%20 == 0 {
		change.Epoch = uint64(1 + a.n/20)
	}
	for i := range done.entries {
		change.Entries = append(change.Entries, &done.entries[i]) // the committer tells them their event
	}
	var ok bool
	if done.event, ok = a.record(&Commit{
		Events: []*audit.Event{{Kind: audit.KindAct, Op: "policy.set", Entry: first.ID, Act: text, Result: audit.Allowed}},
		Change: change,
	}); ok {
		done.staff = maps.Clone(a.staff)
		a.acts = append(a.acts, done)
	}
}

// move returns the next revisions of some entries.
func (a *actor) move(proof register.Proof) (moved []register.Entry) {
	for i := range entriesAtOnce {
		id := fmt.Sprintf("entry-%d", (3*a.n+i)%20)
		a.revs[id]++
		e := entry(a.r, id, a.revs[id])
		e.PolicyRev, e.Proof = uint32(e.Rev), proof
		moved = append(moved, e)
	}
	return moved
}

// approvals leaves an approval in each state, one of them partly used, and
// lets the time pass on the way.
func (a *actor) approvals() {
	a.r.Helper()
	a.revs["contracts"]++
	a.record(act(entry(a.r, "contracts", a.revs["contracts"])))
	for i := range 4 {
		a.n++
		asked := asking(3, a.n)
		request := contentOfAsking(a.r, asked)
		a.record(asks(a.r, asked))
		a.r.clock.pass(7 * time.Minute)
		switch i {
		case 1:
			a.record(decides(a.r, authority.ApprovalGrant, request, "custodian:carl"))
			a.record(spends(a.r, request, 2))
		case 2:
			a.record(decides(a.r, authority.ApprovalDeny, request, "custodian:carl"))
		case 3:
			a.record(decides(a.r, authority.ApprovalGrant, request, "unsigned"))
			a.record(spends(a.r, request, 1))
			a.record(decides(a.r, authority.ApprovalRevoke, request, "custodian:cora"))
		}
	}
}

// use records one use that is remembered and has a private field.
func (a *actor) use() {
	a.n++
	c := usesAt("contracts", uint32(20000+a.n%3), a.r.clock.now().Add(-time.Duration(a.n%7)*time.Second))
	c.Events[0].Sig = strings.Repeat("M", 96)
	hash, clear := audit.Conceal(fmt.Sprint("张三 ", a.n))
	c.Events[0].UserName = hash
	c.Private = []map[string]audit.Private{{"user_name": clear}}
	key := hashOf("request %d", a.n)
	c.Idem = &Idem{Key: key, Content: hashOf("content"), Items: []IdemItem{{Index: 1}}}
	if event, ok := a.record(c); ok {
		a.idems = append(a.idems, idemDone{event, key})
	}
}

// fill makes n commits, every third of them an act.
func (a *actor) fill(n int) {
	for i := range n {
		if i%3 == 0 {
			a.act()
		} else {
			a.use()
		}
	}
}

// collected reads a snapshot to its end. pause is called between records, on
// the goroutine that reads.
func collected(t testing.TB, n *Snapshot, pause func(backup.Record)) []backup.Record {
	t.Helper()
	var all []backup.Record
	err := n.Records(context.Background(), func(r backup.Record) error {
		pause(r)
		r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
		all = append(all, r)
		return nil
	}, func(uint64) {})
	if err != nil {
		t.Fatalf("Records: %v", err)
	}
	return all
}

func snapshot(t testing.TB, s *Store) *Snapshot {
	t.Helper()
	n, err := s.Snapshot()
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	return n
}

func (r *rig) headerAt(at Position) backup.Header {
	return backup.Header{Appliance: r.appliance, Name: "seal-a", Root: fmt.Sprintf("%x", at.Root), Schema: Schema, Size: at.Size, Created: "2026-03-01T09:00:00Z"}
}

// rebuilt is a store made from the records, with the same clock.
func (r *rig) rebuilt(at Position, records []backup.Record) *rig {
	r.Helper()
	other := &rig{TB: r.TB, path: filepath.Join(r.TempDir(), "rebuilt.db"), appliance: r.appliance, options: Options{Now: r.clock.now}, clock: r.clock}
	got, err := Rebuild(other.path, r.headerAt(at), source(records))
	if err != nil || got != at {
		r.Fatalf("Rebuild = %+v, %v, want %+v", got, err, at)
	}
	other.open()
	r.Cleanup(other.check)
	return other
}

// bucketsOf is everything in the store, by bucket and key.
func bucketsOf(t testing.TB, s *Store) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	err := s.view(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			all[string(name)] = map[string]string{}
			return b.ForEach(func(key, value []byte) error {
				all[string(name)][string(key)] = string(value)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
