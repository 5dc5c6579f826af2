package audit_test

import (
	"bytes"
	"testing"

	"signet/daemon/internal/audit"
)

// FuzzParseEvent: no line panics, and what is accepted is written back byte
// for byte: the leaf is the line.
func FuzzParseEvent(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		event, err := audit.ParseEvent(line)
		if err != nil {
			return
		}
		again, err := event.AppendLine(nil)
		if err != nil || !bytes.Equal(again, line) {
			t.Fatalf("accepted %q, writes %q (%v)", line, again, err)
		}
		if bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("a line with a line end: %q", line)
		}
	})
}

// FuzzLoadTree: no stored frontier panics, and one that loads is stored the
// same.
func FuzzLoadTree(f *testing.F) {
	f.Fuzz(func(t *testing.T, size uint64, state []byte) {
		tree, err := audit.LoadTree(size, state)
		if err != nil {
			return
		}
		if tree.Size() != size || !bytes.Equal(tree.State(), state) {
			t.Fatalf("size %d, %x: stored as size %d, %x", size, state, tree.Size(), tree.State())
		}
		if _, err := tree.Root(); err != nil {
			t.Fatalf("root of size %d: %v", size, err)
		}
	})
}
