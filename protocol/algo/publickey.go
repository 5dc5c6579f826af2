package algo

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// A PublicKey is the public half of a key that signet can verify with. The
// zero value verifies nothing. It is immutable and safe to share.
type PublicKey struct {
	der []byte // SubjectPublicKeyInfo, RFC 5280 4.1.2.7; SM2 as GM/T 0010
	key crypto.PublicKey
	typ KeyType
}

// NewPublicKey wraps an *ecdsa.PublicKey (curves sm2p256v1, P-256, P-384), an
// *rsa.PublicKey (2048, 3072, 4096 bits) or an ed25519.PublicKey.
func NewPublicKey(key crypto.PublicKey) (PublicKey, error) {
	typ, err := typeOf(key)
	if err != nil {
		return PublicKey{}, err
	}
	der, err := smx509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fmt.Errorf("encoding public key: %w", err)
	}
	return PublicKey{der: der, key: key, typ: typ}, nil
}

// ParsePublicKey reads a DER SubjectPublicKeyInfo. What it accepts is encoded
// back to the same bytes, so that two records of one key compare equal.
func ParsePublicKey(der []byte) (PublicKey, error) {
	key, err := smx509.ParsePKIXPublicKey(der)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parsing public key: %w", err)
	}
	pub, err := NewPublicKey(key)
	if err != nil {
		return PublicKey{}, err
	}
	if !bytes.Equal(pub.der, der) {
		return PublicKey{}, errors.New("parsing public key: not the canonical SubjectPublicKeyInfo of its key")
	}
	return pub, nil
}

// ParsePublicKeyPEM reads one PEM block of type PUBLIC KEY.
func ParsePublicKeyPEM(text []byte) (PublicKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return PublicKey{}, errors.New(`parsing public key: want a PEM block "PUBLIC KEY"`)
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return PublicKey{}, errors.New("parsing public key: text after the PEM block")
	}
	return ParsePublicKey(block.Bytes)
}

func typeOf(key crypto.PublicKey) (KeyType, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		switch {
		case sm2.IsSM2PublicKey(k):
			return KeySM2, nil
		case k.Curve == elliptic.P256():
			return KeyP256, nil
		case k.Curve == elliptic.P384():
			return KeyP384, nil
		}
		return 0, fmt.Errorf("elliptic curve %s is not supported: want sm2p256v1, P-256 or P-384", k.Params().Name)
	case *rsa.PublicKey:
		return typeOfRSA(k)
	case ed25519.PublicKey:
		return KeyEd25519, nil
	}
	return 0, fmt.Errorf("public key type %T is not supported", key)
}

func typeOfRSA(k *rsa.PublicKey) (KeyType, error) {
	if k.E != 65537 {
		return 0, fmt.Errorf("RSA exponent %d is not supported: want 65537", k.E)
	}
	switch k.N.BitLen() {
	case 2048:
		return KeyRSA2048, nil
	case 3072:
		return KeyRSA3072, nil
	case 4096:
		return KeyRSA4096, nil
	}
	return 0, fmt.Errorf("RSA modulus of %d bits is not supported: want 2048, 3072 or 4096", k.N.BitLen())
}

// DER returns the SubjectPublicKeyInfo, nil for the zero value. The caller
// must not change it.
func (p PublicKey) DER() []byte { return p.der }

// PEM returns the key as a PEM block of type PUBLIC KEY.
func (p PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der})
}

// Type returns the kind of key, 0 for the zero value.
func (p PublicKey) Type() KeyType { return p.typ }

// Key returns the key as the type of crypto/* that holds it.
func (p PublicKey) Key() crypto.PublicKey { return p.key }

// IsZero tells whether p holds no key.
func (p PublicKey) IsZero() bool { return p.key == nil }

// Equal tells whether both hold the same key. No key equals the zero value.
func (p PublicKey) Equal(q PublicKey) bool {
	return p.key != nil && bytes.Equal(p.der, q.der)
}
