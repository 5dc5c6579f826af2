package daemon

import (
	"container/list"
	"context"
	"sync"
)

// A turnstile lets a bounded number of items at a token's sessions, and takes
// the uids that wait in turn, an item each: a uid with a thousand items
// waiting delays another's single one by one item, not by a thousand.
type turnstile struct {
	mu    sync.Mutex
	slots int
	free  int              // at most 0 while anybody waits; less while more are held than there are
	ring  list.List        // of *line: uids with waiters; the first is next
	lines map[uint32]*line // by uid, while it has waiters
}

// A line is what one uid has waiting, in the order in which it came. Lists,
// so that thousands of deadlines that pass at once cost a step each, not a
// search each.
type line struct {
	uid     uint32
	waiters list.List     // of *waiter
	place   *list.Element // in the ring
}

type waiter struct {
	want    int           // slots
	granted int           // of them
	turn    chan struct{} // closed when there is one
	line    *line
	place   *list.Element // in the line; nil once it has its turn
}

func newTurnstile(slots int) *turnstile {
	return &turnstile{slots: slots, free: slots, lines: map[uint32]*line{}}
}

// enter waits for uid's turn, with so many items at hand. It returns how many
// slots the caller holds, 1 to want, and must give back; more than one only
// where nobody else would have had them.
func (t *turnstile) enter(ctx context.Context, uid uint32, want int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	t.mu.Lock()
	if granted := min(t.free, want); granted > 0 {
		t.free -= granted
		t.mu.Unlock()
		return granted, nil
	}
	w := t.wait(uid, want)
	t.mu.Unlock()
	select {
	case <-w.turn:
	case <-ctx.Done():
		t.giveUp(w)
		return 0, ctx.Err()
	}
	// The turn may have come when the deadline had passed already: a select
	// chooses by lot, and what is too late must not reach the token.
	if err := ctx.Err(); err != nil {
		t.leave(w.granted)
		return 0, err
	}
	return w.granted, nil
}

func (t *turnstile) wait(uid uint32, want int) *waiter {
	if !turnsByUID {
		uid = 0
	}
	l := t.lines[uid]
	if l == nil {
		l = &line{uid: uid}
		t.lines[uid] = l
		l.place = t.ring.PushBack(l)
	}
	w := &waiter{want: want, turn: make(chan struct{}), line: l}
	w.place = l.waiters.PushBack(w)
	return w
}

// giveUp leaves the line; if the turn came at the same moment, it is passed on.
func (t *turnstile) giveUp(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.place == nil {
		t.pass(w.granted)
		return
	}
	t.remove(w)
}

// leave gives n slots to the uids in turn, a slot each.
func (t *turnstile) leave(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass(n)
}

// resize sets how many slots there are. Those that are held beyond it go when
// they are given back.
func (t *turnstile) resize(slots int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	more := slots - t.slots
	t.slots = slots
	t.pass(more)
}

// pass frees n slots, or takes as many away if n is negative, and gives what
// is free to those that wait: a slot to each uid in turn, and again, until a
// waiter has what it wants. It goes on with what it has when the slots are
// used up.
func (t *turnstile) pass(n int) {
	var called []*waiter
	for t.free += n; t.free > 0 && t.ring.Len() > 0; t.free-- {
		next := t.ring.Front()
		t.ring.MoveToBack(next)
		w := next.Value.(*line).waiters.Front().Value.(*waiter)
		if w.granted++; w.granted == 1 {
			called = append(called, w)
		}
		if w.granted == w.want {
			t.remove(w)
		}
	}
	for _, w := range called {
		if w.place != nil {
			t.remove(w)
		}
		close(w.turn)
	}
}

// remove takes w out of its line, and the line out of the ring if it was the
// last.
func (t *turnstile) remove(w *waiter) {
	l := w.line
	l.waiters.Remove(w.place)
	w.place = nil
	if l.waiters.Len() == 0 {
		delete(t.lines, l.uid)
		t.ring.Remove(l.place)
	}
}
