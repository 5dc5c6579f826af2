package daemon

import (
	"context"
	"errors"
	"fmt"

	"signet/daemon/internal/authority"
	"signet/hsm"
)

// A store is held to the anchor of every token before a key there is used: who
// writes files could leave the token of the log out of signetd.toml, or name
// another one for it, and its anchor would have nothing to say.

// isHeld tells whether this store was held to the anchor of that token. A token
// that is not in the configuration has no key to use.
func (a *appliance) isHeld(name string) bool {
	tok := a.tokens.byName[name]
	return tok == nil || tok.heldTo.Load() == a
}

// errUnheld is of class unavailable: the token is asked again each second.
var errUnheld = errors.New("it has not said yet whether this store is the newest")

// errLatched is why a latched token says nothing: it is not asked. Callers get the
// code that they get of one that was latched after it had answered.
var errLatched = errors.New("its PIN was refused")

func (a *appliance) checkHeld(name, op string) error {
	if a.isHeld(name) {
		return nil
	}
	if a.tokens.isLatched(name) {
		return &hsm.Error{Class: hsm.ClassPIN, Token: name, Op: op, Err: errLatched}
	}
	return &hsm.Error{Class: hsm.ClassUnavailable, Token: name, Op: op, Err: errUnheld}
}

// turn is tokens.turn for a token that this store was held to. Between the look
// of awaitAnchor and here it may have come up.
func (a *appliance) turn(ctx context.Context, uid uint32, key hsm.KeyRef, want int) (turn, error) {
	if err := a.checkHeld(key.Token, "signing"); err != nil {
		return turn{}, err
	}
	return a.tokens.turn(ctx, uid, key, want)
}

// heldDriver is the driver of a token on which an act may do something.
func (a *appliance) heldDriver(name, op string) (hsm.Driver, error) {
	tok := a.tokens.byName[name]
	if tok == nil {
		return nil, &hsm.Error{Class: hsm.ClassAbsent, Token: name, Op: op, Err: errNoToken}
	}
	return tok.driver, a.checkHeld(name, op)
}

// tokenOf names the token that an act has do something, "" if there is none.
func (a *appliance) tokenOf(sub *submission) string {
	switch sub.act.Kind {
	case authority.KeyDestroy, authority.CertRequest:
		if acct := a.book.find(sub.act.Target); acct != nil {
			return acct.key.Token
		}
	case authority.KeyCreate:
		var c authority.CreateKey
		if authority.ParseContent(sub.content, &c) == nil {
			return c.Token
		}
	case authority.KeyAdopt:
		var c authority.AdoptKey
		if authority.ParseContent(sub.content, &c) == nil {
			return c.Token
		}
	}
	return ""
}

// newKeyDriver is the driver of a token that may be given a key: by officers
// one that init looked at.
func (a *appliance) newKeyDriver(name, op string) (hsm.Driver, error) {
	if _, err := a.tokens.named(name); err != nil {
		return nil, err
	}
	if err := a.checkWitnessed(name, op); err != nil {
		return nil, err
	}
	return a.heldDriver(name, op)
}

// checkWitnessed refuses a token that the officers of init have not seen. Who
// writes signetd.toml could have keys made on one of his own.
func (a *appliance) checkWitnessed(name, op string) error {
	if a.genesis.Authority != authority.Officers {
		return nil
	}
	report, err := a.initReport()
	if err != nil {
		return fmt.Errorf("reading the report of init: %w", err)
	}
	status, ok := a.tokens.statusOf(name)
	if !ok || status.State != hsm.StateUp {
		return &hsm.Error{Class: hsm.ClassUnavailable, Token: name, Op: op, Err: errors.New("it is not up, and so its serial number is not known")}
	}
	const cure = "a new token needs an act of its own (token.add), which is not built yet"
	for _, p := range report.Products {
		switch {
		case p.Name != name:
		case p.TokenSerial != status.Serial:
			return fmt.Errorf("%w: token %s has the serial number %q, init saw %q: %s", errConflict, name, status.Serial, p.TokenSerial, cure)
		default:
			return nil
		}
	}
	return fmt.Errorf("%w: token %s is none of those that the officers saw at init: %s", errConflict, name, cure)
}
