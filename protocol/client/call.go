package client

import (
	"math"
	"sync"

	"signet/protocol"
)

// maxAnswer bounds one answer with all its parts, in bytes. A full batch of
// the largest signatures takes a fiftieth of it.
const maxAnswer = 16 << 20

// neverSent is the end of a frame that was not given to the writer.
const neverSent = math.MaxUint64

// A call is one request in flight. The reader fills it in under Conn.mu;
// answer and err are final, and the caller's to read, once done has been
// received from.
type call struct {
	id     uint64
	method protocol.Method
	end    uint64 // of its frame, in bytes since the connection began
	answer []byte // payloads so far: of parts, then of the reply
	err    error
	done   chan struct{} // has room for the one token of the call's end
}

// calls that are over are used again with their buffers: a call in a loop
// allocates little but its reply.
var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

// maxKept bounds the buffers that wait in pools, in bytes.
const maxKept = 64 << 10

func newCall(m protocol.Method) *call {
	p := calls.Get().(*call)
	p.method, p.end = m, neverSent
	return p
}

// release gives p back. Nobody may be able to end it any more: it was never
// queued, or its token was taken from done, or cancel has dropped it.
func (p *call) release() {
	if cap(p.answer) > maxKept {
		p.answer = nil
	}
	*p = call{answer: p.answer[:0], done: p.done}
	calls.Put(p)
}

// add appends a payload to the answer. Protobuf lets messages be joined by
// joining their bytes: repeated fields, the results, come out in order.
func (p *call) add(payload []byte) error {
	if len(p.answer)+len(payload) > maxAnswer {
		return violated("answer of more than %d bytes", maxAnswer)
	}
	p.answer = append(p.answer, payload...)
	return nil
}
