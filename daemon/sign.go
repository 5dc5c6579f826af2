package daemon

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/store"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/systemd"
)

// sign answers one signing request. The order is the safety argument:
//
//  1. decide judges each input under one revision of the entry;
//  2. the HSM signs;
//  3. each signature is verified with the register's public key, and one that
//     does not verify is destroyed (tokens.sign);
//  4. the events become durable in one transaction, which records the uses as
//     refused if the entry has moved on since 1;
//  5. only then do the signatures leave this function, and the daemon under the
//     permit that goes with them.
//
// A crash before 4 loses signatures that nobody has seen. There is nothing to
// undo. The record is not bound to ctx: a caller who hangs up cannot erase it.
func (a *appliance) sign(ctx context.Context, who Peer, call uint64, req *protocol.SignRequest) (*protocol.SignReply, *permit, *protocol.Error) {
	if req.RequestId != "" {
		land, err := a.flights.take(ctx, requestKey(who.UID, req.RequestId))
		if err != nil {
			return nil, nil, protocol.NewError(protocol.DeadlineExceeded, "the same request_id was still being answered")
		}
		defer land()
	}
	u := newUse(a, who, call, req) // looks at the register, so after the wait
	if u.idem != nil {
		if fault := u.recall(); fault != nil {
			return nil, nil, fault
		}
	}
	defer u.giveBack()
	if fault := u.decide(); fault != nil {
		return nil, nil, fault
	}
	came := a.store.Announce()
	defer came()
	u.signAll(ctx)
	came()
	fault := u.record()
	u.giveBack() // before the failures are recorded: what failed is free for others
	if fault != nil {
		return nil, nil, fault
	}
	u.recordFailures()
	return u.reply(), u.permit(), nil
}

// permit is what the answer's signatures leave under, nil if it has none.
func (u *use) permit() *permit {
	for _, it := range u.items {
		if it.signed != nil {
			return &permit{u.appliance, u.req.Entry, u.account.entry.Rev, u.req.Approval}
		}
	}
	return nil
}

// A use is one signing request on its way.
type use struct {
	*appliance
	who     Peer
	call    uint64
	req     *protocol.SignRequest
	alg     algo.Algorithm
	account *account // nil: no such entry
	crl     string   // hash of the list of revoked certificates relied on

	certificate *policy.Certificate // in use; nil if there is none
	at          policy.Instant
	sync        string // state of the clock, as events have it
	items       []*item
	idem        *store.Idem

	meter    *meter
	reserved *reservation // what the decision keeps of the entry's quotas; nil: nothing is counted
}

// An item is one input of a use. Exactly one of its results is set at the end.
type item struct {
	index   int
	input   *protocol.Input
	context *protocol.Context
	kind    string
	tbs     []byte
	hashed  bool // tbs is what the key signs
	event   *audit.Event
	private map[string]audit.Private

	decision  policy.Decision
	arguments policy.Arguments // of the decision
	approved  bool             // a use of the request's approval is reserved

	refused *protocol.Error // by the decision
	failed  error           // by the HSM
	sig     []byte
	signed  *protocol.Signed // recorded: may leave
}

func newUse(a *appliance, who Peer, call uint64, req *protocol.SignRequest) *use {
	u := &use{appliance: a, who: who, call: call, req: req, alg: algo.Algorithm(req.Algorithm)}
	u.at, u.sync = a.instant(), a.clock.syncState()
	u.look()
	for i, in := range req.Inputs {
		it := &item{index: i, input: in, context: protocol.MergeContext(req.Context, in.Context)}
		it.kind, it.tbs = inputValue(in)
		u.items = append(u.items, it)
	}
	if req.RequestId != "" {
		u.idem = &store.Idem{Key: requestKey(who.UID, req.RequestId), Content: contentHash(req), Items: make([]store.IdemItem, len(u.items))}
	}
	return u
}

// look takes the entry as the register has it now.
func (u *use) look() {
	if u.account = u.book.find(u.req.Entry); u.account != nil {
		u.certificate, u.crl = u.certificateOf(u.account)
	}
}

// recall gives back what an earlier request of this id was answered with. Its
// refused and failed items stay open, to be decided anew.
func (u *use) recall() *protocol.Error {
	earlier, err := u.store.Remembered(u.idem.Key)
	if err != nil {
		return storeError(err)
	}
	if earlier == nil {
		return nil
	}
	if earlier.Content != u.idem.Content || len(earlier.Items) != len(u.items) {
		return protocol.NewError(protocol.RequestIDReused, "this request_id was used for other content").WithField("request_id")
	}
	if u.account == nil {
		return nil
	}
	if err := u.prove(u.account); isStoreError(err) {
		return storeError(err) // whether it was signed before is not known now: signed again it would be spent twice
	} else if err != nil || !u.account.entry.MaySign() || !u.account.policy.Names(u.who.UID, u.who.GIDs) || u.approvals.isRevoked(u.req.Approval) {
		return nil // what was signed before does not leave where nothing would be signed now
	}
	for i, was := range earlier.Items {
		if !was.Allowed {
			continue
		}
		u.idem.Items[i] = was
		if u.items[i].signed, err = u.recorded(was.Event); err != nil {
			return u.internal("reading a recorded answer", err)
		}
	}
	return nil
}

// recorded rebuilds an answer from its event. The receipt is for the log as
// it is now, which has the event too.
func (u *use) recorded(seq uint64) (*protocol.Signed, error) {
	at := u.store.Position()
	e, leaf, err := u.store.Event(seq)
	if err != nil {
		return nil, err
	}
	if e == nil || e.Result != audit.Allowed || e.Decided == nil {
		return nil, fmt.Errorf("event %d does not allow a use", seq)
	}
	sig, err := base64.StdEncoding.DecodeString(e.Sig)
	if err != nil {
		return nil, fmt.Errorf("event %d: signature: %w", seq, err)
	}
	receipt := store.Receipt{Event: seq, Leaf: leaf, Size: at.Size, Root: at.Root}
	return &protocol.Signed{Signature: sig, Receipt: u.receipt(receipt), Decided: timestamppb.New(e.Decided.Time()), Repeated: true}, nil
}

func (a *appliance) receipt(r store.Receipt) *protocol.Receipt {
	return &protocol.Receipt{Appliance: a.id, Event: r.Event, LeafHash: r.Leaf[:], Size: r.Size, Root: r.Root[:]}
}

// operation is what the policy calls the input: a message is one whose bytes
// the appliance hashes itself.
func (it *item) operation() policy.Operation {
	if it.kind == "message" || it.kind == "digest_as_message" {
		return policy.Message
	}
	return policy.Digest
}

// decisionError is the answer to a refusal. What time would mend, if there were
// such a time, is never mended without one: a quota of nothing, hours that do
// not come again.
func decisionError(d policy.Decision) *protocol.Error {
	answer := protocol.NewError(protocol.Code(d.Reason), "want %s", d.Need).WithRule(d.Rule).RetryAt(d.After)
	if d.After.IsZero() && (d.Reason == policy.RateExceeded || d.Reason == policy.OutsideHours) {
		answer.Retry = protocol.Retry_NEVER
	}
	return answer
}

func (u *use) refuseItem(it *item, d policy.Decision) *protocol.Error {
	answer := decisionError(d)
	if len(u.items) > 1 {
		answer.Field = fmt.Sprintf("inputs[%d]", it.index)
	}
	r := refusal{uid: u.who.UID, entry: u.req.Entry, rule: d.Rule, reason: answer.Name, result: audit.Refused}
	return u.refuse(r, u.refusalEvent(it, d.Reason.String(), d.Rule), answer)
}

func (u *use) refusalEvent(it *item, reason, rule string) described {
	return func() (*audit.Event, map[string]audit.Private) {
		u.describe(it)
		it.event.Kind = audit.KindRefuse
		it.event.Refuse(reason, rule)
		return it.event, it.private
	}
}

// describe fills the event of an item with all but its result.
func (u *use) describe(it *item) {
	decided, uid, c := audit.At(u.at.Time), u.who.UID, it.context
	e := &audit.Event{
		Kind: audit.KindSign, Decided: &decided, Clock: u.sync,
		UID: &uid, GID: &u.who.GIDs[0], GIDs: u.who.GIDs[1:], PID: u.who.PID, Unit: u.who.Unit,
		RequestID: u.req.RequestId, Call: strconv.FormatUint(u.call, 10), Purpose: c.GetPurpose(),
		DocID: c.GetDocId(), DocNo: c.GetDocNo(), DocSM3: hex.EncodeToString(c.GetDocSm3()), Pages: c.GetPages(),
		ApprovalRef: c.GetApprovalRef(), UserID: c.GetUserId(), Dept: c.GetDept(),
		Entry: u.req.Entry, Op: it.operation().String(), Alg: u.alg.String(), Input: it.kind,
		DocHash: hex.EncodeToString(it.input.DocumentHash),
	}
	if len(u.items) > 1 {
		e.Batch = []uint32{uint32(it.index), uint32(len(u.items))}
	}
	if u.account != nil {
		e.Rev, e.Signer, e.Token = u.account.entry.Rev, u.account.signer, u.account.key.Token
		e.PolicyRev, e.CRL = u.account.entry.PolicyRev, u.crl
		if it.arguments.Engine != 0 { // it was decided on
			if err := e.Judge(it.arguments); err != nil {
				u.internal("recording a decision", err) // the line lacks what replay needs, and replay will say so
			}
		}
	}
	it.event, it.private = e, map[string]audit.Private{}
	for _, f := range []struct {
		name, value string
		field       *string
	}{
		{"user_name", c.GetUserName(), &e.UserName},
		{"doc_title", c.GetDocTitle(), &e.DocTitle},
		{"client_ip", c.GetClientIp(), &e.ClientIP},
	} {
		if f.value != "" {
			*f.field, it.private[f.name] = audit.Conceal(f.value)
		}
	}
}

// signAll signs the open items, as many at a time as the token's turnstile
// lets this uid through. An item that fails does not keep the others from
// being signed: what was signed before a fault is recorded and answered.
func (u *use) signAll(ctx context.Context) {
	if err := u.selfTests.stops(u.req.Entry, u.account.key.Token, u.alg); err != nil {
		failAll(u.open(), err)
		return
	}
	u.hashMessages()
	waiting := &queue{items: u.open()}
	share := u.tokens.share(u.account.key)
	signers := min((len(waiting.items)+share-1)/share, signersPerUse)
	var wait sync.WaitGroup
	for range signers - 1 { // the last is this goroutine
		wait.Go(func() { u.signFrom(ctx, waiting) })
	}
	u.signFrom(ctx, waiting)
	wait.Wait()
}

// hashMessages gives the items that are messages the value that the key signs.
func (u *use) hashMessages() {
	for _, it := range u.open() {
		if it.operation() == policy.Message && !it.hashed {
			it.tbs, it.failed = algo.ToBeSigned(u.alg, u.account.key.Public, it.tbs)
			it.hashed = true
		}
	}
}

// signersPerUse is how many turns of one request wait for the token at once.
const signersPerUse = 16

// A queue is the items of a use that nobody has taken up yet.
type queue struct {
	mu    sync.Mutex
	items []*item
}

func (q *queue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

func (q *queue) take(n int) []*item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.items))
	taken := q.items[:n]
	q.items = q.items[n:]
	return taken
}

// signFrom signs what waits until nothing does.
func (u *use) signFrom(ctx context.Context, waiting *queue) {
	for left := waiting.left(); left > 0; left = waiting.left() {
		turn, err := u.turn(ctx, u.who.UID, u.account.key, left)
		if err != nil {
			failAll(waiting.take(left), err)
			return
		}
		u.signTurn(ctx, turn, waiting.take(turn.n))
	}
}

func failAll(items []*item, err error) {
	for _, it := range items {
		it.sig, it.failed = nil, err
	}
}

// signTurn signs the items that one turn is for. A panic, of a library over
// bytes that a module made up, ends these items and not the daemon.
func (u *use) signTurn(ctx context.Context, turn turn, items []*item) {
	defer func() {
		if r := recover(); r != nil {
			failAll(items, fmt.Errorf("signing panicked: %v\n%s", r, debug.Stack()))
		}
	}()
	tbs := make([][]byte, len(items))
	for i, it := range items {
		tbs[i] = it.tbs
	}
	for i, s := range turn.sign(ctx, u.account.key, u.alg, tbs) {
		items[i].sig, items[i].failed = s.Signature, s.Err
	}
}

// record makes the events of all signed items durable, in one transaction.
func (u *use) record() *protocol.Error {
	c := &store.Commit{Guard: &store.Guard{Entry: u.req.Entry, Rev: u.account.entry.Rev}, Idem: u.idem}
	var signed []*item
	for _, it := range u.open() {
		u.describe(it)
		it.event.Result, it.event.Sig = audit.Allowed, base64.StdEncoding.EncodeToString(it.sig)
		it.event.Value = u.value(it)
		signed = append(signed, it)
		c.Events, c.Private = append(c.Events, it.event), append(c.Private, it.private)
		if u.idem != nil {
			u.idem.Items[it.index].Index = len(c.Events)
		}
	}
	if len(signed) == 0 {
		return nil
	}
	u.troubles.use(u.req.Entry, "")
	if err := makeDurable(u.store, c); err != nil {
		return u.storeFault(err)
	}
	u.troubles.record("")
	for i, it := range signed {
		if c.Overtaken {
			it.refused = u.overtaken(c.Receipts[i].Event, it.event.Rule)
			continue
		}
		it.signed = &protocol.Signed{Signature: it.sig, Receipt: u.receipt(c.Receipts[i]), Decided: timestamppb.New(u.at.Time)}
	}
	if !c.Overtaken {
		u.summary.add(u.req.Entry, len(signed), u.at.Time)
	}
	return nil
}

// value is what the event keeps of what the key signed: the value itself, or
// for Ed25519, which signs the message, SM3 of it.
func (u *use) value(it *item) string {
	if u.alg != algo.Ed25519 {
		return hex.EncodeToString(it.tbs)
	}
	h := algo.SM2SM3.NewHash()
	h.Write(it.tbs)
	return hex.EncodeToString(h.Sum(nil))
}

// overtaken answers a use whose entry or approval changed between decision and
// record.
func (u *use) overtaken(event uint64, rule string) *protocol.Error {
	answer := protocol.NewError(protocol.Changed, "the entry or its approval changed while this was being signed: the signature was destroyed").WithRule(rule)
	answer.Event = &event
	return answer
}

func (u *use) storeFault(err error) *protocol.Error {
	if !errors.Is(err, store.ErrPoisoned) && !errors.Is(err, store.ErrClosed) {
		u.journal.Send(systemd.StoreFault, "a signature was destroyed because it could not be recorded", systemd.Cause(err))
		u.troubles.record(err.Error())
	}
	return storeError(err)
}

// recordFailures records what the HSM did not sign, counted like refusals.
func (u *use) recordFailures() {
	for _, it := range u.items {
		if it.failed == nil {
			continue
		}
		answer := hsmError(it.failed)
		u.troubles.use(u.req.Entry, it.failed.Error())
		if answer.Code == uint32(protocol.BadSignature) {
			u.journal.Send(systemd.BadSignature, "a signature did not verify and was destroyed",
				systemd.Entry(u.req.Entry), systemd.Token(u.account.key.Token))
		}
		if answer.Code == uint32(protocol.Internal) {
			u.internal("signing", it.failed)
		}
		rule := ruleHSM
		if errors.Is(it.failed, errStopped) {
			rule = ruleSelfTest
		}
		r := refusal{uid: u.who.UID, entry: u.req.Entry, rule: rule, reason: answer.Name, result: audit.Failed}
		it.refused = u.refuse(r, func() (*audit.Event, map[string]audit.Private) {
			u.describe(it)
			it.event.Result, it.event.Reason, it.event.Rule = audit.Failed, answer.Name, rule
			return it.event, it.private
		}, answer, systemd.Cause(it.failed))
	}
}

// What stands in the rule of an event whose use failed: in the HSM, or because
// the self-test had stopped what it needs.
const (
	ruleHSM      = "hsm"
	ruleSelfTest = "selftest"
)

// internal answers without detail and tells the journal all of it.
func (a *appliance) internal(doing string, err error) *protocol.Error {
	a.journal.Send(systemd.InternalError, doing+": "+err.Error(), systemd.Cause(err))
	return protocol.NewError(protocol.Internal, "")
}

func (u *use) reply() *protocol.SignReply {
	reply := &protocol.SignReply{Results: make([]*protocol.Result, len(u.items))}
	for i, it := range u.items {
		r := &protocol.Result{Of: &protocol.Result_Error{Error: it.refused}}
		if it.signed != nil {
			r.Of = &protocol.Result_Signed{Signed: it.signed}
		}
		reply.Results[i] = r
	}
	return reply
}
