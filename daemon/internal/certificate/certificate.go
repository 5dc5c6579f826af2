// Package certificate judges what CAs issue: the answer to a certificate
// request against the trust store, and revocation lists. It also writes the
// requests.
//
// It is pure. Files, the clock and the register are its callers'; what can
// sway an answer is an argument, so that it can be given again years later.
//
// X.509 is read by gmsm/smx509, which knows SM2. What that package does not
// check is checked here: key usages; that a signature algorithm fits the
// issuer's key (it verifies plain ECDSA by an SM2 key, and SHA-1 in lists);
// that the public key is encoded the one canonical way (of explicit curve
// parameters it reads two and ignores the generator); octets that stand
// where no field is; the scope of lists. Its PKCS#7 reader is not used: it can
// be made to panic.
package certificate

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"signet/protocol/algo"
)

var (
	// ErrInvalid is wrapped by every refusal that has no error of its own
	// (cert_invalid).
	ErrInvalid = errors.New("certificate is not accepted")

	// ErrKeyMismatch is returned when no certificate has the key of the entry
	// (key_mismatch).
	ErrKeyMismatch = errors.New("certificate is for another key")

	// ErrEncryption is returned when an encryption certificate is given for
	// signing (cert_is_encryption).
	ErrEncryption = errors.New("certificate is for encryption, not for signing")
)

// MaxCertificate is the longest certificate that is read, in bytes of DER.
const MaxCertificate = 64 << 10

var oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// A Certificate is one X.509 certificate that was read. The zero value is
// none; its methods need one that Parse returned.
type Certificate struct {
	x   *smx509.Certificate
	key algo.PublicKey // zero if signet cannot verify with it
	why error          // that it is zero
}

// Parse reads the DER of one certificate. A key that signet cannot use is no
// error here: an answer may hold certificates that are not used for signing.
func Parse(der []byte) (Certificate, error) {
	if len(der) > MaxCertificate {
		return Certificate{}, fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, len(der), MaxCertificate)
	}
	if !isSigned(der) {
		return Certificate{}, fmt.Errorf("%w: not the DER of a certificate", ErrInvalid)
	}
	x, err := smx509.ParseCertificate(slices.Clone(der))
	if err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	key, why := algo.ParsePublicKey(x.RawSubjectPublicKeyInfo)
	return Certificate{x: x, key: key, why: why}, nil
}

// isSigned tells whether der has the shape of certificates, lists and
// requests, and nothing else: SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }.
// smx509 reads on after none of these, so octets behind them would be carried
// along unsigned and change the certificate's hash.
func isSigned(der []byte) bool {
	in := cryptobyte.String(der)
	var outer, part cryptobyte.String
	return in.ReadASN1(&outer, cbasn1.SEQUENCE) && in.Empty() &&
		outer.ReadASN1(&part, cbasn1.SEQUENCE) &&
		outer.ReadASN1(&part, cbasn1.SEQUENCE) &&
		outer.ReadASN1(&part, cbasn1.BIT_STRING) && outer.Empty()
}

// IsZero tells whether c is no certificate.
func (c Certificate) IsZero() bool { return c.x == nil }

// DER returns the bytes of the certificate, which must not be changed.
func (c Certificate) DER() []byte { return c.x.Raw }

// SM3 returns the hash of the DER in hex.
func (c Certificate) SM3() string { return hexSM3(c.x.Raw) }

// PublicKey returns the certified key, the zero value if it is of a kind that
// signet does not verify with.
func (c Certificate) PublicKey() algo.PublicKey { return c.key }

// Serial returns the serial number in lower-case hex, two digits an octet.
func (c Certificate) Serial() string { return hexSerial(c.x.SerialNumber.Bytes()) }

// Subject returns the owner's name as RFC 4514 writes it, the most specific
// part first; control characters in it are the CA's.
func (c Certificate) Subject() string { return nameText(c.x.RawSubject) }

// Issuer returns the name of the CA, written as Subject.
func (c Certificate) Issuer() string { return nameText(c.x.RawIssuer) }

// NotBefore and NotAfter bound the certificate's validity, both ends inside.
func (c Certificate) NotBefore() time.Time { return c.x.NotBefore }

// NotAfter is the last second of the validity.
func (c Certificate) NotAfter() time.Time { return c.x.NotAfter }

// String names the certificate for errors: quoted, since a CA wrote the name.
func (c Certificate) String() string {
	if c.x == nil {
		return "no certificate"
	}
	return fmt.Sprintf("%q (serial %s)", shorten(c.Subject()), c.Serial())
}

func (c Certificate) equal(d Certificate) bool { return c.x.Equal(d.x) }

// isCA tells whether the certificate says of its owner that it is a CA.
func (c Certificate) isCA() bool { return c.x.BasicConstraintsValid && c.x.IsCA }

// selfIssued is RFC 5280 6.1: such certificates do not count for path lengths.
func (c Certificate) selfIssued() bool { return string(c.x.RawIssuer) == string(c.x.RawSubject) }

// hasUsage tells whether there is a key usage extension. smx509 gives 0 both
// for none and for one without a bit.
func (c Certificate) hasUsage() bool {
	return slices.ContainsFunc(c.x.Extensions, isExtension(oidKeyUsage))
}

const (
	signingBits    = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
	encryptionBits = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement
)

func (c Certificate) signs() bool { return c.x.KeyUsage&signingBits != 0 }

// encrypts tells whether this is the encryption certificate of a pair.
func (c Certificate) encrypts() bool { return !c.signs() && c.x.KeyUsage&encryptionBits != 0 }

func hexSM3(data []byte) string {
	sum := sm3.Sum(data)
	return hex.EncodeToString(sum[:])
}

func hexSerial(octets []byte) string {
	if len(octets) == 0 {
		return "00"
	}
	return hex.EncodeToString(octets)
}
