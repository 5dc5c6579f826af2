package algo_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"signet/protocol/algo"
)

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// opensslKey is the public key of testdata/openssl of that type.
func opensslKey(t testing.TB, typ string) algo.PublicKey {
	t.Helper()
	pub, err := algo.ParsePublicKeyPEM(read(t, "testdata/openssl", typ+".pem"))
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	return pub
}

func TestVerifyTakesWhatOpensslSigned(t *testing.T) {
	message := read(t, "testdata/openssl/message")
	seen := 0
	for _, a := range algo.All() {
		for _, k := range algo.KeyTypes() {
			if !a.Fits(k) {
				continue
			}
			seen++
			pub := opensslKey(t, k.String())
			sig := read(t, "testdata/openssl", a.String()+"."+k.String()+".sig")
			tbs, err := algo.ToBeSigned(a, pub, message)
			if err != nil {
				t.Fatalf("ToBeSigned(%v, %v): %v", a, k, err)
			}
			if err := pub.Verify(a, tbs, sig); err != nil {
				t.Errorf("%v with %v: %v", a, k, err)
			}
			changesAreSeen(t, pub, a, tbs, sig)
		}
	}
	if seen != 22 {
		t.Errorf("%d pairs of algorithm and key, want 22", seen)
	}
}

// changesAreSeen changes one bit of each byte of sig, and of what is signed.
func changesAreSeen(t *testing.T, pub algo.PublicKey, a algo.Algorithm, tbs, sig []byte) {
	t.Helper()
	step := max(1, len(sig)/16)
	for i := 0; i < len(sig); i += step {
		bad := append([]byte(nil), sig...)
		bad[i] ^= 1
		if err := pub.Verify(a, tbs, bad); !errors.Is(err, algo.ErrSignature) {
			t.Errorf("%v: signature with byte %d changed: %v", a, i, err)
		}
	}
	other := append([]byte(nil), tbs...)
	other[0] ^= 1
	for name, pair := range map[string][2][]byte{
		"other value":     {other, sig},
		"longer":          {tbs, append(append([]byte(nil), sig...), 0)},
		"shorter":         {tbs, sig[:len(sig)-1]},
		"empty":           {tbs, nil},
		"value too short": {tbs[1:], sig},
	} {
		if err := pub.Verify(a, pair[0], pair[1]); !errors.Is(err, algo.ErrSignature) {
			t.Errorf("%v: %s: %v, want ErrSignature", a, name, err)
		}
	}
}

func TestVerifyRefusesWhatOpensslSignedOtherwise(t *testing.T) {
	files, err := filepath.Glob("testdata/openssl/refused.*.sig")
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v, want 2", len(files), err)
	}
	for _, file := range files {
		part := strings.Split(filepath.Base(file), ".")
		a, err := algo.Parse(part[1])
		if err != nil {
			t.Fatal(err)
		}
		pub := opensslKey(t, part[2])
		tbs, err := algo.ToBeSigned(a, pub, read(t, "testdata/openssl/message"))
		if err != nil {
			t.Fatal(err)
		}
		if err := pub.Verify(a, tbs, read(t, file)); !errors.Is(err, algo.ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", file, err)
		}
	}
}

// TestSignaturesOfOneAlgorithmAreNotAnothers: PKCS1 and PSS share keys and
// digest sizes.
func TestSignaturesOfOneAlgorithmAreNotAnothers(t *testing.T) {
	pub := opensslKey(t, "RSA-2048")
	for _, a := range algo.For(algo.KeyRSA2048) {
		sig := read(t, "testdata/openssl", a.String()+".RSA-2048.sig")
		for _, b := range algo.For(algo.KeyRSA2048) {
			tbs, err := algo.ToBeSigned(b, pub, read(t, "testdata/openssl/message"))
			if err != nil {
				t.Fatal(err)
			}
			if err := pub.Verify(b, tbs, sig); (err == nil) != (a == b) {
				t.Errorf("signature of %v as %v: %v", a, b, err)
			}
		}
	}
}

func TestWrongPairOfAlgorithmAndKeyIsErrKey(t *testing.T) {
	keys := []algo.PublicKey{{}}
	for _, k := range algo.KeyTypes() {
		keys = append(keys, opensslKey(t, k.String()))
	}
	for _, pub := range keys {
		for a := algo.Algorithm(0); a < 13; a++ {
			if a.Fits(pub.Type()) {
				continue
			}
			if err := pub.Verify(a, make([]byte, 32), make([]byte, 64)); !errors.Is(err, algo.ErrKey) {
				t.Errorf("Verify(%v) with %v = %v, want ErrKey", a, pub.Type(), err)
			}
			if _, err := algo.ToBeSigned(a, pub, []byte("m")); !errors.Is(err, algo.ErrKey) {
				t.Errorf("ToBeSigned(%v) with %v = %v, want ErrKey", a, pub.Type(), err)
			}
			if _, err := algo.Encode(a, pub.Type(), algo.FormatAuto, make([]byte, 64)); !errors.Is(err, algo.ErrKey) {
				t.Errorf("Encode(%v, %v) = %v, want ErrKey", a, pub.Type(), err)
			}
		}
		if _, err := algo.SM2E(pub, []byte("m")); (err == nil) != (pub.Type() == algo.KeySM2) {
			t.Errorf("SM2E with %v: %v", pub.Type(), err)
		}
	}
}

// A signature of the wrong curve has the right form and length.
func TestKeysOfOtherCurvesAreToldApart(t *testing.T) {
	e := unhex(t, exampleE)
	for name, pub := range map[string]algo.PublicKey{
		"P-256 as SM2":    opensslKey(t, "EC-P256"),
		"another SM2 key": opensslKey(t, "SM2"),
	} {
		if err := pub.Verify(algo.SM2SM3, e, exampleSignature(t)); err == nil {
			t.Errorf("%s: verifies", name)
		}
	}
	if err := exampleKey(t).Verify(algo.ECDSAP256SHA256, e, exampleSignature(t)); !errors.Is(err, algo.ErrKey) {
		t.Errorf("SM2 key as P-256: %v, want ErrKey", err)
	}
}

// signers are fresh key pairs of the standard library and gmsm.
var signers = sync.OnceValues(func() (map[algo.KeyType]crypto.Signer, error) {
	keys := make(map[algo.KeyType]crypto.Signer)
	var errs []error
	add := func(k algo.KeyType, s crypto.Signer, err error) { keys[k], errs = s, append(errs, err) }
	sm, err := sm2.GenerateKey(rand.Reader)
	add(algo.KeySM2, sm, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	add(algo.KeyP256, p256, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	add(algo.KeyP384, p384, err)
	r2048, err := rsa.GenerateKey(rand.Reader, 2048)
	add(algo.KeyRSA2048, r2048, err)
	r3072, err := rsa.GenerateKey(rand.Reader, 3072)
	add(algo.KeyRSA3072, r3072, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	add(algo.KeyEd25519, ed, err)
	return keys, errors.Join(errs...)
})

var hashes = map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}

// options are what crypto.Signer wants for a; SM2 signs e as it is.
func options(a algo.Algorithm) crypto.SignerOpts {
	switch {
	case a == algo.SM2SM3 || a == algo.Ed25519:
		return crypto.Hash(0)
	case strings.Contains(a.String(), "PSS"):
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hashes[a.DigestSize()]}
	}
	return hashes[a.DigestSize()]
}

// TestStandardSignersRoundTrip: ToBeSigned, a signer, Encode and Verify fit
// together for every algorithm, as they do with an HSM between them.
func TestStandardSignersRoundTrip(t *testing.T) {
	keys, err := signers()
	if err != nil {
		t.Fatal(err)
	}
	for k, signer := range keys {
		pub := wrap(t, signer.Public())
		if pub.Type() != k {
			t.Errorf("key of type %v is taken for %v", k, pub.Type())
		}
		for _, a := range algo.For(k) {
			tbs, err := algo.ToBeSigned(a, pub, []byte("signed here"))
			if err != nil {
				t.Fatal(err)
			}
			sig, err := signer.Sign(rand.Reader, tbs, options(a))
			if err != nil {
				t.Fatalf("%v: %v", a, err)
			}
			encoded, err := algo.Encode(a, k, algo.FormatAuto, sig)
			if err != nil || string(encoded) != string(sig) {
				t.Errorf("Encode(%v) changes a strict signature: %x, %v", a, encoded, err)
			}
			if err := pub.Verify(a, tbs, encoded); err != nil {
				t.Errorf("%v with %v: %v", a, k, err)
			}
		}
	}
}
