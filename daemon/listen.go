package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Sockets are the three listeners of a daemon.
type Sockets struct{ Sign, Admin, Audit *net.UnixListener }

// A SocketPath is where a socket is made when systemd did not make it, and
// the group that may connect.
type SocketPath struct {
	Path string
	GID  uint32
}

// Listen makes the three sockets, each with mode 0660 and its group. It is
// for runs without socket activation.
func Listen(sign, admin, audit SocketPath) (Sockets, error) {
	var s Sockets
	var errs [3]error
	s.Sign, errs[0] = listen(sign)
	s.Admin, errs[1] = listen(admin)
	s.Audit, errs[2] = listen(audit)
	if err := errors.Join(errs[:]...); err != nil {
		return Sockets{}, errors.Join(err, s.close())
	}
	return s, nil
}

func listen(at SocketPath) (*net.UnixListener, error) {
	if err := removeStale(at.Path); err != nil {
		return nil, err
	}
	// Made for nobody and then opened to the group: at no moment can a
	// stranger connect. The umask is the process's; Listen runs before any
	// other goroutine makes files.
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at.Path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if err := os.Lchown(at.Path, -1, int(at.GID)); err != nil {
		return nil, errors.Join(fmt.Errorf("giving the socket to its group: %w (signetd's user must be a member of it)", err), l.Close())
	}
	if err := os.Chmod(at.Path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the socket to its group: %w", err), l.Close())
	}
	return l, nil
}

// removeStale removes what an earlier run left, if it is a socket on which
// nobody answers, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at socket path: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is not a socket: want a path of its own", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%s: another process answers on this socket", path)
	}
	// Any other fault is no proof that nobody is there: a socket of another
	// user gives EACCES, one with a full backlog EAGAIN.
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%s: another process may have this socket: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing stale socket: %w", err)
	}
	return nil
}

func (s Sockets) close() error {
	var errs []error
	for _, l := range []*net.UnixListener{s.Sign, s.Admin, s.Audit} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
