package examples_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"signet/protocol"
	"signet/testsoftHSM/stage"
)

// A wiretap stands between a caller and the daemon and counts. To the daemon
// it is the caller's uid.
type wiretap struct {
	t      *testing.T
	socket string
	daemon string

	mu                          sync.Mutex
	connections, inFlight, most int
}

func startWiretap(t *testing.T, s *stage.Stage) *wiretap {
	t.Helper()
	w := &wiretap{t: t, socket: filepath.Join(s.Dir, "tap.sock"), daemon: s.Socket("sign")}
	l, err := net.Listen("unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			caller, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { w.serve(caller) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return w
}

func (w *wiretap) serve(caller net.Conn) {
	defer caller.Close()
	daemon, err := dialAs(w.daemon)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.mu.Lock()
	w.connections++
	w.mu.Unlock()
	var answers sync.WaitGroup
	answers.Go(func() { w.relay(daemon, caller, protocol.ReadReply, -1) })
	w.relay(caller, daemon, func(r io.Reader) (protocol.Frame, error) { return protocol.ReadRequest(r, protocol.MaxRequest) }, +1)
	daemon.Close() // the caller has closed, and waits for nothing more
	answers.Wait()
}

func dialAs(socket string) (conn net.Conn, err error) {
	stage.As(stage.CallerUID, []uint32{stage.ClientsGID}, func() { conn, err = net.Dial("unix", socket) })
	return conn, err
}

// relay carries frames over until the end, and counts requests and replies.
// Cancelled calls are still answered, so they stay in flight until then.
func (w *wiretap) relay(from, to net.Conn, next func(io.Reader) (protocol.Frame, error), step int) {
	for {
		f, err := next(from)
		if err != nil {
			return
		}
		if f.Kind == protocol.KindRequest || f.Kind == protocol.KindReply || f.Kind == protocol.KindError {
			w.count(step)
		}
		if _, err := to.Write(protocol.AppendFrame(nil, f.Kind, f.Method, f.Call, f.Payload)); err != nil {
			return
		}
	}
}

func (w *wiretap) count(step int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight += step
	w.most = max(w.most, w.inFlight)
}

func (w *wiretap) seen() (connections, most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.connections, w.most
}
