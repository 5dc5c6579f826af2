package daemon

import (
	"testing"
	"time"

	"signet/hsm"
)

// A session takes many items of a module that is fast, one of a module that is
// slow, and one again when a module that was fast misses a deadline: no
// signature comes from it then that would say so.
func TestShareFollowsTheModule(t *testing.T) {
	tok := newToken(nil, hsm.TokenStatus{Name: "seals", Configured: 2}, newMetrics().token("seals"))
	want := func(share int) {
		t.Helper()
		if got, slots := tok.take(shareMost), tok.gate.slots; got != share || slots != perSession*2*share {
			t.Errorf("share %d with %d slots, want %d with %d", got, slots, share, perSession*2*share)
		}
	}
	want(1)
	for range 100 {
		tok.learn(50 * time.Microsecond)
	}
	want(shareMost)
	tok.doubt(&hsm.Error{Class: hsm.ClassRequest})
	want(shareMost)
	tok.doubt(&hsm.Error{Class: hsm.ClassDeadline})
	want(1)
	for range 100 {
		tok.learn(5 * time.Millisecond)
	}
	want(1)
}
