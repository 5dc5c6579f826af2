package backup

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs7"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"
)

// maxEnvelope bounds the envelope in bytes: some 2,000 recipients.
const maxEnvelope = 1 << 20

// sealKey encrypts the chunks' key to certificates: GB/T 35275 EnvelopedData.
func sealKey(key []byte, recipients []Recipient) ([]byte, error) {
	certs := make([]*smx509.Certificate, len(recipients))
	for i, r := range recipients {
		certs[i] = r.cert
	}
	envelope, err := pkcs7.EncryptSM(pkcs.SM4CBC, key, certs)
	if err != nil {
		return nil, fmt.Errorf("making the envelope: %w", err)
	}
	if len(envelope) > maxEnvelope {
		return nil, fmt.Errorf("making the envelope: %d recipients take %d bytes, more than %d", len(recipients), len(envelope), maxEnvelope)
	}
	return envelope, nil
}

// openKey returns the key in an envelope.
func openKey(envelope []byte, s *secret) ([]byte, error) {
	if s == nil || s.key == nil {
		return nil, fmt.Errorf("%w: it is encrypted to SM2 certificates: want an SM2 key with its certificate", ErrIdentity)
	}
	if err := checkEnvelope(envelope); err != nil {
		return nil, fmt.Errorf("%w: envelope: %w", ErrMalformed, err)
	}
	p7, err := pkcs7.Parse(envelope)
	if err != nil {
		return nil, fmt.Errorf("%w: envelope: %w", ErrMalformed, err)
	}
	key, err := p7.Decrypt(s.cert, s.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if len(key) != sm4.BlockSize {
		return nil, fmt.Errorf("%w: envelope: a key of %d bytes, want %d", ErrMalformed, len(key), sm4.BlockSize)
	}
	return key, nil
}

// The form of EnvelopedData that sealKey writes, GB/T 35275-2017 clause 10.
type (
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content envelopedData `asn1:"explicit,tag:0"`
	}
	envelopedData struct {
		Version    int
		Recipients []recipientInfo `asn1:"set"`
		Encrypted  encryptedContent
	}
	recipientInfo struct {
		Version   int
		Issuer    issuerAndSerial
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}
	issuerAndSerial struct {
		Name   asn1.RawValue
		Serial *big.Int
	}
	encryptedContent struct {
		Type      asn1.ObjectIdentifier
		Algorithm sm4CBC
		Content   []byte `asn1:"tag:0"`
	}
	sm4CBC struct {
		Algorithm asn1.ObjectIdentifier
		IV        []byte
	}
)

// checkEnvelope lets nothing but the form that sealKey writes come to gmsm's
// parser and cipher: they index and panic on other input (an indefinite
// length at the end, an initial vector of 15 bytes).
func checkEnvelope(der []byte) error {
	var info contentInfo
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return errors.New("bytes after it")
	}
	again, err := asn1.Marshal(info)
	if err != nil {
		return err
	}
	e := info.Content.Encrypted
	switch {
	case !bytes.Equal(again, der):
		return errors.New("not DER")
	case !info.Type.Equal(pkcs7.SM2OIDEnvelopedData) || !e.Type.Equal(pkcs7.SM2OIDData):
		return fmt.Errorf("content types %v, %v: want %v, %v", info.Type, e.Type, pkcs7.SM2OIDEnvelopedData, pkcs7.SM2OIDData)
	case !e.Algorithm.Algorithm.Equal(pkcs.SM4CBC.OID()) || len(e.Algorithm.IV) != sm4.BlockSize:
		return fmt.Errorf("cipher %v with %d bytes: want %v with %d", e.Algorithm.Algorithm, len(e.Algorithm.IV), pkcs.SM4CBC.OID(), sm4.BlockSize)
	case len(e.Content) != 2*sm4.BlockSize:
		return fmt.Errorf("content of %d bytes: want %d", len(e.Content), 2*sm4.BlockSize)
	}
	return nil
}
