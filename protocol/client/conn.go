package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

// A Conn is one connection with any number of calls in flight. It is safe for
// concurrent use. It is for who must know which connection he speaks on, a
// test or a load; others want a Client, which takes a new one when it ends.
type Conn struct {
	raw    net.Conn
	wake   chan struct{} // room for one: frames wait for the writer
	failed chan struct{} // closed with fault
	mute   chan struct{} // closed when the writer has ended
	ended  chan struct{} // closed when all is over

	mu       sync.Mutex
	calls    map[uint64]*call // in flight
	last     uint64           // call id given out last: an id is never used again
	pending  []byte           // whole frames for the writer
	room     chan struct{}    // closed when pending is taken; nil: nobody waits
	queued   uint64           // bytes that ever went into pending
	handed   uint64           // of these, the bytes that the kernel may have
	deaf     bool             // the daemon reads no more: nothing is written
	heard    bool             // a frame came from the daemon
	useful   bool             // and one of them answered a call
	lastUsed time.Time        // when the last call ended
	leaving  error            // no new calls are taken, and why
	fault    error            // why the connection ended
	turned   bool             // away, unread: the daemon took no call at all
}

// Connect connects to sign.sock at that path. ctx bounds connecting only.
func Connect(ctx context.Context, path string) (*Conn, error) {
	raw, err := dialUnix(ctx, path)
	if err != nil {
		return nil, err
	}
	return serve(raw), nil
}

func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrUnreachable, path, err)
	}
	return raw, nil
}

// serve takes over raw.
func serve(raw net.Conn) *Conn {
	c := newConn(raw)
	go c.write()
	go c.read()
	return c
}

func newConn(raw net.Conn) *Conn {
	return &Conn{
		raw: raw, wake: make(chan struct{}, 1), failed: make(chan struct{}), mute: make(chan struct{}), ended: make(chan struct{}),
		calls: map[uint64]*call{}, lastUsed: time.Now(),
	}
}

// Close ends all calls in flight with ErrClosed and lets go of the
// connection.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	<-c.ended
	return nil
}

// Health asks in which mode the daemon is and what it can do.
func (c *Conn) Health(ctx context.Context) (*protocol.HealthReply, error) { return health(ctx, c) }

// Time asks for the daemon's clock.
func (c *Conn) Time(ctx context.Context) (*protocol.TimeReply, error) { return clock(ctx, c) }

// ListEntries lists the entries that this process may know of, with their
// public keys.
func (c *Conn) ListEntries(ctx context.Context) (*protocol.ListEntriesReply, error) {
	return listEntries(ctx, c)
}

// Sign asks for signatures, as Client.Sign does, and repeats nothing.
func (c *Conn) Sign(ctx context.Context, request *protocol.SignRequest) (*protocol.SignReply, error) {
	return sign(ctx, c, request)
}

func (c *Conn) ask(ctx context.Context, q *question, reply proto.Message) error {
	return c.exchange(ctx, q.method, q.payload(ctx), reply)
}

// exchange sends a request and decodes its answer into reply. A call that ctx
// ends after its request was queued is cancelled at the daemon, too.
func (c *Conn) exchange(ctx context.Context, m protocol.Method, payload []byte, reply proto.Message) error {
	p := newCall(m)
	defer p.release()
	if err := c.submit(ctx, p, payload); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if c.cancel(p) {
			return fmt.Errorf("%v: %w", m, ctx.Err())
		}
		<-p.done // it was answered at the same moment
	}
	if p.err != nil {
		return p.err
	}
	if err := proto.Unmarshal(p.answer, reply); err != nil {
		return fmt.Errorf("%w: decoding %v reply: %w", ErrBadAnswer, m, err)
	}
	return nil
}

// submit queues a request once there is room for it. If it returns an error,
// the call is not in flight.
func (c *Conn) submit(ctx context.Context, p *call, payload []byte) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%v: %w", p.method, notTaken(err))
		}
		room, err := c.queue(p, payload)
		if err != nil || room == nil {
			return err
		}
		select {
		case <-room:
		case <-c.failed: // queue says why
		case <-ctx.Done():
		}
	}
}

// queue puts the call in flight, or returns what to wait for.
func (c *Conn) queue(p *call, payload []byte) (room <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fault != nil:
		return nil, c.outcome(p)
	case c.leaving != nil:
		return nil, notTaken(c.leaving)
	case len(c.pending) >= maxPending:
		if c.room == nil {
			c.room = make(chan struct{})
		}
		return c.room, nil
	}
	c.last++
	p.id = c.last
	c.calls[p.id] = p
	if !c.deaf { // else it waits for the daemon's last words
		c.enqueue(protocol.KindRequest, p, payload)
		p.end = c.queued
	}
	return nil, nil
}

// cancel gives up a call in flight, false if it has ended. The writer tells
// the daemon, so that who gives up never waits for a socket that is full.
func (c *Conn) cancel(p *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[p.id] != p {
		return false
	}
	c.drop(p)
	if !c.deaf {
		c.enqueue(protocol.KindCancel, &call{id: p.id}, nil)
	}
	return true
}

// drop takes a call out of flight. It needs c.mu.
func (c *Conn) drop(p *call) {
	delete(c.calls, p.id)
	if len(c.calls) == 0 {
		c.lastUsed = time.Now()
	}
}

// finish ends a call that is in flight. It needs c.mu.
func (c *Conn) finish(p *call, err error) {
	if err != nil {
		p.answer = p.answer[:0]
	}
	p.err = err
	c.drop(p)
	p.done <- struct{}{}
}

// outcome is the error of a call that the end of the connection ends. What the
// daemon said of the connection is its word only on calls that it did not
// take. It needs c.mu.
func (c *Conn) outcome(p *call) error {
	switch {
	case !c.turned && p.end <= c.handed:
		return c.fault
	case c.leaving != nil && !errors.Is(c.fault, ErrClosed):
		return notTaken(c.leaving)
	}
	return notTaken(c.fault)
}

// fail records why the connection ends and has both loops end. Only the first
// fault counts: those that follow are its echo. The calls in flight end when
// the writer has: how much of them the kernel took is known only then.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil {
		return
	}
	c.fault = err
	close(c.failed)
	c.raw.Close()
}

// settle ends what is still in flight after both loops.
func (c *Conn) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.calls {
		c.finish(p, c.outcome(p))
	}
	close(c.ended)
}

// retire lets the connection end: at once if nothing is in flight, else with
// its last answer. Calls that come later are not taken.
func (c *Conn) retire(why error) {
	c.mu.Lock()
	if c.leaving == nil && c.fault == nil {
		c.leaving = fmt.Errorf("%w: %w", ErrConnectionLost, why)
	}
	done := c.leaveWhenIdle()
	c.mu.Unlock()
	if done != nil {
		c.fail(done)
	}
}

// leaveWhenIdle returns why the connection has to end if it is wanted to end
// and nothing is waited for. It needs c.mu.
func (c *Conn) leaveWhenIdle() error {
	if c.leaving == nil || len(c.calls) > 0 {
		return nil
	}
	return errDone
}
