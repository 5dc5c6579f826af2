package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509/pkix"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/protocol/algo"
)

// Usages of GM/T 0015: the two certificates of one owner.
const (
	SigningUsage    = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
	EncryptionUsage = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement
)

// An Order says what to certify. The zero value of a field asks for what the
// CSR says, or for what a CA usually does.
type Order struct {
	NotBefore time.Time        // default: an hour ago
	NotAfter  time.Time        // default: a year after NotBefore
	Usage     smx509.KeyUsage  // default SigningUsage
	NoUsage   bool             // leave the key usage out
	Public    crypto.PublicKey // default: that of the CSR
	CA        bool             // say that the owner is a CA
	ByRoot    bool             // the root issues, not the issuing CA
	Points    []string         // CRL distribution points
	Extra     []pkix.Extension
}

// Issue answers the DER of a PKCS#10 request with a certificate.
func (c *CA) Issue(csr []byte, o Order) (*smx509.Certificate, error) {
	request, err := smx509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("reading certificate request: %w", err)
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("checking certificate request: %w", err)
	}
	public := o.Public
	if public == nil {
		public = request.PublicKey
	}
	by := c.Issuing
	if o.ByRoot {
		by = c.Root
	}
	template := c.template(o)
	template.RawSubject = request.RawSubject
	return issue(template, by, public)
}

func (c *CA) template(o Order) *smx509.Certificate {
	if o.NotBefore.IsZero() {
		o.NotBefore = time.Now().Add(-time.Hour)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = o.NotBefore.AddDate(1, 0, 0)
	}
	if o.Usage == 0 && !o.NoUsage {
		o.Usage = SigningUsage
	}
	return &smx509.Certificate{
		SerialNumber:          c.nextSerial(),
		NotBefore:             o.NotBefore,
		NotAfter:              o.NotAfter,
		KeyUsage:              o.Usage,
		BasicConstraintsValid: true,
		IsCA:                  o.CA,
		CRLDistributionPoints: o.Points,
		ExtraExtensions:       o.Extra,
	}
}

// A Dual is what a CA of two certificates answers, GM/T 0092: one for the key
// of the request, one for an encryption key that the CA made.
type Dual struct {
	Signing    *smx509.Certificate
	Encryption *smx509.Certificate
	Enveloped  []byte // SM2EnvelopedKey, GB/T 35276 7.4: the encryption key, for the signing key; nil if the request's key is not SM2
	Response   []byte // CSRResponse of GM/T 0092 with all three and the issuing CA; nil without Enveloped
}

// IssueDual answers a PKCS#10 request with two certificates.
func (c *CA) IssueDual(csr []byte, o Order) (Dual, error) {
	signing, err := c.Issue(csr, o)
	if err != nil {
		return Dual{}, err
	}
	typ := algo.KeySM2
	owner, isSM2 := signing.PublicKey.(*ecdsa.PublicKey)
	if isSM2 = isSM2 && sm2.IsSM2PublicKey(owner); !isSM2 {
		typ = algo.KeyP256
	}
	key, err := newKey(typ)
	if err != nil {
		return Dual{}, err
	}
	o.Usage, o.Public = EncryptionUsage, key.Public()
	encryption, err := c.Issue(csr, o)
	if err != nil {
		return Dual{}, err
	}
	d := Dual{Signing: signing, Encryption: encryption}
	if !isSM2 {
		return d, nil
	}
	private := key.(*sm2.PrivateKey)
	if d.Enveloped, err = sm2.MarshalEnvelopedPrivateKey(rand.Reader, owner, private); err != nil {
		return Dual{}, fmt.Errorf("enveloping the encryption key: %w", err)
	}
	d.Response, err = smx509.MarshalCSRResponse([]*smx509.Certificate{signing, c.Issuing.Certificate}, private, []*smx509.Certificate{encryption})
	return d, err
}
