package daemon

import "sync/atomic"

// Hands are goroutines that answer a call and wait for the next one. A new
// goroutine for each call would grow its stack each time, which costs as much
// as to read the request and to write the answer.
type hands struct {
	work chan func()
	idle atomic.Int32
}

// handsKept is how many may wait. Each keeps its stack, some 16 KiB.
const handsKept = 128

func newHands() *hands { return &hands{work: make(chan func())} }

// do has a goroutine do it, at once.
func (h *hands) do(it func()) {
	select {
	case h.work <- it:
	default:
		go h.run(it)
	}
}

func (h *hands) run(it func()) {
	for more := true; more; {
		it()
		if h.idle.Add(1) > handsKept {
			h.idle.Add(-1)
			return
		}
		it, more = <-h.work
		h.idle.Add(-1)
	}
}

// rest lets those that wait go. Nothing may be done after it.
func (h *hands) rest() { close(h.work) }
