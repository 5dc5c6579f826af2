package store

import (
	"math"
	"slices"
	"sync"

	"signet/daemon/internal/audit"
)

// recentRoots is how many commits back a root is known: an act names the log
// that its signer saw, which under load is seconds old.
const recentRoots = 1 << 14

// A recent keeps the roots after the last commits, in two rings: sizes only
// grow, so a size is searched for and needs no map.
type recent struct {
	mu    sync.Mutex
	sizes []uint64
	roots []audit.Hash
	next  int // where the oldest is
}

func (r *recent) add(at Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sizes == nil {
		r.sizes, r.roots = make([]uint64, recentRoots), make([]audit.Hash, recentRoots)
		for i := range r.roots { // written once, so that memory does not grow with the first commits
			r.roots[i][0] = math.MaxUint8
		}
	}
	r.sizes[r.next], r.roots[r.next] = at.Size, at.Root
	r.next = (r.next + 1) % recentRoots
}

func (r *recent) find(size uint64) (audit.Hash, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, half := range []struct{ from, to int }{{r.next, len(r.sizes)}, {0, r.next}} {
		if i, ok := slices.BinarySearch(r.sizes[half.from:half.to], size); ok && size != 0 {
			return r.roots[half.from+i], true
		}
	}
	return audit.Hash{}, false
}
