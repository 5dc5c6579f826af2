package pkcs11_test

import (
	"testing"

	"signet/protocol/algo"
)

// Every algorithm signs with every type of key that fits it, and what comes
// out verifies.
func TestEveryAlgorithmSignsAndVerifies(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	for _, typ := range algo.KeyTypes() {
		if typ == algo.KeyRSA4096 {
			continue // SoftHSM2 needs seconds to make one; it differs from 3072 by a number
		}
		ref := r.key(d, typ)
		if ref.Public.Type() != typ {
			t.Errorf("generated a %v key: want %v", ref.Public.Type(), typ)
		}
		for _, a := range algo.For(typ) {
			r.signs(d, ref, a)
		}
	}
}
