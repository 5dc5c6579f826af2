package testsofthsm_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

func TestSM2SignaturesVerify(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	pub := d.sm2Public(key.pub)
	for range 50 {
		e := randomE(t)
		if sig := rawToDER(t, d.mustSign(ckmRaw, key.priv, e)); !sm2.VerifyASN1(pub, e, sig) {
			t.Fatalf("raw form: %x does not verify", sig)
		}
		if sig := d.mustSign(ckmDER, key.priv, e); !sm2.VerifyASN1(pub, e, sig) {
			t.Fatalf("DER form: %x does not verify", sig)
		}
	}
}

// OpenSSL is the judge from outside, with e computed from message and ZA.
func TestOpenSSLAcceptsSM2Signature(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	pub := d.sm2Public(key.pub)
	message := []byte("stamp me")
	e, err := sm2.CalculateSM2Hash(pub, message, []byte("1234567812345678"))
	d.must(err)
	spki, err := smx509.MarshalPKIXPublicKey(pub)
	d.must(err)

	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		d.must(os.WriteFile(path, content, 0o600))
		return path
	}
	judge := func(message string) error {
		return exec.Command("openssl", "dgst", "-sm3", "-keyform", "DER", "-verify", file("pub", spki),
			"-sigopt", "distid:1234567812345678", "-signature", filepath.Join(dir, "sig"), file("m", []byte(message))).Run()
	}
	file("sig", d.mustSign(ckmDER, key.priv, e))
	if err := judge(string(message)); err != nil {
		t.Errorf("openssl refuses the signature: %v", err)
	}
	if judge("another message") == nil {
		t.Error("openssl accepts the signature for another message")
	}
}

// The trap that the shim stands for: SoftHSM2 alone makes keys on the SM2
// curve and signs with plain ECDSA, and only verification tells.
func TestSM2IsToldApartFromECDSA(t *testing.T) {
	k := testsofthsm.New(t)
	t.Run("SoftHSM2 alone", func(t *testing.T) {
		d := open(t, k, k.Module)
		key := d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, sm2OID)
		e := randomE(t)
		wantPlainECDSA(t, d.sm2Public(key.pub), e, d.mustSign(pkcs11.CKM_ECDSA, key.priv, e))
	})
	t.Run("sign=ecdsa", func(t *testing.T) {
		d := open(t, k, k.Shim)
		key := d.generateSM2("a")
		k.Control(t, "sign=ecdsa")
		e := randomE(t)
		wantPlainECDSA(t, d.sm2Public(key.pub), e, d.mustSign(ckmRaw, key.priv, e))
	})
	t.Run("shim", func(t *testing.T) {
		d := open(t, k, k.Shim)
		key := d.generateSM2("b")
		e := randomE(t)
		if sig := d.mustSign(ckmDER, key.priv, e); ecdsa.VerifyASN1(d.sm2Public(key.pub), e, sig) {
			t.Error("an SM2 signature verifies as ECDSA")
		}
		_, err := d.sign(pkcs11.CKM_ECDSA, key.priv, e)
		wantCKR(t, "CKM_ECDSA with an SM2 key", err, pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	})
}

func wantPlainECDSA(t *testing.T, pub *ecdsa.PublicKey, e, raw []byte) {
	t.Helper()
	sig := rawToDER(t, raw)
	if !ecdsa.VerifyASN1(pub, e, sig) {
		t.Error("want a signature that verifies as ECDSA")
	}
	if sm2.VerifyASN1(pub, e, sig) {
		t.Error("the ECDSA signature verifies as SM2")
	}
}

func TestSM2KeysAreFoundByTheVendorsType(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	var sm2Keys []pkcs11.ObjectHandle
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		sm2Keys = append(sm2Keys, d.generateSM2(id).priv)
	}
	p256 := d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID).priv

	private := pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)
	for _, c := range []struct {
		name     string
		template []*pkcs11.Attribute
		want     []pkcs11.ObjectHandle
	}{
		{"vendor type", []*pkcs11.Attribute{private, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2)}, sm2Keys},
		{"vendor type and ID", []*pkcs11.Attribute{private, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2), pkcs11.NewAttribute(pkcs11.CKA_ID, "c")}, sm2Keys[2:3]},
		{"CKK_EC", []*pkcs11.Attribute{private, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC)}, []pkcs11.ObjectHandle{p256}},
		{"any type, after a search that hid SM2", []*pkcs11.Attribute{private}, append(slices.Clone(sm2Keys), p256)},
		{"CKK_RSA", []*pkcs11.Attribute{private, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.find(c.template...)
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v", got, c.want)
			}
		})
	}
}

func TestSM2KeyLooksLikeAVendors(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a", pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false))
	yes, no := []byte{1}, []byte{0}
	for _, c := range []struct {
		name      string
		object    pkcs11.ObjectHandle
		attribute uint
		want      []byte
	}{
		{"public KEY_TYPE", key.pub, pkcs11.CKA_KEY_TYPE, ulong(ckkSM2)},
		{"private KEY_TYPE", key.priv, pkcs11.CKA_KEY_TYPE, ulong(ckkSM2)},
		{"SENSITIVE", key.priv, pkcs11.CKA_SENSITIVE, yes},
		{"EXTRACTABLE", key.priv, pkcs11.CKA_EXTRACTABLE, no},
		{"ALWAYS_SENSITIVE", key.priv, pkcs11.CKA_ALWAYS_SENSITIVE, yes},
		{"NEVER_EXTRACTABLE", key.priv, pkcs11.CKA_NEVER_EXTRACTABLE, yes},
		{"LOCAL", key.priv, pkcs11.CKA_LOCAL, yes},
		{"PRIVATE", key.priv, pkcs11.CKA_PRIVATE, yes},
		{"SIGN", key.priv, pkcs11.CKA_SIGN, yes},
		{"DECRYPT", key.priv, pkcs11.CKA_DECRYPT, no},
		{"DERIVE", key.priv, pkcs11.CKA_DERIVE, no},
		{"MODIFIABLE", key.priv, pkcs11.CKA_MODIFIABLE, no},
		{"KEY_GEN_MECHANISM", key.priv, pkcs11.CKA_KEY_GEN_MECHANISM, ulong(ckmKeygen)},
		{"EC_PARAMS", key.pub, pkcs11.CKA_EC_PARAMS, sm2OID},
		{"ID", key.priv, pkcs11.CKA_ID, []byte("a")},
	} {
		if got := d.mustAttribute(c.object, c.attribute); !bytes.Equal(got, c.want) {
			t.Errorf("%s = %x, want %x", c.name, got, c.want)
		}
	}
	_, err := d.attribute(key.priv, pkcs11.CKA_VALUE)
	wantCKR(t, "reading CKA_VALUE", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
	_, err = d.attribute(key.priv, pkcs11.CKA_EC_POINT)
	wantCKR(t, "reading CKA_EC_POINT of the private key", err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
}

// One refused attribute must not hide the others (PKCS#11 v2.40 base,
// C_GetAttributeValue), but miekg/pkcs11 gives none of them then.
func TestOneSensitiveAttributeFailsTheWholeQuestion(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	_, err := d.GetAttributeValue(d.s, key.priv, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil),
		pkcs11.NewAttribute(pkcs11.CKA_LOCAL, nil),
	})
	wantCKR(t, "reading CKA_LOCAL and CKA_VALUE", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
}

func ulong(n uint) []byte {
	return binary.NativeEndian.AppendUint64(nil, uint64(n))
}

func TestProfilesOfOtherVendors(t *testing.T) {
	for _, c := range []struct {
		name          string
		control       []string
		keyType       uint
		keygen, signs uint
		der           bool
	}{
		{"tass", []string{"profile.sign_raw=none", "profile.sign_der=0x80008000"}, ckkSM2, ckmKeygen, 0x80008000, true},
		{"utimaco", []string{"profile.key_type=3", "profile.keygen=0xC0010300", "profile.sign_raw=0xC0010100", "profile.sign_der=none"},
			pkcs11.CKK_EC, 0xC0010300, 0xC0010100, false},
		{"ibm", []string{"profile.key_type=0x80050002", "profile.keygen=0x8005000A", "profile.sign_raw=0x8005000B"},
			0x80050002, 0x8005000A, 0x8005000B, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := testsofthsm.New(t)
			d := open(t, k, k.Shim)
			k.Control(t, c.control...)
			pubT, privT := sm2Templates("a")
			pubT[0] = pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, c.keyType)
			privT[0] = pubT[0]
			pub, priv, err := d.GenerateKeyPair(d.s, mech(c.keygen), pubT, privT)
			d.must(err)
			if got := d.find(pubT[0], pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)); !slices.Equal(got, []pkcs11.ObjectHandle{priv}) {
				t.Errorf("found by key type: %v, want %v", got, priv)
			}
			e := randomE(t)
			sig := d.mustSign(c.signs, priv, e)
			if !c.der {
				sig = rawToDER(t, sig)
			}
			if !sm2.VerifyASN1(d.sm2Public(pub), e, sig) {
				t.Errorf("signature %x does not verify", sig)
			}
			_, err = d.sign(ckmDER, priv, e)
			if c.name == "tass" {
				wantCKR(t, "signing with Sansec's number", err, pkcs11.CKR_MECHANISM_INVALID)
			}
		})
	}
}

func TestPointIsGivenInTheProfilesForm(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	octets := d.mustAttribute(key.pub, pkcs11.CKA_EC_POINT)
	if len(octets) != 67 || !bytes.HasPrefix(octets, []byte{0x04, 0x41, 0x04}) {
		t.Fatalf("octet form is %x, want OCTET STRING of 04‖X‖Y", octets)
	}
	for form, want := range map[string][]byte{"octet": octets, "raw": octets[2:], "xy": octets[3:]} {
		k.Control(t, "profile.ec_point="+form, "profile.private_ec_point=yes")
		if got := d.mustAttribute(key.pub, pkcs11.CKA_EC_POINT); !bytes.Equal(got, want) {
			t.Errorf("%s: public key says %x, want %x", form, got, want)
		}
		if got := d.mustAttribute(key.priv, pkcs11.CKA_EC_POINT); !bytes.Equal(got, want) {
			t.Errorf("%s: private key says %x, want %x", form, got, want)
		}
	}
}

func TestMechanismsAreListed(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	list, err := d.GetMechanismList(d.slot)
	d.must(err)
	for m, flags := range map[uint]uint{ckmKeygen: pkcs11.CKF_GENERATE_KEY_PAIR, ckmRaw: pkcs11.CKF_SIGN, ckmDER: pkcs11.CKF_SIGN} {
		if !slices.ContainsFunc(list, func(l *pkcs11.Mechanism) bool { return l.Mechanism == m }) {
			t.Errorf("mechanism %#x is not listed", m)
		}
		info, err := d.GetMechanismInfo(d.slot, mech(m))
		d.must(err)
		if want := (pkcs11.MechanismInfo{MinKeySize: 256, MaxKeySize: 256, Flags: flags}); info != want {
			t.Errorf("mechanism %#x: %+v, want %+v", m, info, want)
		}
	}
}

func TestSessionsSignInParallel(t *testing.T) {
	const sessions, signatures = 8, 60
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	pub := d.sm2Public(key.pub)
	var wg sync.WaitGroup
	errs := make(chan error, sessions)
	for range sessions {
		s := d.session()
		wg.Go(func() { errs <- signMany(d, s, key.priv, pub, signatures) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func signMany(d *device, s pkcs11.SessionHandle, key pkcs11.ObjectHandle, pub *ecdsa.PublicKey, n int) error {
	for i := range n {
		e := bytes.Repeat([]byte{byte(i + 1)}, 32)
		sig, err := d.signIn(s, ckmDER, key, e)
		if err != nil {
			return err
		}
		if !sm2.VerifyASN1(pub, e, sig) {
			return fmt.Errorf("session %d, signature %d does not verify", s, i)
		}
	}
	return d.CloseSession(s)
}

func TestModuleSurvivesInitialiseAndFinalise(t *testing.T) {
	k := testsofthsm.New(t)
	for round := range 3 {
		func() {
			d := open(t, k, k.Shim)
			id := fmt.Sprint(round)
			key := d.generateSM2(id)
			e := randomE(t)
			if !sm2.VerifyASN1(d.sm2Public(key.pub), e, d.mustSign(ckmDER, key.priv, e)) {
				t.Errorf("round %d: signature does not verify", round)
			}
			d.must(d.SignInit(d.s, mech(ckmRaw), key.priv)) // left open over C_Finalize
			d.must(d.Finalize())
		}()
	}
}

// SoftHSM2 gives out the same session numbers again after C_Finalize.
func TestSignatureDoesNotOutliveFinalise(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	d.must(d.SignInit(d.s, mech(ckmRaw), d.generateSM2("a").priv))
	before := d.s
	d.must(d.Finalize())
	d = open(t, k, k.Shim)
	if d.s != before {
		t.Fatalf("session %d, want the number %d again or this test shows nothing", d.s, before)
	}
	_, err := d.Sign(d.s, make([]byte, 32))
	wantCKR(t, "C_Sign", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
}

// One scalar in 256 is shorter than 32 bytes in SoftHSM2.
func TestShortScalarSigns(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	k.Control(t, "lie=create")
	scalar := append(make([]byte, 3), bytes.Repeat([]byte{7}, 29)...)
	key, err := d.CreateObject(d.s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, sm2OID),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, scalar[3:]),
	})
	d.must(err)
	private, err := sm2.NewPrivateKey(scalar)
	d.must(err)
	e := randomE(t)
	if !sm2.VerifyASN1(&private.PublicKey, e, d.mustSign(ckmDER, key, e)) {
		t.Error("signature does not verify")
	}
}

func TestOtherAlgorithmsAreForwarded(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	digest := randomE(t)
	for _, c := range []struct {
		name   string
		sign   uint
		key    pair
		verify func(t *testing.T, point, sig []byte) bool
	}{
		{"P-256", pkcs11.CKM_ECDSA, d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID), verifyP256(digest)},
		{"Ed25519", ckmEdDSA, d.generateEC(0x1055, ed25519OID), verifyEd25519(digest)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var point []byte
			_, err := asn1.Unmarshal(d.mustAttribute(c.key.pub, pkcs11.CKA_EC_POINT), &point)
			d.must(err)
			if sig := d.mustSign(c.sign, c.key.priv, digest); !c.verify(t, point, sig) {
				t.Errorf("signature %x does not verify", sig)
			}
		})
	}
	t.Run("RSA", func(t *testing.T) {
		key := d.generateRSA()
		if sig := d.mustSign(pkcs11.CKM_SHA256_RSA_PKCS, key.priv, digest); !d.verifyRSA(key.pub, digest, sig) {
			t.Errorf("signature %x does not verify", sig)
		}
	})
}
