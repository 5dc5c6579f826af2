package testsofthsm_test

import (
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

func TestFaultReturnsItsCode(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	p256 := d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID)
	pubT, privT := sm2Templates("b")
	for function, call := range map[string]func() error{
		"C_OpenSession": func() error {
			_, err := d.OpenSession(d.slot, pkcs11.CKF_SERIAL_SESSION)
			return err
		},
		"C_Login":    func() error { return d.Login(d.s, pkcs11.CKU_USER, k.PIN) },
		"C_SignInit": func() error { return d.SignInit(d.s, mech(ckmRaw), key.priv) },
		"C_Sign": func() error {
			s := d.session()
			defer d.CloseSession(s)
			_, err := d.signIn(s, ckmRaw, key.priv, make([]byte, 32))
			return err
		},
		"C_GenerateKeyPair": func() error {
			_, _, err := d.GenerateKeyPair(d.s, mech(ckmKeygen), pubT, privT)
			return err
		},
		"C_FindObjectsInit": func() error { return d.FindObjectsInit(d.s, nil) },
		"C_GetTokenInfo": func() error {
			_, err := d.GetTokenInfo(d.slot)
			return err
		},
		"C_GenerateRandom": func() error {
			_, err := d.GenerateRandom(d.s, 8)
			return err
		},
		"C_GetAttributeValue": func() error {
			_, err := d.attribute(key.priv, pkcs11.CKA_ID)
			return err
		},
		"C_DestroyObject":  func() error { return d.DestroyObject(d.s, p256.priv) },
		"C_GetSessionInfo": func() error { _, err := d.GetSessionInfo(d.s); return err },
		"C_GetSlotList":    func() error { _, err := d.GetSlotList(true); return err },
		"C_CloseSession":   func() error { return d.CloseSession(d.s) },
	} {
		t.Run(function, func(t *testing.T) {
			k.Control(t, function+"=0x30")
			wantCKR(t, function, call(), pkcs11.CKR_DEVICE_ERROR)
			k.Control(t, function+"=224")
			wantCKR(t, function, call(), pkcs11.CKR_TOKEN_NOT_PRESENT)
		})
	}
}

func TestInitialiseCanFail(t *testing.T) {
	k := testsofthsm.New(t)
	k.Control(t, "C_Initialize=0x30*1")
	ctx := pkcs11.New(k.Shim)
	defer ctx.Destroy()
	wantCKR(t, "first C_Initialize", ctx.Initialize(), pkcs11.CKR_DEVICE_ERROR)
	wantCKR(t, "second C_Initialize", ctx.Initialize(), pkcs11.CKR_OK)
	wantCKR(t, "C_Finalize", ctx.Finalize(), pkcs11.CKR_OK)
}

func TestRateSaysWhichCallsAreStruck(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	for _, c := range []struct {
		rate string
		want []int // which of nine calls fail
	}{
		{"", []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"*1", []int{1}},
		{"*3", []int{1, 2, 3}},
		{":1/1", []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{":1/4", []int{4, 8}},
		{":1/10", nil},
	} {
		k.Control(t, "C_GenerateRandom=0x30"+c.rate)
		var got []int
		for call := 1; call <= 9; call++ {
			if _, err := d.GenerateRandom(d.s, 8); err != nil {
				got = append(got, call)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("rate %q strikes calls %v, want %v", c.rate, got, c.want)
		}
	}
}

// A host may recover by C_Finalize and C_Initialize; the count goes on.
func TestRateOutlivesInitialisation(t *testing.T) {
	k := testsofthsm.New(t)
	k.Control(t, "C_GetSlotList=0x30*2")
	ctx := pkcs11.New(k.Shim)
	defer ctx.Destroy()
	for call, want := range []uint{pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_OK} {
		wantCKR(t, "C_Initialize", ctx.Initialize(), pkcs11.CKR_OK)
		_, err := ctx.GetSlotList(true)
		wantCKR(t, fmt.Sprintf("call %d", call+1), err, want)
		wantCKR(t, "C_Finalize", ctx.Finalize(), pkcs11.CKR_OK)
	}
}

// miekg/pkcs11 calls C_Sign twice for each signature.
func TestFaultOfSignCountsSignatures(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	k.Control(t, "C_Sign=0x30:1/2")
	for i := 1; i <= 6; i++ {
		s := d.session()
		_, err := d.signIn(s, ckmRaw, key.priv, make([]byte, 32))
		d.must(d.CloseSession(s))
		if struck := i%2 == 0; (err != nil) != struck {
			t.Errorf("signature %d: error %v, want one: %t", i, err, struck)
		}
	}
}

// One of two calls hangs, whichever comes first; the other session signs on.
func TestHungCallLeavesOthersAloneUntilReleased(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	pub := d.sm2Public(key.pub)
	k.Control(t, "C_Sign=hang*1")
	ended := make(chan error, 2)
	for range 2 {
		s := d.session()
		go func() { ended <- signMany(d, s, key.priv, pub, 1) }()
	}
	d.must(receive(t, "the call that does not hang", ended))
	d.must(signMany(d, d.session(), key.priv, pub, 20))
	select {
	case err := <-ended:
		t.Fatalf("the hung call returned before it was released: %v", err)
	default:
	}
	k.Control(t, "C_Login=0x30")       // any version that no longer says hang
	_, err := d.GenerateRandom(d.s, 1) // reads it, most likely before the hung call does
	d.must(err)
	d.must(receive(t, "the released call", ended))
}

func receive(t *testing.T, what string, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatalf("%s has not returned", what)
		return nil
	}
}

func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

func TestDelayedCallStillSucceeds(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	for line, least := range map[string]time.Duration{
		"C_GenerateRandom=delay:50ms":    50 * time.Millisecond,
		"C_GenerateRandom=delay:20000us": 20 * time.Millisecond,
	} {
		k.Control(t, line)
		start := time.Now()
		_, err := d.GenerateRandom(d.s, 8)
		d.must(err)
		if took := time.Since(start); took < least {
			t.Errorf("%s: took %v", line, took)
		}
	}
}

func TestOneSignatureInNIsWrong(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	e := randomE(t)
	sm2Key, p256, rsa := d.generateSM2("a"), d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID), d.generateRSA()
	pub := d.sm2Public(sm2Key.pub)
	var p256Point []byte
	_, err := asn1.Unmarshal(d.mustAttribute(p256.pub, pkcs11.CKA_EC_POINT), &p256Point)
	d.must(err)
	verifiesP256 := verifyP256(e)

	for name, verifies := range map[string]func() bool{
		"SM2 DER": func() bool { return sm2.VerifyASN1(pub, e, d.mustSign(ckmDER, sm2Key.priv, e)) },
		"SM2 raw": func() bool { return sm2.VerifyASN1(pub, e, rawToDER(t, d.mustSign(ckmRaw, sm2Key.priv, e))) },
		"P-256":   func() bool { return verifiesP256(t, p256Point, d.mustSign(pkcs11.CKM_ECDSA, p256.priv, e)) },
		"RSA":     func() bool { return d.verifyRSA(rsa.pub, e, d.mustSign(pkcs11.CKM_SHA256_RSA_PKCS, rsa.priv, e)) },
	} {
		t.Run(name, func(t *testing.T) {
			k.Control(t, "sign=wrong:1/5")
			for i := 1; i <= 15; i++ {
				if got, want := verifies(), i%5 != 0; got != want {
					t.Errorf("signature %d: verifies %t, want %t", i, got, want)
				}
			}
		})
	}
}

// The malformed form is Sansec's: right values, INTEGERs without the zero that
// keeps them positive. A strict reader refuses every one of them.
func TestMalformedDERIsRightOnlyForALenientReader(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	pub := d.sm2Public(key.pub)
	k.Control(t, "sign=malformed-der")
	for range 30 {
		e := randomE(t)
		sig := d.mustSign(ckmDER, key.priv, e)
		if sm2.VerifyASN1(pub, e, sig) {
			t.Fatalf("strict reader accepts %x", sig)
		}
		if raw := unsignedIntegers(t, sig); !sm2.VerifyASN1(pub, e, rawToDER(t, raw)) {
			t.Fatalf("values of %x do not verify", sig)
		}
	}
}

// unsignedIntegers reads r‖s, taking the INTEGERs' contents as unsigned.
func unsignedIntegers(t *testing.T, sig []byte) []byte {
	t.Helper()
	var rs struct{ R, S asn1.RawValue }
	if rest, err := asn1.Unmarshal(sig, &rs); err != nil || len(rest) != 0 {
		t.Fatalf("%x is not a SEQUENCE of two values: %v", sig, err)
	}
	raw := make([]byte, 64)
	new(big.Int).SetBytes(rs.R.Bytes).FillBytes(raw[:32])
	new(big.Int).SetBytes(rs.S.Bytes).FillBytes(raw[32:])
	return raw
}

func TestTruncatedSignatureIsShort(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	k.Control(t, "sign=truncated")
	if sig := d.mustSign(ckmRaw, key.priv, make([]byte, 32)); len(sig) != 63 {
		t.Errorf("raw signature of %d bytes, want 63", len(sig))
	}
}

// A control line that is not understood must not pass for a fault that was
// injected, so nothing works until it is mended.
func TestControlFileMistakesFailEveryCall(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	for _, line := range []string{
		"C_Sing=0x30", "c_sign=0x30", "C_Sign", "C_Sign=", "C_Sign=0", "C_Sign=0x", "C_Sign=-1", "C_Sign=0x30 ", " C_Sign=0x30",
		"C_Sign=99999999999999999999999", "C_Sign=0x30*0", "C_Sign=0x30*", "C_Sign=0x30:1/0", "C_Sign=0x30:2/3", "C_Sign=0x30*1:1/2",
		"C_Sign=Hang", "C_Sign=delay", "C_Sign=delay:", "C_Sign=delay:50", "C_Sign=delay:50min", "C_Sign=delay:-1s", "C_Sign=delay:3601s",
		"C_GetFunctionList=0x30", "sign=", "sign=right", "sign=no-za", "sign=wrong:1/", "random=", "random=good", "random=constant*1", "lie=", "lie=nothing", "lie=wrap*1",
		"profile.=1", "profile.key_type=", "profile.key_type=x", "profile.ec_point=der", "profile.private_ec_point=1", "=", "=x",
		"C_Sign=0x30\r", "pin.count=3", "x\ty",
	} {
		k.Control(t, "# first", line)
		_, err := d.GenerateRandom(d.s, 8)
		wantCKR(t, fmt.Sprintf("line %q", line), err, pkcs11.CKR_GENERAL_ERROR)
	}
	for _, lines := range [][]string{
		{"C_Sign=0x30", "C_Sign=0x31"}, {"sign=wrong", "sign=truncated"}, {"random=repeat", "random=repeat"}, {"profile.keygen=1", "profile.keygen=2"},
	} {
		k.Control(t, lines...)
		_, err := d.GenerateRandom(d.s, 8)
		wantCKR(t, fmt.Sprintf("lines %q", lines), err, pkcs11.CKR_GENERAL_ERROR)
	}
	k.Control(t, "# only a comment", "")
	_, err := d.GenerateRandom(d.s, 8)
	wantCKR(t, "after mending", err, pkcs11.CKR_OK)
}
