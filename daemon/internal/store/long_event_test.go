package store

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/backup"
)

// signedBy is a commit whose event has signatures of that many bytes.
func signedBy(size int) *Commit {
	return &Commit{Events: []*audit.Event{{
		Kind: audit.KindAct, Op: "entry.suspend", Result: audit.Refused, ActSigs: []string{"ssh:" + strings.Repeat("A", size)},
	}}}
}

// An act of many officers makes an event that is longer than a part of a
// backup: it is backed up and restored as every other.
func TestEventOfManySignaturesIsBackedUp(t *testing.T) {
	r := newRig(t, Options{})
	r.record(signedBy(5 << 20))
	r.record(uses("after"))
	n := snapshot(t, r.Store)
	records := collected(t, n, func(backup.Record) {})
	other := r.rebuilt(n.Position, records)
	for seq := range n.Size {
		want, err := r.Events(seq, 1)
		got, gotErr := other.Events(seq, 1)
		if err = errors.Join(err, gotErr); err != nil || !bytes.Equal(got[0], want[0]) {
			t.Errorf("event %d is %d bytes after the restore, was %d (%v)", seq, len(got[0]), len(want[0]), err)
		}
	}
}

func TestPageOfLongEventsIsBounded(t *testing.T) {
	r := newRig(t, Options{})
	const events, size = 5, 1500 << 10
	for range events {
		r.record(signedBy(size))
	}
	for from := uint64(1); from < r.Position().Size; {
		lines, err := r.Events(from, maxPage)
		if err != nil || len(lines) == 0 {
			t.Fatalf("Events(%d) = %d lines, %v", from, len(lines), err)
		}
		total := 0
		for _, line := range lines {
			total += len(line)
		}
		if before := total - len(lines[len(lines)-1]); before >= maxPageBytes {
			t.Errorf("a page from %d has %d bytes before its last line, want less than %d", from, before, maxPageBytes)
		}
		from += uint64(len(lines))
	}
	if err := r.Check(context.Background()); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	r := newRig(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Check = %v, want the end of the context", err)
	}
}
