package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/fix"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
)

type fixFlags struct {
	scanFlags
	dryRun bool
	format string
}

var fixFormats = []string{"text", "json", "patch"}

func (a *app) fixCommand() *cobra.Command {
	var f fixFlags
	cmd := &cobra.Command{
		Use:   "fix [PATH] --dry-run",
		Short: "Plan which dependencies to change to be rid of known vulnerabilities",
		Long: `fix looks for vulnerable dependencies in the directory or file PATH (default: the
current directory), and prints for each manifest the changes of what it asks for
that resolve them, the most severe first: as a diff where the line is known, and
as commands of the package manager.

It changes nothing and starts no program, so --dry-run must be given. Versions
are those that advisories and lockfiles name: no registry is asked. The exit
code is 0 if everything was looked at, whatever was found, 3 if not, and 4 if
there was nothing to scan.`,
		Example: `  gatehouse fix --dry-run
  gatehouse fix --dry-run -o json
  gatehouse fix --dry-run -o patch | git apply`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.fix(cmd, &f, args) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.dryRun, "dry-run", false, "print what to change, and change nothing")
	fl.StringVarP(&f.format, "output", "o", "text", "format: "+strings.Join(fixFormats, ", "))
	fl.StringArrayVar(&f.exclude, "exclude", nil, "leave out what this glob matches, relative to the target; repeatable")
	fl.StringVar(&f.database, "db", "", "directory of the vulnerability database (default "+shortHome(defaultDatabaseDir())+")")
	fl.StringArrayVar(&f.vex, "vex", nil, "VEX document about what is found; repeatable")
	fl.StringArrayVar(&f.products, "product", nil, "name of what is scanned in VEX documents; repeatable")
	fl.BoolVar(&f.noCache, "no-cache", false, "neither use nor keep results of other runs")
	fl.StringVar(&f.cacheDir, "cache-dir", "", "directory of kept results (default "+shortHome(defaultCacheDir())+")")
	fl.BoolVar(&f.allowEmpty, "allow-empty", false, "exit with 0 when there is nothing to scan")
	fl.StringVar(&f.time, "time", "", "evaluation time, as RFC 3339 (default now)")
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(fixFormats, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (a *app) fix(cmd *cobra.Command, f *fixFlags, args []string) error {
	if !f.dryRun {
		return errors.New("fix edits no files yet; pass --dry-run to see what to change, or apply it with 'gatehouse fix --dry-run -o patch | git apply'")
	}
	if !slices.Contains(fixFormats, f.format) {
		return fmt.Errorf("unknown format %q: want one of %s", f.format, strings.Join(fixFormats, ", "))
	}
	path, dir := targetArg(args)
	cfg, err := a.loadConfig(dir)
	if err != nil {
		return err
	}
	f.scanners = []string{sca.Name}
	if err := f.apply(cfg); err != nil {
		return err
	}
	scan, err := a.scan(cmd.Context(), cfg, &f.scanFlags, path, false, a.evaluationTime(cfg))
	if err != nil {
		return err
	}
	if nothing(scan.report) && !f.allowEmpty {
		return errNothing(fmt.Sprintf("there is no dependency to look at in %q", path))
	}
	// The target may not lead the plan to files outside of it.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %q: %w", dir, err)
	}
	defer func() { _ = root.Close() }() // it was only read
	plan := fix.New(scan.report, root.ReadFile)
	if err := a.writePlan(&plan, f.format); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	gaps := scan.report.Coverage.Gaps
	for i, g := range gaps {
		if i == 10 && !a.verbose {
			a.say("and %d more places that could not be judged; -v shows all", len(gaps)-i)
			break
		}
		a.say("not judged: %s: %s", gatehouse.Location{Path: g.Path, Line: g.Line}, g.Reason)
	}
	if len(gaps) > 0 {
		return silently(exitIncomplete)
	}
	return nil
}

func (a *app) writePlan(p *fix.Plan, format string) error {
	switch format {
	case "json":
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(p)
	case "patch":
		return p.WritePatch(a.stdout)
	}
	return p.WriteText(a.stdout)
}
