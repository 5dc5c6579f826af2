package daemon

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
)

// A caller that hangs up while the HSM signs leaves the event of his use, and
// nothing else.
func TestCallerThatHangsUpLeavesItsEvent(t *testing.T) {
	r, g := gatedRig(t)
	// Hands that wait for the next call are nobody's.
	goroutines := func() int { return runtime.NumGoroutine() - int(r.server.hands.idle.Load()) }
	before := goroutines()
	conn := r.dial("sign", callerUID, clientsGID)
	if _, err := conn.Write(signFrame(t, signRequest("sm2", algo.SM2SM3, 1))); err != nil {
		t.Fatal(err)
	}
	r.waitFor(func() bool { return g.waiting.Load() == 1 }, "the HSM's signature")
	conn.Close()
	close(g.open)
	r.waitFor(func() bool { return r.lastEvent().Kind == audit.KindSign }, "the event of the use")
	if e := r.lastEvent(); e.Result != audit.Allowed || e.Sig == "" {
		t.Errorf("event = %+v, want an allowed use", e)
	}
	r.waitFor(func() bool { return goroutines() <= before }, "the goroutines of the connection to end")
	r.waitFor(func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		return len(r.server.conns) == 0 && r.server.perUID[uint32(myUID(callerUID))] == nil
	}, "the connection to be struck off")
}

func TestPeerThatClosedItsSendingSideGetsItsAnswer(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	conn := r.dial("sign", callerUID, clientsGID).(*net.UnixConn)
	conn.SetDeadline(time.Now().Add(patience))
	mustWrite(t, conn, signFrame(t, signRequest("sm2", algo.SM2SM3, 1)))
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	f, err := protocol.ReadReply(conn)
	if err != nil || f.Kind != protocol.KindReply {
		t.Fatalf("frame %+v, %v", f.Header, err)
	}
	if _, err := protocol.ReadReply(conn); !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: %v, want the end", err)
	}
}

func mustWrite(t testing.TB, conn net.Conn, raw []byte) {
	t.Helper()
	if _, err := conn.Write(raw); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionsAreCappedPerUIDAndInAll(t *testing.T) {
	needRoot(t)
	r := newRig(t)
	r.limits.Connections, r.limits.ConnectionsPerUID = 6, 4
	r.start()
	health := protocol.AppendFrame(nil, protocol.KindRequest, protocol.MethodHealth, 1, nil)
	open := func(uid int) protocol.Frame {
		conn := r.dial("sign", uid, clientsGID)
		conn.SetDeadline(time.Now().Add(patience))
		conn.Write(health) // one that is turned away may be closed already
		f, err := protocol.ReadReply(conn)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for range 4 {
		if f := open(callerUID); f.Kind != protocol.KindReply {
			t.Fatalf("connection within the limit: %v", r.faultOf(f))
		}
	}
	if fault := r.faultOf(open(callerUID)); !errors.Is(fault, protocol.TooManyConnections) || fault.AfterMs == 0 {
		t.Errorf("fifth connection of a uid: %v, want too_many_connections with a time", fault)
	}
	for range 2 {
		if f := open(otherUID); f.Kind != protocol.KindReply {
			t.Fatalf("another uid within the limit: %v", r.faultOf(f))
		}
	}
	if fault := r.faultOf(open(otherUID)); !errors.Is(fault, protocol.TooManyConnections) {
		t.Errorf("seventh connection in all: %v, want too_many_connections", fault)
	}
}

func TestRequestsOverTheQueueAreToldWhenToComeBack(t *testing.T) {
	g := &gate{}
	r := newRig(t)
	r.limits.QueuePerUID = 2
	r.wrap = func(d hsm.Driver) hsm.Driver { g.Driver = d; return g }
	r.start()
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	g.open = make(chan struct{})
	c := r.caller(callerUID)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			if _, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	r.waitFor(func() bool { return g.waiting.Load() == 2 }, "two requests in hand")
	_, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
	var fault *protocol.Error
	if !errors.As(err, &fault) || !errors.Is(err, protocol.Busy) || fault.AfterMs == 0 {
		t.Errorf("third request: %v, want busy with a time", err)
	}
	close(g.open)
	wait.Wait()
}

func TestDeadlineEndsTheWaitForTheHSM(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.token.Control(t, "C_Sign=delay:1s")
	req := signRequest("sm2", algo.SM2SM3, 1)
	req.DeadlineMs = 50
	reply, err := r.caller(callerUID).Sign(context.Background(), req)
	r.token.Control(t)
	if err != nil || !errors.Is(reply.Results[0].GetError(), protocol.DeadlineExceeded) {
		t.Fatalf("sign = %v, %v, want deadline", reply, err)
	}
	if e := r.lastEvent(); e.Result != audit.Failed || e.Reason != "deadline" {
		t.Errorf("event = %+v, want a failed use", e)
	}
}

func TestCancelledCallIsGivenUp(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.token.Control(t, "C_Sign=delay:1s")
	ctx, cancel := context.WithCancel(context.Background())
	c := r.caller(callerUID)
	done := make(chan error, 1)
	go func() {
		_, err := c.Sign(ctx, signRequest("sm2", algo.SM2SM3, 1))
		done <- err
	}()
	r.waitFor(func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		l := r.server.perUID[uint32(myUID(callerUID))]
		return l != nil && l.requests == 1
	}, "the request in hand")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled call: %v", err)
	}
	r.token.Control(t)
	if _, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); err != nil {
		t.Errorf("the connection after it: %v", err)
	}
}

func TestOneCallIDTwiceInFlightEndsTheConnection(t *testing.T) {
	r, g := gatedRig(t)
	conn := r.dial("sign", callerUID, clientsGID)
	mustWrite(t, conn, signFrame(t, signRequest("sm2", algo.SM2SM3, 1)))
	r.waitFor(func() bool { return g.waiting.Load() == 1 }, "the first call")
	f, err := r.exchange(conn, signFrame(t, signRequest("sm2", algo.SM2SM3, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if fault := r.faultOf(f); !errors.Is(fault, protocol.Malformed) || fault.Field != "call" {
		t.Errorf("second use of the call id: %v", fault)
	}
	close(g.open)
}

// Descriptors that a peer sends along are not taken in: a daemon that kept
// them could be filled up.
func TestDescriptorsSentAlongAreDropped(t *testing.T) {
	r := startedRig(t)
	conn := r.dial("sign", callerUID, clientsGID).(*net.UnixConn)
	file, err := os.Open(os.DevNull)
	mustDo(t, err)
	defer file.Close()
	const each = 250 // SCM_MAX_FD is 253
	fds := make([]int, each)
	for i := range fds {
		fds[i] = int(file.Fd())
	}
	health := protocol.AppendFrame(nil, protocol.KindRequest, protocol.MethodHealth, 1, nil)
	before := openDescriptors(t)
	for range 4 {
		if _, _, err := conn.WriteMsgUnix(health, unix.UnixRights(fds...), nil); err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		if f, err := protocol.ReadReply(conn); err != nil || f.Kind != protocol.KindReply {
			t.Fatalf("frame %+v, %v", f.Header, err)
		}
	}
	if after := openDescriptors(t); after > before+each/2 {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func openDescriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	mustDo(t, err)
	return len(entries)
}

func TestIdleConnectionIsToldToGo(t *testing.T) {
	r := newRig(t)
	r.limits.Idle = 50 * time.Millisecond
	r.start()
	conn := r.dial("sign", callerUID, clientsGID)
	conn.SetDeadline(time.Now().Add(patience))
	f, err := protocol.ReadReply(conn)
	if err != nil || f.Kind != protocol.KindGoAway {
		t.Errorf("idle connection got %+v, %v, want goaway", f.Header, err)
	}
}

func TestStopAnswersWhatIsInFlight(t *testing.T) {
	r, g := gatedRig(t)
	conn := r.dial("sign", callerUID, clientsGID)
	mustWrite(t, conn, signFrame(t, signRequest("sm2", algo.SM2SM3, 1)))
	r.waitFor(func() bool { return g.waiting.Load() == 1 }, "the request in flight")
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	conn.SetDeadline(time.Now().Add(patience))
	f, err := protocol.ReadReply(conn)
	if err != nil || f.Kind != protocol.KindGoAway {
		t.Fatalf("frame %+v, %v, want goaway", f.Header, err)
	}
	close(g.open)
	if f, err = protocol.ReadReply(conn); err != nil || f.Kind != protocol.KindReply {
		t.Errorf("frame %+v, %v, want the answer", f.Header, err)
	}
	<-stopped
}

// The people's sockets take no more connections of a uid than sign.sock does.
func TestPeoplesConnectionsAreCapped(t *testing.T) {
	r := newRig(t)
	r.limits.ConnectionsPerUID = 3
	r.start()
	for range 3 {
		conn := r.dial("audit", daemonUID+12, auditGID)
		mustWrite(t, conn, []byte("GET /v1/status HTTP/1.1\r\nHost: signetd\r\n\r\n"))
		if line := firstLine(t, conn); !strings.Contains(line, "200") {
			t.Fatalf("connection within the limit: %q", line)
		}
	}
	if line := firstLine(t, r.dial("audit", daemonUID+12, auditGID)); !strings.Contains(line, "429") {
		t.Errorf("one connection more: %q, want 429", line)
	}
}

func firstLine(t testing.TB, conn net.Conn) string {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// A frame that cannot be read does not cost the answers of calls in flight.
func TestBadFrameLeavesTheCallsInFlightTheirAnswers(t *testing.T) {
	r, g := gatedRig(t)
	conn := r.dial("sign", callerUID, clientsGID)
	mustWrite(t, conn, signFrame(t, signRequest("sm2", algo.SM2SM3, 1)))
	r.waitFor(func() bool { return g.waiting.Load() == 1 }, "the HSM's signature")
	f, err := r.exchange(conn, protocol.AppendFrame(nil, protocol.KindReply, 0, 9, nil))
	mustDo(t, err)
	if fault := r.faultOf(f); !errors.Is(fault, protocol.Malformed) {
		t.Fatalf("bad frame: %v", fault)
	}
	close(g.open)
	if f, err := protocol.ReadReply(conn); err != nil || f.Kind != protocol.KindReply {
		t.Errorf("the call in flight: %+v, %v", f.Header, err)
	}
}
