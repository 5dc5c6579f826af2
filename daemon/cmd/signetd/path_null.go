//go:build bench_null

package main

import (
	"context"
	"sync"

	"signet/hsm"
	"signet/protocol/algo"
)

// This build has every signature ready but the first over each value: what is
// left of a request is transport, decision, verification and the record. The
// bench compares the whole path with it.
type ready struct {
	hsm.Driver
	mu   sync.Mutex
	made map[string]hsm.Signed // by key, algorithm and value
}

func measured(d hsm.Driver) hsm.Driver { return &ready{Driver: d, made: map[string]hsm.Signed{}} }

func (r *ready) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	all := make([]hsm.Signed, len(tbs))
	for i, value := range tbs {
		all[i] = r.sign(ctx, key, a, value)
	}
	return all
}

func (r *ready) sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, value []byte) hsm.Signed {
	name := string(key.ID) + "\x00" + a.String() + "\x00" + string(value)
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, ok := r.made[name]; ok {
		return was
	}
	signed := r.Driver.Sign(ctx, key, a, [][]byte{value})[0]
	if signed.Err == nil {
		r.made[name] = signed
	}
	return signed
}
