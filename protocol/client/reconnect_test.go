package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signet/protocol"
)

// daemons serves one connection after the other, each with the next script,
// and returns a Client of them. Each script must have its turn, and end.
func daemons(t *testing.T, scripts ...func(p *peer)) *Client {
	t.Helper()
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for _, script := range scripts {
			conn, err := l.Accept()
			if err != nil {
				t.Errorf("a connection fewer than expected: %v", err)
				return
			}
			script(&peer{t, conn})
			conn.Close()
		}
		l.Close()
	}()
	c := New(path)
	t.Cleanup(func() {
		c.Close()
		l.Close()
		await(t, served, "the end of the scripts")
	})
	return c
}

// signs answers every Sign until the client closes.
func signs(p *peer) {
	for f, ok := p.next(); ok; f, ok = p.next() {
		if f.Kind == protocol.KindRequest {
			p.answer(f, "s")
		}
	}
}

func (p *peer) answer(f protocol.Frame, signature string) {
	p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed(signature)}})
}

func (p *peer) refuse(f protocol.Frame, code protocol.Code) {
	p.send(protocol.KindError, f.Method, f.Call, protocol.NewError(code, ""))
}

func withID(r *protocol.SignRequest, id string) *protocol.SignRequest {
	r.RequestId = id
	return r
}

// In each of these the first daemon has certainly not carried out a request
// without a request_id, so it is sent again.
func TestRequestThatWasNotTakenIsSentAgain(t *testing.T) {
	for name, first := range map[string]func(p *peer){
		"turned away by a daemon that stops": func(p *peer) {
			p.send(protocol.KindError, 0, 0, protocol.NewError(protocol.ShuttingDown, "stopping"))
		},
		"answered shutting_down": func(p *peer) {
			f, _ := p.next()
			p.refuse(f, protocol.ShuttingDown)
			p.hold()
		},
		"cut off in a frame": func(p *peer) {
			// Too large for the socket's buffer, and read by half.
			if _, err := p.conn.Read(make([]byte, 1000)); err != nil {
				p.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := daemons(t, first, signs)
			request := signRequest(1)
			if name == "cut off in a frame" {
				if err := c.smallBuffer(t); err != nil {
					t.Fatal(err)
				}
				request.Inputs[0].Value = &protocol.Input_Message{Message: make([]byte, protocol.MaxMessage)}
			}
			reply, err := c.Sign(bounded(t), request)
			if err != nil || len(reply.Results) != 1 {
				t.Errorf("Sign = %v, %v, want an answer of the second daemon", reply, err)
			}
		})
	}
}

// A stopping daemon reads no more and says goaway; the client's write may fail
// before it has read that.
func TestRequestThatMeetsAGoAwayIsSentAgain(t *testing.T) {
	for range 50 {
		c := daemons(t, func(p *peer) {
			f, _ := p.next()
			p.conn.(*net.UnixConn).CloseRead()
			p.send(protocol.KindReply, f.Method, f.Call, &protocol.HealthReply{})
			p.send(protocol.KindGoAway, 0, 0, &protocol.Error{})
		}, signs)
		if _, err := c.Health(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sign(bounded(t), signRequest(1)); err != nil {
			t.Fatalf("Sign = %v, want an answer of the second daemon", err)
		}
	}
}

// smallBuffer has the next connection take no 48 KiB at once.
func (c *Client) smallBuffer(t *testing.T) error {
	dial := c.dial
	c.dial = func(ctx context.Context, path string) (net.Conn, error) {
		raw, err := dial(ctx, path)
		if err == nil {
			err = raw.(*net.UnixConn).SetWriteBuffer(4096)
		}
		return raw, err
	}
	return nil
}

// A daemon that reads a request and ends may have carried it out.
func TestRequestThatWasLost(t *testing.T) {
	lose := func(p *peer) { p.next() }
	t.Run("is repeated with a request_id", func(t *testing.T) {
		c := daemons(t, lose, lose, signs)
		if _, err := c.Sign(bounded(t), withID(signRequest(1), "a")); err != nil {
			t.Errorf("Sign = %v, want the third daemon's answer", err)
		}
	})
	t.Run("is repeated twice at most", func(t *testing.T) {
		c := daemons(t, lose, lose, lose)
		_, err := c.Sign(bounded(t), withID(signRequest(1), "a"))
		if !errors.Is(err, ErrConnectionLost) || errors.Is(err, ErrNotTaken) {
			t.Errorf("Sign = %v, want ErrConnectionLost", err)
		}
	})
	t.Run("is not repeated without one", func(t *testing.T) {
		c := daemons(t, lose, signs)
		_, err := c.Sign(bounded(t), signRequest(1))
		if !errors.Is(err, ErrConnectionLost) || errors.Is(err, ErrNotTaken) || Advise(err).Unspent {
			t.Errorf("Sign = %v, want ErrConnectionLost and an unknown outcome", err)
		}
		if _, err := c.Sign(bounded(t), signRequest(1)); err != nil {
			t.Errorf("the next Sign = %v", err)
		}
	})
	t.Run("is repeated where that does nothing", func(t *testing.T) {
		c := daemons(t, lose, lose, func(p *peer) {
			f, _ := p.next()
			p.send(protocol.KindReply, f.Method, f.Call, &protocol.HealthReply{Mode: "serving"})
			p.hold()
		})
		if h, err := c.Health(bounded(t)); err != nil || h.GetMode() != "serving" {
			t.Errorf("Health = %v, %v, want the third daemon's answer", h, err)
		}
	})
	t.Run("half of its answer is not given out", func(t *testing.T) {
		half := func(p *peer) {
			f, _ := p.next()
			p.send(protocol.KindPart, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("old")}})
			p.raw(protocol.AppendFrame(nil, protocol.KindReply, f.Method, f.Call, make([]byte, 100))[:60])
		}
		c := daemons(t, half, func(p *peer) {
			f, _ := p.next()
			p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("1"), signed("2")}})
			p.hold()
		})
		reply, err := c.Sign(bounded(t), withID(signRequest(2), "a"))
		if err != nil || string(reply.Results[0].GetSigned().GetSignature()) != "1" {
			t.Errorf("Sign = %v, %v, want the second daemon's answer alone", reply, err)
		}
	})
}

// What a daemon says that breaks the protocol is no loss: the same request
// would meet the same daemon.
func TestBadAnswerIsNotAskedForAgain(t *testing.T) {
	c := daemons(t, func(p *peer) {
		f, _ := p.next()
		p.send(protocol.KindReply, protocol.MethodTime, f.Call, &protocol.TimeReply{})
		p.hold()
	})
	if _, err := c.Sign(bounded(t), withID(signRequest(1), "a")); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("Sign = %v, want ErrBadAnswer", err)
	}
}

func TestFullDaemonIsTheCallersToWaitFor(t *testing.T) {
	c := daemons(t, func(p *peer) {
		p.send(protocol.KindError, 0, 0, protocol.NewError(protocol.TooManyConnections, "full").RetryIn(time.Second))
	}, signs)
	_, err := c.Sign(bounded(t), signRequest(1))
	if a := Advise(err); !errors.Is(err, protocol.TooManyConnections) || a != (Advice{protocol.Retry_AFTER, time.Second, true}) {
		t.Errorf("Sign = %v, %+v, want too_many_connections and a second", err, a)
	}
	if _, err := c.Sign(bounded(t), signRequest(1)); err != nil {
		t.Errorf("the next Sign = %v", err)
	}
}

// Calls in flight at goaway are answered on the old connection while new ones
// are made on the next.
func TestGoAwayMovesNewCallsOnly(t *testing.T) {
	begun, moved := make(chan struct{}), make(chan struct{})
	c := daemonsAtOnce(t, func(p *peer) {
		slow, _ := p.next()
		close(begun)
		p.send(protocol.KindGoAway, 0, 0, &protocol.Error{})
		await(p.t, moved, "a call on the next connection")
		p.answer(slow, "old")
		p.hold()
	}, signs)
	done := make(chan string, 1)
	go func() {
		reply, err := c.Sign(bounded(t), signRequest(1))
		done <- fmt.Sprint(string(reply.GetResults()[0].GetSigned().GetSignature()), err)
	}()
	await(t, begun, "the first request")
	eventually(t, "goaway", func() bool { return c.current() == nil })
	if _, err := c.Sign(bounded(t), withID(signRequest(1), "a")); err != nil {
		t.Errorf("Sign after goaway = %v", err)
	}
	close(moved)
	if got := <-done; got != "old<nil>" {
		t.Errorf("Sign begun before goaway = %s", got)
	}
}

// daemonsAtOnce serves the connections beside each other.
func daemonsAtOnce(t *testing.T, scripts ...func(p *peer)) *Client {
	t.Helper()
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for _, script := range scripts {
			conn, err := l.Accept()
			if err != nil {
				t.Errorf("a connection fewer than expected: %v", err)
				return
			}
			served.Go(func() {
				defer conn.Close()
				script(&peer{t, conn})
			})
		}
	})
	c := New(path)
	t.Cleanup(func() {
		c.Close()
		l.Close()
		served.Wait()
	})
	return c
}

// Fifty callers meet a daemon that is not there yet. One of them at a time
// knocks, with pauses; the daemon comes; they share one connection.
func TestCallersWaitForADaemonAndShareItsConnection(t *testing.T) {
	path := socketPath(t)
	c := New(path)
	defer c.Close()
	var knocking, connected atomic.Int32
	knocks := make(chan struct{}, 1000)
	c.dial = func(ctx context.Context, path string) (net.Conn, error) {
		if knocking.Add(1) > 1 {
			t.Error("two callers connect at the same time")
		}
		defer knocking.Add(-1)
		raw, err := dialUnix(ctx, path)
		if err == nil {
			connected.Add(1)
		}
		knocks <- struct{}{}
		return raw, err
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := c.Sign(bounded(t), signRequest(1)); err != nil {
				t.Errorf("Sign = %v", err)
			}
		})
	}
	for range 3 {
		await(t, knocks, "an attempt to connect")
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		p := &peer{t, conn}
		for range 50 {
			f, _ := p.next()
			p.answer(f, "s")
		}
	})
	all.Wait()
	if n := connected.Load(); n != 1 {
		t.Errorf("%d connections were made, want 1", n)
	}
}

func TestWaitForADaemonEnds(t *testing.T) {
	refused := func(errno syscall.Errno) func(context.Context, string) (net.Conn, error) {
		return func(context.Context, string) (net.Conn, error) {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, errno)
		}
	}
	t.Run("with the context", func(t *testing.T) {
		c := New(socketPath(t))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		_, err := c.Sign(ctx, signRequest(1))
		for _, want := range []error{ErrUnreachable, ErrNotTaken, context.DeadlineExceeded, syscall.ENOENT} {
			if !errors.Is(err, want) {
				t.Errorf("Sign = %v, want %v in its chain", err, want)
			}
		}
	})
	t.Run("at once without permission", func(t *testing.T) {
		c := New("")
		c.dial = refused(syscall.EACCES)
		_, err := c.Sign(bounded(t), signRequest(1))
		if !errors.Is(err, ErrUnreachable) || !errors.Is(err, ErrNotTaken) || Advise(err).Retry != protocol.Retry_NEVER {
			t.Errorf("Sign = %v, want ErrUnreachable for good", err)
		}
	})
	t.Run("with Close", func(t *testing.T) {
		c := New("")
		knocked := make(chan struct{}, 1000)
		c.dial = func(ctx context.Context, path string) (net.Conn, error) {
			knocked <- struct{}{}
			return refused(syscall.ECONNREFUSED)(ctx, path)
		}
		done := make(chan error, 2)
		for range cap(done) {
			go func() {
				_, err := c.Sign(context.Background(), signRequest(1))
				done <- err
			}()
		}
		await(t, knocked, "an attempt to connect")
		c.Close()
		for range cap(done) {
			if err := <-done; !errors.Is(err, ErrClosed) || !errors.Is(err, ErrNotTaken) {
				t.Errorf("Sign = %v, want ErrClosed", err)
			}
		}
		if _, err := c.Health(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("Health after Close = %v, want ErrClosed", err)
		}
	})
	t.Run("of another caller first", func(t *testing.T) {
		c := New("")
		knocked := make(chan struct{}, 1000)
		c.dial = func(ctx context.Context, path string) (net.Conn, error) {
			knocked <- struct{}{}
			return refused(syscall.ECONNREFUSED)(ctx, path)
		}
		patient, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := c.Sign(patient, signRequest(1))
			done <- err
		}()
		await(t, knocked, "an attempt to connect")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := c.Sign(ctx, signRequest(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sign beside a patient caller = %v, want its own deadline", err)
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the patient Sign = %v, want context.Canceled", err)
		}
	})
}

// The daemon ends what lies unused. A request that meets its goaway could not
// be told from one that was carried out, so the Client is first.
func TestUnusedConnectionIsNotUsedAgain(t *testing.T) {
	once := func(p *peer) {
		f, _ := p.next()
		p.answer(f, "s")
		if _, more := p.next(); more {
			p.t.Error("a second request came on a connection that lay unused")
		}
	}
	c := daemons(t, once, once)
	c.idle = 0
	for range 2 {
		if _, err := c.Sign(bounded(t), signRequest(1)); err != nil {
			t.Errorf("Sign = %v", err)
		}
	}
}

// A daemon that accepts and ends, again and again, is knocked at with pauses
// like one that is not there.
func TestPausesGrowUntilAnAnswer(t *testing.T) {
	c := New("")
	least := time.Duration(0)
	for n := range 20 {
		d := pauseAfter(n)
		if d < least || d > maxPause+maxPause/2 {
			t.Errorf("pause after %d attempts = %v, want %v to %v", n, d, least, maxPause+maxPause/2)
		}
		least = min(max(firstPause, 2*least), maxPause)
		if n == 0 {
			least = firstPause
		}
	}
	for name, test := range map[string]struct {
		conn *Conn
		want int
	}{
		"one that answered":        {&Conn{useful: true, last: 3}, 0},
		"one that answered no one": {&Conn{last: 3}, 6},
		"one that nobody asked":    {&Conn{}, 0},
		"none":                     {nil, 5},
	} {
		c.conn, c.fruitless = test.conn, 5
		if got := c.setAside(); got != test.want {
			t.Errorf("fruitless attempts after %s = %d, want %d", name, got, test.want)
		}
		c.older = nil
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s did not come in %v", what, patience)
		}
	}
}
