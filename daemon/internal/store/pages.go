package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Of bbolt's pages: id u64, kind u16, count u16, overflow u32 (further pages
// that belong to this one), then elements of 16 bytes: of a branch position,
// key length u32 and page u64; of a leaf flags, position, key and value length
// u32. Positions count from the element's own first byte.
const (
	kindBranch   = 0x01
	kindLeaf     = 0x02
	kindFreelist = 0x10
	elementSize  = 16
	bucketFlag   = 0x01 // of a leaf's element: the value is a bucket
	bucketHeader = 16   // its root page u64, or 0 for a page within the value, and sequence

	noFreelist     = 1<<64 - 1
	countElsewhere = 0xFFFF // the freelist's first number is its length
)

// A walk goes over the pages of a file that bbolt will go over.
type walk struct {
	file  io.ReaderAt
	size  int // of a page
	pages uint64
	seen  []uint64 // one bit a page
	ahead []uint64 // pages to look at
	page  []byte
}

// checkPages refuses a file of which a page is not what its place says: every
// page that m leads to is itself, lies within the file, is led to once, and
// has its keys, in order, and values within it. It reads and changes nothing.
func checkPages(f io.ReaderAt, pageSize int, m meta) error {
	w := &walk{file: f, size: pageSize, pages: m.pages, seen: make([]uint64, m.pages/64+1)}
	if m.freelist != noFreelist {
		if err := w.freelist(m.freelist); err != nil {
			return fmt.Errorf("%w: freelist: %w", ErrDamaged, err)
		}
	}
	w.ahead = append(w.ahead, m.root)
	for len(w.ahead) > 0 {
		id := w.ahead[len(w.ahead)-1]
		w.ahead = w.ahead[:len(w.ahead)-1]
		if err := w.visit(id); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return nil
}

func (w *walk) visit(id uint64) error {
	if err := w.read(id); err != nil {
		return err
	}
	var err error
	switch kind := kindOf(w.page); kind {
	case kindBranch:
		err = w.branch()
	case kindLeaf:
		err = w.leaf(w.page, w.bucket)
	default:
		err = fmt.Errorf("kind %#x: want a branch or a leaf", kind)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// read reads a page with its overflow and notes that it was led to.
func (w *walk) read(id uint64) error {
	if err := w.note(id); err != nil {
		return err
	}
	if cap(w.page) < w.size {
		w.page = make([]byte, w.size)
	}
	w.page = w.page[:w.size]
	if _, err := w.file.ReadAt(w.page, int64(id)*int64(w.size)); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	if own := binary.NativeEndian.Uint64(w.page); own != id {
		return fmt.Errorf("page %d says that it is page %d", id, own)
	}
	overflow := uint64(binary.NativeEndian.Uint32(w.page[12:]))
	if overflow == 0 {
		return nil
	}
	for next := id + 1; next <= id+overflow; next++ {
		if err := w.note(next); err != nil {
			return err
		}
	}
	w.page = make([]byte, w.size*int(overflow+1))
	if _, err := w.file.ReadAt(w.page, int64(id)*int64(w.size)); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// note refuses a page that is not there, is a meta page, or was met before.
func (w *walk) note(id uint64) error {
	if id < 2 || id >= w.pages {
		return fmt.Errorf("page %d: there are pages 2 to %d", id, w.pages-1)
	}
	bit := uint64(1) << (id % 64)
	if w.seen[id/64]&bit != 0 {
		return fmt.Errorf("page %d is led to twice", id)
	}
	w.seen[id/64] |= bit
	return nil
}

func kindOf(page []byte) uint16 { return binary.NativeEndian.Uint16(page[8:]) }
func countOf(page []byte) int   { return int(binary.NativeEndian.Uint16(page[10:])) }

func (w *walk) branch() error {
	count := countOf(w.page)
	if count == 0 {
		return fmt.Errorf("a branch of no pages")
	}
	var before []byte
	for i := range count {
		at := pageHeader + i*elementSize
		e, err := cut(w.page, at, elementSize)
		if err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
		key, err := cut(w.page, at+int(binary.NativeEndian.Uint32(e)), int(binary.NativeEndian.Uint32(e[4:])))
		if err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
		if i > 0 && bytes.Compare(before, key) >= 0 {
			return fmt.Errorf("key %d is out of order", i)
		}
		before = key
		w.ahead = append(w.ahead, binary.NativeEndian.Uint64(e[8:]))
	}
	return nil
}

// leaf checks a leaf page, or one within a value, and hands the buckets in it
// to bucket.
func (w *walk) leaf(page []byte, bucket func(value []byte) error) error {
	var before []byte
	for i := range countOf(page) {
		at := pageHeader + i*elementSize
		e, err := cut(page, at, elementSize)
		if err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
		flags, position := binary.NativeEndian.Uint32(e), int(binary.NativeEndian.Uint32(e[4:]))
		keySize, valueSize := int(binary.NativeEndian.Uint32(e[8:])), int(binary.NativeEndian.Uint32(e[12:]))
		pair, err := cut(page, at+position, keySize+valueSize)
		if err != nil {
			return fmt.Errorf("key and value %d: %w", i, err)
		}
		if key := pair[:keySize]; i > 0 && bytes.Compare(before, key) >= 0 {
			return fmt.Errorf("key %d is out of order", i)
		}
		before = pair[:keySize]
		switch flags {
		case 0:
		case bucketFlag:
			if err := bucket(pair[keySize:]); err != nil {
				return fmt.Errorf("bucket %d: %w", i, err)
			}
		default:
			return fmt.Errorf("element %d: flags %#x", i, flags)
		}
	}
	return nil
}

// bucket checks a bucket's header and where its pages are.
func (w *walk) bucket(value []byte) error {
	if len(value) < bucketHeader {
		return fmt.Errorf("header of %d bytes", len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		w.ahead = append(w.ahead, root)
		return nil
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || kindOf(inline) != kindLeaf {
		return fmt.Errorf("no leaf within its value")
	}
	return w.leaf(inline, func([]byte) error { return fmt.Errorf("a bucket within a value has a bucket") })
}

// freelist checks the list of free pages, where there is one.
func (w *walk) freelist(id uint64) error {
	if err := w.read(id); err != nil {
		return err
	}
	if kindOf(w.page) != kindFreelist {
		return fmt.Errorf("page %d is of kind %#x", id, kindOf(w.page))
	}
	list, count := w.page[pageHeader:], uint64(countOf(w.page))
	if count == countElsewhere {
		count, list = binary.NativeEndian.Uint64(list), list[8:]
	}
	if count > uint64(len(list)/8) {
		return fmt.Errorf("page %d: %d free pages do not fit in it", id, count)
	}
	before := uint64(1) // behind the meta pages
	for i := range count {
		free := binary.NativeEndian.Uint64(list[8*i:])
		if free <= before || free >= w.pages {
			return fmt.Errorf("page %d: free page %d after %d of %d", id, free, before, w.pages)
		}
		before = free
	}
	return nil
}

// cut returns n bytes of page from an offset on.
func cut(page []byte, offset, n int) ([]byte, error) {
	if offset > len(page) || n > len(page)-offset {
		return nil, fmt.Errorf("%d bytes at %d: the page has %d", n, offset, len(page))
	}
	return page[offset : offset+n], nil
}
