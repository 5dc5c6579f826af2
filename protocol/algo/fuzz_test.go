package algo_test

import (
	"bytes"
	"testing"

	"signet/protocol/algo"
)

// FuzzEncode: no answer of a module panics; what is accepted is strict, so
// that encoding it again changes nothing, and stays within 2 octets of sign
// and padding of the curve's size.
func FuzzEncode(f *testing.F) {
	f.Fuzz(func(t *testing.T, a, k, format uint8, answer []byte) {
		alg, typ := algo.Algorithm(a), algo.KeyType(k)
		sig, err := algo.Encode(alg, typ, algo.Format(format), answer)
		if err != nil {
			return
		}
		if !alg.Fits(typ) {
			t.Fatalf("%v with %v accepted", alg, typ)
		}
		again, err := algo.Encode(alg, typ, strictForm(typ), sig)
		if err != nil || !bytes.Equal(again, sig) {
			t.Fatalf("encoding %x again: %x, %v", sig, again, err)
		}
		if strictForm(typ) == algo.FormatDER && (sig[0] != 0x30 || int(sig[1]) != len(sig)-2 || len(sig) > 8+2*48) {
			t.Fatalf("not strict DER: %x", sig)
		}
	})
}

func strictForm(k algo.KeyType) algo.Format {
	if k == algo.KeySM2 || k == algo.KeyP256 || k == algo.KeyP384 {
		return algo.FormatDER
	}
	return algo.FormatAuto
}

// FuzzParsePublicKey: what is accepted is written back the same, and its use
// panics with no algorithm.
func FuzzParsePublicKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, der []byte) {
		pub, err := algo.ParsePublicKey(der)
		if err != nil {
			if !pub.IsZero() {
				t.Error("a refused key is not the zero value")
			}
			return
		}
		if !bytes.Equal(pub.DER(), der) {
			t.Fatalf("accepted %x, writes %x", der, pub.DER())
		}
		again, err := algo.ParsePublicKeyPEM(pub.PEM())
		if err != nil || !again.Equal(pub) {
			t.Fatalf("PEM does not come back: %v", err)
		}
		for _, a := range algo.For(pub.Type()) {
			tbs, err := algo.ToBeSigned(a, pub, der)
			if err != nil {
				t.Fatal(err)
			}
			if pub.Verify(a, tbs, der) == nil {
				t.Fatalf("the key's own encoding is a signature of it")
			}
		}
	})
}

// FuzzVerify: no signature panics, and none but the published one verifies.
func FuzzVerify(f *testing.F) {
	f.Fuzz(func(t *testing.T, sig []byte) {
		pub := exampleKey(t)
		if pub.Verify(algo.SM2SM3, unhex(t, exampleE), sig) == nil && !bytes.Equal(sig, exampleSignature(t)) {
			t.Fatalf("another signature verifies: %x", sig)
		}
	})
}
