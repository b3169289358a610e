package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/attest/lint"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

type lintFlags struct {
	consumers []string
	output    string
	plainHTTP bool
}

func (a *app) attestLintCommand() *cobra.Command {
	var f lintFlags
	cmd := &cobra.Command{
		Use:   "lint FILE|IMAGE...",
		Short: "Say who would refuse an attestation, and why",
		Long: `lint reads attestations of any producer, in files or attached to an image, and
says which of their consumers would refuse or misread them, why, and what to do.
It verifies no signature. The exit code is 1 if one of the consumers would refuse
or misread something.

The consumers are cosign, sigstore-go, slsa-verifier (for summaries and provenance),
policy-controller, kyverno and gatehouse. Each rule names its source.`,
		Example: `  gatehouse attest lint attestations/app.vsa.sigstore.json
  gatehouse attest lint registry.example/team/app:1.2
  gatehouse attest lint --for cosign,slsa-verifier app.intoto.jsonl -o json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.lint(cmd.Context(), &f, args) },
	}
	names := consumerNames()
	cmd.Flags().StringSliceVar(&f.consumers, "for", nil, "consumers that count: "+strings.Join(names, ", ")+" (default all)")
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVar(&f.plainHTTP, "plain-http", false, "reach the registry without TLS")
	must(cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func consumerNames() []string {
	var out []string
	for _, c := range lint.Consumers() {
		out = append(out, string(c))
	}
	return out
}

func (a *app) lint(ctx context.Context, f *lintFlags, args []string) error {
	if f.output != "text" && f.output != "json" {
		return fmt.Errorf("-o %s: want text or json", f.output)
	}
	consumers := lint.Consumers()
	if len(f.consumers) > 0 {
		consumers = nil
		for _, name := range f.consumers {
			if !slices.Contains(consumerNames(), name) {
				return fmt.Errorf("--for: unknown consumer %q%s", name, nearest.Hint(name, consumerNames()))
			}
			consumers = append(consumers, lint.Consumer(name))
		}
	}
	var results []lint.Result
	for _, arg := range args {
		found, err := a.lintArgument(ctx, f, arg)
		if err != nil {
			return err
		}
		results = append(results, found...)
	}
	if err := a.writeLint(f.output, results, consumers); err != nil {
		return err
	}
	for _, r := range results {
		if !r.Accepted(consumers) {
			return silently(exitFail)
		}
	}
	return nil
}

func (a *app) lintArgument(ctx context.Context, f *lintFlags, arg string) ([]lint.Result, error) {
	if !image.IsReference(arg) {
		data, err := config.ReadBounded(arg, limits.MaxAttestationBytes)
		if err != nil {
			return nil, fmt.Errorf("read the attestation: %w", err)
		}
		return lint.File(arg, data)
	}
	at, digest, err := store.Open(ctx, registry.New(registry.Options{PlainHTTP: f.plainHTTP}), arg)
	if err != nil {
		return nil, err
	}
	attached, err := at.Referrers(ctx, digest)
	if err != nil {
		return nil, err
	}
	results := lint.Image(arg, digest, attached)
	if len(results) == 0 {
		return nil, errNothing(fmt.Sprintf("no attestation is attached to %s@%s", arg, digest))
	}
	return results, nil
}

// lintDocument is -o json of attest lint.
type lintDocument struct {
	Version int           `json:"version"`
	OK      bool          `json:"ok"`
	Results []lintVerdict `json:"results"`
}

type lintVerdict struct {
	lint.Result
	// Consumers has what becomes of the attestation at each.
	Consumers map[lint.Consumer]string `json:"consumers"`
}

func (a *app) writeLint(format string, results []lint.Result, consumers []lint.Consumer) error {
	if format == "json" {
		doc := lintDocument{Version: 1, OK: true}
		for _, r := range results {
			v := lintVerdict{r, map[lint.Consumer]string{}}
			for _, c := range consumers {
				v.Consumers[c] = r.Status(c)
			}
			doc.OK = doc.OK && r.Accepted(consumers)
			doc.Results = append(doc.Results, v)
		}
		return printJSON(a.stdout, doc)
	}
	var b strings.Builder
	for i, r := range results {
		if i > 0 {
			b.WriteByte('\n')
		}
		lintText(&b, r, consumers)
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}

func lintText(b *strings.Builder, r lint.Result, consumers []lint.Consumer) {
	word := "ok"
	if !r.Accepted(consumers) {
		word = "REFUSED"
	}
	fmt.Fprintf(b, "%s  %s\n", word, clean(r.Origin))
	if r.Form != "" {
		fmt.Fprintf(b, "    %s of %s\n", r.Form, clean(orUnknown(r.PredicateType)))
	}
	for _, p := range r.Problems {
		if len(p.Concerns) > 0 && !slices.ContainsFunc(p.Concerns, func(c lint.Concern) bool { return slices.Contains(consumers, c.Consumer) }) {
			continue
		}
		fmt.Fprintf(b, "\n    %-10s  %s: %s\n", p.Level, p.ID, clean(p.Title))
		if where := strings.TrimSpace(clean(p.Place + "  " + p.Detail)); where != "" {
			fmt.Fprintf(b, "                at %s\n", where)
		}
		for _, group := range concernsByWhy(p.Concerns, consumers) {
			fmt.Fprintf(b, "                %s: %s (%s)\n", strings.Join(group.names, ", "), group.why, group.source)
		}
		fmt.Fprintf(b, "                fix: %s\n", p.Fix)
	}
	b.WriteByte('\n')
	for _, c := range consumers {
		fmt.Fprintf(b, "    %-18s %s\n", c, r.Status(c))
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown type"
	}
	return s
}

type concernGroup struct {
	names       []string
	why, source string
}

// concernsByWhy puts the consumers together that do the same for the same reason.
func concernsByWhy(concerns []lint.Concern, consumers []lint.Consumer) []concernGroup {
	var out []concernGroup
	for _, c := range concerns {
		if !slices.Contains(consumers, c.Consumer) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].why == c.Why && out[n-1].source == c.Source {
			out[n-1].names = append(out[n-1].names, string(c.Consumer))
			continue
		}
		out = append(out, concernGroup{[]string{string(c.Consumer)}, c.Why, c.Source})
	}
	return out
}
