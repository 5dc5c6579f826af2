package daemon

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"signet/protocol"
	"signet/systemd"
)

// Pauses after an accept that failed for want of descriptors or memory: the
// connection stays in the backlog, and closing others makes room.
const (
	acceptPause    = 10 * time.Millisecond
	acceptPauseMax = time.Second
)

// acceptSign takes connections of sign.sock until the listener is closed.
func (s *Server) acceptSign(l *net.UnixListener) error {
	for {
		raw, err := s.accept(l)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("accepting on %s: %w", l.Addr(), err)
		}
		s.welcome(raw)
	}
}

// accept waits for the next connection, over any want of descriptors.
// It returns net.ErrClosed when the listener is closed, and other errors only
// if no connection will ever come.
func (s *Server) accept(l *net.UnixListener) (*net.UnixConn, error) {
	for pause := acceptPause; ; {
		raw, err := l.AcceptUnix()
		switch {
		case errors.Is(err, unix.ECONNABORTED): // the peer has gone again
		case isExhausted(err):
			if s.want.begin(time.Now()) {
				s.journal.Send(systemd.InternalError, "connections wait: the daemon is out of descriptors or memory", systemd.Cause(err))
			}
			if !s.rest(pause) {
				return nil, net.ErrClosed
			}
			pause = min(2*pause, acceptPauseMax)
		default:
			return raw, err
		}
	}
}

func isExhausted(err error) bool {
	for _, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// rest waits, false if the daemon stops meanwhile.
func (s *Server) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.calls.Done():
		return false
	}
}

// A want is a spell in which accepting fails. The three sockets share it: the
// journal hears of the spell, not of every attempt.
type want struct {
	mu   sync.Mutex
	last time.Time // of the failures
}

// wantOver is how long nothing must fail before the next failure is a new
// spell: while callers come and go at the limit, each may fail once.
const wantOver = time.Minute

// begin notes a failure and tells whether a spell begins with it.
func (w *want) begin(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.last.IsZero() || now.Sub(w.last) > wantOver
	w.last = now
	return first
}

// welcome identifies the peer and serves it on a goroutine of its own, or
// says why not.
func (s *Server) welcome(raw *net.UnixConn) {
	peer, err := identify(raw)
	if err != nil {
		s.journal.Send(systemd.InternalError, "a peer could not be identified and was refused", systemd.Cause(err))
		raw.Close()
		return
	}
	c := newConn(s, raw, peer)
	if fault := s.enroll(c); fault != nil {
		s.turnAway(c, fault)
		return
	}
	s.serving.Go(func() {
		defer s.strike(c)
		c.serve()
	})
}

// enroll counts a connection in, or says why there is no room for it.
func (s *Server) enroll(c *conn) *protocol.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return protocol.NewError(protocol.ShuttingDown, "the daemon is stopping: connect again")
	case !c.peer.In(s.groups.Clients):
		return protocol.NewError(protocol.NotACaller, "uid %d is not in the group of sign.sock", c.peer.UID)
	}
	if fault := s.doors.sign.enter(c.peer.UID); fault != nil {
		return fault
	}
	s.conns[c] = struct{}{}
	return nil
}

func (s *Server) strike(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.doors.sign.leave(c.peer.UID)
}

// turnAway answers without reading. The frame fits any socket buffer, so this
// does not wait for the peer.
func (s *Server) turnAway(c *conn, fault *protocol.Error) {
	s.metrics.turnedAway.WithLabelValues("sign", reasonLabel(protocol.Code(fault.Code))).Inc()
	c.answerError(0, 0, fault)
	c.raw.Close()
}
