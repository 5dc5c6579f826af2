package model

import (
	"fmt"
	"slices"
	"time"
)

// An Approved is what a caller asked to be approved, and what became of it.
type Approved struct {
	Asking
	askedUntil time.Time
	from       time.Time
	until      time.Time
	count      int
	persons    int
	by         []string
	state      string

	used, reserved int             // of one process: a use in flight is reserved until it is over
	recorded       int             // uses in the log
	signed         map[string]bool // digests that were used, or are being: each may be once
	running        bool            // the daemon still has it at hand
	event          int             // that asked for it
}

// An Asking is a request for approval.
type Asking struct {
	UID            uint32
	GIDs           []uint32
	Entry, Purpose string
	Form           string
	Doc            string        // hash of the document
	Digests        []string      // values to be signed
	Count          int           // 0: one, or as many as digests
	After          time.Duration // from now on; 0: at once
	Life           time.Duration // 0: as the policy says, at most a day
	ID             string        // request_id
	Content        string        // equal where the requests are
}

// Ask judges a request for approval. Without a fault it is recorded under the
// id that the appliance made for it, by Enter; or it is the repetition of an
// earlier one, of which the id is returned.
func (a *Appliance) Ask(k Asking) (repeated string, f *Fault) {
	a.Clock.Look()
	if was := a.answers[requestKey{k.UID, k.ID}]; k.ID != "" && was != nil {
		if was.content != k.Content {
			return "", fault("request_id_reused", "")
		}
		return was.approval, nil
	}
	if no := a.mayAsk(k); no.Reason != "allowed" {
		r := refusal{uid: k.UID, rule: no.Rule, reason: no.Reason, result: "refused"}
		if a.entries[k.Entry] != nil {
			r.entry = k.Entry
		}
		return "", a.refuse(r, Line{Kind: "refuse", Op: "approval.request", Entry: k.Entry, Decided: a.Clock.Now})
	}
	if why := a.untimely(); why != "" {
		return "", fault(why, "clock")
	}
	return "", nil
}

func (k Asking) count() int {
	if len(k.Digests) > 0 {
		return len(k.Digests)
	}
	return max(k.Count, 1)
}

func (a *Appliance) mayAsk(k Asking) Answer {
	e := a.entries[k.Entry]
	if e == nil {
		return no("unknown_entry", "entry")
	}
	asked := e.Policy.Approvals
	if answer := e.Policy.callers(Question{UID: k.UID, GIDs: k.GIDs}); answer.Reason != "allowed" {
		return answer
	}
	switch {
	case asked == nil:
		return no("approval_denied", "approvals")
	case !slices.Contains(asked.Forms, k.Form):
		return no("approval_denied", "approvals.forms")
	case k.count() > asked.most():
		return no("approval_denied", "approvals.most")
	case k.Life > asked.longest():
		return no("approval_denied", "approvals.longest")
	}
	return e.Policy.purpose(Question{Purpose: k.Purpose})
}

// Enter records a request for approval that Ask had no objection to.
func (a *Appliance) Enter(id string, k Asking) {
	asked := a.entries[k.Entry].Policy.Approvals
	from := a.Clock.Now.Truncate(time.Second)
	if k.After != 0 {
		from = a.Clock.Now.Add(k.After).Truncate(time.Second)
	}
	until := from.Add(orElse(k.Life, min(asked.longest(), 24*time.Hour)))
	a.approvals[id] = &Approved{
		Asking: k, from: from, until: until, askedUntil: until, count: k.count(), persons: asked.persons(), state: "pending", running: true,
		event: len(a.Log), signed: map[string]bool{},
	}
	a.asked = append(a.asked, id)
	a.record(Line{Kind: "approval", Op: "approval.request", Entry: k.Entry, UID: k.UID, Result: "allowed", Approval: id, Decided: a.Clock.Now})
	if k.ID != "" {
		a.answers[requestKey{k.UID, k.ID}] = &answered{content: k.Content, approval: id, recorded: a.Recorded}
	}
}

// decideApproval is what an act does to an approval.
func (a *Appliance) decideApproval(act Act) (func(), string) {
	p := a.approvals[act.Approval]
	if p == nil || !p.running {
		return nil, "conflict"
	}
	next, by := *p, fmt.Sprintf("uid:%d", act.UID)
	if act.Kind == "approval.grant" && (act.UID == p.UID || !a.countsFor(act.Entry, by)) {
		return nil, "role"
	}
	switch open := p.state == "pending" || p.state == "granted"; {
	case !open, act.Kind == "approval.deny" && p.state != "pending":
		return nil, "illegal_transition"
	case act.Kind == "approval.deny":
		next.state = "denied"
	case act.Kind == "approval.revoke":
		next.state = "revoked"
	default:
		if why := next.grant(act, by, a.Clock.Now); why != "" {
			return nil, why
		}
	}
	return func() { *p = next }, ""
}

// countsFor tells whether the policy in force counts the grant of a person.
func (a *Appliance) countsFor(entry, by string) bool {
	asked := a.entries[entry].Policy.Approvals
	return asked == nil || asked.granted([]string{by}) == 1
}

func (p *Approved) grant(act Act, by string, now time.Time) (why string) {
	switch {
	case slices.Contains(p.by, by):
		return "illegal_transition"
	case act.Count > p.Asking.count(), act.Count != 0 && p.Form == "digests" && act.Count != p.Asking.count():
		return "malformed"
	case !act.Until.IsZero() && (act.Until.Before(p.from) || act.Until.After(p.askedUntil)):
		return "malformed"
	}
	if act.Count != 0 {
		p.count = min(p.count, act.Count)
	}
	if !act.Until.IsZero() && act.Until.Before(p.until) {
		p.until = act.Until
	}
	if now.After(p.until) {
		return "illegal_transition"
	}
	if p.by = append(slices.Clone(p.by), by); len(p.by) >= p.persons {
		p.state = "granted"
	}
	return ""
}

// Running lists the approvals that acts may be about, oldest first.
func (a *Appliance) Running() []string {
	return slices.DeleteFunc(slices.Clone(a.asked), func(id string) bool { return !a.approvals[id].running })
}

// Asked returns what was asked for, and how far it is.
func (a *Appliance) Asked(id string) *Approved { return a.approvals[id] }

// State is pending, granted, denied or revoked.
func (p *Approved) State() string { return p.state }

// Window is from its first to its last instant as they were asked for.
func (p *Approved) Window() (from, until time.Time) { return p.from, p.askedUntil }

// reserve keeps a use of the approval for a value.
func (p *Approved) reserve(value string) {
	p.reserved++
	p.signed[value] = true
}

// settle ends that: it was recorded, or never will be.
func (p *Approved) settle(value string, recorded bool) {
	if p.reserved--; recorded {
		p.used++
	} else {
		delete(p.signed, value)
	}
}

// argument is what the named approval says about an item; nil if none is named.
func (a *Appliance) argument(f *Flight, it *Outcome) *Approval {
	if f.Approval == "" {
		return nil
	}
	p := a.approvals[f.Approval]
	if p == nil || !p.running {
		return &Approval{State: "none"}
	}
	fits := p.UID == f.UID && p.Entry == f.Entry && p.Purpose == it.Purpose
	switch p.Form {
	case "document":
		fits = fits && it.Doc == p.Doc
	case "digests":
		fits = fits && slices.Contains(p.Digests, it.Value) && !p.signed[it.Value]
	case "references":
		fits = false // of stamps
	}
	return &Approval{
		State: p.state, Form: p.Form, Fits: fits, By: p.by, From: p.from, Until: p.until, Count: p.count, Used: p.used, Reserved: p.reserved,
		Unknown: p.event < a.lostEvent,
	}
}
