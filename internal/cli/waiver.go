package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
)

func (a *app) waiverCommand() *cobra.Command {
	return group("waiver", "Inspect waivers", a.waiverListCommand())
}

func (a *app) waiverListCommand() *cobra.Command {
	var f checkFlags
	var asJSON, failUnused bool
	cmd := &cobra.Command{
		Use:   "list [PATH]",
		Short: "Say which waivers are used, unused, about to end, or over",
		Long: `list judges the directory PATH (default: the current directory) as check does,
and says what became of each waiver:
  used      it covers something, and does so for a while
  expiring  it covers something, and ends within two weeks
  expired   it is over, and no longer counts
  unused    it covers nothing; remove it`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			j, err := a.judge(cmd.Context(), &f, args)
			if err != nil {
				return err
			}
			uses := j.verdict.Waivers
			if asJSON {
				if err := printJSON(a.stdout, uses); err != nil {
					return err
				}
			} else if err := a.printWaivers(uses, j.waiverFile); err != nil {
				return err
			}
			for _, u := range uses {
				if failUnused && (u.State == gatehouse.WaiverUnused || u.State == gatehouse.WaiverExpired) {
					return silently(exitFail)
				}
			}
			return nil
		},
	}
	f.scanFlags.register(cmd)
	must(cmd.Flags().MarkHidden("output"))
	f.policyFlags.register(cmd)
	cmd.Flags().StringVar(&f.waivers, "waivers", "", "waiver file (default: gatehouse.waivers.yaml beside the configuration)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&failUnused, "fail-on-unused", false, "exit with 1 if a waiver is unused or expired")
	return cmd
}

func (a *app) printWaivers(uses []gatehouse.WaiverUse, file string) error {
	if len(uses) == 0 {
		_, err := fmt.Fprintln(a.stdout, "there are no waivers")
		return err
	}
	fmt.Fprintf(a.stdout, "%d waivers in %s\n\n", len(uses), file)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tCOVERS\tEXPIRES\tID\tKIND\tMATCH\tOWNER\tREASON")
	for _, u := range uses {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", u.State, u.Matches, u.Expires.Format("2006-01-02"), u.ID, u.Kind, strings.Join(u.Match, " "), u.Owner, u.Reason)
	}
	return w.Flush()
}
