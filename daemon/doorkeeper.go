package daemon

import (
	"fmt"
	"net"
	"sync"

	"signet/protocol"
	"signet/systemd"
)

// A doorkeeper accepts for the people's sockets, under the limits of
// sign.sock: nobody takes the descriptors that others need.
type doorkeeper struct {
	*net.UnixListener
	daemon *Server
}

// A person is a connection with who holds it.
type person struct {
	*net.UnixConn
	peer  Peer
	leave func()
}

// Accept returns the next connection that there is room for.
func (d *doorkeeper) Accept() (net.Conn, error) {
	for {
		raw, err := d.AcceptUnix()
		if err != nil {
			return nil, err
		}
		peer, err := identify(raw)
		if err != nil {
			d.daemon.journal.Send(systemd.InternalError, "a peer could not be identified and was refused", systemd.Cause(err))
			raw.Close()
			continue
		}
		if fault := d.daemon.enrollPerson(peer.UID); fault != nil {
			fmt.Fprint(raw, "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			raw.Close()
			continue
		}
		return &person{raw, peer, sync.OnceFunc(func() { d.daemon.strikePerson(peer.UID) })}, nil
	}
}

// Close gives the person's place back, once.
func (p *person) Close() error {
	defer p.leave()
	return p.UnixConn.Close()
}

func (s *Server) enrollPerson(uid uint32) *protocol.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.loadOf(uid)
	defer s.dropLoad(uid)
	if fault := s.roomFor(uid, l); fault != nil {
		return fault
	}
	l.conns++
	s.people++
	return nil
}

func (s *Server) strikePerson(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people--
	s.loadOf(uid).conns--
	s.dropLoad(uid)
}

// roomFor says why there is no room for another connection of uid. The caller
// holds s.mu.
func (s *Server) roomFor(uid uint32, l *load) *protocol.Error {
	switch {
	case len(s.conns)+s.people >= s.limits.Connections:
		return protocol.NewError(protocol.TooManyConnections, "the daemon has %d connections", len(s.conns)+s.people).RetryIn(acceptPauseMax)
	case l.conns >= s.limits.ConnectionsPerUID:
		return protocol.NewError(protocol.TooManyConnections, "uid %d has %d connections", uid, l.conns).RetryIn(acceptPauseMax)
	}
	return nil
}
