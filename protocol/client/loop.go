package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

// lastWords is how long the reader looks for the daemon's reason after it has
// closed. It lies in the socket's buffer by then.
const lastWords = time.Second

// write sends frames until the connection ends. Being the only writer, it
// never leaves half a frame in front of another. What it takes from out stands
// before the cancel of the same call, because that is asked for later.
func (c *Client) write() {
	for {
		var frames []byte
		select {
		case frames = <-c.out:
		case <-c.wake:
			frames = c.takeCancels()
		case <-c.ended:
			return
		}
		if _, err := c.conn.Write(frames); err != nil {
			// A daemon that closes says why first; the reader must come to
			// that before the calls end.
			c.conn.SetReadDeadline(time.Now().Add(lastWords))
			return
		}
	}
}

func (c *Client) takeCancels() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	var frames []byte
	for _, id := range c.cancels {
		frames = protocol.AppendFrame(frames, protocol.KindCancel, 0, id, nil)
	}
	c.cancels = nil
	return frames
}

// read hands answers to their calls until the connection ends.
func (c *Client) read() {
	in := bufio.NewReaderSize(c.conn, 64<<10)
	for {
		frame, err := protocol.ReadReply(in)
		if err != nil {
			c.end(c.lost(err))
			return
		}
		if err := c.take(frame); err != nil {
			c.end(err)
			return
		}
	}
}

// lost says why nothing more can be read. The error of ReadReply stays out of
// the chain: for a frame cut short it holds a protocol.Error, which is not the
// daemon's word on any call.
func (c *Client) lost(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.leaving != nil:
		return c.leaving
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: closed by signetd", ErrConnectionLost)
	case errors.Is(err, protocol.ErrFrame):
		return fmt.Errorf("%w: %w: %v", ErrConnectionLost, ErrBadAnswer, err)
	}
	return fmt.Errorf("%w: %v", ErrConnectionLost, err)
}

// take gives one frame to its call. An error ends the connection.
func (c *Client) take(f protocol.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Kind == protocol.KindGoAway {
		return c.takeGoAway(f.Payload)
	}
	p := c.calls[f.Call]
	switch {
	case p == nil && f.Call == 0 && f.Kind == protocol.KindError:
		return c.refused(f.Payload)
	case p == nil && f.Call != 0 && f.Call <= c.last:
		return nil // of a call that was given up
	case p == nil:
		return c.violated("an answer to call %d, which was never made", f.Call)
	case p.method != f.Method:
		return c.violated("call %d asked for %v, the answer says %v", f.Call, p.method, f.Method)
	}
	return c.takeAnswer(p, f)
}

func (c *Client) takeAnswer(p *call, f protocol.Frame) error {
	if f.Kind == protocol.KindError {
		c.finish(p, parseError(f.Payload))
		return c.leaveWhenIdle()
	}
	if err := p.add(f.Payload); err != nil {
		return fmt.Errorf("%w: %w", ErrConnectionLost, err)
	}
	if f.Kind == protocol.KindPart {
		return nil
	}
	c.finish(p, nil)
	return c.leaveWhenIdle()
}

// takeGoAway stops new calls. Those in flight may still be answered, until
// the daemon closes.
func (c *Client) takeGoAway(payload []byte) error {
	why := error(protocol.NewError(protocol.ShuttingDown, "signetd takes no more requests on this connection"))
	if len(payload) > 0 {
		why = parseError(payload)
	}
	c.leaving = fmt.Errorf("%w: %w", ErrConnectionLost, why)
	return c.leaveWhenIdle()
}

// leaveWhenIdle ends the connection if the daemon wants it to end and nothing
// is waited for.
func (c *Client) leaveWhenIdle() error {
	if c.leaving != nil && len(c.calls) == 0 {
		return c.leaving
	}
	return nil
}

// refused is an error that answers no call: it is about the connection.
func (c *Client) refused(payload []byte) error {
	return fmt.Errorf("%w: %w", ErrConnectionLost, parseError(payload))
}

func (c *Client) violated(format string, args ...any) error {
	return fmt.Errorf("%w: %w: "+format, append([]any{ErrConnectionLost, ErrBadAnswer}, args...)...)
}

func parseError(payload []byte) error {
	e := new(protocol.Error)
	if err := proto.Unmarshal(payload, e); err != nil {
		return fmt.Errorf("%w: decoding error: %w", ErrBadAnswer, err)
	}
	if e.GetCode() == 0 {
		return fmt.Errorf("%w: error without a code", ErrBadAnswer)
	}
	return e
}
