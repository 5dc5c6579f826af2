package daemon

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"signet/hsm"
	"signet/protocol/algo"
)

// A token is one token of a driver, with the turnstile in front of it.
type token struct {
	driver   hsm.Driver
	sessions int
	gate     *turnstile
	counts   *tokenMetrics

	heldTo  atomic.Pointer[appliance] // whose store was held to this token's anchor
	asking  chan struct{}             // of one place: taken by who asks for the anchor
	untold  atomic.Pointer[hsm.Error] // why it did not say when it was last asked
	anchors sync.Mutex                // held while the anchor is read or replaced: in between there are two, or half of one

	mu    sync.Mutex
	pace  time.Duration // of one signature in the module, lately; 0: not known
	share int           // items that one session takes at a time
}

// perSession is how many shares may be inside the driver for one session: one
// is being signed and one is at hand, so that no session stands idle while
// fairness is decided here.
const perSession = 2

// A share is as many items as take about shareTime, at most shareMost: to go
// into the module for each single one costs as much as the signature where the
// module is fast. Where it is slow a share is one item. What a uid may have to
// wait for another's shares is perSession times shareTime.
const (
	shareTime = 1500 * time.Microsecond
	shareMost = 16
)

func newToken(d hsm.Driver, s hsm.TokenStatus, counts *tokenMetrics) *token {
	sessions := max(s.Configured, 1)
	return &token{driver: d, sessions: sessions, gate: newTurnstile(perSession * sessions), counts: counts, asking: make(chan struct{}, 1), share: 1}
}

// take returns the share, for a caller who has n items.
func (t *token) take(n int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return min(t.share, n)
}

// learn notes how long the module took over one signature, in an average that
// forgets, and sizes share and turnstile by it.
func (t *token) learn(took time.Duration) {
	if took <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pace == 0 {
		t.pace = took
	}
	t.pace += (took - t.pace) / 16
	t.setShare(min(max(int(shareTime/t.pace), 1), shareMost))
}

// setShare is called with mu held.
func (t *token) setShare(share int) {
	if share != t.share {
		t.share = share
		t.gate.resize(perSession * t.sessions * share)
	}
}

// doubt makes the share one item again after a deadline: what is learnt of the
// pace comes from signatures, and there may be none any more.
func (t *token) doubt(err error) {
	if hsm.ClassOf(err) != hsm.ClassDeadline {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pace = 0
	t.setShare(1)
}

// A turn is the right to have some items signed by a token.
type turn struct {
	*token
	n int
}

// turn waits until uid may have items signed with key, 1 to want of them. The
// caller uses the turn, or gives it back.
func (t *tokens) turn(ctx context.Context, uid uint32, key hsm.KeyRef, want int) (turn, error) {
	tok := t.byName[key.Token]
	if tok == nil {
		return turn{}, &hsm.Error{Class: hsm.ClassAbsent, Token: key.Token, Op: "signing", Err: errors.New("the token is not in the configuration")}
	}
	began := momentNow()
	n, err := tok.gate.enter(ctx, uid, tok.take(want))
	if err != nil {
		err = &hsm.Error{Class: hsm.ClassBusy, Token: key.Token, Op: "waiting for a session", Err: err}
		tok.counts.failed(err)
		return turn{}, err
	}
	tok.counts.waited(began, n)
	return turn{tok, n}, nil
}

// sign has the token sign each of tbs, as many as the turn is for or fewer,
// and verifies the answers with key.Public, the register's. What does not
// verify never leaves this function. The turn is over then.
func (t turn) sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	all := t.ask(ctx, key, a, tbs)
	for i := range all {
		s := &all[i]
		t.counts.signed(a, s.Took, s.Err)
		if s.Err != nil {
			t.doubt(s.Err)
			continue
		}
		t.learn(s.Took)
		began := momentNow()
		s.Err = verify(key.Public, a, tbs[i], s.Signature)
		t.counts.verified(began, s.Err)
		if s.Err != nil {
			s.Signature = nil
		}
	}
	return all
}

// ask holds the slots of the turn while the driver signs; verification needs
// none.
func (t turn) ask(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	defer t.gate.leave(t.n)
	if len(tbs) == 0 {
		return nil
	}
	return t.driver.Sign(ctx, key, a, tbs)
}

// sign has the token sign one item.
func (t *tokens) sign(ctx context.Context, uid uint32, key hsm.KeyRef, a algo.Algorithm, tbs []byte) ([]byte, error) {
	turn, err := t.turn(ctx, uid, key, 1)
	if err != nil {
		return nil, err
	}
	signed := turn.sign(ctx, key, a, [][]byte{tbs})
	return signed[0].Signature, signed[0].Err
}

// share is how many items one turn may be for; 1 for a token that is not in
// the configuration.
func (t *tokens) share(key hsm.KeyRef) int {
	if tok := t.byName[key.Token]; tok != nil {
		return tok.take(shareMost)
	}
	return 1
}
