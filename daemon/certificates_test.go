package daemon

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// opensslTakes tells whether openssl verifies a request by its own key.
func opensslTakes(t *testing.T, pemText []byte, sm2 bool) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "request.pem")
	mustDo(t, os.WriteFile(path, pemText, 0o600))
	args := []string{"req", "-verify", "-noout", "-in", path}
	if sm2 {
		args = append(args, "-sm3", "-vfyopt", "distid:"+algo.SM2ID)
	}
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Fatalf("openssl (apt-get install openssl): %v", err)
	}
	return err == nil && strings.Contains(string(out), "verify OK")
}

func TestRequestIsSignedByTheHSMAndTakenByOpenssl(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	for _, typ := range []string{"SM2", "EC-P256", "EC-P384", "RSA-2048", "ED25519"} {
		entry := strings.ToLower(typ)
		r.administrator().must(authority.KeyCreate, entry, authority.CreateKey{Type: typ, Token: "seals"})
		text := r.request(entry)
		if !opensslTakes(t, text, typ == "SM2") {
			t.Errorf("%s: openssl does not verify the request:\n%s", typ, text)
		}
		der := r.requestDER(entry)
		csr, err := smx509.ParseCertificateRequest(der)
		mustDo(t, err)
		if !bytes.Equal(csr.RawSubjectPublicKeyInfo, r.server.appliance().book.find(entry).key.Public.DER()) || csr.Subject.CommonName != "合同专用章" {
			t.Errorf("%s: the request is for another key, or for %s", typ, csr.Subject)
		}
		altered := bytes.Replace(der, []byte("某某市"), []byte("某某省"), 1)
		if opensslTakes(t, pemOf("CERTIFICATE REQUEST", altered), typ == "SM2") {
			t.Errorf("%s: openssl takes a request whose subject was altered", typ)
		}
		if e := r.eventOf(authority.CertRequest); e.Count != 1 || e.Entry != entry {
			t.Errorf("%s: event of %s counts %d signatures, want 1", typ, e.Entry, e.Count)
		}
		if rev := r.entryNow(entry).Rev; rev != 1 {
			t.Errorf("%s: a request moved the record to revision %d", typ, rev)
		}
	}
}

func TestRequestIsRefusedBeforeTheKeySigns(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("sm2", "SM2")
	r.administrator().must(authority.KeyCreate, "ended", authority.CreateKey{Type: "SM2", Token: "seals"})
	r.administrator().must(authority.EntryCancel, "ended", authority.Cancel{Basis: "撤销"})
	before := r.signs.count()
	for name, c := range map[string]struct {
		entry, subject string
		want           protocol.Code
	}{
		"cancelled":     {"ended", subjectText, protocol.IllegalTransition},
		"unknown":       {"nobody", subjectText, protocol.UnknownEntry},
		"no subject":    {"sm2", "", protocol.Malformed},
		"no name in it": {"sm2", "O=某某市人民政府,C=CN", protocol.Malformed},
		"unknown part":  {"sm2", "CN=x,FOO=y", protocol.Malformed},
	} {
		if code := r.try(authority.CertRequest, c.entry, authority.RequestCert{Subject: c.subject}); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
	if n := r.signs.count(); n != before {
		t.Errorf("the HSM signed %d times for requests that were refused", n-before)
	}
}

func pemOf(typ string, der []byte) []byte {
	return []byte("-----BEGIN " + typ + "-----\n" + base64.StdEncoding.EncodeToString(der) + "\n-----END " + typ + "-----\n")
}

// The CA's answer in the forms that CAs send.
func TestImportTakesTheWholeAnswer(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("sm2", "SM2")
	for i, form := range []string{"pem", "der", "pkcs7", "response"} {
		d, err := r.ca.IssueDual(r.requestDER("sm2"), ca.Order{})
		mustDo(t, err)
		var answer []byte
		switch form {
		case "pem":
			answer = ca.PEM(d.Encryption.Raw, d.Signing.Raw, r.ca.Chain()[0])
		case "der":
			answer = bytes.Join([][]byte{d.Signing.Raw, d.Encryption.Raw, r.ca.Chain()[0]}, nil)
		case "pkcs7":
			answer, err = ca.GBT35275.Degenerate(d.Signing.Raw, d.Encryption.Raw, r.ca.Chain()[0])
			mustDo(t, err)
		case "response":
			answer = d.Response
		}
		if code := r.importAnswer("sm2", answer); code != 0 {
			t.Fatalf("%s: %v", form, code)
		}
		all := r.entryNow("sm2").Certificates
		if len(all) != i+1 {
			t.Fatalf("%s: %d certificates, want %d: the old ones stay", form, len(all), i+1)
		}
		c := all[i]
		if c.Serial != hex.EncodeToString(d.Signing.SerialNumber.Bytes()) || c.CA != "egov" || c.Licence != "ECP-1" ||
			len(c.Chain) != 2 || c.PEM != strings.TrimSpace(string(ca.PEM(d.Signing.Raw))) {
			t.Errorf("%s: the record has %+v", form, c)
		}
		kept := base64.StdEncoding.EncodeToString(d.Encryption.Raw)
		if !slices.Contains(c.Attachments, kept) {
			t.Errorf("%s: the encryption certificate is not among the %d attachments", form, len(c.Attachments))
		}
	}
	r.mustUse("sm2")
	r.restart()
	if e := r.entryNow("sm2"); len(e.Certificates) != 4 || len(e.Certificates[3].Attachments) < 1 {
		t.Errorf("after a restart: %+v", e.Certificates)
	}
	r.mustUse("sm2")
	if e := r.entryNow("sm2"); e.Proof != "proven" {
		t.Errorf("after a restart the record is %s: %s", e.Proof, e.Unproven)
	}
}

func TestImportRefuses(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("sm2", "SM2")
	r.entry("other", "SM2")
	r.administrator().must(authority.KeyCreate, "ended", authority.CreateKey{Type: "SM2", Token: "seals"})
	ended := r.issue("ended", ca.Order{})
	r.administrator().must(authority.EntryCancel, "ended", authority.Cancel{Basis: "撤销"})
	now := time.Now()
	issue := func(o ca.Order) []byte { return r.issue("sm2", o).Raw }
	good := r.certify("sm2", ca.Order{}).Raw // makes its issuing CA known
	revoked := r.issue("sm2", ca.Order{})
	r.revoke(1, revoked)
	r.mustList(r.list(ca.List{}))
	stranger := newCA(t, algo.KeySM2)
	strange, err := stranger.Issue(r.requestDER("sm2"), ca.Order{})
	mustDo(t, err)
	dual, err := r.ca.IssueDual(r.requestDER("sm2"), ca.Order{})
	mustDo(t, err)
	rev := r.entryNow("sm2").Rev
	chain := r.ca.Chain()
	for name, c := range map[string]struct {
		entry  string
		answer []byte
		want   protocol.Code
	}{
		"encryption certificate alone":   {"sm2", ca.PEM(append([][]byte{dual.Encryption.Raw}, chain...)...), protocol.CertIsEncryption},
		"encryption use of our key":      {"sm2", ca.PEM(append([][]byte{issue(ca.Order{Usage: ca.EncryptionUsage})}, chain...)...), protocol.CertIsEncryption},
		"for another key":                {"sm2", ca.PEM(append([][]byte{r.issue("other", ca.Order{}).Raw}, chain...)...), protocol.KeyMismatch},
		"of a CA that nobody trusts":     {"sm2", ca.PEM(append([][]byte{strange.Raw}, stranger.Chain()...)...), protocol.CertInvalid},
		"without the issuing CA":         {"sm2", ca.PEM(issue(ca.Order{})), protocol.CertInvalid},
		"expired":                        {"sm2", ca.PEM(append([][]byte{issue(ca.Order{NotBefore: now.AddDate(0, 0, -9), NotAfter: now.Add(-time.Minute)})}, chain...)...), protocol.CertInvalid},
		"not yet valid":                  {"sm2", ca.PEM(append([][]byte{issue(ca.Order{NotBefore: now.Add(time.Hour)})}, chain...)...), protocol.CertInvalid},
		"on the CA's list":               {"sm2", ca.PEM(append([][]byte{revoked.Raw}, chain...)...), protocol.CertInvalid},
		"no certificate":                 {"sm2", []byte("hello"), protocol.CertInvalid},
		"the same once more":             {"sm2", ca.PEM(append([][]byte{good}, chain...)...), protocol.IllegalTransition},
		"for an entry that is not":       {"nobody", ca.PEM(good), protocol.UnknownEntry},
		"for an entry that is cancelled": {"ended", ca.PEM(append([][]byte{ended.Raw}, chain...)...), protocol.IllegalTransition},
	} {
		if code := r.importAnswer(c.entry, c.answer); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
	if code := r.try(authority.CertImport, "sm2", authority.ImportCert{Answer: "%"}); code != protocol.Malformed {
		t.Errorf("no base64: %v, want malformed", code)
	}
	if e := r.entryNow("sm2"); e.Rev != rev || len(e.Certificates) != 1 {
		t.Errorf("refusals left revision %d, want %d, and %d certificates", e.Rev, rev, len(e.Certificates))
	}
	r.mustUse("sm2")
}

// The entry is valid as long as the certificate in use is: renewal moves the
// end. Both ends are inside.
func TestValidityFollowsTheCertificateInUse(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("sm2", "SM2")
	r.mustUse("sm2") // without a certificate it has no end
	first := r.certify("sm2", ca.Order{NotAfter: time.Now().Add(2 * time.Hour)})
	r.mustUse("sm2")
	r.clock.pass(3 * time.Hour)
	r.mustRefuse("sm2", protocol.OutsideValidity, "entry.validity")

	second := r.certify("sm2", ca.Order{NotBefore: r.clock.real().Truncate(time.Second), NotAfter: r.clock.real().Add(time.Hour)})
	r.mustUse("sm2")
	all := r.entryNow("sm2").Certificates
	if len(all) != 2 || all[0].Serial != hex.EncodeToString(first.SerialNumber.Bytes()) || all[1].Serial != hex.EncodeToString(second.SerialNumber.Bytes()) {
		t.Errorf("renewal left %+v", all)
	}
	// A clock that is a little behind is signed with, but not before the certificate.
	r.clock.jump(-3 * time.Second)
	if fault := r.use("sm2"); fault == nil || protocol.Code(fault.Code) != protocol.OutsideValidity || !fault.After.AsTime().Equal(second.NotBefore) {
		t.Errorf("before the certificate: %v, want outside_validity until %v", fault, second.NotBefore)
	}
	r.clock.jump(3 * time.Second)
	r.mustUse("sm2")
}

// A use names the list that it relied on: of those that speak of the signing
// certificate the newest.
func TestUseNamesTheListItReliedOn(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("sm2", "SM2")
	named := func() string {
		t.Helper()
		r.mustUse("sm2")
		return r.lastEvent().CRL
	}
	if got := named(); got != "" {
		t.Errorf("without a certificate: %q", got)
	}
	r.certify("sm2", ca.Order{})
	if got := named(); got != "" {
		t.Errorf("without a list: %q", got)
	}
	ofRoot := r.list(ca.List{ByRoot: true})
	r.mustList(ofRoot) // speaks of the issuing CA only
	if got := named(); got != "" {
		t.Errorf("with the root's list only: %q", got)
	}
	old := r.list(ca.List{ThisUpdate: time.Now().Add(-time.Hour)})
	r.mustList(old)
	if got := named(); got != authority.ContentHash(old) {
		t.Errorf("with a list: %q, want %s", got, authority.ContentHash(old))
	}
	newer := r.list(ca.List{})
	r.mustList(newer)
	if got := named(); got != authority.ContentHash(newer) {
		t.Errorf("with a newer one: %q, want %s", got, authority.ContentHash(newer))
	}
	// A CA may have lists of several scopes. This one is of owners' certificates
	// only (RFC 5280 5.2.5), and a series of its own.
	ofUsers := []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 3, 0x81, 1, 0xff}}}
	r.mustList(r.list(ca.List{ThisUpdate: time.Now().Add(-time.Hour), Extra: ofUsers}))
	if got := named(); got != authority.ContentHash(newer) {
		t.Errorf("with an older one of another scope: %q, want %s", got, authority.ContentHash(newer))
	}
	r.clock.pass(time.Minute)
	scoped := r.list(ca.List{ThisUpdate: r.clock.real().Add(-time.Second), Extra: ofUsers})
	r.mustList(scoped)
	if got := named(); got != authority.ContentHash(scoped) {
		t.Errorf("with the newest one, of another scope: %q, want %s", got, authority.ContentHash(scoped))
	}
	r.restart()
	if got := named(); got != authority.ContentHash(scoped) {
		t.Errorf("after a restart: %q, want %s", got, authority.ContentHash(scoped))
	}
}

// Root who puts another certificate in the place of the entry's, which no list
// revokes, gets no signature.
func TestCertificateThatWasPutInPlaceOfAnotherCountsAsRevoked(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("sm2", "SM2")
	c := r.certify("sm2", ca.Order{})
	other := r.issue("sm2", ca.Order{})
	for len(other.Raw) != len(c.Raw) { // a signature has a byte more or less
		other = r.issue("sm2", ca.Order{})
	}
	r.mustUse("sm2")
	r.stop()
	r.replaceBytes(c.Raw, other.Raw)
	r.restart()
	r.mustRefuse("sm2", protocol.CertInvalid, "entry.certificate")
}

// replaceBytes puts other bytes of the same length into the file of the store
// wherever the old ones are.
func (r *rig) replaceBytes(from, to []byte) {
	r.Helper()
	path := r.path("state", storeName)
	data, err := os.ReadFile(path)
	mustDo(r, err)
	if n := bytes.Count(data, from); n == 0 || len(from) != len(to) {
		r.Fatalf("%d places in the store, %d bytes for %d", n, len(to), len(from))
	}
	mustDo(r, os.WriteFile(path, bytes.ReplaceAll(data, from, to), 0o600))
}
