package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/feeds"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/osvimport"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/pull"
)

func (a *app) dbCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Build, fetch and inspect the vulnerability database",
		Long: `db manages the vulnerability database that the sca scanner matches against. It
is in the format of trivy-db (schema version 2), so a published trivy-db works
as well as one that is built from advisories.

A check never fetches anything: build the database once with import, or fetch it
once with pull, and share the directory or push it to a registry of your own.`,
		Example: `  gatehouse db import advisory-database/ go-vulndb.tar.xz --epss epss.csv.gz --kev kev.json
  gatehouse db status
  gatehouse db lock                  pin its digest for the checks of this project`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.dbImportCommand(), a.dbPullCommand(), a.dbPushCommand(), a.dbStatusCommand(), a.dbSearchCommand(),
		a.dbDiffCommand(), a.dbLockCommand())
	return cmd
}

// dbFlags are shared by the db commands.
type dbFlags struct {
	dir  string
	time string
}

func (f *dbFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "db", "", "directory of the database (default "+shortHome(defaultDatabaseDir())+")")
	cmd.Flags().StringVar(&f.time, "time", "", "time of the operation, as RFC 3339 (default now)")
}

func (a *app) dbSetup(f *dbFlags) (dir string, now time.Time, err error) {
	cfg, err := a.loadConfig(".")
	if err != nil {
		return "", now, err
	}
	scan := scanFlags{database: f.dir, time: f.time}
	if err := scan.apply(cfg); err != nil {
		return "", now, err
	}
	return scan.databaseDir(cfg), a.evaluationTime(cfg), nil
}

func (a *app) dbImportCommand() *cobra.Command {
	var f dbFlags
	var osv, epss, kev []string
	var source string
	cmd := &cobra.Command{
		Use:   "import PATH...",
		Short: "Build the database from advisories",
		Long: `import reads advisories from directories, files and archives (.zip, .tar, and .tar
packed by gzip, xz, zstd or bzip2) and replaces the database by what it read. It
knows the OSV format as JSON and YAML, and those of RustSec, RubySec, the PHP
security advisories and the Node.js security working group.

--epss and --kev join the scores of https://www.first.org/epss and CISA's
catalogue of known exploited vulnerabilities; such files are recognised among
the other paths, too.

What is not an advisory is counted; what looks like one and cannot be used is
named with the reason. If anything fails, the old database stays.`,
		Example: `  gatehouse db import advisory-database/advisories vulndb.tar.xz
  gatehouse db import --osv advisories.zip --epss epss_scores-current.csv.gz --kev known_exploited_vulnerabilities.json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			lists, paths, err := readLists(epss, kev, append(osv, args...))
			if err != nil {
				return err
			}
			if len(paths) == 0 {
				return errors.New("nothing to import: name a directory, file or archive with advisories, such as `gatehouse db import advisories.zip`")
			}
			dir, now, err := a.dbSetup(&f)
			if err != nil {
				return err
			}
			p := a.newProgress()
			res, err := osvimport.Import(cmd.Context(), dir, paths, osvimport.Options{Now: now, SourceName: source, Lists: lists,
				Progress: func(files int) { p.show("importing: %d files", files) }})
			p.done()
			a.sayImport(&res)
			if err != nil {
				return err
			}
			return a.printImport(dir, &res)
		},
	}
	f.register(cmd)
	cmd.Flags().StringArrayVar(&osv, "osv", nil, "directory, file or archive with advisories, like PATH; repeatable")
	cmd.Flags().StringArrayVar(&epss, "epss", nil, "EPSS scores (.csv or .csv.gz)")
	cmd.Flags().StringArrayVar(&kev, "kev", nil, "CISA's catalogue of known exploited vulnerabilities (.json or .csv)")
	cmd.Flags().StringVar(&source, "source", "", "name of the database for entries whose id does not tell it")
	return cmd
}

// readLists reads the public lists, and returns the paths that are none.
func readLists(epss, kev, paths []string) (*feeds.Lists, []string, error) {
	lists := &feeds.Lists{}
	var rest []string
	for _, p := range paths {
		switch feeds.Kind(p) {
		case vulndb.FeedEPSS:
			epss = append(epss, p)
		case vulndb.FeedKEV:
			kev = append(kev, p)
		default:
			rest = append(rest, p)
		}
	}
	for _, p := range epss {
		if err := lists.Read(vulndb.FeedEPSS, p); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range kev {
		if err := lists.Read(vulndb.FeedKEV, p); err != nil {
			return nil, nil, err
		}
	}
	return lists, rest, nil
}

// sayImport names what was not imported.
func (a *app) sayImport(res *osvimport.Result) {
	for i, r := range res.Rejected {
		if i == 20 && !a.verbose {
			a.say("and %d more; --verbose shows them", len(res.Rejected)-i)
			break
		}
		a.say("rejected: %s", r)
	}
	if res.RejectedCount > 1 {
		for _, reason := range slices.Sorted(maps.Keys(res.Reasons)) {
			a.say("rejected: %d because of: %s", res.Reasons[reason], reason)
		}
	}
	if res.CommitsOnly > 0 {
		a.say("ignored: %s that advisories describe by commits alone", plural(res.CommitsOnly, "package", "packages"))
	}
	if res.UnusableVersions > 0 {
		a.say("ignored: %s that are none in their ecosystem", plural(res.UnusableVersions, "listed version", "listed versions"))
	}
	for _, eco := range slices.Sorted(maps.Keys(res.UnknownEcosystems)) {
		a.say("ignored: %s of the ecosystem %q, which no scanner knows", plural(res.UnknownEcosystems[eco], "package", "packages"), eco)
	}
	for _, format := range slices.Sorted(maps.Keys(res.Unsupported)) {
		a.say("ignored: %s in the format %q, which cannot be imported", plural(res.Unsupported[format], "advisory", "advisories"), format)
	}
}

func (a *app) printImport(dir string, res *osvimport.Result) error {
	entries := 0
	for _, n := range res.Entries {
		entries += n
	}
	w := a.stdout
	_, err := fmt.Fprintf(w, "imported %s for %s into %s\n", plural(entries, "advisory", "advisories"), plural(len(res.Manifest.Ecosystems), "ecosystem", "ecosystems"), dir)
	for _, name := range slices.Sorted(maps.Keys(res.Entries)) {
		_, err = fmt.Fprintf(w, "  %6d  %s\n", res.Entries[name], name)
	}
	for _, f := range res.Manifest.Feeds {
		_, err = fmt.Fprintf(w, "  %6d  with %s of %s (%d entries)\n", f.Joined, strings.ToUpper(f.ID), cmp.Or(f.Date, "an unknown date"), f.Entries)
	}
	var left []string
	for _, l := range []struct {
		n         int
		one, many string
	}{{res.RejectedCount, "rejected", "rejected"}, {res.Withdrawn, "withdrawn", "withdrawn"}, {res.Duplicates, "duplicate", "duplicates"},
		{res.Ignored, "file that is no advisory", "files that are no advisories"}} {
		if l.n > 0 {
			left = append(left, plural(l.n, l.one, l.many))
		}
	}
	if len(left) > 0 {
		_, err = fmt.Fprintf(w, "not imported: %s\n", strings.Join(left, ", "))
	}
	if err == nil {
		_, err = fmt.Fprintln(w, res.Manifest.Digest)
	}
	return err
}

func (a *app) dbPullCommand() *cobra.Command {
	var f dbFlags
	var plain bool
	cmd := &cobra.Command{
		Use:   "pull [REF]",
		Short: "Fetch a published database",
		Long: `pull fetches a database that was published as an OCI artifact and replaces the
present one, once the new one is complete and verified. A download that breaks
off is continued, by the same command or the next one. Without REF it fetches
what gatehouse.lock pins. REF is one of
  registry/repository:tag or registry/repository@sha256:...
  oci:DIR, oci:DIR:tag or oci:DIR@sha256:...    an OCI image layout
  tar:FILE                                      db.tar.gz, or an image as a tar`,
		Example: `  gatehouse db pull ghcr.io/aquasecurity/trivy-db:2
  gatehouse db pull mirror.example.com/trivy-db@sha256:...
  gatehouse db pull tar:db.tar.gz`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, now, err := a.dbSetup(&f)
			if err != nil {
				return err
			}
			ref, err := a.pullRef(args)
			if err != nil {
				return err
			}
			p := a.newProgress()
			res, err := pull.Pull(cmd.Context(), dir, ref, pull.Options{PlainHTTP: plain, Now: now,
				Progress: func(done, total int64) { p.show("fetching: %d of %d MiB", done>>20, total>>20) }})
			p.done()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "fetched %s into %s\n", res.Origin, dir)
			if err != nil {
				return err
			}
			return a.printStatus(dir, now, false)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&plain, "plain-http", false, "talk HTTP without TLS to the registry")
	return cmd
}

func (a *app) dbPushCommand() *cobra.Command {
	var f dbFlags
	var plain bool
	cmd := &cobra.Command{
		Use:   "push REF",
		Short: "Publish the database to a registry or layout",
		Long: `push verifies the database and publishes it as an OCI artifact that both
gatehouse and trivy can pull. REF is registry/repository:tag, or oci:DIR:tag for
an OCI image layout. The same database always gets the same digest, which is
printed.`,
		Example: `  gatehouse db push registry.example.com/security/db:2
  gatehouse db push oci:layout:latest`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, now, err := a.dbSetup(&f)
			if err != nil {
				return err
			}
			digest, err := pull.Push(cmd.Context(), dir, args[0], pull.Options{PlainHTTP: plain, Now: now})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, digest)
			return err
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&plain, "plain-http", false, "talk HTTP without TLS to the registry")
	return cmd
}

func (a *app) dbStatusCommand() *cobra.Command {
	var f dbFlags
	var verify, asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what the database holds and how old it is",
		Long: `status shows the digest, the age and the content of the database, when the
joined lists were made, and each source with its licence and whom it asks to be
named. With --verify it reads all of it.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, now, err := a.dbSetup(&f)
			if err != nil {
				return err
			}
			if verify {
				if err := vulndb.Verify(dir); err != nil {
					return &exitError{exitIncomplete, err}
				}
			}
			return a.printStatus(dir, now, asJSON)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&verify, "verify", false, "read all of the database and check its digest")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func readStatus(dir string, now time.Time) (vulndb.Status, error) {
	db, err := vulndb.Open(dir)
	if err != nil {
		return vulndb.Status{}, err
	}
	defer db.Close()
	return db.Status(now)
}

func (a *app) printStatus(dir string, now time.Time, asJSON bool) error {
	st, err := readStatus(dir, now)
	if err != nil {
		return &exitError{exitIncomplete, err}
	}
	if asJSON {
		return printJSON(a.stdout, st)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	row := func(k, v string) { fmt.Fprintf(w, "%s\t%s\n", k, v) }
	row("directory", st.Path)
	row("digest", st.Digest)
	row("updated", fmt.Sprintf("%s (%s ago)", st.UpdatedAt.Format(time.RFC3339), age(st.Age)))
	row("advisories", fmt.Sprintf("%d, each counted once for each package that it names", st.Advisories))
	type count struct {
		name string
		n    int
	}
	var ecos []count
	for name, n := range st.Ecosystems {
		ecos = append(ecos, count{name, n})
	}
	slices.SortFunc(ecos, func(a, b count) int { return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.name, b.name)) })
	for _, e := range ecos {
		row("  "+e.name, fmt.Sprint(e.n))
	}
	for _, fd := range st.Feeds {
		row(fd.ID, fmt.Sprintf("%s: %d of %d entries meet an advisory", cmp.Or(fd.Date, "date unknown"), fd.Joined, fd.Entries))
	}
	if st.Origin != "" {
		row("origin", st.Origin)
	}
	if st.Rejected > 0 {
		row("rejected", plural(st.Rejected, "entry", "entries"))
	}
	if !st.WholeDigest {
		row("note", "the digest covers the metadata only; fetch the database with `gatehouse db pull` to have all of it checked")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printSources(a.stdout, st)
}

// printSources names each source with what its licence asks for; a source that
// is about many ecosystems is one.
func printSources(out io.Writer, st vulndb.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nsource\tlicence\tattribution\tadvisories\tabout\turl\n")
	type group struct {
		vulndb.ManifestSource
		about []string
	}
	var groups []*group
	at := map[string]*group{}
	for _, s := range st.Sources {
		g := at[s.Name]
		if g == nil {
			g = &group{ManifestSource: s}
			g.Advisories = 0
			at[s.Name] = g
			groups = append(groups, g)
		}
		g.Advisories += s.Advisories
		g.about = append(g.about, s.Ecosystem)
	}
	for _, g := range groups {
		about := strings.Join(g.about, ", ")
		if len(g.about) > 3 {
			about = fmt.Sprintf("%s and %d more", strings.Join(g.about[:3], ", "), len(g.about)-3)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", g.Name, cmp.Or(g.License, "see its page"), cmp.Or(g.Attribution, "-"), g.Advisories, about, cmp.Or(g.URL, "-"))
	}
	for _, f := range st.Feeds {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", f.Name, cmp.Or(f.License, "see its page"), cmp.Or(f.Attribution, "-"), f.Joined, "-", f.URL)
	}
	return w.Flush()
}

// age is a duration in the unit that people think in.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
