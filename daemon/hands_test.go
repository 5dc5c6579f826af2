package daemon

import (
	"runtime"
	"sync"
	"testing"
)

// However much there is to do at once, it is all begun at once; and of those
// who did it only so many stay.
func TestHandsBeginAtOnceAndFewStay(t *testing.T) {
	const many = 3 * handsKept
	before := runtime.NumGoroutine()
	h := newHands()
	var begun, done sync.WaitGroup
	hold := make(chan struct{})
	begun.Add(many)
	for range many {
		done.Add(1)
		h.do(func() {
			defer done.Done()
			begun.Done()
			<-hold
		})
	}
	begun.Wait()
	close(hold)
	done.Wait()
	waitGoroutines(t, before+handsKept)
	h.rest()
	waitGoroutines(t, before)
}

func waitGoroutines(t *testing.T, most int) {
	t.Helper()
	for range 1_000_000 {
		if runtime.NumGoroutine() <= most {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("%d goroutines, want %d at most", runtime.NumGoroutine(), most)
}
