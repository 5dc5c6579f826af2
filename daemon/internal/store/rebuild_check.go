package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
)

func (b *builder) nonce(key, value []byte) error {
	if len(key) <= 8 || len(value) != 0 {
		return fmt.Errorf("%d bytes with a value of %d, want an expiry of 8 bytes, a nonce and no value", len(key), len(value))
	}
	return nil
}

func (b *builder) blob(key, value []byte) error {
	if !bytes.Equal(key, blobKey(value)) {
		return errors.New("the key is not the SM3 of the content")
	}
	return nil
}

// event takes the next line of the log.
func (b *builder) event(key, line []byte) error {
	seq := b.head.tree.Size()
	if !bytes.Equal(key, be64(seq)) {
		return fmt.Errorf("want event %d", seq)
	}
	e, err := audit.ParseEvent(line)
	if err != nil {
		return err
	}
	if e.Seq != seq || (e.Kind == audit.KindGenesis) != (seq == 0) {
		return fmt.Errorf("event %d of kind %s is numbered %d", seq, e.Kind, e.Seq)
	}
	if e.Recorded.Time().Before(b.head.recorded) || e.Epoch < b.head.epoch {
		return fmt.Errorf("event %d, of epoch %d, recorded %v, comes after epoch %d, %v", seq, e.Epoch, e.Recorded.Time(), b.head.epoch, b.head.recorded)
	}
	leaf := audit.LeafHash(line)
	if seq == 0 {
		err = b.begins(e, leaf)
	} else {
		err = b.follows(e)
	}
	if err != nil {
		return err
	}
	if err := b.ledger.follow(e); err != nil {
		return err
	}
	b.head.recorded, b.head.epoch = e.Recorded.Time(), e.Epoch
	return b.head.tree.Append(leaf)
}

// begins takes the genesis event, whose hash is the appliance's id, and finds
// the content of its act.
func (b *builder) begins(e *audit.Event, leaf audit.Hash) error {
	act, err := authority.ParseAct([]byte(e.Act))
	if err != nil {
		return err
	}
	hash, err := hex.DecodeString(act.ContentSHA)
	if err != nil {
		return fmt.Errorf("hash of the init act's content: %w", err)
	}
	content := b.tx.Bucket(bucketBlob).Get(hash)
	if content == nil {
		return errors.New("there is no content of the init act")
	}
	if err := act.CheckContent(content); err != nil {
		return err
	}
	b.appliance, b.genesis = hex.EncodeToString(leaf[:]), bytes.Clone(content)
	return nil
}

// follows holds an act to the act before it: a store trusts the last one and
// walks back from there.
func (b *builder) follows(e *audit.Event) error {
	if e.PrevAct == nil {
		return nil
	}
	if *e.PrevAct != b.head.lastAct {
		return fmt.Errorf("the act of event %d names event %d as the act before it, which is event %d", e.Seq, *e.PrevAct, b.head.lastAct)
	}
	b.head.lastAct = e.Seq
	if e.Entry != "" {
		b.named[e.Entry] = e.Seq
	}
	return nil
}

func (b *builder) private(key, _ []byte) error { return b.inLog(key) }

func (b *builder) idem(key, value []byte) error {
	if _, err := decodeIdem(value); err != nil {
		return err
	}
	return b.inLog(key)
}

// hist takes a revision, and as the entry's record until a later one comes.
func (b *builder) hist(key, value []byte) error {
	id, err := cutRevision(key, 8)
	if err != nil {
		return err
	}
	if err := b.provenInLog(value); err != nil {
		return err
	}
	return b.tx.Bucket(bucketEntry).Put(id, value)
}

func (b *builder) policy(key, value []byte) error {
	id, err := cutRevision(key, 4)
	if err != nil {
		return err
	}
	if b.tx.Bucket(bucketEntry).Get(id) == nil {
		return fmt.Errorf("there is no entry %q", id)
	}
	return b.provenInLog(value)
}

func (b *builder) officer(_, value []byte) error { return b.provenInLog(value) }

// cutRevision returns the id in a key of id || 0 || revision.
func cutRevision(key []byte, width int) (id []byte, err error) {
	at := len(key) - width - 1
	if at < 1 || bytes.IndexByte(key, 0) != at {
		return nil, fmt.Errorf("want an id, a zero and a revision of %d bytes", width)
	}
	return key[:at], nil
}

// inLog refuses a key that is not the index of an event.
func (b *builder) inLog(key []byte) error {
	if !madeBelow(key, nil, b.head.tree.Size()) {
		return fmt.Errorf("want the index of one of %d events", b.head.tree.Size())
	}
	return nil
}

// provenInLog refuses a record that says of itself that it was made after the
// log's end.
func (b *builder) provenInLog(value []byte) error {
	event, ok := provenBy(value)
	if ok && event >= b.head.tree.Size() {
		return fmt.Errorf("it was made by event %d, the log has %d", event, b.head.tree.Size())
	}
	return nil
}
