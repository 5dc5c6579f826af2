package daemon

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"signet/hsm"
	"signet/protocol"
	"signet/protocol/canonical"
	"signet/systemd"
)

// An anchor is what the token of the log key holds of the log: it is out of
// the reach of whoever can only write files. A store that was put back, or
// another one in its place, is found out by it.
type anchor struct {
	Appliance string `json:"appliance"`
	Epoch     uint64 `json:"epoch"` // grows when an older log was accepted: only within one epoch sizes grow
	Size      uint64 `json:"size"`
	Root      string `json:"root"`
}

// anchorLabel is the label of the data object. It is never removed by signet:
// a token that has an anchor belongs to an appliance.
const anchorLabel = "signet-anchor"

// anchorTimeout bounds the question for an anchor.
const anchorTimeout = 30 * time.Second

// readAnchor returns the anchor on a token, nil if the token answers that it
// has none. Of two, which a crash between creating the new one and destroying
// the old one leaves, the larger wins.
func (t *tokens) readAnchor(ctx context.Context, name string) (*anchor, error) {
	tok, err := t.named(name)
	if err != nil {
		return nil, err
	}
	tok.anchors.Lock()
	defer tok.anchors.Unlock()
	values, err := tok.driver.Data(ctx, name, anchorLabel)
	if err != nil {
		return nil, err
	}
	var best *anchor
	for _, v := range values {
		a := new(anchor)
		if err := canonical.Unmarshal(v, a); err != nil {
			return nil, fmt.Errorf("%w: token %s: %w", errAnchor, name, err)
		}
		if best != nil && best.Appliance != a.Appliance {
			return nil, fmt.Errorf("%w: token %s has those of two appliances", errAnchor, name)
		}
		if best == nil || best.before(a) {
			best = a
		}
	}
	return best, nil
}

// before tells whether b is the later one.
func (a *anchor) before(b *anchor) bool {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Size, b.Size)) < 0
}

func (t *tokens) writeAnchor(ctx context.Context, name string, a anchor) error {
	tok, err := t.named(name)
	if err != nil {
		return err
	}
	value, err := canonical.Marshal(a)
	if err != nil {
		return err
	}
	tok.anchors.Lock()
	defer tok.anchors.Unlock()
	return tok.driver.PutData(ctx, name, anchorLabel, value)
}

// Faults that an anchor shows.
var (
	errAnchor       = errors.New("the anchor on the token cannot be read")
	errAnchored     = errors.New("the token has the anchor of an appliance")
	errOtherAnchor  = errors.New("the token's anchor is of another appliance")
	errOtherLog     = errors.New("the log is another one than the token's anchor knows")
	errBehindAnchor = errors.New("the store is older than the token's anchor")
	errLogToken     = errors.New("signetd.toml names another token for the log than this appliance was made with: nothing would hold the store to its anchor")
)

const mendAnchored = "the store of that appliance is missing: restore a backup (signetctl restore FILE); another appliance needs another token"

// lookForAnchor decides, where there is neither store nor marker, between
// uninitialised and recovery: until the token of the log key has answered that
// it has no anchor, nobody knows that nothing was lost.
func (s *Server) lookForAnchor() {
	tok := s.tokens.byName[s.logToken]
	select {
	case tok.asking <- struct{}{}:
		defer func() { <-tok.asking }()
	default:
		return // somebody does
	}
	ctx, cancel := context.WithTimeout(s.calls, anchorTimeout)
	defer cancel()
	found, err := s.tokens.readAnchor(ctx, s.logToken)
	s.initialising.Lock()
	defer s.initialising.Unlock()
	if cond := s.condition(); cond.mode != InRecovery || !cond.awaitsAnchor {
		return
	}
	switch {
	case errors.Is(err, errAnchor):
		s.enterRecovery(err, s.cure(err))
	case err != nil:
		return // asked again by the ticker
	case found != nil:
		s.enterRecovery(fmt.Errorf("%w: token %s, appliance %.16s…, %d events", errAnchored, s.logToken, found.Appliance, found.Size), mendAnchored)
	default:
		s.enter(uninitialisedCondition())
	}
}

// holdToAnchor compares the open store with the anchor of a token, once. A
// token that does not answer leaves the question open: the ticker asks again.
func (s *Server) holdToAnchor(ctx context.Context, a *appliance, name string) {
	if a.isHeld(name) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, anchorTimeout)
	defer cancel()
	tok := s.tokens.byName[name]
	select {
	case tok.asking <- struct{}{}:
		defer func() { <-tok.asking }()
	case <-ctx.Done():
		return
	}
	if a.isHeld(name) || s.appliance() != a {
		return
	}
	found, err := s.tokens.readAnchor(ctx, name)
	if err == nil {
		err = a.judgeAnchor(name, found)
	}
	switch {
	case isHSMFault(err):
		s.noteUntold(tok, name, err)
	case errors.Is(err, errNoAnchor):
		s.warn("log.token", err.Error())
		tok.heldTo.Store(a)
	case err != nil:
		s.abandon(a, err, s.cure(err))
	case found != nil && a.keepsAnchorOn(name) && found.Epoch < a.store.Position().Epoch:
		s.reanchor(ctx, a)
	default:
		tok.heldTo.Store(a)
	}
}

// noteUntold keeps why a token did not say what anchor it has, and tells the
// journal of it once where the token is up: nothing else would.
func (s *Server) noteUntold(tok *token, name string, err error) {
	var fault *hsm.Error
	errors.As(err, &fault)
	if was := tok.untold.Swap(fault); s.tokens.isUp(name) && (was == nil || was.Class != fault.Class) {
		s.journal.Send(systemd.ConfigWarning, "the token does not say what anchor it has; until it does, its keys are not used: "+err.Error(), systemd.Key("token."+name))
	}
}

// isHSMFault tells whether an error is the token's, of whatever class: it says
// nothing of the store.
func isHSMFault(err error) bool {
	var fault *hsm.Error
	return errors.As(err, &fault)
}

// awaitAnchor keeps a use waiting until the open store was held to the anchors
// of the log's token and of the key's own: between the moment that a token is up
// and its answer, an older store would sign. While the log's token is out, keys
// of other tokens are used: nobody can say that the store is not the right one.
func (s *Server) awaitAnchor(ctx context.Context, a *appliance, entry string) *protocol.Error {
	var own string
	if acct := a.book.find(entry); acct != nil {
		own = acct.key.Token
	}
	if a.isHeld(s.logToken) && a.isHeld(own) {
		return nil
	}
	if s.tokens.isUp(s.logToken) {
		s.holdToAnchor(ctx, a, s.logToken)
	}
	s.holdToAnchor(ctx, a, own) // the driver waits for a token that is connecting
	if _, fault := s.live(); fault != nil {
		return fault
	}
	if !a.isHeld(own) && (own == s.logToken || s.tokens.isUp(own)) {
		return protocol.NewError(protocol.HSMUnavailable, "the token has not said yet whether this store is the newest").RetryIn(hsmRetry)
	}
	return nil
}

// errNoAnchor is a warning: a missing anchor is no forged proof.
var errNoAnchor = errors.New("the token of the log key has no anchor: nothing on it vouches for the age of the store")

// keepsAnchorOn tells whether the appliance has its anchor on that token.
func (a *appliance) keepsAnchorOn(name string) bool {
	return a.genesis.LogKey != nil && a.genesis.LogKey.Token == name
}

// judgeAnchor: only the token of the log key has to have one. But whatever token
// has one, a store of another appliance does not use its keys: one of authority
// development would do so by acts that nobody signed.
func (a *appliance) judgeAnchor(name string, found *anchor) error {
	switch at := a.store.Position(); {
	case found == nil && !a.keepsAnchorOn(name):
		return nil
	case found == nil:
		return errNoAnchor
	case found.Appliance != a.id:
		return fmt.Errorf("%w: %.16s… on token %s, the store is of %.16s…", errOtherAnchor, found.Appliance, name, a.id)
	case found.Epoch > at.Epoch:
		return fmt.Errorf("%w: it is of epoch %d, the anchor of epoch %d", errBehindAnchor, at.Epoch, found.Epoch)
	case found.Epoch == at.Epoch && found.Size > at.Size:
		return fmt.Errorf("%w: %d events, the anchor knew %d", errBehindAnchor, at.Size, found.Size)
	case found.Epoch == at.Epoch:
		return a.judgeRoot(found)
	}
	return nil
}

// judgeRoot tells a log from another one that is as long or longer.
func (a *appliance) judgeRoot(found *anchor) error {
	root, err := a.store.RootAt(found.Size)
	if err != nil {
		return fmt.Errorf("hashing the log for the anchor: %w", err)
	}
	if text := hex.EncodeToString(root[:]); text != found.Root {
		return fmt.Errorf("%w: its first %d events hash to %.16s…, the anchor says %.16s…", errOtherLog, found.Size, text, found.Root)
	}
	return nil
}

// abandon lets go of a store that must not be used: nothing more leaves, and
// the mode says why. An act that ends that mode waits until the store is let go
// of: it opens it anew.
func (s *Server) abandon(a *appliance, err error, mend string) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	if s.appliance() != a {
		return // poisoned meanwhile: whoever opens it then holds it to the anchor
	}
	s.enterRecovery(err, mend)
	close(a.closing)
	a.leaving.Lock()
	a.book.close()
	a.leaving.Unlock()
	if err := a.store.Close(); err != nil {
		s.journal.Send(systemd.StoreFault, "letting go of the store", systemd.Cause(err))
	}
}

// lookAtAnchor asks the tokens that are up where the question is open. Drivers
// call it through TokensChanged, and the ticker each second: it waits for
// nothing.
func (s *Server) lookAtAnchor() {
	if cond := s.condition(); cond.mode == InRecovery && cond.awaitsAnchor {
		if s.tokens.isUp(s.logToken) {
			s.aside(s.lookForAnchor)
		}
		return
	}
	a := s.appliance()
	if a == nil {
		return
	}
	for name, tok := range s.tokens.byName {
		if !a.isHeld(name) && len(tok.asking) == 0 && s.tokens.isUp(name) {
			s.aside(func() { s.holdToAnchor(s.calls, a, name) })
		}
	}
}
