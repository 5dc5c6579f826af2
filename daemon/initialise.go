package daemon

import (
	"errors"
	"fmt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/systemd"
)

// initialise carries out the init act: the one that makes a store. It is
// taken in mode uninitialised only, and once.
func (s *Server) initialise(sub submission) (outcome, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	if cond := s.condition(); cond.mode != Uninitialised {
		if s.appliance() != nil {
			return outcome{}, protocol.NewError(protocol.Conflict, "this appliance is initialised already")
		}
		return outcome{}, cond.refusal()
	}
	genesis, err := s.judgeInit(sub)
	if err != nil {
		return outcome{}, protocol.NewError(initCode(err), "%s", err.Error())
	}
	a, err := s.create(sub)
	if err != nil {
		s.journal.Send(systemd.StoreFault, "the store could not be made", systemd.Cause(err))
		return outcome{}, protocol.NewError(protocol.Internal, "the store could not be made: see the journal")
	}
	s.adopt(a)
	s.journal.Send(systemd.ActApplied, fmt.Sprintf("appliance %s was initialised (authority %s, crypto %s)", genesis.Appliance, genesis.Authority, genesis.Crypto),
		systemd.Act(string(sub.act.Kind)), systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Appliance(a.id), systemd.Event(0))
	return outcome{event: 0}, nil
}

func initCode(err error) protocol.Code {
	for _, row := range actCodes {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	return protocol.Malformed
}

func (s *Server) judgeInit(sub submission) (authority.Genesis, error) {
	if sub.act.Appliance != "" {
		return authority.Genesis{}, fmt.Errorf("%w: appliance: empty for init, the id is made by it", authority.ErrMalformed)
	}
	if err := sub.act.CheckTime(s.sources.Real().UTC()); err != nil {
		return authority.Genesis{}, err
	}
	if err := sub.act.CheckContent(sub.content); err != nil {
		return authority.Genesis{}, err
	}
	genesis, err := authority.ParseGenesis(sub.content)
	if err != nil {
		return authority.Genesis{}, err
	}
	if genesis.Appliance != s.name {
		return authority.Genesis{}, fmt.Errorf("%w: appliance %q: signetd.toml names %q", authority.ErrMalformed, genesis.Appliance, s.name)
	}
	return genesis, genesis.Authorise(sub.act, sub.signatures, sub.inAdmin)
}

// create makes the store and opens it. The marker follows at adoption: a
// crash between the two leaves a store without a marker, which opens.
func (s *Server) create(sub submission) (*appliance, error) {
	now := s.sources.Real()
	expiry, err := sub.act.Expiry()
	if err != nil {
		return nil, err
	}
	at, uid := audit.At(now), sub.who.UID
	e := &audit.Event{
		Decided: &at, UID: &uid, GID: &sub.who.GIDs[0], GIDs: sub.who.GIDs[1:], PID: sub.who.PID, Unit: sub.who.Unit,
		Op: string(sub.act.Kind), Act: sub.raw, Role: "unsigned", Result: audit.Allowed,
	}
	id, err := store.Create(s.storePath(), store.Genesis{Event: e, Content: sub.content, Nonce: sub.act.Nonce, Expiry: expiry}, now)
	if err != nil {
		return nil, err
	}
	return s.openAppliance(&marker{Appliance: id, Size: 0, Root: emptyRoot})
}

// emptyRoot is the root of the log of no events: SM3 of nothing.
const emptyRoot = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"
