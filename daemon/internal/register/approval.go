package register

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"signet/daemon/internal/authority"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/canonical"
)

// An Asking is what a caller asks custodians to approve: what they see, and
// what they can check. It is stored under its SM3, which the event of the
// request, every grant and every denial name: nobody approves one thing and
// has another used. Times are RFC 3339 in UTC, hashes lower-case hex.
type Asking struct {
	V     int    `json:"v"` // 1
	Entry string `json:"entry"`
	UID   uint32 `json:"uid"` // of the caller
	Made  string `json:"made"`
	Nonce string `json:"nonce"` // 32 hex digits: two of one content are two

	Purpose       string `json:"purpose"`
	Justification string `json:"justification"`
	Person        string `json:"person"` // user_id: on whose behalf
	Dept          string `json:"dept,omitempty"`
	DocID         string `json:"doc_id,omitempty"`
	DocNo         string `json:"doc_no,omitempty"`
	Pages         uint32 `json:"pages,omitempty"`

	Form    policy.Form `json:"form"`
	DocSM3  string      `json:"doc_sm3,omitempty"`
	RefsSM3 string      `json:"refs_sm3,omitempty"`
	Digests []string    `json:"digests,omitempty"` // values that the key is to sign, as events have them
	Count   uint32      `json:"count"`             // uses asked for
	From    string      `json:"from"`
	Until   string      `json:"until"` // the last instant

	Persons int `json:"persons"` // whom the policy asked for when this was made
}

// AskingVersion is the v of an Asking.
const AskingVersion = 1

// Bounds of what is asked for.
const (
	MaxJustification = 512 // bytes
	MaxAskedDigests  = 256
)

// Marshal returns the content as it is stored and hashed.
func (a Asking) Marshal() ([]byte, error) { return canonical.Marshal(a) }

// ParseAsking reads a stored content and holds it to its form.
func ParseAsking(content []byte) (Asking, error) {
	var a Asking
	if err := canonical.Unmarshal(content, &a); err != nil {
		return Asking{}, fmt.Errorf("parsing request for approval: %w", err)
	}
	if err := a.check(); err != nil {
		return Asking{}, fmt.Errorf("parsing request for approval: %w", err)
	}
	return a, nil
}

func (a Asking) check() error {
	from, until, err := a.Window()
	_, madeErr := parseInstant("made", a.Made)
	switch {
	case a.V != AskingVersion:
		return fmt.Errorf("v is %d: want %d", a.V, AskingVersion)
	case err != nil || madeErr != nil:
		return errors.Join(madeErr, err)
	case until.Before(from):
		return fmt.Errorf("until %s is before from %s", a.Until, a.From)
	case a.Count < 1 || a.Persons < 1:
		return errors.New("count and persons: want at least 1")
	case len(a.Nonce) != 32 || !isHex(a.Nonce):
		return errors.New("nonce: want 32 lower-case hex digits")
	case a.Justification == "" || len(a.Justification) > MaxJustification:
		return fmt.Errorf("justification: want 1 to %d bytes", MaxJustification)
	}
	if fault := protocol.CheckEntryID("entry", a.Entry); fault != nil {
		return fault
	}
	return a.checkBound()
}

// checkBound holds what the approval is bound to, to its form: nothing else
// may stand there, for nothing else is looked at.
func (a Asking) checkBound() error {
	doc, refs, digests := a.DocSM3 != "", a.RefsSM3 != "", len(a.Digests) > 0
	bound := map[policy.Form]bool{
		policy.ByDocument: isSM3(a.DocSM3) && !refs && !digests, policy.ByReferences: isSM3(a.RefsSM3) && !doc && !digests,
		policy.ByDigests: a.digestsFit() && !doc && !refs, policy.ByCount: !doc && !refs && !digests,
	}
	if !bound[a.Form] {
		return fmt.Errorf("form %q: want doc_sm3, refs_sm3, digests or none of them, as the form says", a.Form)
	}
	return nil
}

// digestsFit: each once and as many as uses are asked for.
func (a Asking) digestsFit() bool {
	if len(a.Digests) == 0 || len(a.Digests) > MaxAskedDigests || int(a.Count) != len(a.Digests) {
		return false
	}
	for i, d := range a.Digests {
		if len(d) < 64 || len(d) > 128 || !isHex(d) || slices.Contains(a.Digests[:i], d) {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && strings.ToLower(s) == s
}

func isSM3(s string) bool { return len(s) == 2*sm3.Size && isHex(s) }

// Window returns the first and the last instant that were asked for.
func (a Asking) Window() (from, until time.Time, err error) {
	if from, err = parseInstant("from", a.From); err != nil {
		return from, until, err
	}
	until, err = parseInstant("until", a.Until)
	return from, until, err
}

func parseInstant(field, text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.UTC().Format(time.RFC3339) != text {
		return time.Time{}, fmt.Errorf("%s %q: want RFC 3339 in UTC, whole seconds", field, text)
	}
	return at, nil
}

// ApprovalID names the approval that a request of this content asks for: 16
// hex digits of its SM3.
func ApprovalID(content []byte) string { return authority.ContentHash(content)[:16] }

// CheckApprovalID tells whether s can be the id of an approval.
func CheckApprovalID(s string) bool { return len(s) == 16 && isHex(s) }

// An Approval is a request and what became of it. It follows from events
// alone: the request's, the acts' that decide it, and those of its uses. It is
// a value: each step makes another.
type Approval struct {
	ID      string       `json:"id"`
	Request string       `json:"request"` // SM3 of the content
	Asked   Asking       `json:"asked"`
	Event   uint64       `json:"event"` // of the request
	State   policy.State `json:"state"`
	Grants  []Grant      `json:"grants,omitempty"` // oldest first
	Ended   *Verdict     `json:"ended,omitempty"`  // denied or revoked
	Count   uint32       `json:"count"`            // uses: what was asked for, or less if a grant said so
	Until   string       `json:"until"`
	Used    uint32       `json:"used,omitempty"` // in the log

	// Signed are the indexes of the digests that were used: each is approved
	// once.
	Signed []uint32 `json:"signed,omitempty"`
}

// A Grant is one act that grants.
type Grant struct {
	By    []string `json:"by"` // ids of the officers
	Event uint64   `json:"event"`
}

// A Verdict is the act that ended an approval.
type Verdict struct {
	By    []string `json:"by"`
	Basis string   `json:"basis"`
	Event uint64   `json:"event"`
}

// NewApproval begins an approval with the content of a request, recorded by an
// event.
func NewApproval(content []byte, event uint64) (Approval, error) {
	asked, err := ParseAsking(content)
	if err != nil {
		return Approval{}, err
	}
	return Approval{
		ID: ApprovalID(content), Request: authority.ContentHash(content), Asked: asked, Event: event,
		State: policy.Pending, Count: asked.Count, Until: asked.Until,
	}, nil
}

// Marshal returns the record as it is stored.
func (a Approval) Marshal() ([]byte, error) { return canonical.Marshal(a) }

// ParseApproval reads a stored record and refuses one that no events made: it
// is of the content that it names, and allows no more than was asked for.
func ParseApproval(data []byte) (Approval, error) {
	var a Approval
	if err := canonical.Unmarshal(data, &a); err != nil {
		return Approval{}, fmt.Errorf("parsing approval: %w", err)
	}
	if err := errors.Join(a.checkAsked(), a.checkState(), a.checkLimits()); err != nil {
		return Approval{}, fmt.Errorf("parsing approval %.16q: %w", a.ID, err)
	}
	return a, nil
}

// checkAsked holds id and hash to the content.
func (a Approval) checkAsked() error {
	if err := a.Asked.check(); err != nil {
		return fmt.Errorf("asked: %w", err)
	}
	content, err := a.Asked.Marshal()
	if err != nil {
		return fmt.Errorf("asked: %w", err)
	}
	if hash := authority.ContentHash(content); a.Request != hash || a.ID != ApprovalID(content) {
		return fmt.Errorf("request %.16q: want the SM3 of asked, %s, and its first 16 digits as id", a.Request, hash)
	}
	return nil
}

// checkState holds the state to the acts that made it.
func (a Approval) checkState() error {
	if ended := a.State == policy.Denied || a.State == policy.Revoked; !ended && !a.open() || ended != (a.Ended != nil) {
		return fmt.Errorf("state %s: want pending, granted, or how it ended with the act that ended it", a.State)
	}
	if by := len(a.By()); a.open() && (a.State == policy.Granted) != (by >= a.Asked.Persons) {
		return fmt.Errorf("state %s: %d of %d persons granted it", a.State, by, a.Asked.Persons)
	}
	return nil
}

// checkSigned: each use of digests is one of them, once.
func (a Approval) checkSigned() error {
	want := 0
	if a.Asked.Form == policy.ByDigests {
		want = int(a.Used)
	}
	if len(a.Signed) != want {
		return fmt.Errorf("signed: %d digests, want %d", len(a.Signed), want)
	}
	for i, n := range a.Signed {
		if int(n) >= len(a.Asked.Digests) || slices.Contains(a.Signed[:i], n) {
			return fmt.Errorf("signed[%d] is %d: want the index of a digest, each once", i, n)
		}
	}
	return nil
}

// checkLimits: a later grant may set a count below what was used by then.
func (a Approval) checkLimits() error {
	if a.Count < 1 || a.Count > a.Asked.Count || a.Used > a.Asked.Count {
		return fmt.Errorf("count %d and used %d: want at most %d, which were asked for", a.Count, a.Used, a.Asked.Count)
	}
	if err := a.checkSigned(); err != nil {
		return err
	}
	until, err := parseInstant("until", a.Until)
	from, last, windowErr := a.Asked.Window()
	if err := errors.Join(err, windowErr); err != nil {
		return err
	}
	if until.Before(from) || until.After(last) {
		return fmt.Errorf("until %s: want an instant from %s to %s", a.Until, a.Asked.From, a.Asked.Until)
	}
	return nil
}

// Key orders approvals in the store by the end of what was asked for: those
// that still run are the last.
func (a Approval) Key() []byte {
	_, until, _ := a.Asked.Window()
	id, _ := hex.DecodeString(a.ID)
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(until.Unix(), 0))), id...)
}

// By returns who granted it, each person once, in the order of the acts.
func (a Approval) By() []string {
	var by []string
	for _, g := range a.Grants {
		for _, id := range g.By {
			if !slices.Contains(by, id) {
				by = append(by, id)
			}
		}
	}
	return by
}

// Deciders are the officers who signed an act, by the role of its event:
// "custodian:carl custodian:cora". Under authority development acts have no
// signatures, and who brought it is the person: "uid:1000".
func Deciders(role string, uid uint32) []string {
	if role == "unsigned" {
		return []string{fmt.Sprintf("uid:%d", uid)}
	}
	var ids []string
	for _, signer := range strings.Fields(role) {
		if _, id, ok := strings.Cut(signer, ":"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// open tells whether the approval waits for, or has, a use.
func (a Approval) open() bool { return a.State == policy.Pending || a.State == policy.Granted }

// named holds the content of an act to this approval.
func (a Approval) named(id, request, target string) error {
	switch {
	case id != a.ID || request != a.Request:
		return fmt.Errorf("%w: it is about approval %.16q of content %.16q…, not %s of %.16s…", authority.ErrMalformed, id, request, a.ID, a.Request)
	case target != a.Asked.Entry:
		return fmt.Errorf("%w: approval %s is of entry %s, not %s", authority.ErrMalformed, a.ID, a.Asked.Entry, target)
	}
	return nil
}

// Decided returns the approval after an act of kind approval.grant,
// approval.deny or approval.revoke that these officers signed, and that an
// event of that index records. It does not look at the clock: what has ended
// may be denied.
func (a Approval) Decided(act authority.Act, content []byte, by []string, event uint64) (Approval, error) {
	switch act.Kind {
	case authority.ApprovalGrant:
		var c authority.GrantApproval
		if err := authority.ParseContent(content, &c); err != nil {
			return Approval{}, err
		}
		return a.grant(c, act.Target, by, event)
	case authority.ApprovalDeny, authority.ApprovalRevoke:
		var c authority.EndApproval
		if err := authority.ParseContent(content, &c); err != nil {
			return Approval{}, err
		}
		return a.end(act.Kind, c, act.Target, by, event)
	}
	return Approval{}, fmt.Errorf("%w: %s decides no approval", authority.ErrMalformed, act.Kind)
}

// grant adds a grant. Persons who grant by themselves add up; the approval is
// granted when there are as many as were asked for.
func (a Approval) grant(c authority.GrantApproval, target string, by []string, event uint64) (Approval, error) {
	if err := a.named(c.Approval, c.Request, target); err != nil {
		return Approval{}, err
	}
	if !a.open() {
		return Approval{}, fmt.Errorf("%w: approval %s was %s", ErrTransition, a.ID, a.State)
	}
	if !slices.ContainsFunc(by, func(id string) bool { return !slices.Contains(a.By(), id) }) {
		return Approval{}, fmt.Errorf("%w: %s has granted approval %s already", ErrTransition, strings.Join(by, ", "), a.ID)
	}
	if err := a.narrow(c); err != nil {
		return Approval{}, err
	}
	a.Grants = append(slices.Clone(a.Grants), Grant{By: slices.Clone(by), Event: event})
	if len(a.By()) >= a.Asked.Persons {
		a.State = policy.Granted
	}
	return a, nil
}

// narrow takes what a grant allows less than was asked for. Digests are
// approved all or not at all.
func (a *Approval) narrow(c authority.GrantApproval) error {
	if c.Count > a.Asked.Count || (c.Count != 0 && a.Asked.Form == policy.ByDigests && c.Count != a.Asked.Count) {
		return fmt.Errorf("%w: count is %d: %d were asked for; leave it out to grant all", authority.ErrMalformed, c.Count, a.Asked.Count)
	}
	if c.Count != 0 {
		a.Count = min(a.Count, c.Count)
	}
	if c.Until == "" {
		return nil
	}
	until, err := parseInstant("until", c.Until)
	if err != nil {
		return fmt.Errorf("%w: %w", authority.ErrMalformed, err)
	}
	from, last, err := a.Asked.Window()
	if err != nil {
		return err
	}
	if until.Before(from) || until.After(last) {
		return fmt.Errorf("%w: until %s: want an instant from %s to %s", authority.ErrMalformed, c.Until, a.Asked.From, a.Asked.Until)
	}
	if c.Until < a.Until {
		a.Until = c.Until
	}
	return nil
}

func (a Approval) end(kind authority.Kind, c authority.EndApproval, target string, by []string, event uint64) (Approval, error) {
	if err := a.named(c.Approval, c.Request, target); err != nil {
		return Approval{}, err
	}
	if err := authority.CheckBasis(c.Basis); err != nil {
		return Approval{}, err
	}
	state := policy.Denied
	if kind == authority.ApprovalRevoke {
		state = policy.Revoked
	}
	switch {
	case state == policy.Denied && a.State != policy.Pending:
		return Approval{}, fmt.Errorf("%w: approval %s was %s: revoke it", ErrTransition, a.ID, a.State)
	case !a.open():
		return Approval{}, fmt.Errorf("%w: approval %s was %s", ErrTransition, a.ID, a.State)
	}
	a.State, a.Ended = state, &Verdict{By: slices.Clone(by), Basis: c.Basis, Event: event}
	return a, nil
}

// ErrNotApproved is wrapped by a use of an approval that allows none.
var ErrNotApproved = errors.New("the approval allows no use")

// Spent returns the approval after more uses, of the values that were signed.
func (a Approval) Spent(values ...string) (Approval, error) {
	n := uint32(len(values))
	if a.State != policy.Granted || uint64(a.Used)+uint64(n) > uint64(a.Count) {
		return Approval{}, fmt.Errorf("%w: %s is %s, with %d of %d used", ErrNotApproved, a.ID, a.State, a.Used, a.Count)
	}
	a.Used += n
	if a.Asked.Form != policy.ByDigests {
		return a, nil
	}
	a.Signed = slices.Clone(a.Signed)
	for _, v := range values {
		i, free := a.Digest(v)
		if !free {
			return Approval{}, fmt.Errorf("%w: %s is not for a signature over %.16q…, or not for another one", ErrNotApproved, a.ID, v)
		}
		a.Signed = append(a.Signed, i)
	}
	return a, nil
}

// Digest returns the index of a value among the digests that were asked for,
// and whether it is there and was not signed yet.
func (a Approval) Digest(value string) (index uint32, free bool) {
	i := slices.Index(a.Asked.Digests, value)
	return uint32(i), i >= 0 && !slices.Contains(a.Signed, uint32(i))
}

// Argument is what the approval says about a use for Decide. Reserved is what
// is being signed under it; fits is for the caller to find out.
func (a Approval) Argument(reserved uint32, fits bool) policy.Approval {
	from, until, _ := a.Asked.Window()
	if at, err := parseInstant("until", a.Until); err == nil {
		until = at
	}
	by := a.By()
	return policy.Approval{
		ID: a.ID, State: a.State, Form: a.Asked.Form, Fits: fits, By: by,
		From: from, Until: until, Count: a.Count, Used: a.Used, Reserved: reserved,
	}
}
