package pkcs11

import (
	"runtime"
	"sync/atomic"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// A pool is one connection to a token: a login, an anchor session that keeps
// it, and workers. It is used until the token fails, then a new one is made;
// so handles in it are never those of an older connection.
type pool struct {
	token    *token
	slot     slot
	listed   repertoire
	epoch    int64    // of the module
	warnings []string // for the status; guarded by token.mu

	jobs   chan *job
	done   chan struct{} // closed by end
	broken chan error    // the first fault that ends the pool; has room for one
	open   atomic.Int32  // workers with a session
	stuck  atomic.Int32  // workers whose call hangs
	keys   keyCache

	// consecutive counts vague errors since the last success.
	consecutive atomic.Int32

	anchor p11.SessionHandle // 0: none; guarded by token.login
}

func newPool(t *token, s slot, r repertoire, epoch int64) *pool {
	return &pool{
		token: t, slot: s, listed: r, epoch: epoch,
		jobs: make(chan *job), done: make(chan struct{}), broken: make(chan error, 1),
	}
}

// start starts n workers and waits until each has tried to open its session.
// Fewer than n are enough. They open their sessions themselves, on their own
// threads: with SoftHSM in one process that signs faster than sessions opened
// by another thread.
func (p *pool) start(n int) error {
	opened := make(chan error, n)
	for range n {
		p.token.spawn(func() { p.work(opened) })
	}
	var last error
	for range n {
		if err := <-opened; err != nil {
			last = err
		}
	}
	if p.open.Load() == 0 {
		return last
	}
	return nil
}

// work is one worker. PKCS#11 allows one operation at a time in a session and
// several sessions at once (v2.40 base, 2.6.6), so a session never leaves its
// worker.
func (p *pool) work(opened chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &session{pool: p, lib: p.token.module.ctx, bench: newBench(p.token.module.list)}
	defer s.bench.free()
	err := s.inside(s.reopen)
	if err == nil {
		p.open.Add(1)
		defer p.open.Add(-1)
	}
	opened <- err
	if err != nil {
		return
	}
	defer s.inside(s.close)
	for {
		select {
		case <-p.done:
			return
		case j := <-p.jobs:
			p.serve(s, j)
		}
	}
}

// serve does a job and, if it is a signature, others that wait with it. What
// a burst cannot do, for whatever reason, each job does by itself.
func (p *pool) serve(s *session, first *job) {
	jobs := p.gather(s, first)
	s.inside(func() error { return s.burst(jobs) })
	for i, j := range jobs {
		jobs[i] = nil // what the job holds is not the worker's to keep
		p.run(s, j)
	}
	clear(s.chosen)
}

// run does one job. A session whose caller gave up is replaced: nobody knows
// in what state the module left it.
func (p *pool) run(s *session, j *job) {
	if err := s.inside(func() error { j.call(s, nil); return nil }); err != nil {
		j.call(s, err)
	}
	if was := j.state.Swap(ended); was == abandoned || was == hanging {
		s.stale = true
		if was == hanging && s.hanging.Add(-1) == 0 {
			p.returned()
		}
	}
}

// end tells the workers to go. Whoever is inside the module closes its
// session when it comes back.
func (p *pool) end() {
	close(p.done)
	p.token.spawn(func() {
		p.token.login.Lock()
		defer p.token.login.Unlock()
		p.closeAnchor()
	})
}

// ended tells whether end was called.
func (p *pool) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// fail ends the pool, with the first fault as the reason.
func (p *pool) fail(err error) {
	select {
	case p.broken <- err:
	default:
	}
}

// enoughVague is how many vague errors in a row, without one success in
// between, speak against the device.
const enoughVague = 3

// observe learns from the outcome of a job whether the token still works.
func (p *pool) observe(err error) {
	if err == nil {
		p.consecutive.Store(0)
		return
	}
	switch classOf(err) {
	case hsm.ClassPIN:
		p.fail(err)
	case hsm.ClassSession:
		// A new session was tried already: all of them are lost.
		if hasCode(err, p11.CKR_SESSION_HANDLE_INVALID, p11.CKR_SESSION_CLOSED) {
			p.fail(err)
		}
	case hsm.ClassDevice:
		if !vague(codeOf(err)) || p.consecutive.Add(1) >= enoughVague {
			p.fail(err)
		}
	}
}
