package certificate

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// MaxCRL is the longest revocation list that is read, in bytes, whatever its
// form. An act brings one of 3 MiB at most: about 90,000 entries of 35 bytes.
const MaxCRL = 64 << 20

var (
	// ErrCRL is wrapped by every refusal of a list.
	ErrCRL = errors.New("revocation list is not accepted")

	// ErrOlderCRL is returned for a list that would go back behind another.
	// It comes with ErrCRL.
	ErrOlderCRL = errors.New("list is older than the one that is held")
)

// A CRL is a complete revocation list of one CA: everything that it revoked,
// or everything in one scope. The zero value is none. It is immutable. Until
// Verify has said whose it is, it covers nothing and replaces nothing.
type CRL struct {
	head    *smx509.RevocationList // all but the entries
	der     []byte
	tbs     []byte // part of der
	scope   scope
	entries entries
	ca      Certificate // that it was verified with

	// Hashed once: every use names the list it relied on.
	sm3, series string
}

var (
	oidAuthorityKeyID = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCRLNumber      = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaCRL       = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidScope          = asn1.ObjectIdentifier{2, 5, 29, 28} // issuingDistributionPoint
	oidPoints         = asn1.ObjectIdentifier{2, 5, 29, 31} // cRLDistributionPoints
)

// ReadCRL reads a version 2 list in DER, PEM or base64, RFC 5280 5. It
// refuses what it could only half understand: delta and indirect lists,
// unknown critical extensions, lists without number or nextUpdate. The
// signature is judged by Verify. The CRL keeps data.
func ReadCRL(data []byte) (CRL, error) {
	l, err := readCRL(data)
	if err != nil {
		return CRL{}, fmt.Errorf("%w: %w", ErrCRL, err)
	}
	return l, nil
}

func readCRL(data []byte) (CRL, error) {
	if len(data) > MaxCRL {
		return CRL{}, fmt.Errorf("%d bytes: want at most %d", len(data), MaxCRL)
	}
	der, err := crlDER(data)
	if err != nil {
		return CRL{}, err
	}
	l := CRL{der: der}
	var headDER, revoked []byte
	if l.tbs, headDER, revoked, err = splitCRL(der); err != nil {
		return CRL{}, err
	}
	if l.head, err = smx509.ParseRevocationList(headDER); err != nil {
		return CRL{}, err
	}
	if l.scope, err = readExtensions(l.head); err != nil {
		return CRL{}, err
	}
	if err := checkHead(l.head); err != nil {
		return CRL{}, err
	}
	if l.entries, err = readEntries(revoked); err != nil {
		return CRL{}, err
	}
	l.sm3 = hexSM3(der)
	return l, nil
}

func crlDER(data []byte) ([]byte, error) {
	if block, rest := pem.Decode(data); block != nil {
		if block.Type != "X509 CRL" || len(bytes.TrimSpace(rest)) != 0 {
			return nil, errors.New("want one PEM block X509 CRL and nothing behind it")
		}
		return block.Bytes, nil
	}
	if !isText(data) {
		return data, nil
	}
	der, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(data), nil)))
	if err != nil {
		return nil, errors.New("want a revocation list in DER, PEM or base64")
	}
	return der, nil
}

// splitCRL takes the entries out. smx509 would keep half a kilobyte of each,
// and reads the rest as well without them: head is the list, cut so. revoked
// is the content of revokedCertificates; it and tbs are parts of der.
func splitCRL(der []byte) (tbs, head, revoked []byte, err error) {
	if !isSigned(der) {
		return nil, nil, nil, errors.New("not the DER of a revocation list")
	}
	outer := cryptobyte.String(der)
	var whole, in, kept cryptobyte.String
	outer.ReadASN1(&outer, cbasn1.SEQUENCE)
	outer.ReadASN1Element(&whole, cbasn1.SEQUENCE)
	in = whole
	in.ReadASN1(&in, cbasn1.SEQUENCE)
	shape := ""
	for !in.Empty() && len(shape) <= len(fullShape) {
		var element cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1Element(&element, &tag) {
			return nil, nil, nil, errors.New("not the DER of a revocation list")
		}
		if shape += letter(tag); shape == fullShape[:len(fullShape)-1] {
			revoked = element
			continue
		}
		kept = append(kept, element...)
	}
	if shape != fullShape && shape != shapeOfNone {
		return nil, nil, nil, errors.New("not a list of version 2 with nextUpdate and extensions (RFC 5280 5.1)")
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(kept) })
		b.AddBytes(outer)
	})
	head, err = b.Bytes()
	return whole, head, revoked, err
}

// The fields of a tbsCertList by the letters of their tags: version,
// signature, issuer, thisUpdate, nextUpdate, revokedCertificates, extensions.
// smx509 reads on after neither a missing nor a surplus field.
const (
	fullShape   = "ISSTTSX"
	shapeOfNone = "ISSTTX"
)

func letter(tag cbasn1.Tag) string {
	switch tag {
	case cbasn1.INTEGER:
		return "I"
	case cbasn1.SEQUENCE:
		return "S"
	case cbasn1.UTCTime, cbasn1.GeneralizedTime:
		return "T"
	case context0:
		return "X"
	}
	return "?"
}

// checkHead judges what smx509 reads without judging it.
func checkHead(head *smx509.RevocationList) error {
	switch {
	case head.Number == nil:
		return errors.New("it has no CRL number (RFC 5280 5.2.3): without one nobody can tell an older list from a newer")
	case head.Number.Sign() < 0 || head.Number.BitLen() > 8*20:
		return errors.New("its CRL number is negative or longer than 20 octets")
	case !head.NextUpdate.After(head.ThisUpdate):
		return errors.New("its nextUpdate is not after its thisUpdate")
	}
	return nil
}

// IsZero tells whether l is no list.
func (l CRL) IsZero() bool { return l.head == nil }

// DER returns the bytes of the list, which must not be changed.
func (l CRL) DER() []byte { return l.der }

// SM3 returns the hash of the DER in hex.
func (l CRL) SM3() string { return l.sm3 }

// Number returns the CRL number in decimal digits; it may be larger than any
// integer type.
func (l CRL) Number() string { return l.head.Number.String() }

// Issuer returns the name of the CA as Certificate.Issuer does.
func (l CRL) Issuer() string { return nameText(l.head.RawIssuer) }

// ThisUpdate is when the list was made.
func (l CRL) ThisUpdate() time.Time { return l.head.ThisUpdate }

// NextUpdate is when the CA promises the next one.
func (l CRL) NextUpdate() time.Time { return l.head.NextUpdate }

// Len returns how many certificates are revoked.
func (l CRL) Len() int { return len(l.entries.order) }

// CA returns the certificate that the list was verified with, the zero value
// before that.
func (l CRL) CA() Certificate { return l.ca }

// Series identifies the lists of one CA key and one scope: of two with the
// same series the one with the larger number replaces the other. It is empty
// before the list is verified.
func (l CRL) Series() string { return l.series }

// seriesOf has the key itself: a key identifier can be copied, and the number
// of one CA's list would then make another's older.
func seriesOf(head *smx509.RevocationList, ca Certificate) string {
	series := slices.Concat(head.RawIssuer, ca.key.DER())
	for _, oid := range []asn1.ObjectIdentifier{oidAuthorityKeyID, oidScope} {
		if i := slices.IndexFunc(head.Extensions, isExtension(oid)); i >= 0 {
			series = append(series, head.Extensions[i].Value...)
		}
	}
	return hexSM3(series)
}

// Verify returns the list as that of ca if ca made it: names, key identifiers,
// the right to sign lists, and the signature.
func (l CRL) Verify(ca Certificate) (CRL, error) {
	if err := l.checkSigned(ca); err != nil {
		return CRL{}, err
	}
	l.ca, l.series = ca, seriesOf(l.head, ca)
	return l, nil
}

func (l CRL) checkSigned(ca Certificate) error {
	problem := func(format string, args ...any) error {
		return fmt.Errorf("%w: issuer %v: "+format, append([]any{ErrCRL, ca}, args...)...)
	}
	switch {
	case !l.madeBy(ca):
		return problem("the list is by %q: want one by this CA and of its key", shorten(l.Issuer()))
	case !ca.isCA():
		return problem("is not the certificate of a CA")
	case ca.hasUsage() && ca.x.KeyUsage&smx509.KeyUsageCRLSign == 0:
		return problem("may not sign lists (key usage without cRLSign)")
	}
	if err := checkSignature(ca, l.head.SignatureAlgorithm, l.tbs, l.head.Signature); err != nil {
		return problem("%w", err)
	}
	return nil
}

func (l CRL) madeBy(ca Certificate) bool {
	return bytes.Equal(l.head.RawIssuer, ca.x.RawSubject) && keyIDsAgree(l.head.AuthorityKeyId, ca.x.SubjectKeyId)
}

// VerifyAmong is Verify with the first of the CAs that made the list.
func (l CRL) VerifyAmong(cas []Certificate) (CRL, error) {
	faults := []error{fmt.Errorf("%w: no CA of the trust store or of an accepted chain made this list of %q", ErrCRL, shorten(l.Issuer()))}
	for _, ca := range cas {
		verified, err := l.Verify(ca)
		if err == nil {
			return verified, nil
		}
		if l.madeBy(ca) { // what the others say is only that they did not
			faults = append(faults, err)
		}
	}
	return CRL{}, errors.Join(faults...)
}

// CheckTime refuses a list from the future: one clock is wrong, and with it
// the age of the list. That nextUpdate is over is no fault of the list, see
// Status.
func (l CRL) CheckTime(now time.Time) error {
	if l.ThisUpdate().After(now) {
		return fmt.Errorf("%w: its thisUpdate %s is after now, %s: check the clock", ErrCRL, stamp(l.ThisUpdate()), stamp(now))
	}
	return nil
}

// Newer tells whether l may replace old, a list of the same series: neither
// number nor thisUpdate goes back, and one number has one content. The same
// list again is no error.
func (l CRL) Newer(old CRL) error {
	order := l.head.Number.Cmp(old.head.Number)
	switch {
	case l.series == "" || l.series != old.series:
		return fmt.Errorf("%w: it is of another CA, key or scope than the list it would replace", ErrCRL)
	case order < 0:
		return fmt.Errorf("%w: %w: number %s, held is %s", ErrCRL, ErrOlderCRL, l.Number(), old.Number())
	case l.ThisUpdate().Before(old.ThisUpdate()):
		return fmt.Errorf("%w: %w: thisUpdate %s, held is %s", ErrCRL, ErrOlderCRL, stamp(l.ThisUpdate()), stamp(old.ThisUpdate()))
	case order == 0 && !bytes.Equal(l.der, old.der):
		return fmt.Errorf("%w: number %s is held already, with another content: ask the CA which one it made", ErrCRL, l.Number())
	}
	return nil
}
