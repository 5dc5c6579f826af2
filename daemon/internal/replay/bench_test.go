package replay_test

import (
	"fmt"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/replay"
)

// busy is a log of n uses of one entry, within one minute, under five quotas.
func busy(b *testing.B, n int) (contents, []*audit.Event) {
	r := newRecorder(b)
	r.entry("contract", plain+`zone = "Asia/Shanghai"
[quotas]
minute = 1000000
hour = 1000000
day = 1000000
month = 1000000
[quotas.per_caller]
day = 1000000
`)
	first := r.sign(use{userID: "li"})
	for i := range n {
		e := *first
		at := audit.At(began.Add(time.Duration(i) * 50 * time.Microsecond))
		e.Use = make([]string, len(first.Use))
		for k, u := range first.Use {
			var quota, start string
			fmt.Sscan(u, &quota, &start)
			e.Use[k] = fmt.Sprintf("%s %s %d+0/1000000", quota, start, i+1)
		}
		e.Seq, e.Decided, e.Recorded = uint64(len(r.events)), &at, at
		r.events = append(r.events, &e)
	}
	return r.contents, r.events
}

func BenchmarkEvent(b *testing.B) {
	source, events := busy(b, 200_000)
	for b.Loop() {
		r := replay.New(source)
		for _, e := range events {
			if err := r.Event(e); err != nil {
				b.Fatal(err)
			}
		}
		done(b, r, len(events))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}

func BenchmarkLine(b *testing.B) {
	source, events := busy(b, 50_000)
	lines := (&recorder{TB: b, events: events}).lines()
	for b.Loop() {
		r := replay.New(source)
		for _, line := range lines {
			if err := r.Line(line); err != nil {
				b.Fatal(err)
			}
		}
		done(b, r, len(lines))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(lines)), "ns/event")
}

func done(b *testing.B, r *replay.Replay, events int) {
	b.Helper()
	if s := r.Summary(); s.Differences != 0 || s.Decisions < uint64(events)-10 {
		b.Fatalf("summary %+v%s", s, shown(r.Differences()[:min(5, len(r.Differences()))]))
	}
}
