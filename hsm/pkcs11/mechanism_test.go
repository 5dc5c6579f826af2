package pkcs11_test

import (
	"strings"
	"testing"

	"signet/hsm"
	"signet/protocol/algo"
)

// with bends the token by control lines before the driver connects.
func (r *rig) with(lines ...string) *rig {
	r.Helper()
	r.token.Control(r, lines...)
	return r
}

// A token that does not list what a key needs is not asked to make one: the
// reason names the mechanism, and nothing is on the token.
func TestKeyIsRefusedWhereTheTokenLacksItsMechanism(t *testing.T) {
	for _, c := range []struct {
		lines []string
		typ   algo.KeyType
		want  string // in the reason; empty: the key is made
	}{
		{[]string{"unlisted=0x1055"}, algo.KeyEd25519, "CKM_EC_EDWARDS_KEY_PAIR_GEN (0x1055)"},
		{[]string{"unlisted=0x1057"}, algo.KeyEd25519, "could not sign: the token does not list mechanism CKM_EDDSA (0x1057)"},
		{[]string{"unlisted=0x80008001"}, algo.KeySM2, "does not list mechanism 0x80008001"},
		{[]string{"unlisted=0x80008105"}, algo.KeySM2, "does not list mechanism 0x80008105"},
		{[]string{"unlisted=0x1041"}, algo.KeyP256, "CKM_ECDSA (0x1041)"},
		{[]string{"unlisted=0x1"}, algo.KeyRSA2048, ""}, // it has CKM_RSA_PKCS_PSS
		{[]string{"unlisted=0x1", "unlisted=0xD"}, algo.KeyRSA2048, "CKM_RSA_PKCS (0x1)"},
		{[]string{"sizes=0x1040:112-256"}, algo.KeyP384, "for keys of 112 to 256 bits: EC-P384 has 384"},
		{[]string{"sizes=0x1040:112-256"}, algo.KeyP256, ""},
		{[]string{"sizes=0:4096-8192"}, algo.KeyRSA2048, "for keys of 4096 to 8192 bits: RSA-2048 has 2048"},
		{[]string{"sizes=0:0-0"}, algo.KeyRSA2048, ""},
		{[]string{"sizes=0x1055:255-255", "sizes=0x1057:256-256"}, algo.KeyEd25519, ""},
		{[]string{"sizes=0x80008001:32-32"}, algo.KeySM2, ""}, // bytes: the unit is the vendor's
		{[]string{"C_GetMechanismInfo=0x70"}, algo.KeyP256, ""},
		{[]string{"C_GetMechanismList=0x54"}, algo.KeyP256, ""},
	} {
		t.Run(strings.Join(c.lines, ",")+c.typ.String(), func(t *testing.T) {
			r := newRig(t, 1).with(c.lines...)
			d := r.up()
			if c.want != "" {
				r.token.Control(t, append(c.lines, "C_GenerateKeyPair=0x30")...) // is not reached
			}
			_, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: c.typ, Label: "k"})
			if c.want == "" {
				if err != nil {
					t.Errorf("Generate: %v", err)
				}
				return
			}
			if hsm.ClassOf(err) != hsm.ClassUnsupported || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "token seals") {
				t.Errorf("Generate: %v of class %v, want unsupported and %q", err, hsm.ClassOf(err), c.want)
			}
			if step(text, "C_GenerateKeyPair").Step != "" || len(text.Steps) == 0 {
				t.Errorf("transcript %+v", text.Steps)
			}
			if n := r.keysLeft(); n != 0 {
				t.Errorf("%d key objects on the token", n)
			}
		})
	}
}

// Signatures that the token does not list are refused before C_SignInit; the
// key's other algorithms go on.
func TestSignatureIsRefusedWhereTheTokenLacksItsMechanism(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	rsa, sm2 := r.key(d, algo.KeyRSA2048), r.key(d, algo.KeySM2)
	lines := []string{"unlisted=0xD", "sizes=0x1:512-2048"}
	r.token.Control(t, lines...)
	d = r.reopen(d)
	r.await(d, hsm.StateUp)
	r.token.Control(t, append(lines, "C_SignInit=0x30")...) // would take the token down
	for _, a := range []algo.Algorithm{algo.RSAPSSSHA256, algo.RSAPSSSHA384, algo.RSAPSSSHA512} {
		err := signOnce(r.context(), d, rsa, a)
		if hsm.ClassOf(err) != hsm.ClassUnsupported || !strings.Contains(err.Error(), "token seals") || !strings.Contains(err.Error(), "CKM_RSA_PKCS_PSS (0xD)") {
			t.Errorf("%v: %v of class %v, want unsupported", a, err, hsm.ClassOf(err))
		}
	}
	r.token.Control(t, lines...)
	if s := d.Status()[0]; s.State != hsm.StateUp {
		t.Errorf("token is %v: %s", s.State, s.LastError)
	}
	for _, a := range []algo.Algorithm{algo.RSAPKCS1SHA256, algo.RSAPKCS1SHA512} {
		r.signs(d, rsa, a)
	}
	r.signs(d, sm2, algo.SM2SM3)
}

// What is listed and not done is refused as such, and is no fault of the
// device.
func TestTokenThatListsMoreThanItDoesIsFoundOut(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	rsa := r.key(d, algo.KeyRSA2048)
	before := d.Status()[0]
	r.token.Control(t, "undone=0xD", "undone=0x1040")
	for range 4 {
		err := signOnce(r.context(), d, rsa, algo.RSAPSSSHA256)
		if hsm.ClassOf(err) != hsm.ClassUnsupported || !strings.Contains(err.Error(), "CKM_RSA_PKCS_PSS") || !strings.Contains(err.Error(), "CKR_MECHANISM_INVALID") {
			t.Errorf("signing: %v of class %v, want unsupported", err, hsm.ClassOf(err))
		}
	}
	if _, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "k"}); hsm.ClassOf(err) != hsm.ClassUnsupported {
		t.Errorf("Generate: %v of class %v, want unsupported", err, hsm.ClassOf(err))
	}
	r.signs(d, rsa, algo.RSAPKCS1SHA256)
	if s := d.Status()[0]; s.State != hsm.StateUp || !s.Since.Equal(before.Since) {
		t.Errorf("token %+v: want it up since %v", s, before.Since)
	}
}

// A module that does what it does not list is used where the profile says so.
func TestProfileVouchesForUnlistedMechanisms(t *testing.T) {
	r := newRig(t, 1).with("unlisted=0x80008001", "unlisted=0x80008105")
	d := r.up()
	if _, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "k"}); hsm.ClassOf(err) != hsm.ClassUnsupported {
		t.Fatalf("Generate without unlisted: %v, want unsupported", err)
	}
	r.config.Profile = r.profile("unlisted = [0x80008001, 0x80008105]\n" + shimProfile + "unlisted = \"testsoftHSM/shim\"\n")
	d = r.reopen(d)
	r.await(d, hsm.StateUp)
	r.signs(d, r.key(d, algo.KeySM2), algo.SM2SM3)
}

// A token that fails while it is asked what it does is not up.
func TestTokenThatFailsToListIsDown(t *testing.T) {
	r := newRig(t, 1)
	for _, fault := range []string{"C_GetMechanismList=0x30", "C_GetMechanismInfo=0x30"} {
		r.token.Control(t, fault)
		d := r.open()
		if s := r.await(d, hsm.StateDown); !strings.Contains(s.LastError, "CKR_DEVICE_ERROR") {
			t.Errorf("%s: %+v", fault, s)
		}
		r.token.Control(t)
		r.await(d, hsm.StateUp)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
