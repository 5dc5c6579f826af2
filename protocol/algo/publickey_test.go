package algo_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"

	"signet/protocol/algo"
)

func TestPublicKeyRoundTrips(t *testing.T) {
	for _, k := range algo.KeyTypes() {
		pub := opensslKey(t, k.String())
		if pub.Type() != k || pub.IsZero() || pub.Key() == nil {
			t.Errorf("%v is read as %v", k, pub.Type())
		}
		again, err := algo.ParsePublicKey(pub.DER())
		if err != nil || !again.Equal(pub) || !bytes.Equal(again.DER(), pub.DER()) {
			t.Errorf("%v: ParsePublicKey(DER()) = %v, %v", k, again.Type(), err)
		}
		same, err := algo.NewPublicKey(pub.Key())
		if err != nil || !same.Equal(pub) {
			t.Errorf("%v: NewPublicKey(Key()): %v", k, err)
		}
		if got := pub.PEM(); !bytes.Equal(got, read(t, "testdata/openssl", k.String()+".pem")) {
			t.Errorf("%v: PEM() is not openssl's:\n%s", k, got)
		}
	}
}

func TestZeroPublicKeyIsNoKey(t *testing.T) {
	var zero algo.PublicKey
	if !zero.IsZero() || zero.Type() != 0 || zero.DER() != nil || zero.Equal(zero) || zero.Equal(exampleKey(t)) || exampleKey(t).Equal(zero) {
		t.Error("the zero value is taken for a key")
	}
}

func TestDifferentKeysAreNotEqual(t *testing.T) {
	if exampleKey(t).Equal(opensslKey(t, "SM2")) {
		t.Error("two SM2 keys are equal")
	}
}

func TestUnsupportedKeysAreRefused(t *testing.T) {
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus := func(bits uint) *big.Int {
		return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits-1), big.NewInt(1))
	}
	for name, key := range map[string]any{
		"P-521":        &p521.PublicKey,
		"X25519":       x25519.PublicKey(),
		"RSA-1024":     &rsa.PublicKey{N: modulus(1024), E: 65537},
		"RSA-2047":     &rsa.PublicKey{N: modulus(2047), E: 65537},
		"RSA-8192":     &rsa.PublicKey{N: modulus(8192), E: 65537},
		"RSA with e=3": &rsa.PublicKey{N: modulus(2048), E: 3},
		"nil":          nil,
		"text":         "key",
	} {
		if pub, err := algo.NewPublicKey(key); err == nil {
			t.Errorf("%s is taken for %v", name, pub.Type())
		}
		if key == nil || name == "text" {
			continue
		}
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if pub, err := algo.ParsePublicKey(der); err == nil {
			t.Errorf("DER of %s is taken for %v", name, pub.Type())
		}
	}
}

// TestOtherEncodingsOfAKeyAreRefused: records of one key must compare equal
// by their bytes.
func TestOtherEncodingsOfAKeyAreRefused(t *testing.T) {
	good := exampleKey(t).DER()
	var spki struct {
		Algorithm struct{ Key, Curve asn1.ObjectIdentifier }
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(good, &spki); err != nil {
		t.Fatal(err)
	}
	change := func(edit func()) []byte {
		saved := spki
		defer func() { spki = saved }()
		edit()
		der, err := asn1.Marshal(spki)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	point := spki.Key.Bytes
	x, y := point[1:33], point[33:]
	off := append([]byte(nil), point...)
	off[64] ^= 1
	compressed := append([]byte{2 + y[31]&1}, x...)
	set := func(b []byte) func() { return func() { spki.Key = asn1.BitString{Bytes: b, BitLength: 8 * len(b)} } }
	for name, der := range map[string][]byte{
		"empty":                 nil,
		"cut":                   good[:len(good)-1],
		"bytes after":           append(append([]byte(nil), good...), 0),
		"BER length":            append([]byte{0x30, 0x81}, good[1:]...),
		"compressed point":      change(set(compressed)),
		"point off the curve":   change(set(off)),
		"point at infinity":     change(set([]byte{0})),
		"coordinates too large": change(set(bytes.Repeat([]byte{0xff}, 65))),
		"SM2 point on P-256":    change(func() { spki.Algorithm.Curve = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7} }),
		"unknown curve":         change(func() { spki.Algorithm.Curve = asn1.ObjectIdentifier{1, 2, 3} }),
		"unknown algorithm":     change(func() { spki.Algorithm.Key = asn1.ObjectIdentifier{1, 2, 3} }),
	} {
		if pub, err := algo.ParsePublicKey(der); err == nil {
			t.Errorf("%s: accepted as %v", name, pub.Type())
		}
	}
	if !bytes.Equal(change(func() {}), good) {
		t.Error("the unchanged key is not the good one: this test changes more than it says")
	}
}

func TestPEMIsOneBlockAndNothingElse(t *testing.T) {
	good := string(exampleKey(t).PEM())
	for name, text := range map[string]string{
		"empty":         "",
		"DER":           string(exampleKey(t).DER()),
		"two blocks":    good + good,
		"text after":    good + "x",
		"another block": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"not a key":     "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
	} {
		if _, err := algo.ParsePublicKeyPEM([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := algo.ParsePublicKeyPEM([]byte(good + "\n \n")); err != nil {
		t.Errorf("white space after the block: %v", err)
	}
}
