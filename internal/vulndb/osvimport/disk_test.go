package osvimport

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull imports in a process that may not write files of more than so
// many bytes, at each step of the import: the old database stays, and the error
// says why.
func TestDiskFull(t *testing.T) {
	if dst := os.Getenv("GATEHOUSE_TEST_DISK_FULL"); dst != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit, err := strconv.ParseUint(os.Getenv("GATEHOUSE_TEST_LIMIT"), 10, 64)
		if err == nil {
			err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Import(t.Context(), dst, []string{os.Getenv("GATEHOUSE_TEST_SOURCE")}, Options{Now: now}); err != nil {
			t.Fatalf("the import says: %v", err)
		}
		return
	}
	dst := t.TempDir()
	res, err := Import(t.Context(), dst, []string{dir(t, map[string]string{"a.json": demoEntry})}, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	src := dir(t, good())
	for _, limit := range []int{0, 10, 100, 1000, 2000, 4096, 12288, 20000, 40000} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
		cmd.Env = append(os.Environ(), "GATEHOUSE_TEST_DISK_FULL="+dst, "GATEHOUSE_TEST_SOURCE="+src, "GATEHOUSE_TEST_LIMIT="+strconv.Itoa(limit))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err == nil || !strings.Contains(out.String(), "file too large") {
			t.Errorf("limit of %d bytes: %v\n%s", limit, err, out.String())
		}
		if got := open(t, dst).Info().Digest; got != res.Manifest.Digest {
			t.Fatalf("limit of %d bytes: the old database is gone", limit)
		}
		entries, err := os.ReadDir(dst)
		if err != nil || len(entries) != 4 {
			t.Errorf("limit of %d bytes: the directory holds %v, %v", limit, entries, err)
		}
	}
}
