package stricttoml

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzParse holds two promises: nothing panics and every fault has a line of
// the text; and what is read without a fault of the text itself is TOML for
// go-toml's own decoder too, duplicates and table rules included.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := 1 + bytes.Count(text, []byte("\n"))
		_, err := read(string(text))
		var faults Faults
		if errors.As(err, &faults) {
			for _, fault := range faults {
				if fault.Line < 1 || fault.Line > lines || fault.Problem == "" {
					t.Errorf("fault %+v in a text of %d lines", fault, lines)
				}
			}
		}
		doc := Parse(text)
		if len(doc.faults.kept) > 0 || !judged(doc.root) {
			return
		}
		var decoded map[string]any
		if err := toml.Unmarshal(text, &decoded); err != nil {
			t.Errorf("read without fault, but go-toml says: %v", err)
		}
	})
}

// judged tells whether the tree has only kinds whose values Parse checks.
// Floats and local times are never read by anybody, so it does not; dates are
// for who reads them.
func judged(n *node) bool {
	if n.kind == kindFloat || n.kind == kindLocalTime || n.kind == kindDate {
		return false
	}
	for _, item := range n.list {
		if !judged(item) {
			return false
		}
	}
	for _, field := range n.fields {
		if !judged(field) {
			return false
		}
	}
	return true
}
