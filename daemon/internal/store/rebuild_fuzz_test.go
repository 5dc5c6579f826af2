package store

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"signet/daemon/internal/backup"
)

// FuzzRebuild: no records panic or leave a store that cannot be opened. Who
// makes a backup need not be who restores it.
func FuzzRebuild(f *testing.F) {
	zero := strings.Repeat("0", 64)
	h := backup.Header{Appliance: zero, Name: "fuzz", Root: zero, Schema: Schema, Size: 1, Created: "2026-03-01T09:00:00Z"}
	f.Fuzz(func(t *testing.T, stream []byte) {
		path := filepath.Join(t.TempDir(), "built.db")
		b, err := newBuilder(path)
		if err != nil {
			t.Fatal(err)
		}
		next := backup.NewDecoder(bytes.NewReader(stream), h).Next
		for {
			r, err := wholeRecord(next)
			if err != nil || b.put(r) != nil {
				break // what came before it is a store, or is not
			}
		}
		if _, err := b.finish(); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("finish: %v, want ErrDamaged", err)
			}
			b.close()
			return
		}
		if err := errors.Join(b.commit(), b.close()); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{Now: newTestClock().now})
		if err != nil {
			t.Fatalf("what was rebuilt does not open: %v", err)
		}
		if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
			t.Fatal(err)
		}
	})
}
