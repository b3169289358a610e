package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/jsonnet"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/render"
	"github.com/gatehouse-sec/gatehouse/policies"
	"github.com/gatehouse-sec/gatehouse/scanners/config"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// conftestPolicies is where policies are if nothing says where, as in conftest.
const conftestPolicies = "policy"

// stdinName is the argument that stands for standard input.
const stdinName = "-"

// jsonnetName is the hidden command, below policy, in which a Jsonnet program runs.
const jsonnetName = "run-jsonnet"

func (a *app) jsonnetCommand() *cobra.Command {
	return &cobra.Command{
		Use:    jsonnetName + " DIR NAME",
		Short:  "Run the Jsonnet program on standard input for policy eval",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := jsonnet.Main(args[0], args[1], a.stdin, a.stdout); err != nil {
				fmt.Fprintln(a.stderr, err)
				return silently(exitIncomplete)
			}
			return nil
		},
	}
}

type evalFlags struct {
	policyFlags
	parser  string
	outputs []string
	time    string
}

func (a *app) policyEvalCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval FILE...",
		Short: "Judge configuration files by your own policies, without a scan",
		Long: `eval parses each FILE and evaluates the rules deny, violation and warn of your
document policies over it. A directory stands for the files in it whose format
is known; - is standard input. The format is told by the name of a file, or by
--parser. Each violation says the line of the value that the rule touched.

The policies are those of --policy, or of the configuration, or in ./policy.
What cannot be parsed, or has nothing to judge, makes the verdict INCOMPLETE.`,
		Example: `  gatehouse policy eval deployment.yaml
  gatehouse policy eval -p policy -n kubernetes,compose . -o github
  helm template chart | gatehouse policy eval -p policy -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.evalPolicies(cmd.Context(), &f, args) },
	}
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.policies, "policy", "p", nil, "directory or file with Rego policies; repeatable (default "+conftestPolicies+")")
	fl.StringArrayVarP(&f.data, "data", "d", nil, "JSON or YAML file with data for policies; repeatable")
	fl.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "packages to evaluate (default main)")
	fl.BoolVar(&f.allNamespaces, "all-namespaces", false, "evaluate all packages")
	fl.BoolVar(&f.combine, "combine", false, "give policies all documents at once, as a list of {path, contents}")
	fl.StringVar(&f.parser, "parser", "", "format of all files: "+strings.Join(config.Parsers(), ", "))
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "FORMAT or FORMAT=FILE: "+strings.Join(render.Formats(), ", ")+"; repeatable (default text)")
	fl.StringVar(&f.time, "time", "", "evaluation time, as RFC 3339 (default now)")
	must(cmd.RegisterFlagCompletionFunc("parser", cobra.FixedCompletions(config.Parsers(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (a *app) evalPolicies(ctx context.Context, f *evalFlags, args []string) error {
	start := a.now()
	cfg, err := a.loadConfig(".")
	if err != nil {
		return err
	}
	if err := (&scanFlags{outputs: f.outputs, time: f.time}).apply(cfg); err != nil {
		return err
	}
	outs, err := parseOutputs(cfg.Output)
	if err != nil {
		return err
	}
	if info, err := os.Stat(conftestPolicies); err == nil && info.IsDir() && len(f.policies) == 0 && len(cfg.Policy.Paths) == 0 {
		f.policies = []string{conftestPolicies}
	}
	options, err := f.policyFlags.options(cfg)
	if err != nil {
		return err
	}
	if len(options.Policies) == 0 {
		return errors.New("no policy is given and there is no directory \"policy\"; name one with --policy")
	}
	options.Baseline, options.DocumentsOnly = false, true
	set, err := policies.Load(ctx, options)
	if err != nil {
		return err
	}
	files, err := a.namedFiles(args)
	if err != nil {
		return err
	}
	parser := f.parser
	if parser == "" && slices.Contains(args, stdinName) {
		if len(args) > 1 {
			return errors.New("standard input and files are given, and nothing says the format of standard input; say it with --parser, or judge it alone")
		}
		parser = "yaml" // of which JSON is a part
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start it for Jsonnet: %w", err)
	}
	programs := jsonnet.Evaluator{Command: []string{self, "policy", jsonnetName}, Dir: "."}
	documents, err := config.NewFor(config.Options{Parser: parser, Jsonnet: programs.Evaluate,
		Named: func(path string) bool { return slices.Contains(args, path) }})
	if err != nil {
		return fmt.Errorf("--parser: %w", err)
	}
	timeout, err := cfg.FileTimeout()
	if err != nil {
		return err
	}
	now := a.evaluationTime(cfg)
	mask := secrets.Mask()
	report, err := gatehouse.Scan(ctx, &gatehouse.Target{Kind: gatehouse.TargetFile, Name: strings.Join(args, " "), FS: files},
		[]*gatehouse.Scanner{documents}, gatehouse.ScanOptions{Tool: tool(), Exclude: cfg.Excluder(), Mask: mask, MaxFileBytes: cfg.Limits.MaxFileBytes, FileTimeout: timeout})
	if err != nil {
		return err
	}
	if nothing(report) {
		return &exitError{exitNothing, fmt.Errorf("there is nothing to judge: no file in %s has a format that is known by its name; name the files, or say the format with --parser", strings.Join(args, ", "))}
	}
	input, err := policies.NewInput(report, now)
	if err != nil {
		return err
	}
	verdict, err := set.Decide(ctx, input, nil)
	if err != nil {
		return err
	}
	maskVerdict(&verdict, mask)
	in := render.Input{Report: report, Verdict: &verdict, PathPrefix: repositoryPrefix("."), Verbose: a.verbose, Elapsed: a.now().Sub(start)}
	if err := a.writeOutputs(outs, in); err != nil {
		return errors.Join(err, fmt.Errorf("the verdict was %s", verdict.Outcome))
	}
	return silently(outcomeCode(verdict.Outcome))
}

// namedFiles are the files that a user named, and those in the directories that
// they named, by the paths that they gave. It is a [gatehouse.Lister].
type namedFiles struct {
	listing gatehouse.Listing
	stdin   []byte
}

func (a *app) namedFiles(args []string) (*namedFiles, error) {
	n := &namedFiles{}
	seen := map[string]bool{}
	add := func(path string, info fs.FileInfo) {
		if path = filepath.ToSlash(path); !seen[path] {
			seen[path] = true
			n.listing.Files = append(n.listing.Files, gatehouse.FileInfo{Path: path, Bytes: info.Size(), Mode: info.Mode()})
		}
	}
	for _, arg := range args {
		if arg == stdinName {
			if seen[arg] {
				continue
			}
			data, err := io.ReadAll(io.LimitReader(a.stdin, limits.MaxFileBytes+1))
			if err != nil {
				return nil, fmt.Errorf("read standard input: %w", err)
			}
			n.stdin = data
			add(arg, stdinFile{size: int64(len(data))})
			continue
		}
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", arg, errors.Unwrap(err))
		}
		if !info.IsDir() {
			add(arg, info)
			continue
		}
		if err := n.walk(arg, add); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(n.listing.Files, func(a, b gatehouse.FileInfo) int { return strings.Compare(a.Path, b.Path) })
	return n, nil
}

// walk adds the regular files below a directory. What cannot be read, and links,
// which are not followed, are gaps.
func (n *namedFiles) walk(dir string, add func(string, fs.FileInfo)) error {
	gap := func(path, reason string) {
		n.listing.Gaps = append(n.listing.Gaps, gatehouse.Gap{Code: gatehouse.GapUnreadable, Path: filepath.ToSlash(path), Reason: reason})
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			gap(path, fmt.Sprintf("it cannot be listed: %v", err))
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.Type()&fs.ModeSymlink != 0:
			gap(path, "it is a symbolic link, which is not followed; name it to have it judged")
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				gap(path, fmt.Sprintf("it cannot be read: %v", err))
				return nil
			}
			add(path, info)
		}
		return nil
	})
}

func (n *namedFiles) List(context.Context) (gatehouse.Listing, error) { return n.listing, nil }

func (n *namedFiles) Open(name string) (fs.File, error) {
	if name == stdinName {
		return &stdinFile{int64(len(n.stdin)), bytes.NewReader(n.stdin)}, nil
	}
	f, err := os.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapUnreadable, Reason: "it is not a regular file; give what is in a pipe or device as standard input"}
	}
	return f, nil
}

func (n *namedFiles) ReadDir(string) ([]fs.DirEntry, error) { return nil, errors.ErrUnsupported }
func (n *namedFiles) ReadLink(string) (string, error)       { return "", errors.ErrUnsupported }

// stdinFile is standard input, read, as a file.
type stdinFile struct {
	size int64
	*bytes.Reader
}

func (s stdinFile) Stat() (fs.FileInfo, error) { return s, nil }
func (s stdinFile) Close() error               { return nil }
func (s stdinFile) Name() string               { return stdinName }
func (s stdinFile) Size() int64                { return s.size }
func (s stdinFile) Mode() fs.FileMode          { return 0 }
func (s stdinFile) ModTime() time.Time         { return time.Time{} }
func (s stdinFile) IsDir() bool                { return false }
func (s stdinFile) Sys() any                   { return nil }
