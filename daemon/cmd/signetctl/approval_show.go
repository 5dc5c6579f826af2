package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"signet/protocol"
	"signet/protocol/admin"
)

func (p *program) approvalShow() *cobra.Command {
	var files evidence
	cmd := p.command("show APPROVAL", helpApprovalShow, func(ctx context.Context, args []string) error {
		a, err := p.askApproval(ctx, args[0])
		switch {
		case err != nil && files.isEmpty() && mayAskAsCaller(err):
			return p.showOwn(ctx, args[0], err)
		case isClosed(err):
			return &advised{err, hintApprovalOwn, []any{args[0]}}
		case err != nil:
			return err
		}
		found, err := p.compare(ctx, a, files)
		if err != nil {
			return err
		}
		return p.showCompared(a, found)
	})
	files.addFlags(p, cmd.Flags())
	return cmd
}

// A shownApproval is what --json says: the daemon's answer, and what the files
// are to it.
type shownApproval struct {
	admin.Approval
	Files []comparison `json:"files,omitempty"`
}

// showCompared shows an approval with what the files are to it.
func (p *program) showCompared(a asked, found []comparison) error {
	if p.json {
		return errors.Join(p.printJSON(shownApproval{a.Approval, found}), verdictOn(a, found))
	}
	if err := errors.Join(p.showApproval(a), p.showComparisons(a, found), verdictOn(a, found)); err != nil {
		return err
	}
	if a.State != "pending" {
		return nil
	}
	return p.next(hintApprovalDecide, a.ID, a.ID)
}

// mayAskAsCaller tells that what people look at is closed to this account, as
// it is to callers.
func mayAskAsCaller(err error) bool {
	return errors.Is(err, protocol.RoleRefused) || statusOf(err) == exitUnreachable
}

// isClosed tells that this account may not use the sockets for people, as
// callers may not. To let a document system would be no cure.
func isClosed(err error) bool {
	var own *fault
	return errors.As(err, &own) && (own.what == msgNeitherSocket || own.what == msgNotPermitted)
}

// showOwn shows what a caller is told of his own request. If sign.sock is
// closed as well, the reason is that of the sockets for people.
func (p *program) showOwn(ctx context.Context, id string, closed error) error {
	info, err := p.askOwn(ctx, id)
	var said *protocol.Error
	switch {
	case errors.Is(err, protocol.UnknownEntry):
		return &advised{err, hintApprovalAnew, nil}
	case errors.As(err, &said):
		return err
	case err != nil:
		return closed
	case p.json:
		return p.printJSON(ownOf(info))
	}
	return errors.Join(p.showOwned(ownOf(info)), p.say(msgAsCaller))
}

func (p *program) askOwn(ctx context.Context, id string) (*protocol.ApprovalInfo, error) {
	ctx, cancel := p.within(ctx, readTimeout)
	defer cancel()
	c, err := p.dialSign(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ApprovalStatus(ctx, id)
}
