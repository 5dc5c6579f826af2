package testsofthsm_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

// The numbers of Sansec's profile, which the shim has by default.
const (
	ckkSM2    = 0x80000004
	ckmKeygen = 0x80008001
	ckmRaw    = 0x80008105
	ckmDER    = 0x80008104
	ckmEdDSA  = 0x1057
)

var sm2OID = []byte{0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D}

// A device is a loaded module with one session in which the user is logged in.
type device struct {
	*pkcs11.Ctx
	t    testing.TB
	k    *testsofthsm.Token
	slot uint
	s    pkcs11.SessionHandle
}

// open loads module, which is k.Shim or k.Module.
func open(t testing.TB, k *testsofthsm.Token, module string) *device {
	t.Helper()
	d := load(t, k, module)
	d.slot = d.findSlot(k.Label)
	d.s = d.session()
	d.must(d.Login(d.s, pkcs11.CKU_USER, k.PIN))
	return d
}

// load initialises the module and no more.
func load(t testing.TB, k *testsofthsm.Token, module string) *device {
	t.Helper()
	ctx := pkcs11.New(module)
	if ctx == nil {
		t.Fatalf("pkcs11.New(%s) = nil", module)
	}
	d := &device{Ctx: ctx, t: t, k: k}
	t.Cleanup(ctx.Destroy)
	d.must(d.Initialize())
	t.Cleanup(func() {
		k.Control(t)
		if err := d.Finalize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)) {
			t.Error(err)
		}
	})
	return d
}

func (d *device) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) findSlot(label string) uint {
	d.t.Helper()
	slots, err := d.GetSlotList(true)
	d.must(err)
	for _, slot := range slots {
		info, err := d.GetTokenInfo(slot)
		d.must(err)
		if strings.TrimRight(info.Label, " ") == label {
			return slot
		}
	}
	d.t.Fatalf("no token labelled %q", label)
	return 0
}

func (d *device) session() pkcs11.SessionHandle {
	d.t.Helper()
	s, err := d.OpenSession(d.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	d.must(err)
	return s
}

// A pair is one generated key pair.
type pair struct {
	pub, priv pkcs11.ObjectHandle
}

func sm2Templates(id string, more ...*pkcs11.Attribute) (pub, priv []*pkcs11.Attribute) {
	pub = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, sm2OID),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, id),
	}
	priv = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, id),
	}
	return pub, append(priv, more...)
}

func mech(m uint) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)}
}

func (d *device) generateSM2(id string, more ...*pkcs11.Attribute) pair {
	d.t.Helper()
	pubT, privT := sm2Templates(id, more...)
	pub, priv, err := d.GenerateKeyPair(d.s, mech(ckmKeygen), pubT, privT)
	d.must(err)
	return pair{pub, priv}
}

// generateEC makes a key pair by the standard's mechanism.
func (d *device) generateEC(mechanism uint, params []byte) pair {
	d.t.Helper()
	pub, priv, err := d.GenerateKeyPair(d.s, mech(mechanism),
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
			pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		})
	d.must(err)
	return pair{pub, priv}
}

func (d *device) attribute(o pkcs11.ObjectHandle, attribute uint) ([]byte, error) {
	a, err := d.GetAttributeValue(d.s, o, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
	if err != nil {
		return nil, err
	}
	return a[0].Value, nil
}

func (d *device) mustAttribute(o pkcs11.ObjectHandle, attribute uint) []byte {
	d.t.Helper()
	value, err := d.attribute(o, attribute)
	if err != nil {
		d.t.Fatalf("attribute %#x: %v", attribute, err)
	}
	return value
}

// sm2Public reads the public half, given as an OCTET STRING of 04‖X‖Y.
func (d *device) sm2Public(o pkcs11.ObjectHandle) *ecdsa.PublicKey {
	d.t.Helper()
	var point []byte
	_, err := asn1.Unmarshal(d.mustAttribute(o, pkcs11.CKA_EC_POINT), &point)
	d.must(err)
	pub, err := sm2.NewPublicKey(point)
	d.must(err)
	return pub
}

func (d *device) sign(mechanism uint, key pkcs11.ObjectHandle, data []byte) ([]byte, error) {
	return d.signIn(d.s, mechanism, key, data)
}

func (d *device) signIn(s pkcs11.SessionHandle, mechanism uint, key pkcs11.ObjectHandle, data []byte) ([]byte, error) {
	if err := d.SignInit(s, mech(mechanism), key); err != nil {
		return nil, err
	}
	return d.Sign(s, data)
}

func (d *device) mustSign(mechanism uint, key pkcs11.ObjectHandle, data []byte) []byte {
	d.t.Helper()
	sig, err := d.sign(mechanism, key, data)
	d.must(err)
	return sig
}

func (d *device) find(template ...*pkcs11.Attribute) []pkcs11.ObjectHandle {
	d.t.Helper()
	d.must(d.FindObjectsInit(d.s, template))
	var all []pkcs11.ObjectHandle
	for {
		page, _, err := d.FindObjects(d.s, 2) // small pages: the shim filters them
		d.must(err)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
	}
	d.must(d.FindObjectsFinal(d.s))
	return all
}

// rawToDER encodes r‖s strictly.
func rawToDER(t testing.TB, raw []byte) []byte {
	t.Helper()
	if len(raw)%2 != 0 || len(raw) == 0 {
		t.Fatalf("%d bytes are not r and s", len(raw))
	}
	half := len(raw) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:]),
	})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func randomE(t testing.TB) []byte {
	e := make([]byte, 32)
	if _, err := rand.Read(e); err != nil {
		t.Fatal(err)
	}
	return e
}

// wantCKR fails unless err is that PKCS#11 code.
func wantCKR(t testing.TB, what string, err error, want uint) {
	t.Helper()
	if want == pkcs11.CKR_OK {
		if err != nil {
			t.Errorf("%s: %v, want no error", what, err)
		}
		return
	}
	var got pkcs11.Error
	if !errors.As(err, &got) || uint(got) != want {
		t.Errorf("%s: %v, want %v", what, err, pkcs11.Error(want))
	}
}
