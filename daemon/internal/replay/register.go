package replay

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
)

// An entry is the register's record as the acts made it, with every revision
// that it had: a use may be recorded as overtaken under an older one.
type entry struct {
	made      uint64 // event of the act that made it
	madeAt    time.Time
	madeRun   uint64
	record    register.Entry         // without the act of its proof
	policy    *register.PolicyRecord // in force; nil: none was set
	moved     uint64                 // event of the act that made the revision in force
	revisions map[uint64]revision
	policies  map[uint32]*policyRevision

	all     *tally
	callers map[uint32]*tally
}

// A revision is what a decision took from one revision of the record.
type revision struct {
	subject   audit.Subject
	active    bool
	revoked   bool // the certificate in use, by the record
	policyRev uint32
	recorded  time.Time // of the act that made it
}

// A policyRevision is a policy with the ids of its day.
type policyRevision struct {
	*policy.Replayer
	event uint64 // of the act that set it

	windows []policy.Count // that a decision of lately had; empty of what was used
}

// countsAt returns an empty count for each quota in the window that holds t.
// Decisions that follow each other mostly have the same ones.
func (p *policyRevision) countsAt(t time.Time) []policy.Count {
	for _, c := range p.windows {
		if !spanOf(c).Holds(t) {
			p.windows = nil
			break
		}
	}
	if p.windows == nil {
		p.windows = p.Policy().Windows(t)
	}
	return p.windows
}

func spanOf(c policy.Count) policy.Span { return policy.Span{Start: c.Start, End: c.End} }

// noPolicy stands for the policy of an entry that has none.
var noPolicy = &policyRevision{Replayer: policy.NewReplayer(policy.Policy{}, policy.Resolved{})}

// factsInput is the input of the event of an act that has facts; its value is
// their hash.
const factsInput = "facts"

// errUnread is wrapped by an error of the source.
var errUnread = errors.New("the content could not be read")

// act takes an act that was carried out.
func (r *Replay) act(e *audit.Event) error {
	applied, err := r.readApplied(e)
	if err == nil {
		err = r.checkRole(e, applied.Act.Kind)
	}
	if err == nil {
		err = r.apply(e, applied)
	}
	if errors.Is(err, errUnread) {
		return fmt.Errorf("replaying event %d: %w", e.Seq, err)
	}
	if err != nil {
		r.differ(e, Register, "act %s: %v", e.Op, err)
		return nil
	}
	r.summary.Acts++
	return nil
}

// readApplied reads what the event of an act binds, as far as something follows
// from it here, and holds each part to its hash.
func (r *Replay) readApplied(e *audit.Event) (register.Applied, error) {
	act, err := authority.ParseAct([]byte(e.Act))
	if err != nil {
		return register.Applied{}, err
	}
	about := authority.AboutEntry(act.Kind)
	if string(act.Kind) != e.Op || about && act.Target != e.Entry || e.Decided == nil {
		return register.Applied{}, fmt.Errorf("the event says %s on %q, its act says %s on %q", e.Op, e.Entry, act.Kind, act.Target)
	}
	a := register.Applied{Act: act, At: e.Decided.Time(), Proof: register.Proof{Event: e.Seq}}
	if about {
		if a.Content, err = r.content(act.ContentSHA); err != nil {
			return register.Applied{}, err
		}
		if err := act.CheckContent(a.Content); err != nil {
			return register.Applied{}, err
		}
	}
	if e.Input == factsInput && (about || act.Kind == authority.CRLImport) {
		data, err := r.content(e.Value)
		if err != nil {
			return register.Applied{}, err
		}
		if a.Facts, err = register.ParseFacts(data, e.Value); err != nil {
			return register.Applied{}, err
		}
	}
	return a, nil
}

// content asks the source. That there is none is a difference, that it could
// not be read an error.
func (r *Replay) content(hash string) ([]byte, error) {
	if sum, err := hex.DecodeString(hash); err != nil || len(sum) != sm3.Size || hex.EncodeToString(sum) != hash {
		return nil, fmt.Errorf("content %.16q…: want its SM3", hash) // a source may make a path of it
	}
	content, err := r.source.Content(hash)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnread, err)
	}
	if content == nil {
		return nil, fmt.Errorf("there is no content %.16q…", hash)
	}
	return content, nil
}

// apply makes of entries, approvals and lists what the act made of them.
func (r *Replay) apply(e *audit.Event, a register.Applied) error {
	switch a.Act.Kind {
	case authority.Restore, authority.StoreAccept:
		r.lost = loss{event: e.Seq, at: e.Recorded.Time(), happened: true}
		return nil
	case authority.CRLImport:
		return r.importList(e, a)
	}
	if !authority.AboutEntry(a.Act.Kind) {
		return nil
	}
	if err := r.applyTo(a.Act.Target, e, a); err != nil {
		return err
	}
	switch a.Act.Kind {
	case authority.ApprovalGrant, authority.ApprovalDeny, authority.ApprovalRevoke:
		return r.decideApproval(e, a)
	}
	return nil
}

func (r *Replay) importList(e *audit.Event, a register.Applied) error {
	if a.Facts.CRL == nil {
		return errors.New("its facts name no list")
	}
	made, err := time.Parse(time.RFC3339, a.Facts.CRL.ThisUpdate)
	if err != nil {
		return fmt.Errorf("this_update of the list: %w", err)
	}
	r.lists[a.Facts.CRL.Hash] = made
	for _, touched := range a.Facts.Revoked {
		if err := r.applyTo(touched.Entry, e, a); err != nil {
			return err
		}
	}
	return nil
}

// applyTo applies the act to one entry and notes the revision that it made.
func (r *Replay) applyTo(id string, e *audit.Event, a register.Applied) error {
	of := r.entries[id]
	var before register.Entry
	switch {
	case of != nil:
		before, a.Policy = of.record, of.policy
	case a.Act.Kind != authority.KeyCreate && a.Act.Kind != authority.KeyAdopt:
		return fmt.Errorf("there is no entry %q", id)
	}
	step, err := register.Apply(before, a)
	if err != nil || !step.Moved {
		return err
	}
	if of == nil {
		of = &entry{
			made: e.Seq, madeAt: e.Recorded.Time(), madeRun: r.run, revisions: map[uint64]revision{}, policies: map[uint32]*policyRevision{0: noPolicy},
			all: newTally(), callers: map[uint32]*tally{},
		}
		r.entries[id] = of
	}
	if step.Policy != nil {
		if err := r.setPolicy(of, *step.Policy, e.Seq); err != nil {
			return err
		}
	}
	of.record, of.moved = step.Entry, e.Seq
	of.revisions[step.Entry.Rev] = revisionOf(step.Entry, e.Recorded.Time())
	return nil
}

func (r *Replay) setPolicy(of *entry, record register.PolicyRecord, event uint64) error {
	p, ok := r.policies[record.Hash]
	if !ok {
		var err error
		if p, err = policy.Parse([]byte(record.Text)); err != nil {
			return err
		}
		r.policies[record.Hash] = p
	}
	of.policy = &record
	of.policies[record.Rev] = &policyRevision{
		Replayer: policy.NewReplayer(p, policy.Resolved{Users: record.Users, Groups: record.Groups}), event: event,
	}
	return nil
}

func revisionOf(e register.Entry, recorded time.Time) revision {
	c, certified := e.Certificate()
	rev := revision{
		subject: audit.Subject{Class: policy.ClassKey, Certificate: certified}, active: e.MaySign(), revoked: c.Revoked != "", policyRev: e.PolicyRev, recorded: recorded,
	}
	if e.Class == register.ClassSeal {
		rev.subject.Class = policy.ClassSeal
	}
	if certified {
		rev.subject.Validity = policy.Validity{From: instant(c.NotBefore), Until: instant(c.NotAfter)}
	} else {
		rev.subject.Validity.Unbounded = e.Class == register.ClassKey
	}
	return rev
}

// instant reads a time of a record; the zero time, which refuses, is what no
// record should hold.
func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}
