package replay

import (
	"errors"
	"fmt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
)

// genesis takes from the first act who signs the others.
func (r *Replay) genesis(e *audit.Event) error {
	g, err := r.readGenesis(e)
	switch {
	case errors.Is(err, errUnread):
		return fmt.Errorf("replaying event %d: %w", e.Seq, err)
	case err != nil:
		r.differ(e, Register, "genesis: %v", err)
	case r.regime == "":
		r.regime = g.Authority
	}
	return nil
}

func (r *Replay) readGenesis(e *audit.Event) (authority.Genesis, error) {
	act, err := authority.ParseAct([]byte(e.Act))
	if err != nil {
		return authority.Genesis{}, err
	}
	content, err := r.content(act.ContentSHA)
	if err != nil {
		return authority.Genesis{}, err
	}
	if err := act.CheckContent(content); err != nil {
		return authority.Genesis{}, err
	}
	return authority.ParseGenesis(content)
}

// The role of an act that nobody signed, and of one that was refused before
// anybody looked who did.
const (
	unsigned   = "unsigned"
	unverified = "unverified"
)

// checkRole: whom the event of an act names is who decides an approval. Whether
// they signed is not judged here, but whether anybody had to is.
func (r *Replay) checkRole(e *audit.Event, kind authority.Kind) error {
	if r.regime == "" {
		return nil // no genesis that says it: that differs already
	}
	rule, _ := authority.RuleOf(kind)
	nobody := r.regime == authority.Development || rule.Unsigned
	switch {
	case nobody && e.Role != unsigned:
		return fmt.Errorf("role is %.64q: under authority %s nobody signs it", e.Role, r.regime)
	case !nobody && (e.Role == "" || e.Role == unsigned || e.Role == unverified):
		return fmt.Errorf("role is %q: under authority %s officers sign it", e.Role, r.regime)
	}
	return nil
}
