package cli

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"github.com/gatehouse-sec/gatehouse/scanners/iac"
)

// iacFlags are what the user adds to the scanner of infrastructure.
type iacFlags struct{ checks, vars []string }

func (f *iacFlags) register(cmd *cobra.Command) {
	f.registerChecks(cmd)
	cmd.Flags().StringArrayVar(&f.vars, "tf-vars", nil, "file of values for the root modules of Terraform; repeatable, the last wins")
}

func (f *iacFlags) registerChecks(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.checks, "checks", nil, "directory or file of checks of infrastructure in Rego, in the form of trivy or conftest; repeatable")
}

// files reads what the configuration and the flags name.
func (f *iacFlags) files(cfg *config.Config) (checks, vars []iac.File, err error) {
	for _, p := range append(resolved(cfg, "iac.checks", cfg.IaC.Checks), f.checks...) {
		found, err := regoFiles(p)
		if err != nil {
			return nil, nil, fmt.Errorf("read checks: %w", err)
		}
		checks = append(checks, found...)
	}
	for _, p := range append(resolved(cfg, "iac.terraform_vars", cfg.IaC.TerraformVars), f.vars...) {
		data, err := config.ReadFile(p)
		if err != nil {
			return nil, nil, fmt.Errorf("read values for Terraform: %w", err)
		}
		vars = append(vars, iac.File{Name: filepath.ToSlash(p), Data: data})
	}
	return checks, vars, nil
}

func resolved(cfg *config.Config, key string, paths []string) []string {
	var all []string
	for _, p := range paths {
		all = append(all, cfg.Resolve(key, p))
	}
	return all
}

// regoFiles reads the files of Rego in a directory, but for tests. A directory
// without any is an error.
func regoFiles(dir string) ([]iac.File, error) {
	var all []iac.File
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".rego" || strings.HasSuffix(p, "_test.rego") {
			return err
		}
		data, err := config.ReadBounded(p, limits.MaxPolicyBytes)
		if err != nil {
			return err
		}
		all = append(all, iac.File{Name: filepath.ToSlash(p), Data: data})
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there is no file of Rego in %q", dir)
	}
	return all, err
}

func (a *app) iacCommand() *cobra.Command {
	return group("iac", "List the checks of infrastructure and pipelines", group("rules", "List the checks of infrastructure and pipelines", a.iacRulesListCommand(), a.iacRulesShowCommand()))
}

// iacRules lists the checks of the configuration and of the flags.
func (a *app) iacRules(f *iacFlags) ([]iac.Rule, error) {
	cfg, err := a.loadConfig(".")
	if err != nil {
		return nil, err
	}
	checks, _, err := f.files(cfg)
	if err != nil {
		return nil, err
	}
	return iac.List(iac.Options{Now: a.now(), Checks: checks})
}

func (a *app) iacRulesListCommand() *cobra.Command {
	var f iacFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the checks, with severity and what they look at",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := a.iacRules(&f)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, all)
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "CHECK\tSEVERITY\tLOOKS AT\tTITLE")
			for _, r := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, r.Severity, looksAt(r, 2), r.Title)
			}
			return w.Flush()
		},
	}
	f.registerChecks(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// looksAt says what a check reads, with at most so many kinds; 0 is all.
func looksAt(r iac.Rule, most int) string {
	text := strings.Join(r.Types, ", ")
	kinds := r.Kinds
	if most > 0 && len(kinds) > most {
		kinds = append(slices.Clone(kinds[:most]), "…")
	}
	if len(kinds) > 0 {
		text += ": " + strings.Join(kinds, ", ")
	}
	return text
}

func (a *app) iacRulesShowCommand() *cobra.Command {
	var f iacFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a check: what it looks at, why, and how to do it right",
		Long:  "show prints all about a check. ID is its id, or any of its aliases, which are its\nnames in other tools and in older versions.",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := a.iacRules(&f)
			if err != nil {
				return err
			}
			var names []string
			for _, r := range all {
				known := append([]string{r.ID}, r.Aliases...)
				if !slices.ContainsFunc(known, func(name string) bool { return strings.EqualFold(name, args[0]) }) {
					names = append(names, known...)
					continue
				}
				if err := r.Examples(); err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, r)
				}
				return printRule(a.stdout, r)
			}
			return fmt.Errorf("there is no check %q%s; `gatehouse iac rules list` shows all", args[0], nearest.Hint(args[0], names))
		},
	}
	f.registerChecks(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printRule(out io.Writer, r iac.Rule) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n", r.ID, r.Title)
	for _, row := range [][2]string{
		{"severity", r.Severity.String()}, {"looks at", looksAt(r, 0)}, {"also called", strings.Join(r.Aliases, ", ")},
		{"controls", strings.Join(r.Controls, ", ")}, {"references", strings.Join(r.References, " ")},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Description != "" {
		fmt.Fprintf(out, "\n%s\n", r.Description)
	}
	if r.Fix != "" {
		fmt.Fprintf(out, "\nWhat to do: %s\n", r.Fix)
	}
	for _, language := range slices.Sorted(maps.Keys(r.Good)) {
		fmt.Fprintf(out, "\nRight, in %s:\n\n    %s\n", language, strings.ReplaceAll(r.Good[language], "\n", "\n    "))
	}
	return nil
}
