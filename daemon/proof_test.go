package daemon

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store/storetest"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/canonical"
	"signet/testsoftHSM/ca"
)

// The entries of an appliance that root attacks. sound stays as it is and must
// sign whatever becomes of the others.
const (
	soundEntry     = "sound"
	narrowedEntry  = "narrowed"  // otherUID was allowed by its first policy
	suspendedEntry = "suspended" // with one hold
	cancelledEntry = "cancelled" //
	revokedEntry   = "revoked"   // its certificate is on the CA's list
	countedEntry   = "counted"   // its quota of 3 is spent
)

// A break-in is an appliance that was stopped, and what root knows of it.
type breakIn struct {
	*officers
	thief *signatory // an officer whom nobody made
	acts  map[authority.Kind]*audit.Event
	spare string // where the files of the appliance are kept as they were

	authorities *ca.CA // that revokedEntry has its certificate of
	clean       *ca.CA // the same before it revoked anything
}

// newBreakIn makes the entries, changes the officers once, and stops.
func newBreakIn(t testing.TB) *breakIn {
	t.Helper()
	b := &breakIn{officers: newOfficers(t), thief: newSignatory(t, "thief", authority.SecurityOfficer, 1), acts: map[authority.Kind]*audit.Event{}}
	authorities := newCA(t, algo.KeySM2)
	b.trust = trusting(t, authorities)
	b.start()
	b.waitMode(Uninitialised)
	b.initialise()
	b.waitMode(Serving)
	sun := b.people["sun"].Officer
	sun.Name = "Sun Yue"
	b.must(authority.OfficerChange, "", authority.ChangeOfficers{Set: []authority.Officer{sun}}, "sara", "sven", "adam")
	for _, id := range []string{countedEntry, soundEntry, narrowedEntry, suspendedEntry, cancelledEntry, revokedEntry} {
		b.activeEntry(id, "EC-P256")
	}
	b.must(authority.PolicySet, countedEntry, authority.SetPolicy{Text: quotaPolicy("quotas = { lifetime = 3 }\n", callerUID)}, "sara", "sven")
	b.must(authority.PolicySet, narrowedEntry, authority.SetPolicy{Text: policyFor(callerUID, otherUID)}, "sara", "sven")
	b.must(authority.PolicySet, narrowedEntry, authority.SetPolicy{Text: policyFor(callerUID) + "# narrowed\n"}, "sara", "sven")
	b.must(authority.EntrySuspend, suspendedEntry, authority.Suspend{Basis: "lost"}, "sara")
	b.must(authority.EntryCancel, cancelledEntry, authority.Cancel{Basis: "dissolved"}, "sara", "sven")
	b.authorities, b.clean = authorities, new(*authorities)
	b.revoke(authorities)
	if reply, err := b.caller(callerUID).Sign(context.Background(), signRequest(countedEntry, algo.ECDSAP256SHA256, 3)); err != nil || len(reply.Results) != 3 {
		t.Fatalf("spending the quota: %v, %v", reply, err)
	}
	for _, e := range b.events() {
		if e.Kind == audit.KindAct {
			b.acts[authority.Kind(e.Op)] = e
		}
	}
	b.stop()
	b.edited = true // from now on
	b.spare = b.path("spare")
	mustDo(t, os.CopyFS(b.spare, os.DirFS(b.path("state"))))
	return b
}

func policyFor(uids ...int) string {
	var texts []string
	for _, uid := range uids {
		texts = append(texts, uidText(uid))
	}
	return strings.Replace(policyText, "%d", strings.Join(texts, ", "), 1)
}

// certify has the CA certify the key of an entry.
func (b *breakIn) certify(entry string, authorities *ca.CA) *smx509.Certificate {
	b.Helper()
	made := b.must(authority.CertRequest, entry, authority.RequestCert{Subject: "CN=seal,C=CN"}, "sara", "sven")
	text, err := b.server.appliance().store.Blob(made.Request)
	mustDo(b, err)
	request, _ := pem.Decode(text)
	issued, err := authorities.Issue(request.Bytes, ca.Order{})
	mustDo(b, err)
	answer := ca.PEM(append([][]byte{issued.Raw}, authorities.Chain()...)...)
	b.must(authority.CertImport, entry, authority.ImportCert{Answer: base64.StdEncoding.EncodeToString(answer)}, "sara", "sven")
	return issued
}

// revoke certifies revokedEntry, and has the CA take that back.
func (b *breakIn) revoke(authorities *ca.CA) {
	b.Helper()
	issued := b.certify(revokedEntry, authorities)
	authorities.Revoke(ca.Revoked{Serial: issued.SerialNumber, At: time.Now().Add(-time.Minute).Truncate(time.Second), Reason: 1})
	list, err := authorities.CRL(ca.List{Number: 7})
	mustDo(b, err)
	b.must(authority.CRLImport, "", authority.ImportCRL{CRL: base64.StdEncoding.EncodeToString(list)})
}

// record edits the record of an entry and keeps its form.
func (b *breakIn) record(f *storetest.File, id string, edit func(*register.Entry)) {
	b.Helper()
	e, err := register.Parse([]byte(f.Get("entry", id)))
	mustDo(b, err)
	edit(&e)
	data, err := e.Marshal()
	mustDo(b, err)
	f.Put("entry", id, string(data))
}

// event edits the event of the newest act of a kind.
func (b *breakIn) event(f *storetest.File, kind authority.Kind, edit func(*audit.Event)) {
	b.Helper()
	e := *b.acts[kind]
	edit(&e)
	line, err := e.AppendLine(nil)
	mustDo(b, err)
	f.Put("ev", storetest.Seq(e.Seq), string(line))
}

// forged is a signature on the act by somebody who is no officer, under the
// name of one: whoever has only the file cannot make another.
func (b *breakIn) forged(act string) []string {
	b.Helper()
	s := b.thief.sign(b, act, 0)
	own := authority.Signature{Form: authority.Form(s.Form), Value: s.Value}
	return authority.SignatureTexts([]authority.Signature{own, own})
}

// contentOf is the key of the content of the newest act of a kind.
func (b *breakIn) contentOf(kind authority.Kind) string {
	b.Helper()
	act, err := authority.ParseAct([]byte(b.acts[kind].Act))
	mustDo(b, err)
	return storetest.Blob(act.ContentSHA)
}

// officerRecord is one of the officers' bucket.
func officerRecord(t testing.TB, r register.OfficerRecord) string {
	t.Helper()
	data, err := r.Marshal()
	mustDo(t, err)
	return string(data)
}

func (b *breakIn) staff(f *storetest.File, id string, edit func(*register.OfficerRecord)) {
	b.Helper()
	var r register.OfficerRecord
	mustDo(b, canonical.Unmarshal([]byte(f.Get("officer", id)), &r))
	edit(&r)
	f.Put("officer", id, officerRecord(b, r))
}

// attack puts the appliance's files back, edits the store, and makes the marker
// fit: root can write that too.
func (b *breakIn) attack(edit func(*breakIn, *storetest.File)) {
	b.Helper()
	mustDo(b, os.RemoveAll(b.path("state")))
	mustDo(b, os.Mkdir(b.path("state"), 0o700))
	mustDo(b, os.CopyFS(b.path("state"), os.DirFS(b.spare)))
	var m marker
	storetest.Edit(b, b.path("state", storeName), func(f *storetest.File) {
		edit(b, f)
		appliance, size, root := f.Head()
		m = marker{Appliance: appliance, Epoch: 1, Size: size, Root: fmt.Sprintf("%x", root)}
	})
	mustDo(b, m.write(b.path("state")))
	b.journal = &journalBuffer{}
	b.start()
}

// A rootAttack is an edit of the store's file, and what comes of it.
type rootAttack struct {
	name string
	edit func(*breakIn, *storetest.File)

	recovery string // the reason of mode recovery, or

	counted bool   // what is found out when the log was counted
	entry   string // which alone is not used,
	why     string // in the alarm,
	by      int    // the uid that root wanted to sign; 0: callerUID
	// and its code, if root spoilt the record so far that it names no caller.
	code protocol.Code
}

var rootAttacks = []rootAttack{
	{name: "officer's key swapped", recovery: "officer sara is not as the acts made him", edit: func(b *breakIn, f *storetest.File) {
		b.staff(f, "sara", func(r *register.OfficerRecord) { r.Officer.Keys = b.thief.Keys })
	}},
	{name: "officer added", recovery: "no act made an officer thief", edit: func(b *breakIn, f *storetest.File) {
		f.Put("officer", "thief", officerRecord(b, register.OfficerRecord{Officer: &b.thief.Officer}))
	}},
	{name: "officer removed", recovery: "officer sven is missing", edit: func(_ *breakIn, f *storetest.File) { f.Delete("officer", "sven") }},
	{name: "officers emptied", recovery: "is missing from the store", edit: func(_ *breakIn, f *storetest.File) { f.Empty("officer") }},
	{name: "older record of an officer put back", recovery: "officer sun is not as the acts made him", edit: func(b *breakIn, f *storetest.File) {
		b.staff(f, "sun", func(r *register.OfficerRecord) { r.Officer.Name = "Sun" })
	}},
	{name: "threshold lowered", recovery: "officer .thresholds is not as", edit: func(b *breakIn, f *storetest.File) {
		b.staff(f, register.ThresholdsID, func(r *register.OfficerRecord) { r.Thresholds.Security = 1 })
	}},
	{name: "content of an officers' act altered", recovery: "officer.change", edit: func(b *breakIn, f *storetest.File) {
		f.Replace("blob", b.contentOf(authority.OfficerChange), "Sun Yue", "Sun Yu")
	}},
	{name: "officers' act signed by others, log rewritten", recovery: "by a key of no officer", edit: func(b *breakIn, f *storetest.File) {
		b.event(f, authority.OfficerChange, func(e *audit.Event) { e.ActSigs = b.forged(e.Act) })
		f.Rehash()
	}},
	{name: "genesis content edited", recovery: "genesis", edit: func(_ *breakIn, f *storetest.File) {
		f.Replace("meta", "genesis", `"many":2`, `"many":1`)
	}},
	{name: "content of the genesis act altered", recovery: "content_sha", edit: func(_ *breakIn, f *storetest.File) {
		f.Replace("blob", storetest.Blob(authority.ContentHash([]byte(f.Get("meta", "genesis")))), `"many":2`, `"many":1`)
	}},
	{name: "event of an act removed", recovery: "another history", edit: func(b *breakIn, f *storetest.File) {
		f.Delete("ev", storetest.Seq(b.acts[authority.EntrySuspend].Seq))
	}},
	{name: "signatures of an act altered", recovery: "another history", edit: func(b *breakIn, f *storetest.File) {
		b.event(f, authority.EntryCancel, func(e *audit.Event) { e.ActSigs = b.forged(e.Act) })
	}},
	{name: "last act set back", recovery: "is the last", edit: func(b *breakIn, f *storetest.File) {
		f.Put("meta", "last_act", storetest.Seq(b.acts[authority.EntryActivate].Seq))
	}},
	{name: "time of the log set back", recovery: "it was recorded at", edit: func(_ *breakIn, f *storetest.File) {
		f.Put("state", "recorded", storetest.Seq(uint64(time.Now().Add(-30*24*time.Hour).UnixMicro())))
	}},
	{name: "epoch raised", recovery: "epoch", edit: func(_ *breakIn, f *storetest.File) { f.Put("meta", "epoch", storetest.Seq(9)) }},

	{name: "policy edited", entry: narrowedEntry, by: otherUID, why: "policy in the store is not what the acts made", edit: func(b *breakIn, f *storetest.File) {
		key := storetest.Policy(narrowedEntry, 3)
		r, _, err := register.ParsePolicyRecord([]byte(f.Get("policy", key)))
		mustDo(b, err)
		r.Text = policyFor(callerUID, otherUID)
		f.Put("policy", key, hashedPolicy(b, r))
	}},
	{name: "older policy put back under the newer one's number", entry: narrowedEntry, by: otherUID, why: "policy in the store is not what the acts made",
		edit: func(b *breakIn, f *storetest.File) {
			r, _, err := register.ParsePolicyRecord([]byte(f.Get("policy", storetest.Policy(narrowedEntry, 2))))
			mustDo(b, err)
			r.Rev = 3
			f.Put("policy", storetest.Policy(narrowedEntry, 3), hashedPolicy(b, r))
		}},
	{name: "older policy put back with its record", entry: narrowedEntry, by: otherUID, why: "the store has revision 4", edit: func(b *breakIn, f *storetest.File) {
		f.Put("entry", narrowedEntry, f.Get("hist", storetest.Revision(narrowedEntry, 4)))
	}},
	{name: "policy spoilt", entry: narrowedEntry, why: "parsing policy", code: protocol.NotACaller, edit: func(_ *breakIn, f *storetest.File) {
		f.Replace("policy", storetest.Policy(narrowedEntry, 3), "callers", "Callers")
	}},
	{name: "policy removed", entry: narrowedEntry, why: "parsing policy", code: protocol.NotACaller, edit: func(_ *breakIn, f *storetest.File) {
		f.Delete("policy", storetest.Policy(narrowedEntry, 3))
	}},
	{name: "cancelled entry revived", entry: cancelledEntry, why: "active, and the acts made", edit: func(b *breakIn, f *storetest.File) {
		b.record(f, cancelledEntry, func(e *register.Entry) { e.Stage, e.End = register.Active, nil })
	}},
	{name: "cancelled entry's older record put back", entry: cancelledEntry, why: "the store has revision 3", edit: func(b *breakIn, f *storetest.File) {
		f.Put("entry", cancelledEntry, f.Get("hist", storetest.Revision(cancelledEntry, 3)))
	}},
	{name: "suspended entry's older record put back", entry: suspendedEntry, why: "the store has revision 3", edit: func(b *breakIn, f *storetest.File) {
		f.Put("entry", suspendedEntry, f.Get("hist", storetest.Revision(suspendedEntry, 3)))
	}},
	{name: "holds removed", entry: suspendedEntry, why: "active, and the acts made", edit: func(b *breakIn, f *storetest.File) {
		b.record(f, suspendedEntry, func(e *register.Entry) { e.Holds = nil })
	}},
	{name: "certificate marked as not revoked", entry: revokedEntry, why: "active, and the acts made", edit: func(b *breakIn, f *storetest.File) {
		b.record(f, revokedEntry, func(e *register.Entry) { e.Certificates[0].Revoked, e.Holds = "", nil })
	}},
	{name: "public key replaced", entry: narrowedEntry, why: "and the acts made", edit: func(b *breakIn, f *storetest.File) {
		public := madeUpKey(b, false)
		b.record(f, narrowedEntry, func(e *register.Entry) { e.Key.Public = base64.StdEncoding.EncodeToString(public.DER()) })
	}},
	{name: "key of another entry", entry: narrowedEntry, why: "and the acts made", edit: func(b *breakIn, f *storetest.File) {
		other, err := register.Parse([]byte(f.Get("entry", cancelledEntry)))
		mustDo(b, err)
		b.record(f, narrowedEntry, func(e *register.Entry) { e.Key = other.Key })
	}},
	{name: "act of a record altered", entry: narrowedEntry, why: "and the acts made", edit: func(b *breakIn, f *storetest.File) {
		b.record(f, narrowedEntry, func(e *register.Entry) { e.Proof.Event-- })
	}},
	{name: "content of an act altered", entry: narrowedEntry, why: "content_sha", edit: func(b *breakIn, f *storetest.File) {
		f.Replace("blob", b.contentOf(authority.PolicySet), "contract", "contrast")
	}},
	{name: "content of an act removed", entry: narrowedEntry, why: "content_sha", edit: func(b *breakIn, f *storetest.File) {
		f.Delete("blob", b.contentOf(authority.PolicySet))
	}},
	{name: "facts of an act altered", entry: revokedEntry, why: "reading facts", edit: func(b *breakIn, f *storetest.File) {
		f.Replace("blob", storetest.Blob(b.acts[authority.KeyCreate].Value), `"origin":"ceremony"`, `"origin":"adopted"`)
	}},
	{name: "act signed by others, log rewritten", entry: cancelledEntry, why: "by a key of no officer", edit: func(b *breakIn, f *storetest.File) {
		b.event(f, authority.EntryCancel, func(e *audit.Event) { e.ActSigs = b.forged(e.Act) })
		f.Rehash()
	}},
	{name: "one signature of an act taken out, log rewritten", entry: cancelledEntry, why: "more signatures are needed", edit: func(b *breakIn, f *storetest.File) {
		b.event(f, authority.EntryCancel, func(e *audit.Event) { e.ActSigs = e.ActSigs[:1] })
		f.Rehash()
	}},
	{name: "record removed", entry: suspendedEntry, why: "missing from the store", code: protocol.NotACaller, edit: func(_ *breakIn, f *storetest.File) {
		f.Delete("entry", suspendedEntry)
	}},
	{name: "record under another name", entry: "renamed", why: "it says that it is the record of", code: protocol.NotACaller, edit: func(_ *breakIn, f *storetest.File) {
		f.Put("entry", "renamed", f.Get("entry", cancelledEntry))
	}},
	{name: "entry that no act made", entry: "renamed", why: "no act made it", edit: func(b *breakIn, f *storetest.File) {
		e, err := register.Parse([]byte(f.Get("entry", narrowedEntry)))
		mustDo(b, err)
		e.ID = "renamed"
		data, err := e.Marshal()
		mustDo(b, err)
		f.Put("entry", "renamed", string(data))
		f.Put("policy", storetest.Policy("renamed", 3), f.Get("policy", storetest.Policy(narrowedEntry, 3)))
	}},

	{name: "uses lowered", counted: true, entry: countedEntry, why: "the store counts 2 uses by uid", edit: func(_ *breakIn, f *storetest.File) {
		f.Replace("usage", storetest.Uses(countedEntry, uint32(myUID(callerUID))), storetest.Seq(3), storetest.Seq(2))
	}},
	{name: "uses raised", counted: true, entry: countedEntry, why: "the store counts 4 uses by uid", edit: func(_ *breakIn, f *storetest.File) {
		f.Replace("usage", storetest.Uses(countedEntry, uint32(myUID(callerUID))), storetest.Seq(3), storetest.Seq(4))
	}},
	{name: "uses removed", counted: true, entry: countedEntry, why: "the store counts 0 uses by uid", edit: func(_ *breakIn, f *storetest.File) {
		f.Empty("usage")
	}},
	{name: "uses of a quarter of an hour added", counted: true, entry: countedEntry, why: "in the quarter of an hour from 1970-01-01T00:15:00Z on, the log has 0",
		edit: func(_ *breakIn, f *storetest.File) {
			f.Put("usage", storetest.Quarter(countedEntry, uint32(myUID(callerUID)), 1), "\x00\x00\x00\x01")
		}},
	{name: "uses of an entry that used nothing", counted: true, entry: narrowedEntry, why: "the store counts 3 uses by uid",
		edit: func(_ *breakIn, f *storetest.File) {
			f.Put("usage", storetest.Uses(narrowedEntry, uint32(myUID(callerUID))), f.Get("usage", storetest.Uses(countedEntry, uint32(myUID(callerUID)))))
		}},
}

// hashedPolicy is the record with the hash of its text.
func hashedPolicy(t testing.TB, r register.PolicyRecord) string {
	t.Helper()
	r.Hash = authority.ContentHash([]byte(r.Text))
	data, err := r.Marshal()
	mustDo(t, err)
	return string(data)
}

func TestWhatRootEditsInTheStoreIsFoundOut(t *testing.T) {
	b := newBreakIn(t)
	for _, c := range rootAttacks {
		t.Run(c.name, func(t *testing.T) {
			at := *b
			at.officers = &officers{&rig{}, b.people}
			*at.rig = *b.rig
			at.TB = t
			at.attack(c.edit)
			if c.recovery == "" {
				at.expectUnproven(c)
				return
			}
			at.expectMode(InRecovery, protocol.Recovery, c.recovery)
			at.stop()
			mustDo(t, os.Remove(at.path("state", storeName))) // no log to check at the end
		})
	}
}

// alarmed tells whether the journal says that the record of an entry is unproven.
func (b *breakIn) alarmed(entry string) bool {
	for line := range strings.Lines(b.journal.String()) {
		if strings.Contains(line, "critical record-unproven:") && strings.Contains(line, " ENTRY="+entry+" ") {
			return true
		}
	}
	return false
}

// expectUnproven: the entry refuses uses and acts, an alarm names it and why,
// and others sign on.
func (b *breakIn) expectUnproven(c rootAttack) {
	b.Helper()
	uid, code := callerUID, protocol.RecordUnproven
	if c.by != 0 {
		uid = c.by
	}
	if c.code != 0 {
		code = c.code
	}
	if c.counted {
		b.waitCounted()
	}
	if _, err := b.caller(uid).Sign(context.Background(), signRequest(c.entry, algo.ECDSAP256SHA256, 1)); !errors.Is(err, code) {
		b.Fatalf("signing with %s: %v, want %v", c.entry, err, code)
	}
	reply, err := b.caller(callerUID).Sign(context.Background(), signRequest(soundEntry, algo.ECDSAP256SHA256, 1))
	if err != nil || reply.Results[0].GetSigned() == nil {
		b.Errorf("signing with %s: %v, %v", soundEntry, reply, err)
	}
	b.waitProven()
	list := b.status().Warnings
	found := false
	for _, w := range list {
		found = found || strings.Contains(w, "entry "+c.entry+" is not used") && strings.Contains(w, c.why)
	}
	if !found {
		b.Errorf("warnings %q: want one that names %s and says %q", list, c.entry, c.why)
	}
	b.waitFor(func() bool { return b.alarmed(c.entry) }, "the alarm")
	if got := b.try(authority.EntrySuspend, c.entry, authority.Suspend{Basis: "x"}, "sara"); got != protocol.RecordUnproven {
		b.Errorf("an act on %s: %v, want record_unproven", c.entry, got)
	}
}
