package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// older is a closed store with more events than one transaction of a raise
// takes, as the first schema has it, and what its buckets are to become.
func older(t *testing.T) (path string, want map[string]map[string]string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "signet.db")
	create(t, path)
	clock := newTestClock()
	r := &rig{TB: t, path: path, options: Options{Now: clock.now}, clock: clock}
	r.open()
	fillLedger(r, raiseEvents+500)
	want = bucketsOf(t, r.Store)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, lower)
	return path, want
}

// lower makes a store what the first schema has.
func lower(tx *bolt.Tx) error {
	return errors.Join(emptyLedger(tx), tx.Bucket(bucketMeta).Put(keySchema, be64(1)))
}

// wantRaised opens the store, holds it to what it is to become, and closes it.
func wantRaised(t *testing.T, path string, want map[string]map[string]string) {
	t.Helper()
	s := mustOpen(t, path)
	defer s.Close()
	got := bucketsOf(t, s)
	for name := range want {
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("bucket %s has %d records, want the same %d, byte for byte", name, len(got[name]), len(want[name]))
		}
	}
}

// Uses that an older version recorded count, as those after them do.
func TestOlderStoreIsRaised(t *testing.T) {
	path, want := older(t)
	wantRaised(t, path, want)
	raised := contentOf(t, path)
	wantRaised(t, path, want)
	if !bytes.Equal(raised, contentOf(t, path)) {
		t.Error("opening the raised store once more changed it")
	}
	s := mustOpen(t, path)
	before, err := s.Uses("entry-0")
	if err != nil || len(before) != 3 {
		t.Fatalf("Uses = %+v, %v", before, err)
	}
	if err := s.Record(usesAt("entry-0", 0, nine.AddDate(1, 0, 0))); err != nil {
		t.Fatal(err)
	}
	if after, err := s.Uses("entry-0"); err != nil || after[0].Total != before[0].Total+1 {
		t.Errorf("%d uses after %d and one more, %v", after[0].Total, before[0].Total, err)
	}
}

// Until all of the log was read the schema stays, and nothing that was counted
// on the way counts twice.
func TestInterruptedRaiseBeginsAnew(t *testing.T) {
	path, want := older(t)
	whole := contentOf(t, path)
	for name, interrupt := range map[string]func(*bolt.Tx) error{
		"after the first transaction": func(tx *bolt.Tx) error { return nil },
		"after the second":            func(tx *bolt.Tx) error { return followed(tx, 0, raiseEvents) },
		"before the last": func(tx *bolt.Tx) error {
			return errors.Join(followed(tx, 0, raiseEvents), followed(tx, raiseEvents, 0))
		},
		"with rows of somebody else": func(tx *bolt.Tx) error {
			return errors.Join(tx.Bucket(bucketUsage).Put([]byte("x"), nil), tx.Bucket(bucketAppr).Put([]byte("ix"), nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			edit(t, path, interrupt)
			wantRaised(t, path, want)
		})
	}
}

// followed is one transaction of a raise; 0: up to the end of the log.
func followed(tx *bolt.Tx, from, to uint64) error {
	next, err := followLog(tx, from)
	if err == nil && (next <= from || to != 0 && next != to) {
		err = fmt.Errorf("followed the log from %d to %d, want %d", from, next, to)
	}
	return err
}

// What cannot be counted is not left out.
func TestRaiseOfADamagedLogIsRefused(t *testing.T) {
	path, want := older(t)
	const at = raiseEvents + 100
	var line []byte
	for name, damage := range map[string]func(*bolt.Bucket) error{
		"line changed":    func(b *bolt.Bucket) error { return b.Put(be64(at), append([]byte(" "), line...)) },
		"line missing":    func(b *bolt.Bucket) error { return b.Delete(be64(at)) },
		"line of another": func(b *bolt.Bucket) error { return b.Put(be64(at), bytes.Clone(b.Get(be64(at-1)))) },
		"key too long":    func(b *bolt.Bucket) error { return errors.Join(b.Delete(be64(at)), b.Put(append(be64(at), 0), line)) },
		"approval that was never asked for": func(b *bolt.Bucket) error {
			return b.Put(be64(at), withEvent(t, line, func(e *audit.Event) {
				use := useAt("entry-0", 0, nine)
				use.Approval, use.V, use.Epoch, use.Seq, use.Recorded = "0123456789abcdef", e.V, e.Epoch, e.Seq, e.Recorded
				*e = *use
			}))
		},
	} {
		edit(t, path, func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketEvent)
			line = bytes.Clone(b.Get(be64(at)))
			return damage(b)
		})
		if s, err := Open(path, Options{Now: newTestClock().now}); !errors.Is(err, ErrDamaged) || s != nil {
			t.Fatalf("%s: Open = %v, want ErrDamaged", name, err)
		}
		edit(t, path, func(tx *bolt.Tx) error {
			if schema, err := readUint64(tx.Bucket(bucketMeta), keySchema); err != nil || schema != 1 {
				t.Errorf("%s: the schema is %d, %v, want 1 as before", name, schema, err)
			}
			b := tx.Bucket(bucketEvent)
			return errors.Join(b.Delete(append(be64(at), 0)), b.Put(be64(at), line))
		})
	}
	wantRaised(t, path, want)
}
