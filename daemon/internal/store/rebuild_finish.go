package store

import (
	"fmt"
	"maps"
	"slices"
)

// finish writes what follows from the records, into the running transaction.
func (b *builder) finish() (Position, error) {
	if b.head.tree.Size() == 0 {
		return Position{}, fmt.Errorf("%w: there is no event", ErrDamaged)
	}
	if err := b.checkNamed(); err != nil {
		return Position{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for _, kv := range [][2][]byte{
		{keySchema, be64(Schema)},
		{keyAppliance, []byte(b.appliance)},
		{keyGenesis, b.genesis},
	} {
		if err := b.tx.Bucket(bucketMeta).Put(kv[0], kv[1]); err != nil {
			return Position{}, fmt.Errorf("writing %s: %w", kv[0], err)
		}
	}
	root, err := b.head.tree.Root()
	if err != nil {
		return Position{}, err
	}
	return Position{Size: b.head.tree.Size(), Root: root, Recorded: b.head.recorded}, b.head.save(b.tx)
}

// checkNamed refuses a register that lacks an entry which an applied act is
// about.
func (b *builder) checkNamed() error {
	for _, id := range slices.Sorted(maps.Keys(b.named)) {
		if b.tx.Bucket(bucketEntry).Get([]byte(id)) == nil {
			return fmt.Errorf("entry %q, which the act of event %d is about, has no history", id, b.named[id])
		}
	}
	return nil
}
