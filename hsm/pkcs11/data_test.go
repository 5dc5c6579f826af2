package pkcs11_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/protocol/algo"
)

// data returns the values under the label "anchor", sorted.
func (r *rig) data(d *pkcs11.Driver) []string {
	r.Helper()
	values, err := d.Data(r.context(), "seals", "anchor")
	if err != nil {
		r.Fatal(err)
	}
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	slices.Sort(all)
	return all
}

func (r *rig) wantData(d *pkcs11.Driver, want ...string) {
	r.Helper()
	if got := r.data(d); !slices.Equal(got, want) {
		r.Errorf("data objects %q: want %q", got, want)
	}
}

func (r *rig) put(d *pkcs11.Driver, value string) {
	r.Helper()
	if err := d.PutData(r.context(), "seals", "anchor", []byte(value)); err != nil {
		r.Errorf("PutData(%.20q): %v", value, err)
	}
}

// plantData makes a data object past the driver: as the driver makes them, but
// for these attributes.
func (r *rig) plantData(value string, changes ...*p11.Attribute) {
	r.Helper()
	template := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_DATA)),
		p11.NewAttribute(p11.CKA_TOKEN, true),
		p11.NewAttribute(p11.CKA_PRIVATE, true),
		p11.NewAttribute(p11.CKA_APPLICATION, "signet"),
		p11.NewAttribute(p11.CKA_LABEL, "anchor"),
		p11.NewAttribute(p11.CKA_VALUE, value),
	}
	for _, c := range changes {
		i := slices.IndexFunc(template, func(a *p11.Attribute) bool { return a.Type == c.Type })
		template[i] = c
	}
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		r.Fatal(err)
	}
	defer ctx.CloseSession(s)
	if _, err := ctx.CreateObject(s, template); err != nil {
		r.Fatal(err)
	}
}

// objects counts all data objects on the token, whosoever they are.
func (r *rig) objects() int {
	r.Helper()
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		r.Fatal(err)
	}
	defer ctx.CloseSession(s)
	if err := ctx.FindObjectsInit(s, []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_DATA))}); err != nil {
		r.Fatal(err)
	}
	defer ctx.FindObjectsFinal(s)
	found, _, err := ctx.FindObjects(s, 1000)
	if err != nil {
		r.Fatal(err)
	}
	return len(found)
}

func TestDataOutlivesTheProcessAndIsReplaced(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	r.wantData(d)
	r.put(d, "1")
	r.wantData(d, "1")
	d = r.reopen(d)
	r.await(d, hsm.StateUp)
	r.wantData(d, "1")
	for _, value := range []string{"2", "2", "\x00", strings.Repeat("x", hsm.MaxData)} {
		r.put(d, value)
		r.wantData(d, value)
	}
	if n := r.objects(); n != 1 {
		t.Errorf("%d data objects: want one", n)
	}
}

func TestDataOfOthersIsNeitherReadNorDestroyed(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.plantData("9", p11.NewAttribute(p11.CKA_APPLICATION, "vendor"))
	r.plantData("9", p11.NewAttribute(p11.CKA_LABEL, "anchor2"))
	r.plantData("9", p11.NewAttribute(p11.CKA_PRIVATE, false)) // no PIN is needed to make this one
	r.wantData(d)
	r.put(d, "1")
	r.put(d, "2")
	r.wantData(d, "2")
	if n := r.objects(); n != 4 {
		t.Errorf("%d data objects: want ours and three of others", n)
	}
}

func TestDataHasAForm(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, c := range []struct{ name, label, value string }{
		{"no value", "anchor", ""},
		{"long value", "anchor", strings.Repeat("x", hsm.MaxData+1)},
		{"no label", "", "1"},
		{"long label", strings.Repeat("x", 65), "1"},
		{"label that cannot be seen", "a\n", "1"},
	} {
		if err := d.PutData(r.context(), "seals", c.label, []byte(c.value)); hsm.ClassOf(err) != hsm.ClassRequest {
			t.Errorf("%s: PutData: %v, want class request", c.name, err)
		}
	}
	if _, err := d.Data(r.context(), "seals", ""); hsm.ClassOf(err) != hsm.ClassRequest {
		t.Errorf("Data without a label: %v, want class request", err)
	}
	if _, err := d.Data(r.context(), "nowhere", "anchor"); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("Data of an unknown token: %v, want class absent", err)
	}
	if err := d.PutData(r.context(), "nowhere", "anchor", []byte("1")); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("PutData to an unknown token: %v, want class absent", err)
	}
	if n := r.objects(); n != 0 {
		t.Errorf("%d data objects were made", n)
	}
}

// What is under the label and was not put there by PutData is told, not left
// out: an anchor that somebody spoilt must not look like none.
func TestDataOfAnotherSizeIsRefusedAndReplaced(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, value := range []string{"", strings.Repeat("x", hsm.MaxData+1)} {
		r.plantData(value)
		if _, err := d.Data(r.context(), "seals", "anchor"); hsm.ClassOf(err) != hsm.ClassMismatch {
			t.Errorf("Data with a value of %d bytes: %v, want class mismatch", len(value), err)
		}
		r.put(d, "1")
		r.wantData(d, "1")
	}
}

// A process that ends between the two steps leaves both values.
func TestCrashWhileDataIsReplacedLeavesBoth(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.put(d, "1")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	r.token.Control(t, "C_DestroyObject=crash")
	r.crash("data")
	r.token.Control(t)
	d = r.open()
	r.await(d, hsm.StateUp)
	r.wantData(d, "1", "2")
	r.put(d, "3")
	r.wantData(d, "3")
}

// childData replaces the data object, if the module lets it live.
func childData() error {
	d, err := openChild()
	if err != nil {
		return err
	}
	defer d.Close()
	return d.PutData(context.Background(), "seals", "anchor", []byte("2"))
}

func TestTokenThatKeepsNoData(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.put(d, "1")
	before := d.Status()[0]
	for code, want := range map[string]hsm.Class{
		"0x54": hsm.ClassUnsupported, // function not supported
		"0x13": hsm.ClassUnsupported, // attribute value invalid: CKO_DATA
		"0xd1": hsm.ClassUnsupported, // template inconsistent
		"0x31": hsm.ClassRequest,     // no memory left
		"0xe2": hsm.ClassRequest,     // write protected
		"0x6":  hsm.ClassDevice,      // vague, once
	} {
		r.token.Control(t, "C_CreateObject="+code)
		err := d.PutData(r.context(), "seals", "anchor", []byte("2"))
		if hsm.ClassOf(err) != want || !strings.Contains(err.Error(), "C_CreateObject: CKR_") {
			t.Errorf("C_CreateObject=%s: %v of class %v, want %v", code, err, hsm.ClassOf(err), want)
		}
		r.wantData(d, "1")
		r.signs(d, ref, algo.SM2SM3)
	}
	if s := d.Status()[0]; s.Since != before.Since {
		t.Errorf("a token without room for data went down: %+v", s)
	}
}

func TestTokenThatTakesNoModifiableData(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, code := range []string{"0x10", "0x12", "0x13", "0xd1"} {
		r.token.Control(t, "C_CreateObject="+code+"*1")
		r.put(d, code)
		r.wantData(d, code)
	}
}

// A device error is not tried a second time, and leaves the old value.
func TestDataIsNotWrittenTwice(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.put(d, "1")
	for _, code := range []string{"0x30", "0xb3", "0x101"} {
		before := d.Status()[0]
		r.token.Control(t, "C_CreateObject="+code+"*1")
		if err := d.PutData(r.context(), "seals", "anchor", []byte("2")); err == nil {
			t.Errorf("PutData went past CKR %s, which a second try would", code)
		}
		if code != "0x101" {
			r.awaitNew(d, before)
		}
		r.wantData(d, "1")
	}
}

// The old value goes only after the new one was read back and found again.
func TestDataThatIsNotKeptAsAskedLeavesTheOldValue(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		want        string // in the error
	}{
		{"another value", "lie=data_value", "CKA_VALUE is not as asked for"},
		{"public", "lie=data_public", "CKA_PRIVATE is not as asked for"},
		{"not to be found", "lie=data_hidden", "the search does not find"},
		{"unreadable", "C_GetAttributeValue=0x11", "CKA_CLASS is not as asked for"},
	} {
		r := newRig(t, 1)
		d := r.up()
		if c.name != "unreadable" {
			r.put(d, "1")
		}
		r.token.Control(t, c.fault)
		err := d.PutData(r.context(), "seals", "anchor", []byte("2"))
		if hsm.ClassOf(err) != hsm.ClassAnswer || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v of class %v, want class answer and %q", c.name, err, hsm.ClassOf(err), c.want)
		}
		r.token.Control(t)
		if c.name != "unreadable" { // else C_DestroyObject could not be proven either
			r.wantData(d, "1")
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// An older value that stays is told of, since they would pile up; the new one
// counts all the same.
func TestOldDataThatCannotBeDestroyed(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.put(d, "1")
	for fault, want := range map[string]hsm.Class{
		"C_DestroyObject=0x1b": hsm.ClassRequest, // action prohibited
		"lie=destroy":          hsm.ClassAnswer,
	} {
		r.token.Control(t, fault)
		err := d.PutData(r.context(), "seals", "anchor", []byte("2"))
		if hsm.ClassOf(err) != want || !strings.Contains(err.Error(), "with the new one on the token") {
			t.Errorf("%s: %v, want class %v", fault, err, want)
		}
		r.token.Control(t)
		r.wantData(d, "1", "2")
		r.put(d, "1")
		r.wantData(d, "1")
	}
}

// A token without a login shows no private objects. That must not pass for "it
// has none".
func TestDataIsNotMissingBecauseNobodyIsLoggedIn(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.put(d, "1")
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.CloseSession(s)
	for range 2 {
		if err := ctx.Logout(s); err != nil {
			t.Fatal(err)
		}
		r.wantData(d, "1")
		if err := ctx.Logout(s); err != nil {
			t.Fatal(err)
		}
		r.put(d, "1")
	}
}

func TestDataIsReadAgainAfterALostSession(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.put(d, "1")
	for _, fault := range []string{"C_FindObjectsInit=0xb3*1", "C_GetAttributeValue=0x82*1", "C_FindObjects=0x101*1"} {
		r.token.Control(t, fault)
		r.wantData(d, "1")
	}
}

// The caller's bytes are his own again when PutData returns, also where the
// module has not.
func TestAbandonedDataIsWhatWasAskedFor(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.token.Control(t, "C_CreateObject=hang")
	value := []byte("1")
	err := r.abandon(func(ctx context.Context) error { return d.PutData(ctx, "seals", "anchor", value) })
	if hsm.ClassOf(err) != hsm.ClassDeadline {
		t.Errorf("PutData: %v, want class deadline", err)
	}
	copy(value, "x")
	r.token.Control(t)
	r.wantData(d, "1") // the only worker takes this when it is through with the other
}

func TestOneDataObjectIsWrittenAtATime(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	r.token.Control(t, "C_CreateObject=hang")
	first := make(chan error, 1)
	go func() { first <- d.PutData(r.context(), "seals", "anchor", []byte("1")) }()
	r.eventually("refusal of a second", func() bool {
		ctx, cancel := context.WithTimeout(r.context(), shortly)
		defer cancel()
		err := d.PutData(ctx, "seals", "anchor", []byte("2"))
		return err != nil && strings.Contains(err.Error(), "another data object")
	})
	r.token.Control(t)
	// If a second one was taken up before it, the first was refused.
	if err := <-first; err == nil {
		r.wantData(d, "1")
	} else if hsm.ClassOf(err) != hsm.ClassBusy {
		t.Errorf("first PutData: %v", err)
	}
}
