package daemon

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signet/hsm"
	"signet/protocol/algo"
)

// tokenVecs are the families of faults, with a series for each token.
type tokenVecs struct {
	faults *prometheus.CounterVec // token, class
	bad    *prometheus.CounterVec // token
}

func (m *metrics) newTokenVecs() tokenVecs {
	return tokenVecs{
		faults: m.counters("signet_token_faults_total", "Items that the token did not sign, by the class of the fault; of class busy, turns that did not come in time.", "token", "class"),
		bad:    m.counters("signet_token_bad_signatures_total", "Signatures of the token that did not verify and were destroyed.", "token"),
	}
}

// tokenMetrics are the series of one token.
type tokenMetrics struct {
	*metrics
	name string
	wait *histogram
	bad  prometheus.Counter

	mu          sync.Mutex // held while a histogram is made
	byAlgorithm [math.MaxUint8 + 1]atomic.Pointer[histogram]
}

// token makes the series of a token, once for each.
func (m *metrics) token(name string) *tokenMetrics {
	t := &tokenMetrics{metrics: m, name: name, bad: m.tokens.bad.WithLabelValues(name)}
	t.wait = m.durations("signet_token_wait_seconds", "How long an item waited for its turn at the token.", prometheus.Labels{"token": name})
	for _, class := range faultClasses() {
		m.tokens.faults.WithLabelValues(name, class)
	}
	return t
}

// faultClasses are the names of all classes: behind the last, a number reads
// like the first.
func faultClasses() []string {
	names := []string{hsm.ClassUnknown.String()}
	for c := hsm.ClassUnknown + 1; c.String() != names[0]; c++ {
		names = append(names, c.String())
	}
	return names
}

// waited counts a turn that has come, for n items.
func (t *tokenMetrics) waited(began moment, n int) {
	took := int64(momentNow() - began)
	for range n {
		t.wait.observe(took)
	}
}

// signed counts one answer of the token.
func (t *tokenMetrics) signed(a algo.Algorithm, took time.Duration, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	t.times(a).observe(took.Nanoseconds())
}

// failed counts an item that was not signed.
func (t *tokenMetrics) failed(err error) {
	t.tokens.faults.WithLabelValues(t.name, hsm.ClassOf(err).String()).Inc()
}

// times is the histogram of an algorithm, made when it is first used: a token
// does some of the ten.
func (t *tokenMetrics) times(a algo.Algorithm) *histogram {
	known := &t.byAlgorithm[a]
	if h := known.Load(); h != nil {
		return h
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known.Load() == nil {
		known.Store(t.durations("signet_token_sign_seconds", "One signature, inside the module.",
			prometheus.Labels{"token": t.name, "algorithm": a.String()}))
	}
	return known.Load()
}

// verified counts one signature that was checked.
func (t *tokenMetrics) verified(began moment, err error) {
	t.verification.since(began)
	if err != nil {
		t.bad.Inc()
	}
}

// gauges are what the tokens are now.
func (t *tokens) gauges() *gaugeSet {
	g := &gaugeSet{}
	var (
		state      = g.desc("signet_token_state", "1 for the state that the token is in, 0 for the others.", "token", "state")
		configured = g.desc("signet_token_sessions_configured", "Sessions that signetd.toml asks for.", "token")
		open       = g.desc("signet_token_sessions_open", "Sessions that can take work.", "token")
		hung       = g.desc("signet_token_sessions_hung", "Calls that the module holds although their caller has given up.", "token")
		waiting    = g.desc("signet_token_items_waiting", "Items that wait for their turn at the token.", "token")
		signing    = g.desc("signet_token_items_signing", "Items handed to the token's sessions.", "token")
	)
	g.read = func(r report) {
		for _, s := range t.status() {
			r.oneOf(state, tokenStates, s.State.String(), s.Name)
			r.gauge(configured, float64(s.Configured), s.Name)
			r.gauge(open, float64(s.Open), s.Name)
			r.gauge(hung, float64(s.Hung), s.Name)
			outside, inside := t.byName[s.Name].gate.count()
			r.gauge(waiting, float64(outside), s.Name)
			r.gauge(signing, float64(inside), s.Name)
		}
	}
	return g
}

var tokenStates = []string{
	hsm.StateUnknown.String(), hsm.StateConnecting.String(), hsm.StateUp.String(), hsm.StateDown.String(), hsm.StateLatched.String(),
}

// count is how many items wait at the gate, and how many have passed it and
// not left.
func (t *turnstile) count() (waiting, inside int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		for w := l.waiters.Front(); w != nil; w = w.Next() {
			waiting += w.Value.(*waiter).want
		}
	}
	return waiting, t.slots - t.free
}
