package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/policies"
)

func (a *app) policyCommand() *cobra.Command {
	return group("policy", "Evaluate, test, list and explain policies",
		a.policyEvalCommand(), a.policyTestCommand(), a.policyListCommand(), a.policyExplainCommand(), a.jsonnetCommand())
}

// loadPolicies loads what check would load in the current directory.
func (a *app) loadPolicies(cmd *cobra.Command, f *policyFlags) (*policies.Set, error) {
	cfg, err := a.loadConfig(".")
	if err != nil {
		return nil, err
	}
	o, err := f.options(cfg)
	if err != nil {
		return nil, err
	}
	return policies.Load(cmd.Context(), o)
}

func (a *app) policyListCommand() *cobra.Command {
	var f policyFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the rules that would judge, with their metadata",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := a.loadPolicies(cmd, &f)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, set.Rules())
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RULE\tKIND\tJUDGES\tSEVERITY\tTITLE\tCONTROLS")
			for _, r := range set.Rules() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Path, r.Kind, r.Input, r.Severity, r.Title, strings.Join(r.Controls, " "))
			}
			return w.Flush()
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) policyExplainCommand() *cobra.Command {
	var f policyFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain RULE",
		Short: "Explain a rule: what it judges, with which settings, and how to satisfy or waive it",
		Args:  cobra.ExactArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			set, err := a.loadPolicies(cmd, &f)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			var names []string
			for _, r := range set.Rules() {
				names = append(names, r.Path)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := a.loadPolicies(cmd, &f)
			if err != nil {
				return err
			}
			list, err := set.Explain(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, list)
			}
			return printExplanations(a.stdout, list)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printExplanations(out io.Writer, list []policies.Explanation) error {
	w := bufio.NewWriter(out)
	for i, e := range list {
		if i > 0 {
			fmt.Fprintln(w, "\n"+strings.Repeat("-", 72))
		}
		r := e.Rule
		row := func(name, value string) {
			if value != "" {
				fmt.Fprintf(w, "%-10s %s\n", name, strings.ReplaceAll(strings.TrimSpace(value), "\n", "\n"+strings.Repeat(" ", 11)))
			}
		}
		row("rule", r.Path)
		row("id", r.ID)
		row("title", r.Title)
		row("severity", r.Severity.String())
		row("judges", fmt.Sprintf("the %s; what it finds is a %s", r.Input, map[policies.RuleKind]string{policies.RuleDeny: "violation", policies.RuleWarn: "warning"}[r.Kind]))
		row("about", r.Description)
		row("solution", r.Solution)
		row("controls", strings.Join(r.Controls, ", "))
		if !r.EffectiveOn.IsZero() {
			row("from", r.EffectiveOn.Format("2006-01-02")+"; before, it only warns")
		}
		for _, k := range slices.Sorted(maps.Keys(e.Settings)) {
			v, err := json.Marshal(e.Settings[k])
			if err != nil {
				return err
			}
			row("setting", fmt.Sprintf("%s = %s", k, v))
		}
		row("waive", e.Waive)
		fmt.Fprintf(w, "\n%s:%d\n\n%s\n", r.File, r.Line, strings.TrimRight(e.Source, "\n"))
	}
	return w.Flush()
}

func printTests(out io.Writer, res *policies.TestResult, verbose bool) error {
	w := bufio.NewWriter(out)
	for _, t := range res.Tests {
		if t.Status == policies.TestPassed && !verbose {
			continue
		}
		fmt.Fprintf(w, "%-8s %s.%s (%s:%d)\n", t.Status, t.Package, t.Name, t.File, t.Line)
		for _, text := range []string{t.Message, t.Output} {
			if text = strings.TrimSpace(text); text != "" {
				fmt.Fprintf(w, "         %s\n", strings.ReplaceAll(text, "\n", "\n         "))
			}
		}
	}
	for _, f := range res.Files {
		if len(f.Uncovered) > 0 {
			fmt.Fprintf(w, "%5.1f %%  %s: lines %s are not reached\n", f.Percent, f.File, ranges(f.Uncovered))
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d errors, %d skipped; %.1f %% of the lines are reached\n",
		res.Passed, res.Failed, res.Errored, res.Skipped, res.Percent)
	return w.Flush()
}

// ranges writes rising numbers as 1-3, 7.
func ranges(lines []int) string {
	var parts []string
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(lines[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", lines[i], lines[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

func (a *app) policyTestCommand() *cobra.Command {
	var f policyFlags
	var asJSON bool
	var minCoverage float64
	var run string
	cmd := &cobra.Command{
		Use:   "test DIR...",
		Short: "Run the tests of policies, with coverage",
		Long: `test runs the rules called test_... in the files of the directories and prints
which lines of the policies they never reach. Finding no test is an error.`,
		Example: `  gatehouse policy test policy --min-coverage 80`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadConfig(".")
			if err != nil {
				return err
			}
			f.policies = append(f.policies, args...)
			o, err := f.options(cfg)
			if err != nil {
				return err
			}
			if len(o.Policies) == 0 {
				return errors.New("no policy directory is given; run: gatehouse policy test DIR")
			}
			res, err := policies.Test(cmd.Context(), o.Policies, policies.TestOptions{Data: o.Data, Settings: o.Settings, Run: run})
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(a.stdout, res)
			} else {
				err = printTests(a.stdout, &res, a.verbose)
			}
			if err != nil {
				return err
			}
			if !res.OK() {
				return silently(exitFail)
			}
			if res.Percent < minCoverage {
				return &exitError{exitFail, fmt.Errorf("the tests reach %.1f %% of the lines, less than --min-coverage %g", res.Percent, minCoverage)}
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().Float64Var(&minCoverage, "min-coverage", 0, "exit with 1 if the tests reach a smaller percentage of the lines")
	cmd.Flags().StringVar(&run, "run", "", "run only tests whose name matches this regular expression")
	return cmd
}
