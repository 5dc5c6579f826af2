package testsofthsm_test

import (
	"bytes"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

// An exit is a way out of the token that a vendor closes for an SM2 key.
type exit struct {
	name string
	lie  string // the control line that opens it
	try  func(d *device, key pair) error
	want uint // CKR while it is closed
}

var exits = []exit{
	{"C_WrapKey", "lie=wrap", func(d *device, key pair) error {
		_, err := d.WrapKey(d.s, mech(pkcs11.CKM_AES_KEY_WRAP_PAD), d.wrappingKey(), key.priv)
		return err
	}, pkcs11.CKR_KEY_UNEXTRACTABLE},
	{"C_CopyObject", "lie=copy", func(d *device, key pair) error {
		_, err := d.CopyObject(d.s, key.priv, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, "copy")})
		return err
	}, pkcs11.CKR_ACTION_PROHIBITED},
	{"C_SetAttributeValue", "lie=set", func(d *device, key pair) error {
		return d.SetAttributeValue(d.s, key.priv, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)})
	}, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{"C_DeriveKey", "lie=derive", func(d *device, key pair) error {
		params := pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, d.mustAttribute(key.pub, pkcs11.CKA_EC_POINT)[2:])
		_, err := d.DeriveKey(d.s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, params)}, key.priv,
			[]*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
				pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
				pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
			})
		return err
	}, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED},
	{"C_CreateObject", "lie=create", func(d *device, _ pair) error {
		_, err := d.CreateObject(d.s, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
			pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2),
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, sm2OID),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE, bytes.Repeat([]byte{7}, 32)),
		})
		return err
	}, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
	{"CKA_VALUE", "lie=value", func(d *device, key pair) error {
		_, err := d.attribute(key.priv, pkcs11.CKA_VALUE)
		return err
	}, pkcs11.CKR_ATTRIBUTE_SENSITIVE},
}

func (d *device) wrappingKey() pkcs11.ObjectHandle {
	d.t.Helper()
	key, err := d.GenerateKey(d.s, mech(pkcs11.CKM_AES_KEY_GEN), []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, true),
	})
	d.must(err)
	return key
}

func TestSM2KeysDoNotLeaveTheToken(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a", pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, true))
	for _, c := range exits {
		wantCKR(t, c.name, c.try(d, key), c.want)
	}
}

// Each lie opens its own exit and no other, or a ceremony's negative tests
// would not know what they caught.
func TestEachLieOpensOneExit(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	pubT, privT := sm2Templates("a")
	derives := replace(privT, pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true))
	pub, priv, err := d.GenerateKeyPair(d.s, mech(ckmKeygen), pubT, derives)
	d.must(err)
	key := pair{pub, priv}
	for _, told := range exits {
		t.Run(told.lie, func(t *testing.T) {
			k.Control(t, told.lie)
			for _, c := range exits {
				want := c.want
				if c.lie == told.lie {
					want = pkcs11.CKR_OK
				}
				wantCKR(t, c.name, c.try(d, key), want)
			}
		})
	}
}

func TestValueThatIsReadIsTheKey(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	k.Control(t, "lie=value")
	private, err := sm2.NewPrivateKey(leftPad(d.mustAttribute(key.priv, pkcs11.CKA_VALUE)))
	d.must(err)
	if !private.PublicKey.Equal(d.sm2Public(key.pub)) {
		t.Error("CKA_VALUE is not the private half of CKA_EC_POINT")
	}
}

func leftPad(b []byte) []byte {
	return append(make([]byte, 32-len(b)), b...)
}

func TestLiesAboutAttributesAreToldOfEveryPrivateKey(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	keys := map[string]pair{
		"SM2":   d.generateSM2("a", pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false)),
		"P-256": d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID),
	}
	for lie, c := range map[string]struct {
		attribute uint
		told      byte
	}{
		"extractable":           {pkcs11.CKA_EXTRACTABLE, 1},
		"not_sensitive":         {pkcs11.CKA_SENSITIVE, 0},
		"not_always_sensitive":  {pkcs11.CKA_ALWAYS_SENSITIVE, 0},
		"not_never_extractable": {pkcs11.CKA_NEVER_EXTRACTABLE, 0},
		"not_local":             {pkcs11.CKA_LOCAL, 0},
		"not_private":           {pkcs11.CKA_PRIVATE, 0},
		"no_sign":               {pkcs11.CKA_SIGN, 0},
		"decrypt":               {pkcs11.CKA_DECRYPT, 1},
		"unwrap":                {pkcs11.CKA_UNWRAP, 1},
		"derives":               {pkcs11.CKA_DERIVE, 1},
		"modifiable":            {pkcs11.CKA_MODIFIABLE, 1},
	} {
		for name, key := range keys {
			k.Control(t)
			before := d.mustAttribute(key.priv, c.attribute)
			k.Control(t, "lie="+lie)
			if got := d.mustAttribute(key.priv, c.attribute); !bytes.Equal(got, []byte{c.told}) {
				t.Errorf("%s: lie=%s: attribute %#x = %x, want %x", name, lie, c.attribute, got, c.told)
			}
			if name == "SM2" && bytes.Equal(before, []byte{c.told}) {
				t.Errorf("lie=%s changes nothing: attribute %#x is %x without it", lie, c.attribute, before)
			}
		}
	}
}

func TestLieAboutThePointNamesAnotherKey(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	key := d.generateSM2("a")
	k.Control(t, "lie=ec_point")
	pub := d.sm2Public(key.pub) // on the curve, or this fails
	e := randomE(t)
	if sm2.VerifyASN1(pub, e, d.mustSign(ckmDER, key.priv, e)) {
		t.Error("the signature verifies under the point that is a lie")
	}
}
