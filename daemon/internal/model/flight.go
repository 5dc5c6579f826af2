package model

import (
	"slices"
	"time"
)

// A Request asks for signatures.
type Request struct {
	UID       uint32
	GIDs      []uint32
	Entry     string
	Algorithm string
	Items     []Item
	Partial   bool
	Approval  string
	ID        string // request_id
	Content   string // equal where the requests are
}

// An Item is one input.
type Item struct {
	Operation, Purpose string
	Carries            []string
	Doc                string // hash of the document, as declared
	Value              string // what the key signs
}

// An Outcome is what became of an item.
type Outcome struct {
	Item
	Fault    *Fault // refused or failed
	Event    int    // of its signature, -1 until there is one
	Repeated bool
	At       time.Time // when its signature was decided

	answer   Answer
	question Question
	use      *Use // in flight, or recorded
	failed   string
	approved bool // a use of the approval is reserved
}

// Answer is what the policy said of the item, and to what.
func (o *Outcome) Answer() (Question, Answer) { return o.question, o.answer }

// A Flight is a request on its way: begun, decided, signed, recorded, ended.
type Flight struct {
	Request
	*Appliance
	entry *Entry // by which it is judged; nil: no such entry
	at    time.Time
	Items []*Outcome
}

// Policy is the policy that a flight is judged by, nil if there is no entry.
func (f *Flight) Policy() *Policy {
	if f.entry == nil {
		return nil
	}
	return f.entry.Policy
}

type requestKey struct {
	uid uint32
	id  string
}

// An answered is what is remembered of a request.
type answered struct {
	content  string
	items    []Outcome
	approval string
	recorded time.Time
}

// Remembered tells for how long the answer to a request has stood in the log,
// false if there is none.
func (a *Appliance) Remembered(uid uint32, id string) (time.Duration, bool) {
	was := a.answers[requestKey{uid, id}]
	if was == nil {
		return 0, false
	}
	return a.Recorded.Sub(was.recorded), true
}

// Begin looks at the register, and at what the same request was answered.
func (a *Appliance) Begin(r Request) (*Flight, *Fault) {
	a.Clock.Look()
	f := &Flight{Request: r, Appliance: a, entry: a.entries[r.Entry], at: a.Clock.Now}
	for _, it := range r.Items {
		f.Items = append(f.Items, &Outcome{Item: it, Event: -1})
	}
	was := a.answers[requestKey{r.UID, r.ID}]
	if r.ID == "" || was == nil {
		return f, nil
	}
	if was.content != r.Content {
		return nil, fault("request_id_reused", "")
	}
	if !f.mayHaveAgain() {
		return f, nil
	}
	for i, it := range was.items {
		if it.Event >= 0 {
			f.Items[i].Event, f.Items[i].At, f.Items[i].Repeated = it.Event, it.At, true
		}
	}
	return f, nil
}

// isNamed tells whether the caller is one of the policy's.
func (f *Flight) isNamed() bool {
	return f.entry.Policy.callers(Question{UID: f.UID, GIDs: f.GIDs}).Reason == "allowed"
}

// look finds the entry as it is at the decision.
func (f *Flight) look() {
	f.entry = f.entries[f.Entry]
	if len(f.entry.Policy.Quotas) > 0 {
		f.counted[f.Entry] = true
	}
}

// mayHaveAgain: what was signed before does not leave where it would not be
// signed now.
func (f *Flight) mayHaveAgain() bool {
	if f.entry == nil || !f.entry.maySign() || !f.isNamed() {
		return false
	}
	p := f.approvals[f.Approval]
	return p == nil || !p.running || p.state != "revoked"
}

func (f *Flight) open() []*Outcome {
	return slices.DeleteFunc(slices.Clone(f.Items), func(o *Outcome) bool { return o.Event >= 0 || o.Fault != nil || o.failed != "" })
}

// Decide judges the open items, each seeing those before it as in flight.
func (f *Flight) Decide() *Fault {
	if f.entry == nil {
		l := Line{Kind: "refuse", Op: f.Items[0].Operation, Entry: f.Entry, Decided: f.at}
		return f.refuse(refusal{uid: f.UID, rule: "entry", reason: "unknown_entry", result: "refused"}, l)
	}
	if f.at = f.Clock.Now; f.isNamed() { // a stranger is told so by what was found when he came
		f.look()
	}
	f.flights = append(f.flights, f)
	for _, it := range f.open() {
		if f.judge(it); it.answer.Reason != "allowed" && !f.Partial {
			break
		}
	}
	for _, it := range f.open() {
		switch allowed := it.answer.Reason == "allowed"; {
		case f.Algorithm != KeyAlgorithm && (allowed || it.answer.Reason == "algorithm"):
			f.giveBack()
			return fault("algorithm_mismatch", "")
		case allowed:
		case !f.Partial:
			f.giveBack()
			return f.refuseItem(it, "refuse", it.answer.Rule, it.answer.Reason, "refused")
		default:
			it.Fault = f.refuseItem(it, "refuse", it.answer.Rule, it.answer.Reason, "refused")
		}
	}
	return nil
}

// KeyAlgorithm is the one that the keys of all entries are for.
const KeyAlgorithm = "ECDSA-P256-SHA256"

func (f *Flight) judge(it *Outcome) {
	it.question = Question{
		UID: f.UID, GIDs: f.GIDs, Operation: it.Operation, Algorithm: f.Algorithm, Purpose: it.Purpose, Batch: len(f.Items), Carries: it.Carries,
		Entry:    State{Class: "key", Proven: true, Active: f.entry.maySign(), KeyMatches: true, Unbounded: true},
		Approval: f.argument(f, it), Time: f.at, Clock: f.state(), Spent: f.spent[f.Entry], InFlight: f.inFlight(),
		Lost: f.lost, PolicyLost: f.entry.set < f.lostEvent,
	}
	it.answer = f.entry.Policy.Decide(it.question)
	if it.answer.Reason != "allowed" {
		return
	}
	if f.counted[f.Entry] {
		it.use = &Use{UID: f.UID, At: f.at}
	}
	if f.entry.Policy.Approvals != nil {
		f.approvals[f.Approval].reserve(it.Value)
		it.approved = true
	}
}

// inFlight are the uses of the entry that are being signed.
func (f *Flight) inFlight() []*Use {
	var uses []*Use
	for _, other := range f.flights {
		for _, it := range other.Items {
			if other.Entry == f.Entry && it.use != nil {
				uses = append(uses, it.use)
			}
		}
	}
	return uses
}

// giveBack ends the reservations: what was recorded is spent.
func (f *Flight) giveBack() {
	f.flights = slices.DeleteFunc(f.flights, func(other *Flight) bool { return other == f })
	f.settle(f)
	for _, it := range f.Items {
		it.use, it.approved = nil, false
	}
}

// settle is giveBack for an appliance in which the flight is.
func (a *Appliance) settle(f *Flight) {
	for _, it := range f.Items {
		recorded := it.Event >= 0
		if it.use != nil && recorded {
			a.spent[f.Entry] = append(a.spent[f.Entry], it.use)
		}
		if it.approved {
			a.approvals[f.Approval].settle(it.Value, recorded)
		}
	}
}

func (f *Flight) refuseItem(it *Outcome, kind, rule, reason, result string) *Fault {
	return f.refuse(refusal{uid: f.UID, entry: f.Entry, rule: rule, reason: reason, result: result},
		Line{Kind: kind, Op: it.Operation, Entry: f.Entry, Approval: f.approvalOf(it), Decided: f.at})
}

// approvalOf is the approval that the event of an item names: the one that was
// looked at.
func (f *Flight) approvalOf(it *Outcome) string {
	if f.entry.Policy.Approvals == nil {
		return ""
	}
	return f.Approval
}

// Fail has the HSM not sign an open item.
func (f *Flight) Fail(i int) { f.Items[i].failed = "hsm_failed" }

// Open tells whether an item is to be signed.
func (f *Flight) Open(i int) bool { return slices.Contains(f.open(), f.Items[i]) }

// Record makes the events of what was signed. It returns the rule by which a
// change has overtaken them, "" if none has.
func (f *Flight) Record() (overtaken string) {
	signed := f.open()
	if len(signed) == 0 {
		return ""
	}
	overtaken = f.overtaken(len(signed))
	for _, it := range signed {
		l := Line{Kind: "sign", Op: it.Operation, Entry: f.Entry, UID: f.UID, Result: "allowed", Approval: f.approvalOf(it), Decided: f.at}
		if overtaken != "" {
			l.Result, l.Reason, l.Rule = "refused", "changed", overtaken
			it.Fault = &Fault{Name: "changed", Rule: overtaken, Event: f.record(l)}
			continue
		}
		it.Event, it.At = f.record(l), f.at
		if it.use == nil { // nobody counted it
			f.spent[f.Entry] = append(f.spent[f.Entry], &Use{UID: f.UID, At: f.at})
		}
		if it.approved {
			f.approvals[f.Approval].recorded++
		}
	}
	f.remember()
	return overtaken
}

func (f *Flight) overtaken(uses int) string {
	if f.entries[f.Entry].Rev != f.entry.Rev {
		return "entry.revision"
	}
	if f.entry.Policy.Approvals == nil {
		return ""
	}
	if p := f.approvals[f.Approval]; p.state != "granted" || p.recorded+uses > p.count {
		return "approvals"
	}
	return ""
}

// remember keeps the answer of the request.
func (f *Flight) remember() {
	if f.ID == "" {
		return
	}
	kept := &answered{content: f.Content, recorded: f.Recorded}
	for _, it := range f.Items {
		kept.items = append(kept.items, *it)
	}
	f.answers[requestKey{f.UID, f.ID}] = kept
}

// End gives back what was not used, and records what failed.
func (f *Flight) End() {
	f.giveBack()
	for _, it := range f.Items {
		if it.failed != "" {
			it.Fault = f.refuseItem(it, "sign", "hsm", it.failed, "failed")
			it.Fault.Rule = "" // it is the event's; the answer has none
		}
	}
}
