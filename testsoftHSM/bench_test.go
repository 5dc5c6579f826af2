package testsofthsm_test

import (
	"testing"

	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

func BenchmarkSign(b *testing.B) {
	k := testsofthsm.New(b)
	d := open(b, k, k.Shim)
	e := make([]byte, 32)
	for name, c := range map[string]struct {
		mechanism uint
		key       pair
	}{
		"SM2":   {ckmRaw, d.generateSM2("a")},
		"P-256": {pkcs11.CKM_ECDSA, d.generateEC(pkcs11.CKM_EC_KEY_PAIR_GEN, p256OID)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d.mustSign(c.mechanism, c.key.priv, e)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		testsofthsm.New(b)
	}
}
