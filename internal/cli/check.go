package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/render"
	"github.com/gatehouse-sec/gatehouse/policies"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

type checkFlags struct {
	scanFlags
	policyFlags
	waivers string

	attest bool // sign the verdict
	attestFlags
	evidence evidenceFlags
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [PATH]",
		Short: "Scan a directory, file or image and judge what was found",
		Long: `check scans the directory or file PATH (default: the current directory), or an
image: registry/repository:tag, oci:DIR, or tar:FILE as 'docker save' writes it. It
evaluates the baseline pack and your own policies over everything it found, and
prints the verdict. The exit code is 0 for PASS, 1 for FAIL, 3 for INCOMPLETE,
2 for a mistake in the configuration and 4 if there was nothing to scan.

Nothing is sent anywhere, and nothing is fetched but what you name, such as an
image in a registry: the vulnerability database is what 'gatehouse db import' or
'gatehouse db pull' put in place.`,
		Example: `  gatehouse check .
  gatehouse check . -o text -o sarif=gatehouse.sarif -o junit=gatehouse.xml
  gatehouse check . --policy policy --namespace main
  gatehouse check registry.example/team/app:1.2
  gatehouse check . --set vulnerabilities.severity=CRITICAL --exclude 'vendor/**'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.check(cmd, &f, args) },
	}
	f.scanFlags.register(cmd)
	f.policyFlags.register(cmd)
	cmd.Flags().StringVar(&f.waivers, "waivers", "", "waiver file (default: gatehouse.waivers.yaml beside the configuration)")
	cmd.Flags().BoolVar(&f.attest, "attest", false, "sign the verdict; see 'gatehouse attest'")
	f.attestFlags.register(cmd)
	f.evidence.register(cmd)
	return cmd
}

func (a *app) check(cmd *cobra.Command, f *checkFlags, args []string) error {
	open, err := a.checkedSigner(cmd.Context(), f)
	if err != nil {
		return err
	}
	j, err := a.judge(cmd.Context(), f, args)
	if err != nil {
		return err
	}
	if open != nil {
		path, _ := targetArg(args)
		if err := a.attestVerdict(cmd.Context(), f.attestFlags, open, j, path, f.image.plainHTTP); err != nil {
			return fmt.Errorf("the verdict was %s, but it was not attested: %w", j.verdict.Outcome, err)
		}
	}
	in := render.Input{Report: j.report, Verdict: &j.verdict, PathPrefix: j.prefix, Verbose: a.verbose, Elapsed: j.took}
	if err := a.writeOutputs(j.outputs, in); err != nil {
		return errors.Join(err, fmt.Errorf("the verdict was %s", j.verdict.Outcome))
	}
	return silently(outcomeCode(j.verdict.Outcome))
}

// judged is what [app.judge] gives.
type judged struct {
	scanned
	verdict    gatehouse.Verdict
	outputs    []output
	waiverFile string   // empty if there is none
	rules      []string // the paths of those that were evaluated
}

// judge is the whole road of the data, from the target to the verdict.
func (a *app) judge(ctx context.Context, f *checkFlags, args []string) (*judged, error) {
	path, dir := targetArg(args)
	cfg, err := a.loadConfig(dir)
	if err != nil {
		return nil, err
	}
	if err := f.scanFlags.apply(cfg); err != nil {
		return nil, err
	}
	outs, err := parseOutputs(cfg.Output)
	if err != nil {
		return nil, err
	}
	now := a.evaluationTime(cfg)
	waivers, waiverFile, err := loadWaivers(cfg, f.waivers, dir, now)
	if err != nil {
		return nil, err
	}
	options, err := f.policyFlags.options(cfg)
	if err != nil {
		return nil, err
	}
	set, err := policies.Load(ctx, options)
	if err != nil {
		return nil, err
	}
	if f.attest || f.evidence.policy != "" {
		if err := leaveOutAttestations(cfg, path, f.dir); err != nil {
			return nil, err
		}
	}
	scan, err := a.scan(ctx, cfg, &f.scanFlags, path, set.NeedsDocuments(), now)
	if err != nil {
		return nil, err
	}
	if nothing(scan.report) && !f.allowEmpty {
		return nil, errNothing(fmt.Sprintf("there is nothing to scan in %q", path))
	}
	if err := a.addEvidence(ctx, f, scan.report, path, now); err != nil {
		return nil, err
	}
	input, err := policies.NewInput(scan.report, now)
	if err != nil {
		return nil, err
	}
	verdict, err := set.Decide(ctx, input, waivers)
	if err != nil {
		return nil, err
	}
	maskVerdict(&verdict, secrets.Mask())
	var rules []string
	for _, r := range set.Rules() {
		rules = append(rules, r.Path)
	}
	return &judged{*scan, verdict, outs, waiverFile, rules}, nil
}

// maskVerdict masks secrets in what policies say: they quote the documents that
// they judge, and so do their errors.
func maskVerdict(v *gatehouse.Verdict, mask func(string) string) {
	for _, list := range [][]gatehouse.Violation{v.Violations, v.Warnings} {
		for i := range list {
			maskViolation(&list[i], mask)
		}
	}
	for i := range v.Gaps {
		if v.Gaps[i].Code == gatehouse.GapRule {
			v.Gaps[i].Reason = mask(v.Gaps[i].Reason)
		}
	}
	for i := range v.Waived {
		if w := v.Waived[i].Violation; w != nil {
			maskViolation(w, mask)
		}
	}
}

// maskViolation leaves the pack alone, which quotes only what is masked.
func maskViolation(v *gatehouse.Violation, mask func(string) string) {
	if strings.HasPrefix(v.Rule, "gatehouse.baseline.") {
		return
	}
	v.Message = mask(v.Message)
	if masked := mask(string(v.Details)); masked != string(v.Details) {
		v.Details = nil // what is cut out of it would not be JSON
	}
}

func (a *app) scanCommand() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan [PATH]",
		Short: "Scan a directory or file and print the findings, without a verdict",
		Long: `scan prints what the scanners find in the directory or file PATH (default: the
current directory). No policy is evaluated: the exit code is 0 if everything was
looked at, whatever was found, 3 if not, and 4 if there was nothing to scan.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, dir := targetArg(args)
			cfg, err := a.loadConfig(dir)
			if err != nil {
				return err
			}
			if err := f.apply(cfg); err != nil {
				return err
			}
			outs, err := parseOutputs(cfg.Output)
			if err != nil {
				return err
			}
			scan, err := a.scan(cmd.Context(), cfg, &f, path, false, a.evaluationTime(cfg))
			if err != nil {
				return err
			}
			if nothing(scan.report) && !f.allowEmpty {
				return errNothing(fmt.Sprintf("there is nothing to scan in %q", path))
			}
			if err := a.writeOutputs(outs, render.Input{Report: scan.report, PathPrefix: scan.prefix, Verbose: a.verbose, Elapsed: scan.took}); err != nil {
				return err
			}
			if len(scan.report.Coverage.Gaps) > 0 {
				return silently(outcomeCode(gatehouse.OutcomeIncomplete))
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.AddCommand(a.scanGitCommand())
	return cmd
}
