// Package policy decides whether a caller may use an entry now.
//
// It is pure: no clock, no user database, no file. What sways an answer is an
// argument, and the log records the arguments, so that an auditor who feeds
// them to Decide years later must get the recorded reason.
package policy

import (
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"signet/protocol/algo"
)

// MaxBatch is the largest number of items that a policy may allow in one
// request, and what it allows where it does not say.
const MaxBatch = 256

// A Policy says who may use an entry for what. It is immutable. Each of its
// fields narrows: the zero value, like an empty text, allows nobody anything.
type Policy struct {
	text       string
	users      []account
	groups     []account
	operations []Operation
	algorithms []algo.Algorithm
	purposes   []string
	notBefore  time.Time // zero: no such bound
	notAfter   time.Time // zero: no such bound
	batch      int
	crlMaxAge  time.Duration // of the CA's list of revoked certificates; zero: none is asked for

	versions   []Version
	containers []Container
	require    []Field
	zone       *time.Location // nil: none is named
	schedule   schedule
	quotas     []Quota    // entry's before callers', the shortest period first
	approvals  *Approvals // nil: none is asked for
}

// Text returns what was parsed, byte for byte.
func (p Policy) Text() string { return p.text }

// Hash returns SM3 of the text.
func (p Policy) Hash() [32]byte { return sm3.Sum([]byte(p.text)) }

// Users returns the users that may call, as the policy names them: account
// names, or user ids in decimal.
func (p Policy) Users() []string { return written(p.users) }

// Groups returns the groups whose members may call, as Users.
func (p Policy) Groups() []string { return written(p.groups) }

// Operations returns what may be asked for.
func (p Policy) Operations() []Operation { return slices.Clone(p.operations) }

// Algorithms returns the algorithms that may be signed with.
func (p Policy) Algorithms() []algo.Algorithm { return slices.Clone(p.algorithms) }

// Purposes returns the purposes of which a request must state one.
func (p Policy) Purposes() []string { return slices.Clone(p.purposes) }

// NotBefore returns the first instant of use, in UTC; zero is no bound.
func (p Policy) NotBefore() time.Time { return p.notBefore }

// NotAfter returns the last instant of use, in UTC; zero is no bound.
func (p Policy) NotAfter() time.Time { return p.notAfter }

// CRLMaxAge returns how old the CA's list of revoked certificates may be; zero:
// the policy asks for none.
func (p Policy) CRLMaxAge() time.Duration { return p.crlMaxAge }

// Batch returns how many items one request may have, at least 1 in a parsed
// policy.
func (p Policy) Batch() int { return p.batch }

// Versions returns the versions of stamp data that may be made.
func (p Policy) Versions() []Version { return slices.Clone(p.versions) }

// Containers returns what a stamp may be embedded in.
func (p Policy) Containers() []Container { return slices.Clone(p.containers) }

// Require returns the context fields that every request must carry.
func (p Policy) Require() []Field { return slices.Clone(p.require) }

// Zone returns the zone in which hours, days and quotas are counted; nil if
// the policy names none, and then it has none of them but a lifetime.
func (p Policy) Zone() *time.Location { return p.zone }

// Quotas returns the quotas, the entry's before the callers', the shortest
// period first.
func (p Policy) Quotas() []Quota { return slices.Clone(p.quotas) }

// Approvals returns what the policy asks for before a use; false if nothing.
func (p Policy) Approvals() (Approvals, bool) {
	if p.approvals == nil {
		return Approvals{}, false
	}
	a := *p.approvals
	a.Custodians, a.Forms = slices.Clone(a.Custodians), slices.Clone(a.Forms)
	return a, true
}

// At returns the instant of a decision by this policy's zone.
func (p Policy) At(t time.Time, clock Clock) Instant {
	at := Instant{Time: t.UTC(), Clock: clock}
	if p.zone != nil {
		_, at.Offset = t.In(clockOf(p.zone)).Zone()
	}
	return at
}

// Windows returns a count for each quota in the window that holds t, with
// nothing used: the caller fills in what was.
func (p Policy) Windows(t time.Time) []Count {
	counts := make([]Count, len(p.quotas))
	for i, q := range p.quotas {
		counts[i].Quota = q
		if q.Period != Lifetime {
			w := Window(q.Period, p.zone, t)
			counts[i].Start, counts[i].End = w.Start, w.End
		}
	}
	return counts
}

func written(accounts []account) []string {
	var all []string
	for _, a := range accounts {
		all = append(all, a.String())
	}
	return all
}
