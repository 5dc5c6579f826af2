package testsofthsm_test

import (
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

func TestSigningErrorsHaveTheirCodes(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	p256 := d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID)
	pubT, privT := sm2Templates("mute")
	privT[5] = pkcs11.NewAttribute(pkcs11.CKA_SIGN, false)
	_, mute, err := d.GenerateKeyPair(d.s, mech(ckmKeygen), pubT, privT)
	d.must(err)
	e := make([]byte, 32)

	for _, c := range []struct {
		name string
		call func(s pkcs11.SessionHandle) error
		want uint
	}{
		{"31 bytes", func(s pkcs11.SessionHandle) error {
			_, err := d.signIn(s, ckmRaw, key.priv, e[:31])
			return err
		}, pkcs11.CKR_DATA_LEN_RANGE},
		{"33 bytes", func(s pkcs11.SessionHandle) error {
			_, err := d.signIn(s, ckmDER, key.priv, append(e, 0))
			return err
		}, pkcs11.CKR_DATA_LEN_RANGE},
		{"no bytes", func(s pkcs11.SessionHandle) error {
			_, err := d.signIn(s, ckmDER, key.priv, nil)
			return err
		}, pkcs11.CKR_DATA_LEN_RANGE},
		{"end of the signature after an error", func(s pkcs11.SessionHandle) error {
			d.signIn(s, ckmRaw, key.priv, e[:31])
			_, err := d.Sign(s, e)
			return err
		}, pkcs11.CKR_OPERATION_NOT_INITIALIZED},
		{"one signature for each C_SignInit", func(s pkcs11.SessionHandle) error {
			d.signIn(s, ckmRaw, key.priv, e)
			_, err := d.Sign(s, e)
			return err
		}, pkcs11.CKR_OPERATION_NOT_INITIALIZED},
		{"C_Sign without C_SignInit", func(s pkcs11.SessionHandle) error {
			_, err := d.Sign(s, e)
			return err
		}, pkcs11.CKR_OPERATION_NOT_INITIALIZED},
		{"no such session", func(s pkcs11.SessionHandle) error {
			return d.SignInit(s+1000, mech(ckmRaw), key.priv)
		}, pkcs11.CKR_SESSION_HANDLE_INVALID},
		{"no such key", func(s pkcs11.SessionHandle) error {
			return d.SignInit(s, mech(ckmRaw), 99999)
		}, pkcs11.CKR_KEY_HANDLE_INVALID},
		{"public key", func(s pkcs11.SessionHandle) error {
			return d.SignInit(s, mech(ckmRaw), key.pub)
		}, pkcs11.CKR_KEY_TYPE_INCONSISTENT},
		{"P-256 key", func(s pkcs11.SessionHandle) error {
			return d.SignInit(s, mech(ckmRaw), p256.priv)
		}, pkcs11.CKR_KEY_TYPE_INCONSISTENT},
		{"key that may not sign", func(s pkcs11.SessionHandle) error {
			return d.SignInit(s, mech(ckmRaw), mute)
		}, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED},
		{"mechanism with a parameter", func(s pkcs11.SessionHandle) error {
			return d.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(ckmRaw, []byte{1})}, key.priv)
		}, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		{"unknown mechanism", func(s pkcs11.SessionHandle) error {
			return d.SignInit(s, mech(0x80008106), key.priv)
		}, pkcs11.CKR_MECHANISM_INVALID},
		{"second C_SignInit", func(s pkcs11.SessionHandle) error {
			d.must(d.SignInit(s, mech(ckmRaw), key.priv))
			return d.SignInit(s, mech(ckmRaw), key.priv)
		}, pkcs11.CKR_OPERATION_ACTIVE},
		{"SM2 during a P-256 signature", func(s pkcs11.SessionHandle) error {
			d.must(d.SignInit(s, mech(pkcs11.CKM_ECDSA), p256.priv))
			return d.SignInit(s, mech(ckmRaw), key.priv)
		}, pkcs11.CKR_OPERATION_ACTIVE},
		{"P-256 during an SM2 signature", func(s pkcs11.SessionHandle) error {
			d.must(d.SignInit(s, mech(ckmRaw), key.priv))
			return d.SignInit(s, mech(pkcs11.CKM_ECDSA), p256.priv)
		}, pkcs11.CKR_OPERATION_ACTIVE},
		{"search during an SM2 signature", func(s pkcs11.SessionHandle) error {
			d.must(d.SignInit(s, mech(ckmRaw), key.priv))
			return d.FindObjectsInit(s, nil)
		}, pkcs11.CKR_OPERATION_ACTIVE},
		{"session closed meanwhile", func(pkcs11.SessionHandle) error {
			s := d.session()
			d.must(d.SignInit(s, mech(ckmRaw), key.priv))
			d.must(d.CloseSession(s))
			_, err := d.Sign(s, e)
			return err
		}, pkcs11.CKR_SESSION_HANDLE_INVALID},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := d.session()
			defer d.CloseSession(s)
			wantCKR(t, c.name, c.call(s), c.want)
		})
	}
}

// A failed or wrong call must leave the session good for the next signature.
func TestSessionSignsAgainAfterAnError(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	e := randomE(t)
	d.sign(ckmRaw, key.priv, e[:31])
	d.sign(ckmRaw, key.pub, e)
	if sig := d.mustSign(ckmDER, key.priv, e); !sm2.VerifyASN1(d.sm2Public(key.pub), e, sig) {
		t.Error("signature does not verify")
	}
}

func TestLoginGuardsSM2Keys(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	e := make([]byte, 32)

	d.must(d.SignInit(d.s, mech(ckmRaw), key.priv))
	d.must(d.Logout(d.s))
	_, err := d.Sign(d.s, e)
	wantCKR(t, "C_Sign after C_Logout", err, pkcs11.CKR_USER_NOT_LOGGED_IN)
	wantCKR(t, "C_SignInit after C_Logout", d.SignInit(d.s, mech(ckmRaw), key.priv), pkcs11.CKR_USER_NOT_LOGGED_IN)
	if found := d.find(pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2), pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)); len(found) != 0 {
		t.Errorf("private keys %v are seen without login", found)
	}

	d.must(d.Login(d.s, pkcs11.CKU_USER, k.PIN))
	wantCKR(t, "handle from before the logout", d.SignInit(d.s, mech(ckmRaw), key.priv), pkcs11.CKR_KEY_HANDLE_INVALID)
	again := d.find(pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2), pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY))
	if len(again) != 1 {
		t.Fatalf("found %v after logging in again, want one key", again)
	}
	d.mustSign(ckmRaw, again[0], e)
}

// What a vendor does when another thread closes every session of the slot.
func TestClosingAllSessionsEndsTheirSignatures(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	d.must(d.SignInit(d.s, mech(ckmRaw), key.priv))
	d.must(d.CloseAllSessions(d.slot))
	_, err := d.Sign(d.s, make([]byte, 32))
	wantCKR(t, "C_Sign", err, pkcs11.CKR_SESSION_HANDLE_INVALID)
}

func TestInitialisationHasItsCodes(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	wantCKR(t, "second C_Initialize", d.Initialize(), pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)
	d.must(d.Finalize())
	_, err := d.GetSlotList(true)
	wantCKR(t, "C_GetSlotList", err, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	wantCKR(t, "C_SignInit", d.SignInit(d.s, mech(ckmRaw), 1), pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	_, err = d.Sign(d.s, make([]byte, 32))
	wantCKR(t, "C_Sign", err, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	wantCKR(t, "second C_Finalize", d.Finalize(), pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
}

func TestKeyGenerationRefusesWhatAVendorRefuses(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	pubT, privT := sm2Templates("a")
	for _, c := range []struct {
		name      string
		mechanism []*pkcs11.Mechanism
		pub, priv *pkcs11.Attribute
		want      uint
	}{
		{"other key type", mech(ckmKeygen), nil, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC), pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"other curve", mech(ckmKeygen), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, p256OID), nil, pkcs11.CKR_DOMAIN_PARAMS_INVALID},
		{"not sensitive", mech(ckmKeygen), nil, pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"extractable", mech(ckmKeygen), nil, pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"mechanism with a parameter", []*pkcs11.Mechanism{pkcs11.NewMechanism(ckmKeygen, []byte{1})}, nil, nil, pkcs11.CKR_MECHANISM_PARAM_INVALID},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := d.GenerateKeyPair(d.s, c.mechanism, replace(pubT, c.pub), replace(privT, c.priv))
			wantCKR(t, c.name, err, c.want)
		})
	}
	_, _, err := d.GenerateKeyPair(d.s, mech(ckmKeygen), pubT[:2], privT)
	wantCKR(t, "no curve", err, pkcs11.CKR_TEMPLATE_INCOMPLETE)
	_, _, err = d.GenerateKeyPair(d.s, mech(pkcs11.CKM_EC_KEY_PAIR_GEN), []*pkcs11.Attribute{pubT[3]}, nil)
	wantCKR(t, "the standard's mechanism on the SM2 curve", err, pkcs11.CKR_DOMAIN_PARAMS_INVALID)
	if left := d.find(); len(left) != 0 {
		t.Errorf("refused generations left objects %v", left)
	}
}

// replace returns template with the attribute of a's type replaced by a.
func replace(template []*pkcs11.Attribute, a *pkcs11.Attribute) []*pkcs11.Attribute {
	out := append([]*pkcs11.Attribute(nil), template...)
	for i := range out {
		if a != nil && out[i].Type == a.Type {
			out[i] = a
		}
	}
	return out
}
