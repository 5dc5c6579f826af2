// Package client is the Go client of sign.sock.
//
// A Client is one connection with any number of calls in flight. A call fails
// with a *protocol.Error, the daemon's word, which errors.Is compares by its
// protocol.Code; with the error of its context; or with an error that wraps
// ErrUnreachable, ErrConnectionLost or ErrBadAnswer. The package does not
// verify signatures on its own: see Verify.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

var (
	// ErrUnreachable is wrapped by Dial when nobody listens at the path, or
	// this process may not connect to it.
	ErrUnreachable = errors.New("signetd cannot be reached")

	// ErrConnectionLost is wrapped when the connection ended before the
	// answer. Whether a Sign was carried out is then unknown; the same
	// request_id sent again gives the recorded answer and spends nothing.
	ErrConnectionLost = errors.New("connection to signetd lost")

	// ErrBadAnswer is wrapped when an answer is not what the protocol
	// promises. Nothing of it is given to the caller.
	ErrBadAnswer = errors.New("bad answer from signetd")

	// ErrClosed is returned by calls on a Client after Close, and by calls
	// that Close ended.
	ErrClosed = errors.New("client is closed")
)

// A Client speaks to one daemon. It is safe for concurrent use.
type Client struct {
	conn  net.Conn
	out   chan []byte   // whole frames for the writer
	wake  chan struct{} // one token: there are cancels to write
	ended chan struct{} // closed once fault is final
	loops sync.WaitGroup

	mu      sync.Mutex
	calls   map[uint64]*call // in flight
	last    uint64           // call id given out last: an id is never used again
	cancels []uint64         // calls given up, for the writer
	leaving error            // the daemon takes no new calls; what it said
	fault   error            // why the connection ended
}

// Dial connects to sign.sock at that path. ctx bounds connecting only.
func Dial(ctx context.Context, path string) (*Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrUnreachable, path, err)
	}
	c := &Client{
		conn:  conn,
		out:   make(chan []byte),
		wake:  make(chan struct{}, 1),
		ended: make(chan struct{}),
		calls: map[uint64]*call{},
	}
	c.loops.Go(c.read)
	c.loops.Go(c.write)
	return c, nil
}

// Close ends all calls in flight with ErrClosed and lets go of the
// connection.
func (c *Client) Close() error {
	c.end(ErrClosed)
	c.loops.Wait()
	return nil
}

// Health asks in which mode the daemon is and what it can do.
func (c *Client) Health(ctx context.Context) (*protocol.HealthReply, error) {
	reply := new(protocol.HealthReply)
	if err := c.ask(ctx, protocol.MethodHealth, new(protocol.HealthRequest), reply); err != nil {
		return nil, err
	}
	return reply, nil
}

// Time asks for the daemon's clock.
func (c *Client) Time(ctx context.Context) (*protocol.TimeReply, error) {
	reply := new(protocol.TimeReply)
	if err := c.ask(ctx, protocol.MethodTime, new(protocol.TimeRequest), reply); err != nil {
		return nil, err
	}
	return reply, nil
}

// ListEntries lists the entries that this process may know of, with their
// public keys.
func (c *Client) ListEntries(ctx context.Context) (*protocol.ListEntriesReply, error) {
	reply := new(protocol.ListEntriesReply)
	if err := c.ask(ctx, protocol.MethodListEntries, new(protocol.ListEntriesRequest), reply); err != nil {
		return nil, err
	}
	return reply, nil
}

// Sign asks for signatures. The reply has one result for each input, in their
// order: a Signed or an Error. The time left in ctx is not told to the
// daemon: deadline_ms is the caller's to set.
func (c *Client) Sign(ctx context.Context, request *protocol.SignRequest) (*protocol.SignReply, error) {
	reply := new(protocol.SignReply)
	if err := c.ask(ctx, protocol.MethodSign, request, reply); err != nil {
		return nil, err
	}
	if got, want := len(reply.Results), len(request.Inputs); got != want {
		return nil, fmt.Errorf("%w: %d results for %d inputs", ErrBadAnswer, got, want)
	}
	for i, r := range reply.Results {
		if r.GetSigned() == nil && r.GetError() == nil {
			return nil, fmt.Errorf("%w: result %d is neither signed nor error", ErrBadAnswer, i)
		}
	}
	return reply, nil
}

// ask makes one call and decodes its answer into reply.
func (c *Client) ask(ctx context.Context, m protocol.Method, request, reply proto.Message) error {
	payload, err := proto.Marshal(request)
	if err != nil {
		return fmt.Errorf("encoding %v request: %w", m, err)
	}
	if largest := m.MaxPayload(); len(payload) > largest {
		return protocol.NewError(protocol.TooLarge, "request of %d bytes: %v takes at most %d", len(payload), m, largest)
	}
	answer, err := c.exchange(ctx, m, payload)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(answer, reply); err != nil {
		return fmt.Errorf("%w: decoding %v reply: %w", ErrBadAnswer, m, err)
	}
	return nil
}

// exchange sends a request and waits for its answer. A call that ctx ends
// after its request was sent is cancelled at the daemon, too.
func (c *Client) exchange(ctx context.Context, m protocol.Method, payload []byte) ([]byte, error) {
	pending, err := c.begin(m)
	if err != nil {
		return nil, err
	}
	frame := protocol.AppendFrame(nil, protocol.KindRequest, m, pending.id, payload)
	select {
	case c.out <- frame:
	case <-pending.done:
		return pending.answer, pending.err
	case <-ctx.Done():
		c.forget(pending)
		return nil, fmt.Errorf("%v: %w", m, ctx.Err())
	}
	select {
	case <-pending.done:
		return pending.answer, pending.err
	case <-ctx.Done():
		c.cancel(pending)
		return nil, fmt.Errorf("%v: %w", m, ctx.Err())
	}
}
