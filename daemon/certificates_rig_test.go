package daemon

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// A certRig is a rig that trusts a CA of the test.
type certRig struct {
	*rig
	ca    *ca.CA
	signs *signCounter
	admin *officer
}

// administrator keeps one connection: a uid has 32 at most.
func (r *certRig) administrator() *officer {
	r.Helper()
	if r.admin == nil {
		r.admin = r.rig.administrator()
	}
	return r.admin
}

// newCertRig is not started yet. Its CA is of that type of key.
func newCertRig(t *testing.T, typ algo.KeyType) *certRig {
	t.Helper()
	r := &certRig{rig: newRig(t), signs: &signCounter{}}
	r.ca = newCA(t, typ)
	r.trust = trusting(t, r.ca)
	r.wrap = func(d hsm.Driver) hsm.Driver { r.signs.Driver = d; return r.signs }
	return r
}

// startedCertRig is the same in mode serving. At its end the log has every
// signature of the HSM.
func startedCertRig(t *testing.T, typ algo.KeyType) *certRig {
	t.Helper()
	r := newCertRig(t, typ)
	r.start()
	r.init()
	r.waitMode(Serving)
	t.Cleanup(r.checkSigns)
	return r
}

func newCA(t testing.TB, typ algo.KeyType) *ca.CA {
	t.Helper()
	c, err := ca.New(typ, time.Now().AddDate(0, -1, 0))
	mustDo(t, err)
	return c
}

// trusting is a trust store of those CAs, by their roots.
func trusting(t testing.TB, cas ...*ca.CA) certificate.Trust {
	t.Helper()
	var anchors []certificate.Anchor
	for i, c := range cas {
		anchor, faults := certificate.ParseAnchor(certificate.AnchorText{
			Name: fmt.Sprintf("ca-%d", i), Certificate: c.Root.Certificate.Raw, Kind: "egov", Licence: "ECP-1", From: "2025-01-01T00:00:00Z",
		})
		if faults != nil {
			t.Fatal(faults)
		}
		anchors = append(anchors, anchor)
	}
	trust, err := certificate.NewTrust(anchors...)
	mustDo(t, err)
	return trust
}

// A signCounter counts what the HSM is asked to sign.
type signCounter struct {
	hsm.Driver
	mu sync.Mutex
	n  uint64
}

func (c *signCounter) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	signed := c.Driver.Sign(ctx, key, a, tbs)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range signed {
		if wasSent(s.Err) { // a token that was seen to be down is not asked
			c.n++
		}
	}
	return signed
}

func (c *signCounter) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// checkSigns holds the log to what the HSM was asked for.
func (r *certRig) checkSigns() {
	if r.server.appliance() == nil || r.server.isStopping() { // of an earlier run
		return
	}
	logged := uint64(0)
	for _, e := range r.events() {
		switch {
		case e.Kind == audit.KindSign && e.Rule != ruleSelfTest: // else the HSM was not asked
			logged++
		case e.Kind == audit.KindGenesis, e.Kind == audit.KindAct, e.Kind == audit.KindSelfTest: // their signatures are counted
			logged += e.Count
		}
	}
	if n := r.signs.count(); n != logged {
		r.Errorf("the HSM was asked for %d signatures, the log has %d", n, logged)
	}
}

const subjectText = "CN=合同专用章,O=某某市人民政府,C=CN"

// request has the entry's key sign a certificate request and returns it in PEM.
func (r *certRig) request(entry string) []byte {
	r.Helper()
	made := r.administrator().must(authority.CertRequest, entry, authority.RequestCert{Subject: subjectText})
	status, body := r.administrator().call("GET", admin.PathContents+"/"+made.Request, "")
	if status != 200 {
		r.Fatalf("contents: %d %s", status, body)
	}
	return []byte(fromJSON[admin.Content](r, body).Content)
}

func (r *certRig) requestDER(entry string) []byte {
	r.Helper()
	block, rest := pem.Decode(r.request(entry))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) != 0 {
		r.Fatal("the request is no PEM of a certificate request")
	}
	return block.Bytes
}

// issue has the CA answer a new request of the entry.
func (r *certRig) issue(entry string, o ca.Order) *smx509.Certificate {
	r.Helper()
	c, err := r.ca.Issue(r.requestDER(entry), o)
	mustDo(r, err)
	return c
}

// certify is issue and the import of the answer.
func (r *certRig) certify(entry string, o ca.Order) *smx509.Certificate {
	r.Helper()
	c := r.issue(entry, o)
	if code := r.importCert(entry, c.Raw); code != 0 {
		r.Fatalf("importing the certificate of %s: %v", entry, code)
	}
	return c
}

// importCert brings certificates with those of the CA.
func (r *certRig) importCert(entry string, ders ...[]byte) protocol.Code {
	r.Helper()
	return r.importAnswer(entry, ca.PEM(append(ders, r.ca.Chain()...)...))
}

func (r *certRig) importAnswer(entry string, answer []byte) protocol.Code {
	r.Helper()
	o := r.administrator()
	_, code := o.submit(o.act(authority.CertImport, entry, authority.ImportCert{Answer: base64.StdEncoding.EncodeToString(answer)}))
	return code
}

// list is the CA's next list.
func (r *certRig) list(l ca.List) []byte {
	r.Helper()
	der, err := r.ca.CRL(l)
	mustDo(r, err)
	return der
}

func (r *certRig) importList(der []byte) (admin.ActResult, protocol.Code) {
	r.Helper()
	o := r.administrator()
	return o.submit(o.act(authority.CRLImport, "", authority.ImportCRL{CRL: base64.StdEncoding.EncodeToString(der)}))
}

// mustList imports a list that must be taken, and returns which entries it holds.
func (r *certRig) mustList(der []byte) []string {
	r.Helper()
	result, code := r.importList(der)
	if code != 0 {
		r.Fatalf("importing a list: %v", code)
	}
	return result.Held
}

// revoke puts certificates on the CA's lists from now on.
func (r *certRig) revoke(reason int, certs ...*smx509.Certificate) {
	for _, c := range certs {
		r.ca.Revoke(ca.Revoked{Serial: c.SerialNumber, At: time.Now().Add(-time.Minute).Truncate(time.Second), Reason: reason})
	}
}

// use has the entry's key sign as callerUID asks for it, and returns the error.
func (r *certRig) use(entry string) *protocol.Error {
	r.Helper()
	key := r.server.appliance().book.find(entry).key.Public
	c := r.caller(callerUID)
	defer c.Close()
	reply, err := c.Sign(context.Background(), signRequest(entry, algo.For(key.Type())[0], 1))
	if err != nil {
		fault, ok := err.(*protocol.Error)
		if !ok {
			r.Fatalf("signing with %s: %v", entry, err)
		}
		return fault
	}
	return reply.Results[0].GetError()
}

func (r *certRig) mustUse(entries ...string) {
	r.Helper()
	for _, entry := range entries {
		if fault := r.use(entry); fault != nil {
			r.Errorf("signing with %s: %v", entry, fault)
		}
	}
}

// mustRefuse wants the use of an entry refused with that code and rule.
func (r *certRig) mustRefuse(entry string, code protocol.Code, rule string) {
	r.Helper()
	if fault := r.use(entry); fault == nil || protocol.Code(fault.Code) != code || fault.Rule != rule {
		r.Errorf("signing with %s: %v, want %v by %s", entry, fault, code, rule)
	}
}

func (r *certRig) try(kind authority.Kind, target string, content any) protocol.Code {
	r.Helper()
	o := r.administrator()
	_, code := o.submit(o.act(kind, target, content))
	return code
}

// entryNow is the entry as officers get it.
func (r *certRig) entryNow(id string) admin.Entry {
	r.Helper()
	status, body := r.administrator().call("GET", admin.PathEntries+"/"+id, "")
	if status != 200 {
		r.Fatalf("entry %s: %d %s", id, status, body)
	}
	return fromJSON[admin.Entry](r, body)
}

// eventOf returns the newest event of that kind of act.
func (r *certRig) eventOf(kind authority.Kind) *audit.Event {
	r.Helper()
	for _, e := range slices.Backward(r.events()) {
		if e.Kind == audit.KindAct && e.Op == string(kind) {
			return e
		}
	}
	r.Fatalf("no act %s in the log", kind)
	return nil
}

// restart ends the daemon and starts it again.
func (r *certRig) restart() {
	r.Helper()
	r.stop()
	r.admin = nil
	r.start()
	r.waitMode(Serving)
	r.Cleanup(r.checkSigns)
}
