package authority_test

import (
	"bytes"
	"testing"

	"signet/daemon/internal/authority"
)

// FuzzParseAct: no bytes panic, and what is accepted has one form: the bytes
// that were signed are those that the act is.
func FuzzParseAct(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		act, err := authority.ParseAct(data)
		if err != nil {
			if act != (authority.Act{}) {
				t.Error("a refused act is not the zero act")
			}
			return
		}
		again, err := act.Bytes()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
		if _, err := act.Expiry(); err != nil {
			t.Fatalf("accepted without an expiry: %v", err)
		}
	})
}

// FuzzParseGenesis: no content panics, and what is accepted takes no acts
// from outside the group.
func FuzzParseGenesis(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := authority.ParseGenesis(data)
		if err != nil {
			return
		}
		if g.Authorise(authority.Act{}, nil, false) == nil {
			t.Fatalf("%+v takes acts from anybody", g)
		}
	})
}
