package client

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"testing"

	"signet/protocol"
)

// FuzzAnswers feeds bytes of a daemon to a connection with calls 1 (Sign) and 2
// (Health) in flight and call 3 given up. Nothing may panic, and a call may
// end once, with an answer or an error.
func FuzzAnswers(f *testing.F) {
	f.Fuzz(func(t *testing.T, sent []byte) {
		readAlike(t, sent)
		near, far := net.Pipe()
		defer far.Close()
		c := newConn(near)
		var calls []*call
		for _, m := range []protocol.Method{protocol.MethodSign, protocol.MethodHealth, protocol.MethodTime} {
			p := newCall(m)
			if _, err := c.queue(p, nil); err != nil {
				t.Fatal(err)
			}
			calls = append(calls, p)
		}
		c.takePending(nil) // sent, as far as anybody knows
		c.cancel(calls[2])
		c.fail(c.answers(bufio.NewReader(bytes.NewReader(sent))))
		c.settle()
		if !errors.Is(c.fault, ErrConnectionLost) {
			t.Errorf("the connection ended with %v", c.fault)
		}
		for _, p := range calls[:2] {
			<-p.done
			if p.err != nil && len(p.answer) > 0 {
				t.Errorf("call %d ended with an answer and %v", p.id, p.err)
			}
		}
		if len(calls[2].done) != 0 {
			t.Error("the call that was given up ended again")
		}
	})
}

// readAlike holds nextFrame, which copies nothing, to protocol.ReadReply.
func readAlike(t *testing.T, sent []byte) {
	in, plain := bufio.NewReader(bytes.NewReader(sent)), bytes.NewReader(sent)
	for {
		want, wantErr := protocol.ReadReply(plain)
		got, err := nextFrame(in)
		if wantErr != nil {
			// A kind that no daemon sends is for Conn.take to refuse.
			if known := want.Version == protocol.Version && want.Length <= protocol.MaxReply; err == nil && (!known || want.Kind == protocol.KindReply) {
				t.Errorf("nextFrame took %+v, ReadReply says %v", got.Header, wantErr)
			}
			return
		}
		if err != nil || got.Header != want.Header || !bytes.Equal(got.Payload, want.Payload) {
			t.Errorf("nextFrame = %+v, %v, ReadReply has %+v", got.Header, err, want.Header)
			return
		}
	}
}
