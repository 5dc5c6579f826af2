// Package algo names the signature algorithms of signet and does, without any
// secret, everything that can be done with them: digests, the SM2 value e,
// signature encodings, verification.
//
// It is the leaf of the module: it imports nothing of signet.
package algo

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"github.com/emmansun/gmsm/sm3"
)

// An Algorithm is one way to sign, with its key type, hash and padding fixed.
// The numbers go over the wire and into the log: append only, never reorder.
// The zero value is no algorithm.
type Algorithm uint8

const (
	SM2SM3          Algorithm = 1
	ECDSAP256SHA256 Algorithm = 2
	ECDSAP384SHA384 Algorithm = 3
	RSAPKCS1SHA256  Algorithm = 4
	RSAPKCS1SHA384  Algorithm = 5
	RSAPKCS1SHA512  Algorithm = 6
	RSAPSSSHA256    Algorithm = 7
	RSAPSSSHA384    Algorithm = 8
	RSAPSSSHA512    Algorithm = 9
	Ed25519         Algorithm = 10
)

// A KeyType is a kind of key pair. The zero value is no key type.
type KeyType uint8

const (
	KeySM2 KeyType = iota + 1
	KeyP256
	KeyP384
	KeyRSA2048
	KeyRSA3072
	KeyRSA4096
	KeyEd25519
)

type digest uint8

const (
	noDigest digest = iota
	digestSM3
	digestSHA256
	digestSHA384
	digestSHA512
)

var digests = map[digest]struct {
	size int
	make func() hash.Hash
}{
	digestSM3:    {sm3.Size, sm3.New},
	digestSHA256: {sha256.Size, sha256.New},
	digestSHA384: {sha512.Size384, sha512.New384},
	digestSHA512: {sha512.Size, sha512.New},
}

var algorithms = [...]struct {
	name   string
	digest digest
	keys   []KeyType
}{
	SM2SM3:          {"SM2-SM3", digestSM3, []KeyType{KeySM2}},
	ECDSAP256SHA256: {"ECDSA-P256-SHA256", digestSHA256, []KeyType{KeyP256}},
	ECDSAP384SHA384: {"ECDSA-P384-SHA384", digestSHA384, []KeyType{KeyP384}},
	RSAPKCS1SHA256:  {"RSA-PKCS1-SHA256", digestSHA256, rsaKeys},
	RSAPKCS1SHA384:  {"RSA-PKCS1-SHA384", digestSHA384, rsaKeys},
	RSAPKCS1SHA512:  {"RSA-PKCS1-SHA512", digestSHA512, rsaKeys},
	RSAPSSSHA256:    {"RSA-PSS-SHA256", digestSHA256, rsaKeys},
	RSAPSSSHA384:    {"RSA-PSS-SHA384", digestSHA384, rsaKeys},
	RSAPSSSHA512:    {"RSA-PSS-SHA512", digestSHA512, rsaKeys},
	Ed25519:         {"ED25519", noDigest, []KeyType{KeyEd25519}},
}

var rsaKeys = []KeyType{KeyRSA2048, KeyRSA3072, KeyRSA4096}

var keyTypes = [...]string{
	KeySM2:     "SM2",
	KeyP256:    "EC-P256",
	KeyP384:    "EC-P384",
	KeyRSA2048: "RSA-2048",
	KeyRSA3072: "RSA-3072",
	KeyRSA4096: "RSA-4096",
	KeyEd25519: "ED25519",
}

// All returns every algorithm in the order of its number.
func All() []Algorithm {
	all := make([]Algorithm, 0, len(algorithms)-1)
	for a := SM2SM3; a.Valid(); a++ {
		all = append(all, a)
	}
	return all
}

// KeyTypes returns every key type in the order of its number.
func KeyTypes() []KeyType {
	all := make([]KeyType, 0, len(keyTypes)-1)
	for t := KeySM2; t.Valid(); t++ {
		all = append(all, t)
	}
	return all
}

// Parse returns the algorithm of that exact name.
func Parse(name string) (Algorithm, error) {
	for _, a := range All() {
		if algorithms[a].name == name {
			return a, nil
		}
	}
	return 0, fmt.Errorf("unknown algorithm %q: want one of %v", name, All())
}

// ParseKeyType returns the key type of that exact name.
func ParseKeyType(name string) (KeyType, error) {
	for _, t := range KeyTypes() {
		if keyTypes[t] == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown key type %q: want one of %v", name, KeyTypes())
}

// Valid tells whether a is a number of the table.
func (a Algorithm) Valid() bool { return a > 0 && int(a) < len(algorithms) }

// Valid tells whether t is a number of the table.
func (t KeyType) Valid() bool { return t > 0 && int(t) < len(keyTypes) }

func (a Algorithm) String() string {
	if !a.Valid() {
		return fmt.Sprintf("algorithm(%d)", uint8(a))
	}
	return algorithms[a].name
}

func (t KeyType) String() string {
	if !t.Valid() {
		return fmt.Sprintf("key type(%d)", uint8(t))
	}
	return keyTypes[t]
}

// Fits tells whether a key of type t can sign with a.
func (a Algorithm) Fits(t KeyType) bool {
	if !a.Valid() {
		return false
	}
	for _, k := range algorithms[a].keys {
		if k == t {
			return true
		}
	}
	return false
}

// For returns the algorithms that a key of type t can sign with.
func For(t KeyType) []Algorithm {
	var fit []Algorithm
	for _, a := range All() {
		if a.Fits(t) {
			fit = append(fit, a)
		}
	}
	return fit
}

// DigestSize is the length in bytes of the value that the key signs: the
// digest, or e for SM2. It is 0 for Ed25519, which signs the message itself.
func (a Algorithm) DigestSize() int {
	if !a.Valid() {
		return 0
	}
	return digests[algorithms[a].digest].size
}

// NewHash returns the hash of the algorithm, or nil for Ed25519. For SM2 it
// is plain SM3: e additionally covers ZA, see SM2E.
func (a Algorithm) NewHash() hash.Hash {
	if a.DigestSize() == 0 {
		return nil
	}
	return digests[algorithms[a].digest].make()
}
