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
// collected.
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
				cancel(fmt.Errorf("it needed more than the limit of %d MiB of memory", limit>>20))
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

// grace is how long work may take to stop when it is told to. OPA looks for
// that at each expression, which takes microseconds; but comparing, encoding or
// type-checking a value that shares its parts many times over can take for
// ever and does not look.
const grace = 2 * time.Second

// bounded runs f within bounds of time and heap. If f does not stop, it is left
// behind, so it must not touch what the caller still uses.
func bounded[T any](ctx context.Context, timeout time.Duration, heap uint64, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than the limit of %v", timeout))
	defer cancel()
	ctx, stop := watchHeap(ctx, heap)
	defer stop()
	type result struct {
		value T
		err   error
	}
	ch := make(chan result, 1)
	go func() {
		v, err := f(ctx)
		ch <- result{v, err}
	}()
	select {
	case r := <-ch:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case <-ch:
	case <-time.After(grace):
	}
	var zero T
	return zero, context.Cause(ctx)
}
