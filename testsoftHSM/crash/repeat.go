package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"signet/protocol"
)

// How many requests of this round, and of all before it, are asked again.
const (
	repeatFresh = 12
	repeatOld   = 4
)

// repeat asks again what was answered before the kill. The answers must be the
// same signatures, and the log must not grow by it.
func (c *rounds) repeat(ctx context.Context, fresh []note) error {
	again := append(c.choose(fresh, repeatFresh), c.choose(c.notes, repeatOld)...)
	for _, caller := range c.callers {
		if err := caller.connect(ctx, c.Socket("sign")); err != nil {
			return err
		}
	}
	before, err := c.size(ctx)
	if err != nil {
		return err
	}
	for _, n := range again {
		reply, err := c.callers[n.caller].client.Sign(ctx, n.request)
		if err != nil {
			c.wrong("repeating request %s of event %d: %v", n.request.RequestId, n.event, err)
			continue
		}
		c.holdRepeated(n, reply.Results[n.index].GetSigned())
	}
	after, err := c.size(ctx)
	if err != nil {
		return err
	}
	if after != before {
		c.wrong("%d repeated requests made %d events", len(again), after-before)
	}
	return nil
}

func (c *rounds) size(ctx context.Context) (uint64, error) {
	health, err := c.callers[0].client.Health(ctx)
	if err != nil {
		return 0, err
	}
	return health.Events, nil
}

// choose picks up to n notes of requests with a request_id.
func (c *rounds) choose(from []note, n int) (chosen []note) {
	for range 4 * n {
		if len(from) == 0 || len(chosen) == n {
			break
		}
		if one := from[c.random.IntN(len(from))]; one.requestID() != "" {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

func (c *rounds) holdRepeated(n note, s *protocol.Signed) {
	c.repeated++
	switch {
	case s == nil:
		c.wrong("repeating request %s: item %d has no signature", n.request.RequestId, n.index)
	case !s.Repeated:
		c.wrong("repeating request %s: item %d was signed anew", n.request.RequestId, n.index)
	case string(s.Signature) != string(n.signature):
		c.wrong("repeating request %s: item %d has another signature", n.request.RequestId, n.index)
	case s.Receipt.GetEvent() != n.event || [32]byte(s.Receipt.GetLeafHash()) != n.leaf:
		c.wrong("repeating request %s: the receipt is for event %d, was %d", n.request.RequestId, s.Receipt.GetEvent(), n.event)
	}
}

// resume asks again what the kill left without an answer. Whether it was
// recorded or not, the answer of now must be in the log, once.
func (c *rounds) resume(ctx context.Context) error {
	var resumed []note
	for _, caller := range c.callers {
		request := caller.unanswered
		if request == nil {
			continue
		}
		caller.unanswered = nil
		reply, err := caller.client.Sign(ctx, request)
		if err != nil {
			return fmt.Errorf("asking again for request %s: %w", request.RequestId, err)
		}
		if err := caller.note(request, reply); err != nil {
			return err
		}
		resumed = append(resumed, caller.take()...)
	}
	c.acked += len(resumed)
	c.notes = append(c.notes, resumed...)
	if err := c.compare(ctx, resumed); err != nil {
		return err
	}
	for _, n := range resumed {
		if count := c.log.requests[request{n.requestID(), n.value}]; count != 1 {
			c.wrong("request %s stands in the log %d times for the value %s", n.requestID(), count, n.value)
		}
	}
	return nil
}

// A request is one input of a request_id as the log has it.
type request struct{ id, value string }

func hexOf(b []byte) string { return hex.EncodeToString(b) }
