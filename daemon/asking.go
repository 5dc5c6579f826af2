package daemon

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/policy"
	"signet/protocol"
	"signet/systemd"
)

// opAsk is the op of the event of a request for approval.
const opAsk = "approval.request"

// requestApproval records what a caller asks custodians for. The answer leaves
// when the event is durable: what a custodian sees is what the log has.
func (a *appliance) requestApproval(ctx context.Context, who Peer, call uint64, req *protocol.ApprovalRequest) (*protocol.ApprovalReply, *protocol.Error) {
	if req.RequestId != "" {
		land, err := a.flights.take(ctx, requestKey(who.UID, req.RequestId))
		if err != nil {
			return nil, protocol.NewError(protocol.DeadlineExceeded, "the same request_id was still being answered")
		}
		defer land()
	}
	k := &asking{appliance: a, who: who, call: call, req: req, account: a.book.find(req.Entry), at: a.instant()}
	if reply, fault := k.recall(); reply != nil || fault != nil {
		return reply, fault
	}
	if fault := k.judge(); fault != nil {
		return nil, fault
	}
	release, ok := a.approvals.claim(who.UID, 1+len(req.Digests))
	if !ok {
		return nil, protocol.NewError(protocol.Busy, "want at most %d requests for approval that nobody has decided, and %d approvals that run", maxAsked, maxOfOne).RetryIn(time.Minute)
	}
	defer release()
	return k.record()
}

// An asking is one request for approval on its way.
type asking struct {
	*appliance
	who     Peer
	call    uint64
	req     *protocol.ApprovalRequest
	account *account // nil: no such entry
	at      policy.Instant
	idem    *store.Idem
}

// recall gives back the approval that an earlier request of this id asked for.
func (k *asking) recall() (*protocol.ApprovalReply, *protocol.Error) {
	if k.req.RequestId == "" {
		return nil, nil
	}
	k.idem = &store.Idem{Key: requestKey(k.who.UID, k.req.RequestId), Content: askingHash(k.req), Items: make([]store.IdemItem, 1)}
	earlier, err := k.store.Remembered(k.idem.Key)
	switch {
	case err != nil:
		return nil, storeError(err)
	case earlier == nil:
		return nil, nil
	case earlier.Content != k.idem.Content || len(earlier.Items) != 1:
		return nil, protocol.NewError(protocol.RequestIDReused, "this request_id was used for other content").WithField("request_id")
	case !earlier.Items[0].Allowed:
		return nil, nil // it was overtaken: it is judged anew
	}
	at := k.store.Position()
	e, leaf, err := k.store.Event(earlier.Items[0].Event)
	if err != nil {
		return nil, storeError(err)
	}
	if e == nil || e.Kind != audit.KindApproval {
		return nil, protocol.NewError(protocol.RequestIDReused, "this request_id was used for other content").WithField("request_id")
	}
	record, fault := k.approvalOf(e.Approval)
	if fault != nil {
		return nil, fault
	}
	receipt := store.Receipt{Event: e.Seq, Leaf: leaf, Size: at.Size, Root: at.Root}
	return &protocol.ApprovalReply{Approval: k.info(record), Receipt: k.receipt(receipt), Repeated: true}, nil
}

// judge holds the request to the policy, and the caller to his share.
func (k *asking) judge() *protocol.Error {
	if k.account == nil {
		return k.refuseAsking(policy.Decision{Reason: policy.UnknownEntry, Rule: "entry", Need: "the id of an entry"})
	}
	if !k.account.policy.Names(k.who.UID, k.who.GIDs) { // before all else, as for a use: a stranger learns nothing more
		return k.refuseAsking(policy.Decision{Reason: policy.NotACaller, Rule: "callers", Need: "an account that the entry's policy allows: ask its security officers"})
	}
	if err := k.prove(k.account); err != nil {
		if isStoreError(err) {
			return storeError(err)
		}
		return k.refuseAsking(policy.Decision{Reason: policy.RecordUnproven, Rule: "entry.proof", Need: "a record that the officers' acts prove: an alarm was raised"})
	}
	form, err := formOf(k.req.Form)
	if err != nil {
		return protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("form")
	}
	from, until := k.window()
	d := policy.Ask(k.account.policy, policy.Asking{
		UID: k.who.UID, GIDs: k.who.GIDs, Purpose: k.req.Context.GetPurpose(), Form: form, Count: k.count(), Life: until.Sub(from),
		Class: classOf(k.account.entry),
	})
	switch {
	case !d.Allowed():
		return k.refuseAsking(d)
	case k.at.Clock == policy.JumpedClock:
		return protocol.NewError(protocol.ClockJumped, "want a synchronised clock, or an act that accepts the time").WithRule("clock")
	case k.at.Clock != policy.SaneClock:
		return protocol.NewError(protocol.ClockBehind, "want a clock that is not behind the log").WithRule("clock")
	case !until.After(k.at.Time):
		return protocol.NewError(protocol.Malformed, "it has passed: want an instant to come").WithField("not_after")
	case until.After(k.at.Time.Add(longestApproval)):
		return protocol.NewError(protocol.Malformed, "want an instant within %d days", int(longestApproval.Hours()/24)).WithField("not_after")
	}
	return nil
}

// window is what was asked for, or from now on as long as the policy lets an
// approval run, at most a day.
func (k *asking) window() (from, until time.Time) {
	from = k.at.Time
	if k.req.NotBefore != nil {
		from = k.req.NotBefore.AsTime()
	}
	from = from.UTC().Truncate(time.Second)
	if k.req.NotAfter != nil {
		return from, k.req.NotAfter.AsTime().UTC().Truncate(time.Second)
	}
	life := 24 * time.Hour
	if k.account != nil {
		if asked, ok := k.account.policy.Policy().Approvals(); ok {
			life = min(life, asked.Longest)
		}
	}
	return from, from.Add(life)
}

func (k *asking) count() uint32 {
	if n := len(k.req.Digests); n > 0 {
		return uint32(n)
	}
	return max(k.req.Count, 1)
}

var askedForms = map[protocol.ApprovalForm]policy.Form{
	protocol.ApprovalForm_BY_DOCUMENT: policy.ByDocument, protocol.ApprovalForm_BY_REFERENCES: policy.ByReferences,
	protocol.ApprovalForm_BY_DIGESTS: policy.ByDigests, protocol.ApprovalForm_BY_COUNT: policy.ByCount,
}

func formOf(f protocol.ApprovalForm) (policy.Form, error) {
	form, ok := askedForms[f]
	if !ok {
		return 0, errUnsupported
	}
	return form, nil
}

func (k *asking) refuseAsking(d policy.Decision) *protocol.Error {
	answer := decisionError(d)
	describe := func() (*audit.Event, map[string]audit.Private) {
		e := k.event()
		e.Kind = audit.KindRefuse
		e.Refuse(answer.Name, d.Rule)
		return e, nil
	}
	r := refusal{uid: k.who.UID, rule: d.Rule, reason: answer.Name, result: audit.Refused}
	if k.account != nil {
		r.entry = k.req.Entry
	}
	return k.refuse(r, describe, answer)
}

// event is that of the request without its outcome. It has no engine: what it
// asks is not what Decide answers.
func (k *asking) event() *audit.Event {
	decided, uid, c := audit.At(k.at.Time), k.who.UID, k.req.Context
	e := &audit.Event{
		Kind: audit.KindApproval, Decided: &decided, Clock: k.clock.syncState(),
		UID: &uid, GID: &k.who.GIDs[0], GIDs: k.who.GIDs[1:], PID: k.who.PID, Unit: k.who.Unit,
		RequestID: k.req.RequestId, Call: strconv.FormatUint(k.call, 10), Purpose: c.GetPurpose(),
		DocID: c.GetDocId(), DocNo: c.GetDocNo(), DocSM3: hex.EncodeToString(c.GetDocSm3()), RefsSM3: hex.EncodeToString(k.req.RefsSm3),
		Pages: c.GetPages(), UserID: c.GetUserId(), Dept: c.GetDept(), Entry: k.req.Entry, Op: opAsk,
	}
	if k.account != nil {
		e.Rev, e.PolicyRev = k.account.entry.Rev, k.account.entry.PolicyRev
	}
	return e
}

// content is what custodians see, and what every grant names by its SM3.
func (k *asking) content() register.Asking {
	c := k.req.Context
	from, until := k.window()
	asked, _ := k.account.policy.Policy().Approvals()
	form, _ := formOf(k.req.Form)
	content := register.Asking{
		V: register.AskingVersion, Entry: k.req.Entry, UID: k.who.UID, Made: k.at.Time.Truncate(time.Second).Format(time.RFC3339), Nonce: authority.NewNonce(),
		Purpose: c.GetPurpose(), Justification: k.req.Justification, Person: c.GetUserId(), Dept: c.GetDept(), DocID: c.GetDocId(), DocNo: c.GetDocNo(), Pages: c.GetPages(),
		Form: form, DocSM3: hex.EncodeToString(c.GetDocSm3()), RefsSM3: hex.EncodeToString(k.req.RefsSm3), Count: k.count(),
		From: from.Format(time.RFC3339), Until: until.Format(time.RFC3339), Persons: asked.Persons,
	}
	for _, d := range k.req.Digests {
		content.Digests = append(content.Digests, hex.EncodeToString(d))
	}
	return content
}

func (k *asking) record() (*protocol.ApprovalReply, *protocol.Error) {
	content, err := k.content().Marshal()
	if err != nil {
		return nil, k.internal("encoding a request for approval", err)
	}
	if _, err := register.ParseAsking(content); err != nil {
		return nil, protocol.NewError(protocol.Malformed, "%s", err.Error())
	}
	e := k.event()
	e.Result, e.Approval, e.Value = audit.Allowed, register.ApprovalID(content), authority.ContentHash(content)
	c := &store.Commit{Events: []*audit.Event{e}, Asked: content, Idem: k.idem, Guard: &store.Guard{Entry: k.req.Entry, Rev: k.account.entry.Rev}}
	if k.idem != nil {
		k.idem.Items[0].Index = 1
	}
	if err := k.store.Record(c); err != nil {
		return nil, storeError(err)
	}
	if c.Overtaken {
		answer := protocol.NewError(protocol.Changed, "the entry changed while this was being recorded").WithRule(e.Rule)
		answer.Event = &c.Receipts[0].Event
		return nil, answer
	}
	k.journal.Send(systemd.ApprovalAsked, "approval "+e.Approval+" is asked for: entry "+k.req.Entry, systemd.Entry(k.req.Entry), systemd.UID(k.who.UID),
		systemd.Approval(e.Approval), systemd.Event(e.Seq))
	record, fault := k.approvalOf(e.Approval)
	if fault != nil {
		return nil, fault
	}
	return &protocol.ApprovalReply{Approval: k.info(record), Receipt: k.receipt(c.Receipts[0])}, nil
}

// approvalStatus tells a caller what became of what he asked for. What others
// asked for does not exist for him.
func (a *appliance) approvalStatus(who Peer, id string) (*protocol.ApprovalStatusReply, *protocol.Error) {
	record, fault := a.approvalOf(id)
	if fault != nil {
		return nil, fault
	}
	if record.Asked.UID != who.UID {
		return nil, noApproval()
	}
	return &protocol.ApprovalStatusReply{Approval: a.info(record)}, nil
}

func noApproval() *protocol.Error {
	return protocol.NewError(protocol.UnknownEntry, "no approval of that id").WithField("approval")
}

// approvalOf finds one that runs, or one that has ended, in the store.
func (a *appliance) approvalOf(id string) (register.Approval, *protocol.Error) {
	if record, _, ok := a.approvals.find(id); ok {
		return record, nil
	}
	record, err := a.store.Approval(id)
	switch {
	case err != nil && isStoreError(err):
		return register.Approval{}, storeError(err)
	case err != nil:
		return register.Approval{}, a.internal("reading an approval", err)
	case record == nil:
		return register.Approval{}, noApproval()
	}
	return *record, nil
}

var shownStates = map[policy.State]protocol.ApprovalState{
	policy.Pending: protocol.ApprovalState_APPROVAL_PENDING, policy.Granted: protocol.ApprovalState_APPROVAL_GRANTED,
	policy.Denied: protocol.ApprovalState_APPROVAL_DENIED, policy.Revoked: protocol.ApprovalState_APPROVAL_REVOKED,
}

// info is an approval for the caller who asked for it.
func (a *appliance) info(r register.Approval) *protocol.ApprovalInfo {
	arg := r.Argument(0, false)
	request, _ := hex.DecodeString(r.Request)
	info := &protocol.ApprovalInfo{
		Id: r.ID, Entry: r.Asked.Entry, State: shownStates[r.State], Form: shownForm(r.Asked.Form), Count: r.Count, Used: r.Used,
		Persons: uint32(r.Asked.Persons), Granted: uint32(len(r.By())), NotBefore: timestamppb.New(arg.From), NotAfter: timestamppb.New(arg.Until),
		Request: request,
	}
	if r.Ended != nil {
		info.Reason = r.Ended.Basis
	}
	if ended(r, a.now()) {
		info.State = protocol.ApprovalState_APPROVAL_EXPIRED
	}
	return info
}

func shownForm(f policy.Form) protocol.ApprovalForm {
	for shown, form := range askedForms {
		if form == f {
			return shown
		}
	}
	return protocol.ApprovalForm_APPROVAL_FORM_UNSPECIFIED
}

// ended tells whether nobody ended the approval, and its time is over.
func ended(r register.Approval, now time.Time) bool {
	return (r.State == policy.Pending || r.State == policy.Granted) && now.After(r.Argument(0, false).Until)
}
