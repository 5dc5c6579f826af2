package daemon

import (
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An outbox holds what a connection has to send. Whoever puts something into
// an outbox that nobody empties does so, until it is empty: the answers of one
// commit leave in one system call, and nobody waits for a peer who reads
// slowly but the one who writes to him.
type outbox struct {
	mu       sync.Mutex
	idle     sync.Cond // of mu: nobody empties it
	emptying bool
	broken   bool // a part of a frame was sent whose rest never will be
	waiting  []delivery
	spare    []delivery // the memory of waiting, in turns
}

// sendMost bounds what one system call is given, in bytes. It holds a socket's
// usual buffer.
const sendMost = 256 << 10

// deliver sends whole frames in the order in which they come, or cuts the peer
// off: one that does not read, or that has part of a frame whose rest must not
// follow. It returns when they are sent or another goroutine is sending.
func (c *conn) deliver(d delivery) {
	mine := c.out.add(d)
	for mine {
		runtime.Gosched() // whose record came in the same commit is ready to run too
		batch, broken := c.out.take()
		if !broken {
			broken = c.send(batch) != nil
		}
		for i := range batch {
			batch[i].done()
			batch[i] = delivery{} // its signatures are nobody's any more
		}
		mine = c.out.giveBack(batch, broken)
	}
}

// add tells whether it is for the caller to empty the outbox.
func (o *outbox) add(d delivery) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, d)
	if o.emptying {
		return false
	}
	o.emptying = true
	return true
}

// take returns what waits, for the one who empties.
func (o *outbox) take() (batch []delivery, broken bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch = o.waiting
	o.waiting = o.spare[:0]
	return batch, o.broken
}

// giveBack ends what take began and tells whether more has come. If not,
// nobody empties the outbox any more.
func (o *outbox) giveBack(batch []delivery, broken bool) (more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spare, o.broken = batch, broken
	if len(o.waiting) > 0 {
		return true
	}
	o.emptying = false
	o.idle.Broadcast()
	return false
}

// settle waits until everything is sent, or will not be.
func (c *conn) settle() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for c.out.emptying {
		c.out.idle.Wait()
	}
}

func (d *delivery) done() {
	if d.written != nil {
		d.written()
	}
}

// send writes the deliveries, and cuts the peer off if it cannot.
func (c *conn) send(batch []delivery) error {
	err := c.sendAll(batch)
	if err != nil {
		c.server.metrics.cutOff.Inc()
		c.raw.Close()
	}
	return err
}

func (c *conn) sendAll(batch []delivery) error {
	if err := c.allowTime(); err != nil {
		return err
	}
	raw, err := c.raw.SyscallConn()
	if err != nil {
		return err
	}
	m := mail{conn: c, rest: batch}
	var fault error
	err = raw.Write(func(fd uintptr) (done bool) {
		for len(m.rest) > 0 {
			left := len(m.rest)
			switch err := m.post(int(fd)); {
			case err == nil && len(m.rest) < left:
				// The time is for reading one answer, and one was read.
				if fault = c.allowTime(); fault != nil {
					return true
				}
			case err == nil || errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.EAGAIN):
				return false // wait until the peer has read
			default:
				fault = err
				return true
			}
		}
		return true
	})
	return errors.Join(fault, err)
}

// allowTime gives the peer the time that he may take over reading an answer.
func (c *conn) allowTime() error {
	return c.raw.SetWriteDeadline(time.Now().Add(c.server.limits.times.write))
}

// A mail is deliveries on their way into the socket.
type mail struct {
	conn *conn
	rest []delivery
	sent int    // bytes of the first of rest
	out  []byte // what one system call is given
}

// errWithheld ends a connection that has part of a frame with signatures that
// must not leave any more.
var errWithheld = errors.New("the entry may no longer sign")

// post hands as many bytes to the kernel as it takes without waiting. The
// register is held for that moment only, so that no slow reader delays an
// officer: every write asks each permit anew.
func (m *mail) post(fd int) error {
	a := m.appliance()
	if a != nil {
		a.leaving.RLock()
		defer a.leaving.RUnlock()
	}
	if err := m.gather(a); err != nil {
		return err
	}
	n, err := unix.Write(fd, m.out)
	if err != nil {
		return err
	}
	m.advance(n)
	return nil
}

// appliance is that of the first permit.
func (m *mail) appliance() *appliance {
	for i := range m.rest {
		if p := m.rest[i].permit; p != nil {
			return p.appliance
		}
	}
	return nil
}

// gather puts what may leave into out. A delivery that may not is replaced by
// what is said instead, unless part of it is sent. Only permits of a are asked:
// those of a store that was opened since then have another lock.
func (m *mail) gather(a *appliance) error {
	m.out = m.out[:0]
	for i := range m.rest {
		d := &m.rest[i]
		if d.permit != nil && d.permit.appliance != a {
			break
		}
		if d.permit != nil && !d.permit.holds() {
			m.conn.server.metrics.withheld.Inc()
			if i == 0 && m.sent > 0 {
				return errWithheld
			}
			d.frames, d.permit = d.instead, nil
		}
		frames := d.frames
		if i == 0 {
			frames = frames[m.sent:]
		}
		if m.out = append(m.out, frames...); len(m.out) >= sendMost {
			break
		}
	}
	return nil
}

// advance notes that n bytes of out are sent.
func (m *mail) advance(n int) {
	for n += m.sent; len(m.rest) > 0 && n >= len(m.rest[0].frames); m.rest = m.rest[1:] {
		n -= len(m.rest[0].frames)
	}
	m.sent = n
}
