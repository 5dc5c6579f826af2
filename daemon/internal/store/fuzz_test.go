package store

import (
	"bytes"
	"errors"
	"testing"
)

// Whatever decodes is written back to the same bytes: a record has one form.
func FuzzDecodeIdem(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeIdem(data)
		if err != nil {
			if r != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("decodeIdem = %v, %v, want nothing and ErrDamaged", r, err)
			}
			return
		}
		if again := r.encode(); !bytes.Equal(again, data) {
			t.Errorf("%x is written back as %x", data, again)
		}
	})
}

// The first bytes of a file that may be anything decide how much of it is
// read and written back: never a size that is not one of bbolt's.
func FuzzMetaPages(f *testing.F) {
	f.Fuzz(func(t *testing.T, head []byte) {
		size, err := pageSize(bytes.NewReader(head))
		if err != nil {
			if size != 0 || !errors.Is(err, ErrForeign) {
				t.Errorf("pageSize = %d, %v, want 0 and ErrForeign", size, err)
			}
			return
		}
		if size < minPageSize || size > maxPageSize || size&(size-1) != 0 {
			t.Errorf("page size %d", size)
		}
		newestMeta(bytes.NewReader(head), size)
	})
}

// Whatever the pages say, the walk ends, and what it takes bbolt can walk, too:
// that is shown by a process of its own in TestRandomDamageNeverEndsTheProcess.
func FuzzCheckPages(f *testing.F) {
	f.Fuzz(func(t *testing.T, file []byte, root, freelist uint64) {
		m := meta{root: root, freelist: freelist, pages: uint64(len(file) / minPageSize)}
		if err := checkPages(bytes.NewReader(file), minPageSize, m); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("checkPages = %v, want ErrDamaged", err)
		}
	})
}
