package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// command is one program run that is measured as a whole process.
type command struct {
	label string
	args  []string // args[0] is the program
	env   []string // on top of a minimal environment
	codes []int    // exit codes that mean that it did its work; empty means 0
	// before is called before each run, outside of what is measured.
	before func() error
	// count counts what the program reported, from its output; nil counts
	// nothing. It must not hold much memory: see [run].
	count func(io.Reader) (int, error)
}

// sample is what one run of a process took, as the kernel accounts for it.
type sample struct {
	wall  time.Duration
	cpu   time.Duration // user and system, all threads, waited-for children
	peak  int64         // bytes of resident memory
	found int           // what it reported; -1 if not counted
}

// measurement is the medians over several runs.
type measurement struct {
	sample
	runs   int
	spread float64 // largest through smallest CPU time
	err    error   // why it was not measured
}

// alternate runs the commands in turn, rounds times (A B A B), so that what
// else the machine does weighs on all of them alike. A command that fails is
// not run again and has an error instead of figures.
func alternate(ctx context.Context, rounds int, commands ...*command) []measurement {
	samples := make([][]sample, len(commands))
	out := make([]measurement, len(commands))
	for range rounds {
		for i, c := range commands {
			if out[i].err != nil {
				continue
			}
			s, err := run(ctx, c)
			if err != nil {
				out[i].err = err
				continue
			}
			samples[i] = append(samples[i], s)
		}
	}
	for i := range out {
		if out[i].err == nil {
			out[i] = medians(samples[i])
		}
	}
	return out
}

// run runs c once. The peak is ru_maxrss, which Linux starts at the peak of
// the process that forks: so this program must stay smaller than what it
// measures, and a peak that is not above its own is an error.
func run(ctx context.Context, c *command) (s sample, err error) {
	if c.before != nil {
		if err := c.before(); err != nil {
			return s, err
		}
	}
	stdout, err := os.CreateTemp("", "gatehouse-bench-out-*")
	if err != nil {
		return s, err
	}
	defer os.Remove(stdout.Name())
	defer stdout.Close()
	var stderr tail
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "NO_COLOR=1"}, c.env...)

	start := time.Now()
	err = cmd.Run()
	s.wall = time.Since(start)
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || !exit.Exited()) {
		return s, fmt.Errorf("run %q: %w", c.label, err)
	}
	state := cmd.ProcessState
	if code := state.ExitCode(); code != 0 && !slices.Contains(c.codes, code) {
		return s, fmt.Errorf("run %q: exit code %d: %s", c.label, code, stderr.last())
	}
	s.cpu = state.UserTime() + state.SystemTime()
	s.peak = state.SysUsage().(*syscall.Rusage).Maxrss << 10
	if own := ownPeak(); s.peak <= own {
		return s, fmt.Errorf("run %q: its peak memory cannot be told from that of this program, %d bytes", c.label, own)
	}
	s.found = -1
	if c.count != nil {
		if _, err := stdout.Seek(0, io.SeekStart); err != nil {
			return s, err
		}
		if s.found, err = c.count(stdout); err != nil {
			return s, fmt.Errorf("count what %q found: %w", c.label, err)
		}
	}
	return s, nil
}

func ownPeak() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return r.Maxrss << 10
}

func medians(list []sample) measurement {
	m := measurement{runs: len(list)}
	if len(list) == 0 {
		m.err = errors.New("no runs")
		return m
	}
	m.wall = median(list, func(s sample) time.Duration { return s.wall })
	m.cpu = median(list, func(s sample) time.Duration { return s.cpu })
	m.peak = median(list, func(s sample) int64 { return s.peak })
	m.found = list[0].found
	for _, s := range list {
		if s.found != m.found {
			m.err = fmt.Errorf("reported %d in one run and %d in another", m.found, s.found)
			return m
		}
	}
	low, high := list[0].cpu, list[0].cpu
	for _, s := range list {
		low, high = min(low, s.cpu), max(high, s.cpu)
	}
	m.spread = float64(high) / float64(max(low, 1))
	return m
}

// median is the middle value, or the mean of the two in the middle.
func median[T time.Duration | int64](list []sample, of func(sample) T) T {
	values := make([]T, len(list))
	for i, s := range list {
		values[i] = of(s)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - 2000; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

// last is the last line that says something.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	line := lines[len(lines)-1]
	if len(line) > 200 {
		line = line[:200] + "…"
	}
	if line == "" {
		return "it printed no reason"
	}
	return line
}
