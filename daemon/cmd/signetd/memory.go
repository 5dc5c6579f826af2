package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The heap of a daemon under load is a few MiB that live and much that does
// not: by default the collector would run a dozen times a second, at several
// per cent of the processor. Here it runs when the process has memoryLimit of
// its own, or memoryRoom and half as much again as what lives, where that is
// more: a limit that what lives reaches would have it run without end. Stacks
// come on top, since no collection frees those of goroutines that wait. So the
// memory of the process is the same after a minute of load and after a month.
const (
	memoryLimit = 40 << 20 // bytes
	memoryRoom  = 16 << 20
	memoryLook  = time.Second
)

// tuneMemory sets how much memory the collector may leave unused until ctx
// ends.
func tuneMemory(ctx context.Context) {
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(-1) // by the limit alone
	look := time.NewTicker(memoryLook)
	defer look.Stop()
	sample := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/memory/classes/metadata/other:bytes"},
	}
	for {
		metrics.Read(sample)
		live := int64(sample[0].Value.Uint64())
		besides := int64(sample[1].Value.Uint64() + sample[2].Value.Uint64())
		debug.SetMemoryLimit(max(memoryLimit, memoryRoom+live+live/2) + besides)
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
