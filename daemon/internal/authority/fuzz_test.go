package authority_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/protocol/canonical"
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

// FuzzParseSignatures: no texts panic, and what is accepted is written back the
// same.
func FuzzParseSignatures(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		texts := strings.Split(string(data), "\n")
		signatures, err := authority.ParseSignatures(texts)
		if err != nil {
			if signatures != nil {
				t.Error("signatures with an error")
			}
			return
		}
		if again := authority.SignatureTexts(signatures); !slices.Equal(again, texts) {
			t.Fatalf("accepted %q, writes %q", texts, again)
		}
	})
}

// FuzzParseGenesis: no content panics; what is accepted has one form, takes no
// act from outside the group, and with officers none that nobody signed.
func FuzzParseGenesis(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := authority.ParseGenesis(data)
		if err != nil {
			if !reflect.DeepEqual(g, authority.Genesis{}) {
				t.Error("a refused genesis is not the zero genesis")
			}
			return
		}
		if again, err := canonical.Marshal(g); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
		for _, rule := range authority.Rules() {
			c := authority.Case{Act: authority.Act{Kind: rule.Kind}, Content: []byte("{}")}
			if _, err := g.Authorise(g.Roll(), c); err == nil {
				t.Fatalf("%+v takes %s from anybody", g, rule.Kind)
			}
			c.InAdminGroup = true
			if _, err := g.Authorise(g.Roll(), c); err == nil && g.Authority != authority.Development && !rule.Unsigned {
				t.Fatalf("%+v takes %s unsigned", g, rule.Kind)
			}
		}
	})
}
