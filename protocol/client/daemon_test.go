package client

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

// patience bounds what a test waits for; nothing here takes a hundredth of it.
const patience = 10 * time.Second

// A peer is the daemon's end of one connection: it reads real frames and
// writes whatever the test tells it to.
type peer struct {
	t    *testing.T
	conn net.Conn
}

// start serves one connection with script and returns a client of it.
func start(t *testing.T, script func(p *peer)) *Conn {
	t.Helper()
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		script(&peer{t, conn})
	}()
	c, err := Connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		l.Close()
		await(t, served, "the end of the script")
	})
	return c
}

// socketPath is short: sun_path holds 108 bytes, t.TempDir often more.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func await(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Errorf("%s did not come in %v", what, patience)
	}
}

// next reads one frame of the client; false when the client has closed.
func (p *peer) next() (protocol.Frame, bool) {
	f, err := protocol.ReadRequest(p.conn, protocol.MaxRequest)
	return f, err == nil
}

func (p *peer) send(k protocol.Kind, m protocol.Method, call uint64, payload proto.Message) {
	frame, err := protocol.AppendMessage(nil, k, m, call, payload)
	if err != nil {
		p.t.Error(err)
	}
	p.raw(frame)
}

// raw ignores errors: the client may have closed for what came before.
func (p *peer) raw(b []byte) { p.conn.Write(b) }

// hold reads until the client closes.
func (p *peer) hold() {
	for {
		if _, ok := p.next(); !ok {
			return
		}
	}
}

func signed(signature string) *protocol.Result {
	return &protocol.Result{Of: &protocol.Result_Signed{Signed: &protocol.Signed{Signature: []byte(signature)}}}
}

func signRequest(inputs int) *protocol.SignRequest {
	r := &protocol.SignRequest{Entry: "contract", Algorithm: protocol.Algorithm_SM2_SM3, Form: protocol.SignForm_RAW}
	for range inputs {
		r.Inputs = append(r.Inputs, &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: make([]byte, 32)}})
	}
	return r
}

// bounded is a context that fails the test rather than hang it.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
