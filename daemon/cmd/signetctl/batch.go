package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// An item is one signature to be: what it is of, where it goes, and what has
// become of it.
type item struct {
	source
	in     *protocol.Input
	output string   // "-": standard output
	out    *outFile // nil for standard output

	signed  *protocol.Signed
	refused *protocol.Error // of a request that is granted in part
}

// A round is one run of sign on its connection.
type round struct {
	program   *program
	run       *signRun
	client    *client.Conn
	algorithm algo.Algorithm
	terms     terms
	items     []*item
	done      int
}

// signItems asks for as many at once as the daemon takes, and shows what has
// come also if the rest did not: those uses are recorded.
func (p *program) signItems(ctx context.Context, s *signRun, a algo.Algorithm, t terms, items []*item) error {
	dialling, cancel := p.within(ctx, signTimeout)
	defer cancel()
	c, err := p.dialSign(dialling)
	if err != nil {
		return err
	}
	defer c.Close()
	r := &round{program: p, run: s, client: c, algorithm: a, terms: t, items: items}
	stop := p.waiting()
	err = r.signAll(ctx)
	stop()
	return errors.Join(p.release(r), adviseApproval(s.approval, err))
}

// adviseApproval has a caller look at the approval that he named, where that
// may come to be granted.
func adviseApproval(id string, err error) error {
	if id != "" && errors.Is(err, protocol.ApprovalNeeded) {
		return &advised{err, hintApprovalShow, []any{id}}
	}
	return err
}

func (r *round) signAll(ctx context.Context) error {
	batches, err := r.batches()
	if err != nil {
		return err
	}
	if id := r.requestID(len(batches), len(batches)); len(id) > protocol.MaxRequestID {
		return usage(msgRequestIDLong, r.run.requestID, len(batches), protocol.MaxRequestID-len(".")-len(strconv.Itoa(len(batches))))
	}
	for n, batch := range batches {
		if err := r.sign(ctx, batch, r.requestID(n, len(batches))); err != nil {
			return err
		}
	}
	return r.refusals()
}

// refusals is the error of a run that was granted in part: a refusal for good
// before one that time mends.
func (r *round) refusals() error {
	var which *item
	for _, it := range r.items {
		if it.refused != nil && (which == nil || statusOf(which.refused) == exitLater && statusOf(it.refused) != exitLater) {
			which = it
		}
	}
	if which == nil {
		return nil
	}
	return r.fault(which, which.refused)
}

// batches cuts the items into requests that the daemon takes.
func (r *round) batches() ([][]*item, error) {
	bare := proto.Size(r.request(nil, r.requestID(len(r.items), len(r.items))))
	var all [][]*item
	size := 0
	for _, it := range r.items {
		// Tag and length of an input take at most four bytes.
		needs := proto.Size(it.in) + 4
		if bare+needs > r.terms.room {
			return nil, usage(msgTooLarge, it.name(), r.terms.room)
		}
		last := len(all) - 1
		if last < 0 || len(all[last]) == r.terms.batch || size+needs > r.terms.room {
			all, size = append(all, nil), bare
			last++
		}
		all[last] = append(all[last], it)
		size += needs
	}
	return all, nil
}

// requestID of batch n, from 0: the id itself if all fit one request. The
// same files with the same id are cut the same way, so that a repetition
// finds the recorded answers.
func (r *round) requestID(n, batches int) string {
	if r.run.requestID == "" || batches < 2 {
		return r.run.requestID
	}
	return fmt.Sprintf("%s.%d", r.run.requestID, n+1)
}

func (r *round) request(batch []*item, id string) *protocol.SignRequest {
	inputs := make([]*protocol.Input, len(batch))
	for i, it := range batch {
		inputs[i] = it.in
	}
	return &protocol.SignRequest{
		Entry: r.run.entry, Algorithm: protocol.Algorithm(r.algorithm), Form: protocol.SignForm_RAW,
		Inputs: inputs, Context: &r.run.document, Approval: r.run.approval, RequestId: id, Partial: r.run.partial, DeadlineMs: uint32(r.run.deadline.Milliseconds()),
	}
}

// sign asks for one batch. Where the HSM failed at an item, those before it
// are signed, recorded and written.
func (r *round) sign(ctx context.Context, batch []*item, id string) error {
	ctx, cancel := r.program.within(ctx, signTimeout)
	defer cancel()
	reply, err := r.client.Sign(ctx, r.request(batch, id))
	if err != nil {
		return r.requestFault(batch, err)
	}
	var first error
	var which *item
	for i, result := range reply.Results {
		if refused := result.GetError(); refused != nil && r.run.partial {
			batch[i].refused = refused
			continue
		}
		if err := r.take(ctx, batch[i], result); err != nil && first == nil {
			first, which = err, batch[i]
		}
	}
	return r.fault(which, first)
}

// take verifies one signature and puts it in its place.
func (r *round) take(ctx context.Context, it *item, result *protocol.Result) error {
	if refusal := result.GetError(); refusal != nil {
		return refusal
	}
	signed := result.GetSigned()
	if err := r.verify(ctx, it, signed); err != nil {
		return err
	}
	if it.out != nil {
		if err := it.out.commit(r.run.out.encode(signed.Signature)); err != nil {
			return err
		}
	}
	it.signed = signed
	r.done++
	return nil
}

// name is the document's path, or the flag of a value.
func (it *item) name() string {
	if it.isDocument() {
		return it.path
	}
	return "--" + flagOf[it.kind]
}
