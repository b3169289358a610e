package goreach

import (
	"runtime/debug"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

func TestMemoryLimit(t *testing.T) {
	for text, want := range map[string]int64{
		"": limits.ReachabilityMemory, "off": limits.ReachabilityMemory, "4GiB": 4 << 30, "512MiB": 512 << 20, "100000": 100000, "100000B": 100000,
		"lots": 0, "-1": 0, "99999999999TiB": 0,
	} {
		got, err := MemoryLimit([]string{"GOMEMLIMIT=1GiB", "GOMEMLIMIT=" + text})
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestLimitMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	exceeded := make(chan bool, 1)
	LimitMemory(1<<20, func() { exceeded <- true }) // less than any program has
	select {
	case <-exceeded:
	case <-time.After(10 * time.Second):
		t.Error("nobody noticed")
	}
}
