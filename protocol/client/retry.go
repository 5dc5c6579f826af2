package client

import (
	"context"
	"math/rand/v2"
	"time"

	"signet/protocol"
)

// SignRetry is Sign, repeated as Advise says until ctx ends: right away at
// most twice; else after the time that the daemon names, or one second,
// doubled each time up to a minute; always with up to a half more, at random.
// It does not wait for a time that ctx does not reach.
//
// A request without a RequestId is repeated only while nothing was carried out:
// busy, too many connections, a refusal that time lifts. With one, it is
// repeated after any error that is not for good, and as long as an input has
// such an error as its result: what was signed before is not signed again.
//
// It returns the last answer, the daemon's word rather than the end of ctx.
func (c *Client) SignRetry(ctx context.Context, request *protocol.SignRequest) (*protocol.SignReply, error) {
	var w waits
	for {
		reply, err := c.Sign(ctx, request)
		a := adviceOn(reply, err)
		if request.GetRequestId() == "" && !a.Unspent || !w.wait(ctx, a) {
			return reply, err
		}
	}
}

// adviceOn is for an answer as a whole. A reply in which inputs failed has
// spent something for the others.
func adviceOn(reply *protocol.SignReply, err error) Advice {
	if err != nil {
		return Advise(err)
	}
	best := Advice{Retry: protocol.Retry_NEVER}
	for _, r := range reply.Results {
		if said := r.GetError(); said != nil {
			best = sooner(best, adviceOf(said))
		}
	}
	best.Unspent = false
	return best
}

// sooner returns the one that is for the earlier repetition.
func sooner(a, b Advice) Advice {
	if b.Retry > a.Retry || b.Retry == a.Retry && b.After < a.After {
		return b
	}
	return a
}

// Waits before a repetition that nobody has named a time for, and the most
// that chance adds to one that the daemon has named.
const (
	atOnce    = 2
	firstWait = time.Second
	longest   = time.Minute
	maxChance = time.Second
)

// waits are the pauses of one request that is repeated.
type waits struct {
	atOnce int
	last   time.Duration
}

// wait returns true when it is time to repeat, false if that is never, or not
// while ctx lasts.
func (w *waits) wait(ctx context.Context, a Advice) bool {
	d, ok := w.next(a)
	if !ok || ctx.Err() != nil {
		return false
	}
	if end, bounded := ctx.Deadline(); bounded && time.Until(end) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *waits) next(a Advice) (d time.Duration, ok bool) {
	switch {
	case a.Retry == protocol.Retry_NEVER:
		return 0, false
	case a.Retry == protocol.Retry_NOW && w.atOnce < atOnce:
		w.atOnce++
		return 0, true
	case a.After > 0:
		return a.After + rand.N(min(a.After/2, maxChance)+1), true
	}
	w.last = min(max(2*w.last, firstWait), longest)
	return jitter(w.last), true
}
