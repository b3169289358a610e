// Package cli is the command line. Each command parses its flags and then
// calls the other packages in the order in which the data flows; see check.go.
//
// Standard output is data; everything else goes to standard error, with
// "gatehouse: " in front, in lower case and without a period.
package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatehouse-sec/gatehouse/internal/config"
)

// Run runs the command line args (without the name of the program) and returns
// the exit code.
func Run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	limitMemory()

	a := &app{env: env, stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil {
		a.say("interrupted")
		return exitIncomplete
	}
	code, print := exitCode(err)
	if print {
		a.say("%s", err)
	}
	return code
}

// app is what all commands share.
type app struct {
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time

	configPath string
	color      string
	verbose    bool
}

// say prints a message for people.
func (a *app) say(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	for i, line := range strings.Split(text, "\n") {
		if i > 0 && strings.HasPrefix(line, " ") {
			fmt.Fprintf(a.stderr, "           %s\n", line)
			continue
		}
		fmt.Fprintf(a.stderr, "gatehouse: %s\n", line)
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "gatehouse",
		Short: "One gate from commit to cluster",
		Long: `gatehouse scans repositories and container images for secrets, vulnerable
dependencies and misconfigured infrastructure, judges what it found by Rego
policies, and says PASS, FAIL or INCOMPLETE. What could not be looked at never
counts as a pass. A verdict can be signed, and verified by others.

Exit codes, the same in every output format:
  0  pass
  1  fail: a policy was violated
  2  the command line, the configuration or a policy is wrong
  3  incomplete: something could not be judged
  4  nothing to scan`,
		Example: `  gatehouse check .                          judge the current directory
  gatehouse check . -o sarif=results.sarif   and write a report for code hosting
  gatehouse check registry.example/app:1.2   judge a container image
  gatehouse attest . --key release.key       judge, and sign the verdict
  gatehouse db import advisories/            build a vulnerability database
  gatehouse init                             write a first configuration`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			switch a.color {
			case "auto", "always", "never":
				return nil
			}
			return fmt.Errorf("--color is %q: want auto, always or never", a.color)
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.configPath, "config", "", "configuration file (default: gatehouse.yaml in the target)")
	f.StringVar(&a.color, "color", "auto", "colours: auto, always or never")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "show all entries of long lists")
	must(root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp)))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())
	})
	root.AddCommand(a.checkCommand(), a.scanCommand(), a.sbomCommand(), a.attestCommand(), a.verifyCommand(), a.keyCommand(), a.admissionCommand(), a.policyCommand(), a.dbCommand(), a.waiverCommand(),
		a.secretsCommand(), a.iacCommand(), a.vexCommand(), a.fixCommand(), a.initCommand(), a.doctorCommand(), a.schemaCommand(), a.versionCommand(), a.govulncheckCommand())
	root.AddCommand(a.layoutCommand(), a.replayCommand())
	explainArguments(root)
	return root
}

// must is for errors that only a mistake in this package can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// namedConfig is the configuration file that the user names; empty if it is
// the one of the target.
func (a *app) namedConfig() string {
	return cmp.Or(a.configPath, config.LookupEnv(a.env, "GATEHOUSE_CONFIG"))
}

// loadConfig reads the configuration for a target in dir.
func (a *app) loadConfig(dir string) (*config.Config, error) {
	cfg, err := config.Load(a.namedConfig(), dir)
	if err != nil {
		return nil, err
	}
	if err := cfg.ApplyEnv(a.env); err != nil {
		return nil, err
	}
	return cfg, cfg.Validate()
}

// terminal returns whether w is a terminal and how wide it is.
func terminal(w io.Writer) (bool, int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return true, 0
	}
	return true, width
}

// colors says whether w gets colours; see https://no-color.org.
func (a *app) colors(w io.Writer) bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	tty, _ := terminal(w)
	return tty && config.LookupEnv(a.env, "NO_COLOR") == "" && config.LookupEnv(a.env, "TERM") != "dumb"
}
