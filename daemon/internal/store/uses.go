package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// A user is a caller of an entry.
type user struct {
	entry string
	uid   uint32
}

func userOf(e *audit.Event) user { return user{e.Entry, *e.UID} }

// usageKey is the key of a caller's tally, and with a quarter behind it that of
// a row.
func usageKey(of user) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(of.entry)+9), of.entry+"\x00"...), of.uid)
}

func quarterKey(of user, quarter uint32) []byte {
	return binary.BigEndian.AppendUint32(usageKey(of), quarter)
}

// tally is what the transaction has counted for a caller. Events of one caller
// cost one read, and one write when it is saved.
func (l *ledger) tally(of user) (*tally, error) {
	if t := l.tallies[of]; t != nil {
		return t, nil
	}
	if of.entry == "" || strings.Contains(of.entry, "\x00") { // the keys of another's would be its own
		return nil, fmt.Errorf("counting uses of entry %q: want an id", of.entry)
	}
	t := new(tally)
	if data := l.tx.Bucket(bucketUsage).Get(usageKey(of)); data != nil {
		var err error
		if t, err = decodeTally(data); err != nil {
			return nil, fmt.Errorf("uses of entry %s by uid %d: %w", of.entry, of.uid, err)
		}
	}
	l.tallies[of] = t
	return t, nil
}

// count enters one use.
func (l *ledger) count(e *audit.Event) error {
	of := userOf(e)
	t, err := l.tally(of)
	if err != nil {
		return err
	}
	over, ok := t.add(e.Decided.Time())
	if !ok {
		return nil
	}
	if err := l.addRow(of, over); err != nil {
		return err
	}
	return l.dropRows(of, t.oldest())
}

func (l *ledger) addRow(of user, over slot) error {
	b, key := l.tx.Bucket(bucketUsage), quarterKey(of, over.at)
	if row := b.Get(key); row != nil {
		before, err := decodeUses(row)
		if err != nil {
			return err
		}
		over.more(slot{over.at, before})
	}
	if err := b.Put(key, binary.BigEndian.AppendUint32(nil, over.uses)); err != nil {
		return fmt.Errorf("writing uses of a quarter of an hour: %w", err)
	}
	return nil
}

// dropRows drops a few of the rows before the oldest that is kept. A row is
// written each time, so they do not pile up.
func (l *ledger) dropRows(of user, oldest uint32) error {
	const atOnce = 4
	b := l.tx.Bucket(bucketUsage)
	c, end := b.Cursor(), quarterKey(of, oldest)
	var old [][]byte
	for key, _ := c.Seek(quarterKey(of, 0)); key != nil && bytes.Compare(key, end) < 0 && len(old) < atOnce; key, _ = c.Next() {
		old = append(old, slices.Clone(key))
	}
	for _, key := range old {
		if err := b.Delete(key); err != nil {
			return fmt.Errorf("dropping uses of a quarter of an hour: %w", err)
		}
	}
	return nil
}

// save writes the tallies. One without uses is of a commit that failed.
func (l *ledger) save() error {
	b := l.tx.Bucket(bucketUsage)
	for of, t := range l.tallies {
		if t.total == 0 {
			continue
		}
		if err := b.Put(usageKey(of), t.encode()); err != nil {
			return fmt.Errorf("writing uses: %w", err)
		}
	}
	return nil
}

// Uses is how often one caller used an entry: allowed signatures in the log, by
// the time of their decision.
type Uses struct {
	UID      uint32
	Total    uint64
	Minutes  map[int64]uint32 // by Unix time / 60; the newest two that had a use
	Quarters map[int64]uint32 // by Unix time / 900; those of the 32 days up to the newest
}

// Uses returns the uses of an entry by each of its callers, in the order of
// their uids. It reads caller by caller: uses of the entry that are recorded
// meanwhile may be in it or not.
func (s *Store) Uses(entry string) (all []Uses, err error) {
	next, prefix := []byte(entry+"\x00"), []byte(entry+"\x00")
	for next != nil {
		err := s.view(func(tx *bolt.Tx) error {
			key, data := tx.Bucket(bucketUsage).Cursor().Seek(next)
			if next = nil; key == nil || !bytes.HasPrefix(key, prefix) {
				return nil
			}
			if len(key) != len(prefix)+4 {
				return fmt.Errorf("%w: uses of entry %q without a sum", ErrDamaged, entry)
			}
			of := user{entry, binary.BigEndian.Uint32(key[len(prefix):])}
			u, err := readUses(tx, of, data)
			all = append(all, u)
			if of.uid++; of.uid != 0 {
				next = usageKey(of)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading uses of entry %s: %w", entry, err)
		}
	}
	return all, nil
}

// readUses reads one caller's rows: some 3,000 at most.
func readUses(tx *bolt.Tx, of user, data []byte) (Uses, error) {
	t, err := decodeTally(data)
	if err != nil {
		return Uses{}, err
	}
	u := Uses{UID: of.uid, Total: t.total, Minutes: map[int64]uint32{}, Quarters: map[int64]uint32{}}
	for _, m := range t.minutes {
		if m.uses > 0 {
			u.Minutes[int64(m.at)] = m.uses
		}
	}
	own, c := usageKey(of), tx.Bucket(bucketUsage).Cursor()
	for key, row := c.Seek(quarterKey(of, t.oldest())); bytes.HasPrefix(key, own) && len(key) == len(own)+4; key, row = c.Next() {
		n, err := decodeUses(row)
		if err != nil {
			return Uses{}, err
		}
		u.Quarters[int64(binary.BigEndian.Uint32(key[len(own):]))] = n
	}
	if t.quarter.uses > 0 {
		u.Quarters[int64(t.quarter.at)] = t.quarter.uses
	}
	return u, nil
}
