package backup

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"crypto/x509/pkix"

	"filippo.io/age"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// A holder is somebody who can open what is encrypted to him.
type holder struct {
	Recipient
	Identity
	text, key string // as ParseRecipient and ParseIdentity read them
	cert      *smx509.Certificate
	private   *sm2.PrivateKey
}

func ageHolder(t testing.TB) holder {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return newHolder(t, holder{text: id.Recipient().String(), key: "# made for a test\n" + id.String() + "\n"})
}

// gmHolder has a certificate of that usage, 0 for none.
func gmHolder(t testing.TB, name string, usage smx509.KeyUsage) holder {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := certify(t, name, usage, key.Public(), key)
	der, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return newHolder(t, holder{text: pemOf("CERTIFICATE", cert.Raw), key: pemOf("PRIVATE KEY", der), cert: cert, private: key})
}

// certify has signer, any private key, sign a certificate.
func certify(t testing.TB, name string, usage smx509.KeyUsage, public, signer any) *smx509.Certificate {
	t.Helper()
	template := &smx509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, KeyUsage: usage,
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := smx509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newHolder(t testing.TB, h holder) holder {
	t.Helper()
	var err error
	if h.Recipient, err = ParseRecipient(h.text); err != nil {
		t.Fatal(err)
	}
	cert := h.text
	if h.cert == nil {
		cert = ""
	}
	if h.Identity, err = ParseIdentity([]byte(h.key), []byte(cert), nil); err != nil {
		t.Fatal(err)
	}
	return h
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// holders is one of each scheme.
func holders(t testing.TB) map[string]holder {
	t.Helper()
	return map[string]holder{SchemeAge: ageHolder(t), SchemeGM: gmHolder(t, "backup", smx509.KeyUsageKeyEncipherment)}
}

var testHeader = Header{
	Appliance: strings.Repeat("0123456789abcdef", 4), Name: "seal-a.example.org", Schema: 1, Size: 3,
	Root: strings.Repeat("fedcba9876543210", 4), Created: "2026-11-22T10:51:00Z",
}

// write makes a backup of the records.
func write(t testing.TB, records []Record, to ...Recipient) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, testHeader, to)
	if err != nil {
		t.Fatal(err)
	}
	encode(t, w, records)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func encode(t testing.TB, w io.Writer, records []Record) {
	t.Helper()
	e, err := NewEncoder(w, testHeader)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := e.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// read reads a backup to its end.
func read(file io.Reader, id Identity) (Header, []Record, error) {
	h, in, err := NewReader(file, id)
	if err != nil {
		return Header{}, nil, err
	}
	records, err := decode(in, h)
	return h, records, err
}

func decode(in io.Reader, h Header) ([]Record, error) {
	var records []Record
	for d := NewDecoder(in, h); ; {
		r, err := d.Next()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
}

// someRecords are n records of 100 bytes of value.
func someRecords(n int) []Record {
	records := make([]Record, n)
	for i := range records {
		records[i] = Record{Bucket: "ev", Key: fmt.Appendf(nil, "%08d", i), Value: bytes.Repeat([]byte{byte(i)}, 100)}
	}
	return records
}
