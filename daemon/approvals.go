package daemon

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/policy"
)

// longestApproval is how far ahead an approval may end, and so how far back an
// act can lie that decided one which is still good for something.
const longestApproval = 32 * 24 * time.Hour

// decidesApproval tells whether an act of this kind is about an approval.
func decidesApproval(k authority.Kind) bool {
	return k == authority.ApprovalGrant || k == authority.ApprovalDeny || k == authority.ApprovalRevoke
}

// approvals are those that run, in memory. Their records follow from the log;
// the committer turns them, like the pages of the book.
type approvals struct {
	wentOn uint64 // event of the last act that put an older log in force: of older approvals not all uses are known

	mu     sync.Mutex
	byID   map[string]*approval
	shares map[uint32]*share // of the uids that asked
	weight int               // of all
	swept  time.Time
}

// An approval is one record with what is being signed under it.
type approval struct {
	record   register.Approval
	reserved uint32
	signing  map[string]bool // digests that are being signed, of one that is bound to them
	proof    *proving
	end      time.Time // of what was asked for
}

// A share is what the approvals take that one uid asked for, and what he is
// asking for just now.
type share struct{ pending, weight int }

// How much may be asked for: of one uid, what nobody has decided yet, with what
// ended undecided in the last hour; and in weight (one, and one for each digest)
// what runs of one uid and of all. Memory is bounded by it, and what a caller
// can have written down for ever while no officer answers him.
const (
	maxAsked     = 256
	maxOfOne     = 10_000
	maxApprovals = 50_000
	keptEnded    = time.Hour
	sweepEach    = time.Minute
)

func weightOf(r register.Approval) int { return 1 + len(r.Asked.Digests) }

func openApprovals(st *store.Store, wentOn uint64) (*approvals, error) {
	records, err := st.Approvals(st.Position().Recorded.Add(-maxBehind))
	if err != nil {
		return nil, fmt.Errorf("reading approvals: %w", err)
	}
	a := &approvals{wentOn: wentOn, byID: make(map[string]*approval, len(records)), shares: map[uint32]*share{}}
	for _, r := range records {
		a.add(r, new(proving))
	}
	return a, nil
}

func (a *approvals) add(r register.Approval, proof *proving) {
	_, end, _ := r.Asked.Window() // of a record that is no good: long ago
	a.byID[r.ID] = &approval{record: r, proof: proof, end: end}
	a.count(r, 1)
}

// count adds a record to what its uid has, or takes it away.
func (a *approvals) count(r register.Approval, sign int) {
	s := a.shareOf(r.Asked.UID)
	s.weight += sign * weightOf(r)
	a.weight += sign * weightOf(r)
	if r.State == policy.Pending {
		s.pending += sign
	}
	if *s == (share{}) {
		delete(a.shares, r.Asked.UID)
	}
}

func (a *approvals) shareOf(uid uint32) *share {
	if a.shares[uid] == nil {
		a.shares[uid] = new(share)
	}
	return a.shares[uid]
}

// claim keeps room for a request of uid until release; false if there is none.
func (a *approvals) claim(uid uint32, weight int) (release func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.shareOf(uid)
	if s.pending >= maxAsked || s.weight+weight > maxOfOne || a.weight+weight > maxApprovals {
		return nil, false
	}
	s.pending, s.weight, a.weight = s.pending+1, s.weight+weight, a.weight+weight
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		s := a.shareOf(uid)
		s.pending, s.weight, a.weight = s.pending-1, s.weight-weight, a.weight-weight
		if *s == (share{}) {
			delete(a.shares, uid)
		}
	}, true
}

// follow takes what the committer has made of approvals. What is used of them
// is settled by who reserved it.
func (a *approvals) follow(records []register.Approval) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range records {
		was := a.byID[r.ID]
		if was == nil {
			a.add(r, proven())
			continue
		}
		a.count(was.record, -1)
		r.Used, r.Signed = was.record.Used, was.record.Signed
		was.record = r
		a.count(r, 1)
	}
}

// drop forgets, once in a while, those that ended long enough ago: the store has
// them. One that is used up stays until then: who names it is told that it never
// will do again, not that he may ask later.
func (a *approvals) drop(now time.Time) (gone []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since := now.Sub(a.swept); since >= 0 && since < sweepEach {
		return nil
	}
	a.swept = now
	for id, p := range a.byID {
		if p.end.Add(keptEnded).Before(now) {
			delete(a.byID, id)
			a.count(p.record, -1)
			gone = append(gone, id)
		}
	}
	return gone
}

// find returns the approval's record and proof.
func (a *approvals) find(id string) (register.Approval, *proving, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.byID[id]
	if p == nil {
		return register.Approval{}, nil, false
	}
	return p.record, p.proof, true
}

// isRevoked tells whether an officer took back an approval that ran.
func (a *approvals) isRevoked(id string) bool {
	if id == "" {
		return false
	}
	r, _, ok := a.find(id)
	return ok && r.State == policy.Revoked
}

// all returns the records, those that end first before the others.
func (a *approvals) all() []register.Approval {
	a.mu.Lock()
	all := make([]register.Approval, 0, len(a.byID))
	for _, p := range a.byID {
		all = append(all, p.record)
	}
	a.mu.Unlock()
	slices.SortFunc(all, func(x, y register.Approval) int {
		return cmp.Or(cmp.Compare(x.Until, y.Until), cmp.Compare(x.ID, y.ID))
	})
	return all
}

// argument is what the approval of that id says about a use of a value; nil if
// the request names none. fits judges all of the request but the value.
func (a *approvals) argument(id, value string, fits func(register.Asking) bool) *policy.Approval {
	if id == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.byID[id]
	if p == nil {
		return &policy.Approval{ID: id}
	}
	reserved := p.reserved
	if !keepsReservations {
		reserved = 0
	}
	arg := p.record.Argument(reserved, fits(p.record.Asked) && p.takes(value))
	arg.Unknown = p.record.Event < a.wentOn
	return &arg
}

// takes tells whether a value may be signed under the approval: of digests each
// once.
func (p *approval) takes(value string) bool {
	if p.record.Asked.Form != policy.ByDigests {
		return true
	}
	_, free := p.record.Digest(value)
	return free && !p.signing[value]
}

func (a *approvals) reserve(id, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.byID[id]
	if p == nil {
		return
	}
	p.reserved++
	if p.record.Asked.Form == policy.ByDigests {
		if p.signing == nil {
			p.signing = map[string]bool{}
		}
		p.signing[value] = true
	}
}

// settle ends the reservation of one use; spent tells whether it is in the log.
func (a *approvals) settle(id, value string, spent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.byID[id]
	if p == nil {
		return
	}
	p.reserved--
	delete(p.signing, value)
	if !spent {
		return
	}
	p.record.Used++
	if i, free := p.record.Digest(value); free {
		p.record.Signed = append(slices.Clip(p.record.Signed), i)
	}
}

// proveApproval holds an approval, as the store had it at start, to the request
// and the acts that decided it. Officers sign the SM3 of what was asked for, so
// a record that somebody wrote into the file proves nothing.
func (a *appliance) proveApproval(id string) error {
	if err := a.counts.ofApproval(id); err != nil {
		return err
	}
	record, proof, ok := a.approvals.find(id)
	if !ok || proof.done.Load() {
		if ok {
			return proof.err
		}
		return nil // there is none: the rule says so
	}
	proof.making.Lock()
	defer proof.making.Unlock()
	if proof.done.Load() {
		return proof.err
	}
	err := a.holdApproval(record)
	if isStoreError(err) {
		return err
	}
	if proof.err = err; err != nil {
		a.alarmUnproven("approval "+id, err)
	}
	proof.done.Store(true)
	return err
}

func (a *appliance) holdApproval(record register.Approval) error {
	if !holdRecords {
		return nil
	}
	made, err := a.askedBy(record)
	if err != nil {
		return err
	}
	owner := ""
	if acct := a.book.find(record.Asked.Entry); acct != nil {
		owner = acct.entry.Owner
	}
	for _, seq := range a.roster.decisionsOn(record.ID) {
		if made, err = a.redecide(made, owner, seq); err != nil {
			return fmt.Errorf("%w: event %d: %w", register.ErrUnproven, seq, err)
		}
	}
	made.Used, made.Signed = record.Used, record.Signed // what the log says of them is recounted apart
	want, err := made.Marshal()
	if err != nil {
		return err
	}
	got, err := record.Marshal()
	if err != nil {
		return err
	}
	if string(got) != string(want) {
		return fmt.Errorf("%w: the store has approval %s as %s, the acts made it %s", register.ErrUnproven, record.ID, record.State, made.State)
	}
	return nil
}

// askedBy makes the approval anew from the event of its request.
func (a *appliance) askedBy(record register.Approval) (register.Approval, error) {
	e, _, err := a.store.Event(record.Event)
	if err != nil {
		return register.Approval{}, err
	}
	if e == nil || e.Kind != audit.KindApproval || e.Approval != record.ID {
		return register.Approval{}, fmt.Errorf("%w: event %d is not its request", register.ErrUnproven, record.Event)
	}
	content, err := a.store.Blob(e.Value)
	if err != nil {
		return register.Approval{}, err
	}
	if authority.ContentHash(content) != e.Value {
		return register.Approval{}, fmt.Errorf("%w: the content of its request is not what event %d names", register.ErrUnproven, e.Seq)
	}
	return register.NewApproval(content, e.Seq)
}

func (a *appliance) redecide(made register.Approval, owner string, seq uint64) (register.Approval, error) {
	e, _, err := a.store.Event(seq)
	if err != nil {
		return register.Approval{}, err
	}
	if e == nil || e.UID == nil {
		return register.Approval{}, fmt.Errorf("it is missing")
	}
	act, err := readApplied(a.store, e)
	if err != nil {
		return register.Approval{}, err
	}
	on := authority.Target{Entry: e.Entry, Owner: owner}
	signers, err := a.genesis.Authorise(a.roster.rollAt(seq), act.caseOn(on))
	if err != nil {
		return register.Approval{}, err
	}
	return made.Decided(act.Act, act.Content, register.Deciders(roleOf(signers), *e.UID), seq)
}

// approvalOf is the id of the approval that an act decides, "" if it decides
// none.
func approvalOf(kind authority.Kind, content []byte) string {
	if !decidesApproval(kind) {
		return ""
	}
	var grant authority.GrantApproval
	var end authority.EndApproval
	id := ""
	if kind == authority.ApprovalGrant && authority.ParseContent(content, &grant) == nil {
		id = grant.Approval
	}
	if kind != authority.ApprovalGrant && authority.ParseContent(content, &end) == nil {
		id = end.Approval
	}
	if !register.CheckApprovalID(id) {
		return ""
	}
	return id
}

// approvalDecided grants, denies or revokes. What it makes of the approval is
// for the register to say; the committer does it.
func approvalDecided(a *appliance, sub submission) (*procedure, error) {
	id := approvalOf(sub.act.Kind, sub.content)
	record, _, ok := a.approvals.find(id)
	if !ok {
		return nil, fmt.Errorf("%w: there is no approval %q that runs: signetctl approval list", errConflict, id)
	}
	p := &procedure{check: func() error { return a.checkDecision(sub, id) }}
	p.prepare = func(context.Context) error {
		if record.Asked.Entry != sub.act.Target {
			return fmt.Errorf("%w: approval %s is of entry %s, the act's target is %s", authority.ErrMalformed, id, record.Asked.Entry, sub.act.Target)
		}
		return a.proveApproval(id)
	}
	return p, nil
}

func (a *appliance) checkDecision(sub submission, id string) error {
	record, _, ok := a.approvals.find(id)
	if !ok {
		return fmt.Errorf("%w: approval %s has ended", errConflict, id)
	}
	if sub.act.Kind == authority.ApprovalGrant && a.isAsker(sub, record.Asked.UID) {
		return fmt.Errorf("%w: uid %d asked for approval %s, and does not grant it to himself", authority.ErrRole, record.Asked.UID, id)
	}
	if err := a.checkCounts(sub, record.Asked.Entry); err != nil {
		return err
	}
	next, err := record.Decided(sub.act, sub.content, register.Deciders(roleOf(sub.signers), sub.who.UID), 0)
	if err != nil {
		return err
	}
	now := a.now()
	if until := next.Argument(0, false).Until; sub.act.Kind == authority.ApprovalGrant && now.After(until) {
		return fmt.Errorf("%w: approval %s ended on %s", register.ErrTransition, id, until.Format(time.RFC3339))
	}
	return nil
}

// checkCounts refuses the grant of an officer whom the policy does not count: it
// would be told as granted and allow nothing.
func (a *appliance) checkCounts(sub submission, entry string) error {
	acct := a.book.find(entry)
	if sub.act.Kind != authority.ApprovalGrant || acct == nil {
		return nil
	}
	asked, _ := acct.policy.Policy().Approvals()
	for _, id := range register.Deciders(roleOf(sub.signers), sub.who.UID) {
		if len(asked.Custodians) > 0 && !slices.Contains(asked.Custodians, id) {
			return fmt.Errorf("%w: the policy of %s counts the approval of %s, not of %s", authority.ErrRole, entry, strings.Join(asked.Custodians, ", "), id)
		}
	}
	return nil
}

// isAsker tells whether the account that asked is that of one who signs, or of
// who brings what nobody has to sign.
func (a *appliance) isAsker(sub submission, asker uint32) bool {
	if len(sub.signers) == 0 {
		return sub.who.UID == asker
	}
	o, ok := a.roster.roll().Reader(asker)
	return ok && slices.ContainsFunc(sub.signers, func(s authority.Signer) bool { return s.ID == o.ID })
}

// fits tells whether what is asked for here is what the approval is bound to.
func (u *use) fits(it *item) func(register.Asking) bool {
	return func(asked register.Asking) bool {
		if asked.UID != u.who.UID || asked.Entry != u.req.Entry || asked.Purpose != it.context.GetPurpose() {
			return false
		}
		switch asked.Form {
		case policy.ByDocument:
			return asked.DocSM3 != "" && hex.EncodeToString(it.context.GetDocSm3()) == asked.DocSM3
		case policy.ByDigests, policy.ByCount:
			return it.failed == nil
		}
		return false // references are of stamps
	}
}
