package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
)

// acknowledged returns the events that a child was given receipts for.
func acknowledged(t *testing.T, said []string) (acks []uint64) {
	t.Helper()
	for _, line := range said {
		var seq uint64
		if _, err := fmt.Sscanf(line, "ack %d", &seq); err == nil {
			acks = append(acks, seq)
		}
	}
	return acks
}

// A sync that failed may have lost what was written, whatever the kernel says
// later. Of the committer's thread every odd fdatasync is that of a commit's
// data and every even one that of its meta page; the first of the main thread
// is the rewrite. fsync is that of a file that grew.
func TestFailedSyncPoisons(t *testing.T) {
	for _, c := range []struct {
		fault string
		acks  int // commits before the fault
	}{
		{"fdatasync:error=EIO:when=2", 0},
		{"fdatasync:error=EIO:when=3", 1},
		{"fdatasync:error=EIO:when=5", 2},
		{"fdatasync:error=EIO:when=6", 2},
		{"fdatasync:error=ENOSPC:when=5", 2}, // a writeback that found no room
		{"fdatasync:error=ENOSPC:when=6", 2},
		{"fdatasync:error=EDQUOT:when=6", 2},
		{"fsync:error=EIO:when=1", -1},
		{"fsync:error=ENOSPC:when=1", -1},
		{"pwrite64:error=EIO:when=8", -1},
		{"pwrite64:error=EROFS:when=8", -1},
		{"ftruncate:error=EIO:when=1", -1},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel() // each waits for a disk and for strace
			path := filepath.Join(t.TempDir(), "signet.db")
			create(t, path)
			said, did := traced(t, c.fault, "record", path)
			acks := acknowledged(t, said)
			if c.acks >= 0 && len(acks) != c.acks {
				t.Errorf("%d commits were acknowledged, want %d", len(acks), c.acks)
			}
			wantPoisoned(t, said, len(acks))
			wantNoWriteAfterFault(t, did, path)
			wantMetaRewrittenAndAcknowledgedThere(t, path, acks)
		})
	}
}

// wantPoisoned: after the acknowledged commits every other one is refused,
// the callback comes once, and Close says nothing.
func wantPoisoned(t *testing.T, said []string, acks int) {
	t.Helper()
	want := slices.Repeat([]string{"poisoned"}, childCommits-acks)
	if acks == childCommits || !slices.Equal(said[acks:], append(want, "callbacks 1")) {
		t.Errorf("child said %q, want %d acks, then only poisoned, and one call of Poisoned", said, acks)
	}
}

func wantNoWriteAfterFault(t *testing.T, did []syscall, path string) {
	t.Helper()
	i := slices.IndexFunc(did, syscall.injected)
	if i < 0 {
		t.Fatalf("the fault never came: %+v", did)
	}
	if did[i].path != path {
		t.Fatalf("the fault hit %s", did[i].path)
	}
	for _, c := range did[i+1:] {
		if c.writes() && c.path == path {
			t.Errorf("%s(%s) = %s after the failed one", c.name, c.args, c.result)
		}
	}
}

// wantMetaRewrittenAndAcknowledgedThere opens the store as a restart does.
// What the page cache shows of the failed transaction may be there too.
func wantMetaRewrittenAndAcknowledgedThere(t *testing.T, path string, acks []uint64) {
	t.Helper()
	said, did := traced(t, "", "record", path)
	if got := acknowledged(t, said); len(got) != childCommits {
		t.Errorf("child said %q after a restart, want %d commits", said, childCommits)
	}
	wantMetaRewriteFirst(t, did, path)
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(context.Background()); err != nil {
		t.Error(err)
	}
	for i, seq := range acks {
		lines, err := s.Events(seq, 1)
		if err != nil || len(lines) != 1 || !bytes.Contains(lines[0], fmt.Appendf(nil, `"sig":"%d x`, i)) {
			t.Errorf("acknowledged event %d is %.80q, %v", seq, lines, err)
		}
	}
	if size := s.Position().Size; size > uint64(1+len(acks)+1+childCommits) {
		t.Errorf("%d events, of which %d and %d were acknowledged", size, len(acks), childCommits)
	}
}

func wantMetaRewriteFirst(t *testing.T, did []syscall, path string) {
	t.Helper()
	var writes []syscall
	for _, c := range did {
		if c.writes() && c.path == path {
			writes = append(writes, c)
		}
	}
	if len(writes) < 2 || writes[0].name != "pwrite64" || writes[1].name != "fdatasync" {
		t.Fatalf("the first writes are %+v, want both meta pages and their sync", writes[:min(len(writes), 2)])
	}
	length, offset := writes[0].at(t)
	if offset != 0 || length != 2*os.Getpagesize() {
		t.Errorf("the first write is %d bytes at %d, want both meta pages", length, offset)
	}
}

// The rewrite is what makes the page cache's word true again. If it cannot be
// made durable, the store stays closed.
func TestMetaRewriteThatFailsKeepsTheStoreClosed(t *testing.T) {
	path := filled(t)
	for _, fault := range []string{"fdatasync:error=EIO:when=1", "fdatasync:error=ENOSPC:when=1", "pwrite64:error=EIO:when=1"} {
		said, did := traced(t, fault, "open", path)
		if !strings.HasPrefix(said[0], "error: store is poisoned") {
			t.Errorf("%s: child said %q, want that the store is poisoned", fault, said)
		}
		wantNoWriteAfterFault(t, did, path)
	}
}

// What a poisoned store still has in memory must not be read as if it were
// the log.
func TestPoisonedStoreAnswersNothing(t *testing.T) {
	r := newRig(t, Options{})
	r.record(request("a", "s"))
	if err := r.Record(breaking()); !errors.Is(err, ErrPoisoned) {
		t.Fatalf("Record = %v, want ErrPoisoned", err)
	}
	if err := r.Err(); !errors.Is(err, ErrPoisoned) {
		t.Errorf("Err = %v, want ErrPoisoned", err)
	}
	for name, read := range map[string]func() error{
		"Events":     func() error { _, err := r.Events(0, 1); return err },
		"Event":      func() error { _, _, err := r.Event(0); return err },
		"Entries":    func() error { _, err := r.Entries(); return err },
		"Policy":     func() error { _, err := r.Policy("contracts", 1); return err },
		"Staff":      func() error { _, err := r.Staff(); return err },
		"Acts":       func() error { return r.Acts(func(*audit.Event) error { return nil }) },
		"Verify":     func() error { return r.Verify(1, audit.Hash{}) },
		"Blob":       func() error { _, err := r.Blob("00"); return err },
		"NonceUsed":  func() error { _, err := r.NonceUsed("00", time.Now()); return err },
		"Remembered": func() error { _, err := r.Remembered(hashOf("key a")); return err },
		"RootAt":     func() error { _, err := r.RootAt(1); return err },
		"Check":      func() error { return r.Check(context.Background()) },
	} {
		if err := read(); !errors.Is(err, ErrPoisoned) {
			t.Errorf("%s = %v, want ErrPoisoned", name, err)
		}
	}
}
