package authority

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"signet/protocol/algo"
)

// Bounds of a certificate: its DER in bytes, and its serial number in octets
// (RFC 5280 4.1.2.2).
const (
	maxCertificate = 8 << 10
	maxSerial      = 20
)

// maxSubject cuts the subject shown to people, in characters.
const maxSubject = 160

var oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// signingUsages are those of RFC 5280 4.2.1.3 that a signature on an act may
// stand on. An SM2 CA issues two certificates; the one for encryption has
// neither, and its key is known to the CA.
const signingUsages = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment

// An sm2Key is an officer's certificate with the key of a UKey. Nobody
// follows its chain: it is the officer's because the roll says so.
type sm2Key struct {
	certificate *smx509.Certificate
	public      algo.PublicKey
}

// parseSM2Key reads the value of a Key in its only form.
func parseSM2Key(value string) (sm2Key, error) {
	data, err := decodeLine(value, maxCertificate)
	if err != nil {
		return sm2Key{}, fmt.Errorf("certificate: %w", err)
	}
	return newSM2Key(data)
}

func newSM2Key(data []byte) (sm2Key, error) {
	if len(data) > maxCertificate {
		return sm2Key{}, fmt.Errorf("certificate of %d bytes: at most %d", len(data), maxCertificate)
	}
	certificate, err := smx509.ParseCertificate(data)
	if err != nil {
		return sm2Key{}, fmt.Errorf("certificate: %w", err)
	}
	if certificate.SerialNumber.BitLen() > 8*maxSerial {
		return sm2Key{}, fmt.Errorf("certificate: serial number of more than %d octets", maxSerial)
	}
	public, err := algo.NewPublicKey(certificate.PublicKey)
	if err != nil || public.Type() != algo.KeySM2 {
		return sm2Key{}, errors.New("certificate: its key is not an SM2 key: officers with other keys give the .pub file of an ssh key")
	}
	if err := checkUsage(certificate); err != nil {
		return sm2Key{}, err
	}
	return sm2Key{certificate, public}, nil
}

// checkUsage looks for the extension itself: one that grants nothing reads as
// zero, like none.
func checkUsage(c *smx509.Certificate) error {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidKeyUsage) && c.KeyUsage&signingUsages == 0 {
			return errors.New("certificate: key usage has neither digitalSignature nor nonRepudiation: of the two certificates in a UKey give the one for signing, not the one for encryption")
		}
	}
	return nil
}

func (k sm2Key) key() Key {
	return Key{Form: GMT35275, Value: base64.StdEncoding.EncodeToString(k.certificate.Raw)}
}

// fingerprint is over the key as algo encodes it, which is one way for one
// key, not as the certificate does.
func (k sm2Key) fingerprint() string {
	sum := sm3.Sum(k.public.DER())
	return "SM3:" + hex.EncodeToString(sum[:])
}

// describe quotes the subject: a certificate may hold what moves a terminal.
func (k sm2Key) describe() string {
	subject := fmt.Sprintf("%.*q", maxSubject, k.certificate.Subject.String())
	return fmt.Sprintf("SM2 %s, certificate %s, serial %x, valid until %s",
		k.fingerprint(), subject, k.certificate.SerialNumber, k.certificate.NotAfter.UTC().Format(time.DateOnly))
}

func (k sm2Key) until() time.Time { return k.certificate.NotAfter }

func (k sm2Key) validAt(t time.Time) error {
	from, until := k.certificate.NotBefore, k.certificate.NotAfter
	if t.Before(from) || t.After(until) {
		return fmt.Errorf("certificate with serial %x is valid from %s to %s, not at %s", k.certificate.SerialNumber,
			from.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339), t.UTC().Format(time.RFC3339))
	}
	return nil
}

// verify uses the certificate of the officer's record and no other: those
// inside the message are not even parsed.
func (k sm2Key) verify(message, signature []byte) error {
	s, err := parseSignedData(signature)
	if err != nil {
		return err
	}
	if !s.signer.names(k.certificate.RawIssuer, k.certificate.SerialNumber) {
		return fmt.Errorf("SignedData: made with another certificate than the officer's, whose serial is %x", k.certificate.SerialNumber)
	}
	signed, err := s.signedBytes(message)
	if err != nil {
		return err
	}
	value, err := s.signer.strictValue()
	if err != nil {
		return err
	}
	e, err := algo.SM2E(k.public, signed)
	if err != nil {
		return err
	}
	return k.public.Verify(algo.SM2SM3, e, value)
}

// madeByCertificate compares issuer and serial number of a signature with
// those of a Key's value, without the cost of parsing the certificate.
func madeByCertificate(value string, signature []byte) bool {
	data, err := decodeLine(value, maxCertificate)
	if err != nil {
		return false
	}
	issuer, serial, ok := certificateName(data)
	if !ok {
		return false
	}
	s, err := parseSignedData(signature)
	return err == nil && s.signer.names(issuer, serial)
}

// certificateName reads issuer and serial number of a certificate, RFC 5280
// 4.1: version [0], serialNumber, signature, issuer.
func certificateName(data []byte) (issuer []byte, serial *big.Int, ok bool) {
	in := cryptobyte.String(data)
	var certificate, tbs, name cryptobyte.String
	serial = new(big.Int)
	ok = in.ReadASN1(&certificate, der.SEQUENCE) && certificate.ReadASN1(&tbs, der.SEQUENCE) &&
		tbs.SkipOptionalASN1(explicit0) && tbs.ReadASN1Integer(serial) &&
		tbs.SkipASN1(der.SEQUENCE) && tbs.ReadASN1Element(&name, der.SEQUENCE)
	return name, serial, ok
}

// names tells whether the signer is the holder of that certificate.
func (s signerInfo) names(issuer []byte, serial *big.Int) bool {
	return bytes.Equal(s.issuer, issuer) && s.serial.Cmp(serial) == 0
}
