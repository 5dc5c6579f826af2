package client

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"testing"

	"signet/protocol"
)

// BenchmarkSign is the client's own cost, with a daemon that answers at once,
// by callers that share one connection.
func BenchmarkSign(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := echo(b)
			request := signRequest(1)
			calls := make(chan struct{}, b.N)
			for range b.N {
				calls <- struct{}{}
			}
			close(calls)
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range calls {
						if _, err := c.Sign(b.Context(), request); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// echo answers each Sign with one signature, in one write for all that were
// read at once.
func echo(b *testing.B) *Client {
	b.Helper()
	path := socketPath(b)
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	answer, err := protocol.AppendMessage(nil, protocol.KindReply, protocol.MethodSign, 0, &protocol.SignReply{Results: []*protocol.Result{signed(string(make([]byte, 71)))}})
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReaderSize(conn, 64<<10)
		var out []byte
		for {
			header, err := in.Peek(protocol.HeaderSize)
			if err != nil {
				return
			}
			h, _ := protocol.ParseHeader(header)
			copy(answer[8:16], header[8:16])
			in.Discard(protocol.HeaderSize + int(h.Length))
			out = append(out, answer...)
			if in.Buffered() > 0 {
				continue
			}
			if _, err := conn.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}()
	c, err := Dial(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(); l.Close() })
	return c
}
