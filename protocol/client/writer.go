package client

import (
	"runtime"
	"time"

	"signet/protocol"
)

// maxPending bounds what waits for the writer, in bytes; a call that finds so
// much waits with its context.
const maxPending = 256 << 10

// lastWords is how long the reader looks for the daemon's reason after a
// write has failed. It lies in the socket's buffer by then.
const lastWords = time.Second

// enqueue appends a frame to what the writer takes next. It needs c.mu.
func (c *Conn) enqueue(k protocol.Kind, p *call, payload []byte) {
	before := len(c.pending)
	c.pending = protocol.AppendFrame(c.pending, k, p.method, p.id, payload)
	c.queued += uint64(len(c.pending) - before)
	select {
	case c.wake <- struct{}{}:
	default: // the writer has not yet come to take the last token
	}
}

// write sends frames until the connection ends. Being the only writer, it
// never leaves half a frame in front of another. All that waits at one moment
// goes out in one write.
func (c *Conn) write() {
	defer close(c.mute)
	var frames []byte
	for {
		select {
		case <-c.wake:
		case <-c.failed:
			return
		}
		for {
			// An answer may just have made many callers runnable: let them
			// put their next frames beside the first one's.
			if c.busy() {
				runtime.Gosched()
			}
			if frames = c.takePending(frames[:0]); len(frames) == 0 {
				break
			}
			if n, err := c.raw.Write(frames); err != nil {
				c.stopWriting(len(frames) - n)
				return
			}
		}
	}
}

// busy tells whether several calls are in flight.
func (c *Conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls) > 1
}

// takePending exchanges what waits for an empty buffer.
func (c *Conn) takePending(empty []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames := c.pending
	c.pending = empty
	c.handed += uint64(len(frames))
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
	return frames
}

// stopWriting follows a write of which the kernel did not take the last bytes.
// A daemon that closes says why first; the reader must come to that before
// the calls end, but if it said goaway it may still be answering.
func (c *Conn) stopWriting(unsent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed -= uint64(unsent)
	if c.deaf {
		c.returnUnsent()
		return
	}
	c.deafen()
	c.raw.SetReadDeadline(time.Now().Add(lastWords))
}

// deafen drops what waits for the writer. It needs c.mu.
func (c *Conn) deafen() {
	c.deaf = true
	c.pending = c.pending[:0]
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

// returnUnsent ends the calls of which the daemon has no whole frame, so that
// they can be made elsewhere. It needs c.mu and a reason in c.leaving.
func (c *Conn) returnUnsent() {
	for _, p := range c.calls {
		if p.end > c.handed {
			c.finish(p, notTaken(c.leaving))
		}
	}
}
