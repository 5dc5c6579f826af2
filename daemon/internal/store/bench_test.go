package store

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkBareCommit is the bare commit: an event of the size of a use, made
// durable, with nothing else of the signing path. Each of the submitters has
// one event in flight. events/s is the figure; the disk decides it.
func BenchmarkBareCommit(b *testing.B) {
	for _, submitters := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint(submitters), func(b *testing.B) {
			r := newRig(b, Options{})
			sig := strings.Repeat("M", 96) // base64 of an SM2 signature
			var left atomic.Int64
			left.Store(int64(b.N))
			before := transactions(r)
			b.ResetTimer()
			var all sync.WaitGroup
			for range submitters {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if err := r.Record(uses(sig)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(b.N)/float64(transactions(r)-before), "events/commit")
		})
	}
}
