package pkcs11

import (
	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// logIn logs the user in, unless somebody else did while this caller waited.
// The session it logs in with becomes the anchor: closing the last session of
// a token logs out (PKCS#11 v2.40 base, C_CloseSession), and workers' sessions
// come and go.
func (p *pool) logIn() error {
	t := p.token
	t.login.Lock()
	defer t.login.Unlock()
	if p.ended() {
		return errEnded
	}
	s := &session{pool: p, lib: t.module.ctx}
	return s.inside(func() error {
		if err := s.reopen(); err != nil {
			return err
		}
		if err := p.logInWith(s); err != nil {
			s.close()
			return err
		}
		old := session{pool: p, lib: s.lib, handle: p.anchor}
		old.close()
		p.anchor = s.handle
		return nil
	})
}

var errEnded = refuse(hsm.ClassUnavailable, "the token went down")

func (p *pool) logInWith(s *session) error {
	if in, err := s.loggedIn(); err != nil || in {
		return err
	}
	if err := p.pinCount(s); err != nil {
		return err
	}
	pin, err := p.token.cfg.PIN()
	if err != nil {
		return refuse(hsm.ClassUnavailable, "reading the PIN: %w", err)
	}
	defer pin.Wipe()
	if pin.IsZero() {
		return refuse(hsm.ClassUnavailable, "reading the PIN: it is empty")
	}
	return p.guarded(s, pin)
}

func (p *pool) pinCount(s *session) error {
	info, err := s.lib.GetTokenInfo(p.slot.id)
	if err != nil {
		return called("C_GetTokenInfo", err)
	}
	return judgeCount(info.Flags)
}

// judgeCount refuses a login that could lock the token, or that cannot
// succeed. Tokens that do not count set none of these flags.
func judgeCount(flags uint) error {
	switch {
	case flags&p11.CKF_USER_PIN_LOCKED != 0:
		return refuse(hsm.ClassPIN, "the token's flags say %w", ckr{p11.CKR_PIN_LOCKED})
	case flags&p11.CKF_USER_PIN_FINAL_TRY != 0:
		return refuse(hsm.ClassPIN, "the token says that one more wrong PIN locks it: log in once with the vendor's tool, which resets the count")
	}
	return nil
}

// guarded logs in under the latch, see hsm.Latch.
func (p *pool) guarded(s *session, pin hsm.Secret) error {
	latch := p.token.latch
	switch verdict, err := latch.Judge(pin); {
	case err != nil:
		return refuse(hsm.ClassPIN, "%w", err)
	case verdict == hsm.Latched:
		return refuse(hsm.ClassPIN, "this PIN was tried before, and the token refused it or the process ended meanwhile")
	}
	if err := latch.Set(pin); err != nil {
		return refuse(hsm.ClassUnavailable, "%w", err)
	}
	// string makes a copy that cannot be wiped, and the library makes another
	// in C. Nobody but this process and root can read them.
	err := s.lib.Login(s.handle, p11.CKU_USER, string(pin.Bytes()))
	// C_Login is per token, not per session: a second login returns
	// CKR_USER_ALREADY_LOGGED_IN even with a wrong PIN. So that code proves
	// nothing about the PIN, and costs no try either.
	if hasCode(err, p11.CKR_USER_ALREADY_LOGGED_IN) {
		err = nil
	}
	if keepsLatch(err) {
		return &fault{hsm.ClassPIN, called("C_Login", err)}
	}
	if cleared := latch.Clear(); cleared != nil {
		p.warn("the next start will not log in: " + cleared.Error())
	}
	return called("C_Login", err)
}

// keepsLatch tells whether the PIN must not be tried again by itself. A code
// that names another cause than the PIN, given before the token can have
// judged it, takes the latch away: else each HSM that is rebooted at the wrong
// moment would need an officer. Everything else keeps it, the vague codes too
// (CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, vendors' own): a token that answers
// a wrong PIN with one of them would be locked by our reconnects.
func keepsLatch(err error) bool {
	if err == nil {
		return false
	}
	return !hasCode(err, p11.CKR_DEVICE_ERROR, p11.CKR_DEVICE_MEMORY, p11.CKR_DEVICE_REMOVED, p11.CKR_HOST_MEMORY,
		p11.CKR_TOKEN_NOT_PRESENT, p11.CKR_TOKEN_NOT_RECOGNIZED, p11.CKR_SLOT_ID_INVALID,
		p11.CKR_SESSION_HANDLE_INVALID, p11.CKR_SESSION_CLOSED, p11.CKR_SESSION_COUNT,
		p11.CKR_SESSION_READ_ONLY_EXISTS, p11.CKR_CRYPTOKI_NOT_INITIALIZED)
}

// closeAnchor is called with token.login held.
func (p *pool) closeAnchor() {
	s := session{pool: p, lib: p.token.module.ctx, handle: p.anchor}
	s.inside(s.close)
	p.anchor = 0
}
