package daemon

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxCallers bounds the uids that get series of their own, in the order in
// which they first connect. All later ones share one, "other": a uid is
// chosen by whoever makes accounts, and series are kept until the end.
const maxCallers = 64

// callers counts requests by uid, for "who floods" and "whose program is
// wrong": what is malformed or busy is in no event.
type callers struct {
	requests *prometheus.CounterVec // uid, result

	mu    sync.Mutex
	known map[uint32]*callerMetrics
	other *callerMetrics
}

// callerMetrics are the series of one uid, by result.
type callerMetrics struct {
	results [resultClasses]prometheus.Counter
}

func (m *metrics) newCallers() callers {
	return callers{
		requests: m.counters("signet_caller_requests_total", "Requests on sign.sock by the caller's uid; callers after the first 64 share other.", "uid", "result"),
		known:    map[uint32]*callerMetrics{},
	}
}

// of returns the series of a uid, which a connection keeps.
func (c *callers) of(uid uint32) *callerMetrics {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.known[uid]; known != nil {
		return known
	}
	if len(c.known) < maxCallers {
		c.known[uid] = c.resolve(strconv.FormatUint(uint64(uid), 10))
		return c.known[uid]
	}
	if c.other == nil {
		c.other = c.resolve("other")
	}
	return c.other
}

func (c *callers) resolve(uid string) *callerMetrics {
	m := &callerMetrics{}
	for result := range resultClasses {
		m.results[result] = c.requests.WithLabelValues(uid, result.String())
	}
	return m
}
