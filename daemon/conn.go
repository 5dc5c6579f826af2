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

// A conn is one connection to sign.sock.
type conn struct {
	server *Server
	raw    *net.UnixConn
	peer   Peer
	counts *callerMetrics // from serve on

	out outbox

	mu      sync.Mutex // guards running
	running map[uint64]context.CancelFunc
	calls   sync.WaitGroup
	unread  chan struct{} // a place for each answer that is not written yet
}

// maxUnread is how many answers of a connection may wait for its peer to read;
// the next ones count as requests in hand.
const maxUnread = 64

func newConn(s *Server, raw *net.UnixConn, peer Peer) *conn {
	c := &conn{server: s, raw: raw, peer: peer, running: map[uint64]context.CancelFunc{}, unread: make(chan struct{}, maxUnread)}
	c.out.idle.L = &c.out.mu
	return c
}

// serve reads frames until the peer is done, breaks the protocol or stays
// idle, then waits for the calls in flight: a peer that has only closed its
// sending side still gets its answers.
func (c *conn) serve() {
	defer c.raw.Close()
	defer c.finish()
	c.counts = c.server.metrics.callers.of(c.peer.UID)
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
// rest of it as long as a frame may take. Nothing is waited for in what has
// arrived already, so no clock is set for it.
func (c *conn) read(in *bufio.Reader) (protocol.Frame, error) {
	if in.Buffered() == 0 {
		if err := c.raw.SetReadDeadline(time.Now().Add(c.server.limits.Idle)); err != nil {
			return protocol.Frame{}, err
		}
		if _, err := in.Peek(1); err != nil {
			return protocol.Frame{}, err
		}
	}
	if !wholeFrame(in) {
		if err := c.raw.SetReadDeadline(time.Now().Add(c.server.limits.times.frame)); err != nil {
			return protocol.Frame{}, err
		}
	}
	return protocol.ReadRequest(in, c.server.limits.Frame)
}

// wholeFrame tells whether all of the next frame has arrived.
func wholeFrame(in *bufio.Reader) bool {
	if in.Buffered() < protocol.HeaderSize {
		return false
	}
	head, err := in.Peek(protocol.HeaderSize)
	if err != nil {
		return false
	}
	h, err := protocol.ParseHeader(head)
	return err == nil && int64(in.Buffered()) >= protocol.HeaderSize+int64(h.Length)
}

// sayWhy tells the peer why the connection ends, where it can still be told.
func (c *conn) sayWhy(h protocol.Header, err error) {
	var fault *protocol.Error
	switch {
	case errors.As(err, &fault):
		c.turnDown(h.Method, h.Call, fault)
		c.finish() // what is in flight is still answered
		c.linger()
	case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
	case isTimeout(err):
		c.finish() // what is in flight is no idleness
		c.write(protocol.AppendFrame(nil, protocol.KindGoAway, 0, 0, nil))
	}
}

// finish waits until every call is answered and its answer sent.
func (c *conn) finish() {
	c.calls.Wait()
	c.settle()
}

// linger reads off, for a moment, what a peer goes on sending after a frame
// that cannot be read: a socket closed over unread bytes would reset the
// connection, and the peer might never see why.
func (c *conn) linger() {
	c.raw.CloseWrite()
	if c.raw.SetReadDeadline(time.Now().Add(lingerTimeout)) == nil {
		io.CopyN(io.Discard, c.raw, lingerBytes)
	}
}

const (
	lingerTimeout = time.Second
	lingerBytes   = 2 << 20
)

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
		c.turnDown(f.Method, f.Call, protocol.NewError(protocol.Malformed, "call id %d is in flight already", f.Call).WithField("call"))
		return false // which of the two an answer belongs to could not be told
	}
	c.running[f.Call] = cancel
	c.mu.Unlock()
	if f.Method == protocol.MethodHealth || f.Method == protocol.MethodTime {
		// Answered in line, whatever else is in hand: a monitor must not
		// take a busy daemon for a dead one.
		c.hand(c.call(ctx, f))
		c.settle() // a peer that reads no answers gets no further ones
		c.end(f.Call, cancel)
		return true
	}
	if !c.server.admit(c.peer.UID) {
		c.end(f.Call, cancel)
		c.turnDown(f.Method, f.Call, c.server.busy(c.peer.UID))
		c.settle() // as above
		return true
	}
	c.calls.Add(1)
	c.server.hands.do(func() {
		defer c.calls.Done()
		d := c.call(ctx, f)
		c.unread <- struct{}{} // counts as in hand while too many answers are unread
		d.written = func() { <-c.unread }
		// Before the answer: with it in hand the caller may use the call id,
		// and his place in the queue, at once.
		c.end(f.Call, cancel)
		c.server.dismiss(c.peer.UID)
		c.hand(d)
	})
	return true
}

// hand delivers an answer, if the answers that this uid does not read leave
// room for it; else the connection is cut off.
func (c *conn) hand(d delivery) {
	size, written := len(d.frames), d.written
	if !c.server.hold(c.peer.UID, size) {
		c.server.metrics.cutOff.Inc()
		c.raw.Close()
		d.done()
		return
	}
	d.written = func() {
		c.server.letGo(c.peer.UID, size)
		if written != nil {
			written()
		}
	}
	c.deliver(d)
}

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

// call returns what answers one request. A fault of ours ends the call, not
// the daemon.
func (c *conn) call(ctx context.Context, f protocol.Frame) (d delivery) {
	defer func() {
		if r := recover(); r != nil {
			c.server.journal.Send(systemd.InternalError, fmt.Sprintf("answering %v panicked", f.Method), systemd.Cause(fmt.Errorf("%v\n%s", r, debug.Stack())))
			d = c.refusal(f, protocol.NewError(protocol.Internal, ""))
			c.server.metrics.refused(c.counts, f.Method, nil)
		}
	}()
	began := momentNow()
	reply, p, fault := c.server.answer(ctx, c.peer, f)
	c.server.metrics.answered(c.counts, f.Method, began, reply, fault)
	if fault != nil {
		return c.refusal(f, fault)
	}
	frames, err := encode(f, reply)
	if err != nil {
		c.server.journal.Send(systemd.InternalError, "encoding an answer", systemd.Cause(err))
		return c.refusal(f, protocol.NewError(protocol.Internal, ""))
	}
	d = delivery{frames: frames, permit: p}
	if p != nil {
		d.instead = c.errorFrame(f.Method, f.Call, withheld())
	}
	return d
}

func (c *conn) refusal(f protocol.Frame, fault *protocol.Error) delivery {
	return delivery{frames: c.errorFrame(f.Method, f.Call, fault)}
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

// turnDown answers a frame for which no call begins, and counts it.
func (c *conn) turnDown(m protocol.Method, call uint64, fault *protocol.Error) {
	c.server.metrics.refused(c.counts, m, fault)
	c.answerError(m, call, fault)
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

// write sends frames that have nothing to hold back.
func (c *conn) write(frames []byte) { c.deliver(delivery{frames: frames}) }

// goAway tells the peer that no further request will be answered.
func (c *conn) goAway() {
	c.write(protocol.AppendFrame(nil, protocol.KindGoAway, 0, 0, nil))
}
