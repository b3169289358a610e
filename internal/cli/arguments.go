package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/internal/nearest"
)

// explainArguments makes what a command, and each below it, says about wrong
// arguments end in what to do next.
func explainArguments(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		explainArguments(below)
	}
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil {
			return nil
		}
		hint := ""
		switch {
		case len(args) == 0:
		case len(cmd.ValidArgs) > 0:
			hint = "; want one of " + strings.Join(cmd.ValidArgs, ", ")
		case cmd.HasSubCommands():
			if names := nearest.Names(args[0], namesBelow(cmd)); len(names) > 0 {
				hint = fmt.Sprintf("; did you mean %s?", nearest.Quote(names, " or "))
			}
		}
		return fmt.Errorf("%w%s; see '%s --help'", err, hint, cmd.CommandPath())
	}
}

func namesBelow(cmd *cobra.Command) []string {
	var names []string
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	return names
}
