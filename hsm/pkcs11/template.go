package pkcs11

import (
	"slices"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// A making is how a key pair is asked of a module: mechanism and templates.
type making struct {
	mechanism       uint
	public, private []*p11.Attribute
}

// kinds says what makes a key of each type; SM2 has the profile's numbers.
func (t *token) kind(typ algo.KeyType) (mechanism, keyType uint, domain []*p11.Attribute, err error) {
	ec := func(params []byte) []*p11.Attribute {
		return []*p11.Attribute{p11.NewAttribute(p11.CKA_EC_PARAMS, params)}
	}
	switch typ {
	case algo.KeySM2:
		sm2 := t.profile.SM2
		if !sm2.Supported() {
			return 0, 0, nil, t.noSM2(typ)
		}
		return sm2.KeyGen, sm2.KeyType, ec(paramsSM2), nil
	case algo.KeyP256:
		return p11.CKM_EC_KEY_PAIR_GEN, p11.CKK_EC, ec(paramsP256), nil
	case algo.KeyP384:
		return p11.CKM_EC_KEY_PAIR_GEN, p11.CKK_EC, ec(paramsP384), nil
	case algo.KeyEd25519:
		return ckmEdwardsKeyGen, ckkEdwards, ec(paramsEd25519), nil
	}
	bits := map[algo.KeyType]uint{algo.KeyRSA2048: 2048, algo.KeyRSA3072: 3072, algo.KeyRSA4096: 4096}[typ]
	if bits == 0 {
		return 0, 0, nil, refuse(hsm.ClassRequest, "%v is not supported by this driver: want one of %v", typ, algo.KeyTypes())
	}
	return p11.CKM_RSA_PKCS_KEY_PAIR_GEN, p11.CKK_RSA, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_MODULUS_BITS, bits),
		p11.NewAttribute(p11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
	}, nil
}

// making builds the templates, less what the profile excludes. Each use that
// is not signing is set to false, because some tokens allow all uses unless
// told otherwise.
func (t *token) making(spec hsm.Spec) (making, error) {
	mechanism, keyType, domain, err := t.kind(spec.Type)
	if err != nil {
		return making{}, err
	}
	both := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_KEY_TYPE, keyType),
		p11.NewAttribute(p11.CKA_TOKEN, true),
		p11.NewAttribute(p11.CKA_LABEL, spec.Label),
		p11.NewAttribute(p11.CKA_ID, spec.ID),
	}
	public := slices.Concat(both, domain, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_PUBLIC_KEY)),
		p11.NewAttribute(p11.CKA_VERIFY, true),
		p11.NewAttribute(p11.CKA_ENCRYPT, false),
		p11.NewAttribute(p11.CKA_WRAP, false),
		p11.NewAttribute(p11.CKA_MODIFIABLE, false),
	})
	private := slices.Concat(both, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_PRIVATE_KEY)),
		p11.NewAttribute(p11.CKA_PRIVATE, true),
		p11.NewAttribute(p11.CKA_SENSITIVE, true),
		p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
		p11.NewAttribute(p11.CKA_SIGN, true),
		p11.NewAttribute(p11.CKA_DECRYPT, false),
		p11.NewAttribute(p11.CKA_UNWRAP, false),
		p11.NewAttribute(p11.CKA_DERIVE, false),
		p11.NewAttribute(p11.CKA_MODIFIABLE, false),
	})
	return making{mechanism, public, private}.without(t.profile.Exclude...), nil
}

// without leaves attributes out of both templates, by name.
func (m making) without(names ...string) making {
	left := func(template []*p11.Attribute) []*p11.Attribute {
		return slices.DeleteFunc(slices.Clone(template), func(a *p11.Attribute) bool {
			return slices.Contains(names, attributeName(a.Type))
		})
	}
	return making{m.mechanism, left(m.public), left(m.private)}
}

// asked tells whether the private template sets an attribute.
func (m making) asked(attribute uint) bool {
	return slices.ContainsFunc(m.private, func(a *p11.Attribute) bool { return a.Type == attribute })
}
