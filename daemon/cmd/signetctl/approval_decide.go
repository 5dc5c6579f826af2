package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
)

// A granting is what one run of approval grant was asked for.
type granting struct {
	files evidence
	count uint32
	until string
}

func (p *program) approvalGrant() *cobra.Command {
	var g granting
	cmd := p.actCommand("grant APPROVAL", helpApprovalGrant, []authority.Kind{authority.ApprovalGrant}, func(ctx context.Context, by *handing, args []string) error {
		a, err := p.askApproval(ctx, args[0])
		if err != nil {
			return err
		}
		content, err := g.content(a)
		if err != nil {
			return err
		}
		if err := p.holdToFiles(ctx, a, g.files); err != nil {
			return err
		}
		return adviseDecided(a.ID, p.carry(ctx, by, order{
			kind: authority.ApprovalGrant, target: a.Entry, content: just(content), effect: effectGrant, done: p.decided(a.ID),
		}))
	})
	g.files.addFlags(p, cmd.Flags())
	cmd.Flags().Uint32Var(&g.count, "count", 0, p.tr(flagGrantCount))
	cmd.Flags().StringVar(&g.until, "until", "", p.tr(flagGrantUntil))
	return cmd
}

// content binds the grant to what was asked for, and to less if so wanted.
func (g *granting) content(a asked) (authority.GrantApproval, error) {
	c := authority.GrantApproval{Approval: a.ID, Request: a.Request, Count: g.count}
	switch asked := a.content.Count; {
	case g.count > asked:
		return c, usage(msgGrantCount, g.count, asked)
	case g.count > 0 && g.count < asked && a.content.Form == policy.ByDigests:
		return c, usage(msgGrantDigests, asked)
	}
	if g.until == "" {
		return c, nil
	}
	until, err := readInstant("until", g.until, here)
	if err != nil {
		return c, err
	}
	from, last, err := a.content.Window()
	if err != nil {
		return c, err
	}
	until = until.UTC().Truncate(time.Second)
	if until.Before(from) || until.After(last) {
		return c, usage(msgGrantUntil, g.until, clock(from), clock(last))
	}
	c.Until = until.Format(time.RFC3339)
	return c, nil
}

// holdToFiles refuses to go on with a file that is not what was asked for, and
// says so where no file was looked at.
func (p *program) holdToFiles(ctx context.Context, a asked, files evidence) error {
	found, err := p.compare(ctx, a, files)
	if err != nil {
		return err
	}
	if p.json {
		return verdictOn(a, found)
	}
	aside := p.aside()
	if len(found) == 0 && a.content.Form != policy.ByCount {
		return aside.say(msgNoFileLookedAt)
	}
	return errors.Join(aside.showComparisons(a, found), verdictOn(a, found))
}

func (p *program) approvalDeny() *cobra.Command {
	return p.endApproval("deny APPROVAL", helpApprovalDeny, authority.ApprovalDeny, effectDeny)
}

func (p *program) approvalRevoke() *cobra.Command {
	return p.endApproval("revoke APPROVAL", helpApprovalRevoke, authority.ApprovalRevoke, effectRevoke)
}

func (p *program) endApproval(use string, h help, kind authority.Kind, effect text) *cobra.Command {
	var why string
	cmd := p.actCommand(use, h, []authority.Kind{kind}, func(ctx context.Context, by *handing, args []string) error {
		if err := checkWhy(why); err != nil {
			return err
		}
		a, err := p.askApproval(ctx, args[0])
		if err != nil {
			return err
		}
		content := authority.EndApproval{Approval: a.ID, Request: a.Request, Basis: why}
		return adviseDecided(a.ID, p.carry(ctx, by, order{kind: kind, target: a.Entry, content: just(content), effect: effect, done: p.decided(a.ID)}))
	})
	cmd.Flags().StringVar(&why, "why", "", p.tr(flagWhyApproval))
	return cmd
}

// adviseDecided has whoever came too late look at what was decided.
func adviseDecided(id string, err error) error {
	if errors.Is(err, protocol.Conflict) || errors.Is(err, protocol.IllegalTransition) {
		return &advised{err, hintApprovalShow, []any{id}}
	}
	return err
}

// decided is the end of these orders: the entry is what it was, so that people
// are not shown it.
func (p *program) decided(id string) func(context.Context, admin.ActResult) error {
	return func(_ context.Context, result admin.ActResult) error {
		if !p.json {
			result.Entry = nil
		}
		return p.done(result, hintApprovalShow, id)
	}
}

// showAskedOf shows what an act decides on. What it names is held to what was
// asked for: nobody signs for another request than the one that he reads. Who
// cannot read it here is told so.
func (p *program) showAskedOf(ctx context.Context, d deed) error {
	id, request := namedBy(d)
	a, err := p.askApproval(ctx, id)
	switch {
	case err != nil && statusOf(err) == exitVerification:
		return err
	case err != nil:
		return p.say(msgDetail, msgAskedUnread, p.report(err).sentence)
	case a.Request != request || a.Entry != d.act.Target:
		return &fault{status: exitVerification, what: msgActOther, args: []any{id, request, a.Request}, next: hintApprovalShow, nextArgs: []any{id}}
	}
	p.section(headAsked)
	if err := p.showApproval(a); err != nil {
		return err
	}
	p.blank()
	return nil
}

// namedBy is which approval an act is about, and the SM3 of what was asked for.
func namedBy(d deed) (id, request string) {
	var grant authority.GrantApproval
	var end authority.EndApproval
	content := []byte(d.request.Content)
	if d.act.Kind == authority.ApprovalGrant {
		_ = authority.ParseContent(content, &grant)
		return grant.Approval, grant.Request
	}
	_ = authority.ParseContent(content, &end)
	return end.Approval, end.Request
}
