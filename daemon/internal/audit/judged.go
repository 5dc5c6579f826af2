package audit

import (
	"fmt"
	"strings"
	"time"

	"signet/policy"
	"signet/protocol/canonical"
)

// What may stand in Event.But: each is one way in which entry, clock or policy
// were not as a use wants them. Append only. Behind butStale is the kind of the
// principal, a colon and its name.
const (
	butUnproven = "unproven"
	butInactive = "inactive"
	butKey      = "key"
	butRevoked  = "revoked"
	butClock    = "clock:" // behind, jumped, unknown
	butStale    = "stale:" // user:NAME, group:NAME
)

// Judge writes the arguments of a decision into the event: all that entry,
// revision and policy revision do not fix already.
func (e *Event) Judge(a policy.Arguments) error {
	e.Engine, e.Local, e.Use = uint32(a.Engine), int32(a.Local), a.Use
	e.But, e.Approval, e.Given = buts(a), "", ""
	if c := a.Certificate; c != nil && !c.ListMade.IsZero() {
		e.CRLMade = c.ListMade.UTC().Format(time.RFC3339)
	}
	if a.Approval == nil {
		return nil
	}
	given, err := canonical.Marshal(a.Approval)
	if err != nil {
		return fmt.Errorf("encoding approval: %w", err)
	}
	e.Approval, e.Given = a.Approval.ID, string(given)
	return nil
}

func buts(a policy.Arguments) []string {
	var but []string
	for _, row := range []struct {
		is   bool
		word string
	}{
		{!a.Proven, butUnproven}, {!a.Active, butInactive}, {!a.KeyMatches, butKey},
		{a.Certificate != nil && a.Certificate.Revoked, butRevoked}, {a.Clock != policy.SaneClock.String(), butClock + a.Clock},
	} {
		if row.is {
			but = append(but, row.word)
		}
	}
	for _, s := range a.Stale {
		but = append(but, butStale+s.Kind+":"+s.Principal.Name)
	}
	return but
}

// A Subject is what the register says of an entry at the revision that an
// event names.
type Subject struct {
	Class       policy.Class
	Validity    policy.Validity
	Certificate bool // it has one
}

// Arguments rebuilds what the decision of the event was made from. Errors name
// the field that no decision wrote.
func (e *Event) Arguments(of Subject) (policy.Arguments, error) {
	if e.UID == nil || e.GID == nil || e.Decided == nil {
		return policy.Arguments{}, fmt.Errorf("event %d: uid, gid and decided: want all three", e.Seq)
	}
	a := policy.Arguments{
		Engine: int(e.Engine), Decided: e.Decided.Time(), Local: int(e.Local), Clock: policy.SaneClock.String(),
		UID: *e.UID, GIDs: append([]uint32{*e.GID}, e.GIDs...),
		Op: e.Op, Alg: e.Alg, Purpose: e.Purpose, Batch: 1, Version: e.Version, Container: e.Container,
		Class: of.Class.String(), Active: true, KeyMatches: true, Proven: true,
		ValidFrom: of.Validity.From, ValidUntil: of.Validity.Until, Unbounded: of.Validity.Unbounded,
		Carries: e.carries(), Use: e.Use,
	}
	if len(e.Batch) == 2 {
		a.Batch = int(e.Batch[1])
	}
	if of.Certificate {
		a.Certificate = new(policy.Certificate)
	}
	for _, but := range e.But {
		if err := restore(&a, but); err != nil {
			return policy.Arguments{}, fmt.Errorf("event %d: but: %w", e.Seq, err)
		}
	}
	return a, e.restoreGiven(&a)
}

func restore(a *policy.Arguments, but string) error {
	clock, isClock := strings.CutPrefix(but, butClock)
	stale, isStale := strings.CutPrefix(but, butStale)
	kind, name, _ := strings.Cut(stale, ":")
	switch {
	case but == butUnproven:
		a.Proven = false
	case but == butInactive:
		a.Active = false
	case but == butKey:
		a.KeyMatches = false
	case but == butRevoked && a.Certificate != nil:
		a.Certificate.Revoked = true
	case isClock:
		a.Clock = clock
	case isStale && (kind == "user" || kind == "group"):
		a.Stale = append(a.Stale, policy.Stale{Kind: kind, Principal: policy.Principal{Name: name}})
	default:
		return fmt.Errorf("%q is nothing that a decision writes there", but)
	}
	return nil
}

func (e *Event) restoreGiven(a *policy.Arguments) error {
	if e.CRLMade != "" {
		made, err := time.Parse(time.RFC3339, e.CRLMade)
		if err != nil || a.Certificate == nil {
			return fmt.Errorf("event %d: crl_made %q: want RFC 3339, of an entry with a certificate", e.Seq, e.CRLMade)
		}
		a.Certificate.ListMade = made.UTC()
	}
	if e.Given == "" {
		return nil
	}
	given := new(policy.Approval)
	if err := canonical.Unmarshal([]byte(e.Given), given); err != nil {
		return fmt.Errorf("event %d: given: %w", e.Seq, err)
	}
	if given.ID != e.Approval {
		return fmt.Errorf("event %d: given is approval %q, approval is %q", e.Seq, given.ID, e.Approval)
	}
	a.Approval = given
	return nil
}

// carries are the context fields that the event has.
func (e *Event) carries() []string {
	var names []string
	for _, row := range []struct {
		field policy.Field
		has   bool
	}{
		{policy.DocID, e.DocID != ""}, {policy.DocNo, e.DocNo != ""}, {policy.DocTitle, e.DocTitle != ""},
		{policy.DocSM3, e.DocSM3 != ""}, {policy.UserID, e.UserID != ""}, {policy.UserName, e.UserName != ""},
		{policy.Dept, e.Dept != ""}, {policy.ClientIP, e.ClientIP != ""}, {policy.ApprovalRef, e.ApprovalRef != ""},
		{policy.Pages, e.Pages != 0},
	} {
		if row.has {
			names = append(names, row.field.String())
		}
	}
	return names
}

// Uses tells whether the event is a use that a quota counts: a signature that
// was allowed.
func (e *Event) Uses() bool {
	return (e.Kind == KindSign || e.Kind == KindStamp) && e.Result == Allowed && e.UID != nil && e.Decided != nil
}
