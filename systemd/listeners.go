package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// The names of the three sockets, as FileDescriptorName= in the socket units
// and as keys of the map that Listeners returns.
const (
	SocketSign  = "sign"
	SocketAdmin = "admin"
	SocketAudit = "audit"
)

var socketNames = []string{SocketSign, SocketAdmin, SocketAudit}

// Listeners returns the sockets systemd passed to this process, by name: all
// of sign, admin and audit, or a nil map and no error when the process was not
// socket-activated.
//
// Anything else is an error, with every descriptor closed: a daemon that took
// the first descriptor for whatever it hoped it was would one day answer
// officers' acts on the socket of the document systems. All faults are
// reported at once.
//
// Closing a listener leaves its path alone: the path belongs to the socket
// unit, and callers go on queueing on it while the daemon restarts.
//
// The LISTEN_ variables are removed from the environment, so only the first
// call sees them and no child inherits them.
func Listeners() (map[string]*net.UnixListener, error) {
	if err := checkEnvironment(); err != nil {
		return nil, fmt.Errorf("taking sockets from systemd: %w", err)
	}
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	defer closeFiles(files)
	listeners, err := byName(files)
	if err != nil {
		closeListeners(listeners)
		return nil, fmt.Errorf("taking sockets from systemd: %w", err)
	}
	return listeners, nil
}

// checkEnvironment refuses what activation.Files would silently read as "not
// activated": variables meant for this process (LISTEN_PID) that say nothing
// usable. LISTEN_PID of another process is no fault: a parent was activated
// and let its environment through. (sd_listen_fds(3))
func checkEnvironment() error {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 1 {
		return fmt.Errorf("LISTEN_FDS is %q: want the number of sockets, %d",
			os.Getenv("LISTEN_FDS"), len(socketNames))
	}
	if n > len(socketNames) {
		return fmt.Errorf("LISTEN_FDS is %d: want %d, the sockets %s",
			n, len(socketNames), strings.Join(socketNames, ", "))
	}
	return nil
}

// byName returns the listeners that are sound, also beside an error, so that
// the caller can close them.
func byName(files []*os.File) (map[string]*net.UnixListener, error) {
	found := map[string]*net.UnixListener{}
	seen := map[string]bool{}
	var faults []error
	for _, f := range files {
		name := f.Name()
		switch {
		case !isSocketName(name):
			faults = append(faults, fmt.Errorf("socket %q is not one of %s (FileDescriptorName= of its unit)",
				name, strings.Join(socketNames, ", ")))
			continue
		case seen[name]:
			faults = append(faults, fmt.Errorf("socket %q was passed twice: want one socket unit for it", name))
			continue
		}
		seen[name] = true
		l, err := unixListener(f)
		if err != nil {
			faults = append(faults, fmt.Errorf("socket %q: %w", name, err))
			continue
		}
		found[name] = l
	}
	for _, name := range socketNames {
		if !seen[name] {
			faults = append(faults, fmt.Errorf("socket %q is missing: start signetd-%s.socket", name, name))
		}
	}
	return found, errors.Join(faults...)
}

func isSocketName(name string) bool {
	for _, n := range socketNames {
		if n == name {
			return true
		}
	}
	return false
}

// unixListener makes a listener of f, which the caller still closes: the
// listener has a duplicate. net.FileListener alone would take TCP and
// SOCK_SEQPACKET sockets too.
func unixListener(f *os.File) (*net.UnixListener, error) {
	if err := checkSocket(int(f.Fd())); err != nil {
		return nil, err
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	ul, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("is a %s listener: want a unix socket", l.Addr().Network())
	}
	if err := checkPath(ul.Addr()); err != nil {
		ul.Close()
		return nil, err
	}
	ul.SetUnlinkOnClose(false)
	return ul, nil
}

func checkSocket(fd int) error {
	for _, want := range []struct {
		option, value int
		text          string
	}{
		{unix.SO_DOMAIN, unix.AF_UNIX, "is not a unix socket: want ListenStream= with a path"},
		{unix.SO_TYPE, unix.SOCK_STREAM, "is not a stream socket: want ListenStream="},
		{unix.SO_ACCEPTCONN, 1, "is not listening: want Accept=no"},
	} {
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, want.option)
		if err != nil {
			return fmt.Errorf("reading socket options: %w", err)
		}
		if got != want.value {
			return errors.New(want.text)
		}
	}
	return nil
}

// checkPath refuses abstract and unnamed sockets: no directory and no file
// mode guards them, and they are reachable from every container that shares
// the network namespace.
func checkPath(addr net.Addr) error {
	if !strings.HasPrefix(addr.String(), "/") {
		return fmt.Errorf("has the address %q: want an absolute path", addr)
	}
	return nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func closeListeners(listeners map[string]*net.UnixListener) {
	for _, l := range listeners {
		l.Close()
	}
}
