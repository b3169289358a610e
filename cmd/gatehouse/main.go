// Command gatehouse is one gate from commit to cluster: it scans a repository,
// judges what it found by policy, and says PASS, FAIL or INCOMPLETE.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehouse-sec/gatehouse/internal/cli"
	_ "github.com/gatehouse-sec/gatehouse/internal/needs_GOEXPERIMENT_jsonv2"
)

func main() {
	// First: a dependency replaces the default logger by one that keeps all
	// records in memory until it is set again.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
}
