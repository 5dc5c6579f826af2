package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/canonical"
)

// An order is what a verb wants done.
type order struct {
	kind    authority.Kind
	target  string
	content func(admin.ActContext) (any, error)

	// For --plan: what there is now, nil for nothing to look at, and what comes
	// of the act that its kind and content do not say.
	before func(context.Context) error
	effect text

	done func(context.Context, admin.ActResult) error
}

// just is a content that does not depend on the appliance.
func just(content any) func(admin.ActContext) (any, error) {
	return func(admin.ActContext) (any, error) { return content, nil }
}

// carry makes the act of an order and has it leave as by says.
func (p *program) carry(ctx context.Context, by *handing, o order) error {
	if !slices.Contains(by.kinds, o.kind) {
		return fmt.Errorf("making an act of kind %s: this verb is for %v", o.kind, by.kinds)
	}
	names, err := p.actContext(ctx)
	if err != nil {
		return err
	}
	if names.Appliance == "" && o.kind != authority.Init {
		return protocol.NewError(protocol.Uninitialised, "") // an act must name the appliance
	}
	content, err := o.content(names)
	if err != nil {
		return err
	}
	regime := regimeOf(names, content)
	signed := needsSignatures(regime, o.kind)
	if by.signs() && !signed && regime != "" {
		return usage(msgTakesNone, string(o.kind))
	}
	d, err := newDeed(names, by.lifetime(signed || by.signs()), o.kind, o.target, content)
	if err != nil {
		return err
	}
	switch {
	case by.plan:
		return p.planOf(ctx, d, regime, o)
	case by.signs():
		return p.signAndHandIn(ctx, by, d, o.done)
	case by.file != "":
		return p.writeDeed(by.file, by.force, d)
	case signed:
		return p.leaveToOthers(d)
	}
	return p.handIn(ctx, d, o.done)
}

// regimeOf is on whose word the act will be taken: an act of init says it
// itself. Empty where the daemon cannot tell, which in mode poisoned it cannot.
func regimeOf(names admin.ActContext, content any) authority.Regime {
	if g, ok := content.(authority.Genesis); ok {
		return g.Authority
	}
	return authority.Regime(names.Authority)
}

// needsSignatures is false where it is not known: the daemon then decides.
func needsSignatures(regime authority.Regime, kind authority.Kind) bool {
	rule, _ := authority.RuleOf(kind)
	return regime == authority.Officers && !rule.Unsigned
}

// actContext asks what an act has to name. It is for who hands in acts, so on
// admin.sock.
func (p *program) actContext(ctx context.Context) (admin.ActContext, error) {
	return onAdmin(ctx, p, readTimeout, func(ctx context.Context, c *admin.Client) (admin.ActContext, error) { return c.ActContext(ctx) })
}

// onAdmin asks admin.sock, which has no substitute.
func onAdmin[T any](ctx context.Context, p *program, usual time.Duration, ask func(context.Context, *admin.Client) (T, error)) (T, error) {
	ctx, cancel := p.within(ctx, usual)
	defer cancel()
	defer p.waiting()()
	answer, err := askOf(ctx, p.admin, ask)
	return answer, p.admin.unreachable(err)
}

// handIn hands an act in and shows what it has become.
func (p *program) handIn(ctx context.Context, d deed, done func(context.Context, admin.ActResult) error) error {
	p.nonce = d.act.Nonce
	result, err := onAdmin(ctx, p, actTimeout, func(ctx context.Context, c *admin.Client) (admin.ActResult, error) {
		result, err := c.Submit(ctx, d.request)
		if err != nil && outcomeUnknown(err) {
			err = &fault{status: exitUnreachable, what: msgOutcomeUnknown, next: hintLog}
		}
		return result, err
	})
	if err != nil {
		return err
	}
	return done(ctx, result)
}

// A deed is an act as it travels, and what its bytes say.
type deed struct {
	request admin.ActRequest
	act     authority.Act
}

// newDeed binds a kind, its target and content to this appliance and to its
// log as it is now. The time is the appliance's: this machine's may be wrong.
func newDeed(names admin.ActContext, lifetime time.Duration, kind authority.Kind, target string, content any) (deed, error) {
	body, err := canonical.Marshal(content)
	if err != nil {
		return deed{}, fmt.Errorf("encoding content of %s: %w", kind, err)
	}
	if limit := authority.MaxContentOf(kind); len(body) > limit {
		return deed{}, usage(msgContentLarge, len(body), limit)
	}
	if kind == authority.Init { // there is no log yet, whatever backup was handed in
		names.Appliance, names.LogSize, names.LogRoot = "", 0, ""
	}
	act := authority.Act{
		V: authority.ActVersion, Appliance: names.Appliance, Kind: kind, Target: target,
		ContentSHA: authority.ContentHash(body), Nonce: authority.NewNonce(),
		NotAfter: names.Now.UTC().Add(lifetime).Format(time.RFC3339),
		LogSize:  names.LogSize, LogRoot: names.LogRoot,
	}
	raw, err := act.Bytes()
	if err != nil {
		return deed{}, fmt.Errorf("encoding act %s: %w", kind, err)
	}
	return deed{admin.ActRequest{Act: string(raw), Content: string(body), Signatures: []admin.Signature{}}, act}, nil
}

// done shows what an act has become, and the command to type next.
func (p *program) done(result admin.ActResult, next text, args ...any) error {
	if p.json {
		return p.printJSON(result)
	}
	if err := p.saidDone(result); err != nil {
		return err
	}
	if next == (text{}) {
		return nil
	}
	return p.next(next, args...)
}

// saidDone is done without the command that comes next.
func (p *program) saidDone(result admin.ActResult) error {
	said, args := msgDone, []any{strings.TrimSpace(result.Kind + " " + result.Target), result.Event}
	switch {
	case result.Unsigned:
		said = msgDoneUnsigned
	case len(result.Signers) > 0:
		said, args = msgDoneSigned, append(args, strings.Join(result.Signers, ", "))
	}
	if err := p.say(said, args...); err != nil {
		return err
	}
	for _, id := range result.Held {
		if err := p.say(msgHeld, id); err != nil {
			return err
		}
	}
	if result.Entry == nil {
		return nil
	}
	return p.writeEntry(*result.Entry)
}

// andThen is the end of most orders: done, with what to type next.
func (p *program) andThen(next text, args ...any) func(context.Context, admin.ActResult) error {
	return func(_ context.Context, result admin.ActResult) error { return p.done(result, next, args...) }
}
