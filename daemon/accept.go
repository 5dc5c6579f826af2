package daemon

import (
	"errors"
	"fmt"
	"net"
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
	pause := acceptPause
	for {
		raw, err := l.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, unix.ECONNABORTED):
			continue // the peer has gone again
		case isExhausted(err):
			s.journal.Send(systemd.InternalError, "a connection waits: out of descriptors or memory", systemd.Cause(err))
			if !s.rest(pause) {
				return nil
			}
			pause = min(2*pause, acceptPauseMax)
			continue
		case err != nil:
			return fmt.Errorf("accepting on %s: %w", l.Addr(), err)
		}
		pause = acceptPause
		s.welcome(raw)
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
	l := s.loadOf(c.peer.UID)
	defer s.dropLoad(c.peer.UID)
	switch {
	case s.stopping:
		return protocol.NewError(protocol.ShuttingDown, "the daemon is stopping: connect again")
	case !c.peer.In(s.groups.Clients):
		return protocol.NewError(protocol.NotACaller, "uid %d is not in the group of sign.sock", c.peer.UID)
	}
	if fault := s.roomFor(c.peer.UID, l); fault != nil {
		return fault
	}
	l.conns++
	s.conns[c] = struct{}{}
	return nil
}

func (s *Server) strike(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.loadOf(c.peer.UID).conns--
	s.dropLoad(c.peer.UID)
}

// turnAway answers without reading. The frame fits any socket buffer, so this
// does not wait for the peer.
func (s *Server) turnAway(c *conn, fault *protocol.Error) {
	c.answerError(0, 0, fault)
	c.raw.Close()
}
