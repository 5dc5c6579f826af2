package ca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

var from = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newCA(t *testing.T, typ algo.KeyType) *ca.CA {
	t.Helper()
	c, err := ca.New(typ, from)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func request(t *testing.T, key any) []byte {
	t.Helper()
	der, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{Subject: pkix.Name{CommonName: "章"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func sm2Key(t *testing.T) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func verify(c *ca.CA, leaf *smx509.Certificate) error {
	roots, between := smx509.NewCertPool(), smx509.NewCertPool()
	roots.AddCert(c.Root.Certificate)
	between.AddCert(c.Issuing.Certificate)
	_, err := leaf.Verify(smx509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: from.Add(time.Hour), KeyUsages: []smx509.ExtKeyUsage{smx509.ExtKeyUsageAny},
	})
	return err
}

func TestWhatIsIssuedVerifies(t *testing.T) {
	for _, typ := range []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyRSA2048} {
		c, key := newCA(t, typ), sm2Key(t)
		leaf, err := c.Issue(request(t, key), ca.Order{NotBefore: from})
		if err != nil || verify(c, leaf) != nil || leaf.Subject.CommonName != "章" || !key.PublicKey.Equal(leaf.PublicKey) {
			t.Errorf("%v: %v, %v", typ, err, verify(c, leaf))
		}
		if leaf.KeyUsage != ca.SigningUsage || !leaf.NotAfter.Equal(from.AddDate(1, 0, 0)) {
			t.Errorf("%v: usage %b until %v", typ, leaf.KeyUsage, leaf.NotAfter)
		}
	}
}

// TestEnvelopeIsForTheSigningKey: the owner can open what the CA answered.
func TestEnvelopeIsForTheSigningKey(t *testing.T) {
	c, key := newCA(t, algo.KeySM2), sm2Key(t)
	d, err := c.IssueDual(request(t, key), ca.Order{NotBefore: from})
	if err != nil {
		t.Fatal(err)
	}
	encryption, err := sm2.ParseEnvelopedPrivateKey(key, d.Enveloped)
	if err != nil || !encryption.PublicKey.Equal(d.Encryption.PublicKey) {
		t.Errorf("opening the envelope: %v", err)
	}
	response, err := smx509.ParseCSRResponse(key, d.Response)
	if err != nil || !response.EncryptPrivateKey.Equal(encryption) {
		t.Errorf("opening the response: %v", err)
	}
	if d.Encryption.KeyUsage != ca.EncryptionUsage || key.PublicKey.Equal(d.Encryption.PublicKey.(*ecdsa.PublicKey)) {
		t.Error("the encryption certificate is no other than the signing one")
	}
}

func TestCAGoesOnWhereItWasSaved(t *testing.T) {
	for _, typ := range []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyRSA2048} {
		c, dir, csr := newCA(t, typ), t.TempDir(), request(t, sm2Key(t))
		first, err := c.Issue(csr, ca.Order{NotBefore: from})
		if err != nil {
			t.Fatal(err)
		}
		c.Revoke(ca.Revoked{Serial: first.SerialNumber, At: from, Reason: 4})
		if _, err := c.CRL(ca.List{ThisUpdate: from}); err != nil {
			t.Fatal(err)
		}
		if err := c.Save(dir); err != nil {
			t.Fatal(err)
		}
		again, err := ca.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		second, err := again.Issue(csr, ca.Order{NotBefore: from})
		if err != nil || verify(c, second) != nil || second.SerialNumber.Cmp(first.SerialNumber) <= 0 {
			t.Errorf("%v: after loading, serial %v, %v", typ, second.SerialNumber, err)
		}
		der, err := again.CRL(ca.List{ThisUpdate: from})
		if err != nil {
			t.Fatal(err)
		}
		list, err := smx509.ParseRevocationList(der)
		if err != nil || list.CheckSignatureFrom(c.Issuing.Certificate) != nil || list.Number.Cmp(big.NewInt(2)) != 0 ||
			len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].ReasonCode != 4 {
			t.Errorf("%v: list %v, %v", typ, list, err)
		}
	}
	if _, err := ca.Load(t.TempDir()); err == nil {
		t.Error("an empty directory is a CA")
	}
}

func TestDegenerateHasTheCertificates(t *testing.T) {
	c := newCA(t, algo.KeySM2)
	for _, arc := range []ca.Arc{ca.PKCS7, ca.GBT35275} {
		der, err := arc.Degenerate(c.Chain()...)
		if err != nil || !bytes.Contains(der, bytes.Join(c.Chain(), nil)) {
			t.Errorf("Degenerate: %v", err)
		}
	}
}
