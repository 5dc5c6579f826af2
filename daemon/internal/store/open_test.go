package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// wantRefused opens path in a process of its own, since some of what could go
// wrong (SIGBUS) is the end of a process, and then in this one for the error.
// The file must be as it was.
func wantRefused(t *testing.T, path string, want error) {
	t.Helper()
	before := contentOf(t, path)
	cmd := childCommand(t, "open", path)
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("opening = %v, want an error and exit status 1\n%s", err, out)
	}
	s, err := Open(path, Options{Now: time.Now})
	if !errors.Is(err, want) {
		t.Errorf("Open = %v, want %v", err, want)
	}
	if err == nil {
		s.Close()
	}
	if after := contentOf(t, path); !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %d bytes of %x, were %d of %x", len(after), sha256.Sum256(after), len(before), sha256.Sum256(before))
	}
}

func TestFileThatIsNoStoreIsRefused(t *testing.T) {
	noise := make([]byte, 64<<10)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(noise)
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"empty":        {nil, ErrForeign},
		"one byte":     {[]byte{0}, ErrForeign},
		"random bytes": {noise, ErrForeign},
		"zeros":        {make([]byte, 64<<10), ErrForeign},
		"sqlite":       {append([]byte("SQLite format 3\x00"), noise[:8192]...), ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "signet.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			wantRefused(t, path, c.want)
		})
	}
}

func TestMissingFileIsNotMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	if _, err := Open(path, Options{Now: time.Now}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open = %v, want fs.ErrNotExist", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat after it = %v", err)
	}
}

func TestSymbolicLinkIsNotFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	create(t, path)
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link, Options{Now: time.Now}); err == nil {
		t.Error("a store was opened through a symbolic link")
	}
}

func TestStoreOfSomebodyElseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	edit(t, path, func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("theirs"))
		if err != nil {
			return err
		}
		return b.Put([]byte("k"), []byte("v"))
	})
	wantRefused(t, path, ErrForeign)
}

// filled is a closed store with a register and enough events for a few pages.
func filled(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "signet.db")
	create(t, path)
	s, err := Open(path, Options{Now: newTestClock().now})
	if err != nil {
		t.Fatal(err)
	}
	commits := []*Commit{act(entry(t, "contracts", 1)), request("a", "s")}
	for range 10 {
		commits = append(commits, uses(make([]string, 20)...))
	}
	for _, c := range commits {
		if err := s.Record(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTruncatedStoreIsRefused(t *testing.T) {
	path := filled(t)
	whole := contentOf(t, path)
	m, _ := newestMeta(bytes.NewReader(whole), os.Getpagesize())
	used := int(m.pages) * os.Getpagesize()
	if used < 10*os.Getpagesize() || used > len(whole) {
		t.Fatalf("%d of %d bytes are in use", used, len(whole))
	}
	for _, size := range []int{1, 20, 4095, 4096, 8191, 8192, 8193, 12288, 16384, used / 2, used - os.Getpagesize(), used - 1} {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		want := ErrDamaged
		if size < pageHeader+metaSize {
			want = ErrForeign
		}
		wantRefused(t, path, want)
	}
}

func TestOpeningChangesNothing(t *testing.T) {
	path := filled(t)
	before := contentOf(t, path)
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, contentOf(t, path)) {
		t.Error("the file was changed")
	}
}

// What somebody changed who knows the format, or what a fault of the disk
// left, is found when the store is opened.
func TestDamagedStoreIsRefused(t *testing.T) {
	put := func(bucket, key, value []byte) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put(key, value) }
	}
	drop := func(bucket, key []byte) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error { return tx.Bucket(bucket).Delete(key) }
	}
	tests := map[string]struct {
		change func(*bolt.Tx) error
		want   error
	}{
		"newer schema":         {put(bucketMeta, keySchema, be64(Schema+1)), ErrNewer},
		"schema of 3 bytes":    {put(bucketMeta, keySchema, []byte{0, 0, 1}), ErrDamaged},
		"no schema":            {drop(bucketMeta, keySchema), ErrDamaged},
		"no epoch":             {drop(bucketMeta, keyEpoch), ErrDamaged},
		"no last act":          {drop(bucketMeta, keyLastAct), ErrDamaged},
		"no meta":              {func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketMeta) }, ErrForeign},
		"frontier cut":         {put(bucketState, keyFrontier, make([]byte, 31)), ErrDamaged},
		"frontier of 0 hashes": {put(bucketState, keyFrontier, []byte{}), ErrDamaged},
		"frontier of another size": {func(tx *bolt.Tx) error {
			state := tx.Bucket(bucketState)
			return state.Put(keyFrontier, append(state.Get(keyFrontier), make([]byte, 32)...))
		}, ErrDamaged},
		"size too large":       {put(bucketState, keySize, be64(1000)), ErrDamaged},
		"size too small":       {put(bucketState, keySize, be64(1)), ErrDamaged},
		"no size":              {drop(bucketState, keySize), ErrDamaged},
		"no recorded":          {drop(bucketState, keyRecorded), ErrDamaged},
		"last event gone":      {drop(bucketEvent, be64(202)), ErrDamaged},
		"event with a key too": {put(bucketEvent, []byte("zz"), []byte("x")), ErrDamaged},
		"all events gone": {func(tx *bolt.Tx) error {
			if err := tx.DeleteBucket(bucketEvent); err != nil {
				return err
			}
			_, err := tx.CreateBucket(bucketEvent)
			return err
		}, ErrDamaged},
		"genesis event altered": {func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketEvent)
			return b.Put(be64(0), bytes.Replace(b.Get(be64(0)), []byte(`"unsigned"`), []byte(`"approved"`), 1))
		}, ErrDamaged},
		"genesis content altered": {func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketMeta)
			return b.Put(keyGenesis, bytes.Replace(b.Get(keyGenesis), []byte(`"mixed"`), []byte(`"gm"`), 1))
		}, ErrDamaged},
		"appliance id altered":      {put(bucketMeta, keyAppliance, bytes.Repeat([]byte("0"), 64)), ErrDamaged},
		"idempotency record cut":    {put(bucketIdem, be64(2), []byte("x")), ErrDamaged},
		"idempotency key of 1 byte": {put(bucketIdem, []byte("x"), make([]byte, idemHead)), ErrDamaged},
	}
	for _, name := range buckets[1:] {
		tests["no bucket "+string(name)] = struct {
			change func(*bolt.Tx) error
			want   error
		}{func(tx *bolt.Tx) error { return tx.DeleteBucket(name) }, ErrDamaged}
	}
	path := filled(t)
	whole := contentOf(t, path)
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			edit(t, path, c.change)
			wantRefused(t, path, c.want)
		})
	}
}

// A record of the register that somebody altered costs that entry, not the
// appliance: the store opens, and no use of it is recorded as allowed under
// the revision that it had.
func TestRecordThatCannotBeReadEndsItsEntryOnly(t *testing.T) {
	path := filled(t)
	whole := contentOf(t, path)
	for name, record := range map[string][]byte{"no record": []byte("{}"), "cut": []byte(`{"class":"key"`), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(bucketEntry).Put([]byte("contracts"), record) })
			s, err := Open(path, Options{Now: newTestClock().now})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if entries, err := s.Entries(); err != nil || !bytes.Equal(entries["contracts"], record) {
				t.Errorf("Entries = %q, %v, want the bytes as they are", entries, err)
			}
			late := guarded("late", 1)
			if err := s.Record(late); err != nil || !late.Overtaken {
				t.Errorf("a use under the revision it had: overtaken %v, %v", late.Overtaken, err)
			}
			other := act(entry(t, "invoices", 1))
			if err := s.Record(other); err != nil {
				t.Errorf("another entry: %v", err)
			}
		})
	}
}

// The whole log is never read at start, so these open. Check finds them.
func TestCheckFindsAnAlteredLog(t *testing.T) {
	for name, change := range map[string]func(*bolt.Tx) error{
		"frontier": func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketState)
			frontier := bytes.Clone(b.Get(keyFrontier))
			frontier[0] ^= 1
			return b.Put(keyFrontier, frontier)
		},
		"a bit of an event": func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketEvent)
			return b.Put(be64(9), bytes.Replace(b.Get(be64(9)), []byte("digest"), []byte("digesu"), 1))
		},
		"an event twice": func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketEvent)
			return b.Put(be64(9), bytes.Clone(b.Get(be64(8))))
		},
		"an event taken away": func(tx *bolt.Tx) error { return tx.Bucket(bucketEvent).Delete(be64(9)) },
		"an event emptied":    func(tx *bolt.Tx) error { return tx.Bucket(bucketEvent).Put(be64(9), nil) },
		"an event that is not canonical": func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketEvent)
			return b.Put(be64(9), append([]byte(" "), b.Get(be64(9))...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			edit(t, path, change)
			s, err := Open(path, Options{Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Check(context.Background()); !errors.Is(err, ErrDamaged) {
				t.Errorf("Check = %v, want ErrDamaged", err)
			}
		})
	}
}

// Whoever changes a line can compute the frontier anew. Order is then all that
// this file alone can show; the rest is the anchors' matter.
func TestCheckFindsAnEventThatWasRecordedTooEarly(t *testing.T) {
	path := filled(t)
	edit(t, path, func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketEvent)
		e, err := audit.ParseEvent(b.Get(be64(9)))
		if err != nil {
			return err
		}
		e.Recorded = audit.At(e.Recorded.Time().Add(-time.Hour))
		line, err := e.AppendLine(nil)
		if err != nil {
			return err
		}
		return errors.Join(b.Put(be64(9), line), rebuildFrontier(tx))
	})
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(context.Background()); !errors.Is(err, ErrDamaged) {
		t.Errorf("Check = %v, want ErrDamaged", err)
	}
}

func rebuildFrontier(tx *bolt.Tx) error {
	h, err := loadHead(tx)
	if err != nil {
		return err
	}
	h.tree = audit.NewTree()
	if err := tx.Bucket(bucketEvent).ForEach(func(_, line []byte) error { return h.tree.Append(audit.LeafHash(line)) }); err != nil {
		return err
	}
	return h.save(tx)
}

func TestEventThatIsMissingIsNotTheNextOne(t *testing.T) {
	path := filled(t)
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(bucketEvent).Delete(be64(9)) })
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if e, _, err := s.Event(9); e != nil || err != nil {
		t.Errorf("Event(9) = %+v, %v, want none", e, err)
	}
}
