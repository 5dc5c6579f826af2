package client

import (
	"context"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

// A BatchError says how far SignBatch came.
type BatchError struct {
	// Done are the results of the first inputs, in their order.
	Done []*protocol.Result

	// Tried is how many inputs, from len(Done) on, the request had that
	// failed. Of those after it, nothing was sent.
	Tried int

	// Err is that request's error; Unwrap returns it.
	Err error
}

func (e *BatchError) Error() string {
	first := len(e.Done)
	return fmt.Sprintf("signing inputs %d to %d, after %d with results: %v", first, first+e.Tried-1, first, e.Err)
}

func (e *BatchError) Unwrap() error { return e.Err }

// SignBatch is Sign for any number of inputs. It makes requests of as many as
// this daemon and the entry's policy take, one after the other, each as
// SignRetry does, and returns the results of all in the order of the inputs.
//
// Without Partial a request is granted whole or not at all, but those before
// it stand. The first request that fails ends the batch with a *BatchError,
// which has the results so far.
//
// With a RequestId, the request of the inputs from i on has the RequestId
// "ID.i", so ID may have fewer characters than the 64 of a single Sign. The
// same batch given again after an error goes on where it failed; if the largest
// batch was changed meanwhile, it ends with request_id_reused (106) instead.
func (c *Client) SignBatch(ctx context.Context, request *protocol.SignRequest) (*protocol.SignReply, error) {
	l, err := c.limitsOf(ctx, request)
	if err != nil {
		return nil, err
	}
	parts, err := split(request, l)
	if err != nil {
		return nil, err
	}
	all := new(protocol.SignReply)
	for _, part := range parts {
		reply, err := c.SignRetry(ctx, part)
		if err != nil {
			return nil, &BatchError{all.Results, len(part.Inputs), err}
		}
		all.Results = append(all.Results, reply.Results...)
	}
	return all, nil
}

// limits are what one request may have.
type limits struct{ inputs, bytes int }

// limitsOf asks for them. What the daemon does not say is the protocol's own;
// an entry that it does not list is for it to refuse.
func (c *Client) limitsOf(ctx context.Context, request *protocol.SignRequest) (limits, error) {
	l := limits{protocol.MaxBatch, protocol.MaxRequest}
	if len(request.GetInputs()) < 2 {
		return l, nil
	}
	h, err := c.Health(ctx)
	if err != nil {
		return l, fmt.Errorf("asking for the largest batch: %w", err)
	}
	l = l.atMost(h.GetBatchMax(), h.GetFrameMax())
	list, err := c.ListEntries(ctx)
	if err != nil {
		return l, fmt.Errorf("asking for the largest batch: %w", err)
	}
	for _, e := range list.GetEntries() {
		if e.GetId() == request.GetEntry() {
			l = l.atMost(e.GetBatchMax(), 0)
		}
	}
	return l, nil
}

// atMost lowers the limits; 0 says nothing.
func (l limits) atMost(inputs, bytes uint32) limits {
	if inputs != 0 {
		l.inputs = min(l.inputs, int(inputs))
	}
	if bytes != 0 {
		l.bytes = min(l.bytes, int(bytes))
	}
	return l
}

// Room in a request for what is not inputs: tag and length of each, a deadline,
// and the end of a request_id.
const (
	perInput   = 8
	perRequest = 32
)

// split makes requests that keep the limits. One input that is too large by
// itself stays alone, for the daemon to refuse.
func split(request *protocol.SignRequest, l limits) ([]*protocol.SignRequest, error) {
	inputs := request.GetInputs()
	last := part(request, len(inputs), nil).GetRequestId()
	if len(last) > protocol.MaxRequestID {
		fault := protocol.NewError(protocol.TooLarge, "request_id of %d characters: a batch of %d inputs takes at most %d, since it adds their number", len(request.GetRequestId()), len(inputs), protocol.MaxRequestID-len(last)+len(request.GetRequestId()))
		return nil, fault.WithField("request_id")
	}
	own := proto.Size(part(request, math.MaxInt32, nil)) + perRequest
	var parts []*protocol.SignRequest
	first, size := 0, own
	for i, in := range inputs {
		n := proto.Size(in) + perInput
		if i > first && (i-first == l.inputs || size+n > l.bytes) {
			parts = append(parts, part(request, first, inputs[first:i]))
			first, size = i, own
		}
		size += n
	}
	return append(parts, part(request, first, inputs[first:])), nil
}

// part is request with the inputs from first on. The fields are named one by
// one since a message may not be copied; a test holds that none is missing.
func part(request *protocol.SignRequest, first int, inputs []*protocol.Input) *protocol.SignRequest {
	p := &protocol.SignRequest{
		Entry: request.GetEntry(), Algorithm: request.GetAlgorithm(), Inputs: inputs, Context: request.GetContext(),
		RequestId: request.GetRequestId(), Approval: request.GetApproval(), Partial: request.GetPartial(),
		DeadlineMs: request.GetDeadlineMs(), Form: request.GetForm(), Attributes: request.GetAttributes(),
	}
	if p.RequestId != "" {
		p.RequestId = fmt.Sprintf("%s.%d", p.RequestId, first)
	}
	return p
}
