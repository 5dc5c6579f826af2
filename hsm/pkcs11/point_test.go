package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The base points of the curves, from GM/T 0003.5 and FIPS 186-4 D.1.2.
const (
	baseSM2  = "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
	baseP256 = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)

func TestPointsAreReadInEveryForm(t *testing.T) {
	octet, raw, xy := unhex(t, "044104"+baseSM2), unhex(t, "04"+baseSM2), unhex(t, baseSM2)
	for _, c := range []struct {
		name string
		v    []byte
		form hsm.PointForm
		ok   bool
	}{
		{"octet as octet", octet, hsm.PointOctet, true},
		{"octet as any", octet, hsm.PointAuto, true},
		{"octet as raw", octet, hsm.PointRaw, false},
		{"raw as raw", raw, hsm.PointRaw, true},
		{"raw as any", raw, hsm.PointAuto, true},
		{"raw as octet", raw, hsm.PointOctet, false},
		{"xy as xy", xy, hsm.PointXY, true},
		{"xy as any", xy, hsm.PointAuto, true},
		{"xy as raw", xy, hsm.PointRaw, false},
		{"compressed", append([]byte{2}, xy[:32]...), hsm.PointAuto, false},
		{"compressed in octets", append([]byte{4, 33, 2}, xy[:32]...), hsm.PointAuto, false},
		{"octet and more", append(octet, 0), hsm.PointAuto, false},
		{"long form of the length", unhex(t, "04814104"+baseSM2), hsm.PointAuto, false},
		{"cut", octet[:66], hsm.PointAuto, false},
		{"none", nil, hsm.PointAuto, false},
		{"not on the curve", append(bytes.Clone(raw[:64]), raw[64]^1), hsm.PointAuto, false},
		{"point of another curve", unhex(t, "04"+baseP256), hsm.PointAuto, false},
		{"nought", make([]byte, 64), hsm.PointAuto, false},
	} {
		key, err := parseEC(algo.KeySM2, c.v, c.form)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && key.Type() != algo.KeySM2 {
			t.Errorf("%s: key of type %v", c.name, key.Type())
		}
	}
}

func TestCurveIsToldFromTypeAndParameters(t *testing.T) {
	vendor := hsm.SM2Profile{KeyType: 0x80000004}
	generic := hsm.SM2Profile{KeyType: p11.CKK_EC}
	for _, c := range []struct {
		name   string
		sm2    hsm.SM2Profile
		kind   uint
		params []byte
		want   algo.KeyType // 0: refused
	}{
		{"vendor's type", vendor, 0x80000004, paramsSM2, algo.KeySM2},
		{"vendor's type without parameters", vendor, 0x80000004, nil, algo.KeySM2},
		{"vendor's type on another curve", vendor, 0x80000004, paramsP256, 0},
		{"SM2 curve as CKK_EC, vendor's type wanted", vendor, p11.CKK_EC, paramsSM2, 0},
		{"SM2 curve as CKK_EC, profile says so", generic, p11.CKK_EC, paramsSM2, algo.KeySM2},
		{"SM2 curve without a profile", hsm.SM2Profile{}, p11.CKK_EC, paramsSM2, 0},
		{"CKK_EC without parameters", generic, p11.CKK_EC, nil, 0},
		{"P-256 beside SM2 as CKK_EC", generic, p11.CKK_EC, paramsP256, algo.KeyP256},
		{"P-384", vendor, p11.CKK_EC, paramsP384, algo.KeyP384},
		{"Ed25519 by name", vendor, ckkEdwards, paramsEd25519, algo.KeyEd25519},
		{"Ed25519 by OID", vendor, ckkEdwards, paramsEd25519OID, algo.KeyEd25519},
		{"no profile and type 0", hsm.SM2Profile{}, 0, nil, 0},
	} {
		got, err := curve(c.sm2, c.kind, c.params)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s: %v, %v: want %v", c.name, got, err, c.want)
		}
	}
}

// Whatever a token answers for a public key, reading it does not panic, and
// what is accepted is a point of the curve.
func FuzzPublicKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, v []byte) {
		for _, typ := range []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyP384} {
			for form := hsm.PointAuto; form <= hsm.PointXY; form++ {
				key, err := parseEC(typ, v, form)
				if err != nil {
					continue
				}
				if _, err := algo.ParsePublicKey(key.DER()); err != nil {
					t.Errorf("%v from %x: %v", typ, v, err)
				}
			}
		}
		parseEdwards(v)
		parseRSA(v, []byte{1, 0, 1})
		parseRSA([]byte{1}, v)
		parseNumber(v)
		parseFlag(v)
	})
}

// The seeds are checked in; this keeps them honest: those named good are
// accepted by one of the types, those named bad by none.
func TestP256BasePointIsAccepted(t *testing.T) {
	key, err := parseEC(algo.KeyP256, unhex(t, "044104"+baseP256), hsm.PointAuto)
	if err != nil {
		t.Fatal(err)
	}
	ec, ok := key.Key().(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P256() {
		t.Errorf("key %T on another curve", key.Key())
	}
}
