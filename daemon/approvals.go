package daemon

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
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

	mu   sync.Mutex
	byID map[string]*approval
}

// An approval is one record with what is being signed under it.
type approval struct {
	record   register.Approval
	reserved uint32
	proof    *proving
}

func openApprovals(st *store.Store, wentOn uint64) (*approvals, error) {
	records, err := st.Approvals(st.Position().Recorded.Add(-maxBehind))
	if err != nil {
		return nil, fmt.Errorf("reading approvals: %w", err)
	}
	a := &approvals{wentOn: wentOn, byID: make(map[string]*approval, len(records))}
	for _, r := range records {
		a.byID[r.ID] = &approval{record: r, proof: new(proving)}
	}
	return a, nil
}

// follow takes what the committer has made of approvals. How many uses are
// spent is settled by who reserved them.
func (a *approvals) follow(records []register.Approval) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range records {
		if was := a.byID[r.ID]; was != nil {
			r.Used = was.record.Used
			was.record = r
			continue
		}
		a.byID[r.ID] = &approval{record: r, proof: proven()}
	}
}

// drop forgets those that ended a while ago: the store has them.
func (a *approvals) drop(now time.Time) (gone []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, p := range a.byID {
		if _, until, err := p.record.Asked.Window(); err != nil || until.Add(time.Hour).Before(now) {
			delete(a.byID, id)
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

// all returns the records, those that end first before the others.
func (a *approvals) all() []register.Approval {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]register.Approval, 0, len(a.byID))
	for _, p := range a.byID {
		all = append(all, p.record)
	}
	slices.SortFunc(all, func(x, y register.Approval) int {
		return cmp.Or(cmp.Compare(x.Until, y.Until), cmp.Compare(x.ID, y.ID))
	})
	return all
}

// pending counts the approvals of uid that nobody has decided yet.
func (a *approvals) pending(uid uint32, now time.Time) (mine, all int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.byID {
		if _, until, err := p.record.Asked.Window(); err != nil || until.Before(now) {
			continue
		}
		all++
		if p.record.State == policy.Pending && p.record.Asked.UID == uid {
			mine++
		}
	}
	return mine, all
}

// argument is what the approval of that id says about a use; nil if the request
// names none.
func (a *approvals) argument(id string, fits func(register.Asking) bool) *policy.Approval {
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
	arg := p.record.Argument(reserved, fits(p.record.Asked))
	arg.Unknown = p.record.Event < a.wentOn
	return &arg
}

func (a *approvals) reserve(id string, n uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.byID[id]; p != nil {
		p.reserved += n
	}
}

// settle gives reserved uses back; spent of them are in the log.
func (a *approvals) settle(id string, reserved, spent uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.byID[id]; p != nil {
		p.reserved -= reserved
		p.record.Used += spent
	}
}

// proveApproval holds an approval, as the store had it at start, to the request
// and the acts that decided it. Officers sign the SM3 of what was asked for, so
// a record that somebody wrote into the file proves nothing.
func (a *appliance) proveApproval(id string) error {
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
	made.Used = record.Used
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

// fits tells whether what is asked for here is what the approval is bound to.
func (u *use) fits(it *item) func(register.Asking) bool {
	return func(asked register.Asking) bool {
		if asked.UID != u.who.UID || asked.Entry != u.req.Entry || asked.Purpose != it.context.GetPurpose() {
			return false
		}
		switch asked.Form {
		case policy.ByDocument:
			return asked.DocSM3 != "" && hex.EncodeToString(it.context.GetDocSm3()) == asked.DocSM3
		case policy.ByDigests:
			return it.failed == nil && slices.Contains(asked.Digests, u.value(it))
		case policy.ByCount:
			return true
		}
		return false // references are of stamps
	}
}
