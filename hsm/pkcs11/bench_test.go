package pkcs11_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"signet/protocol/algo"
)

// BenchmarkSign is the rate of one driver in this process, by key type and
// number of workers, with two callers for each worker. Signatures are made
// and encoded, not verified.
func BenchmarkSign(b *testing.B) {
	for _, c := range []struct {
		typ algo.KeyType
		a   algo.Algorithm
	}{
		{algo.KeyP256, algo.ECDSAP256SHA256}, {algo.KeySM2, algo.SM2SM3}, {algo.KeyRSA2048, algo.RSAPKCS1SHA256}, {algo.KeyEd25519, algo.Ed25519},
	} {
		for _, workers := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("%v/workers=%d", c.typ, workers), func(b *testing.B) {
				r := newRig(b, workers)
				if c.typ != algo.KeySM2 {
					r.config.Path = r.token.Module
				}
				d := r.up()
				ref := r.key(d, c.typ)
				ctx := r.context()
				var failed atomic.Int64
				tbs := make([]byte, 32)
				b.SetParallelism(workers) // times GOMAXPROCS
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := signWith(ctx, d, ref, c.a, tbs); err != nil {
							failed.Add(1)
						}
					}
				})
				b.StopTimer()
				if n := failed.Load(); n > 0 {
					b.Errorf("%d signatures failed", n)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sig/s")
			})
		}
	}
}
