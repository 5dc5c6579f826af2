package store

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"signet/daemon/internal/audit"
)

// Few homes, so that clusters wrap around the end and keys share hashes.
func crowdedKey(r *rand.Rand) audit.Hash {
	var key audit.Hash
	binary.BigEndian.PutUint64(key[:], uint64(r.IntN(200)+(1<<hashBits-100))<<(64-hashBits))
	key[31] = byte(r.IntN(3))
	return key
}

// The table has to hold exactly what a plain map holds, however keys collide
// and in whatever order records come and go.
func TestRequestsHoldWhatAMapHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const base = 1 << 40
	table, plain := newRequests(base), map[uint64]audit.Hash{}
	var seqs []uint64
	for step := range 20_000 {
		if len(seqs) > 400 || (len(seqs) > 0 && random.IntN(3) == 0) {
			i := random.IntN(len(seqs))
			table.remove(plain[seqs[i]], seqs[i])
			delete(plain, seqs[i])
			seqs = slices.Delete(seqs, i, i+1)
		} else {
			key, seq := crowdedKey(random), base+uint64(step)
			table.add(key, seq)
			plain[seq], seqs = key, append(seqs, seq)
		}
		if table.len() != len(plain) {
			t.Fatalf("step %d: %d records, want %d", step, table.len(), len(plain))
		}
		if step%50 == 0 {
			for seq, key := range plain {
				if !slices.Contains(table.find(key), seq) {
					t.Fatalf("step %d: record %d is not found", step, seq)
				}
			}
		}
	}
}

func TestRequestsFindFewOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	table := newRequests(0)
	key := func() (k audit.Hash) {
		for i := 0; i < len(k); i += 8 {
			binary.BigEndian.PutUint64(k[i:], random.Uint64())
		}
		return k
	}
	const n = 100_000
	for seq := range uint64(n) {
		table.add(key(), seq)
	}
	others := 0
	for range n {
		others += len(table.find(key()))
	}
	if others > n/100 {
		t.Errorf("%d searches for what is not there found %d records to look at, want less than one in a hundred", n, others)
	}
	if len(table.cells) != 1<<18 {
		t.Errorf("%d cells for %d records", len(table.cells), n)
	}
}

func TestRequestsRemoveOnlyWhatTheyAreTold(t *testing.T) {
	table := newRequests(7)
	var key audit.Hash
	table.add(key, 7)
	table.add(key, 9)
	table.remove(key, 8)
	table.remove(key, 7)
	if got := table.find(key); !slices.Equal(got, []uint64{9}) || table.len() != 1 {
		t.Errorf("find = %v, %d records, want 9 alone", got, table.len())
	}
}
