package screen

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// quiet is how long nothing is said: most answers come sooner.
const quiet = time.Second

// Waiting writes what is waited for to w, which must be a terminal, after one
// second and then each second anew, until the function it returns is called.
// That wipes the line, and returns when nothing more will be written. what is
// asked each time, from another goroutine.
func Waiting(w io.Writer, what func() string) (stop func()) {
	done := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		begun := time.Now()
		ticker := time.NewTicker(quiet)
		defer ticker.Stop()
		shown := false
		for {
			select {
			case <-ticker.C:
				fmt.Fprintf(w, "\r\x1b[K%s %d s", Cut(Clean(what()), Columns-10), int(time.Since(begun).Seconds()))
				shown = true
			case <-done:
				if shown {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		loop.Wait()
	})
}
