package daemon

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/policy"
	"signet/protocol"
)

// move returns the procedure of an act that moves its target by a rule of the
// register.
func (a *appliance) move(sub submission, rule func(register.Entry) (register.Entry, error)) *procedure {
	return &procedure{change: func() (store.Change, error) {
		e, err := a.target(sub)
		if err != nil {
			return store.Change{}, err
		}
		if e, err = rule(e); err != nil {
			return store.Change{}, err
		}
		return store.Change{Entry: &e}, nil
	}}
}

func entryActivate(a *appliance, sub submission) (*procedure, error) {
	if err := authority.ParseContent(sub.content, &authority.Nothing{}); err != nil {
		return nil, err
	}
	return a.move(sub, register.Entry.Activate), nil
}

func entrySuspend(a *appliance, sub submission) (*procedure, error) {
	var c authority.Suspend
	if err := authority.ParseContent(sub.content, &c); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return a.move(sub, func(e register.Entry) (register.Entry, error) { return e.Suspend("owner", c.Basis, a.now()) }), nil
}

func entryResume(a *appliance, sub submission) (*procedure, error) {
	var c authority.Resume
	if err := authority.ParseContent(sub.content, &c); err != nil {
		return nil, err
	}
	return a.move(sub, func(e register.Entry) (register.Entry, error) { return e.Resume(c.Hold) }), nil
}

func policySet(a *appliance, sub submission) (*procedure, error) {
	var c authority.SetPolicy
	if err := authority.ParseContent(sub.content, &c); err != nil {
		return nil, err
	}
	p, err := policy.Parse([]byte(c.Text))
	if err != nil {
		return nil, fmt.Errorf("%w: policy:\n%w", authority.ErrMalformed, err)
	}
	named, err := policy.Resolve(p, systemLookup)
	if err != nil {
		return nil, fmt.Errorf("%w: policy: %w", authority.ErrMalformed, err)
	}
	return &procedure{change: func() (store.Change, error) {
		e, err := a.target(sub)
		if err != nil {
			return store.Change{}, err
		}
		if e, err = e.SetPolicy(e.PolicyRev + 1); err != nil {
			return store.Change{}, err
		}
		hash := p.Hash()
		record := &register.PolicyRecord{
			Entry: e.ID, Rev: e.PolicyRev, Text: p.Text(), Hash: hex.EncodeToString(hash[:]), Users: named.Users, Groups: named.Groups,
		}
		return store.Change{Entry: &e, Policy: record}, nil
	}}, nil
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
		change: func() (store.Change, error) { return store.Change{}, nil },
		// One act, one try: the login comes when the nonce is spent.
		finish: func(ctx context.Context) error { return tok.driver.ClearPIN(ctx, sub.act.Target) },
	}, nil
}

func clockAccept(a *appliance, sub submission) (*procedure, error) {
	if err := authority.ParseContent(sub.content, &authority.Nothing{}); err != nil {
		return nil, err
	}
	return &procedure{
		change: func() (store.Change, error) { return store.Change{}, nil },
		after:  a.clock.accept,
	}, nil
}

// accountAfter is the account of an entry after a change of it. It runs on the
// committer and so asks no user database: an unchanged policy stays bound as
// it is, and the names of a new one were resolved when its act was judged.
func accountAfter(before *account, ch *store.Change) (*account, error) {
	a, err := newAccount(*ch.Entry)
	if err != nil {
		return nil, err
	}
	switch {
	case ch.Policy != nil:
		p, err := policy.Parse([]byte(ch.Policy.Text))
		if err != nil {
			return nil, err
		}
		a.bind(*ch.Policy, p, asResolved(*ch.Policy))
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
