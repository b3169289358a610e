package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
)

// version is set by the build: -ldflags "-X …/internal/cli.version=v1.2.3".
var version = ""

// tool is this program as it stands in reports.
func tool() gatehouse.Tool {
	v := version
	if v == "" {
		v = "devel"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
	}
	return gatehouse.Tool{Name: "gatehouse", Version: v}
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(struct {
					gatehouse.Tool
					Go       string `json:"go"`
					Platform string `json:"platform"`
					Report   int    `json:"report_version"`
					Verdict  int    `json:"verdict_version"`
				}{tool(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, gatehouse.ReportVersion, gatehouse.VerdictVersion})
			}
			_, err := fmt.Fprintf(a.stdout, "gatehouse %s (%s, %s/%s)\n", tool().Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
