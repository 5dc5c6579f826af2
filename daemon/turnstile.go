package daemon

import (
	"context"
	"sync"
)

// A turnstile lets a bounded number of items at a token's sessions, and takes
// the uids that wait in turn, an item each: a uid with a thousand items
// waiting delays another's single one by one item, not by a thousand.
type turnstile struct {
	mu    sync.Mutex
	free  int
	ring  []*line          // uids with waiters; the first is next
	lines map[uint32]*line // by uid, while it has waiters
}

type line struct {
	uid     uint32
	waiters []chan struct{}
}

func newTurnstile(slots int) *turnstile {
	return &turnstile{free: slots, lines: map[uint32]*line{}}
}

// enter waits for uid's turn. On nil the caller holds a slot and must leave.
func (t *turnstile) enter(ctx context.Context, uid uint32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	turn := t.wait(uid)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		t.giveUp(uid, turn)
		return ctx.Err()
	}
}

func (t *turnstile) wait(uid uint32) chan struct{} {
	l := t.lines[uid]
	if l == nil {
		l = &line{uid: uid}
		t.lines[uid] = l
		t.ring = append(t.ring, l)
	}
	turn := make(chan struct{})
	l.waiters = append(l.waiters, turn)
	return turn
}

// giveUp leaves the line; if the turn came at the same moment, it is passed on.
func (t *turnstile) giveUp(uid uint32, turn chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lines[uid]; l != nil {
		for i, w := range l.waiters {
			if w == turn {
				l.waiters = append(l.waiters[:i], l.waiters[i+1:]...)
				t.dropIfEmpty(l)
				return
			}
		}
	}
	t.pass()
}

// leave gives the slot to the next uid in turn.
func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass()
}

func (t *turnstile) pass() {
	if len(t.ring) == 0 {
		t.free++
		return
	}
	l := t.ring[0]
	close(l.waiters[0])
	l.waiters = l.waiters[1:]
	t.ring = append(t.ring[1:], l)
	t.dropIfEmpty(l)
}

func (t *turnstile) dropIfEmpty(l *line) {
	if len(l.waiters) > 0 {
		return
	}
	delete(t.lines, l.uid)
	for i, other := range t.ring {
		if other == l {
			t.ring = append(t.ring[:i], t.ring[i+1:]...)
			return
		}
	}
}
