package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// memoryLimit is what the heap stays below as long as less than two thirds of it
// are in use: a scan makes much garbage in a short life. A limit that is close
// to what is in use would cost a third of the CPU time for nothing.
const memoryLimit = 288 << 20

// limitMemory sets the limit, and after each collection raises it to one and a
// half times of what is in use, or lowers it again.
func limitMemory() {
	debug.SetGCPercent(200)
	debug.SetMemoryLimit(memoryLimit)
	followHeap(memoryLimit)
}

// followHeap waits for the next collection.
func followHeap(limit int64) {
	type sentinel struct{ _ [16]byte }
	runtime.AddCleanup(&sentinel{}, func(limit int64) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		next := max(memoryLimit, int64(live[0].Value.Uint64())*3/2)
		if next != limit {
			debug.SetMemoryLimit(next)
		}
		followHeap(next)
	}, limit)
}
