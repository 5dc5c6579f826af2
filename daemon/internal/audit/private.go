package audit

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/emmansun/gmsm/sm3"
)

// SaltSize is the length in bytes of the salt of a private value. It keeps a
// short value (a name, an address) from being guessed from its hash.
const SaltSize = 16

// A Private is the clear text of one private field. It lies beside the log
// and can be withheld or removed without breaking a proof.
type Private struct {
	Salt  string `json:"salt"` // hex
	Value string `json:"value"`
}

// Conceal returns what goes into the leaf, hex of SM3(salt || value), and the
// clear text with its fresh salt.
func Conceal(value string) (string, Private) {
	var salt [SaltSize]byte
	rand.Read(salt[:])
	p := Private{Salt: hex.EncodeToString(salt[:]), Value: value}
	return p.commitment(salt[:]), p
}

func (p Private) commitment(salt []byte) string {
	h := sm3.New()
	h.Write(salt)
	h.Write([]byte(p.Value))
	return hex.EncodeToString(h.Sum(nil))
}

// Opens tells whether p is the clear text behind a leaf's commitment.
func (p Private) Opens(commitment string) bool {
	salt, err := hex.DecodeString(p.Salt)
	return err == nil && len(salt) == SaltSize && p.commitment(salt) == commitment
}
