package daemon

import (
	"fmt"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/systemd"
)

// clearPoison carries out the act that ends mode poisoned. The store is
// opened anew, which rewrites its meta pages first; the act is judged against
// the genesis found there and becomes the first event. If it is refused, store and
// mode stay as they were.
func (s *Server) clearPoison(sub *submission) (outcome, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	cond := s.condition()
	if cond.mode != PoisonedMode {
		return outcome{}, protocol.NewError(protocol.Conflict, "mode is %v: there is nothing to clear", cond.mode)
	}
	if !sub.inAdmin {
		return outcome{}, protocol.NewError(protocol.RoleRefused, "mode clear is for members of group signet-admin")
	}
	a, err := s.reopen()
	if err != nil {
		return outcome{}, s.stillPoisoned(cond, err)
	}
	done, err := a.clear(sub)
	if err != nil {
		answer := a.actError(err)
		return outcome{}, s.stillPoisonedAs(cond, answer, a.store.Close())
	}
	if err := unmarkPoison(s.runtimeDir); err != nil {
		answer := protocol.NewError(protocol.Poisoned, "the act is recorded, but the mark could not be removed: %s; remove it and restart signetd", err.Error())
		return outcome{}, s.stillPoisonedAs(cond, answer, a.store.Close())
	}
	s.adopt(a)
	a.sayApplied(*sub, done)
	return done, nil
}

// reopen lets go of what a failed sync left and opens the store. bbolt holds
// its lock by descriptor, so the old one has to go first.
func (s *Server) reopen() (*appliance, error) {
	m, err := s.lastKnown()
	if err != nil {
		return nil, err
	}
	if err := s.letGoPoisoned(); err != nil {
		return nil, err
	}
	return s.openAppliance(m)
}

// letGoPoisoned closes what a failed sync left, which writes nothing.
func (s *Server) letGoPoisoned() error {
	s.mu.Lock()
	old := s.poisoned
	s.poisoned = nil
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	if err := old.store.Close(); err != nil {
		return fmt.Errorf("letting go of the store: %w", err)
	}
	// An answer may still wait for its reader under a permit of this book,
	// which no act turns any more: it would outlast a suspension.
	old.leaving.Lock()
	defer old.leaving.Unlock()
	old.book.close()
	return nil
}

// lastKnown is the marker, or how far the log had come in this process if that
// is further: what was answered must be in the store that is opened again.
func (s *Server) lastKnown() (*marker, error) {
	m, err := readMarker(s.stateDir)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	old := s.poisoned
	s.mu.Unlock()
	if old == nil {
		return m, nil
	}
	if known := markerOf(old.store); m == nil || m.before(&known) {
		return &known, nil
	}
	return m, nil
}

// clear judges the act and records it.
func (a *appliance) clear(sub *submission) (outcome, error) {
	if err := a.judge(sub); err != nil {
		return outcome{}, err
	}
	if err := authority.ParseContent(sub.content, &authority.Nothing{}); err != nil {
		return outcome{}, err
	}
	return a.commitAct(*sub, new(procedure))
}

// stillPoisoned leaves the mode as it was. A store that cannot be opened cannot
// say who may clear it: a reboot then shows what is wrong with it.
func (s *Server) stillPoisoned(cond condition, err error) *protocol.Error {
	answer := protocol.NewError(protocol.Poisoned, "the store could not be opened: %s; mend that and run it again, or reboot: signetd then says what is wrong with the store", err.Error())
	return s.stillPoisonedAs(cond, answer, nil)
}

func (s *Server) stillPoisonedAs(cond condition, answer *protocol.Error, err error) *protocol.Error {
	if err != nil {
		s.journal.Send(systemd.StoreFault, "letting go of the store", systemd.Cause(err))
	}
	if now := s.condition(); now.mode != PoisonedMode {
		s.enter(cond) // a sync that failed meanwhile has said so itself
	}
	return answer
}
