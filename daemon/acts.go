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
	"signet/daemon/internal/certificate"
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
	signers    []authority.Signer // found by judge
	authorised bool               // by these signers
}

// An outcome is what an act has become.
type outcome struct {
	event uint64
	entry *register.Entry
	made  register.Facts
}

// A procedure is how one kind of act is carried out. What it makes of an entry
// is for the register to say (register.Apply); a procedure is what the world
// has to do with it. prepare does what may take long, with no lock held, so
// that a suspend never waits for a key to be made; it finds the facts. check
// judges under the lock what the register cannot. after does what is true only
// once the act is recorded, and finish, with no lock held, what the act permits
// once: its fault does not undo the act. undo takes back what prepare did if
// the act is certainly not recorded.
type procedure struct {
	prepare func(context.Context) error
	check   func() error
	after   func()
	finish  func(context.Context) error
	undo    func()
	facts   register.Facts
	blobs   [][]byte        // that the facts name
	signs   uint64          // C_Sign calls of prepare, counted in the act's event
	epoch   uint64          // in which the log goes on; 0: the one it is in
	beside  []*audit.Event  // events that are recorded with the act's
	staff   *officersChange // of an act that changes the officers
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
	authority.OfficerChange:  officerChange,
	authority.KeyCreate:      keyCreate,
	authority.KeyAdopt:       keyAdopt,
	authority.KeyDestroy:     keyDestroy,
	authority.EntryActivate:  byRegister,
	authority.EntrySuspend:   byRegister,
	authority.EntryResume:    byRegister,
	authority.EntryCancel:    byRegister,
	authority.PolicySet:      policySet,
	authority.PolicyNarrow:   policySet,
	authority.ApprovalGrant:  approvalDecided,
	authority.ApprovalDeny:   approvalDecided,
	authority.ApprovalRevoke: approvalDecided,
	authority.CertRequest:    certRequest,
	authority.CertImport:     certImport,
	authority.CRLImport:      crlImport,
	authority.SelfTest:       selfTest,
	authority.Backup:         backUp,
	authority.TokenClearPIN:  tokenClearPIN,
	authority.ClockAccept:    clockAccept,
}

// apply is the one function through which anything changes. An act that is
// refused is an event too.
func (a *appliance) apply(ctx context.Context, sub *submission) (outcome, *protocol.Error) {
	done, signs, err := a.carryOut(ctx, sub)
	if err == nil || errors.Is(err, errUnfinished) {
		a.sayApplied(*sub, done)
		return done, a.unfinished(done, err)
	}
	return outcome{}, a.refuseAct(*sub, signs, err)
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
func (a *appliance) carryOut(ctx context.Context, sub *submission) (done outcome, signs uint64, err error) {
	if err := a.judge(sub); err != nil {
		return outcome{}, 0, a.orEarlier(sub, err)
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
	p, err := begin(a, *sub)
	if err != nil {
		return outcome{}, 0, err
	}
	if p.prepare != nil {
		if err := p.prepare(ctx); err != nil {
			return outcome{}, p.signs, err
		}
	}
	if done, err = a.commitAct(*sub, p); err != nil {
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

// orEarlier tells the first officer who signs, and not only the last, what is
// wrong with the content itself: of a policy an account that does not exist.
func (a *appliance) orEarlier(sub *submission, err error) error {
	begin, ok := procedures[sub.act.Kind]
	if !errors.Is(err, authority.ErrTooFew) || len(sub.signers) == 0 || !ok {
		return err
	}
	if _, early := begin(a, *sub); errors.Is(early, authority.ErrMalformed) {
		return early
	}
	return err
}

// errUnsupported is returned for an act of a kind that is not built yet.
var errUnsupported = errors.New("not built yet")

// judge holds an act to all that does not depend on what it changes, and finds
// out who signed it. The prefix comes last: it may hash the log anew, which
// nobody without signatures has done for him.
func (a *appliance) judge(sub *submission) error {
	if sub.act.Appliance != a.id {
		return fmt.Errorf("%w: it names %.16s…, this is %.16s…", authority.ErrOtherAppliance, sub.act.Appliance, a.id)
	}
	if err := a.checkActTime(sub.act); err != nil {
		return err
	}
	if err := sub.act.CheckContent(sub.content); err != nil {
		return err
	}
	if err := a.checkNonce(sub.act); err != nil {
		return err
	}
	if err := a.authorise(sub, a.now()); err != nil {
		return err
	}
	return a.checkPrefix(sub.act)
}

// authorise finds the persons who signed. Certificates of officers must be
// valid now.
func (a *appliance) authorise(sub *submission, at time.Time) error {
	c := authority.Case{
		Act: sub.act, Raw: sub.raw, Content: sub.content, Signatures: sub.signatures, At: at, InAdminGroup: sub.inAdmin,
	}
	if authority.AboutEntry(sub.act.Kind) {
		c.On.Entry = sub.act.Target
		if acct := a.book.find(sub.act.Target); acct != nil {
			c.On.Owner = acct.entry.Owner
		}
	}
	var err error
	sub.signers, err = a.genesis.Authorise(a.roster.roll(), c)
	sub.authorised = err == nil && len(sub.signers) > 0
	return err
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
	if act.LogSize <= a.roster.wentOn {
		return fmt.Errorf("%w: it was made before event %d put an older log in force: make it anew", authority.ErrOtherAppliance, a.roster.wentOn)
	}
	root, err := a.rootAt(act)
	if err != nil {
		return err
	}
	if fmt.Sprintf("%x", root) != act.LogRoot {
		return fmt.Errorf("%w: log_root is not this log's root at %d events", authority.ErrOtherAppliance, act.LogSize)
	}
	return nil
}

// rootAt is the root that the act must name. What takes no signatures must name
// a log of lately, and hashing the log anew is for one at a time: nobody has
// the processors taken from those who sign by asking for old roots.
func (a *appliance) rootAt(act authority.Act) (audit.Hash, error) {
	if root, ok := a.store.RecentRoot(act.LogSize); ok {
		return root, nil
	}
	if rule, _ := authority.RuleOf(act.Kind); rule.Unsigned {
		return audit.Hash{}, fmt.Errorf("%w: log_size %d is too old for an act without signatures: make it anew", authority.ErrMalformed, act.LogSize)
	}
	a.hashing.Lock()
	defer a.hashing.Unlock()
	return a.store.RootAt(act.LogSize)
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
	if used || a.roster.isSpent(act.Nonce) {
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
	if p.check != nil {
		if err := p.check(); err != nil {
			return outcome{}, err
		}
	}
	e := a.actEvent(sub)
	// Once more: an act that changed the officers may have come between, and
	// whoever reads the log judges by the officers of its order.
	if err := a.authorise(&sub, e.Decided.Time()); err != nil {
		return outcome{}, err
	}
	e.Result, e.Count, e.Role = audit.Allowed, p.signs, roleOf(sub.signers)
	change, err := a.change(sub, p, e)
	if err != nil {
		return outcome{}, err
	}
	c := &store.Commit{Events: append([]*audit.Event{e}, p.beside...), Change: change}
	if err := a.store.Record(c); err != nil {
		a.troubles.record(err.Error())
		return outcome{}, err
	}
	a.troubles.record("")
	a.withdraw()
	if p.staff != nil {
		a.roster.enter(p.staff.roll, change.Staff, e.Seq)
	}
	if p.after != nil {
		p.after()
	}
	done := outcome{event: c.Receipts[0].Event, made: p.facts}
	if authority.AboutEntry(sub.act.Kind) {
		if acct := a.book.find(sub.act.Target); acct != nil {
			done.entry = &acct.entry
		}
	}
	return done, nil
}

// change is what the act makes durable, with the event that says so.
func (a *appliance) change(sub submission, p *procedure, e *audit.Event) (*store.Change, error) {
	expiry, err := sub.act.Expiry()
	if err != nil {
		return nil, err
	}
	facts, err := p.facts.Marshal()
	if err != nil {
		return nil, err
	}
	change := &store.Change{Nonce: sub.act.Nonce, Expiry: expiry, Epoch: p.epoch, Blobs: append(p.blobs, sub.content)}
	if string(facts) != "{}" {
		e.Input, e.Value = factsInput, authority.ContentHash(facts)
		change.Blobs = append(change.Blobs, facts)
	}
	applied := register.Applied{
		Act: sub.act, Content: sub.content, Facts: p.facts, At: e.Decided.Time(),
		Proof: register.Proof{Act: sub.raw, Signatures: sub.signatures},
	}
	if p.staff != nil {
		if p.staff.roll, change.Staff, err = a.roster.change(sub.content, applied.Proof); err != nil {
			return nil, err
		}
		if err := p.staff.roll.CheckAt(applied.At); err != nil {
			return nil, fmt.Errorf("%w: %w", authority.ErrMalformed, err)
		}
	}
	for _, id := range touched(sub.act, p.facts) {
		if err := a.changeEntry(id, applied, change); err != nil {
			return nil, err
		}
	}
	describeKey(e, p.facts)
	return change, nil
}

// touched are the entries that an act is on.
func touched(act authority.Act, f register.Facts) []string {
	if authority.AboutEntry(act.Kind) {
		return []string{act.Target}
	}
	var ids []string
	for _, r := range f.Revoked {
		ids = append(ids, r.Entry)
	}
	return ids
}

// changeEntry adds what the act makes of one entry. A record that is not
// proven is not built on.
func (a *appliance) changeEntry(id string, applied register.Applied, change *store.Change) error {
	var before register.Entry
	if acct := a.book.find(id); acct != nil {
		if err := a.prove(acct); err != nil {
			return err
		}
		before = acct.entry
		if before.PolicyRev != 0 {
			applied.Policy = &acct.record
		}
	} else if !makesEntry(applied.Act.Kind) {
		return fmt.Errorf("%w: %s", errNoEntry, strconv.Quote(id))
	}
	step, err := register.Apply(before, applied)
	if err != nil {
		return err
	}
	if step.Moved {
		change.Entries, change.Policy = append(change.Entries, &step.Entry), step.Policy
	}
	return nil
}

func makesEntry(k authority.Kind) bool { return k == authority.KeyCreate || k == authority.KeyAdopt }

// describeKey has the event of a new key name it: the log alone then says which
// public key an entry had from its first day.
func describeKey(e *audit.Event, f register.Facts) {
	if f.Key == nil {
		return
	}
	if _, public, err := f.Key.Parse(); err == nil {
		e.Signer, e.Token = signerOf(public), f.Key.Token
	}
}

func (a *appliance) actEvent(sub submission) *audit.Event {
	at, uid := audit.At(a.clock.from.Real()), sub.who.UID
	rule, _ := authority.RuleOf(sub.act.Kind)
	e := &audit.Event{
		Kind: audit.KindAct, Decided: &at, Clock: a.clock.syncState(), UID: &uid, GID: &sub.who.GIDs[0], GIDs: sub.who.GIDs[1:],
		PID: sub.who.PID, Unit: sub.who.Unit, Op: string(sub.act.Kind), Act: sub.raw, ActSigs: sub.verified(),
		Role: sub.role(), Opcode: rule.Opcode,
	}
	if authority.AboutEntry(sub.act.Kind) {
		e.Entry = sub.act.Target
	}
	e.Approval = approvalOf(sub.act.Kind, sub.content)
	return e
}

// verified are the signatures, once every one of them has proven to be one.
// What is refused before that is written down without them: the log keeps for
// ever what it takes.
func (sub submission) verified() []string {
	if len(sub.signers) == 0 {
		return nil
	}
	return authority.SignatureTexts(sub.signatures)
}

// role is roleOf the signers, if anybody looked who they are.
func (sub submission) role() string {
	if len(sub.signers) == 0 && len(sub.signatures) > 0 {
		return "unverified"
	}
	return roleOf(sub.signers)
}

// roleOf says who signed, as what.
func roleOf(signers []authority.Signer) string {
	if len(signers) == 0 {
		return "unsigned"
	}
	texts := make([]string, len(signers))
	for i, s := range signers {
		texts[i] = s.String()
	}
	return strings.Join(texts, " ")
}

// refuseAct records a refused act, counted like every refusal.
func (a *appliance) refuseAct(sub submission, signs uint64, err error) *protocol.Error {
	answer := a.actError(err)
	e := a.actEvent(sub)
	rule := ruleAct + "." + string(sub.act.Kind)
	e.Refuse(answer.Name, rule)
	if sub.authorised && answer.Retry == protocol.Retry_NEVER {
		e.Count = signs
		answer = a.recordSpent(sub, e, answer)
	} else if signs > 0 { // signatures of a ceremony are counted in an event of their own
		e.Count = signs
		answer = a.recordRefusal(e, nil, answer)
	} else {
		answer = a.refuse(a.refusalOf(sub, rule, answer.Name), just(e), answer)
	}
	fields := []systemd.Field{systemd.Act(string(sub.act.Kind)), systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Reason(answer.Name)}
	if answer.Event != nil { // none where the store could not take it
		fields = append(fields, systemd.Event(*answer.Event))
	}
	if errors.Is(err, authority.ErrTooFew) && len(sub.signers) > 0 && answer.Event != nil { // the ordinary course of an act of several persons
		a.journal.Send(systemd.ActWaiting, fmt.Sprintf("act %s on %s waits for more signatures", sub.act.Kind, sub.on()),
			systemd.Act(string(sub.act.Kind)), systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Event(*answer.Event))
		return answer
	}
	a.journal.Send(systemd.ActRefused, fmt.Sprintf("act %s on %s was refused: %s", sub.act.Kind, sub.on(), answer.Name), fields...)
	return answer
}

// refusalOf is what further refusals of its kind are counted with. A target
// that is no entry is not told apart: who makes up targets would have an event
// for each.
func (a *appliance) refusalOf(sub submission, rule, reason string) refusal {
	r := refusal{uid: sub.who.UID, rule: rule, reason: reason, result: audit.Refused}
	if a.book.find(sub.act.Target) != nil {
		r.entry = sub.act.Target
	}
	if len(sub.signers) > 0 {
		r.about = sub.act.Nonce
	}
	return r
}

// recordSpent records the refusal of an act that enough officers had signed,
// and spends it: what was refused for good today must not be carried out by
// whoever hands it in when things stand otherwise.
func (a *appliance) recordSpent(sub submission, e *audit.Event, answer *protocol.Error) *protocol.Error {
	expiry, err := sub.act.Expiry()
	if err != nil {
		return a.recordRefusal(e, nil, answer)
	}
	c := &store.Commit{Events: []*audit.Event{e}, Change: &store.Change{Nonce: sub.act.Nonce, Expiry: expiry}}
	if err := a.store.Record(c); err != nil {
		return storeError(err)
	}
	answer.Event = &c.Receipts[0].Event
	return answer
}

const ruleAct = "act"

// actCodes maps the refusals of an act to their codes, first match first.
var actCodes = []struct {
	err  error
	code protocol.Code
}{
	{register.ErrUnproven, protocol.RecordUnproven}, // whatever is wrong with the acts before it
	{authority.ErrMalformed, protocol.Malformed},
	{authority.ErrExpired, protocol.ActExpired},
	{authority.ErrReplayed, protocol.ActReplayed},
	{authority.ErrOtherAppliance, protocol.OtherAppliance},
	{errOther, protocol.OtherAppliance},
	{errOtherAnchor, protocol.OtherAppliance},
	{authority.ErrRole, protocol.RoleRefused},
	{authority.ErrTooFew, protocol.TooFew},
	{authority.ErrDuplicate, protocol.DuplicateSigner},
	{authority.ErrSignature, protocol.BadActSignature},
	{register.ErrTransition, protocol.IllegalTransition},
	{register.ErrExists, protocol.Conflict},
	{certificate.ErrEncryption, protocol.CertIsEncryption},
	{certificate.ErrKeyMismatch, protocol.KeyMismatch},
	{certificate.ErrInvalid, protocol.CertInvalid},
	{certificate.ErrOlderCRL, protocol.Conflict},
	{certificate.ErrCRL, protocol.Malformed},
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
	case authority.ErrMalformed, authority.ErrRole, authority.ErrTooFew, register.ErrTransition, register.ErrExists, errConflict:
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

func (a *appliance) now() time.Time { return a.clock.from.Real().UTC() }
