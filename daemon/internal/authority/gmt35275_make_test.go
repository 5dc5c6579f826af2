package authority_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"signet/daemon/internal/authority"
)

// What a UKey and its software make: an SM2 key, its certificate, and a
// SignedData with each member to be set.

var (
	oidSignedData      = asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 2}
	oidData            = asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 1}
	oidPKCS7SignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidPKCS7Data       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSM3             = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 401}
	oidSHA256          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSM2Sign         = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301, 1}
	oidSM2SM3          = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 501}
	oidECDSA           = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidType            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidDigest          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidTime            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
)

var (
	validFrom  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2028, 12, 31, 23, 59, 59, 0, time.UTC)
)

// A ukey holds an SM2 key and the certificate for signing.
type ukey struct {
	private     *sm2.PrivateKey
	certificate *smx509.Certificate
	key         authority.Key
}

// newUKey makes the same key and the same names for the same number, so that
// signatures in the corpus keep verifying.
func newUKey(t testing.TB, number byte) ukey {
	t.Helper()
	private, err := sm2.NewPrivateKey(bytes.Repeat([]byte{number}, 32))
	if err != nil {
		t.Fatal(err)
	}
	certificate := certify(t, private, officerCertificate(number))
	return ukey{private, certificate, parseKey(t, certificatePEM(certificate.Raw))}
}

func officerCertificate(number byte) *smx509.Certificate {
	return &smx509.Certificate{
		SerialNumber: big.NewInt(0x1000 + int64(number)),
		Subject:      pkix.Name{Country: []string{"CN"}, Organization: []string{"某市大数据局"}, CommonName: "李四"},
		NotBefore:    validFrom, NotAfter: validUntil,
		KeyUsage: smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment,
	}
}

// certify issues template for the key of holder by a CA of its own.
func certify(t testing.TB, holder *sm2.PrivateKey, template *smx509.Certificate) *smx509.Certificate {
	t.Helper()
	ca, err := sm2.NewPrivateKey(bytes.Repeat([]byte{0x77}, 32))
	if err != nil {
		t.Fatal(err)
	}
	issuer := &smx509.Certificate{Subject: pkix.Name{CommonName: "测试 CA"}, SerialNumber: big.NewInt(1)}
	raw, err := smx509.CreateCertificate(rand.Reader, template, issuer, &holder.PublicKey, ca)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := smx509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// A message is a SignedData, member by member. newMessage is what GB/T 35275
// wants; tests change one thing.
type message struct {
	outer, inner              asn1.ObjectIdentifier
	version, signerVersion    int64
	digestSet, digest, scheme asn1.ObjectIdentifier
	parameters                []byte // of each algorithm
	attached                  []byte
	attributes                [][]byte // in this order, signed in place of the content
	issuer                    []byte
	serial                    *big.Int
	raw                       bool // r‖s
	certificates, crls        []byte
	unauthenticated           []byte
	signers                   int
	id                        []byte // of the signer in ZA, nil for the default
	value                     []byte // in place of a signature
}

func newMessage(of *smx509.Certificate) message {
	return message{
		outer: oidSignedData, inner: oidData, version: 1, signerVersion: 1,
		digestSet: oidSM3, digest: oidSM3, scheme: oidSM2Sign,
		issuer: of.RawIssuer, serial: of.SerialNumber, signers: 1,
	}
}

// attributesOf are the two that must be there.
func attributesOf(typ asn1.ObjectIdentifier, content []byte) [][]byte {
	sum := sm3.Sum(content)
	return [][]byte{
		attribute(oidType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(typ) }),
		attribute(oidDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum[:]) }),
	}
}

func attribute(typ asn1.ObjectIdentifier, values ...cryptobyte.BuilderContinuation) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(typ)
		b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
			for _, value := range values {
				value(b)
			}
		})
	})
	return b.BytesOrPanic()
}

// toBeSigned is the content, or the attributes as a SET OF.
func (m message) toBeSigned(content []byte) []byte {
	if m.attributes == nil {
		return content
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(slices.Concat(m.attributes...)) })
	return b.BytesOrPanic()
}

// sign returns the DER of m over content.
func (m message) sign(t testing.TB, key *sm2.PrivateKey, content []byte) []byte {
	t.Helper()
	if m.value == nil {
		value, err := key.Sign(rand.Reader, m.toBeSigned(content), sm2.NewSM2SignerOption(true, m.id))
		if err != nil {
			t.Fatal(err)
		}
		m.value = value
	}
	if m.raw {
		m.value = rawOf(t, m.value)
	}
	return m.bytes()
}

// rawOf is r‖s of a DER SM2Signature.
func rawOf(t testing.TB, value []byte) []byte {
	t.Helper()
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(value, &rs); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	rs.R.FillBytes(raw[:32])
	rs.S.FillBytes(raw[32:])
	return raw
}

func (m message) bytes() []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(m.outer)
		b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddASN1(der.SEQUENCE, m.addBody) })
	})
	return b.BytesOrPanic()
}

func (m message) addBody(b *cryptobyte.Builder) {
	b.AddASN1Int64(m.version)
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { m.addAlgorithm(b, m.digestSet) })
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(m.inner)
		if m.attached != nil {
			b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(m.attached) })
		}
	})
	addOptional(b, 0, m.certificates)
	addOptional(b, 1, m.crls)
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
		for range m.signers {
			b.AddASN1(der.SEQUENCE, m.addSigner)
		}
	})
}

func (m message) addSigner(b *cryptobyte.Builder) {
	b.AddASN1Int64(m.signerVersion)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(m.issuer)
		b.AddASN1BigInt(m.serial)
	})
	m.addAlgorithm(b, m.digest)
	if m.attributes != nil {
		b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddBytes(slices.Concat(m.attributes...)) })
	}
	m.addAlgorithm(b, m.scheme)
	b.AddASN1OctetString(m.value)
	addOptional(b, 1, m.unauthenticated)
}

func (m message) addAlgorithm(b *cryptobyte.Builder, oid asn1.ObjectIdentifier) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddBytes(m.parameters)
	})
}

func addOptional(b *cryptobyte.Builder, tag uint8, content []byte) {
	if content != nil {
		b.AddASN1(context(tag), func(b *cryptobyte.Builder) { b.AddBytes(content) })
	}
}

func context(tag uint8) der.Tag { return der.Tag(tag).ContextSpecific().Constructed() }

func gmSignature(data []byte) authority.Signature {
	return authority.Signature{Form: authority.GMT35275, Value: base64.StdEncoding.EncodeToString(data)}
}
