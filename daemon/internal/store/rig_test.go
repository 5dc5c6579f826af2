package store

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

// patience bounds every wait of these tests. It is reached only by a fault.
const patience = 20 * time.Second

// A rig is a store of its own. Its end reads the whole log back.
type rig struct {
	testing.TB
	*Store
	path      string
	appliance string
	options   Options
	clock     *testClock
	edited    bool // behind signet's back: it is not what its log makes
}

// newRig makes a store and opens it with o, whose Now is the rig's clock.
func newRig(t testing.TB, o Options) *rig {
	t.Helper()
	r := &rig{TB: t, path: filepath.Join(t.TempDir(), "signet.db"), options: o, clock: newTestClock()}
	r.options.Now = r.clock.now
	r.appliance = create(t, r.path)
	r.open()
	t.Cleanup(r.check)
	return r
}

// check holds the log on disk, and what follows from it, to what it must be:
// opened anew, so that nothing of the running store's memory helps it.
func (r *rig) check() {
	r.reopen()
	if err := r.Check(context.Background()); err != nil {
		r.Errorf("the log at the end: %v", err)
	}
	r.checkLedger()
	if !r.edited {
		r.wantCounted()
	}
	if err := r.Close(); err != nil {
		r.Errorf("Close: %v", err)
	}
}

func (r *rig) open() {
	r.Helper()
	var err error
	if r.Store, err = Open(r.path, r.options); err != nil {
		r.Fatalf("Open: %v", err)
	}
}

func (r *rig) reopen() {
	r.Helper()
	if err := r.Close(); err != nil {
		r.Fatalf("Close: %v", err)
	}
	r.open()
}

// record makes c durable and returns it.
func (r *rig) record(c *Commit) *Commit {
	r.Helper()
	if err := r.Record(c); err != nil {
		r.Fatalf("Record: %v", err)
	}
	return c
}

// line returns the stored line of one event.
func (r *rig) line(seq uint64) []byte {
	r.Helper()
	lines, err := r.Events(seq, 1)
	if err != nil || len(lines) != 1 {
		r.Fatalf("Events(%d, 1) = %q, %v", seq, lines, err)
	}
	return lines[0]
}

// together records the commits as one group, in their order: the committer
// is held up by a commit before them until all of them wait.
func (r *rig) together(commits ...*Commit) []error {
	r.Helper()
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open() // also where a wait fails: the end of the test closes the store
	held, before := r.committed, r.Position().Size
	r.committed = func(c *Commit) {
		<-gate
		if held != nil {
			held(c)
		}
	}
	var all sync.WaitGroup
	all.Go(func() { r.Record(&Commit{Events: []*audit.Event{use("plug")}}) })
	errs := make([]error, len(commits))
	r.waitFor(func() bool { return r.Position().Size == before+1 }, "the committer to be held up")
	for i, c := range commits {
		all.Go(func() { errs[i] = r.Record(c) })
		r.waitFor(func() bool { return len(r.queue) == i+1 }, "the commit to wait")
	}
	open()
	all.Wait()
	r.committed = held
	return errs
}

func (r *rig) waitFor(holds func() bool, what string) {
	r.Helper()
	for deadline := time.Now().Add(patience); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			r.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// A testClock goes where the test sets it, and a microsecond on at each look.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func newTestClock() *testClock {
	return &testClock{at: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Microsecond)
	return c.at
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// create makes a store of one event and returns the appliance's id.
func create(t testing.TB, path string) string {
	t.Helper()
	id, err := Create(path, genesis(t), time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return id
}

func genesis(t testing.TB) Genesis {
	t.Helper()
	g, err := newGenesis()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newGenesis() (Genesis, error) {
	content, err := canonical.Marshal(authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "mixed", Deployment: "owner"})
	if err != nil {
		return Genesis{}, err
	}
	act := authority.Act{
		V: authority.ActVersion, Kind: authority.Init, ContentSHA: authority.ContentHash(content),
		Nonce: authority.NewNonce(), NotAfter: "2026-03-02T08:00:00Z",
	}
	raw, err := act.Bytes()
	if err != nil {
		return Genesis{}, err
	}
	expiry, err := act.Expiry()
	if err != nil {
		return Genesis{}, err
	}
	e := &audit.Event{Op: string(act.Kind), Act: string(raw), Role: "unsigned", Result: audit.Allowed}
	return Genesis{Event: e, Content: content, Nonce: act.Nonce, Expiry: expiry}, nil
}

// use is the event of an allowed use; sig stands in for the signature.
func use(sig string) *audit.Event {
	return &audit.Event{Kind: audit.KindSign, Entry: "contracts", Op: "digest", Result: audit.Allowed, Sig: sig}
}

func uses(sigs ...string) *Commit {
	c := new(Commit)
	for _, sig := range sigs {
		c.Events = append(c.Events, use(sig))
	}
	return c
}

// act is a commit whose act sets the entry to a revision.
func act(e register.Entry) *Commit {
	return &Commit{
		Events: []*audit.Event{{Kind: audit.KindAct, Op: "entry.suspend", Entry: e.ID, Result: audit.Allowed}},
		Change: &Change{Entries: []*register.Entry{&e}},
	}
}

// entry is an active entry of class key. Tests share one key: the store
// looks no further than at the record's form.
func entry(t testing.TB, id string, rev uint64) register.Entry {
	t.Helper()
	return register.Entry{
		ID: id, Class: register.ClassKey, Rev: rev, Stage: register.Active, PolicyRev: 1, Created: "2026-03-01T08:00:00Z",
		Key: register.NewKey("seals", []byte{1}, testKey(t), "ceremony", ""), Proof: register.Proof{Act: "{}"},
	}
}

var newTestKey = sync.OnceValues(func() (algo.PublicKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return algo.PublicKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return algo.PublicKey{}, err
	}
	return algo.ParsePublicKey(der)
})

func testKey(t testing.TB) algo.PublicKey {
	t.Helper()
	key, err := newTestKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// edit changes a closed store behind signet's back.
func edit(t testing.TB, path string, change func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(change); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func contentOf(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// hashOf is a key or content of an idempotency record, different per text.
func hashOf(format string, a ...any) audit.Hash {
	return audit.LeafHash(fmt.Appendf(nil, format, a...))
}

// rootOf hashes lines to the root of their tree.
func rootOf(t testing.TB, lines [][]byte) audit.Hash {
	t.Helper()
	tree := audit.NewTree()
	for _, line := range lines {
		if err := tree.Append(audit.LeafHash(line)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := tree.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func nonce(n byte) string { return strings.Repeat(hex.EncodeToString([]byte{n}), 16) }
