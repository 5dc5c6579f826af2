package daemon

import "time"

// A pace is how fast one uid's requests are answered, and so when those that
// find no place should come back. Times are promised one behind the other, as
// places become free: callers who were all told the same time would come back
// all at once, and all but one in vain.
type pace struct {
	since    time.Time     // the last answer, or when the uid began to have requests in hand
	each     time.Duration // between two answers, an average over about eight
	promised time.Time     // the latest promise
}

// Bounds of a promise, and what is assumed before anything was measured.
const (
	shortestPace = time.Millisecond // AfterMs counts in these
	longestPace  = time.Second      // by then the reason may be gone
	assumedPace  = 20 * time.Millisecond
)

// begin starts to measure: the time with nothing in hand says nothing.
func (p *pace) begin(now time.Time) { p.since = now }

// answered counts one answer.
func (p *pace) answered(now time.Time) {
	took := now.Sub(p.since)
	p.since = now
	if p.each == 0 {
		p.each = took
		return
	}
	p.each += (took - p.each) / 8
}

// comeBack promises the next place that nobody was promised.
func (p *pace) comeBack(now time.Time) time.Duration {
	each := p.each
	if each == 0 {
		each = assumedPace
	}
	if stalled := now.Sub(p.since); stalled > each {
		each = stalled // nothing is answered at present
	}
	if p.promised.Before(now) {
		p.promised = now
	}
	p.promised = p.promised.Add(each)
	if latest := now.Add(longestPace); p.promised.After(latest) {
		p.promised = latest
	}
	return max(p.promised.Sub(now), shortestPace)
}
