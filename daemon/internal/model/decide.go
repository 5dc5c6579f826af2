package model

import (
	"fmt"
	"slices"
	"time"
)

// A Question is one request with all that decides about it.
type Question struct {
	UID  uint32
	GIDs []uint32

	Operation, Algorithm, Purpose, Version, Container string
	Batch                                             int
	Carries                                           []string // context fields

	Entry    State
	Approval *Approval // nil: none is named

	Time  time.Time
	Clock string // sane, behind, jumped, unknown

	Spent    []*Use // in the log
	InFlight []*Use // being signed

	Lost       time.Time       // recorded time of the last restore; zero: none
	PolicyLost bool            // the policy is older than it
	Uncounted  map[string]bool // keys of quotas for which there is no count of now
}

// A State is what the register says of the entry.
type State struct {
	Class                      string // seal, key
	Proven, Active, KeyMatches bool
	From, Until                time.Time
	Unbounded                  bool
	Certificate                *Certificate
}

// A Certificate is what its CA says of it.
type Certificate struct {
	Revoked  bool
	ListMade time.Time // zero: no list was imported
}

// An Approval is what is known of the one that the request names.
type Approval struct {
	State                 string // none, pending, granted, denied, revoked
	Form                  string
	Fits                  bool
	By                    []string
	From, Until           time.Time
	Count, Used, Reserved int
	Unknown               bool // it is older than the last restore
}

// An Answer is a reason and the rule that gave it.
type Answer struct {
	Reason, Rule string

	again again
	from  time.Time // of again: from
	quota Quota     // of again: refilled
}

// An again is when it is worth to ask again.
type again int

const (
	never    again = iota // as far as time goes
	soon                  // what is being signed will have been spent or given back
	from                  // from a given instant on
	opened                // when the policy is open
	refilled              // when a window is over, and the policy is open
)

func (a Answer) String() string { return a.Reason + " (" + a.Rule + ")" }

// Allowed is the answer to what may be done.
var Allowed = Answer{Reason: "allowed"}

func no(reason, rule string) Answer { return Answer{Reason: reason, Rule: rule} }

// Decide gives the answer of the first rule that refuses.
func (p *Policy) Decide(q Question) Answer {
	for _, rule := range []func(Question) Answer{
		p.callers, p.proof, p.class, p.status, p.key, p.clock, p.validity, p.certificate, p.span, p.open,
		p.operation, p.fitsClass, p.algorithm, p.version, p.container, p.purpose, p.required, p.batch, p.quotas, p.approved,
	} {
		if a := rule(q); a.Reason != "allowed" {
			return a
		}
	}
	return Allowed
}

// callers: 0 is nobody. It is root, who is no caller, and stands for a name that
// no longer means the account that it meant when the policy was set.
func (p *Policy) callers(q Question) Answer {
	for _, u := range p.Users {
		if u.ID != 0 && u.ID == q.UID {
			return Allowed
		}
	}
	for _, g := range p.Groups {
		if g.ID != 0 && slices.Contains(q.GIDs, g.ID) {
			return Allowed
		}
	}
	return no("not_a_caller", "callers")
}

// unless allows if a condition holds.
func unless(holds bool, reason, rule string) Answer {
	if holds {
		return Allowed
	}
	return no(reason, rule)
}

func (p *Policy) proof(q Question) Answer {
	return unless(q.Entry.Proven, "record_unproven", "entry.proof")
}

func (p *Policy) class(q Question) Answer {
	return unless(q.Entry.Class == "seal" || q.Entry.Class == "key", "unknown_entry", "entry.class")
}

func (p *Policy) status(q Question) Answer {
	return unless(q.Entry.Active, "not_active", "entry.status")
}

func (p *Policy) key(q Question) Answer {
	return unless(q.Entry.KeyMatches, "key_mismatch", "entry.key")
}

func (p *Policy) clock(q Question) Answer {
	switch {
	case q.Clock == "jumped":
		return no("clock_jumped", "clock")
	case q.Clock != "sane" || q.Time.IsZero():
		return no("clock_behind", "clock")
	}
	return Allowed
}

func (p *Policy) validity(q Question) Answer {
	e := q.Entry
	switch {
	case e.Class == "key" && e.Unbounded:
		return Allowed
	case e.From.IsZero() || e.Until.IsZero() || q.Time.After(e.Until):
		return no("outside_validity", "entry.validity")
	case q.Time.Before(e.From):
		return Answer{Reason: "outside_validity", Rule: "entry.validity", again: from, from: e.From}
	}
	return Allowed
}

func (p *Policy) certificate(q Question) Answer {
	c := q.Entry.Certificate
	if c != nil && c.Revoked {
		return no("cert_invalid", "entry.certificate")
	}
	young := p.CRLMaxAge == 0 || c != nil && !c.ListMade.IsZero() && q.Time.Sub(c.ListMade) <= p.CRLMaxAge
	return unless(young, "cert_invalid", "crl_max_age")
}

func (p *Policy) span(q Question) Answer {
	switch {
	case !p.NotAfter.IsZero() && q.Time.After(p.NotAfter):
		return no("outside_validity", "not_after")
	case q.Time.Before(p.NotBefore):
		return Answer{Reason: "outside_validity", Rule: "not_before", again: from, from: p.NotBefore}
	}
	return Allowed
}

func (p *Policy) open(q Question) Answer {
	if by := p.closedBy(q.Time); by != "" {
		return Answer{Reason: "outside_hours", Rule: by, again: opened}
	}
	return Allowed
}

func (p *Policy) operation(q Question) Answer {
	return unless(slices.Contains(p.Operations, q.Operation), "operation", "operations")
}

func (p *Policy) fitsClass(q Question) Answer {
	ofSeal := q.Operation == "stamp" || q.Operation == "seal.read"
	switch {
	case q.Entry.Class == "seal" && !ofSeal:
		return no("op_not_for_seal", "entry.class")
	case q.Entry.Class == "key" && ofSeal:
		return no("operation", "entry.class")
	}
	return Allowed
}

// signs: all but the reading of a seal is a use.
func (q Question) signs() bool { return q.Operation != "seal.read" }

func (p *Policy) algorithm(q Question) Answer {
	if !q.signs() {
		return unless(q.Algorithm == "", "algorithm", "algorithms")
	}
	return unless(slices.Contains(p.Algorithms, q.Algorithm), "algorithm", "algorithms")
}

func (p *Policy) version(q Question) Answer {
	return unless(q.Operation != "stamp" || slices.Contains(p.Versions, q.Version), "version", "versions")
}

func (p *Policy) container(q Question) Answer {
	return unless(q.Operation != "stamp" || slices.Contains(p.Containers, q.Container), "container", "containers")
}

func (p *Policy) purpose(q Question) Answer {
	return unless(slices.Contains(p.Purposes, q.Purpose), "purpose", "purposes")
}

func (p *Policy) required(q Question) Answer {
	for _, field := range p.Require {
		if q.signs() && !slices.Contains(q.Carries, field) {
			return no("context_required", "require")
		}
	}
	return Allowed
}

func (p *Policy) batch(q Question) Answer {
	return unless(1 <= q.Batch && q.Batch <= orElse(p.Batch, 256), "batch_too_large", "batch")
}

// quotas: of several that are used up the longest period answers, and of two
// of one period the entry's.
func (p *Policy) quotas(q Question) Answer {
	if !q.signs() {
		return Allowed
	}
	for _, period := range slices.Backward(Periods) {
		for _, scope := range []string{"entry", "caller"} {
			for _, quota := range p.Quotas {
				if quota.Period == period && quota.Scope == scope && p.usedUp(q, quota) {
					return p.usedUpBy(q, quota)
				}
			}
		}
	}
	return Allowed
}

// usedUpBy is the answer of a quota. A request that is more than some window
// takes will never be granted as a whole.
func (p *Policy) usedUpBy(q Question, quota Quota) Answer {
	a := Answer{Reason: "quota", Rule: quota.key(), quota: quota}
	if quota.Period == "minute" {
		a.Reason = "rate"
	}
	tooMuch := slices.ContainsFunc(p.Quotas, func(other Quota) bool { return other.Limit < q.Batch })
	switch spent := count(q.Spent, quota, p.location(), q.UID, q.Time); {
	case q.Uncounted[quota.key()], tooMuch:
	case !p.isLost(q, quota) && spent+q.Batch <= quota.Limit:
		a.again = soon
	case quota.Period != "lifetime":
		a.again = refilled
	}
	return a
}

// isLost tells whether uses of the window may have been lost by a restore: it
// was running then, or is over since.
func (p *Policy) isLost(q Question, quota Quota) bool {
	switch {
	case q.Lost.IsZero():
		return false
	case quota.Period == "lifetime":
		return q.PolicyLost
	}
	return q.Time.Before(q.Lost) || label(quota.Period, p.location(), q.Lost) == label(quota.Period, p.location(), q.Time)
}

func (p *Policy) usedUp(q Question, quota Quota) bool {
	if q.Uncounted[quota.key()] || p.isLost(q, quota) {
		return true
	}
	zone := p.location()
	return count(q.Spent, quota, zone, q.UID, q.Time)+count(q.InFlight, quota, zone, q.UID, q.Time) >= quota.Limit
}

// approved: what another approval would mend is denied, what this one may still
// become is needed.
func (p *Policy) approved(q Question) Answer {
	needed, denied := no("approval_needed", "approvals"), no("approval_denied", "approvals")
	a, asked := q.Approval, p.Approvals
	switch {
	case asked == nil || !q.signs():
		return Allowed
	case a == nil || a.State == "none":
		return needed
	case a.State == "denied" || a.State == "revoked" || a.Unknown || !a.Fits:
		return denied
	case !slices.Contains(asked.Forms, a.Form) || a.Form == "digests" && q.Entry.Class != "key":
		return denied
	case a.Until.IsZero() || q.Time.After(a.Until):
		return denied
	case a.Until.Sub(a.From) > asked.longest() || a.Count > asked.most() || a.Used >= a.Count:
		return denied
	case a.State != "granted" || asked.granted(a.By) < asked.persons():
		return needed
	case q.Time.Before(a.From):
		needed.again, needed.from = from, a.From
		return needed
	case a.Used+a.Reserved >= a.Count && a.Count-a.Used < q.Batch:
		return denied
	case a.Used+a.Reserved >= a.Count:
		needed.again = soon
		return needed
	}
	return Allowed
}

// granted counts the persons who granted and count.
func (a Approvals) granted(by []string) int {
	persons := map[string]bool{}
	for _, id := range by {
		if a.Custodians == nil || slices.Contains(a.Custodians, id) {
			persons[id] = true
		}
	}
	return len(persons)
}

// CheckAfter holds the time at which a refused caller was told to ask again to
// what the rule says: then it passes, and not before. Of the time before, some
// instants are looked at, the last one always.
func (p *Policy) CheckAfter(q Question, a Answer, after time.Time, samples []float64) error {
	wrong := func(want string) error {
		return fmt.Errorf("after %v of %v at %v: %s", after, a, q.Time, want)
	}
	switch a.again {
	case never:
		if !after.IsZero() {
			return wrong("time does not mend it")
		}
	case from:
		if !after.Equal(a.from) {
			return wrong("want " + a.from.String())
		}
	case soon:
		if after.After(q.Time) && !after.After(q.Time.Add(signing)) {
			return nil
		}
		q.Time = q.Time.Add(signing) // then it is closed, or over: as if asked for then
		return p.checkAgain(q, a, after, samples, wrong)
	default:
		return p.checkAgain(q, a, after, samples, wrong)
	}
	return nil
}

// signing is how long what is being signed may take, for who waits for it.
const signing = 5 * time.Second

// searched is how far ahead an opening is looked for.
const searched = 800 * 24 * time.Hour

func (p *Policy) checkAgain(q Question, a Answer, after time.Time, samples []float64, wrong func(string) error) error {
	until := after
	if after.IsZero() {
		until = q.Time.Add(searched)
	} else if !p.passes(q, a, after) {
		return wrong("it does not pass then")
	}
	for _, part := range append(samples, 1) {
		t := q.Time.Add(time.Duration(part * float64(until.Sub(q.Time)))).Add(-1)
		if t.After(q.Time) && p.passes(q, a, t) {
			return wrong("it passes on " + t.String())
		}
	}
	return nil
}

// passes tells whether a later instant is one at which the rule does not refuse,
// and the policy is open, and neither policy nor entry has ended.
func (p *Policy) passes(q Question, a Answer, t time.Time) bool {
	e := q.Entry
	endless := e.Until.IsZero() || e.Unbounded && e.Class == "key"
	switch {
	case p.closedBy(t) != "", !p.NotAfter.IsZero() && t.After(p.NotAfter), !endless && t.After(e.Until):
		return false
	case a.again == refilled:
		return label(a.quota.Period, p.location(), t) != label(a.quota.Period, p.location(), q.Time)
	}
	return true
}
