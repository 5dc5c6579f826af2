package client

import (
	"context"
	"fmt"

	"signet/protocol"
)

// RequestApproval asks custodians to approve uses of an entry. The answer is
// that the request is recorded: ApprovalStatus says what became of it, and a
// Sign names it by its Id in Approval.
//
// A request that was lost is repeated only if it has a RequestId: without one,
// each is another approval. The request is only read.
func (c *Client) RequestApproval(ctx context.Context, request *protocol.ApprovalRequest) (*protocol.ApprovalReply, error) {
	return requestApproval(ctx, c, request)
}

// ApprovalStatus asks what became of an approval that this account asked for.
// For any other id it fails with protocol.UnknownEntry. Nobody waits for
// custodians in a call: ask again every minute or so.
func (c *Client) ApprovalStatus(ctx context.Context, id string) (*protocol.ApprovalInfo, error) {
	return approvalStatus(ctx, c, id)
}

// RequestApproval asks for an approval, as Client.RequestApproval does, and
// repeats nothing.
func (c *Conn) RequestApproval(ctx context.Context, request *protocol.ApprovalRequest) (*protocol.ApprovalReply, error) {
	return requestApproval(ctx, c, request)
}

// ApprovalStatus asks what became of an approval.
func (c *Conn) ApprovalStatus(ctx context.Context, id string) (*protocol.ApprovalInfo, error) {
	return approvalStatus(ctx, c, id)
}

func requestApproval(ctx context.Context, a asker, request *protocol.ApprovalRequest) (*protocol.ApprovalReply, error) {
	q := question{method: protocol.MethodRequestApproval, repeatable: request.GetRequestId() != ""}
	reply := new(protocol.ApprovalReply)
	if err := ask(ctx, a, q, request, reply); err != nil {
		return nil, err
	}
	// An id that no Sign takes, or of another entry, would be found out only
	// after custodians have granted it.
	if id := reply.GetApproval().GetId(); protocol.CheckApprovalID("", id) != nil {
		return nil, fmt.Errorf("%w: %q is not the id of an approval", ErrBadAnswer, id)
	}
	if got, want := reply.GetApproval().GetEntry(), request.GetEntry(); got != want {
		return nil, fmt.Errorf("%w: an approval of entry %q, asked for was %q", ErrBadAnswer, got, want)
	}
	return reply, nil
}

func approvalStatus(ctx context.Context, a asker, id string) (*protocol.ApprovalInfo, error) {
	q := question{method: protocol.MethodApprovalStatus, repeatable: true}
	reply := new(protocol.ApprovalStatusReply)
	if err := ask(ctx, a, q, &protocol.ApprovalStatusRequest{Approval: id}, reply); err != nil {
		return nil, err
	}
	if got := reply.GetApproval().GetId(); got != id {
		return nil, fmt.Errorf("%w: approval %q, asked for was %q", ErrBadAnswer, got, id)
	}
	return reply.GetApproval(), nil
}
