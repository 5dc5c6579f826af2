package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

const (
	// maxIdle is for how long a connection may lie unused and be used again:
	// half the daemon's own idle time, so that no request meets its goaway.
	maxIdle = 30 * time.Second

	// maxWait bounds the wait for a daemon of a call without a deadline.
	maxWait = time.Minute

	// Pauses between attempts to connect.
	firstPause = 10 * time.Millisecond
	maxPause   = time.Second
)

var (
	errIdle    = errors.New("unused for too long")
	errMaxWait = fmt.Errorf("no daemon for %v", maxWait)
)

// connection returns one that takes calls. Of the callers that find none, one
// at a time connects; the others wait for him, or for their own context.
func (c *Client) connection(ctx context.Context) (*Conn, error) {
	if conn := c.current(); conn != nil {
		return conn, nil
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, maxWait, errMaxWait)
		defer cancel()
	}
	select {
	case c.turn <- struct{}{}:
	case <-c.closed:
		return nil, notTaken(ErrClosed)
	case <-ctx.Done():
		return nil, c.waited(ctx, nil)
	}
	defer func() { <-c.turn }()
	return c.reopen(ctx)
}

// reopen connects anew until that succeeds. Only the holder of the turn calls
// it.
func (c *Client) reopen(ctx context.Context) (*Conn, error) {
	var last error
	for {
		if conn := c.current(); conn != nil {
			return conn, nil // of him who had the turn before
		}
		if !c.pause(ctx, c.setAside()) {
			return nil, c.waited(ctx, last)
		}
		conn, err := c.open(ctx)
		switch {
		case err == nil:
			return conn, nil
		case mayComeBack(err):
			last = err
		case ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded):
			return nil, notTaken(err)
		} // else pause finds that ctx has ended
	}
}

// current returns the connection if it takes calls.
func (c *Client) current() *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || !c.conn.takesCalls(c.idle) {
		return nil
	}
	return c.conn
}

// takesCalls is false once the connection ends, or has lain unused for longer
// than idle: then it ends now.
func (c *Conn) takesCalls(idle time.Duration) bool {
	c.mu.Lock()
	taken := c.fault == nil && c.leaving == nil && !c.deaf
	stale := len(c.calls) == 0 && time.Since(c.lastUsed) > idle
	c.mu.Unlock()
	if taken && stale {
		c.retire(errIdle)
	}
	return taken && !stale
}

// setAside makes room for a new connection and returns how many attempts were
// of no use since the last one that was.
func (c *Client) setAside() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.older = slices.DeleteFunc(c.older, (*Conn).isOver)
	if c.conn == nil {
		return c.fruitless
	}
	c.fruitless++
	if c.conn.wasUseful() {
		c.fruitless = 0
	}
	c.older = append(c.older, c.conn)
	c.conn = nil
	return c.fruitless
}

func (c *Conn) isOver() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// wasUseful tells whether a call was answered, or could not be for want of
// one.
func (c *Conn) wasUseful() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.useful || c.last == 0
}

// pause waits before the next attempt, false if ctx ends or the Client is
// closed. The first attempt after a connection that was of use is made at once.
func (c *Client) pause(ctx context.Context, fruitless int) bool {
	if ctx.Err() != nil || c.isClosed() {
		return false
	}
	timer := time.NewTimer(pauseAfter(fruitless))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-c.closed:
	}
	return false
}

func pauseAfter(fruitless int) time.Duration {
	if fruitless == 0 {
		return 0
	}
	return jitter(min(firstPause<<min(fruitless-1, 10), maxPause))
}

// jitter adds up to a half: callers that lost one daemon at one moment do not
// all come back at one moment.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/2+1) }

// open makes one attempt.
func (c *Client) open(ctx context.Context) (*Conn, error) {
	raw, err := c.dial(ctx, c.path)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.fruitless++
		return nil, err
	}
	if c.isClosed() {
		raw.Close()
		return nil, ErrClosed
	}
	c.conn = serve(raw)
	return c.conn, nil
}

// waited says that no daemon came in time, and what the last attempt met.
func (c *Client) waited(ctx context.Context, last error) error {
	switch {
	case c.isClosed():
		return notTaken(ErrClosed)
	case last != nil:
		return fmt.Errorf("%w: %w: %w", ErrNotTaken, last, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w on %s: %w", ErrNotTaken, ErrUnreachable, c.path, context.Cause(ctx))
}

// mayComeBack tells whether waiting may help: a daemon that restarts without
// socket activation leaves no socket, or one where nobody listens, and one
// with its hands full a queue that is full. Permission does not come by itself.
func mayComeBack(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ECONNRESET)
}
