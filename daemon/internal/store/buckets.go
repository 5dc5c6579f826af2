// Package store is the one bbolt file of an appliance: register, policies,
// log and idempotency records together, so that quota, approval and event
// cannot part. It is the only user of bbolt.
//
// Writes go through one committer goroutine (committer.go). Reads are short
// transactions: one that lives long makes every commit slower for good.
package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Schema is the version of the buckets and their values that this program
// writes. A file with a newer one is not touched, one with an older one is
// raised to it when it is opened:
//
//	1: the first
//	2: usage and appr follow from the log
const Schema = 2

// The buckets. All exist from the first day; append only.
var (
	bucketMeta    = []byte("meta")    // schema, appliance, epoch, last act
	bucketEvent   = []byte("ev")      // be64 seq -> line
	bucketPrivate = []byte("private") // be64 seq -> clear text of private fields
	bucketTile    = []byte("tile")    // level || be64, full tiles
	bucketState   = []byte("state")   // size, frontier, last recorded time
	bucketCP      = []byte("cp")      // be64 size -> checkpoint note
	bucketEntry   = []byte("entry")   // id -> record
	bucketBlob    = []byte("blob")    // SM3 -> content, written once
	bucketHist    = []byte("hist")    // id || 0 || be64 rev -> record
	bucketPolicy  = []byte("policy")  // id || 0 || be32 rev -> record
	bucketUsage   = []byte("usage")   // id || 0 || be32 uid -> tally, with be32 quarter behind it -> be32 uses
	bucketAppr    = []byte("appr")    // be64 end || id -> approval, 'i' || id -> that key
	bucketIdem    = []byte("idem")    // be64 seq -> hashes
	bucketNonce   = []byte("nonce")   // be64 expiry || nonce
	bucketOfficer = []byte("officer") // id -> record
	bucketOutbox  = []byte("outbox")  // changes to be filed

	buckets = [][]byte{
		bucketMeta, bucketEvent, bucketPrivate, bucketTile, bucketState, bucketCP, bucketEntry, bucketBlob,
		bucketHist, bucketPolicy, bucketUsage, bucketAppr, bucketIdem, bucketNonce, bucketOfficer, bucketOutbox,
	}
)

var (
	keySchema    = []byte("schema")
	keyAppliance = []byte("appliance")
	keyEpoch     = []byte("epoch")
	keyLastAct   = []byte("last_act")
	keyGenesis   = []byte("genesis") // the content of the init act
	keySize      = []byte("size")
	keyFrontier  = []byte("frontier")
	keyRecorded  = []byte("recorded")
)

// fill is how full a leaf page of an append-only bucket is made before it
// splits: 592 instead of 1,390 bytes an event (measured).
const fill = 0.95

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// revKey is the key of one revision of a record. Ids have no NUL, so no id is
// a prefix of another's key.
func revKey(id string, rev uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(id), 0), rev)
}

func policyKey(id string, rev uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(id), 0), rev)
}

// A fault of the file's content: not ours, or not whole.
var (
	ErrForeign = errors.New("not a signet store")
	ErrNewer   = errors.New("store was written by a newer version")
	ErrDamaged = errors.New("store is damaged")
	ErrForked  = errors.New("the log has another history than was known")
)

func readUint64(b *bolt.Bucket, key []byte) (uint64, error) {
	v := b.Get(key)
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: %s has %d bytes, want 8", ErrDamaged, key, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}
