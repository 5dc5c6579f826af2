package algo

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
)

// SM2ID is the signer's identity that goes into ZA, the default of GM/T 0009.
const SM2ID = "1234567812345678"

// ErrSignature is returned when a signature does not verify.
var ErrSignature = errors.New("signature does not verify")

// ErrKey is returned when the key cannot be used with the algorithm.
var ErrKey = errors.New("algorithm does not fit the key")

// SM2E returns e = SM3(ZA || message), GM/T 0003.2 clause 6, with ZA over
// SM2ID and the public key.
func SM2E(pub PublicKey, message []byte) ([]byte, error) {
	key, ok := pub.key.(*ecdsa.PublicKey)
	if !ok || pub.typ != KeySM2 {
		return nil, fmt.Errorf("computing e: %w: want an SM2 key", ErrKey)
	}
	return sm2.CalculateSM2Hash(key, message, []byte(SM2ID))
}

// ToBeSigned returns the bytes that the key has to sign for message: e for
// SM2, the message for Ed25519, else its digest.
func ToBeSigned(a Algorithm, pub PublicKey, message []byte) ([]byte, error) {
	if !a.Fits(pub.typ) {
		return nil, fmt.Errorf("%w: %v with a key of type %v", ErrKey, a, pub.typ)
	}
	switch a {
	case SM2SM3:
		return SM2E(pub, message)
	case Ed25519:
		return message, nil
	}
	h := a.NewHash()
	h.Write(message)
	return h.Sum(nil), nil
}

// Verify checks sig over tbs, the value of ToBeSigned. ECDSA and SM2
// signatures must be strict DER, RSA and Ed25519 ones raw. It returns an
// error that wraps ErrSignature or ErrKey, never panics on any input.
func (p PublicKey) Verify(a Algorithm, tbs, sig []byte) error {
	if !a.Fits(p.typ) {
		return fmt.Errorf("%w: %v with a key of type %v", ErrKey, a, p.typ)
	}
	if size := a.DigestSize(); size != 0 && len(tbs) != size {
		return fmt.Errorf("%w: %v signs %d bytes, got %d", ErrSignature, a, size, len(tbs))
	}
	if !p.verify(a, tbs, sig) {
		return ErrSignature
	}
	return nil
}

func (p PublicKey) verify(a Algorithm, tbs, sig []byte) bool {
	switch key := p.key.(type) {
	case *ecdsa.PublicKey:
		if !isStrictDER(sig) {
			return false
		}
		if p.typ == KeySM2 {
			return sm2.VerifyASN1(key, tbs, sig)
		}
		return ecdsa.VerifyASN1(key, tbs, sig)
	case *rsa.PublicKey:
		if isPSS(a) {
			opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return rsa.VerifyPSS(key, a.cryptoHash(), tbs, sig, opts) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.cryptoHash(), tbs, sig) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, tbs, sig)
	}
	return false
}

func isPSS(a Algorithm) bool { return a >= RSAPSSSHA256 && a <= RSAPSSSHA512 }

// cryptoHash is the hash as crypto/rsa wants it named, 0 for SM3.
func (a Algorithm) cryptoHash() crypto.Hash {
	switch algorithms[a].digest {
	case digestSHA256:
		return crypto.SHA256
	case digestSHA384:
		return crypto.SHA384
	case digestSHA512:
		return crypto.SHA512
	}
	return 0
}
