package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// How long and how many requests are remembered, whichever ends first, unless
// Options says otherwise.
const (
	RememberFor   = 24 * time.Hour
	RememberCount = 1_000_000
)

// A memory is how much a store remembers of requests.
type memory struct {
	age   time.Duration
	count int
}

func (o Options) memory() memory {
	return memory{age: cmp.Or(o.RememberFor, RememberFor), count: cmp.Or(o.RememberCount, RememberCount)}
}

// An Idem says which events answered a request: SM3(uid || request_id) and
// SM3 of its content, and for each input the event that allowed it.
type Idem struct {
	Key     audit.Hash
	Content audit.Hash
	Items   []IdemItem

	Recorded time.Time // set by the committer
}

// An IdemItem is one input of a remembered request.
type IdemItem struct {
	Allowed bool
	Event   uint64 // its event, if Allowed
	Index   int    // before the commit: index in Commit.Events plus one, 0 keeps Event
}

const idemHead = 2*audit.HashSize + 8

// resolve puts the events of the commit where its items name them by index.
func (r *Idem) resolve(events []*audit.Event) error {
	r.Recorded = events[0].Recorded.Time()
	for i := range r.Items {
		item := &r.Items[i]
		if item.Index == 0 {
			continue
		}
		if item.Index < 0 || item.Index > len(events) {
			return fmt.Errorf("idempotency record: item %d names event %d of %d", i, item.Index, len(events))
		}
		e := events[item.Index-1]
		*item = IdemItem{Allowed: e.Result == audit.Allowed, Event: e.Seq}
	}
	return nil
}

// write stores the record under the seq of the commit's first event.
func (r *Idem) write(tx *bolt.Tx, c *Commit) error {
	b := tx.Bucket(bucketIdem)
	b.FillPercent = fill
	if err := b.Put(be64(c.Events[0].Seq), r.encode()); err != nil {
		return fmt.Errorf("writing idempotency record: %w", err)
	}
	return nil
}

func (r *Idem) encode() []byte {
	out := make([]byte, 0, idemHead+8*len(r.Items))
	out = append(out, r.Key[:]...)
	out = append(out, r.Content[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(r.Recorded.Unix()))
	for _, item := range r.Items {
		n := uint64(0)
		if item.Allowed {
			n = item.Event + 1
		}
		out = binary.BigEndian.AppendUint64(out, n)
	}
	return out
}

func decodeIdem(data []byte) (*Idem, error) {
	if len(data) < idemHead || (len(data)-idemHead)%8 != 0 {
		return nil, fmt.Errorf("%w: idempotency record of %d bytes", ErrDamaged, len(data))
	}
	r := &Idem{Key: audit.Hash(data[:32]), Content: audit.Hash(data[32:64])}
	r.Recorded = time.Unix(int64(binary.BigEndian.Uint64(data[64:])), 0).UTC()
	for rest := data[idemHead:]; len(rest) > 0; rest = rest[8:] {
		n := binary.BigEndian.Uint64(rest)
		r.Items = append(r.Items, IdemItem{Allowed: n != 0, Event: max(n, 1) - 1})
	}
	return r, nil
}

// remember makes the record findable once it is durable.
func (s *Store) remember(c *Commit) {
	if c.Idem != nil {
		s.requests.add(c.Idem.Key, c.Events[0].Seq)
	}
}

// Remembered returns the newest record of a request, nil if there is none.
func (s *Store) Remembered(key audit.Hash) (newest *Idem, err error) {
	seqs := s.requests.find(key)
	if len(seqs) == 0 {
		return nil, nil
	}
	slices.Sort(seqs)
	err = s.view(func(tx *bolt.Tx) error {
		for _, seq := range slices.Backward(seqs) {
			data := tx.Bucket(bucketIdem).Get(be64(seq))
			if data == nil {
				continue // dropped between the look at the table and now
			}
			record, err := decodeIdem(data)
			if err != nil {
				return err
			}
			if record.Key == key {
				newest = record
				return nil
			}
		}
		return nil
	})
	return newest, err
}

// forgetOld drops a few of the oldest records that are past their time or
// count. Keys are in order of time, so this reads and deletes at one end.
func (s *Store) forgetOld(tx *bolt.Tx, now time.Time) error {
	const atOnce = 2048 // more than a group can add
	b := tx.Bucket(bucketIdem)
	c := b.Cursor()
	excess := s.requests.len() - s.memory.count
	var drop [][]byte
	var dropped []audit.Hash
	for key, data := c.First(); key != nil && len(drop) < atOnce; key, data = c.Next() {
		r, err := decodeIdem(data)
		if err != nil {
			return err
		}
		if len(drop) >= excess && now.Sub(r.Recorded) <= s.memory.age {
			break
		}
		drop = append(drop, append([]byte(nil), key...))
		dropped = append(dropped, r.Key)
	}
	for i, key := range drop {
		if err := b.Delete(key); err != nil {
			return fmt.Errorf("dropping idempotency record: %w", err)
		}
		s.requests.remove(dropped[i], binary.BigEndian.Uint64(key))
	}
	return nil
}

func (s *Store) loadIdem(tx *bolt.Tx) error {
	b := tx.Bucket(bucketIdem)
	base := s.head.tree.Size()
	if first, _ := b.Cursor().First(); first != nil {
		base = binary.BigEndian.Uint64(first)
	}
	s.requests = newRequests(base)
	return b.ForEach(func(key, data []byte) error {
		r, err := decodeIdem(data)
		if err != nil {
			return err
		}
		s.requests.add(r.Key, binary.BigEndian.Uint64(key))
		return nil
	})
}
