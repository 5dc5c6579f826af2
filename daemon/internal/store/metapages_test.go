package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// paged makes a bbolt file with two transactions in it, so that both meta
// pages were written, and returns it.
func paged(t testing.TB, size int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "paged.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, PageSize: size})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte(name)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return contentOf(t, path)
}

func TestMetaPagesOfEveryPageSizeAreFound(t *testing.T) {
	for size := minPageSize; size <= maxPageSize; size *= 2 {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			whole := paged(t, size)
			if got, err := pageSize(bytes.NewReader(whole)); err != nil || got != size {
				t.Errorf("pageSize = %d, %v, want %d", got, err, size)
			}
			torn := bytes.Clone(whole)
			clear(torn[:512])
			if got, err := pageSize(bytes.NewReader(torn)); err != nil || got != size {
				t.Errorf("pageSize with a torn first meta page = %d, %v, want %d", got, err, size)
			}
			clear(torn[size : size+512])
			if _, err := pageSize(bytes.NewReader(torn)); !errors.Is(err, ErrForeign) {
				t.Errorf("pageSize with both torn = %v, want ErrForeign", err)
			}
		})
	}
}

func TestRewriteChangesNoByte(t *testing.T) {
	for size := minPageSize; size <= maxPageSize; size *= 2 {
		for _, torn := range []int{-1, 0, 1} {
			content := paged(t, size)
			if torn >= 0 {
				clear(content[torn*size : torn*size+512])
			}
			path := filepath.Join(t.TempDir(), "signet.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := rewriteMetaPages(path); err != nil {
				t.Errorf("page size %d, meta page %d torn: %v", size, torn, err)
			}
			if !bytes.Equal(content, contentOf(t, path)) {
				t.Errorf("page size %d, meta page %d torn: the file was changed", size, torn)
			}
		}
	}
}

func TestStoreWithATornMetaPageOpensAtTheOtherOne(t *testing.T) {
	path := filled(t)
	content := contentOf(t, path)
	page := os.Getpagesize()
	newest := 0
	if txid(content[page:]) > txid(content) {
		newest = page
	}
	for name, c := range map[string]struct {
		offset int
		size   uint64
	}{
		"newest": {newest, 183}, // the last commit had 20 events
		"older":  {page - newest, 203},
	} {
		torn := bytes.Clone(content)
		clear(torn[c.offset : c.offset+512])
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{Now: time.Now})
		if err != nil {
			t.Errorf("%s meta page torn: %v", name, err)
			continue
		}
		if got := s.Position().Size; got != c.size {
			t.Errorf("%s meta page torn: %d events, want %d", name, got, c.size)
		}
		if err := errors.Join(s.Check(), s.Close()); err != nil {
			t.Errorf("%s meta page torn: %v", name, err)
		}
	}
}

func txid(page []byte) uint64 { return binary.NativeEndian.Uint64(page[metaHeader+metaTxid:]) }

func TestStoreWithBothMetaPagesTornIsRefused(t *testing.T) {
	path := filled(t)
	content := contentOf(t, path)
	for _, offset := range []int{0, os.Getpagesize()} {
		content[offset+metaHeader+metaTxid] ^= 1 // the sums are then wrong
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, ErrDamaged)
}

// The number of pages is that of the newest whole meta page, as bbolt picks.
func TestPagesInUseAreThoseOfTheNewestWholeMetaPage(t *testing.T) {
	content := contentOf(t, filled(t))
	page := os.Getpagesize()
	for _, offset := range []int{0, page} {
		if !whole(content[offset+metaHeader : offset+metaHeader+metaSize]) {
			t.Fatalf("meta page at %d is not whole", offset)
		}
	}
	newest := max(txid(content), txid(content[page:]))
	offset := 0
	if txid(content) != newest {
		offset = page
	}
	want := binary.NativeEndian.Uint64(content[offset+metaHeader+metaPages:])
	if got := pagesInUse(bytes.NewReader(content), page); got != want {
		t.Errorf("pagesInUse = %d, want %d", got, want)
	}
	content[offset+metaHeader+metaPages] ^= 0xff
	if got := pagesInUse(bytes.NewReader(content), page); got == binary.NativeEndian.Uint64(content[offset+metaHeader+metaPages:]) {
		t.Errorf("pagesInUse = %d is of a meta page that is not whole", got)
	}
}
