package certificate_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/certificate"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

func TestCheckAcceptsTheCertificateOfTheKey(t *testing.T) {
	for _, typ := range types {
		r := newRig(t, typ)
		leaf := r.issue(ca.Order{})
		a := r.accepted(r.answer(leaf))
		var ders [][]byte
		for _, c := range a.Chain {
			ders = append(ders, c.DER())
		}
		if want := append([][]byte{leaf}, r.ca.Chain()...); !slices.EqualFunc(ders, want, bytes.Equal) {
			t.Errorf("%v: chain is %v", typ, a.Chain)
		}
		if a.Anchor.Name != "gov" || a.Anchor.Kind != certificate.EGov || a.Anchor.Licence != "ECP-2025-001" {
			t.Errorf("%v: anchor is %+v", typ, a.Anchor)
		}
		l := a.Leaf()
		if !l.PublicKey().Equal(r.key.public) || l.Subject() != subjectText || !l.NotBefore().Equal(now.AddDate(0, 0, -1)) ||
			l.NotAfter().Sub(now) < 300*24*time.Hour || len(l.Serial()) != 16 || len(l.SM3()) != 64 ||
			l.Issuer() != "CN=signet test issuing CA "+typ.String()+",O=signet tests,C=CN" {
			t.Errorf("%v: leaf is %v by %q", typ, l, l.Issuer())
		}
	}
}

// TestCheckFindsTheChainWhateverTheOrder: the root may be left out, and an
// issuing CA may itself be the anchor.
func TestCheckFindsTheChainWhateverTheOrder(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	leaf, chain := r.issue(ca.Order{}), r.ca.Chain()
	for name, ders := range map[string][][]byte{
		"reversed":     {chain[1], chain[0], leaf},
		"without root": {chain[0], leaf},
	} {
		if a := r.accepted(r.read(ca.PEM(ders...))); len(a.Chain) != 3 {
			t.Errorf("%s: chain is %v", name, a.Chain)
		}
	}
	text := r.anchorText(r.ca)
	text.Certificate = chain[0]
	r.trust = r.trusting(text)
	if a := r.accepted(r.read(leaf)); len(a.Chain) != 2 {
		t.Errorf("issuing CA as anchor: chain is %v", a.Chain)
	}
}

func TestCheckPrefersTheChainWithoutAFault(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	leaf := r.issue(ca.Order{})
	// The same CA key and name, certified anew by the root, but over already.
	old, err := r.ca.Issue(reissue(t, r.ca.Issuing), ca.Order{
		ByRoot: true, CA: true, Usage: smx509.KeyUsageCertSign, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, -1, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, ders := range [][][]byte{{leaf, old.Raw, r.ca.Chain()[0]}, {leaf, r.ca.Chain()[0], old.Raw}} {
		if a := r.accepted(r.read(ca.PEM(ders...))); !bytes.Equal(a.Chain[1].DER(), r.ca.Chain()[0]) {
			t.Errorf("chain is %v", a.Chain)
		}
	}
	if _, err := r.check(r.read(ca.PEM(leaf, old.Raw))); !errors.Is(err, certificate.ErrInvalid) || !says(err, "expired") {
		t.Errorf("with the expired one alone: %v", err)
	}
}

// TestCheckSaysTheFaultsOfTheChainThatSigned: not those of a CA of the same
// name, though it has fewer.
func TestCheckSaysTheFaultsOfTheChainThatSigned(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	csr := reissue(t, r.ca.Issuing)
	r.ca.Issuing.Certificate.SubjectKeyId = nil // or it would tell them apart
	leaf := r.issue(ca.Order{})
	order := ca.Order{ByRoot: true, CA: true, Usage: smx509.KeyUsageCertSign, NotBefore: now.AddDate(-1, 0, 0)}
	namesake := order
	namesake.NotAfter, namesake.Public = now.AddDate(1, 0, 0), newKey(t, algo.KeySM2).public.Key()
	order.NotAfter, order.Extra = now.AddDate(0, -1, 0), []pkix.Extension{criticalExtension(1, 2, 3)}
	var ders [][]byte
	for _, o := range []ca.Order{namesake, order} {
		c, err := r.ca.Issue(csr, o)
		if err != nil {
			t.Fatal(err)
		}
		ders = append(ders, c.Raw)
	}
	if _, err := r.check(r.read(ca.PEM(leaf, ders[0], ders[1]))); !says(err, "expired", "1.2.3") || says(err, "does not verify") {
		t.Errorf("Check = %v", err)
	}
}

// reissue is a request by a CA under its own name.
func reissue(t *testing.T, a ca.Authority) []byte {
	t.Helper()
	der, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{RawSubject: a.Certificate.RawSubject}, a.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCheckOfPairOfCertificates(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	d, err := r.ca.IssueDual(r.csr, ca.Order{NotBefore: now.AddDate(0, 0, -1)})
	if err != nil {
		t.Fatal(err)
	}
	a := r.accepted(r.answer(d.Signing.Raw, d.Encryption.Raw))
	if !bytes.Equal(a.Leaf().DER(), d.Signing.Raw) || len(a.Attachments) != 1 ||
		a.Attachments[0].Kind != certificate.EncryptionCertificate || !bytes.Equal(a.Attachments[0].Data, d.Encryption.Raw) {
		t.Errorf("leaf %v, attachments %v", a.Leaf(), a.Attachments)
	}
	if _, err := r.check(r.answer(d.Encryption.Raw)); !errors.Is(err, certificate.ErrEncryption) || errors.Is(err, certificate.ErrKeyMismatch) {
		t.Errorf("encryption certificate alone: %v", err)
	}
	// Both for one key, as for RSA: the one that signs is meant.
	encryption := r.issue(ca.Order{Usage: ca.EncryptionUsage})
	if a := r.accepted(r.answer(encryption, d.Signing.Raw)); !bytes.Equal(a.Leaf().DER(), d.Signing.Raw) {
		t.Errorf("leaf %v", a.Leaf())
	}
}

func criticalExtension(oid ...int) pkix.Extension {
	return pkix.Extension{Id: oid, Critical: true, Value: []byte{5, 0}}
}

// TestCheckRefuses is the table of faults: for each an answer that has it, the
// error it wraps and what is said.
func TestCheckRefuses(t *testing.T) {
	year := func(n int) time.Time { return now.AddDate(n, 0, 0) }
	for name, c := range map[string]struct {
		give func(r *rig) certificate.Answer
		want error
		says []string
	}{
		"another key": {func(r *rig) certificate.Answer {
			return r.answer(r.issue(ca.Order{Public: newKey(t, r.ca.Type).public.Key()}))
		}, certificate.ErrKeyMismatch, []string{"合同专用章", "want the answer to this entry's request"}},
		"key of an unknown kind": {func(r *rig) certificate.Answer {
			modulus := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 1023), big.NewInt(1))
			return r.answer(r.issue(ca.Order{Public: &rsa.PublicKey{N: modulus, E: 65537}}))
		}, certificate.ErrKeyMismatch, []string{"RSA modulus of 1024 bits is not supported"}},
		"CAs only": {func(r *rig) certificate.Answer { return r.answer() },
			certificate.ErrKeyMismatch, []string{"no certificate but those of CAs"}},
		"encryption only": {func(r *rig) certificate.Answer { return r.answer(r.issue(ca.Order{Usage: ca.EncryptionUsage})) },
			certificate.ErrEncryption, []string{"want one with digitalSignature"}},
		"no usage": {func(r *rig) certificate.Answer { return r.answer(r.issue(ca.Order{NoUsage: true})) },
			certificate.ErrInvalid, []string{"no key usage for signing"}},
		"usage of neither": {func(r *rig) certificate.Answer {
			return r.answer(r.issue(ca.Order{Usage: smx509.KeyUsageDecipherOnly}))
		},
			certificate.ErrInvalid, []string{"no key usage for signing"}},
		"two for the key": {func(r *rig) certificate.Answer { return r.answer(r.issue(ca.Order{}), r.issue(ca.Order{})) },
			certificate.ErrInvalid, []string{"are for the same key"}},
		"a CA": {func(r *rig) certificate.Answer {
			return r.answer(r.issue(ca.Order{CA: true, ByRoot: true}))
		}, certificate.ErrInvalid, []string{"is the certificate of a CA"}},
		"expired": {func(r *rig) certificate.Answer {
			return r.answer(r.issue(ca.Order{NotBefore: year(-1), NotAfter: now.Add(-time.Second)}))
		}, certificate.ErrInvalid, []string{"expired at 2026-11-22T07:59:59Z"}},
		"not yet valid": {func(r *rig) certificate.Answer { return r.answer(r.issue(ca.Order{NotBefore: now.Add(time.Second)})) },
			certificate.ErrInvalid, []string{"is not valid before 2026-11-22T08:00:01Z"}},
		"unknown critical extension": {func(r *rig) certificate.Answer {
			return r.answer(r.issue(ca.Order{Extra: []pkix.Extension{criticalExtension(1, 2, 3)}}))
		}, certificate.ErrInvalid, []string{"critical extension 1.2.3"}},
		"issuing CA missing": {func(r *rig) certificate.Answer { return r.read(r.issue(ca.Order{})) },
			certificate.ErrInvalid, []string{"no chain to the trust store", "signet test issuing CA"}},
		"another CA": {func(r *rig) certificate.Answer {
			r.ca = newRig(t, r.ca.Type).ca
			return r.answer(r.issue(ca.Order{}))
		}, certificate.ErrInvalid, []string{"no chain to the trust store", "signet test root", "is a root that is not trusted"}},
		"nobody trusted": {func(r *rig) certificate.Answer {
			r.trust = certificate.Trust{}
			return r.answer(r.issue(ca.Order{}))
		}, certificate.ErrInvalid, []string{"no chain to the trust store"}},
		"issued before the CA was trusted": {func(r *rig) certificate.Answer {
			return r.answer(r.issue(ca.Order{NotBefore: time.Date(2024, 12, 31, 15, 59, 59, 0, time.UTC), NotAfter: year(1)}))
		}, certificate.ErrInvalid, []string{`trust "gov" does not hold at 2024-12-31T15:59:59Z`}},
		"CA not trusted any more": {func(r *rig) certificate.Answer {
			text := r.anchorText(r.ca)
			text.Until = "2026-11-22T16:00:00+08:00" // now itself
			r.trust = r.trusting(text)
			return r.answer(r.issue(ca.Order{}))
		}, certificate.ErrInvalid, []string{`trust "gov" does not hold at 2026-11-22T08:00:00Z`}},
		"issued by an owner": {func(r *rig) certificate.Answer {
			return r.beneath(ca.Order{})
		}, certificate.ErrInvalid, []string{"is not the certificate of a CA and cannot issue"}},
		"CA without keyCertSign": {func(r *rig) certificate.Answer {
			return r.beneath(ca.Order{CA: true, ByRoot: true})
		}, certificate.ErrInvalid, []string{"key usage without keyCertSign"}},
		"path too long": {func(r *rig) certificate.Answer {
			return r.beneath(ca.Order{CA: true, Usage: smx509.KeyUsageCertSign})
		}, certificate.ErrInvalid, []string{"allows 0 CAs beneath it, and there are 1"}},
		"name outside the CA's constraints": {func(r *rig) certificate.Answer {
			constraints, _ := asn1.Marshal(struct {
				Permitted []struct {
					Base asn1.RawValue
				} `asn1:"tag:0"`
			}{[]struct{ Base asn1.RawValue }{{asn1.RawValue{Class: 2, Tag: 2, Bytes: []byte("example.cn")}}}})
			name, _ := asn1.Marshal([]asn1.RawValue{{Class: 2, Tag: 2, Bytes: []byte("example.com")}})
			return r.beneath(
				ca.Order{CA: true, ByRoot: true, Usage: smx509.KeyUsageCertSign, Extra: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: constraints}}},
				pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: name})
		}, certificate.ErrInvalid, []string{"example.com"}},
		"another CA of the same name": {func(r *rig) certificate.Answer {
			other := newRig(t, r.ca.Type).ca.Issuing
			other.Certificate.SubjectKeyId = nil // or it would tell them apart
			ours := r.ca.Issuing
			r.ca.Issuing = other
			leaf := r.issue(ca.Order{})
			r.ca.Issuing = ours
			return r.answer(leaf)
		}, certificate.ErrInvalid, []string{"the signature does not verify"}},
		"signature changed": {func(r *rig) certificate.Answer {
			leaf := r.issue(ca.Order{})
			leaf[len(leaf)-1] ^= 1
			return r.answer(leaf)
		}, certificate.ErrInvalid, []string{"the signature does not verify"}},
		"ECDSA by an SM2 key": {func(r *rig) certificate.Answer {
			return r.answer(asECDSA(t, r.issue(ca.Order{}), r.ca.Issuing))
		}, certificate.ErrInvalid, []string{"signature algorithm ECDSA-SHA256 is not accepted from a key of type SM2"}},
		"several at once": {func(r *rig) certificate.Answer {
			text := r.anchorText(r.ca)
			text.Until = "2026-01-01T00:00:00Z"
			r.trust = r.trusting(text)
			return r.answer(r.issue(ca.Order{NotBefore: year(-1), NotAfter: now.AddDate(0, -1, 0), Usage: ca.EncryptionUsage,
				Extra: []pkix.Extension{criticalExtension(1, 2, 3), criticalExtension(1, 2, 4)}}))
		}, certificate.ErrEncryption, []string{"expired", "1.2.3", "1.2.4", "does not hold", "for encryption"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, algo.KeySM2)
			a, err := r.check(c.give(r))
			if !errors.Is(err, c.want) || !says(err, c.says...) || a.Chain != nil {
				t.Errorf("Check = %v, %v; want %v and %q", a.Chain, err, c.want, c.says)
			}
		})
	}
}

// beneath certifies another authority as o says and has it issue to the rig's
// key.
func (r *rig) beneath(o ca.Order, extra ...pkix.Extension) certificate.Answer {
	r.t.Helper()
	between := newRig(r.t, r.ca.Type).ca.Issuing
	o.NotBefore, o.Public = now.AddDate(0, 0, -2), between.Key.Public()
	c, err := r.ca.Issue(request(r.t, newKey(r.t, r.ca.Type), "CN=between,C=CN"), o)
	if err != nil {
		r.t.Fatal(err)
	}
	chain := r.ca.Chain()
	r.ca.Issuing = ca.Authority{Certificate: c, Key: between.Key}
	leaf := r.issue(ca.Order{Extra: extra})
	return r.read(ca.PEM(append([][]byte{leaf, c.Raw}, chain...)...))
}

// asECDSA signs a certificate of an SM2 CA again, as plain ECDSA over the same
// curve: smx509 would verify that.
func asECDSA(t *testing.T, der []byte, by ca.Authority) []byte {
	t.Helper()
	sm2WithSM3 := []byte("\x2a\x81\x1c\xcf\x55\x01\x83\x75")
	ecdsaWithSHA256 := []byte("\x2a\x86\x48\xce\x3d\x04\x03\x02")
	c, err := smx509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	var parts struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(bytes.ReplaceAll(c.Raw, sm2WithSM3, ecdsaWithSHA256), &parts); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(parts.TBS.FullBytes)
	signature, err := ecdsa.SignASN1(rand.Reader, &by.Key.(*sm2.PrivateKey).PrivateKey, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	parts.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	again, err := asn1.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = smx509.ParseCertificate(again); err != nil || c.CheckSignatureFrom(by.Certificate) != nil {
		t.Fatalf("smx509 refuses it too, this test shows nothing: %v", err)
	}
	return again
}

// TestCheckRefusesSHA1: smx509 refuses it in certificates as well.
func TestCheckRefusesSHA1(t *testing.T) {
	r := newRig(t, algo.KeyRSA2048)
	template := &smx509.Certificate{
		SerialNumber: r.ca.Root.Certificate.SerialNumber, NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: ca.SigningUsage, SignatureAlgorithm: smx509.SHA1WithRSA,
	}
	der, err := smx509.CreateCertificate(rand.Reader, template, r.ca.Issuing.Certificate, r.key.public.Key(), r.ca.Issuing.Key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.check(r.answer(der)); !errors.Is(err, certificate.ErrInvalid) || !says(err, "SHA1-RSA is not accepted") {
		t.Errorf("Check = %v", err)
	}
}

// TestCheckEndsWhateverTheAnswer: as many CAs of one name as fit, each of
// which could have issued each.
func TestCheckEndsWhateverTheAnswer(t *testing.T) {
	r := newRig(t, algo.KeyP256)
	r.trust = certificate.Trust{}
	csr, other := reissue(t, r.ca.Issuing), newKey(t, r.ca.Type).public.Key()
	r.ca.Issuing.Certificate.SubjectKeyId = nil // no key identifier tells them apart
	ders := [][]byte{r.issue(ca.Order{})}
	for range 60 {
		c, err := r.ca.Issue(csr, ca.Order{CA: true, NotBefore: now, Public: other})
		if err != nil {
			t.Fatal(err)
		}
		ders = append(ders, c.Raw)
	}
	if _, err := r.check(r.read(ca.PEM(ders...))); !errors.Is(err, certificate.ErrInvalid) {
		t.Errorf("Check = %v", err)
	}
}
