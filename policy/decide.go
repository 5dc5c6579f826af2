package policy

import (
	"fmt"
	"slices"
	"time"
)

// EngineVersion numbers the rules of Decide. It grows with every change that
// could give another answer to the same arguments, and every version that
// ever wrote an event is kept for replay.
//
// 1: the first. 2: a record that is not proven refuses, and the certificate of
// an entry with its list of revoked ones counts; what has no certificate, and
// is proven, is judged as by 1.
const EngineVersion = 2

// A Decision is the answer of the rules. The zero value is a refusal.
type Decision struct {
	Reason Reason

	// Rule names what decided: a key of the policy ("purposes") or a fact of
	// the entry ("entry.status"). "" where all rules allow.
	Rule string

	// After is when to ask again; zero where time mends nothing, or nobody
	// can say when.
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

// Decide judges one request. Everything that can sway the answer is an
// argument.
//
// The order of the rules is fixed, because the first one that refuses gives
// the answer that is recorded: callers first, so that a stranger learns
// nothing more; then what an officer must mend (entry, key, clock), then what
// time mends, then what the caller got wrong. Each rule must allow in so many
// words: one that forgets to answer refuses.
func Decide(p Bound, u Usage, r Request, at Instant) Decision {
	q := question{p, u, r, at}
	for _, rule := range [...]func(question) Decision{
		callers, entryProof, entryClass, entryStatus, entryKey, clock, entryValidity, entryCertificate, window,
		operation, operationFitsClass, algorithm, purpose, batch,
	} {
		if d := rule(q); !d.Allowed() {
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
		return Decision{Reason: OutsideValidity, Rule: "entry.validity", After: v.From.UTC(), Need: "a time from " + date(v.From) + " on"}
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
		return Decision{Reason: CertInvalid, Rule: "crl_max_age", Need: "a list of revoked certificates of this CA that is not older than " + q.policy.crlMaxAge.String()}
	}
	return allow
}

// window is the policy's own span. Both ends are inside, as in a certificate.
func window(q question) Decision {
	switch from, until := q.policy.notBefore, q.policy.notAfter; {
	case !until.IsZero() && q.at.Time.After(until):
		return Decision{Reason: OutsideValidity, Rule: "not_after", Need: "a policy that has not ended: this one did on " + date(until)}
	case !from.IsZero() && q.at.Time.Before(from):
		return Decision{Reason: OutsideValidity, Rule: "not_before", After: from, Need: "a time from " + date(from) + " on"}
	}
	return allow
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
	return Decision{Reason: BatchTooLarge, Rule: "batch", Need: fmt.Sprintf("1 to %d items", q.policy.batch)}
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }
