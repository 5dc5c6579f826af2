package main

import (
	"context"
	"fmt"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// terms are what the daemon tells a caller before he asks for a signature.
// The public key is zero if the entry is not listed for this account.
type terms struct {
	public     algo.PublicKey
	algorithms []algo.Algorithm
	batch      int // items that one request may have
	room       int // bytes of a request's payload
}

// askTerms asks on a connection of its own: to hash what is large takes
// longer than the daemon keeps an idle one.
func (p *program) askTerms(ctx context.Context, entry string, items int) (terms, error) {
	ctx, cancel := p.within(ctx, readTimeout)
	defer cancel()
	defer p.waiting()()
	c, err := p.dialSign(ctx)
	if err != nil {
		return terms{}, err
	}
	defer c.Close()
	return termsOf(ctx, c, entry, items)
}

func termsOf(ctx context.Context, c *client.Conn, entry string, items int) (terms, error) {
	t := terms{batch: protocol.MaxBatch, room: protocol.MaxRequest}
	list, err := c.ListEntries(ctx)
	if err != nil {
		return terms{}, err
	}
	if items > 1 { // for one the limits of this daemon do not matter
		health, err := c.Health(ctx)
		if err != nil {
			return terms{}, err
		}
		t.batch, t.room = atMost(health.GetBatchMax(), t.batch), atMost(health.GetFrameMax(), t.room)
	}
	for _, e := range list.Entries {
		if e.Id == entry {
			return t.of(e)
		}
	}
	return t, nil
}

// atMost is the daemon's limit where it tells one below the protocol's.
func atMost(told uint32, limit int) int {
	if told == 0 || int64(told) > int64(limit) {
		return limit
	}
	return int(told)
}

func (t terms) of(e *protocol.EntryInfo) (terms, error) {
	public, err := algo.ParsePublicKey(e.PublicKey)
	if err != nil {
		return terms{}, fmt.Errorf("reading the public key of %s: %w", e.Id, err)
	}
	t.public = public
	for _, a := range e.Algorithms {
		t.algorithms = append(t.algorithms, algo.Algorithm(a))
	}
	return t, nil
}
