package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/daemon/internal/model"
	"signet/policy"
	"signet/protocol/algo"
)

// A policyWorld is one policy with a caller or two, over some time. Nothing in
// it is the daemon's: text is parsed, names are bound, and Decide is asked
// with counts that are made here from a list of uses.
type policyWorld struct {
	model.Chance
	stats *modelStats

	policy *model.Policy
	bound  policy.Bound
	replay *policy.Replayer
	shape  model.Shape

	class    string
	now      time.Time
	spent    []*model.Use
	inFlight []*model.Use
	lost     time.Time
	oldPol   bool
}

// ids of the accounts that the policies of such a world name.
var worldAccounts = map[string]uint32{"oa": 20001, "docs": 20002, "licence": 20003, "desk": 30001, "archive": 30002}

// The names mean these ids when the policy is set. When it is loaded "licence"
// is gone, and "archive" means somebody else.
func lookupWith(now map[string]uint32) policy.Lookup {
	find := func(name string) (uint32, error) {
		if id, ok := now[name]; ok {
			return id, nil
		}
		return 0, errors.New("no such account")
	}
	return policy.Lookup{User: find, Group: find}
}

var worldAccountsNow = map[string]uint32{"oa": 20001, "docs": 20002, "desk": 30001, "archive": 30009}

func newPolicyWorld(seed uint64, stats *modelStats) (*policyWorld, error) {
	w := &policyWorld{Chance: model.NewChance(seed), stats: stats}
	zone := model.Zone(model.Pick(w.Chance, model.Zones))
	w.now = w.Beginning(zone)
	w.class = model.Pick(w.Chance, []string{"key", "seal", "seal"})
	w.shape = model.Shape{
		Users:      []model.Account{{Name: "oa", ID: 20001}, {Name: "docs", ID: 20002}, {Name: "licence"}, {ID: 20004}, {ID: 20005}},
		Groups:     []model.Account{{Name: "desk", ID: 30001}, {Name: "archive"}, {ID: 30004}},
		Operations: map[string][]string{"key": {"digest", "message", "cms"}, "seal": {"stamp", "stamp", "seal.read"}}[w.class],
		Algorithms: []string{"SM2-SM3", "ECDSA-P256-SHA256"}, Purposes: []string{"contract", "invoice", "notice"},
		Forms: []string{"document", "references", "digests", "count"}, Custodians: []string{"carl", "cora", "cyn"}, Zone: zone.String(), Begins: w.now,
	}
	w.shape.Operations = slices.Compact(w.shape.Operations)
	w.policy = w.Policy(w.shape)
	if w.One(6) { // what never fits the class
		w.policy.Operations = append(w.policy.Operations, map[string]string{"key": "stamp", "seal": "digest"}[w.class])
	}
	if w.One(12) {
		w.lost, w.oldPol = w.now.Add(w.Duration(10*time.Hour)), w.One(3)
	}
	return w, w.bind()
}

func (w *policyWorld) bind() error {
	text := w.policy.Text(w.Rand)
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return fmt.Errorf("the policy does not parse: %w\n%s", err, text)
	}
	then, err := policy.Resolve(p, lookupWith(worldAccounts))
	if err != nil {
		return err
	}
	w.bound, _ = policy.Bind(p, then, lookupWith(worldAccountsNow))
	w.replay = policy.NewReplayer(p, then)
	return nil
}

// run asks so many questions.
func (w *policyWorld) run(questions int) error {
	for step := range questions {
		w.move()
		q := w.question()
		if err := w.judge(q); err != nil {
			return fmt.Errorf("step %d: %w\nquestion %+v\n%s", step, err, q, w.bound.Policy().Text())
		}
	}
	return nil
}

// move lets time pass, or sets the clock back a little.
func (w *policyWorld) move() {
	zone, before := w.zone(), w.now
	if w.now = w.Later(zone, w.now); w.One(20) {
		w.now = before.Add(-w.Duration(maxBehind))
	}
	w.stats.crossed(zone, before, w.now)
}

func (w *policyWorld) zone() *time.Location { return model.Zone(w.policy.Zone) }

// question draws one that the policy allows, and mostly spoils it.
func (w *policyWorld) question() model.Question {
	p := w.policy
	q := model.Question{
		UID: model.Pick(w.Chance, p.Users).ID, GIDs: []uint32{model.Pick(w.Chance, []uint32{5, 30001, 30002, 30004, 30009})},
		Operation: model.Pick(w.Chance, p.Operations), Algorithm: model.Pick(w.Chance, p.Algorithms), Purpose: model.Pick(w.Chance, p.Purposes),
		Batch: 1, Carries: slices.Clone(p.Require), Time: w.now, Clock: "sane", Spent: w.spent, InFlight: w.inFlight,
		Uncounted: map[string]bool{}, Entry: w.entry(),
	}
	if !w.lost.After(w.now) {
		q.Lost, q.PolicyLost = w.lost, w.oldPol
	}
	if q.UID == 0 && !w.One(8) {
		q.UID, q.GIDs = 20009, append(q.GIDs, w.allowedGroups()...)
	}
	switch q.Operation {
	case "stamp":
		q.Version, q.Container = model.Pick(w.Chance, p.Versions), model.Pick(w.Chance, p.Containers)
	case "seal.read":
		q.Algorithm = ""
	}
	if p.Approvals != nil || w.One(8) {
		q.Approval = w.approval()
	}
	for range max(w.IntN(4)-1, 0) {
		w.spoil(&q)
	}
	return q
}

func (w *policyWorld) allowedGroups() []uint32 {
	var ids []uint32
	for _, g := range w.policy.Groups {
		if g.ID != 0 {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func (w *policyWorld) entry() model.State {
	e := model.State{Class: w.class, Proven: true, Active: true, KeyMatches: true, From: w.now.Add(-w.Duration(time.Hour)), Until: w.now.Add(w.Duration(time.Hour))}
	if w.policy.CRLMaxAge > 0 || w.One(3) {
		e.Certificate = &model.Certificate{ListMade: w.now.Add(-w.Duration(w.policy.CRLMaxAge))}
	}
	if e.Unbounded = w.class == "key" && w.One(2); e.Unbounded {
		e.From, e.Until = time.Time{}, time.Time{}
	}
	return e
}

// approval draws one that is granted, and mostly lacks something.
func (w *policyWorld) approval() *model.Approval {
	asked := w.policy.Approvals
	if asked == nil {
		asked = &model.Approvals{Forms: []string{"count"}}
	}
	a := &model.Approval{
		State: "granted", Form: model.Pick(w.Chance, asked.Forms), Fits: true, By: []string{"carl", "cora", "cyn"}[:w.Between(1, 3)],
		From: w.now.Add(-w.Duration(30 * time.Minute)), Until: w.now.Add(w.Duration(30 * time.Minute)), Count: 1 + w.IntN(max(asked.Most, 1)),
	}
	switch w.IntN(17) {
	case 16:
		a.Unknown = true
	case 0:
		a.State = model.Pick(w.Chance, []string{"none", "pending"})
	case 1, 2:
		a.State = model.Pick(w.Chance, []string{"denied", "revoked"})
	case 3:
		a.Fits = false
	case 4:
		a.By = model.Pick(w.Chance, [][]string{nil, {"carl", "carl"}, {"dora", "dirk"}, {"carl"}})
	case 5:
		a.Form = model.Pick(w.Chance, w.shape.Forms)
	case 6:
		a.From, a.Until = w.now.Add(time.Microsecond), w.now.Add(time.Hour)
	case 7:
		a.Until = model.Pick(w.Chance, []time.Time{w.now, w.now.Add(-time.Microsecond), {}})
	case 8:
		a.Until = a.From.Add(asked.Longest + w.Duration(48*time.Hour))
	case 9:
		a.Count += w.IntN(3)
	case 10:
		a.Used = w.IntN(a.Count + 1)
	case 11:
		a.Used = w.IntN(a.Count + 1)
		a.Reserved = a.Count - a.Used
	}
	return a
}

// spoil changes one thing.
func (w *policyWorld) spoil(q *model.Question) {
	switch w.IntN(30) {
	case 0:
		q.UID, q.GIDs = 29999, []uint32{39999}
	case 1:
		q.Entry.Proven = false
	case 2:
		q.Entry.Class = model.Pick(w.Chance, []string{"", "key", "seal"})
	case 3:
		q.Entry.Active = false
	case 4:
		q.Entry.KeyMatches = false
	case 5:
		q.Clock = model.Pick(w.Chance, []string{"behind", "jumped", "unknown"})
	case 6:
		q.Entry.Unbounded = w.One(3)
		q.Entry.From, q.Entry.Until = w.now.Add(time.Microsecond), w.now.Add(time.Hour)
	case 7:
		q.Entry.Unbounded = false
		q.Entry.From, q.Entry.Until = w.now.Add(-time.Hour), w.now.Add(-time.Microsecond*time.Duration(w.IntN(2)))
	case 8:
		q.Entry.Unbounded, q.Entry.Until = false, time.Time{}
	case 9, 10:
		w.spoilCertificate(q)
	case 11, 12:
		q.Operation = model.Pick(w.Chance, []string{"", "stamp", "seal.read", "digest", "message", "cms"})
	case 13:
		q.Algorithm = model.Pick(w.Chance, []string{"", "SM2-SM3", "ECDSA-P256-SHA256", "ED25519"})
	case 14, 22, 23, 26:
		q.Version = model.Pick(w.Chance, []string{"", "v4", "v5"})
	case 15, 24, 27, 28:
		q.Container = model.Pick(w.Chance, []string{"", "ofd", "pdf", "xml", "detached"})
	case 16:
		q.Purpose = model.Pick(w.Chance, []string{"", "contract", "invoice", "notice", "contracts"})
	case 17, 25, 29:
		q.Carries = model.Some(w.Chance, model.AllFields)
	case 18:
		q.Batch = w.Between(0, 6)
	case 19:
		q.Batch = w.Between(250, 260)
	case 20:
		q.Approval = nil
	case 21:
		if len(w.policy.Quotas) > 0 {
			q.Uncounted[keyOf(model.Pick(w.Chance, w.policy.Quotas))] = true
		}
	}
}

func (w *policyWorld) spoilCertificate(q *model.Question) {
	switch w.IntN(4) {
	case 0:
		q.Entry.Certificate = nil
	case 1:
		q.Entry.Certificate = &model.Certificate{Revoked: true, ListMade: w.now}
	case 2:
		q.Entry.Certificate = &model.Certificate{}
	case 3:
		q.Entry.Certificate = &model.Certificate{ListMade: w.now.Add(-w.policy.CRLMaxAge - time.Duration(w.IntN(2))*time.Microsecond)}
	}
}

func keyOf(q model.Quota) string {
	return policy.Quota{Scope: scopeOf[q.Scope], Period: periodOf[q.Period]}.Key()
}

var (
	scopeOf  = map[string]policy.Scope{"entry": policy.OfEntry, "caller": policy.OfCaller}
	periodOf = map[string]policy.Period{
		"minute": policy.Minute, "hour": policy.Hour, "day": policy.Day, "month": policy.Month, "lifetime": policy.Lifetime,
	}
)

// judge asks both.
func (w *policyWorld) judge(q model.Question) error {
	request, usage := w.request(q), w.usage(q)
	at := w.bound.Policy().At(q.Time, clockOf[q.Clock])
	got, want := policy.Decide(w.bound, usage, request, at), w.policy.Decide(q)
	w.stats.decided(want.Reason, want.Rule)
	if got.Reason.String() != want.Reason || got.Rule != want.Rule {
		return fmt.Errorf("Decide says %v (%s), the model %v; counts %v, need %q", got.Reason, got.Rule, want, usage.Counts, got.Need)
	}
	if err := w.policy.CheckAfter(q, want, got.After, w.Samples()); err != nil {
		return err
	}
	if got.Allowed() != (got.Need == "") {
		return fmt.Errorf("Decide says %v, and to want %q", got.Reason, got.Need)
	}
	if err := w.secondLook(got, usage, request, at); err != nil {
		return err
	}
	w.use(q, want)
	return nil
}

// secondLook holds what officers and auditors are shown to the decision.
func (w *policyWorld) secondLook(got policy.Decision, usage policy.Usage, request policy.Request, at policy.Instant) error {
	if !w.One(8) {
		return nil
	}
	first := slices.IndexFunc(policy.Explain(w.bound, usage, request, at), func(v policy.Verdict) bool { return !v.Decision.Allowed() })
	if first >= 0 != !got.Allowed() || first >= 0 && policy.Explain(w.bound, usage, request, at)[first].Decision != got {
		return fmt.Errorf("Explain refuses first by verdict %d, Decide says %+v", first, got)
	}
	again, _, err := w.replay.Decide(policy.Record(w.bound, usage, request, at))
	if err != nil || again.Reason != got.Reason || again.Rule != got.Rule {
		return fmt.Errorf("replayed: %v (%s), %v; decided: %v (%s)", again.Reason, again.Rule, err, got.Reason, got.Rule)
	}
	return nil
}

// use enters what was allowed: recorded at once, or in flight for a while, and
// then recorded or given back.
func (w *policyWorld) use(q model.Question, a model.Answer) {
	for len(w.inFlight) > 0 && w.One(3) {
		if w.One(2) {
			w.spent = append(w.spent, w.inFlight[0])
		}
		w.inFlight = w.inFlight[1:]
	}
	if a.Reason != "allowed" || q.Operation == "seal.read" {
		return
	}
	u := &model.Use{UID: q.UID, At: q.Time}
	if w.One(2) {
		w.inFlight = append(slices.Clip(w.inFlight), u)
		return
	}
	w.spent = append(w.spent, u)
}

var clockOf = map[string]policy.Clock{"sane": policy.SaneClock, "behind": policy.BehindClock, "jumped": policy.JumpedClock}

func (w *policyWorld) request(q model.Question) policy.Request {
	e := policy.Entry{
		Class: named(policy.ParseClass, q.Entry.Class), Proven: q.Entry.Proven, Active: q.Entry.Active, KeyMatches: q.Entry.KeyMatches,
		Validity: policy.Validity{From: q.Entry.From, Until: q.Entry.Until, Unbounded: q.Entry.Unbounded},
	}
	if c := q.Entry.Certificate; c != nil {
		e.Certificate = &policy.Certificate{Revoked: c.Revoked, ListMade: c.ListMade}
	}
	var carries []policy.Field
	for _, name := range q.Carries {
		carries = append(carries, named(policy.ParseField, name))
	}
	return policy.Request{
		UID: q.UID, GIDs: q.GIDs, Operation: named(policy.ParseOperation, q.Operation), Algorithm: named(algo.Parse, q.Algorithm),
		Purpose: q.Purpose, BatchSize: q.Batch, Version: named(policy.ParseVersion, q.Version), Container: named(policy.ParseContainer, q.Container),
		Carries: policy.FieldsOf(carries...), Entry: e,
	}
}

// named is the value of a name, the zero value of none.
func named[T any](parse func(string) (T, error), name string) T {
	v, _ := parse(name)
	return v
}

// usage counts the uses in the windows that the policy gives. The model does
// not look at windows.
func (w *policyWorld) usage(q model.Question) policy.Usage {
	usage := policy.Usage{Approval: givenOf(q.Approval)}
	for _, c := range w.bound.Policy().Windows(q.Time) {
		window := policy.Span{Start: c.Start, End: c.End}
		in := func(uses []*model.Use) (n uint64) {
			for _, u := range uses {
				if (c.Scope == policy.OfEntry || u.UID == q.UID) && window.Holds(u.At) {
					n++
				}
			}
			return n
		}
		c.Spent, c.Reserved = in(q.Spent), in(q.InFlight)
		c.Unknown = !q.Lost.IsZero() && (c.Period == policy.Lifetime && q.PolicyLost || c.Period != policy.Lifetime && window.Holds(q.Lost))
		switch {
		case !q.Uncounted[c.Key()]:
			usage.Counts = append(usage.Counts, c)
		case c.Period != policy.Lifetime && w.One(2): // the count of a time to come
			c.Start, c.End = c.End, c.End.Add(time.Hour)
			usage.Counts = append(usage.Counts, c)
		}
	}
	w.Shuffle(len(usage.Counts), func(i, j int) { usage.Counts[i], usage.Counts[j] = usage.Counts[j], usage.Counts[i] })
	return usage
}

func givenOf(a *model.Approval) *policy.Approval {
	if a == nil {
		return nil
	}
	return &policy.Approval{
		ID: strings.Repeat("a", 16), State: named(policy.ParseState, a.State), Form: named(policy.ParseForm, a.Form), Fits: a.Fits, By: a.By,
		From: a.From, Until: a.Until, Count: uint32(a.Count), Used: uint32(a.Used), Reserved: uint32(a.Reserved),
		Unknown: a.Unknown,
	}
}
