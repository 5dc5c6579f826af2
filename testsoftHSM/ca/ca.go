// Package ca is a certificate authority for tests, ceremonies and demos: a
// root, an issuing CA beneath it, what they sign, and the faults that a real
// one may have. Its keys lie in memory, or in clear in a directory: it must
// never certify a key that anybody relies on.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/protocol/algo"
)

// An Authority is a certificate with its key.
type Authority struct {
	Certificate *smx509.Certificate
	Key         crypto.Signer
}

// A CA is a root and the authority that issues beneath it. It is for one
// goroutine.
type CA struct {
	Type    algo.KeyType
	Root    Authority
	Issuing Authority

	serial    int64 // of the certificate issued last
	crlNumber int64 // of the list issued last
	revoked   []Revoked
}

// New makes a CA with fresh keys of typ (SM2, EC-P256 or RSA-2048), valid for
// ten years from from.
func New(typ algo.KeyType, from time.Time) (*CA, error) {
	c := &CA{Type: typ}
	rootKey, err := newKey(typ)
	if err != nil {
		return nil, err
	}
	template := c.authority("signet test root", from, 1)
	root, err := issue(template, Authority{template, rootKey}, rootKey.Public())
	if err != nil {
		return nil, err
	}
	c.Root = Authority{root, rootKey}
	issuingKey, err := newKey(typ)
	if err != nil {
		return nil, err
	}
	issuing, err := issue(c.authority("signet test issuing CA", from, 0), c.Root, issuingKey.Public())
	if err != nil {
		return nil, err
	}
	c.Issuing = Authority{issuing, issuingKey}
	return c, nil
}

// authority is the template of a CA's own certificate, with at most depth CAs
// beneath it.
func (c *CA) authority(name string, from time.Time, depth int) *smx509.Certificate {
	return &smx509.Certificate{
		SerialNumber:          c.nextSerial(),
		Subject:               pkix.Name{Country: []string{"CN"}, Organization: []string{"signet tests"}, CommonName: name + " " + c.Type.String()},
		NotBefore:             from,
		NotAfter:              from.AddDate(10, 0, 0),
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            depth,
		MaxPathLenZero:        depth == 0,
		KeyUsage:              smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign,
	}
}

// Chain returns the DER of the issuing CA and of the root, in this order.
func (c *CA) Chain() [][]byte {
	return [][]byte{c.Issuing.Certificate.Raw, c.Root.Certificate.Raw}
}

func (c *CA) nextSerial() *big.Int {
	c.serial++
	// Eight octets with the top bit set: the DER of such a serial has a
	// leading zero, which a reader must not take for a part of it.
	return new(big.Int).SetUint64(1<<63 + uint64(c.serial))
}

func issue(template *smx509.Certificate, by Authority, public crypto.PublicKey) (*smx509.Certificate, error) {
	der, err := smx509.CreateCertificate(rand.Reader, template, by.Certificate, public, by.Key)
	if err != nil {
		return nil, fmt.Errorf("issuing to %v: %w", template.Subject, err)
	}
	return smx509.ParseCertificate(der)
}

func newKey(typ algo.KeyType) (crypto.Signer, error) {
	switch typ {
	case algo.KeySM2:
		return sm2.GenerateKey(rand.Reader)
	case algo.KeyP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case algo.KeyRSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("key type %v: want SM2, EC-P256 or RSA-2048", typ)
}
