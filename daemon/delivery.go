package daemon

import "signet/protocol"

// A delivery is the frames that answer one call. Those with signatures carry
// a permit, which is asked at every write: between the record of a use and
// the reading of its answer a caller can let any time pass, and an entry that
// was suspended meanwhile must not sign for him any more. Repeated with its
// request_id, what was withheld is judged anew.
type delivery struct {
	frames  []byte
	permit  *permit
	instead []byte // sent if the permit is gone before the first byte
	written func() // called once, when nothing more of it will be sent
}

// A permit lets signatures of one entry leave while the entry is as it was
// when their use was decided: a suspension that is lifted again has come
// between all the same.
type permit struct {
	appliance *appliance
	entry     string
	rev       uint64
	approval  string // under which they were made, "" if under none: a revocation takes it back
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
	return acct != nil && acct.entry.Rev == p.rev && acct.entry.MaySign() && !p.appliance.approvals.isRevoked(p.approval)
}

// withheld is what a caller is told instead of signatures that were recorded
// and must not leave any more.
func withheld() *protocol.Error {
	return protocol.NewError(protocol.Changed, "the entry or its approval changed before this answer left: its signatures are in the log and were withheld").WithRule("entry.status")
}
