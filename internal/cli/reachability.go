package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/vuln/scan"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/goreach"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// govulncheckName is the hidden command in which the analysis runs: it needs an
// environment of its own, much memory, and may crash on odd code.
const govulncheckName = "run-govulncheck"

func (a *app) govulncheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:                govulncheckName,
		Short:              "Run the analysis of Go code that --reachability asks for",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			debug.SetGCPercent(100)
			limit, err := goreach.MemoryLimit(a.env)
			if err != nil {
				return err
			}
			goreach.LimitMemory(limit, func() {
				fmt.Fprintf(a.stderr, "it needs more than %s of memory; set GOMEMLIMIT higher if the machine has more, or look at parts of the target\n", goreach.Gibibytes(limit))
				os.Exit(exitIncomplete)
			})
			c := scan.Command(cmd.Context(), args...)
			c.Env, c.Stdin, c.Stdout, c.Stderr = a.env, a.stdin, a.stdout, a.stderr
			if err := c.Start(); err != nil {
				return err
			}
			if err := c.Wait(); err != nil {
				fmt.Fprintln(a.stderr, err)
				return silently(exitIncomplete)
			}
			return nil
		},
	}
}

// wantsReachability is the flag over the configuration. The target's own
// configuration cannot have its code compiled: whoever proposes a change to a
// repository could.
func (f *scanFlags) wantsReachability(cfg *config.Config, named bool) (bool, error) {
	if !f.reachability && cfg.SCA.Reachability && !named {
		return false, fmt.Errorf("%s: sca.reachability has the code of the target compiled, so a configuration in the target cannot ask for it; say --reachability, or name the file with --config", cfg.Path)
	}
	return f.reachability || cfg.SCA.Reachability, nil
}

// reach finds out which vulnerable code is used. What it cannot decide it says.
func (a *app) reach(ctx context.Context, report *gatehouse.Report, dir, databaseDir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		a.say("--reachability is about directories; nothing was looked at in %q", dir)
		return nil
	}
	if _, ok := report.Databases[sca.Name]; !ok {
		return nil // the report says so already
	}
	db, err := vulndb.Open(databaseDir)
	if err != nil {
		return fmt.Errorf("look for reachable code: %w", err)
	}
	defer db.Close()
	self, err := os.Executable()
	if err != nil {
		return errors.Join(errors.New("look for reachable code: this program cannot be found to be started again"), err)
	}
	mask := secrets.Mask()
	for _, s := range goreach.Apply(ctx, report, goreach.Options{Dir: dir, Database: db, Env: a.env, Analyzer: []string{self, govulncheckName}}) {
		a.say("%s", mask(s))
	}
	return ctx.Err()
}
