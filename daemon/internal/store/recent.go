package store

import (
	"sync"

	"signet/daemon/internal/audit"
)

// recentRoots is how many commits back a root is known: an act names the log
// that its signer saw, which under load is seconds old.
const recentRoots = 1 << 14

// A recent keeps the roots after the last commits.
type recent struct {
	mu    sync.Mutex
	roots map[uint64]audit.Hash // size -> root
	sizes []uint64              // a ring of the keys of roots
	next  int
}

func (r *recent) add(at Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.roots == nil {
		r.roots = map[uint64]audit.Hash{}
	}
	if len(r.sizes) < recentRoots {
		r.sizes = append(r.sizes, at.Size)
	} else {
		delete(r.roots, r.sizes[r.next])
		r.sizes[r.next] = at.Size
		r.next = (r.next + 1) % recentRoots
	}
	r.roots[at.Size] = at.Root
}

func (r *recent) find(size uint64) (audit.Hash, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	root, ok := r.roots[size]
	return root, ok
}
