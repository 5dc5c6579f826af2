package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/protocol"
)

func TestDialSaysThatNobodyListens(t *testing.T) {
	path := socketPath(t)
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Dial of no socket = %v, want ErrUnreachable", err)
	}
	if _, err := Connect(t.Context(), path); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Connect to no socket = %v, want ErrUnreachable", err)
	}
}

func TestPartsAreJoinedInTheirOrder(t *testing.T) {
	c := start(t, func(p *peer) {
		f, _ := p.next()
		p.send(protocol.KindPart, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("0"), signed("1")}})
		p.send(protocol.KindPart, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("2")}})
		p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("3")}})
		p.hold()
	})
	reply, err := c.Sign(bounded(t), signRequest(4))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range reply.Results {
		if got := string(r.GetSigned().GetSignature()); got != fmt.Sprint(i) {
			t.Errorf("result %d is %q", i, got)
		}
	}
}

// The daemon answers the calls backwards and with their parts interleaved.
func TestCallsInFlightGetTheirOwnAnswers(t *testing.T) {
	const calls = 32
	c := start(t, func(p *peer) {
		var frames []protocol.Frame
		for len(frames) < calls {
			f, ok := p.next()
			if !ok {
				return
			}
			frames = append(frames, f)
		}
		entryOf := func(f protocol.Frame) string {
			r, fault := protocol.ParseSign(f.Payload)
			if fault != nil {
				p.t.Error(fault)
				return ""
			}
			return r.Entry
		}
		for i := range frames {
			f := frames[calls-1-i]
			p.send(protocol.KindPart, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed(entryOf(f))}})
		}
		for _, f := range frames {
			p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed(entryOf(f) + "!")}})
		}
		p.hold()
	})
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			request := signRequest(2)
			request.Entry = fmt.Sprintf("entry-%d", i)
			reply, err := c.Sign(bounded(t), request)
			if err != nil {
				t.Errorf("call for %s: %v", request.Entry, err)
				return
			}
			first, second := string(reply.Results[0].GetSigned().GetSignature()), string(reply.Results[1].GetSigned().GetSignature())
			if first != request.Entry || second != request.Entry+"!" {
				t.Errorf("call for %s got the answer %q, %q", request.Entry, first, second)
			}
		})
	}
	all.Wait()
}

func TestRefusalIsTheDaemonsWord(t *testing.T) {
	after := timestamppb.Now()
	c := start(t, func(p *peer) {
		f, _ := p.next()
		refusal := protocol.NewError(protocol.OutsideHours, "closed").WithRule("hours").RetryAt(after.AsTime())
		p.send(protocol.KindError, f.Method, f.Call, refusal)
		p.hold()
	})
	_, err := c.Sign(bounded(t), signRequest(1))
	var refusal *protocol.Error
	if !errors.Is(err, protocol.OutsideHours) || !errors.As(err, &refusal) {
		t.Fatalf("Sign = %v, want outside_hours", err)
	}
	if refusal.GetRule() != "hours" || !refusal.GetAfter().AsTime().Equal(after.AsTime()) {
		t.Errorf("rule and time were lost: %v", refusal)
	}
}

func TestCancellationTellsTheDaemonAndDropsTheAnswer(t *testing.T) {
	asked := make(chan struct{})
	c := start(t, func(p *peer) {
		f, _ := p.next()
		close(asked)
		cancelled, _ := p.next()
		if cancelled.Kind != protocol.KindCancel || cancelled.Call != f.Call {
			p.t.Errorf("after call %d came kind %d of call %d, want its cancel", f.Call, cancelled.Kind, cancelled.Call)
		}
		// Too late, and half of it: neither may reach the next call.
		p.send(protocol.KindPart, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("late")}})
		p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("late")}})
		f, _ = p.next()
		p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("own")}})
		p.hold()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		await(t, asked, "the request")
		cancel()
	}()
	if _, err := c.Sign(ctx, signRequest(1)); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled Sign = %v, want context.Canceled", err)
	}
	reply, err := c.Sign(bounded(t), signRequest(1))
	if err != nil || string(reply.Results[0].GetSigned().GetSignature()) != "own" {
		t.Errorf("Sign after a cancelled one = %v, %v", reply, err)
	}
}

// The daemon reads nothing, so the socket fills up and the writer waits; a
// caller whose time is over must not.
func TestCancellationDoesNotWaitForAFullSocket(t *testing.T) {
	over := make(chan struct{})
	c := start(t, func(p *peer) { await(t, over, "the end of the test") })
	ctx, cancel := context.WithCancel(t.Context())
	request := signRequest(200) // about 8 KiB; a unix socket buffers some 200 KiB
	var all sync.WaitGroup
	begun := make(chan struct{}, 100)
	for range cap(begun) {
		all.Go(func() {
			begun <- struct{}{}
			if _, err := c.Sign(ctx, request); !errors.Is(err, context.Canceled) {
				t.Errorf("Sign = %v, want context.Canceled", err)
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	cancel()
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	await(t, ended, "the end of cancelled calls")
	close(over)
}

func TestConnectionEndsWithATypedError(t *testing.T) {
	reply := func(f protocol.Frame) []byte {
		b, _ := protocol.AppendMessage(nil, protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("s")}})
		return b
	}
	tests := map[string]struct {
		answer func(f protocol.Frame) []byte
		want   []error
	}{
		"closed":            {func(protocol.Frame) []byte { return nil }, []error{ErrConnectionLost}},
		"half a header":     {func(f protocol.Frame) []byte { return reply(f)[:7] }, []error{ErrConnectionLost}},
		"half a payload":    {func(f protocol.Frame) []byte { b := reply(f); return b[:len(b)-1] }, []error{ErrConnectionLost}},
		"version 2":         {func(f protocol.Frame) []byte { b := reply(f); b[4] = 2; return b }, []error{ErrConnectionLost, ErrBadAnswer}},
		"kind of a caller":  {func(f protocol.Frame) []byte { b := reply(f); b[5] = 1; return b }, []error{ErrConnectionLost, ErrBadAnswer}},
		"a payload of 4 GB": {func(f protocol.Frame) []byte { b := reply(f); b[0] = 0xff; return b }, []error{ErrConnectionLost, ErrBadAnswer}},
		"another method":    {func(f protocol.Frame) []byte { b := reply(f); b[7] = 1; return b }, []error{ErrConnectionLost, ErrBadAnswer}},
		"a call never made": {func(f protocol.Frame) []byte { f.Call = 99; return reply(f) }, []error{ErrConnectionLost, ErrBadAnswer}},
		"a reply to call 0": {func(f protocol.Frame) []byte { f.Call = 0; return reply(f) }, []error{ErrConnectionLost, ErrBadAnswer}},
		"turned away": {func(protocol.Frame) []byte {
			b, _ := protocol.AppendMessage(nil, protocol.KindError, 0, 0, protocol.NewError(protocol.TooManyConnections, "full"))
			return b
		}, []error{ErrConnectionLost, ErrNotTaken, protocol.TooManyConnections}},
		"turned away after an answer": {func(f protocol.Frame) []byte {
			part, _ := protocol.AppendMessage(nil, protocol.KindPart, f.Method, f.Call, &protocol.SignReply{})
			b, _ := protocol.AppendMessage(part, protocol.KindError, 0, 0, protocol.NewError(protocol.ShuttingDown, ""))
			return b
		}, []error{ErrConnectionLost}},
		"a frame of ours that cannot be read": {func(protocol.Frame) []byte {
			b, _ := protocol.AppendMessage(nil, protocol.KindError, 0, 0, protocol.NewError(protocol.Malformed, "version"))
			return b
		}, []error{ErrConnectionLost}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			broken := slices.Contains(test.want, ErrBadAnswer)
			c := start(t, func(p *peer) {
				f, _ := p.next()
				p.raw(test.answer(f))
			})
			_, err := c.Sign(bounded(t), signRequest(1))
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("Sign = %v, want %v in its chain", err, want)
				}
			}
			var said *protocol.Error
			if errors.As(err, &said) != errors.Is(err, protocol.TooManyConnections) {
				t.Errorf("Sign = %v: that is not the daemon's word on the request", err)
			}
			if errors.Is(err, ErrBadAnswer) != broken {
				t.Errorf("Sign = %v, want it to be a bad answer: %v", err, broken)
			}
			if _, again := c.Health(bounded(t)); !errors.Is(again, ErrConnectionLost) || !errors.Is(again, ErrNotTaken) {
				t.Errorf("Health afterwards = %v, want ErrConnectionLost and ErrNotTaken", again)
			}
		})
	}
}

func TestAnswerThatBreaksAPromiseIsNotGivenOut(t *testing.T) {
	tests := map[string]struct {
		kind  protocol.Kind
		reply []byte
	}{
		"fewer results":        {protocol.KindReply, []byte{}},
		"a result of nothing":  {protocol.KindReply, []byte{0x0a, 0x00}},
		"no protobuf":          {protocol.KindReply, []byte{0xff, 0xff}},
		"an error of code 0":   {protocol.KindError, []byte{}},
		"an error, no message": {protocol.KindError, []byte{0xff}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, func(p *peer) {
				f, _ := p.next()
				p.raw(protocol.AppendFrame(nil, test.kind, f.Method, f.Call, test.reply))
				f, _ = p.next()
				p.send(protocol.KindReply, f.Method, f.Call, &protocol.HealthReply{Mode: "serving"})
				p.hold()
			})
			if reply, err := c.Sign(bounded(t), signRequest(1)); !errors.Is(err, ErrBadAnswer) || reply != nil {
				t.Errorf("Sign = %v, %v, want ErrBadAnswer", reply, err)
			}
			// The frames were sound, so the connection is still good.
			if h, err := c.Health(bounded(t)); err != nil || h.GetMode() != "serving" {
				t.Errorf("Health afterwards = %v, %v", h, err)
			}
		})
	}
}

func TestAnswerIsBounded(t *testing.T) {
	c := start(t, func(p *peer) {
		f, _ := p.next()
		part := protocol.AppendFrame(nil, protocol.KindPart, f.Method, f.Call, make([]byte, protocol.MaxReply))
		for range maxAnswer/protocol.MaxReply + 1 {
			p.raw(part)
		}
		p.hold()
	})
	if _, err := c.Sign(bounded(t), signRequest(1)); !errors.Is(err, ErrBadAnswer) || !errors.Is(err, ErrConnectionLost) {
		t.Errorf("endless parts = %v, want ErrBadAnswer and ErrConnectionLost", err)
	}
}

func TestRequestThatIsTooLargeIsNotSent(t *testing.T) {
	c := start(t, (*peer).hold)
	request := signRequest(1)
	request.Inputs[0].Value = &protocol.Input_Message{Message: make([]byte, protocol.MaxRequest)}
	if _, err := c.Sign(bounded(t), request); !errors.Is(err, protocol.TooLarge) {
		t.Errorf("Sign of %d bytes = %v, want too_large", protocol.MaxRequest, err)
	}
}

// Calls in flight when the daemon says goaway are answered; new ones are not
// taken, and say why.
func TestGoAwayFinishesWhatWasBegun(t *testing.T) {
	first, asked := make(chan struct{}), make(chan struct{})
	c := start(t, func(p *peer) {
		slow, _ := p.next()
		close(first)
		quick, _ := p.next()
		p.send(protocol.KindGoAway, 0, 0, protocol.NewError(protocol.ShuttingDown, "restart"))
		p.send(protocol.KindReply, quick.Method, quick.Call, &protocol.TimeReply{})
		await(p.t, asked, "a call after goaway")
		p.send(protocol.KindReply, slow.Method, slow.Call, &protocol.SignReply{Results: []*protocol.Result{signed("s")}})
		p.hold()
	})
	done := make(chan error, 1)
	go func() {
		_, err := c.Sign(bounded(t), signRequest(1))
		done <- err
	}()
	await(t, first, "the first request")
	if _, err := c.Time(bounded(t)); err != nil {
		t.Fatalf("Time answered behind goaway: %v", err)
	}
	if _, err := c.Health(bounded(t)); !errors.Is(err, protocol.ShuttingDown) || !errors.Is(err, ErrConnectionLost) {
		t.Errorf("Health after goaway = %v, want shutting_down", err)
	}
	close(asked)
	if err := <-done; err != nil {
		t.Errorf("Sign begun before goaway = %v", err)
	}
	await(t, c.ended, "the end of a connection that serves nothing more")
}

func TestGoAwayAndCloseEndAllCalls(t *testing.T) {
	const calls = 8
	c := start(t, func(p *peer) {
		for range calls {
			p.next()
		}
		p.send(protocol.KindGoAway, 0, 0, &protocol.Error{})
	})
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			// 302 would say that nothing was recorded, which nobody knows.
			_, err := c.Sign(bounded(t), signRequest(1))
			if !errors.Is(err, ErrConnectionLost) || errors.Is(err, protocol.ShuttingDown) || errors.Is(err, ErrNotTaken) {
				t.Errorf("Sign = %v, want ErrConnectionLost alone", err)
			}
		})
	}
	all.Wait()
}

func TestCloseEndsAllCalls(t *testing.T) {
	asked := make(chan struct{})
	c := start(t, func(p *peer) {
		p.next()
		close(asked)
		p.hold()
	})
	done := make(chan error, 1)
	go func() {
		_, err := c.Sign(context.Background(), signRequest(1))
		done <- err
	}()
	await(t, asked, "the request")
	c.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Sign while closing = %v, want ErrClosed", err)
	}
	if _, err := c.Time(bounded(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("Time after Close = %v, want ErrClosed", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
}

// The daemon turns a connection away without reading. Whether the request
// meets a closed socket or not, its reason is the answer.
func TestReasonOfARefusedConnectionIsNotLost(t *testing.T) {
	for range 20 {
		closed := make(chan struct{})
		c := start(t, func(p *peer) {
			p.send(protocol.KindError, 0, 0, protocol.NewError(protocol.TooManyConnections, "full"))
			p.conn.Close()
			close(closed)
		})
		await(t, closed, "the end of the connection")
		if _, err := c.Sign(bounded(t), signRequest(1)); !errors.Is(err, protocol.TooManyConnections) {
			t.Errorf("Sign = %v, want too_many_connections", err)
		}
	}
}

// An answer that meets the end of the context is given out: it is recorded,
// and counts. And a call that has ended is not cancelled, or its end would be
// found by the next call that uses its place.
func TestCallEndsOnce(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := newConn(near)
	p := newCall(protocol.MethodTime)
	if _, err := c.queue(p, nil); err != nil {
		t.Fatal(err)
	}
	reply := protocol.Frame{Header: protocol.Header{Kind: protocol.KindReply, Method: protocol.MethodTime, Call: p.id}}
	if err := c.take(reply); err != nil {
		t.Fatal(err)
	}
	if c.cancel(p) {
		t.Error("a call that was answered could be cancelled")
	}
	if frames := c.takePending(nil); len(frames) != protocol.HeaderSize {
		t.Errorf("%d bytes are to be sent, want the request's %d", len(frames), protocol.HeaderSize)
	}
	if err := c.take(reply); err != nil {
		t.Errorf("a second answer to the same call = %v, want it dropped", err)
	}
	if len(p.done) != 1 {
		t.Errorf("the call ended %d times", len(p.done))
	}
}
