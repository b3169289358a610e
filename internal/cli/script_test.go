package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this program as gatehouse.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"gatehouse": func() {
			slog.SetDefault(slog.New(slog.DiscardHandler))
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			code := Run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
	})
}

// Each script is one behaviour of the command; its first line says which.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) < 10 {
		t.Fatalf("only %d scripts were found: %v", len(scripts), err)
	}
	if _, err := exec.LookPath("git"); err != nil && os.Getenv("CI") != "" {
		t.Fatal("git is not installed, and scripts that need it would be skipped")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", env.Getenv("WORK")+"/.cache")
			env.Setenv("HOME", env.Getenv("WORK")+"/.home")
			demo, err := filepath.Abs("../../fixtures/demo")
			env.Setenv("DEMO", demo)
			env.Setenv("TOKEN", token())
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":  cmdCode,
			"plant": cmdPlant,
			"fifo":  cmdFIFO,
			"bomb":  cmdBomb,

			"corrupt": cmdCorrupt,
		},
	})
}

// token is a secret that no rule may overlook. It is put together here, so that
// no file holds it.
func token() string { return "gh" + "p_" + strings.Repeat("a1B2", 9) }

// code N CMD ARG... runs a program that must exit with N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N CMD ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// plant FILE appends a line with a secret.
func cmdPlant(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	_, err = fmt.Fprintf(f, "token = %q\n", token())
	ts.Check(errors.Join(err, f.Close()))
}

// fifo FILE makes a named pipe.
func cmdFIFO(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o644))
}

// bomb KIND FILE writes a file that means harm.
func cmdBomb(ts *testscript.TestScript, _ bool, args []string) {
	var b strings.Builder
	switch args[0] {
	case "laughs": // ten levels of nine references each
		b.WriteString("apiVersion: v1\nkind: ConfigMap\na0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n")
		for i := 1; i < 10; i++ {
			fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
		}
	case "deep":
		b.WriteString(`{"apiVersion":"v1","kind":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}")
	case "deeplock":
		b.WriteString(`{"lockfileVersion":3,"packages":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + "}")
	case "binary":
		for i := range 10_000 {
			b.WriteByte(byte(i * 7919 >> 3))
		}
	case "utf8":
		b.WriteString("apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"\xff\xfe\xfd\"\n")
	case "long":
		b.WriteString("{\"lockfileVersion\": 3, \"x\": \"" + strings.Repeat("x", 20<<20) + "\"}")
	default:
		ts.Fatalf("unknown kind %q", args[0])
	}
	name := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, []byte(b.String()), 0o644))
}

// corrupt DIR changes a byte in the middle of one file in three below it.
func cmdCorrupt(ts *testscript.TestScript, _ bool, args []string) {
	seen, changed := 0, 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if seen++; seen%3 != 1 {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil || len(data) == 0 {
			return err
		}
		changed++
		data[len(data)/2] ^= 1
		return errors.Join(os.Chmod(p, 0o644), os.WriteFile(p, data, 0o644))
	}))
	if changed == 0 {
		ts.Fatalf("no file was found")
	}
}
