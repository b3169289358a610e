package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vex"
)

func (a *app) vexCommand() *cobra.Command {
	return group("vex", "Make statements about vulnerabilities", a.vexCreateCommand())
}

func (a *app) vexCreateCommand() *cobra.Command {
	var f checkFlags
	var o vex.CreateOptions
	var file string
	var ids []string
	cmd := &cobra.Command{
		Use:   "create [PATH] --product PURL",
		Short: "Write an OpenVEX document from waivers",
		Long: `create judges the directory PATH (default: the current directory) as check does,
and writes what the waivers of vulnerabilities say as an OpenVEX document.

A waiver accepts a vulnerability: it does not say that there is none. So the
status is "affected", with the reason, the owner and the end of the waiver as
action statement. To say that the product is not affected, name the waivers
that mean it:

  gatehouse vex create --product pkg:github/acme/shop --waiver lodash-unused \
    --status not_affected --justification vulnerable_code_not_in_execute_path`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(f.products) != 1 {
				return fmt.Errorf("--product is missing, or there is more than one: say what the document calls what is scanned, such as pkg:github/acme/shop")
			}
			if o.Status == vex.NotAffected && (len(ids) == 0 || o.Justification == "") {
				return fmt.Errorf("--status not_affected wants --waiver with the waivers that mean it, and --justification")
			}
			j, err := a.judge(cmd.Context(), &f, args)
			if err != nil {
				return err
			}
			list, err := waivedVulnerabilities(j, ids)
			if err != nil {
				return err
			}
			o.Product, o.Time = f.products[0], j.verdict.Time
			t := tool()
			o.Tool = t.Name + "/" + t.Version
			if o.Author == "" {
				o.Author = owners(list)
			}
			doc, err := vex.Create(list, o)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = a.stdout.Write(doc)
				return err
			}
			return os.WriteFile(file, doc, 0o644)
		},
	}
	f.scanFlags.register(cmd)
	must(cmd.Flags().MarkHidden("output"))
	f.policyFlags.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.waivers, "waivers", "", "waiver file (default: gatehouse.waivers.yaml beside the configuration)")
	fl.StringVar(&file, "file", "", "write to this file (default: standard output)")
	fl.StringArrayVar(&ids, "waiver", nil, "id of a waiver to write; repeatable (default: all of vulnerabilities)")
	fl.StringVar(&o.Author, "author", "", "who makes the statements (default: the owners of the waivers)")
	fl.StringVar(&o.Status, "status", vex.Affected, "what the statements say: affected, not_affected, fixed or under_investigation")
	fl.StringVar(&o.Justification, "justification", "", "why it is not affected, in the words of OpenVEX")
	return cmd
}

// waivedVulnerabilities pairs the vulnerabilities with the waivers that cover
// them; ids are those wanted, or none for all.
func waivedVulnerabilities(j *judged, ids []string) ([]vex.Waived, error) {
	waivers := map[string]*gatehouse.Waiver{}
	for i := range j.verdict.Waivers {
		w := &j.verdict.Waivers[i]
		waivers[w.ID] = &w.Waiver
	}
	for _, id := range ids {
		if waivers[id] == nil {
			return nil, fmt.Errorf("there is no waiver %q", id)
		}
	}
	findings := map[string]*gatehouse.Finding{}
	for i := range j.report.Findings {
		findings[j.report.Findings[i].ID] = &j.report.Findings[i]
	}
	var list []vex.Waived
	for _, w := range j.verdict.Waived {
		if w.Violation == nil || len(ids) > 0 && !slices.Contains(ids, w.Waiver) {
			continue
		}
		if f := findings[w.Violation.Finding]; f != nil && f.Vulnerability != nil && waivers[w.Waiver] != nil {
			list = append(list, vex.Waived{Finding: f, Waiver: waivers[w.Waiver]})
		}
	}
	return list, nil
}

func owners(list []vex.Waived) string {
	var names []string
	for _, w := range list {
		if !slices.Contains(names, w.Waiver.Owner) {
			names = append(names, w.Waiver.Owner)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
