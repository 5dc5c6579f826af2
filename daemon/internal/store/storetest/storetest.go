// Package storetest edits a closed store as somebody does who can write its
// file and nothing else. Only tests import it: it is how they play root.
package storetest

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// A File is a store inside the one transaction of Edit. Its methods end the
// test on a fault, and on an edit that would change nothing: an attack that
// does not happen is always repelled.
type File struct {
	testing.TB
	tx *bolt.Tx
}

// Edit runs change on the store at path, which nobody has open.
func Edit(t testing.TB, path string, change func(*File)) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, NoFreelistSync: true, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // also where change ends the test
	if err := db.Update(func(tx *bolt.Tx) error {
		change(&File{t, tx})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (f *File) bucket(name string) *bolt.Bucket {
	f.Helper()
	b := f.tx.Bucket([]byte(name))
	if b == nil {
		f.Fatalf("the store has no bucket %s", name)
	}
	return b
}

// Get returns the value of a key that must be there.
func (f *File) Get(bucket, key string) string {
	f.Helper()
	value := f.bucket(bucket).Get([]byte(key))
	if value == nil {
		f.Fatalf("bucket %s has no key %q", bucket, key)
	}
	return string(value)
}

// Put sets a key to a value that it does not have yet.
func (f *File) Put(bucket, key, value string) {
	f.Helper()
	b := f.bucket(bucket)
	if was := b.Get([]byte(key)); was != nil && string(was) == value {
		f.Fatalf("bucket %s has that value of %q already", bucket, key)
	}
	if err := b.Put([]byte(key), []byte(value)); err != nil {
		f.Fatal(err)
	}
}

// Delete removes a key that must be there.
func (f *File) Delete(bucket, key string) {
	f.Helper()
	f.Get(bucket, key)
	if err := f.bucket(bucket).Delete([]byte(key)); err != nil {
		f.Fatal(err)
	}
}

// Empty removes every key of a bucket that has some.
func (f *File) Empty(bucket string) {
	f.Helper()
	keys := f.Keys(bucket)
	if len(keys) == 0 {
		f.Fatalf("bucket %s is empty", bucket)
	}
	for _, key := range keys {
		f.Delete(bucket, key)
	}
}

// Keys returns the keys of a bucket, in order.
func (f *File) Keys(bucket string) []string {
	f.Helper()
	var keys []string
	if err := f.bucket(bucket).ForEach(func(key, _ []byte) error {
		keys = append(keys, string(key))
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	return keys
}

// Replace puts new in the place of old, which the value of a key must have.
func (f *File) Replace(bucket, key, old, new string) {
	f.Helper()
	f.Put(bucket, key, strings.Replace(f.Get(bucket, key), old, new, 1))
}

// Head is what the file says of itself: whose it is, and how far its log is.
func (f *File) Head() (appliance string, size uint64, root audit.Hash) {
	f.Helper()
	size = binary.BigEndian.Uint64([]byte(f.Get("state", "size")))
	tree, err := audit.LoadTree(size, []byte(f.Get("state", "frontier")))
	if err != nil {
		f.Fatal(err)
	}
	if root, err = tree.Root(); err != nil {
		f.Fatal(err)
	}
	return f.Get("meta", "appliance"), size, root
}

// Rehash makes the frontier that of the lines as they are now, and the id of
// the appliance that of its first one: what is left to find out such a log is
// what lies outside of the file.
func (f *File) Rehash() {
	f.Helper()
	tree := audit.NewTree()
	for i, key := range f.Keys("ev") {
		leaf := audit.LeafHash([]byte(f.Get("ev", key)))
		if i == 0 {
			f.set("meta", "appliance", hex.EncodeToString(leaf[:]))
		}
		if err := tree.Append(leaf); err != nil {
			f.Fatal(err)
		}
	}
	f.set("state", "size", Seq(tree.Size()))
	f.set("state", "frontier", string(tree.State()))
}

func (f *File) set(bucket, key, value string) {
	f.Helper()
	if f.Get(bucket, key) != value {
		f.Put(bucket, key, value)
	}
}

// Seq is the key of an event, and the form of every number in the store.
func Seq(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

// Revision is the key of an entry's record in the history.
func Revision(entry string, rev uint64) string { return entry + "\x00" + Seq(rev) }

// Policy is the key of a revision of an entry's policy.
func Policy(entry string, rev uint32) string {
	return entry + "\x00" + string(binary.BigEndian.AppendUint32(nil, rev))
}

// Uses is the key of a caller's count of uses of an entry, Quarter that of its
// uses in one quarter of an hour of UTC, by Unix time / 900.
func Uses(entry string, uid uint32) string {
	return entry + "\x00" + string(binary.BigEndian.AppendUint32(nil, uid))
}

func Quarter(entry string, uid, quarter uint32) string {
	return Uses(entry, uid) + string(binary.BigEndian.AppendUint32(nil, quarter))
}

// ApprovalID is the key of what leads from an approval's id to its record.
func ApprovalID(id string) string {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return id // no approval has it
	}
	return "i" + string(raw)
}

// Approval is the key of an approval's record.
func (f *File) Approval(id string) string {
	f.Helper()
	return f.Get("appr", ApprovalID(id))
}

// Age makes the store one of schema 1, which counted no uses and knew no
// approvals.
func (f *File) Age() {
	f.Helper()
	for _, name := range []string{"usage", "appr"} {
		for _, key := range f.Keys(name) {
			f.Delete(name, key)
		}
	}
	f.Put("meta", "schema", Seq(1))
}

// Blob is the key of a content, by the hex of its hash.
func Blob(hash string) string {
	raw, err := hex.DecodeString(hash)
	if err != nil {
		return hash // no content has it
	}
	return string(raw)
}
