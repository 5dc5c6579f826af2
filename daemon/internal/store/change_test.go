package store

import (
	"bytes"
	"encoding/hex"
	"maps"
	"reflect"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
)

func policyRecord(t *testing.T, id string, rev uint32, text string) *register.PolicyRecord {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	hash := p.Hash()
	return &register.PolicyRecord{
		Entry: id, Rev: rev, Text: text, Hash: hex.EncodeToString(hash[:]),
		Users: []policy.Principal{{Name: "oa", ID: 20001}}, Proof: register.Proof{Act: "{}"},
	}
}

const policyText = "callers = { users = [20001] }\noperations = [\"digest\"]\n"

func TestChangeIsMadeWithItsEvent(t *testing.T) {
	r := newRig(t, Options{})
	expiry := r.clock.now().Add(time.Hour).Truncate(time.Second)
	e, blob := entry(t, "contracts", 1), []byte("the content of an act")
	c := act(e)
	c.Change.Policy = policyRecord(t, e.ID, 1, policyText)
	c.Change.Blobs, c.Change.Nonce, c.Change.Expiry = [][]byte{blob}, nonce(1), expiry
	before := transactions(r)
	r.record(uses("before"))
	seq := r.record(c).Receipts[0].Event
	if got := transactions(r) - before; got != 2 {
		t.Errorf("two commits took %d transactions", got)
	}
	e.Proof.Event = seq
	for range 2 { // the second time as it is read back from disk
		wantEntries(r, e)
		if record := r.policy(e.ID, 1); record.Proof.Event != seq || record.Text != policyText {
			t.Errorf("Policy = %+v, want that of event %d", record, seq)
		}
		if got, err := r.Blob(authority.ContentHash(blob)); err != nil || !bytes.Equal(got, blob) {
			t.Errorf("Blob = %q, %v", got, err)
		}
		if used, err := r.NonceUsed(nonce(1), expiry); err != nil || !used {
			t.Errorf("NonceUsed = %v, %v, want true", used, err)
		}
		r.reopen()
	}
}

// wantEntries holds the register to just these records, byte for byte.
func wantEntries(r *rig, want ...register.Entry) {
	r.Helper()
	all := map[string][]byte{}
	for _, e := range want {
		data, err := e.Marshal()
		if err != nil {
			r.Fatal(err)
		}
		all[e.ID] = data
	}
	got, err := r.Entries()
	if err != nil || !reflect.DeepEqual(got, all) {
		r.Errorf("Entries = %q, %v\nwant %q", got, err, all)
	}
}

// policy returns one stored revision, parsed.
func (r *rig) policy(id string, rev uint32) register.PolicyRecord {
	r.Helper()
	data, err := r.Policy(id, rev)
	if err != nil {
		r.Fatalf("Policy: %v", err)
	}
	record, _, err := register.ParsePolicyRecord(data)
	if err != nil {
		r.Fatalf("Policy(%s, %d) = %q: %v", id, rev, data, err)
	}
	return record
}

// revs are the revisions of the stored records.
func (r *rig) revs() map[string]uint64 {
	r.Helper()
	entries, err := r.Entries()
	if err != nil {
		r.Fatal(err)
	}
	revs := map[string]uint64{}
	for id, data := range entries {
		e, err := register.Parse(data)
		if err != nil || e.ID != id {
			r.Errorf("record %s is %q, %v", id, data, err)
		}
		revs[id] = e.Rev
	}
	return revs
}

func TestEachActNamesTheOneBeforeIt(t *testing.T) {
	r := newRig(t, Options{})
	wantPrev := func(c *Commit, want uint64) {
		t.Helper()
		e, err := audit.ParseEvent(r.line(c.Receipts[0].Event))
		if err != nil {
			t.Fatal(err)
		}
		if e.PrevAct == nil || *e.PrevAct != want {
			t.Errorf("event %d: prev_act is %v, want %d", e.Seq, e.PrevAct, want)
		}
	}
	first := r.record(act(entry(t, "contracts", 1)))
	wantPrev(first, 0)
	r.record(uses("a", "b"))
	second, third := act(entry(t, "contracts", 2)), act(entry(t, "invoices", 1))
	r.together(second, uses("c"), third)
	wantPrev(second, first.Receipts[0].Event)
	wantPrev(third, second.Receipts[0].Event)
	r.reopen()
	wantPrev(r.record(act(entry(t, "contracts", 3))), third.Receipts[0].Event)
	if e, _ := audit.ParseEvent(r.line(2)); e.PrevAct != nil {
		t.Error("a use has a prev_act")
	}
}

// A refused act is an event, and changes nothing: it is no link of the chain.
func TestRefusedActIsNoLink(t *testing.T) {
	r := newRig(t, Options{})
	first := r.record(act(entry(t, "contracts", 1)))
	refused := r.record(&Commit{Events: []*audit.Event{{Kind: audit.KindAct, Result: audit.Refused, Reason: "act_expired"}}})
	if refused.Events[0].PrevAct != nil {
		t.Errorf("the refused act names act %d", *refused.Events[0].PrevAct)
	}
	next := r.record(act(entry(t, "contracts", 2)))
	if got := *next.Events[0].PrevAct; got != first.Receipts[0].Event {
		t.Errorf("prev_act is %d, want %d", got, first.Receipts[0].Event)
	}
}

func TestHistoryKeepsEveryRevision(t *testing.T) {
	r := newRig(t, Options{})
	// "a" and "ab": no id's history may run into that of another.
	for rev := uint64(1); rev <= 3; rev++ {
		r.record(act(entry(t, "a", rev)))
		r.record(act(entry(t, "ab", rev)))
	}
	err := r.view(func(tx *bolt.Tx) error {
		n := uint64(0)
		c := tx.Bucket(bucketHist).Cursor()
		prefix := append([]byte("a"), 0)
		for key, data := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, data = c.Next() {
			n++
			e, err := register.Parse(data)
			if err != nil || e.ID != "a" || e.Rev != n || e.Proof.Event != 2*n-1 {
				t.Errorf("revision %d of a is %s revision %d of event %d, %v", n, e.ID, e.Rev, e.Proof.Event, err)
			}
		}
		if n != 3 {
			t.Errorf("a has %d revisions, want 3", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.revs(); !maps.Equal(got, map[string]uint64{"a": 3, "ab": 3}) {
		t.Errorf("revisions are %v, want two of 3", got)
	}
}

func TestPoliciesOfOneEntryStayApart(t *testing.T) {
	r := newRig(t, Options{})
	texts := []string{policyText, policyText + "purposes = [\"contract\"]\n"}
	for i, text := range texts {
		e := entry(t, "contracts", uint64(i+1))
		e.PolicyRev = uint32(i + 1)
		c := act(e)
		c.Change.Policy = policyRecord(t, e.ID, e.PolicyRev, text)
		r.record(c)
	}
	for i, text := range texts {
		if record := r.policy("contracts", uint32(i+1)); record.Text != text {
			t.Errorf("revision %d is %q", i+1, record.Text)
		}
	}
	if data, err := r.Policy("contracts", 3); data != nil || err != nil {
		t.Errorf("revision 3 is %q, %v, want none", data, err)
	}
}

func TestNonceIsKeptUntilItsActExpires(t *testing.T) {
	r := newRig(t, Options{})
	expiry := r.clock.now().Add(time.Hour).Truncate(time.Second)
	apply := func(n byte, expiry time.Time) {
		r.record(&Commit{Events: []*audit.Event{{Kind: audit.KindAct, Result: audit.Allowed}}, Change: &Change{Nonce: nonce(n), Expiry: expiry}})
	}
	wantUsed := func(n byte, expiry time.Time, want bool) {
		t.Helper()
		if used, err := r.NonceUsed(nonce(n), expiry); err != nil || used != want {
			t.Errorf("NonceUsed(%d, %v) = %v, %v, want %v", n, expiry, used, err, want)
		}
	}
	wantUsed(1, expiry, false)
	apply(1, expiry)
	apply(2, expiry.Add(time.Hour))
	wantUsed(1, expiry, true)
	r.reopen()
	wantUsed(1, expiry, true)

	r.clock.pass(time.Hour - time.Second)
	r.record(uses("a")) // moves the time that is compared with
	apply(3, expiry.Add(2*time.Hour))
	wantUsed(1, expiry, true)

	r.clock.pass(2 * time.Second)
	r.record(uses("b"))
	apply(4, expiry.Add(2*time.Hour))
	wantUsed(1, expiry, false)
	wantUsed(2, expiry.Add(time.Hour), true)
	if _, err := r.NonceUsed("xyz", expiry); err == nil {
		t.Error("a nonce that is no hex is looked up")
	}
}
