package main

import (
	"os"
	"runtime"
)

// tuneProcessors gives the scheduler one processor more than the machine has:
// one is nearly always held by a call inside a module or by a sync, and to take
// it back costs the scheduler more than that call does. GOMAXPROCS in the
// environment is left as it is.
func tuneProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	}
}
