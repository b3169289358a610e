package goreach

import (
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// MemoryLimit is how many bytes the analysis may use: GOMEMLIMIT of the
// environment, in the form of https://pkg.go.dev/runtime, else
// [limits.ReachabilityMemory].
func MemoryLimit(env []string) (int64, error) {
	text := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "GOMEMLIMIT="); ok {
			text = v
		}
	}
	if text == "" || text == "off" {
		return limits.ReachabilityMemory, nil
	}
	number, unit := text, int64(1)
	for i, suffix := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			number, unit = n, int64(1)<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(number, "B"), 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("GOMEMLIMIT is %q, want a number of bytes such as 8GiB", text)
	}
	return n * unit, nil
}

// LimitMemory has the garbage collector keep this process below so many bytes.
// If that does not do, exceeded is called, once, from another goroutine: a
// collector that runs all the time gets nothing done, and a machine without
// memory ends what it likes.
func LimitMemory(bytes int64, exceeded func()) {
	debug.SetMemoryLimit(bytes - bytes/8)
	go func() {
		used := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for range time.Tick(50 * time.Millisecond) {
			metrics.Read(used)
			if used[0].Value.Uint64()-used[1].Value.Uint64() > uint64(bytes) {
				exceeded()
				return
			}
		}
	}()
}

// Gibibytes writes a size for people.
func Gibibytes(bytes int64) string {
	return strconv.FormatFloat(float64(bytes)/(1<<30), 'f', -1, 64) + " GiB"
}
