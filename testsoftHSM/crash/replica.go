package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/emmansun/gmsm/sm3"
	"github.com/transparency-dev/merkle/compact"
)

// A replica is the log as it was read from audit.sock, with a tree of its own
// over the lines: an auditor's view, which shares no code with the daemon's
// but the hash function.
type replica struct {
	tree        *compact.Range
	events      []event
	recorded    string // of the last event
	bySignature map[string]uint64
	requests    map[request]int // allowed uses of one request_id and value
}

// An event is what of a line is compared.
type event struct {
	leaf      [32]byte
	value     string
	requestID string
}

func newReplica() *replica {
	factory := &compact.RangeFactory{Hash: func(left, right []byte) []byte { return hash(1, left, right) }}
	return &replica{tree: factory.NewEmptyRange(0), bySignature: map[string]uint64{}, requests: map[request]int{}}
}

// hash is that of RFC 6962 section 2.1 with SM3: prefix 0 for a leaf, 1 for a
// node.
func hash(prefix byte, parts ...[]byte) []byte {
	h := sm3.New()
	h.Write([]byte{prefix})
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// follow reads what the log has beyond the replica, until the two have one
// size, and then holds the roots against each other: that the daemon's root
// fits proves the lines of earlier rounds, too. It returns the size.
func (r *replica) follow(ctx context.Context, auditor auditor) (uint64, error) {
	for {
		page, err := auditor.events(ctx, r.tree.End())
		if err != nil {
			return 0, fmt.Errorf("reading the log: %w", err)
		}
		for _, line := range page.Lines {
			if err := r.add([]byte(line)); err != nil {
				return 0, err
			}
		}
		if r.tree.End() < page.Size {
			if len(page.Lines) == 0 {
				return 0, fmt.Errorf("the log ends at event %d and says that it has %d", r.tree.End(), page.Size)
			}
			continue
		}
		root, err := r.tree.GetRootHash(nil)
		if err != nil {
			return 0, err
		}
		if r.tree.End() != page.Size || hexOf(root) != page.Root {
			return 0, fmt.Errorf("%d events hash to %x; the daemon says %d events and %s", r.tree.End(), root, page.Size, page.Root)
		}
		return page.Size, nil
	}
}

func (r *replica) add(line []byte) error {
	var e struct {
		Seq       uint64 `json:"seq"`
		Recorded  string `json:"recorded"`
		RequestID string `json:"request_id"`
		Value     string `json:"value"`
		Result    string `json:"result"`
		Sig       string `json:"sig"`
	}
	seq := r.tree.End()
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("event %d: %w", seq, err)
	}
	if e.Seq != seq || e.Recorded < r.recorded {
		return fmt.Errorf("event %d is numbered %d, recorded %s after %s", seq, e.Seq, e.Recorded, r.recorded)
	}
	leaf := hash(0, line)
	if err := r.tree.Append(leaf, nil); err != nil {
		return err
	}
	r.recorded = e.Recorded
	r.events = append(r.events, event{[32]byte(leaf), e.Value, e.RequestID})
	if e.Sig == "" {
		return nil
	}
	sig, err := base64.StdEncoding.DecodeString(e.Sig)
	if err != nil {
		return fmt.Errorf("event %d: sig: %w", seq, err)
	}
	if other, ok := r.bySignature[string(sig)]; ok {
		return fmt.Errorf("events %d and %d have one signature", other, seq)
	}
	r.bySignature[string(sig)] = seq
	if e.RequestID != "" && e.Result == "allowed" {
		r.requests[request{e.RequestID, e.Value}]++
	}
	return nil
}
