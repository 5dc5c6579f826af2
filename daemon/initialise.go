package daemon

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/systemd"
)

// initialise carries out the init act: the one that makes a store. It is
// taken in mode uninitialised only, and once.
func (s *Server) initialise(ctx context.Context, sub *submission) (outcome, *protocol.Error) {
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
		return outcome{}, initError(err)
	}
	a, made, err := s.create(ctx, *sub, genesis)
	if err != nil {
		return outcome{}, s.createError(err)
	}
	s.adopt(a)
	s.journal.Send(systemd.ActApplied, fmt.Sprintf("appliance %s was initialised (authority %s, crypto %s)", genesis.Appliance, genesis.Authority, genesis.Crypto),
		systemd.Act(string(sub.act.Kind)), systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Appliance(a.id), systemd.Event(0))
	return outcome{event: 0, made: made}, nil
}

// createError is the answer to an init that did not come to its end.
func (s *Server) createError(err error) *protocol.Error {
	if errors.Is(err, errHalfMade) {
		s.enterFault(err)
		return s.condition().refusal()
	}
	if answer, ok := hsmActError(err); ok {
		return answer
	}
	if answer := initError(err); answer.Code != uint32(protocol.Internal) {
		return answer
	}
	s.journal.Send(systemd.StoreFault, "the store could not be made", systemd.Cause(err))
	if errors.Is(err, unix.ENOSPC) {
		return protocol.NewError(protocol.StoreFull, "the state directory %s has no room for the store: make room and hand the act in again", s.stateDir).RetryIn(storeRetry)
	}
	return protocol.NewError(protocol.Internal, "the store could not be made: see the journal")
}

// initError maps what is wrong with an init to its code.
func initError(err error) *protocol.Error {
	for _, row := range actCodes {
		if errors.Is(err, row.err) {
			return protocol.NewError(row.code, "%s", withoutCode(err, row.err))
		}
	}
	return protocol.NewError(protocol.Internal, "")
}

func (s *Server) judgeInit(sub *submission) (authority.Genesis, error) {
	if sub.act.Appliance != "" {
		return authority.Genesis{}, fmt.Errorf("%w: appliance: empty for init, the id is made by it", authority.ErrMalformed)
	}
	now := s.sources.Real().UTC()
	if err := sub.act.CheckTime(now); err != nil {
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
	if _, err := recipientsOf(genesis); err != nil {
		return authority.Genesis{}, err
	}
	if err := s.checkTokens(genesis); err != nil {
		return authority.Genesis{}, err
	}
	sub.signers, err = genesis.Authorise(authority.Roll{}, authority.Case{
		Act: sub.act, Raw: sub.raw, Content: sub.content, Signatures: sub.signatures, At: now, InAdminGroup: sub.inAdmin,
	})
	return genesis, err
}

// errHalfMade is wrapped where the store has its name and init could not go on.
// What the store names, above all the key of its log, stays where it is.
var errHalfMade = errors.New("init made the store and then failed")

// create makes what init makes: the key of the log, the store, and on the
// token of the key the anchor. In this order, so that a crash leaves what can
// be told apart: a key that nothing names, or a store that opens with a
// warning; an anchor without its store would be an appliance that was lost.
func (s *Server) create(ctx context.Context, sub submission, genesis authority.Genesis) (*appliance, register.Facts, error) {
	var facts register.Facts
	var blobs [][]byte
	var signs uint64
	undo := func() {}
	if s.hasStore() {
		return nil, facts, fmt.Errorf("%w: %s is there: restart signetd, which opens it or says what is wrong with it", errConflict, s.storePath())
	}
	if genesis.Authority == authority.Officers {
		m, report, err := s.makeLogKey(ctx, sub, genesis)
		if err != nil {
			return nil, facts, err
		}
		undo, signs = m.undo, m.signs
		facts = register.Facts{Key: m.record(), Made: authority.ContentHash(report)}
		blobs = [][]byte{m.transcript, report}
	} else if err := s.refuseAnchored(ctx); err != nil {
		return nil, facts, err
	}
	a, err := s.createStore(sub, genesis, facts, blobs, signs)
	if err != nil && s.hasStore() {
		return nil, facts, fmt.Errorf("%w: %w", errHalfMade, err)
	}
	if err != nil {
		undo()
		return nil, facts, err
	}
	if genesis.LogKey == nil {
		return a, facts, nil
	}
	if err := s.anchorNew(ctx, a); err != nil {
		return nil, facts, s.unmake(a, undo, err)
	}
	return a, facts, nil
}

// hasStore tells whether there is something of the store's name, or nobody
// knows.
func (s *Server) hasStore() bool {
	_, err := os.Lstat(s.storePath())
	return !errors.Is(err, fs.ErrNotExist)
}

// errNotAnchored is returned if the token has certainly not taken the anchor.
var errNotAnchored = errors.New("the token has not taken the anchor")

// anchorNew gives the token of the log key its first anchor. If that fails the
// token is asked what it has: an answer that came too late is no reason to leave
// the anchor of an appliance that never was.
func (s *Server) anchorNew(ctx context.Context, a *appliance) error {
	name, ours := a.genesis.LogKey.Token, a.anchor()
	if err := s.tokens.writeAnchor(ctx, name, ours); err != nil {
		ctx, cancel := context.WithTimeout(s.calls, anchorTimeout)
		defer cancel()
		found, rerr := s.tokens.readAnchor(ctx, name)
		switch late := hsm.ClassOf(err) == hsm.ClassDeadline; { // then it may still come
		case rerr == nil && found == nil && !late:
			return fmt.Errorf("%w: %w", errNotAnchored, err)
		case rerr != nil || found == nil || *found != ours:
			return errors.Join(fmt.Errorf("writing the anchor: %w", err), rerr)
		}
	}
	s.tokens.byName[name].heldTo.Store(a)
	return nil
}

// unmake takes init back if there is certainly no anchor of it: first the store,
// for good, then the key. A key that a store names is never destroyed, nor a
// store removed whose anchor may be on the token.
func (s *Server) unmake(a *appliance, undo func(), err error) error {
	if !errors.Is(err, errNotAnchored) {
		return errors.Join(fmt.Errorf("%w: %w", errHalfMade, err), a.store.Close())
	}
	if gone := errors.Join(a.store.Close(), os.Remove(s.storePath()), syncDirectory(s.stateDir)); gone != nil {
		return fmt.Errorf("%w: %w", errHalfMade, errors.Join(err, gone))
	}
	undo()
	return err
}

// refuseAnchored holds init without officers to the anchors of all tokens that
// are up. To the others the store is held as they come up; the one that [log]
// names has to answer now.
func (s *Server) refuseAnchored(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, anchorTimeout)
	defer cancel()
	for _, status := range s.tokens.status() {
		isLog := status.Name == s.logToken
		if status.State != hsm.StateUp && !isLog {
			continue
		}
		if err := s.checkUnanchored(ctx, status.Name); err != nil && (isLog || !isHSMFault(err)) {
			return err
		}
	}
	return nil
}

// checkUnanchored is nil if the token answers that it has no anchor: one would be
// that of an appliance whose store was put aside.
func (s *Server) checkUnanchored(ctx context.Context, name string) error {
	found, err := s.tokens.readAnchor(ctx, name)
	switch {
	case errors.Is(err, errAnchor):
		return fmt.Errorf("%w: %w: %s", errConflict, err, s.cure(err))
	case err != nil:
		return err
	case found != nil:
		return fmt.Errorf("%w: %w: token %s, appliance %.16s…: %s", errConflict, errAnchored, name, found.Appliance, mendAnchored)
	}
	return nil
}

func (a *appliance) anchor() anchor {
	at := a.store.Position()
	return anchor{Appliance: a.id, Epoch: at.Epoch, Size: at.Size, Root: hex.EncodeToString(at.Root[:])}
}

// A product is a token as the officers saw it and as it describes itself.
type product struct {
	authority.Product
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	TokenSerial  string `json:"token_serial"`
	Firmware     string `json:"firmware"`
	Module       string `json:"module"`
	URI          string `json:"uri"`
	Profile      string `json:"profile"`
	Production   bool   `json:"production"`
	Anchor       string `json:"anchor"` // none: what it answered
}

// An initReport is the transcript of init beside that of the key.
type initReport struct {
	Appliance string          `json:"appliance"`
	Products  []product       `json:"products"`
	LogKey    json.RawMessage `json:"log_key"` // transcript of its ceremony
}

// initReport reads the transcript of init, which the genesis event binds.
func (a *appliance) initReport() (r initReport, err error) {
	e, _, err := a.store.Event(0)
	if err != nil {
		return r, err
	}
	facts, err := readFacts(a.store, e.Value)
	if err != nil {
		return r, err
	}
	text, err := a.store.Blob(facts.Made)
	if err != nil {
		return r, err
	}
	if authority.ContentHash(text) != facts.Made {
		return r, fmt.Errorf("%w: it is not the one of the genesis event", store.ErrDamaged)
	}
	return r, json.Unmarshal(text, &r)
}

// makeLogKey looks at every token and makes the key of the log on its own.
func (s *Server) makeLogKey(ctx context.Context, sub submission, genesis authority.Genesis) (*keyMaking, []byte, error) {
	products, err := s.lookAtTokens(ctx, genesis)
	if err != nil {
		return nil, nil, err
	}
	typ, err := algo.ParseKeyType(genesis.LogKey.Type)
	if err != nil {
		return nil, nil, err
	}
	m := &keyMaking{
		tokens: s.tokens, journal: s.journal, uid: sub.who.UID, driver: s.tokens.byName[genesis.LogKey.Token].driver,
		token: genesis.LogKey.Token, spec: hsm.Spec{Type: typ, Label: genesis.LogKey.Label},
	}
	if err := m.make(ctx); err != nil {
		return nil, nil, err
	}
	report, err := json.Marshal(initReport{Appliance: genesis.Appliance, Products: products, LogKey: m.transcript})
	if err != nil {
		m.undo()
		return nil, nil, fmt.Errorf("encoding the report of init: %w", err)
	}
	return m, report, nil
}

// checkTokens compares the ceremony's tokens with those of signetd.toml. It asks
// no token, so that what is wrong is said to the first who signs, not after the
// last one.
func (s *Server) checkTokens(genesis authority.Genesis) error {
	if genesis.Authority != authority.Officers {
		return nil
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: %s", authority.ErrMalformed, fmt.Sprintf(format, args...)))
	}
	switch {
	case s.logToken == "":
		fault("log_key.token is %q: signetd.toml has no [log] section, which has to name it", genesis.LogKey.Token)
	case s.logToken != genesis.LogKey.Token:
		fault("log_key.token is %q: [log] of signetd.toml names %q", genesis.LogKey.Token, s.logToken)
	}
	for _, name := range s.tokens.names() {
		if !slices.ContainsFunc(genesis.Tokens, func(p authority.Product) bool { return p.Name == name }) {
			fault("tokens: signetd.toml has the token %q, which the ceremony does not describe", name)
		}
	}
	for _, p := range genesis.Tokens {
		if s.tokens.byName[p.Name] == nil {
			fault("tokens: signetd.toml has no token %q", p.Name)
		}
	}
	return errors.Join(faults...)
}

// lookAtTokens asks every token what it is. None may have an anchor: it would be
// that of an appliance whose store was put aside.
func (s *Server) lookAtTokens(ctx context.Context, genesis authority.Genesis) ([]product, error) {
	var products []product
	var faults []error
	for _, status := range s.tokens.status() {
		i := slices.IndexFunc(genesis.Tokens, func(p authority.Product) bool { return p.Name == status.Name })
		p, err := s.lookAtToken(ctx, genesis.Tokens[i], status)
		products, faults = append(products, p), append(faults, err)
	}
	return products, errors.Join(faults...)
}

func (s *Server) lookAtToken(ctx context.Context, p authority.Product, status hsm.TokenStatus) (product, error) {
	out := product{
		Product: p, Manufacturer: status.Manufacturer, Model: status.Model, TokenSerial: status.Serial, Firmware: status.Firmware,
		Module: status.Module, URI: status.URI, Profile: status.Profile, Production: status.Production, Anchor: "none",
	}
	if err := s.checkUnanchored(ctx, p.Name); err != nil {
		return out, err
	}
	if p.Serial != "" && p.Serial != status.Serial {
		return out, fmt.Errorf("%w: tokens: %s has the serial number %q, the ceremony says %q", authority.ErrMalformed, p.Name, status.Serial, p.Serial)
	}
	return out, nil
}

// createStore makes the store and opens it. The marker follows at adoption: a
// crash between the two leaves a store without a marker, which opens.
func (s *Server) createStore(sub submission, genesis authority.Genesis, facts register.Facts, blobs [][]byte, signs uint64) (*appliance, error) {
	now := s.sources.Real()
	expiry, err := sub.act.Expiry()
	if err != nil {
		return nil, err
	}
	e := s.genesisEvent(sub, audit.At(now))
	e.Count = signs
	if facts.Key != nil {
		text, err := facts.Marshal()
		if err != nil {
			return nil, err
		}
		e.Input, e.Value = factsInput, authority.ContentHash(text)
		blobs = append(blobs, text)
		describeKey(e, facts)
	}
	id, err := store.Create(s.storePath(), store.Genesis{
		Event: e, Content: sub.content, Blobs: blobs, Nonce: sub.act.Nonce, Expiry: expiry,
		Staff: register.NewStaff(genesis, register.Proof{Act: sub.raw, Signatures: sub.signatures}),
	}, now)
	if err != nil {
		return nil, err
	}
	return s.openAppliance(&marker{Appliance: id, Epoch: 1, Size: 0, Root: emptyRoot})
}

func (s *Server) genesisEvent(sub submission, at audit.Time) *audit.Event {
	uid := sub.who.UID
	rule, _ := authority.RuleOf(sub.act.Kind)
	return &audit.Event{
		Decided: &at, UID: &uid, GID: &sub.who.GIDs[0], GIDs: sub.who.GIDs[1:], PID: sub.who.PID, Unit: sub.who.Unit,
		Op: string(sub.act.Kind), Act: sub.raw, ActSigs: authority.SignatureTexts(sub.signatures), Role: roleOf(sub.signers),
		Opcode: rule.Opcode, Result: audit.Allowed,
	}
}

// emptyRoot is the root of the log of no events: SM3 of nothing.
const emptyRoot = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"
