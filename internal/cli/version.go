package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

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

// build tells builds apart that have no version of their own, as those of somebody
// who changes the program: by size and time of the file.
func build() string {
	if v := tool().Version; v != "devel" && !strings.HasSuffix(v, "-dirty") && !strings.Contains(v, "+dirty") {
		return ""
	}
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
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
