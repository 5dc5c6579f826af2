package pkcs11

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// A job is work for one worker.
type job struct {
	// call does the work and hands its result to the caller. With an error it
	// only hands over that.
	call   func(*session, error)
	ctx    context.Context // of the caller: nothing is signed for one that has gone
	orders []order         // of signatures; nil for other work
	state  atomic.Int32

	worker atomic.Pointer[session] // who has taken it
}

// States of a job that a worker has taken. Worker, caller and clock race for
// it; each transition is taken once.
const (
	inside    int32 = iota // the worker is at it
	ended                  // the worker is through
	abandoned              // the caller has gone, the worker is at it
	hanging                // the same, and longer than the deadline of the profile
)

// A task is one operation on a token.
type task[T any] struct {
	limit time.Duration // of the profile
	do    func(*session) (T, error)
	once  bool              // never tried a second time
	undo  func(*session, T) // of a result that nobody is there to take; optional
}

// A visit is what a worker does for one caller.
type visit[T any] struct {
	limit  time.Duration // of the profile
	do     func(context.Context, *session) (T, error)
	undo   func(*session, T) // of a result that nobody is there to take; optional
	orders []order           // signatures that do will ask for
}

// run has a worker do the task, and waits as long as ctx and the profile
// allow.
func run[T any](ctx context.Context, t *token, what task[T]) (T, error) {
	return pay(ctx, t, visit[T]{limit: what.limit, do: what.perform, undo: what.undo})
}

// pay has a worker make the visit. PKCS#11 cannot end a call, so what is
// inside the module when ctx or the profile's limit ends stays there, and so
// does its worker.
func pay[T any](ctx context.Context, t *token, what visit[T]) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, what.limit)
	defer cancel()
	p, err := t.connected(ctx)
	if err != nil {
		return none, err
	}
	type outcome struct {
		value T
		err   error
	}
	result := make(chan outcome, 1)
	j := &job{ctx: ctx, orders: what.orders}
	j.call = func(s *session, err error) {
		var v T
		if err == nil {
			v, err = what.do(ctx, s)
		}
		if j.state.CompareAndSwap(inside, ended) {
			result <- outcome{v, err}
		} else if err == nil && what.undo != nil {
			what.undo(s, v)
		}
	}
	if err := p.hand(ctx, j); err != nil {
		return none, err
	}
	taken := time.Now()
	select {
	case r := <-result:
		return r.value, r.err
	case <-ctx.Done():
	}
	if !j.state.CompareAndSwap(inside, abandoned) {
		r := <-result
		return r.value, r.err
	}
	p.watch(j, what.limit-time.Since(taken))
	return none, refuse(hsm.ClassDeadline, "waiting for the module: %w", ctx.Err())
}

// hand gives the job to a worker. Without a free one in time, nothing was
// started.
func (p *pool) hand(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil { // a select would choose by lot
		return refuse(hsm.ClassBusy, "waiting for a session: %w", err)
	}
	select {
	case p.jobs <- j:
		return nil
	case <-p.done:
		return refuse(hsm.ClassUnavailable, "the token went down")
	case <-ctx.Done():
		return refuse(hsm.ClassBusy, "waiting for a session: %w", ctx.Err())
	}
}

// watch counts a call as hung once it has lasted longer than the profile
// allows. That the caller has gone is not enough: callers choose their
// deadlines, and must not be able to take a token down with short ones.
func (p *pool) watch(j *job, left time.Duration) {
	time.AfterFunc(max(left, 0), func() {
		s := j.worker.Load()
		if s == nil { // handed over, and not yet taken up
			p.watch(j, time.Millisecond)
			return
		}
		if j.state.CompareAndSwap(abandoned, hanging) && s.hanging.Add(1) == 1 {
			p.hangs()
		}
	})
}

// hangs counts one more worker that is held in the module. When all are, the
// token is down.
func (p *pool) hangs() {
	p.token.hung.Add(1)
	if n := p.stuck.Add(1); n >= p.open.Load() {
		p.fail(refuse(hsm.ClassDeadline, "%d calls hang in the module, as many as there are sessions", n))
	}
	p.token.changed()
}

// returned counts a worker that came back.
func (p *pool) returned() {
	p.token.hung.Add(-1)
	p.stuck.Add(-1)
	p.token.changed()
}

// perform does the task, and once more if the first try failed for a reason
// that a new session, handle or login mends. Nothing else is tried twice.
func (what task[T]) perform(ctx context.Context, s *session) (T, error) {
	if err := ctx.Err(); err != nil {
		var none T
		return none, refuse(hsm.ClassBusy, "waiting for a session: %w", err)
	}
	v, err := what.try(s)
	if err != nil && !what.once && ctx.Err() == nil && s.recovered(err) {
		v, err = what.try(s)
	}
	s.pool.observe(err)
	return v, err
}

// try does the task once. After an error of the module the session is not
// used again: an operation may be left active in it, and then every later one
// fails.
func (what task[T]) try(s *session) (T, error) {
	if err := s.ready(); err != nil {
		var none T
		return none, err
	}
	v, err := what.do(s)
	if _, fromModule := errors.AsType[p11.Error](err); fromModule {
		s.stale = true
	}
	return v, err
}
