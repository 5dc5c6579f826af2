package daemon

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol"
)

// byRegister carries out an act that only the register has to do with.
func byRegister(*appliance, submission) (*procedure, error) { return new(procedure), nil }

// policySet resolves the names of the policy: whom they mean now is a fact. A
// policy under which nothing can ever be allowed is most likely a slip of the
// pen: its act must say that it is meant.
func policySet(a *appliance, sub submission) (*procedure, error) {
	var c authority.SetPolicy
	if err := authority.ParseContent(sub.content, &c); err != nil {
		return nil, err
	}
	p, err := policy.Parse([]byte(c.Text))
	if err != nil {
		return nil, fmt.Errorf("%w: policy:\n%w", authority.ErrMalformed, err)
	}
	if why := policy.AllowsNobody(p, a.holderOf(sub.act.Target)); len(why) > 0 && !c.Nobody {
		return nil, fmt.Errorf("%w: policy: it allows nobody: %s; if that is meant, say so: signetctl policy set --nobody", authority.ErrMalformed, strings.Join(why, "; "))
	}
	named, err := policy.Resolve(p, systemLookup)
	if err != nil {
		return nil, fmt.Errorf("%w: policy: %w", authority.ErrMalformed, err)
	}
	return &procedure{
		facts: register.Facts{Users: named.Users, Groups: named.Groups},
		check: func() error { return a.checkNarrowing(sub, p) },
	}, nil
}

// checkNarrowing keeps one officer from ending what a restore left unknown: a
// lifetime is counted on when a policy was set after it, which takes as many as
// widening does.
func (a *appliance) checkNarrowing(sub submission, p policy.Policy) error {
	acct := a.book.find(sub.act.Target)
	lifelong := slices.ContainsFunc(p.Quotas(), func(q policy.Quota) bool { return q.Period == policy.Lifetime })
	if sub.act.Kind != authority.PolicyNarrow || acct == nil || !lifelong || acct.record.Proof.Event >= a.roster.wentOn {
		return nil
	}
	return fmt.Errorf("%w: how much of a lifetime was used before the restore of event %d is not known: use policy.set", register.ErrTransition, a.roster.wentOn)
}

// holderOf is what is known of the entry that a policy is set for.
func (a *appliance) holderOf(entry string) policy.Holder {
	if acct := a.book.find(entry); acct != nil {
		return policy.Holder{Class: classOf(acct.entry), Algorithms: acct.algorithms(), Now: a.now()}
	}
	return policy.Holder{Class: policy.ClassKey, Now: a.now()}
}

// An officersChange carries the new roll from the judgement to the commit.
type officersChange struct{ roll authority.Roll }

func officerChange(a *appliance, sub submission) (*procedure, error) {
	if a.genesis.Authority != authority.Officers {
		return nil, fmt.Errorf("%w: this appliance was made with authority %q, for the whole of its life: it has no officers", errConflict, a.genesis.Authority)
	}
	return &procedure{staff: new(officersChange)}, nil
}

func tokenClearPIN(a *appliance, sub submission) (*procedure, error) {
	if err := authority.ParseContent(sub.content, &authority.Nothing{}); err != nil {
		return nil, err
	}
	tok := a.tokens.byName[sub.act.Target]
	if tok == nil {
		return nil, fmt.Errorf("%w: %s", errNoToken, strconv.Quote(sub.act.Target))
	}
	return &procedure{
		// One act, one try: the login comes when the nonce is spent.
		finish: func(ctx context.Context) error { return tok.driver.ClearPIN(ctx, sub.act.Target) },
	}, nil
}

func clockAccept(a *appliance, sub submission) (*procedure, error) {
	if err := authority.ParseContent(sub.content, &authority.Nothing{}); err != nil {
		return nil, err
	}
	return &procedure{after: a.clock.accept}, nil
}

// accountAfter is the account of an entry after a change of it. It runs on the
// committer and so asks no user database: an unchanged policy stays bound as
// it is, and the names of a new one were resolved when its act was judged. The
// record before was proven, and the act was just judged: so this one is.
func accountAfter(before *account, entry *register.Entry, set *register.PolicyRecord) (*account, error) {
	a, err := newAccount(*entry)
	if err != nil {
		return nil, err
	}
	a.proof = proven()
	switch {
	case set != nil && set.Entry == entry.ID:
		p, err := policy.Parse([]byte(set.Text))
		if err != nil {
			return nil, err
		}
		a.bind(*set, p, asResolved(*set))
	case before != nil:
		a.record, a.policy = before.record, before.policy
	}
	return a, nil
}

// asResolved looks names up in the pairs of the record itself.
func asResolved(r register.PolicyRecord) policy.Lookup {
	in := func(pairs []policy.Principal) func(string) (uint32, error) {
		return func(name string) (uint32, error) {
			for _, p := range pairs {
				if p.Name == name {
					return p.ID, nil
				}
			}
			return 0, fmt.Errorf("%s was not resolved", strconv.Quote(name))
		}
	}
	return policy.Lookup{User: in(r.Users), Group: in(r.Groups)}
}

// checkNewEntry refuses an id that is taken or malformed.
func (a *appliance) checkNewEntry(id string) error {
	if fault := protocol.CheckEntryID("target", id); fault != nil {
		return fmt.Errorf("%w: %s", authority.ErrMalformed, fault.Error())
	}
	if a.book.find(id) != nil {
		return fmt.Errorf("%w: entry %s exists", errConflict, id)
	}
	return nil
}
