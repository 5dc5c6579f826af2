package daemon

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// certifiedRig has entries with a certificate each, all in use.
func certifiedRig(t *testing.T, entries ...string) (*certRig, map[string]*smx509.Certificate) {
	t.Helper()
	r := startedCertRig(t, algo.KeySM2)
	certs := map[string]*smx509.Certificate{}
	for _, id := range entries {
		r.entry(id, "SM2")
		certs[id] = r.certify(id, ca.Order{})
	}
	r.mustUse(entries...)
	return r, certs
}

func TestListThatRevokesHoldsTheEntryInOneCommit(t *testing.T) {
	r, certs := certifiedRig(t, "lost", "sound", "waiting")
	o := r.administrator()
	o.must(authority.KeyCreate, "pending", authority.CreateKey{Type: "SM2", Token: "seals"})
	pending := r.certify("pending", ca.Order{})
	o.must(authority.EntrySuspend, "waiting", authority.Suspend{Basis: "查"})
	r.revoke(1, certs["lost"], certs["waiting"], pending)
	list := r.list(ca.List{})
	result, code := r.importList(list)
	if code != 0 || !slices.Equal(result.Held, []string{"lost", "pending", "waiting"}) {
		t.Fatalf("held %v, %v", result.Held, code)
	}
	r.mustRefuse("lost", protocol.NotActive, "entry.status")
	r.mustUse("sound")
	for _, id := range result.Held {
		e := r.entryNow(id)
		last := e.Holds[len(e.Holds)-1]
		if last.Authority != register.HoldCA || !strings.Contains(last.Basis, "keyCompromise") || e.Certificates[0].Revoked == "" || e.LastAct != result.Event {
			t.Errorf("%s: hold %+v, certificate revoked %q, by event %d", id, last, e.Certificates[0].Revoked, e.LastAct)
		}
		if !strings.Contains(r.journal.String(), "ENTRY="+id+" ") || strings.Count(r.journal.String(), "cert-revoked") != 3 {
			t.Errorf("%s: no alarm in the journal", id)
		}
	}
	events := r.events()
	act := events[result.Event]
	if act.Kind != audit.KindAct || act.Op != string(authority.CRLImport) || act.Role != "unsigned" {
		t.Errorf("event %d: %+v", result.Event, act)
	}
	for i, id := range result.Held { // nothing came between: one transaction
		e := events[int(result.Event)+1+i]
		if e.Kind != audit.KindStatus || e.Entry != id || e.Op != "hold" || e.Rule != "entry.certificate" || e.CRL != authority.ContentHash(list) || e.Result != audit.Allowed {
			t.Errorf("event %d: %+v, want the hold of %s", e.Seq, e, id)
		}
		if now := r.server.appliance().book.find(id); e.Rev != now.entry.Rev || e.Signer != now.signer {
			t.Errorf("event %d: revision %d, signer %s; the entry has %d, %s", e.Seq, e.Rev, e.Signer, now.entry.Rev, now.signer)
		}
	}
}

// The list of an issuing CA that the root has revoked takes all of its
// certificates with it.
func TestRevokedIssuerHoldsAllBeneathIt(t *testing.T) {
	r, _ := certifiedRig(t, "a", "b")
	r.entry("bare", "SM2")
	r.revoke(2, r.ca.Issuing.Certificate)
	if held := r.mustList(r.list(ca.List{ByRoot: true})); !slices.Equal(held, []string{"a", "b"}) {
		t.Errorf("held %v, want a and b", held)
	}
	r.mustRefuse("a", protocol.NotActive, "entry.status")
	r.mustUse("bare")
}

func TestHoldOfTheCAIsLiftedOnlyWithANewCertificate(t *testing.T) {
	r, certs := certifiedRig(t, "sm2")
	r.revoke(1, certs["sm2"])
	r.mustList(r.list(ca.List{}))
	if code := r.try(authority.EntryResume, "sm2", authority.Resume{}); code != protocol.IllegalTransition {
		t.Errorf("resume while revoked: %v, want illegal_transition", code)
	}
	r.certify("sm2", ca.Order{})
	r.mustRefuse("sm2", protocol.NotActive, "entry.status") // officers resume, not the import
	r.administrator().must(authority.EntryResume, "sm2", authority.Resume{})
	r.mustUse("sm2")
	if held := r.mustList(r.list(ca.List{})); len(held) != 0 {
		t.Errorf("the next list holds %v for the old certificate", held)
	}
	r.mustUse("sm2")
	if all := r.entryNow("sm2").Certificates; all[0].Revoked == "" || all[1].Revoked != "" {
		t.Errorf("certificates are %+v", all)
	}
}

// certificateHold ends when the CA takes it off the list: the mark goes, and the
// hold waits for officers.
func TestCertificateThatLeavesTheListWaitsForOfficers(t *testing.T) {
	r, certs := certifiedRig(t, "sm2")
	clean := *r.ca // to issue lists without the entry again
	r.revoke(6, certs["sm2"])
	r.mustList(r.list(ca.List{Number: 5}))
	r.ca = &clean
	off := r.list(ca.List{Number: 6})
	result, code := r.importList(off)
	if code != 0 || len(result.Held) != 0 {
		t.Fatalf("held %v, %v", result.Held, code)
	}
	e := r.events()[result.Event+1]
	if e.Kind != audit.KindStatus || e.Op != "unmark" || e.Entry != "sm2" || e.CRL != authority.ContentHash(off) {
		t.Errorf("event %d: %+v, want the mark gone", e.Seq, e)
	}
	if now := r.entryNow("sm2"); now.Status != register.Suspended || now.Certificates[0].Revoked != "" {
		t.Errorf("status %s, revoked %q", now.Status, now.Certificates[0].Revoked)
	}
	r.mustRefuse("sm2", protocol.NotActive, "entry.status")
	r.administrator().must(authority.EntryResume, "sm2", authority.Resume{})
	r.mustUse("sm2")
	r.restart()
	r.mustUse("sm2")
}

func TestListIsRefused(t *testing.T) {
	r, _ := certifiedRig(t, "sm2")
	now := time.Now()
	held := r.list(ca.List{Number: 10, ThisUpdate: now.Add(-time.Hour)})
	r.mustList(held)
	twin := *r.ca // a CA of the same name with another key
	twin.Issuing.Key, twin.Root.Key = newCA(t, algo.KeySM2).Issuing.Key, newCA(t, algo.KeySM2).Root.Key
	forged, err := twin.CRL(ca.List{Number: 11})
	mustDo(t, err)
	strange, err := newCA(t, algo.KeySM2).CRL(ca.List{Number: 11})
	mustDo(t, err)
	altered := r.list(ca.List{Number: 11})
	altered[len(altered)-1] ^= 1
	for name, c := range map[string]struct {
		list []byte
		want protocol.Code
	}{
		"signed with another key":    {forged, protocol.Malformed},
		"of a CA that nobody knows":  {strange, protocol.Malformed},
		"altered":                    {altered, protocol.Malformed},
		"an older number":            {r.list(ca.List{Number: 9, ThisUpdate: now}), protocol.Conflict},
		"an older thisUpdate":        {r.list(ca.List{Number: 11, ThisUpdate: now.Add(-2 * time.Hour)}), protocol.Conflict},
		"the number of another list": {r.list(ca.List{Number: 10, ThisUpdate: now.Add(-time.Minute)}), protocol.Malformed},
		"from the future":            {r.list(ca.List{Number: 11, ThisUpdate: now.Add(time.Hour)}), protocol.Malformed},
		"the same once more":         {held, protocol.Conflict},
		"no list":                    {[]byte("hello"), protocol.Malformed},
		"a certificate":              {r.ca.Root.Certificate.Raw, protocol.Malformed},
	} {
		if _, code := r.importList(c.list); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
	if got := r.heldLists(); !slices.Equal(got, []string{"10"}) {
		t.Errorf("lists of numbers %v are held, want 10", got)
	}
	r.mustUse("sm2")
	if e := r.lastEvent(); e.CRL != authority.ContentHash(held) {
		t.Errorf("a use relies on %s, want %s", e.CRL, authority.ContentHash(held))
	}
	r.restart()
	if _, code := r.importList(r.list(ca.List{Number: 9, ThisUpdate: now})); code != protocol.Conflict {
		t.Errorf("an older number after a restart: %v, want conflict", code)
	}
	if got := r.heldLists(); !slices.Equal(got, []string{"10"}) {
		t.Errorf("after a restart lists of numbers %v are held, want 10", got)
	}
}

// heldLists returns the numbers of the lists as officers get them.
func (r *certRig) heldLists() []string {
	r.Helper()
	status, body := r.administrator().call("GET", admin.PathCRLs, "")
	if status != 200 {
		r.Fatalf("lists: %d %s", status, body)
	}
	var numbers []string
	for _, l := range fromJSON[admin.CRLs](r, body).CRLs {
		numbers = append(numbers, l.Number)
	}
	return numbers
}

// Officers need no signature to stop by the CA's word, and sign what lifts it.
func TestListNeedsNoOfficerAndItsHoldTwo(t *testing.T) {
	o := newOfficers(t)
	authorityCA := newCA(t, algo.KeySM2)
	o.trust = trusting(t, authorityCA)
	r := &certRig{rig: o.rig, ca: authorityCA, signs: &signCounter{}}
	o.wrap = func(d hsm.Driver) hsm.Driver { r.signs.Driver = d; return r.signs }
	o.start()
	o.waitMode(Uninitialised)
	o.initialise()
	o.waitMode(Serving)
	o.activeEntry("sm2", "SM2")

	made := o.must(authority.CertRequest, "sm2", authority.RequestCert{Subject: subjectText}, "sara", "sven")
	text, err := o.server.appliance().store.Blob(made.Request)
	mustDo(t, err)
	block, _ := pem.Decode(text)
	c, err := authorityCA.Issue(block.Bytes, ca.Order{})
	mustDo(t, err)
	answer := authority.ImportCert{Answer: base64.StdEncoding.EncodeToString(ca.PEM(append([][]byte{c.Raw}, authorityCA.Chain()...)...))}
	if code := o.try(authority.CertImport, "sm2", answer, "sara"); code != protocol.TooFew {
		t.Errorf("import by one: %v, want too_few", code)
	}
	o.must(authority.CertImport, "sm2", answer, "sara", "sun")
	r.mustUse("sm2")
	r.revoke(4, c)
	if held := r.mustList(r.list(ca.List{})); !slices.Equal(held, []string{"sm2"}) {
		t.Fatalf("held %v", held)
	}
	if code := o.try(authority.EntryResume, "sm2", authority.Resume{}, "sara", "sven"); code != protocol.IllegalTransition {
		t.Errorf("resume while revoked: %v, want illegal_transition", code)
	}
	r.restart()
	for _, acct := range r.server.appliance().book.all() {
		if err := r.server.appliance().prove(acct); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	}
	r.mustRefuse("sm2", protocol.NotActive, "entry.status")
}

func TestListsOldEnoughRefuseByPolicy(t *testing.T) {
	r, _ := certifiedRig(t, "sm2")
	r.entry("bare", "SM2")
	limited := authority.SetPolicy{Text: "crl_max_age = \"24h\"\n" + fmt.Sprintf(policyText, myUID(callerUID))}
	r.administrator().must(authority.PolicySet, "sm2", limited)
	r.administrator().must(authority.PolicySet, "bare", limited)
	r.mustRefuse("bare", protocol.CertInvalid, "crl_max_age") // it has no certificate
	r.mustRefuse("sm2", protocol.CertInvalid, "crl_max_age")  // nor this one a list
	r.mustList(r.list(ca.List{ThisUpdate: time.Now().Add(-25 * time.Hour)}))
	r.mustRefuse("sm2", protocol.CertInvalid, "crl_max_age")
	r.mustList(r.list(ca.List{ByRoot: true})) // fresh, and of others
	r.mustRefuse("sm2", protocol.CertInvalid, "crl_max_age")
	r.mustList(r.list(ca.List{}))
	r.mustUse("sm2")
	r.clock.pass(25 * time.Hour)
	r.mustRefuse("sm2", protocol.CertInvalid, "crl_max_age")
	r.mustList(r.list(ca.List{ThisUpdate: r.clock.real().Add(-time.Second)}))
	r.mustUse("sm2")
}

// An entry whose record somebody edited must not keep a list from stopping the
// others. When the record is right again, it has no mark: then the list itself
// has the word.
func TestUnprovenRecordDoesNotShieldTheOthers(t *testing.T) {
	r, certs := certifiedRig(t, "edited", "lost")
	r.stop()
	r.editRevision("edited", "4", "5")
	r.restart()
	r.revoke(1, certs["edited"], certs["lost"])
	if held := r.mustList(r.list(ca.List{})); !slices.Equal(held, []string{"lost"}) {
		t.Errorf("held %v, want lost", held)
	}
	r.mustRefuse("edited", protocol.RecordUnproven, "entry.proof")
	r.stop()
	r.editRevision("edited", "5", "4")
	r.restart()
	r.mustRefuse("lost", protocol.NotActive, "entry.status")
	r.mustRefuse("edited", protocol.CertInvalid, "entry.certificate")
	if e := r.entryNow("edited"); e.Proof != "proven" {
		t.Errorf("the record is %s: %s", e.Proof, e.Unproven)
	}
}

// Root who puts another list in the place of the newest has no appliance any
// more: what it relied on is gone.
func TestListThatWasPutInPlaceOfAnotherIsFoundOut(t *testing.T) {
	r, _ := certifiedRig(t, "sm2")
	old, newer := r.list(ca.List{}), r.list(ca.List{})
	for len(old) != len(newer) { // a signature has a byte more or less
		newer = r.list(ca.List{})
	}
	r.mustList(newer)
	r.stop()
	r.replaceBytes(newer, old)
	r.start()
	r.waitMode(InRecovery)
	if why := r.server.condition().reason; !strings.Contains(why, "its hash is not the one that the act names") {
		t.Errorf("recovery because %q", why)
	}
}

// editRevision changes the revision that the record of an entry has, in the file
// of the store.
func (r *rig) editRevision(entry, from, to string) {
	r.Helper()
	path := r.path("state", storeName)
	data, err := os.ReadFile(path)
	mustDo(r, err)
	record := regexp.MustCompile(`("id":"` + entry + `"[^\x00]*?"rev":)` + from)
	if !record.Match(data) {
		r.Fatalf("no record of %s with revision %s", entry, from)
	}
	mustDo(r, os.WriteFile(path, record.ReplaceAll(data, []byte("${1}"+to)), 0o600))
}

// The longest list that an act can bring is taken apart before the lock of
// acts: a suspension does not wait for it.
func TestSuspensionDoesNotWaitForALongList(t *testing.T) {
	r, certs := certifiedRig(t, "sm2", "lost")
	serial := big.NewInt(1 << 62)
	for range 115_000 { // 3 MiB, 4 MiB as the content of an act
		serial = new(big.Int).Add(serial, big.NewInt(1))
		r.ca.Revoke(ca.Revoked{Serial: serial, At: time.Now().Add(-time.Hour)})
	}
	r.revoke(1, certs["lost"])
	o, second := r.administrator(), r.rig.administrator()
	req := o.act(authority.CRLImport, "", authority.ImportCRL{CRL: base64.StdEncoding.EncodeToString(r.list(ca.List{}))})
	done := make(chan time.Duration, 1)
	began := time.Now()
	go func() {
		if _, code := o.submit(req); code != 0 {
			t.Errorf("a content of %d bytes: %v", len(req.Content), code)
		}
		done <- time.Since(began)
	}()
	var slowest time.Duration
	for n := 0; ; n++ {
		select {
		case took := <-done:
			t.Logf("content of %d bytes: %v; slowest of %d suspensions meanwhile: %v", len(req.Content), took, n, slowest)
			if n < 2 || slowest > took/2 {
				t.Error("a suspension waited for the list")
			}
			return
		default:
		}
		one := time.Now()
		second.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"})
		slowest = max(slowest, time.Since(one))
		second.must(authority.EntryResume, "sm2", authority.Resume{})
	}
}
