package daemon

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"signet/protocol"
	"signet/protocol/admin"
	"signet/systemd"
)

// A doorkeeper accepts for one of the people's sockets.
type doorkeeper struct {
	*net.UnixListener
	daemon *Server
	door   *door
	which  peopleSocket
}

// A person is a connection with who holds it.
type person struct {
	*net.UnixConn
	peer     Peer
	patience time.Duration // with each write
	leave    func()
}

// Accept returns the next connection that there is room for.
func (d *doorkeeper) Accept() (net.Conn, error) {
	for {
		raw, err := d.daemon.accept(d.UnixListener)
		if err != nil {
			return nil, err
		}
		peer, err := identify(raw)
		if err != nil {
			d.daemon.journal.Send(systemd.InternalError, "a peer could not be identified and was refused", systemd.Cause(err))
			raw.Close()
			continue
		}
		if fault := d.door.enter(peer.UID); fault != nil {
			d.daemon.metrics.turnedAway.WithLabelValues(d.which.String(), reasonLabel(protocol.Code(fault.Code))).Inc()
			turnAwayPerson(raw, fault)
			continue
		}
		return &person{raw, peer, d.daemon.limits.times.webWrite, sync.OnceFunc(func() { d.door.leave(peer.UID) })}, nil
	}
}

// turnAwayPerson answers without reading. The answer fits any socket buffer,
// so this does not wait for the peer.
func turnAwayPerson(raw *net.UnixConn, fault *protocol.Error) {
	defer raw.Close()
	body, err := json.Marshal(admin.Fault{Error: admin.NewError(fault)})
	if err != nil {
		return // strings and numbers always encode
	}
	status := httpStatus(protocol.Code(fault.Code))
	fmt.Fprintf(raw, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
}

// Write gives the peer time for each piece that the server writes. The server's
// own WriteTimeout would count from the request on, and an act may take minutes;
// none at all would keep a page of the log in memory for a peer that does not read.
func (p *person) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(p.patience)); err != nil {
		return 0, err
	}
	return p.UnixConn.Write(b)
}

// Close gives the person's place back, once.
func (p *person) Close() error {
	defer p.leave()
	return p.UnixConn.Close()
}
