package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"signet/protocol"
)

func TestAdviceOnEveryKindOfError(t *testing.T) {
	const never, after, now = protocol.Retry_NEVER, protocol.Retry_AFTER, protocol.Retry_NOW
	said := protocol.NewError
	for name, test := range map[string]struct {
		err  error
		want Advice
	}{
		"nothing":                  {nil, Advice{never, 0, false}},
		"an error of another kind": {errors.New("x"), Advice{never, 0, false}},
		"busy":                     {said(protocol.Busy, "").RetryIn(20 * time.Millisecond), Advice{after, 20 * time.Millisecond, true}},
		"shutting down":            {said(protocol.ShuttingDown, ""), Advice{now, 0, true}},
		"turned away":              {fmt.Errorf("%w: %w: %w", ErrNotTaken, ErrConnectionLost, said(protocol.TooManyConnections, "").RetryIn(time.Second)), Advice{after, time.Second, true}},
		"deadline":                 {said(protocol.DeadlineExceeded, ""), Advice{now, 0, false}},
		"changed":                  {said(protocol.Changed, ""), Advice{now, 0, false}},
		"outside hours, no time":   {said(protocol.OutsideHours, ""), Advice{after, 0, true}},
		"a time that has come":     {said(protocol.OutsideHours, "").RetryAt(time.Now().Add(-time.Hour)), Advice{after, time.Millisecond, true}},
		"not a caller":             {said(protocol.NotACaller, ""), Advice{never, 0, true}},
		"malformed":                {said(protocol.Malformed, ""), Advice{never, 0, true}},
		"hsm failed":               {said(protocol.HSMFailed, ""), Advice{now, 0, false}},
		"internal":                 {said(protocol.Internal, ""), Advice{now, 0, false}},
		"a code of a later day":    {&protocol.Error{Code: 299, Retry: now}, Advice{now, 0, false}},
		"and one without a retry":  {&protocol.Error{Code: 299}, Advice{never, 0, false}},
		"unreachable":              {fmt.Errorf("%w: x", ErrUnreachable), Advice{after, 0, true}},
		"not permitted":            {fmt.Errorf("%w: %w", ErrUnreachable, fs.ErrPermission), Advice{never, 0, true}},
		"lost":                     {fmt.Errorf("%w: x", ErrConnectionLost), Advice{now, 0, false}},
		"never sent":               {notTaken(fmt.Errorf("%w: x", ErrConnectionLost)), Advice{now, 0, true}},
		"a bad answer":             {violated("x"), Advice{never, 0, false}},
		"closed":                   {notTaken(ErrClosed), Advice{never, 0, true}},
		"out of time":              {fmt.Errorf("Sign: %w", context.DeadlineExceeded), Advice{now, 0, false}},
		"part of a batch":          {&BatchError{nil, 1, said(protocol.Busy, "").RetryIn(time.Second)}, Advice{after, time.Second, true}},
	} {
		if got := Advise(test.err); got != test.want {
			t.Errorf("Advise on %s = %+v, want %+v", name, got, test.want)
		}
	}
}

// Every code has an advice, and only what is refused beforehand is unspent.
func TestAdviceOnEveryCode(t *testing.T) {
	unspent := 0
	for c := protocol.Code(1); c < 1000; c++ {
		if !c.Valid() {
			continue
		}
		a := Advise(protocol.NewError(c, ""))
		if a.Retry == protocol.Retry_RETRY_UNSPECIFIED {
			t.Errorf("no advice on %v", c)
		}
		if a.Unspent {
			unspent++
		}
		if a.Unspent && (c == protocol.Changed || c == protocol.DeadlineExceeded || c >= 400) {
			t.Errorf("%v may come after a signature", c)
		}
	}
	if want := 11 + 26 + 3; unspent != want { // 100-110, 200-226 without 223, 300 302 303
		t.Errorf("%d codes are unspent, want %d", unspent, want)
	}
}

func TestWaitsBetweenRepetitions(t *testing.T) {
	now, after := Advice{Retry: protocol.Retry_NOW}, Advice{Retry: protocol.Retry_AFTER}
	named := Advice{Retry: protocol.Retry_AFTER, After: 40 * time.Second}
	var w waits
	for i, step := range []struct {
		advice Advice
		least  time.Duration
		most   time.Duration
	}{
		{now, 0, 0}, {now, 0, 0}, // at most twice, then as AFTER
		{now, time.Second, 1500 * time.Millisecond},
		{after, 2 * time.Second, 3 * time.Second},
		{named, 40 * time.Second, 41 * time.Second}, // who names a time is not kept waiting for half as long again
		{after, 4 * time.Second, 6 * time.Second},
		{after, 8 * time.Second, 12 * time.Second}, {after, 16 * time.Second, 24 * time.Second}, {after, 32 * time.Second, 48 * time.Second},
		{after, time.Minute, 90 * time.Second}, {after, time.Minute, 90 * time.Second},
	} {
		if d, ok := w.next(step.advice); !ok || d < step.least || d > step.most {
			t.Errorf("wait %d = %v, %v, want %v to %v", i, d, ok, step.least, step.most)
		}
	}
	if _, ok := w.next(Advice{Retry: protocol.Retry_NEVER}); ok {
		t.Error("never is repeated")
	}
}

// replies answers the requests one after the other; then there is no more.
func replies(answers ...func(p *peer, f protocol.Frame)) func(p *peer) {
	return func(p *peer) {
		for i, answer := range answers {
			f, more := p.next()
			if !more {
				p.t.Errorf("%d requests came, want %d", i, len(answers))
				return
			}
			answer(p, f)
		}
		if f, more := p.next(); more && f.Kind == protocol.KindRequest {
			p.t.Errorf("a request more than %d came", len(answers))
		}
	}
}

func refusal(e *protocol.Error) func(p *peer, f protocol.Frame) {
	return func(p *peer, f protocol.Frame) { p.send(protocol.KindError, f.Method, f.Call, e) }
}

func results(r ...*protocol.Result) func(p *peer, f protocol.Frame) {
	return func(p *peer, f protocol.Frame) {
		p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: r})
	}
}

func failed(e *protocol.Error) *protocol.Result {
	return &protocol.Result{Of: &protocol.Result_Error{Error: e}}
}

func TestSignRetryRepeatsWhatMayBeRepeated(t *testing.T) {
	soon := func(c protocol.Code) func(p *peer, f protocol.Frame) {
		return refusal(protocol.NewError(c, "").RetryIn(time.Millisecond))
	}
	ok, hsm := results(signed("s")), results(failed(protocol.NewError(protocol.HSMFailed, "")))
	later := refusal(protocol.NewError(protocol.OutsideHours, "").RetryAt(time.Now().Add(time.Hour)))
	for name, test := range map[string]struct {
		id      string
		answers []func(p *peer, f protocol.Frame)
		want    error
	}{
		"busy, busy, done":            {"", []func(*peer, protocol.Frame){soon(protocol.Busy), soon(protocol.Busy), ok}, nil},
		"rate, done":                  {"", []func(*peer, protocol.Frame){soon(protocol.RateExceeded), ok}, nil},
		"deadline without id":         {"", []func(*peer, protocol.Frame){refusal(protocol.NewError(protocol.DeadlineExceeded, ""))}, protocol.DeadlineExceeded},
		"deadline with id":            {"a", []func(*peer, protocol.Frame){refusal(protocol.NewError(protocol.DeadlineExceeded, "")), ok}, nil},
		"an input failed, without id": {"", []func(*peer, protocol.Frame){hsm}, protocol.HSMFailed},
		"an input failed, with id":    {"a", []func(*peer, protocol.Frame){hsm, ok}, nil},
		"refused for good":            {"a", []func(*peer, protocol.Frame){refusal(protocol.NewError(protocol.PurposeRefused, ""))}, protocol.PurposeRefused},
		"beyond the context":          {"a", []func(*peer, protocol.Frame){later}, protocol.OutsideHours},
	} {
		t.Run(name, func(t *testing.T) {
			c := daemons(t, replies(test.answers...))
			ctx := bounded(t)
			reply, err := c.SignRetry(ctx, withID(signRequest(1), test.id))
			if ctx.Err() != nil {
				t.Error("SignRetry waited for what could not come in time")
			}
			if err == nil && reply.Results[0].GetError() != nil {
				err = reply.Results[0].GetError()
			}
			if !errors.Is(err, test.want) {
				t.Errorf("SignRetry = %v, want %v", err, test.want)
			}
		})
	}
}

func TestSignRetryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := daemons(t, func(p *peer) {
		f, _ := p.next()
		p.send(protocol.KindError, f.Method, f.Call, protocol.NewError(protocol.Busy, "").RetryIn(time.Hour))
		cancel()
		p.hold()
	})
	if _, err := c.SignRetry(ctx, signRequest(1)); !errors.Is(err, protocol.Busy) && !errors.Is(err, context.Canceled) {
		t.Errorf("SignRetry = %v, want the daemon's word or the context's", err)
	}
}
