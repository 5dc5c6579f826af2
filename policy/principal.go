package policy

import (
	"errors"
	"fmt"
	"slices"
)

// A Principal is a user or group with the id that it was resolved to. Name is
// "" where the policy gives the id itself.
type Principal struct {
	Name string `json:"name,omitempty"`
	ID   uint32 `json:"id"`
}

func (p Principal) String() string {
	switch {
	case p.Name == "":
		return fmt.Sprint(p.ID)
	case p.ID == 0: // never resolved: 0 is no caller
		return p.Name
	}
	return fmt.Sprintf("%s (%d)", p.Name, p.ID)
}

// Resolved are the principals that the callers of a policy were when the
// policy was set. It is stored with the policy.
type Resolved struct {
	Users  []Principal `json:"users"`
	Groups []Principal `json:"groups"`
}

// A Lookup asks the system for ids. Both functions are required; they return
// an error for a name that does not exist.
type Lookup struct {
	User  func(name string) (uid uint32, err error)
	Group func(name string) (gid uint32, err error)
}

// Resolve finds the ids of the callers of p. The error has a line for every
// name that has no id, or one that cannot stand for a single caller.
func Resolve(p Policy, system Lookup) (Resolved, error) {
	users, userErr := resolve("user", p.users, system.User)
	groups, groupErr := resolve("group", p.groups, system.Group)
	if err := errors.Join(userErr, groupErr); err != nil {
		return Resolved{}, err
	}
	return Resolved{users, groups}, nil
}

func resolve(what string, accounts []account, id func(string) (uint32, error)) ([]Principal, error) {
	var all []Principal
	var errs []error
	for _, a := range accounts {
		p, err := a.resolve(id)
		if err != nil {
			errs = append(errs, fmt.Errorf("resolving %s %q: %w", what, a, err))
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

func (a account) resolve(id func(string) (uint32, error)) (Principal, error) {
	if a.name == "" {
		return Principal{ID: a.id}, nil
	}
	n, err := id(a.name)
	if err != nil {
		return Principal{}, err
	}
	if problem := nobodys(n); problem != "" {
		return Principal{}, errors.New(problem)
	}
	return Principal{Name: a.name, ID: n}, nil
}

// A Bound is a policy with the ids of its callers: what Decide works on. It
// is immutable; the zero value allows nobody.
type Bound struct {
	policy *Policy           // nil: the zero value; shared, so that a rule is not asked with a copy
	uids   map[uint32]string // to the callers as the policy writes them
	gids   map[uint32]string
	stale  []Stale
}

// Policy returns the policy that was bound.
func (b Bound) Policy() Policy {
	if b.policy == nil {
		return Policy{}
	}
	return *b.policy
}

// Stale returns the callers that binding has dropped.
func (b Bound) Stale() []Stale { return slices.Clone(b.stale) }

// A Stale is a caller of a policy that allows nobody, because its name no
// longer means the id that it meant when the policy was set. The id may by
// now belong to somebody else.
type Stale struct {
	Kind      string    `json:"kind"` // user or group
	Principal Principal `json:"principal"`
	Why       string    `json:"why,omitempty"`
}

func (s Stale) String() string {
	return fmt.Sprintf("%s %s: %s", s.Kind, s.Principal, s.Why)
}

// Bind binds p to the ids it was resolved to, as far as the system still
// agrees. It is called whenever a policy is loaded. A principal that p does
// not name is never bound.
func Bind(p Policy, then Resolved, system Lookup) (Bound, []Stale) {
	b := Bound{policy: &p}
	var staleUsers, staleGroups []Stale
	b.uids, staleUsers = bind("user", p.users, then.Users, system.User)
	b.gids, staleGroups = bind("group", p.groups, then.Groups, system.Group)
	b.stale = append(staleUsers, staleGroups...)
	return b, b.Stale()
}

func bind(what string, accounts []account, then []Principal, id func(string) (uint32, error)) (map[uint32]string, []Stale) {
	bound := map[uint32]string{}
	var stale []Stale
	for _, a := range accounts {
		p, why := a.bind(then, id)
		if why != "" {
			stale = append(stale, Stale{what, p, why})
			continue
		}
		bound[p.ID] = a.String()
	}
	return bound, stale
}

// bind returns the principal of an account, and why it is not to be trusted,
// "" if it is.
func (a account) bind(then []Principal, id func(string) (uint32, error)) (p Principal, why string) {
	if a.name == "" {
		return Principal{ID: a.id}, nobodys(a.id)
	}
	i := slices.IndexFunc(then, func(p Principal) bool { return p.Name == a.name })
	if i < 0 {
		return Principal{Name: a.name}, "had no id when the policy was set"
	}
	now, err := id(a.name)
	switch {
	case err != nil:
		return then[i], fmt.Sprintf("has no id now: %v", err)
	case now != then[i].ID:
		return then[i], fmt.Sprintf("has id %d now", now)
	}
	return then[i], nobodys(now)
}
