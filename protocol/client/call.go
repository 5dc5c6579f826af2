package client

import (
	"fmt"

	"signet/protocol"
)

// maxAnswer bounds one answer with all its parts, in bytes. A full batch of
// the largest signatures takes a fiftieth of it.
const maxAnswer = 16 << 20

// A call is one request in flight. The reader fills it in under Client.mu;
// answer and err may be read once done is closed.
type call struct {
	id     uint64
	method protocol.Method
	answer []byte // payloads so far: of parts, then of the reply
	err    error
	done   chan struct{}
}

// begin gives out the next call id.
func (c *Client) begin(m protocol.Method) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fault != nil:
		return nil, c.fault
	case c.leaving != nil:
		return nil, c.leaving
	}
	c.last++
	pending := &call{id: c.last, method: m, done: make(chan struct{})}
	c.calls[pending.id] = pending
	return pending, nil
}

// add appends a payload to the answer. Protobuf lets messages be joined by
// joining their bytes: repeated fields, the results, come out in order.
func (p *call) add(payload []byte) error {
	if len(p.answer)+len(payload) > maxAnswer {
		return fmt.Errorf("%w: answer of more than %d bytes", ErrBadAnswer, maxAnswer)
	}
	p.answer = append(p.answer, payload...)
	return nil
}

// finish ends a call that is in flight. It needs c.mu.
func (c *Client) finish(p *call, err error) {
	if err != nil {
		p.answer = nil
	}
	p.err = err
	delete(c.calls, p.id)
	close(p.done)
}

// forget drops a call whose request was never sent.
func (c *Client) forget(p *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, p.id)
}

// cancel gives up a call whose request was sent. The writer tells the daemon,
// so that a caller who gives up never waits for a socket that is full.
func (c *Client) cancel(p *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[p.id] == nil {
		return // answered meanwhile
	}
	delete(c.calls, p.id)
	c.cancels = append(c.cancels, p.id)
	select {
	case c.wake <- struct{}{}:
	default: // the writer has not yet come to take the last token
	}
}

// end makes err the answer of all calls, now and later. Only the first fault
// counts: those that follow are its echo.
func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil {
		return
	}
	c.fault = err
	for _, p := range c.calls {
		c.finish(p, err)
	}
	close(c.ended)
	c.conn.Close()
}
