package store

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// maxGroup bounds the events of one transaction: what one fsync carries, and
// how long a suspend may have to wait behind uses.
const maxGroup = 1024

// ErrClosed is returned for a commit after Close.
var ErrClosed = errors.New("store is closed")

// Record makes c durable and returns when it is, or when it never will be.
// It takes no context on purpose: a caller that hangs up must not erase the
// record of what was done for him.
//
// It returns ErrFull, ErrPoisoned, ErrClosed, or the fault of c alone.
func (s *Store) Record(c *Commit) error {
	c.done = make(chan struct{})
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		return ErrClosed
	}
	s.queue <- c
	s.closing.RUnlock()
	<-c.done
	return c.err
}

// commitLoop is the committer: the one goroutine that writes. Its thread is
// locked so that a test that fails the Nth sync of a thread is exact.
func (s *Store) commitLoop() {
	runtime.LockOSThread()
	defer close(s.finished)
	var p pace
	for first := range s.queue {
		announced := s.announced.Load()
		p.learn(time.Now())
		group := s.gather(first, p.limit(announced))
		s.commitGroup(group)
		p.done(len(group), s.announced.Load() > 0)
	}
}

// A pace is how fast commits come while there is always one on its way.
type pace struct {
	each    time.Duration // between two commits; 0: not known
	began   time.Time     // of the last group
	commits int           // in it; 0 if nothing was on its way when it ended
}

func (p *pace) learn(now time.Time) {
	if p.commits > 0 {
		each := now.Sub(p.began) / time.Duration(p.commits)
		p.each += (each - p.each) / 8
	}
	p.began = now
}

func (p *pace) done(commits int, more bool) {
	p.commits = 0
	if more {
		p.commits = commits
	}
}

// limit is how long a commit may be held back for those that are announced: a
// quarter of the time in which all of them will have come, which is what each
// of them takes anyway.
func (p *pace) limit(announced int64) time.Duration {
	return min(p.each*time.Duration(announced)/4, longestGather)
}

// longestGather bounds what a commit is held back for others.
const longestGather = 5 * time.Millisecond

// gather takes what waits and, while more is announced, what comes within
// limit. A lone commit never waits. Under load the next group would otherwise
// be only what came during the last sync: callers fall into two halves that
// alternate, and each pays for its own sync.
func (s *Store) gather(first *Commit, limit time.Duration) []*Commit {
	group, events := []*Commit{first}, len(first.Events)
	var late <-chan time.Time
	for events < maxGroup {
		c, open := s.take(&late, limit)
		if !open {
			return group
		}
		group, events = append(group, c), events+len(c.Events)
	}
	return group
}

// take returns the next commit of a group, false if the group is complete. The
// clock starts when there is first something to wait for.
func (s *Store) take(late *<-chan time.Time, limit time.Duration) (*Commit, bool) {
	select {
	case c, open := <-s.queue:
		return c, open
	default:
	}
	if s.announced.Load() == 0 || limit == 0 {
		return nil, false
	}
	if *late == nil {
		*late = time.After(limit)
	}
	select {
	case c, open := <-s.queue:
		return c, open
	case <-*late:
		return nil, false
	}
}

// Announce tells the committer that a commit is about to come, so that it may
// wait for it a little. The function it returns takes that back; it is called
// when the commit is handed over, or will not be.
func (s *Store) Announce() (came func()) {
	s.announced.Add(1)
	return sync.OnceFunc(func() { s.announced.Add(-1) })
}

func (s *Store) commitGroup(group []*Commit) {
	defer func() {
		for _, c := range group {
			close(c.done)
		}
	}()
	began := time.Now()
	next, err := s.commitTx(group)
	s.tellGroup(group, began, err)
	if err != nil {
		for _, c := range group {
			c.err, c.Receipts, c.Approvals = err, nil, nil // of what is not durable there is no receipt
		}
		return
	}
	for _, c := range group {
		if c.err != nil {
			continue
		}
		for i := range c.Receipts {
			c.Receipts[i].Size, c.Receipts[i].Root = next.Size, next.Root
		}
		s.remember(c)
		if s.committed != nil {
			s.committed(c)
		}
	}
}

// commitTx runs the group in one fsynced transaction and returns where the
// log stands after it. A fault before the commit leaves nothing behind; one
// of the commit itself is judged.
func (s *Store) commitTx(group []*Commit) (at Position, err error) {
	if s.poison.Load() != nil {
		return Position{}, ErrPoisoned
	}
	next, err := s.head.clone()
	if err != nil {
		return Position{}, err
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return Position{}, fmt.Errorf("beginning transaction: %w", err)
	}
	defer func() {
		if r := recover(); r != nil {
			at, err = Position{}, s.judge(errors.Join(fmt.Errorf("transaction panicked: %v", r), abandon(tx)))
		}
	}()
	if at, err = s.fillTx(tx, next, group); err != nil {
		return Position{}, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return Position{}, s.judge(err)
	}
	if err := s.inPlace(); err != nil {
		return Position{}, s.judge(err)
	}
	next.settle()
	s.head = next
	s.position.Store(&at)
	s.recent.add(at)
	return at, nil
}

// abandon ends a transaction that panicked: left open, it would hold bbolt's
// lock and Close would wait for ever. It writes nothing.
func abandon(tx *bolt.Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("rolling back panicked: %v", r)
		}
	}()
	return tx.Rollback()
}

// fillTx writes the group and the new head into tx.
func (s *Store) fillTx(tx *bolt.Tx, next *head, group []*Commit) (Position, error) {
	l := newLedger(tx)
	for _, c := range group {
		if err := s.apply(tx, next, l, c); err != nil {
			return Position{}, err
		}
	}
	if err := l.save(); err != nil {
		return Position{}, err
	}
	if err := s.forgetOld(tx, next.recorded); err != nil {
		return Position{}, err
	}
	root, err := next.tree.Root()
	if err != nil {
		return Position{}, err
	}
	at := Position{Size: next.tree.Size(), Root: root, Recorded: next.recorded, Epoch: next.epoch}
	return at, next.save(tx)
}

// judge turns the error of a transaction into what it means for the store.
func (s *Store) judge(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	poisoned := fmt.Errorf("%w: %w", ErrPoisoned, err)
	s.poison.Store(&poisoned)
	if s.onPoison != nil {
		s.onPoison(poisoned)
	}
	return poisoned
}
