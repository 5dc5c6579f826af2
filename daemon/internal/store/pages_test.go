package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A daemon that ends on a damaged store is started again and ends again, until
// systemd fails its sockets. Whatever is damaged, opening has to say so. All
// tries share one process of their own.
func TestRandomDamageNeverEndsTheProcess(t *testing.T) {
	path := filled(t)
	content := contentOf(t, path)
	m, _ := newestMeta(bytes.NewReader(content), os.Getpagesize())
	used := int(m.pages) * os.Getpagesize()
	random := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	const tries = 400
	for i := range tries {
		damaged := bytes.Clone(content)
		offset := random.IntN(used)
		if i%4 >= 2 { // the header and the first elements of a page
			offset = offset/os.Getpagesize()*os.Getpagesize() + random.IntN(64)
		}
		for k := range []int{1, 16}[i%2] {
			damaged[(offset+k)%used] ^= byte(1 + random.IntN(255))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := childCommand(t, "open-all", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("opening damaged stores: %v\n%.3000s", err, out)
	}
	var opened, refused int
	if _, err := fmt.Sscanf(string(out), "opened %d refused %d", &opened, &refused); err != nil || opened+refused != tries {
		t.Fatalf("child said %q", out)
	}
	if refused < tries/4 {
		t.Errorf("%d of %d were refused: the damage does not reach what is read", refused, tries)
	}
}

// What bbolt itself writes is taken, whatever its pages: branches, overflow,
// freelists, buckets in values and buckets of their own.
func TestEveryFileOfBboltIsWhole(t *testing.T) {
	for _, size := range []int{1024, 4096, 65536} {
		for _, noFreelist := range []bool{true, false} {
			path := filepath.Join(t.TempDir(), "some.db")
			db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, PageSize: size, NoFreelistSync: noFreelist, NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(3, 4))
			for round := range 12 {
				if err := db.Update(func(tx *bolt.Tx) error { return scribble(tx, random, size) }); err != nil {
					t.Fatal(err)
				}
				content := contentOf(t, path)
				m, ok := newestMeta(bytes.NewReader(content), size)
				if err := checkPages(bytes.NewReader(content), size, m); err != nil || !ok {
					t.Errorf("page size %d, round %d: %v", size, round, err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func scribble(tx *bolt.Tx, random *rand.Rand, size int) error {
	for _, name := range []string{"small", "large", "empty"} {
		b, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		inner, err := b.CreateBucketIfNotExists([]byte("inner"))
		if err != nil {
			return err
		}
		n := map[string]int{"small": 1, "large": 200}[name]
		for range n {
			key := be64(random.Uint64N(5000))
			var err error
			if random.IntN(3) == 0 {
				err = inner.Delete(key)
			} else {
				err = inner.Put(key, make([]byte, random.IntN(3*size/10)+random.IntN(2)*random.IntN(20)/19*4*size))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func TestWalkRefusesEachFaultOfAPage(t *testing.T) {
	content := paged(t, minPageSize)
	m, _ := newestMeta(bytes.NewReader(content), minPageSize)
	root := int(m.root) * minPageSize
	for name, change := range map[string]func([]byte, *meta){
		"other id":                 func(c []byte, _ *meta) { c[root]++ },
		"no kind":                  func(c []byte, _ *meta) { c[root+8] = 0 },
		"two kinds":                func(c []byte, _ *meta) { c[root+8] = kindBranch | kindLeaf },
		"empty branch":             func(c []byte, _ *meta) { c[root+8], c[root+10] = kindBranch, 0 },
		"leaf taken for a branch":  func(c []byte, _ *meta) { c[root+8] = kindBranch },
		"count too large":          func(c []byte, _ *meta) { c[root+11] = 0xff },
		"overflow too long":        func(c []byte, _ *meta) { c[root+13] = 1 },
		"overflow over itself":     func(c []byte, _ *meta) { c[root+12] = byte(m.pages - m.root - 1); c[root+15] = 0xff },
		"flags":                    func(c []byte, _ *meta) { c[root+pageHeader] = 2 },
		"position":                 func(c []byte, _ *meta) { c[root+pageHeader+7] = 1 },
		"key length":               func(c []byte, _ *meta) { c[root+pageHeader+10] = 1 },
		"value length":             func(c []byte, _ *meta) { c[root+pageHeader+12] = 15 },
		"keys out of order":        func(c []byte, _ *meta) { copy(c[root+pageHeader+16:root+pageHeader+32], swapped(c, root)) },
		"root is a meta page":      func(_ []byte, m *meta) { m.root = 1 },
		"root behind the end":      func(_ []byte, m *meta) { m.root = m.pages },
		"root far behind the end":  func(_ []byte, m *meta) { m.root = 1 << 63 },
		"freelist is the root":     func(_ []byte, m *meta) { m.freelist = m.root },
		"freelist behind the end":  func(_ []byte, m *meta) { m.freelist = m.pages + 7 },
		"freelist with a count":    func(c []byte, m *meta) { c[int(m.freelist)*minPageSize+11] = 0x7f },
		"freelist with a meta":     func(c []byte, m *meta) { at := int(m.freelist) * minPageSize; c[at+10] = 1; clear(c[at+16 : at+24]) },
		"freelist counted outside": func(c []byte, m *meta) { at := int(m.freelist) * minPageSize; c[at+10], c[at+11] = 0xff, 0xff },
	} {
		damaged, meta := bytes.Clone(content), m
		change(damaged, &meta)
		if err := checkPages(bytes.NewReader(damaged), minPageSize, meta); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: checkPages = %v, want ErrDamaged", name, err)
		}
	}
	if err := checkPages(bytes.NewReader(content), minPageSize, m); err != nil {
		t.Errorf("unharmed: %v", err)
	}
}

func TestWalkRefusesABranchOutOfOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "branch.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, PageSize: minPageSize, NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		for i := range uint64(60) {
			err = errors.Join(err, b.Put(be64(i), make([]byte, 100)))
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	content := contentOf(t, path)
	m, _ := newestMeta(bytes.NewReader(content), minPageSize)
	branch := 0
	for page := 2; page < int(m.pages); page++ {
		if kindOf(content[page*minPageSize:]) == kindBranch {
			branch = page*minPageSize + pageHeader
		}
	}
	if branch == 0 {
		t.Fatal("there is no branch")
	}
	first, second := content[branch:branch+elementSize], content[branch+elementSize:branch+2*elementSize]
	was := bytes.Clone(first)
	copy(first, second)
	copy(second, was)
	first[0], second[0] = first[0]+elementSize, second[0]-elementSize // positions count from the element
	if err := checkPages(bytes.NewReader(content), minPageSize, m); !errors.Is(err, ErrDamaged) {
		t.Errorf("checkPages = %v, want ErrDamaged", err)
	}
}

func TestWalkHoldsAFreelistToItsPage(t *testing.T) {
	const fits = (minPageSize - pageHeader) / 8
	for name, c := range map[string]struct {
		kind  byte
		count byte
		first uint64 // of ids in order
		good  bool
	}{
		"full":             {kindFreelist, fits, 4, true},
		"one too many":     {kindFreelist, fits + 1, 4, false},
		"not a freelist":   {kindLeaf, fits, 4, false},
		"meta pages":       {kindFreelist, fits, 1, false},
		"behind the pages": {kindFreelist, fits, 80, false},
	} {
		file := make([]byte, 200*minPageSize)
		list, root := file[2*minPageSize:3*minPageSize], file[3*minPageSize:]
		list[0], list[8], list[10] = 2, c.kind, c.count
		for i := range uint64(fits) {
			binary.NativeEndian.PutUint64(list[pageHeader+8*i:], c.first+i)
		}
		root[0], root[8] = 3, kindLeaf
		err := checkPages(bytes.NewReader(file), minPageSize, meta{root: 3, freelist: 2, pages: 200})
		if (err == nil) != c.good || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: checkPages = %v", name, err)
		}
	}
}

// swapped is the second element of the root leaf, pointing at the first key.
func swapped(content []byte, root int) []byte {
	first := bytes.Clone(content[root+pageHeader : root+pageHeader+elementSize])
	first[4] -= elementSize
	return first
}
