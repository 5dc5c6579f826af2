package daemon

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store/storetest"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// Two CAs of the trust store, one with the name and the key identifier of the
// other: neither has a say about what the other issued.
func TestListOfANamesakeChangesNothing(t *testing.T) {
	r := newCertRig(t, algo.KeySM2)
	twin := newCA(t, algo.KeySM2)
	mustDo(t, twin.Impersonate(r.ca))
	r.trust = trusting(t, r.ca, twin)
	r.start()
	r.init()
	r.waitMode(Serving)
	for _, id := range []string{"lost", "sound", "theirs"} {
		r.entry(id, "SM2")
	}
	lost, sound := r.certify("lost", ca.Order{}), r.certify("sound", ca.Order{})
	theirs, err := twin.Issue(r.requestDER("theirs"), ca.Order{})
	mustDo(t, err)
	if code := r.importAnswer("theirs", ca.PEM(append([][]byte{theirs.Raw}, twin.Chain()...)...)); code != 0 {
		t.Fatal(code)
	}
	r.revoke(1, lost)
	if held := r.mustList(r.list(ca.List{})); !slices.Equal(held, []string{"lost"}) {
		t.Fatalf("held %v", held)
	}
	twin.Revoke(ca.Revoked{Serial: sound.SerialNumber, At: time.Now().Add(-time.Minute).Truncate(time.Second), Reason: 1})
	next, err := twin.CRL(ca.List{Number: 1 << 60})
	mustDo(t, err)
	if held := r.mustList(next); len(held) != 0 {
		t.Errorf("the namesake's list holds %v", held)
	}
	r.mustUse("sound", "theirs")
	if e := r.entryNow("lost"); e.Certificates[0].Revoked == "" {
		t.Error("the namesake took the mark back")
	}
	r.revoke(1, sound)
	if held := r.mustList(r.list(ca.List{})); !slices.Equal(held, []string{"sound"}) {
		t.Errorf("the CA's next list holds %v", held)
	}
	r.restart()
	if got := r.heldLists(); len(got) != 2 || r.server.appliance().lists.faults != nil {
		t.Errorf("after a restart %v are held, %v", got, r.server.appliance().lists.faults)
	}
	r.mustProve()
	r.mustUse("theirs")
	r.mustRefuse("sound", protocol.NotActive, "entry.status")
}

// mustProve wants every record proven.
func (r *certRig) mustProve() {
	r.Helper()
	for _, acct := range r.server.appliance().book.all() {
		if err := r.server.appliance().prove(acct); err != nil {
			r.Errorf("%s: %v", acct.entry.ID, err)
		}
	}
}

// What lists did to an entry is judged by the lists of then: of several series,
// each of which may be followed by others.
func TestMarksProveThemselvesByTheListsOfThen(t *testing.T) {
	r, certs := certifiedRig(t, "sm2", "other")
	clean := *r.ca
	r.revoke(6, certs["sm2"])
	r.mustList(r.list(ca.List{Number: 5}))
	part := r.list(ca.List{Number: 6, Extra: []pkix.Extension{usersOnly(t)}}) // has sm2 too
	r.mustList(part)
	off, err := clean.CRL(ca.List{Number: 7})
	mustDo(t, err)
	if result, code := r.importList(off); code != 0 || r.entryNow("sm2").Certificates[0].Revoked == "" {
		t.Fatalf("%+v, %v: the other list still has the certificate", result, code)
	}
	off, err = clean.CRL(ca.List{Number: 8, Extra: []pkix.Extension{usersOnly(t)}})
	mustDo(t, err)
	r.mustList(off)
	if r.entryNow("sm2").Certificates[0].Revoked != "" {
		t.Fatal("the mark stays though no list has it")
	}
	for n := range int64(maxPast + 2) { // on, off, on: more than are kept
		from := []*ca.CA{r.ca, &clean}[n%2]
		der, err := from.CRL(ca.List{Number: 9 + n})
		mustDo(t, err)
		r.mustList(der)
	}
	r.revoke(2, r.ca.Issuing.Certificate)
	r.mustList(r.list(ca.List{ByRoot: true}))
	r.restart()
	if faults := r.server.appliance().lists.faults; faults != nil {
		t.Error(faults)
	}
	r.mustProve()
	if past := r.server.appliance().lists.past; len(past) != maxPast {
		t.Errorf("%d past states are kept, want %d", len(past), maxPast)
	}
}

// usersOnly is the issuingDistributionPoint of a list that has no CAs.
func usersOnly(t *testing.T) pkix.Extension {
	t.Helper()
	value, err := asn1.Marshal(struct {
		Only bool `asn1:"tag:1"`
	}{true})
	mustDo(t, err)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: value}
}

// A listAttack is an import that root writes behind the log: it needs no
// signature of an officer.
type listAttack struct {
	name  string
	forge func(*breakIn, *storetest.File) ([]byte, register.Facts)
	why   string // the entry is not proven
	held  string // numbers of the lists that are held
	fault string // why the list is not; empty: it is
}

var listAttacks = []listAttack{
	{"signature broken", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der := b.listOf(b.clean, 8)
		facts := b.factsOf(f, der, b.authorities)
		der[len(der)-1] ^= 1
		facts.CRL.Hash = authority.ContentHash(der)
		return der, facts
	}, "does not verify", "7", "does not verify"},
	{"no list at all", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der := b.listOf(b.clean, 8)
		facts := b.factsOf(f, der, b.authorities)
		facts.CRL.Hash = authority.ContentHash([]byte("hello"))
		return []byte("hello"), facts
	}, "revocation list", "7", "revocation list"},
	{"older list", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der := b.listOf(b.clean, 6)
		return der, b.factsOf(f, der, b.authorities)
	}, "older than the one that is held", "7", "older than the one that is held"},
	{"older list under a newer number", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der := b.listOf(b.clean, 6)
		facts := b.factsOf(f, der, b.authorities)
		facts.CRL.Number = "8"
		return der, facts
	}, "the act says number 8", "7", "the list says 6"},
	{"list of a namesake", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der, twin := b.namesake(9)
		return der, b.factsOf(f, der, twin)
	}, "do not say", "7 9", ""},
	{"list of a namesake in the series of the CA", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der, twin := b.namesake(9)
		facts := b.factsOf(f, der, twin)
		facts.CRL.Series = b.factsOf(f, b.listOf(b.clean, 8), b.authorities).CRL.Series
		return der, facts
	}, "the act says number 9", "7", "the act says number 9"},
	{"newer list that has the certificate", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der := b.listOf(b.authorities, 8)
		return der, b.factsOf(f, der, b.authorities)
	}, "do not say", "8", ""},
	{"list without the certificate of its CA", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der := b.listOf(b.clean, 8)
		facts := b.factsOf(f, der, b.authorities)
		facts.CRL.CA = authority.ContentHash(nil)
		return der, facts
	}, "reading certificate", "7", "reading certificate"},
	{"facts that name no list", func(b *breakIn, f *storetest.File) ([]byte, register.Facts) {
		der := b.listOf(b.clean, 8)
		facts := b.factsOf(f, der, b.authorities)
		facts.CRL = nil
		return der, facts
	}, "it brought no list", "7", ""},
}

func (b *breakIn) listOf(c *ca.CA, number int64) []byte {
	b.Helper()
	der, err := c.CRL(ca.List{Number: number})
	mustDo(b, err)
	return der
}

// namesake is a list of that number by another CA with the name and key
// identifier of the one that issued.
func (b *breakIn) namesake(number int64) ([]byte, *ca.CA) {
	b.Helper()
	twin := newCA(b, algo.KeySM2)
	mustDo(b, twin.Impersonate(b.authorities))
	return b.listOf(twin, number), twin
}

// factsOf are those of a list by which revokedEntry loses its mark, with its
// CA's certificate among the contents.
func (b *breakIn) factsOf(f *storetest.File, der []byte, by *ca.CA) register.Facts {
	b.Helper()
	b.keep(f, string(by.Issuing.Certificate.Raw))
	issuing, err := certificate.Parse(by.Issuing.Certificate.Raw)
	mustDo(b, err)
	crl, err := certificate.ReadCRL(slices.Clone(der))
	mustDo(b, err)
	crl, err = crl.Verify(issuing)
	mustDo(b, err)
	record := listRecord(crl)
	return register.Facts{CRL: &record, Revoked: []register.Revocation{{Entry: revokedEntry}}}
}

// keep puts a content where it is looked for.
func (b *breakIn) keep(f *storetest.File, content string) {
	b.Helper()
	if key := storetest.Blob(authority.ContentHash([]byte(content))); !slices.Contains(f.Keys("blob"), key) {
		f.Put("blob", key, content)
	}
}

// appendImport writes the import of a list behind the log, with the record that
// follows from its facts.
func (b *breakIn) appendImport(f *storetest.File, der []byte, facts register.Facts) {
	b.Helper()
	content := `{"crl":"` + base64.StdEncoding.EncodeToString(der) + `"}`
	data, err := facts.Marshal()
	mustDo(b, err)
	for _, text := range []string{content, string(data), string(der)} {
		b.keep(f, text)
	}
	like := *b.acts[authority.CRLImport]
	act, err := authority.ParseAct([]byte(like.Act))
	mustDo(b, err)
	act.ContentSHA, act.Nonce = authority.ContentHash([]byte(content)), authority.NewNonce()
	raw, err := act.Bytes()
	mustDo(b, err)
	like.Input, like.Value = factsInput, authority.ContentHash(data)
	_, event, _ := f.Head()
	now := b.clock.real()
	b.appendAct(f, &like, string(raw), nil, now)
	b.record(f, revokedEntry, func(e *register.Entry) {
		step, err := register.Apply(*e, register.Applied{
			Act: act, Content: []byte(content), Facts: facts, At: now, Proof: register.Proof{Act: string(raw), Event: event},
		})
		mustDo(b, err)
		*e = step.Entry
	})
}

// Nothing but the word of the CA that issued takes a mark back, and the list
// that was held stays held.
func TestImportThatRootWroteIsFoundOut(t *testing.T) {
	b := newBreakIn(t)
	b.start()
	b.waitMode(Serving)
	b.certify(soundEntry, b.authorities) // lists of its CA go on to matter
	b.stop()
	mustDo(t, os.RemoveAll(b.spare))
	mustDo(t, os.CopyFS(b.spare, os.DirFS(b.path("state"))))
	for _, c := range listAttacks {
		t.Run(c.name, func(t *testing.T) {
			at := *b
			at.officers = &officers{&rig{}, b.people}
			*at.rig = *b.rig
			at.TB = t
			at.attack(func(b *breakIn, f *storetest.File) {
				der, facts := c.forge(b, f)
				b.appendImport(f, der, facts)
			})
			at.waitMode(Serving)
			at.expectUnproven(rootAttack{entry: revokedEntry, why: c.why})
			var held []string
			for _, l := range at.server.appliance().lists.all() {
				held = append(held, l.Number())
			}
			slices.Sort(held)
			if got := strings.Join(held, " "); got != c.held {
				t.Errorf("lists of numbers %s are held, want %s", got, c.held)
			}
			if warned := at.warns("is not held: ", c.fault); warned != (c.fault != "") {
				t.Errorf("warned of the list: %v: %q", warned, at.status().Warnings)
			}
			next := authority.ImportCRL{CRL: base64.StdEncoding.EncodeToString(b.listOf(b.authorities, 20))}
			if code := at.try(authority.CRLImport, "", next); code != 0 {
				t.Errorf("the CA's own next list: %v", code)
			}
		})
	}
}

// warns tells whether one warning has all of the texts.
func (b *breakIn) warns(texts ...string) bool {
	return slices.ContainsFunc(b.status().Warnings, func(w string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(w, text) })
	})
}
