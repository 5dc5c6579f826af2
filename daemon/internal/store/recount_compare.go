package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/register"
)

// compare holds a bucket of the store to the recount's, page by page. A page
// belongs to the size that its transaction says the log had: the recount goes
// on to just there before it is compared.
func (r *recount) compare(ctx context.Context, bucket []byte) error {
	for from := []byte{}; from != nil; {
		p, err := r.look(bucket, from)
		if err != nil {
			return err
		}
		if err := r.followTo(ctx, p.size); err != nil {
			return err
		}
		if err := r.hold(bucket, from, p); err != nil {
			return err
		}
		if err := r.rest(ctx, 0); err != nil {
			return err
		}
		from = p.next
	}
	return nil
}

// A ledgerPage is some rows of a bucket, in the order of their keys.
type ledgerPage struct {
	size uint64 // of the log that these rows follow from
	rows []ledgerRow
	next []byte // the key behind them, nil if there is none
}

type ledgerRow struct{ key, value []byte }

// look reads a page in one transaction of the store, which only copies.
func (r *recount) look(bucket, from []byte) (p ledgerPage, err error) {
	began, looked := time.Now(), 0
	err = r.store.view(func(tx *bolt.Tx) (err error) {
		if p.size, err = readUint64(tx.Bucket(bucketState), keySize); err != nil {
			return err
		}
		c := tx.Bucket(bucket).Cursor()
		for key, value := c.Seek(from); key != nil; key, value = c.Next() {
			if len(p.rows) == maxPage || looked >= pageBytes || len(p.rows) > 0 && time.Since(began) > pageTime {
				p.next = bytes.Clone(key)
				return nil
			}
			p.rows = append(p.rows, ledgerRow{bytes.Clone(key), append([]byte{}, value...)})
			looked += len(key) + len(value)
		}
		return nil
	})
	return p, err
}

// hold notes what differs between a page and the same keys of the recount.
func (r *recount) hold(bucket, from []byte, p ledgerPage) error {
	miscount := miscountOfUses
	if bytes.Equal(bucket, bucketAppr) {
		miscount = miscountOfApproval
	}
	return r.db.View(func(tx *bolt.Tx) error {
		return merge(tx.Bucket(bucket).Cursor(), from, p, func(key, has, want []byte) error {
			m, why := miscount(key, has, want)
			return r.note(m, why)
		})
	})
}

// merge calls differ for each key of a page that does not have the cursor's
// value. A value that one of the two lacks is nil.
func merge(c *bolt.Cursor, from []byte, p ledgerPage, differ func(key, has, want []byte) error) error {
	inPage := func(key, value []byte) ([]byte, []byte) {
		if p.next != nil && bytes.Compare(key, p.next) >= 0 {
			return nil, nil
		}
		return key, value
	}
	rows := p.rows
	for key, want := inPage(c.Seek(from)); key != nil || len(rows) > 0; {
		var err error
		order := firstOf(rows, key)
		switch {
		case order < 0:
			err = differ(rows[0].key, rows[0].value, nil)
		case order > 0:
			err = differ(key, nil, want)
		case !bytes.Equal(rows[0].value, want):
			err = differ(key, rows[0].value, want)
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			rows = rows[1:]
		}
		if order >= 0 {
			key, want = inPage(c.Next())
		}
	}
	return nil
}

// firstOf is negative if the first row comes before a key, positive if the key
// does. One that is not there comes last.
func firstOf(rows []ledgerRow, key []byte) int {
	switch {
	case len(rows) == 0:
		return 1
	case key == nil:
		return -1
	}
	return bytes.Compare(rows[0].key, key)
}

// miscountOfUses says what differs in a row of bucket usage.
func miscountOfUses(key, has, want []byte) (Miscount, string) {
	entry, rest, _ := bytes.Cut(key, []byte{0})
	m := Miscount{Entry: printable(string(entry))}
	if len(rest) != 4 && len(rest) != 8 {
		return m, fmt.Sprintf("the store has uses under key %x, which no use has", key)
	}
	uid := binary.BigEndian.Uint32(rest)
	if len(rest) == 4 {
		return m, tallyDiffers(uid, has, want)
	}
	return m, quarterDiffers(uid, binary.BigEndian.Uint32(rest[4:]), has, want)
}

func tallyDiffers(uid uint32, has, want []byte) string {
	stored, err := tallyOf(has)
	logged, logErr := tallyOf(want)
	switch {
	case err != nil || logErr != nil:
		return fmt.Sprintf("what the store counts by uid %d cannot be read", uid)
	case stored.total == logged.total:
		return fmt.Sprintf("of the newest uses by uid %d the store has other times than the log", uid)
	}
	return fmt.Sprintf("the store counts %d uses by uid %d, the log has %d", stored.total, uid, logged.total)
}

// tallyOf decodes a row; of none there were no uses.
func tallyOf(row []byte) (*tally, error) {
	if row == nil {
		return new(tally), nil
	}
	return decodeTally(row)
}

func quarterDiffers(uid, quarter uint32, has, want []byte) string {
	at := time.Unix(int64(quarter)*quarterSeconds, 0).UTC().Format(time.RFC3339)
	stored, err := usesOf(has)
	logged, logErr := usesOf(want)
	if err != nil || logErr != nil {
		return fmt.Sprintf("what the store counts by uid %d in the quarter of an hour from %s on cannot be read", uid, at)
	}
	return fmt.Sprintf("the store counts %d uses by uid %d in the quarter of an hour from %s on, the log has %d", stored, uid, at, logged)
}

func usesOf(row []byte) (uint32, error) {
	if row == nil {
		return 0, nil
	}
	return decodeUses(row)
}

// miscountOfApproval says what differs under a key of bucket appr.
func miscountOfApproval(key, has, want []byte) (Miscount, string) {
	switch {
	case len(key) == 16:
		return Miscount{Approval: hex.EncodeToString(key[8:])}, recordDiffers(has, want)
	case len(key) == 9 && key[0] == approvalIDs:
		return Miscount{Approval: hex.EncodeToString(key[1:])}, fmt.Sprintf("in the store its id leads to key %x, in the log to %x", has, want)
	}
	return Miscount{Approval: fmt.Sprintf("%.32x", key)}, "the store has it under a key that no approval has"
}

func recordDiffers(has, want []byte) string {
	if has == nil {
		return "the store has no record of it, the log makes one"
	}
	stored, err := register.ParseApproval(has)
	if err != nil {
		return fmt.Sprintf("its record in the store cannot be read: %v", err)
	}
	if want == nil {
		return "the store has a record of it, the log makes none"
	}
	logged, err := register.ParseApproval(want)
	switch {
	case err != nil:
		return fmt.Sprintf("what the log makes of it cannot be read: %v", err)
	case stored.Used != logged.Used:
		return fmt.Sprintf("the store counts %d of its uses, the log has %d", stored.Used, logged.Used)
	case stored.State != logged.State:
		return fmt.Sprintf("the store has it as %s, the log makes it %s", stored.State, logged.State)
	}
	return "the store has another record of it than the log makes"
}

// printable is an id as it is, and of anything else the beginning, quoted.
func printable(id string) string {
	if quoted := strconv.Quote(id); id == "" || len(id) > maxPrintable || quoted != `"`+id+`"` {
		return fmt.Sprintf("%.*q", maxPrintable, id)
	}
	return id
}

// maxPrintable is more than an id of an entry has.
const maxPrintable = 128
