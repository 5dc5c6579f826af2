package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// BenchmarkBareCommit is the bare commit: a use, counted and made durable, with
// nothing else of the signing path. Each of the submitters has
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
						c := usesAt("contracts", 20001, time.Now())
						c.Events[0].Sig = sig
						if err := r.Record(c); err != nil {
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

// BenchmarkLedger is what uses cost besides their lines: as many as a group has
// at most, of some callers, without the commit.
func BenchmarkLedger(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			var events []*audit.Event
			for i := range maxGroup {
				events = append(events, useAt(fmt.Sprint("entry-", i%callers/4), uint32(i%callers%4), nine.Add(time.Duration(i)*time.Millisecond)))
			}
			path := filepath.Join(b.TempDir(), "signet.db")
			create(b, path)
			rolledBack := errors.New("nothing of it stays")
			err := mustOpen(b, path).update(func(tx *bolt.Tx) error {
				for b.Loop() {
					l := newLedger(tx)
					t, err := l.judge(events)
					if err != nil {
						return err
					}
					if err := errors.Join(t.enter(events), l.save()); err != nil {
						return err
					}
				}
				return rolledBack
			})
			if !errors.Is(err, rolledBack) {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/maxGroup, "ns/event")
		})
	}
}
