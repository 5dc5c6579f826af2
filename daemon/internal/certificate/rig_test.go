package certificate_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"signet/daemon/internal/certificate"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// now is the time at which these tests judge. Their CA is a year old then.
var now = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

const subjectText = "CN=合同专用章,OU=办公室,O=某某市人民政府,L=某某市,ST=某某省,C=CN"

// A key of software, which signs what a token would be given.
type key struct {
	public algo.PublicKey
	sign   certificate.Signer
}

func newKey(t testing.TB, typ algo.KeyType) key {
	t.Helper()
	switch typ {
	case algo.KeySM2:
		k, err := sm2.GenerateKey(rand.Reader)
		return makeKey(t, &k.PublicKey, err, func(tbs []byte) ([]byte, error) { return sm2.SignASN1(rand.Reader, k, tbs, nil) })
	case algo.KeyP256, algo.KeyP384:
		curve := map[algo.KeyType]elliptic.Curve{algo.KeyP256: elliptic.P256(), algo.KeyP384: elliptic.P384()}[typ]
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		return makeKey(t, &k.PublicKey, err, func(tbs []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, k, tbs) })
	case algo.KeyRSA2048:
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		return makeKey(t, &k.PublicKey, err, func(tbs []byte) ([]byte, error) { return rsa.SignPKCS1v15(nil, k, crypto.SHA256, tbs) })
	}
	public, k, err := ed25519.GenerateKey(rand.Reader)
	return makeKey(t, public, err, func(tbs []byte) ([]byte, error) { return ed25519.Sign(k, tbs), nil })
}

func makeKey(t testing.TB, public any, err error, sign func(tbs []byte) ([]byte, error)) key {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	p, err := algo.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key{p, func(a algo.Algorithm, tbs []byte) ([]byte, error) {
		answer, err := sign(tbs)
		if err != nil {
			return nil, err
		}
		return algo.Encode(a, p.Type(), algo.FormatAuto, answer)
	}}
}

func request(t testing.TB, k key, subject string) []byte {
	t.Helper()
	s, err := certificate.ParseSubject(subject)
	if err != nil {
		t.Fatal(err)
	}
	der, err := certificate.Request(k.public, s, k.sign)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A rig is a key, its request, and a CA that is trusted.
type rig struct {
	t     testing.TB
	key   key
	csr   []byte
	ca    *ca.CA
	trust certificate.Trust
}

func newRig(t testing.TB, typ algo.KeyType) *rig {
	t.Helper()
	authority, err := ca.New(typ, now.AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	k := newKey(t, typ)
	r := &rig{t: t, key: k, csr: request(t, k, subjectText), ca: authority}
	r.trust = r.trusting(r.anchorText(authority))
	return r
}

func (r *rig) anchorText(c *ca.CA) certificate.AnchorText {
	return certificate.AnchorText{
		Name: "gov", Certificate: ca.PEM(c.Root.Certificate.Raw), Kind: "egov", Licence: "ECP-2025-001",
		From: "2025-01-01T00:00:00+08:00",
	}
}

func (r *rig) trusting(texts ...certificate.AnchorText) certificate.Trust {
	r.t.Helper()
	var anchors []certificate.Anchor
	for _, text := range texts {
		a, faults := certificate.ParseAnchor(text)
		if faults != nil {
			r.t.Fatalf("anchor %s: %v", text.Name, faults)
		}
		anchors = append(anchors, a)
	}
	trust, err := certificate.NewTrust(anchors...)
	if err != nil {
		r.t.Fatal(err)
	}
	return trust
}

// issue certifies the rig's key; times of zero are the day before now and a
// year after it.
func (r *rig) issue(o ca.Order) []byte {
	r.t.Helper()
	if o.NotBefore.IsZero() {
		o.NotBefore = now.AddDate(0, 0, -1)
	}
	c, err := r.ca.Issue(r.csr, o)
	if err != nil {
		r.t.Fatal(err)
	}
	return c.Raw
}

// answer is certificates followed by those of the CA.
func (r *rig) answer(certificates ...[]byte) certificate.Answer {
	r.t.Helper()
	return r.read(ca.PEM(append(certificates, r.ca.Chain()...)...))
}

func (r *rig) read(data []byte) certificate.Answer {
	r.t.Helper()
	a, err := certificate.Read(data)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) check(a certificate.Answer) (certificate.Accepted, error) {
	return certificate.Check(a, r.key.public, r.trust, now)
}

func (r *rig) accepted(a certificate.Answer) certificate.Accepted {
	r.t.Helper()
	accepted, err := r.check(a)
	if err != nil {
		r.t.Fatal(err)
	}
	return accepted
}

func parse(t testing.TB, der []byte) certificate.Certificate {
	t.Helper()
	c, err := certificate.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// says tells whether the error has every one of the texts.
func says(err error, texts ...string) bool {
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			return false
		}
	}
	return true
}

var types = []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyRSA2048}

// crl returns a verified list of the rig's CA, made an
// hour before now.
func (r *rig) crl(l ca.List) certificate.CRL {
	r.t.Helper()
	by := r.ca.Issuing
	if l.ByRoot {
		by = r.ca.Root
	}
	list, err := r.crlRaw(l).Verify(parse(r.t, by.Certificate.Raw))
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *rig) crlRaw(l ca.List) certificate.CRL {
	r.t.Helper()
	if l.ThisUpdate.IsZero() {
		l.ThisUpdate = now.Add(-time.Hour)
	}
	der, err := r.ca.CRL(l)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := certificate.ReadCRL(der)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// revoke puts a certificate on every list from now on, since a minute.
func (r *rig) revoke(der []byte, reason int) {
	r.t.Helper()
	r.ca.Revoke(ca.Revoked{Serial: serialOf(r.t, der), At: now.Add(-time.Minute), Reason: reason})
}

func serialOf(t testing.TB, der []byte) *big.Int {
	t.Helper()
	serial, ok := new(big.Int).SetString(parse(t, der).Serial(), 16)
	if !ok {
		t.Fatal("a serial number that is not hex")
	}
	return serial
}
