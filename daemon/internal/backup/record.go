package backup

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// A Record is one key of a store with its value, or a part of that. A value
// of more than MaxPart bytes comes in several records of the same key, each
// but the last with More.
type Record struct {
	Bucket string
	Key    []byte
	Value  []byte
	More   bool
}

// Bounds in bytes.
const (
	MaxRecord = 1 << 20 // encoded, without its length
	MaxPart   = 1 << 19 // of a value that is written in parts
	maxBucket = 32
	maxKey    = 1 << 15 // bbolt's own bound
)

// Kinds of record.
const (
	kindWhole   = 1
	kindPart    = 2
	kindTrailer = 3
)

const trailerSize = 1 + 8 + HashSize

// An Encoder writes records, each as
//
//	u32   length of the rest, at most 1 MiB
//	u8    kind: 1 record, 2 part of a record that the next goes on with
//	u8    length of the bucket's name, then the name
//	u16   length of the key, then the key
//	      the value, to the end
//
// and at the end a trailer
//
//	u32   41
//	u8    kind: 3
//	u64   records before it
//	32 B  root of the log
//
// It is not safe for concurrent use.
type Encoder struct {
	w     io.Writer
	root  []byte
	count uint64
	buf   []byte
}

// NewEncoder returns an Encoder of a store of that header.
func NewEncoder(w io.Writer, h Header) (*Encoder, error) {
	if !isHash(h.Root) {
		return nil, fmt.Errorf("writing records: root %q: want 64 digits of hex in lower case", h.Root)
	}
	root, err := hex.DecodeString(h.Root)
	return &Encoder{w: w, root: root}, err
}

// Put writes one record. It keeps nothing of it.
func (e *Encoder) Put(r Record) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("writing record of bucket %.32q: %w", r.Bucket, err)
	}
	e.buf = r.append(e.buf[:0])
	if _, err := e.w.Write(e.buf); err != nil {
		return fmt.Errorf("writing record: %w", err)
	}
	e.count++
	return nil
}

// Close writes the trailer. Without it the records are cut off.
func (e *Encoder) Close() error {
	out := binary.BigEndian.AppendUint32(nil, trailerSize)
	out = append(out, kindTrailer)
	out = binary.BigEndian.AppendUint64(out, e.count)
	if _, err := e.w.Write(append(out, e.root...)); err != nil {
		return fmt.Errorf("writing trailer: %w", err)
	}
	return nil
}

func (r Record) check() error {
	switch {
	case !isBucket(r.Bucket):
		return fmt.Errorf("want a bucket's name, 1 to %d of a-z and the dot", maxBucket)
	case len(r.Key) == 0 || len(r.Key) > maxKey:
		return fmt.Errorf("key of %d bytes, want 1 to %d", len(r.Key), maxKey)
	case r.More && len(r.Value) == 0:
		return errors.New("an empty part")
	case r.size() > MaxRecord:
		return fmt.Errorf("record of %d bytes, want at most %d: write it in parts", r.size(), MaxRecord)
	}
	return nil
}

func isBucket(name string) bool {
	if name == "" || len(name) > maxBucket {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && c != '.' {
			return false
		}
	}
	return true
}

func (r Record) size() int { return 1 + 1 + len(r.Bucket) + 2 + len(r.Key) + len(r.Value) }

func (r Record) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.size()))
	kind := byte(kindWhole)
	if r.More {
		kind = kindPart
	}
	dst = append(dst, kind, byte(len(r.Bucket)))
	dst = append(dst, r.Bucket...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Key)))
	dst = append(dst, r.Key...)
	return append(dst, r.Value...)
}
