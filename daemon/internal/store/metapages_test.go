package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
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
		if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
			t.Errorf("%s meta page torn: %v", name, err)
		}
	}
}

func txid(page []byte) uint64 { return binary.NativeEndian.Uint64(page[pageHeader+metaTxid:]) }

func TestStoreWithBothMetaPagesTornIsRefused(t *testing.T) {
	path := filled(t)
	content := contentOf(t, path)
	for _, offset := range []int{0, os.Getpagesize()} {
		content[offset+pageHeader+metaTxid] ^= 1 // the sums are then wrong
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, ErrDamaged)
}

// metaPage is a meta page as bbolt writes it, of 1 KiB.
func metaPage(txid, pages uint64) []byte {
	page := make([]byte, minPageSize)
	meta := page[pageHeader:]
	binary.NativeEndian.PutUint32(meta, boltMagic)
	binary.NativeEndian.PutUint32(meta[4:], 2)
	binary.NativeEndian.PutUint32(meta[8:], minPageSize)
	binary.NativeEndian.PutUint64(meta[metaPages:], pages)
	binary.NativeEndian.PutUint64(meta[metaTxid:], txid)
	sum := fnv.New64a()
	sum.Write(meta[:metaSum])
	binary.NativeEndian.PutUint64(meta[metaSum:], sum.Sum64())
	return page
}

// The length of the file is held to the meta page that bbolt will use.
func TestNewestWholeMetaPageIsTheOne(t *testing.T) {
	torn := metaPage(9, 90)
	torn[pageHeader+metaPages] ^= 1
	foreign := metaPage(9, 90)
	foreign[pageHeader+4]++
	for name, c := range map[string]struct {
		first, second []byte
		want          uint64
	}{
		"second is newer":              {metaPage(4, 40), metaPage(5, 50), 50},
		"first is newer":               {metaPage(6, 40), metaPage(5, 50), 40},
		"second is newer and torn":     {metaPage(4, 40), torn, 40},
		"first is newer and torn":      {torn, metaPage(5, 50), 50},
		"newer one has fewer pages":    {metaPage(4, 70), metaPage(5, 50), 50},
		"first of no transaction":      {metaPage(0, 4), torn, 4},
		"both torn":                    {torn, torn, 0},
		"newer one of another version": {metaPage(4, 40), foreign, 40},
		"file that ends behind a page": {metaPage(4, 40), nil, 40},
	} {
		got, ok := newestMeta(bytes.NewReader(slices.Concat(c.first, c.second)), minPageSize)
		if got.pages != c.want || ok != (c.want != 0) {
			t.Errorf("%s: newestMeta = %+v, %v, want one of %d pages", name, got, ok, c.want)
		}
	}
}

// What metaPage builds here is what bbolt builds.
func TestMetaPagesOfBboltAreWhole(t *testing.T) {
	content := contentOf(t, filled(t))
	for _, offset := range []int{0, os.Getpagesize()} {
		if !whole(content[offset+pageHeader : offset+pageHeader+metaSize]) {
			t.Errorf("meta page at %d is not whole", offset)
		}
	}
}
