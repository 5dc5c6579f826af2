package pkcs11

import (
	"sync/atomic"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// A session belongs to one worker and is used on its thread only.
type session struct {
	pool   *pool
	lib    *p11.Ctx
	handle p11.SessionHandle // 0: none
	stale  bool              // to be replaced before it is used again

	bench  *bench   // nil where a session makes no bursts
	jobs   []*job   // of the burst that is being made
	chosen []*order // of those, what it makes

	// hanging counts the jobs of one visit of the module that count as hung:
	// however many there are, it is one worker that is held.
	hanging atomic.Int32
}

// errStale is the answer where the module was initialised anew since the
// session's pool was made: its handles could be those of others by now.
var errStale = refuse(hsm.ClassUnavailable, "the module was initialised anew")

// inside runs fn with the module held, or returns errStale.
func (s *session) inside(fn func() error) error {
	m := s.pool.token.module
	epoch := m.enter()
	defer m.leave()
	if epoch != s.pool.epoch {
		return errStale
	}
	return fn()
}

// reopen replaces the session by a new one. Read-only is enough to sign, and
// some tokens have few read-write sessions.
func (s *session) reopen() error {
	s.close()
	handle, err := s.lib.OpenSession(s.pool.slot.id, p11.CKF_SERIAL_SESSION)
	if err != nil {
		return called("C_OpenSession", err)
	}
	s.handle, s.stale = handle, false
	return nil
}

// close closes the session. That can fail only for a session that is no more.
func (s *session) close() error {
	if s.handle != 0 {
		m := s.pool.token.module
		m.closing.Lock()
		defer m.closing.Unlock()
		s.lib.CloseSession(s.handle)
		s.handle = 0
	}
	return nil
}

// readWrite opens a second session of the same worker for work that changes
// the token, which is never retried: so a lost login is mended here, before
// anything is changed. The caller closes the session.
func (s *session) readWrite() (*session, error) {
	handle, err := s.lib.OpenSession(s.pool.slot.id, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		return nil, called("C_OpenSession", err)
	}
	rw := &session{pool: s.pool, lib: s.lib, handle: handle}
	if err := rw.ensureLogin(); err != nil {
		rw.close()
		return nil, err
	}
	return rw, nil
}

// loggedIn asks the module whether the user is logged in.
func (s *session) loggedIn() (bool, error) {
	info, err := s.lib.GetSessionInfo(s.handle)
	if err != nil {
		return false, called("C_GetSessionInfo", err)
	}
	return info.State == p11.CKS_RO_USER_FUNCTIONS || info.State == p11.CKS_RW_USER_FUNCTIONS, nil
}

// requireLogin is a fault of class login if nobody is logged in. Searches ask
// first: without a login they find no private key, and say nothing.
func (s *session) requireLogin() error {
	in, err := s.loggedIn()
	if err == nil && !in {
		err = refuse(hsm.ClassLogin, "nobody is logged in to the token")
	}
	return err
}

// recovered makes the session fit for one more try after err, and tells
// whether one more try makes sense.
func (s *session) recovered(err error) bool {
	switch classOf(err) {
	case hsm.ClassSession, hsm.ClassHandle, hsm.ClassLogin:
	default:
		return false
	}
	// Where one handle is stale the others may be too.
	s.pool.keys.clear()
	if s.reopen() != nil {
		return false
	}
	if err := s.ensureLogin(); err != nil {
		s.pool.observe(err)
		return false
	}
	return true
}

// ensureLogin logs in if nobody is.
func (s *session) ensureLogin() error {
	in, err := s.loggedIn()
	if err != nil || in {
		return err
	}
	return s.pool.logIn()
}

// ready replaces the session if an earlier job left it in doubt.
func (s *session) ready() error {
	if s.handle == 0 || s.stale {
		return s.reopen()
	}
	return nil
}
