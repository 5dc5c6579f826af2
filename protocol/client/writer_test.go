package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signet/protocol"
)

// gated lets each write through one at a time, and notes its size.
type gated struct {
	net.Conn
	begun chan int
	gate  chan struct{}
}

func (g *gated) Write(b []byte) (int, error) {
	g.begun <- len(b)
	<-g.gate
	return g.Conn.Write(b)
}

// What waits while a write is under way goes out in the next one, whole and in
// order.
func TestFramesThatWaitGoOutInOneWrite(t *testing.T) {
	const waiting = 20
	near, far := net.Pipe()
	g := &gated{near, make(chan int, waiting), make(chan struct{})}
	c := serve(g)
	defer c.Close()
	var all sync.WaitGroup
	ask := func() {
		all.Go(func() {
			if _, err := c.Sign(bounded(t), signRequest(1)); err != nil {
				t.Errorf("Sign = %v", err)
			}
		})
	}
	ask()
	first := <-g.begun
	for range waiting {
		ask()
	}
	eventually(t, "all frames", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.calls) == 1+waiting
	})
	all.Go(func() {
		p := &peer{t, far}
		for id := range uint64(1 + waiting) {
			f, _ := p.next()
			if f.Call != id+1 {
				t.Errorf("frame %d is of call %d", id+1, f.Call)
			}
			p.answer(f, "s")
		}
	})
	g.gate <- struct{}{}
	if second := <-g.begun; second != waiting*first {
		t.Errorf("the second write has %d bytes, want the %d frames of %d bytes that waited", second, waiting, first)
	}
	close(g.gate)
	all.Wait()
}

// A daemon that does not read holds its callers up; it does not fill memory.
func TestWhatWaitsIsBounded(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := serve(near)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	request := signRequest(1)
	request.Inputs[0].Value = &protocol.Input_Message{Message: make([]byte, protocol.MaxMessage)}
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if _, err := c.Sign(ctx, request); !errors.Is(err, context.Canceled) {
				t.Errorf("Sign = %v, want context.Canceled", err)
			}
		})
	}
	eventually(t, "a full queue", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.pending) > maxPending+protocol.MaxRequest {
			t.Errorf("%d bytes wait for the writer", len(c.pending))
		}
		return c.room != nil
	})
	cancel()
	all.Wait()
}

// A connection that ends while the writer is within a frame has not carried it
// out; the one before it may have been.
func TestOnlyWholeFramesMayHaveBeenCarriedOut(t *testing.T) {
	near, far := net.Pipe()
	g := &gated{near, make(chan int, 10), make(chan struct{})}
	c := serve(g)
	errs := make([]chan error, 3)
	for i := range errs {
		errs[i] = make(chan error, 1)
		go func() {
			_, err := c.Sign(bounded(t), signRequest(1))
			errs[i] <- err
		}()
		if i == 0 {
			<-g.begun
			continue
		}
		eventually(t, "a frame", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.calls) == 1+i
		})
	}
	close(g.gate)
	p := &peer{t, far}
	p.next()
	p.next()
	far.Read(make([]byte, 10))
	far.Close()
	for i, c := range errs {
		err := <-c
		if sent := i < 2; !errors.Is(err, ErrConnectionLost) || errors.Is(err, ErrNotTaken) == sent {
			t.Errorf("call %d ended with %v, sent whole: %v", i+1, err, sent)
		}
	}
}

// The frames that a daemon may send, beyond the reader's buffer and in pieces.
func TestFramesOfAnySizeAreRead(t *testing.T) {
	for _, size := range []int{0, 1, readBuffer - protocol.HeaderSize, readBuffer, readBuffer + 1, protocol.MaxReply} {
		near, far := net.Pipe()
		want := bytes.Repeat([]byte{7}, size)
		go func() {
			far.Write(protocol.AppendFrame(nil, protocol.KindReply, protocol.MethodSign, 5, want))
			far.Close()
		}()
		c := newConn(near)
		p := newCall(protocol.MethodSign)
		p.id, c.last = 5, 5
		c.calls[5] = p
		c.answers(bufio.NewReaderSize(near, readBuffer))
		<-p.done
		if p.err != nil || !bytes.Equal(p.answer, want) {
			t.Errorf("answer of %d bytes = %d bytes, %v", size, len(p.answer), p.err)
		}
	}
}

// A goaway gives back at once what the daemon will not read; what it may have
// read waits for its answer.
func TestGoAwayReturnsWhatWasNotSent(t *testing.T) {
	near, far := net.Pipe()
	g := &gated{near, make(chan int, 10), make(chan struct{})}
	c := serve(g)
	defer c.Close()
	errs := make(chan error, 2)
	sign := func() {
		_, err := c.Sign(bounded(t), signRequest(1))
		errs <- err
	}
	go sign()
	<-g.begun
	go sign()
	eventually(t, "the second call", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.calls) == 2
	})
	p := &peer{t, far}
	p.send(protocol.KindGoAway, 0, 0, &protocol.Error{})
	if err := <-errs; !errors.Is(err, ErrNotTaken) || !errors.Is(err, protocol.ShuttingDown) {
		t.Errorf("Sign that was not sent = %v, want ErrNotTaken", err)
	}
	close(g.gate)
	f, _ := p.next()
	p.answer(f, "s")
	if err := <-errs; err != nil {
		t.Errorf("Sign that was being sent = %v, want its answer", err)
	}
}

// deafened fails all writes but the first, as a peer that has closed its
// receiving side does, once they are let through, and notes the read deadlines.
type deafened struct {
	net.Conn
	writes    atomic.Int32
	begun     chan struct{}
	gate      chan struct{}
	deadlines chan time.Time
}

func (d *deafened) Write(b []byte) (int, error) {
	if d.writes.Add(1) > 1 {
		d.begun <- struct{}{}
		<-d.gate
		return 0, syscall.EPIPE
	}
	return d.Conn.Write(b)
}

func (d *deafened) SetReadDeadline(at time.Time) error {
	d.deadlines <- at
	return d.Conn.SetReadDeadline(at)
}

// A stopping daemon may take longer over what it has than the last words of
// one that has closed: its goaway lifts the deadline that a failed write set,
// or comes first and has none set.
func TestAnswersAfterAGoAwayHaveTheirTime(t *testing.T) {
	for name, goAwayFirst := range map[string]bool{"goaway while writing": true, "goaway after a failed write": false} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			d := &deafened{Conn: near, begun: make(chan struct{}, 1), gate: make(chan struct{}), deadlines: make(chan time.Time, 10)}
			c := serve(d)
			defer c.Close()
			first, second := make(chan error, 1), make(chan error, 1)
			sign := func(err chan<- error) {
				_, e := c.Sign(bounded(t), signRequest(1))
				err <- e
			}
			go sign(first)
			p := &peer{t, far}
			f, _ := p.next()
			go sign(second)
			<-d.begun
			goAway := func() { p.send(protocol.KindGoAway, 0, 0, &protocol.Error{}) }
			if goAwayFirst {
				goAway()
				d.expect(t, false)
				close(d.gate)
			} else {
				close(d.gate)
				d.expect(t, true)
				goAway()
				d.expect(t, false)
			}
			if err := <-second; !errors.Is(err, ErrNotTaken) {
				t.Errorf("Sign that could not be written = %v, want ErrNotTaken", err)
			}
			p.answer(f, "s")
			if err := <-first; err != nil {
				t.Errorf("Sign begun before goaway = %v", err)
			}
			if len(d.deadlines) != 0 {
				t.Error("a deadline was set after goaway")
			}
		})
	}
}

func (d *deafened) expect(t *testing.T, deadline bool) {
	t.Helper()
	select {
	case at := <-d.deadlines:
		if at.IsZero() == deadline {
			t.Errorf("the read deadline is %v, want one: %v", at, deadline)
		}
	case <-time.After(patience):
		t.Fatalf("no read deadline was set in %v", patience)
	}
}
