package pkcs11_test

import (
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

var curveP256 = []byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")

// plant makes a P-256 pair past the driver, with these attributes on both
// halves.
func (r *rig) plant(attributes ...*p11.Attribute) (public, private p11.ObjectHandle) {
	r.Helper()
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		r.Fatal(err)
	}
	defer ctx.CloseSession(s)
	both := append(attributes, p11.NewAttribute(p11.CKA_TOKEN, true))
	public, private, err = ctx.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_EC_KEY_PAIR_GEN, nil)},
		append([]*p11.Attribute{p11.NewAttribute(p11.CKA_EC_PARAMS, curveP256)}, both...),
		append([]*p11.Attribute{p11.NewAttribute(p11.CKA_SIGN, true)}, both...))
	if err != nil {
		r.Fatal(err)
	}
	return public, private
}

func (r *rig) destroyObject(object p11.ObjectHandle) {
	r.Helper()
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		r.Fatal(err)
	}
	defer ctx.CloseSession(s)
	if err := ctx.DestroyObject(s, object); err != nil {
		r.Fatal(err)
	}
}

func id(text string) *p11.Attribute { return p11.NewAttribute(p11.CKA_ID, []byte(text)) }

func TestTwoKeysOfOneIDAreRefused(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeyP256)
	r.plant(p11.NewAttribute(p11.CKA_ID, ref.ID))
	err := signOnce(r.context(), d, ref, algo.ECDSAP256SHA256)
	if hsm.ClassOf(err) != hsm.ClassMismatch || !strings.Contains(err.Error(), "2 private keys have CKA_ID") {
		t.Errorf("signing with an ambiguous CKA_ID: %v", err)
	}
	if err := d.Destroy(r.context(), ref); hsm.ClassOf(err) != hsm.ClassMismatch {
		t.Errorf("destroying with an ambiguous CKA_ID: %v", err)
	}
}

func TestKeyMustBeTheOneOfTheRecord(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref, other := r.key(d, algo.KeySM2), r.key(d, algo.KeySM2)
	r.signs(d, ref, algo.SM2SM3) // its handle is cached now
	for name, c := range map[string]struct {
		ref  hsm.KeyRef
		want hsm.Class
	}{
		"another public key": {hsm.KeyRef{Token: "seals", ID: ref.ID, Public: other.Public}, hsm.ClassMismatch},
		"no public key":      {hsm.KeyRef{Token: "seals", ID: ref.ID}, hsm.ClassRequest},
		"no id":              {hsm.KeyRef{Token: "seals", Public: ref.Public}, hsm.ClassRequest},
		"unknown id":         {hsm.KeyRef{Token: "seals", ID: []byte("?"), Public: ref.Public}, hsm.ClassAbsent},
	} {
		_, err := signWith(r.context(), d, c.ref, algo.SM2SM3, make([]byte, 32))
		if hsm.ClassOf(err) != c.want {
			t.Errorf("%s: %v of class %v, want %v", name, err, hsm.ClassOf(err), c.want)
		}
	}
}

func TestSignRefusesWhatTheKeyCannotSign(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	ed := r.key(d, algo.KeyEd25519)
	ec := r.key(d, algo.KeyP256)
	for _, c := range []struct {
		name string
		ref  hsm.KeyRef
		a    algo.Algorithm
		size int
	}{
		{"algorithm of another key", ref, algo.ECDSAP256SHA256, 32},
		{"no algorithm", ref, 0, 32},
		{"short e", ref, algo.SM2SM3, 31},
		{"long e", ref, algo.SM2SM3, 33},
		{"short digest, which CKM_ECDSA takes", ec, algo.ECDSAP256SHA256, 31},
		{"long digest, which CKM_ECDSA cuts", ec, algo.ECDSAP256SHA256, 48},
		{"endless message", ed, algo.Ed25519, 64<<10 + 1},
	} {
		_, err := signWith(r.context(), d, c.ref, c.a, make([]byte, c.size))
		if hsm.ClassOf(err) != hsm.ClassRequest {
			t.Errorf("%s: %v of class %v, want request", c.name, err, hsm.ClassOf(err))
		}
	}
	r.config.Profile.SM2 = hsm.SM2Profile{}
	d = r.reopen(d)
	r.await(d, hsm.StateUp)
	if err := signOnce(r.context(), d, ref, algo.SM2SM3); hsm.ClassOf(err) != hsm.ClassUnsupported {
		t.Errorf("SM2 without [sm2] in the profile: %v", err)
	}
}

// A key that another process destroyed and made anew with the same id is not
// the same key.
func TestCachedHandleDoesNotOutliveItsKey(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	public, private := r.plant(id("a"), p11.NewAttribute(p11.CKA_LABEL, "a"))
	keys, err := d.Keys(r.context(), "seals")
	if err != nil || len(keys) != 1 || keys[0].Fault != "" {
		t.Fatalf("Keys = %+v, %v", keys, err)
	}
	ref := hsm.KeyRef{Token: "seals", ID: keys[0].ID, Public: keys[0].Public}
	r.signs(d, ref, algo.ECDSAP256SHA256)
	r.destroyObject(private)
	if err := signOnce(r.context(), d, ref, algo.ECDSAP256SHA256); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("signing with a destroyed key: %v, want class absent", err)
	}
	r.destroyObject(public)
	r.plant(id("a"))
	if err := signOnce(r.context(), d, ref, algo.ECDSAP256SHA256); hsm.ClassOf(err) != hsm.ClassMismatch {
		t.Errorf("signing with a key that took the place of another: %v, want class mismatch", err)
	}
}

func TestKeysListsWhatItCannotUseWithItsFault(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	good := map[string]algo.KeyType{}
	for _, typ := range []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyRSA2048, algo.KeyEd25519} {
		good[string(r.key(d, typ).ID)] = typ
	}
	public, _ := r.plant(id("widow"))
	r.destroyObject(public)
	r.plant(id("twins"))
	r.plant(id("twins"))
	r.plant(p11.NewAttribute(p11.CKA_LABEL, "nameless"))
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.CloseSession(s)
	odd := []*p11.Attribute{id("odd"), p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_LABEL, "line\nbreak")}
	if _, _, err := ctx.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_EC_KEY_PAIR_GEN, nil)},
		append(odd, p11.NewAttribute(p11.CKA_EC_PARAMS, []byte("\x06\x05\x2b\x81\x04\x00\x23"))), odd); err != nil { // P-521
		t.Fatal(err)
	}

	keys, err := d.Keys(r.context(), "seals")
	if err != nil {
		t.Fatal(err)
	}
	faults := map[string]string{}
	for _, k := range keys {
		if want, ok := good[string(k.ID)]; ok {
			if k.Type != want || k.Public.Type() != want || k.Fault != "" || len(k.Attributes) < 10 {
				t.Errorf("key %x: %+v, want a good %v", k.ID, k, want)
			}
			continue
		}
		if k.Type != 0 || !k.Public.IsZero() {
			t.Errorf("key %x with fault %q has a type and a key", k.ID, k.Fault)
		}
		if strings.Contains(k.Label, "\n") {
			t.Errorf("label %q is not safe to show", k.Label)
		}
		faults[string(k.ID)] = k.Fault
	}
	for which, want := range map[string]string{
		"widow": "no public key", "twins": "2 private keys", "": "no CKA_ID", "odd": "not a kind of key",
	} {
		if !strings.Contains(faults[which], want) {
			t.Errorf("fault of key %q: %q, want %q in it", which, faults[which], want)
		}
	}
	if len(keys) != len(good)+5 {
		t.Errorf("%d keys: want %d", len(keys), len(good)+5)
	}
}

// The halves of two keys under one id are no pair.
func TestHalvesMustBelongTogether(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.CloseSession(s)
	both := []*p11.Attribute{id("mixed"), p11.NewAttribute(p11.CKA_TOKEN, true)}
	var pairs [2][2]p11.ObjectHandle
	for i := range pairs {
		pairs[i][0], pairs[i][1], err = ctx.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
			append(both, p11.NewAttribute(p11.CKA_MODULUS_BITS, 2048), p11.NewAttribute(p11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})), both)
		if err != nil {
			t.Fatal(err)
		}
	}
	r.destroyObject(pairs[0][0])
	r.destroyObject(pairs[1][1])
	keys, err := d.Keys(r.context(), "seals")
	if err != nil || len(keys) != 1 || !strings.Contains(keys[0].Fault, "different CKA_MODULUS") {
		t.Errorf("Keys = %+v, %v: want one with halves that differ", keys, err)
	}
}

func TestKeyThatWantsThePINEachTimeIsRefused(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.CloseSession(s)
	both := []*p11.Attribute{id("always"), p11.NewAttribute(p11.CKA_TOKEN, true)}
	if _, _, err := ctx.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_EC_KEY_PAIR_GEN, nil)},
		append(both, p11.NewAttribute(p11.CKA_EC_PARAMS, curveP256)),
		append(both, p11.NewAttribute(p11.CKA_PRIVATE, true), p11.NewAttribute(p11.CKA_ALWAYS_AUTHENTICATE, true))); err != nil {
		t.Fatal(err)
	}
	keys, err := d.Keys(r.context(), "seals")
	if err != nil || len(keys) != 1 {
		t.Fatalf("Keys = %+v, %v", keys, err)
	}
	ref := hsm.KeyRef{Token: "seals", ID: keys[0].ID, Public: keys[0].Public}
	if err := signOnce(r.context(), d, ref, algo.ECDSAP256SHA256); hsm.ClassOf(err) != hsm.ClassRequest {
		t.Errorf("signing: %v, want class request", err)
	}
}

// Searches that fail half way must not leave the session in a search.
func TestFailedSearchDoesNotStickToTheSession(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_FindObjects=0x21*1")
	if err := signOnce(r.context(), d, ref, algo.SM2SM3); err == nil {
		t.Error("signing went past a failed search")
	}
	r.signs(d, ref, algo.SM2SM3)
}

func TestProfilesOfOtherVendors(t *testing.T) {
	for _, c := range []struct {
		name    string
		control []string
		change  func(*hsm.SM2Profile)
	}{
		{"raw point", []string{"profile.ec_point=raw"}, func(p *hsm.SM2Profile) { p.Point = hsm.PointRaw }},
		{"bare point", []string{"profile.ec_point=xy"}, func(p *hsm.SM2Profile) { p.Point = hsm.PointXY }},
		{"any point", []string{"profile.ec_point=xy"}, func(*hsm.SM2Profile) {}},
		{"point on both halves", []string{"profile.private_ec_point=yes"}, func(p *hsm.SM2Profile) { p.PrivateECPoint = true }},
		{"point on the public half only", nil, func(p *hsm.SM2Profile) { p.PrivateECPoint = true }},
		{"DER", nil, func(p *hsm.SM2Profile) { p.SignRawE, p.Signature = 0x80008104, algo.FormatDER }},
		{"malformed DER", []string{"sign=malformed-der"}, func(p *hsm.SM2Profile) { p.SignRawE = 0x80008104 }},
		{"other numbers", []string{"profile.key_type=0x80000099", "profile.keygen=0x80009001", "profile.sign_raw=0x80008000"},
			func(p *hsm.SM2Profile) { p.KeyType, p.KeyGen, p.SignRawE = 0x80000099, 0x80009001, 0x80008000 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 1)
			r.token.Control(t, c.control...)
			c.change(&r.config.Profile.SM2)
			d := r.up()
			ref := r.key(d, algo.KeySM2)
			for range 20 {
				r.signs(d, ref, algo.SM2SM3)
			}
		})
	}
}

func TestProfileThatDoesNotFitIsNoticed(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*hsm.SM2Profile)
		want   hsm.Class
	}{
		{"point form", func(p *hsm.SM2Profile) { p.Point = hsm.PointRaw }, hsm.ClassAnswer},
		{"signature form", func(p *hsm.SM2Profile) { p.Signature = algo.FormatDER }, hsm.ClassAnswer},
		{"key type", func(p *hsm.SM2Profile) { p.KeyType = 0x80000005 }, hsm.ClassMismatch},
		{"mechanism", func(p *hsm.SM2Profile) { p.SignRawE = 0x80008106 }, hsm.ClassUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 1)
			d := r.up()
			ref := r.key(d, algo.KeySM2)
			c.change(&r.config.Profile.SM2)
			d = r.reopen(d)
			r.await(d, hsm.StateUp)
			if err := signOnce(r.context(), d, ref, algo.SM2SM3); hsm.ClassOf(err) != c.want {
				t.Errorf("signing: %v of class %v, want %v", err, hsm.ClassOf(err), c.want)
			}
		})
	}
}
