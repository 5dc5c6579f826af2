package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
	"signet/systemd"
)

// How long a peer may take over one frame, once it has begun, and over
// reading an answer.
const (
	frameTimeout = 5 * time.Second
	writeTimeout = 5 * time.Second
)

// A conn is one connection to sign.sock.
type conn struct {
	server *Server
	raw    *net.UnixConn
	peer   Peer

	writing sync.Mutex // guards writes to raw and broken
	broken  bool

	mu      sync.Mutex // guards running
	running map[uint64]context.CancelFunc
	calls   sync.WaitGroup
}

func newConn(s *Server, raw *net.UnixConn, peer Peer) *conn {
	return &conn{server: s, raw: raw, peer: peer, running: map[uint64]context.CancelFunc{}}
}

// serve reads frames until the peer is done, breaks the protocol or stays
// idle, then waits for the calls in flight: a peer that has only closed its
// sending side still gets its answers.
func (c *conn) serve() {
	defer c.raw.Close()
	defer c.calls.Wait()
	in := bufio.NewReader(c.raw)
	for {
		f, err := c.read(in)
		if err != nil {
			c.sayWhy(f.Header, err)
			return
		}
		if f.Kind == protocol.KindCancel {
			c.cancel(f.Call)
			continue
		}
		if !c.start(f) {
			return
		}
	}
}

// read waits for a frame as long as the connection may be idle, and for the
// rest of it as long as a frame may take.
func (c *conn) read(in *bufio.Reader) (protocol.Frame, error) {
	if err := c.raw.SetReadDeadline(time.Now().Add(c.server.limits.Idle)); err != nil {
		return protocol.Frame{}, err
	}
	if _, err := in.Peek(1); err != nil {
		return protocol.Frame{}, err
	}
	if err := c.raw.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
		return protocol.Frame{}, err
	}
	return protocol.ReadRequest(in, c.server.limits.Frame)
}

// sayWhy tells the peer why the connection ends, where it can still be told.
func (c *conn) sayWhy(h protocol.Header, err error) {
	var fault *protocol.Error
	switch {
	case errors.As(err, &fault):
		c.answerError(h.Method, h.Call, fault)
	case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
	case isTimeout(err):
		c.calls.Wait() // what is in flight is no idleness
		c.write(protocol.AppendFrame(nil, protocol.KindGoAway, 0, 0, nil))
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// start begins a call, false if the connection has to end.
func (c *conn) start(f protocol.Frame) bool {
	ctx, cancel := context.WithCancel(c.server.calls)
	c.mu.Lock()
	if c.running[f.Call] != nil {
		c.mu.Unlock()
		cancel()
		c.answerError(f.Method, f.Call, protocol.NewError(protocol.Malformed, "call id %d is in flight already", f.Call).WithField("call"))
		return false // which of the two an answer belongs to could not be told
	}
	c.running[f.Call] = cancel
	c.mu.Unlock()
	if !c.server.admit(c.peer.UID) {
		c.end(f.Call, cancel)
		c.answerError(f.Method, f.Call, protocol.NewError(protocol.Busy, "%d requests of uid %d are in hand", c.server.limits.QueuePerUID, c.peer.UID).RetryIn(busyRetry))
		return true
	}
	c.calls.Go(func() {
		frames := c.call(ctx, f)
		// Before the answer: with it in hand the caller may use the call id,
		// and his place in the queue, at once.
		c.end(f.Call, cancel)
		c.server.dismiss(c.peer.UID)
		c.write(frames)
	})
	return true
}

// busyRetry is when a caller over his queue should try again: by then some of
// what he has in hand is done.
const busyRetry = 20 * time.Millisecond

func (c *conn) end(call uint64, cancel context.CancelFunc) {
	c.mu.Lock()
	delete(c.running, call)
	c.mu.Unlock()
	cancel()
}

func (c *conn) cancel(call uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel := c.running[call]; cancel != nil {
		cancel()
	}
}

// call returns the frames that answer one request. A fault of ours ends the
// call, not the daemon.
func (c *conn) call(ctx context.Context, f protocol.Frame) (frames []byte) {
	defer func() {
		if r := recover(); r != nil {
			c.server.journal.Send(systemd.InternalError, fmt.Sprintf("answering %v panicked", f.Method), systemd.Cause(fmt.Errorf("%v\n%s", r, debug.Stack())))
			frames = c.errorFrame(f.Method, f.Call, protocol.NewError(protocol.Internal, ""))
		}
	}()
	reply, fault := c.server.answer(ctx, c.peer, f)
	if fault != nil {
		return c.errorFrame(f.Method, f.Call, fault)
	}
	frames, err := encode(f, reply)
	if err != nil {
		c.server.journal.Send(systemd.InternalError, "encoding an answer", systemd.Cause(err))
		return c.errorFrame(f.Method, f.Call, protocol.NewError(protocol.Internal, ""))
	}
	return frames
}

func encode(f protocol.Frame, reply proto.Message) ([]byte, error) {
	switch reply := reply.(type) {
	case *protocol.SignReply:
		return protocol.AppendSignReply(nil, f.Call, reply)
	case *protocol.ListEntriesReply:
		return protocol.AppendEntriesReply(nil, f.Call, reply)
	}
	return protocol.AppendMessage(nil, protocol.KindReply, f.Method, f.Call, reply)
}

func (c *conn) answerError(m protocol.Method, call uint64, fault *protocol.Error) {
	c.write(c.errorFrame(m, call, fault))
}

// errorFrame returns no bytes if the fault cannot be encoded: nothing is then
// written, and the journal says why.
func (c *conn) errorFrame(m protocol.Method, call uint64, fault *protocol.Error) []byte {
	frame, err := protocol.AppendMessage(nil, protocol.KindError, m, call, fault)
	if err != nil {
		c.server.journal.Send(systemd.InternalError, "encoding a refusal", systemd.Cause(err))
		return nil
	}
	return frame
}

// write sends whole frames. A peer that does not read is cut off: after part
// of a frame nothing that follows could be understood.
func (c *conn) write(frames []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.broken {
		return
	}
	err := c.raw.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = c.raw.Write(frames)
	}
	if err != nil {
		c.broken = true
		c.raw.Close()
	}
}

// goAway tells the peer that no further request will be answered.
func (c *conn) goAway() {
	c.write(protocol.AppendFrame(nil, protocol.KindGoAway, 0, 0, nil))
}
