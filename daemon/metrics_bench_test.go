package daemon

import (
	"testing"
	"time"

	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/algo"
)

// countOne counts all of one request for one signature.
func countOne(m *metrics, c *callerMetrics, tok *tokenMetrics, reply *protocol.SignReply) {
	began := momentNow()
	tok.waited(momentNow(), 1)
	tok.signed(algo.SM2SM3, time.Millisecond, nil)
	tok.verified(momentNow(), nil)
	m.committed(store.Group{Commits: 1, Events: 1, Took: time.Millisecond})
	m.answered(c, protocol.MethodSign, began, reply, nil)
}

func signedReply() *protocol.SignReply {
	return &protocol.SignReply{Results: []*protocol.Result{{Of: &protocol.Result_Signed{Signed: &protocol.Signed{}}}}}
}

// What one request of one signature costs to count, looking at the clock
// included.
func BenchmarkCountingOneRequest(b *testing.B) {
	m := newMetrics()
	c, tok, reply := m.callers.of(1), m.token("seals"), signedReply()
	b.ReportAllocs()
	for b.Loop() {
		countOne(m, c, tok, reply)
	}
}

func BenchmarkCountingOneRequestByAll(b *testing.B) {
	m := newMetrics()
	tok := m.token("seals")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c, reply := m.callers.of(1), signedReply()
		for pb.Next() {
			countOne(m, c, tok, reply)
		}
	})
}

func BenchmarkCountingBusy(b *testing.B) {
	m := newMetrics()
	c, fault := m.callers.of(1), protocol.NewError(protocol.Busy, "x")
	b.ReportAllocs()
	for b.Loop() {
		m.refused(c, protocol.MethodSign, fault)
	}
}

// Counting must not feed the garbage collector: it is on the path of every
// signature, and busy is answered when there is no time for anything.
func TestCountingAllocatesNothing(t *testing.T) {
	m := newMetrics()
	c, tok, reply := m.callers.of(1), m.token("seals"), signedReply()
	fault := protocol.NewError(protocol.Busy, "x")
	if n := testing.AllocsPerRun(100, func() { countOne(m, c, tok, reply) }); n != 0 {
		t.Errorf("a request allocates %v times to be counted", n)
	}
	if n := testing.AllocsPerRun(100, func() { m.refused(c, protocol.MethodSign, fault) }); n != 0 {
		t.Errorf("a busy answer allocates %v times to be counted", n)
	}
}
