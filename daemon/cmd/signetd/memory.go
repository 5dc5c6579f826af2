package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The heap of a daemon under load is a few MiB that live and much that does
// not: by default the collector would run a dozen times a second, at several
// per cent of the processor. It may leave more lying about, until the process
// has memoryLimit of its own, or memoryRoom and half as much again as what
// lives, where that is more: a limit that what lives reaches would have the
// collector run without end. Stacks come on top, since no collection frees
// those of goroutines that wait.
const (
	heapPercent = 400
	memoryLimit = 44 << 20 // bytes
	memoryRoom  = 16 << 20
	memoryLook  = time.Second
)

// tuneMemory sets how much memory the collector may leave unused until ctx
// ends.
func tuneMemory(ctx context.Context) {
	debug.SetGCPercent(heapPercent)
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
