package certificate_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/certificate"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// whole is what a CA of two certificates may send.
type whole struct {
	ca.Dual
	chain      [][]byte
	crl        []byte
	encryption []byte // Encryption.Raw
	signing    []byte
}

func (r *rig) whole() whole {
	r.t.Helper()
	d, err := r.ca.IssueDual(r.csr, ca.Order{NotBefore: now.AddDate(0, 0, -1)})
	if err != nil {
		r.t.Fatal(err)
	}
	return whole{d, r.ca.Chain(), r.crl(ca.List{}).DER(), d.Encryption.Raw, d.Signing.Raw}
}

func wrapped(text []byte) string {
	var b strings.Builder
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(text)), 64) {
		fmt.Fprintf(&b, "%s\r\n", line)
	}
	return b.String()
}

// cfca is the envelope of CFCA, as its answer carries it.
func cfca() (der []byte, text string) {
	der, _ = asn1.Marshal(struct {
		Version int
		Key     []byte
	}{1, bytes.Repeat([]byte{0xa5}, 192)})
	packed := base64.StdEncoding.EncodeToString(der)
	packed = packed[:100] + "," + packed[100:]
	return der, "0000000000000001000000000000000100000000000000000000000000000000" + fmt.Sprintf("%016d", len(packed)) + packed
}

// indefinite gives the outer elements of SignedData the form that Java
// libraries write: SEQUENCE, [0], SEQUENCE, and the [0] with certificates.
func indefinite(t *testing.T, der []byte) []byte {
	t.Helper()
	open := func(tag byte, content ...[]byte) []byte {
		return slices.Concat([]byte{tag, 0x80}, bytes.Join(content, nil), []byte{0, 0})
	}
	var info struct {
		Type    asn1.RawValue
		Content struct {
			Version, Digests, Info, Certificates, Signers asn1.RawValue
		} `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		t.Fatal(err)
	}
	c := info.Content
	return open(0x30, info.Type.FullBytes, open(0xa0, open(0x30,
		c.Version.FullBytes, c.Digests.FullBytes, c.Info.FullBytes, open(0xa0, c.Certificates.Bytes), c.Signers.FullBytes)))
}

func TestReadTakesEveryFormOfAnAnswer(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	w := r.whole()
	certificates := append([][]byte{w.signing, w.encryption}, w.chain...)
	gm, err := ca.GBT35275.Degenerate(certificates...)
	if err != nil {
		t.Fatal(err)
	}
	pkcs7, err := ca.PKCS7.Degenerate(certificates...)
	if err != nil {
		t.Fatal(err)
	}
	cfcaDER, cfcaText := cfca()
	enveloped, _ := asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 4}, asn1.RawValue{Class: 2, IsCompound: true, Bytes: []byte{0x30, 0}}})
	block := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	key := certificate.Attachment{Kind: certificate.SM2EnvelopedKey, Data: w.Enveloped}
	for name, c := range map[string]struct {
		data         []byte
		certificates [][]byte
		attachments  []certificate.Attachment
	}{
		"DER":                 {w.signing, [][]byte{w.signing}, nil},
		"DER one by one":      {bytes.Join(certificates, nil), certificates, nil},
		"PEM":                 {ca.PEM(certificates...), certificates, nil},
		"PEM with comments":   {append([]byte("subject=章\n"), ca.PEM(certificates...)...), certificates, nil},
		"PEM, twice the same": {ca.PEM(w.signing, w.signing), [][]byte{w.signing}, nil},
		"base64":              {[]byte(wrapped(w.signing)), [][]byte{w.signing}, nil},
		"base64 in one line":  {[]byte(base64.StdEncoding.EncodeToString(pkcs7)), certificates, nil},
		"GB/T 35275":          {gm, certificates, nil},
		"PKCS#7":              {pkcs7, certificates, nil},
		"PKCS#7 in PEM":       {block("PKCS7", pkcs7), certificates, nil},
		"PKCS#7, indefinite":  {indefinite(t, pkcs7), certificates, nil},
		"pieces in PEM": {slices.Concat(ca.PEM(certificates...), block("SM2 ENVELOPED KEY", w.Enveloped), block("X509 CRL", w.crl)), certificates,
			[]certificate.Attachment{key, {Kind: certificate.RevocationList, Data: w.crl}}},
		"pieces in base64": {[]byte(wrapped(w.signing) + "\r\n" + wrapped(w.encryption) + "\r\n" + cfcaText), [][]byte{w.signing, w.encryption},
			[]certificate.Attachment{{Kind: certificate.CFCAEnvelopedKey, Data: cfcaDER}}},
		"pieces in DER": {slices.Concat(w.signing, enveloped), [][]byte{w.signing}, []certificate.Attachment{{Kind: certificate.EnvelopedData, Data: enveloped}}},
	} {
		a, err := certificate.Read(c.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got [][]byte
		for _, c := range a.Certificates {
			got = append(got, c.DER())
		}
		if !slices.EqualFunc(got, c.certificates, bytes.Equal) {
			t.Errorf("%s: certificates %v", name, a.Certificates)
		}
		if !slices.EqualFunc(a.Attachments, c.attachments, func(x, y certificate.Attachment) bool {
			return x.Kind == y.Kind && bytes.Equal(x.Data, y.Data)
		}) {
			t.Errorf("%s: attachments %x", name, a.Attachments)
		}
	}
}

// TestReadTakesTheResponseOfGMT0092: the order of its certificates is that of
// a SET, its envelope is not the one beside it.
func TestReadTakesTheResponseOfGMT0092(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	w := r.whole()
	a := r.read(w.Response)
	for _, der := range [][]byte{w.signing, w.encryption, w.chain[0]} {
		if !slices.ContainsFunc(a.Certificates, func(c certificate.Certificate) bool { return bytes.Equal(c.DER(), der) }) {
			t.Errorf("%v is missing", parse(t, der))
		}
	}
	if len(a.Certificates) != 3 || len(a.Attachments) != 1 || a.Attachments[0].Kind != certificate.SM2EnvelopedKey {
		t.Errorf("certificates %v, attachments %x", a.Certificates, a.Attachments)
	}
	alone := r.read(slices.Concat(w.signing, a.Attachments[0].Data))
	if len(alone.Attachments) != 1 || !bytes.Equal(alone.Attachments[0].Data, a.Attachments[0].Data) {
		t.Errorf("the envelope was not taken whole: %x", a.Attachments[0].Data)
	}
	if accepted := r.accepted(r.read(slices.Concat(w.Response, w.chain[1]))); len(accepted.Attachments) != 2 {
		t.Errorf("attachments %x", accepted.Attachments)
	}
}

func TestReadRefuses(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	w := r.whole()
	private, err := smx509.MarshalPKCS8PrivateKey(r.ca.Root.Key)
	if err != nil {
		t.Fatal(err)
	}
	sec1, _ := asn1.Marshal(struct {
		Version int
		Key     []byte
	}{1, make([]byte, 32)})
	sealed, _ := asn1.Marshal(struct {
		Algorithm []asn1.ObjectIdentifier
		Key       []byte
	}{[]asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 5, 13}}, make([]byte, 64)})
	pkcs1, _ := asn1.Marshal([]int{0, 7, 5})
	text := ca.PEM(w.signing)
	pkcs7, _ := ca.PKCS7.Degenerate(w.signing)
	behind := append(bytes.Clone(w.signing), 0)
	within := bytes.Clone(w.signing) // an octet behind the signature, inside the outer SEQUENCE
	within = append(within, 5, 0)
	within[3] += 2
	many := bytes.Repeat(w.signing, 3000)
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":                    {nil, "has no certificate"},
		"empty lines":                {[]byte("\n\n \n"), "has no certificate"},
		"a letter":                   {[]byte("Dear customer,"), "not base64"},
		"too long":                   {many, "want at most 1048576"},
		"octet behind":               {behind, "not DER"},
		"octets within":              {within, "structure that signet does not know"},
		"cut":                        {w.signing[:len(w.signing)-1], "not DER"},
		"PEM cut":                    {text[:len(text)-30], "a PEM block is damaged"},
		"PEM changed":                {bytes.Replace(text, []byte("MII"), []byte("M_I"), 1), "a PEM block is damaged"},
		"PEM of nothing":             {pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte("hello")}), "PEM block X: not DER"},
		"request":                    {r.csr, "is a certificate request"},
		"list only":                  {w.crl, "has no certificate"},
		"enveloped key only":         {w.Enveloped, "has no certificate"},
		"private key":                {private, "has a private key"},
		"private key in PEM":         {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "has a private key"},
		"private key behind":         {slices.Concat(w.signing, private), "has a private key"},
		"private key of SEC 1":       {sec1, "has a private key"},
		"private key of PKCS#1":      {pkcs1, "has a private key"},
		"encrypted private key":      {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: sealed}), "has a private key"},
		"other content type":         {bytes.Replace(pkcs7, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05"), 1), "another content type"},
		"PKCS#7 cut":                 {pkcs7[:len(pkcs7)-2], "not DER"},
		"indefinite without an end":  {indefinite(t, pkcs7)[:len(pkcs7)-2], "not DER"},
		"indefinite and octets":      {append(indefinite(t, pkcs7), 0), "behind the end"},
		"indefinite, deep":           {slices.Concat(bytes.Repeat([]byte{0x30, 0x80}, 20), w.signing, make([]byte, 40)), "not DER"},
		"long tag that ends nowhere": {[]byte{0x30, 0x80, 0x1f, 0x80}, "not DER"},
	} {
		a, err := certificate.Read(c.data)
		if !errors.Is(err, certificate.ErrInvalid) || !says(err, c.says) || a.Certificates != nil || a.Attachments != nil {
			t.Errorf("%s: %v, %v, want %q", name, a, err, c.says)
		}
	}
}

func TestReadBoundsThePieces(t *testing.T) {
	r := newRig(t, algo.KeyP256)
	var ders [][]byte
	for range 65 {
		ders = append(ders, r.issue(ca.Order{}))
	}
	if a := r.read(ca.PEM(ders[:64]...)); len(a.Certificates) != 64 {
		t.Errorf("%d certificates", len(a.Certificates))
	}
	if _, err := certificate.Read(ca.PEM(ders...)); !says(err, "more than 64 pieces") {
		t.Errorf("Read = %v", err)
	}
}
