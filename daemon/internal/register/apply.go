package register

import (
	"errors"
	"fmt"
	"time"

	"signet/daemon/internal/authority"
	"signet/policy"
)

// An Applied is an act that may be applied, with what binds it: who judges
// whether it is authorised is package authority.
type Applied struct {
	Act     authority.Act
	Content []byte
	Facts   Facts
	At      time.Time // the decided of its event
	Proof   Proof     // Event is 0 until the committer sets it

	// Policy is the one in force before, nil if there is none: what narrows is
	// held to it. Its proof is not looked at.
	Policy *PolicyRecord
}

// A Step is what an act makes of one entry.
type Step struct {
	Entry  Entry
	Policy *PolicyRecord // a new revision, if the act set one
	Moved  bool          // false: the act left the record as it was
}

// errNotOfEntry is returned for a kind that changes no entry.
var errNotOfEntry = errors.New("not an act on an entry")

// Apply returns what act makes of the entry before it; the zero Entry stands
// for none. It asks nothing but its arguments: the daemon uses it to carry out
// an act, and again, years later, to hold a record to the acts it claims.
func Apply(before Entry, a Applied) (Step, error) {
	rule, ok := steps[a.Act.Kind]
	if !ok {
		return Step{}, fmt.Errorf("%w: %s", errNotOfEntry, a.Act.Kind)
	}
	if authority.AboutEntry(a.Act.Kind) && before.ID != "" && before.ID != a.Act.Target {
		return Step{}, fmt.Errorf("%s of %s: the entry is %s", a.Act.Kind, a.Act.Target, before.ID)
	}
	step, err := rule(before, a)
	if err != nil {
		return Step{}, err
	}
	if !step.Moved {
		return step, nil
	}
	step.Entry.Proof = a.Proof
	if step.Policy != nil {
		step.Policy.Proof = a.Proof
	}
	if err := step.Entry.check(); err != nil {
		return Step{}, err
	}
	return step, nil
}

// steps is the table of the kinds that change an entry.
var steps = map[authority.Kind]func(Entry, Applied) (Step, error){
	authority.KeyCreate:      createKey,
	authority.KeyAdopt:       adoptKey,
	authority.KeyDestroy:     destroyKey,
	authority.EntryActivate:  activate,
	authority.EntrySuspend:   suspend,
	authority.EntryResume:    resume,
	authority.EntryCancel:    cancel,
	authority.PolicySet:      setPolicy,
	authority.PolicyNarrow:   narrowPolicy,
	authority.ApprovalGrant:  grantApproval,
	authority.ApprovalDeny:   endApproval,
	authority.ApprovalRevoke: endApproval,
	authority.CertRequest:    requestCertificate,
	authority.CertImport:     importCertificate,
	authority.CRLImport:      importCRL,
}

func moved(e Entry, err error) (Step, error) { return Step{Entry: e, Moved: err == nil}, err }

func createKey(before Entry, a Applied) (Step, error) {
	var c authority.CreateKey
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	return newEntry(before, a, c.Title, c.Owner, Ceremony)
}

func adoptKey(before Entry, a Applied) (Step, error) {
	var c authority.AdoptKey
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	if err := authority.CheckWords(c.Title, c.Owner); err != nil {
		return Step{}, err
	}
	return newEntry(before, a, c.Title, c.Owner, Adopted)
}

func newEntry(before Entry, a Applied, title, owner, origin string) (Step, error) {
	if before.ID != "" {
		return Step{}, fmt.Errorf("%w: entry %s exists", ErrExists, before.ID)
	}
	if a.Facts.Key == nil || a.Facts.Key.Origin != origin {
		return Step{}, fmt.Errorf("%s of %s: the facts name no key of origin %s", a.Act.Kind, a.Act.Target, origin)
	}
	key := *a.Facts.Key
	return moved(Entry{
		ID: a.Act.Target, Class: ClassKey, Rev: 1, Title: title, Owner: owner, Stage: Pending, Key: &key,
		Created: a.At.UTC().Format(time.RFC3339),
	}, nil)
}

func destroyKey(before Entry, a Applied) (Step, error) {
	var c authority.DestroyKey
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	if err := authority.CheckBasis(c.Basis); err != nil {
		return Step{}, err
	}
	if before.Key != nil && before.Key.Destroyed != "" {
		return Step{Entry: before}, nil // once more: the token was not there to do it
	}
	return moved(before.DestroyKey(a.At))
}

func activate(before Entry, a Applied) (Step, error) {
	if err := authority.ParseContent(a.Content, &authority.Nothing{}); err != nil {
		return Step{}, err
	}
	return moved(before.Activate())
}

func suspend(before Entry, a Applied) (Step, error) {
	var c authority.Suspend
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	if err := authority.CheckBasis(c.Basis); err != nil {
		return Step{}, err
	}
	return moved(before.Suspend(HoldOwner, c.Basis, a.At))
}

func resume(before Entry, a Applied) (Step, error) {
	var c authority.Resume
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	return moved(before.Resume(c.Hold))
}

func cancel(before Entry, a Applied) (Step, error) {
	var c authority.Cancel
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	if err := authority.CheckBasis(c.Basis); err != nil {
		return Step{}, err
	}
	return moved(before.Cancel(c.Basis, a.At))
}

func setPolicy(before Entry, a Applied) (Step, error) {
	var c authority.SetPolicy
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	record, err := a.Facts.policyRecord(before.ID, before.PolicyRev+1, c.Text)
	if err != nil {
		return Step{}, err
	}
	step, err := moved(before.SetPolicy(record.Rev))
	step.Policy = &record
	return step, err
}

// narrowPolicy is setPolicy for one that allows nothing that the policy before
// it did not.
func narrowPolicy(before Entry, a Applied) (Step, error) {
	step, err := setPolicy(before, a)
	if err != nil {
		return Step{}, err
	}
	if a.Policy == nil {
		return Step{}, fmt.Errorf("%w: %s has no policy that this one could narrow: use policy.set", ErrTransition, before.ID)
	}
	old, oldErr := policy.Parse([]byte(a.Policy.Text))
	narrower, newErr := policy.Parse([]byte(step.Policy.Text))
	if err := errors.Join(oldErr, newErr); err != nil {
		return Step{}, err
	}
	was, is := policy.Resolved{Users: a.Policy.Users, Groups: a.Policy.Groups}, policy.Resolved{Users: a.Facts.Users, Groups: a.Facts.Groups}
	if !policy.NarrowsBound(old, narrower, was, is) {
		return Step{}, fmt.Errorf("%w: the policy does not only narrow the one in force, revision %d: see signetctl policy diff, and use policy.set", ErrTransition, a.Policy.Rev)
	}
	return step, nil
}

// grantApproval and endApproval leave the record of the entry: what is approved
// stands in one of its own.
func grantApproval(before Entry, a Applied) (Step, error) {
	return leave(before, a, new(authority.GrantApproval))
}

func endApproval(before Entry, a Applied) (Step, error) {
	return leave(before, a, new(authority.EndApproval))
}

func leave(before Entry, a Applied, content any) (Step, error) {
	if err := authority.ParseContent(a.Content, content); err != nil {
		return Step{}, err
	}
	if before.ID == "" {
		return Step{}, fmt.Errorf("%w: there is no entry %s", ErrTransition, a.Act.Target)
	}
	return Step{Entry: before}, nil
}

// requestCertificate leaves the record: that the key signed a request is in
// the event.
func requestCertificate(before Entry, a Applied) (Step, error) {
	var c authority.RequestCert
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	if !before.Stage.open() {
		return Step{}, fmt.Errorf("%w: %s is %s and takes no certificate", ErrTransition, before.ID, before.Status())
	}
	return Step{Entry: before}, nil
}

func importCertificate(before Entry, a Applied) (Step, error) {
	var c authority.ImportCert
	if err := authority.ParseContent(a.Content, &c); err != nil {
		return Step{}, err
	}
	if a.Facts.Certificate == nil {
		return Step{}, fmt.Errorf("cert.import of %s: the facts name no certificate", a.Act.Target)
	}
	return moved(before.AddCertificate(*a.Facts.Certificate, a.At))
}

// importCRL changes the entries that its facts name and leaves all others.
func importCRL(before Entry, a Applied) (Step, error) {
	for _, r := range a.Facts.Revoked {
		if r.Entry == before.ID {
			return moved(before.Revoke(r, a.At))
		}
	}
	return Step{Entry: before}, nil
}
