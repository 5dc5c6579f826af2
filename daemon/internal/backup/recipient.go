package backup

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
)

// A Recipient is somebody who will be able to open a backup. The zero value is
// nobody.
type Recipient struct {
	age  *age.X25519Recipient
	cert *smx509.Certificate
}

// ParseRecipient reads an age recipient (age1…) or a certificate of an SM2 key
// in PEM.
func ParseRecipient(text string) (Recipient, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "age1"):
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return Recipient{}, fmt.Errorf("recipient: want an X25519 recipient of age: %w", err)
		}
		return Recipient{age: r}, nil
	case strings.HasPrefix(text, "-----BEGIN "):
		cert, err := parseCertificate([]byte(text))
		if err != nil {
			return Recipient{}, fmt.Errorf("recipient: %w", err)
		}
		return Recipient{cert: cert}, nil
	}
	// The text is not shown: it may be somebody's secret key.
	return Recipient{}, errors.New(`recipient: want "age1…" or a certificate of an SM2 key in PEM`)
}

// GM tells whether a backup to this recipient uses nothing but SM2, SM3 and
// SM4.
func (r Recipient) GM() bool { return r.cert != nil }

// String names the recipient for people: age's own text, or subject, serial
// number and SM3 of a certificate.
func (r Recipient) String() string {
	switch {
	case r.age != nil:
		return r.age.String()
	case r.cert != nil:
		sum := sm3.Sum(r.cert.Raw)
		return fmt.Sprintf("certificate %q, serial %x, SM3 %x", r.cert.Subject, r.cert.SerialNumber, sum[:8])
	}
	return "nobody"
}

// fingerprint is the same for the same key.
func (r Recipient) fingerprint() string {
	if r.cert == nil {
		return r.String()
	}
	sum := sm3.Sum(r.cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// parseCertificate reads one certificate that may be encrypted to.
func parseCertificate(text []byte) (*smx509.Certificate, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New(`want a PEM block "CERTIFICATE"`)
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("text after the certificate: want one PEM block")
	}
	cert, err := smx509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing certificate: %w", err)
	}
	return cert, checkCertificate(cert)
}

// encipherment are the usages of a certificate for encryption: any of them will
// do. A signing key has no copy with its CA: what were encrypted to it would be
// lost with its device.
const encipherment = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement

func checkCertificate(cert *smx509.Certificate) error {
	public, ok := cert.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || public.Curve != sm2.P256():
		return fmt.Errorf("certificate %q has no SM2 key: want one of an SM2 key, or an age recipient", cert.Subject)
	case cert.SignatureAlgorithm != smx509.SM2WithSM3:
		// gmsm names the algorithm of the key's encryption after it.
		return fmt.Errorf("certificate %q is signed with %v: want SM2-SM3", cert.Subject, cert.SignatureAlgorithm)
	case cert.KeyUsage != 0 && cert.KeyUsage&encipherment == 0:
		return fmt.Errorf("certificate %q is not for encryption: want usage keyEncipherment, dataEncipherment or keyAgreement", cert.Subject)
	}
	return nil
}

// SchemeOf is the one scheme of all recipients. It refuses those to whom
// NewWriter would not write: none, of two kinds, or one of them twice.
func SchemeOf(recipients []Recipient) (string, error) {
	if len(recipients) == 0 {
		return "", errors.New("a backup needs a recipient")
	}
	seen := map[string]bool{}
	for _, r := range recipients {
		switch {
		case r.age == nil && r.cert == nil:
			return "", errors.New("a recipient that is nobody")
		case r.GM() != recipients[0].GM():
			return "", errors.New("recipients of age beside SM2 certificates: want all of one kind")
		case seen[r.fingerprint()]:
			return "", fmt.Errorf("two recipients have one key: %v", r)
		}
		seen[r.fingerprint()] = true
	}
	if recipients[0].GM() {
		return SchemeGM, nil
	}
	return SchemeAge, nil
}
