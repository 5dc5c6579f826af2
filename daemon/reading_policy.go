package daemon

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// postPolicyTest says what would be decided about a use that nobody asks for,
// rule by rule, with the counts as they are. It reserves, spends and records
// nothing.
func (s *Server) postPolicyTest(v visit) (any, *protocol.Error) {
	a, acct, fault := s.accountOf(v)
	if fault != nil {
		return nil, fault
	}
	if reader, _ := a.roster.roll().Reader(v.visitor.peer.UID); !a.showsTo(reader, acct.entry.ID) {
		return nil, protocol.NewError(protocol.RoleRefused, "custodian %s keeps other entries", reader.ID)
	}
	body, fault := readBody(v)
	if fault != nil {
		return nil, fault
	}
	var q admin.PolicyQuestion
	if fault := decodeStrict(body, &q); fault != nil {
		return nil, fault
	}
	return a.tryPolicy(acct, q)
}

// A trial is a question about a policy on its way.
type trial struct {
	*appliance
	acct    *account
	bound   policy.Bound
	rev     uint32
	record  register.PolicyRecord
	request policy.Request
	at      policy.Instant
}

func (a *appliance) tryPolicy(acct *account, q admin.PolicyQuestion) (admin.PolicyAnswer, *protocol.Error) {
	t := &trial{appliance: a, acct: acct, bound: acct.policy, rev: acct.entry.PolicyRev, record: acct.record}
	if fault := t.bind(q.Text); fault != nil {
		return admin.PolicyAnswer{}, fault
	}
	if fault := t.ask(q); fault != nil {
		return admin.PolicyAnswer{}, fault
	}
	t.at = a.instant()
	if q.At != nil && (q.At.Year() < 1970 || q.At.Year() > 9000) {
		return admin.PolicyAnswer{}, protocol.NewError(protocol.Malformed, "want a time of the years 1970 to 9000").WithField("at")
	}
	if q.At != nil {
		t.at = policy.Instant{Time: q.At.UTC().Truncate(time.Microsecond), Clock: policy.SaneClock}
	}
	t.at = t.bound.Policy().At(t.at.Time, t.at.Clock)
	usage, err := t.usage(q.Approval)
	if err != nil {
		return admin.PolicyAnswer{}, storeError(err)
	}
	return t.answer(usage), nil
}

// bind takes a policy that is not set, as it would be if it were set now.
func (t *trial) bind(text string) *protocol.Error {
	if text == "" {
		if t.rev == 0 {
			return protocol.NewError(protocol.UnknownEntry, "the entry has no policy yet: give one, or signetctl policy set %s FILE", t.acct.entry.ID).WithField("text")
		}
		return nil
	}
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("text")
	}
	named, err := policy.Resolve(p, systemLookup)
	if err != nil {
		return protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("text")
	}
	t.bound, _ = policy.Bind(p, named, systemLookup)
	t.rev, t.record = 0, register.PolicyRecord{Proof: register.Proof{Event: t.store.Position().Size}}
	return nil
}

// ask reads the use that the question is about. What it leaves out is the first
// that the policy allows, so that one rule can be looked at alone.
func (t *trial) ask(q admin.PolicyQuestion) *protocol.Error {
	p, e := t.bound.Policy(), t.acct.entry
	r := policy.Request{Purpose: q.Purpose, BatchSize: max(q.Batch, 1)}
	var faults [5]*protocol.Error
	r.Operation, faults[0] = chosen("operation", q.Operation, policy.ParseOperation, p.Operations())
	r.Algorithm, faults[1] = chosen("algorithm", q.Algorithm, algo.Parse, slices.DeleteFunc(p.Algorithms(), func(x algo.Algorithm) bool { return !x.Fits(t.acct.key.Public.Type()) }))
	if r.Operation == policy.Stamp {
		r.Version, faults[2] = chosen("version", q.Version, policy.ParseVersion, p.Versions())
		r.Container, faults[3] = chosen("container", q.Container, policy.ParseContainer, p.Containers())
	}
	if r.Operation == policy.SealRead {
		r.Algorithm = 0
	}
	if purposes := p.Purposes(); r.Purpose == "" && len(purposes) > 0 {
		r.Purpose = purposes[0]
	}
	r.Carries, faults[4] = fieldsOf(q.Carries)
	for _, fault := range faults {
		if fault != nil {
			return fault
		}
	}
	certificate, _ := t.certificateOf(t.acct)
	r.Entry = policy.Entry{
		Class: classOf(e), Proven: t.prove(t.acct) == nil, Active: e.MaySign(), KeyMatches: !t.acct.key.Public.IsZero(),
		Validity: validity(e), Certificate: certificate,
	}
	t.request = r
	return t.identify(q)
}

func chosen[T any](field, name string, parse func(string) (T, error), first []T) (item T, fault *protocol.Error) {
	if name == "" {
		if len(first) > 0 {
			item = first[0]
		}
		return item, nil
	}
	item, err := parse(name)
	if err != nil {
		return item, protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField(field)
	}
	return item, nil
}

func fieldsOf(names []string) (policy.Fields, *protocol.Error) {
	var list []policy.Field
	for i, name := range names {
		f, err := policy.ParseField(name)
		if err != nil {
			return 0, protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField(fmt.Sprintf("carries[%d]", i))
		}
		list = append(list, f)
	}
	return policy.FieldsOf(list...), nil
}

// identify finds uid and groups of the caller. Nobody named: the policy's first.
func (t *trial) identify(q admin.PolicyQuestion) *protocol.Error {
	name := q.User
	if users := t.bound.Policy().Users(); name == "" && q.UID == nil && len(users) > 0 {
		name = users[0]
	}
	if q.UID != nil {
		name = strconv.FormatUint(uint64(*q.UID), 10)
	}
	if name == "" {
		return protocol.NewError(protocol.Malformed, "missing: the policy names no user, so say who calls").WithField("user")
	}
	u, err := user.Lookup(name)
	if err != nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		uid, numberErr := parseID(name)
		if numberErr != nil {
			return protocol.NewError(protocol.Malformed, "the user database has no user %s", strconv.Quote(name)).WithField("user")
		}
		t.request.UID = uid // a number without an account has no groups
		return nil
	}
	return t.identifyAs(u)
}

func (t *trial) identifyAs(u *user.User) *protocol.Error {
	uid, err := parseID(u.Uid)
	if err != nil {
		return protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("user")
	}
	t.request.UID = uid
	ids, err := u.GroupIds()
	if err != nil {
		return protocol.NewError(protocol.Internal, "the groups of %s could not be read", u.Username).WithField("user")
	}
	for _, id := range ids {
		if gid, err := parseID(id); err == nil {
			t.request.GIDs = append(t.request.GIDs, gid)
		}
	}
	return nil
}

// usage is what a decision would see. Whether an approval fits the document
// cannot be known here: it is taken to.
func (t *trial) usage(approval string) (policy.Usage, error) {
	counts, err := t.countsNow(t.acct.entry.ID, t.bound.Policy(), t.record, t.request.UID, t.at.Time)
	if err != nil {
		return policy.Usage{}, err
	}
	for i := range counts { // the last item of the batch sees the others as reserved
		counts[i].Reserved += uint64(t.request.BatchSize - 1)
	}
	fits := func(asked register.Asking) bool {
		return asked.Entry == t.acct.entry.ID && asked.UID == t.request.UID && asked.Purpose == t.request.Purpose
	}
	arg := t.approvals.argument(approval, "", fits)
	if record, _, ok := t.approvals.find(approval); ok && record.Asked.Entry != t.acct.entry.ID {
		arg = &policy.Approval{ID: approval} // of another entry: none of this one's business
	}
	if arg != nil && arg.Form == policy.ByDigests {
		arg.Fits = fits(t.askedOf(approval))
	}
	return policy.Usage{Counts: counts, Approval: arg}, nil
}

func (t *trial) askedOf(approval string) register.Asking {
	record, _, _ := t.approvals.find(approval)
	return record.Asked
}

// countsNow is how far the quotas of a policy are used up at a time. It does
// not fill the meter: that is for decisions, see meter.
func (a *appliance) countsNow(entry string, p policy.Policy, record register.PolicyRecord, uid uint32, at time.Time) ([]policy.Count, error) {
	if len(p.Quotas()) == 0 {
		return nil, nil
	}
	windows, lost := p.Windows(at), a.meters.lossesFor(record)
	m := a.meters.find(entry)
	m.mu.Lock()
	if m.filled {
		defer m.mu.Unlock()
		return m.counts(windows, uid, lost), nil
	}
	m.mu.Unlock() // decisions do not wait for who reads the store out of interest
	m = newMeter()
	if err := m.fill(a.store, entry); err != nil {
		return nil, err
	}
	return m.counts(windows, uid, lost), nil
}

func (t *trial) answer(usage policy.Usage) admin.PolicyAnswer {
	r := t.request
	out := admin.PolicyAnswer{
		Entry: t.acct.entry.ID, PolicyRev: t.rev, Engine: policy.EngineVersion, At: t.at.Time, UID: r.UID, GIDs: append([]uint32{}, r.GIDs...),
		Purpose: r.Purpose, Allowed: true, Rules: []admin.RuleVerdict{}, Usage: usageItems(usage.Counts),
	}
	out.Operation, out.Algorithm = nameOf(r.Operation), nameOf(r.Algorithm)
	out.Version, out.Container = nameOf(r.Version), nameOf(r.Container)
	if zone := t.bound.Policy().Zone(); zone != nil {
		out.Zone, out.Local = zone.String(), t.at.Time.In(zone).Format(time.RFC3339)
	}
	for _, v := range policy.Explain(t.bound, usage, r, t.at) {
		row := admin.RuleVerdict{Rule: v.Rule, Pass: v.Decision.Allowed(), Why: v.Why}
		if !row.Pass {
			out.Allowed = false
			row.Rule, row.Reason, row.Code, row.Need = v.Decision.Rule, v.Decision.Reason.String(), uint32(v.Decision.Reason), v.Decision.Need
			if after := v.Decision.After; !after.IsZero() {
				row.After = &after
			}
		}
		out.Rules = append(out.Rules, row)
	}
	return out
}

// nameOf is the name of an item of a closed list, "" for none.
func nameOf[T interface {
	~uint8
	String() string
}](item T) string {
	if item == 0 {
		return ""
	}
	return item.String()
}

func usageItems(counts []policy.Count) []admin.UsageItem {
	items := []admin.UsageItem{}
	for _, c := range counts {
		item := admin.UsageItem{
			Rule: c.Key(), Scope: c.Scope.String(), Period: c.Period.String(), Spent: c.Spent, Reserved: c.Reserved, Limit: c.Limit, Unknown: c.Unknown,
		}
		if c.Period != policy.Lifetime {
			start, end := c.Start, c.End
			item.Start, item.End = &start, &end
		}
		items = append(items, item)
	}
	return items
}

// entryUsage are the counts of the whole entry, for whoever reads the policy.
func (a *appliance) entryUsage(acct *account) ([]admin.UsageItem, error) {
	p := acct.policy.Policy()
	counts, err := a.countsNow(acct.entry.ID, p, acct.record, 0, a.instant().Time)
	return usageItems(slices.DeleteFunc(counts, func(c policy.Count) bool { return c.Scope != policy.OfEntry })), err
}

func (s *Server) getApprovals(v visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	reader, fault := a.mayReadLog(v.visitor.peer)
	if fault != nil {
		return nil, fault
	}
	if fault := a.noteRead(v.visitor, "approvals"); fault != nil {
		return nil, fault
	}
	entry, state := v.URL.Query().Get("entry"), v.URL.Query().Get("state")
	if entry != "" {
		if fault := protocol.CheckEntryID("entry", entry); fault != nil {
			return nil, fault
		}
	}
	if _, err := policy.ParseState(state); err != nil && state != "" && state != stateExpired {
		return nil, protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("state")
	}
	out := admin.Approvals{Approvals: []admin.Approval{}}
	for _, r := range a.approvals.all() {
		shown := describeApproval(r, a.now())
		if entry != "" && r.Asked.Entry != entry || state != "" && shown.State != state {
			continue
		}
		if !a.showsTo(reader, r.Asked.Entry) {
			continue
		}
		if out.More = len(out.Approvals) == admin.MaxApprovals; out.More {
			break
		}
		out.Approvals = append(out.Approvals, shown)
	}
	return out, nil
}

func (s *Server) getApproval(v visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	reader, fault := a.mayReadLog(v.visitor.peer)
	if fault != nil {
		return nil, fault
	}
	id := v.PathValue("id")
	if !register.CheckApprovalID(id) {
		return nil, protocol.NewError(protocol.Malformed, "want the id of an approval, 16 lower-case hex digits").WithField("id")
	}
	if fault := a.noteRead(v.visitor, "approvals"); fault != nil {
		return nil, fault
	}
	record, fault := a.approvalOf(id)
	if fault != nil {
		return nil, fault
	}
	if !a.showsTo(reader, record.Asked.Entry) {
		return nil, noApproval()
	}
	return describeApproval(record, a.now()), nil
}

// showsTo tells whether an officer may see what is about an entry: a custodian
// what he keeps, the others all.
func (a *appliance) showsTo(o authority.Officer, entry string) bool {
	if o.Role != authority.Custodian {
		return true
	}
	on := authority.Target{Entry: entry}
	if acct := a.book.find(entry); acct != nil {
		on.Owner = acct.entry.Owner
	}
	return o.Keeps(on)
}

// stateExpired is shown of an approval that nobody ended and whose time is over.
const stateExpired = "expired"

func describeApproval(r register.Approval, now time.Time) admin.Approval {
	asked, arg := r.Asked, r.Argument(0, false)
	made, _ := time.Parse(time.RFC3339, asked.Made)
	out := admin.Approval{
		ID: r.ID, Entry: asked.Entry, State: r.State.String(), UID: asked.UID, Event: r.Event, Purpose: asked.Purpose,
		Justification: asked.Justification, Person: asked.Person, Dept: asked.Dept, DocID: asked.DocID, DocNo: asked.DocNo, Pages: asked.Pages,
		Form: asked.Form.String(), DocSM3: asked.DocSM3, RefsSM3: asked.RefsSM3, Digests: append([]string{}, asked.Digests...),
		Made: made, From: arg.From, Until: arg.Until, Count: r.Count, Used: r.Used, Persons: asked.Persons,
		Grants: []admin.ApprovalGrant{}, Request: r.Request,
	}
	if ended(r, now) {
		out.State = stateExpired
	}
	for _, g := range r.Grants {
		out.Grants = append(out.Grants, admin.ApprovalGrant{By: append([]string{}, g.By...), Event: g.Event})
	}
	if r.Ended != nil {
		out.Ended = &admin.ApprovalEnd{By: append([]string{}, r.Ended.By...), Basis: r.Ended.Basis, Event: r.Ended.Event}
	}
	return out
}
