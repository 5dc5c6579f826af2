package daemon

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"signet/protocol"
)

// Places at each of the people's sockets, and how many of them one uid may
// take. They come on top of what callers have.
const (
	peoplesPlaces       = 64
	peoplesPlacesPerUID = 32
)

// keptDescriptors is what connections leave for the store, the modules and
// what the system wants: a module that cannot open its file fails a signature,
// which is worse than a caller who is told to come back.
const keptDescriptors = 128

// A door counts the connections of one socket. Each socket has its own: no
// flood on one of them shuts another, and an officer who comes to suspend
// finds a place.
type door struct {
	all, perUID int // places

	mu    sync.Mutex // guards the rest
	taken int
	byUID map[uint32]int
}

func newDoor(all, perUID int) *door {
	return &door{all: all, perUID: min(all, perUID), byUID: map[uint32]int{}}
}

// enter takes a place, or says why there is none.
func (d *door) enter(uid uint32) *protocol.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.byUID[uid] >= d.perUID:
		return protocol.NewError(protocol.TooManyConnections, "uid %d has %d connections to this socket", uid, d.perUID).RetryIn(acceptPauseMax)
	case d.taken >= d.all:
		return protocol.NewError(protocol.TooManyConnections, "this socket has %d connections", d.all).RetryIn(acceptPauseMax)
	}
	d.taken++
	d.byUID[uid]++
	return nil
}

// leave gives a place back.
func (d *door) leave(uid uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken--
	if d.byUID[uid]--; d.byUID[uid] == 0 {
		delete(d.byUID, uid)
	}
}

// hangDoors gives each socket its places, and callers no more than there are
// descriptors for.
func (s *Server) hangDoors() {
	places, key := s.limits.Connections, "limits.connections"
	switch room, err := roomForCallers(); {
	case err != nil:
		s.warn(key, err.Error())
	case room < places:
		s.warn(key, fmt.Sprintf("%d connections instead of %d: the process has too few descriptors; raise LimitNOFILE= of the unit, or lower limits.connections", room, places))
		places = room
	}
	perUID := min(peoplesPlacesPerUID, s.limits.ConnectionsPerUID)
	s.doors.sign = newDoor(places, s.limits.ConnectionsPerUID)
	s.doors.admin, s.doors.audit = newDoor(peoplesPlaces, perUID), newDoor(peoplesPlaces, perUID)
}

// roomForCallers is how many connections to sign.sock the process has
// descriptors for, at least one.
func roomForCallers() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("reading the limit of open files: %w", err)
	}
	const most = 1 << 20 // above any limit of signetd.toml
	return max(int(min(limit.Cur, most))-keptDescriptors-2*peoplesPlaces, 1), nil
}
