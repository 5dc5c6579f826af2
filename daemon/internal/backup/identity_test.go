package backup

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

func TestParseRecipient(t *testing.T) {
	one, gm := ageHolder(t), gmHolder(t, "backup", smx509.KeyUsageDataEncipherment)
	if one.GM() || !gm.GM() || (Recipient{}).GM() {
		t.Error("GM is true of SM2 certificates alone")
	}
	if one.Recipient.String() != one.text || !strings.Contains(gm.Recipient.String(), "CN=backup") || (Recipient{}).String() != "nobody" {
		t.Errorf("String = %v, %v", one.Recipient, gm.Recipient)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	cert := func(usage smx509.KeyUsage, public, signer any) string {
		return pemOf("CERTIFICATE", certify(t, "backup", usage, public, signer).Raw)
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"words":             "somebody",
		"a secret key":      strings.Split(one.key, "\n")[1],
		"age with a typo":   one.text[:len(one.text)-1] + "q",
		"age cut off":       one.text[:30],
		"age of two":        one.text + "\n" + one.text,
		"hybrid age":        hybrid.Recipient().String(),
		"ssh":               "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"P-256":             cert(0, p256.Public(), p256),
		"RSA":               cert(0, rsaKey.Public(), rsaKey),
		"SM2 signed by RSA": cert(0, gm.private.Public(), rsaKey),
		"signing only":      cert(smx509.KeyUsageDigitalSignature, gm.private.Public(), gm.private),
		"CA":                cert(smx509.KeyUsageCertSign|smx509.KeyUsageCRLSign, gm.private.Public(), gm.private),
		"two certificates":  gm.text + gm.text,
		"a private key":     gm.key,
		"not a certificate": pemOf("CERTIFICATE", []byte("nonsense")),
		"PEM cut off":       gm.text[:len(gm.text)/2],
	} {
		r, err := ParseRecipient(text)
		if err == nil || r != (Recipient{}) {
			t.Errorf("%s: %v, %v, want an error and nobody", name, r, err)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET-KEY-1") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestParseIdentity(t *testing.T) {
	gm, other, one := gmHolder(t, "backup", 0), gmHolder(t, "other", 0), ageHolder(t)
	encrypted, err := pkcs8.MarshalPrivateKey(gm.private, []byte("correct horse"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	otherKind, err := smx509.MarshalPKCS8PrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	locked := pemOf("ENCRYPTED PRIVATE KEY", encrypted)
	say := func(word string) func() ([]byte, error) {
		return func() ([]byte, error) { return []byte(word), nil }
	}
	for name, c := range map[string]struct {
		file, cert string
		ask        func() ([]byte, error)
		ok         bool
	}{
		"age":                   {one.key, "", nil, true},
		"SM2":                   {gm.key, gm.text, nil, true},
		"encrypted":             {locked, gm.text, say("correct horse"), true},
		"wrong passphrase":      {locked, gm.text, say("wrong"), false},
		"empty passphrase":      {locked, gm.text, say(""), false},
		"nobody to ask":         {locked, gm.text, nil, false},
		"asking failed":         {locked, gm.text, func() ([]byte, error) { return nil, errors.New("no terminal") }, false},
		"no certificate":        {gm.key, "", nil, false},
		"certificate of others": {gm.key, other.text, nil, false},
		"P-256 key":             {pemOf("PRIVATE KEY", otherKind), gm.text, nil, false},
		"SEC 1 block":           {pemOf("EC PRIVATE KEY", []byte{0x30, 0}), gm.text, nil, false},
		"a certificate":         {gm.text, gm.text, nil, false},
		"damaged key":           {pemOf("PRIVATE KEY", []byte{0x30, 0}), gm.text, nil, false},
		"age and certificate":   {one.key, gm.text, nil, false},
		"nothing":               {"", "", nil, false},
		"an age recipient":      {one.text, "", nil, false},
	} {
		id, err := ParseIdentity([]byte(c.file), []byte(c.cert), c.ask)
		if (err == nil) != c.ok || (id.secret != nil) != c.ok {
			t.Errorf("%s: %v, want ok %v", name, err, c.ok)
		}
	}
}

func TestPassphraseIsWiped(t *testing.T) {
	gm := gmHolder(t, "backup", 0)
	encrypted, err := pkcs8.MarshalPrivateKey(gm.private, []byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := []byte("secret")
	if _, err := ParseIdentity([]byte(pemOf("ENCRYPTED PRIVATE KEY", encrypted)), []byte(gm.text), func() ([]byte, error) { return answer, nil }); err != nil {
		t.Fatal(err)
	}
	if string(answer) != "\x00\x00\x00\x00\x00\x00" {
		t.Errorf("the passphrase is still %q", answer)
	}
}

// Keys that people make with openssl are read.
func TestKeysOfOpensslAreRead(t *testing.T) {
	dir := t.TempDir()
	plain, locked, cert := filepath.Join(dir, "key.pem"), filepath.Join(dir, "locked.pem"), filepath.Join(dir, "cert.pem")
	for _, args := range [][]string{
		{"genpkey", "-algorithm", "SM2", "-out", plain},
		{"pkcs8", "-topk8", "-in", plain, "-out", locked, "-v2", "aes-256-cbc", "-passout", "pass:correct horse"},
		{"req", "-new", "-x509", "-key", plain, "-out", cert, "-subj", "/CN=backup", "-sm3", "-days", "3650",
			"-sigopt", "distid:1234567812345678", "-addext", "keyUsage=keyEncipherment"},
	} {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseRecipient(string(text)); err != nil {
		t.Errorf("ParseRecipient: %v", err)
	}
	for _, path := range []string{plain, locked} {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		id, err := ParseIdentity(file, text, func() ([]byte, error) { return []byte("correct horse"), nil })
		if err != nil || !sm2.IsSM2PublicKey(id.secret.key.Public()) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}
