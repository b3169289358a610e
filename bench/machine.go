package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine describes where the figures come from.
func machine() string {
	memory := "unknown memory"
	if kb := procField("/proc/meminfo", "MemTotal"); kb != "" {
		n := 0
		if _, err := fmt.Sscanf(kb, "%d kB", &n); err == nil {
			memory = fmt.Sprintf("%.0f GB of memory", float64(n)/1e6)
		}
	}
	model := procField("/proc/cpuinfo", "model name")
	if model == "" {
		model = "unknown processor"
	}
	return fmt.Sprintf("%d × %s, %s, %s/%s, %s, load average %s", runtime.NumCPU(), model, memory, runtime.GOOS, runtime.GOARCH, goVersion(), load())
}

// load is the load average of the last minute, which tells how noisy the
// figures are.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// procField is the first value of a field in a file of lines "name : value".
func procField(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
