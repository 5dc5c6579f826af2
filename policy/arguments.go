package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/protocol/algo"
)

// Arguments are what a decision was made from, as an event of the log records
// them. Together with the text of the policy and the ids it was resolved to,
// which the log has under the policy's revision, they give the same decision
// again. The names are those of the event's fields; append only.
type Arguments struct {
	Engine  int       `json:"engine"`
	Decided time.Time `json:"decided"` // UTC
	Local   int       `json:"local"`   // seconds east of UTC
	Clock   string    `json:"clock"`   // sane, behind, jumped, unknown

	UID  uint32   `json:"uid"`
	GIDs []uint32 `json:"gids,omitempty"`

	Op      string `json:"op,omitempty"`
	Alg     string `json:"alg,omitempty"`
	Purpose string `json:"purpose,omitempty"`
	Batch   int    `json:"batch"`

	Class      string    `json:"class,omitempty"` // seal, key
	Active     bool      `json:"active"`
	KeyMatches bool      `json:"key_matches"`
	ValidFrom  time.Time `json:"valid_from,omitzero"`
	ValidUntil time.Time `json:"valid_until,omitzero"`
	Unbounded  bool      `json:"unbounded,omitempty"`

	// Since engine 2.
	Proven      bool         `json:"proven,omitempty"`
	Certificate *Certificate `json:"certificate,omitempty"`

	// Stale are the callers that were dropped when the policy was loaded,
	// without the reasons. Usually there are none.
	Stale []Stale `json:"stale,omitempty"`

	// Since engine 3.
	Version   string    `json:"version,omitempty"`
	Container string    `json:"container,omitempty"`
	Carries   []string  `json:"carries,omitempty"` // names of context fields
	Use       []string  `json:"use,omitempty"`     // counts, as Count.String
	Approval  *Approval `json:"approval,omitempty"`
}

// Record returns the arguments of Decide(p, u, r, at) for the log. A number
// outside its enumeration is recorded as absent: both are refused alike.
func Record(p Bound, u Usage, r Request, at Instant) Arguments {
	a := Arguments{
		Engine: EngineVersion, Decided: at.Time.UTC(), Local: at.Offset, Clock: at.Clock.String(),
		UID: r.UID, GIDs: slices.Clone(r.GIDs),
		Purpose: r.Purpose, Batch: r.BatchSize,
		Active: r.Entry.Active, KeyMatches: r.Entry.KeyMatches,
		ValidFrom: utc(r.Entry.Validity.From), ValidUntil: utc(r.Entry.Validity.Until),
		Unbounded: r.Entry.Validity.Unbounded,
		Proven:    r.Entry.Proven,
	}
	if c := r.Entry.Certificate; c != nil {
		a.Certificate = &Certificate{Revoked: c.Revoked, ListMade: utc(c.ListMade)}
	}
	if r.Operation.valid() {
		a.Op = r.Operation.String()
	}
	if r.Algorithm.Valid() {
		a.Alg = r.Algorithm.String()
	}
	if r.Entry.Class.valid() {
		a.Class = r.Entry.Class.String()
	}
	if slices.Contains(Versions(), r.Version) {
		a.Version = r.Version.String()
	}
	if slices.Contains(Containers(), r.Container) {
		a.Container = r.Container.String()
	}
	for _, f := range r.Carries.List() {
		a.Carries = append(a.Carries, f.String())
	}
	for _, c := range u.Counts {
		a.Use = append(a.Use, c.String())
	}
	if u.Approval != nil {
		copied := *u.Approval
		copied.By, copied.From, copied.Until = slices.Clone(copied.By), utc(copied.From), utc(copied.Until)
		if int(copied.State) >= len(states) {
			copied.State = NoApproval
		}
		if int(copied.Form) >= len(forms) {
			copied.Form = 0
		}
		a.Approval = &copied
	}
	for _, s := range p.stale {
		a.Stale = append(a.Stale, Stale{Kind: s.Kind, Principal: s.Principal})
	}
	return a
}

// utc keeps the zero value what it is, so that it stays absent.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// Replay decides anew on recorded arguments, under the policy that was in
// force and the ids it was resolved to. An error means that the arguments
// cannot have been recorded by the engine that they name.
func (a Arguments) Replay(p Policy, then Resolved) (Decision, error) {
	d, _, err := NewReplayer(p, then).Decide(a)
	return d, err
}

// A Replayer decides anew under one revision of a policy, any number of times:
// the ids are bound once. It is immutable.
type Replayer struct {
	then  Resolved
	bound Bound // to the ids of then, nobody stale
}

// NewReplayer returns the replayer of a policy with the ids that it was
// resolved to when it was set.
func NewReplayer(p Policy, then Resolved) *Replayer {
	return &Replayer{then: then, bound: Arguments{}.bound(p, then)}
}

// Policy returns the policy.
func (r *Replayer) Policy() Policy { return r.bound.Policy() }

// Ask judges a request for approval as Ask does, with nobody stale.
func (r *Replayer) Ask(a Asking) Decision { return Ask(r.bound, a) }

// Decide is Arguments.Replay. It returns the usage that it read too.
func (r *Replayer) Decide(a Arguments) (Decision, Usage, error) {
	if err := a.checkEngine(*r.bound.policy); err != nil {
		return Decision{}, Usage{}, err
	}
	request, requestErr := a.request()
	clock, clockErr := parseClock(a.Clock)
	usage, usageErr := a.usage()
	if err := cmp.Or(requestErr, clockErr, usageErr); err != nil {
		return Decision{}, Usage{}, fmt.Errorf("replaying a decision: %w", err)
	}
	bound := r.bound
	if len(a.Stale) > 0 {
		bound = a.bound(bound.Policy(), r.then)
	}
	at := Instant{Time: a.Decided, Offset: a.Local, Clock: clock}
	return decideAs(a.Engine, newQuestion(bound, usage, request, at)), usage, nil
}

// checkEngine refuses what the engine that is named did not write, and a policy
// that it could not have read: to skip the rules that it lacks would allow what
// the policy refuses. What the request carries stands in the event for other
// reasons too, and means nothing before engine 3.
func (a Arguments) checkEngine(p Policy) error {
	switch {
	case a.Engine < 1 || a.Engine > EngineVersion:
		return fmt.Errorf("replaying a decision of engine %d: this program has engines 1 to %d", a.Engine, EngineVersion)
	case a.Engine < 3 && (a.Version != "" || a.Container != "" || len(a.Use) > 0 || a.Approval != nil):
		return fmt.Errorf("replaying a decision of engine %d: it counted no uses and knew no approvals", a.Engine)
	case a.Engine == 1 && (a.Proven || a.Certificate != nil):
		return errors.New("replaying a decision of engine 1: it recorded neither proof nor certificate")
	case a.Engine < p.engine():
		return fmt.Errorf("replaying a decision of engine %d: it refused to read such a policy, which needs engine %d", a.Engine, p.engine())
	}
	return nil
}

// engine returns the first engine that has the rules for all keys of p.
func (p Policy) engine() int {
	switch {
	case len(p.versions)+len(p.containers)+len(p.require)+len(p.quotas) > 0, p.zone != nil, !p.schedule.isZero(), p.approvals != nil:
		return 3
	case p.crlMaxAge > 0:
		return 2
	}
	return 1
}

func (a Arguments) usage() (Usage, error) {
	usage := Usage{Approval: a.Approval, Counts: slices.Grow([]Count(nil), len(a.Use))}
	for _, text := range a.Use {
		c, err := ParseCount(text)
		if err != nil {
			return Usage{}, err
		}
		usage.Counts = append(usage.Counts, c)
	}
	return usage, nil
}

func (a Arguments) request() (Request, error) {
	op, opErr := optional(a.Op, ParseOperation)
	alg, algErr := optional(a.Alg, algo.Parse)
	class, classErr := optional(a.Class, ParseClass)
	version, versionErr := optional(a.Version, ParseVersion)
	container, containerErr := optional(a.Container, ParseContainer)
	var carries []Field
	var fieldErrs []error
	for _, name := range a.Carries {
		f, err := ParseField(name)
		carries, fieldErrs = append(carries, f), append(fieldErrs, err)
	}
	return Request{
		UID: a.UID, GIDs: a.GIDs,
		Operation: op, Algorithm: alg, Purpose: a.Purpose, BatchSize: a.Batch,
		Version: version, Container: container, Carries: FieldsOf(carries...),
		Entry: Entry{
			Class: class, Active: a.Active, KeyMatches: a.KeyMatches,
			// Engine 1 asked for no proof and took an entry for one without a
			// certificate: so it decides what is proven and has none.
			Proven: a.Proven || a.Engine == 1, Certificate: a.Certificate,
			Validity: Validity{From: a.ValidFrom, Until: a.ValidUntil, Unbounded: a.Unbounded},
		},
	}, errors.Join(append(fieldErrs, opErr, algErr, classErr, versionErr, containerErr)...)
}

// optional parses a name that may be absent: then it is the zero value.
func optional[T any](name string, parse func(string) (T, error)) (T, error) {
	if name == "" {
		var zero T
		return zero, nil
	}
	return parse(name)
}

// bound rebuilds the bound policy. The ids of then stand for the system of
// that day, less what was recorded as stale.
func (a Arguments) bound(p Policy, then Resolved) Bound {
	b, _ := Bind(p, then, Lookup{User: a.recall("user", then.Users), Group: a.recall("group", then.Groups)})
	return b
}

func (a Arguments) recall(kind string, then []Principal) func(string) (uint32, error) {
	return func(name string) (uint32, error) {
		if slices.ContainsFunc(a.Stale, func(s Stale) bool { return s.Kind == kind && s.Principal.Name == name }) {
			return 0, errors.New("recorded as stale")
		}
		i := slices.IndexFunc(then, func(p Principal) bool { return p.Name == name })
		if i < 0 {
			return 0, errors.New("not resolved")
		}
		return then[i].ID, nil
	}
}

var clocks = [...]string{UnknownClock: "unknown", SaneClock: "sane", BehindClock: "behind", JumpedClock: "jumped"}

func (c Clock) String() string {
	if int(c) >= len(clocks) {
		return clocks[UnknownClock]
	}
	return clocks[c]
}

func parseClock(name string) (Clock, error) {
	if i := slices.Index(clocks[:], name); i >= 0 {
		return Clock(i), nil
	}
	return UnknownClock, fmt.Errorf("unknown clock state %q: want one of %s", name, wordList(clocks[:]))
}
