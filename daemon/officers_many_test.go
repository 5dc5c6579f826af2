package daemon

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

// A clerk writes acts into a closed appliance's store that its officers signed,
// without a token: thousands of ceremonies would take the module an hour. What
// he writes is what the daemon would have.
type clerk struct {
	*officers
	store *store.Store
}

// sveta signs with a UKey, so that half of all signatures are SM2.
const sveta = "sveta"

// newClerk opens the store of an appliance that was made and stopped.
func newClerk(t testing.TB) *clerk {
	t.Helper()
	r := newOfficers(t)
	r.people[sveta] = &signatory{Officer: authority.Officer{ID: sveta, Name: "Sveta", Role: authority.SecurityOfficer}}
	r.people[sveta].addUKey(t, time.Now().Add(24*time.Hour))
	r.start()
	r.waitMode(Uninitialised)
	r.initialise()
	r.waitMode(Serving)
	r.stop()
	r.edited = true // a clerk writes events by hand
	s, err := store.Open(r.path("state", storeName), store.Options{Now: time.Now})
	mustDo(t, err)
	return &clerk{r, s}
}

// fill makes n active entries, many at a time so that they share their syncs.
func (c *clerk) fill(n int) {
	c.Helper()
	var work sync.WaitGroup
	ids := make(chan string)
	for range min(n, 256) {
		work.Go(func() {
			for id := range ids {
				c.make(id)
			}
		})
	}
	for i := range n {
		ids <- fmt.Sprintf("entry-%05d", i)
	}
	close(ids)
	work.Wait()
	mustDo(c, c.store.Close())
}

func (c *clerk) make(id string) {
	public := madeUpKey(c, len(id)%2 == 0 || id[len(id)-1]%2 == 0)
	key := register.NewKey("seals", []byte(id), public, register.Ceremony, "")
	e := c.record(register.Entry{}, authority.KeyCreate, id, authority.CreateKey{Type: key.Type, Token: "seals", Title: "业务专用章 " + id},
		register.Facts{Key: key}, "adam", "sara", sveta)
	e = c.record(e, authority.PolicySet, id, authority.SetPolicy{Text: strings.Replace(policyText, "%d", uidText(callerUID), 1)}, register.Facts{}, "sara", sveta)
	c.record(e, authority.EntryActivate, id, authority.Nothing{}, register.Facts{}, "sara", sveta)
}

// record makes an act durable, as commitAct does.
func (c *clerk) record(before register.Entry, kind authority.Kind, id string, content any, facts register.Facts, by ...string) register.Entry {
	at := audit.At(time.Now())
	data, err := canonical.Marshal(content)
	c.try(err)
	position := c.store.Position()
	act := authority.Act{
		V: authority.ActVersion, Appliance: c.store.Appliance(), Kind: kind, Target: id, ContentSHA: authority.ContentHash(data), Nonce: authority.NewNonce(),
		NotAfter: at.Time().Add(time.Hour).Truncate(time.Second).Format(time.RFC3339), LogSize: position.Size, LogRoot: fmt.Sprintf("%x", position.Root),
	}
	raw, err := act.Bytes()
	c.try(err)
	var signatures []authority.Signature
	for _, person := range by {
		s := c.people[person].sign(c, string(raw), 0)
		signatures = append(signatures, authority.Signature{Form: authority.Form(s.Form), Value: s.Value})
	}
	step, err := register.Apply(before, register.Applied{
		Act: act, Content: data, Facts: facts, At: at.Time(), Proof: register.Proof{Act: string(raw), Signatures: signatures},
	})
	c.try(err)
	e := &audit.Event{
		Kind: audit.KindAct, Decided: &at, Op: string(kind), Entry: id, Act: string(raw), ActSigs: authority.SignatureTexts(signatures), Result: audit.Allowed,
	}
	expiry, err := act.Expiry()
	c.try(err)
	change := &store.Change{Entries: []*register.Entry{&step.Entry}, Policy: step.Policy, Blobs: [][]byte{data}, Nonce: act.Nonce, Expiry: expiry}
	if text, err := facts.Marshal(); err == nil && string(text) != "{}" {
		e.Input, e.Value, change.Blobs = factsInput, authority.ContentHash(text), append(change.Blobs, text)
	}
	c.try(c.store.Record(&store.Commit{Events: []*audit.Event{e}, Change: change}))
	return step.Entry
}

// try is mustDo on any goroutine.
func (c *clerk) try(err error) {
	if err != nil {
		c.Error(err)
	}
}

// madeUpKey is the public half of a key that no token has.
func madeUpKey(t testing.TB, gm bool) algo.PublicKey {
	var der []byte
	var err error
	if gm {
		key, _ := sm2.GenerateKey(rand.Reader)
		der, err = smx509.MarshalPKIXPublicKey(&key.PublicKey)
	} else {
		key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		der, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
	}
	if err != nil {
		t.Error(err)
	}
	public, err := algo.ParsePublicKey(der)
	if err != nil {
		t.Error(err)
	}
	return public
}

// proven is how many records were held to their acts and found good, and
// whether none is left to be held to them.
func (r *rig) proven() (proven int, done bool) {
	done = true
	for _, acct := range r.server.appliance().book.all() {
		switch word, _ := acct.proof.describe(); word {
		case "proven":
			proven++
		case "pending":
			done = false
		}
	}
	return proven, done
}

// waitProven waits until every record was held to its acts, and tells how many
// are proven.
func (r *rig) waitProven() (proven int) {
	r.Helper()
	r.waitFor(func() (done bool) {
		proven, done = r.proven()
		return done
	}, "the proof of every record")
	return proven
}

// The benchmark beside it measures ten thousand.
func TestEveryRecordIsProvenInTheBackground(t *testing.T) {
	c := newClerk(t)
	c.fill(100)
	c.start()
	c.waitMode(Serving)
	if got := c.waitProven(); got != 100 {
		t.Errorf("%d of 100 entries are proven; status: %q", got, c.status().Warnings)
	}
	// Its key lies on no token: that is said of the token, not of the record.
	_, err := c.caller(callerUID).Sign(context.Background(), signRequest("entry-00000", algo.SM2SM3, 1))
	if errors.Is(err, protocol.RecordUnproven) {
		t.Errorf("signing by a record that was proven: %v", err)
	}
}

// BenchmarkReady measures a start with 10,000 entries, each of three acts with
// two signatures or three: until the mode is known, until every record is
// proven, and what stays in memory. Run it with -benchtime=3x.
func BenchmarkReady(b *testing.B) {
	c := newClerk(b)
	c.fill(10_000)
	var ready, all time.Duration
	var kept uint64
	for b.Loop() {
		before, began := heap(), time.Now()
		c.start()
		ready += time.Since(began)
		c.waitMode(Serving)
		for range time.Tick(10 * time.Millisecond) { // to spin would take a processor from the proofs
			if proven, done := c.proven(); done && proven == 10_000 {
				break
			}
		}
		all += time.Since(began)
		kept = heap() - before
		c.stop()
	}
	b.ReportMetric(float64(ready.Milliseconds())/float64(b.N), "ms/ready")
	b.ReportMetric(float64(all.Milliseconds())/float64(b.N), "ms/proven")
	b.ReportMetric(float64(kept)/(1<<20), "MiB/kept")
}

// heap is the bytes of what is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
