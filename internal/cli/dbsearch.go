package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/package-url/packageurl-go"
	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// purlEcosystems are the names in the database of the types of package URLs,
// where they differ.
var purlEcosystems = map[string]string{
	"golang": "go", "pypi": "pip", "gem": "rubygems", "hex": "erlang", "githubactions": "github-actions", "github": "github-actions",
}

// advisoryID matches what looks like an id and not like the name of a package.
var advisoryID = regexp.MustCompile(`(?i)^[a-z]{2,10}(-[a-z]{2,10})?-([0-9]|([0-9a-z]{4}-){2}[0-9a-z]{4}$)`)

func (a *app) dbSearchCommand() *cobra.Command {
	var f dbFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "search NAME|PURL|ID",
		Short: "Look up a package or an advisory",
		Long: `search shows what the database knows about a package, given by its name or as a
package URL, or about an advisory, given by any of its ids. The version in a
package URL is not compared: the ranges are shown. If nothing is found, the exit
code is 1.`,
		Example: `  gatehouse db search lodash
  gatehouse db search pkg:golang/golang.org/x/crypto
  gatehouse db search GHSA-35jh-r3h4-6jhm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _, err := a.dbSetup(&f)
			if err != nil {
				return err
			}
			db, err := vulndb.Open(dir)
			if err != nil {
				return &exitError{exitIncomplete, err}
			}
			defer db.Close()
			found, err := search(cmd.Context(), db, args[0])
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				err = printJSON(a.stdout, found)
			case len(found) == 0:
				a.say("nothing is known about %q in the database of %s", args[0], db.Metadata().UpdatedAt.Format(time.DateOnly))
			default:
				err = printFound(a.stdout, found, a.verbose)
			}
			if err == nil && len(found) == 0 {
				return silently(exitFail)
			}
			return err
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// found is an advisory about a package with its details.
type found struct {
	ID         string             `json:"id"`
	Aliases    []string           `json:"aliases"`
	Ecosystem  string             `json:"ecosystem"`
	Package    string             `json:"package"`
	Severity   gatehouse.Severity `json:"severity"`
	Score      float64            `json:"cvss,omitempty"`
	Title      string             `json:"title,omitempty"`
	Vulnerable []string           `json:"vulnerable,omitempty"`
	Patched    []string           `json:"patched,omitempty"`
	Unaffected []string           `json:"unaffected,omitempty"`
	Fixed      string             `json:"fixed,omitempty"`
	Published  string             `json:"published,omitempty"`
	Ratings    []gatehouse.Rating `json:"ratings,omitempty"`
	vulndb.Extra
	Source     vulndb.Source `json:"source"`
	References []string      `json:"references,omitempty"`
}

func search(ctx context.Context, db *vulndb.DB, what string) ([]found, error) {
	var hits []vulndb.Hit
	var err error
	switch {
	case strings.HasPrefix(what, "pkg:"):
		p, perr := packageurl.FromString(what)
		if perr != nil {
			return nil, fmt.Errorf("%q is no package URL: %w", what, perr)
		}
		ecosystem := cmp.Or(purlEcosystems[p.Type], p.Type)
		separator := "/"
		if ecosystem == "maven" {
			separator = ":"
		}
		name := p.Name
		if p.Namespace != "" {
			name = p.Namespace + separator + p.Name
		}
		hits, err = db.FindPackage(ecosystem, name)
	case advisoryID.MatchString(what):
		if hits, err = db.FindID(ctx, what); err == nil && len(hits) == 0 {
			hits, err = db.FindPackage("", what)
		}
	default:
		if hits, err = db.FindPackage("", what); err == nil && len(hits) == 0 {
			hits, err = db.FindID(ctx, what)
		}
	}
	if err != nil {
		return nil, err
	}
	out := []found{}
	for _, h := range hits {
		d, _, err := db.Details(h.ID)
		if err != nil {
			return nil, err
		}
		f := found{ID: h.ID, Aliases: slices.Concat(h.Aliases, h.Bulletins), Ecosystem: h.Ecosystem, Package: h.Package,
			Severity: max(h.Severity, d.SeverityOf(h.Source.ID)), Score: d.Score(), Title: d.Title, Vulnerable: h.VulnerableVersions,
			Patched: h.PatchedVersions, Unaffected: h.UnaffectedVersions, Fixed: h.FixedVersion, Ratings: d.Ratings(),
			Extra: d.Extra, Source: h.Source, References: d.References}
		if !d.Published.IsZero() {
			f.Published = d.Published.UTC().Format(time.RFC3339)
		}
		out = append(out, f)
	}
	return out, nil
}

func printFound(out io.Writer, list []found, all bool) error {
	for i, f := range list {
		if i == 50 && !all {
			_, err := fmt.Fprintf(out, "and %d more; --verbose shows them\n", len(list)-i)
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		row := func(k string, v string) {
			if v != "" {
				fmt.Fprintf(w, "  %s\t%s\n", k, oneLine(v))
			}
		}
		fmt.Fprintf(out, "%s  %s %s  %s\n", oneLine(f.ID), f.Ecosystem, oneLine(f.Package), f.Severity)
		row("title", f.Title)
		row("affected", strings.Join(f.Vulnerable, " || "))
		row("patched", strings.Join(f.Patched, " || "))
		row("unaffected", strings.Join(f.Unaffected, " || "))
		row("fixed", f.Fixed)
		row("also", strings.Join(f.Aliases, ", "))
		for _, r := range f.Ratings {
			text := fmt.Sprintf("%s by %s", r.Severity, r.Source)
			if r.Score > 0 {
				text += strings.TrimRight(fmt.Sprintf(", CVSS %.1f %s", r.Score, r.Vector), " ")
			}
			row("rating", text)
		}
		if f.Exploited != "" {
			row("exploited", "known to CISA since "+f.Exploited)
		}
		if f.EPSS > 0 {
			row("epss", fmt.Sprintf("%.2f %% in 30 days, more than %.0f %% of all", f.EPSS*100, f.EPSSPercentile*100))
		}
		if f.Malicious {
			row("malicious", "the package itself is the attack")
		}
		row("kind", f.Informational)
		row("published", cmp.Or(f.Published, "not known"))
		row("source", strings.TrimSpace(f.Source.Name+" "+f.Source.URL))
		if len(f.References) > 0 {
			row("see", f.References[0])
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) dbDiffCommand() *cobra.Command {
	var f dbFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff OLD [NEW]",
		Short: "Say what changed from one database to another",
		Long: `diff compares two database directories: which advisories came, went or changed,
for which packages. NEW is the present database unless it is given.`,
		Example: `  cp -r ~/.cache/gatehouse/db before
  gatehouse db pull ghcr.io/aquasecurity/trivy-db:2
  gatehouse db diff before`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, _, err := a.dbSetup(&f)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				args = append(args, dir)
			}
			var dbs [2]*vulndb.DB
			for i, d := range args {
				db, err := vulndb.Open(d)
				if err != nil {
					return &exitError{exitIncomplete, err}
				}
				defer db.Close()
				dbs[i] = db
			}
			changes, err := vulndb.Diff(dbs[0], dbs[1])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, struct {
					Old     gatehouse.Database `json:"old"`
					New     gatehouse.Database `json:"new"`
					Changes []vulndb.Change    `json:"changes"`
				}{dbs[0].Info(), dbs[1].Info(), append([]vulndb.Change{}, changes...)})
			}
			return printChanges(a.stdout, dbs[0].Info(), dbs[1].Info(), changes)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printChanges(out io.Writer, old, now gatehouse.Database, changes []vulndb.Change) error {
	count := map[string]int{}
	signs := map[string]string{vulndb.ChangeAdded: "+", vulndb.ChangeRemoved: "-", vulndb.ChangeChanged: "~"}
	for _, c := range changes {
		count[c.Kind]++
		text := c.Title
		if len(c.What) > 0 {
			text = strings.Join(c.What, "; ")
		}
		if _, err := fmt.Fprintf(out, "%s %s %s  %s  %s  %s\n", signs[c.Kind], c.Ecosystem, oneLine(c.Package), oneLine(c.ID), c.Severity, oneLine(text)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%d added, %d removed, %d changed\nfrom %s of %s\nto   %s of %s\n",
		count[vulndb.ChangeAdded], count[vulndb.ChangeRemoved], count[vulndb.ChangeChanged], old.Digest, old.UpdatedAt, now.Digest, now.UpdatedAt)
	return err
}

// oneLine replaces what a terminal would obey: others wrote the advisories.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
