package cli

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/render"
)

var update = flag.Bool("update", false, "write the reference")

const referenceFile = "../../docs/cli.md"

// reference is the page with all commands and flags.
func reference() []byte {
	a := &app{stdout: io.Discard, stderr: io.Discard, now: time.Now}
	root := a.root()
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Commands\n\nGenerated from the program: `go test ./internal/cli -run Reference -update`.\n\n%s\n", code(root.Long))
	fmt.Fprintf(&b, "Flags of all commands:\n\n%s\n", code(flags(root.PersistentFlags())))
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c != root && c.Runnable() {
			fmt.Fprintf(&b, "## %s\n\n%s.\n\n", c.CommandPath(), c.Short)
			text := c.UseLine()
			if c.Long != "" {
				text += "\n\n" + c.Long
			}
			if c.Example != "" {
				text += "\n\nExamples:\n" + c.Example
			}
			if f := flags(c.LocalNonPersistentFlags()); f != "" {
				text += "\n\nFlags:\n" + f
			}
			fmt.Fprintf(&b, "%s\n", code(text))
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	fmt.Fprintf(&b, "## Environment\n\nA flag wins over the environment, which wins over `gatehouse.yaml`.\n\n| variable | sets |\n|---|---|\n")
	for _, v := range config.Variables() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.Name, v.Doc)
	}
	return b.Bytes()
}

func code(s string) string { return "```text\n" + strings.TrimRight(s, "\n") + "\n```\n" }

func flags(f *pflag.FlagSet) string { return strings.TrimRight(f.FlagUsagesWrapped(100), "\n") }

func TestReferenceIsUpToDate(t *testing.T) {
	t.Setenv("HOME", "/home/user")
	t.Setenv("XDG_CACHE_HOME", "/home/user/.cache")
	want := reference()
	if *update {
		if err := os.WriteFile(referenceFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not up to date; run: go test ./internal/cli -run Reference -update", referenceFile)
	}
}

// Each command has a short text without a period, and each flag a usage.
func TestHelpIsComplete(t *testing.T) {
	a := &app{stdout: io.Discard, stderr: io.Discard, now: time.Now}
	commands := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		commands++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short text %q", c.CommandPath(), c.Short)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no usage", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.root())
	if commands < 15 {
		t.Errorf("only %d commands were found", commands)
	}
}

// What runs before main costs each call of the command. It is counted in bytes
// and allocations, which do not depend on the machine.
func TestInitBudget(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	bytesSum, allocs, packages := 0, 0, 0
	for _, m := range regexp.MustCompile(`(?m)^init \S+ @.* clock, (\d+) bytes, (\d+) allocs$`).FindAllStringSubmatch(stderr.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		k, _ := strconv.Atoi(m[2])
		bytesSum, allocs, packages = bytesSum+n, allocs+k, packages+1
	}
	if packages < 50 {
		t.Fatalf("only %d packages were traced:\n%.500s", packages, stderr.String())
	}
	t.Logf("%d packages allocate %d bytes in %d pieces before main", packages, bytesSum, allocs)
	const maxBytes, maxAllocs = 16 << 20, 150_000
	if bytesSum > maxBytes || allocs > maxAllocs {
		t.Errorf("%d bytes in %d allocations before main are more than the budget of %d in %d; run GODEBUG=inittrace=1 gatehouse version to see whose they are", bytesSum, allocs, maxBytes, maxAllocs)
	}
}

// A user finds each format in the help.
func TestFormatsAreDocumented(t *testing.T) {
	text := string(reference())
	for _, f := range render.Formats() {
		if !strings.Contains(text, f) {
			t.Errorf("the reference does not name the format %q", f)
		}
	}
}
