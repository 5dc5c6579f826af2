package authority

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Case is all that decides whether an act is authorised.
type Case struct {
	Act        Act
	Raw        string // the bytes that were signed
	Content    []byte
	Signatures []Signature
	On         Target    // the entry that it is about, if there is one
	At         time.Time // when certificates of officers must be valid

	// InAdminGroup: a member of group signet-admin brought it.
	InAdminGroup bool
}

// A Signer is a person who signed, in the role that he has.
type Signer struct {
	ID   string
	Role Role
}

func (s Signer) String() string { return s.Role.String() + ":" + s.ID }

// maxSignatures bounds the signatures of one act, init apart.
const maxSignatures = 16

// Authorise tells whether the signatures suffice and who made them. Under
// Development the group of the bringer stands for them, and signatures are
// refused rather than ignored. Errors wrap ErrRole, ErrTooFew, ErrDuplicate,
// ErrSignature or ErrMalformed. Once all signatures have verified, who made
// them is told with an error too: for the event, and for who is still missing.
func (g Genesis) Authorise(r Roll, c Case) ([]Signer, error) {
	rule, ok := RuleOf(c.Act.Kind)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: kind %q is not in the table of acts", ErrRole, c.Act.Kind)
	case !c.InAdminGroup:
		return nil, fmt.Errorf("%w: acts are brought by members of group signet-admin", ErrRole)
	case g.Authority == Development && len(c.Signatures) != 0:
		return nil, fmt.Errorf("%w: this appliance was made with authority %q and has no officers", ErrSignature, Development)
	case g.Authority == Development:
		return nil, nil
	case g.Authority != Officers:
		return nil, fmt.Errorf("%w: authority %q permits nothing", ErrRole, g.Authority)
	case c.Act.Kind == Init:
		return g.authoriseInit(c)
	case rule.Unsigned && len(c.Signatures) != 0:
		return nil, fmt.Errorf("%w: %s is taken unsigned from group signet-admin", ErrSignature, c.Act.Kind)
	case rule.Unsigned:
		return nil, nil
	}
	signers, err := r.signers(c)
	if err != nil {
		return nil, err
	}
	if err := r.checkCustodians(c, signers); err != nil {
		return signers, err
	}
	options, err := r.options(rule, c)
	if err != nil {
		return signers, err
	}
	return signers, r.suffice(options, c.Act.Kind, signers)
}

// authoriseInit: every officer whom the ceremony names signs it, so that
// nobody finds himself an officer and no key stands for a person who never
// held it.
func (g Genesis) authoriseInit(c Case) ([]Signer, error) {
	r := Roll{Officers: g.Officers}
	signers, err := r.signers(c)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, o := range g.Officers {
		if !slices.ContainsFunc(signers, func(s Signer) bool { return s.ID == o.ID }) {
			missing = append(missing, Signer{o.ID, o.Role}.String())
		}
	}
	if len(missing) > 0 || len(g.Officers) == 0 {
		return signers, fmt.Errorf("%w: every officer signs init, and these have not: %s", ErrTooFew, strings.Join(missing, ", "))
	}
	return signers, nil
}

// signers verifies every signature and returns who made them, in the order of
// ids.
func (r Roll) signers(c Case) ([]Signer, error) {
	if most := max(maxSignatures, len(r.Officers)); len(c.Signatures) > most {
		return nil, fmt.Errorf("%w: %d signatures, at most %d", ErrMalformed, len(c.Signatures), most)
	}
	var signers []Signer
	for i, s := range c.Signatures {
		o, key, err := r.author(c.Raw, i, s)
		if err != nil {
			return nil, err
		}
		if err := key.ValidAt(c.At); err != nil {
			return nil, fmt.Errorf("%w: signatures[%d] of %s: %w", ErrSignature, i, o.ID, err)
		}
		signer := Signer{o.ID, o.Role}
		if slices.Contains(signers, signer) {
			return nil, fmt.Errorf("%w: %s: persons are counted, not keys", ErrDuplicate, o.ID)
		}
		signers = append(signers, signer)
	}
	slices.SortFunc(signers, func(x, y Signer) int { return strings.Compare(x.ID, y.ID) })
	return signers, nil
}

// Knows tells whether a key of an officer made the signature, by what it says
// of itself.
func (r Roll) Knows(s Signature) bool {
	return slices.ContainsFunc(r.Officers, func(o Officer) bool {
		return slices.ContainsFunc(o.Keys, func(k Key) bool { return k.Made(s) })
	})
}

// author finds the officer and the key that made the signature of index i. Nothing keeps
// two CAs of one name from giving out one serial number twice, so each key
// whose name it bears is tried.
func (r Roll) author(raw string, i int, s Signature) (Officer, Key, error) {
	wrong := fmt.Errorf("%w: signatures[%d] was made by a key of no officer", ErrSignature, i)
	for _, o := range r.Officers {
		for _, k := range o.Keys {
			if !k.Made(s) {
				continue
			}
			err := k.Verify([]byte(raw), s)
			if err == nil {
				return o, k, nil
			}
			wrong = fmt.Errorf("signatures[%d] of %s: %w", i, o.ID, err)
		}
	}
	return Officer{}, Key{}, wrong
}

// checkCustodians refuses a custodian of something else.
func (r Roll) checkCustodians(c Case, signers []Signer) error {
	for _, s := range signers {
		if o, _ := r.Find(s.ID); s.Role == Custodian && !o.Keeps(c.On) {
			return fmt.Errorf("%w: %s is custodian of other entries, not of %q", ErrRole, s.ID, c.Act.Target)
		}
	}
	return nil
}

// options are the ways to authorise c, with what depends on more than its
// kind.
func (r Roll) options(rule Rule, c Case) ([][]Need, error) {
	options := rule.Options
	switch {
	case c.Act.Kind == OfficerChange:
		var change ChangeOfficers
		if err := ParseContent(c.Content, &change); err != nil {
			return nil, err
		}
		if r.changesAuditors(change) {
			return [][]Need{append(slices.Clone(options[0]), auditor)}, nil
		}
	case decidesUse(c.Act.Kind) && r.HasCustodian(c.On):
		return one(custodian), nil
	}
	return options, nil
}

// suffice holds the signers to the options: all of them must have a role of
// one option, and that option's needs must be met.
func (r Roll) suffice(options [][]Need, kind Kind, signers []Signer) error {
	var missing []string
	for _, needs := range options {
		if !covers(needs, signers) {
			continue
		}
		short := r.short(needs, signers)
		if short == "" {
			return nil
		}
		missing = append(missing, short)
	}
	if len(missing) == 0 {
		return fmt.Errorf("%w: %s is for %s", ErrRole, kind, r.describe(options))
	}
	return fmt.Errorf("%w: %s", ErrTooFew, strings.Join(missing, ", or "))
}

// covers tells whether every signer has a role that the needs name.
func covers(needs []Need, signers []Signer) bool {
	return !slices.ContainsFunc(signers, func(s Signer) bool {
		return !slices.ContainsFunc(needs, func(n Need) bool { return n.Role == s.Role })
	})
}

// short says who is missing, "" if nobody is.
func (r Roll) short(needs []Need, signers []Signer) string {
	var missing []string
	for _, n := range needs {
		have := 0
		for _, s := range signers {
			if s.Role == n.Role {
				have++
			}
		}
		if want := r.Thresholds.of(n); have < want {
			missing = append(missing, fmt.Sprintf("%d of role %s (%d have signed)", want-have, n.Role, have))
		}
	}
	return strings.Join(missing, " and ")
}

// describe is the options in a few words.
func (r Roll) describe(options [][]Need) string {
	var ways []string
	for _, needs := range options {
		var parts []string
		for _, n := range needs {
			parts = append(parts, fmt.Sprintf("%d of role %s", r.Thresholds.of(n), n.Role))
		}
		ways = append(ways, strings.Join(parts, " and "))
	}
	if len(ways) == 0 {
		return "nobody"
	}
	return strings.Join(ways, ", or ")
}
