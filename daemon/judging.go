package daemon

import (
	"errors"
	"slices"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol"
)

// decide judges every open item. Without partial the batch is granted whole
// or not at all: the first refusal is the answer. What is granted stays
// reserved until giveBack.
func (u *use) decide() *protocol.Error {
	if u.account == nil {
		answer := protocol.NewError(protocol.UnknownEntry, "no entry of that id").WithField("entry").WithRule("entry")
		return u.refuse(refusal{uid: u.who.UID, rule: "entry", reason: answer.Name, result: audit.Refused}, u.refusalEvent(u.items[0], answer.Name, "entry"), answer)
	}
	fits := u.alg.Fits(u.account.key.Public.Type())
	if u.req.Approval != "" && fits {
		u.hashMessages() // an approval may be bound to what the key signs
	}
	if err := u.judgeAll(); err != nil {
		return u.internalOr(err)
	}
	for _, it := range u.open() {
		d := it.decision
		if !fits && (d.Allowed() || d.Reason == policy.AlgorithmRefused) {
			u.giveBack()
			return protocol.NewError(protocol.AlgorithmMismatch, "the entry's key is of type %v: want one of %v",
				u.account.key.Public.Type(), u.account.algorithms()).WithField("algorithm")
		}
		if d.Allowed() {
			continue
		}
		if !u.req.Partial {
			u.giveBack()
			return u.refuseItem(it, d)
		}
		it.refused = u.refuseItem(it, d)
	}
	return nil
}

func (u *use) internalOr(err error) *protocol.Error {
	switch {
	case isStoreError(err):
		return storeError(err)
	case errors.Is(err, errNoEntry):
		return protocol.NewError(protocol.UnknownEntry, "no entry of that id").WithField("entry").WithRule("entry")
	}
	return u.internal("deciding", err)
}

// judgeAll decides every open item under the entry's lock, one after the other:
// each sees the ones before it as reserved. Nothing waits for a disk here but
// the first look at what the store counted, and nothing is recorded.
func (u *use) judgeAll() error {
	if err := u.proveAll(); err != nil {
		return err
	}
	if !u.account.policy.Names(u.who.UID, u.who.GIDs) {
		// A stranger is refused by the first rule: he keeps nobody waiting for
		// the lock, and nothing is counted for him.
		u.lookAtClock()
		u.judgeOpen(nil)
		return nil
	}
	u.meter = u.meters.find(u.req.Entry)
	u.meter.mu.Lock()
	defer u.meter.mu.Unlock()
	// Once more, under the lock: by a revision of before, the meter would be
	// filled while uses that nobody reserved are under way.
	u.look()
	if u.account == nil {
		return errNoEntry
	}
	p := u.account.policy.Policy()
	if len(p.Quotas()) > 0 {
		if err := u.meter.fill(u.store, u.req.Entry); err != nil {
			return err
		}
	}
	u.lookAtClock()
	var counts []policy.Count
	if u.meter.filled {
		u.reserved = u.meter.reserve(u.who.UID, u.at.Time)
		counts = u.meter.counts(p.Windows(u.at.Time), u.who.UID, u.meters.lossesFor(u.account.record))
	}
	u.judgeOpen(counts)
	return nil
}

// lookAtClock takes the time of the decision.
func (u *use) lookAtClock() {
	now := u.instant()
	u.at = u.account.policy.Policy().At(now.Time, now.Clock)
}

func (u *use) judgeOpen(counts []policy.Count) {
	for _, it := range u.open() {
		u.judge(it, counts)
		if !it.decision.Allowed() && !u.req.Partial {
			return
		}
	}
}

// proveAll finds out before the lock is taken what takes long the first time.
// It does not wait for the counts to be held to the log: see counts.
func (u *use) proveAll() error {
	if err := u.prove(u.account); isStoreError(err) {
		return err
	}
	if u.req.Approval == "" {
		return nil
	}
	if err := u.proveApproval(u.req.Approval); isStoreError(err) {
		return err
	}
	return nil
}

// giveBack ends the reservations of the request: what was recorded as allowed
// is spent, the rest is free again.
func (u *use) giveBack() {
	var spent uint32
	for _, it := range u.items {
		recorded := it.signed != nil && !it.signed.Repeated
		if recorded {
			spent++
		}
		if it.approved {
			u.approvals.settle(u.req.Approval, u.value(it), recorded)
		}
		it.approved = false
	}
	if u.reserved != nil {
		u.meter.settle(u.reserved, spent)
		u.reserved = nil
	}
}

// open returns the items without an answer.
func (u *use) open() []*item {
	var open []*item
	for _, it := range u.items {
		if it.signed == nil && it.refused == nil && it.failed == nil {
			open = append(open, it)
		}
	}
	return open
}

// judge decides one item and reserves what it was granted, in counts too. For
// who may call at all, the meter's lock is held.
func (u *use) judge(it *item, counts []policy.Count) {
	e := u.account.entry
	usage := policy.Usage{Counts: slices.Clone(counts), Approval: u.approvalFor(it)}
	request := policy.Request{
		UID: u.who.UID, GIDs: u.who.GIDs, Operation: it.operation(), Algorithm: u.alg,
		Purpose: it.context.GetPurpose(), BatchSize: len(u.items), Carries: carried(it.context),
		Entry: policy.Entry{
			Class: classOf(e), Proven: u.prove(u.account) == nil, Active: e.MaySign(), KeyMatches: !u.account.key.Public.IsZero(),
			Validity: validity(e), Certificate: u.certificate,
		},
	}
	it.decision = policy.Decide(u.account.policy, usage, request, u.at)
	it.arguments = policy.Record(u.account.policy, usage, request, u.at)
	if !it.decision.Allowed() {
		return
	}
	if u.reserved != nil {
		u.reserved.n++
	}
	for i := range counts {
		if keepsReservations {
			counts[i].Reserved++
		}
	}
	if usage.Approval != nil {
		u.approvals.reserve(u.req.Approval, u.value(it))
		it.approved = true
	}
}

// approvalFor is what the named approval says about an item; nil if the policy
// asks for none, and then none is spent.
func (u *use) approvalFor(it *item) *policy.Approval {
	if _, asked := u.account.policy.Policy().Approvals(); !asked {
		return nil
	}
	arg := u.approvals.argument(u.req.Approval, u.value(it), u.fits(it))
	if arg != nil && arg.State != policy.NoApproval && u.proveApproval(u.req.Approval) != nil {
		return &policy.Approval{ID: u.req.Approval} // one that does not prove itself is none
	}
	return arg
}

// carried are the fields that a context has.
func carried(c *protocol.Context) policy.Fields {
	var have []policy.Field
	for _, row := range []struct {
		field policy.Field
		has   bool
	}{
		{policy.DocID, c.GetDocId() != ""}, {policy.DocNo, c.GetDocNo() != ""}, {policy.DocTitle, c.GetDocTitle() != ""},
		{policy.DocSM3, len(c.GetDocSm3()) != 0}, {policy.UserID, c.GetUserId() != ""}, {policy.UserName, c.GetUserName() != ""},
		{policy.Dept, c.GetDept() != ""}, {policy.ClientIP, c.GetClientIp() != ""}, {policy.ApprovalRef, c.GetApprovalRef() != ""},
		{policy.Pages, c.GetPages() != 0},
	} {
		if row.has {
			have = append(have, row.field)
		}
	}
	return policy.FieldsOf(have...)
}

func classOf(e register.Entry) policy.Class {
	if e.Class == register.ClassSeal {
		return policy.ClassSeal
	}
	return policy.ClassKey
}
