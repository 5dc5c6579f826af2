package pkcs11

import (
	"fmt"
	"slices"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// A repertoire is what a token says of its mechanisms, as read when the
// connection was made: firmware changes only while a token is away.
type repertoire struct {
	told       bool // false: the token has no list to give, and nothing is concluded from that
	mechanisms map[uint]mechanismInfo
}

// mechanismInfo is what the token tells of a mechanism that it lists. A token
// may list one and tell no more of it: then told is false.
type mechanismInfo struct {
	told     bool
	flags    uint
	min, max uint // key sizes in bits; max 0: not told
}

// repertoire reads list and particulars of the mechanisms that signet uses.
// A token that cannot list is used without; one that fails is not.
func (m *module) repertoire(slot uint, used []uint) (repertoire, error) {
	list, err := m.ctx.GetMechanismList(slot)
	if err = called("C_GetMechanismList", err); err != nil {
		if classOf(err) == hsm.ClassRequest {
			return repertoire{}, nil
		}
		return repertoire{}, err
	}
	r := repertoire{told: true, mechanisms: make(map[uint]mechanismInfo)}
	for _, listed := range list {
		if !slices.Contains(used, listed.Mechanism) {
			continue
		}
		info, err := m.ctx.GetMechanismInfo(slot, []*p11.Mechanism{listed})
		if err = called("C_GetMechanismInfo", err); err != nil && classOf(err) != hsm.ClassRequest {
			return repertoire{}, err
		}
		r.mechanisms[listed.Mechanism] = mechanismInfo{err == nil, info.Flags, info.MinKeySize, info.MaxKeySize}
	}
	return r, nil
}

// uses are the mechanisms that keys and algorithms need on this token.
func (t *token) uses() []uint {
	var all []uint
	for _, typ := range algo.KeyTypes() {
		if mechanism, _, _, err := t.kind(typ); err == nil {
			all = append(all, mechanism)
		}
	}
	for _, a := range algo.All() {
		if mechanism, err := t.signMechanism(a); err == nil {
			all = append(all, mechanism)
		}
	}
	return all
}

// signMechanism is the one mechanism that signs with a: none that hashes, so
// that no document passes through the module.
func (t *token) signMechanism(a algo.Algorithm) (uint, error) {
	switch a {
	case algo.SM2SM3:
		if !t.profile.SM2.Supported() {
			return 0, t.noSM2(a)
		}
		return t.profile.SM2.SignRawE, nil
	case algo.ECDSAP256SHA256, algo.ECDSAP384SHA384:
		return p11.CKM_ECDSA, nil
	case algo.RSAPKCS1SHA256, algo.RSAPKCS1SHA384, algo.RSAPKCS1SHA512:
		return p11.CKM_RSA_PKCS, nil
	case algo.RSAPSSSHA256, algo.RSAPSSSHA384, algo.RSAPSSSHA512:
		return p11.CKM_RSA_PKCS_PSS, nil
	case algo.Ed25519:
		return ckmEDDSA, nil
	}
	return 0, refuse(hsm.ClassRequest, "%v is not supported by this driver: want one of %v", a, algo.All())
}

// noSM2 refuses what without [sm2] has no mechanism.
func (t *token) noSM2(what fmt.Stringer) error {
	return refuse(hsm.ClassUnsupported, "%v is not supported by profile %s: it has no [sm2]", what, t.profile.Name)
}

// lacks says why the token cannot be asked for a use (CKF_SIGN or
// CKF_GENERATE_KEY_PAIR) of a mechanism with keys of that type, nil if nothing
// speaks against it. What the profile has under unlisted is asked for.
func (p *pool) lacks(mechanism, use uint, typ algo.KeyType) error {
	if slices.Contains(p.token.profile.Unlisted, mechanism) {
		return nil
	}
	return p.listed.lacks(mechanism, use, typ)
}

func (r repertoire) lacks(mechanism, use uint, typ algo.KeyType) error {
	if !r.told {
		return nil
	}
	info, ok := r.mechanisms[mechanism]
	if !ok {
		return refuse(hsm.ClassUnsupported, "the token does not list mechanism %s", mechanismName(mechanism))
	}
	// Of a vendor's mechanism only the listing counts: flags are left out by
	// some, and the unit of the sizes is the vendor's own (PKCS#11 v2.40 base,
	// CK_MECHANISM_INFO: bits or bytes, as the mechanism has it).
	if mechanism >= p11.CKM_VENDOR_DEFINED || !info.told {
		return nil
	}
	if info.flags&use == 0 {
		return refuse(hsm.ClassUnsupported, "the token lists mechanism %s, and not for %s", mechanismName(mechanism), useNames[use])
	}
	if low, high := keyBits(typ); high < info.min || info.max != 0 && low > info.max {
		return refuse(hsm.ClassUnsupported, "the token lists mechanism %s for keys of %d to %d bits: %v has %d", mechanismName(mechanism), info.min, info.max, typ, low)
	}
	return nil
}

var useNames = map[uint]string{p11.CKF_SIGN: "signing", p11.CKF_GENERATE_KEY_PAIR: "making key pairs"}

// keyBits is the size of a key as CK_MECHANISM_INFO counts it: the modulus,
// or the field. Ed25519 has a field of 255 bits, which some tokens round up.
func keyBits(typ algo.KeyType) (low, high uint) {
	switch typ {
	case algo.KeyP384:
		return 384, 384
	case algo.KeyRSA2048:
		return 2048, 2048
	case algo.KeyRSA3072:
		return 3072, 3072
	case algo.KeyRSA4096:
		return 4096, 4096
	case algo.KeyEd25519:
		return 255, 256
	}
	return 256, 256
}

// undone makes a refusal of the mechanism itself, by a token that listed it,
// what it is: the same request will never do.
func undone(mechanism uint, err error) error {
	if hasCode(err, p11.CKR_MECHANISM_INVALID, p11.CKR_MECHANISM_PARAM_INVALID) {
		return &fault{hsm.ClassUnsupported, fmt.Errorf("mechanism %s: %w", mechanismName(mechanism), err)}
	}
	return err
}

var mechanismNames = map[uint]string{
	p11.CKM_EC_KEY_PAIR_GEN:       "CKM_EC_KEY_PAIR_GEN",
	p11.CKM_RSA_PKCS_KEY_PAIR_GEN: "CKM_RSA_PKCS_KEY_PAIR_GEN",
	ckmEdwardsKeyGen:              "CKM_EC_EDWARDS_KEY_PAIR_GEN",
	p11.CKM_ECDSA:                 "CKM_ECDSA",
	p11.CKM_RSA_PKCS:              "CKM_RSA_PKCS",
	p11.CKM_RSA_PKCS_PSS:          "CKM_RSA_PKCS_PSS",
	ckmEDDSA:                      "CKM_EDDSA",
}

// mechanismName names a mechanism; those of vendors have a number only.
func mechanismName(mechanism uint) string {
	if name := mechanismNames[mechanism]; name != "" {
		return fmt.Sprintf("%s (0x%X)", name, mechanism)
	}
	return fmt.Sprintf("0x%X", mechanism)
}
