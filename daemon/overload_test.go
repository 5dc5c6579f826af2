package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// impatientRig is a rig that gives peers a tenth of a second.
func impatientRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.limits.QueuePerUID = 16
	short := 100 * time.Millisecond
	r.limits.times = timeouts{frame: short, write: short, webHeader: short, webBody: short, webWrite: short}
	r.start()
	r.init()
	r.waitMode(Serving)
	r.entry("p256", "EC-P256")
	return r
}

// cutOff waits until the daemon ends the connection, whatever it says before.
func (r *rig) cutOff(conn net.Conn, what string) {
	r.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
		r.Errorf("%s: the connection is still there after %v", what, patience)
	}
}

// trickle writes a byte at a time, each well inside any timeout, until the
// peer has had enough.
func trickle(conn net.Conn, raw []byte) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, b := range raw {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
		<-tick.C
	}
}

// Peers that begin a frame and do not end it are cut off in the time of one
// frame, however they go about it; meanwhile others sign and no slot is held.
func TestFramesThatDoNotEndAreCutOff(t *testing.T) {
	r := impatientRig(t)
	whole := signFrame(t, signRequest("p256", algo.ECDSAP256SHA256, 100))
	for what, begin := range map[string]func(net.Conn){
		"one byte":                func(c net.Conn) { c.Write(whole[:1]) },
		"header only":             func(c net.Conn) { c.Write(whole[:protocol.HeaderSize]) },
		"half a payload":          func(c net.Conn) { c.Write(whole[:len(whole)/2]) },
		"a byte at a time":        func(c net.Conn) { trickle(c, whole) },
		"a whole frame, then one": func(c net.Conn) { c.Write(whole); c.Write(whole[:20]) },
	} {
		t.Run(what, func(t *testing.T) {
			conn := r.dial("sign", callerUID, clientsGID)
			begun := make(chan struct{})
			go func() { begin(conn); close(begun) }()
			if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("p256", algo.ECDSAP256SHA256, 1)); err != nil {
				t.Errorf("another connection meanwhile: %v", err)
			}
			r.cutOff(conn, what)
			<-begun
		})
	}
	r.idle()
}

// idle waits until nothing of any caller is left.
func (r *rig) idle() {
	r.Helper()
	r.waitFor(func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		for _, l := range r.server.perUID {
			if l.requests+l.unread != 0 {
				return false
			}
		}
		return true
	}, "every request and answer to be done with")
	g := r.gate()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free != g.slots {
		r.Errorf("%d slots are free, want all %d", g.free, g.slots)
	}
}

// A caller who does not read his answers, or reads a byte at a time, is cut
// off; no slot waits for him and no other caller does.
func TestCallersWhoDoNotReadAreCutOff(t *testing.T) {
	r := impatientRig(t)
	for what, read := range map[string]func(net.Conn){
		"never":            func(net.Conn) {},
		"a byte at a time": func(c net.Conn) { sip(c) },
	} {
		t.Run(what, func(t *testing.T) {
			conn := r.dial("sign", callerUID, clientsGID)
			frame := signFrame(t, signRequest("p256", algo.ECDSAP256SHA256, 256))
			go read(conn)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for call := byte(0); ; call++ {
					frame[15] = call
					if _, err := conn.Write(frame); err != nil {
						return
					}
				}
			}()
			if _, err := r.caller(callerUID).Health(context.Background()); err != nil {
				t.Errorf("another connection meanwhile: %v", err)
			}
			select {
			case <-ended:
			case <-time.After(patience):
				t.Errorf("a caller who reads %s is still served after %v", what, patience)
			}
		})
	}
	r.idle()
}

// sip reads a byte at a time until the end.
func sip(conn net.Conn) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for b := make([]byte, 1); ; <-tick.C {
		if _, err := conn.Read(b); err != nil {
			return
		}
	}
}

// The people's sockets cut off who is slow with head or body, and who does
// not read a long answer; an act gets through meanwhile.
func TestSlowPeopleAreCutOff(t *testing.T) {
	r := impatientRig(t)
	c := r.caller(callerUID)
	for range 3 { // a log of some length
		_, err := c.Sign(context.Background(), signRequest("p256", algo.ECDSAP256SHA256, 256))
		mustDo(t, err)
	}
	page := "GET " + admin.PathEvents + "?from=0&limit=1000 HTTP/1.1\r\nHost: signetd\r\n\r\n"
	for _, slow := range []struct {
		what, socket string
		gid          int
		write        func(net.Conn)
	}{
		{"nothing", "audit", auditGID, func(net.Conn) {}},
		{"half a head", "audit", auditGID, func(c net.Conn) { c.Write([]byte("GET /v1/status HT")) }},
		{"head, a byte at a time", "audit", auditGID, func(c net.Conn) { trickle(c, []byte(page)) }},
		{"body that does not come", "admin", adminGID, func(c net.Conn) {
			c.Write([]byte("POST " + admin.PathActs + " HTTP/1.1\r\nHost: signetd\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"))
		}},
		{"pages that are not read", "audit", auditGID, func(c net.Conn) { c.Write([]byte(strings.Repeat(page, 20))) }},
	} {
		t.Run(slow.what, func(t *testing.T) {
			conn := r.dial(slow.socket, daemonUID+12, slow.gid)
			door := r.server.doors.audit
			if slow.socket == "admin" {
				door = r.server.doors.admin
			}
			r.waitFor(func() bool { return door.of(daemonUID+12) == 1 }, "the connection")
			go slow.write(conn)
			r.administrator().must(authority.EntrySuspend, "p256", authority.Suspend{Basis: "test"})
			r.waitFor(func() bool { return door.of(daemonUID+12) == 0 }, "the connection to be cut off")
		})
	}
}

// of tells how many places uid has.
func (d *door) of(uid int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.byUID[uint32(myUID(uid))]
}

// The usual limits, with as many connections as they say: the next one of a
// uid, and the next one of all, is told to come back, and when; whoever has a
// place is served, and an officer has one.
func TestConnectionsAreCappedAtTheUsualLimits(t *testing.T) {
	needRoot(t)
	r := newRig(t)
	r.limits.Connections, r.limits.ConnectionsPerUID = 1024, 256
	r.start()
	r.init()
	r.waitMode(Serving)
	if all := r.server.doors.sign.all; all != 1024 {
		t.Skipf("this process has descriptors for %d connections only", all)
	}
	callers := []int{callerUID, otherUID, thirdUID, thirdUID + 1}
	for i, uid := range callers {
		for range 256 {
			r.dial("sign", uid, clientsGID)
		}
		r.waitFor(func() bool { return r.server.doors.sign.of(uid) == 256 }, "256 connections")
		r.turnedAway(uid)
		if i+1 < len(callers) {
			_, err := r.caller(callers[i+1]).Health(context.Background())
			mustDo(t, err)
			r.waitFor(func() bool { return r.server.doors.sign.of(callers[i+1]) <= 1 }, "the first connection of the next")
		}
	}
	r.turnedAway(thirdUID + 2)
	if status, _ := r.administrator().call("GET", admin.PathStatus, ""); status != 200 {
		t.Errorf("an administrator got status %d", status)
	}
}

// turnedAway connects once more and holds the daemon to its answer.
func (r *rig) turnedAway(uid int) {
	r.Helper()
	conn := r.dial("sign", uid, clientsGID)
	conn.SetDeadline(time.Now().Add(patience))
	f, err := protocol.ReadReply(conn)
	mustDo(r, err)
	if fault := r.faultOf(f); !errors.Is(fault, protocol.TooManyConnections) || fault.AfterMs == 0 || f.Call != 0 {
		r.Errorf("one connection more of uid %d: %v, want too_many_connections with a time", uid, fault)
	}
}

// Pages of the log are made in turn; who asks for the status or suspends does
// not stand in that line.
func TestReadersOfTheLogHoldUpNobodyElse(t *testing.T) {
	needRoot(t)
	r := startedRig(t)
	r.entry("sm2", "SM2")
	n, err := r.server.pages.enter(context.Background(), 0, pagesAtOnce)
	mustDo(t, err)
	pages := make(chan int, 1)
	auditor := r.officer("audit", daemonUID+12, auditGID)
	go func() {
		status, _ := auditor.call("GET", admin.PathEvents+"?from=0&limit=1", "")
		pages <- status
	}()
	r.waitFor(func() bool { return r.server.pages.inLine() == 1 }, "a reader in line")
	if status, _ := r.officer("audit", daemonUID+12, auditGID).call("GET", admin.PathStatus, ""); status != 200 {
		t.Errorf("status behind readers: %d", status)
	}
	r.administrator().must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "lost"})
	select {
	case <-pages:
		t.Error("a page was made out of turn")
	default:
	}
	r.server.pages.leave(n)
	if status := <-pages; status != 200 {
		t.Errorf("the page in its turn: %d", status)
	}
}
