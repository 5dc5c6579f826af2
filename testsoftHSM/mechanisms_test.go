package testsofthsm_test

import (
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

func (d *device) lists(m uint) bool {
	d.t.Helper()
	list, err := d.GetMechanismList(d.slot)
	d.must(err)
	return slices.ContainsFunc(list, func(l *pkcs11.Mechanism) bool { return l.Mechanism == m })
}

// What is listed and what is done come apart, for SoftHSM2's mechanisms and
// for the vendor's.
func TestListAndDeedsComeApart(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	sm2Key := d.generateSM2("a")
	p256 := d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID)
	for _, c := range []struct {
		name, listed string
		mechanism    uint
		do           func() error
	}{
		{"CKM_ECDSA", "0x1041", pkcs11.CKM_ECDSA, func() error { _, err := d.sign(pkcs11.CKM_ECDSA, p256.priv, make([]byte, 32)); return err }},
		{"raw e", "0x80008105", ckmRaw, func() error { _, err := d.sign(ckmRaw, sm2Key.priv, make([]byte, 32)); return err }},
		{"SM2 keys", "0x80008001", ckmKeygen, func() error {
			pubT, privT := sm2Templates("b")
			_, _, err := d.GenerateKeyPair(d.s, mech(ckmKeygen), pubT, privT)
			return err
		}},
	} {
		for _, told := range []struct {
			lines  []string
			listed bool
			want   uint
		}{
			{nil, true, pkcs11.CKR_OK},
			{[]string{"unlisted=" + c.listed}, false, pkcs11.CKR_OK},
			{[]string{"undone=" + c.listed}, true, pkcs11.CKR_MECHANISM_INVALID},
			{[]string{"unlisted=" + c.listed, "undone=" + c.listed, "undone=1"}, false, pkcs11.CKR_MECHANISM_INVALID},
		} {
			k.Control(t, told.lines...)
			if got := d.lists(c.mechanism); got != told.listed {
				t.Errorf("%s with %q: listed %v", c.name, told.lines, got)
			}
			wantCKR(t, c.name, c.do(), told.want)
			_, err := d.GetMechanismInfo(d.slot, mech(c.mechanism))
			if (err == nil) != told.listed {
				t.Errorf("%s with %q: C_GetMechanismInfo: %v", c.name, told.lines, err)
			}
		}
	}
	k.Control(t, "sizes=0x1:512-2048", "sizes=0x80008105:1-0")
	for m, want := range map[uint][2]uint{pkcs11.CKM_RSA_PKCS: {512, 2048}, ckmRaw: {1, 0}, pkcs11.CKM_ECDSA: {112, 521}} {
		info, err := d.GetMechanismInfo(d.slot, mech(m))
		d.must(err)
		if got := [2]uint{info.MinKeySize, info.MaxKeySize}; got != want {
			t.Errorf("mechanism %#x has keys of %v: want %v", m, got, want)
		}
	}
}

// A module that ignores CKA_TOKEN=false leaves behind what was to go with its
// session.
func TestLieAboutSessionKeysMakesThemStay(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	pubT, privT := sm2Templates("a")
	gone := pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false)
	pubT, privT = replace(pubT, gone), replace(privT, gone)
	for lie, want := range map[string]byte{"": 0, "lie=token_keys": 1} {
		k.Control(t, lie)
		pub, priv, err := d.GenerateKeyPair(d.s, mech(ckmKeygen), pubT, privT)
		d.must(err)
		for _, half := range []pkcs11.ObjectHandle{pub, priv} {
			if got := d.mustAttribute(half, pkcs11.CKA_TOKEN); got[0] != want {
				t.Errorf("%q: CKA_TOKEN is %d", lie, got)
			}
		}
	}
}

func TestMistakesAboutMechanismsAreSeen(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	for _, line := range []string{"unlisted=", "undone=CKM_RSA_PKCS", "sizes=1", "sizes=1:2", "sizes=1:2-", "sizes=1:x-3", "sizes=:1-2"} {
		k.Control(t, line)
		_, err := d.GetInfo()
		wantCKR(t, line, err, pkcs11.CKR_GENERAL_ERROR)
	}
}
