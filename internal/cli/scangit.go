package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/gitstore"
	"github.com/gatehouse-sec/gatehouse/internal/render"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

type gitFlags struct {
	scanFlags
	gitstore.Range
}

func (a *app) scanGitCommand() *cobra.Command {
	var f gitFlags
	cmd := &cobra.Command{
		Use:   "git [PATH]",
		Short: "Scan the history of a git repository for secrets, without a verdict",
		Long: `git looks for secrets in all contents that the commits of the repository at PATH
(default: the current directory) ever had, each content once. A finding names
the commit that brought it, and whether it still stands at HEAD. With --since
and --staged, what a path had before is looked at too, and left out: a secret is
reported where a change brought it, not where the rest of the file was changed.
The repository is read as it is, without running git.

What is not there (commits beyond a shallow clone, missing or corrupt objects,
submodules) is a gap. The exit code is 0 if everything was looked at, whatever
was found, 3 if not, and 2 if there is no commit in the range. To scan a
directory called git, write ./git.`,
		Example: `  gatehouse scan git                        all commits that HEAD reaches
  gatehouse scan git --all                  and those of all branches and tags
  gatehouse scan git --since origin/main    the commits of a change
  gatehouse scan git --staged               what the next commit will bring`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("since") && strings.TrimSpace(f.Since) == "" {
				return errors.New("--since is empty: name a branch, a tag or a commit, or leave it out to scan all commits")
			}
			return a.scanGit(cmd.Context(), &f, args)
		},
	}
	f.registerCommon(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.All, "all", false, "what all refs reach, not HEAD alone")
	fl.StringVar(&f.Since, "since", "", "leave out what this revision reaches: a branch, a tag, a commit, each with ~N")
	fl.BoolVar(&f.Staged, "staged", false, "what is in the index and differs from HEAD, in place of commits")
	cmd.MarkFlagsMutuallyExclusive("staged", "since")
	cmd.MarkFlagsMutuallyExclusive("staged", "all")
	return cmd
}

func (a *app) scanGit(ctx context.Context, f *gitFlags, args []string) error {
	path, dir := targetArg(args)
	cfg, err := a.loadConfig(dir)
	if err != nil {
		return err
	}
	if err := f.apply(cfg); err != nil {
		return err
	}
	cfg.Scanners = []string{secrets.Name}
	outs, err := parseOutputs(cfg.Output)
	if err != nil {
		return err
	}
	// A history keeps more (deltas, an entry for each content) than a directory,
	// so its garbage may not grow as much.
	debug.SetGCPercent(50)
	start := a.now()
	report, err := a.scanHistory(ctx, cfg, f, path)
	if err != nil {
		return err
	}
	if err := a.writeOutputs(outs, render.Input{Report: report, Verbose: a.verbose, Elapsed: a.now().Sub(start)}); err != nil {
		return err
	}
	if len(report.Coverage.Gaps) > 0 {
		return silently(outcomeCode(gatehouse.OutcomeIncomplete))
	}
	return nil
}

func (a *app) scanHistory(ctx context.Context, cfg *config.Config, f *gitFlags, path string) (*gatehouse.Report, error) {
	store, err := gitstore.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // it was only read
	history, err := store.History(ctx, f.Range)
	if err != nil {
		return nil, fmt.Errorf("history of %q: %w", path, err)
	}
	if f.Staged && len(history.Blobs) == 0 && len(history.Problems) == 0 && !f.allowEmpty {
		return nil, errNothing(fmt.Sprintf("nothing is staged in %q", path))
	}
	report, err := a.scanTarget(ctx, cfg, &f.scanFlags, path, func(scan scanFunc, _ gatehouse.Cache) (*gatehouse.Report, error) {
		return scan(history.Target(path))
	}, false, a.evaluationTime(cfg))
	if err != nil {
		return nil, err
	}
	report.Findings = history.Attribute(report.Findings)
	for i := range report.Findings {
		if finding := &report.Findings[i]; finding.History != nil {
			finding.Message += ", " + finding.History.String()
		}
	}
	return report, nil
}
