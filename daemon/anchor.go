package daemon

import (
	"cmp"
	"context"
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
	t.anchors.Lock()
	defer t.anchors.Unlock()
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
	t.anchors.Lock()
	defer t.anchors.Unlock()
	return tok.driver.PutData(ctx, name, anchorLabel, value)
}

// Faults that an anchor shows.
var (
	errAnchor       = errors.New("the anchor on the token cannot be read")
	errAnchored     = errors.New("the token has the anchor of an appliance")
	errOtherAnchor  = errors.New("the token's anchor is of another appliance")
	errBehindAnchor = errors.New("the store is older than the token's anchor")
	errLogToken     = errors.New("signetd.toml names another token for the log than this appliance was made with: nothing would hold the store to its anchor")
)

const mendAnchored = "the store of that appliance is missing: restore a backup (signetctl restore FILE); another appliance needs another token"

// lookForAnchor decides, where there is neither store nor marker, between
// uninitialised and recovery: until the token of the log key has answered that
// it has no anchor, nobody knows that nothing was lost.
func (s *Server) lookForAnchor() {
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
		return // asked again when the token has moved
	case found != nil:
		s.enterRecovery(fmt.Errorf("%w: token %s, appliance %.16s…, %d events", errAnchored, s.logToken, found.Appliance, found.Size), mendAnchored)
	default:
		s.enter(uninitialisedCondition())
	}
}

// holdToAnchor compares the open store with the anchor, once. A token that does
// not answer leaves the question open: it is asked again when the token has
// moved.
func (s *Server) holdToAnchor(ctx context.Context, a *appliance) {
	ctx, cancel := context.WithTimeout(ctx, anchorTimeout)
	defer cancel()
	select {
	case s.anchoring <- struct{}{}:
		defer func() { <-s.anchoring }()
	case <-ctx.Done():
		return
	}
	if !s.anchorDue.Load() || s.appliance() != a {
		return
	}
	found, err := s.tokens.readAnchor(ctx, s.logToken)
	if err == nil {
		err = a.judgeAnchor(found)
	}
	switch {
	case hsm.ClassOf(err) != 0:
	case errors.Is(err, errNoAnchor):
		s.warn("log.token", err.Error())
		s.anchorDue.Store(false)
	case err != nil:
		s.abandon(a, err, s.cure(err))
	case found != nil && found.Epoch < a.store.Position().Epoch:
		s.reanchor(ctx, a)
	default:
		s.anchorDue.Store(false)
	}
}

// awaitAnchor keeps a use waiting until the open store was held to the anchor:
// between the moment that the token of the log key is up and its answer, an
// older store would sign. While that token is out, keys of other tokens are
// used: nobody can say that the store is not the right one.
func (s *Server) awaitAnchor(ctx context.Context, a *appliance, entry string) *protocol.Error {
	if s.logToken == "" || !s.anchorDue.Load() {
		return nil
	}
	acct := a.book.find(entry)
	beside := acct != nil && acct.key.Token == s.logToken
	if !beside && !s.tokens.isUp(s.logToken) {
		return nil
	}
	s.holdToAnchor(ctx, a)
	if _, fault := s.live(); fault != nil {
		return fault
	}
	if beside && s.anchorDue.Load() {
		return protocol.NewError(protocol.HSMUnavailable, "the token has not said yet whether this store is the newest").RetryIn(hsmRetry)
	}
	return nil
}

// errNoAnchor is a warning: a missing anchor is no forged proof.
var errNoAnchor = errors.New("the token of the log key has no anchor: nothing on it vouches for the age of the store")

// judgeAnchor: a store of authority development has none, and must not lie
// beside that of another appliance either: it would take acts unsigned.
func (a *appliance) judgeAnchor(found *anchor) error {
	switch at := a.store.Position(); {
	case found == nil && a.genesis.LogKey == nil:
		return nil
	case found == nil:
		return errNoAnchor
	case found.Appliance != a.id:
		return fmt.Errorf("%w: %.16s…, the store is of %.16s…", errOtherAnchor, found.Appliance, a.id)
	case found.Epoch > at.Epoch:
		return fmt.Errorf("%w: it is of epoch %d, the anchor of epoch %d", errBehindAnchor, at.Epoch, found.Epoch)
	case found.Epoch == at.Epoch && found.Size > at.Size:
		return fmt.Errorf("%w: %d events, the anchor knew %d", errBehindAnchor, at.Size, found.Size)
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

// lookAtAnchor asks the token of the log key when it is up and the question is
// open. Drivers call it through TokensChanged: it waits for nothing.
func (s *Server) lookAtAnchor() {
	if s.logToken == "" || !s.tokens.isUp(s.logToken) {
		return
	}
	if cond := s.condition(); cond.mode == InRecovery && cond.awaitsAnchor {
		s.aside(s.lookForAnchor)
		return
	}
	if a := s.appliance(); a != nil && s.anchorDue.Load() {
		s.aside(func() { s.holdToAnchor(s.calls, a) })
	}
}

func (t *tokens) isUp(name string) bool {
	for _, s := range t.status() {
		if s.Name == name {
			return s.State == hsm.StateUp
		}
	}
	return false
}
