package pkcs11_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// keysLeft counts the objects of both key classes on the token.
func (r *rig) keysLeft() int {
	r.Helper()
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		r.Fatal(err)
	}
	defer ctx.CloseSession(s)
	n := 0
	for _, class := range []uint{p11.CKO_PRIVATE_KEY, p11.CKO_PUBLIC_KEY, p11.CKO_SECRET_KEY} {
		if err := ctx.FindObjectsInit(s, []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, class)}); err != nil {
			r.Fatal(err)
		}
		found, _, err := ctx.FindObjects(s, 1000)
		if err != nil {
			r.Fatal(err)
		}
		if err := ctx.FindObjectsFinal(s); err != nil {
			r.Fatal(err)
		}
		n += len(found)
	}
	return n
}

func step(text hsm.Transcript, name string) hsm.Step {
	i := slices.IndexFunc(text.Steps, func(s hsm.Step) bool { return s.Step == name })
	if i < 0 {
		return hsm.Step{}
	}
	return text.Steps[i]
}

func TestCeremonyProvesWhatTheKeyIs(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, typ := range []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyP384, algo.KeyRSA2048, algo.KeyEd25519} {
		ref, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: typ, Label: typ.String()})
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		for name, value := range map[string]string{
			"CKA_SENSITIVE of the private key":         "true",
			"CKA_EXTRACTABLE of the private key":       "false",
			"CKA_ALWAYS_SENSITIVE of the private key":  "true",
			"CKA_NEVER_EXTRACTABLE of the private key": "true",
			"CKA_LOCAL of the private key":             "true",
			"CKA_PRIVATE of the private key":           "true",
			"CKA_DECRYPT of the private key":           "false",
			"CKA_MODIFIABLE of the private key":        "false",
			"CKA_ID not in use":                        "no object has it",
			"found by CKA_ID":                          "one pair, with this public key",
		} {
			if s := step(text, name); s.Result != hsm.Held || s.Value != value {
				t.Errorf("%v: step %q is %+v: want %q, held", typ, name, s, value)
			}
		}
		if s := step(text, "C_WrapKey is refused"); s.Result != hsm.Held || !strings.Contains(s.Value, "CKR_KEY_UNEXTRACTABLE") {
			t.Errorf("%v: step C_WrapKey: %+v", typ, s)
		}
		secret := "CKA_VALUE is refused"
		if typ == algo.KeyRSA2048 {
			secret = "CKA_PRIVATE_EXPONENT is refused"
		}
		if s := step(text, secret); s.Result != hsm.Held || !strings.Contains(s.Value, "CKR_ATTRIBUTE_SENSITIVE") {
			t.Errorf("%v: step %s: %+v", typ, secret, s)
		}
		if text.Token != "seals" || text.KeyType != typ.String() || text.Serial == "" || text.Mechanism == "" ||
			len(ref.ID) != 16 || string(text.PublicKey) != string(ref.Public.DER()) {
			t.Errorf("%v: transcript %+v of %v", typ, text, ref)
		}
	}
	if n := r.keysLeft(); n != 10 {
		t.Errorf("%d key objects: want 5 pairs and no wrapping key", n)
	}
}

// Who reads it wants to know which library answered, pinned or not.
func TestTranscriptNamesTheModule(t *testing.T) {
	r := newRig(t, 1)
	library, err := os.ReadFile(r.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(library))
	for _, pin := range []string{"", strings.ToUpper(sum)} {
		r.config.SHA256 = pin
		d := r.up()
		_, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "k" + pin[:min(len(pin), 1)]})
		if err != nil {
			t.Fatal(err)
		}
		if text.Module != r.config.Path || text.ModuleSHA256 != sum || text.ModulePinned != (pin != "") ||
			text.Manufacturer != "SoftHSM project" || text.Model != "SoftHSM v2" || text.Firmware != "2.6" || text.Profile != "shim" {
			t.Errorf("sha256 %q configured: transcript %+v", pin, text)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTranscriptSurvivesJSON(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	_, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "公章 一", ID: []byte{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	var back hsm.Transcript
	if err := json.Unmarshal(line, &back); err != nil {
		t.Fatal(err)
	}
	if back.ID != "0102" || back.Label != "公章 一" || len(back.Steps) != len(text.Steps) {
		t.Errorf("transcript after JSON: %+v", back)
	}
	for _, s := range back.Steps {
		if s.Result != hsm.Held && s.Result != hsm.Noted {
			t.Errorf("step of a good ceremony: %+v", s)
		}
	}
}

func TestLyingModuleIsRefusedAndNothingIsLeft(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for lie, want := range map[string]string{
		"extractable":           "CKA_EXTRACTABLE",
		"not_sensitive":         "CKA_SENSITIVE",
		"not_always_sensitive":  "CKA_ALWAYS_SENSITIVE",
		"not_never_extractable": "CKA_NEVER_EXTRACTABLE",
		"not_local":             "CKA_LOCAL",
		"not_private":           "CKA_PRIVATE",
		"no_sign":               "CKA_SIGN",
		"decrypt":               "CKA_DECRYPT",
		"unwrap":                "CKA_UNWRAP",
		"derives":               "CKA_DERIVE",
		"modifiable":            "CKA_MODIFIABLE",
		"value":                 "CKA_VALUE",
		"wrap":                  "C_WrapKey",
	} {
		r.token.Control(t, "lie="+lie)
		ref, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "k"})
		if hsm.ClassOf(err) != hsm.ClassMismatch || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "destroyed") {
			t.Errorf("%s: Generate: %v, want class mismatch and the name %s", lie, err, want)
		}
		if ref.ID != nil || !ref.Public.IsZero() {
			t.Errorf("%s: Generate gave out %v", lie, ref)
		}
		broken := slices.IndexFunc(text.Steps, func(s hsm.Step) bool { return s.Result == hsm.Broken })
		if broken < 0 || step(text, "key destroyed").Result != hsm.Held {
			t.Errorf("%s: transcript: %+v", lie, text.Steps)
		}
		if n := r.keysLeft(); n != 0 {
			t.Errorf("%s: %d key objects are left on the token", lie, n)
		}
	}
}

// A token that lies about the public key in both halves gets through the
// ceremony; the first signature shows it, so the caller must try one.
func TestFalsePublicKeyShowsWhenTheKeySigns(t *testing.T) {
	r := newRig(t, 1)
	r.config.Profile.SM2.PrivateECPoint = true
	d := r.up()
	r.token.Control(t, "profile.private_ec_point=yes", "lie=ec_point")
	ref := r.key(d, algo.KeySM2)
	if err := signOnce(r.context(), d, ref, algo.SM2SM3); !errors.Is(err, algo.ErrSignature) {
		t.Errorf("signing with a false public key: %v, want %v", err, algo.ErrSignature)
	}
}

func TestIDAndLabelMustBeNew(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	first, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "taken", ID: []byte("taken")})
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []hsm.Spec{
		{Type: algo.KeySM2, Label: "taken"},
		{Type: algo.KeySM2, Label: "new", ID: []byte("taken")},
	} {
		if _, _, err := d.Generate(r.context(), "seals", spec); hsm.ClassOf(err) != hsm.ClassRequest {
			t.Errorf("Generate(%+v): %v, want class request", spec, err)
		}
	}
	r.signs(d, first, algo.ECDSAP256SHA256)
	if n := r.keysLeft(); n != 2 {
		t.Errorf("%d key objects: want the first pair only", n)
	}
}

func TestGenerateRefusesBadSpecs(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, spec := range []hsm.Spec{
		{Label: "no type"},
		{Type: 99, Label: "unknown type"},
		{Type: algo.KeySM2},
		{Type: algo.KeySM2, Label: strings.Repeat("x", 65)},
		{Type: algo.KeySM2, Label: "line\nbreak"},
		{Type: algo.KeySM2, Label: " blank"},
		{Type: algo.KeySM2, Label: "bad \xff"},
		{Type: algo.KeySM2, Label: "x", ID: []byte{}},
		{Type: algo.KeySM2, Label: "x", ID: make([]byte, 65)},
	} {
		if _, _, err := d.Generate(r.context(), "seals", spec); hsm.ClassOf(err) != hsm.ClassRequest {
			t.Errorf("Generate(%+v): %v, want class request", spec, err)
		}
	}
}

func TestModuleThatRefusesAttributes(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.token.Control(t, "C_GenerateKeyPair=0x12*1")
	_, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "a"})
	if err != nil {
		t.Fatalf("a token that does not take CKA_MODIFIABLE: %v", err)
	}
	if s := step(text, "CKA_MODIFIABLE of the private key"); s.Result != hsm.Noted || s.Value != "true" {
		t.Errorf("step %+v: want true, noted", s)
	}
	r.config.Profile.Exclude = []string{"CKA_DERIVE", "CKA_DECRYPT", "CKA_CLASS", "CKA_PRIVATE"}
	d = r.reopen(d)
	r.await(d, hsm.StateUp)
	ref, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "b"})
	if err != nil {
		t.Fatalf("with excluded attributes: %v", err)
	}
	if s := step(text, "CKA_DECRYPT of the private key"); s.Result != hsm.Noted {
		t.Errorf("step %+v: want it noted", s)
	}
	r.signs(d, ref, algo.ECDSAP256SHA256)
}

// What is left out of the template is judged all the same: SoftHSM2 makes a
// readable key if it is not told otherwise.
func TestExcludingAnAttributeDoesNotLoosenTheCeremony(t *testing.T) {
	r := newRig(t, 1)
	r.config.Profile.Exclude = []string{"CKA_SENSITIVE"}
	d := r.up()
	_, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "k"})
	if err == nil || !strings.Contains(err.Error(), "CKA_SENSITIVE") {
		t.Errorf("Generate: %v, want CKA_SENSITIVE refused", err)
	}
	if n := r.keysLeft(); n != 0 {
		t.Errorf("%d key objects are left on the token", n)
	}
}

func TestTokenWithoutWrappingProvesNothingAboutIt(t *testing.T) {
	for _, fault := range []string{"C_GenerateKey=0x70", "C_WrapKey=0x70"} {
		r := newRig(t, 1)
		d := r.up()
		r.token.Control(t, fault)
		_, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "k"})
		if err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		if s := step(text, "C_WrapKey is refused"); s.Result != hsm.NotTried || !strings.Contains(s.Value, "CKR_MECHANISM_INVALID") {
			t.Errorf("%s: step %+v: want not tried, and why", fault, s)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A fault in the middle leaves nothing, and where it cannot be undone says
// so.
func TestFaultDuringTheCeremony(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	before := d.Status()[0]
	r.token.Control(t, "C_WrapKey=0x30")
	if _, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "k"}); hsm.ClassOf(err) != hsm.ClassDevice {
		t.Errorf("device error in the ceremony: %v, want class device", err)
	}
	r.token.Control(t)
	r.awaitNew(d, before)
	if n := r.keysLeft(); n != 0 {
		t.Errorf("%d key objects are left on the token", n)
	}
	r.token.Control(t, "lie=not_local", "C_DestroyObject=0x6")
	_, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "k", ID: []byte{0xab}})
	if err == nil || !strings.Contains(err.Error(), "STILL ON THE TOKEN") || !strings.Contains(err.Error(), "CKA_ID ab") {
		t.Errorf("key that cannot be destroyed: %v", err)
	}
	if step(text, "key destroyed").Result != hsm.Broken {
		t.Errorf("transcript %+v", text.Steps)
	}
}

// A token that says yes and keeps the key is found out.
func TestKeyThatIsNotDestroyedAsTheTokenSays(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeyP256)
	r.token.Control(t, "lie=destroy")
	if err := d.Destroy(r.context(), ref); hsm.ClassOf(err) != hsm.ClassAnswer {
		t.Errorf("Destroy: %v, want class answer", err)
	}
	r.token.Control(t, "lie=destroy", "lie=not_local")
	_, text, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "k"})
	if err == nil || !strings.Contains(err.Error(), "STILL ON THE TOKEN") || step(text, "key destroyed").Result != hsm.Broken {
		t.Errorf("ceremony: %v, %+v", err, step(text, "key destroyed"))
	}
}

// Nobody waits for the key any more, so it must not stay.
func TestAbandonedCeremonyLeavesNoKey(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.token.Control(t, "C_GenerateKeyPair=hang")
	err := r.abandon(func(ctx context.Context) error {
		_, _, err := d.Generate(ctx, "seals", hsm.Spec{Type: algo.KeySM2, Label: "k"})
		return err
	})
	if hsm.ClassOf(err) != hsm.ClassDeadline {
		t.Errorf("Generate: %v, want class deadline", err)
	}
	r.token.Control(t)
	// The only worker takes the next job when it is through with undoing.
	if _, err := d.Random(r.context(), "seals", 1); err != nil {
		t.Fatal(err)
	}
	if n := r.keysLeft(); n != 0 {
		t.Errorf("%d key objects are left on the token", n)
	}
}

func TestOneCeremonyAtATime(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	r.token.Control(t, "C_GenerateKeyPair=hang")
	first := make(chan error, 1)
	go func() {
		_, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "a"})
		first <- err
	}()
	for end := time.Now().Add(patience); ; {
		ctx, cancel := context.WithTimeout(context.Background(), shortly)
		_, _, err := d.Generate(ctx, "seals", hsm.Spec{Type: algo.KeySM2, Label: "b"})
		cancel()
		if hsm.ClassOf(err) == hsm.ClassBusy {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("second ceremony: %v, want class busy", err)
		}
	}
	r.token.Control(t)
	if err := <-first; err != nil && hsm.ClassOf(err) != hsm.ClassBusy {
		t.Errorf("first ceremony: %v", err)
	}
}

func TestDestroyRemovesBothHalves(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	keep, gone := r.key(d, algo.KeySM2), r.key(d, algo.KeySM2)
	r.signs(d, gone, algo.SM2SM3)
	wrong := gone
	wrong.Public = keep.Public
	if err := d.Destroy(r.context(), wrong); hsm.ClassOf(err) != hsm.ClassMismatch {
		t.Errorf("Destroy with another public key: %v, want class mismatch", err)
	}
	if err := d.Destroy(r.context(), gone); err != nil {
		t.Fatal(err)
	}
	if err := signOnce(r.context(), d, gone, algo.SM2SM3); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("signing with a destroyed key: %v, want class absent", err)
	}
	if err := d.Destroy(r.context(), gone); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("destroying it again: %v, want class absent", err)
	}
	r.signs(d, keep, algo.SM2SM3)
	if n := r.keysLeft(); n != 2 {
		t.Errorf("%d key objects: want those of the other key", n)
	}
}
