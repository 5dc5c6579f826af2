// Package client is the Go client of sign.sock.
//
// A [Client] is one connection, taken anew when it ends, with any number of
// calls in flight. One Client per process is right: goroutines share it, and
// their requests travel together.
//
// # Errors
//
// A call fails with
//
//   - a *protocol.Error, the daemon's word on this request. errors.Is compares
//     it by its code, as in errors.Is(err, protocol.Busy); errors.As gives
//     rule, field, event and the time to try again. An input that was refused
//     or failed on its own has such an error as its result;
//   - the error of its context;
//   - an error that wraps [ErrUnreachable], [ErrConnectionLost], [ErrBadAnswer]
//     or [ErrClosed]. [ErrNotTaken] beside any of these says that the daemon
//     has nothing of the request.
//
// [Advise] turns any of them into what a program needs: never, now, or after
// how long, and whether the request may have been carried out.
//
// # Restarts, and requests that are lost
//
// The daemon ends a connection when it stops, or when nothing was sent for its
// idle time. A Client takes a new one; while nobody listens it tries again,
// with pauses that grow to a second, until the context of the call ends, or
// for a minute if it has no deadline. On the new connection
//
//   - a request that was never sent whole, or that a stopping daemon answered
//     with shutting_down (302), is sent again;
//   - a request that was sent and not answered is sent again, twice at most,
//     if that can do no harm: Health, Time, ListEntries, ApprovalStatus, and a
//     Sign or RequestApproval with a RequestId, to which the daemon gives its
//     recorded answer. One without fails with ErrConnectionLost: it may have
//     been carried out.
//
// So give every Sign that matters a RequestId, for instance the number of your
// own record of the use. Nothing else is repeated, unless by
// [Client.SignRetry] or [Client.SignBatch].
//
// The package does not verify signatures on its own: see [Verify].
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

// A Client speaks to one daemon. It is safe for concurrent use.
type Client struct {
	path   string
	dial   func(ctx context.Context, path string) (net.Conn, error)
	idle   time.Duration // see maxIdle
	turn   chan struct{} // has room for one: whoever connects holds it
	closed chan struct{}

	mu        sync.Mutex
	conn      *Conn   // the newest, nil if it is known to have ended
	older     []*Conn // that may still have answers to give
	fruitless int     // attempts to connect since the last one that was of use
}

// New returns a Client of sign.sock at that path. It connects with its first
// call, which waits for a daemon that is not there yet.
func New(path string) *Client {
	return &Client{path: path, dial: dialUnix, idle: maxIdle, turn: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Dial is New and connects at once: it fails with ErrUnreachable if nobody
// listens there now. ctx bounds connecting only.
func Dial(ctx context.Context, path string) (*Client, error) {
	c := New(path)
	if _, err := c.open(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends all calls in flight with ErrClosed and lets go of the
// connection.
func (c *Client) Close() error {
	c.mu.Lock()
	if !c.isClosed() {
		close(c.closed)
	}
	conns := c.older
	if c.conn != nil {
		conns = append(conns, c.conn)
	}
	c.conn, c.older = nil, nil
	c.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
	return nil
}

func (c *Client) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// Health asks in which mode the daemon is and what it can do.
func (c *Client) Health(ctx context.Context) (*protocol.HealthReply, error) { return health(ctx, c) }

// Time asks for the daemon's clock.
func (c *Client) Time(ctx context.Context) (*protocol.TimeReply, error) { return clock(ctx, c) }

// ListEntries lists the entries that this process may know of, with their
// public keys.
func (c *Client) ListEntries(ctx context.Context) (*protocol.ListEntriesReply, error) {
	return listEntries(ctx, c)
}

// Sign asks for signatures. The reply has one result for each input, in their
// order: a Signed or an Error.
//
// If request names no deadline, the daemon is told the time left in ctx, less
// a tenth (at most a second) for its answer to travel. When ctx ends first,
// the daemon is told that nobody waits any more; what it has recorded by then
// stays recorded. The request is only read.
func (c *Client) Sign(ctx context.Context, request *protocol.SignRequest) (*protocol.SignReply, error) {
	return sign(ctx, c, request)
}

// maxLost is how often a request that was lost is sent again: one that is the
// end of the daemon each time must not be so for ever.
const maxLost = 2

// ask sends a question until it is answered, or may not be sent again.
func (c *Client) ask(ctx context.Context, q *question, reply proto.Message) error {
	lost := 0
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%v: %w", q.method, notTaken(err))
		}
		conn, err := c.connection(ctx)
		if err != nil {
			return err
		}
		err = conn.ask(ctx, q, reply)
		if err == nil || ctx.Err() != nil {
			return err
		}
		switch fateOf(err) {
		case final:
			return err
		case untaken:
			conn.retire(err)
		case unknown:
			if !q.repeatable {
				return fmt.Errorf("%w: it may have been carried out; look for it in the log, and give requests a request_id to have them repeated", err)
			}
			if lost++; lost > maxLost {
				return err
			}
		}
	}
}

// A fate is what became of a request that failed.
type fate int

const (
	final   fate = iota // answered, or not to be sent again for another reason
	untaken             // the daemon has nothing of it
	unknown             // sent, and not answered
)

func fateOf(err error) fate {
	var said *protocol.Error
	switch {
	case errors.Is(err, protocol.ShuttingDown): // nothing was recorded, so nothing was spent
		return untaken
	case errors.As(err, &said), errors.Is(err, ErrBadAnswer), errors.Is(err, ErrClosed):
		return final
	case errors.Is(err, ErrNotTaken):
		return untaken
	case errors.Is(err, ErrConnectionLost):
		return unknown
	}
	return final
}
