package client

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"signet/protocol"
)

// FuzzAnswers feeds bytes of a daemon to a client with calls 1 (Sign) and 2
// (Health) in flight and call 3 given up. Nothing may panic, and a call may
// end once, with an answer or an error.
func FuzzAnswers(f *testing.F) {
	f.Fuzz(func(t *testing.T, sent []byte) {
		near, far := net.Pipe()
		defer far.Close()
		c := &Client{conn: near, ended: make(chan struct{}), wake: make(chan struct{}, 1), calls: map[uint64]*call{}}
		var calls []*call
		for _, m := range []protocol.Method{protocol.MethodSign, protocol.MethodHealth, protocol.MethodTime} {
			p, err := c.begin(m)
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, p)
		}
		c.cancel(calls[2])
		in := bytes.NewReader(sent)
		for {
			frame, err := protocol.ReadReply(in)
			if err != nil {
				c.end(c.lost(err))
				break
			}
			if err := c.take(frame); err != nil {
				c.end(err)
				break
			}
		}
		if !errors.Is(c.fault, ErrConnectionLost) {
			t.Errorf("the connection ended with %v", c.fault)
		}
		for _, p := range calls[:2] {
			<-p.done
			if p.err != nil && p.answer != nil {
				t.Errorf("call %d ended with an answer and %v", p.id, p.err)
			}
		}
	})
}
