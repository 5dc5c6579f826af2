package store

import (
	"bytes"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/backup"
)

// How much one transaction of a builder carries: memory is bounded by it at
// any size of the store.
const (
	builderRecords = 1000
	builderBytes   = 16 << 20
)

// A builder makes a store from records in their order.
type builder struct {
	db      *bolt.DB
	tx      *bolt.Tx
	records int // in tx
	bytes   int

	at  int    // index in restored of the last record's bucket
	key []byte // of the last record, nil before the bucket's first

	head      *head
	ledger    *ledger // of tx
	appliance string
	genesis   []byte            // the content of the init act, once its blob is found
	named     map[string]uint64 // entries that applied acts name -> the last of these events
}

// restored says of each bucket, in the order of a backup, what its records
// are held to.
var restored = []struct {
	name  []byte
	check func(b *builder, key, value []byte) error
}{
	{bucketNonce, (*builder).nonce},
	{bucketBlob, (*builder).blob},
	{bucketEvent, (*builder).event},
	{bucketPrivate, (*builder).private},
	{bucketIdem, (*builder).idem},
	{bucketHist, (*builder).hist},
	{bucketPolicy, (*builder).policy},
	{bucketOfficer, (*builder).officer},
}

func newBuilder(path string) (*builder, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: openTimeout, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("creating store: %w", err)
	}
	b := &builder{db: db, head: &head{tree: audit.NewTree(), moved: map[string]uint64{}, revs: map[string]uint64{}}, named: map[string]uint64{}}
	if err := b.begin(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for _, name := range buckets {
		if _, err := b.tx.CreateBucket(name); err != nil {
			return nil, errors.Join(fmt.Errorf("creating bucket %s: %w", name, err), b.close())
		}
	}
	return b, nil
}

func (b *builder) begin() (err error) {
	b.records, b.bytes = 0, 0
	if b.tx, err = b.db.Begin(true); err != nil {
		return fmt.Errorf("beginning transaction: %w", err)
	}
	b.ledger = newLedger(b.tx)
	return nil
}

func (b *builder) commit() error {
	if err := b.ledger.save(); err != nil {
		return err
	}
	tx := b.tx
	b.tx = nil
	if err := tx.Commit(); err != nil {
		if isFull(err) {
			err = fmt.Errorf("%w: %w", ErrFull, err)
		}
		return fmt.Errorf("writing store: %w", err)
	}
	return nil
}

// turn begins another transaction when the running one has enough.
func (b *builder) turn(size int) error {
	b.records++
	b.bytes += size
	if b.records < builderRecords && b.bytes < builderBytes {
		return nil
	}
	if err := b.commit(); err != nil {
		return err
	}
	return b.begin()
}

// close gives the file up; what is not committed is not in it.
func (b *builder) close() (err error) {
	if b.tx != nil {
		err = b.tx.Rollback()
	}
	return errors.Join(err, b.db.Close())
}

// put checks one record and writes it.
func (b *builder) put(r backup.Record) error {
	if err := b.order(r); err != nil {
		return err
	}
	if err := restored[b.at].check(b, r.Key, r.Value); err != nil {
		return err
	}
	bucket := b.tx.Bucket(restored[b.at].name)
	bucket.FillPercent = fill
	return bucket.Put(r.Key, r.Value)
}

// order holds the records to one order: none comes twice, and what a check
// looks up is there.
func (b *builder) order(r backup.Record) error {
	for i := b.at; i < len(restored); i++ {
		if string(restored[i].name) != r.Bucket {
			continue
		}
		if i > b.at {
			b.at, b.key = i, nil
		}
		if b.key != nil && bytes.Compare(b.key, r.Key) >= 0 {
			return fmt.Errorf("it comes after key %.64x", b.key)
		}
		b.key = r.Key
		return nil
	}
	for _, before := range restored[:b.at] {
		if string(before.name) == r.Bucket {
			return fmt.Errorf("the bucket comes after bucket %s", restored[b.at].name)
		}
	}
	return errors.New("a backup has no such bucket")
}
