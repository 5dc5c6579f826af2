package store

import (
	"encoding/binary"
	"sync"

	"signet/daemon/internal/audit"
)

// A requests table finds the records of a request: it keeps 8 bytes for each,
// so that a million take 16 MiB. What it says may be of another request, which
// the record itself tells.
//
// It is an open-addressing table with linear probing. A cell is 26 bits of the
// key's hash, of which the upper ones give the cell's home, and 38 bits of the
// record's seq, counted from base; 0 is an empty cell.
type requests struct {
	mu    sync.RWMutex
	base  uint64 // seq that counts as 1
	cells []uint64
	bits  int // len(cells) is 1 << bits
	count int
}

const (
	hashBits = 26
	seqBits  = 64 - hashBits
	seqMask  = 1<<seqBits - 1

	fewestBits = 10
)

func newRequests(base uint64) *requests {
	return &requests{base: base, cells: make([]uint64, 1<<fewestBits), bits: fewestBits}
}

// partOf is the part of a key that cells keep. Keys are hashes themselves.
func partOf(key audit.Hash) uint64 { return binary.BigEndian.Uint64(key[:]) >> (64 - hashBits) }

func (r *requests) home(hash uint64) int { return int(hash >> (hashBits - r.bits)) }

func (r *requests) next(i int) int { return (i + 1) & (len(r.cells) - 1) }

// add notes that a request has a record of that seq.
func (r *requests) add(key audit.Hash, seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count >= len(r.cells)/8*5 && r.bits < hashBits {
		r.grow()
	}
	r.put(partOf(key)<<seqBits | (seq-r.base+1)&seqMask)
	r.count++
}

func (r *requests) put(cell uint64) {
	i := r.home(cell >> seqBits)
	for r.cells[i] != 0 {
		i = r.next(i)
	}
	r.cells[i] = cell
}

func (r *requests) grow() {
	old := r.cells
	r.bits++
	r.cells = make([]uint64, 1<<r.bits)
	for _, cell := range old {
		if cell != 0 {
			r.put(cell)
		}
	}
}

// find returns the seqs of records that may be of the request.
func (r *requests) find(key audit.Hash) (seqs []uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	hash := partOf(key)
	for i := r.home(hash); r.cells[i] != 0; i = r.next(i) {
		if r.cells[i]>>seqBits == hash {
			seqs = append(seqs, r.cells[i]&seqMask+r.base-1)
		}
	}
	return seqs
}

// remove forgets one record, if it is known.
func (r *requests) remove(key audit.Hash, seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cell := partOf(key)<<seqBits | (seq-r.base+1)&seqMask
	for i := r.home(partOf(key)); r.cells[i] != 0; i = r.next(i) {
		if r.cells[i] == cell {
			r.empty(i)
			r.count--
			return
		}
	}
}

// empty clears cell i and closes the gap: a search ends at an empty cell, so
// each cell behind it that is not at home by then moves up.
func (r *requests) empty(i int) {
	for j := r.next(i); r.cells[j] != 0; j = r.next(j) {
		home := r.home(r.cells[j] >> seqBits)
		if (j-home)&(len(r.cells)-1) >= (j-i)&(len(r.cells)-1) {
			r.cells[i], i = r.cells[j], j
		}
	}
	r.cells[i] = 0
}

func (r *requests) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.count
}
