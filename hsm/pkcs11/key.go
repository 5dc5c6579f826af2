package pkcs11

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// A keyCache remembers the handles of private keys within one connection.
// Handles of token objects are good in all its sessions.
type keyCache struct {
	mu      sync.RWMutex
	handles map[string]p11.ObjectHandle // by cacheKey
}

// cacheKey has the public key in it, so that a reference with another one is
// judged by the token and not by the cache.
func cacheKey(ref hsm.KeyRef) string { return string(ref.ID) + "\x00" + string(ref.Public.DER()) }

func (c *keyCache) get(ref hsm.KeyRef) (p11.ObjectHandle, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	h, ok := c.handles[cacheKey(ref)]
	return h, ok
}

func (c *keyCache) put(ref hsm.KeyRef, h p11.ObjectHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handles == nil {
		c.handles = make(map[string]p11.ObjectHandle)
	}
	c.handles[cacheKey(ref)] = h
}

func (c *keyCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handles = nil
}

// A pair is a key pair on the token.
type pair struct {
	private, public p11.ObjectHandle
}

// privateKey returns the handle of the key that ref means, looked up once per
// connection.
func (s *session) privateKey(ref hsm.KeyRef) (p11.ObjectHandle, error) {
	if h, ok := s.pool.keys.get(ref); ok {
		return h, nil
	}
	found, err := s.locate(ref)
	if err != nil {
		return 0, err
	}
	always, err := s.flag(found.private, p11.CKA_ALWAYS_AUTHENTICATE)
	if err != nil && !notTold(err) {
		return 0, err
	}
	if always {
		return 0, refuse(hsm.ClassRequest, "key %x wants the PIN for every signature (CKA_ALWAYS_AUTHENTICATE): such keys are not supported", ref.ID)
	}
	s.pool.keys.put(ref, found.private)
	return found.private, nil
}

// locate finds the one pair with the CKA_ID of ref and makes sure that it is
// the key of ref.
func (s *session) locate(ref hsm.KeyRef) (pair, error) {
	found, err := s.pairByID(ref.ID)
	if err != nil {
		return pair{}, err
	}
	public, err := s.publicKey(found.public)
	if err != nil {
		return pair{}, err
	}
	if !public.Equal(ref.Public) {
		return pair{}, refuse(hsm.ClassMismatch, "key %x on the token has another public key than the record", ref.ID)
	}
	return found, s.belongs(found, public)
}

// pairByID finds the two halves. Nothing but the CKA_ID holds them together;
// labels may differ.
func (s *session) pairByID(id []byte) (pair, error) {
	private, err := s.single(p11.CKO_PRIVATE_KEY, id)
	if err != nil {
		return pair{}, err
	}
	public, err := s.single(p11.CKO_PUBLIC_KEY, id)
	return pair{private, public}, err
}

func (s *session) single(class uint, id []byte) (p11.ObjectHandle, error) {
	half := map[uint]string{p11.CKO_PRIVATE_KEY: "private", p11.CKO_PUBLIC_KEY: "public"}[class]
	found, err := s.findByID(class, id)
	switch {
	case err != nil:
		return 0, err
	case len(found) > 1:
		return 0, refuse(hsm.ClassMismatch, "%d %s keys have CKA_ID %x: want one", len(found), half, id)
	case len(found) == 1:
		return found[0], nil
	}
	if err := s.requireLogin(); err != nil { // nobody sees private keys without
		return 0, err
	}
	return 0, refuse(hsm.ClassAbsent, "no %s key has CKA_ID %x", half, id)
}

// belongs checks what a private half tells of itself against the public key.
// For most keys that is little; the proof is that signatures verify.
func (s *session) belongs(found pair, public algo.PublicKey) error {
	mine, err := s.number(found.private, p11.CKA_KEY_TYPE)
	if err != nil {
		return err
	}
	other, err := s.number(found.public, p11.CKA_KEY_TYPE)
	if err != nil {
		return err
	}
	if mine != other {
		return refuse(hsm.ClassMismatch, "the halves have different CKA_KEY_TYPE: private 0x%X, public 0x%X", mine, other)
	}
	if attribute := s.shared(public.Type()); attribute != 0 {
		return s.same(found, attribute)
	}
	return nil
}

// shared is an attribute that both halves of such a key have, 0 if none.
func (s *session) shared(typ algo.KeyType) uint {
	switch typ {
	case algo.KeyRSA2048, algo.KeyRSA3072, algo.KeyRSA4096:
		return p11.CKA_MODULUS
	case algo.KeySM2:
		if s.pool.token.profile.SM2.PrivateECPoint {
			return p11.CKA_EC_POINT
		}
	}
	return 0
}

// same compares the attribute if the private half tells it: vendors' private
// SM2 keys have a point when they were imported, and perhaps not else.
func (s *session) same(found pair, attribute uint) error {
	mine, err := s.told(found.private, attribute)
	if err != nil || mine == nil {
		return err
	}
	other, err := s.bytes(found.public, attribute)
	if err != nil {
		return err
	}
	if !bytes.Equal(mine, other) {
		return refuse(hsm.ClassMismatch, "the halves have different %s", attributeName(attribute))
	}
	return nil
}

// errKind is wrapped where a key is of a kind that signet does not use.
var errKind = errors.New("not a kind of key that signet uses")

// publicKey reads a public half.
func (s *session) publicKey(object p11.ObjectHandle) (algo.PublicKey, error) {
	kind, err := s.number(object, p11.CKA_KEY_TYPE)
	if err != nil {
		return algo.PublicKey{}, err
	}
	if kind == p11.CKK_RSA {
		return s.rsaKey(object)
	}
	params, err := s.bytes(object, p11.CKA_EC_PARAMS)
	if err != nil && !notTold(err) {
		return algo.PublicKey{}, err
	}
	typ, err := curve(s.pool.token.profile.SM2, kind, params)
	if err != nil {
		return algo.PublicKey{}, &fault{hsm.ClassMismatch, err}
	}
	point, err := s.bytes(object, p11.CKA_EC_POINT)
	if err != nil {
		return algo.PublicKey{}, err
	}
	return s.ecKey(typ, point)
}

func (s *session) ecKey(typ algo.KeyType, point []byte) (algo.PublicKey, error) {
	var key algo.PublicKey
	var err error
	switch typ {
	case algo.KeyEd25519:
		key, err = parseEdwards(point)
	case algo.KeySM2:
		key, err = parseEC(typ, point, s.pool.token.profile.SM2.Point)
	default:
		key, err = parseEC(typ, point, hsm.PointAuto)
	}
	if err != nil {
		return algo.PublicKey{}, &fault{hsm.ClassAnswer, err}
	}
	return key, nil
}

func (s *session) rsaKey(object p11.ObjectHandle) (algo.PublicKey, error) {
	modulus, err := s.bytes(object, p11.CKA_MODULUS)
	if err != nil {
		return algo.PublicKey{}, err
	}
	exponent, err := s.bytes(object, p11.CKA_PUBLIC_EXPONENT)
	if err != nil {
		return algo.PublicKey{}, err
	}
	key, err := parseRSA(modulus, exponent)
	if err != nil {
		return algo.PublicKey{}, &fault{hsm.ClassMismatch, fmt.Errorf("%w: %w", errKind, err)}
	}
	return key, nil
}

// curve tells the type of a key from CKA_KEY_TYPE and CKA_EC_PARAMS. An SM2
// curve under another key type than the profile's is refused: such a token
// would sign ECDSA with it.
func curve(sm2 hsm.SM2Profile, kind uint, params []byte) (algo.KeyType, error) {
	onSM2 := bytes.Equal(params, paramsSM2)
	switch {
	case sm2.Supported() && kind == sm2.KeyType && (onSM2 || params == nil && kind != p11.CKK_EC):
		return algo.KeySM2, nil
	case onSM2 && !sm2.Supported():
		return 0, fmt.Errorf("%w: the curve of SM2, and the profile has no [sm2]", errKind)
	case onSM2:
		return 0, fmt.Errorf("%w: the curve of SM2 with CKA_KEY_TYPE 0x%X, and the profile has 0x%X", errKind, kind, sm2.KeyType)
	case kind == p11.CKK_EC && bytes.Equal(params, paramsP256):
		return algo.KeyP256, nil
	case kind == p11.CKK_EC && bytes.Equal(params, paramsP384):
		return algo.KeyP384, nil
	case kind == ckkEdwards && (bytes.Equal(params, paramsEd25519) || bytes.Equal(params, paramsEd25519OID)):
		return algo.KeyEd25519, nil
	}
	return 0, fmt.Errorf("%w: CKA_KEY_TYPE 0x%X with CKA_EC_PARAMS %x", errKind, kind, params)
}
