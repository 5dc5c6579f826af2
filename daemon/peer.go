package daemon

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Peer is the process at the other end of a connection, as the kernel knew
// it at connect. It is typed from the kernel's answer on and never formatted
// and parsed again; nothing that a peer says about itself enters it.
//
// A descriptor that was passed on keeps these credentials: a connection is a
// bearer token of its uid.
type Peer struct {
	UID  uint32
	GIDs []uint32 // the primary group first, then the supplementary ones
	PID  int32    // evidence only: pids are re-used
	Unit string   // systemd unit of PID, evidence only; empty where it cannot be read
}

// maxGroups bounds the answer of SO_PEERGROUPS: NGROUPS_MAX of Linux.
const maxGroups = 65536

// identify asks the kernel who connected. Whatever it cannot say is an error:
// there is no default peer.
func identify(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("identifying peer: %w", err)
	}
	var p Peer
	var perr error
	if err := raw.Control(func(fd uintptr) { p, perr = peerOf(int(fd)) }); err != nil {
		return Peer{}, fmt.Errorf("identifying peer: %w", err)
	}
	return p, perr
}

func peerOf(fd int) (Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, fmt.Errorf("identifying peer: SO_PEERCRED: %w", err)
	}
	groups, err := peerGroups(fd)
	if err != nil {
		return Peer{}, fmt.Errorf("identifying peer: SO_PEERGROUPS: %w", err)
	}
	gids := []uint32{cred.Gid}
	for _, g := range groups {
		if !slices.Contains(gids, g) {
			gids = append(gids, g)
		}
	}
	return Peer{UID: cred.Uid, GIDs: gids, PID: cred.Pid, Unit: unitOf(cred.Pid)}, nil
}

// peerGroups reads SO_PEERGROUPS, which x/sys has no wrapper for: the kernel
// says ERANGE and the wanted length when the buffer is too small.
func peerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return groups[:size/4], nil
		case errno != unix.ERANGE || size/4 > maxGroups || int(size/4) <= len(groups):
			return nil, errno
		}
		groups = make([]uint32, size/4)
	}
}

// unitOf reads the systemd unit from the last component of the cgroup that
// names one. The process may have gone, or its pid may be another's by now.
func unitOf(pid int32) string {
	if pid <= 0 {
		return ""
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	unit := ""
	for _, part := range strings.Split(string(line), "/") {
		if strings.HasSuffix(part, ".service") || strings.HasSuffix(part, ".scope") {
			unit = part
		}
	}
	return printableUnit(unit)
}

// printableUnit drops a name that could not stand in the log.
func printableUnit(unit string) string {
	for _, c := range unit {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	if len(unit) > 255 {
		return ""
	}
	return unit
}

// In tells whether the peer is a member of the group.
func (p Peer) In(gid uint32) bool { return slices.Contains(p.GIDs, gid) }
