package daemon

import (
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

// A ukey is what an officer of a Chinese authority holds: an SM2 key and the
// certificate for signing.
type ukey struct {
	private     *sm2.PrivateKey
	certificate *smx509.Certificate
}

// newUKey makes a key whose certificate is valid until then.
func newUKey(t testing.TB, name string, until time.Time) ukey {
	t.Helper()
	private, err := sm2.GenerateKey(rand.Reader)
	mustDo(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	mustDo(t, err)
	template := &smx509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Country: []string{"CN"}, CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: until,
		KeyUsage: smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment,
	}
	raw, err := smx509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	mustDo(t, err)
	certificate, err := smx509.ParseCertificate(raw)
	mustDo(t, err)
	return ukey{private, certificate}
}

// key is the officer's record of it.
func (u ukey) key(t testing.TB) authority.Key {
	t.Helper()
	key, err := authority.ParseKey(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.certificate.Raw})))
	mustDo(t, err)
	return key
}

// Of GB/T 35275-2017 and GB/T 33560-2017.
var (
	oidSignedData = asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 2}
	oidData       = asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 1}
	oidSM3        = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 401}
	oidSM2Sign    = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301, 1}
)

// sign makes a detached SignedData over raw, as the software of a UKey does.
func (u ukey) sign(t testing.TB, raw string) admin.Signature {
	t.Helper()
	value, err := u.private.Sign(rand.Reader, []byte(raw), sm2.NewSM2SignerOption(true, nil))
	mustDo(t, err)
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(der.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { u.addBody(b, value) })
		})
	})
	return admin.Signature{Form: string(authority.GMT35275), Value: base64.StdEncoding.EncodeToString(b.BytesOrPanic())}
}

func (u ukey) addBody(b *cryptobyte.Builder, value []byte) {
	b.AddASN1Int64(1)
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { addOID(b, oidSM3) })
	addOID(b, oidData)
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(u.certificate.RawIssuer)
				b.AddASN1BigInt(u.certificate.SerialNumber)
			})
			addOID(b, oidSM3)
			addOID(b, oidSM2Sign)
			b.AddASN1OctetString(value)
		})
	})
}

func addOID(b *cryptobyte.Builder, oid asn1.ObjectIdentifier) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
}
