package pkcs11

import (
	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// connect makes one connection: module, slot, login, workers. With anew the
// module is initialised again if it can be.
func (t *token) connect(anew bool) (*pool, error) {
	if n := int(t.hung.Load()); n >= t.workers {
		return nil, refuse(hsm.ClassDeadline, "%d calls hang in the module, as many as there are sessions", n)
	}
	if err := t.module.acquire(anew); err != nil {
		return nil, err
	}
	p, err := t.connectSlot()
	if err != nil {
		t.module.release()
		return nil, err
	}
	return p, nil
}

func (t *token) connectSlot() (*pool, error) {
	p, err := t.findPool()
	if err != nil {
		return nil, err
	}
	if err := p.logIn(); err != nil {
		p.end()
		return nil, err
	}
	if err := p.start(p.size()); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// findPool finds the slot anew: numbers and order change when an HSM comes
// back.
func (t *token) findPool() (*pool, error) {
	epoch := t.module.enter()
	defer t.module.leave()
	found, err := t.module.findSlot(t.cfg.URI)
	if err != nil {
		return nil, err
	}
	listed, err := t.module.repertoire(found.id, t.uses())
	if err != nil {
		return nil, err
	}
	return newPool(t, found, listed, epoch), nil
}

// size is how many workers to start. Where the token has a limit, two sessions
// are left for the anchor and a ceremony. CK_EFFECTIVELY_INFINITE is 0, and
// CK_UNAVAILABLE_INFORMATION larger than any limit.
func (p *pool) size() int {
	limit := p.slot.token.MaxSessionCount
	if limit == p11.CK_EFFECTIVELY_INFINITE {
		return p.token.workers
	}
	if limit < 3 {
		return 1
	}
	return int(min(uint(p.token.workers), limit-2))
}
