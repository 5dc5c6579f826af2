package policy

import (
	"slices"
	"time"

	"signet/protocol/stricttoml"
)

// EngineVersion numbers the rules of Decide. It grows with every change that
// could give another answer to the same arguments, and every version that
// ever wrote an event is kept for replay.
//
// 1: the first. 2: a record that is not proven refuses, and the certificate of
// an entry with its list of revoked ones counts; what has no certificate, and
// is proven, is judged as by 1. 3: hours, versions, containers, required
// fields, quotas and approvals; a policy that has none of them is judged as by
// 2, but for stamps.
const EngineVersion = 3

// A Decision is the answer of the rules. The zero value is a refusal.
type Decision struct {
	Reason Reason

	// Rule names what decided: a key of the policy ("purposes") or a fact of
	// the entry ("entry.status"). "" where all rules allow.
	Rule string

	// After is when the same request may pass, by what is known now; zero
	// where time mends nothing, or nobody can say when. It and Need are not
	// recorded: of the entry's and the policy's future they say what is likely.
	After time.Time

	// Need says in a few words what would be right. It tells a stranger
	// nothing about the policy.
	Need string
}

// Allowed tells whether the request may go on.
func (d Decision) Allowed() bool { return d.Reason == Allowed }

var allow = Decision{Reason: Allowed}

// A question is the arguments of Decide, as its rules see them.
type question struct {
	Bound
	usage   Usage
	request Request
	at      Instant
}

// A rule is one thing that a request must pass.
type rule struct {
	since int    // the first engine that has it
	name  string // the keys of the policy, or the fact of the entry, that it looks at
	judge func(question) Decision
	why   func(question) string    // the values that judge compares, for Explain
	each  func(question) []Verdict // for Explain: of a rule that is asked several times; nil: judge is the whole of it
}

// rules are in the order in which they are asked. It is fixed, because the
// first one that refuses gives the answer that is recorded: callers first, so
// that a stranger learns nothing more; then what an officer must mend (entry,
// key, clock), then what time mends, then what the caller got wrong, then what
// is used up. Approvals come last: nobody is to ask for one that he could not
// use. Each rule must allow in so many words: one that forgets to answer
// refuses.
var rules = [...]rule{
	{since: 1, name: "callers", judge: callers, why: whyCallers},
	{since: 2, name: "entry.proof", judge: entryProof, why: whyProof},
	{since: 1, name: "entry.class", judge: entryClass, why: whyClass},
	{since: 1, name: "entry.status", judge: entryStatus, why: whyStatus},
	{since: 1, name: "entry.key", judge: entryKey, why: whyKey},
	{since: 1, name: "clock", judge: clock, why: whyClock},
	{since: 1, name: "entry.validity", judge: entryValidity, why: whyValidity},
	{since: 2, name: "entry.certificate, crl_max_age", judge: entryCertificate, why: whyCertificate},
	{since: 1, name: "not_before, not_after", judge: window, why: whyWindow},
	{since: 3, name: "hours, weekdays, holidays", judge: openHours, why: whyOpen},
	{since: 1, name: "operations", judge: operation, why: whyOperation},
	{since: 1, name: "entry.class", judge: operationFitsClass, why: whyOperationFits},
	{since: 1, name: "algorithms", judge: algorithm, why: whyAlgorithm},
	{since: 3, name: "versions", judge: version, why: whyVersion},
	{since: 3, name: "containers", judge: container, why: whyContainer},
	{since: 1, name: "purposes", judge: purpose, why: whyPurpose},
	{since: 3, name: "require", judge: required, why: whyRequired},
	{since: 1, name: "batch", judge: batch, why: whyBatch},
	{since: 3, name: "quotas", judge: quotas, why: whyNoQuota, each: eachQuota},
	{since: 3, name: "approvals", judge: approval, why: whyApproval},
}

// Decide judges one request. Everything that can sway the answer is an
// argument.
func Decide(p Bound, u Usage, r Request, at Instant) Decision {
	return decideAs(EngineVersion, newQuestion(p, u, r, at))
}

func newQuestion(p Bound, u Usage, r Request, at Instant) question {
	if p.policy == nil {
		p.policy = new(Policy)
	}
	return question{p, u, r, at}
}

func decideAs(engine int, q question) Decision {
	for i := range rules { // a copy of the table would cost more than the rules
		if rules[i].since > engine {
			continue
		}
		if d := rules[i].judge(q); !d.Allowed() {
			return d
		}
	}
	return allow
}

func callers(q question) Decision {
	if q.Names(q.request.UID, q.request.GIDs) {
		return allow
	}
	return Decision{Reason: NotACaller, Rule: "callers", Need: "an account that the entry's policy allows: ask its security officers"}
}

// entryProof comes before what the record says: one that does not prove itself
// says nothing.
func entryProof(q question) Decision {
	if q.request.Entry.Proven {
		return allow
	}
	return Decision{Reason: RecordUnproven, Rule: "entry.proof", Need: "a record that the officers' acts prove: an alarm was raised"}
}

func entryClass(q question) Decision {
	if q.request.Entry.Class.valid() {
		return allow
	}
	return Decision{Reason: UnknownEntry, Rule: "entry.class", Need: "an entry of class seal or key"}
}

func entryStatus(q question) Decision {
	if q.request.Entry.Active {
		return allow
	}
	return Decision{Reason: NotActive, Rule: "entry.status", Need: "an active entry without a hold"}
}

func entryKey(q question) Decision {
	if q.request.Entry.KeyMatches {
		return allow
	}
	return Decision{Reason: KeyMismatch, Rule: "entry.key", Need: "the key of the register's record on the token"}
}

func clock(q question) Decision {
	switch {
	case q.at.Clock == JumpedClock:
		return Decision{Reason: ClockJumped, Rule: "clock", Need: "a synchronised clock, or an act that accepts the time"}
	case q.at.Clock != SaneClock, q.at.Time.IsZero():
		return Decision{Reason: ClockBehind, Rule: "clock", Need: "a clock that is not behind the log"}
	}
	return allow
}

func entryValidity(q question) Decision {
	v := q.request.Entry.Validity
	if v.Unbounded && q.request.Entry.Class == ClassKey {
		return allow
	}
	switch {
	case v.From.IsZero(), v.Until.IsZero(), q.at.Time.After(v.Until):
		return Decision{Reason: OutsideValidity, Rule: "entry.validity", Need: "an entry that is still valid"}
	case q.at.Time.Before(v.From):
		return Decision{Reason: OutsideValidity, Rule: "entry.validity", After: v.From.UTC(), Need: q.from(v.From)}
	}
	return allow
}

// entryCertificate: what no certificate has is nobody's to revoke. A policy
// with crl_max_age wants a list that is younger.
func entryCertificate(q question) Decision {
	c := q.request.Entry.Certificate
	switch {
	case c == nil && q.policy.crlMaxAge == 0:
		return allow
	case c == nil:
		return Decision{Reason: CertInvalid, Rule: "crl_max_age", Need: "an entry with a certificate: the policy asks for the age of its CA's list"}
	case c.Revoked:
		return Decision{Reason: CertInvalid, Rule: "entry.certificate", Need: "a certificate that its CA has not revoked"}
	case q.policy.crlMaxAge == 0:
		return allow
	case c.ListMade.IsZero(), q.at.Time.After(c.ListMade.Add(q.policy.crlMaxAge)):
		return Decision{Reason: CertInvalid, Rule: "crl_max_age", Need: "a list of revoked certificates of this CA that is not older than " + stricttoml.FormatDuration(q.policy.crlMaxAge)}
	}
	return allow
}

// window is the policy's own span. Both ends are inside, as in a certificate.
func window(q question) Decision {
	switch from, until := q.policy.notBefore, q.policy.notAfter; {
	case !until.IsZero() && q.at.Time.After(until):
		return Decision{Reason: OutsideValidity, Rule: "not_after", Need: "a policy that has not ended: this one did on " + q.date(until)}
	case !from.IsZero() && q.at.Time.Before(from):
		return Decision{Reason: OutsideValidity, Rule: "not_before", After: from, Need: q.from(from)}
	}
	return allow
}

// openHours: by the clock of the policy's zone, of which the offset is an
// argument.
func openHours(q question) Decision {
	s := q.policy.schedule
	by := s.closedBy(q.at.Time, q.at.Offset)
	if by == "" {
		return allow
	}
	d := Decision{Reason: OutsideHours, Rule: by}
	var never string
	if d.After, never = q.reopening(q.at.Time); never != "" {
		d.Need = "a time when the policy allows uses; " + never
		return d
	}
	d.Need = q.from(d.After)
	return d
}

func operation(q question) Decision {
	if slices.Contains(q.policy.operations, q.request.Operation) {
		return allow
	}
	return Decision{Reason: OperationRefused, Rule: "operations", Need: "one of " + listed(q.policy.operations)}
}

// operationFitsClass is beneath every policy: stamp data is plain SM2 over
// DER(TBS_Sign), so a caller who may sign a message of his own with a seal's
// key can forge and back-date stamps.
func operationFitsClass(q question) Decision {
	class, op := q.request.Entry.Class, q.request.Operation
	ofSeal := op == Stamp || op == SealRead
	switch {
	case class == ClassSeal && !ofSeal:
		return Decision{Reason: OpNotForSeal, Rule: "entry.class", Need: "stamp, or an entry of class key"}
	case class == ClassKey && ofSeal:
		return Decision{Reason: OperationRefused, Rule: "entry.class", Need: "digest, message or cms, or an entry of class seal"}
	}
	return allow
}

func algorithm(q question) Decision {
	a := q.request.Algorithm
	if !q.request.Operation.signs() && !a.Valid() {
		return allow
	}
	if q.request.Operation.signs() && slices.Contains(q.policy.algorithms, a) {
		return allow
	}
	return Decision{Reason: AlgorithmRefused, Rule: "algorithms", Need: "one of " + listed(q.policy.algorithms)}
}

// version and container ask only of what is stamped.
func version(q question) Decision {
	if q.request.Operation != Stamp || slices.Contains(q.policy.versions, q.request.Version) {
		return allow
	}
	return Decision{Reason: VersionRefused, Rule: "versions", Need: "one of " + listed(q.policy.versions)}
}

func container(q question) Decision {
	if q.request.Operation != Stamp || slices.Contains(q.policy.containers, q.request.Container) {
		return allow
	}
	return Decision{Reason: ContainerRefused, Rule: "containers", Need: "one of " + listed(q.policy.containers)}
}

func purpose(q question) Decision {
	if slices.Contains(q.policy.purposes, q.request.Purpose) {
		return allow
	}
	return Decision{Reason: PurposeRefused, Rule: "purposes", Need: "one of " + wordList(q.policy.purposes)}
}

func batch(q question) Decision {
	if n := q.request.BatchSize; n >= 1 && n <= q.policy.batch {
		return allow
	}
	return Decision{Reason: BatchTooLarge, Rule: "batch", Need: upTo(q.policy.batch, "item")}
}

// required asks of what is signed: art. 22 wants each use to say whose it is.
func required(q question) Decision {
	if !q.request.Operation.signs() {
		return allow
	}
	missing := slices.DeleteFunc(slices.Clone(q.policy.require), q.request.Carries.Has)
	if len(missing) == 0 {
		return allow
	}
	return Decision{Reason: ContextRequired, Rule: "require", Need: "in the context also " + listed(missing)}
}
