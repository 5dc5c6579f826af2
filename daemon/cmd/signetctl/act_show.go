package main

import (
	"context"
	"strconv"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
)

// showDeed shows all that an officer puts his name to, and nothing that the
// act does not bind: it is read from the bytes that are signed.
func (p *program) showDeed(d deed) error {
	if err := p.showAsk(d); err != nil {
		return err
	}
	var list screen.List
	a := d.act
	list.Add(p.tr(labelAppliance), screen.Cell{Text: a.Appliance})
	list.Add(p.tr(labelNotAfter), screen.Cell{Text: a.NotAfter})
	list.Add(p.tr(labelLogSeen), screen.Cell{Text: p.tr(msgLogAt, a.LogSize, a.LogRoot)})
	list.Add(p.tr(labelNonce), screen.Cell{Text: a.Nonce})
	list.Add("SM3", screen.Cell{Text: authority.ContentHash([]byte(d.request.Act))})
	list.Add(p.tr(labelSignatures), screen.Cell{Text: strconv.Itoa(len(d.request.Signatures))})
	return list.Write(p.out, p.outPaint)
}

// showAbout shows what an act names and does not hold, as it is now: what it
// changes of the policy in force, or what was asked of custodians.
func (p *program) showAbout(ctx context.Context, d deed) error {
	switch d.act.Kind {
	case authority.PolicySet, authority.PolicyNarrow:
		return p.showChangesOf(ctx, d)
	case authority.ApprovalGrant, authority.ApprovalDeny, authority.ApprovalRevoke:
		return p.showAskedOf(ctx, d)
	}
	return nil
}

// showAsk shows what an act does: its kind in words, its target and its
// content.
func (p *program) showAsk(d deed) error {
	var list screen.List
	list.Add(p.tr(labelAct), screen.Cell{Text: p.kindName(d.act.Kind)})
	list.Add(p.tr(labelTarget), screen.Cell{Text: d.act.Target})
	if err := list.Write(p.out, p.outPaint); err != nil {
		return err
	}
	return p.showContent(d.act.Kind, d.request.Content)
}

// kindName is a kind in words, with the one of code and log beside it.
func (p *program) kindName(kind authority.Kind) string {
	words, ok := kindTexts[kind]
	if !ok {
		return string(kind)
	}
	return p.tr(words) + " (" + string(kind) + ")"
}
