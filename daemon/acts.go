package daemon

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/policy"
	"signet/protocol"
	"signet/systemd"
)

// A submission is an act as it arrived, with who brought it.
type submission struct {
	who        Peer
	inAdmin    bool
	act        authority.Act
	raw        string
	content    []byte
	signatures []authority.Signature
}

// An outcome is what an act has become.
type outcome struct {
	event uint64
	entry *register.Entry
}

// A procedure is how one kind of act is carried out. prepare does what may
// take long, with no lock held, so that a suspend never waits for a key to be
// made; change judges the act under the lock and returns what it changes.
// after does what is true only once the act is recorded, and finish, with no
// lock held, what the act permits once: its fault does not undo the act. undo
// takes back what prepare did if the act is certainly not recorded.
type procedure struct {
	prepare func(context.Context) error
	change  func() (store.Change, error)
	after   func()
	finish  func(context.Context) error
	undo    func()
	signs   uint64 // C_Sign calls of prepare, counted in the act's event
}

func (p *procedure) takeBack(err error) {
	// After a failed sync the act may stand in the log once the store is
	// opened again: what it made must then still be there.
	if p.undo != nil && !errors.Is(err, store.ErrPoisoned) {
		p.undo()
	}
}

// procedures is the table of the kinds that are built. The kinds that make or
// re-open a store are in initialise.go and clear.go.
var procedures = map[authority.Kind]func(*appliance, submission) (*procedure, error){
	authority.KeyCreate:     keyCreate,
	authority.EntryActivate: entryActivate,
	authority.EntrySuspend:  entrySuspend,
	authority.EntryResume:   entryResume,
	authority.PolicySet:     policySet,
	authority.TokenClearPIN: tokenClearPIN,
	authority.ClockAccept:   clockAccept,
}

// apply is the one function through which anything changes. An act that is
// refused is an event too.
func (a *appliance) apply(ctx context.Context, sub submission) (outcome, *protocol.Error) {
	done, signs, err := a.carryOut(ctx, sub)
	if err == nil || errors.Is(err, errUnfinished) {
		a.sayApplied(sub, done)
		return done, a.unfinished(done, err)
	}
	return outcome{}, a.refuseAct(sub, signs, err)
}

// errUnfinished is wrapped by the fault of a finish: the act is recorded.
var errUnfinished = errors.New("the act is recorded, but what it permits failed")

// unfinished is the answer to an act that is recorded and whose finish failed.
func (a *appliance) unfinished(done outcome, err error) *protocol.Error {
	if err == nil {
		return nil
	}
	answer, ok := hsmActError(err)
	if !ok {
		answer = a.internal("finishing an act", err)
	}
	answer.Event = &done.event
	return answer
}

// reserve keeps a second copy of an act from being carried out while the first
// is: its nonce is spent only with its record.
func (a *appliance) reserve(nonce string) (release func(), err error) {
	a.acts.Lock()
	defer a.acts.Unlock()
	if a.nonces[nonce] {
		return nil, authority.ErrReplayed
	}
	a.nonces[nonce] = true
	return func() {
		a.acts.Lock()
		defer a.acts.Unlock()
		delete(a.nonces, nonce)
	}, nil
}

func (a *appliance) sayApplied(sub submission, done outcome) {
	a.journal.Send(systemd.ActApplied, fmt.Sprintf("act %s on %s was applied", sub.act.Kind, sub.on()), systemd.Act(string(sub.act.Kind)),
		systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Event(done.event))
}

// on is the act's target for the journal: what has none is about the whole
// appliance.
func (sub submission) on() string {
	if sub.act.Target == "" {
		return "the appliance"
	}
	return sub.act.Target
}

// carryOut returns what the act has become, and how often it had the HSM sign.
func (a *appliance) carryOut(ctx context.Context, sub submission) (done outcome, signs uint64, err error) {
	if err := a.judge(sub); err != nil {
		return outcome{}, 0, err
	}
	release, err := a.reserve(sub.act.Nonce)
	if err != nil {
		return outcome{}, 0, err
	}
	defer release()
	begin, ok := procedures[sub.act.Kind]
	if !ok {
		return outcome{}, 0, fmt.Errorf("%w: %s", errUnsupported, sub.act.Kind)
	}
	p, err := begin(a, sub)
	if err != nil {
		return outcome{}, 0, err
	}
	if p.prepare != nil {
		if err := p.prepare(ctx); err != nil {
			return outcome{}, p.signs, err
		}
	}
	if done, err = a.commitAct(sub, p); err != nil {
		p.takeBack(err)
		return outcome{}, p.signs, err
	}
	if p.finish != nil {
		if err := p.finish(ctx); err != nil {
			return done, p.signs, fmt.Errorf("%w: %w", errUnfinished, err)
		}
	}
	return done, p.signs, nil
}

// errUnsupported is returned for an act of a kind that is not built yet.
var errUnsupported = errors.New("not built yet")

// judge holds an act to all that does not depend on what it changes.
func (a *appliance) judge(sub submission) error {
	if sub.act.Appliance != a.id {
		return fmt.Errorf("%w: it names %.16s…, this is %.16s…", authority.ErrOtherAppliance, sub.act.Appliance, a.id)
	}
	if err := a.genesis.Authorise(sub.act, sub.signatures, sub.inAdmin); err != nil {
		return err
	}
	if err := a.checkActTime(sub.act); err != nil {
		return err
	}
	if err := sub.act.CheckContent(sub.content); err != nil {
		return err
	}
	if err := a.checkPrefix(sub.act); err != nil {
		return err
	}
	return a.checkNonce(sub.act)
}

// checkActTime judges by the later of clock and log. Nonces are dropped by the
// log's time: under a clock that is behind, an act that expired and whose
// nonce is gone would be new again.
func (a *appliance) checkActTime(act authority.Act) error {
	at := a.instant()
	if act.Kind != authority.ClockAccept {
		switch at.Clock {
		case policy.JumpedClock:
			return errClockJumped
		case policy.BehindClock:
			return errClockBehind
		}
	}
	now := at.Time
	if recorded := a.store.Position().Recorded; recorded.After(now) {
		now = recorded
	}
	return act.CheckTime(now)
}

// What is wrong with the clock, where an act cannot be judged by it.
var (
	errClockJumped = errors.New("the clock jumped: mend it, or accept it with signetctl mode clear --accept-clock")
	errClockBehind = errors.New("the clock is behind the log: set it right")
)

// checkPrefix refuses an act made over another history of this log.
func (a *appliance) checkPrefix(act authority.Act) error {
	if size := a.store.Position().Size; act.LogSize == 0 || act.LogSize > size {
		return fmt.Errorf("%w: log_size %d: the log has %d events", authority.ErrMalformed, act.LogSize, size)
	}
	root, err := a.store.RootAt(act.LogSize)
	if err != nil {
		return err
	}
	if fmt.Sprintf("%x", root) != act.LogRoot {
		return fmt.Errorf("%w: log_root is not this log's root at %d events", authority.ErrOtherAppliance, act.LogSize)
	}
	return nil
}

func (a *appliance) checkNonce(act authority.Act) error {
	expiry, err := act.Expiry()
	if err != nil {
		return err
	}
	used, err := a.store.NonceUsed(act.Nonce, expiry)
	if err != nil {
		return err
	}
	if used {
		return authority.ErrReplayed
	}
	return nil
}

// commitAct judges and records the change under the lock of acts: between
// the look at the register and the commit, no other act moves it.
func (a *appliance) commitAct(sub submission, p *procedure) (outcome, error) {
	a.acts.Lock()
	defer a.acts.Unlock()
	if err := a.checkNonce(sub.act); err != nil {
		return outcome{}, err
	}
	change, err := p.change()
	if err != nil {
		return outcome{}, err
	}
	expiry, err := sub.act.Expiry()
	if err != nil {
		return outcome{}, err
	}
	change.Nonce, change.Expiry = sub.act.Nonce, expiry
	change.Blobs = append(change.Blobs, sub.content)
	proof := register.Proof{Act: sub.raw, Signatures: sub.signatures}
	if change.Entry != nil {
		change.Entry.Proof = proof
	}
	if change.Policy != nil {
		change.Policy.Proof = proof
	}
	e := a.actEvent(sub)
	e.Result, e.Count = audit.Allowed, p.signs
	describeKey(e, change.Entry)
	c := &store.Commit{Events: []*audit.Event{e}, Change: &change}
	if err := a.store.Record(c); err != nil {
		a.troubles.record(err.Error())
		return outcome{}, err
	}
	a.troubles.record("")
	a.withdraw()
	if p.after != nil {
		p.after()
	}
	return outcome{event: c.Receipts[0].Event, entry: change.Entry}, nil
}

// describeKey has the event of a new key name it: the log alone then says which
// public key an entry had from its first day, and which transcript is the
// ceremony's.
func describeKey(e *audit.Event, entry *register.Entry) {
	if entry == nil || entry.Key == nil || entry.Rev != 1 {
		return
	}
	if _, public, err := entry.Key.Parse(); err == nil {
		e.Signer, e.Token = signerOf(public), entry.Key.Token
	}
	e.Input, e.Value = "transcript", entry.Key.Transcript
}

func (a *appliance) actEvent(sub submission) *audit.Event {
	at, uid := audit.At(a.clock.from.Real()), sub.who.UID
	e := &audit.Event{
		Kind: audit.KindAct, Decided: &at, Clock: a.clock.syncState(), UID: &uid, GID: &sub.who.GIDs[0], GIDs: sub.who.GIDs[1:],
		PID: sub.who.PID, Unit: sub.who.Unit, Op: string(sub.act.Kind), Act: sub.raw, Role: "unsigned",
	}
	if authority.AboutEntry(sub.act.Kind) {
		e.Entry = sub.act.Target
	}
	return e
}

// refuseAct records a refused act, counted like every refusal.
func (a *appliance) refuseAct(sub submission, signs uint64, err error) *protocol.Error {
	answer := a.actError(err)
	e := a.actEvent(sub)
	rule := ruleAct + "." + string(sub.act.Kind)
	e.Refuse(answer.Name, rule)
	if signs > 0 { // signatures of a ceremony are counted in an event of their own
		e.Count = signs
		answer = a.recordRefusal(e, nil, answer)
	} else {
		answer = a.refuse(refusal{sub.who.UID, e.Entry, rule, answer.Name, audit.Refused}, e, nil, answer)
	}
	fields := []systemd.Field{systemd.Act(string(sub.act.Kind)), systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Reason(answer.Name)}
	if answer.Event != nil { // none where the store could not take it
		fields = append(fields, systemd.Event(*answer.Event))
	}
	a.journal.Send(systemd.ActRefused, fmt.Sprintf("act %s on %s was refused: %s", sub.act.Kind, sub.on(), answer.Name), fields...)
	return answer
}

const ruleAct = "act"

// actCodes maps the refusals of an act to their codes, first match first.
var actCodes = []struct {
	err  error
	code protocol.Code
}{
	{authority.ErrMalformed, protocol.Malformed},
	{authority.ErrExpired, protocol.ActExpired},
	{authority.ErrReplayed, protocol.ActReplayed},
	{authority.ErrOtherAppliance, protocol.OtherAppliance},
	{authority.ErrRole, protocol.RoleRefused},
	{authority.ErrTooFew, protocol.TooFew},
	{authority.ErrDuplicate, protocol.DuplicateSigner},
	{authority.ErrSignature, protocol.BadActSignature},
	{register.ErrTransition, protocol.IllegalTransition},
	{errUnsupported, protocol.Unsupported},
	{errClockJumped, protocol.ClockJumped},
	{errClockBehind, protocol.ClockBehind},
	{errNoEntry, protocol.UnknownEntry},
	{errNoToken, protocol.Malformed},
	{errConflict, protocol.Conflict},
}

func (a *appliance) actError(err error) *protocol.Error {
	for _, row := range actCodes {
		if errors.Is(err, row.err) {
			return protocol.NewError(row.code, "%s", withoutCode(err, row.err))
		}
	}
	if isStoreError(err) {
		return storeError(err)
	}
	if e, ok := hsmActError(err); ok {
		return e
	}
	return a.internal("carrying out an act", err)
}

// withoutCode leaves out the words that the code says already.
func withoutCode(err, sentinel error) string {
	switch sentinel {
	case authority.ErrMalformed, register.ErrTransition, errConflict:
		return strings.TrimPrefix(err.Error(), sentinel.Error()+": ")
	}
	return err.Error()
}

func isStoreError(err error) bool {
	return errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrPoisoned) || errors.Is(err, store.ErrClosed)
}

// Faults of an act's target.
var (
	errNoEntry  = errors.New("no entry of that id")
	errNoToken  = errors.New("no token of that name in the configuration")
	errConflict = errors.New("conflict")
)

// target returns the entry that an act is about.
func (a *appliance) target(sub submission) (register.Entry, error) {
	acct := a.book.find(sub.act.Target)
	if acct == nil {
		return register.Entry{}, fmt.Errorf("%w: %s", errNoEntry, strconv.Quote(sub.act.Target))
	}
	return acct.entry, nil
}

func (a *appliance) now() time.Time { return a.clock.from.Real().UTC() }
