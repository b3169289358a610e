package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/cache"
	"github.com/gatehouse-sec/gatehouse/internal/compliance"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/ignorefile"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/render"
	"github.com/gatehouse-sec/gatehouse/internal/vex"
	"github.com/gatehouse-sec/gatehouse/policies"
	"github.com/gatehouse-sec/gatehouse/scanners"
)

// The flags, by what they are about. A flag that was not given leaves what the
// configuration says.

type scanFlags struct {
	scanners   []string
	exclude    []string
	database   string
	asOf       string
	outputs    []string
	noCache    bool
	cacheDir   string
	allowEmpty bool
	time       string
	vex        []string
	products   []string
	// ignoreFiles take the place of those of the configuration.
	ignoreFiles []string
	// compliance names specs, by id or file.
	compliance []string

	reachability bool
	// inventory lists packages, and matches them with nothing.
	inventory bool
	image     imageFlags
	iac       iacFlags
	helm      helmFlags
}

func (f *scanFlags) register(cmd *cobra.Command) {
	f.registerCommon(cmd)
	fl := cmd.Flags()
	fl.StringSliceVar(&f.scanners, "scanners", nil, "scanners to run: "+strings.Join(scanners.Names(), ", ")+" (default all)")
	fl.StringVar(&f.database, "db", "", "directory of the vulnerability database (default "+shortHome(defaultDatabaseDir())+")")
	fl.StringArrayVar(&f.vex, "vex", nil, "VEX document (OpenVEX, CSAF or CycloneDX) about what is found; repeatable")
	fl.StringArrayVar(&f.ignoreFiles, "ignore-file", nil, "file that lists what does not count: .trivyignore, .trivyignore.yaml, .checkov.baseline or .tfsec/config.yml; repeatable")
	fl.StringArrayVar(&f.compliance, "compliance", nil, "say which controls hold of "+strings.Join(compliance.Names(), ", ")+", or of the spec in a FILE; repeatable")
	fl.StringArrayVar(&f.products, "product", nil, "name of what is scanned in VEX documents, such as a package URL; repeatable")
	fl.StringVar(&f.asOf, "as-of", "", "leave out advisories that were published after this date or time")
	f.image.register(cmd)
	fl.BoolVar(&f.reachability, "reachability", false, "find out whether Go code uses what is vulnerable: runs the Go toolchain on the target, which compiles it, so for trusted code only")
	f.iac.register(cmd)
	f.helm.register(cmd)
	must(cmd.RegisterFlagCompletionFunc("scanners", cobra.FixedCompletions(scanners.Names(), cobra.ShellCompDirectiveNoFileComp)))
}

// registerCommon registers what does not depend on the scanners.
func (f *scanFlags) registerCommon(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.exclude, "exclude", nil, "leave out what this glob matches, relative to the target; repeatable")
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "FORMAT or FORMAT=FILE: "+strings.Join(render.Formats(), ", ")+"; repeatable (default text)")
	fl.BoolVar(&f.noCache, "no-cache", false, "neither use nor keep results of other runs")
	fl.StringVar(&f.cacheDir, "cache-dir", "", "directory of kept results (default "+shortHome(defaultCacheDir())+")")
	fl.BoolVar(&f.allowEmpty, "allow-empty", false, "exit with 0 when there is nothing to scan")
	fl.StringVar(&f.time, "time", "", "evaluation time, as RFC 3339 (default now)")
	must(cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return render.Formats(), cobra.ShellCompDirectiveNoSpace
	}))
}

// apply puts the flags over the configuration.
func (f *scanFlags) apply(cfg *config.Config) error {
	if len(f.scanners) > 0 {
		cfg.Scanners = f.scanners
	}
	for _, g := range f.exclude {
		cfg.Exclude = append(cfg.Exclude, config.Exclude{Path: g, Reason: "by --exclude"})
	}
	if len(f.products) > 0 {
		cfg.VEX.Products = f.products
	}
	if len(f.outputs) > 0 {
		cfg.Output = f.outputs
	}
	if f.time != "" {
		t, err := config.ParseTime(f.time)
		if err != nil {
			return fmt.Errorf("--time: %w", err)
		}
		cfg.Time = t
	}
	return cfg.Validate()
}

func (f *scanFlags) databaseDir(cfg *config.Config) string {
	switch {
	case f.database != "":
		return f.database
	case cfg.Database.Dir != "":
		return cfg.Resolve("database.dir", cfg.Database.Dir)
	}
	return defaultDatabaseDir()
}

// asOfTime is --as-of; a date means its end. Zero if it was not given.
func (f *scanFlags) asOfTime() (time.Time, error) {
	if f.asOf == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, f.asOf); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	t, err := config.ParseTime(f.asOf)
	if err != nil {
		return t, fmt.Errorf("--as-of %q: want a date such as 2026-01-31, or a time as RFC 3339", f.asOf)
	}
	return t, nil
}

func (f *scanFlags) cacheDirectory(cfg *config.Config) string {
	switch {
	case f.cacheDir != "":
		return f.cacheDir
	case cfg.Cache.Dir != "":
		return cfg.Resolve("cache.dir", cfg.Cache.Dir)
	}
	return defaultCacheDir()
}

// vexDocuments reads the documents that the flags or the configuration name.
func (f *scanFlags) vexDocuments(cfg *config.Config) ([]*vex.Document, error) {
	paths := f.vex
	if len(paths) == 0 {
		for _, p := range cfg.VEX.Documents {
			paths = append(paths, cfg.Resolve("vex.documents", p))
		}
	}
	var documents []*vex.Document
	var errs []error
	for _, p := range paths {
		data, err := config.ReadBounded(p, limits.MaxVEXBytes)
		if err != nil {
			errs = append(errs, fmt.Errorf("read VEX document: %w", err))
			continue
		}
		d, err := vex.Parse(p, data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		documents = append(documents, d)
	}
	return documents, errors.Join(errs...)
}

type policyFlags struct {
	policies      []string
	data          []string
	namespaces    []string
	allNamespaces bool
	combine       bool
	noBaseline    bool
	settings      []string
}

func (f *policyFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.policies, "policy", "p", nil, "directory or file with Rego policies; repeatable")
	fl.StringArrayVarP(&f.data, "data", "d", nil, "JSON or YAML file with data for policies; repeatable")
	fl.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "packages that judge configuration documents (default main)")
	fl.BoolVar(&f.allNamespaces, "all-namespaces", false, "use all packages")
	fl.BoolVar(&f.combine, "combine", false, "give document policies all documents at once")
	fl.BoolVar(&f.noBaseline, "no-baseline", false, "leave out the built-in baseline pack")
	fl.StringArrayVar(&f.settings, "set", nil, "setting of a baseline rule, RULE.KEY=VALUE; repeatable")
}

// options puts the flags over the configuration and opens the sources.
func (f *policyFlags) options(cfg *config.Config) (policies.Options, error) {
	o := policies.Options{
		Baseline:      (cfg.Policy.Baseline == nil || *cfg.Policy.Baseline) && !f.noBaseline,
		AllNamespaces: cfg.Policy.AllNamespaces || f.allNamespaces,
		Combine:       cfg.Policy.Combine || f.combine,
		Namespaces:    cfg.Policy.Namespaces,
		Settings:      map[string]any{},
	}
	if len(f.namespaces) > 0 {
		o.Namespaces = f.namespaces
	}
	for rule, v := range cfg.Policy.Settings {
		for key, v := range flatSetting(rule, v) {
			if _, twice := o.Settings[key]; twice {
				return o, fmt.Errorf("%s: policy.settings has %s twice, with a dot and without; remove one", cfg.Path, key)
			}
			o.Settings[key] = v
		}
	}
	for _, s := range f.settings {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return o, fmt.Errorf("--set %q: want RULE.KEY=VALUE, such as vulnerabilities.severity=CRITICAL", s)
		}
		var v any
		if err := yaml.Unmarshal([]byte(value), &v); err != nil {
			return o, fmt.Errorf("--set %q: the value is not valid YAML: %w", s, err)
		}
		for key, v := range flatSetting(key, v) {
			o.Settings[key] = v
		}
	}
	var err error
	if o.Policies, err = sources(cfg, f.policies, "policy.paths", cfg.Policy.Paths); err != nil {
		return o, err
	}
	o.Data, err = sources(cfg, f.data, "policy.data", cfg.Policy.Data)
	return o, err
}

// flatSetting writes the settings of a rule as RULE.KEY, so that those of one
// place take the place of those of another however they are written.
func flatSetting(rule string, v any) map[string]any {
	keys, ok := v.(map[string]any)
	if !ok || len(keys) == 0 || strings.Contains(rule, ".") {
		return map[string]any{rule: v}
	}
	flat := make(map[string]any, len(keys))
	for key, v := range keys {
		flat[rule+"."+key] = v
	}
	return flat
}

func sources(cfg *config.Config, flags []string, key string, configured []string) ([]policies.Source, error) {
	paths := flags
	if len(paths) == 0 {
		for _, p := range configured {
			paths = append(paths, cfg.Resolve(key, p))
		}
	}
	var list []policies.Source
	for _, p := range paths {
		s, err := policies.OpenSource(p)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// loadWaivers reads the waiver file; none is fine unless one was named.
func loadWaivers(cfg *config.Config, flag, dir string, now time.Time) ([]gatehouse.Waiver, string, error) {
	path, named := flag, true
	if path == "" && cfg.Waivers != "" {
		path = cfg.Resolve("waivers", cfg.Waivers)
	}
	if path == "" {
		named = false
		if cfg.Path != "" {
			dir = filepath.Dir(cfg.Path)
		}
		path = filepath.Join(dir, config.WaiversFileName)
	}
	data, err := config.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, "", config.Misnamed(path)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read waivers: %w", err)
	}
	waivers, err := policies.ParseWaivers(path, data, policies.WaiverOptions{Now: now})
	return waivers, path, err
}

// scanned is what a scan needs and gives.
type scanned struct {
	report *gatehouse.Report
	took   time.Duration
	// prefix is where the paths of the report start in their repository.
	prefix string
}

// scan opens the target and the scanners, and scans.
func (a *app) scan(ctx context.Context, cfg *config.Config, f *scanFlags, path string, withDocuments bool, now time.Time) (*scanned, error) {
	start := a.now()
	reachability, err := f.wantsReachability(cfg, a.namedConfig() != "")
	if err != nil {
		return nil, err
	}
	report, err := a.scanArgument(ctx, cfg, f, path, withDocuments, now)
	if err != nil {
		return nil, err
	}
	documents, err := f.vexDocuments(cfg)
	if err != nil {
		return nil, err
	}
	vex.Apply(report, documents, cfg.VEX.Products, now)
	if reachability {
		if err := a.reach(ctx, report, path, f.databaseDir(cfg)); err != nil {
			return nil, err
		}
	}
	return &scanned{report, a.now().Sub(start), repositoryPrefix(path)}, nil
}

// scanArgument scans what the argument of a command names: a path or an image.
func (a *app) scanArgument(ctx context.Context, cfg *config.Config, f *scanFlags, arg string, documents bool, now time.Time) (*gatehouse.Report, error) {
	if image.IsReference(arg) {
		return a.scanImage(ctx, cfg, f, arg, documents, now)
	}
	target, err := gatehouse.OpenTarget(arg)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	return a.scanTarget(ctx, cfg, f, arg, func(scan scanFunc, _ gatehouse.Cache) (*gatehouse.Report, error) { return scan(target) }, documents, now)
}

// scanFunc scans one target.
type scanFunc func(*gatehouse.Target) (*gatehouse.Report, error)

// scanTarget opens the scanners and the cache, which is nil if nothing is kept, and
// lets run scan with them.
func (a *app) scanTarget(ctx context.Context, cfg *config.Config, f *scanFlags, arg string, run func(scanFunc, gatehouse.Cache) (*gatehouse.Report, error), documents bool, now time.Time) (*gatehouse.Report, error) {
	forSecrets, err := secretOptions(cfg)
	if err != nil {
		return nil, err
	}
	checks, vars, err := f.iac.files(cfg)
	if err != nil {
		return nil, err
	}
	_, dir := targetArg([]string{arg})
	pin, by, err := databasePin(cfg, dir)
	if err != nil {
		return nil, err
	}
	asOf, err := f.asOfTime()
	if err != nil {
		return nil, err
	}
	releases, err := f.helm.releases(cfg)
	if err != nil {
		return nil, err
	}
	set, err := scanners.New(scanners.Options{Names: cfg.Scanners, Image: image.IsReference(arg), Documents: documents, DatabaseDir: f.databaseDir(cfg), Inventory: f.inventory, SBOMs: namedSBOM(arg),
		DatabaseDigest: pin, DatabasePinnedBy: by, AsOf: asOf,
		FingerprintKey: []byte(cfg.FingerprintKey), Secrets: forSecrets, StrictPipelines: cfg.IaC.StrictPipelines, Checks: checks, TerraformVars: vars, Helm: releases, Now: now})
	if err != nil {
		return nil, err
	}
	defer set.Close()
	timeout, err := cfg.FileTimeout()
	if err != nil {
		return nil, err
	}
	opts := gatehouse.ScanOptions{Tool: tool(), Build: build(), Exclude: cfg.Excluder(), Databases: set.Databases, Mask: set.Mask,
		MaxFileBytes: cfg.Limits.MaxFileBytes, FileTimeout: timeout}

	if !f.noCache && (cfg.Cache.Enabled == nil || *cfg.Cache.Enabled) {
		c, err := cache.Open(f.cacheDirectory(cfg))
		if err != nil {
			a.say("results are not kept: %s", err)
		} else {
			opts.Cache = c
			defer func() {
				if err := c.Close(); err != nil {
					a.say("results are not kept: %s", err)
				}
			}()
		}
	}
	p := a.newProgress()
	opts.Progress = p.scan()
	report, err := run(func(t *gatehouse.Target) (*gatehouse.Report, error) {
		defer p.done()
		return gatehouse.Scan(ctx, t, set.Scanners, opts)
	}, opts.Cache)
	if set.AsOf != nil {
		a.say("as of %s: %s", f.asOf, set.AsOf())
	}
	if err != nil {
		return nil, err
	}
	ignores, err := a.ignoreFiles(cfg, f.ignoreFiles, dir)
	if err != nil {
		return nil, err
	}
	var rules []gatehouse.Rule
	for _, s := range set.Scanners {
		rules = append(rules, s.Rules...)
	}
	ignorefile.Apply(report, ignores, rules, now)
	specs, err := complianceSpecs(f.compliance)
	if err != nil {
		return nil, err
	}
	for _, spec := range specs {
		report.Compliance = append(report.Compliance, compliance.Assess(spec, report, rules))
	}
	return report, nil
}

// repositoryPrefix is the path of the directory that holds or is the target,
// relative to the root of its git repository; "" if that is the root or there
// is none. Code hosts want paths that start there.
func repositoryPrefix(path string) string {
	dir, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Lstat(filepath.Join(root, ".git")); err == nil {
			rel, err := filepath.Rel(root, dir)
			if err != nil || rel == "." {
				return ""
			}
			return filepath.ToSlash(rel)
		}
		if root == filepath.Dir(root) {
			return ""
		}
	}
}

// nothing says whether no scanner had anything to do.
func nothing(r *gatehouse.Report) bool {
	for _, s := range r.Coverage.Scanners {
		if s.Status != gatehouse.StatusNotApplicable {
			return false
		}
	}
	return len(r.Coverage.Gaps) == 0
}

// targetArg is the path to scan and the directory where its configuration is
// looked for.
func targetArg(args []string) (path, dir string) {
	path = "."
	if len(args) > 0 {
		path = args[0]
	}
	if image.IsReference(path) {
		return path, "."
	}
	dir = path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	return path, dir
}

// defaultDatabaseDir is where the database is kept unless told otherwise.
func defaultDatabaseDir() string { return userCache("db") }

func defaultCacheDir() string { return userCache("results") }

func userCache(name string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(".gatehouse", name)
	}
	return filepath.Join(dir, "gatehouse", name)
}

// shortHome makes help texts the same for all users.
func shortHome(path string) string {
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		if rest, ok := strings.CutPrefix(path, home+string(filepath.Separator)); ok {
			return "~/" + filepath.ToSlash(rest)
		}
	}
	return path
}

// evaluationTime is what the user said, or now. It is read once for a run.
func (a *app) evaluationTime(cfg *config.Config) time.Time {
	if !cfg.Time.IsZero() {
		return cfg.Time
	}
	return a.now().UTC().Truncate(time.Second)
}
