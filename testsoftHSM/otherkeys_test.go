package testsofthsm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/miekg/pkcs11"
)

// Keys that SoftHSM2 does by itself.
var (
	p256OID    = []byte{0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07}
	ed25519OID = []byte{0x06, 0x03, 0x2B, 0x65, 0x70}
)

func verifyP256(digest []byte) func(*testing.T, []byte, []byte) bool {
	return func(t *testing.T, point, sig []byte) bool {
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		return ecdsa.VerifyASN1(pub, digest, rawToDER(t, sig))
	}
}

func verifyEd25519(message []byte) func(*testing.T, []byte, []byte) bool {
	return func(_ *testing.T, point, sig []byte) bool {
		return ed25519.Verify(point, message, sig)
	}
}

func (d *device) generateRSA() pair {
	d.t.Helper()
	pub, priv, err := d.GenerateKeyPair(d.s, mech(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 2048),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		})
	d.must(err)
	return pair{pub, priv}
}

func (d *device) verifyRSA(o pkcs11.ObjectHandle, message, sig []byte) bool {
	d.t.Helper()
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(d.mustAttribute(o, pkcs11.CKA_MODULUS)), E: 65537}
	digest := sha256.Sum256(message)
	return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], sig) == nil
}
