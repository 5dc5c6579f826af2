package client

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

func TestDaemonIsToldTheTimeLeft(t *testing.T) {
	tests := map[string]struct {
		left        time.Duration // 0: no deadline
		own         uint32
		least, most uint32 // of deadline_ms
	}{
		"a tenth is for the answer":   {left: 8 * time.Second, least: 6_200, most: 7_200},
		"but a second at most":        {left: time.Minute, least: 58_000, most: 59_000},
		"the caller's own stands":     {left: time.Minute, own: 70, least: 70, most: 70},
		"no deadline":                 {},
		"no deadline, but an own one": {own: 70, least: 70, most: 70},
		"a year":                      {left: 365 * 24 * time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			told := make(chan uint32, 1)
			c := daemons(t, func(p *peer) {
				f, _ := p.next()
				r, fault := protocol.ParseSign(f.Payload)
				if fault != nil {
					p.t.Error(fault)
				}
				told <- r.GetDeadlineMs()
				p.answer(f, "s")
				p.hold()
			})
			ctx := t.Context()
			if test.left != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.left)
				defer cancel()
			}
			request := signRequest(1)
			request.DeadlineMs = test.own
			before := proto.Clone(request)
			if _, err := c.Sign(ctx, request); err != nil {
				t.Fatal(err)
			}
			if got := <-told; got < test.least || got > test.most {
				t.Errorf("deadline_ms = %d, want %d to %d", got, test.least, test.most)
			}
			if !proto.Equal(request, before) {
				t.Error("the caller's request was written to")
			}
		})
	}
}

func TestDeadlineOfNoTimeLeftIsNotNoDeadline(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if got := deadlineOf(ctx); got != 1 {
		t.Errorf("deadlineOf a context that has ended = %d ms, want 1: 0 is the appliance's own", got)
	}
}

// A request of the largest size has no room for a deadline, and needs none.
func TestDeadlineMakesNoRequestTooLarge(t *testing.T) {
	q := question{method: protocol.MethodSign, deadline: true, body: make([]byte, protocol.MaxRequest-1)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got := len(q.payload(ctx)); got > protocol.MaxRequest {
		t.Errorf("payload of %d bytes, at most %d may be sent", got, protocol.MaxRequest)
	}
}

func TestCallOfAnEndedContextIsNotSent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := start(t, func(p *peer) {
		if f, more := p.next(); more {
			p.t.Errorf("a frame of kind %d was sent", f.Kind)
		}
	})
	if _, err := c.Sign(ctx, signRequest(1)); !Advise(err).Unspent {
		t.Errorf("Sign = %v, want ErrNotTaken", err)
	}
	if _, err := New("").Sign(ctx, signRequest(1)); !Advise(err).Unspent {
		t.Errorf("Sign of a Client = %v, want ErrNotTaken", err)
	}
}
