package store

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/backup"
)

// benchEvents is the log that a commit is measured beside.
const benchEvents = 200_000

// BenchmarkCommitBesideBackup is what a backup costs those who sign: how long
// one commit takes, alone and while backups are made one after another.
func BenchmarkCommitBesideBackup(b *testing.B) {
	r := newRig(b, Options{})
	r.log(benchEvents, 500)
	to := benchRecipient(b)
	for _, mode := range []string{"alone", "beside"} {
		b.Run(mode, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			var backups sync.WaitGroup
			made, events, longest := 0, uint64(0), time.Duration(0)
			began := time.Now()
			if mode == "beside" {
				backups.Go(func() {
					for ctx.Err() == nil {
						n, err := r.backup(ctx, to)
						if err != nil && !errors.Is(err, context.Canceled) {
							b.Error(err)
							return
						}
						made, events, longest = made+1, events+n.Size, max(longest, n.longest)
					}
				})
			}
			var took []time.Duration
			sig := strings.Repeat("M", 96)
			for b.Loop() {
				at := time.Now()
				if err := r.Record(uses(sig)); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(at))
			}
			cancel()
			backups.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
			if mode == "beside" {
				b.ReportMetric(float64(longest.Microseconds()), "longest-read-µs")
				b.ReportMetric(float64(events)/time.Since(began).Seconds(), "copied-events/s")
			}
		})
	}
}

// backup makes one and throws it away.
func (r *rig) backup(ctx context.Context, to backup.Recipient) (*Snapshot, error) {
	n := snapshot(r, r.Store)
	h := r.headerAt(n.Position)
	w, err := backup.NewWriter(io.Discard, h, []backup.Recipient{to})
	if err != nil {
		return nil, err
	}
	e, err := backup.NewEncoder(w, h)
	if err != nil {
		return nil, err
	}
	if err := n.Records(ctx, e.Put, func(uint64) {}); err != nil {
		return n, err
	}
	return n, errors.Join(e.Close(), w.Close())
}

func benchRecipient(b *testing.B) backup.Recipient {
	b.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &smx509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "backup"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	to, err := backup.ParseRecipient(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	if err != nil {
		b.Fatal(err)
	}
	return to
}

// BenchmarkRebuild reads events of 500 bytes and writes them to a new store.
func BenchmarkRebuild(b *testing.B) {
	r := newRig(b, Options{})
	r.log(benchEvents, 500)
	n := snapshot(b, r.Store)
	records := collected(b, n, func(backup.Record) {})
	for b.Loop() {
		if _, err := Rebuild(b.TempDir()+"/rebuilt.db", r.headerAt(n.Position), source(records)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchEvents)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
