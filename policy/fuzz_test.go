package policy

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzParse: no text panics; a policy that is read is read from its own text
// again as the same policy, and refuses the zero request.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			if !reflect.DeepEqual(p, Policy{}) {
				t.Error("a refused policy is not the zero policy")
			}
			return
		}
		again, err := Parse([]byte(p.Text()))
		if err != nil || !reflect.DeepEqual(p, again) || p.Hash() != again.Hash() {
			t.Errorf("parsing the policy's own text: %v", err)
		}
		everybody := Lookup{User: anyID, Group: anyID}
		then, err := Resolve(p, everybody)
		if err != nil {
			t.Fatalf("Resolve: %v", err)
		}
		b, stale := Bind(p, then, everybody)
		if len(stale) > 0 {
			t.Errorf("stale at once: %v", stale)
		}
		if Decide(b, Usage{}, Request{}, Instant{}).Allowed() {
			t.Error("the zero request is allowed")
		}
	})
}

func anyID(string) (uint32, error) { return 1001, nil }

// FuzzReplay: no recorded arguments panic, and what replays is recorded as
// the same decision again.
func FuzzReplay(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		var a Arguments
		if json.Unmarshal(line, &a) != nil {
			return
		}
		b, then := mustBind(t, contracts)
		want, err := a.Replay(b.Policy(), then)
		if err != nil {
			return
		}
		r, err := a.request()
		if err != nil {
			t.Fatal(err)
		}
		clock, err := parseClock(a.Clock)
		if err != nil {
			t.Fatal(err)
		}
		again := Record(a.bound(b.Policy(), then), Usage{}, r, Instant{a.Decided, a.Local, clock})
		got, err := again.Replay(b.Policy(), then)
		if err != nil || got != want {
			t.Errorf("recorded again: %+v, %v, want %+v", got, err, want)
		}
	})
}
