package daemon

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A histogram counts values of one series in whole units, nanoseconds or
// items. It is the library's without what an observation costs there: a second
// count, and a sum in floating point that is tried again under contention.
type histogram struct {
	desc   *prometheus.Desc
	bounds []int64
	unit   float64 // what 1 is in the metric's unit
	counts []atomic.Uint64
	sum    atomic.Int64
}

// Bounds of the buckets. latencies go from a signature that is verified to a
// deadline that is reached.
var (
	latencies = nanoseconds(50*time.Microsecond, 100*time.Microsecond, 250*time.Microsecond, 500*time.Microsecond,
		time.Millisecond, 2500*time.Microsecond, 5*time.Millisecond, 10*time.Millisecond, 25*time.Millisecond, 50*time.Millisecond,
		100*time.Millisecond, 250*time.Millisecond, 500*time.Millisecond, time.Second, 2500*time.Millisecond, 5*time.Second, 10*time.Second)
	sizes = []int64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
)

func nanoseconds(bounds ...time.Duration) []int64 {
	ns := make([]int64, len(bounds))
	for i, b := range bounds {
		ns[i] = b.Nanoseconds()
	}
	return ns
}

// durations returns a histogram of the family of that name; families with
// labels have one for each of their values.
func (m *metrics) durations(name, help string, labels prometheus.Labels) *histogram {
	return m.histogram(name, help, latencies, 1e-9, labels)
}

func (m *metrics) histogram(name, help string, bounds []int64, unit float64, labels prometheus.Labels) *histogram {
	h := &histogram{
		desc: prometheus.NewDesc(name, help, nil, labels), bounds: bounds, unit: unit,
		counts: make([]atomic.Uint64, len(bounds)+1),
	}
	m.registry.MustRegister(h)
	return h
}

// observe counts v. It allocates nothing and takes no lock.
func (h *histogram) observe(v int64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(v)
}

// since counts the time from a moment on, and returns the moment it is now.
func (h *histogram) since(began moment) moment {
	at := momentNow()
	h.observe(int64(at - began))
	return at
}

func (h *histogram) Describe(ch chan<- *prometheus.Desc) { ch <- h.desc }

func (h *histogram) Collect(ch chan<- prometheus.Metric) {
	buckets := make(map[float64]uint64, len(h.bounds))
	count := uint64(0)
	for i, bound := range h.bounds {
		count += h.counts[i].Load()
		buckets[round(float64(bound)*h.unit)] = count
	}
	count += h.counts[len(h.bounds)].Load()
	ch <- prometheus.MustNewConstHistogram(h.desc, count, float64(h.sum.Load())*h.unit, buckets)
}

// round takes off what the multiplication by the unit adds: 0.0005, not
// 0.0005000000000000001. Names of buckets are promises.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// A moment is a reading of the monotonic clock, for the difference of two. It
// costs half of what time.Now does, and a request takes several.
type moment time.Duration

var momentZero = time.Now()

func momentNow() moment { return moment(time.Since(momentZero)) }
