package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

func (a *app) secretsCommand() *cobra.Command {
	return group("secrets", "List and test the rules for secrets", group("rules", "List and test the rules for secrets", a.secretRulesListCommand(), a.secretRulesTestCommand()))
}

// secretRules are the options of the configuration, with files of rules that a
// flag adds.
func (a *app) secretRules(files []string) (secrets.Options, error) {
	cfg, err := a.loadConfig(".")
	if err != nil {
		return secrets.Options{}, err
	}
	o, err := secretOptions(cfg)
	if err != nil {
		return o, err
	}
	for _, f := range files {
		data, err := config.ReadFile(f)
		if err != nil {
			return o, fmt.Errorf("--rules: %w", err)
		}
		o.Rules = append(o.Rules, secrets.File{Name: filepath.ToSlash(f), Data: data})
	}
	o.Key = []byte(cfg.FingerprintKey)
	return o, nil
}

func (a *app) secretRulesListCommand() *cobra.Command {
	var files []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the rules, with provider, severity and source",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			o, err := a.secretRules(files)
			if err != nil {
				return err
			}
			all, err := secrets.List(o)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, all)
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RULE\tPROVIDER\tSEVERITY\tSOURCE\tTITLE")
			for _, r := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Provider, r.Severity, r.Source, r.Title)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringArrayVar(&files, "rules", nil, "file of rules in the TOML format of gitleaks, besides those of the configuration; repeatable")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) secretRulesTestCommand() *cobra.Command {
	var files []string
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test FILE|-",
		Short: "Say which rules match in a file, and what becomes of each match",
		Long: `test looks for secrets in FILE, or in what stands on standard input if FILE is
"-", and lists each place where a rule matches: whether it is reported, and why
or why not. Secrets are masked.

The exit code is 0 if something is reported, 1 if nothing is, and 3 if nothing
is, but a part of the file could not be looked at.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.secretRules(files)
			if err != nil {
				return err
			}
			data, err := a.readInput(args[0])
			if err != nil {
				return err
			}
			if name == "" {
				name = strings.TrimPrefix(filepath.ToSlash(filepath.Clean(args[0])), "/")
			}
			all, err := secrets.Explain(cmd.Context(), o, name, data)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(a.stdout, append([]secrets.Explanation{}, all.Places...))
			} else {
				err = printMatches(a.stdout, all)
			}
			for _, g := range all.Gaps {
				what := g.Entry
				if what == "" {
					what = args[0]
				}
				fmt.Fprintf(a.stderr, "gatehouse: %s: %s\n", what, g.Reason)
			}
			switch {
			case err != nil || slices.ContainsFunc(all.Places, func(e secrets.Explanation) bool { return e.Found }):
				return err
			case len(all.Gaps) > 0:
				return silently(exitIncomplete)
			}
			return silently(exitFail)
		},
	}
	cmd.Flags().StringArrayVar(&files, "rules", nil, "file of rules in the TOML format of gitleaks, besides those of the configuration; repeatable")
	cmd.Flags().StringVar(&name, "name", "", "path that the file pretends to have (default FILE)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printMatches(w io.Writer, all *secrets.Explained) error {
	if len(all.Places) == 0 {
		text := "No rule matches."
		if all.Skip != "" {
			text = fmt.Sprintf("Nothing was looked at: %s.", all.Skip)
		}
		_, err := fmt.Fprintln(w, text)
		return err
	}
	for _, e := range all.Places {
		verdict := "not reported"
		if e.Found {
			verdict = fmt.Sprintf("reported, confidence %s", e.Confidence)
		}
		place := fmt.Sprintf("%d:%d", e.Line, e.Column)
		switch {
		case e.Line == 0 && e.Within != "":
			place = "in " + e.Within
		case e.Line == 0:
			place = "the file"
		case e.Within != "":
			place += " in " + e.Within
		}
		if _, err := fmt.Fprintf(w, "%s  %s (%s)  %s\n    %s: %s\n", place, e.Rule, e.Source, e.Redacted, verdict, e.Why); err != nil {
			return err
		}
	}
	return nil
}

// readInput reads a file, or standard input for "-".
func (a *app) readInput(path string) ([]byte, error) {
	if path == "-" {
		data, err := io.ReadAll(io.LimitReader(a.stdin, limits.MaxFileBytes+1))
		if err == nil && len(data) > limits.MaxFileBytes {
			err = fmt.Errorf("standard input has more than %d bytes", limits.MaxFileBytes)
		}
		return data, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limits.MaxFileBytes {
		return nil, fmt.Errorf("%q is no regular file of at most %d bytes", path, limits.MaxFileBytes)
	}
	return os.ReadFile(path)
}

// secretOptions reads the files that the configuration names for the scanner of
// secrets.
func secretOptions(cfg *config.Config) (secrets.Options, error) {
	o := secrets.Options{VendoredSuppressions: cfg.Secrets.VendoredSuppressions}
	read := func(key string, paths []string) ([]secrets.File, error) {
		var files []secrets.File
		for _, p := range paths {
			data, err := config.ReadFile(cfg.Resolve(key, p))
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", key, err)
			}
			files = append(files, secrets.File{Name: filepath.ToSlash(p), Data: data})
		}
		return files, nil
	}
	var err error
	if o.Rules, err = read("secrets.rules", cfg.Secrets.Rules); err != nil {
		return o, err
	}
	if o.Known, err = read("secrets.baseline", cfg.Secrets.Baseline); err != nil {
		return o, err
	}
	// As in gitleaks, extend.path is relative to the working directory.
	o.Read = config.ReadFile
	return o, nil
}
