package register_test

import (
	"bytes"
	"reflect"
	"testing"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
)

// FuzzParseRecord: no bytes of the store panic; what is accepted is written
// back the same, has a key that can be used, and moves by the rules.
func FuzzParseRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := register.Parse(data)
		if err != nil {
			return
		}
		again, err := e.Marshal()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
		if e.Class == register.ClassKey {
			if _, _, err := e.Key.Parse(); err != nil {
				t.Fatalf("accepted with a key that is none: %v", err)
			}
		}
		for name, move := range moves {
			after, err := move(e)
			if err != nil {
				continue
			}
			if after.Rev != e.Rev+1 {
				t.Fatalf("%s moves revision %d to %d", name, e.Rev, after.Rev)
			}
			if name == "suspend" && after.MaySign() {
				t.Fatal("a suspended entry may sign")
			}
		}
	})
}

// FuzzParsePolicyRecord: no bytes panic, and what is accepted is written back
// the same.
func FuzzParsePolicyRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		r, p, err := register.ParsePolicyRecord(data)
		if err != nil {
			return
		}
		again, err := r.Marshal()
		if err != nil || !bytes.Equal(again, data) || p.Text() != r.Text {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
	})
}

// FuzzParseFacts: no bytes panic; what is accepted under its own hash is
// written back the same, and under no other hash.
func FuzzParseFacts(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		hash := authority.ContentHash(data)
		facts, err := register.ParseFacts(data, hash)
		if err != nil {
			if !reflect.DeepEqual(facts, register.Facts{}) {
				t.Error("refused facts are not the zero facts")
			}
			return
		}
		if again, err := facts.Marshal(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
		if _, err := register.ParseFacts(append(data, ' '), hash); err == nil {
			t.Fatal("other bytes are taken under the same hash")
		}
	})
}
