package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/policies"
	"github.com/gatehouse-sec/gatehouse/scanners"
)

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [PATH]",
		Short: "Say what is configured, found, stale and missing",
		Long: `doctor looks at everything that check would use for PATH (default: the current
directory): configuration, policies, waivers, scanners and their known-bad
samples, vulnerability database and kept results. It exits with 0 if check could
come to a verdict, with 2 if something is wrong, and with 3 if something is
missing or stale, so that a verdict could be INCOMPLETE.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, dir := targetArg(args)
			d := &doctor{app: a}
			d.examine(cmd.Context(), path, dir)
			return silently(d.code)
		},
	}
	return cmd
}

// doctor prints one line for each thing it looks at.
type doctor struct {
	*app
	code int
}

func (d *doctor) line(state, what, format string, args ...any) {
	fmt.Fprintf(d.stdout, "%-8s %-12s %s\n", state, what, fmt.Sprintf(format, args...))
}

func (d *doctor) ok(what, format string, args ...any) { d.line("ok", what, format, args...) }

func (d *doctor) missing(what, format string, args ...any) {
	d.incomplete("missing", what, format, args...)
}

func (d *doctor) incomplete(state, what, format string, args ...any) {
	d.line(state, what, format, args...)
	if d.code != exitUsage {
		d.code = exitIncomplete
	}
}

func (d *doctor) wrong(what string, err error) {
	d.line("wrong", what, "%s", strings.ReplaceAll(err.Error(), "\n", "\n"+strings.Repeat(" ", 22)))
	d.code = exitUsage
}

func (d *doctor) examine(ctx context.Context, path, dir string) {
	d.ok("version", "%s", tool().Version)
	if _, err := os.Stat(path); err != nil {
		d.wrong("target", err)
	} else {
		d.ok("target", "%s", path)
	}
	cfg, err := d.loadConfig(dir)
	switch {
	case err != nil:
		d.wrong("config", err)
		cfg = &config.Config{Version: 1}
	case cfg.Path == "":
		d.ok("config", "none (%s); defaults are used, `gatehouse init` writes one", filepath.Join(dir, config.FileName))
	default:
		d.ok("config", "%s, %d excludes", cfg.Path, len(cfg.Exclude))
	}
	now := d.evaluationTime(cfg)
	d.policies(ctx, cfg)
	d.waivers(cfg, dir, now)
	f := &scanFlags{}
	dbDir := f.databaseDir(cfg)
	d.database(dbDir, now)
	d.scanners(ctx, cfg, dbDir, now)
	d.cache(cfg, f)
}

func (d *doctor) policies(ctx context.Context, cfg *config.Config) {
	o, err := (&policyFlags{}).options(cfg)
	if err == nil {
		var set *policies.Set
		if set, err = policies.Load(ctx, o); err == nil {
			ref := set.Ref()
			d.ok("policies", "%d rules from %s (%.19s…)", ref.Rules, strings.Join(ref.Sources, ", "), ref.Digest)
			return
		}
	}
	d.wrong("policies", err)
}

func (d *doctor) waivers(cfg *config.Config, dir string, now time.Time) {
	list, file, err := loadWaivers(cfg, "", dir, now)
	switch {
	case err != nil:
		d.wrong("waivers", err)
	case file == "":
		d.ok("waivers", "none")
	default:
		expired := 0
		for _, w := range list {
			if w.Expires.Before(now) {
				expired++
			}
		}
		d.ok("waivers", "%s: %d, of which %d are expired", file, len(list), expired)
	}
}

func (d *doctor) database(dir string, now time.Time) {
	st, err := readStatus(dir, now)
	switch {
	case err != nil:
		d.missing("database", "%s", err)
	case st.Age > 7*24*time.Hour:
		d.incomplete("stale", "database", "%s: %d advisories, but %s old; import or pull a newer one", dir, st.Advisories, age(st.Age))
	default:
		d.ok("database", "%s: %d advisories, %s old", dir, st.Advisories, age(st.Age))
	}
}

// scanners runs each scanner over nothing, so that only its known-bad samples
// speak.
func (d *doctor) scanners(ctx context.Context, cfg *config.Config, dbDir string, now time.Time) {
	forSecrets, err := secretOptions(cfg)
	if err != nil {
		d.wrong("scanners", err)
		return
	}
	set, err := scanners.New(scanners.Options{Names: cfg.Scanners, DatabaseDir: dbDir, FingerprintKey: []byte(cfg.FingerprintKey), Secrets: forSecrets, Now: now})
	if err != nil {
		d.wrong("scanners", err)
		return
	}
	defer set.Close()
	empty, err := os.MkdirTemp("", "gatehouse-doctor-")
	if err != nil {
		d.wrong("scanners", err)
		return
	}
	defer os.Remove(empty)
	target, err := gatehouse.OpenTarget(empty)
	if err != nil {
		d.wrong("scanners", err)
		return
	}
	defer target.Close()
	report, err := gatehouse.Scan(ctx, target, set.Scanners, gatehouse.ScanOptions{Tool: tool()})
	if err != nil {
		d.wrong("scanners", err)
		return
	}
	for _, g := range report.Coverage.Gaps {
		d.missing(g.Scanner, "%s", g.Reason)
	}
	for _, s := range report.Coverage.Scanners {
		switch {
		case s.Status == gatehouse.StatusFailed:
		case s.Canaries == 0:
			d.ok(s.Name, "no known-bad sample can be tried without a database")
		case s.Rules == 0:
			d.ok(s.Name, "found its known-bad samples")
		default:
			d.ok(s.Name, "%d rules; found its known-bad samples", s.Rules)
		}
	}
}

func (d *doctor) cache(cfg *config.Config, f *scanFlags) {
	if cfg.Cache.Enabled != nil && !*cfg.Cache.Enabled {
		d.ok("results", "are not kept")
		return
	}
	dir := f.cacheDirectory(cfg)
	probe := filepath.Join(dir, ".probe")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(probe, nil, 0o600)
	}
	if err != nil {
		d.line("warning", "results", "cannot be kept in %s: %s; each run scans everything", dir, err)
		return
	}
	os.Remove(probe)
	d.ok("results", "are kept in %s", dir)
}
