package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/layout"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

func (a *app) layoutCommand() *cobra.Command {
	return group("layout", "Decide whether each step was done by those who may: in-toto layouts",
		a.layoutInitCommand(), a.layoutSignCommand(), a.layoutLinkCommand(), a.layoutVerifyCommand())
}

func (a *app) layoutInitCommand() *cobra.Command {
	var steps []string
	var expires, output string
	cmd := &cobra.Command{
		Use:   "init --step NAME=KEY[,KEY...][:THRESHOLD]...",
		Short: "Write a layout, to be edited and signed",
		Long: `init writes a layout in which each step may be done by those who have one of the
keys, and begins with what the step before ended with. THRESHOLD is how many of
them must do it (default 1).`,
		Example: `  gatehouse layout init --step commit=alice.pub --step build=ci.pub --step approve=bob.pub,carol.pub:2 -o root.layout`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			end, err := attest.ParseAge(expires)
			if err != nil {
				return fmt.Errorf("--expires: %w", err)
			}
			var list []layout.NewStep
			for _, text := range steps {
				s, err := newStep(text)
				if err != nil {
					return fmt.Errorf("--step %s: %w", text, err)
				}
				list = append(list, s)
			}
			l, err := layout.New(list, a.now().Add(end))
			if err != nil {
				return err
			}
			b, err := l.Marshal()
			if err != nil {
				return err
			}
			return a.writeTo(output, b)
		},
	}
	cmd.Flags().StringArrayVar(&steps, "step", nil, "NAME=KEY[,KEY...][:THRESHOLD], in order; repeatable")
	cmd.Flags().StringVar(&expires, "expires", "365d", "for how long the layout counts, such as 90d")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (default standard output)")
	must(cmd.MarkFlagRequired("step"))
	return cmd
}

func newStep(text string) (layout.NewStep, error) {
	name, keys, ok := strings.Cut(text, "=")
	if !ok || name == "" || keys == "" {
		return layout.NewStep{}, errors.New("want NAME=KEY[,KEY...][:THRESHOLD]")
	}
	s := layout.NewStep{Name: name, Threshold: 1}
	if i := strings.LastIndexByte(keys, ':'); i >= 0 {
		n, err := strconv.Atoi(keys[i+1:])
		if err != nil {
			return s, fmt.Errorf("the threshold %q is no number", keys[i+1:])
		}
		s.Threshold, keys = n, keys[:i]
	}
	for file := range strings.SplitSeq(keys, ",") {
		key, err := loadPublicKey(file)
		if err != nil {
			return s, err
		}
		s.Keys = append(s.Keys, key)
	}
	return s, nil
}

// writeTo writes a file, or standard output if no file is named.
func (a *app) writeTo(file string, b []byte) error {
	if file == "" {
		_, err := a.stdout.Write(b)
		return err
	}
	return writeFile(file, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

func (a *app) layoutSignCommand() *cobra.Command {
	var key, output string
	cmd := &cobra.Command{
		Use:   "sign FILE --key KEY",
		Short: "Sign a layout or a link",
		Long: `sign signs the layout or link in FILE, and writes an envelope (DSSE) in its place,
or to --output. If FILE is such an envelope, the signature is added.`,
		Example: "  gatehouse layout sign root.layout --key owner.key",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readLayoutFile(args[0])
			if err != nil {
				return err
			}
			private, err := a.loadKey(key)
			if err != nil {
				return err
			}
			b, err := layout.Sign(cmd.Context(), file, private)
			if err != nil {
				return err
			}
			return a.writeTo(cmp.Or(output, args[0]), append(b, '\n'))
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "private key that signs")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (default: FILE)")
	must(cmd.MarkFlagRequired("key"))
	return cmd
}

func readLayoutFile(name string) (layout.File, error) {
	data, err := config.ReadBounded(name, limits.MaxLayoutBytes)
	return layout.File{Name: name, Data: data}, err
}

func (a *app) layoutLinkCommand() *cobra.Command {
	var key, dir string
	var materials, products []string
	cmd := &cobra.Command{
		Use:   "link STEP --key KEY [--materials PATH] [--products PATH]",
		Short: "Sign what a step began and ended with",
		Long: `link signs a link: the digests of the files that the step STEP began with
(materials) and ended with (products). No command is run. It is written to
STEP.KEYID.link.

Names of files are relative to PATH. What gatehouse.yaml excludes is left out.`,
		Example: `  gatehouse layout link commit --key alice.key --products src
  gatehouse layout link build --key ci.key --materials src --products app`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			private, err := a.loadKey(key)
			if err != nil {
				return err
			}
			before, err := a.digests(cmd.Context(), materials)
			if err != nil {
				return err
			}
			after, err := a.digests(cmd.Context(), products)
			if err != nil {
				return err
			}
			if len(before)+len(after) == 0 {
				return errors.New("neither --materials nor --products has a file, so the link would say nothing")
			}
			b, err := layout.SignLink(cmd.Context(), layout.NewLink(args[0], nil, before, after), private)
			if err != nil {
				return err
			}
			name, err := layout.FileName(args[0], private.Public())
			if err != nil {
				return err
			}
			if name != filepath.Base(name) {
				return fmt.Errorf("the step %q cannot be part of the name of a file", args[0])
			}
			path := filepath.Join(dir, name)
			if err := a.writeTo(path, append(b, '\n')); err != nil {
				return err
			}
			a.say("the link is in %s", path)
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "private key of who did the step")
	cmd.Flags().StringArrayVar(&materials, "materials", nil, "directory or file that was there before; repeatable")
	cmd.Flags().StringArrayVar(&products, "products", nil, "directory or file that is there now; repeatable")
	cmd.Flags().StringVar(&dir, "links", ".", "directory to write to")
	must(cmd.MarkFlagRequired("key"))
	return cmd
}

// digests are those of all files in the paths, by path.
func (a *app) digests(ctx context.Context, paths []string) (map[string]layout.Digests, error) {
	out := map[string]layout.Digests{}
	for _, path := range paths {
		report, err := a.digestTarget(ctx, &scanFlags{}, path, "attestations")
		if err != nil {
			return nil, err
		}
		for _, f := range report.Coverage.Files {
			d := layout.Digests{"sha256": f.SHA256}
			if first, ok := out[f.Path]; ok && !maps.Equal(first, d) {
				return nil, fmt.Errorf("two of the paths have a file %s, and they differ", f.Path)
			}
			out[f.Path] = d
		}
	}
	return out, nil
}

// layoutFlags say how a layout is verified.
type layoutFlags struct {
	keys        []string
	links       string
	inspections []string
}

func (f *layoutFlags) register(cmd *cobra.Command, prefix string) {
	fl := cmd.Flags()
	// The names fit a command that has nothing but layouts, and one that has more.
	fl.StringArrayVar(&f.keys, prefix+"key", nil, "public key of an owner of the layout; repeatable, all must have signed it")
	fl.StringVar(&f.links, "links", "", "directory with the links, files called *.link (default: that of the layout)")
	fl.StringSliceVar(&f.inspections, "allow-inspections", nil, "inspections whose commands may be run, by name")
}

func (a *app) layoutVerifyCommand() *cobra.Command {
	var f layoutFlags
	var artifact, at, output string
	cmd := &cobra.Command{
		Use:   "verify LAYOUT --key OWNER",
		Short: "Decide whether the steps of a layout were done by those who may",
		Long: `verify checks that the owners signed the layout, that it has not ended, that each
step was done by enough of those who may, and that each began with what the step
before ended with. With --artifact, the last step must have ended with it.

A layout can ask for inspections, which are commands that run on this machine. They
are refused, and so is the layout, unless --allow-inspections names each. They run
in a new directory with the artifact.

The exit code is 0 if all is in order, 1 if not, and 2 if that cannot be found out.`,
		Example: `  gatehouse layout verify root.layout --key owner.pub --links links --artifact app`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("-o %s: want text or json", output)
			}
			now := a.now()
			if at != "" {
				var err error
				if now, err = config.ParseTime(at); err != nil {
					return fmt.Errorf("--time: %w", err)
				}
			}
			var report *gatehouse.Report
			if artifact != "" {
				var err error
				if report, err = a.digestTarget(cmd.Context(), &scanFlags{}, artifact, "attestations"); err != nil {
					return err
				}
			}
			res, err := a.verifyLayout(cmd.Context(), &f, args[0], artifact, now)
			if err != nil {
				return err
			}
			unbound := ""
			if report != nil {
				unbound = notProduced(res, report)
			}
			passed := res.Passed() && unbound == ""
			if err := a.writeLayout(output, args[0], res, passed, unbound, report != nil); err != nil {
				return err
			}
			if !passed {
				return silently(exitFail)
			}
			return nil
		},
	}
	f.register(cmd, "")
	cmd.Flags().StringVar(&artifact, "artifact", "", "file or directory that the last step must have ended with")
	cmd.Flags().StringVar(&at, "time", "", "time of the decision, as RFC 3339 (default now)")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.MarkFlagRequired("key"))
	return cmd
}

// verifyLayout reads the files and verifies.
func (a *app) verifyLayout(ctx context.Context, f *layoutFlags, file, artifact string, now time.Time) (layout.Result, error) {
	l, err := readLayoutFile(file)
	if err != nil {
		return layout.Result{}, fmt.Errorf("read the layout: %w", err)
	}
	opts := layout.Options{Now: now}
	for _, name := range f.keys {
		key, err := loadPublicKey(name)
		if err != nil {
			return layout.Result{}, err
		}
		opts.Owners = append(opts.Owners, key)
	}
	dir := cmp.Or(f.links, filepath.Dir(file))
	names, err := filepath.Glob(filepath.Join(dir, "*.link"))
	if err != nil {
		return layout.Result{}, fmt.Errorf("--links: %w", err)
	}
	if len(names) > limits.MaxLinks {
		return layout.Result{}, fmt.Errorf("%s has %d links, the limit is %d", dir, len(names), limits.MaxLinks)
	}
	for _, name := range names {
		link, err := readLayoutFile(name)
		if err != nil {
			return layout.Result{}, fmt.Errorf("read the link: %w", err)
		}
		opts.Links = append(opts.Links, link)
	}
	if len(f.inspections) > 0 {
		if artifact == "" {
			return layout.Result{}, errors.New("--allow-inspections needs the artifact to inspect: --artifact")
		}
		opts.Inspect = func(ctx context.Context, i layout.Inspection) (layout.Link, error) {
			if !slices.Contains(f.inspections, i.Name) {
				return layout.Link{}, fmt.Errorf("it runs the command %q, and --allow-inspections does not name it", strings.Join(i.Run, " "))
			}
			a.say("inspection %s runs: %s", i.Name, strings.Join(i.Run, " "))
			return a.runInspection(ctx, i, artifact)
		}
	}
	return layout.Verify(ctx, l, opts)
}

// inspectionTimeout bounds the command of an inspection.
const inspectionTimeout = 10 * time.Minute

// runInspection runs the command in a new directory with a copy of the artifact.
func (a *app) runInspection(ctx context.Context, i layout.Inspection, artifact string) (layout.Link, error) {
	dir, err := os.MkdirTemp("", "gatehouse-inspection-*")
	if err != nil {
		return layout.Link{}, err
	}
	defer os.RemoveAll(dir)
	if info, err := os.Stat(artifact); err == nil && info.IsDir() {
		err = os.CopyFS(dir, os.DirFS(artifact))
		if err != nil {
			return layout.Link{}, err
		}
	} else {
		data, err := os.ReadFile(artifact)
		if err != nil {
			return layout.Link{}, err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(artifact)), data, 0o755); err != nil {
			return layout.Link{}, err
		}
	}
	before, err := a.digests(ctx, []string{dir})
	if err != nil {
		return layout.Link{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, inspectionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, i.Run[0], i.Run[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, a.stderr, a.stderr, time.Second
	cmd.Env = []string{"PATH=" + config.LookupEnv(a.env, "PATH"), "HOME=" + dir}
	if err := cmd.Run(); err != nil {
		return layout.Link{}, fmt.Errorf("the command failed: %w", err)
	}
	after, err := a.digests(ctx, []string{dir})
	return layout.NewLink(i.Name, i.Run, before, after), err
}

// notProduced says which file of the target the last step of a layout did not end
// with; empty if it ended with all of them. A single file may have another name.
func notProduced(res layout.Result, report *gatehouse.Report) string {
	if len(res.Steps) == 0 {
		return "nothing is known about what the last step ended with"
	}
	last := res.Steps[len(res.Steps)-1]
	if len(report.Coverage.Files) == 0 {
		return "the artifact has no file"
	}
	for _, f := range report.Coverage.Files {
		made := last.Products[f.Path]["sha256"] == f.SHA256 && f.SHA256 != ""
		if report.Target.Kind == gatehouse.TargetFile {
			made = res.Product(last.Name, f.SHA256)
		}
		if !made {
			return fmt.Sprintf("the last step, %q, did not end with %s as it is", last.Name, f.Path)
		}
	}
	return ""
}

// layoutDocument is -o json of layout verify.
type layoutDocument struct {
	Version int  `json:"version"`
	Passed  bool `json:"passed"`
	// Artifact is why the artifact is not what the last step ended with; empty
	// if it is, or if none was named.
	Artifact string `json:"artifact"`
	layout.Result
}

func (a *app) writeLayout(format, name string, res layout.Result, passed bool, unbound string, bound bool) error {
	if format == "json" {
		return printJSON(a.stdout, layoutDocument{1, passed, unbound, res})
	}
	var b strings.Builder
	word := "FAIL"
	if passed {
		word = "PASS"
	}
	fmt.Fprintf(&b, "%s  %s\n      %s\n", word, clean(name), res.Digest)
	for _, s := range res.Steps {
		mark := "missing"
		if s.Met {
			mark = "ok     "
		}
		fmt.Fprintf(&b, "\n%s  %s\n         %s\n", mark, clean(s.Name), clean(s.Reason))
		for _, id := range s.Functionaries {
			fmt.Fprintf(&b, "         by %s\n", id)
		}
	}
	list := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, line := range lines {
			fmt.Fprintf(&b, "  - %s\n", clean(line))
		}
	}
	problems := res.Problems
	if unbound != "" {
		problems = append(slices.Clone(problems), unbound)
	}
	list("Problems", problems)
	warnings := res.Warnings
	if !bound {
		warnings = append(slices.Clone(warnings), "it is not known which artifact this is about: pass --artifact")
	}
	list("Warnings", warnings)
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}
