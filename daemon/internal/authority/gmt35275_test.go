package authority_test

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/pkcs7"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/crypto/cryptobyte"

	"signet/daemon/internal/authority"
)

// theAct is what the tests of signatures sign.
var theAct = []byte(goldenAct)

func TestSignedDataOfGB35275AndOfVendorsVerifies(t *testing.T) {
	u := newUKey(t, 1)
	signingTime := attribute(oidTime, func(b *cryptobyte.Builder) { b.AddASN1UTCTime(validFrom) })
	for name, edit := range map[string]func(*message){
		"detached":                      func(*message) {},
		"attached, the act itself":      func(m *message) { m.attached = theAct },
		"attributes":                    func(m *message) { m.attributes = attributesOf(oidData, theAct) },
		"attributes, attached":          func(m *message) { m.attributes, m.attached = attributesOf(oidData, theAct), theAct },
		"more attributes":               func(m *message) { m.attributes = append(attributesOf(oidData, theAct), signingTime) },
		"attributes in no order":        func(m *message) { m.attributes = reversed(append(attributesOf(oidData, theAct), signingTime)) },
		"inner type of PKCS #7":         func(m *message) { m.inner = oidPKCS7Data },
		"the same, with attributes":     func(m *message) { m.inner, m.attributes = oidPKCS7Data, attributesOf(oidPKCS7Data, theAct) },
		"both types of PKCS #7":         func(m *message) { m.outer, m.inner = oidPKCS7SignedData, oidPKCS7Data },
		"algorithm 501":                 func(m *message) { m.scheme = oidSM2SM3 },
		"raw r and s":                   func(m *message) { m.raw = true },
		"raw r and s, attributes":       func(m *message) { m.raw, m.attributes = true, attributesOf(oidData, theAct) },
		"NULL parameters":               func(m *message) { m.parameters = null },
		"every quirk":                   everyQuirk,
		"certificates and CRLs":         func(m *message) { m.certificates, m.crls = u.certificate.Raw, []byte{0x30, 0} },
		"unauthenticated attributes":    func(m *message) { m.unauthenticated = signingTime },
		"rubbish for a certificate":     func(m *message) { m.certificates = []byte("what is here is not looked at") },
		"the default identity, spelled": func(m *message) { m.id = []byte("1234567812345678") },
	} {
		m := newMessage(u.certificate)
		edit(&m)
		s := gmSignature(m.sign(t, u.private, theAct))
		if !u.key.Made(s) {
			t.Errorf("%s: Made = false", name)
		}
		if err := u.key.Verify(theAct, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantRefused(t, name+", other act", u.key, append([]byte(" "), theAct...), s)
	}
}

// null is DER NULL.
var null = []byte{0x05, 0x00}

func everyQuirk(m *message) {
	m.inner, m.scheme, m.raw, m.parameters = oidPKCS7Data, oidSM2SM3, true, null
	m.attributes = attributesOf(oidPKCS7Data, theAct)
}

func reversed(list [][]byte) [][]byte {
	slices.Reverse(list)
	return list
}

// wantRefused checks that s is no signature of k on act, and returns the
// error.
func wantRefused(t *testing.T, name string, k authority.Key, act []byte, s authority.Signature) error {
	t.Helper()
	err := k.Verify(act, s)
	if !errors.Is(err, authority.ErrSignature) {
		t.Errorf("%s: Verify = %v, want ErrSignature", name, err)
		return errors.New("accepted")
	}
	return err
}

func TestSignedDataIsRefusedByTheMemberThatIsWrong(t *testing.T) {
	u, other := newUKey(t, 1), newUKey(t, 2)
	two := func(b *cryptobyte.Builder) { b.AddASN1OctetString(make([]byte, 32)) }
	for name, c := range map[string]struct {
		edit  func(*message)
		names string
	}{
		"no signer":                 {func(m *message) { m.signers = 0 }, "one signer"},
		"two signers":               {func(m *message) { m.signers = 2 }, "one signer"},
		"version 3":                 {func(m *message) { m.version = 3 }, "version"},
		"signer of version 3":       {func(m *message) { m.signerVersion = 3 }, "signerInfo: version"},
		"enveloped":                 {func(m *message) { m.outer = asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 3} }, "content type"},
		"content is signed data":    {func(m *message) { m.inner = oidSignedData }, "contentInfo: want content type"},
		"SHA-256 in the set":        {func(m *message) { m.digestSet = oidSHA256 }, "digestAlgorithms"},
		"SHA-256 by the signer":     {func(m *message) { m.digest = oidSHA256 }, "digestAlgorithm: want SM3"},
		"ECDSA":                     {func(m *message) { m.scheme = oidECDSA }, "digestEncryptionAlgorithm"},
		"parameters not NULL":       {func(m *message) { m.parameters = []byte{0x30, 0x00} }, "digestAlgorithms"},
		"NULL with a value":         {func(m *message) { m.parameters = []byte{0x05, 0x01, 0x00} }, "digestAlgorithms"},
		"another content attached":  {func(m *message) { m.attached = []byte("{}") }, "not the bytes of the act"},
		"an empty content attached": {func(m *message) { m.attached = []byte{} }, "not the bytes of the act"},
		"another serial":            {func(m *message) { m.serial = big.NewInt(7) }, "another certificate"},
		"another issuer":            {func(m *message) { m.issuer = u.certificate.RawSubject }, "another certificate"},
		"attributes: none":          {func(m *message) { m.attributes = [][]byte{} }, "contentType"},
		"attributes: no type":       {func(m *message) { m.attributes = attributesOf(oidData, theAct)[1:] }, "contentType"},
		"attributes: no digest":     {func(m *message) { m.attributes = attributesOf(oidData, theAct)[:1] }, "messageDigest"},
		"attributes: other type":    {func(m *message) { m.attributes = attributesOf(oidPKCS7Data, theAct) }, "contentType"},
		"attributes: other digest":  {func(m *message) { m.attributes = attributesOf(oidData, []byte("{}")) }, "messageDigest"},
		"attributes: digest twice":  {func(m *message) { m.attributes = append(attributesOf(oidData, theAct), attributesOf(oidData, nil)[1]) }, "twice"},
		"attributes: two digests": {func(m *message) {
			m.attributes = append(attributesOf(oidData, theAct)[:1], attribute(oidDigest, digestOf(theAct), two))
		}, "messageDigest"},
		"attributes: no value":       {func(m *message) { m.attributes = append(attributesOf(oidData, theAct)[:1], attribute(oidDigest)) }, "messageDigest"},
		"attributes: not attributes": {func(m *message) { m.attributes = [][]byte{{0x05, 0x00}} }, "SET of attributes"},
		"another identity in ZA":     {func(m *message) { m.id = []byte("ALICE123@YAHOO.COM") }, "does not verify"},
		"an empty signature":         {func(m *message) { m.value = []byte{} }, "does not verify"},
		"a signature of 63 bytes":    {func(m *message) { m.value = make([]byte, 63) }, "does not verify"},
		"r and s are zero":           {func(m *message) { m.value = make([]byte, 64) }, "out of range"},
		"attributes, content signed": {func(m *message) {
			m.value = sm2Sign(t, u.private, theAct)
			m.attributes = attributesOf(oidData, theAct)
		}, "does not verify"},
		"the key of another":           {func(m *message) { m.value = sm2Sign(t, other.private, theAct) }, "does not verify"},
		"his key and his certificate":  {func(m *message) { m.certificates, m.value = other.certificate.Raw, sm2Sign(t, other.private, theAct) }, "does not verify"},
		"his name too":                 {func(m *message) { m.serial, m.certificates = other.certificate.SerialNumber, other.certificate.Raw }, "another certificate"},
		"SM3 signed in place of e":     {func(m *message) { m.value = signSM3(t, u.private, theAct) }, "does not verify"},
		"an INTEGER longer than DER's": {func(m *message) { m.value = paddedInteger(sm2Sign(t, u.private, theAct)) }, "does not verify"},
	} {
		m := newMessage(u.certificate)
		c.edit(&m)
		err := wantRefused(t, name, u.key, theAct, gmSignature(m.sign(t, u.private, theAct)))
		if !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %q does not name %q", name, err, c.names)
		}
	}
}

func digestOf(content []byte) cryptobyte.BuilderContinuation {
	sum := sm3.Sum(content)
	return func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum[:]) }
}

func sm2Sign(t *testing.T, key *sm2.PrivateKey, content []byte) []byte {
	t.Helper()
	value, err := key.Sign(rand.Reader, content, sm2.DefaultSM2SignerOpts)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// signSM3 signs the plain hash as e, without ZA, as some software does.
func signSM3(t *testing.T, key *sm2.PrivateKey, content []byte) []byte {
	t.Helper()
	sum := sm3.Sum(content)
	value, err := sm2.SignASN1(rand.Reader, key, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// paddedInteger puts a zero byte before r.
func paddedInteger(value []byte) []byte {
	out := []byte{0x30, value[1] + 1, 0x02, value[3] + 1, 0}
	return append(out, value[4:]...)
}

// TestSignedDataIsOneDERValue: each of the bytes counts, and there is one way
// to write the lengths.
func TestSignedDataIsOneDERValue(t *testing.T) {
	u := newUKey(t, 1)
	m := newMessage(u.certificate)
	m.certificates = u.certificate.Raw
	good := m.sign(t, u.private, theAct)
	for cut := range good {
		wantRefused(t, "cut", u.key, theAct, gmSignature(good[:cut]))
	}
	body := good[4:]
	for name, data := range map[string][]byte{
		"a byte after it":   append(slices.Clone(good), 0),
		"twice":             append(slices.Clone(good), good...),
		"indefinite length": slices.Concat([]byte{0x30, 0x80}, body, []byte{0, 0}),
		"length of 3 bytes": slices.Concat([]byte{0x30, 0x83, 0}, good[2:]),
		"a SET":             append([]byte{0x31}, good[1:]...),
		"nothing":           {},
		"too long":          bytes.Repeat([]byte{0x30}, 16<<10+1),
		"deep":              bytes.Repeat([]byte{0x30, 0x80}, 8<<10),
	} {
		wantRefused(t, name, u.key, theAct, gmSignature(data))
	}
	if good[1] != 0x82 {
		t.Fatalf("length begins with %#x: the cases above take it to be of two bytes", good[1])
	}
}

// TestSignedDataOfGmsmVerifies, and the other way round: another
// implementation of the format agrees.
func TestSignedDataOfGmsmVerifies(t *testing.T) {
	u := newUKey(t, 1)
	for name, sign := range map[string]func(*pkcs7.SignedData) error{
		"attributes": func(sd *pkcs7.SignedData) error {
			return sd.AddSigner(u.certificate, u.private, pkcs7.SignerInfoConfig{})
		},
		"content": func(sd *pkcs7.SignedData) error {
			return sd.SignWithoutAttr(u.certificate, u.private, pkcs7.SignerInfoConfig{})
		},
	} {
		sd, err := pkcs7.NewSMSignedData(theAct)
		if err != nil {
			t.Fatal(err)
		}
		if err := sign(sd); err != nil {
			t.Fatal(err)
		}
		sd.Detach()
		data, err := sd.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if err := u.key.Verify(theAct, gmSignature(data)); err != nil {
			t.Errorf("%s by gmsm: %v", name, err)
		}
	}
	for name, attributes := range map[string][][]byte{"attributes": attributesOf(oidData, theAct), "content": nil} {
		m := newMessage(u.certificate)
		m.attributes, m.certificates = attributes, u.certificate.Raw
		parsed, err := pkcs7.Parse(m.sign(t, u.private, theAct))
		if err != nil {
			t.Fatal(err)
		}
		parsed.Content = theAct
		if err := parsed.Verify(); err != nil {
			t.Errorf("%s of the tests, by gmsm: %v", name, err)
		}
	}
}

// TestOneKeyInTwoCertificates: one key pair is one key, but a signature names
// its certificate.
func TestOneKeyInTwoCertificates(t *testing.T) {
	old := newUKey(t, 1)
	template := officerCertificate(1)
	template.SerialNumber, template.NotAfter = big.NewInt(0x2001), validUntil.AddDate(3, 0, 0)
	renewed := ukey{old.private, certify(t, old.private, template), authority.Key{}}
	renewed.key = parseKey(t, certificatePEM(renewed.certificate.Raw))
	if old.key == renewed.key || old.key.Fingerprint() != renewed.key.Fingerprint() {
		t.Errorf("fingerprints %s and %s, want one", old.key.Fingerprint(), renewed.key.Fingerprint())
	}
	if other := newUKey(t, 2).key; other.Fingerprint() == old.key.Fingerprint() {
		t.Error("two keys have one fingerprint")
	}
	s := gmSignature(newMessage(renewed.certificate).sign(t, renewed.private, theAct))
	if old.key.Made(s) || !renewed.key.Made(s) {
		t.Errorf("Made by the old %v, by the renewed %v", old.key.Made(s), renewed.key.Made(s))
	}
	if err := renewed.key.Verify(theAct, s); err != nil {
		t.Error(err)
	}
	wantRefused(t, "signature of the renewed certificate", old.key, theAct, s)
}

func TestCertificateIsValidWithinItsTimes(t *testing.T) {
	key := newUKey(t, 1).key
	for _, c := range []struct {
		at time.Time
		ok bool
	}{
		{validFrom, true}, {validUntil, true},
		{validFrom.Add(-time.Second), false}, {validUntil.Add(time.Second), false}, {time.Time{}, false},
	} {
		if err := key.ValidAt(c.at); (err == nil) != c.ok {
			t.Errorf("ValidAt(%v) = %v", c.at, err)
		}
	}
}
