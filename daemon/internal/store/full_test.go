package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signet/testsoftHSM/need"
)

// fillUp records until the store says that it is full and returns how many
// events it then has.
func fillUp(t *testing.T, s *Store) uint64 {
	t.Helper()
	for i := range 10_000 {
		before := s.Position()
		c := request(fmt.Sprint(before.Size, "try", i), strings.Repeat("x", 2000))
		err := s.Record(c)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("Record = %v, want ErrFull", err)
		}
		if s.Position() != before || len(c.Receipts) != 0 {
			t.Errorf("the commit that found no room moved the log from %+v to %+v", before, s.Position())
		}
		if record, err := s.Remembered(c.Idem.Key); record != nil || err != nil {
			t.Errorf("the request that found no room is remembered: %+v, %v", record, err)
		}
		if e, _, err := s.Event(before.Size); e != nil || err != nil {
			t.Errorf("its event is there: %+v, %v", e, err)
		}
		return before.Size
	}
	t.Fatal("the store never was full")
	return 0
}

func TestFullStoreRefusesAndGoesOnWithMoreRoom(t *testing.T) {
	r := newRig(t, Options{MaxSize: 256 << 10, Poisoned: func(err error) { t.Errorf("poisoned: %v", err) }})
	size := fillUp(t, r.Store)
	if again := fillUp(t, r.Store); again < size {
		t.Errorf("%d events after the second try, %d after the first", again, size)
	}
	size = r.Position().Size
	if err := r.Check(context.Background()); err != nil {
		t.Errorf("Check of a full store: %v", err)
	}
	r.options.MaxSize = 1 << 20
	r.reopen()
	if got := r.Position().Size; got != size {
		t.Errorf("%d events after reopening, want %d", got, size)
	}
	r.record(request("more", strings.Repeat("x", 2000)))
	r.wantItems("more", IdemItem{Allowed: true, Event: size})
}

// A disk that is really full: a tmpfs of our own. The store goes on when
// there is room again, without being opened anew.
func TestFullDiskRefusesAndGoesOnWithMoreRoom(t *testing.T) {
	need.Root(t, "mounts a file system")
	dir := t.TempDir()
	if err := unix.Mount("signet-test", dir, "tmpfs", 0, "size=400k"); err != nil {
		t.Fatalf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "signet.db")
	create(t, path)
	options := Options{Now: newTestClock().now, Poisoned: func(err error) { t.Errorf("poisoned: %v", err) }}
	s, err := Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	size := fillUp(t, s)
	if err := s.Check(context.Background()); err != nil {
		t.Errorf("Check on a full disk: %v", err)
	}
	if err := unix.Mount("signet-test", dir, "tmpfs", unix.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	more := request("more", strings.Repeat("x", 2000))
	if err := s.Record(more); err != nil || more.Receipts[0].Event < size {
		t.Errorf("Record with room again = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path, options); err != nil {
		t.Fatal(err)
	}
	if s.Position().Size != more.Receipts[0].Event+1 {
		t.Errorf("%d events after reopening, want %d", s.Position().Size, more.Receipts[0].Event+1)
	}
	if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
		t.Error(err)
	}
}

// No room at any of the writes of a commit, the meta page's too, costs that
// commit and nothing else.
func TestNoRoomAtAnyWriteCostsOneCommit(t *testing.T) {
	for _, fault := range []string{
		"ftruncate:error=ENOSPC:when=1", "ftruncate:error=EDQUOT:when=1", "pwrite64:error=EDQUOT:when=3", "pwrite64:error=EFBIG:when=4",
		"pwrite64:error=ENOSPC:when=2", "pwrite64:error=ENOSPC:when=5", "pwrite64:error=ENOSPC:when=6", "pwrite64:error=ENOSPC:when=7",
		"pwrite64:error=ENOSPC:when=8", "pwrite64:error=ENOSPC:when=9",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel() // each waits for a disk and for strace
			path := filepath.Join(t.TempDir(), "signet.db")
			create(t, path)
			said, did := traced(t, fault, "record", path)
			if !slices.ContainsFunc(did, syscall.injected) {
				t.Fatalf("the fault never came: %+v", did)
			}
			acks := acknowledged(t, said)
			if len(acks) != childCommits-1 || !slices.Contains(said, "full") || !slices.Contains(said, "callbacks 0") {
				t.Errorf("child said %q, want one commit refused as full", said)
			}
			s, err := Open(path, Options{Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			if s.Position().Size != childCommits {
				t.Errorf("%d events, want genesis and %d", s.Position().Size, childCommits-1)
			}
			if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}
