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

// readBuffer holds the frames of a burst, and any part of a reply.
const readBuffer = 64 << 10

// read hands answers to their calls until the connection ends, and then ends
// the calls.
func (c *Conn) read() {
	c.fail(c.answers(bufio.NewReaderSize(c.raw, readBuffer)))
	<-c.mute
	c.settle()
}

// answers returns why nothing more can be read.
func (c *Conn) answers(in *bufio.Reader) error {
	for {
		frame, err := nextFrame(in)
		if err == nil {
			err = c.take(frame)
		} else {
			err = c.lost(err)
		}
		if err != nil {
			return err
		}
	}
}

// nextFrame reads one frame. Its payload is good until the next read. The
// error is io.EOF between frames, errCut within one.
func nextFrame(in *bufio.Reader) (protocol.Frame, error) {
	bytes, err := in.Peek(protocol.HeaderSize)
	switch {
	case errors.Is(err, io.EOF) && len(bytes) > 0:
		return protocol.Frame{}, errCut
	case err != nil:
		return protocol.Frame{}, err
	}
	h, err := protocol.ParseHeader(bytes)
	if err != nil {
		return protocol.Frame{}, err
	}
	if h.Version != protocol.Version || h.Length > protocol.MaxReply {
		return protocol.Frame{}, violated("version %d, length %d", h.Version, h.Length)
	}
	in.Discard(protocol.HeaderSize)
	payload, err := nextPayload(in, int(h.Length))
	return protocol.Frame{Header: h, Payload: payload}, err
}

// nextPayload takes memory only for what does not fit the buffer, and only as
// it arrives: announcing a megabyte costs nothing.
func nextPayload(in *bufio.Reader, length int) ([]byte, error) {
	if length <= in.Size() {
		payload, err := peek(in, length)
		in.Discard(len(payload))
		return payload, err
	}
	var payload []byte
	for len(payload) < length {
		piece, err := peek(in, min(length-len(payload), in.Size()))
		if err != nil {
			return nil, err
		}
		payload = append(payload, piece...)
		in.Discard(len(piece))
	}
	return payload, nil
}

func peek(in *bufio.Reader, n int) ([]byte, error) {
	bytes, err := in.Peek(n)
	if errors.Is(err, io.EOF) {
		return nil, errCut
	}
	return bytes, err
}

// lost says why nothing more can be read.
func (c *Conn) lost(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, ErrBadAnswer):
		return err
	case errors.Is(err, io.EOF) && c.leaving != nil:
		return fmt.Errorf("%w: closed by signetd, which was stopping", ErrConnectionLost)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: closed by signetd", ErrConnectionLost)
	}
	return fmt.Errorf("%w: %w", ErrConnectionLost, err)
}

// take gives one frame to its call. An error ends the connection.
func (c *Conn) take(f protocol.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.heard
	c.heard = true
	switch f.Kind {
	case protocol.KindGoAway:
		return c.takeGoAway(f.Payload)
	case protocol.KindReply, protocol.KindPart, protocol.KindError:
	default:
		return violated("a frame of kind %d", f.Kind)
	}
	p := c.calls[f.Call]
	switch {
	case p == nil && f.Call == 0 && f.Kind == protocol.KindError:
		return c.refused(f.Payload, first)
	case p == nil && f.Call != 0 && f.Call <= c.last:
		return nil // of a call that was given up
	case p == nil:
		return violated("an answer to call %d, which was never made", f.Call)
	case p.method != f.Method:
		return violated("call %d asked for %v, the answer says %v", f.Call, p.method, f.Method)
	}
	return c.takeAnswer(p, f)
}

func (c *Conn) takeAnswer(p *call, f protocol.Frame) error {
	if f.Kind == protocol.KindError {
		err := parseError(f.Payload)
		c.useful = c.useful || !errors.Is(err, protocol.ShuttingDown)
		c.finish(p, err)
		return c.leaveWhenIdle()
	}
	if err := p.add(f.Payload); err != nil {
		return err
	}
	if f.Kind == protocol.KindPart {
		return nil
	}
	c.useful = true
	c.finish(p, nil)
	return c.leaveWhenIdle()
}

// takeGoAway stops new calls and gives back those that the daemon will not
// read. The others may still be answered, until the daemon closes.
func (c *Conn) takeGoAway(payload []byte) error {
	why := error(protocol.NewError(protocol.ShuttingDown, "signetd takes no more requests on this connection"))
	if len(payload) > 0 {
		why = parseError(payload)
	}
	c.leaving = fmt.Errorf("%w: %w", ErrConnectionLost, why)
	c.deafen()
	c.raw.SetReadDeadline(time.Time{}) // that of a write which failed meanwhile
	c.returnUnsent()
	return c.leaveWhenIdle()
}

// refused is an error that answers no call: it is about the connection. A
// daemon that turns a connection away says so first and reads nothing. In all
// other cases what was in flight may be carried out, and the error is no word
// on it.
func (c *Conn) refused(payload []byte, first bool) error {
	why := parseError(payload)
	if first && turnsAway(why) {
		c.turned, c.leaving = true, fmt.Errorf("%w: %w", ErrConnectionLost, why)
		return c.leaving
	}
	return fmt.Errorf("%w: signetd says %v", ErrConnectionLost, why)
}

func turnsAway(err error) bool {
	return errors.Is(err, protocol.NotACaller) || errors.Is(err, protocol.ShuttingDown) || errors.Is(err, protocol.TooManyConnections)
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
