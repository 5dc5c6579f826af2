package daemon

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

func TestTurnstileTakesUIDsInTurn(t *testing.T) {
	gate := newTurnstile(1)
	mustEnter(t, gate, 1)
	order := make(chan uint32, 12)
	var wait sync.WaitGroup
	queue := func(uid uint32, depth int) {
		wait.Go(func() {
			n, err := gate.enter(context.Background(), uid, 1)
			if err != nil {
				t.Error(err)
			}
			order <- uid
			gate.leave(n)
		})
		for gate.waiting(uid) != depth {
			runtime.Gosched()
		}
	}
	for i := range 10 {
		queue(1, i+1) // a flood
	}
	queue(2, 1)
	queue(3, 1)
	gate.leave(1)
	wait.Wait()
	var got [4]uint32
	for i := range got {
		got[i] = <-order
	}
	if got != [4]uint32{1, 2, 3, 1} {
		t.Errorf("turns = %v, want 1 2 3 1", got)
	}
}

func (t *turnstile) waiting(uid uint32) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lines[uid]; l != nil {
		return l.waiters.Len()
	}
	return 0
}

func TestTurnstileForgetsWhoGaveUp(t *testing.T) {
	gate := newTurnstile(1)
	mustEnter(t, gate, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := gate.enter(ctx, 2, 1)
		done <- err
	}()
	for gate.waiting(2) != 1 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	gate.leave(1)
	mustEnter(t, gate, 3)
	if gate.waiting(2) != 0 {
		t.Error("who gave up still waits")
	}
}

// A uid alone takes what is free at once; slots that others wait for go to
// each of them, one at a time.
func TestTurnstileGivesSeveralSlotsOnlyWhereNobodyElseWaits(t *testing.T) {
	gate := newTurnstile(4)
	if n, err := gate.enter(context.Background(), 1, 16); err != nil || n != 4 {
		t.Fatalf("enter alone = %d, %v, want all 4 slots", n, err)
	}
	type grant struct {
		uid uint32
		n   int
	}
	granted := make(chan grant, 2)
	for _, uid := range []uint32{1, 2} {
		go func() {
			n, err := gate.enter(context.Background(), uid, 16)
			if err != nil {
				t.Error(err)
			}
			granted <- grant{uid, n}
		}()
		for gate.waiting(uid) != 1 {
			runtime.Gosched()
		}
	}
	gate.leave(4)
	for range 2 {
		if g := <-granted; g.n != 2 {
			t.Errorf("uid %d was given %d of 4 slots, want 2", g.uid, g.n)
		}
	}
}

func TestTurnstileOfAnotherSize(t *testing.T) {
	gate := newTurnstile(1)
	gate.resize(3)
	if n, err := gate.enter(context.Background(), 1, 16); err != nil || n != 3 {
		t.Fatalf("enter = %d, %v, want the 3 slots it was given", n, err)
	}
	gate.resize(1)
	gate.leave(2) // two of the three are no more
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if n, err := gate.enter(ctx, 1, 1); !errors.Is(err, context.Canceled) || n != 0 {
		t.Fatalf("enter = %d, %v", n, err)
	}
	if gate.free != 0 {
		t.Errorf("%d slots are free, want none: one is held and there is one", gate.free)
	}
	gate.leave(1)
	mustEnter(t, gate, 2)
}
