package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/canonical"
)

// actLifetime is how long an act made here can be handed in: it is handed in
// at once, so an hour is for clocks and queues.
const actLifetime = time.Hour

// act makes an act and hands it in.
func (p *program) act(ctx context.Context, kind authority.Kind, target string, content any) (admin.ActResult, error) {
	return p.actIn(ctx, kind, target, func(admin.ActContext) any { return content })
}

// actIn is act with a content that depends on the appliance.
func (p *program) actIn(ctx context.Context, kind authority.Kind, target string, content func(admin.ActContext) any) (admin.ActResult, error) {
	ctx, cancel := p.within(ctx, actTimeout)
	defer cancel()
	defer p.waiting()()
	c := admin.NewClient(p.admin.path)
	defer c.Close()
	names, err := c.ActContext(ctx)
	if err != nil {
		return admin.ActResult{}, p.admin.unreachable(err)
	}
	if names.Appliance == "" && kind != authority.Init {
		return admin.ActResult{}, protocol.NewError(protocol.Uninitialised, "") // an act must name the appliance
	}
	request, err := newAct(names, kind, target, content(names))
	if err != nil {
		return admin.ActResult{}, err
	}
	result, err := c.Submit(ctx, request)
	if err != nil && outcomeUnknown(err) {
		return admin.ActResult{}, &fault{status: exitUnreachable, what: msgOutcomeUnknown, next: hintLog}
	}
	return result, p.admin.unreachable(err)
}

// newAct binds a kind, its target and content to this appliance and to its
// log as it is now. The time is the appliance's: this machine's may be wrong.
func newAct(names admin.ActContext, kind authority.Kind, target string, content any) (admin.ActRequest, error) {
	body, err := canonical.Marshal(content)
	if err != nil {
		return admin.ActRequest{}, fmt.Errorf("encoding content of %s: %w", kind, err)
	}
	act, err := authority.Act{
		V: authority.ActVersion, Appliance: names.Appliance, Kind: kind, Target: target,
		ContentSHA: authority.ContentHash(body), Nonce: authority.NewNonce(),
		NotAfter: names.Now.UTC().Add(actLifetime).Format(time.RFC3339),
		LogSize:  names.LogSize, LogRoot: names.LogRoot,
	}.Bytes()
	if err != nil {
		return admin.ActRequest{}, fmt.Errorf("encoding act %s: %w", kind, err)
	}
	return admin.ActRequest{Act: string(act), Content: string(body), Signatures: []admin.Signature{}}, nil
}

// done shows what an act has become, and the command to type next.
func (p *program) done(result admin.ActResult, next text, args ...any) error {
	if p.json {
		return p.printJSON(result)
	}
	said := msgDone
	if result.Unsigned {
		said = msgDoneUnsigned
	}
	if err := p.say(said, strings.TrimSpace(result.Kind+" "+result.Target), result.Event); err != nil {
		return err
	}
	if result.Entry != nil {
		var list screen.List
		p.listEntry(&list, *result.Entry)
		if err := list.Write(p.out, p.outPaint); err != nil {
			return err
		}
	}
	if next == (text{}) {
		return nil
	}
	return p.next(next, args...)
}
