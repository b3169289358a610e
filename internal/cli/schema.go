package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/render"
	"github.com/gatehouse-sec/gatehouse/policies"
)

func (a *app) schemaCommand() *cobra.Command {
	schemas := map[string]func() []byte{"config": config.Schema, "input": policies.InputSchema, "report": render.Schema}
	return &cobra.Command{
		Use:   "schema config|input|report",
		Short: "Print a JSON Schema",
		Long: `schema prints the JSON Schema of
  config   gatehouse.yaml
  input    what report policies see as input
  report   the output format json`,
		ValidArgs: slices.Sorted(maps.Keys(schemas)),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := a.stdout.Write(schemas[args[0]]())
			return err
		},
	}
}
