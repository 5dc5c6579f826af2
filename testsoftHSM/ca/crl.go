package ca

import (
	"crypto/rand"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/smx509"
)

// A Revoked is one entry of a list.
type Revoked struct {
	Serial *big.Int
	At     time.Time
	Reason int // of RFC 5280 5.3.1; 0 leaves it out
	Extra  []pkix.Extension
}

// A List says what a CRL holds. Zero fields ask for what a CA usually does.
type List struct {
	Number     int64     // default: one more than the last
	ThisUpdate time.Time // default: now
	NextUpdate time.Time // default: a week after ThisUpdate
	ByRoot     bool      // the root issues, not the issuing CA
	Extra      []pkix.Extension
}

// Revoke puts entries on every list that the CA issues from now on.
func (c *CA) Revoke(entries ...Revoked) { c.revoked = append(c.revoked, entries...) }

// CRL returns the DER of a list of all that was revoked.
func (c *CA) CRL(l List) ([]byte, error) {
	c.crlNumber++
	if l.Number != 0 {
		c.crlNumber = l.Number
	}
	if l.ThisUpdate.IsZero() {
		l.ThisUpdate = time.Now()
	}
	if l.NextUpdate.IsZero() {
		l.NextUpdate = l.ThisUpdate.AddDate(0, 0, 7)
	}
	template := &smx509.RevocationList{
		Number:          big.NewInt(c.crlNumber),
		ThisUpdate:      l.ThisUpdate,
		NextUpdate:      l.NextUpdate,
		ExtraExtensions: l.Extra,
	}
	for _, r := range c.revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, smx509.RevocationListEntry{
			SerialNumber: r.Serial, RevocationTime: r.At, ReasonCode: r.Reason, ExtraExtensions: r.Extra,
		})
	}
	by := c.Issuing
	if l.ByRoot {
		by = c.Root
	}
	der, err := smx509.CreateRevocationList(rand.Reader, template, by.Certificate, by.Key)
	if err != nil {
		return nil, fmt.Errorf("issuing CRL %d: %w", c.crlNumber, err)
	}
	return der, nil
}
