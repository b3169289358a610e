package policies

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"
)

// heapInterval is how often the heap is measured. At 1 GB/s, which is more
// than a Go program allocates on one core, 10 MB go by.
const heapInterval = 10 * time.Millisecond

// watchHeap returns a context that is cancelled when the heap has grown by
// more than limit bytes. Garbage does not count: before cancelling, it is
// collected. A single call of a built-in function is not interrupted by it.
func watchHeap(parent context.Context, limit uint64) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	start := heapBytes()
	done := make(chan struct{})
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		tick := time.NewTicker(heapInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if heapBytes() <= start+limit {
				continue
			}
			runtime.GC()
			if heapBytes() > start+limit {
				cancel(fmt.Errorf("evaluation needed more than the limit of %d MiB of memory", limit>>20))
				return
			}
		}
	}()
	return ctx, func() {
		close(done)
		<-exited
		cancel(nil)
	}
}

// heapBytes are the bytes of live objects, and of dead ones not yet freed.
func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}
