package pkcs11_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// guarded are the attributes of a key that is kept well, past the driver's
// ceremony.
func guarded(name string, changes ...*p11.Attribute) []*p11.Attribute {
	template := []*p11.Attribute{
		id(name),
		p11.NewAttribute(p11.CKA_PRIVATE, true),
		p11.NewAttribute(p11.CKA_SENSITIVE, true),
		p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
		p11.NewAttribute(p11.CKA_SIGN, true),
	}
	for _, c := range changes {
		template = slices.DeleteFunc(template, func(a *p11.Attribute) bool { return a.Type == c.Type })
		template = append(template, c)
	}
	return template
}

// plantPrivate makes a P-256 pair past the driver, with these attributes of
// the private half.
func (r *rig) plantPrivate(name string, private ...*p11.Attribute) {
	r.Helper()
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		r.Fatal(err)
	}
	defer ctx.CloseSession(s)
	stays := p11.NewAttribute(p11.CKA_TOKEN, true)
	_, _, err = ctx.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*p11.Attribute{p11.NewAttribute(p11.CKA_EC_PARAMS, curveP256), id(name), stays, p11.NewAttribute(p11.CKA_LABEL, "of the vendor")},
		append(private, stays))
	if err != nil {
		r.Fatal(err)
	}
}

func TestInspectDescribesAKeyOfAnotherTool(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.plantPrivate("vendor", guarded("vendor", p11.NewAttribute(p11.CKA_LABEL, "公章"))...)
	key, text, err := d.Inspect(r.context(), "seals", []byte("vendor"))
	if err != nil {
		t.Fatal(err)
	}
	if string(key.ID) != "vendor" || key.Label != "公章" || key.Type != algo.KeyP256 || key.Fault != "" || len(key.Attributes) < 10 {
		t.Errorf("Inspect = %+v", key)
	}
	if text.Token != "seals" || text.ID != hex.EncodeToString([]byte("vendor")) || text.KeyType != "EC-P256" || text.Label != "公章" ||
		text.Mechanism != "" || !bytes.Equal(text.PublicKey, key.Public.DER()) {
		t.Errorf("transcript %+v", text)
	}
	for name, want := range map[string]hsm.Outcome{
		"origin":                                   hsm.Noted,
		"found by CKA_ID":                          hsm.Held,
		"CKA_LABEL of the public key":              hsm.Noted,
		"CKA_SENSITIVE of the private key":         hsm.Held,
		"CKA_EXTRACTABLE of the private key":       hsm.Held,
		"CKA_ALWAYS_SENSITIVE of the private key":  hsm.Held,
		"CKA_NEVER_EXTRACTABLE of the private key": hsm.Held,
		"CKA_LOCAL of the private key":             hsm.Held,
		"CKA_PRIVATE of the private key":           hsm.Held,
		"CKA_SIGN of the private key":              hsm.Held,
		"CKA_MODIFIABLE of the private key":        hsm.Noted, // SoftHSM2 makes it so
		"CKA_VALUE is refused":                     hsm.Held,
		"C_WrapKey is refused":                     hsm.Held,
	} {
		if s := step(text, name); s.Result != want || s.Value == "" {
			t.Errorf("step %q is %+v: want %s", name, s, want)
		}
	}
	r.signs(d, hsm.KeyRef{Token: "seals", ID: key.ID, Public: key.Public}, algo.ECDSAP256SHA256)
	if n := r.keysLeft(); n != 2 {
		t.Errorf("%d key objects: want the pair and no wrapping key", n)
	}
}

func TestInspectTakesEveryKindOfKey(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, typ := range []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyRSA2048, algo.KeyEd25519} {
		ref := r.key(d, typ)
		key, text, err := d.Inspect(r.context(), "seals", ref.ID)
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		if key.Type != typ || !key.Public.Equal(ref.Public) {
			t.Errorf("%v: %+v, want %v", typ, key, ref)
		}
		if slices.ContainsFunc(text.Steps, func(s hsm.Step) bool { return s.Result == hsm.Broken }) {
			t.Errorf("%v: transcript %+v", typ, text.Steps)
		}
	}
}

// A key that a vendor cloned or restored was not made in this token, and
// perhaps could once be taken out: that is noted.
func TestInspectNotesWhatACeremonyWouldRefuse(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	for lie, name := range map[string]string{
		"extractable":           "CKA_EXTRACTABLE",
		"not_sensitive":         "CKA_SENSITIVE",
		"not_always_sensitive":  "CKA_ALWAYS_SENSITIVE",
		"not_never_extractable": "CKA_NEVER_EXTRACTABLE",
		"not_local":             "CKA_LOCAL",
		"not_private":           "CKA_PRIVATE",
		"decrypt":               "CKA_DECRYPT",
		"unwrap":                "CKA_UNWRAP",
		"derives":               "CKA_DERIVE",
		"modifiable":            "CKA_MODIFIABLE",
	} {
		r.token.Control(t, "lie="+lie)
		key, text, err := d.Inspect(r.context(), "seals", ref.ID)
		if err != nil {
			t.Errorf("%s: %v", lie, err)
			continue
		}
		if s := step(text, name+" of the private key"); s.Result != hsm.Noted || !strings.Contains(s.Value, "a ceremony asks for") {
			t.Errorf("%s: step %+v: want it noted", lie, s)
		}
		told := slices.ContainsFunc(key.Attributes, func(a hsm.Attribute) bool {
			return a.Name == name && !strings.HasPrefix(step(text, name+" of the private key").Value, a.Value)
		})
		if told {
			t.Errorf("%s: transcript and attributes differ: %+v", lie, key.Attributes)
		}
	}
}

func TestInspectRefusesAKeyThatComesOut(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.plantPrivate("wrapped", guarded("wrapped", p11.NewAttribute(p11.CKA_EXTRACTABLE, true))...)
	r.plantPrivate("bare", guarded("bare", p11.NewAttribute(p11.CKA_EXTRACTABLE, true), p11.NewAttribute(p11.CKA_SENSITIVE, false))...)
	for _, c := range []struct {
		name, lie string
		id        []byte
		step      string
	}{
		{"CKA_VALUE by a lie", "lie=value", ref.ID, "CKA_VALUE is refused"},
		{"C_WrapKey by a lie", "lie=wrap", ref.ID, "C_WrapKey is refused"},
		{"extractable", "", []byte("wrapped"), "C_WrapKey is refused"},
		{"not sensitive", "", []byte("bare"), "CKA_VALUE is refused"},
	} {
		r.token.Control(t, c.lie)
		key, text, err := d.Inspect(r.context(), "seals", c.id)
		if hsm.ClassOf(err) != hsm.ClassMismatch || step(text, c.step).Result != hsm.Broken {
			t.Errorf("%s: %v of class %v, %+v: want class mismatch", c.name, err, hsm.ClassOf(err), step(text, c.step))
		}
		if key.ID != nil || !key.Public.IsZero() {
			t.Errorf("%s: Inspect gave out %+v", c.name, key)
		}
	}
	if n := r.keysLeft(); n != 6 {
		t.Errorf("%d key objects: want three pairs and no wrapping key", n)
	}
}

func TestInspectRefusesWhatCannotBeUsed(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	public, _ := r.plant(id("widow"))
	r.destroyObject(public)
	_, private := r.plant(id("orphan"))
	r.destroyObject(private)
	r.plant(id("twins"))
	r.plant(id("twins"))
	r.plantPrivate("mute", guarded("mute", p11.NewAttribute(p11.CKA_SIGN, false))...)
	r.plantPrivate("always", guarded("always", p11.NewAttribute(p11.CKA_ALWAYS_AUTHENTICATE, true))...)
	for _, c := range []struct {
		id    string
		class hsm.Class
		want  string
	}{
		{"nobody", hsm.ClassAbsent, "no private key"},
		{"widow", hsm.ClassAbsent, "no public key"},
		{"orphan", hsm.ClassAbsent, "no private key"},
		{"twins", hsm.ClassMismatch, "2 private keys"},
		{"mute", hsm.ClassMismatch, "CKA_SIGN"},
		{"always", hsm.ClassMismatch, "CKA_ALWAYS_AUTHENTICATE"},
		{"", hsm.ClassRequest, "CKA_ID of 0 bytes"},
		{strings.Repeat("x", 65), hsm.ClassRequest, "CKA_ID of 65 bytes"},
	} {
		key, text, err := d.Inspect(r.context(), "seals", []byte(c.id))
		if hsm.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v of class %v, want %v and %q", c.id, err, hsm.ClassOf(err), c.class, c.want)
		}
		broken := slices.ContainsFunc(text.Steps, func(s hsm.Step) bool { return s.Result == hsm.Broken })
		if broken == (c.class == hsm.ClassRequest) || key.ID != nil {
			t.Errorf("%q: key %+v, transcript %+v", c.id, key, text.Steps)
		}
	}
	if _, _, err := d.Inspect(r.context(), "nowhere", []byte("x")); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("unknown token: %v, want class absent", err)
	}
}

func TestInspectRefusesAKeyThatTheTokenDoesNotSignWith(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "unlisted=0x80008105")
	d = r.reopen(d)
	r.await(d, hsm.StateUp)
	if _, _, err := d.Inspect(r.context(), "seals", ref.ID); hsm.ClassOf(err) != hsm.ClassUnsupported {
		t.Errorf("Inspect: %v, want class unsupported", err)
	}
}

// What cannot be asked is not shown.
func TestInspectWithoutWrapping(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_GenerateKey=0x70")
	_, text, err := d.Inspect(r.context(), "seals", ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	if s := step(text, "C_WrapKey is refused"); s.Result != hsm.NotTried {
		t.Errorf("step %+v: want not tried", s)
	}
}

// A second try begins a transcript of its own.
func TestInspectIsTriedAgainAfterALostSession(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_WrapKey=0xb3*1")
	_, text, err := d.Inspect(r.context(), "seals", ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range text.Steps {
		if seen[s.Step] {
			t.Errorf("step %q is in the transcript twice", s.Step)
		}
		seen[s.Step] = true
	}
	if !seen["C_WrapKey is refused"] {
		t.Errorf("transcript %+v", text.Steps)
	}
}
