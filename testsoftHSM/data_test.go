package testsofthsm_test

import (
	"bytes"
	"testing"

	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

func (d *device) createData(value string) pkcs11.ObjectHandle {
	d.t.Helper()
	object, err := d.CreateObject(d.s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, "signet"),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value),
	})
	d.must(err)
	return object
}

func TestLiesAboutFindingAndDestroying(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	object := d.createData("ab")
	ours := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, "signet")}
	if n := len(d.find(ours...)); n != 1 {
		t.Errorf("%d objects of the application, want 1", n)
	}
	k.Control(t, "lie=data_hidden")
	if n := len(d.find(ours...)); n != 0 {
		t.Errorf("lie=data_hidden: %d objects of the application, want none", n)
	}
	k.Control(t, "lie=destroy")
	d.must(d.DestroyObject(d.s, object))
	d.mustAttribute(object, pkcs11.CKA_VALUE)
	k.Control(t)
	d.must(d.DestroyObject(d.s, object))
	_, err := d.attribute(object, pkcs11.CKA_VALUE)
	wantCKR(t, "reading a destroyed object", err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
}

func TestDataObjectIsKeptAsAskedUnlessAskedToLie(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	for _, c := range []struct {
		lie     string
		value   string
		private byte
	}{
		{"", "ab", 1},
		{"lie=data_value", "`b", 1},
		{"lie=data_public", "ab", 0},
	} {
		k.Control(t, c.lie)
		object := d.createData("ab")
		if got := d.mustAttribute(object, pkcs11.CKA_VALUE); string(got) != c.value {
			t.Errorf("%q: CKA_VALUE %q, want %q", c.lie, got, c.value)
		}
		if got := d.mustAttribute(object, pkcs11.CKA_PRIVATE); !bytes.Equal(got, []byte{c.private}) {
			t.Errorf("%q: CKA_PRIVATE %x, want %x", c.lie, got, c.private)
		}
	}
}
