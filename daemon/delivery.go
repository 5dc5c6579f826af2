package daemon

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"signet/protocol"
)

// A delivery is the frames that answer one call. Those with signatures carry
// a permit, which is asked at every write: between the record of a use and
// the reading of its answer a caller can let any time pass, and an entry that
// was suspended meanwhile must not sign for him any more. Repeated with its
// request_id, what was withheld is judged anew.
type delivery struct {
	frames  []byte
	permit  *permit
	instead []byte // sent if the permit is gone before the first byte
}

// A permit lets signatures of one entry leave while the entry is as it was
// when their use was decided: a suspension that is lifted again has come
// between all the same.
type permit struct {
	appliance *appliance
	entry     string
	rev       uint64
}

// withdraw waits until no write is under way that saw the register as it was
// before a change. The change is in the book by now, so when this returns,
// nothing more leaves that it forbids: then the act may be answered.
func (a *appliance) withdraw() {
	a.leaving.Lock()
	a.leaving.Unlock() //lint:ignore SA2001 the lock is a barrier
}

// holds is asked with leaving held for reading.
func (p *permit) holds() bool {
	if !checkPermit {
		return true
	}
	acct := p.appliance.book.find(p.entry)
	return acct != nil && acct.entry.Rev == p.rev && acct.entry.MaySign()
}

// errWithheld ends a delivery whose permit is gone.
var errWithheld = errors.New("the entry may no longer sign")

// write hands as many bytes to the kernel as it takes without waiting: the
// permit is held for that moment only, so that no slow reader delays an
// officer.
func (d *delivery) write(fd int, rest []byte) (int, error) {
	if d.permit == nil {
		return unix.Write(fd, rest)
	}
	d.permit.appliance.leaving.RLock()
	defer d.permit.appliance.leaving.RUnlock()
	if !d.permit.holds() {
		return 0, errWithheld
	}
	return unix.Write(fd, rest)
}

// deliver sends whole frames, or cuts the peer off: one that does not read,
// or that has part of a frame whose rest must not follow.
func (c *conn) deliver(d delivery) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.broken || len(d.frames) == 0 {
		return
	}
	sent, err := c.send(&d)
	if errors.Is(err, errWithheld) && sent == 0 {
		_, err = c.send(&delivery{frames: d.instead})
	}
	if err != nil {
		c.broken = true
		c.raw.Close()
	}
}

// send writes the frames and returns how many bytes the kernel took.
func (c *conn) send(d *delivery) (sent int, err error) {
	if err := c.raw.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	raw, err := c.raw.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fault error
	err = raw.Write(func(fd uintptr) (done bool) {
		for sent < len(d.frames) {
			n, werr := d.write(int(fd), d.frames[sent:])
			switch {
			case werr == nil:
				sent += n
			case errors.Is(werr, unix.EAGAIN):
				return false // wait until the peer has read
			case !errors.Is(werr, unix.EINTR):
				fault = werr
				return true
			}
		}
		return true
	})
	return sent, errors.Join(fault, err)
}

// withheld is what a caller is told instead of signatures that were recorded
// and must not leave any more.
func withheld() *protocol.Error {
	return protocol.NewError(protocol.Changed, "the entry changed before this answer left: its signatures are in the log and were withheld").WithRule("entry.status")
}
